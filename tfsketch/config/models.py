"""Section `model`: one class a system, and the table of systems."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """SC-FEGAN's gated U-Net; the defaults are the published network (see `models.sc_fegan`)."""

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
class DiscriminatorConfig:
    """SN-PatchGAN (see `models.discriminators`)."""

    widths: tuple[int, ...] = (64, 128, 256, 256, 256, 256)
    strides: tuple[int, ...] = (1, 2, 2, 2, 2, 2)
    kernel: int = 3


@dataclasses.dataclass(frozen=True)
class ScFeganLossConfig:
    """Weights of SC-FEGAN's loss terms; the defaults are the paper's where it gives one (see `losses`)."""

    pixel: float = 1.0
    alpha: float = 6.0
    """How much more an erased pixel counts than a kept one. Not published; 6 is PartialConv's."""
    perceptual: float = 0.05
    """sigma"""
    normalized_perceptual: float = 0.0
    """Not in the paper: the perceptual distance on features of unit length (see `losses.normalized_perceptual`)."""
    style: float = 120.0
    """gamma"""
    total_variation: float = 0.1
    """upsilon"""
    adversarial: float = 0.001
    """beta"""
    drift: float = 0.001
    """epsilon, on the discriminator, where it has a gradient"""
    gradient_penalty: float = 10.0
    """theta"""
    adversarial_loss: str = "wgan"
    """`wgan` (published: the critic's plain mean) or `hinge` (DeepFill v2's)."""
    perceptual_layers: tuple[str, ...] = ("pool1", "pool2", "pool3")
    perceptual_scale: float = 1.0 / 57.6
    """Multiplies the backbone's features in the perceptual and style terms. sigma and gamma are PartialConv's, made for
    features of inputs divided by ImageNet's deviation (255 * 0.226 = 57.6 grey levels); our backbone takes grey levels,
    and a stack of convolutions and ReLUs is nearly homogeneous. The paper does not say; this scale is ours."""
    perceptual_on: tuple[str, ...] = ("raw", "image")
    """Which pictures the perceptual and style terms look at; `image` alone halves their cost."""
    backbone: str = "hed"
    """`hed`, `imagenet` or an HDF5 file (see `features`)."""


@dataclasses.dataclass(frozen=True)
class ScFeganConfig:
    """Section `model` of the system `sc_fegan`."""

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: ScFeganLossConfig = ScFeganLossConfig()
    empty_color: float = 0.0
    """What the network sees in the hole where no colour was given. Ours: 0. The released checkpoint expects -1."""


@dataclasses.dataclass(frozen=True)
class FaceParserLossConfig:
    """Weights of the face parser's loss terms (see `losses`)."""

    cross_entropy: float = 1.0
    dice: float = 1.0
    """Soft Dice over the regions of an example: small regions (brows, eyes, lips) count as much as large ones."""


@dataclasses.dataclass(frozen=True)
class FaceParserConfig:
    """Section `model` of the system `face_parser` (see `models.face_parser`)."""

    width: int = 24
    """Channels of the first stage; every stage doubles them up to `max_width`."""
    max_width: int = 192
    stages: int = 5
    """Halvings. The picture's side must be a multiple of 2 ** stages."""
    loss: FaceParserLossConfig = FaceParserLossConfig()


SYSTEMS: dict[str, type] = {"sc_fegan": ScFeganConfig, "face_parser": FaceParserConfig}
"""System -> class of its section `model`."""
