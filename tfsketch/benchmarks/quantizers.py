"""The ways to quantise a model beside each other: the variants of `tools.export`, and the recipes of ai-edge-quantizer
where that is installed (`pip install ai-edge-quantizer==0.10.0`). How far each file's picture is from the network's
own, how large it is, and how long a call takes on LiteRT's processor kernels, as a ratio.

All static ones are calibrated on the same edits, which come after the measured ones. Files take turns, on one thread
each, and what counts is that thread's CPU time, with the rounding of inputs where a file takes whole numbers.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch import zoo
from tfsketch.backends.base import SIGNATURE
from tfsketch.backends.tflite import interpreters
from tfsketch.benchmarks.measures import table
from tfsketch.benchmarks.runtimes import psnr, turns
from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.export import VARIANTS, edits, mobile, weights

MODEL = "sc_fegan_mobile"
EDITS = 8
"""How many are measured, of which the first does not count for the time."""
_RECIPES = ("weight_only_wi8_afp32", "dynamic_wi8_afp32", "dynamic_wi4_afp32", "static_wi8_ai8", "static_wi8_ai16")
_CONVOLUTIONS = ("CONV_2D",)
_ALL_BUT_COMPOSITE = ("CONV_2D", "CONCATENATION", "LOGISTIC", "MUL", "RESIZE_NEAREST_NEIGHBOR", "SUB", "TANH")
"""ai-edge-quantizer has no LeakyReLU; GREATER and SELECT_V2 are the composite."""


def _by_recipes(plain: bytes, calibration: list[dict[str, np.ndarray]]) -> dict[str, bytes]:
    """Files by ai-edge-quantizer of a `float32` one, by what they are called in the table."""
    from ai_edge_quantizer import qtyping, quantizer
    from ai_edge_quantizer.utils import qsv_utils

    def ready(recipe: str = "", operations: tuple[str, ...] = ()) -> Any:
        tool = quantizer.Quantizer(bytearray(plain))
        if recipe:
            tool.load_quantization_recipe(recipe)
        for name in operations:
            tool.add_static_config(".*", qtyping.TFLOperationName(name), activation_num_bits=8, weight_num_bits=8)
        return tool

    # Its own way is a moving average of the samples' extremes, the converter's the extremes themselves.
    average: dict[str, Any] = {}
    extremes: dict[str, Any] = {}
    for example in calibration:
        for tensor, values in ready("static_wi8_ai8").calibrate({SIGNATURE: [example]}, num_threads=1).items():
            average[tensor] = qsv_utils.moving_average_update(average.get(tensor, {}), values)
            extremes[tensor] = qsv_utils.min_max_update(extremes.get(tensor, {}), values)
    makers = {f"`{recipe}`": (ready(recipe), average) for recipe in _RECIPES}
    makers["`static_wi8_ai8`, convolutions alone"] = ready(operations=_CONVOLUTIONS), average
    rest = "`static_wi8_ai8`, all but LeakyReLU and composite"
    makers[rest] = ready(operations=_ALL_BUT_COMPOSITE), average
    makers[f"{rest}, calibrated to the extremes"] = ready(operations=_ALL_BUT_COMPOSITE), extremes
    return {
        name: bytes(tool.quantize(ranges if tool.need_calibration else None).quantized_model)
        for name, (tool, ranges) in makers.items()
    }


def _caller(content: bytes) -> Callable[..., dict[str, np.ndarray]]:
    """Runs a file on float32 tensors by name, whatever it takes and gives itself."""
    interpreter = next(reversed(interpreters().values()))  # LiteRT where it is installed
    runner = interpreter(model_content=content, num_threads=1).get_signature_runner(SIGNATURE)
    takes, gives = runner.get_input_details(), runner.get_output_details()

    def quantize(value: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
        if detail["dtype"] == np.float32:
            return value
        scale, zero = detail["quantization"]
        limits = np.iinfo(detail["dtype"])
        return np.clip(np.rint(value / scale + zero), limits.min, limits.max).astype(detail["dtype"])

    def call(**tensors: np.ndarray) -> dict[str, np.ndarray]:
        outputs = runner(**{key: quantize(value, takes[key]) for key, value in tensors.items()})
        for key, value in outputs.items():
            if value.dtype != np.float32:
                scale, zero = gives[key]["quantization"]
                outputs[key] = (value.astype(np.float32) - zero) * np.float32(scale)
        return outputs

    return call


def _outside(output: np.ndarray, example: Mapping[str, np.ndarray]) -> float:
    """The largest difference from the input where nothing is erased, in levels of 255."""
    outside = np.broadcast_to(example["mask"] < 0.5, output.shape)
    return float(np.abs(output - example["image"])[outside].max()) * 127.5


def quantizers(
    config: Config, folder: str, seconds: float, model: str = MODEL, calibrated_on: int = mobile.CALIBRATION
) -> str:
    """Files by what quantised them; see the module's docstring.

    Args:
      config: not used; the model has its own.
      folder: photographs or shards to calibrate and to measure with, or empty (`export.edits.photographs`).
      seconds: not used; every file runs the same edits.
      model: a shipped model that edits, or a model directory.
      calibrated_on: edits that the static ones are calibrated on.

    Raises:
      ConfigError: a model that takes no mask.
      ExportError, DataError, ImageError: see `export.mobile.export`.
    """
    del config, seconds
    network = zoo.load_model(model)
    if "mask" not in network.takes or network.gives[-1] != "image":
        raise ConfigError(f"{model}: expected a model that edits, found one of {network.experiment.system}")
    pictures = edits.photographs(folder, network.image_size, EDITS + calibrated_on)
    inputs = edits.conditions(network, pictures)
    examples = [{key: value[n : n + 1] for key, value in inputs.items()} for n in range(len(pictures))]
    examples, calibration = examples[:EDITS], {key: value[EDITS:] for key, value in inputs.items()}
    with mobile.Converter(network) as converter:
        plain = converter.convert("float32")
        files = {f"`{one}`": converter.convert(one, calibration) for one in VARIANTS if one != "weight_only"}
        files["`weight_only`"] = weights.in_8_bits(plain)
        in_float32 = tuple(name for name in mobile.NEVER_INT8 if name != "LEAKY_RELU")
        files["`int8`, its LeakyReLU in 8 bits too"] = converter.convert("int8", calibration, in_float32)
    makers = dict.fromkeys(files, "`tools.export`")
    makers["`int8`, its LeakyReLU in 8 bits too"] = "the converter with the same ranges"
    if importlib.util.find_spec("ai_edge_quantizer") is not None:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the memory that its calibration needs
            by_recipes = _by_recipes(
                plain, [{key: value[n : n + 1] for key, value in calibration.items()} for n in range(calibrated_on)]
            )
        makers |= dict.fromkeys(by_recipes, "ai-edge-quantizer")
        files |= by_recipes
    results = turns({name: _caller(content) for name, content in files.items()}, examples, "image")
    truths = [network({key: tf.constant(value) for key, value in one.items()})["image"].numpy() for one in examples]
    floor, rows = next(iter(results.values())).seconds, []
    for name, content in files.items():
        outputs = results[name].outputs
        mean = float(np.mean([psnr(*three) for three in zip(outputs, truths, examples)]))
        outside = max(map(_outside, outputs, examples))
        rows.append(
            [
                f"{name}, by {makers[name]}",
                f"{len(content) / 1e6:.2f}",
                f"{mean:.1f}",
                f"{np.median(np.divide(results[name].seconds[1:], floor[1:])):.2f}",
                f"{outside:.1f} levels" if outside else "bit for bit",
            ]
        )
    lines = [
        f"{network.experiment.system} at {network.image_size} px, {EDITS} edits, {calibrated_on} to calibrate on, one "
        f"thread, run by {next(reversed(interpreters()))}, {datetime.date.today().isoformat()}; PSNR in the hole to "
        "the network's own picture, CPU time of a call as a ratio to the first row's. Made by `python -m "
        "tools.benchmark quantizers --data=FOLDER`.",
        "",
        *table(["file", "MB", "PSNR, dB", "time", "outside the mask"], rows),
    ]
    return "\n".join(lines)
