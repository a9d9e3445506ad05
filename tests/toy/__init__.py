"""A sixth system, as small as one can be: what it takes to add one. It repaints the mask with a plane of one colour.

Nothing outside this folder knows of it: `toy_test` puts its record into `systems.SYSTEMS`, which is what the one line
of a real system does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import tensorflow as tf

from tfsketch.backends import base
from tfsketch.config import Config, LossConfig
from tfsketch.export.signatures import PICTURE, Outputs, Signature, network_signature
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.systems.record import Parts, System
from tfsketch.training.task import Batch, Minimize, Task, Terms
from tfsketch.vocabulary import check_sides, composite


@dataclasses.dataclass(frozen=True)
class ToyLossConfig(LossConfig):
    """Weights of the toy's loss terms."""

    pixel: float = 1.0


@dataclasses.dataclass(frozen=True)
class ToyConfig:
    """Section `model` of the toy."""

    multiple: int = 4
    """Sides are multiples of it, in pixels."""
    loss: ToyLossConfig = ToyLossConfig()

    conditions: ClassVar[tuple[str, ...]] = ("mask",)
    changeable: ClassVar[tuple[str, ...]] = ("loss",)

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return self.multiple, self.multiple


class Toy(ExportedNetwork):
    """`image` and `mask` -> `raw`, one colour everywhere, and `image`, the composite."""

    section = ToyConfig
    way = "edit"
    takes = ("image", "mask")
    gives = ("image",)

    def __init__(self, config: ToyConfig):
        super().__init__(config, "toy")
        self.color = self.add_weight(name="color", shape=(3,), initializer="zeros")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        check_sides(inputs["image"].shape, self.stride)
        raw = tf.zeros_like(inputs["image"]) + tf.tanh(self.color)
        return {"raw": raw, "image": composite(raw, inputs["image"], inputs["mask"])}


class ToyTask(Task):
    """One network, whose colour moves towards the photographs'."""

    exported = "toy"
    network = Toy
    terms = ("pixel",)

    def __init__(self, config: Config):
        self.networks = {"toy": model_directory.build(Toy, config)}

    def step(self, batch: Batch, loss: ToyLossConfig, minimize: Minimize) -> Terms:
        with tf.GradientTape() as tape:
            raw = self.networks["toy"](batch, training=True)["raw"]
            pixel = tf.reduce_mean(tf.abs(raw - batch["image"]), axis=[1, 2, 3])
            total = loss.pixel * pixel
        minimize("toy", tape, total)
        return {"pixel": pixel, "toy": total}


def signatures(model: Toy) -> dict[str, Signature]:
    """`serving_default` gives the photograph back as it came."""

    def serve(image_bytes: tf.Tensor) -> Outputs:
        return {"image_bytes": image_bytes}

    return {"serving_default": Signature(serve, {"image_bytes": PICTURE}), base.TENSORS: network_signature(model)}


TOY = System(ToyConfig, lambda: Parts(Toy, ToyTask, signatures), "edit")
