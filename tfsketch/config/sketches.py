"""Section `sketch`: the styles of sketches, and how each is drawn.

Lengths are in pixels at a side of 256 and grow with the picture, but where a docstring says otherwise.
"""

from __future__ import annotations

import dataclasses

from tfsketch.config.problems import Problems, at_least, not_negative, one_of, within

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
    fewer lines are left; training takes one of all at random (see `conditions.sketches.smooth`)."""
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
        yield from within("abstractions", self.abstractions, highest=9)
        yield from not_negative("", self)
        for style in SKETCH_STYLES[1:]:
            yield from not_negative(f"{style}.", getattr(self, style))
        for key in ("side_share", "surround"):
            yield from within(key, getattr(self, key))
        for key in ("quantile", "low"):
            yield from within(f"canny.{key}", getattr(self.canny, key))
        for style in ("xdog", "fdog", "simplified"):
            yield from within(f"{style}.flatten", getattr(self, style).flatten)
        for style in ("fdog", "simplified"):
            yield from at_least(f"{style}.iterations", getattr(self, style).iterations, 1)
        yield from at_least("photocopy.softness", self.photocopy.softness, 0.001)
