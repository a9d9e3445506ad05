"""Region-wise manipulation: what is where from one photograph, how it looks from another, in a region or everywhere
(You, Zhou, Zhang & Xu, ACM MM 2021, on the Swapping Autoencoder of Park et al., NeurIPS 2020).

In: a dict with `image` [B,H,W,3] in [-1,1], whose structure stays; `style` [B,H,W,3], the photograph whose looks it
takes; optionally `mask` [B,H,W,1] in {0,1}, 1 = restyle this pixel, everywhere where it is missing. Out: `raw`
[B,H,W,3] in [-1,1], what the generator drew; `image`, `raw` inside the mask and the input, bit for bit, outside.

Encoder E: a 1x1 convolution, residual blocks that halve -> feature map e [B,h,w,C]. Two heads look at e. The structure
head H_c, two 1x1 convolutions, gives the structure code [B,h,w,8], of unit length at every position. The style head
H_s, convolutions that halve without padding and then the mean, forgets where things are and gives the style code [B,S],
of unit length. `structure_norm: instance` (ours; what Huang & Belongie, ICCV 2017, take for style) has the structure
head look at e without the mean and variance of its channels: light and palette then have no way but the style code's.
Where the code is not much coarser than the picture, reconstruction alone would put them all into it. Generator G: the
structure code, scaled and shifted by the style, goes through residual blocks, the later of which double, and every
convolution's input is scaled channel by channel by an affine function of the style, of mean square 1 (StyleGAN2's
modulation in the Swapping Autoencoder's form, where the kernel of every output channel is of unit length: what
StyleGAN2's demodulation comes to with such scales); a modulated 1x1 convolution makes RGB, with no tanh after it.
Noise there is none. All weights are drawn from N(0,1) and scaled at use (equalised learning rate).

Styles may differ from place to place: a style map [B,h,w,S] in the code's place, or two codes and a mask. Each layer's
affine function is taken before anything is resized to the layer's size; that gives the same, since both are linear, and
a mask keeps its full resolution at no cost.

Regions. You et al. merge the two photographs' features and codes through the mask, not their pictures, which would show
the seam; how is not published. `blend: styles`, the default, because it changes less outside of the mask: the structure
code of I_A, the styles merged, one pass. `blend: features`: e_h = e(I_g) m + e(I_A) (1 - m), I_g the whole picture
restyled, its structure code from there, the styles likewise. Here the mask's pixels at e's size are shares of the
region.

Beside it the two discriminators: StyleGAN2's residual one, without the batch's deviation, and the Swapping
Autoencoder's co-occurrence one, which says whether a patch could be of the picture that some other patches are of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfsketch.config import (
    PatchesConfig,
    RegionEditConfig,
    RegionEncoderConfig,
    RegionGeneratorConfig,
    ResidualDiscriminatorConfig,
)
from tfsketch.nn.layers import EqualizedConv2D, EqualizedDense, blur, double, instance_norm, modulate, weighted
from tfsketch.vocabulary import check_sides

_HALF = math.sqrt(0.5)
"""What the sum of a residual block's two ways is divided by, put into their kernels."""


def unit(code: tf.Tensor) -> tf.Tensor:
    """A code of unit length along its last axis, float32."""
    code = tf.cast(code, tf.float32)
    # By a mean: with a sum it would become one operation of TensorFlow Lite, which a phone's GPU lacks.
    square = tf.reduce_mean(tf.square(code), axis=-1, keepdims=True)
    return code * (tf.math.rsqrt(square + 1e-8 / code.shape[-1]) / code.shape[-1] ** 0.5)


def _resized(x: tf.Tensor, size: Sequence[int], method: str) -> tf.Tensor:
    """[B,h,w,C] -> [B,*size,C] float32; as it is where it has that size."""
    x, given = tf.cast(x, tf.float32), x.shape[1:3]
    if list(given) == list(size):
        return x
    if method == "area" and all(length % wanted == 0 for length, wanted in zip(given, size)):
        parts = [length // wanted for length, wanted in zip(given, size)]
        return tf.nn.avg_pool2d(x, parts, parts, "VALID")  # the same, and an operation that phones have
    return tf.image.resize(x, size, method)


class _Down(tf.keras.layers.Layer):
    """Residual block (conv3, conv3 that halves; a 1x1 beside them) / sqrt 2; without `halve`, at the same size."""

    def __init__(self, width: int, filters: int, padding: str, kernel: Sequence[int], halve: bool = True, **kwargs):
        super().__init__(**kwargs)
        strides = 2 if halve else 1
        self.kernel, self.halve = tuple(kernel), halve
        self.conv1 = EqualizedConv2D(width, 3, padding=padding, name="conv1")
        self.conv2 = EqualizedConv2D(
            filters, 3, strides, padding=padding, blur=kernel if halve else (), gain=_HALF, name="conv2"
        )
        self.skip = EqualizedConv2D(filters, 1, activate=False, use_bias=False, gain=_HALF, name="skip")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.conv2(self.conv1(x))
        if self.halve and self.kernel:
            # Where the strided 3x3 looks: its centres are the blurred map's even pixels.
            x = blur(x, self.kernel, 2, "reflect" if self.conv1.padding == "reflect" else "zero")
        elif self.halve:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        return self.skip(x) + y


class Encoder(tf.keras.Model):
    """Picture [B,H,W,3] -> codes: `features`, `structure` and `style`, each one step of the way."""

    def __init__(self, config: RegionEncoderConfig, **kwargs):
        super().__init__(name=kwargs.pop("name", "encoder"), autocast=False, **kwargs)
        widths = [config.width * 2**i for i in range(config.downsamplings + 1)]
        self.stem = EqualizedConv2D(widths[0], 1, name="stem")
        self.down = [
            _Down(widths[i], widths[i + 1], config.padding, config.blur, name=f"down{i + 1}")
            for i in range(config.downsamplings)
        ]
        self.without_statistics = config.structure_norm == "instance"
        self.structure1 = EqualizedConv2D(widths[-1], 1, name="structure1")
        self.structure2 = EqualizedConv2D(config.structure, 1, activate=False, name="structure2")
        self.style_convs = [
            EqualizedConv2D(width, 3, 2, padding="valid", name=f"style{i + 1}")
            for i, width in enumerate(config.style_widths)
        ]
        self.style_fc = EqualizedDense(config.style, activate=False, name="style_fc")

    def features(self, image: tf.Tensor) -> tf.Tensor:
        """[B,H,W,3] in [-1,1] -> e [B,h,w,C]."""
        x = self.stem(tf.cast(image, self.compute_dtype))
        for block in self.down:
            x = block(x)
        return x

    def content(self, features: tf.Tensor) -> tf.Tensor:
        """e [B,h,w,C] -> what the structure head looks at, the same shape: e, or e without its statistics."""
        return instance_norm(features) if self.without_statistics else features

    def structure(self, content: tf.Tensor) -> tf.Tensor:
        """`content` [B,h,w,C] -> structure code [B,h,w,c] float32, of unit length at every position."""
        return unit(self.structure2(self.structure1(tf.cast(content, self.compute_dtype))))

    def style(self, features: tf.Tensor) -> tf.Tensor:
        """e [B,h,w,C] -> style code [B,S] float32, of unit length."""
        x = features
        for conv in self.style_convs:
            x = conv(x)
        return unit(self.style_fc(tf.reduce_mean(tf.cast(x, tf.float32), axis=[1, 2])))

    def call(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[B,H,W,3] -> (structure code, style code)."""
        features = self.features(image)
        return self.structure(self.content(features)), self.style(features)


class Styles:
    """Which style is where, for every layer at its size.

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
        self._mask, self._masks = mask, {}

    def through(self, affine: EqualizedDense, size: tuple[int, int]) -> tf.Tensor:
        """An affine function of the style at every position of a map of `size`: [B,1,1,C] where it is the same
        everywhere, else [B,*size,C], float32."""

        def spread(code: tf.Tensor) -> tf.Tensor:
            values = affine(code)
            return values if code.shape[1:3] == [1, 1] else _resized(values, size, "bilinear")

        values = spread(self._style)
        if self._inside is None:
            return values
        if size not in self._masks:
            self._masks[size] = _resized(self._mask, size, "area")
        return values + weighted(spread(self._inside) - values, self._masks[size])


class _Modulated(tf.keras.layers.Layer):
    """Convolution whose input is scaled by the style; see the module's docstring. `normalize` off: neither the scales'
    mean square nor the kernel is normalised, as in the layer that makes RGB."""

    def __init__(self, filters: int, kernel_size: int, up: bool = False, normalize: bool = True, **kwargs):
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

    def __init__(self, channels: int, filters: int, up: str = "", **kwargs):
        super().__init__(**kwargs)
        self.up = up
        self.conv1 = _Modulated(filters, 3, up == "transposed", name="conv1")
        self.conv2 = _Modulated(filters, 3, gain=_HALF, name="conv2")
        self.skip = EqualizedConv2D(filters, 1, gain=_HALF, name="skip") if channels != filters else None

    def call(self, x: tf.Tensor, styles: Styles) -> tf.Tensor:
        y = self.conv1(x, styles)
        if self.up == "bilinear":
            y = double(y)
        y = self.conv2(y, styles)
        x = self.skip(x) if self.skip else x * _HALF
        return (double(x) if self.up else x) + y


class Generator(tf.keras.Model):
    """Structure code [B,h,w,c] and styles -> picture [B,H,W,3] float32, about [-1,1] and not bounded."""

    def __init__(self, config: RegionGeneratorConfig, structure: int, **kwargs):
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


class RegionEdit(tf.keras.Model):
    """Encoder, heads and generator: what users run. See the module's docstring."""

    takes = ("image", "style", "mask")

    def __init__(self, config: RegionEditConfig, **kwargs):
        super().__init__(name=kwargs.pop("name", "region_edit"), autocast=False, **kwargs)
        self.blend = config.blend
        self.stride, self.smallest = config.sides()
        self.encoder = Encoder(config.encoder)
        self.generator = Generator(config.generator, config.encoder.structure)

    def encode(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Photograph [B,H,W,3] in [-1,1] -> (structure code [B,h,w,c], style code [B,S]), float32, of unit length.

        Raises:
          ImageError: H or W is known, and is no multiple of `stride` or below `smallest`.
        """
        check_sides(image.shape, self.stride, self.smallest)
        return self.encoder(image)

    def decode(
        self,
        structure: tf.Tensor,
        style: tf.Tensor,
        inside: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Codes -> picture [B,H,W,3] float32, about [-1,1]; for interpolation, mix codes of several photographs.

        Args:
          structure: [B,h,w,c]; codes need not be of unit length, they are made so here.
          style: [B,S], or a style map [B,h,w,S] of any size.
          inside, mask: another style, and where it rules; see `Styles`.
        """
        return self.generator(structure, Styles(style, inside, mask))

    def merged(
        self,
        features: tf.Tensor,
        style: tf.Tensor,
        inside: tf.Tensor,
        mask: tf.Tensor,
        swap: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """I_h: a photograph whose looks change in a region, before it is composited.

        Args:
          features: e of the photograph.
          style, inside: its style code, and the one for the region.
          mask: [B,H,W,1], 1 = the region.
          swap: I_g, all of it restyled; drawn here where it is missing and `blend` needs it.
        """
        content = self.encoder.content(features)
        if self.blend == "features":
            if swap is None:
                swap = self.decode(self.encoder.structure(content), inside)
            share = _resized(mask, (content.shape[1], content.shape[2]), "area")
            # Each without its own statistics, so that what changes in the region moves nothing outside.
            theirs = tf.cast(self.encoder.content(self.encoder.features(swap)), tf.float32)
            ours = tf.cast(content, tf.float32)
            content = ours + (theirs - ours) * share
        return self.decode(self.encoder.structure(content), style, inside, mask)

    def restyled(self, image: tf.Tensor, inside: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """A photograph in another style, before it is composited: [B,H,W,3] float32, about [-1,1].

        Args:
          image: [B,H,W,3] in [-1,1].
          inside: the style code [B,S], of a photograph or between those of several.
          mask: [B,H,W,1], where it rules; everywhere by default.

        Raises:
          ImageError: as `encode`.
        """
        check_sides(image.shape, self.stride, self.smallest)
        features = self.encoder.features(image)
        if mask is None:
            return self.decode(self.encoder.structure(self.encoder.content(features)), inside)
        return self.merged(features, self.encoder.style(features), inside, mask)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the module's docstring; `training` changes nothing.

        Raises:
          ImageError: H or W is known, and is no multiple of `stride` or below `smallest`.
        """
        del training
        image, mask = inputs["image"], inputs.get("mask")
        raw = self.restyled(image, self.encode(inputs["style"])[1], mask)
        mask = tf.ones_like(image[..., :1]) if mask is None else mask
        raw = tf.clip_by_value(raw, -1.0, 1.0)
        return {"raw": raw, "image": tf.where(mask > 0.5, raw, image)}


class ResidualDiscriminator(tf.keras.Model):
    """Picture [B,H,W,3] -> logit [B] float32, unbounded; high = real."""

    def __init__(self, config: ResidualDiscriminatorConfig, **kwargs):
        super().__init__(name=kwargs.pop("name", "discriminator"), autocast=False, **kwargs)
        widths = config.widths
        self.stem = EqualizedConv2D(widths[0], 1, name="stem")
        self.down = [
            _Down(widths[i], widths[i + 1], "zero", config.blur, name=f"down{i + 1}") for i in range(len(widths) - 1)
        ]
        self.last = EqualizedConv2D(widths[-1], 3, name="last")
        self.hidden = EqualizedDense(config.hidden, name="hidden")
        self.logit = EqualizedDense(1, activate=False, name="logit")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = self.stem(tf.cast(x, self.compute_dtype))
        for block in self.down:
            x = block(x)
        x = self.last(x)
        x = tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])
        return self.logit(self.hidden(x))[:, 0]


def cut_patches(image: tf.Tensor, chances: tf.Tensor, config: PatchesConfig) -> tf.Tensor:
    """Random patches, mirrored or not, resized bilinearly; differentiable in the picture.

    Args:
      image: [B,H,W,3].
      chances: [B,N,5] in [0,1]: height, width, from top, from left, mirrored.
      config: `side` and `size`.

    Returns:
      [B,N,side,side,3] float32.
    """
    low, high = config.size
    extent = low + (high - low) * chances[..., :2]
    start = (1.0 - extent) * chances[..., 2:4]
    top, left = tf.unstack(start, axis=-1)
    bottom, right = tf.unstack(start + extent, axis=-1)
    mirrored = chances[..., 4] < 0.5
    boxes = tf.stack([top, tf.where(mirrored, right, left), bottom, tf.where(mirrored, left, right)], axis=-1)
    # The operation's boxes are between the centres of the corner pixels.
    shape, count = tf.shape(image), chances.shape[1]
    owner = tf.repeat(tf.range(shape[0]), count)
    patches = tf.image.crop_and_resize(image, tf.reshape(boxes, [-1, 4]), owner, [config.side] * 2)
    return tf.reshape(patches, [shape[0], count, config.side, config.side, 3])


class PatchCooccurrence(tf.keras.Model):
    """Whether patches are of the picture that other patches are of; high = yes."""

    def __init__(self, config: PatchesConfig, **kwargs):
        super().__init__(name=kwargs.pop("name", "patch_discriminator"), autocast=False, **kwargs)
        widths = config.widths
        self.stem = EqualizedConv2D(widths[0], 3, name="stem")
        self.down = [
            _Down(widths[i], widths[i + 1], "zero", config.blur, name=f"down{i + 1}") for i in range(len(widths) - 1)
        ]
        self.same = _Down(widths[-1], config.last, "zero", (), halve=False, name="same")
        self.last = EqualizedConv2D(config.features, 3, padding="valid", name="last")
        self.hidden = [EqualizedDense(width, name=f"hidden{i + 1}") for i, width in enumerate(config.hidden)]
        self.logit = EqualizedDense(1, activate=False, name="logit")

    def features(self, patches: tf.Tensor) -> tf.Tensor:
        """[B,N,P,P,3] -> [B,N,F] float32."""
        shape = tf.shape(patches)
        x = self.stem(tf.cast(tf.reshape(patches, [-1, *patches.shape[2:]]), self.compute_dtype))
        for block in self.down:
            x = block(x)
        x = self.last(self.same(x))
        x = tf.cast(x, tf.float32)
        return tf.reshape(x, [shape[0], shape[1], x.shape[1] * x.shape[2] * x.shape[3]])

    def judge(self, features: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """[B,N,F] beside the mean of [B,M,F] -> logits [B,N] float32, unbounded."""
        mean = tf.reduce_mean(references, axis=1, keepdims=True)
        x = tf.concat([features, tf.broadcast_to(mean, tf.shape(features))], axis=-1)
        for dense in self.hidden:
            x = dense(x)
        return self.logit(x)[..., 0]

    def call(self, patches: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """[B,N,P,P,3] and [B,M,P,P,3] -> logits [B,N]."""
        return self.judge(self.features(patches), self.features(references))
