"""What networks of other kinds than Keras have in common: exports and servers, used in place of a Keras model.

A backend runs the network on the vocabulary and nothing else. Cutting, scaling, pasting and fading stay the editor's,
so outside of the mask the result is the input bit for bit with every backend. Only what edits and draws in one call can
be one: a search (Contextual GAN) needs the network's gradients, and restyling its two halves.

What a SavedModel is, its signature `about` says, on the disk and on a server alike; of a TensorFlow Lite file, the
metadata in it.
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
"""System -> way, for exports that were written before they said so themselves (28 November 2026)."""
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
      way: of working.
      takes: what it must be handed of the vocabulary.
      image_size: side of the pictures that it was trained on.
      stride, smallest: sides that it takes are multiples of the one and at least the other.
      fixed: it takes pictures of `image_size` alone.

    Raises:
      WeightsError: the way is none of `WAYS`.
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
          inputs: everything of `takes`, [B,S,S,C] float32; more is left out.

        Raises:
          TfsketchError: the network cannot be run.
        """
        return self._run({key: np.asarray(inputs[key], np.float32) for key in self.takes})

    def incremental(self) -> Backend:
        """As `ExportedNetwork.incremental`: itself."""
        return self

    @abc.abstractmethod
    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The network's outputs of exactly what it takes, in float32."""


def parse_about(where: str | os.PathLike, text: bytes) -> dict[str, Any]:
    """What the signature `about` answered: the arguments of `Backend`, and `signature`, which is the network.

    Raises:
      WeightsError: it is something else.
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
