"""The cost of an edit in an SC-FEGAN's network: in float32, the floor, in bfloat16 (`nn.precision`) and as an int8
TensorFlow Lite file, the whole picture and the next stroke of one that is being edited (`region_inference`).

All take turns in one process, on all cores; what the editor does around the network is not in it. Colours are compared
with float32's in the hole. Weights are those of the experiment's `train.init` where it names a shipped model, else
random ones.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfsketch import systems
from tfsketch.backends.base import SIGNATURE
from tfsketch.backends.tflite import interpreters
from tfsketch.benchmarks.measures import Spread, Times, table
from tfsketch.benchmarks.region import strokes_of
from tfsketch.config import Config, shipped
from tfsketch.errors import ConfigError, ExportError
from tfsketch.export import edits as edits_lib
from tfsketch.export import mobile
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork, in_bfloat16
from tfsketch.nn.precision import bfloat16_units
from tfsketch.systems.sc_fegan.region_inference import RegionInference

_CALIBRATION = 4
"""Edits that an int8 file is calibrated with: enough for its speed."""
_LEAST = 5
"""Turns, at least."""
Run = Callable[[Mapping[str, tf.Tensor]], np.ndarray]


def _lite(model: ExportedNetwork) -> tuple[str, Run]:
    """A model as an int8 file: what runs it here, LiteRT where it is installed, and a function that does.

    Raises:
      ExportError: it cannot be converted.
    """
    calibration = edits_lib.conditions(model, edits_lib.photographs("", model.image_size, _CALIBRATION))
    content = mobile.convert(model, "int8", calibration)
    runtime, interpreter = list(interpreters().items())[-1]
    lite = interpreter(model_content=content, num_threads=os.cpu_count())
    runner = lite.get_signature_runner(SIGNATURE)

    def run(inputs: Mapping[str, tf.Tensor]) -> np.ndarray:
        return np.array(runner(**{key: value.numpy() for key, value in inputs.items()})["image"])

    return runtime, run


def _runs(model: ExportedNetwork) -> tuple[dict[str, Run], list[str]]:
    """The measured variants by name, the floor first; and words on those that are unavailable."""
    notes = []
    networks: dict[str, Callable] = {"float32": tf.function(model)}
    units = bfloat16_units()
    twin = in_bfloat16(model) if units else None
    if twin is None:
        notes.append("bfloat16: no units for it here.")
    else:
        networks[f"bfloat16, {units}"] = tf.function(twin)
    networks["float32, next stroke"] = RegionInference(model)
    if twin is not None:
        networks[f"bfloat16, {units}, next stroke"] = RegionInference(twin)

    def picture(network: Callable) -> Run:
        return lambda inputs: np.asarray(network(inputs)["image"])

    runs = {name: picture(network) for name, network in networks.items()}
    try:
        runtime, run = _lite(model)
        runs[f"int8, {runtime}"] = run
    except ExportError as error:
        notes.append(f"int8: {str(error).splitlines()[0][:200]}")
    return runs, notes


def edits(config: Config, folder: str, seconds: float) -> str:
    """Measures the cost of an edit; see the module's docstring.

    Args:
      config: the experiment, of SC-FEGAN; the hole is a square of half its side.
      folder: not used; the pictures are noise.
      seconds: by the clock, for each row; no fewer than `_LEAST` turns.

    Raises:
      ConfigError: another system.
    """
    del folder
    if config.system != "sc_fegan":
        raise ConfigError(f"system: expected sc_fegan for this benchmark, found {config.system}")
    tf.keras.utils.set_random_seed(config.seed)
    model, side = systems.build(config), config.image_size
    weights = config.train.init if config.train.init in shipped.MODELS else ""
    if weights:
        model_directory.load_weights(model, shipped.model_folder(weights) / "weights.npz")
    runs, notes = _runs(model)
    strokes = list(strokes_of(side, side // 2))[1][1]  # what makes a next stroke; for a whole network, any picture
    hole = np.broadcast_to(strokes[0]["mask"].numpy() > 0, (1, side, side, 3))
    apart: dict[str, np.ndarray] = {}
    for inputs in (*strokes, *strokes):  # also makes the graphs
        pictures = {name: run(inputs) for name, run in runs.items()}
        for name, picture in pictures.items():
            apart[name] = 127.5 * np.abs(picture - pictures["float32"])[hole]
    times: dict[str, list[Times]] = {name: [] for name in runs}
    start = time.perf_counter()
    while len(times["float32"]) < _LEAST or time.perf_counter() - start < seconds * len(runs):
        inputs = strokes[len(times["float32"]) % 2]
        for name, run in runs.items():
            times[name].append(Times.of(lambda: run(inputs), 1))
    rows = []
    for name, turns in times.items():
        ratios = [
            Spread.of([getattr(ours, of) / getattr(floor, of) for ours, floor in zip(turns, times["float32"])])
            for of in ("processor", "clock")
        ]
        milliseconds = 1000 * float(np.median([turn.processor for turn in turns]))
        cells = [cell for ratio in ratios for cell in ratio.cells(2)]
        rows.append([name, f"{milliseconds:.0f}", *cells, f"{apart[name].mean():.2f}", f"{apart[name].max():.1f}"])
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; "
        f"{model.count_params() / 1e6:.1f} M parameters, {side} px, a hole of {side // 2} px, "
        f"{f'weights of `{weights}`' if weights else 'random weights'}; levels of 255. {' '.join([*notes, ''])}Made by "
        "`python -m tools.benchmark edits`.",
        "",
        *table(
            [
                "edit",
                "processor ms",
                "of float32's",
                "10 % - 90 %",
                "by the clock",
                "10 % - 90 %",
                "levels, mean",
                "most",
            ],
            rows,
        ),
    ]
    return "\n".join(lines)
