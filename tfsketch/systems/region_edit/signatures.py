"""What a served region editor answers to."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfsketch.backends import base
from tfsketch.export.signatures import PICTURE, Outputs, Signature, each, network_signature, shared
from tfsketch.framing import graph
from tfsketch.framing.decoding import decode, require
from tfsketch.framing.meaning import read_mask
from tfsketch.vocabulary import CHANNELS, to_unit


def signatures(model: tf.keras.Model) -> dict[str, Signature]:
    """Restyles as `Editor.restyle` does by default. Its network's sizes are static: `tensors` is of its own side."""
    side = model.experiment.image_size

    @shared
    def read(image_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The photograph [H,W,3] uint8 and where to restyle it [H,W] bool."""
        image = decode("image_bytes", image_bytes)[0]
        everywhere = tf.fill(tf.shape(image)[:2], True)
        mask = tf.cond(
            tf.strings.length(mask_bytes) == 0,
            lambda: everywhere,
            lambda: read_mask(mask_bytes, image, "pixel to restyle"),
        )
        return image[..., :3], mask

    def before(image_bytes: tf.Tensor, style_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> Outputs:
        image, mask = read(image_bytes, mask_bytes)
        square = graph.Square(mask, side)
        layers = tf.concat([square.shrunk(image), square.shrunk_mask()[..., None]], axis=-1)
        levels, erased = tf.split(graph.pad(layers, side), [3, 1], axis=-1)
        style = tf.cast(decode("style_bytes", style_bytes)[0][..., :3], tf.float32)
        return {"image": to_unit(levels), "style": to_unit(graph.center_square(style, side)), "mask": erased}

    def change_of(examples: Outputs, whole: tf.Tensor) -> tf.Tensor:
        """In levels, what the other style changes beside the photograph's own: [B,S,S,3]. Rows that are `whole` are
        drawn as without a mask."""
        features, other = model.encoder.features(examples["image"]), model.encode(examples["style"])[1]
        structure, own = model.encoder.structure(model.encoder.content(features)), model.encoder.style(features)

        def output_of(style: tf.Tensor) -> tf.Tensor:
            swap = model.decode(structure, style)

            def merged() -> tf.Tensor:
                swap_inside = model.merged(features, own, style, examples["mask"], swap)
                return tf.where(whole[:, None, None, None], swap, swap_inside)

            return tf.cond(tf.reduce_all(whole), lambda: swap, merged)

        change = 127.5 * (output_of(other) - output_of(own))
        finite = tf.reduce_all(tf.math.is_finite(change))
        return require(finite, change, "expected a model that draws finite values, found NaN or infinity")

    def after(image_bytes: tf.Tensor, mask_bytes: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
        image, mask = read(image_bytes, mask_bytes)
        square = graph.Square(mask, side)
        lines = graph.lines_of(square.unpadded(change), square.shrunk(image), square.shrunk_mask())
        slope, offset = tf.split(square.enlarged(lines), 2, axis=-1)
        under = tf.cast(square.window(image), tf.float32)
        repaint = graph.rounded(under + (slope * graph.luma(under) + offset))
        return tf.io.encode_png(square.pasted(image, repaint, square.softened(image)))

    def restyle(image_bytes: tf.Tensor, style_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> Outputs:
        layers = {key: tf.TensorSpec([side, side, CHANNELS[key]]) for key in model.takes}
        examples = each(before, image_bytes, style_bytes, mask_bytes, gives=layers)
        change = change_of(examples, tf.strings.length(mask_bytes) == 0)
        return {"image_bytes": each(after, image_bytes, mask_bytes, change, gives=tf.TensorSpec([], tf.string))}

    inputs = dict.fromkeys(("image_bytes", "style_bytes", "mask_bytes"), PICTURE)
    static = {key: tf.TensorSpec([None, side, side, CHANNELS[key]]) for key in model.takes}
    return {
        "serving_default": Signature(restyle, inputs),
        base.TENSORS: dataclasses.replace(network_signature(model), inputs=static),
    }
