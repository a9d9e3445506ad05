"""Measures of a TensorFlow Lite file: its difference from the model, its speed, and operations unsuited to a phone's
GPU."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import io
import pathlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.backends.base import SIGNATURE
from tfsketch.backends.tflite import interpreters
from tfsketch.errors import ExportError
from tfsketch.nn.exported import ExportedNetwork

LIMITS = {"float32": 1e-4, "float16": 40.0, "weight_only": 40.0, "dynamic": 30.0, "int8": 30.0}
"""Variant -> the largest difference from the network (`float32`), or the least PSNR in dB (the others)."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Measurements of one file."""

    variant: str
    megabytes: float
    """10^6 bytes."""
    operations: Mapping[str, int]
    """Built-in operation -> how often."""
    not_on_gpu: tuple[str, ...]
    """The analyzer's sentences on operations that a GPU delegate does not support."""
    difference: float
    """The largest from the network, over all outputs and edits."""
    psnr: float
    """In dB, of the last output, over all edits' erased pixels (all pixels where nothing is erased)."""
    milliseconds: float
    """A call's median, on this machine's processor, two threads."""
    runtime: str
    """What ran it."""

    def problem(self) -> str:
        """Why the file must not be used; empty if it may."""
        limit = LIMITS[self.variant]
        if self.variant == "float32":
            return "" if self.difference <= limit else f"a difference of at most {limit:g}, found {self.difference:g}"
        return "" if self.psnr >= limit else f"at least {limit:g} dB, found {self.psnr:.1f}"


def run(content: bytes, interpreter: Callable[..., Any], inputs: Mapping[str, np.ndarray]) -> tuple[dict, list[float]]:
    """Runs a file on examples, one after the other.

    Args:
      content: a flatbuffer with the signature `edit`.
      interpreter: of `interpreters`.
      inputs: tensors by name, [B,...].

    Returns:
      (outputs by name, [B,...]; seconds of each call).
    """
    runtime = interpreter(model_content=content, num_threads=2)
    runner = runtime.get_signature_runner(SIGNATURE)
    outputs: dict[str, list[np.ndarray]] = collections.defaultdict(list)
    seconds = []
    for number in range(len(next(iter(inputs.values())))):
        example = {key: value[number : number + 1] for key, value in inputs.items()}
        start = time.perf_counter()
        answers = runner(**example)
        seconds.append(time.perf_counter() - start)
        for key, value in answers.items():
            outputs[key].append(np.array(value))
    return {key: np.concatenate(value) for key, value in outputs.items()}, seconds


def _analysis(content: bytes) -> tuple[dict[str, int], tuple[str, ...]]:
    """(operations and how often, the analyzer's warnings on a GPU delegate)."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        tf.lite.experimental.Analyzer.analyze(model_content=content, gpu_compatibility=True)
    report = text.getvalue()
    operations = collections.Counter(re.findall(r"^\s*Op#\d+ ([A-Z0-9_]+)\(", report, re.MULTILINE))
    warnings = re.findall(r"GPU COMPATIBILITY WARNING: (.*)", report)
    if not operations:
        raise ExportError("expected the analyzer to name operations, found none")
    return dict(sorted(operations.items())), tuple(dict.fromkeys(warnings))


def measure(
    model: ExportedNetwork, variant: str, content: bytes, plain: bytes, inputs: Mapping[str, np.ndarray]
) -> list[Measurement]:
    """Measures a file in every installed runtime.

    Args:
      model: the network.
      variant, content: the file.
      plain: the same network as `float32`. It is analysed for a GPU instead of `float16`, since a delegate
        takes 16-bit weights as they are, and the analyzer complains of the operation that widens them for a processor.
      inputs: edits, from `edits.conditions`.

    Raises:
      ExportError: a pixel that was not erased is not the input's, bit for bit.
    """
    expected = {key: value.numpy() for key, value in model({k: tf.constant(v) for k, v in inputs.items()}).items()}
    operations, warnings = _analysis(content)
    warnings = _analysis(plain)[1] if variant == "float16" else warnings
    last = model.gives[-1]
    hole = np.broadcast_to(inputs["mask"] > 0.5 if "mask" in inputs else True, expected[last].shape)
    peak = 1.0 if last == "probabilities" else 2.0
    results = []
    for runtime, interpreter in interpreters().items():
        outputs, seconds = run(content, interpreter, inputs)
        composites = "mask" in inputs and last == "image"
        if composites and not np.array_equal(outputs[last][~hole], inputs["image"][~hole]):
            raise ExportError(f"{variant}: expected the input outside the mask, bit for bit, found another ({runtime})")
        errors = {key: np.abs(outputs[key] - expected[key]) for key in outputs}
        square = float(np.mean(np.square(errors[last][hole])))
        results.append(
            Measurement(
                variant,
                len(content) / 1e6,
                operations,
                warnings,
                max(float(error.max()) for error in errors.values()),
                float(10 * np.log10(peak**2 / square)) if square else np.inf,
                1000 * float(np.median(seconds)),
                runtime,
            )
        )
    return results


def table(results: Mapping[pathlib.Path, Sequence[Measurement]]) -> str:
    """The measurements of `export`, as Markdown."""
    lines = [
        "| file | MB | operations | largest difference | PSNR, dB | ms | run by |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for path, measurements in results.items():
        for one in measurements:
            count = sum(one.operations.values())
            lines.append(
                f"| `{path.name}` | {one.megabytes:.2f} | {count} | {one.difference:.1e} | {one.psnr:.1f} | "
                f"{one.milliseconds:.0f} | {one.runtime} |"
            )
    for path, measurements in results.items():
        if any(one.problem() for one in measurements):
            lines += ["", f"`{path.name}` differs too much and is not written."]
            continue
        names = ", ".join(f"{name} {count}" for name, count in measurements[0].operations.items())
        verdict = " ".join(measurements[0].not_on_gpu) or "nothing."
        lines += ["", f"`{path.name}`: {names}. A GPU delegate cannot take: {verdict}"]
    return "\n".join(lines)
