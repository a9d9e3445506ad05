"""The signatures of a served region editor."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfsketch.backends import base
from tfsketch.export.signatures import PICTURE, Outputs, Signature, each, network_signature, photograph_png
from tfsketch.framing import graph
from tfsketch.framing.decoding import decode, pack, require, unpack
from tfsketch.framing.meaning import read_mask
from tfsketch.framing.square import Square
from tfsketch.vocabulary import CHANNELS, to_unit


def signatures(model: tf.keras.Model) -> dict[str, Signature]:
    """Restyles as `Editor.restyle` does by default. Its network's sizes are static: `tensors` is of its own side."""
    side = model.experiment.image_size

    def before(image_bytes: tf.Tensor, style_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> Outputs:
        image = decode("image_bytes", image_bytes)[0]
        everywhere = tf.fill(tf.shape(image)[:2], True)
        mask = tf.cond(
            tf.strings.length(mask_bytes) == 0,
            lambda: everywhere,
            lambda: read_mask(mask_bytes, image, "pixel to restyle"),
        )
        square = Square(mask, side)
        layers = tf.concat([square.shrink(image[..., :3]), square.shrink_mask()[..., None]], axis=-1)
        levels, hole = tf.split(graph.pad(layers, side), [3, 1], axis=-1)
        style = tf.cast(decode("style_bytes", style_bytes)[0][..., :3], tf.float32)
        example = {"image": to_unit(levels), "style": to_unit(graph.center_square(style, side)), "mask": hole}
        return example | {"photograph": pack(image), "region": pack(mask)}

    def change_of(examples: Outputs, whole: tf.Tensor) -> tf.Tensor:
        """In levels, what the other style changes beside the photograph's own: [B,S,S,3]. Rows that are `whole` are
        drawn as without a mask."""
        features, other = model.encoder.features(examples["image"]), model.encode(examples["style"])[1]
        structure, own = model.encoder.structure(model.encoder.content(features)), model.encoder.style(features)

        def output_of(style: tf.Tensor) -> tf.Tensor:
            swap = model.decode(structure, style)

            def region_only() -> tf.Tensor:
                swap_inside = model.merge(features, own, style, examples["mask"], swap)
                return tf.where(whole[:, None, None, None], swap, swap_inside)

            return tf.cond(tf.reduce_all(whole), lambda: swap, region_only)

        change = 127.5 * (output_of(other) - output_of(own))
        finite = tf.reduce_all(tf.math.is_finite(change))
        return require(finite, change, "expected a model that draws finite values, found NaN or infinity")

    def after(photograph: tf.Tensor, region: tf.Tensor, whole: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
        rgba, mask = unpack(photograph, tf.uint8, 4), unpack(region, tf.bool)
        image, square = rgba[..., :3], Square(mask, side)
        lines = graph.lines_of(square.unpad(change), square.shrink(image), square.shrink_mask())
        slope, offset = tf.split(square.enlarge(lines), 2, axis=-1)
        under = tf.cast(square.window(image), tf.float32)
        repaint = graph.round_levels(under + (slope * graph.luma(under) + offset))
        result = tf.cond(
            whole,
            lambda: tf.cast(repaint, tf.uint8),  # which is all of the picture: there is no seam
            lambda: square.paste(image, repaint, square.soft_weights(image)),
        )
        return photograph_png(result, rgba[..., 3])

    def restyle(image_bytes: tf.Tensor, style_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> Outputs:
        layers = {key: tf.TensorSpec([side, side, CHANNELS[key]]) for key in model.takes}
        specs = dict.fromkeys(("photograph", "region"), tf.TensorSpec([], tf.string))
        examples = each(before, image_bytes, style_bytes, mask_bytes, gives=layers | specs)
        whole = tf.strings.length(mask_bytes) == 0
        change = change_of(examples, whole)
        results = each(after, *(examples[key] for key in specs), whole, change, gives=tf.TensorSpec([], tf.string))
        return {"image_bytes": results}

    inputs = dict.fromkeys(("image_bytes", "style_bytes", "mask_bytes"), PICTURE)
    static = {key: tf.TensorSpec([None, side, side, CHANNELS[key]]) for key in model.takes}
    return {
        "serving_default": Signature(restyle, inputs),
        base.TENSORS: dataclasses.replace(network_signature(model), inputs=static),
    }
