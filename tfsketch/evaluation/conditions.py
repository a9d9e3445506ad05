"""Contact sheets and measures of conditions: a model's inputs in training, for people to judge.

`sheets` shows one face in every sketch style, at growing levels of abstraction, with every kind of mask and of colour.
`measure` answers two questions about the default sketch on a set of faces: does every eye, the nose and the mouth carry
a line (a sketch that loses them teaches a model to invent them), and how much of the picture is line (people draw few).
`histogram` shows what share of the picture masks cover.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from tfsketch.conditions import colors, feature_strokes, hand, masks, regions, sketches
from tfsketch.config import Config, StrokeConfig
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.vocabulary import size_of

FEATURES = ("left eye", "right eye", "nose", "mouth")
"""Features that must have a line; left and right as in the picture."""
LEVELS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
"""Levels of abstraction on the freehand simulator's sheet."""
_BRUSH = StrokeConfig(curved=1.0, taper=0.3)
_ZIGZAG = StrokeConfig(width=(0.03, 0.1))
_DAB = StrokeConfig(width=(0.03, 0.1), curved=1.0, taper=0.5, gap=0.15)

Sheet = tuple[list[list[np.ndarray]], list[str]]
"""Rows of pictures and the columns' titles, for `sheets.contact_sheet`."""


def _ink(sketch: np.ndarray) -> np.ndarray:
    """A sketch {0,1} or soft map in [0,1] as black on white, [H,W] uint8."""
    return (255 * (1.0 - sketch.astype(np.float32))).astype(np.uint8)


def sheets(image: np.ndarray, region_map: np.ndarray, config: Config) -> dict[str, Sheet]:
    """One face under every condition.

    Args:
      image: [S,S,3] uint8 RGB, a face aligned like FFHQ's.
      region_map: [S,S] uint8, its regions.
      config: `seed`, and the sections `sketch`, `hand`, `mask` and `color`.

    Returns:
      Name -> sheet: `styles` (soft map above, sketch below), `hand` and `portraits` (by level, three draws), `masks`
      (by kind, three draws), `colors` (the steps from the photograph to strokes, three draws of the latter).
    """
    size = size_of(image)

    def rng(*path: int) -> np.random.Generator:
        return np.random.default_rng([config.seed, *path])

    sketchers = {style: sketches.Sketcher(config.sketch, style) for style in sketches.STYLES}
    soft = [_ink(sketchers[style].edge_maps(image[None])[0]) for style in sketchers]
    lines = {style: sketchers[style](image[None], region_map[None])[0] for style in sketchers}
    styles: Sheet = (
        [[image, *soft], [regions.to_rgb(region_map), *(_ink(lines[style]) for style in sketchers)]],
        ["image, regions", *sketchers],
    )

    clean = lines[config.sketch.style]
    levels: Sheet = (
        [
            [_ink(hand.simulate(rng(1, row), clean, level, config.hand, region_map)) for level in LEVELS]
            for row in range(3)
        ],
        [f"level {level:g}" for level in LEVELS],
    )
    portraits: Sheet = (
        [
            [
                _ink(feature_strokes.drawing(rng(4, row), image, region_map, clean, None, level, config.hand))
                for level in LEVELS
            ]
            for row in range(3)
        ],
        levels[1],
    )

    base = dataclasses.replace(
        config.mask, eye_probability=0.0, box_probability=0.0, region_probability=0.0, large_probability=0.0, growth=0.0
    )
    kinds = {
        "zigzag": base,
        "brush": dataclasses.replace(base, stroke=_BRUSH),
        "eyes": dataclasses.replace(base, eye_probability=1.0, share=(0.1, 0.15)),
        "box": dataclasses.replace(base, box_probability=1.0, share=(0.15, 0.3)),
        "hair": dataclasses.replace(base, region_probability=1.0, regions=("hair",), share=(0.1, 0.5)),
        "mouth": dataclasses.replace(base, region_probability=1.0, regions=("lips", "mouth"), share=(0.01, 0.08)),
        **{k: dataclasses.replace(base, large_probability=1.0, large=(k,)) for k in config.mask.large},
    }
    holes = [
        [
            np.where(masks.free_form(rng(2, row), size, kind, region_map)[..., None] > 0, np.uint8(255), image)
            for kind in kinds.values()
        ]
        for row in range(3)
    ]

    smooth = colors.color_map(image, config.color)
    zigzag = dataclasses.replace(
        config.color, probability=1.0, share=(0.05, 0.15), stroke=_ZIGZAG, flat=0.0, regions=(), flatten=(0.0, 0.0)
    )
    brush = dataclasses.replace(zigzag, stroke=_DAB)
    brushes = {
        "zigzag": zigzag,
        "brush": brush,
        "one colour each": dataclasses.replace(brush, flat=1.0),
        "flat, face and hair": dataclasses.replace(brush, flat=1.0, regions=("face", "hair"), flatten=(1.0, 1.0)),
    }
    dabs = []
    for row in range(3):
        cells = [image, smooth, colors.flatten(smooth, region_map)]
        for brush in brushes.values():
            color, strokes = colors.paint(rng(3, row), smooth, brush, region_map)
            cells.append(np.where(strokes[..., None] > 0, color, np.uint8(255)))
        dabs.append(cells)
    return {
        "styles": styles,
        "hand": levels,
        "portraits": portraits,
        "masks": (holes, list(kinds)),
        "colors": (dabs, ["image", "smoothed", "flattened", *brushes]),
    }


def _features(region_map: np.ndarray) -> dict[str, np.ndarray]:
    """The masks of a face's visible `FEATURES`, grown by a 64th of the side: a feature's line runs along its edge."""
    side = min(region_map.shape)
    parts: dict[str, np.ndarray] = {}
    eyes = regions.mask_of(region_map, "eyes")
    count, labels, stats, centers = cv2.connectedComponentsWithStats(eyes, connectivity=8)
    large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= (side / 128) ** 2 * 8]
    large = sorted(sorted(large, key=lambda n: -stats[n, cv2.CC_STAT_AREA])[:2], key=lambda n: centers[n][0])
    for n in large:
        first = n == large[0] if len(large) == 2 else centers[n][0] < region_map.shape[1] / 2
        name = FEATURES[0] if first else FEATURES[1]
        parts[name] = (labels == n).astype(np.uint8)
    parts["nose"] = regions.mask_of(region_map, "nose")
    parts["mouth"] = regions.mask_of(region_map, ("mouth", "lips"))
    return {name: masks.grow(part, max(1, round(side / 64))) for name, part in parts.items() if part.any()}


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Results of `measure`."""

    pictures: int
    visible: dict[str, int]
    """Feature -> how many pictures show it."""
    with_line: dict[str, int]
    """Feature -> in how many of those it carries a line."""
    line_shares: np.ndarray
    """[pictures] float64: share of a picture's pixels that are line."""

    @property
    def share(self) -> float:
        """Of all features that are shown, those that carry a line."""
        return sum(self.with_line.values()) / max(1, sum(self.visible.values()))

    def markdown(self) -> str:
        """As a Markdown table."""
        low, median, high = np.percentile(100 * self.line_shares, [0, 50, 100])
        inside = np.mean((self.line_shares >= 0.02) & (self.line_shares <= 0.08))
        rows = "\n".join(
            f"| {name} | {self.visible[name]} | {100 * self.with_line[name] / max(1, self.visible[name]):.1f} % |"
            for name in FEATURES
        )
        return (
            f"{self.pictures} faces. Features that carry at least one line: {100 * self.share:.1f} %. Line share of a "
            f"picture: median {median:.1f} %, from {low:.1f} to {high:.1f} %; {100 * inside:.0f} % of the pictures lie "
            f"between 2 and 8 %.\n\n| feature | shown | with a line |\n| --- | ---: | ---: |\n{rows}"
        )


def measure(pictures: Sequence[Picture], config: Config) -> Coverage:
    """Measures the sketch style of `config.sketch` on faces that carry a region map; see the module's docstring.

    Raises:
      DataError: a picture has no region map.
    """
    sketcher = sketches.Sketcher(config.sketch)
    visible, with_line = dict.fromkeys(FEATURES, 0), dict.fromkeys(FEATURES, 0)
    shares = []
    for picture in pictures:
        if picture.regions is None:
            raise DataError(f"{picture.name}: expected face regions, found none; see prepare.regions")
        lines = sketcher(picture.image[None], [picture.regions])[0]
        shares.append(lines.mean())
        for name, part in _features(picture.regions).items():
            visible[name] += 1
            with_line[name] += bool((lines & part).any())
    return Coverage(len(pictures), visible, with_line, np.array(shares))


def histogram(shares: np.ndarray, expected: tuple[float, float], size: tuple[int, int] = (240, 480)) -> np.ndarray:
    """A histogram of covered shares, in 50 bins over 0 to 1, with the configured range in grey behind: [H,W,3]
    uint8."""
    height, width = size
    picture = np.full((height, width, 3), 255, np.uint8)
    bottom, left, right = height - 24, 10, width - 10

    def x(share: float) -> int:
        return round(left + share * (right - left))

    picture[8:bottom, x(expected[0]) : x(expected[1])] = 225
    counts, edges = np.histogram(shares, 50, (0, 1))
    for count, a, b in zip(counts, edges[:-1], edges[1:]):
        top = bottom - round(count / max(1, counts.max()) * (bottom - 12))
        if count:
            cv2.rectangle(picture, (x(a), top), (x(b) - 2, bottom), (60, 110, 180), -1)
    for share in (0, 0.25, 0.5, 0.75, 1):
        text = f"{100 * share:.0f} %"
        place = (min(max(0, x(share) - 14), width - 40), height - 6)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return picture
