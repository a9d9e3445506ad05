"""Sections `data` and `prepare`: the source of pictures, their preparation and augmentation."""

from __future__ import annotations

import dataclasses

from tfsketch.config.problems import Problems, at_least, one_of, within
from tfsketch.config.sketches import SKETCH_STYLES


@dataclasses.dataclass(frozen=True)
class AffineConfig:
    """Random rotations, shifts and scalings of the picture and its maps together, and changes of light; 0 is none."""

    rotation: float = 0.0
    """Largest turn, in degrees."""
    shift: float = 0.0
    """Largest shift, as a share of the side."""
    zoom: float = 0.0
    """Largest change of size: 0.2 is 1 / 1.2 to 1.2."""
    zoom_in: float = 0.0
    """Largest further enlargement: 0.5 is 1 to 1.5. People who draw a face fill the paper with it."""
    light: float = 0.0
    """Largest change of brightness and contrast, as a share of the range."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The source of pictures and the making of batches; see `data`."""

    train: str = ""
    """Folder of TFRecord shards made by `tools.prepare_data`, or several, separated by commas: their union. A name may
    hold commas itself, as long as there is one way to read the list."""
    validation: str = ""
    """Shards whose pictures fill the grid; empty: the first examples of `train`."""
    flip: bool = True
    """Mirror half of the examples."""
    stored_size: int = 0
    """Side of the pictures in the shards, where training takes random squares of `image_size` out of larger pictures;
    0 is `image_size`."""
    maps: tuple[str, ...] = ()
    """Further sketch styles of the shards that a batch carries, under the keys `sketch_STYLE`."""
    affine: AffineConfig = AffineConfig()
    occlusion_probability: float = 0.0
    """Chance of an object in front of the face or a hat on the head, for systems that must cope with it: the picture
    changes, and its regions become background or hat there."""
    grey_probability: float = 0.0
    """Chance that a photograph and its colours become grey, so that a grey one is repainted in grey."""
    sketch_probability: float = 0.95
    """Chance that an example keeps its sketch; from the others the network learns to fill without one."""
    cache: bool = True
    """Keep decoded pictures in memory (about 115 KB each at 128 px)."""
    workers: int = 2
    """Examples drawn in parallel."""
    service: str = ""
    """Addresses of data workers (`tools.data_worker`) that make the examples instead of this process, separated by
    commas, such as `grpc://host:5000`; see `data.service`."""

    def problems(self, image_size: int) -> Problems:
        if self.stored_size and not image_size <= self.stored_size < 2 * image_size:
            yield "stored_size", f"0, or from image_size ({image_size}) to less than twice that", self.stored_size
        for style in self.maps:
            yield from one_of("maps", style, SKETCH_STYLES)
        for key in ("occlusion_probability", "grey_probability", "sketch_probability"):
            yield from within(key, getattr(self, key))
        for field in dataclasses.fields(self.affine):
            yield from at_least(f"affine.{field.name}", getattr(self.affine, field.name), 0)
        yield from at_least("workers", self.workers, 1)


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """How photographs become shards; see `prepare`."""

    styles: tuple[str, ...] = ()
    """Sketch styles stored beside `sketch.style` (see `conditions.sketches`), for systems that use several."""
    regions: str = "face_parser"
    """Where face regions come from: a face parser's name or model directory, `labels` (CelebAMask-HQ label pictures in
    a folder of their own, see `prepare`) or `none`."""
    align: str = "center"
    """How a photograph becomes a square: `center` takes its middle, `ffhq` turns and crops the face as FFHQ did (needs
    the extra `faces`, whose landmark model is for non-commercial use)."""
    faceless: str = "center"
    """How `ffhq` treats a photograph without a face: `center` crops its middle, `refuse` refuses it."""
    duplicates: int = 0
    """Of photographs with the same content one is kept; above 0, also of those whose difference hashes differ in at
    most this many of 256 bits: 16 finds other sizes and compressions of a photograph. -1 keeps all."""
    windows: int = 0
    """Further squares of every photograph that is large enough, cut out at random at nearly its own sharpness and
    stored as examples of their own: of a photograph's square of side S, windows of `data.stored_size` to half of S. For
    photographs of at least twice that size, whose detail would be lost otherwise."""
    validation_share: float = 0.0
    """Share of the photographs that go to the folder `validation` of the shards; their content decides which."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        for style in self.styles:
            yield from one_of("styles", style, SKETCH_STYLES)
        yield from one_of("align", self.align, ("center", "ffhq"))
        yield from one_of("faceless", self.faceless, ("center", "refuse"))
        # From about 25 of 256 bits on, photographs of different people in one pose count as the same.
        if not -1 <= self.duplicates <= 32:
            yield "duplicates", "-1 to 32", self.duplicates
        if not 0 <= self.windows <= 64:
            yield "windows", "0 to 64", self.windows
        if not 0 <= self.validation_share < 1:
            yield "validation_share", "0 <= share < 1", self.validation_share
