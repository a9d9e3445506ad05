"""Section `model` of region-wise manipulation."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from tfsketch.config.problems import Problems, as_many, increasing, one_of, positive
from tfsketch.config.training import LossConfig


@dataclasses.dataclass(frozen=True)
class RegionEncoderConfig:
    """Region-wise manipulation's encoder and its two heads (see `network`); the defaults are the Swapping
    Autoencoder's public ones for 256 px."""

    width: int = 32
    """Channels at full size; every halving doubles them."""
    downsamplings: int = 4
    """Halvings. The picture's side must be a multiple of 2 ** downsamplings, and the structure code is that much
    smaller."""
    structure: int = 8
    """Channels of the structure code."""
    structure_norm: str = "none"
    """The structure head's input: the features (`none`, published), or those without the mean and variance of
    every channel (`instance`, ours), which leaves light and palette to the style code."""
    style_widths: tuple[int, ...] = (1024, 2048)
    """Channels of the style head's halving convolutions."""
    style: int = 2048
    """Numbers in the style code."""
    padding: str = "reflect"
    """`reflect` (published) or `zero`, which costs nothing."""
    blur: tuple[int, ...] = (1, 2, 1)
    """Filter before every halving; none: the convolution halves alone."""


@dataclasses.dataclass(frozen=True)
class RegionGeneratorConfig:
    """Region-wise manipulation's modulated generator; the defaults are the Swapping Autoencoder's."""

    head_widths: tuple[int, ...] = (256, 512)
    """Channels of the styled residual blocks at the structure code's size."""
    widths: tuple[int, ...] = (512, 512, 256, 128)
    """Channels after every doubling; as many as the encoder's halvings."""
    upsampling: str = "transposed"
    """How a block's first convolution doubles: `transposed` (published: stride 2, then the filter 1 3 3 1) or
    `bilinear` (ours: the convolution at the smaller size, then bilinear; a quarter of the cost)."""


@dataclasses.dataclass(frozen=True)
class ResidualDiscriminatorConfig:
    """StyleGAN2's residual discriminator (see `network`), without the batch's deviation; the defaults are
    the Swapping Autoencoder's for 256 px."""

    widths: tuple[int, ...] = (128, 256, 512, 512, 512, 512, 512)
    """Channels at full size and after every halving, the last at 4 px."""
    hidden: int = 512
    """Of the fully connected layer before the logit."""
    blur: tuple[int, ...] = (1, 3, 3, 1)
    """Filter before every halving; none: the convolution halves alone."""


@dataclasses.dataclass(frozen=True)
class PatchesConfig:
    """The co-occurrence patch discriminator and the patches that it is shown; the defaults are the Swapping
    Autoencoder's for 256 px."""

    side: int = 128
    """Patches are resized to this side, in pixels."""
    size: tuple[float, float] = (0.125, 0.25)
    """Range of a patch's height and of its width in the picture, each drawn on its own, as shares of the side."""
    count: int = 8
    """Patches that are judged, of every picture."""
    references: int = 8
    """Patches whose mean they are judged beside."""
    widths: tuple[int, ...] = (32, 64, 128, 256, 384, 384)
    """Channels at full size and after every halving."""
    last: int = 768
    """Channels of the residual block that follows, which does not halve."""
    features: int = 384
    """Channels of the unpadded convolution that ends the features."""
    hidden: tuple[int, ...] = (2048, 2048, 1024)
    """Fully connected layers over the two features together."""
    blur: tuple[int, ...] = (1, 3, 3, 1)
    """Filter before every halving; none: the convolution halves alone."""


@dataclasses.dataclass(frozen=True)
class RegionEditLossConfig(LossConfig):
    """Weights of region-wise manipulation's loss terms (see `task`). Those of the Swapping Autoencoder
    are its paper's and public code's; You et al. publish none but the interval of code consistency."""

    reconstruction: float = 1.0
    gan_reconstruction: float = 0.5
    gan_swap: float = 0.5
    """The paper's; the public code has 1."""
    patches: float = 1.0
    """Of the co-occurrence discriminator."""
    r1: float = 10.0
    """gamma of R1 on the discriminator"""
    patch_r1: float = 0.5
    """gamma of R1 on the co-occurrence discriminator: the public code's 1, which it halves once more"""
    code_consistency: float = 1.0
    """Not published, as the next two."""
    style_consistency: float = 1.0
    """lambda: the style code's share in code consistency"""
    content_alignment: float = 1.0
    statistics: float = 0.0
    """Ours: of the swap's feature statistics to the style image's (`losses.statistics`)."""
    r1_every: int = 16
    """R1 is computed every this many steps, weighted accordingly."""
    consistency_every: int = 16
    """K: the same of code consistency."""
    alignment_every: int = 1
    """The same of content alignment. Published, as far as one knows: every step."""

    settings: ClassVar[tuple[str, ...]] = ("style_consistency", "r1_every", "consistency_every", "alignment_every")

    def at(self, step: int) -> RegionEditLossConfig:
        """The weights of a step (counted from 0): a term that comes every n steps is 0 in between and weighs n times
        as much when it comes."""
        weights: dict[str, Any] = {}
        for names, every in (
            (("r1", "patch_r1"), self.r1_every),
            (("code_consistency",), self.consistency_every),
            (("content_alignment",), self.alignment_every),
        ):
            factor = 0 if step % every else every
            weights |= {name: factor * getattr(self, name) for name in names}
        return dataclasses.replace(self, **weights)


@dataclasses.dataclass(frozen=True)
class RegionEditConfig:
    """Section `model` of the system `region_edit`."""

    encoder: RegionEncoderConfig = RegionEncoderConfig()
    generator: RegionGeneratorConfig = RegionGeneratorConfig()
    discriminator: ResidualDiscriminatorConfig = ResidualDiscriminatorConfig()
    patches: PatchesConfig = PatchesConfig()
    loss: RegionEditLossConfig = RegionEditLossConfig()
    blend: str = "styles"
    """What is merged by the mask (not published): `styles` (the styles alone) or `features` (the encoder's
    maps of the photograph and of its swap, and the styles; two passes instead of one). The default changes less outside
    of the mask (docs/results.md)."""

    conditions: ClassVar[tuple[str, ...]] = ("mask",)
    changeable: ClassVar[tuple[str, ...]] = ("loss", "blend")  # the two ways of merging share their weights

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels: the style head's convolutions have no padding."""
        multiple = 2**self.encoder.downsamplings
        return multiple, multiple * (2 ** (len(self.encoder.style_widths) + 1) - 1)

    def problems(self, image_size: int) -> Problems:
        for name in ("encoder", "generator", "discriminator", "patches"):
            yield from positive(f"{name}.", getattr(self, name))
        yield from one_of("blend", self.blend, ("features", "styles"))
        yield from one_of("encoder.structure_norm", self.encoder.structure_norm, ("none", "instance"))
        yield from one_of("encoder.padding", self.encoder.padding, ("reflect", "zero"))
        yield from one_of("generator.upsampling", self.generator.upsampling, ("transposed", "bilinear"))
        yield from as_many(
            "generator.widths", self.generator.widths, "encoder.downsamplings", self.encoder.downsamplings
        )
        if 4 * 2 ** (len(self.discriminator.widths) - 1) != image_size:
            yield "discriminator.widths", f"one more than halve {image_size} px to 4", list(self.discriminator.widths)
        halving = 2 ** max(len(self.patches.widths) - 1, 0)
        if not self.patches.widths:
            yield "patches.widths", "at least one", []
        if self.patches.side % halving or self.patches.side < 3 * halving:
            yield "patches.side", f"a multiple of {halving}, at least {3 * halving}", self.patches.side
        yield from increasing("patches.size", self.patches.size)
        for key in ("r1_every", "consistency_every", "alignment_every"):
            if getattr(self.loss, key) < 1:
                yield f"loss.{key}", "at least 1", getattr(self.loss, key)
