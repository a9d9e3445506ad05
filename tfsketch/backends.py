"""Networks of other kinds for the editor: what `tools.export` wrote, or a server serves, in the place of a Keras model.

    backends.load("sc_fegan")                                        # a shipped model or a model directory: Keras
    backends.load("models/sc_fegan")                                 # a SavedModel: a version, or the newest of several
    backends.load("sc_fegan.tflite")                                 # a TensorFlow Lite file
    backends.load("http://localhost:8501/v1/models/sc_fegan")        # a server, over REST; grpc://HOST:8500/... too

A backend runs the network on the vocabulary and nothing else. Cutting, scaling, pasting and fading stay the editor's,
so outside of the mask the result is the input bit for bit with every backend. Only what edits and draws in one call can
be one: a search (Contextual GAN) needs the network's gradients, and restyling its two halves.

What a SavedModel is, its signature `about` says, on the disk and on a server alike; of a TensorFlow Lite file, the
metadata in it.
"""

from __future__ import annotations

import abc
import importlib.util
import json
import os
import pathlib
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch import wire, zoo
from tfsketch.errors import ExportError, ServingError, WeightsError

SYSTEMS = ("sc_fegan", "cali_sketch")
"""Those whose networks edit or draw in one call."""
ABOUT = "about"
"""Signature of a SavedModel: what it is, as JSON; see `export.signatures.about`."""
TENSORS = "tensors"
"""Signature of a SavedModel: the network, all of its outputs."""
SIGNATURE = "edit"
"""Signature of a TensorFlow Lite file, and of an SC-FEGAN's SavedModel: the network's results, and no more than these
need."""
METADATA = "metadata.json"
"""In a TensorFlow Lite file: what it is."""


class Backend(abc.ABC):
    """A network that is called with the vocabulary's dict and returns one, as a Keras model does.

    Args:
      where: the file, folder or address, for messages.
      system: the model's.
      takes: what it must be handed of the vocabulary.
      image_size: side of the pictures that it was trained on.
      stride, smallest: sides that it takes are multiples of the one and at least the other.
      fixed: it takes pictures of `image_size` alone.

    Raises:
      WeightsError: the system is none of `SYSTEMS`.
    """

    def __init__(
        self,
        where: str | os.PathLike,
        system: str,
        takes: Sequence[str],
        image_size: int,
        stride: int = 1,
        smallest: int = 1,
        fixed: bool = False,
    ):
        if system not in SYSTEMS:
            raise WeightsError(
                f"{where}: expected an export of {' or '.join(SYSTEMS)}, found one of {system}; a model that "
                "completes or restyles runs from its model directory alone"
            )
        self.takes, self.image_size, self.fixed = tuple(takes), image_size, fixed
        self.stride, self.smallest = stride, smallest

    def __call__(self, inputs: Mapping[str, tf.Tensor | np.ndarray]) -> dict[str, np.ndarray]:
        """The network's outputs, by name.

        Args:
          inputs: everything of `takes`, [B,S,S,C] float32; more is left out.

        Raises:
          TfsketchError: the network cannot be run.
        """
        return self._run({key: np.asarray(inputs[key], np.float32) for key in self.takes})

    @abc.abstractmethod
    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The network's outputs of exactly what it takes, in float32."""


def _about(where: str | os.PathLike, text: bytes) -> dict[str, Any]:
    """What the signature `about` answered: the arguments of `Backend`, and `signature`, which is the network.

    Raises:
      WeightsError: it is something else.
    """
    try:
        said = json.loads(text)
        return {key: said[key] for key in ("system", "takes", "image_size", "stride", "smallest", "signature")}
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{where}: expected the signature {ABOUT} to give JSON with system, takes, image_size, stride, "
            f"smallest and signature, found {text[:100]!r}"
        ) from error


class SavedModel(Backend):
    """A SavedModel of `tools.export`, run in this process; it needs nothing of Keras.

    Args:
      folder: a version's, with `saved_model.pb`.

    Raises:
      WeightsError: it cannot be loaded, lacks a signature, or is of a system that cannot be a backend.
    """

    def __init__(self, folder: str | os.PathLike):
        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: it holds the variables
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise WeightsError(f"{folder}: expected a SavedModel, found a damaged one ({error})") from error
        signatures = self._loaded.signatures
        if ABOUT not in signatures:
            raise WeightsError(
                f"{folder}: expected a SavedModel written by tools.export, with the signature {ABOUT}, "
                f"found {', '.join(signatures) or 'none'}"
            )
        said = _about(folder, signatures[ABOUT](ask=tf.constant([""]))["about_bytes"].numpy()[0])
        self._network = signatures[said.pop("signature")]
        super().__init__(folder, **said)

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        made = self._network(**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in made.items()}


class Served(Backend):
    """A SavedModel of `tools.export` on a TensorFlow Serving.

    Args:
      address: see `wire.at`.
      **how: of `wire.Caller`.

    Raises:
      ServingError: no such address, or the server cannot be reached, or refused.
      WeightsError: the model is of a system that cannot be a backend.
    """

    def __init__(self, address: str, **how: Any):
        self._caller, self._address = wire.at(address, **how), address
        said = _about(address, self._predict([{"ask": b""}], ABOUT)[0].get("about_bytes", b""))
        self._signature = said.pop("signature")
        super().__init__(address, **said)

    def _predict(self, rows: Sequence[wire.Row], signature: str) -> list[dict[str, Any]]:
        try:
            return self._caller.predict(rows, signature)
        except ServingError as error:
            raise ServingError(
                f"{error}; expected a running server of a model that tools.export wrote, with the signature {signature}"
            ) from error

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = len(next(iter(inputs.values())))
        rows = [{key: value[number] for key, value in inputs.items()} for number in range(count)]
        found = self._predict(rows, self._signature)
        return {key: np.array([row[key] for row in found], np.float32) for key in found[0]}


class TFLite(Backend):
    """A TensorFlow Lite file of `tools.export`, run by LiteRT where it is installed, else by TensorFlow. Its pictures
    have one size; a batch is run one after the other.

    Args:
      path: the file.

    Raises:
      ExportError: see `read_metadata`.
      WeightsError: the file cannot be run, or is of a system that cannot be a backend.
    """

    def __init__(self, path: str | os.PathLike):
        metadata = read_metadata(path)
        try:
            system, side = metadata["system"], metadata["image_size"]
            takes = [row["name"] for row in metadata["signatures"][SIGNATURE]["inputs"]]
        except (KeyError, TypeError) as error:
            raise WeightsError(
                f"{path}: {METADATA}: expected system, image_size and the inputs of the signature {SIGNATURE}, found "
                f"no {error}"
            ) from error
        super().__init__(path, system, takes, side, fixed=True)
        interpreter = list(interpreters().values())[-1]
        try:
            self._interpreter = interpreter(model_path=str(path), num_threads=os.cpu_count())
            self._runner = self._interpreter.get_signature_runner(SIGNATURE)
        except (ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: expected a TensorFlow Lite file that runs, found another ({error})") from error
        self._lock = threading.Lock()  # an interpreter has one set of tensors

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        made = []
        for number in range(len(next(iter(inputs.values())))):
            with self._lock:
                found = self._runner(**{key: value[number : number + 1] for key, value in inputs.items()})
                made.append({key: np.array(value) for key, value in found.items()})
        return {key: np.concatenate([one[key] for one in made]) for key in made[0]}


def interpreters() -> dict[str, Callable[..., Any]]:
    """What runs TensorFlow Lite files here: class by name. LiteRT, the runtime of phones, is an extra (`mobile`)."""
    found = {f"tf.lite {tf.__version__}": tf.lite.Interpreter}
    if importlib.util.find_spec("ai_edge_litert") is not None:
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        found[f"LiteRT {version('ai-edge-litert')}"] = Interpreter
    return found


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """What `metadata.json` in a TensorFlow Lite file says.

    Raises:
      ExportError: there is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(METADATA))
    except (OSError, KeyError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise ExportError(f"{path}: expected a TensorFlow Lite file with {METADATA}, found none ({error})") from error


def version_of(folder: str | os.PathLike) -> pathlib.Path | None:
    """The folder of a SavedModel: the folder itself, or its newest version; None where there is none."""
    folder = pathlib.Path(folder)
    versions = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    tried = [folder, *sorted(versions, key=lambda path: int(path.name), reverse=True)]
    return next((path for path in tried if (path / "saved_model.pb").is_file()), None)


def load(name: str | os.PathLike) -> tf.keras.Model | Backend:
    """The network that a name stands for, for `Editor`: see the module's docstring.

    Raises:
      WeightsError, ConfigError, ExportError, ServingError: it cannot be used; the message says why.
    """
    if "://" in str(name):
        return Served(str(name))
    if pathlib.Path(name).suffix == ".tflite":
        return TFLite(name)
    try:
        zoo.model_dir(name)
    except WeightsError as error:
        found = version_of(name)
        if found is None:
            raise WeightsError(
                f"{error}, and no SavedModel; a .tflite file and http://HOST:PORT/v1/models/NAME can be named too"
            ) from error
        return SavedModel(found)
    return zoo.load_model(name)
