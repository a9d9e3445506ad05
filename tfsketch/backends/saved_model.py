"""A SavedModel of `tools.export`, used in place of a Keras model."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import tensorflow as tf

from tfsketch.backends.base import ABOUT, Backend, parse_about
from tfsketch.errors import WeightsError
from tfsketch.images import paths


class SavedModel(Backend):
    """A SavedModel of `tools.export`, run in this process, without Keras.

    Args:
      folder: a version's, with `saved_model.pb`.

    Raises:
      WeightsError: it cannot be loaded, lacks a signature, or its system cannot be a backend.
    """

    def __init__(self, folder: str | os.PathLike):
        try:
            self._model = tf.saved_model.load(paths.literal(folder))  # kept: it holds the variables
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise WeightsError(f"{folder}: expected a SavedModel, found a damaged one ({error})") from error
        signatures = self._model.signatures
        if ABOUT not in signatures:
            raise WeightsError(
                f"{folder}: expected a SavedModel written by tools.export, with the signature {ABOUT}, "
                f"found {', '.join(signatures) or 'none'}"
            )
        about = parse_about(folder, signatures[ABOUT](ask=tf.constant([""]))["about_bytes"].numpy()[0])
        self._network = signatures[about.pop("signature")]
        super().__init__(folder, **about)

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = self._network(**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}


def version_of(folder: str | os.PathLike) -> pathlib.Path | None:
    """The folder of a SavedModel: the folder itself, or its newest version; None if there is none."""
    folder = pathlib.Path(folder)
    versions = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    candidates = [folder, *sorted(versions, key=lambda path: int(path.name), reverse=True)]
    return next((path for path in candidates if (path / "saved_model.pb").is_file()), None)
