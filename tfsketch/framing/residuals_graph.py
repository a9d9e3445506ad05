"""`residuals` as TensorFlow operations: the same, for graphs that run where Python does not.

Sums run in another order than NumPy's, so of two sources that are almost equally near the other one may be chosen; the
patch then gets another grain of the same strength.
"""

from __future__ import annotations

import math

import tensorflow as tf

from tfsketch.framing import graph, residuals
from tfsketch.framing.residuals import (
    FAR,
    GRAIN,
    MIDDLE,
    MIRRORED,
    NEAR,
    OPPONENT,
    PATCH,
    ROUGHER,
    SMOOTH,
    SMOOTH_GRAIN,
    STEP,
    TOLERANCE,
)

_CHUNK = 512  # patches that are compared at a time
_BAND = 256  # rows of the hole at a time


def _patches(layer: tf.Tensor) -> tf.Tensor:
    """`residuals.patches_of`: [h,w,C] -> [h-PATCH+1,w-PATCH+1,PATCH*PATCH*C]."""
    window = [1, PATCH, PATCH, 1]
    return tf.image.extract_patches(layer[None], window, [1, 1, 1, 1], [1, 1, 1, 1], "VALID")[0]


def _soften(picture: tf.Tensor) -> tf.Tensor:
    """`residuals.soften`: [h,w,3] float32, whole levels, both."""
    size = tf.shape(picture)
    for axis in (0, 1):
        near = tf.range(size[axis])[:, None] + tf.range(-2, 3)
        lines = tf.gather(picture, tf.clip_by_value(near, 0, size[axis] - 1), axis=axis)
        picture = tf.tensordot(lines, tf.constant([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0, [[axis + 1], [0]])
    return graph.round_levels(picture)


def _turns(first: tf.Tensor, count: int, places: tf.Tensor) -> tf.Tensor:
    """`residuals.turns`."""
    own, other = (
        tf.math.floormod(tf.cast(index, tf.float64) * golden, 1.0)
        for index, golden in (
            (tf.range(first, first + count), 7 * residuals.GOLDEN),
            (tf.range(places), residuals.GOLDEN),
        )
    )
    both = tf.cast(own, tf.float32)[:, None] + tf.cast(other, tf.float32)
    return both - tf.floor(both)


def _smoothness(rough: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`residuals.smoothness`."""
    share = tf.clip_by_value((SMOOTH[1] - rough) / (SMOOTH[1] - SMOOTH[0]), 0.0, 1.0)
    return tf.square(PATCH * share), rough + SMOOTH_GRAIN


def match(composite: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """`residuals.match`.

    Args:
      composite: [h,w,3] float32, whole levels; sides of at least `PATCH`.
      mask: [h,w] bool, not empty.

    Returns:
      (start [2] int32, place [m,n,2] int32, mirror [m,n] bool, weight [m,n] float32, middle [m,n] float32); where
      nothing is known, all weights are 0.
    """
    size = tf.shape(mask)
    erasure = tf.cast(mask, tf.float32)[..., None]
    intact = tf.reduce_max(_patches(erasure), axis=-1) == 0.0
    places = tf.cast(tf.where(intact), tf.int32)
    m = tf.maximum(-(-tf.shape(places)[0] // residuals.SOURCES), 1)
    g = tf.maximum(tf.cast(tf.round(0.382 * tf.cast(m, tf.float64)), tf.int32), 1)
    places = tf.boolean_mask(places, (places[:, 1] + g * places[:, 0]) % m == 0)
    soft = _soften(composite)
    colors = tf.einsum("hwc,oc->hwo", soft, tf.constant(OPPONENT, tf.float32))
    energy = tf.square(composite - soft)

    corner, extent = graph.box_of(mask)
    start = corner - STEP
    grid = -(-extent // STEP) + 1
    end = start + STEP * (grid - 1) + PATCH
    # Beyond the picture its edge is repeated.
    rows, columns = (tf.clip_by_value(tf.range(start[k], end[k]), 0, size[k] - 1) for k in range(2))

    def on_grid(layer: tf.Tensor) -> tf.Tensor:
        around = tf.gather(tf.gather(layer, rows, axis=0), columns, axis=1)
        return _patches(around)[::STEP, ::STEP]

    hole = tf.reduce_max(on_grid(erasure), axis=-1) > 0.0
    targets = tf.boolean_mask(on_grid(colors), hole)
    count, width = tf.shape(targets)[0], PATCH * PATCH * 3 + 2
    own, energies = tf.reduce_mean(on_grid(energy), axis=-1), tf.reduce_mean(_patches(energy), axis=-1)
    k, roughness = _smoothness(tf.sqrt(tf.boolean_mask(own, hole)))
    constants = tf.reduce_sum(tf.square(targets), axis=-1) + k * tf.square(roughness)
    targets = tf.concat([targets, tf.stack([k * roughness, -0.5 * k], axis=-1)], axis=-1)

    def nearest_sources() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        sources = tf.gather_nd(_patches(colors), places)
        mirrors = tf.reshape(tf.reshape(sources, [-1, PATCH, PATCH, 3])[:, :, ::-1], [-1, width - 2])
        theirs = tf.gather_nd(energies, places)
        extra = tf.stack([tf.sqrt(theirs), theirs], axis=-1)
        kinds = [
            (tf.concat([those, extra], axis=-1), tf.reduce_sum(tf.square(those), axis=-1))
            for those in (sources, mirrors)
        ]

        def nearest(args: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            part, constant, first = args
            chance = _turns(first, _CHUNK, tf.shape(places)[0]) * (TOLERANCE * PATCH) ** 2
            candidates = []
            for factor, (those, squares) in zip((1.0, MIRRORED), kinds):
                distance = squares - 2.0 * tf.matmul(part, those, transpose_b=True)
                at = tf.argmin(distance + chance, axis=1, output_type=tf.int32)
                least = tf.gather(distance, at, batch_dims=1)
                candidates.append((at, (least + constant) * factor))
            flip = candidates[1][1] < candidates[0][1]
            return (
                tf.where(flip, candidates[1][0], candidates[0][0]),
                flip,
                tf.minimum(candidates[0][1], candidates[1][1]),
            )

        chunks = -(-count // _CHUNK)
        rest = [0, chunks * _CHUNK - count]
        parts = tf.reshape(tf.pad(targets, [rest, [0, 0]]), [chunks, _CHUNK, width])
        parts = parts, tf.reshape(tf.pad(constants, [rest]), [chunks, _CHUNK])
        kinds_of = (tf.TensorSpec([_CHUNK], kind) for kind in (tf.int32, tf.bool, tf.float32))
        at, flip, squares = (
            tf.reshape(x, [-1])[:count]
            for x in tf.map_fn(
                nearest, (*parts, tf.range(chunks) * _CHUNK), fn_output_signature=tuple(kinds_of), parallel_iterations=1
            )
        )
        weight = (FAR - tf.sqrt(tf.maximum(squares, 0.0)) / PATCH) / (FAR - NEAR)
        return tf.gather(places, at), flip, tf.clip_by_value(weight, 0.0, 1.0)

    def nothing() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return tf.zeros([count, 2], tf.int32), tf.zeros([count], tf.bool), tf.zeros([count])

    place, flip, weight = tf.cond(tf.shape(places)[0] > 0, nearest_sources, nothing)
    at = tf.cast(tf.where(hole), tf.int32)
    place = tf.scatter_nd(at, place, tf.concat([grid, [2]], axis=0))
    mirror = tf.scatter_nd(at, tf.cast(flip, tf.int32), grid) > 0
    theirs = tf.gather_nd(energies, place)
    middle = MIDDLE * tf.sqrt(tf.maximum(1.0 - own / tf.maximum(theirs, 1e-3), 0.0))
    smooth = tf.minimum(ROUGHER * (tf.sqrt(own) + GRAIN) / tf.sqrt(tf.maximum(theirs, 1e-3)), 1.0)
    return start, place, mirror, tf.scatter_nd(at, weight, grid) * tf.square(smooth), middle


def carry(
    image: tf.Tensor,
    composite: tf.Tensor,
    mask: tf.Tensor,
    strength: float = 1.0,
    working_mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """`residuals.carry`.

    Args:
      image: [H,W,3] uint8 or float32, whole levels.
      composite: [h,w,3] float32, whole levels.
      mask: [H,W] bool, not empty.
      strength: a number that the graph is built with.
      working_mask: [h,w] bool; None is `graph.resize_mask`'s.

    Returns:
      [H,W,3] float32, whole levels.
    """
    size, work = tf.shape(mask), tf.shape(composite)[:2]
    base = graph.round_levels(graph.resize(composite, size))
    if strength == 0:
        return base
    small = graph.resize_mask(mask, work) > 0.5 if working_mask is None else working_mask
    levels = tf.cast(image, tf.float32)

    def add_detail() -> tf.Tensor:
        start, place, mirror, weight, middle_band = match(composite, small)
        fine = tf.reshape(base - graph.round_levels(graph.resize(_soften(composite), size)), [-1, 3])
        grid, scale = tf.shape(mirror), tf.cast(size, tf.float64) / tf.cast(work, tf.float64)
        corner, extent = graph.box_of(mask)

        def along(axis: int, first: tf.Tensor, last: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
            at = (tf.cast(tf.range(first, last), tf.float64) + 0.5) / scale[axis] - tf.cast(start[axis], tf.float64)
            cell = tf.cast(tf.floor(at / STEP), tf.int32)
            both = []
            for index in (cell, cell - 1):
                window = tf.sin(math.pi * (at - tf.cast(index * STEP, tf.float64)) / PATCH) ** 2
                within = (index >= 0) & (index < grid[axis])
                window = tf.cast(tf.where(within, window, tf.zeros_like(window)), tf.float32)
                both.append((tf.clip_by_value(index, 0, grid[axis] - 1), window))
            return both

        origin = tf.stack(tf.meshgrid(*(tf.range(grid[k]) * STEP + start[k] for k in range(2)), indexing="ij"), axis=-1)
        shift = tf.cast(tf.round(tf.cast(place - origin, tf.float64) * scale), tf.int32)
        middle = tf.cast(place[..., 1] + origin[..., 1] + PATCH, tf.float64) * scale[1]
        turn = tf.where(mirror, tf.cast(tf.round(middle), tf.int32) - 1, shift[..., 1])
        sign = tf.where(mirror, -1, 1)
        # One gather for all of a patch's values.
        cells = tf.stack([shift[..., 0], turn, sign], axis=-1)
        flat_levels, flat_base = tf.reshape(levels, [-1, 3]), tf.reshape(base, [-1, 3])
        outside = tf.cast(~tf.reshape(mask, [-1]), tf.float32)
        (top, left), (height, width) = tf.unstack(corner), tf.unstack(extent)
        columns = tf.range(left, left + width)
        by_column = along(1, left, left + width)

        def band(begin: tf.Tensor) -> tf.Tensor:
            end = tf.minimum(begin + _BAND, top + height)
            rows = tf.range(begin, end)
            total, square = 0.0, 0.0
            layers: list[tuple[tf.Tensor, tf.Tensor]] = []
            for row_index, row_window in along(0, begin, end):
                for column_index, column_window in by_column:
                    cell = tf.gather(tf.gather(cells, row_index, axis=0), column_index, axis=1)
                    share = tf.gather(tf.gather(weight, row_index, axis=0), column_index, axis=1)
                    y = tf.clip_by_value(rows[:, None] + cell[..., 0], 0, size[0] - 1)
                    x = tf.clip_by_value(columns[None] * cell[..., 2] + cell[..., 1], 0, size[1] - 1)
                    at, window = y * size[1] + x, row_window[:, None] * column_window[None]
                    share = window * share * tf.gather(outside, at)
                    lift = tf.gather(tf.gather(middle_band, row_index, axis=0), column_index, axis=1)[..., None]
                    residual = tf.gather(flat_levels, at) - tf.gather(flat_base, at) + lift * tf.gather(fine, at)
                    total += share[..., None] * residual
                    square += window * window
                    for other, there in layers:
                        square += tf.where(at == there, 2.0 * window * other, 0.0)
                    layers.append((window, at))
            return total * (strength / tf.sqrt(tf.maximum(square, 1e-6)))[..., None]

        def grow(begin: tf.Tensor, detail: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return begin + _BAND, tf.concat([detail, band(begin)], axis=0)

        invariants = (tf.TensorShape([]), tf.TensorShape([None, None, 3]))
        detail = tf.while_loop(
            lambda begin, _: begin < top + height,
            grow,
            (top, tf.zeros(tf.stack([0, width, 3]))),
            shape_invariants=invariants,
            parallel_iterations=1,
        )[1]
        outer = [[top, size[0] - top - height], [left, size[1] - left - width], [0, 0]]
        return tf.where(mask[..., None], graph.round_levels(base + tf.pad(detail, outer)), base)

    enough = tf.reduce_any(size > work) & (tf.reduce_min(work) >= PATCH)
    return tf.cond(enough, add_detail, lambda: tf.identity(base))
