"""What a run logs: to the console, `metrics.jsonl` and TensorBoard."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfsketch.nn import operations
from tfsketch.training.run_folder import RunFolder


def means(pending: Sequence[Mapping[str, tf.Tensor]]) -> dict[str, float]:
    """Mean of every value over some steps; a term that is absent from some of them is averaged over the others."""
    keys = dict.fromkeys(key for step in pending for key in step)
    return {key: float(np.mean([float(step[key]) for step in pending if key in step])) for key in keys}


def not_finite(values: Mapping[str, float], precision: str) -> list[str]:
    """Keys of the values that are not finite and should be. Under float16 an infinite gradient is how the loss scale
    adapts; the optimiser skips that step."""
    return [
        key
        for key, value in values.items()
        if not math.isfinite(value) and not (precision == "mixed_float16" and key.startswith("gradient_norm/"))
    ]


def warn_of_precision(precision: str) -> None:
    """Warns if this processor has no native arithmetic for `train.precision`."""
    half = precision.removeprefix("mixed_")
    if half != "float32" and not operations.is_accelerated(tf.dtypes.as_dtype(half)):
        print(
            f"train.precision={precision}: this processor has no native {half}. TensorFlow's emulation is several "
            "times slower than float32, with inexact gradients: better --set train.precision=float32",
            flush=True,
        )


def warn_of_optimizers(names: Iterable[str], networks: Iterable[str]) -> None:
    """Warns of names in `train.optimizers` that no trained network has: their settings have no effect."""
    if wrong_names := sorted(set(names) - set(networks)):
        print(
            f"train.optimizers: {', '.join(wrong_names)}: no network of this run, so without effect; its networks: "
            f"{', '.join(networks)}",
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
    """Logs the mean values of the steps up to `step` of `total`, at `rate` steps per second."""
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
