"""`images.meaning` in a graph: what a mask, a sketch or a colour sheet means, by TensorFlow operations alone.

Every function names its twin on arrays; a test runs both on one table of sheets. A graph has no notes: a refused sheet
fails an assertion that begins with the field's name, as in `decoding`.
"""

from __future__ import annotations

import tensorflow as tf

from tfsketch.framing.decoding import decode, grey_of, require, same_size
from tfsketch.framing.ink import (
    count_of,
    extreme,
    histogram,
    median,
    on_layer,
    on_paper,
    reach_of,
    size_of,
    strong_parts,
    to_ints,
)
from tfsketch.images import ink, meaning, texture


def _is_flat(levels: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`meaning._is_flat`."""
    high = tf.reduce_max(tf.where(mask[..., None], levels, 0), axis=[0, 1])
    low = tf.reduce_min(tf.where(mask[..., None], levels, 255), axis=[0, 1])
    return tf.reduce_all(high - low <= texture.DARKEST)


def sketch_of(field: str, rgba: tf.Tensor, exact: tf.Tensor) -> tf.Tensor:
    """`meaning.sketch` at its usual level: [H,W] bool, True = stroke.

    Args:
      field: the input's name, for messages.
      rgba: [H,W,4] uint8.
      exact: scalar bool: the alpha channel is the layer; see `images.encode_layer`.
    """
    levels, alpha = to_ints(rgba[..., :3]), to_ints(rgba[..., 3])
    levels = tf.where(tf.reduce_max(levels) == 1, levels * 255, levels)
    opaque_pixels = alpha >= meaning.CLEAR

    def opaque() -> tf.Tensor:
        return on_paper(field, tf.where(opaque_pixels[..., None], levels, median(levels, opaque_pixels)))

    def is_layer() -> tf.Tensor:
        solid = count_of(extreme(to_ints(opaque_pixels), reach_of(tf.shape(opaque_pixels)), False) > 0)
        return (2 * count_of(opaque_pixels) < size_of(opaque_pixels)) & (
            (2 * solid < count_of(opaque_pixels)) | _is_flat(levels, opaque_pixels)
        )

    return tf.cond(
        exact,
        lambda: opaque_pixels,
        lambda: tf.cond(
            ~tf.reduce_all(opaque_pixels) & (~tf.reduce_any(opaque_pixels) | is_layer()),
            lambda: on_layer(alpha),
            opaque,
        ),
    )


def _chroma(levels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(levels, axis=-1) - tf.reduce_min(levels, axis=-1)


def _bends(grey: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`texture._bends`."""
    bend = tf.pad(tf.abs(grey[:, :-4] - 2 * grey[:, 2:-2] + grey[:, 4:]), [[0, 0], [2, 2]])
    bend = bend[:, : tf.shape(grey)[1]]
    return bend >= 12, extreme(grey, 2, True) - extreme(grey, 2, False) < texture.EDGE


def _is_photograph(levels: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`texture.is_photograph`, where a pixel is counted."""
    count = count_of(mask)
    code = tf.reduce_sum(tf.bitwise.right_shift(levels, 5) * tf.constant([64, 8, 1]), axis=-1)
    bins = histogram(tf.boolean_mask(code, mask), 512)
    grey = grey_of(levels)
    between = mask & (grey > texture.DARKEST) & (grey < texture.LIGHTEST)
    bends, soft = _bends(grey)
    bends &= between & (extreme(to_ints(mask), 2, False) > 0)
    unrest = 20 * count_of(bends & soft) >= count
    few = 10 * tf.reduce_sum(tf.math.top_k(bins, 4)[0]) >= 9 * count
    colors = 20 * count_of(mask & (_chroma(levels) > 32)) >= count
    rough = 20 * count_of(between) >= 3 * count
    rough &= 100 * count_of(bends) >= 15 * count_of(between)
    ends = tf.minimum(count_of(mask & (grey <= texture.DARKEST)), count_of(mask & (grey >= texture.LIGHTEST)))
    return unrest | (~few & (colors | rough | ((2 * count_of(between) >= count) & (50 * ends < count))))


def _is_photograph_on_black(levels: tf.Tensor) -> tf.Tensor:
    """`texture.is_photograph_on_black`."""
    bright = tf.reduce_max(levels, axis=-1)
    inner = extreme(to_ints(bright > texture.DARKEST), 2, False) > 0
    lit = extreme(to_ints(bright >= texture.DIM), 2, False) > 0
    bends, soft = _bends(grey_of(levels))
    hue = tf.boolean_mask(levels * 255 // tf.maximum(bright, 1)[..., None], lit)
    others = count_of(tf.reduce_any(tf.abs(hue - median(hue[None])) > texture.TINT, axis=-1))
    above = tf.cumsum(histogram(tf.boolean_mask(bright, inner)), reverse=True)
    top = tf.cast(count_of(50 * above >= count_of(inner)), tf.int32) - 1
    shared = count_of(inner & (10 * bright >= 9 * top))
    rough = 20 * count_of(bends & soft & inner) >= count_of(inner)
    return tf.reduce_any(lit) & rough & (20 * others >= count_of(lit)) & (2 * shared < count_of(inner))


def _opaque(rgba: tf.Tensor) -> tf.Tensor:
    """`meaning._opaque`."""
    alpha = to_ints(rgba[..., 3])
    opaque, most = alpha >= meaning.CLEAR, tf.reduce_max(alpha)
    return tf.where(tf.reduce_any(opaque) | (most < texture.DARKEST), opaque, 2 * alpha >= most)


def _is_map(grey: tf.Tensor) -> tf.Tensor:
    """`meaning._is_map`."""
    count = histogram(tf.boolean_mask(grey, extreme(grey, 1, False) == extreme(grey, 1, True)))
    beside = tf.maximum(tf.pad(count[1:], [[0, 1]]), tf.pad(count[:-1], [[1, 0]]))
    levels = (200 * count >= size_of(grey)) & (4 * beside <= count)
    return (count_of(levels) >= 3) & (count_of(levels[texture.DARKEST + 1 : texture.LIGHTEST]) >= 2)


def mask_of(field: str, rgba: tf.Tensor, exact: tf.Tensor) -> tf.Tensor:
    """`meaning.mask`: [H,W] bool; arguments as of `sketch_of`, but `exact` means white."""
    levels = to_ints(rgba[..., :3])
    opaque_pixels = _opaque(rgba)
    opaque = tf.reduce_all(opaque_pixels)
    any_opaque = tf.reduce_any(opaque_pixels)

    def on_black() -> tf.Tensor:
        sheet = tf.where(opaque_pixels[..., None], levels, 0)
        sheet = tf.where(tf.reduce_max(sheet) == 1, sheet * 255, sheet)
        expected = f"{field}: expected a mask, white where the picture is repainted and black elsewhere, found a part "
        sheet = require(~_is_photograph_on_black(sheet), sheet, expected + "of a photograph on black")
        bright = tf.reduce_max(sheet, axis=-1)
        there = _chroma(sheet) > ink.DEEP
        is_colored = 1000 * count_of(there) >= size_of(bright)
        white = count_of(tf.reduce_all(sheet >= texture.LIGHTEST, axis=-1))
        plain = (1000 * white < size_of(bright)) & (20 * count_of(bright <= texture.DARKEST) >= size_of(bright))
        expected = f"{field}: expected a mask, white where the picture is repainted and black elsewhere, found colours"
        sheet = require(~is_colored | plain, sheet, expected)
        hue = tf.boolean_mask(sheet * 255 // tf.maximum(bright, 1)[..., None], there)
        others = count_of(tf.reduce_any(tf.abs(hue - median(hue[None])) > meaning.HUE, axis=-1))
        expected = expected.replace("found colours", "found several colours")
        sheet = require(~is_colored | (20 * others <= count_of(there)), sheet, expected)
        grey = grey_of(sheet)
        expected = expected.replace("several colours", "several greys")
        grey = require(is_colored | ~_is_map(grey), grey, expected)
        return tf.where(is_colored, bright, grey) >= 128

    def from_shape() -> tf.Tensor:
        photograph = any_opaque & _is_photograph(levels, opaque_pixels)
        expected = f"{field}: expected a mask, white where the picture is repainted and black elsewhere, found what "
        expected += "looks like a photograph"
        pixels = require(~(opaque & photograph), opaque_pixels, expected)
        flat = ~opaque & (~any_opaque | _is_flat(levels, opaque_pixels))
        ambiguous = ~photograph & flat & (2 * count_of(opaque_pixels) > size_of(opaque_pixels))
        expected = f"{field}: expected a mask, white where the picture is repainted, found one colour on most of a "
        expected += "transparent layer, which may be the hole or what is kept"
        pixels = require(~ambiguous, pixels, expected)
        with tf.control_dependencies([pixels]):
            return tf.cond(photograph | flat, lambda: tf.where(photograph, ~pixels, pixels), on_black)

    white = grey_of(levels) >= 128
    return tf.cond(exact, lambda: white, from_shape)


def _unmix(levels: tf.Tensor, paper: tf.Tensor, apart: tf.Tensor, paint_mask: tf.Tensor) -> tf.Tensor:
    """`meaning._unmix`."""
    strongest = extreme(apart, 2, True)
    edge = paint_mask & (extreme(to_ints(paint_mask), 2, False) == 0) & (10 * apart < 9 * strongest)
    own = paper + (levels - paper) * strongest[..., None] // tf.maximum(apart, 1)[..., None]
    return tf.where(edge[..., None], tf.clip_by_value(own, 0, 255), levels)


def color_of(field: str, rgba: tf.Tensor, exact: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`meaning.color`: ([H,W,3] uint8, [H,W] bool, where there is paint); arguments as of `sketch_of`."""
    levels, opaque_pixels = to_ints(rgba[..., :3]), _opaque(rgba)
    white = tf.reduce_all(levels >= texture.LIGHTEST, axis=-1) & opaque_pixels
    black = tf.reduce_all(levels <= texture.DARKEST, axis=-1) & opaque_pixels

    def score(paper: tf.Tensor) -> tf.Tensor:
        border = tf.concat([paper[0], paper[-1], paper[:, 0], paper[:, -1]], axis=0)
        return sum(1000 * count_of(part) // size_of(part) for part in (paper, border))

    def by_paper() -> tuple[tf.Tensor, tf.Tensor]:
        best, which = tf.math.top_k(tf.stack([score(paper) for paper in (~opaque_pixels, white, black)]), 3)
        none = best[0] < 100
        clear = none | (10 * best[1] < 7 * best[0])
        names = tf.gather(tf.constant(meaning.PAPERS), which)
        expected = f"{field}: expected colour strokes on paper of one kind, found "
        paper = require(clear, which[0], expected, names[0], " and ", names[1], " about as common")

        def from_paper() -> tuple[tf.Tensor, tf.Tensor]:
            color = median(levels, tf.where(paper == 1, white, black))
            apart = tf.where(opaque_pixels, tf.reduce_max(tf.abs(levels - color), axis=-1), 0)
            faint = count_of((apart > 0) & (apart < meaning.LEAST))
            lossy = meaning.RINGING * faint > count_of(apart >= meaning.LEAST)
            paint_mask = strong_parts(apart, meaning.LEAST, tf.where(lossy, 15, 0))
            return _unmix(levels, color, apart, paint_mask), paint_mask

        return tf.cond(none | (paper == 0), lambda: (levels, opaque_pixels), from_paper)

    levels, paint_mask = tf.cond(exact, lambda: (levels, opaque_pixels), by_paper)
    return tf.cast(levels, tf.uint8), paint_mask


def read_mask(mask_bytes: tf.Tensor, image: tf.Tensor, what: str) -> tf.Tensor:
    """A mask of the picture's size with at least one pixel, `what` it would be: [H,W] bool."""
    rgba, exact = decode("mask_bytes", mask_bytes)
    mask = mask_of("mask_bytes", same_size("mask_bytes", rgba, image), exact)
    return require(tf.reduce_any(mask), mask, f"mask_bytes: expected at least one {what}, found an empty mask")


def read_sketch(sketch_bytes: tf.Tensor) -> tf.Tensor:
    """A sheet with at least one stroke: [H,W] bool."""
    sketch = sketch_of("sketch_bytes", *decode("sketch_bytes", sketch_bytes))
    expected = "sketch_bytes: expected at least one stroke, found an empty sheet"
    return require(tf.reduce_any(sketch), sketch, expected)
