"""Section `model` of Cali-Sketch."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfsketch.config.discriminators import FeatureDiscriminatorConfig, ProjectedDiscriminatorConfig
from tfsketch.config.problems import Problems, at_least, one_of, positive, within
from tfsketch.config.training import LossConfig


@dataclasses.dataclass(frozen=True)
class TranslatorConfig:
    """One of Cali-Sketch's two generators (see `network`). The paper's tables are not available; the defaults
    are EdgeConnect's (Nazeri et al. 2019), whose family it belongs to."""

    width: int = 64
    """Channels at full size; every halving doubles them."""
    max_width: int = 0
    """Ours: the most channels that halvings lead to; 0 is no limit."""
    downsamplings: int = 2
    """Halvings. The picture's side must be a multiple of 2 ** downsamplings."""
    kernel: int = 4
    """Side of the kernels that halve and, transposed, double. 4 is safe with 16 bits too, since it is padded;
    what oneDNN computes wrongly, unpadded even kernels at some numbers of channels, `layers.convolution` avoids."""
    outer_kernel: int = 7
    """Side of the first and the last kernel. Odd."""
    blocks: int = 8
    """Residual blocks at the smallest size."""
    dilation: int = 2
    """Of the first convolution of every block."""
    norm: str = "instance"
    """`instance` (published: without parameters) or `affine` (instance norm with a learned scale and offset, and no
    biases before it)."""
    spectral_norm: bool = False
    """Spectral norm on every convolution but the last, and no biases in the blocks: as EdgeConnect has it, in its edge
    generator alone."""
    upsampling: str = "transposed"
    """`transposed` (published: 4x4, stride 2) or `nearest` (doubling before a 3x3; no chequerboard)."""
    skips: int = 0
    """Ours: after how many of the doublings, from the smallest size up, the encoder's map of the same size is added, so
    that lines keep their place. As many as `downsamplings`, or one more with a fine level, is all; a network that
    redraws lines does better without the one at full size, with which it learns to pass them on as they are."""
    halved: bool = False
    """Ours: all that is said above works at half the picture's size, and what it draws is doubled (see `network`)."""
    fine_width: int = 0
    """Ours: channels of a level at full size, if `halved`; 0 is none."""

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels: a border of n pixels can be reflected into a map of more
        than n, and the dilated blocks' is the widest for its map."""
        multiple = 2 ** (self.downsamplings + self.halved)
        return multiple, (self.dilation + 1) * multiple

    def unhalved(self) -> TranslatorConfig:
        """The network for half the side that a `halved` one can begin with."""
        return dataclasses.replace(self, halved=False, fine_width=0, skips=min(self.skips, self.downsamplings))


@dataclasses.dataclass(frozen=True)
class CalibratorConfig(TranslatorConfig):
    """The generator that redraws lines: EdgeConnect's edge generator."""

    spectral_norm: bool = True


@dataclasses.dataclass(frozen=True)
class SynthesisConfig(TranslatorConfig):
    """The generator that makes photographs: EdgeConnect's image generator."""

    palette: bool = False
    """Ours: a palette is a second input (see `palette`). Lines say nothing of colours, and whoever must guess them
    learns their mean; the same lines with another palette are another photograph."""


@dataclasses.dataclass(frozen=True)
class CaliSketchLossConfig(LossConfig):
    """Weights of Cali-Sketch's loss terms (see `task`). The paper's values are not available: those of
    the defaults that are not said to be its own are EdgeConnect's."""

    scn_adversarial: float = 1.0
    """SCN's GAN loss: no factor, as printed."""
    global_contour: float = 5.0
    """Feature matching with the contours (HED). The paper's lambda weighs this and the next together; 10 in all."""
    local_detail: float = 5.0
    """Feature matching with the details (Canny)."""
    line_cross_entropy: float = 0.0
    """Not in the paper: the redrawn and the true lines pixel by pixel (see `line_losses.line_cross_entropy`)."""
    line_weight: float = 4.0
    """Weight there of a pixel of a true line, relative to one of the paper."""
    chamfer: float = 0.0
    """Not in the paper: the distance between the redrawn and the true lines, per pixel (see
    `line_losses.soft_chamfer`)."""
    stroke_density: float = 0.0
    """Not in the paper: how much line there is where (see `line_losses.stroke_density`)."""
    reach: float = 0.0
    """Distance from the poor sketch's lines, as a share of the side, up to which SCN must draw the true ones; 0:
    everywhere, as in the paper. SCN cannot know a background that nobody drew, and scatters dashes instead. Ours."""
    fake_label: float = 0.0
    """a of LSGAN, in both GAN losses"""
    real_label: float = 1.0
    """b"""
    wanted_label: float = 1.0
    """c"""
    pixel: float = 1.0
    """lambda 1"""
    isn_adversarial: float = 0.1
    """lambda 2"""
    perceptual: float = 0.1
    """lambda 3"""
    style: float = 250.0
    """lambda 4"""
    total_variation: float = 1.0
    """The paper's, which gives it no factor."""
    normalized_perceptual: float = 0.0
    """Not in the paper, nor are the next three: the perceptual distance on features of unit length."""
    low_pass: float = 0.0
    """Colours and light of the photograph without its detail (see `losses.low_pass`)."""
    trunk: float = 0.0
    """Perceptual distance on EfficientNet-Lite1's features (see `feature_losses.hole_perceptual`)."""
    projected: float = 0.0
    """The projected discriminator's hinge loss, given the lines that ISN was given (see `nn.projected`)."""
    total_variation_printed: bool = False
    """The total variation as printed, a difference of the two gradients, instead of their sum."""
    window: int = 0
    """Side, in pixels, of the square, anywhere in the picture, that the projected discriminator and the trunk see; 0 is
    all of the picture. A multiple of 32, the trunk's coarsest stride."""
    overview: float = 0.0
    """Share of the examples of which they see the whole picture instead, shrunk to the size of the window: windows show
    detail, but not whether two eyes match. Needs a side that is a multiple of `window`."""
    central: float = 0.0
    """Share of the windows that are in the middle third of their places, up and down as across, where faces aligned
    like FFHQ's have their eyes: a window anywhere seldom has both. After GFP-GAN's discriminators of facial components
    (Wang et al., CVPR 2021), which see eyes and mouth alone; by the same discriminator as the rest, ours."""
    calibrated: float = 0.0
    """Share of the examples whose photograph ISN makes from SCN's output; the others', from the true lines."""
    uncalibrated: float = 0.0
    """Share of the examples whose photograph ISN makes from the poor sketch itself: the ablation of SCN."""
    misaligned: float = 1.0
    """Factor of the distances to the photograph, `terms.DISTANCES`, of the examples whose lines are not the true ones.
    Such lines lie some pixels beside the photograph's, and what a network learns from the pair is to blur; below 1 the
    discriminators and `low_pass` have more of a say there. Not in the paper."""
    joint: float = 0.0
    """Weight of ISN's loss in SCN's: above 0, SCN also learns from the photographs that its lines lead to."""
    perceptual_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    style_layers: tuple[str, ...] = ("relu2_2", "relu3_3", "relu4_3", "relu5_2")
    """EdgeConnect's, but for the last of the third and fourth blocks, which VGG-16 calls so."""
    perceptual_scale: float = 1.0 / 255.0
    """Multiplies the backbone's features. EdgeConnect's weights are for features of pictures in [0,1]; our backbone
    takes grey levels, and a stack of convolutions and ReLUs is nearly homogeneous."""
    backbone: str = "hed"
    """`hed`, `vgg19` (published), `imagenet` or an HDF5 file (see `features`)."""
    settings: ClassVar[tuple[str, ...]] = (
        "line_weight",
        "reach",
        "fake_label",
        "real_label",
        "wanted_label",
        "total_variation_printed",
        "window",
        "overview",
        "central",
        "calibrated",
        "uncalibrated",
        "misaligned",
        "joint",
        "perceptual_layers",
        "style_layers",
        "perceptual_scale",
        "backbone",
    )


@dataclasses.dataclass(frozen=True)
class CaliSketchConfig:
    """Section `model` of the system `cali_sketch`."""

    scn: CalibratorConfig = CalibratorConfig()
    isn: SynthesisConfig = SynthesisConfig()
    d1: FeatureDiscriminatorConfig = FeatureDiscriminatorConfig()
    d2: FeatureDiscriminatorConfig = FeatureDiscriminatorConfig()
    projected: ProjectedDiscriminatorConfig = ProjectedDiscriminatorConfig()
    loss: CaliSketchLossConfig = CaliSketchLossConfig()
    reach: int = 0
    """Largest distance in pixels, along each axis, at which SCN's lines lie from the sketch's own; what it draws
    farther away is left out. 0: nothing is. SCN scatters dashes over paper where nobody drew, and ISN makes marks of
    them. Ours."""

    changeable: ClassVar[tuple[str, ...]] = ("loss", "reach")  # no weight depends on either

    @property
    def conditions(self) -> tuple[str, ...]:
        """A palette is the mean colours of face regions."""
        return ("sketch", "refined", "regions") if self.isn.palette else ("sketch", "refined")

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels; see `TranslatorConfig.sides`."""
        multiples, smallest = zip(self.scn.sides(), self.isn.sides())
        return max(multiples), max(smallest)

    def problems(self, image_size: int) -> Problems:
        if self.reach < 0:
            yield "reach", "0 or more pixels", self.reach
        side = self.loss.window
        if side % 32 or not 0 <= side <= image_size:
            yield "loss.window", f"0 or a multiple of 32 up to image_size={image_size}", side
        yield from within("loss.overview", self.loss.overview)
        yield from within("loss.central", self.loss.central)
        if self.loss.central and not side:
            yield "loss.central", "0 without loss.window", self.loss.central
        if self.loss.overview and (not side or image_size % side):
            yield "loss.window", f"a divisor of image_size={image_size} for loss.overview", side
        for name, net in (("scn", self.scn), ("isn", self.isn)):
            yield from one_of(f"{name}.norm", net.norm, ("instance", "affine"))
            yield from one_of(f"{name}.upsampling", net.upsampling, ("transposed", "nearest"))
            if net.outer_kernel < 1 or net.outer_kernel % 2 == 0:
                yield f"{name}.outer_kernel", "an odd number from 1", net.outer_kernel
            yield from positive(f"{name}.", net, zero=("max_width", "downsamplings", "blocks", "skips", "fine_width"))
            doublings = net.downsamplings + bool(net.fine_width)
            if net.fine_width and not net.halved:
                yield f"{name}.fine_width", f"0 without {name}.halved", net.fine_width
            if not 0 <= net.skips <= doublings:
                yield f"{name}.skips", f"from 0 to the number of doublings ({doublings})", net.skips
        for key in ("calibrated", "uncalibrated", "reach"):
            yield from within(f"loss.{key}", getattr(self.loss, key))
        for key in ("misaligned", "joint"):
            yield from at_least(f"loss.{key}", getattr(self.loss, key), 0)
        shares = self.loss.calibrated + self.loss.uncalibrated
        if shares > 1:
            yield "loss.uncalibrated", "at most 1, together with loss.calibrated", shares
        for name, critic in (("d1", self.d1), ("d2", self.d2)):
            yield from critic.problems(name, image_size)
        yield from self.projected.problems("projected")
        for key in ("perceptual_layers", "style_layers"):
            if not getattr(self.loss, key):
                yield f"loss.{key}", "at least one", []
