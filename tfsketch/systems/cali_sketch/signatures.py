"""The signatures of a served Cali-Sketch."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.backends import base
from tfsketch.conditions import face_parser
from tfsketch.conditions.regions import REGIONS
from tfsketch.conditions.specks import LINE, SPECK
from tfsketch.editor.draw import FILLS
from tfsketch.editor.regions import PORTRAIT
from tfsketch.export.signatures import PICTURE, Outputs, Signature, each, network_signature, to_levels, to_png
from tfsketch.framing import graph
from tfsketch.framing.decoding import require
from tfsketch.framing.graph import place_sketch, sheet_of
from tfsketch.framing.meaning import read_sketch
from tfsketch.framing.thinning import drop_short
from tfsketch.systems.face_parser.signatures import for_parser


def _surest_face(parser: tf.keras.Model, photographs: tf.Tensor) -> tf.Tensor:
    """`editor.regions.surest_face` of [B,K,S,S,3] levels: [B] int32."""
    side = parser.experiment.image_size
    size = tf.shape(photographs)
    flat = tf.reshape(photographs, [-1, *photographs.shape[2:]])
    small = each(lambda one: for_parser(one, side), flat, gives=tf.TensorSpec([side, side, 3]))
    shares = parser({"image": small})["probabilities"]
    means = [tf.reduce_mean(sum(shares[..., REGIONS.index(name)] for name in names), axis=[1, 2]) for names in PORTRAIT]
    score = sum(tf.minimum(one, usual) / usual for one, usual in zip(means, PORTRAIT.values()))
    return tf.argmax(tf.reshape(score, size[:2]), axis=1, output_type=tf.int32)


def signatures(model: tf.keras.Model) -> dict[str, Signature]:
    """Draws as `Editor.draw` does, the face parser included."""
    side, parser = model.experiment.image_size, face_parser.load()
    fills = tf.constant(FILLS)

    def draw(sketch_bytes: tf.Tensor, fill: tf.Tensor) -> Outputs:
        valid = tf.reduce_all((fill >= 0.0) & (fill <= 1.0))
        text = tf.strings.reduce_join(tf.strings.as_string(fill), separator=", ")
        fill = require(valid, fill, "fill: expected shares of 0 to 1, found ", text)
        open_ = fill == 0.0
        tries = tf.where(tf.reduce_any(open_), len(FILLS), 1)
        # Pictures whose place is given take all tries at that place, where others of the batch need them.
        candidate_fills = tf.where(open_[:, None], fills[None], fill[:, None])[:, :tries]

        def before(data: tf.Tensor, shares: tf.Tensor) -> Outputs:
            sketch = read_sketch(data)
            squares = each(
                lambda share: place_sketch(sketch, side, share), shares, gives=tf.TensorSpec([side, side, 1])
            )
            return {"squares": squares, "size": tf.shape(sketch)}

        placements = {"squares": tf.TensorSpec([None, side, side, 1]), "size": tf.TensorSpec([2], tf.int32)}
        placed_sketches = each(before, sketch_bytes, candidate_fills, gives=placements)
        squares = tf.reshape(placed_sketches["squares"], [-1, side, side, 1])
        outputs = model({"sketch": squares, "seed": tf.zeros([tf.shape(squares)[0], 2])})
        image = tf.reshape(to_levels(outputs["image"]), [-1, tries, side, side, 3])
        image = tf.ensure_shape(image, [None, None, side, side, 3])
        best = tf.cond(tries > 1, lambda: _surest_face(parser, image), lambda: tf.zeros_like(fill, tf.int32))
        image, share = tf.gather(image, best, batch_dims=1), tf.gather(candidate_fills, best, batch_dims=1)
        refined = tf.gather(tf.reshape(outputs["refined"], [-1, tries, side, side]), best, batch_dims=1)
        long_strokes = drop_short(refined >= LINE, SPECK)
        refined = (refined * tf.cast(long_strokes, tf.float32))[..., None]

        def after(size: tf.Tensor, image: tf.Tensor, refined: tf.Tensor, share: tf.Tensor) -> Outputs:
            lines = tf.cast(sheet_of(refined, size, share) < LINE, tf.float32)
            photograph = graph.round_levels(sheet_of(image, size, share))
            return {"image_bytes": to_png(photograph), "refined_bytes": to_png(255.0 * lines)}

        specs = dict.fromkeys(("image_bytes", "refined_bytes"), tf.TensorSpec([], tf.string))
        return each(after, placed_sketches["size"], image, refined, share, gives=specs)

    inputs = {"sketch_bytes": PICTURE, "fill": tf.TensorSpec([None])}
    return {"serving_default": Signature(draw, inputs), base.TENSORS: network_signature(model)}
