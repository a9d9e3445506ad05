"""Sections of discriminators that several systems have."""

from __future__ import annotations

import dataclasses

from tfsketch.config.problems import Problems, as_many, at_least, positive


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """SN-PatchGAN (see `nn.discriminators`)."""

    widths: tuple[int, ...] = (64, 128, 256, 256, 256, 256)
    strides: tuple[int, ...] = (1, 2, 2, 2, 2, 2)
    kernel: int = 3

    def problems(self, name: str, image_size: int) -> Problems:
        """Those of the section `name`."""
        del image_size
        yield from positive(f"{name}.", self)
        if not self.widths:
            yield f"{name}.widths", "at least one layer", []
        yield from as_many(f"{name}.strides", self.strides, "widths", len(self.widths))


@dataclasses.dataclass(frozen=True)
class ProjectedDiscriminatorConfig:
    """The projected discriminator (see `nn.projected`)."""

    width: int = 64
    """Channels of the mixed features at the finest scale; every coarser one has twice as many."""
    head_width: int = 64
    """Channels of the heads' hidden layers."""
    augment: float = 1.0
    """Strength of the augmentation of colour and position before it (DiffAugment); 0 is none."""

    def problems(self, name: str) -> Problems:
        """Those of the section `name`."""
        yield from positive(f"{name}.", self)
        yield from at_least(f"{name}.augment", self.augment, 0)


@dataclasses.dataclass(frozen=True)
class FeatureDiscriminatorConfig(DiscriminatorConfig):
    """The 70x70 PatchGAN (see `nn.discriminators.FeatureDiscriminator`)."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 1)
    strides: tuple[int, ...] = (2, 2, 2, 1, 1)
    kernel: int = 4

    def problems(self, name: str, image_size: int) -> Problems:
        """As `DiscriminatorConfig.problems`, and a picture too small for its unpadded layers."""
        general = list(super().problems(name, image_size))
        yield from general
        side = image_size
        for stride in () if general else self.strides:
            side = (side + 2 * ((self.kernel - 1) // 2) - self.kernel) // stride + 1
        if side < 1:
            yield f"{name}.strides", f"few enough halvings for image_size={image_size}", list(self.strides)
