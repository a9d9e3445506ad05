"""What one training step of the face parser does: cross-entropy over pixels + soft Dice over regions (ours)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch.conditions import regions
from tfsketch.conditions.face_parser import FaceParser, FaceParserLossConfig
from tfsketch.config import Config
from tfsketch.nn import losses, model_directory
from tfsketch.training.task import Batch, Minimize, Task, Terms
from tfsketch.vocabulary import to_uint8


class FaceParserTask(Task):
    """One network, `parser`."""

    exported = "parser"
    network = FaceParser

    def __init__(self, config: Config):
        self.networks = {"parser": model_directory.build(FaceParser, config)}

    def step(self, batch: Batch, loss: FaceParserLossConfig, minimize: Minimize) -> Terms:
        with tf.GradientTape() as tape:
            outputs = self.networks["parser"](batch, training=True)
            terms = {}
            if loss.cross_entropy:
                terms["cross_entropy"] = losses.cross_entropy(outputs["logits"], batch["regions"])
            if loss.dice:
                terms["dice"] = losses.dice(outputs["probabilities"], batch["regions"])
            total = tf.add_n([getattr(loss, name) * term for name, term in terms.items()])
        minimize("parser", tape, total)
        right = tf.cast(outputs["regions"] == batch["regions"], tf.float32)
        return terms | {"parser": total, "right": tf.reduce_mean(right, axis=[1, 2, 3])}

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        rows = [
            [to_uint8(image), regions.colored(found[..., 0].numpy()), regions.colored(truth[..., 0].numpy())]
            for image, found, truth in zip(batch["image"], outputs["regions"], batch["regions"])
        ]
        return rows, ["image", "output", "truth"]
