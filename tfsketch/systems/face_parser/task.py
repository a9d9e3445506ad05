"""One training step of the face parser: cross-entropy over pixels + soft Dice over regions (ours)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfsketch.conditions import regions
from tfsketch.conditions.face_parser import FaceParser
from tfsketch.config import Config
from tfsketch.config.face_parser import FaceParserLossConfig
from tfsketch.nn import model_directory
from tfsketch.systems.face_parser import losses
from tfsketch.training.task import Batch, Minimize, Task, Terms, weighted_sum
from tfsketch.vocabulary import to_uint8

TERMS: dict[str, Callable[[Batch, Batch], tf.Tensor]] = {
    "cross_entropy": lambda outputs, batch: losses.cross_entropy(outputs["logits"], batch["regions"]),
    "dice": lambda outputs, batch: losses.dice(outputs["probabilities"], batch["regions"]),
}
"""Weight -> the term [B], unweighted."""


class FaceParserTask(Task):
    """One network, `parser`."""

    exported = "parser"
    network = FaceParser
    terms = tuple(TERMS)

    def __init__(self, config: Config):
        self.networks = {"parser": model_directory.build(FaceParser, config)}

    def step(self, batch: Batch, loss: FaceParserLossConfig, minimize: Minimize) -> Terms:
        with tf.GradientTape() as tape:
            outputs = self.networks["parser"](batch, training=True)
            terms = {name: term(outputs, batch) for name, term in TERMS.items() if getattr(loss, name)}
            total = weighted_sum(loss, terms)
        minimize("parser", tape, total)
        right = tf.cast(outputs["regions"] == batch["regions"], tf.float32)
        return terms | {"parser": total, "right": tf.reduce_mean(right, axis=[1, 2, 3])}

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        rows = [
            [to_uint8(image), regions.to_rgb(prediction[..., 0].numpy()), regions.to_rgb(truth[..., 0].numpy())]
            for image, prediction, truth in zip(batch["image"], outputs["regions"], batch["regions"])
        ]
        return rows, ["image", "output", "truth"]
