"""`membrane` as TensorFlow operations: the same, for graphs that run where Python does not."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.framing import graph
from tfsketch.framing import membrane as arrays_membrane

BAND, OUTLINE = arrays_membrane.BAND, arrays_membrane.OUTLINE
COARSEST, REST, SWEEPS = arrays_membrane.COARSEST, arrays_membrane.REST, arrays_membrane.SWEEPS
_FADE = 4.0
"""Multiples of `reach` beyond which a decaying correction is 0."""


def _neighbors(layer: tf.Tensor) -> tf.Tensor:
    """`membrane._neighbors`."""
    frame = tf.pad(layer, [[1, 1], [1, 1], [0, 0]])
    return frame[:-2, 1:-1] + frame[2:, 1:-1] + frame[1:-1, :-2] + frame[1:-1, 2:]


def _halve(layer: tf.Tensor) -> tf.Tensor:
    """`membrane._halve`."""
    height, width = tf.unstack(tf.shape(layer)[:2])
    layer = tf.pad(layer, [[0, height % 2], [0, width % 2], [0, 0]])
    return layer[::2, ::2] + layer[1::2, ::2] + layer[::2, 1::2] + layer[1::2, 1::2]


def steps(image: tf.Tensor, repaint: tf.Tensor, inside: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`membrane.steps`: two [H,W,3] float32 and [H,W] bool -> (places [n,2] int32, steps [n,3] float32)."""
    size = tf.shape(inside)
    outside = tf.pad(tf.cast(~inside, tf.float32)[..., None], [[0, 0], [0, 0], [0, 0]])
    places = tf.cast(tf.where(inside & (_neighbors(outside)[..., 0] > 0)), tf.int32)
    span = tf.range(-BAND, BAND + 1)
    at = places[:, None] + tf.reshape(tf.stack(tf.meshgrid(span, span, indexing="ij"), axis=-1), [1, -1, 2])
    within = tf.reduce_all((at >= 0) & (at < size), axis=-1)
    at = tf.clip_by_value(at, 0, size - 1)
    hole = tf.gather_nd(inside, at)
    medians = []
    for layer, counts in ((image, within & ~hole), (repaint, within & hole)):
        levels = tf.sort(tf.where(counts[..., None], tf.gather_nd(layer, at), float("inf")), axis=1)
        middle = (tf.reduce_sum(tf.cast(counts, tf.int32), axis=1) - 1) // 2
        medians.append(tf.gather(levels, middle, axis=1, batch_dims=1))
    step = medians[0] - medians[1]
    largest = tf.reduce_max(tf.abs(step), axis=-1, keepdims=True)
    return places, step / (1.0 + tf.square(largest / OUTLINE))


def harmonic(values: tf.Tensor, border: tf.Tensor, domain: tf.Tensor, longest: int) -> tf.Tensor:
    """`membrane.harmonic`: [H,W,C], [H,W] and [H,W], all float32 -> [H,W,C] float32. Of sides up to `longest`."""
    boundary_mask, inside = border[..., None], domain[..., None]
    levels = [(values * boundary_mask, boundary_mask, inside)]
    # The sizes are known only when the graph runs: it holds levels below the coarsest too, which do nothing.
    count = [tf.constant(True)]
    most = max(0, (longest - 1).bit_length() - COARSEST.bit_length() + 1)
    for _ in range(most):
        small = tf.reduce_max(tf.shape(levels[-1][0])[:2]) <= COARSEST
        boundary, boundary_mask, inside = (_halve(layer) for layer in levels[-1])
        levels.append(
            (boundary / tf.maximum(boundary_mask, 1.0), tf.minimum(boundary_mask, 1.0), tf.minimum(inside, 1.0))
        )
        count.append(~small & count[-1])
    result = tf.zeros_like(levels[-1][0])
    coarsest = most
    for number in reversed(range(len(levels))):
        boundary, boundary_mask, inside = levels[number]
        free = inside * (1.0 - boundary_mask)
        share = tf.math.divide_no_nan(free, _neighbors(inside))
        active = count[number]
        first = active & ~count[number + 1] if number < coarsest else active
        height, width = tf.unstack(tf.shape(boundary)[:2])
        if number < coarsest:
            larger = tf.repeat(tf.repeat(result, 2, axis=0), 2, axis=1)[:height, :width]
            result = tf.where(first, tf.zeros_like(boundary), larger)
        start = result * free + boundary
        sweeps = tf.where(active, tf.where(first, REST, SWEEPS // tf.maximum(height, width)), 0)

        def sweep(
            n: tf.Tensor, x: tf.Tensor, share: tf.Tensor = share, boundary: tf.Tensor = boundary
        ) -> tuple[tf.Tensor, tf.Tensor]:
            return n + 1, _neighbors(x) * share + boundary

        invariants = (tf.TensorShape([]), tf.TensorShape([None, None, values.shape[-1]]))
        result = tf.while_loop(
            lambda n, _, sweeps=sweeps: n < sweeps, sweep, (tf.constant(0), start), shape_invariants=invariants
        )[1]
    return result


def membrane(
    image: tf.Tensor,
    repaint: tf.Tensor,
    mask: tf.Tensor,
    strength: float = 1.0,
    reach: float | None = None,
    longest: int = 1 << 16,
) -> tf.Tensor:
    """`membrane.membrane`.

    Args:
      image, repaint: [H,W,3] float32, whole levels.
      mask: [H,W] bool.
      strength, reach: as there; numbers that the graph is built with.
      longest: no side is longer; the graph holds a level for every halving of it.

    Returns:
      [H,W,3] float32, whole levels.
    """
    size = tf.shape(mask)

    def add_membrane() -> tf.Tensor:
        corner, extent = graph.box_of(mask)
        start, stop = tf.maximum(corner - BAND, 0), tf.minimum(corner + extent + BAND, size)
        (top, left), (bottom, right) = tf.unstack(start), tf.unstack(stop)
        hole = mask[top:bottom, left:right]
        under = repaint[top:bottom, left:right]
        places, step = steps(image[top:bottom, left:right], under, hole)
        part = tf.shape(hole)
        values = tf.scatter_nd(places, step, tf.concat([part, [3]], axis=0))
        values = tf.ensure_shape(values, [None, None, 3])
        border = tf.scatter_nd(places, tf.ones(tf.shape(places)[:1]), part)
        change = harmonic(values, border, tf.cast(hole, tf.float32), longest) * strength
        if reach is not None:
            limit = int(_FADE * reach) + 2
            distance = graph.edge_distance(hole, tf.constant(limit))
            fade = tf.exp(-tf.maximum(distance - 1.0, 0.0) / reach)
            change *= tf.where(distance < limit, fade, 0.0)[..., None]
        levels = tf.where(hole[..., None], graph.round_levels(under + change), under)
        outer = [[top, size[0] - bottom], [left, size[1] - right], [0, 0]]
        return tf.where(mask[..., None], tf.pad(levels, outer), repaint)

    return tf.cond(tf.reduce_any(mask) & ~tf.reduce_all(mask), add_membrane, lambda: tf.identity(repaint))
