"""Region-wise manipulation: the structure of one photograph, the style of another, in a region or everywhere
(You, Zhou, Zhang & Xu, ACM MM 2021, on the Swapping Autoencoder of Park et al., NeurIPS 2020).

In: a dict with `image` [B,H,W,3] in [-1,1], whose structure stays; `style` [B,H,W,3], the photograph whose style it
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

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfsketch.nn.exported import ExportedNetwork
from tfsketch.nn.norms import instance_norm
from tfsketch.nn.stylegan2 import EqualizedConv2D, EqualizedDense
from tfsketch.systems.region_edit.blocks import Down, unit
from tfsketch.systems.region_edit.change import StyleChange
from tfsketch.systems.region_edit.config import RegionEditConfig, RegionEncoderConfig
from tfsketch.systems.region_edit.generator import Generator, Styles, resize
from tfsketch.vocabulary import check_sides


class Encoder(tf.keras.Model):
    """Picture [B,H,W,3] -> codes: `features`, `structure` and `style`, each one step of the way."""

    def __init__(self, config: RegionEncoderConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "encoder"), autocast=False, **kwargs)
        widths = [config.width * 2**i for i in range(config.downsamplings + 1)]
        self.stem = EqualizedConv2D(widths[0], 1, name="stem")
        self.down = [
            Down(widths[i], widths[i + 1], config.padding, config.blur, name=f"down{i + 1}")
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
        """e [B,h,w,C] -> the structure head's input, the same shape: e, or e without its statistics."""
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


class RegionEdit(ExportedNetwork):
    """Encoder, heads and generator: what users run. See the module's docstring."""

    section = RegionEditConfig
    way = "restyle"
    takes = ("image", "style", "mask")
    gives = ("image",)

    def __init__(self, config: RegionEditConfig):
        super().__init__(config, "region_edit")
        self.blend = config.blend
        self.encoder = Encoder(config.encoder)
        self.generator = Generator(config.generator, config.encoder.structure)

    def in_one_call(self) -> StyleChange:
        """See `change`."""
        return StyleChange(self)

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

    def merge(
        self,
        features: tf.Tensor,
        style: tf.Tensor,
        inside: tf.Tensor,
        mask: tf.Tensor,
        swap: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """I_h: a photograph whose style changes in a region, before it is composited.

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
            share = resize(mask, (content.shape[1], content.shape[2]), "area")
            # Each without its own statistics, so that what changes in the region moves nothing outside.
            theirs = tf.cast(self.encoder.content(self.encoder.features(swap)), tf.float32)
            ours = tf.cast(content, tf.float32)
            content = ours + (theirs - ours) * share
        return self.decode(self.encoder.structure(content), style, inside, mask)

    def restyle(self, image: tf.Tensor, inside: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
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
        return self.merge(features, self.encoder.style(features), inside, mask)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the module's docstring; `training` changes nothing.

        Raises:
          ImageError: H or W is known, and is no multiple of `stride` or below `smallest`.
        """
        del training
        image, mask = inputs["image"], inputs.get("mask")
        raw = self.restyle(image, self.encode(inputs["style"])[1], mask)
        mask = tf.ones_like(image[..., :1]) if mask is None else mask
        raw = tf.clip_by_value(raw, -1.0, 1.0)
        return {"raw": raw, "image": tf.where(mask > 0.5, raw, image)}
