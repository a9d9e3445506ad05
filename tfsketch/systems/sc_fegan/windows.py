"""The receptive fields of parts of maps, and the cost of computing them: the arithmetic of `region_inference`.

Windows come from the layers' own kernels, strides and dilations, on each axis, so any configuration is right. A window
is cut at the map's true border, where the network pads with zeros, and only there are zeros added; inside, the halo is
real. Box arithmetic is the same on Python's numbers and on tensors: one graph serves every box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

import tensorflow as tf

if TYPE_CHECKING:
    from tfsketch.systems.sc_fegan.network import Generator


Number = Union[int, tf.Tensor]
Span = tuple[Number, Number]
"""(start, stop) on one axis."""
Window = tuple[Span, Span]
"""Of rows and of columns."""


def _along(value: Any) -> int:
    """A layer's kernel, stride or dilation, the same on both axes."""
    return value if isinstance(value, int) else value[0]


class Stencil:
    """How a layer's smaller map stands to its larger one: place j of the smaller one has to do with places
    j * stride - before to j * stride - before + extent - 1 of the larger one.

    Of a convolution the larger map is the input, of a doubling the output. Padding is TensorFlow's SAME: half of what
    lacks comes before, and the odd one after. The larger map's sides must be multiples of the stride, as all of a
    `Generator`'s are; what lacks is then the same at any size.
    """

    def __init__(self, layer: tf.keras.layers.Layer):
        if isinstance(layer, tf.keras.layers.UpSampling2D):
            self.stride = self.extent = _along(layer.size)
        else:
            dilation = getattr(layer, "dilation", 1)
            self.stride = _along(getattr(layer, "strides", 2))  # a gated doubling has none of its own
            self.extent = (_along(layer.kernel_size) - 1) * dilation + 1
        self.before = max(self.extent - self.stride, 0) // 2

    def source(self, span: Span) -> Span:
        """Places of the larger map for a span of the smaller one, not cut at the border."""
        start, stop = span
        return start * self.stride - self.before, (stop - 1) * self.stride - self.before + self.extent

    def reaches(self, span: Span) -> Span:
        """Places of the smaller map for a span of the larger one, not cut at the border."""
        start, stop = span
        return -((self.extent - 1 - self.before - start) // self.stride), (stop - 1 + self.before) // self.stride + 1


def _clip(value: Number, high: int) -> Number:
    if tf.is_tensor(value) or tf.is_tensor(high):
        return tf.clip_by_value(value, 0, high)
    return min(max(value, 0), high)


def clip(window: Window, size: Sequence[int]) -> Window:
    rows, columns = ((_clip(start, side), _clip(stop, side)) for (start, stop), side in zip(window, size))
    return rows, columns


def source_window(layer: tf.keras.layers.Layer, window: Window) -> Window:
    rows, columns = (Stencil(layer).source(span) for span in window)
    return rows, columns


def _reaches(layer: tf.keras.layers.Layer, window: Window) -> Window:
    rows, columns = (Stencil(layer).reaches(span) for span in window)
    return rows, columns


def _all_of(size: Sequence[Number]) -> Window:
    height, width = size
    return (0, height), (0, width)


def crop(x: tf.Tensor, window: Window, origin: Window = ((0, 0), (0, 0))) -> tf.Tensor:
    """The window of a map, of which `x` is what starts at the start of `origin`."""
    (top, bottom), (left, right) = window
    (y, _), (x0, _) = origin
    return x[:, top - y : bottom - y, left - x0 : right - x0]


def convolve(layer: tf.keras.layers.Layer, x: tf.Tensor, window: Window, size: Sequence[int]) -> tf.Tensor:
    """A convolution's output on a window.

    Args:
      layer: a `GatedConv2D`, or the plain convolution to RGB.
      x: the receptive field of the window in the input, clipped at the border.
      window: of the output.
      size: (height, width) of the input.
    """
    source = source_window(layer, window)
    pads = [(inner[0] - outer[0], outer[1] - inner[1]) for outer, inner in zip(source, clip(source, size))]
    x = tf.pad(x, [(0, 0), *pads, (0, 0)])
    if isinstance(layer, tf.keras.layers.Conv2D):
        x, kernel, bias = (tf.cast(value, layer.compute_dtype) for value in (x, layer.kernel, layer.bias))
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, layer.strides, "VALID"), bias)
    return layer(x, padding="VALID")


def _double(layer: tf.keras.layers.Layer, x: tf.Tensor, origin: Window, window: Window) -> tf.Tensor:
    """A doubling's output on a window.

    Args:
      layer: a `GatedDeconv2D` or the nearest-neighbour upsampling.
      x: what the window comes from of the input, cut at the border.
      origin: x's own window.
      window: of the output.
    """
    x = layer(x) if isinstance(layer, tf.keras.layers.UpSampling2D) else layer(x, padding="VALID")
    return crop(x, window, source_window(layer, origin))


def _weights(layer: tf.keras.layers.Layer) -> int:
    """Multiplications of a layer for a place of its smaller map (a convolution's output, a doubling's input)."""
    return sum(variable.shape.num_elements() for variable in layer.trainable_variables if variable.shape.rank == 4)


def _area(window: Window) -> Number:
    """Places of a window; as a tensor float32, since what they cost is more than 32 bits count."""
    area = (window[0][1] - window[0][0]) * (window[1][1] - window[1][0])
    return tf.cast(area, tf.float32) if tf.is_tensor(area) else area


def _doubling(model: Generator, stage: int) -> tf.keras.layers.Layer:
    return model.deconvs[stage] if model.deconvs else model.upsample


def _sizes(model: Generator, size: Sequence[Number]) -> list[tuple[Number, Number]]:
    """(height, width) of the maps that the decoder's stages make."""
    stages = len(model.mixers)
    return [tuple(side // 2 ** (stages - 1 - stage) for side in size) for stage in range(stages)]


def decoder_windows(model: Generator, box: Window, size: Sequence[Number]) -> list[tuple[Window, Window, Window]]:
    """The windows that the decoder must compute for a box of the picture.

    Args:
      model: the network.
      box: the window of the picture.
      size: (height, width) of the picture.

    Returns:
      For every stage the windows of (its input, its doubled input, its output), cut at the border.
    """
    target = box if model.to_rgb is None else clip(source_window(model.to_rgb, box), size)
    windows = []
    for stage, (mixer, larger) in reversed(list(enumerate(zip(model.mixers, _sizes(model, size))))):
        double_window = clip(source_window(mixer, target), larger)
        smaller = [side // 2 for side in larger]
        source = clip(_reaches(_doubling(model, stage), double_window), smaller)
        windows.append((source, double_window, target))
        target = source
    return windows[::-1]


def decode_box(
    model: Generator, x: tf.Tensor, skips: Sequence[tf.Tensor], box: Window, size: Sequence[Number]
) -> tf.Tensor:
    """`Generator.decode` on a box of the picture.

    Args:
      model: the network.
      x: what `Generator.dilate` gave.
      skips: what `Generator.encode` gave, without its last.
      box: the window of the picture; numbers or int32 scalars.
      size: (height, width) of the picture; the same.

    Returns:
      [B, height, width of the box, 3], before the tanh.
    """
    origin = ((0, 0), (0, 0))
    plan = zip(decoder_windows(model, box, size), model.mixers, _sizes(model, size))
    for stage, ((source, double_window, mix_window), mixer, larger) in enumerate(plan):
        x = _double(_doubling(model, stage), crop(x, source, origin), source, double_window)
        skip = tf.cast(crop(skips[-1 - stage], double_window), x.dtype)
        x = convolve(mixer, tf.concat([skip, x], axis=-1), mix_window, larger)
        origin = mix_window
    return x if model.to_rgb is None else convolve(model.to_rgb, x, box, size)


def decoder_share(model: Generator, box: Window, size: Sequence[Number]) -> float | tf.Tensor:
    """The arithmetic of `decode_box` as a share of the whole decoder's."""

    def cost(box: Window) -> Number:
        head = 0 if model.to_rgb is None else _area(box) * _weights(model.to_rgb)
        plan = enumerate(zip(decoder_windows(model, box, size), model.mixers))
        return head + sum(
            _area(source) * _weights(_doubling(model, stage)) + _area(mix_window) * _weights(mixer)
            for stage, ((source, _, mix_window), mixer) in plan
        )

    return cost(box) / cost(_all_of(size))


def encoder_windows(model: Generator, box: Window, size: Sequence[int]) -> list[Window]:
    """The windows of the encoder's maps that change with a box of its input: one per stage, clipped at the border."""
    windows = []
    for layer in model.encoder:
        size = [side // 2 for side in size]
        box = clip(_reaches(layer, box), size)
        windows.append(box)
    return windows


def encoder_share(model: Generator, box: Window, size: Sequence[int]) -> float:
    """The arithmetic of encoding a change again as a share of encoding all; numbers. The bottleneck counts in both."""

    def cost(box: Window) -> int:
        windows = encoder_windows(model, box, size)
        least = _area(_all_of([side // model.stride for side in size])) * sum(_weights(x) for x in model.dilated)
        return least + sum(_area(window) * _weights(layer) for window, layer in zip(windows, model.encoder))

    return cost(box) / cost(_all_of(size))


def box_of(where: tf.Tensor) -> tf.Tensor:
    """(top, bottom, left, right) of what is true in [B,H,W,C], int32; all 0 where nothing is."""
    spans = []
    for others in ([0, 2, 3], [0, 1, 3]):
        places = tf.where(tf.reduce_any(where, axis=others))
        # Of no place at all these are the type's extremes.
        start, stop = tf.reduce_min(places), tf.reduce_max(places) + 1
        spans += [tf.where(start < stop, value, tf.zeros_like(value)) for value in (start, stop)]
    return tf.cast(tf.stack(spans), tf.int32)


def window_of(box: Sequence[Number]) -> Window:
    """`box_of`'s result, or its numbers, as a window."""
    return (box[0], box[1]), (box[2], box[3])
