"""The network that a name stands for.

resolve.load("sc_fegan")                                        # a shipped model or a model directory: Keras
resolve.load("models/sc_fegan")                                 # a SavedModel: a version, or the newest of several
resolve.load("sc_fegan.tflite")                                 # a TensorFlow Lite file
resolve.load("http://localhost:8501/v1/models/sc_fegan")        # a server, over REST; grpc://HOST:8500/... too
"""

from __future__ import annotations

import os
import pathlib

import tensorflow as tf

from tfsketch import zoo
from tfsketch.backends.base import Backend
from tfsketch.backends.saved_model import SavedModel, version_of
from tfsketch.backends.served import Served
from tfsketch.backends.tflite import TFLite
from tfsketch.errors import WeightsError


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
