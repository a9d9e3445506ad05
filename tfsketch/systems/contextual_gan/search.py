"""The search for z itself, as one graph: candidates, the best of which start, descent, the best z that was met.

See `projection` for what is searched and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfsketch.nn import adversarial, line_losses, losses
from tfsketch.systems.contextual_gan.joint import split

if TYPE_CHECKING:
    from tfsketch.systems.contextual_gan.network import ContextualGan

RATES = {"momentum": 1.0, "adam": 0.03}
"""Optimiser -> learning rate. The public code's is 0.01 for momentum, but with a loss that is 100 times ours."""
SPREAD = 0.6
"""Distance of the candidates from the encoder's guess, as a share of the prior's own half width; ours."""


def _contextual(half: str, target: tf.Tensor, joint: tf.Tensor, epsilon: float) -> tf.Tensor:
    """The contextual loss [B] of joint pictures; see the module's docstring."""
    estimate = split(joint)[half]
    if half == "sketch":
        return line_losses.kl_divergence(target, estimate, epsilon)
    return losses.pixel(estimate, target, tf.zeros_like(estimate[..., :1]), 1.0)


@tf.function(autograph=False, reduce_retracing=True)
def judge(model: ContextualGan, half: str, epsilon: float, z: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
    """The `sketch` and `image` of each z [B,Z], and its losses [B], `contextual` and `judged`."""
    joint = model.generator(z)
    scores = adversarial.GENERATORS[model.adversarial_loss](model.discriminator(joint))
    return split(joint) | {"contextual": _contextual(half, target, joint, epsilon), "judged": scores}


@tf.function(autograph=False, reduce_retracing=True)
def rate(model: ContextualGan, half: str, epsilon: float, z: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """The contextual loss [B] of each z [B,Z]."""
    return _contextual(half, target, model.generator(z), epsilon)


@tf.function(autograph=False, reduce_retracing=True)
def candidates(model: ContextualGan, half: str, target: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Candidates for the start of a search, [B,N,Z] in [-1,1]: draws [B,N,Z] from the prior, or for sketches, with an
    encoder, its guess, for all but the first shifted by the draws."""
    if model.encoder is None or half != "sketch":
        return draws
    guess = model.encoder(target)[:, None]
    first = tf.cast(tf.range(tf.shape(draws)[1]) == 0, draws.dtype)[None, :, None]
    return tf.clip_by_value(guess + (1.0 - first) * SPREAD * draws, -1.0, 1.0)


def beginning(z: tf.Tensor) -> dict[str, tf.Tensor]:
    """The state of a search of B vectors that starts at z [B,Z]."""
    infinite = tf.fill(tf.shape(z)[:1], np.float32(np.inf))
    return {
        "z": z,
        "first": tf.zeros_like(z),
        "second": tf.zeros_like(z),
        "best": z,
        "loss": infinite,
        "mark": infinite,
        "stale": tf.zeros_like(infinite, tf.int32),
        "steps": tf.zeros_like(infinite, tf.int32),
    }


@tf.function(autograph=False, reduce_retracing=True)
def descend(
    model: ContextualGan,
    half: str,
    optimizer: str,
    listens: bool,
    epsilon: float,
    start: dict[str, tf.Tensor],
    target: tf.Tensor,
    numbers: dict[str, tf.Tensor],
    begin: tf.Tensor,
    last: tf.Tensor,
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A stretch of a search of B vectors; one after the other they are the search in one, to the bit.

    Args:
      model: the trained networks.
      half: the known half, `sketch` or `image`.
      optimizer: `momentum` or `adam`.
      listens: whether the perceptual loss has a weight.
      epsilon: see `line_losses.kl_divergence`.
      start: `beginning`, or the state at the end of the stretch before.
      target: [B,H,W,1 or 3].
      numbers: scalars `patience` (int32), `learning_rate`, `momentum`, `perceptual`, `tolerance`.
      begin, last: int32 scalars, the first and the last step of the stretch; step 0 is the loss at the start.

    Returns:
      The state, of which `best` [B,Z] and `steps` [B] are the result, and the losses [T,B] of the T steps that were
      made: fewer than `last - begin + 1` where all searches have stopped.
    """
    rate, decay = numbers["learning_rate"], numbers["momentum"]

    def adam_step(step: tf.Tensor, z: tf.Tensor, gradient: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tuple:
        """z after a step, and the optimiser's two memories."""
        if optimizer == "momentum":
            velocity = decay * first - rate * gradient
            return z - decay * first + (1.0 + decay) * velocity, velocity, second
        count = tf.cast(step, tf.float32) + 1.0
        first = decay * first + (1.0 - decay) * gradient
        second = 0.999 * second + 0.001 * tf.square(gradient)
        moments = first / (1.0 - decay**count), second / (1.0 - 0.999**count)
        return z - rate * moments[0] / (tf.sqrt(moments[1]) + 1e-8), first, second

    def goes_on(step: tf.Tensor, state: dict[str, tf.Tensor], curve: tf.TensorArray) -> tf.Tensor:
        del curve
        return (step <= last) & tf.reduce_any(state["stale"] < numbers["patience"])

    def advance(step: tf.Tensor, state: dict[str, tf.Tensor], curve: tf.TensorArray) -> tuple:
        z = state["z"]
        with tf.GradientTape() as tape:
            tape.watch(z)
            joint = model.generator(z)
            loss = _contextual(half, target, joint, epsilon)
            if listens:
                scores = model.discriminator(joint)
                loss += numbers["perceptual"] * adversarial.GENERATORS[model.adversarial_loss](scores)
        # Each example's loss depends on its own z alone, so this is each one's own gradient.
        gradient = tape.gradient(loss, z)
        searching = state["stale"] < numbers["patience"]
        better = loss < state["loss"]
        fell = loss < state["mark"] - numbers["tolerance"]
        new, first, second = adam_step(step, z, gradient, state["first"], state["second"])
        state = {
            "z": tf.where(searching[:, None], tf.clip_by_value(new, -1.0, 1.0), z),
            "first": first,
            "second": second,
            "best": tf.where(better[:, None], z, state["best"]),
            "loss": tf.where(better, loss, state["loss"]),
            "mark": tf.where(fell, loss, state["mark"]),
            "stale": tf.where(searching, tf.where(fell, 0, state["stale"] + 1), state["stale"]),
            "steps": tf.where(searching, step, state["steps"]),
        }
        return step + 1, state, curve.write(step - begin, loss)

    curve = tf.TensorArray(tf.float32, last + 1 - begin, element_shape=[None])
    steps_run, end, curve = tf.while_loop(goes_on, advance, (begin, start, curve))
    return end, curve.gather(tf.range(steps_run - begin))


def search(
    model: ContextualGan,
    half: str,
    target: tf.Tensor,
    z: tf.Tensor,
    *,
    steps: int,
    perceptual: float | None = None,
    epsilon: float = 1e-3,
) -> dict[str, tf.Tensor]:
    """The search of `project` as operations of a graph, for an export: momentum from the best candidate, no stop.

    Args:
      model: the trained networks.
      half: the known half, `sketch` or `image`.
      target: [B,H,W,1 or 3], its pictures.
      z: [B,N,Z] in [-1,1], draws from the prior for each; see `candidates`.
      steps: of every search.
      perceptual, epsilon: see `project`.

    Returns:
      `sketch` [B,H,W,1], `image` [B,H,W,3] and `z` [B,Z] of the best that was met, and its `loss` [B].
    """
    perceptual = model.perceptual if perceptual is None else perceptual
    target = model.soften(target) if half == "sketch" else target
    z = candidates(model, half, target, z)
    count, tries = tf.shape(z)[0], tf.shape(z)[1]
    first = rate(model, half, epsilon, tf.reshape(z, [-1, model.latent]), tf.repeat(target, tries, axis=0))
    best = tf.argmin(tf.reshape(first, [count, tries]), axis=1)
    numbers = {"patience": tf.constant(steps + 2)} | {
        key: tf.constant(value, tf.float32)
        for key, value in (
            ("learning_rate", RATES["momentum"]),
            ("momentum", 0.9),
            ("perceptual", perceptual),
            ("tolerance", 0.0),
        )
    }
    start = tf.gather(z, best, batch_dims=1)
    how = model, half, "momentum", perceptual > 0, epsilon
    end, _ = descend(*how, beginning(start), target, numbers, tf.constant(0), tf.constant(steps))
    latents = end["best"]
    scores = judge(model, half, epsilon, latents, target)
    loss = scores["contextual"] + np.float32(perceptual) * scores["judged"]
    return {"sketch": scores["sketch"], "image": scores["image"], "z": latents, "loss": loss}
