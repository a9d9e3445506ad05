"""Features of a face as a person draws them: their regions, their clean lines, their coloured parts.

All are computed from a photograph and its region map: outlines of regions, irises, the line between closed lips. An
edge detector's lines of something as small as an eye are scribbles that no one would draw, and a dab of an eye's median
colour is neither iris nor white. `feature_strokes` draws and dabs them. No paper says how people draw; all choices are
ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from tfsketch.conditions import masks, regions
from tfsketch.conditions.specks import drop_short
from tfsketch.config import Config
from tfsketch.errors import ConfigError, DataError

REGIONS_OF = {
    "glasses": ("glasses",),
    "mouth": ("mouth", "lips"),
    "eyes": ("eyes",),
    "brows": ("brows",),
    "nose": ("nose",),
    "hair": ("hair",),
}
"""Feature -> its regions."""
COLORED = ("glasses", "mouth", "eyes", "brows", "hair")
"""Features that get a colour; a nose has the colour of its face."""
_SQUARE = np.ones((3, 3), np.uint8)


def center_of(mask: np.ndarray) -> complex:
    """The centre x + iy of a mask [H,W] that is not empty."""
    rows, columns = np.nonzero(mask)
    return complex(columns.mean(), rows.mean())


def region_of(name: str, labels: np.ndarray) -> np.ndarray:
    """A feature's region without specks and pinholes, [S,S] uint8 in {0,1}.

    Args:
      name: of `REGIONS_OF`.
      labels: [S,S] uint8 region map (`conditions.regions`).
    """
    region = regions.mask_of(labels, REGIONS_OF[name])
    if name == "glasses":  # the labels cut eyes and brows out of them
        near = masks.grow(region, max(1, min(region.shape) // 25)) & masks.hulls(region)
        region = region | (near & regions.mask_of(labels, ("eyes", "brows")))
        return cv2.medianBlur(region, 5)
    pixels = cv2.countNonZero(region)
    parts = [part for part in masks.parts_of(region) if 6 * cv2.countNonZero(part) >= pixels]
    return _without_pinholes(np.maximum.reduce(parts[:2] if parts else [region]))


def _without_pinholes(region: np.ndarray) -> np.ndarray:
    """A region with its holes of less than a hundredth of the picture filled, [S,S] uint8 in {0,1}."""
    window = masks.window_of(region, 2)
    inside = all(0 < s.start and s.stop < side for s, side in zip(window, region.shape))
    # At the picture's border a hole may continue beyond the window.
    window = window if inside else (slice(None), slice(None))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - region[window], connectivity=8)
    holes = stats[:, cv2.CC_STAT_AREA] < 0.01 * region.size
    holes[0] = False  # the region itself
    if inside:
        holes[labels[0, 0]] = False  # its surroundings
    result = region.copy()
    result[window] |= holes.astype(np.uint8)[labels]
    return result


def _outline(region: np.ndarray) -> np.ndarray:
    """The one-pixel outline of a region, smoothed, [S,S] uint8 in {0,1}; the picture's border is not an outline."""
    side = min(region.shape)
    soft = cv2.GaussianBlur(region.astype(np.float32), (0, 0), side / 170)
    smooth = (soft > 0.5).astype(np.uint8)
    inner = np.asarray(cv2.erode(smooth, _SQUARE, borderValue=(1,)), np.uint8)
    return smooth & (1 - inner)


def dark_part(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The darker of the two classes of luma (Otsu) in a region, without specks, [S,S] uint8 in {0,1}."""
    dark, window = np.zeros_like(where), masks.window_of(where, 2)
    part = where[window]
    if part.size:
        light = cv2.cvtColor(image[window], cv2.COLOR_RGB2GRAY)
        threshold, _ = cv2.threshold(light[part > 0], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        dark[window] = cv2.morphologyEx(np.where(light <= threshold, part, np.uint8(0)), cv2.MORPH_OPEN, _SQUARE)
    return dark


def irises_of(image: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """The irises, where the lids do not cover them: [S,S] uint8 in {0,1}.

    A disc about the centre of each eye's dark part, as wide as that, since lids cut its height, and at most half as
    high again as the open eye, since lashes are dark too.
    """
    irises = np.zeros_like(eyes)
    for eye in masks.parts_of(eyes)[:2]:
        dark = masks.parts_of(dark_part(image, cv2.erode(eye, _SQUARE)))
        if dark:
            center = center_of(dark[0])
            radius = min(0.5 * cv2.boundingRect(dark[0])[2], 0.75 * cv2.boundingRect(eye)[3])
            disc = np.zeros_like(eye)
            cv2.circle(disc, (round(center.real), round(center.imag)), max(1, round(radius)), (1,), -1)
            irises |= disc & eye
    return irises


def _between_lips(image: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """The line between closed lips, [S,S] uint8 in {0,1}: the path from corner to corner along the darkest pixels."""
    line = np.zeros_like(lips)
    left, top, width, height = cv2.boundingRect(lips)
    light = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), min(lips.shape) / 256)
    cost = np.where(lips > 0, light, 1000.0)[top : top + height, left : left + width]
    total = cost.copy()
    for x in range(1, width):  # dynamic programming: a step to the right goes up or down by a pixel at most
        before = np.pad(total[:, x - 1], 1, constant_values=np.inf)
        total[:, x] += np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
    y = int(total[:, -1].argmin())
    for x in range(width - 1, -1, -1):
        line[top + y, left + x] = lips[top + y, left + x]
        if x:
            rows = [row for row in (y, y - 1, y + 1) if 0 <= row < height]
            y = min(rows, key=lambda row: total[row, x - 1])
    return line


def contour_of(labels: np.ndarray) -> np.ndarray:
    """The outline of the largest face, from chin to hairline, with its ears, [S,S] uint8 in {0,1}; empty without a
    face."""
    parts = masks.parts_of(regions.mask_of(labels, "face"))
    return _outline(_without_pinholes(parts[0])) if parts else np.zeros_like(labels)


def midline_of(region: np.ndarray) -> np.ndarray:
    """Every part of a region as one line from left to right, through the middle of each column, as a brow or a closed
    mouth is drawn in one stroke. [S,S] uint8 in {0,1}."""
    line = np.zeros_like(region)
    for part in masks.parts_of(region):
        columns = np.flatnonzero(part.any(axis=0))
        rows = np.arange(len(part)) @ part[:, columns] / part[:, columns].sum(axis=0)
        cv2.polylines(line, [np.stack([columns, rows.round()], axis=1).astype(np.int32)], False, (1,))
    return line


def bridge_of(region: np.ndarray, right: bool) -> np.ndarray:
    """One side of a nose from root to wing, as if lit from the other side: [S,S] uint8 in {0,1}."""
    side = _outline(region)
    left, _, width, _ = cv2.boundingRect(region)
    middle = left + width // 2
    side[:, slice(None, middle) if right else slice(middle, None)] = 0
    return side


def lines_of(name: str, image: np.ndarray, labels: np.ndarray, region: np.ndarray, strands: np.ndarray) -> np.ndarray:
    """The clean lines by which a person draws a feature, [S,S] uint8 in {0,1}.

    Outlines of its regions; of eyes the irises too, of closed lips the line between them, of a nose only its wings and
    nostrils, of hair the longest of the photograph's own lines, of glasses both edges of the frame.

    Args:
      name: of `REGIONS_OF`.
      image: [S,S,3] uint8 RGB.
      labels: [S,S] uint8, its region map.
      region: [S,S] uint8 in {0,1}, the feature's (`region_of`).
      strands: [S,S] uint8 in {0,1}, an edge detector's lines of the photograph; only hair takes some of them.
    """
    side = min(region.shape)
    lines = _outline(region)
    if name == "eyes":
        lines |= _outline(irises_of(image, region))
    elif name == "mouth":
        inner, lips = regions.mask_of(labels, "mouth"), regions.mask_of(labels, "lips")
        if inner.sum() > 0.04 * region.sum():
            lines |= _outline(inner)
        elif lips.any():
            lines |= _between_lips(image, lips)
    elif name == "nose":
        _, top, _, height = cv2.boundingRect(region)
        lower = np.zeros_like(region)
        lower[top + round(0.6 * height) :] = 1
        inside = cv2.erode(region, _SQUARE) & lower
        nostrils = [part for part in masks.parts_of(dark_part(image, inside)) if part.sum() > 0.004 * region.sum()][:2]
        lines &= lower
        for nostril in nostrils:
            lines |= _outline(nostril)
    elif name == "hair":
        thick = masks.disc(side // 64)
        lines = _outline(cv2.morphologyEx(cv2.morphologyEx(region, cv2.MORPH_CLOSE, thick), cv2.MORPH_OPEN, thick))
        lines |= drop_short(strands & cv2.erode(region, np.ones((9, 9), np.uint8)), 0.12 * side)
    elif name == "glasses":
        lines |= _outline(cv2.erode(region, masks.disc(side // 50)))
    return lines if lines.any() else region & (1 - cv2.erode(region, _SQUARE))


def features_in(labels: np.ndarray, mask: np.ndarray, share: float = 0.5) -> dict[str, np.ndarray]:
    """The features that a mask covers, by name, as regions [S,S] uint8 in {0,1} (`region_of`).

    Args:
      labels: [S,S] uint8 region map.
      mask: [S,S] uint8 in {0,1}, 1 = erased.
      share: least covered share of a feature's pixels. For hair, which is large, a two-hundredth of the picture is
        enough, for glasses an eighth, since only their frame is drawn.
    """
    regions_under = {}
    # One histogram each instead of a mask for every feature.
    everywhere, inside = (cv2.calcHist([labels], [0], where, [256], [0, 256]).ravel() for where in (None, mask))
    for name in REGIONS_OF:
        indices = [regions.REGIONS.index(label) for label in REGIONS_OF[name]]
        pixels, under = int(everywhere[indices].sum()), int(inside[indices].sum())
        least = {"hair": mask.size / 200, "glasses": pixels / 8}.get(name, share * pixels)
        if under and under >= min(least, share * pixels):
            region = region_of(name, labels)
            if region.any():
                regions_under[name] = region
    return regions_under


def color_regions(name: str, image: np.ndarray, labels: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The parts of a feature with a colour of their own, as a region map [S,S] uint8, else background: of eyes the
    irises, of glasses the frame. Arguments as of `lines_of`."""
    if name == "eyes":
        part = irises_of(image, region)
    elif name == "glasses":
        part = dark_part(image, masks.band(region, max(1, round(0.02 * min(region.shape)))) & region)
    else:
        return labels * region
    if not part.any():
        return labels * region
    return part * np.uint8(regions.REGIONS.index(name))


def recolor(rng: np.random.Generator, layers: Sequence[np.ndarray], part: np.ndarray) -> list[np.ndarray]:
    """Gives a part of a photograph, and of its colour map, the same new colour; light and shade stay.

    Lips become pale or dark red, or a colour that no lips have; irises blue, green, brown.

    Args:
      rng: source of all randomness.
      layers: [S,S,3] uint8 RGB each.
      part: [S,S] uint8 in {0,1}. It fades out over a hundredth of the side.

    Returns:
      The layers, with the part's luma scaled by 0.7 to 1.4 and its chroma shifted by about 20 levels in Cr and in Cb.
    """
    gain, shift = np.exp(rng.uniform(np.log(0.7), np.log(1.4))), rng.normal(0.0, 20.0, 2)
    soft = cv2.GaussianBlur(part.astype(np.float32), (0, 0), max(1.0, min(part.shape) / 128))
    left, top, width, height = cv2.boundingRect((soft > 1 / 255).astype(np.uint8))
    window = (slice(top, top + height), slice(left, left + width))
    amount = soft[window][..., None]

    def recolor_layer(layer: np.ndarray) -> np.ndarray:
        layer = layer.copy()
        luma = cv2.cvtColor(np.ascontiguousarray(layer[window]), cv2.COLOR_RGB2YCrCb).astype(np.float32)
        new_luma = luma * np.array([gain, 1.0, 1.0], np.float32) + np.array([0.0, *shift], np.float32)
        new_layer = np.clip(luma + amount * (new_luma - luma), 0, 255).round().astype(np.uint8)
        layer[window] = np.where(amount > 1 / 255, cv2.cvtColor(new_layer, cv2.COLOR_YCrCb2RGB), layer[window])
        return layer

    return [recolor_layer(layer) for layer in layers]


def check_regions(config: Config) -> None:
    """Raises `ConfigError` for an unknown region in the sections `mask` and `color`, which would otherwise end a
    training at the first example that uses it."""
    compact = [masks.COMPACT.get(name, (name,)) for name in config.mask.compact]
    for key, names in (
        ("mask.regions", config.mask.regions),
        ("mask.compact", tuple(region for feature in compact for region in feature)),
        ("color.regions", config.color.regions),
    ):
        try:
            regions.mask_of(np.zeros((1, 1), np.uint8), names)
        except DataError as error:
            raise ConfigError(f"{key}: {error}") from error
