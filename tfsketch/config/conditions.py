"""Sections `mask`, `hand` and `color`: the simulated user input.

Lengths of masks and strokes are shares of the picture's shorter side, so that one setting serves every size.
"""

from __future__ import annotations

import dataclasses

from tfsketch.config.problems import Problems, at_least, increasing, not_negative, one_of, within

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class StrokeConfig:
    """A zig-zag stroke (SC-FEGAN's algorithm 1; the numbers are ours, the paper gives none) or a smooth curve."""

    vertices: tuple[int, int] = (4, 12)
    """Fewest and most vertices of a stroke, both included."""
    angle: float = 60.0
    """Largest turn at a vertex, in degrees; every second vertex of a zig-zag also turns by 180."""
    length: Range = (0.05, 0.35)
    """Length of a line, as a share of the side."""
    width: Range = (0.05, 0.15)
    """Width of the brush, as a share of the side."""
    curved: float = 0.0
    """Chance that the strokes of a mask are smooth curves, as a mouse draws them, instead of zig-zags."""
    taper: float = 0.0
    """Largest decrease of a curved stroke's width along it, as a share of the width."""
    gap: float = 0.0
    """Chance, from vertex to vertex of a curved stroke, that the brush is lifted."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        low, high = self.vertices
        if not 1 <= low <= high:
            yield "vertices", "1 <= fewest <= most", self.vertices
        yield from not_negative("", self)
        for key in ("length", "width"):
            yield from increasing(key, getattr(self, key))
        for key in ("curved", "taper", "gap"):
            yield from within(key, getattr(self, key))


def _of_stroke(stroke: StrokeConfig, image_size: int) -> Problems:
    """The problems of a section's stroke, as the section's own."""
    for key, expected, value in stroke.problems(image_size):
        yield f"stroke.{key}", expected, value


LARGE_HOLES = ("half", "face", "inner", "outer")
"""Kinds of large holes; see `conditions.masks`."""


@dataclasses.dataclass(frozen=True)
class MaskConfig:
    """Free-form masks; see `conditions.masks`."""

    share: Range = (0.1, 0.4)
    """The covered share of the picture lies in this range, exactly."""
    start_share: Range = (0.02, 0.1)
    """The same range at the start of a training that grows its masks; see `growth`."""
    growth: float = 0.0
    """Share of the training over which the range goes from `start_share` to `share`, linearly; 0 is none."""
    stroke: StrokeConfig = StrokeConfig(curved=0.5)
    eye_probability: float = 0.5
    """Chance that the first strokes start at one or both eyes."""
    eyes: tuple[Range, ...] = ((0.385, 0.475), (0.615, 0.475))
    """Positions of the eyes, as shares of (width, height); by default those of FFHQ's alignment."""
    eye_jitter: float = 0.03
    """Largest shift of an eye stroke's start, as a share of the side."""
    box_probability: float = 0.2
    """Chance of a rectangle in the mask."""
    box: Range = (0.15, 0.5)
    """Sides of the rectangle, as shares of the picture's."""
    region_probability: float = 0.4
    """Chance of a whole face region in the mask, for examples that carry a region map."""
    regions: tuple[str, ...] = ("hair", "hair", "face", "brows", "eyes", "nose", "lips")
    """The regions to choose from at random (names of `conditions.regions`, or `face`); one named twice is chosen twice
    as often."""
    region_dilation: float = 0.03
    """Largest growth of the region, as a share of the side, since people erase generously."""
    compact_probability: float = 0.0
    """Chance of a compact mask instead of all this: one feature of the face out of `compact`, alone, with a generous
    margin and a simple outline, as people erase it (ours; for examples that carry a region map)."""
    compact: tuple[str, ...] = ("mouth", "mouth", "eyes", "eyes", "eye", "brows", "nose", "glasses", "hair")
    """The features; one named twice is chosen twice as often: regions of `conditions.regions`, `mouth` with its lips,
    `eyes` with their lids, `eye` one of them. Of the hair only a part is used. `spot` is an ellipse anywhere, as around
    an object to be removed."""
    compact_margin: Range = (0.015, 0.08)
    """Growth of the feature's outline, as a share of the side."""
    large_probability: float = 0.0
    """Chance of a large hole instead of all this; while the masks grow, it grows from 0."""
    large: tuple[str, ...] = LARGE_HOLES
    """Kinds of large holes, one drawn at random: one side of the picture, an ellipse over the face, everything but a
    border, everything but a patch."""
    large_share: Range = (0.4, 0.8)
    """The covered share of a large hole lies in this range, exactly."""

    def problems(self, image_size: int) -> Problems:
        yield from not_negative("", self)
        if not self.eyes:
            yield "eyes", "at least one place", []
        for key in ("share", "start_share", "large_share"):
            yield from increasing(key, getattr(self, key), 0.999)
        for kind in self.large:
            yield from one_of("large", kind, LARGE_HOLES)
        for key in ("eye", "box", "region", "compact", "large"):
            yield from within(f"{key}_probability", getattr(self, f"{key}_probability"))
        yield from within("growth", self.growth)
        for key in ("box", "compact_margin"):
            yield from increasing(key, getattr(self, key))
        if self.large_probability and not self.large:
            yield "large", "at least one kind for large_probability", []
        yield from _of_stroke(self.stroke, image_size)


@dataclasses.dataclass(frozen=True)
class HandConfig:
    """The freehand simulator; see `conditions.hand`.

    All but the first four and `feature_weight` are values at level 1 and grow from 0 in proportion to the level. They
    are ours, set by eye beside free-hand drawings of faces.
    """

    abstraction: Range = (0.0, 0.0)
    """Range of the level drawn for a training example: 0 traces the clean lines, 1 is a child's drawing."""
    probability: float = 1.0
    """Chance that the freehand simulator draws a training example, where `abstraction` asks for it."""
    features: float = 0.0
    """Chance that a training example with a region map gets the lines of the features that its mask covers, as a person
    draws them (`conditions.features`), instead of the edge detector's; of a system that erases nothing, the portrait of
    the whole face (`feature_strokes.drawing`). The freehand simulator draws all of them."""
    around: float = 0.5
    """Chance that the edge detector's lines around these features are drawn too."""
    join: float = 0.04
    """Strokes whose ends point at each other over a gap up to this become one, as a share of the side."""
    shortest: float = 0.2
    """Strokes shorter than about this are left out, as a share of the side; about half of those
    of just this length are."""
    feature_weight: float = 5.0
    """Weight of the length of a stroke on the face's features; far from them it is the inverse."""
    crowding: float = 0.022
    """A stroke that runs within one to two times this of a longer one is left out, as a share of the side."""
    simplify: float = 0.08
    """Spacing of the points through which a stroke is drawn, as a share of the side."""
    extend: float = 0.03
    """Largest excess of a stroke at each of its ends, as a share of the side; it may also end too early."""
    shift: float = 0.02
    """Standard deviation of a stroke's shift along each axis, as a share of the side."""
    turn: float = 6.0
    """Standard deviation of a stroke's turn, in degrees."""
    scale: float = 0.1
    """Standard deviation of the logarithm of a stroke's change of size."""
    wobble: float = 0.006
    """Standard deviation of the displacement of each of a stroke's points, as a share of the side."""
    warp: float = 0.03
    """Standard deviation of the smooth displacement of the whole drawing along each axis, as a share of the side."""
    feature_scale: float = 0.0
    """Standard deviation of the logarithm of the change in size of a portrait's mouth and of its nose
    (`feature_strokes.drawing`)."""
    feature_shift: float = 0.0
    """Standard deviation of the shift of each of a portrait's features along each axis, as a share of the side."""
    double: float = 0.2
    """Chance that a stroke is drawn twice."""
    width: float = 0.015
    """Width of the broadest pen, as a share of the side; a line is never thinner than a pixel."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        yield from increasing("abstraction", self.abstraction)
        yield from not_negative("", self)
        yield from at_least("feature_weight", self.feature_weight, 0.01)
        for key in ("probability", "features", "around", "double"):
            yield from within(key, getattr(self, key))


@dataclasses.dataclass(frozen=True)
class ColorConfig:
    """Colour maps and strokes; see `conditions.colors`."""

    median: int = 3
    """Median filter, in pixels at a side of 128."""
    bilateral_passes: int = 3
    """Number of bilateral filters (the paper: 20, at 512 px)."""
    bilateral_diameter: float = 5.0
    """Diameter of the bilateral filter, in pixels at a side of 128."""
    bilateral_sigma: float = 30.0
    """Sigma of the bilateral filter, in colour levels and in pixels."""
    probability: float = 0.8
    """Chance that a training example carries colour strokes at all."""
    share: Range = (0.01, 0.1)
    """Share of the picture under colour strokes, before the mask cuts them: a few dabs, as a user gives them."""
    stroke: StrokeConfig = StrokeConfig(
        vertices=(2, 5), angle=50.0, length=(0.05, 0.2), width=(0.015, 0.06), curved=1.0, taper=0.5, gap=0.15
    )
    """The colour brush."""
    flat: float = 0.9
    """Chance that a stroke carries a single colour, the median of the map under it, as users pick one and drag it."""
    overshoot: float = 0.02
    """How far a stroke of one colour may leave the region that it starts in, as a share of the side, with a region
    map."""
    regions: tuple[str, ...] = ("face", "hair")
    """The regions of colour strokes, for examples with a region map: the paper colours `face` and `hair` only. Empty is
    everywhere."""
    features: float = 0.0
    """Chance that the strokes of a training example with a region map are dabs on the features that its mask covers, as
    a person gives them (`conditions.features`): the iris of an eye, the lips, the frame of glasses."""
    recolor: float = 0.0
    """Chance, if there are such dabs, that one of these features has another colour in the photograph too. Otherwise
    its surroundings reveal the colour, and a model learns to trust them instead of the stroke."""
    flatten: Range = (0.0, 1.0)
    """How far the regions of a face become their median colours, drawn for each example that carries a region map: 0 is
    the smoothed photograph, 1 the paper's flat regions."""

    def problems(self, image_size: int) -> Problems:
        yield from not_negative("", self)
        yield from increasing("share", self.share, 0.999)
        yield from increasing("flatten", self.flatten)
        for key in ("probability", "flat", "features", "recolor"):
            yield from within(key, getattr(self, key))
        yield from _of_stroke(self.stroke, image_size)
