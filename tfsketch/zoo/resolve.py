"""The network that a name stands for, and an editor that works with it.

resolve.load("sc_fegan")                                        # a shipped model or a model directory: Keras
resolve.load("models/sc_fegan")                                 # a SavedModel: a version, or the newest of several
resolve.load("sc_fegan.tflite")                                 # a TensorFlow Lite file
resolve.load("http://localhost:8501/v1/models/sc_fegan")        # a server, over REST; grpc://HOST:8500/... too
"""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any

from tfsketch.backends.base import Backend
from tfsketch.config import shipped
from tfsketch.editor import editor
from tfsketch.editor.ways import Network
from tfsketch.errors import WeightsError, require_tensorflow
from tfsketch.images.layers import excerpt

if TYPE_CHECKING:
    from tfsketch.nn.exported import Call, ExportedNetwork


def load(name: str | os.PathLike) -> ExportedNetwork | Backend:
    """The network that a name stands for, for `Editor`: see the module's docstring.

    Each kind is imported on demand: a server or a TensorFlow Lite file does not need TensorFlow.

    Raises:
      WeightsError, ConfigError, ExportError, ServingError: it cannot be used; the message says why.
      TfsketchError: it needs TensorFlow, which is not installed.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise WeightsError(f"model: expected a name, a folder, a file or an address, found {excerpt(name)}")
    if "://" in str(name):
        from tfsketch.backends.served import Served

        return Served(str(name))
    if pathlib.Path(name).suffix == ".tflite":
        from tfsketch.backends.tflite import TFLite

        return TFLite(name)
    require_tensorflow(str(name))
    from tfsketch.backends.saved_model import SavedModel, version_of
    from tfsketch.zoo import models

    try:
        shipped.model_folder(name)
    except WeightsError as error:
        version = version_of(name)
        if version is None:
            raise WeightsError(
                f"{error}, and no SavedModel; a .tflite file and http://HOST:PORT/v1/models/NAME can be named too"
            ) from error
        return SavedModel(version)
    return models.load_model(name)


class Editor(editor.Editor):
    """`editor.editor.Editor`, which also takes a model by its name.

    Args:
      model: a network, or an argument of `load`: a name, a model directory, an export, a server's address.
      side, **settings: as there.

    Raises:
      TfsketchError: a value out of range, or a model that cannot be loaded.
    """

    def __init__(self, model: Network | Call | str | os.PathLike, side: int | None = None, **settings: Any):
        super().__init__(load(model) if isinstance(model, (str, os.PathLike)) else model, side, **settings)
