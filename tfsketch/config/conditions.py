"""Sections `data`, `mask`, `sketch`, `hand` and `color`: where pictures come from and what is drawn on them.

Lengths of masks and strokes are shares of the picture's shorter side, so that one setting serves every size.
"""

from __future__ import annotations

import dataclasses

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class StrokeConfig:
    """A zig-zag stroke (SC-FEGAN's algorithm 1; the numbers are ours, the paper gives none)."""

    vertices: tuple[int, int] = (4, 12)
    """Fewest and most vertices of a stroke, both included."""
    angle: float = 60.0
    """Largest turn at a vertex, in degrees; every second vertex also turns by 180."""
    length: Range = (0.05, 0.35)
    """Length of a line, as a share of the side."""
    width: Range = (0.05, 0.15)
    """Width of the brush, as a share of the side."""


@dataclasses.dataclass(frozen=True)
class MaskConfig:
    """Free-form masks; see `conditions.masks`."""

    share: Range = (0.1, 0.4)
    """The covered share of the picture lies in this range, exactly."""
    stroke: StrokeConfig = StrokeConfig()
    eye_probability: float = 0.5
    """Chance that the first strokes start at one or both eyes."""
    eyes: tuple[Range, ...] = ((0.385, 0.475), (0.615, 0.475))
    """Where the eyes are, as shares of (width, height): the default is where FFHQ's alignment puts them."""
    eye_jitter: float = 0.03
    """Largest shift of an eye stroke's start, as a share of the side."""
    box_probability: float = 0.2
    """Chance of a rectangle in the mask."""
    box: Range = (0.15, 0.5)
    """Sides of the rectangle, as shares of the picture's."""
    region_probability: float = 0.3
    """Chance of adding the region mask (hair), for examples that carry one."""


@dataclasses.dataclass(frozen=True)
class SketchConfig:
    """HED sketches with clean-up; see `conditions.sketches`."""

    min_side: int = 192
    """Smaller pictures are enlarged to this side for the detector."""
    clahe: float = 2.0
    """Clip limit of the histogram equalisation before the detector; 0 is none."""
    side_share: float = 0.5
    """Share of HED's side output 2 in the mix with the fused map."""
    threshold: float = 0.5
    """Edges above this share of the map's maximum become lines."""
    min_component: int = 6
    """Connected lines with fewer pixels are dropped."""
    bfloat16: bool = False
    """Run the detector in bfloat16: twice as fast on CPUs with AMX, and a few pixels differ."""


@dataclasses.dataclass(frozen=True)
class HandConfig:
    """A hand that draws badly; see `conditions.hand`."""

    abstraction: Range = (0.0, 0.0)
    """Range of the level drawn for a training example: 0 traces the clean lines, 1 is a child's drawing."""


@dataclasses.dataclass(frozen=True)
class ColorConfig:
    """Colour maps and strokes; see `conditions.colors`."""

    median: int = 7
    """Median filter, in pixels at a side of 128."""
    bilateral_passes: int = 3
    """Number of bilateral filters (the paper: 20, at 512 px)."""
    bilateral_diameter: float = 5.0
    """Diameter of the bilateral filter, in pixels at a side of 128."""
    bilateral_sigma: float = 30.0
    """Sigma of the bilateral filter, in colour levels and in pixels."""
    probability: float = 0.8
    """Chance that a training example carries colour strokes at all."""
    share: Range = (0.02, 0.2)
    """Share of the picture under colour strokes, before the mask cuts them: a few dabs, as a user gives them."""
    stroke: StrokeConfig = StrokeConfig(width=(0.03, 0.1))
    """The colour brush."""


@dataclasses.dataclass(frozen=True)
class AffineConfig:
    """Random turns, shifts and zooms of the picture and its maps together, and of its light; 0 is none."""

    rotation: float = 0.0
    """Largest turn, in degrees."""
    shift: float = 0.0
    """Largest shift, as a share of the side."""
    zoom: float = 0.0
    """Largest change of size: 0.2 is 1 / 1.2 to 1.2."""
    light: float = 0.0
    """Largest change of brightness and contrast, as a share of the range."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where pictures come from and how they become batches; see `data`."""

    train: str = ""
    """Folder of TFRecord shards made by `tools.prepare_data`."""
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
    """Chance that something (a stroke of colour or of another part of the picture) lies before the face, for systems
    that must see through it: the picture changes, and its regions become background there."""
    sketch_probability: float = 0.95
    """Chance that an example keeps its sketch; the rest learn to fill without one."""
    cache: bool = True
    """Keep decoded pictures in memory (about 115 KB each at 128 px)."""
    workers: int = 2
    """Examples drawn in parallel."""


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """How photographs become shards; see `prepare`."""

    styles: tuple[str, ...] = ()
    """Sketch styles stored beside `sketch.style` (see `conditions.sketches`), for systems that use several."""
    regions: str = "face_parser"
    """Where face regions come from: a face parser's name or model directory, `labels` (CelebAMask-HQ label pictures
    beside the photographs, see `prepare`) or `none`."""
