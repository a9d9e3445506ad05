"""The signatures of a served face parser."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.backends import base
from tfsketch.export.signatures import PICTURE, Outputs, Signature, each, network_signature, to_png
from tfsketch.framing import graph
from tfsketch.framing.decoding import decode
from tfsketch.vocabulary import to_unit


def for_parser(levels: tf.Tensor, side: int) -> tf.Tensor:
    """A photograph [H,W,3] as `network.shares` shows it to the network: [side,side,3] in [-1,1]."""
    return tf.ensure_shape(to_unit(graph.round_levels(graph.fit(levels, side))), [side, side, 3])


def signatures(model: tf.keras.Model) -> dict[str, Signature]:
    """Parses as `network.parse` does."""
    side = model.experiment.image_size

    def before(data: tf.Tensor) -> Outputs:
        image = decode("image_bytes", data)[0][..., :3]
        return {"image": for_parser(tf.cast(image, tf.float32), side), "size": tf.shape(image)[:2]}

    def after(size: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        return to_png(tf.argmax(tf.image.resize(shares, size, antialias=True), axis=-1)[..., None])

    def parse(image_bytes: tf.Tensor) -> Outputs:
        layers = {"image": tf.TensorSpec([side, side, 3]), "size": tf.TensorSpec([2], tf.int32)}
        examples = each(before, image_bytes, gives=layers)
        shares = model({"image": examples["image"]})["probabilities"]
        return {"regions_bytes": each(after, examples["size"], shares, gives=tf.TensorSpec([], tf.string))}

    return {"serving_default": Signature(parse, {"image_bytes": PICTURE}), base.TENSORS: network_signature(model)}
