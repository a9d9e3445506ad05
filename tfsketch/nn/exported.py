"""What the exported network of any system is: a Keras model that says what it takes, gives and is for.

Trainer, exports, backends and editor ask it these things instead of knowing systems by name.
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

    A 16-bit policy casts nothing on the way in: the picture must reach the composite as it came, and the layers cast
    for themselves.
    """

    section: ClassVar[type[Section]]
    """Class of the section that it is made of."""
    way: ClassVar[str] = ""
    """How it works on a photograph, a name of `editor.ways.WAYS`; empty for one that makes no picture."""
    takes: tuple[str, ...]
    """What it must be handed of the vocabulary."""
    gives: ClassVar[tuple[str, ...]] = ()
    """What an `edit` on a phone gives, the picture last; empty where one call makes none, so that it cannot be a
    TensorFlow Lite file."""
    fixed: ClassVar[bool] = False
    """Whether it takes pictures of `image_size` alone."""
    stride: int
    """Sides of pictures are multiples of it, in pixels."""
    smallest: int
    """The least side, in pixels."""
    experiment: Config
    """What it was made by, once `model_directory.build` has."""
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
        """The same results to rounding, from less work where most of a call's inputs are those of the call before; by
        default the network itself."""
        return self

    def in_one_call(self) -> ExportedNetwork:
        """What the editor does by several calls of this network, as a network of one: what a page without a server
        runs. By default the network itself."""
        return self


NetworkT = TypeVar("NetworkT", bound=ExportedNetwork)


def in_bfloat16(network: NetworkT) -> NetworkT:
    """The same network, computing in bfloat16: a copy of its own, whose weights stay float32.

    Where that is faster, and by how much, is a matter of the processor: see `precision`."""
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
    if hasattr(network, "experiment"):  # a network that was made by itself has none
        twin.experiment = network.experiment
    return twin


def shapes(model: ExportedNetwork, side: int) -> dict[str, list[int]]:
    """Shapes of one example of everything that an exported network takes: pictures of a side, vectors `z`, a `seed`,
    an `amount`."""
    vectors = {"z": getattr(model, "latent", 0), "seed": 2, "amount": 1}
    return {key: [1, vectors[key]] if key in vectors else [1, side, side, CHANNELS[key]] for key in model.takes}
