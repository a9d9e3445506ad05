"""Section `model` of the face parser, which lies below the systems: the conditions need it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfsketch.config.problems import Problems, positive
from tfsketch.config.training import LossConfig


@dataclasses.dataclass(frozen=True)
class FaceParserLossConfig(LossConfig):
    """Weights of the face parser's loss terms (see `losses`)."""

    cross_entropy: float = 1.0
    dice: float = 1.0
    """Soft Dice over the regions of an example: small regions (brows, eyes, lips) count as much as large ones."""


@dataclasses.dataclass(frozen=True)
class FaceParserConfig:
    """Section `model` of the system `face_parser` (see `conditions.face_parser`)."""

    width: int = 24
    """Channels of the first stage; every stage doubles them up to `max_width`."""
    max_width: int = 192
    stages: int = 5
    """Halvings. The picture's side must be a multiple of 2 ** stages."""
    loss: FaceParserLossConfig = FaceParserLossConfig()

    conditions: ClassVar[tuple[str, ...]] = ("regions",)
    changeable: ClassVar[tuple[str, ...]] = ("loss",)

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""
        return (2**self.stages,) * 2

    def problems(self, image_size: int) -> Problems:
        del image_size
        yield from positive("", self)
