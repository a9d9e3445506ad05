"""Sections `data`, `mask`, `sketch`, `hand` and `color`: where pictures come from and what is drawn on them.

Lengths of masks and strokes are shares of the picture's shorter side, so that one setting serves every size.
"""

from __future__ import annotations

import dataclasses

from tfsketch.config.problems import Problems, increasing, one_of

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
    """How far the width of a curved stroke falls along it, at most, as a share of the width."""
    gap: float = 0.0
    """Chance, from vertex to vertex of a curved stroke, that the brush is lifted."""


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
    """Where the eyes are, as shares of (width, height): the default is where FFHQ's alignment puts them."""
    eye_jitter: float = 0.03
    """Largest shift of an eye stroke's start, as a share of the side."""
    box_probability: float = 0.2
    """Chance of a rectangle in the mask."""
    box: Range = (0.15, 0.5)
    """Sides of the rectangle, as shares of the picture's."""
    region_probability: float = 0.4
    """Chance of a whole face region in the mask, for examples that carry a region map."""
    regions: tuple[str, ...] = ("hair", "hair", "face", "brows", "eyes", "nose", "lips")
    """Which regions that may be: one of them is taken at random (names of `conditions.regions`, or `face`), one named
    twice twice as often."""
    region_dilation: float = 0.03
    """How far the region is grown at most, as a share of the side, since people erase generously."""
    large_probability: float = 0.0
    """Chance of a large hole instead of all this; while the masks grow, it grows from 0."""
    large: tuple[str, ...] = LARGE_HOLES
    """Kinds of large holes, one drawn at random: one side of the picture, an ellipse over the face, everything but a
    border, everything but a patch."""
    large_share: Range = (0.4, 0.8)
    """The covered share of a large hole lies in this range, exactly."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        for key in ("share", "start_share", "large_share"):
            yield from increasing(key, getattr(self, key), 0.999)
        for kind in self.large:
            yield from one_of("large", kind, LARGE_HOLES)


SKETCH_STYLES = ("hed", "canny", "xdog", "fdog", "photocopy", "simplified")
"""Ways to draw a sketch of a photograph; see `conditions.sketches`."""


@dataclasses.dataclass(frozen=True)
class CannyConfig:
    """Sketches of the style `canny`. Lengths are in pixels at a side of 256."""

    sigma: float = 2.0
    """Sigma of the Gaussian before the gradient."""
    quantile: float = 0.85
    """Gradients above this quantile of the picture's start a line."""
    low: float = 0.4
    """Gradients above this share of the former go on with one."""
    min_stroke: float = 12.0
    """Lines shorter than this are dropped."""


@dataclasses.dataclass(frozen=True)
class XdogConfig:
    """Sketches of the style `xdog`. Lengths are in pixels at a side of 256."""

    clahe: float = 1.0
    """Clip limit of the histogram equalisation of the lightness; 0 is none."""
    bilateral: int = 1
    """Number of bilateral filters before the lines are looked for: more of them, and the drawing is more abstract."""
    flatten: float = 0.65
    """Share of the surrounding lightness that is taken out: 0 fills whatever is dark with ink, 1 draws lines alone."""
    sigma: float = 1.0
    """Sigma of the narrower Gaussian: about half the width of a line."""
    sharpness: float = 20.0
    """Weight of the difference of Gaussians against the lightness (p)."""
    epsilon: float = 0.33
    """Lightness, from 0 to 1, below which there is ink."""
    phi: float = 10.0
    """Slope from paper to ink, per unit of lightness."""
    min_stroke: float = 8.0
    """Strokes and specks whose longer side is less than this are dropped."""
    thin: bool = False
    """Thin the strokes to one pixel instead of leaving them as wide as they are."""


@dataclasses.dataclass(frozen=True)
class FdogConfig:
    """Sketches of the style `fdog`. Lengths are in pixels at a side of 256."""

    clahe: float = 1.0
    """Clip limit of the histogram equalisation of the lightness; 0 is none."""
    bilateral: int = 0
    """Number of bilateral filters before the lines are looked for."""
    flatten: float = 1.0
    """Share of the surrounding lightness that is taken out; 1 draws lines alone."""
    tensor_sigma: float = 3.0
    """Sigma of the Gaussian over the structure tensor: how smooth the edge tangent flow is."""
    sigma: float = 1.0
    """Sigma of the narrower Gaussian across the flow: about half the width of a line."""
    flow_sigma: float = 3.0
    """Sigma of the Gaussian along the flow: how far it bridges gaps."""
    iterations: int = 2
    """How often lines are looked for; each time after the first in the picture with its lines drawn over it."""
    sharpness: float = 20.0
    """Weight of the difference of Gaussians against the lightness (p)."""
    epsilon: float = 0.3
    """Lightness, from 0 to 1, below which there is ink."""
    phi: float = 10.0
    """Slope from paper to ink, per unit of lightness."""
    min_stroke: float = 8.0
    """Strokes whose longer side is less than this are dropped."""
    thin: bool = False
    """Thin the strokes to one pixel instead of leaving them as wide as they are."""


@dataclasses.dataclass(frozen=True)
class PhotocopyConfig:
    """Sketches of the style `photocopy`. Lengths are in pixels at a side of 256."""

    sigma: float = 0.7
    """Sigma of the Gaussian that takes out the grain."""
    radius: float = 8.0
    """Sigma of the Gaussian that each pixel is compared with."""
    threshold: float = 0.98
    """A pixel darker than this share of its surroundings begins to be toner."""
    softness: float = 0.12
    """Width of the ramp from there to full black, as a share of the surroundings."""
    min_stroke: float = 4.0
    """Specks whose longer side is less than this are dropped."""


@dataclasses.dataclass(frozen=True)
class SimplifiedConfig(FdogConfig):
    """Sketches of the style `simplified`: `fdog` with other defaults, for a person's few, long, smooth lines."""

    bilateral: int = 2
    tensor_sigma: float = 4.0
    sigma: float = 1.4
    flow_sigma: float = 5.0
    epsilon: float = 0.34
    min_stroke: float = 10.0
    thin: bool = True


@dataclasses.dataclass(frozen=True)
class SketchConfig:
    """Sketches; see `conditions.sketches`. The fields between `style` and the styles' own sections are of `hed`."""

    style: str = "hed"
    """One of `SKETCH_STYLES`."""
    abstractions: int = 0
    """Further drawings of every photograph in this style, each of a photograph smoothed more than the last, so that
    fewer lines are left; training takes one of all at random (see `conditions.sketches.smoothed`)."""
    min_side: int = 192
    """Smaller pictures are enlarged to this side for the detector."""
    clahe: float = 2.0
    """Clip limit of the histogram equalisation before the detector; 0 is none."""
    side_share: float = 0.5
    """Share of HED's side output 2 in the mix with the fused map."""
    threshold: float = 0.5
    """Edges above this share of a reference become lines; the reference is mixed of two by `surround`."""
    surround: float = 1.0
    """What the reference is: 0 the map's maximum, 1 the mean edge around the pixel, so that the weak eyes, nose and
    mouth of a face in even light get lines, and hair and foliage fewer."""
    features: float = 0.6
    """What the threshold is multiplied by on eyes, brows, nose and mouth, for pictures that come with a region map."""
    suppress: bool = False
    """Reduce the map to its ridges by non-maximum suppression before the threshold."""
    min_component: int = 6
    """Connected lines with fewer pixels are dropped, at every size of the picture."""
    bfloat16: bool = False
    """Run the detector in bfloat16: twice as fast on CPUs with AMX, and a few pixels differ."""
    canny: CannyConfig = CannyConfig()
    xdog: XdogConfig = XdogConfig()
    fdog: FdogConfig = FdogConfig()
    photocopy: PhotocopyConfig = PhotocopyConfig()
    simplified: SimplifiedConfig = SimplifiedConfig()

    def drawings(self) -> tuple[str, ...]:
        """Names of the drawings in `style`: the style itself, then `STYLE@1` and on, ever more abstract."""
        return self.style, *(f"{self.style}@{level}" for level in range(1, self.abstractions + 1))

    def one_pixel(self, style: str) -> bool:
        """Whether the lines of a style, or of a drawing in it, are one pixel wide, and not as wide as its ink."""
        style = style.partition("@")[0]
        return style in ("hed", "canny") or (style != "photocopy" and getattr(self, style).thin)

    def problems(self, image_size: int) -> Problems:
        del image_size
        yield from one_of("style", self.style, SKETCH_STYLES)
        if not 0 <= self.abstractions <= 9:
            yield "abstractions", "0 to 9", self.abstractions


@dataclasses.dataclass(frozen=True)
class HandConfig:
    """A hand that draws badly; see `conditions.hand`.

    All but `abstraction` and `feature_weight` are values at level 1 and grow from 0 in proportion to the level. They
    are ours, set by eye beside free-hand drawings of faces.
    """

    abstraction: Range = (0.0, 0.0)
    """Range of the level drawn for a training example: 0 traces the clean lines, 1 is a child's drawing."""
    join: float = 0.04
    """Strokes whose ends point at each other over a gap up to this become one, as a share of the side."""
    shortest: float = 0.2
    """Strokes shorter than about this are left out, as a share of the side; about half of those
    of just this length are."""
    feature_weight: float = 5.0
    """How many times its length a stroke on the face's features counts; one far from them counts for as much less."""
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
    double: float = 0.2
    """Chance that a stroke is drawn twice."""
    width: float = 0.015
    """Width of the broadest pen, as a share of the side; a line is never thinner than a pixel."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        yield from increasing("abstraction", self.abstraction)


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
    """How far a stroke of one colour leaves the region that it starts in, as a share of the side, where a region map
    is given."""
    regions: tuple[str, ...] = ("face", "hair")
    """Where colour strokes may fall, for examples that carry a region map: the paper colours `face` and `hair` only.
    Empty is everywhere."""
    flatten: Range = (0.0, 1.0)
    """How far the regions of a face become their median colours, drawn for each example that carries a region map: 0 is
    the smoothed photograph, 1 the paper's flat regions."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        yield from increasing("share", self.share, 0.999)
        yield from increasing("flatten", self.flatten)


@dataclasses.dataclass(frozen=True)
class AffineConfig:
    """Random turns, shifts and zooms of the picture and its maps together, and of its light; 0 is none."""

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
    """Where pictures come from and how they become batches; see `data`."""

    train: str = ""
    """Folder of TFRecord shards made by `tools.prepare_data`, or several, separated by commas: their union."""
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
    """Chance that something lies before the face or a hat on the head, for systems that must see through it: the
    picture changes, and its regions become background or hat there."""
    sketch_probability: float = 0.95
    """Chance that an example keeps its sketch; the rest learn to fill without one."""
    cache: bool = True
    """Keep decoded pictures in memory (about 115 KB each at 128 px)."""
    workers: int = 2
    """Examples drawn in parallel."""
    service: str = ""
    """Addresses of data workers (`tools.data_worker`) that make the examples in this process's place, separated by
    commas, such as `grpc://host:5000`; see `data_service`."""

    def problems(self, image_size: int) -> Problems:
        if self.stored_size and not image_size <= self.stored_size < 2 * image_size:
            yield "stored_size", f"0, or from image_size ({image_size}) to less than twice that", self.stored_size
        for style in self.maps:
            yield from one_of("maps", style, SKETCH_STYLES)


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
    """What `ffhq` does with a photograph without a face: `center` crops its middle, `refuse` refuses it."""
    duplicates: int = 0
    """Photographs of the same content are dropped but one; above 0, also those whose difference hashes differ in at
    most so many of 256 bits: 16 finds other sizes and compressions of a photograph. -1 keeps all."""
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
        if not 0 <= self.validation_share < 1:
            yield "validation_share", "0 <= share < 1", self.validation_share
