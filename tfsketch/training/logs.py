"""What a run says while it trains: to the console, `metrics.jsonl` and TensorBoard."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfsketch.nn import operations
from tfsketch.training.run_folder import RunFolder


def means(pending: Sequence[Mapping[str, tf.Tensor]]) -> dict[str, float]:
    """Means over some steps' values; of a term that comes at some steps only, the mean of those."""
    keys = dict.fromkeys(key for step in pending for key in step)
    return {key: float(np.mean([float(step[key]) for step in pending if key in step])) for key in keys}


def not_finite(values: Mapping[str, float], precision: str) -> list[str]:
    """The values that must not be as they are. Under float16 an infinite gradient is how the loss scale finds its size;
    the optimiser skips that step."""
    return [
        key
        for key, value in values.items()
        if not math.isfinite(value) and not (precision == "mixed_float16" and key.startswith("gradient_norm/"))
    ]


def warn_of_precision(precision: str) -> None:
    """Says so where this processor has none of the arithmetic of `train.precision`."""
    half = precision.removeprefix("mixed_")
    if half != "float32" and not operations.accelerated(tf.dtypes.as_dtype(half)):
        print(
            f"train.precision={precision}: this processor has no {half} of its own. TensorFlow's is several times "
            "slower than float32, its gradients inexact: better --set train.precision=float32",
            flush=True,
        )


def warn_of_optimizers(names: Iterable[str], players: Iterable[str]) -> None:
    """Says so where a name of `train.optimizers` is that of no player, so that what it sets has no effect."""
    if unknown := sorted(set(names) - set(players)):
        print(
            f"train.optimizers: {', '.join(unknown)}: no player of this run, and without effect; its players: "
            f"{', '.join(players)}",
            flush=True,
        )


def write(
    run_folder: RunFolder,
    writer: tf.summary.SummaryWriter,
    step: int,
    total: int,
    phase: str,
    rate: float,
    values: Mapping[str, float],
) -> None:
    """Says what some steps up to `step` of `total` came to, at a rate in steps a second."""
    left = datetime.timedelta(seconds=round((total - step) / rate)) if rate else "?"
    row = {
        "step": step,
        "phase": phase,
        "steps_per_second": round(rate, 3),
        **{k: float(f"{v:.6g}") for k, v in values.items()},
    }
    run_folder.append(row)
    print(
        f"step {step}/{total} {phase}  {rate:.2f} steps/s, {left} left  "
        + "  ".join(f"{k} {v:.4g}" for k, v in values.items() if "/" not in k),
        flush=True,
    )
    with writer.as_default(step):
        for key, value in values.items():
            tf.summary.scalar(key, value)
        tf.summary.scalar("steps_per_second", rate)
