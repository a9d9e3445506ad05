"""Section `model`: one class a system, and the table of systems."""

from __future__ import annotations

import dataclasses

from tfsketch.config.problems import Problems, as_many, increasing, one_of


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
class ProjectedDiscriminatorConfig:
    """The projected discriminator (see `nn.projected`)."""

    width: int = 64
    """Channels of the mixed features at the finest scale; every coarser one has twice as many."""
    head_width: int = 64
    """Channels of the heads' hidden layers."""
    augment: float = 1.0
    """How far pictures are changed in colour and place before it (DiffAugment); 0 is not at all."""


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
    known: float = 0.0
    """Not in the paper, nor are the next five: L1 over the kept pixels (see `losses.known`)."""
    rim: float = 0.0
    """L1 in the hole beside its border (see `losses.rim`)."""
    low_pass: float = 0.0
    """Colours and light of the hole without its detail (see `losses.low_pass`)."""
    trunk: float = 0.0
    """Perceptual distance in the hole on EfficientNet-Lite1's features (see `losses.hole_perceptual`)."""
    feature_matching: float = 0.0
    """Distance on the discriminator's own hidden layers (Wang et al., CVPR 2018), in the hole."""
    projected: float = 0.0
    """The projected discriminator's hinge loss (see `nn.projected`)."""
    adversarial: float = 0.001
    """beta"""
    drift: float = 0.001
    """epsilon, on the discriminator, where it has a gradient"""
    gradient_penalty: float = 10.0
    """theta"""
    adversarial_loss: str = "wgan"
    """`wgan` (published: the critic's plain mean), `hinge` (DeepFill v2's) or `hinge_hole` (the same over the patches
    that see the hole)."""
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
    projected: ProjectedDiscriminatorConfig = ProjectedDiscriminatorConfig()
    loss: ScFeganLossConfig = ScFeganLossConfig()
    empty_color: float = 0.0
    """What the network sees in the hole where no colour was given. Ours: 0. The released checkpoint expects -1."""

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return (2**self.generator.stages,) * 2

    def problems(self, image_size: int) -> Problems:
        del image_size
        net = self.generator
        yield from one_of("generator.norm", net.norm, ("lrn", "instance", "none"))
        yield from one_of("generator.upsampling", net.upsampling, ("published", "gated", "nearest"))
        yield from one_of("loss.adversarial_loss", self.loss.adversarial_loss, ("wgan", "hinge", "hinge_hole"))
        yield from as_many("generator.kernels", net.kernels, "generator.stages", net.stages)
        yield from as_many(
            "discriminator.strides", self.discriminator.strides, "widths", len(self.discriminator.widths)
        )


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

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return (2**self.stages,) * 2


@dataclasses.dataclass(frozen=True)
class TranslatorConfig:
    """One of Cali-Sketch's two generators (see `models.cali_sketch`). The paper's tables could not be had; the defaults
    are EdgeConnect's (Nazeri et al. 2019), whose family it belongs to."""

    width: int = 64
    """Channels at full size; every halving doubles them."""
    downsamplings: int = 2
    """Halvings. The picture's side must be a multiple of 2 ** downsamplings."""
    kernel: int = 4
    """Side of the kernels that halve and, transposed, double. 4 is safe with 16 bits too, since it is padded;
    what oneDNN computes wrongly, unpadded even kernels at some numbers of channels, `layers.convolution` avoids."""
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
    that lines keep their place. As many as `downsamplings` is all; a network that redraws lines does better with one
    less, since with the map at full size it learns to pass them on as they are."""


@dataclasses.dataclass(frozen=True)
class CalibratorConfig(TranslatorConfig):
    """The generator that redraws lines: EdgeConnect's edge generator."""

    spectral_norm: bool = True


@dataclasses.dataclass(frozen=True)
class FeatureDiscriminatorConfig(DiscriminatorConfig):
    """The 70x70 PatchGAN (see `models.discriminators.FeatureDiscriminator`)."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 1)
    strides: tuple[int, ...] = (2, 2, 2, 1, 1)
    kernel: int = 4


@dataclasses.dataclass(frozen=True)
class CaliSketchLossConfig:
    """Weights of Cali-Sketch's loss terms (see `training.cali_sketch`). The paper's values could not be had: those of
    the defaults that are not said to be its own are EdgeConnect's."""

    scn_adversarial: float = 1.0
    """SCN's GAN loss: no factor, as printed."""
    global_contour: float = 5.0
    """Feature matching with the contours (HED). The paper's lambda weighs this and the next together; 10 in all."""
    local_detail: float = 5.0
    """Feature matching with the details (Canny)."""
    line_cross_entropy: float = 0.0
    """Not in the paper: the redrawn and the true lines pixel by pixel (see `losses.line_cross_entropy`)."""
    line_weight: float = 4.0
    """How much more a pixel of a true line counts there than one of the paper."""
    chamfer: float = 0.0
    """Not in the paper: the distance between the redrawn and the true lines, per pixel (see `losses.soft_chamfer`)."""
    stroke_density: float = 0.0
    """Not in the paper: how much line there is where (see `losses.stroke_density`)."""
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
    """Not in the paper: the perceptual distance on features of unit length (see `losses.normalized_perceptual`)."""
    total_variation_printed: bool = False
    """The total variation as printed, a difference of the two gradients, instead of their sum."""
    calibrated: float = 0.0
    """Share of the examples whose photograph ISN makes from SCN's output; the others', from the true lines."""
    uncalibrated: float = 0.0
    """Share of the examples whose photograph ISN makes from the poor sketch itself: the ablation of SCN."""
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


@dataclasses.dataclass(frozen=True)
class CaliSketchConfig:
    """Section `model` of the system `cali_sketch`."""

    scn: CalibratorConfig = CalibratorConfig()
    isn: TranslatorConfig = TranslatorConfig()
    d1: FeatureDiscriminatorConfig = FeatureDiscriminatorConfig()
    d2: FeatureDiscriminatorConfig = FeatureDiscriminatorConfig()
    loss: CaliSketchLossConfig = CaliSketchLossConfig()

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels: the dilated blocks' reflection needs some of it."""
        nets = (self.scn, self.isn)
        return (
            max(2**net.downsamplings for net in nets),
            max((net.dilation + 1) * 2**net.downsamplings for net in nets),
        )

    def problems(self, image_size: int) -> Problems:
        del image_size
        for name, net in (("scn", self.scn), ("isn", self.isn)):
            yield from one_of(f"{name}.norm", net.norm, ("instance", "affine"))
            yield from one_of(f"{name}.upsampling", net.upsampling, ("transposed", "nearest"))
            if not 0 <= net.skips <= net.downsamplings:
                yield f"{name}.skips", f"from 0 to {name}.downsamplings ({net.downsamplings})", net.skips
        shares = self.loss.calibrated + self.loss.uncalibrated
        if not 0 <= shares <= 1:
            yield "loss.uncalibrated", "at most 1, together with loss.calibrated", shares
        for name, critic in (("d1", self.d1), ("d2", self.d2)):
            yield from as_many(f"{name}.strides", critic.strides, "widths", len(critic.widths))


@dataclasses.dataclass(frozen=True)
class JointGeneratorConfig:
    """Contextual GAN's generator (see `models.contextual_gan`); the defaults are the published network."""

    widths: tuple[int, ...] = (512, 256, 128, 64)
    """Channels of the map of 4 x 8 that z becomes, and after every doubling but the last. So the picture's side is
    4 * 2 ** (number of widths)."""
    kernel: int = 5


@dataclasses.dataclass(frozen=True)
class JointDiscriminatorConfig:
    """Contextual GAN's discriminator; the defaults are the published network."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels after every halving; as many as the generator's."""
    kernel: int = 5
    norm: str = "batch"
    """`batch` (published), `spectral` or `none`; the last two every example passes alone, as a gradient penalty needs
    it."""


@dataclasses.dataclass(frozen=True)
class ContextualGanLossConfig:
    """Contextual GAN's training (see `training.contextual_gan`)."""

    adversarial_loss: str = "paper"
    """`paper` (the non-saturating cross-entropy) or `wgan` (Wasserstein, with a gradient penalty)."""
    gradient_penalty: float = 10.0
    """Weight of the penalty, of `wgan` alone."""
    r1: float = 0.0
    """gamma of R1 on the discriminator (Mescheder et al., ICML 2018), which keeps it from growing ever surer; not the
    paper's."""
    r1_every: int = 16
    """R1 is computed at every so many steps, weighted as many times."""
    generator_steps: int = 2
    """Steps of the generator for every one of the discriminator (the public code's 2)."""
    augment: bool = False
    """Show the discriminator real and generated pairs in other light, shifted and with a part cut out (DiffAugment,
    Zhao et al., NeurIPS 2020), so that it does not learn a small set by heart; not the paper's."""

    def at(self, step: int) -> ContextualGanLossConfig:
        """The weights of a step (counted from 0), at which R1 may not be due."""
        return dataclasses.replace(self, r1=0.0 if step % self.r1_every else self.r1 * self.r1_every)


@dataclasses.dataclass(frozen=True)
class ContextualGanConfig:
    """Section `model` of the system `contextual_gan`."""

    latent: int = 100
    """Numbers in z."""
    blur: float = 0.0
    """Sigma of a Gaussian, in pixels, that sketches go through before the networks meet them, in training and in the
    search; 0 is none. XDoG's own ink has soft edges, which the sketches of shards have lost."""
    generator: JointGeneratorConfig = JointGeneratorConfig()
    discriminator: JointDiscriminatorConfig = JointDiscriminatorConfig()
    loss: ContextualGanLossConfig = ContextualGanLossConfig()

    @property
    def side(self) -> int:
        """Side of the photograph that the networks are made for, in pixels; the joint picture is twice as wide."""
        return 4 * 2 ** len(self.generator.widths)

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return self.side, self.side

    def problems(self, image_size: int) -> Problems:
        if self.side != image_size:
            yield "generator.widths", f"as many as halve {image_size} px to 4", list(self.generator.widths)
        yield from as_many(
            "discriminator.widths", self.discriminator.widths, "generator.widths", len(self.generator.widths)
        )
        yield from one_of("discriminator.norm", self.discriminator.norm, ("batch", "spectral", "none"))
        yield from one_of("loss.adversarial_loss", self.loss.adversarial_loss, ("paper", "wgan"))
        if (self.loss.adversarial_loss == "wgan" or self.loss.r1) and self.discriminator.norm == "batch":
            yield (
                "discriminator.norm",
                "spectral or none, since a penalty of each example's gradient allows no batch",
                "batch",
            )
        if self.loss.r1_every < 1:
            yield "loss.r1_every", "at least 1", self.loss.r1_every
        if not 0.0 <= self.blur <= image_size / 16:
            yield "blur", f"0 to {image_size / 16:g} px", self.blur
        if self.loss.generator_steps < 1:
            yield "loss.generator_steps", "at least 1", self.loss.generator_steps


@dataclasses.dataclass(frozen=True)
class RegionEncoderConfig:
    """Region-wise manipulation's encoder and its two heads (see `models.region_edit`); the defaults are the Swapping
    Autoencoder's public ones for 256 px."""

    width: int = 32
    """Channels at full size; every halving doubles them."""
    downsamplings: int = 4
    """Halvings. The picture's side must be a multiple of 2 ** downsamplings, and the structure code is that much
    smaller."""
    structure: int = 8
    """Channels of the structure code."""
    structure_norm: str = "none"
    """What the structure head looks at: the features (`none`, published), or those without the mean and variance of
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
    """StyleGAN2's residual discriminator (see `models.region_edit`), without the batch's deviation; the defaults are
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
class RegionEditLossConfig:
    """Weights of region-wise manipulation's loss terms (see `training.region_edit`). Those of the Swapping Autoencoder
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
    r1_every: int = 16
    """R1 is computed at every so many steps, weighted as many times."""
    consistency_every: int = 16
    """K: the same of code consistency."""
    alignment_every: int = 1
    """The same of content alignment. Published, as far as one knows: every step."""

    def at(self, step: int) -> RegionEditLossConfig:
        """The weights of a step (counted from 0): a term that comes every n steps is 0 in between and weighs n times
        as much when it comes."""
        weights = {}
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
    """What is merged through the mask, which is not published: `styles` (the styles alone) or `features` (the encoder's
    maps of the photograph and of its swap, and the styles; two passes instead of one). The default changes less outside
    of the mask (docs/results.md)."""

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels: the style head's convolutions have no padding."""
        multiple = 2**self.encoder.downsamplings
        return multiple, multiple * (2 ** (len(self.encoder.style_widths) + 1) - 1)

    def problems(self, image_size: int) -> Problems:
        yield from one_of("blend", self.blend, ("features", "styles"))
        yield from one_of("encoder.structure_norm", self.encoder.structure_norm, ("none", "instance"))
        yield from one_of("encoder.padding", self.encoder.padding, ("reflect", "zero"))
        yield from one_of("generator.upsampling", self.generator.upsampling, ("transposed", "bilinear"))
        yield from as_many(
            "generator.widths", self.generator.widths, "encoder.downsamplings", self.encoder.downsamplings
        )
        if 4 * 2 ** (len(self.discriminator.widths) - 1) != image_size:
            yield "discriminator.widths", f"one more than halve {image_size} px to 4", list(self.discriminator.widths)
        halving = 2 ** (len(self.patches.widths) - 1)
        if self.patches.side % halving or self.patches.side < 3 * halving:
            yield "patches.side", f"a multiple of {halving}, at least {3 * halving}", self.patches.side
        yield from increasing("patches.size", self.patches.size)
        for key in ("r1_every", "consistency_every", "alignment_every"):
            if getattr(self.loss, key) < 1:
                yield f"loss.{key}", "at least 1", getattr(self.loss, key)


SYSTEMS: dict[str, type] = {
    "sc_fegan": ScFeganConfig,
    "face_parser": FaceParserConfig,
    "cali_sketch": CaliSketchConfig,
    "contextual_gan": ContextualGanConfig,
    "region_edit": RegionEditConfig,
}
"""System -> class of its section `model`."""
