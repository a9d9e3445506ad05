"""Sections of discriminators that several systems have."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """SN-PatchGAN (see `nn.discriminators`)."""

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
class FeatureDiscriminatorConfig(DiscriminatorConfig):
    """The 70x70 PatchGAN (see `nn.discriminators.FeatureDiscriminator`)."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 1)
    strides: tuple[int, ...] = (2, 2, 2, 1, 1)
    kernel: int = 4
