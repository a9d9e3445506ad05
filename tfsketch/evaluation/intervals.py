"""95 % confidence intervals by resampling the pictures.

An interval tells what other pictures of the same kind would give, not what another training run would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set

import numpy as np

from tfsketch.evaluation import metrics

LEVEL = 0.95
DRAWS = 2000
SEED = 1

Interval = tuple[float, float]
"""(low, high)."""


def _ends(statistics: Sequence[float] | np.ndarray) -> Interval:
    low, high = np.quantile(np.asarray(statistics, np.float64), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def of_mean(
    values: Iterable[float | None], mean: Callable[[list[float]], float | None] = metrics.mean_of
) -> Interval | None:
    """The bootstrap's percentile interval (Efron 1979) of a mean over pictures, at `LEVEL`, from `DRAWS` draws.

    Args:
      values: one per picture; those without a value (None) are left out, as in means.
      mean: `metrics.mean_of`, or another statistic of a list of numbers, such as `holes.mean_of`.

    Returns:
      (low, high), the same for the same values; None where fewer than 2 are known.
    """
    present = np.array([value for value in values if value is not None], np.float64)
    if len(present) < 2:
        return None
    rng = np.random.default_rng(SEED)
    draws = [mean(present[numbers]) for numbers in rng.integers(0, len(present), (DRAWS, len(present)))]
    return _ends(np.array(draws, np.float64))


def of_statistic(count: int, statistic: Callable[[np.ndarray], Sequence[float | None] | np.ndarray]) -> Interval | None:
    """The same interval of any statistic of `count` pictures.

    Args:
      count: how many pictures.
      statistic: gets the number of times that each draw has each picture, [DRAWS,count] int, and returns its value for
        each draw; None if a draw has none.

    Returns:
      (low, high), the same for the same pictures; None for fewer than 2.
    """
    if count < 2:
        return None
    values = statistic(np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), DRAWS))
    present = [value for value in values if value is not None]
    return _ends(present) if present else None


def of_quotient(above: np.ndarray, below: np.ndarray) -> Interval | None:
    """The interval of the quotient of two sums over the same pictures, [N] each; None for fewer than 2 pictures."""
    return of_statistic(len(above), lambda draws: [a / b if b else None for a, b in zip(draws @ above, draws @ below)])


def of_set_distance(real: np.ndarray, output: np.ndarray) -> Interval | None:
    """The interval of `metrics.feature_distance`, the estimator for sets that are taken for independent.

    Args:
      real, output: [N,D] of `metrics.embed`, row by row of one photograph, so that a draw has the same rows of both. A
        picture is never compared with its own copy.

    Returns:
      (low, high) at `LEVEL`; None for fewer than 2 rows.
    """
    within = metrics.kernel(real, real) + metrics.kernel(output, output)
    across, share = metrics.kernel(real, output), 1.0 / len(real)
    terms = within - 2.0 * (1.0 - share) * across

    def distances(draws: np.ndarray) -> np.ndarray:
        weights = draws.astype(float)
        apart = ((weights @ terms) * weights).sum(axis=1) - weights**2 @ np.diagonal(terms)
        pairs = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
        own = weights @ np.diagonal(across) * share  # a photograph and its edit, as often as in the estimate
        return np.asarray(1000.0 * (apart / np.maximum(pairs, 1.0) - 2.0 * share * own))

    return of_statistic(len(real), distances)


def feature_distance(
    real: np.ndarray, output: np.ndarray, people: Sequence[Set[object]] | None = None
) -> tuple[float | None, Interval | None]:
    """`metrics.feature_distance` between photographs and their edits, and its bootstrap interval.

    A photograph and its own edit are more alike than two photographs, which that estimator takes for independent: its
    own edits would be nearer to a set than the set is to itself. Here nobody is compared with themselves. It is the
    mean over all pairs of rows i and j that show different people of

        k(real_i, real_j) + k(made_i, made_j) - k(real_i, made_j) - k(made_i, real_j),

    the unbiased estimate for sets in pairs (Gretton et al., JMLR 2012, equation 4, of the kernel distance), exactly 0
    for equal sets, and far less noisy: whom the photographs show falls out.

    Args:
      real, output: [N,D] of `metrics.embed`, row by row of one photograph.
      people: who is in each row's two pictures; by default somebody else in every row.

    Returns:
      (distance, (low, high)) at `LEVEL`, the same for the same sets; None for both of fewer than 4 rows, or where all
      rows show the same people. The bootstrap draws rows; a row is never compared with its own copy.
    """
    people = [{n} for n in range(len(real))] if people is None else people
    apart = np.array([[not one & two for two in people] for one in people], float)
    if len(real) < 4 or not apart.any():
        return None, None
    across = metrics.kernel(real, output)
    terms = (metrics.kernel(real, real) + metrics.kernel(output, output) - across - across.T) * apart
    count = len(real)
    weights = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), DRAWS).astype(float)
    sums, pairs = (((weights @ matrix) * weights).sum(axis=1) for matrix in (terms, apart))
    draws = 1000.0 * sums[pairs > 0] / pairs[pairs > 0]
    return float(1000.0 * terms.sum() / apart.sum()), _ends(draws)
