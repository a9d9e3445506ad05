"""The base class of every system's exported network: a Keras model that describes its inputs, outputs and use.

Trainer, exports, backends and editor rely on this description instead of knowing systems by name.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Optional, TypeVar

import tensorflow as tf

from tfsketch.config import Config, Section
from tfsketch.vocabulary import CHANNELS

Call = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A network as its users call it: the vocabulary's dict in, another out."""


class ExportedNetwork(tf.keras.Model):
    """A network that users run, made of its system's section `model`: `Network(section)`.

    A 16-bit policy does not cast inputs: the picture must reach the composite unchanged, and layers do their own casts.
    """

    section: ClassVar[type[Section]]
    """Class of the section that it is built from."""
    way: ClassVar[str] = ""
    """How it works on a photograph, a name of `editor.ways.WAYS`; empty for one that makes no picture."""
    takes: tuple[str, ...]
    """The keys of the vocabulary that it needs."""
    gives: ClassVar[tuple[str, ...]] = ()
    """Outputs of an `edit` on a phone, the picture last; empty if one call makes no picture, so that it cannot be a
    TensorFlow Lite file."""
    latent: int = 0
    """Length of the vector `z`, of a network that takes one."""
    fixed: ClassVar[bool] = False
    """Whether it takes pictures of `image_size` only."""
    stride: int
    """Sides of pictures are multiples of it, in pixels."""
    smallest: int
    """The least side, in pixels."""
    experiment: Config
    """Its experiment, set by `model_directory.build`."""
    folder: Optional[pathlib.Path] = None
    """The model directory that it was read from."""

    def __init__(self, section: Section, name: str = "network"):
        super().__init__(name=name, autocast=False)
        self._section = section
        self.stride, smallest = section.sides()
        self.smallest = -(-smallest // self.stride) * self.stride

    @property
    def image_size(self) -> int:
        """Side of the pictures that it was trained on, in pixels."""
        return self.experiment.image_size

    def incremental(self) -> Call:
        """The same results up to rounding, with less work if most of a call's inputs equal those of the call before; by
        default the network itself."""
        return self

    def in_one_call(self) -> ExportedNetwork:
        """The editor's several calls of this network as a network with one call, for a page without a server. By
        default the network itself."""
        return self


NetworkT = TypeVar("NetworkT", bound=ExportedNetwork)


def in_bfloat16(network: NetworkT) -> NetworkT:
    """A copy of the network that computes in bfloat16; its weights stay float32.

    Whether that is faster depends on the processor: see `precision`."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        twin = type(network)(network._section)
        twin({key: tf.zeros(shape) for key, shape in shapes(twin, twin.smallest).items()})
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    for variable, value in zip(twin.variables, network.variables):
        variable.assign(value)
    twin.folder = network.folder
    if hasattr(network, "experiment"):  # a network built directly has none
        twin.experiment = network.experiment
    return twin


def shapes(model: ExportedNetwork, side: int) -> dict[str, list[int]]:
    """Shapes of one example of each input of an exported network: pictures of a side, vectors `z`, a `seed`, an
    `amount`."""
    vectors = {"z": model.latent, "seed": 2, "amount": 1}
    return {key: [1, vectors[key]] if key in vectors else [1, side, side, CHANNELS[key]] for key in model.takes}
