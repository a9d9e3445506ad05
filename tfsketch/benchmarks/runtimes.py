"""TensorFlow Lite files of one model by every runtime that is installed: how long a call takes, as a ratio, and how far
what it draws is from the float32 file's.

Files and runtimes take turns, on one thread each, and what counts is that thread's CPU time. The edits are of
squares around the face in scikit-image's portrait, with a hole in the middle and a line through it; `tools.export`
measures against the network itself, on edits as in training.
"""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from tfsketch.backends.base import SIGNATURE
from tfsketch.backends.tflite import interpreters, read_metadata
from tfsketch.benchmarks.measures import table
from tfsketch.config import Config
from tfsketch.errors import DataError
from tfsketch.export import edits
from tfsketch.vocabulary import to_tensors

_Key = TypeVar("_Key")
EDITS = 8
"""Number of calls, of which the first is not timed."""


def _examples(takes: list[str], side: int) -> list[dict[str, np.ndarray]]:
    """Edits of the vocabulary, [1,S,S,C] float32 each."""
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    hole = (rows**2 + columns**2 < 0.06).astype(np.uint8)
    lines = (hole > 0) & (np.abs(rows - columns / 3) < 0.6 / side)
    examples = []
    for number, image in enumerate(edits.photographs("", side, EDITS)):
        noise = np.random.default_rng(number).standard_normal((side, side), np.float32)
        paint = np.full((side, side, 3), (200, 120, 90), np.uint8)
        layers = {"image": image, "style": image[:, ::-1], "mask": hole, "sketch": lines, "noise": noise}
        layers |= {"color": paint, "painted": hole * (rows > 0.1)}
        tensors = to_tensors({key: layer[None] for key, layer in layers.items()}, arrays=True)
        examples.append({key: np.asarray(tensors[key], np.float32) for key in takes})
    return examples


def psnr(output: np.ndarray, truth: np.ndarray, example: Mapping[str, np.ndarray]) -> float:
    """In dB, of the erased pixels, where something is erased."""
    mask = np.broadcast_to(example["mask"] > 0.5 if "mask" in example else True, truth.shape)
    square = float(np.mean(np.square(output - truth)[mask]))
    return float(10 * np.log10(4.0 / square)) if square else np.inf


@dataclasses.dataclass(frozen=True)
class Turn:
    """What one of several found that took turns."""

    seconds: list[float]
    """Of the calling thread's CPU time, a call each; the first call fills caches."""
    outputs: list[np.ndarray]
    """Its picture of each example."""


def turns(
    calls: Mapping[_Key, Callable[..., dict[str, np.ndarray]]],
    examples: Sequence[Mapping[str, np.ndarray]],
    picture: str,
) -> dict[_Key, Turn]:
    """Runs every example by all of the calls, one call after the other.

    Args:
      calls: name -> takes an example's tensors by name and gives tensors by name.
      examples: tensors by name, a call each.
      picture: which of the tensors that a call gives is kept.
    """
    results = {key: Turn([], []) for key in calls}
    for example in examples:
        for key, call in calls.items():
            start = time.thread_time()
            outputs = call(**example)
            results[key].seconds.append(time.thread_time() - start)
            results[key].outputs.append(np.array(outputs[picture]))
    return results


def runtimes(config: Config, folder: str, seconds: float) -> str:
    """Files by runtimes; see the module's docstring.

    Args:
      config: not used; the files say what they are.
      folder: `.tflite` files of one model, as `tools.export --format=tflite --variant=all` writes them.
      seconds: not used; every file runs the same edits.

    Raises:
      DataError: there are none, or no float32 among them.
      ExportError: see `read_metadata`.
    """
    del config, seconds
    paths = {read_metadata(path)["variant"]: path for path in sorted(pathlib.Path(folder or ".").glob("*.tflite"))}
    if "float32" not in paths:
        raise DataError(
            f"--data: expected a folder of .tflite files, one of them float32 (tools.export --format=tflite "
            f"--variant=all), found {', '.join(paths) or 'none'} in {folder or 'none'}"
        )
    paths = {"float32": paths["float32"], **paths}
    metadata = read_metadata(paths["float32"])
    examples = _examples([row["name"] for row in metadata["signatures"][SIGNATURE]["inputs"]], metadata["image_size"])
    names = [row["name"] for row in metadata["signatures"][SIGNATURE]["outputs"]]
    picture = "image" if "image" in names else names[-1]
    runners = {
        (runtime, variant): interpreter(model_path=str(path), num_threads=1)
        for runtime, interpreter in reversed(interpreters().items())
        for variant, path in paths.items()
    }
    calls = {key: runner.get_signature_runner(SIGNATURE) for key, runner in runners.items()}
    results = turns(calls, examples, picture)
    floor, rows = next(iter(results.values())), []
    for (runtime, variant), turn in results.items():
        ratios = np.divide(turn.seconds[1:], floor.seconds[1:])
        low, ratio, high = np.percentile(ratios, [10, 50, 90])
        size = paths[variant].stat().st_size / 1e6
        mean = float(np.mean([psnr(*three) for three in zip(turn.outputs, floor.outputs, examples)]))
        rows.append(
            [f"`{variant}`, {runtime}", f"{size:.2f}", f"{ratio:.2f}", f"{low:.2f} - {high:.2f}", f"{mean:.1f}"]
        )
    lines = [
        f"{metadata['model']} at {metadata['image_size']} px, one thread, {datetime.date.today().isoformat()}; "
        "CPU time of a call as a ratio to the first row's, PSNR to it in the hole. Made by `python -m "
        "tools.benchmark runtimes --data=FOLDER`.",
        "",
        *table(["file, run by", "MB", "time", "10 % - 90 %", "PSNR, dB"], rows),
    ]
    return "\n".join(lines)
