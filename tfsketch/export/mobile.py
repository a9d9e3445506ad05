"""A model as a TensorFlow Lite file for phones.

One file, one signature `edit`: pictures of one side, batch 1, the vocabulary's tensors in and out, the composite
inside, built-in operations only. The file is a ZIP archive too, as TensorFlow Lite's files with metadata are: it
carries `metadata.json`, which says shapes, ranges, meanings and order, and the model card (`unzip -p MODEL.tflite
metadata.json`). With it and an interpreter, nothing else is needed to make an edit.

Variants (`VARIANTS`): `float32`; `float16`, the default: weights of half the size, arithmetic in float32 or, on a GPU,
float16; `weight_only`: 8-bit kernels, arithmetic in float32 (see `weights`); `dynamic`: 8-bit weights, activations
quantised as they come; `int8`: weights and activations, calibrated on real edits (see `ranges`). In `int8` too inputs
and outputs are float32.

A GPU delegate has no local response norm; `norms.local_response_norm` becomes a 1x1 convolution with a band of ones
(`delegate.gpu`). Dilated convolutions are `CONV_2D` with a dilation factor, or plain ones if the map is no larger than
the dilation. TensorFlow Lite's own analyzer reports what remains.

A file that differs too much is not written (`LIMITS`). PSNR counts the erased pixels only, if there is a mask: the
others are the input.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.backends.base import METADATA, SIGNATURE
from tfsketch.backends.tflite import interpreters
from tfsketch.errors import ExportError
from tfsketch.export import VARIANTS, edits, ranges, saved_model, weights
from tfsketch.export.measure import Measurement, measure, run
from tfsketch.images import files, paths
from tfsketch.nn import delegate
from tfsketch.nn.exported import ExportedNetwork, shapes

NEVER_INT8 = ("GREATER", "SELECT_V2", "MEAN", "SQUARED_DIFFERENCE", "RSQRT", "LEAKY_RELU")
"""What stays in float32 in `int8`: the composite, so that what was not erased is the input, bit for bit; the statistics
of instance norms, whose squares 8 bits cannot hold; and LeakyReLU, whose built-in kernels (of tf.lite and of LiteRT
alike) round negative values down: one in five to eight is a level below the nearest one, none above it. Every other
operation is exact or has errors of both signs. The convolutions sum those of one sign up, and `sc_fegan_mobile` has
30.4 dB, where XNNPACK, whose errors nearly cancel, has 37.4 (`findings/litert_int8_leaky_relu_rounds_down.sh`)."""
_NORM_NEVER_INT8 = ("ADD", "MUL", "SUB")
"""And where there are such norms, their arithmetic, each of whose roundings to 8 bits would cost again: 7 dB in the
face parser. The convolutions, nearly all of the work, are in 8 bits all the same."""
CALIBRATION = 32
"""Edits that `int8` is calibrated on."""


class Edit(tf.Module):
    """The signature `edit` of a model, with static shapes."""

    def __init__(self, model: ExportedNetwork):
        super().__init__(name="edit")
        if not model.gives:
            raise ExportError(
                f"expected a model that makes its picture in one call for --format=tflite, found one of "
                f"{model.experiment.system}; use --format=saved_model"
            )

        def edit(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            outputs = model(inputs)
            return {key: outputs[key] for key in model.gives}

        specs = {key: tf.TensorSpec(shape, name=key) for key, shape in shapes(model, model.image_size).items()}
        with delegate.gpu():
            self.graph = tf.function(edit, autograph=False).get_concrete_function(**specs)
        self.weights = list(self.graph.variables)


class Converter:
    """Makes TensorFlow Lite flatbuffers of a model, which is traced and saved once for all of them.

    A context: its files are in a temporary folder that is removed at the end.

    Attributes:
      edit: the module to convert.
    """

    def __init__(self, model: ExportedNetwork):
        self.edit = Edit(model)
        self._picture = model.gives[-1]
        self._scratch = tempfile.TemporaryDirectory(prefix="tfsketch-edit-")

    def __enter__(self) -> Converter:
        with _quiet():
            tf.saved_model.save(self.edit, self._scratch.name, signatures={SIGNATURE: self.edit.graph})
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def convert(
        self,
        variant: str,
        calibration: Mapping[str, np.ndarray] | None = None,
        in_float32: Sequence[str] = NEVER_INT8,
    ) -> bytes:
        """A flatbuffer in one of `VARIANTS`, without metadata; see the function `convert`.

        `in_float32` are the built-in operations that `int8` leaves in float32.
        """
        if variant == "weight_only":
            return weights.in_8_bits(self.convert("float32"))
        with _quiet():
            converter = tf.lite.TFLiteConverter.from_saved_model(self._scratch.name, signature_keys=[SIGNATURE])
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            if variant != "float32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if variant == "float16":
                converter.target_spec.supported_types = [tf.float16]
            try:
                if variant == "int8":
                    return self._in_int8(converter, calibration, in_float32)
                return converter.convert()
            except ExportError:
                raise
            except Exception as error:  # the converter's errors share no base
                raise ExportError(
                    f"{variant}: expected a model that converts, found {type(error).__name__}: {error}"
                ) from error

    def _in_int8(
        self, converter: Any, calibration: Mapping[str, np.ndarray] | None, in_float32: Sequence[str]
    ) -> bytes:
        if calibration is None:
            raise ExportError("int8: expected real conditions to calibrate on, found none")

        samples = [
            {key: value[number : number + 1] for key, value in calibration.items()}
            for number in range(len(next(iter(calibration.values()))))
        ]

        def examples() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
            return ((SIGNATURE, sample) for sample in samples)

        converter.representative_dataset = examples
        norms = any(operation.type == "Rsqrt" for operation in self.edit.graph.graph.get_operations())
        options = tf.lite.experimental.QuantizationDebugOptions(
            denylisted_ops=[*in_float32, *(_NORM_NEVER_INT8 if norms else ())]
        )
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=examples, debug_options=options
        )
        plain = debugger.calibrated_model
        per_sample = ranges.of_samples(plain, samples)
        interpreter = next(reversed(interpreters().values()))  # LiteRT where it is installed
        truth = run(plain, interpreter, calibration)[0][self._picture]
        contents, errors = [], []
        for share in ranges.SHARES:
            debugger.calibrated_model = ranges.with_share(plain, per_sample, share)
            contents.append(debugger.get_nondebug_quantized_model())
            pictures = run(contents[-1], interpreter, calibration)[0][self._picture]
            errors.append(np.mean(np.square(pictures - truth)))
        return contents[int(np.argmin(errors))]


def convert(model: ExportedNetwork, variant: str, calibration: Mapping[str, np.ndarray] | None = None) -> bytes:
    """A model as a TensorFlow Lite flatbuffer, without metadata.

    Args:
      model: as `zoo.load_model` gives it.
      variant: one of `VARIANTS`.
      calibration: for `int8`, real conditions as `edits.conditions` gives them.

    Raises:
      ExportError: no such variant, a system that allows none, no calibration for `int8`, or an operation that is not
        built in.
    """
    if variant not in VARIANTS:
        raise ExportError(f"variant: expected one of {', '.join(VARIANTS)}, found {variant!r}")
    with Converter(model) as converter:
        return converter.convert(variant, calibration)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses the converter's output."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def export(
    model: ExportedNetwork,
    output: str | os.PathLike,
    variants: tuple[str, ...] = ("float16",),
    folder: str | os.PathLike = "",
) -> dict[pathlib.Path, list[Measurement]]:
    """Writes a model as TensorFlow Lite files, each measured before it is written.

    Args:
      model: as `zoo.load_model` gives it.
      output: a `.tflite` file for one variant, or a folder, which gets MODEL_VARIANT.tflite.
      variants: of `VARIANTS`.
      folder: photographs or shards to calibrate and to measure with (`edits.photographs`); those of `int8`'s
        calibration come after the measured ones.

    Returns:
      File -> measurements in every runtime. Of several variants, those with a `problem` are not written.

    Raises:
      ExportError: see `convert`, or the only variant differs too much; it is then not written.
      WeightsError, ConfigError, DataError, ImageError: the model or the photographs cannot be read, or nothing can be
        written to `output`.
    """
    origin, output = saved_model.Origin.of(model), pathlib.Path(output)
    single = output.suffix == ".tflite"
    if single and len(variants) != 1:
        raise ExportError(f"{output}: expected a folder for several variants, found a file")
    if single and output.is_dir():
        raise ExportError(f"{output}: expected a .tflite file, found a folder")
    (paths.check_place if single else paths.check_folder)(output.parent if single else output, "output")
    count = edits.COUNT + (CALIBRATION if "int8" in variants else 0)
    inputs = edits.conditions(model, edits.photographs(folder, model.image_size, count))
    measurement_inputs, calibration = (
        {key: value[part] for key, value in inputs.items()} for part in (slice(edits.COUNT), slice(edits.COUNT, None))
    )
    results = {}
    with Converter(model) as converter:
        metadata = saved_model.describe(model, {SIGNATURE: converter.edit.graph}, origin)
        plain = converter.convert("float32")
        for variant in variants:
            if variant == "weight_only":
                content = weights.in_8_bits(plain)
            else:
                content = plain if variant == "float32" else converter.convert(variant, calibration)
            measurements = measure(model, variant, content, plain, measurement_inputs)
            path = output if single else output / f"{metadata['model']}_{variant}.tflite"
            results[path] = measurements
            problem = "; ".join(
                f"{one.problem()} ({variant}, run by {one.runtime})" for one in measurements if one.problem()
            )
            if problem and len(variants) == 1:
                raise ExportError(f"{path}: expected {problem}")
            if problem:
                continue
            extra = {METADATA: json.dumps(_order(metadata, content) | {"variant": variant}, indent=2)}
            extra |= origin.card
            files.write_bytes(path, _with_files(content, extra))
    return results


def _order(metadata: dict[str, Any], content: bytes) -> dict[str, Any]:
    """Metadata with inputs and outputs in the order of the file's tensors, for callers that cannot use names."""
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner(SIGNATURE)
    signature = {}
    for side, details in (("inputs", runner.get_input_details()), ("outputs", runner.get_output_details())):
        rows = metadata["signatures"][SIGNATURE][side]
        signature[side] = sorted(rows, key=lambda row: details[row["name"]]["index"])
    return metadata | {"signatures": {SIGNATURE: signature}}


def _with_files(content: bytes, files: Mapping[str, str]) -> bytes:
    """A flatbuffer followed by a ZIP archive; interpreters stop at the end of the flatbuffer."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            # Undated: the same export is the same file at any time.
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
