"""Exact region inference of SC-FEGAN's network, for holes of several sizes, a first edit and a next stroke in it. Its
floor is the network as one graph, measured just before each of them.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfsketch import systems
from tfsketch.benchmarks.measures import Spread, Times, table
from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.systems.sc_fegan import region_inference


def strokes_of(side: int, hole: int) -> Iterator[tuple[str, list[Mapping[str, tf.Tensor]]]]:
    """What is done to a picture, with the inputs that take turns so that each call finds the other's maps: two
    photographs, for a first edit; one with a line across the hole and one without, for a next stroke."""
    rng = np.random.default_rng(hole)
    top = (side - hole) // 2
    mask, line = np.zeros((1, side, side, 1), np.float32), np.zeros((1, side, side, 1), np.float32)
    mask[:, top : top + hole, top : top + hole] = 1.0
    line[:, side // 2, top : top + hole] = 1.0

    def inputs() -> dict[str, np.ndarray]:
        return {
            "image": rng.uniform(-1, 1, (1, side, side, 3)).astype(np.float32),
            "mask": mask,
            "sketch": np.zeros_like(mask),
            "color": np.zeros((1, side, side, 3), np.float32),
            "noise": rng.standard_normal(mask.shape, np.float32),
        }

    first, second = inputs(), inputs()
    for name, pair in (("first edit", (first, second)), ("next stroke", (first, first | {"sketch": line}))):
        yield name, [{key: tf.constant(value) for key, value in inputs.items()} for inputs in pair]


def region(config: Config, folder: str, seconds: float, holes: Sequence[int] = (64, 128, 256)) -> str:
    """Exact region inference; see the module's docstring.

    Args:
      config: the experiment, whose network gets random weights: none that depend on them.
      folder: not used; the pictures are noise.
      seconds: by the clock, for each row; no fewer than 5 rounds.
      holes: sides of the square holes, in pixels of the picture; the whole picture is measured too.

    Raises:
      ConfigError: another system.
    """
    del folder
    if config.system != "sc_fegan":
        raise ConfigError(f"system: expected sc_fegan for this benchmark, found {config.system}")
    model, side = systems.build(config), config.image_size
    whole = tf.function(model)
    rows = []
    for hole in (*(hole for hole in holes if hole < side), side):
        for name, pair in strokes_of(side, hole):
            inference = region_inference.RegionInference(model)
            apart = 0.0
            for inputs in (*pair, *pair):  # also makes the graphs
                apart = max(apart, float(tf.reduce_max(tf.abs(inference(inputs)["image"] - whole(inputs)["image"]))))
            times: list[tuple[Times, Times]] = []
            start = time.perf_counter()
            while len(times) < 5 or time.perf_counter() - start < seconds:
                inputs = pair[len(times) % 2]
                floor, ours = (Times.of(lambda: work(inputs)["image"].numpy(), 1) for work in (whole, inference))
                times.append((floor, ours))
            ratios = [
                Spread.of([getattr(ours, of) / getattr(floor, of) for floor, ours in times])
                for of in ("processor", "clock")
            ]
            size = f"{hole} px" if hole < side else "whole picture"
            cells = [cell for ratio in ratios for cell in ratio.cells(2)]
            rows.append([f"{size}, {name}", *cells, f"{apart:.0e}"])
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; "
        f"{model.count_params() / 1e6:.1f} M parameters, {side} px. Share of the whole network's time in the same run. "
        "Made by `python -m tools.benchmark region`.",
        "",
        *table(
            [
                "hole",
                "CPU time, of the whole network's",
                "10 % - 90 %",
                "by the clock",
                "10 % - 90 %",
                "largest difference",
            ],
            rows,
        ),
    ]
    return "\n".join(lines)
