"""Speed of Contextual GAN's search for z, with many sketches in one call.

Its floor is the plain loop that public code has: one sketch, one step a call.
"""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfsketch import systems
from tfsketch.benchmarks.measures import Times, table
from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.nn import adversarial, line_losses
from tfsketch.nn.exported import in_bfloat16
from tfsketch.systems.contextual_gan import projection as projection_lib
from tfsketch.systems.contextual_gan.config import ContextualGanConfig
from tfsketch.systems.contextual_gan.joint import split
from tfsketch.systems.contextual_gan.network import ContextualGan
from tfsketch.systems.contextual_gan.search import RATES


def _plain_loop(model: ContextualGan, sketch: tf.Tensor, candidates: int, compiled: bool) -> Callable[[int], None]:
    """The search of one sketch [1,H,W,1] as public code has it: a candidate a call, then a step a call.

    Returns:
      The loop, a function of the number of steps.
    """

    def rate(z: tf.Tensor) -> tf.Tensor:
        return line_losses.kl_divergence(sketch, split(model.generator(z))["sketch"])

    def step(z: tf.Tensor, velocity: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            joint = model.generator(z)
            perceptual = adversarial.GENERATORS[model.adversarial_loss](model.discriminator(joint))
            loss = line_losses.kl_divergence(sketch, split(joint)["sketch"]) + 0.01 * perceptual
        new = 0.9 * velocity - RATES["momentum"] * tape.gradient(loss, z)
        return tf.clip_by_value(z - 0.9 * velocity + 1.9 * new, -1.0, 1.0), new, loss

    if compiled:
        rate, step = tf.function(rate), tf.function(step)

    def search(steps: int) -> None:
        starts = [tf.random.uniform([1, model.latent], -1.0, 1.0) for _ in range(candidates)]
        z = min(starts, key=lambda z: float(rate(z)[0]))
        velocity = tf.zeros_like(z)
        for _ in range(steps):
            z, velocity, loss = step(z, velocity)
            float(loss[0])  # it is looked at, as public code prints it

    return search


def projection(
    config: Config, folder: str, seconds: float, count: int = 64, candidates: int = 30, steps: int = 500
) -> str:
    """The search for z; see the module's docstring. Weights and sketches are random, since what they are costs nothing
    but whether a search stops early; here none does.

    Args:
      config: an experiment of Contextual GAN.
      folder: not looked at.
      seconds: about as long each loop is measured, twice, and scaled to all steps; the calls run whole.
      count, candidates, steps: sketches in the call, candidates of each, steps of each.

    Raises:
      ConfigError: the experiment is of another system.
    """
    del folder
    if config.system != "contextual_gan":
        raise ConfigError(f"system: expected contextual_gan, found {config.system}")
    settings = config.section(ContextualGanConfig)
    model = systems.build(config)
    rng = np.random.default_rng(config.seed)
    side = config.image_size
    drawings = (rng.random((count, side, side, 1)) < 0.1).astype(np.float32)
    one = tf.constant(drawings[:1])
    loops = {
        "plain loop, eager (floor)": _plain_loop(model, one, candidates, compiled=False),
        "plain loop, each step compiled": _plain_loop(model, one, candidates, compiled=True),
    }
    times: dict[str, list[Times]] = {}

    def measure_loops() -> None:
        for name, search in loops.items():
            search(3)  # traces
            start = Times.of(functools.partial(search, 0), 1)
            ten = Times.of(functools.partial(search, 10), 1)
            some = max(10, round(10 * seconds / max(ten.clock - start.clock, 1e-3)))
            end = Times.of(functools.partial(search, some), 1)
            # A few steps stand for all; the candidates are not scaled.
            scale = steps / some
            per_sketch = Times(
                start.processor + (end.processor - start.processor) * scale,
                start.clock + (end.clock - start.clock) * scale,
            )
            times.setdefault(name, []).append(per_sketch)

    measure_loops()
    for name, network in (("one call", model), ("one call, searching in bfloat16", in_bfloat16(model))):

        def call(steps: int, network: ContextualGan = network) -> projection_lib.Projection:
            return projection_lib.project(
                model, drawings, candidates=candidates, steps=steps, patience=steps + 2, network=network
            )

        call(1)  # traces
        times[name] = [Times.of(functools.partial(call, steps), count)]
    measure_loops()

    mean = {
        name: [float(np.mean([getattr(s, key) for s in seconds])) for key in ("processor", "clock")]
        for name, seconds in times.items()
    }
    floor = next(iter(mean.values()))
    rows = [
        [name, f"{seconds[0]:.2f}", f"{seconds[0] / floor[0]:.3f}", f"{seconds[1]:.2f}", f"{seconds[1] / floor[1]:.3f}"]
        for name, seconds in mean.items()
    ]
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; "
        f"{side} px, generator {list(settings.generator.widths)}, discriminator "
        f"{list(settings.discriminator.widths)}; {count} sketches, {candidates} candidates each, {steps} steps. "
        "Made by `python -m tools.benchmark projection`.",
        "",
        *table(["search", "processor s a sketch", "of the floor", "s a sketch by the clock", "of the floor"], rows),
    ]
    return "\n".join(lines)
