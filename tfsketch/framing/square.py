"""The square of a photograph that an edit works on, as TensorFlow operations: `arrays.view_of` and what `editor.canvas`
does with it, for graphs that run where Python does not."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.framing.graph import (
    box_of,
    crop_square,
    edge_distance,
    lines_of,
    luma,
    middle,
    resize,
    resize_mask,
    round_levels,
)


class Square:
    """`arrays.view_of`: what an edit of a mask [H,W] bool, not empty, reads and what it writes.

    Attributes:
      box, extent: the mask's corner and size.
      start, part: corner and size of what the model sees of the picture.
      edge: the square's side in pixels of the picture, scalar; the others are [2], all int32.
      work: height and width of `part` at the working side.
      mask: [H,W] bool, of the picture.
      side: the working side, a number.
    """

    def __init__(self, mask: tf.Tensor, side: int):
        size = tf.shape(mask)
        self.box, self.extent = box_of(mask)
        corner, self.edge = crop_square(size, self.box, self.extent, side)
        self.start, end = tf.maximum(corner, 0), tf.minimum(corner + self.edge, size)
        self.part = end - self.start
        share = tf.cast(self.part, tf.float64) * side / tf.cast(self.edge, tf.float64)
        self.work = tf.maximum(tf.cast(tf.round(share), tf.int32), 1)
        self.mask, self.side = mask, side

    def crop(self, layer: tf.Tensor) -> tf.Tensor:
        """What the model sees of a layer [H,W] or [H,W,C]."""
        (top, left), (height, width) = tf.unstack(self.start), tf.unstack(self.part)
        return layer[top : top + height, left : left + width]

    def window(self, layer: tf.Tensor) -> tf.Tensor:
        """The mask's box of a layer [H,W,C]."""
        (top, left), (height, width) = tf.unstack(self.box), tf.unstack(self.extent)
        return layer[top : top + height, left : left + width]

    def shrink(self, image: tf.Tensor) -> tf.Tensor:
        """What the model sees of a photograph [H,W,C], before it is padded: [*work,C] float32, whole levels."""
        return round_levels(resize(tf.cast(self.crop(image), tf.float32), self.work))

    def shrink_mask(self) -> tf.Tensor:
        """The mask as the model sees it, before it is padded: [*work] float32 in {0,1}."""
        return resize_mask(self.crop(self.mask), self.work)

    def unpad(self, output: tf.Tensor) -> tf.Tensor:
        """A model's result [side,side,C] without its padding: [*work,C]."""
        (top, left), (height, width) = tf.unstack((self.side - self.work) // 2), tf.unstack(self.work)
        return output[top : top + height, left : left + width]

    def enlarge(self, layer: tf.Tensor) -> tf.Tensor:
        """A layer [*work,C] as it lies in the mask's box, not rounded: [*extent,C]."""
        return self.crop_box(resize(layer, self.part))

    def crop_box(self, layer: tf.Tensor) -> tf.Tensor:
        """The mask's box of a layer [*part,C] that covers what the model sees: [*extent,C]."""
        (top, left), (height, width) = tf.unstack(self.box - self.start), tf.unstack(self.extent)
        return layer[top : top + height, left : left + width]

    def soft_weights(self, image: tf.Tensor) -> tf.Tensor:
        """`restyle.soft_weights` of a photograph [H,W,3] uint8: [*extent,2] float32."""
        share = resize(tf.cast(self.crop(self.mask), tf.float32)[..., None], self.work)
        lines = lines_of(tf.repeat(share, 3, axis=-1), self.shrink(image), tf.ones(self.work))
        slope, offset = tf.split(self.enlarge(tf.gather(lines, [0, 3], axis=-1)), 2, axis=-1)
        weight = 2.0 * (slope * luma(tf.cast(self.window(image), tf.float32)) + offset) - 1.0
        least = self.enlarge(middle(self.shrink_mask() > 0.5))
        return tf.clip_by_value(tf.concat([weight, least], axis=-1), 0.0, 1.0)

    def paste(self, image: tf.Tensor, repaint: tf.Tensor, soft: tf.Tensor | None = None) -> tf.Tensor:
        """`Canvas.paste`: [H,W,3] uint8 with whole levels [*extent,3] float32 in the mask, faded in; `soft` is
        `soft_weights`'s."""
        size, end = tf.shape(self.mask), self.box + self.extent
        scale = tf.cast(self.edge, tf.float32) / self.side

        def blend(weight: tf.Tensor) -> tf.Tensor:
            weight = weight if soft is None else tf.maximum(weight * soft[..., 1:], soft[..., :1])
            return tf.round(tf.cast(self.window(image), tf.float32) * (1.0 - weight) + repaint * weight)

        def feathered_blend() -> tf.Tensor:
            feather = scale / 2.0
            lower, upper = tf.maximum(self.box - 1, 0), tf.minimum(end + 1, size)
            around = self.mask[lower[0] : upper[0], lower[1] : upper[1]]
            distance = edge_distance(around, tf.cast(tf.math.ceil(feather), tf.int32) + 1)
            (row, column), (height, width) = tf.unstack(self.box - lower), tf.unstack(self.extent)
            return blend(
                tf.minimum(distance[row : row + height, column : column + width] / (feather + 1.0), 1.0)[..., None]
            )

        levels = tf.cast(tf.cond(scale > 1.0, feathered_blend, lambda: blend(tf.ones([1, 1, 1]))), tf.uint8)
        (top, left), (below, right) = tf.unstack(self.box), tf.unstack(size - end)
        levels = tf.pad(levels, [[top, below], [left, right], [0, 0]])
        return tf.where(self.mask[..., None], levels, image)
