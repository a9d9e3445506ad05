"""A TensorFlow Lite file of `tools.export`, used in place of a Keras model, and the interpreters of such files."""

from __future__ import annotations

import importlib.util
import json
import os
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from tfsketch.backends.base import METADATA, OLD_WAYS, SIGNATURE, Backend
from tfsketch.errors import ExportError, WeightsError, install_command


class TFLite(Backend):
    """A TensorFlow Lite file of `tools.export`, run by LiteRT if it is installed, else by TensorFlow. Its pictures have
    one size; a batch is run one by one.

    Args:
      path: the file.

    Raises:
      ExportError: see `read_metadata`.
      WeightsError: the file cannot be run, or its system cannot be a backend.
    """

    def __init__(self, path: str | os.PathLike):
        metadata = read_metadata(path)
        try:
            system, side = metadata["system"], metadata["image_size"]
            way = metadata.get("way", OLD_WAYS.get(system, ""))
            takes = [row["name"] for row in metadata["signatures"][SIGNATURE]["inputs"]]
        except (KeyError, TypeError) as error:
            raise WeightsError(
                f"{path}: {METADATA}: expected system, image_size and the inputs of the signature {SIGNATURE}, found "
                f"no {error}"
            ) from error
        super().__init__(path, system, way, takes, side, fixed=True)
        interpreter = _litert() or next(iter(interpreters().values()), None)
        if interpreter is None:
            raise WeightsError(
                f"{path}: expected LiteRT or TensorFlow to run it, found neither; install the extra `mobile`: "
                f"{install_command('mobile')}"
            )
        try:
            self._interpreter = interpreter(model_path=str(path), num_threads=os.cpu_count())
            self._runner = self._interpreter.get_signature_runner(SIGNATURE)
        except (ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: expected a TensorFlow Lite file that runs, found another ({error})") from error
        self._lock = threading.Lock()  # an interpreter has one set of tensors

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = []
        for number in range(len(next(iter(inputs.values())))):
            with self._lock:
                outputs = self._runner(**{key: value[number : number + 1] for key, value in inputs.items()})
                rows.append({key: np.array(value) for key, value in outputs.items()})
        return {key: np.concatenate([one[key] for one in rows]) for key in rows[0]}


def interpreters() -> dict[str, Callable[..., Any]]:
    """The available interpreters of TensorFlow Lite files: class by name."""
    table = {}
    if importlib.util.find_spec("tensorflow") is not None:
        import tensorflow as tf

        table[f"tf.lite {tf.__version__}"] = tf.lite.Interpreter
    litert = _litert()
    if litert is not None:
        from importlib.metadata import version

        table[f"LiteRT {version('ai-edge-litert')}"] = litert
    return table


def _litert() -> Callable[..., Any] | None:
    """LiteRT's interpreter if it is installed: the runtime of phones, an extra (`mobile`), without TensorFlow."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return None
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """The content of `metadata.json` in a TensorFlow Lite file.

    Raises:
      ExportError: there is no such file in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(METADATA))
    except (OSError, KeyError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise ExportError(f"{path}: expected a TensorFlow Lite file with {METADATA}, found none ({error})") from error
