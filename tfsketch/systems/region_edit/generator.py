"""The region editor's generator: a structure code, modulated by styles that may differ from place to place.

See `network` for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfsketch.nn.stylegan2 import EqualizedConv2D, EqualizedDense, double, weigh
from tfsketch.nn.sums import modulate
from tfsketch.systems.region_edit.blocks import HALF, unit
from tfsketch.systems.region_edit.config import RegionGeneratorConfig


def resize(x: tf.Tensor, size: Sequence[int], method: str) -> tf.Tensor:
    """[B,h,w,C] -> [B,*size,C] float32; as it is where it has that size."""
    x, own_size = tf.cast(x, tf.float32), x.shape[1:3]
    if list(own_size) == list(size):
        return x
    if method == "area" and all(length % target == 0 for length, target in zip(own_size, size)):
        parts = [length // target for length, target in zip(own_size, size)]
        return tf.nn.avg_pool2d(x, parts, parts, "VALID")  # the same, and an operation that phones have
    return tf.image.resize(x, size, method)


class Styles:
    """The style at every position, for every layer at its size.

    Args:
      style: a code [B,S], or a style map [B,h,w,S] of any size.
      inside: optional code or map of the same rank, which rules inside `mask`.
      mask: [B,H,W,1] in [0,1]; between, styles mix in proportion.
    """

    def __init__(self, style: tf.Tensor, inside: tf.Tensor | None = None, mask: tf.Tensor | None = None):
        def as_map(code: tf.Tensor) -> tf.Tensor:
            return unit(code)[:, None, None] if code.shape.rank == 2 else unit(code)

        self._style = as_map(style)
        self._inside = None if inside is None else as_map(inside)
        self._mask = mask
        self._masks: dict[tuple[int, int], tf.Tensor] = {}

    def through(self, affine: EqualizedDense, size: tuple[int, int]) -> tf.Tensor:
        """An affine function of the style at every position of a map of `size`: [B,1,1,C] where it is the same
        everywhere, else [B,*size,C], float32."""

        def broadcast(code: tf.Tensor) -> tf.Tensor:
            values = affine(code)
            return values if code.shape[1:3] == [1, 1] else resize(values, size, "bilinear")

        values = broadcast(self._style)
        if self._inside is None:
            return values
        if size not in self._masks:
            self._masks[size] = resize(self._mask, size, "area")
        return values + weigh(broadcast(self._inside) - values, self._masks[size])


class _Modulated(tf.keras.layers.Layer):
    """Convolution whose input is scaled by the style; see the module's docstring. `normalize` off: neither the scales'
    mean square nor the kernel is normalised, as in the layer that makes RGB."""

    def __init__(self, filters: int, kernel_size: int, up: bool = False, normalize: bool = True, **kwargs: Any):
        gain = kwargs.pop("gain", 1.0)
        activate = kwargs.pop("activate", True)
        super().__init__(**kwargs)
        self.normalize, self.up = normalize, up
        self.conv = EqualizedConv2D(
            filters, kernel_size, activate=activate, gain=gain, demodulate=normalize, up=up, name="conv"
        )

    def build(self, shape: tf.TensorShape) -> None:
        self.affine = EqualizedDense(int(shape[-1]), activate=False, bias=1.0, name="affine")

    def call(self, x: tf.Tensor, styles: Styles) -> tf.Tensor:
        scale = styles.through(self.affine, (x.shape[1], x.shape[2]))
        if self.normalize:
            scale *= tf.math.rsqrt(tf.reduce_mean(tf.square(scale), axis=-1, keepdims=True) + 1e-8)
        return self.conv(modulate(x, tf.cast(scale, x.dtype)))


class _Styled(tf.keras.layers.Layer):
    """Residual block of two modulated 3x3 convolutions, the first of which may double; (sum) / sqrt 2."""

    def __init__(self, channels: int, filters: int, up: str = "", **kwargs: Any):
        super().__init__(**kwargs)
        self.up = up
        self.conv1 = _Modulated(filters, 3, up == "transposed", name="conv1")
        self.conv2 = _Modulated(filters, 3, gain=HALF, name="conv2")
        self.skip = EqualizedConv2D(filters, 1, gain=HALF, name="skip") if channels != filters else None

    def call(self, x: tf.Tensor, styles: Styles) -> tf.Tensor:
        y = self.conv1(x, styles)
        if self.up == "bilinear":
            y = double(y)
        y = self.conv2(y, styles)
        x = self.skip(x) if self.skip else x * HALF
        return (double(x) if self.up else x) + y


class Generator(tf.keras.Model):
    """Structure code [B,h,w,c] and styles -> picture [B,H,W,3] float32, about [-1,1] and not bounded."""

    def __init__(self, config: RegionGeneratorConfig, structure: int, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "generator"), autocast=False, **kwargs)
        self.scale = EqualizedDense(structure, activate=False, bias=1.0, name="scale")
        self.shift = EqualizedDense(structure, activate=False, name="shift")
        self.blocks, channels = [], structure
        for widths, up, name in ((config.head_widths, "", "head"), (config.widths, config.upsampling, "up")):
            for i, width in enumerate(widths):
                self.blocks.append(_Styled(channels, width, up, name=f"{name}{i + 1}"))
                channels = width
        self.to_rgb = _Modulated(3, 1, normalize=False, activate=False, name="to_rgb")

    def call(self, structure: tf.Tensor, styles: Styles) -> tf.Tensor:
        structure = unit(structure)
        size = (structure.shape[1], structure.shape[2])
        x = structure * styles.through(self.scale, size) + styles.through(self.shift, size)
        x = tf.cast(x, self.compute_dtype)
        for block in self.blocks:
            x = block(x, styles)
        return tf.cast(self.to_rgb(x, styles), tf.float32)
