"""Speed of a training step, beside the same step in plain TensorFlow, and beside the processor's peak.

Both steps run in one process, in turns, each on a batch that it has in memory: the pipeline is measured by `pipeline`.
The reference is the plain composition of TensorFlow's operations where ours has forms of its own (`plainly`), and for
SC-FEGAN sees all of the picture even if the configuration has a window on the hole. So `kernels` is at equal
mathematics, and `as configured` may do less work for the same pictures. The ceiling is what a convolution
of a friendly shape reaches in the experiment's precision. The peak of memory is of a process of its own for each step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import multiprocessing
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch import systems
from tfsketch.benchmarks.measures import Spread, Times, table
from tfsketch.benchmarks.pipeline import own_shards
from tfsketch.config import Config
from tfsketch.nn import efficientnet, gated, losses, operations, plain
from tfsketch.training import trainer
from tfsketch.training.describe import graph_gflops

_CEILING = (8, 64, 64, 128)
"""[B,H,W,C] of the convolution, 3 x 3, that stands for the ceiling."""
_LEAST = 5
"""Turns of each step, at least."""


def _gate(both: tf.Tensor) -> tf.Tensor:
    feature, logit = tf.split(both, 2, axis=-1)
    return tf.nn.leaky_relu(feature, operations.LEAK) * tf.sigmoid(logit)


def _mix(layer: gated.GatedConv2D, skip: tf.Tensor, smaller: tf.Tensor) -> tf.Tensor:
    both = tf.concat([tf.cast(skip, smaller.dtype), operations.enlarge(smaller, 2)], axis=-1)
    return layer(both, training=True)


def _depthwise(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    return tf.nn.depthwise_conv2d(x, tf.stop_gradient(kernel), [1, stride, stride, 1], "SAME")


def _nearness(mask: tf.Tensor) -> tf.Tensor:
    weight = tf.zeros_like(mask)
    for radius in (1, 2, 4, 8):
        size = 2 * radius + 1
        near = tf.nn.max_pool2d(tf.nn.max_pool2d(1.0 - mask, (size, 1), 1, "SAME"), (1, size), 1, "SAME")
        weight += 0.25 * (mask - (1.0 - near))
    return weight


def _enlarged_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(operations.enlarge(x, 2), kernel, 1, "SAME")


_PLAIN: tuple[tuple[Any, str, Any], ...] = (
    (gated, "gate", _gate),
    (operations, "leaky_relu16", lambda x: tf.nn.leaky_relu(x, operations.LEAK)),
    (efficientnet, "depthwise", _depthwise),
    (plain, "enlarged_convolution", _enlarged_convolution),
    (gated.GatedConv2D, "mix", _mix),
    (losses, "nearness", _nearness),
    (losses, "window_means", lambda x, size: tf.nn.avg_pool2d(x, size, size // 2, "SAME")),
    (trainer, "Adam", tf.keras.optimizers.Adam),
)
"""Our own implementations -> the same by TensorFlow's and Keras' operations."""


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """A context in which everything is built and traced with TensorFlow's own operations. For one thread at a time."""
    ours = [getattr(module, name) for module, name, _ in _PLAIN]
    for module, name, form in _PLAIN:
        setattr(module, name, form)
    try:
        yield
    finally:
        for (module, name, _), own in zip(_PLAIN, ours):
            setattr(module, name, own)


def _windowless(config: Config) -> Config:
    """The experiment whose discriminators look at all of the picture."""
    model: Any = config.model  # of whatever system
    if not getattr(model.loss, "window", 0):
        return config
    loss = dataclasses.replace(model.loss, window=0)
    return dataclasses.replace(config, model=dataclasses.replace(model, loss=loss))


def _step_of(config: Config, folder: pathlib.Path) -> tuple[Callable[[], object], float]:
    """An experiment's step as a function that runs it once and waits for it, traced now; and its GFLOP."""
    step, batch = trainer.Trainer(config, folder, systems.make_task).repeated_step()
    work = graph_gflops(step.get_concrete_function(batch).graph)

    def run() -> None:
        for value in step(batch).values():
            value.numpy()

    return run, work


def _step_as(name: str, config: Config, folder: pathlib.Path) -> tuple[Callable[[], object], float]:
    """`_step_of` of a row of the table."""
    with plainly() if name == "reference" else contextlib.nullcontext():
        return _step_of(config, folder)


def _resident() -> float:
    """MiB that this program has had in memory at most; `getrusage` begins with what its parent had. Linux alone."""
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def _growth(name: str, config: Config, folder: pathlib.Path) -> float:
    """MiB that a step's weights, its graph and three runs of it add to a process that has imported what they need."""
    tf.constant(0.0).numpy()  # makes TensorFlow's own threads and pools
    before = _resident()
    run, _ = _step_as(name, config, folder)
    for _ in range(3):
        run()
    return _resident() - before


def peak_memory(name: str, config: Config, folder: pathlib.Path) -> float:
    """`_growth` in a new process: what another step has had, and gave back or not, is not in it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_growth, name, config, folder).result()


def ceiling(dtype: tf.DType, seconds: float) -> float:
    """GFLOP/s by the clock of a convolution of a friendly shape, the median over some seconds."""
    x = tf.random.stateless_normal(_CEILING, (0, 1), dtype=tf.float32)
    kernel = tf.random.stateless_normal((3, 3, _CEILING[-1], _CEILING[-1]), (0, 2), dtype=tf.float32)
    x, kernel = tf.cast(x, dtype), tf.cast(kernel, dtype)
    convolve = tf.function(lambda: tf.reduce_max(tf.nn.conv2d(x, kernel, 1, "SAME")[:, 0, 0, 0]))
    work = 2.0 * 9 * math.prod(_CEILING) * _CEILING[-1] / 1e9
    times: list[float] = []
    clock = time.perf_counter()
    while len(times) < 20 or time.perf_counter() - clock < seconds:
        start = time.perf_counter()
        convolve().numpy()
        times.append(time.perf_counter() - start)
    return work / float(np.median(times[2:]))


def training(config: Config, folder: str, seconds: float) -> str:
    """The training step; see the module's docstring.

    Args:
      config: the experiment. Its first phase is measured, at its first step, from random weights.
      folder: of shards; empty for squares of scikit-image's photographs.
      seconds: by the clock, for each of the steps; no fewer than `_LEAST` turns.
    """
    with tempfile.TemporaryDirectory(prefix="tfsketch-benchmark-") as scratch:
        root = pathlib.Path(scratch)
        data = dataclasses.replace(config.data, train=folder or own_shards(config, root), validation="")
        train = dataclasses.replace(config.train, init="", strategy="default")
        config = dataclasses.replace(config, data=data, train=train)
        variants = {"reference": _windowless(config), "kernels": _windowless(config), "as configured": config}
        if variants["kernels"] is config:
            del variants["as configured"]
        steps: dict[str, Callable[[], object]] = {}
        work: dict[str, float] = {}
        memory = {name: peak_memory(name, one, root / f"{name} alone") for name, one in variants.items()}
        for name, experiment in variants.items():
            steps[name], work[name] = _step_as(name, experiment, root / name)
            steps[name]()
        times: dict[str, list[Times]] = {name: [] for name in steps}
        begin = time.perf_counter()
        while len(times["reference"]) < _LEAST or time.perf_counter() - begin < seconds * len(steps):
            for name, run in steps.items():
                times[name].append(Times.of(run, 1))
        dtype = tf.bfloat16 if train.precision == "mixed_bfloat16" else tf.float32
        most = ceiling(dtype, seconds / 4)
    rows = []
    for name, turns in times.items():
        clock = float(np.median([turn.clock for turn in turns]))
        ratio = Spread.of([turn.clock / floor.clock for turn, floor in zip(turns, times["reference"])])
        rate = work[name] / clock
        rows.append(
            [
                name,
                f"{1 / clock:.2f}",
                f"{1000 * float(np.median([turn.processor for turn in turns])):.0f}",
                *ratio.cells(2),
                f"{work[name]:.0f}",
                f"{rate:.0f}",
                f"{100 * rate / most:.0f} %",
                f"{memory[name]:.0f}",
                f"{memory[name] / memory['reference']:.2f}",
            ]
        )
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; system "
        f"`{config.system}`, {config.image_size} px, batches of {config.train.batch_size}, {config.train.precision}; a "
        f"3 x 3 convolution of {_CEILING[-1]} channels reaches {most:.0f} GFLOP/s. Made by `python -m tools.benchmark "
        "training`.",
        "",
        *table(
            [
                "step",
                "steps/s",
                "processor ms",
                "time, of the reference's",
                "10 % - 90 %",
                "GFLOP",
                "GFLOP/s",
                "of the convolution's",
                "MiB at most",
                "of the reference's",
            ],
            rows,
        ),
    ]
    return "\n".join(lines)
