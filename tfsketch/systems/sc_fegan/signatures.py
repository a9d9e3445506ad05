"""The signatures of a served SC-FEGAN."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch.backends import base
from tfsketch.export.signatures import (
    PICTURE,
    Outputs,
    Signature,
    each,
    network_signature,
    photograph_png,
    to_levels,
)
from tfsketch.framing import graph, membrane_graph, residuals_graph
from tfsketch.framing.decoding import decode, pack, same_size, unpack
from tfsketch.framing.meaning import color_of, read_mask, sketch_of
from tfsketch.framing.square import Square
from tfsketch.framing.thinning import thin
from tfsketch.framing.tone_graph import recolor, tone_of
from tfsketch.systems.sc_fegan import region_inference
from tfsketch.vocabulary import CHANNELS, to_unit


def _finish(square: Square, image: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """The network's output, [*work,3] float32 whole levels, after the last stages of `editor.edit`, as it lies in the
    mask's box: [*extent,3]."""
    small = square.shrink_mask() > 0.5
    repaint = membrane_graph.membrane(square.shrink(image), output, small, longest=square.side)

    def with_texture() -> tf.Tensor:
        return square.crop_box(residuals_graph.carry(square.crop(image), repaint, square.crop(square.mask), 1.0, small))

    enlarges = tf.reduce_any(square.part > square.work)
    return tf.cond(enlarges, with_texture, lambda: graph.round_levels(square.enlarge(repaint)))


def signatures(model: tf.keras.Model) -> dict[str, Signature]:
    """Edits as `Editor.edit` does by default; `edit` is `tensors` without what the network draws outside of the mask,
    which it does not compute (`region_inference`). `serving_default` runs that too."""
    side = model.experiment.image_size
    noise = np.random.default_rng(0).standard_normal((side, side), np.float32)[..., None]

    def optional(field: str, data: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A layer [H,W,4] uint8 of the picture's size, all transparent black where the string is empty."""

        def decode_layer() -> tuple[tf.Tensor, tf.Tensor]:
            rgba, exact = decode(field, data)
            return same_size(field, rgba, image), exact

        return tf.cond(tf.strings.length(data) == 0, lambda: (tf.zeros_like(image), tf.constant(True)), decode_layer)

    def before(
        image_bytes: tf.Tensor, mask_bytes: tf.Tensor, sketch_bytes: tf.Tensor, color_bytes: tf.Tensor
    ) -> Outputs:
        image = decode("image_bytes", image_bytes)[0]
        mask = read_mask(mask_bytes, image, "erased pixel")
        sketch = sketch_of("sketch_bytes", *optional("sketch_bytes", sketch_bytes, image))
        color, strokes = color_of("color_bytes", *optional("color_bytes", color_bytes, image))
        line, toned = tone_of(image[..., :3], mask, color, strokes)
        square = Square(mask, side)
        crop, work = square.crop, square.work
        levels, hole = square.shrink(image[..., :3]), square.shrink_mask()[..., None]
        lines = thin(graph.resize_sketch(crop(sketch), work)[None])[0, ..., None]
        paint = graph.resize_color(tf.cast(crop(color), tf.float32), crop(strokes), work)
        layers = graph.pad(tf.concat([levels, hole, lines, paint], axis=-1), side)
        levels, hole, lines, paint, alpha = tf.split(layers, [3, 1, 1, 3, 1], axis=-1)
        return {
            "image": to_unit(levels),
            "mask": hole,
            "sketch": lines,
            "color": to_unit(paint) * alpha,
            "noise": noise * hole,
            "photograph": pack(image),
            "hole": pack(mask),
            "line": line,
            "toned": toned,
        }

    def after(
        photograph: tf.Tensor, hole: tf.Tensor, line: tf.Tensor, toned: tf.Tensor, output: tf.Tensor
    ) -> tf.Tensor:
        image, mask = unpack(photograph, tf.uint8, 4), unpack(hole, tf.bool)
        square = Square(mask, side)
        result = _finish(square, image[..., :3], graph.round_levels(square.unpad(output)))
        return photograph_png(square.paste(image[..., :3], recolor(result, line, toned)), image[..., 3])

    def edit(image_bytes: tf.Tensor, mask_bytes: tf.Tensor, sketch_bytes: tf.Tensor, color_bytes: tf.Tensor) -> Outputs:
        layers = {key: tf.TensorSpec([side, side, CHANNELS[key]]) for key in model.takes}
        specs = dict.fromkeys(("photograph", "hole"), tf.TensorSpec([], tf.string))
        specs |= {"line": tf.TensorSpec([256, 3], tf.int32), "toned": tf.TensorSpec([], tf.bool)}
        examples = each(before, image_bytes, mask_bytes, sketch_bytes, color_bytes, gives=layers | specs)
        levels = to_levels(region_inference.edit(model, {key: examples[key] for key in layers}))
        results = each(after, *(examples[key] for key in specs), levels, gives=tf.TensorSpec([], tf.string))
        return {"image_bytes": results}

    inputs = dict.fromkeys(("image_bytes", "mask_bytes", "sketch_bytes", "color_bytes"), PICTURE)
    whole = network_signature(model)
    part = Signature(lambda **inputs: {"image": region_inference.edit(model, inputs)}, whole.inputs)
    return {"serving_default": Signature(edit, inputs), base.TENSORS: whole, base.SIGNATURE: part}
