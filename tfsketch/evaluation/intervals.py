"""How far a figure of some pictures can be trusted: 95 % intervals by resampling the pictures.

An interval tells what other pictures of the same kind would have given, not what another training run would have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfsketch.evaluation import metrics

LEVEL = 0.95
DRAWS = 2000
HALVES = 300
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
      values: one a picture; those without a value (None) are left out, as means leave them out.
      mean: `metrics.mean_of`, or another statistic of a list of numbers, such as `holes.mean_of`.

    Returns:
      (low, high), the same for the same values; None where fewer than 2 are known.
    """
    known = np.array([value for value in values if value is not None], np.float64)
    if len(known) < 2:
        return None
    rng = np.random.default_rng(SEED)
    return _ends([mean(known[numbers]) for numbers in rng.integers(0, len(known), (DRAWS, len(known)))])


def feature_distance(
    real: np.ndarray,
    made: np.ndarray,
    real_names: Sequence[object] | None = None,
    made_names: Sequence[object] | None = None,
) -> tuple[float | None, Interval | None]:
    """`metrics.feature_distance` between real pictures and ones that were made from the same photographs, and its
    interval at `LEVEL`.

    A photograph and its own edit seem nearer than two photographs are; where that meets everywhere, the estimate comes
    out far below 0. So nobody is compared with themselves: of `HALVES` random splits of the photographs in two, the
    real pictures of one half are compared with what was made from the other. The distance is the mean over the splits.
    Their quantiles are the interval: a mean over a random half of a set varies about that of the set as the set's does
    about the truth (half-samples, McCarthy 1969), while pictures that are drawn twice, as a bootstrap does, would
    mislead the estimator.

    Args:
      real, made: [N,D] and [M,D] of `metrics.embed`.
      real_names, made_names: of each row, the photograph that it shows or was made from; by default the rows' numbers.

    Returns:
      (distance, (low, high)), the same for the same sets; None for both where fewer than half of the splits leave 2
      pictures in each set.
    """
    names = [list(range(len(x))) if n is None else list(n) for x, n in ((real, real_names), (made, made_names))]
    known = sorted(set(names[0]) | set(names[1]), key=str)
    numbers = [np.array([known.index(name) for name in part], int) for part in names]
    rng = np.random.default_rng(SEED)
    distances = []
    for _ in range(HALVES):
        first = rng.permutation(len(known)) < len(known) // 2
        sets = real[first[numbers[0]]], made[~first[numbers[1]]]
        if min(map(len, sets)) >= 2:
            distances.append(metrics.feature_distance(*sets))
    if 2 * len(distances) < HALVES:
        return None, None
    return float(np.mean(distances)), _ends(distances)
