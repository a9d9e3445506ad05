"""What a person gives who asks for another face's feature on a photograph: mask, freehand sketch and colours.

- The donor's photograph is laid on the other by its eyes, turned and scaled, and lit so that its skin has the other's
  colour; a mouth and a nose are then moved on to where the other face has its own;
- the mask is compact: the feature's own region and the one that is asked for, grown generously, as their convex hulls,
  without other features; for hair without the hull, for glasses a band along the frame;
- the sketch is `feature_lines` of the donor, drawn by the freehand simulator of `conditions.hand` at `LEVEL`. Its
  displacements are in proportion to the feature and not to the face: who draws an eye looks at the eye;
- the colours are a few dabs of `conditions.colors`, each of one colour: the median of the donor's region. Of eyes it is
  the iris; of glasses the frame; a nose gets none, since it has the colour of the face that it stands in.

All of it is a function of the labels, the photographs, `SETTINGS` and the edit's number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from tfsketch.conditions import colors, hand, masks, regions, sketches
from tfsketch.config import ColorConfig, Config, SketchConfig, StrokeConfig
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.evaluation.donors import KINDS, SEED, Edit, Face, Kind, center_of, labels_of
from tfsketch.evaluation.feature_lines import dark_part, irises_of, lines_of, parts_of
from tfsketch.evaluation.settings import HAND
from tfsketch.framing import arrays

FEATURES = ("brows", "eyes", "nose", "mouth", "lips", "glasses")
LEVEL = 0.3
"""Of abstraction of the sketch."""
LIGHT = (0.67, 1.5)
"""How much the donor's colours are scaled by, at least and most, so that its skin has the photograph's colour."""
GROWTH = (0.02, 0.05)
"""How far a mask is grown, as a share of the side."""
SETTINGS = Config(
    seed=SEED,
    sketch=SketchConfig(min_side=192, clahe=2.0, side_share=0.5, threshold=0.5, surround=1.0, features=0.6),
    hand=HAND,
    color=ColorConfig(median=3, bilateral_passes=3, bilateral_diameter=5.0, bilateral_sigma=30.0),
)
"""Lines of hair, freehand simulator, smoothing of colours. Defaults for training may move; what is measured may
not."""


@dataclasses.dataclass(frozen=True)
class Request:
    """An edit's layers, [S,S] of the photograph's size."""

    mask: np.ndarray
    """uint8 in {0,1}"""
    sketch: np.ndarray
    """uint8 in {0,1}"""
    color: np.ndarray
    """[S,S,4] uint8 RGBA, alpha 255 where painted and all zero elsewhere."""
    region: np.ndarray
    """uint8 in {0,1}: where the feature is asked for."""
    donor: np.ndarray
    """[S,S,3] uint8: the donor's photograph, laid on this one."""


def _lay(donor: Picture, face: Face, labels: np.ndarray, own: Face, kind: Kind) -> Picture:
    """The donor's photograph and labels, turned, scaled and moved onto a face with the given labels, in its light."""
    if face.eyes is None or own.eyes is None:
        raise DataError(f"{donor.name}: expected two faces whose labels show both eyes, a nose and a mouth")
    eyes, skin = face.eyes, face.look[4:]
    turn = (own.eyes[1] - own.eyes[0]) / (eyes[1] - eyes[0])
    turn *= np.clip(abs(turn), 0.75, 1.33) / abs(turn)  # FFHQ's alignment allows for less
    source, target = (eyes[0] + eyes[1]) / 2, (own.eyes[0] + own.eyes[1]) / 2
    if kind.moved:
        source, target = (center_of(regions.mask_of(one, kind.regions)) for one in (labels_of(donor), labels))
    shift = target - turn * source
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    size = labels.shape[::-1]
    image = cv2.warpAffine(donor.image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    moved = cv2.warpAffine(labels_of(donor), matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    gain = np.clip(own.look[4:] / np.maximum(skin, 1 / 255), *LIGHT)
    image = np.clip(np.rint(image * gain), 0, 255).astype(np.uint8)
    return donor.having(image=image, regions=moved)


def _ring(region: np.ndarray, radius: int) -> np.ndarray:
    """A band of that many pixels to both sides of a region's outline, [H,W] uint8 in {0,1}."""
    return masks.grow(region, radius) & masks.grow(1 - region, radius)


def hulls(mask: np.ndarray) -> np.ndarray:
    """Every connected part of a mask filled to its convex hull."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    for outline in outlines:
        cv2.fillConvexPoly(filled, cv2.convexHull(outline), (1,))
    return filled


def _mask(rng: np.random.Generator, name: str, labels: np.ndarray, region: np.ndarray) -> np.ndarray:
    """What a person erases for a feature, [S,S] uint8 in {0,1}."""
    kind, side = KINDS[name], min(labels.shape)
    radius = max(1, round(rng.uniform(*GROWTH) * side))
    if name == "glasses":
        return _ring(region, max(1, round(0.6 * radius)))
    own = regions.mask_of(labels, kind.regions)
    if name != "hair":  # what lies elsewhere is a slip of the labeller's
        own &= masks.grow(region, max(1, side // 10))
    both = region | own
    mask = masks.grow(both, radius)
    mask = hulls(mask) if kind.hull else mask
    others = regions.mask_of(labels, [feature for feature in FEATURES if feature not in kind.regions])
    return mask & (1 - (masks.grow(others, max(1, side // 128)) & (1 - both)))


def region_of(name: str, labels: np.ndarray) -> np.ndarray:
    """A feature's region in a donor's labels, without specks and pinholes, [S,S] uint8 in {0,1}."""
    region = regions.mask_of(labels, KINDS[name].regions)
    if name == "glasses":  # the labels cut eyes and brows out of them
        near = masks.grow(region, max(1, min(region.shape) // 25)) & hulls(region)
        region = region | (near & regions.mask_of(labels, ("eyes", "brows")))
        return cv2.medianBlur(region, 5)
    parts = [part for part in parts_of(region) if 6 * part.sum() >= region.sum()]
    region = np.maximum.reduce(parts[:2] if parts else [region])
    holes_ = [hole for hole in parts_of(1 - region) if hole.sum() < 0.01 * hole.size]
    return np.maximum.reduce([region, *holes_])


def _sketch(rng: np.random.Generator, lines: np.ndarray, moved: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The lines of a feature as a freehand drawing, [S,S] uint8 in {0,1}."""
    side = min(region.shape)
    top, left, height, width = arrays.box_of(masks.grow(region, max(1, side // 64)))
    edge = min(max(height, width), side)
    top, left = (int(np.clip(s + (n - edge) // 2, 0, side - edge)) for s, n in ((top, height), (left, width)))
    window = (slice(top, top + edge), slice(left, left + edge))
    sketch = np.zeros_like(region)
    sketch[window] = hand.drawn_by_hand(rng, lines[window], LEVEL, SETTINGS.hand, moved[window])
    return masks.grow(sketch, 1) if side >= 256 else sketch


def _painted_regions(name: str, image: np.ndarray, moved: np.ndarray, region: np.ndarray) -> np.ndarray:
    """What of a feature has a colour of its own: a region map of it, else background."""
    labels = np.where(region > 0, moved, np.uint8(0))
    if name not in ("eyes", "glasses"):
        return labels
    if name == "eyes":
        part = irises_of(image, region)
    else:
        part = dark_part(image, _ring(region, max(1, round(0.02 * min(region.shape)))) & region)
    return part * np.uint8(regions.REGIONS.index(name)) if part.any() else labels


def _colors(rng: np.random.Generator, name: str, donor: Picture, region: np.ndarray) -> np.ndarray:
    """A few flat dabs on every part of a feature, [S,S,4] uint8 RGBA."""
    painted = np.zeros((*region.shape, 4), np.uint8)
    if not KINDS[name].colored:
        return painted
    labels = _painted_regions(name, donor.image, labels_of(donor), region)
    smooth = colors.color_map(donor.image, SETTINGS.color)
    side, total = min(region.shape), np.count_nonzero(labels)
    for label in KINDS[name].regions:
        whole = regions.mask_of(labels, label)
        for part in parts_of(whole):
            share = float(part.mean())
            if np.count_nonzero(part) < 0.04 * total:
                continue
            distance = cv2.distanceTransform(np.pad(part, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            thickness, extent = 2 * float(distance.max()) / side, max(arrays.box_of(part)[2:]) / side
            config = dataclasses.replace(
                SETTINGS.color,
                probability=1.0,
                share=(0.4 * share, 0.7 * share),
                stroke=StrokeConfig(
                    vertices=(2, 4),
                    angle=40.0,
                    length=(0.1 * extent, 0.3 * extent),
                    width=(min(0.3 * thickness, 0.04), min(0.7 * thickness, 0.08)),
                    curved=1.0,
                    taper=0.4,
                    gap=0.0,
                ),
                flat=1.0,
                overshoot=0.0,
                regions=(label,),
                flatten=(1.0, 1.0),
            )
            # One colour for both eyes, and for all of the lips: the median is the whole region's.
            flat = colors.flatten(smooth, whole * np.uint8(regions.REGIONS.index(label)))
            _, where = colors.paint(rng, smooth, config, part * np.uint8(regions.REGIONS.index(label)))
            painted[where > 0, :3] = flat[where > 0]
            painted[where > 0, 3] = 255
    return painted


def request(
    number: int, edit: Edit, pictures: Sequence[Picture], faces: Sequence[Face], sketcher: sketches.Sketcher
) -> Request:
    """What a person gives for an edit.

    Args:
      number: of the edit, for its randomness.
      edit: whose feature for whom.
      pictures: labelled, by number.
      faces: theirs.
      sketcher: of lines, such as one of `SETTINGS.sketch`.
    """
    rng = np.random.default_rng([SETTINGS.seed, 3, number])
    kind, own = KINDS[edit.kind], pictures[edit.recipient]
    donor = _lay(pictures[edit.donor], faces[edit.donor], labels_of(own), faces[edit.recipient], kind)
    region = region_of(edit.kind, labels_of(donor))
    mask = _mask(rng, edit.kind, labels_of(own), region)
    lines = lines_of(edit.kind, donor, region, sketcher)
    sketch = _sketch(rng, lines, labels_of(donor), region) & mask
    color = _colors(rng, edit.kind, donor, region) * mask[..., None]
    if edit.kind == "glasses":
        region = region & (1 - regions.mask_of(labels_of(own), ("eyes", "brows")))
    return Request(mask, sketch, color, region, donor.image)
