"""Section `model` of SC-FEGAN."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfsketch.config.discriminators import DiscriminatorConfig, ProjectedDiscriminatorConfig
from tfsketch.config.problems import Problems, as_many, at_least, one_of, positive, within
from tfsketch.config.training import LossConfig


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """SC-FEGAN's gated U-Net; the defaults are the published network (see `network`)."""

    width: int = 64
    """Channels of the first stage; every stage doubles them up to `max_width`."""
    max_width: int = 512
    stages: int = 7
    """Halvings. The picture's side must be a multiple of 2 ** stages."""
    kernels: tuple[int, ...] = (7, 5, 5, 3, 3, 3, 3)
    """Kernel of every encoder stage."""
    dilations: tuple[int, ...] = (2, 4, 8, 16)
    """Dilated layers at the bottleneck."""
    norm: str = "lrn"
    """`lrn` (published), `instance` or `none`."""
    upsampling: str = "published"
    """`published` (5x5 transposed convolution gated by itself), `gated` (the same with a gate of its own), or
    `nearest` (no layer: the gated convolution that follows mixes; no chequerboard and a third of the cost)."""
    head_width: int = 0
    """Channels of a last gated layer at full size before the plain 3x3 to RGB; 0 is the published head, whose last
    gated layer makes RGB itself."""


@dataclasses.dataclass(frozen=True)
class ScFeganLossConfig(LossConfig):
    """Weights of SC-FEGAN's loss terms; the defaults are the paper's where it gives one (see `losses`)."""

    pixel: float = 1.0
    alpha: float = 6.0
    """Weight of an erased pixel relative to a kept one. Not published; 6 is PartialConv's."""
    perceptual: float = 0.05
    """sigma"""
    normalized_perceptual: float = 0.0
    """Not in the paper: the perceptual distance on features of unit length."""
    style: float = 120.0
    """gamma"""
    total_variation: float = 0.1
    """upsilon"""
    known: float = 0.0
    """Not in the paper, nor are the next seven: L1 over the kept pixels (see `losses.known`)."""
    rim: float = 0.0
    """L1 in the hole beside its border (see `losses.rim`)."""
    low_pass: float = 0.0
    """Colours and light of the hole without its detail (see `losses.low_pass`)."""
    stroke_color: float = 0.0
    """Colours under the strokes, as they were asked for (see `losses.stroke_color`)."""
    trunk: float = 0.0
    """Perceptual distance in the hole on EfficientNet-Lite1's features (see `feature_losses.hole_perceptual`)."""
    feature_matching: float = 0.0
    """Distance on the discriminator's own hidden layers (Wang et al., CVPR 2018), in the hole."""
    projected: float = 0.0
    """The projected discriminator's hinge loss (see `nn.projected`)."""
    lines: float = 0.0
    """Lines that were asked for and cannot be read in the hole, and such as nobody asked for (see `nn.line_reader`).
    Needs the photographs' own lines: `sketch.style` in `data.maps`."""
    adversarial: float = 0.001
    """beta"""
    drift: float = 0.001
    """epsilon, on the discriminator, where it has a gradient"""
    gradient_penalty: float = 10.0
    """theta"""
    adversarial_loss: str = "wgan"
    """`wgan` (published: the critic's plain mean), `hinge` (DeepFill v2's) or `hinge_hole` (the same over the patches
    that see the hole)."""
    window: int = 0
    """Side, in pixels, of the square on the hole that the discriminators and the trunk see (`window`); 0 is
    all of the picture. What they say counts where the hole is, so that the rest is paid for in vain. A multiple of
    32, the trunk's coarsest stride."""
    close_up: float = 0.0
    """Share of the examples that they see at twice the size, in half the `window` (see `feature_losses.close_up`)."""
    perceptual_layers: tuple[str, ...] = ("pool1", "pool2", "pool3")
    perceptual_scale: float = 1.0 / 57.6
    """Multiplies the backbone's features in the perceptual and style terms. sigma and gamma are PartialConv's, made for
    features of inputs divided by ImageNet's deviation (255 * 0.226 = 57.6 grey levels); our backbone takes grey levels,
    and a stack of convolutions and ReLUs is nearly homogeneous. The paper does not say; this scale is ours."""
    perceptual_on: tuple[str, ...] = ("raw", "image")
    """The pictures that the perceptual and style terms compare; `image` alone halves their cost."""
    backbone: str = "hed"
    """`hed`, `imagenet` or an HDF5 file (see `features`)."""
    settings: ClassVar[tuple[str, ...]] = (
        "alpha",
        "adversarial_loss",
        "window",
        "close_up",
        "perceptual_layers",
        "perceptual_scale",
        "perceptual_on",
        "backbone",
    )


@dataclasses.dataclass(frozen=True)
class ScFeganConfig:
    """Section `model` of the system `sc_fegan`."""

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    projected: ProjectedDiscriminatorConfig = ProjectedDiscriminatorConfig()
    loss: ScFeganLossConfig = ScFeganLossConfig()
    empty_color: float = 0.0
    """The network's input in the hole outside colour strokes. Ours: 0. The released checkpoint expects -1."""

    conditions: ClassVar[tuple[str, ...]] = ("mask", "sketch", "color", "noise")
    changeable: ClassVar[tuple[str, ...]] = ("loss",)

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return (2**self.generator.stages,) * 2

    def problems(self, image_size: int) -> Problems:
        side = self.loss.window
        if side % 32 or not 0 <= side <= image_size:
            yield "loss.window", f"0 or a multiple of 32 up to image_size={image_size}", side
        yield from within("loss.close_up", self.loss.close_up)
        if self.loss.close_up and side in (0, image_size):
            yield "loss.window", f"less than image_size={image_size} for loss.close_up", side
        net = self.generator
        yield from one_of("generator.norm", net.norm, ("lrn", "instance", "none"))
        yield from one_of("generator.upsampling", net.upsampling, ("published", "gated", "nearest"))
        yield from one_of("loss.adversarial_loss", self.loss.adversarial_loss, ("wgan", "hinge", "hinge_hole"))
        yield from positive("generator.", net, zero=("head_width",))
        yield from as_many("generator.kernels", net.kernels, "generator.stages", net.stages)
        yield from self.discriminator.problems("discriminator", image_size)
        yield from self.projected.problems("projected")
        yield from at_least("loss.alpha", self.loss.alpha, 0)
        if not self.loss.perceptual_on or not set(self.loss.perceptual_on) <= {"raw", "image"}:
            yield "loss.perceptual_on", "raw, image or both", list(self.loss.perceptual_on)
        if not self.loss.perceptual_layers:
            yield "loss.perceptual_layers", "at least one", []
        if self.loss.feature_matching and len(self.discriminator.widths) < 2:
            yield (
                "discriminator.widths",
                "two layers or more for loss.feature_matching",
                list(self.discriminator.widths),
            )
        side = side or image_size
        if self.loss.lines and side % 8:
            yield "loss.lines", f"0 for a picture or a loss.window of {side} px, no multiple of 8", self.loss.lines
