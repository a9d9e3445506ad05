"""The common part of networks other than Keras models: exports and servers, used in place of a Keras model.

A backend runs the network on the vocabulary and nothing else. The editor does the cropping, scaling, pasting and
fading, so outside the mask the result is the input bit for bit with every backend. Only models that edit or draw in one
call can be backends: a search (Contextual GAN) needs the network's gradients, and restyling its two halves.

A SavedModel describes itself by its signature `about`, on disk and on a server alike; a TensorFlow Lite file by its
metadata.
"""

from __future__ import annotations

import abc
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsketch.errors import WeightsError

if TYPE_CHECKING:
    import tensorflow as tf

WAYS = ("edit", "draw")
"""Ways of working that are one call; see `editor.ways`."""
OLD_WAYS = {"sc_fegan": "edit", "cali_sketch": "draw"}
"""System -> way, for exports from before they recorded it themselves (28 November 2026)."""
ABOUT = "about"
"""Signature of a SavedModel: its description, as JSON; see `export.signatures.about`."""
TENSORS = "tensors"
"""Signature of a SavedModel: the network, all of its outputs."""
SIGNATURE = "edit"
"""Signature of a TensorFlow Lite file, and of an SC-FEGAN's SavedModel: the network's results, and only what they
depend on."""
METADATA = "metadata.json"
"""Name of the description in a TensorFlow Lite file."""


class Backend(abc.ABC):
    """A network that is called with the vocabulary's dict and returns one, as a Keras model does.

    Args:
      where: the file, folder or address, for messages.
      system: the model's.
      way: of working.
      takes: the keys of the vocabulary that it needs.
      image_size: side of the pictures that it was trained on.
      stride, smallest: sides that it takes are multiples of the one and at least the other.
      fixed: it takes pictures of `image_size` alone.

    Raises:
      WeightsError: the way is not one of `WAYS`.
    """

    def __init__(
        self,
        where: str | os.PathLike,
        system: str,
        way: str,
        takes: Sequence[str],
        image_size: int,
        stride: int = 1,
        smallest: int = 1,
        fixed: bool = False,
    ):
        if way not in WAYS:
            raise WeightsError(
                f"{where}: expected an export of a model that edits or draws, such as {' or '.join(OLD_WAYS)}, found "
                f"one of {system}; a model that completes or restyles runs from its model directory alone"
            )
        self.way = way
        self.takes, self.image_size, self.fixed = tuple(takes), image_size, fixed
        self.stride, self.smallest = stride, smallest

    def __call__(self, inputs: Mapping[str, tf.Tensor | np.ndarray]) -> dict[str, np.ndarray]:
        """The network's outputs, by name.

        Args:
          inputs: all keys of `takes`, [B,S,S,C] float32; others are ignored.

        Raises:
          TfsketchError: the network cannot be run.
        """
        return self._run({key: np.asarray(inputs[key], np.float32) for key in self.takes})

    def incremental(self) -> Backend:
        """As `ExportedNetwork.incremental`: itself."""
        return self

    @abc.abstractmethod
    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The network's outputs for exactly its inputs, in float32."""


def parse_about(where: str | os.PathLike, text: bytes) -> dict[str, Any]:
    """Parses the answer of the signature `about`: the arguments of `Backend`, and `signature`, the network's name.

    Raises:
      WeightsError: it is malformed.
    """
    try:
        about = json.loads(text)
        keys = ("system", "takes", "image_size", "stride", "smallest", "signature")
        return {key: about[key] for key in keys} | {"way": about.get("way", OLD_WAYS.get(about["system"], ""))}
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{where}: expected the signature {ABOUT} to give JSON with system, takes, image_size, stride, "
            f"smallest and signature, found {text[:100]!r}"
        ) from error
