"""Completing a joint picture by searching for its z (Lu, Wu, Tai & Tang, ECCV 2018; see `network`).

In: a trained Contextual GAN and one known half of each joint picture, the sketch or the photograph. Out: `Projection`,
the vectors z whose known half comes out most alike, with both halves as the generator draws them: the other half is the
answer. The generator is never trained here; what is searched is z, by gradient descent through the networks.

    loss(z) = contextual(known half, that half of G(z)) + perceptual * -log D(G(z))

Contextual, sketch known: the KL divergence from the known sketch to the drawn one, strokes being the mass, one
direction for the choice of the start and for the search (`line_losses.kl_divergence` says why). Photograph known: the
mean absolute difference of its values, because a photograph's brightness is no mass (ours; the paper says only that the
halves can be exchanged). Perceptual: the generator's GAN loss, by default with the paper's weight 0.01, or 0.3 where
there is an encoder (`ContextualGan.perceptual`).

Stages: N candidates, drawn from the prior, or for sketches, where the network has an encoder, its guess and N - 1 round
it (ours) -> the contextual loss of each -> the best few start the search (`initialization: kl`; `random` takes draws
from the prior as they come, for comparison) -> Nesterov's momentum as in the public code, or Adam; z is clipped to
[-1,1] at every step -> the best z that was met. The whole search of all sketches and starts is one tf.while_loop in one
tf.function; who watches it gets it in stretches.

Nothing of a sketch's search depends on its batch-mates: batch norm uses its moving statistics, candidates are drawn
from `seed` and the sketch's own pixels, and each search stops by itself once its loss no longer falls (its z rests,
while others' go on). What is left is the rounding of sums whose order depends on the size of the batch.

Degenerate sketches: one without a stroke says nothing and is refused; one that is all stroke, or has one pixel, has a
defined loss (see `line_losses.kl_divergence`) and is searched like any other.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfsketch.config.problems import one_of
from tfsketch.errors import ConfigError, ImageError
from tfsketch.systems.contextual_gan.search import RATES, beginning, descend, judge, rate
from tfsketch.systems.contextual_gan.search import candidates as candidates_of

if TYPE_CHECKING:
    from tfsketch.systems.contextual_gan.network import ContextualGan

CANDIDATES = 30
"""N of the paper, and the most results of a search."""
STEPS = 500
"""Most steps of a search from draws from the prior."""
STRETCH = 20
"""Steps between two calls of `watch`."""


@dataclasses.dataclass(frozen=True)
class Projection:
    """Results for S known halves with K searches each, the best first: arrays of float32 unless noted."""

    z: np.ndarray
    """[S,K,Z] in [-1,1]."""
    sketch: np.ndarray
    """[S,K,H,W,1] in [0,1], 1 = stroke: the generator's own, even where the sketch was known."""
    image: np.ndarray
    """[S,K,H,W,3] in [-1,1]: the generator's own, even where the photograph was known."""
    loss: np.ndarray
    """[S,K]: the loss at z."""
    contextual: np.ndarray
    """[S,K]: its contextual part."""
    curve: np.ndarray
    """[T + 1,S,K]: the loss at the start and after each of T steps; constant after a search has stopped."""
    steps: np.ndarray
    """[S,K] int: steps until each search stopped."""
    start: np.ndarray
    """[S,K]: the contextual loss of the candidate that each search started from."""
    candidates: np.ndarray
    """[S,N]: the contextual losses of all candidates, in the order in which they were drawn."""


def _check_input(model: ContextualGan, sketch: np.ndarray | None, image: np.ndarray | None) -> tuple[str, np.ndarray]:
    """The known half's name and its pictures [S,H,W,C] float32.

    Raises:
      ImageError: see `project`.
    """
    if (sketch is None) == (image is None):
        raise ImageError("expected a sketch or an image, found " + ("neither" if sketch is None else "both"))
    half, pictures, lowest = ("sketch", sketch, 0.0) if image is None else ("image", image, -1.0)
    target = np.ascontiguousarray(pictures, np.float32)
    shape = (model.side, model.side, 1 if half == "sketch" else 3)
    if target.ndim != 4 or target.shape[1:] != shape or not len(target):
        raise ImageError(f"{half}: expected the shape [S,{shape[0]},{shape[1]},{shape[2]}], found {list(target.shape)}")
    for number, picture in enumerate(target):
        if not np.isfinite(picture).all() or picture.min() < lowest or picture.max() > 1.0:
            actual = "NaN or infinity" if not np.isfinite(picture).all() else f"{picture.min():g} to {picture.max():g}"
            raise ImageError(f"{half} {number}: expected values from {lowest:g} to 1, found {actual}")
        if half == "sketch" and not picture.any():
            raise ImageError(f"sketch {number}: expected at least one stroke, found none")
    return half, target


def first_candidates(target: np.ndarray, seed: int, candidates: int, latent: int) -> np.ndarray:
    """Candidates [S,N,Z]: those of a picture follow from it and the seed, whatever else is in the batch."""
    words = [np.frombuffer(hashlib.sha256(picture.tobytes()).digest(), np.uint32) for picture in target]
    rngs = [np.random.default_rng([seed, *map(int, word)]) for word in words]
    return np.stack([rng.uniform(-1.0, 1.0, (candidates, latent)).astype(np.float32) for rng in rngs])


def _stretches(count: int, chunk: int) -> Iterator[slice]:
    return (slice(start, min(start + chunk, count)) for start in range(0, count, chunk))


def project(
    model: ContextualGan,
    sketch: np.ndarray | None = None,
    image: np.ndarray | None = None,
    *,
    candidates: int = CANDIDATES,
    restarts: int = 1,
    steps: int | None = None,
    initialization: str = "kl",
    optimizer: str = "momentum",
    learning_rate: float | None = None,
    momentum: float = 0.9,
    perceptual: float | None = None,
    epsilon: float = 1e-3,
    patience: int = 100,
    tolerance: float = 1e-4,
    chunk: int = 256,
    seed: int = 0,
    network: ContextualGan | None = None,
    watch: Callable[[float], None] | None = None,
) -> Projection:
    """Finds the z that best explain known halves; see the module's docstring.

    Args:
      model: a trained Contextual GAN, as `zoo.load_model` gives it.
      sketch: [S,H,W,1] in [0,1], 1 = stroke; photographs are wanted.
      image: instead of it, [S,H,W,3] in [-1,1]; sketches are wanted.
      candidates: N, drawn for each.
      restarts: K, how many of them start a search; with several, as many answers, the best first.
      steps: most steps of a search; by default the model's `search_steps` for a sketch, `STEPS` for a photograph.
      initialization: `kl` (the candidates of least contextual loss) or `random` (the draws from the prior as they
        come, whether the network has an encoder or not).
      optimizer: `momentum` (Nesterov's, as in the public code) or `adam`.
      learning_rate: that of `RATES` where not given.
      momentum: of `momentum`, and Adam's beta 1.
      perceptual: weight of the perceptual loss, by default the model's; with 0 the discriminator is not run.
      epsilon: see `line_losses.kl_divergence`.
      patience: a search stops when its loss has not fallen by `tolerance` for so many steps.
      tolerance: see `patience`.
      chunk: most vectors in the networks at once; memory grows with it.
      seed: of the candidates.
      network: the networks that choose the candidates and search, `nn.exported.in_bfloat16(model)` to be faster;
        what is drawn and what the losses of the results are is the model's.
      watch: called every `STRETCH` steps with the share of the steps that is done, 0 to 1; a search that stops early
        jumps. What it raises ends the search. The result is the same with and without it.

    Raises:
      ImageError: none or both halves are given, of another shape or range, or a sketch has no stroke.
      ConfigError: a setting makes no sense.
    """
    half, target = _check_input(model, sketch, image)
    if steps is None:
        steps = model.search_steps if half == "sketch" else STEPS
    perceptual = model.perceptual if perceptual is None else perceptual
    problems = [
        *one_of("initialization", initialization, ("kl", "random")),
        *one_of("optimizer", optimizer, tuple(RATES)),
    ]
    if not 1 <= restarts <= candidates:
        problems.append(("restarts", f"1 to {candidates}, the candidates", restarts))
    problems += [(key, "at least 1", n) for key, n in (("patience", patience), ("chunk", chunk)) if n < 1]
    problems += [("steps", "at least 0", steps)] if steps < 0 else []
    for key, expected, value in problems:
        raise ConfigError(f"project: {key}: expected {expected}, found {value!r}")

    network = network or model
    if half == "sketch":
        target = model.soften(tf.constant(target)).numpy()
    count = len(target)
    draws = first_candidates(target, seed, candidates, model.latent)
    if initialization == "kl":
        around = [candidates_of(network, half, target[n], draws[n]).numpy() for n in _stretches(count, chunk)]
        draws = np.concatenate(around)
    flat, owner = draws.reshape(count * candidates, -1), np.repeat(np.arange(count), candidates)
    scores = [
        rate(network, half, epsilon, tf.constant(flat[part]), tf.constant(target[owner[part]])).numpy()
        for part in _stretches(len(flat), chunk)
    ]
    first = np.concatenate(scores).reshape(count, candidates)
    indices = np.argsort(first, axis=1, kind="stable") if initialization == "kl" else np.arange(candidates)[None]
    indices = np.broadcast_to(indices[:, :restarts], (count, restarts))

    rows = np.arange(count)[:, None]
    flat, owner = draws[rows, indices].reshape(count * restarts, -1), np.repeat(np.arange(count), restarts)
    numbers = {"patience": tf.constant(patience)} | {
        key: tf.constant(value, tf.float32)
        for key, value in (
            ("learning_rate", RATES[optimizer] if learning_rate is None else learning_rate),
            ("momentum", momentum),
            ("perceptual", perceptual),
            ("tolerance", tolerance),
        )
    }
    parts: list[dict[str, np.ndarray]] = []
    chunks = list(_stretches(len(flat), chunk))
    for number, part in enumerate(chunks):
        z, mine = tf.constant(flat[part]), tf.constant(target[owner[part]])
        how = network, half, optimizer, perceptual > 0, epsilon
        state, curves = beginning(z), []
        for begin in range(0, steps + 1, STRETCH if watch else steps + 1):
            if watch:
                watch((number + begin / (steps + 1)) / len(chunks))
            last = min(begin + STRETCH - 1, steps) if watch else steps
            state, losses = descend(*how, state, mine, numbers, tf.constant(begin), tf.constant(last))
            curves.append(losses)
            if bool(tf.reduce_all(state["stale"] >= patience)):
                break
        ends = {"z": state["best"], "steps": state["steps"], "curve": tf.concat(curves, axis=0)}
        ends |= judge(model, half, epsilon, ends["z"], mine)
        parts.append({key: value.numpy() for key, value in ends.items()})
        # A search that stopped before the others, or in a chunk that did, stays where it was.
        curve = parts[-1]["curve"]
        parts[-1]["curve"] = np.concatenate([curve, np.repeat(curve[-1:], steps + 1 - len(curve), axis=0)]).T
    results = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    results = {key: value.reshape(count, restarts, *value.shape[1:]) for key, value in results.items()}
    results["start"] = first[rows, indices]
    results["loss"] = results["contextual"] + np.float32(perceptual) * results.pop("judged")
    order = np.argsort(results["loss"], axis=1, kind="stable")
    results = {key: value[rows, order] for key, value in results.items()}
    results["curve"] = np.moveaxis(results["curve"], -1, 0)
    return Projection(candidates=first, **results)
