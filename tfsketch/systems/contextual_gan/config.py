"""Section `model` of Contextual GAN."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfsketch.config.discriminators import ProjectedDiscriminatorConfig
from tfsketch.config.problems import Problems, as_many, one_of, positive
from tfsketch.config.training import LossConfig


@dataclasses.dataclass(frozen=True)
class JointGeneratorConfig:
    """Contextual GAN's generator (see `network`); the defaults are the published network."""

    widths: tuple[int, ...] = (512, 256, 128, 64)
    """Channels of the map of 4 x 8 that z becomes, and after every doubling but the last. So the picture's side is
    4 * 2 ** (number of widths)."""
    kernel: int = 5
    upsampling: str = "transposed"
    """`transposed` (published: a transposed convolution, stride 2) or `nearest` (doubling before a plain one; no
    chequerboard)."""
    residuals: int = 0
    """Ours: further convolutions, 3x3 and added to what they see, on every map but the first and the picture."""
    excitation: bool = False
    """Ours, after FastGAN (Liu et al., ICLR 2021): a coarse map's means decide how strongly each channel of the map
    three doublings further speaks, so that what is decided early is seen late."""


GUESSED = ("trunk", "contextual", "inversion", "decorrelation")
"""The loss weights that need an encoder."""


@dataclasses.dataclass(frozen=True)
class JointEncoderConfig:
    """Ours: a network that guesses z from the sketch of a joint picture (see `network.JointEncoder`). It is trained
    with the generator, by the generator's optimizer, and the search starts at its guess."""

    widths: tuple[int, ...] = ()
    """Channels after every halving; as many as the generator's. None is no encoder (published)."""


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
class ContextualGanLossConfig(LossConfig):
    """Contextual GAN's training (see `task`)."""

    adversarial_loss: str = "paper"
    """`paper` (the non-saturating cross-entropy) or `wgan` (Wasserstein, with a gradient penalty)."""
    gradient_penalty: float = 10.0
    """Weight of the penalty, of `wgan` alone."""
    r1: float = 0.0
    """gamma of R1 on the discriminator (Mescheder et al., ICML 2018), which keeps it from growing ever surer; not the
    paper's."""
    r1_every: int = 16
    """R1 is computed every this many steps, weighted accordingly."""
    generator_steps: int = 2
    """Steps of the generator for every one of the discriminator (the public code's 2)."""
    projected: float = 0.0
    """Weight of a second discriminator, which sees joint pictures through a pretrained trunk (see `nn.projected`), in
    the generator's loss; not the paper's."""
    trunk_sees: str = "joint"
    """`joint`, or `photograph`: the right half alone, and the heads are given the sketch as a condition. That is half
    the cost, and no less is judged: whether the photograph is one, and whether it is that sketch's."""
    trunk: float = 0.0
    """Of half the examples, drawn by lot, z is the encoder's guess from their own sketch; what the generator draws of
    it is held to the pair by this and the next. They need an encoder, and none is the paper's. This one: weight of the
    distance on a pretrained trunk's features (`projected.trunk_distance`)."""
    contextual: float = 0.0
    """Weight of the divergence of the sketch, the search's own loss (`line_losses.kl_divergence`)."""
    inversion: float = 0.0
    """Of the other half of the examples: weight of the encoder's mean squared error at the z of generated sketches."""
    decorrelation: float = 0.0
    """Weight of what the numbers of guesses have in common (`task.decorrelation`): without it all hundred soon say the
    same one thing of a sketch."""
    augment: bool = False
    """Show the discriminator real and generated pairs in other light, shifted and with a part cut out (DiffAugment,
    Zhao et al., NeurIPS 2020), so that it does not learn a small set by heart; not the paper's."""

    settings: ClassVar[tuple[str, ...]] = ("adversarial_loss", "r1_every", "generator_steps", "augment", "trunk_sees")

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
    encoder: JointEncoderConfig = JointEncoderConfig()
    discriminator: JointDiscriminatorConfig = JointDiscriminatorConfig()
    projected: ProjectedDiscriminatorConfig = ProjectedDiscriminatorConfig()
    loss: ContextualGanLossConfig = ContextualGanLossConfig()

    @property
    def side(self) -> int:
        """Side of the photograph that the networks are made for, in pixels; the joint picture is twice as wide."""
        return 4 * 2 ** len(self.generator.widths)

    conditions: ClassVar[tuple[str, ...]] = ("sketch", "z")
    changeable: ClassVar[tuple[str, ...]] = ("loss",)

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return self.side, self.side

    def problems(self, image_size: int) -> Problems:
        yield from positive("", self)
        yield from positive("generator.", self.generator, zero=("residuals",))
        for name in ("encoder", "discriminator"):
            yield from positive(f"{name}.", getattr(self, name))
        yield from self.projected.problems("projected")
        if self.side != image_size:
            yield "generator.widths", f"as many as halve {image_size} px to 4", list(self.generator.widths)
        yield from as_many(
            "discriminator.widths", self.discriminator.widths, "generator.widths", len(self.generator.widths)
        )
        if self.encoder.widths:
            yield from as_many("encoder.widths", self.encoder.widths, "generator.widths", len(self.generator.widths))
        elif any(getattr(self.loss, name) for name in GUESSED):
            yield "encoder.widths", "an encoder for the weights of " + ", ".join(GUESSED), list(self.encoder.widths)
        yield from one_of("discriminator.norm", self.discriminator.norm, ("batch", "spectral", "none"))
        yield from one_of("generator.upsampling", self.generator.upsampling, ("transposed", "nearest"))
        yield from one_of("loss.adversarial_loss", self.loss.adversarial_loss, ("paper", "wgan"))
        yield from one_of("loss.trunk_sees", self.loss.trunk_sees, ("joint", "photograph"))
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
