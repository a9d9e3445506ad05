"""A model as an ONNX file, for the many runtimes that read one; the extra `onnx`.

The same graph as the signature `edit` of a TensorFlow Lite file (`mobile`): static shapes, batch 1, the vocabulary's
tensors in, the composite inside. Outputs are called `out_image` and so on, because inputs and outputs share a namespace
in ONNX. tf2onnx converts, in a process of its own, and ONNX Runtime checks the file before it is written.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from tfsketch.backends import base
from tfsketch.errors import ExportError
from tfsketch.export import check_onnx, edits, measure, mobile
from tfsketch.images import files
from tfsketch.nn.exported import ExportedNetwork

OPSET = 17


class _Renamed(tf.Module):
    """The graph of an `edit` with output names that differ from those of inputs."""

    def __init__(self, edit: mobile.Edit):
        super().__init__(name="onnx")
        self.edit = edit
        specs = {spec.name: spec for spec in tf.nest.flatten(edit.graph.structured_input_signature)}

        def run(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {f"out_{key}": value for key, value in edit.graph(**inputs).items()}

        self.graph = tf.function(run, autograph=False).get_concrete_function(**specs)


def export(model: ExportedNetwork, output: str | os.PathLike, folder: str | os.PathLike = "") -> float:
    """Writes a model as an ONNX file and checks it.

    Args:
      model: as `zoo.load_model` gives it; one that makes its picture in one call.
      output: the `.onnx` file.
      folder: photographs or shards to measure with (`edits.photographs`).

    Returns:
      The largest difference from the network.

    Raises:
      ExportError: the extra is missing, or the file cannot be made, or differs by more than `mobile.LIMITS["float32"]`.
      WeightsError, ConfigError, DataError, ImageError: the model or the photographs cannot be read.
    """
    check_onnx()
    inputs = edits.conditions(model, edits.photographs(folder, model.experiment.image_size, edits.COUNT))
    module = _Renamed(mobile.Edit(model))
    with tempfile.TemporaryDirectory(prefix="tfsketch-onnx-") as scratch:
        saved_model_path, model_path = pathlib.Path(scratch) / "saved", pathlib.Path(scratch) / "model.onnx"
        tf.saved_model.save(module, str(saved_model_path), signatures={base.SIGNATURE: module.graph})
        flags = [
            "--saved-model",
            saved_model_path,
            "--signature_def",
            base.SIGNATURE,
            "--opset",
            OPSET,
            "--output",
            model_path,
        ]
        command = [sys.executable, "-m", "tf2onnx.convert", *map(str, flags)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode or not model_path.is_file():
            raise ExportError(
                f"{output}: expected a model that tf2onnx converts, found: {process.stderr.strip()[-1000:]}"
            )
        content = model_path.read_bytes()
    difference = _difference(model, content, inputs)
    if not difference <= measure.LIMITS["float32"]:
        raise ExportError(
            f"{output}: expected a difference of at most {measure.LIMITS['float32']:g}, found {difference:g}"
        )
    files.write_bytes(output, content)
    return difference


def _difference(model: ExportedNetwork, content: bytes, inputs: dict[str, np.ndarray]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = {key: value.numpy() for key, value in model({k: tf.constant(v) for k, v in inputs.items()}).items()}
    outputs = [output.name for output in session.get_outputs()]
    largest = 0.0
    for number in range(len(next(iter(inputs.values())))):
        example = {one.name: inputs[one.name][number : number + 1] for one in session.get_inputs()}
        for name, value in zip(outputs, session.run(outputs, example)):
            largest = max(largest, float(np.abs(value[0] - expected[name.removeprefix("out_")][number]).max()))
    return largest
