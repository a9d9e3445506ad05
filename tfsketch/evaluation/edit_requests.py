"""Simulated requests for another face's feature on a photograph: mask, freehand sketch and colours.

- The donor's photograph is aligned to the other by its eyes, rotated and scaled, and lit so that its skin has the
  other's colour; a mouth or a nose is then shifted to the other face's own;
- the mask is compact: the feature's own region and the requested one, grown generously, as their convex hulls, without
  other features; for hair without the hull, for glasses a band along the frame;
- the sketch is `features.lines_of` the donor, drawn by the freehand simulator of `conditions.hand` at `LEVEL`. Its
  displacements are in proportion to the feature, not to the face: a person who draws an eye looks at the eye;
- the colours are a few dabs of `conditions.colors`, each of one colour: the median of the donor's region. For eyes it
  is the iris, for glasses the frame; a nose gets none, since it has the colour of its face.

Everything is a function of the labels, the photographs, `SETTINGS` and the edit's number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from tfsketch.conditions import colors, feature_strokes, features, masks, regions, sketches
from tfsketch.config import ColorConfig, Config, SketchConfig
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.evaluation.donors import KINDS, SEED, Edit, Face, Kind, labels_of
from tfsketch.evaluation.settings import HAND

FEATURES = ("brows", "eyes", "nose", "mouth", "lips", "glasses")
LEVEL = 0.3
"""Of abstraction of the sketch."""
LIGHT = (0.67, 1.5)
"""Bounds of the factors of the donor's colours that match its skin to the photograph's."""
GROWTH = (0.02, 0.05)
"""How far a mask is grown, as a share of the side."""
SETTINGS = Config(
    seed=SEED,
    sketch=SketchConfig(min_side=192, clahe=2.0, side_share=0.5, threshold=0.5, surround=1.0, features=0.6),
    hand=HAND,
    color=ColorConfig(median=3, bilateral_passes=3, bilateral_diameter=5.0, bilateral_sigma=30.0),
)
"""Lines of hair, freehand simulator, smoothing of colours. Training defaults may change; measurements must not."""


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
    """uint8 in {0,1}: the requested feature's region."""
    donor: np.ndarray
    """[S,S,3] uint8: the donor's photograph, aligned to this one."""


def _lay(donor: Picture, face: Face, labels: np.ndarray, own: Face, kind: Kind) -> Picture:
    """The donor's photograph and labels, aligned to a face with the given labels, in its light."""
    if face.eyes is None or own.eyes is None:
        raise DataError(f"{donor.name}: expected two faces whose labels show both eyes, a nose and a mouth")
    eyes, skin = face.eyes, face.look[4:]
    turn = (own.eyes[1] - own.eyes[0]) / (eyes[1] - eyes[0])
    turn *= np.clip(abs(turn), 0.75, 1.33) / abs(turn)  # FFHQ's alignment allows for less
    source, target = (eyes[0] + eyes[1]) / 2, (own.eyes[0] + own.eyes[1]) / 2
    if kind.own_position:
        source, target = (features.center_of(regions.mask_of(one, kind.regions)) for one in (labels_of(donor), labels))
    shift = target - turn * source
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    size = labels.shape[::-1]
    image = cv2.warpAffine(donor.image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    warped_labels = cv2.warpAffine(
        labels_of(donor), matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    gain = np.clip(own.look[4:] / np.maximum(skin, 1 / 255), *LIGHT)
    image = np.clip(np.rint(image * gain), 0, 255).astype(np.uint8)
    return donor.having(image=image, regions=warped_labels)


def _mask(rng: np.random.Generator, name: str, labels: np.ndarray, region: np.ndarray) -> np.ndarray:
    """A person's mask for a feature, [S,S] uint8 in {0,1}."""
    kind, side = KINDS[name], min(labels.shape)
    radius = max(1, round(rng.uniform(*GROWTH) * side))
    if name == "glasses":
        return masks.band(region, max(1, round(0.6 * radius)))
    own = regions.mask_of(labels, kind.regions)
    if name != "hair":  # labels elsewhere are mistakes
        own &= masks.grow(region, max(1, side // 10))
    both = region | own
    mask = masks.grow(both, radius)
    mask = masks.hulls(mask) if kind.hull else mask
    others = regions.mask_of(labels, [feature for feature in FEATURES if feature not in kind.regions])
    return mask & (1 - (masks.grow(others, max(1, side // 128)) & (1 - both)))


def _colors(rng: np.random.Generator, name: str, donor: Picture, region: np.ndarray) -> np.ndarray:
    """A few flat dabs on every part of a feature, [S,S,4] uint8 RGBA."""
    if name not in features.COLORED:
        return np.zeros((*region.shape, 4), np.uint8)
    parts = features.color_regions(name, donor.image, labels_of(donor), region)
    smooth = colors.color_map(donor.image, SETTINGS.color)
    rgb, where = feature_strokes.dabs(rng, name, smooth, parts, SETTINGS.color)
    return np.dstack([rgb, 255 * where])


def request(
    number: int, edit: Edit, pictures: Sequence[Picture], faces: Sequence[Face], sketcher: sketches.Sketcher
) -> Request:
    """A simulated request for an edit.

    Args:
      number: of the edit, for its randomness.
      edit: the exchange.
      pictures: labelled, by number.
      faces: theirs.
      sketcher: of lines, such as one of `SETTINGS.sketch`.
    """
    rng = np.random.default_rng([SETTINGS.seed, 3, number])
    kind, own = KINDS[edit.kind], pictures[edit.recipient]
    donor = _lay(pictures[edit.donor], faces[edit.donor], labels_of(own), faces[edit.recipient], kind)
    region = features.region_of(edit.kind, labels_of(donor))
    mask = _mask(rng, edit.kind, labels_of(own), region)
    donor_labels, strands = labels_of(donor), np.zeros_like(region)
    if edit.kind == "hair":
        strands = sketcher(donor.image[None], donor_labels[None])[0]
    lines = features.lines_of(edit.kind, donor.image, donor_labels, region, strands)
    sketch = feature_strokes.freehand(rng, lines, donor_labels, region, LEVEL, SETTINGS.hand)
    sketch = (masks.grow(sketch, 1) if min(sketch.shape) >= 256 else sketch) & mask
    color = _colors(rng, edit.kind, donor, region) * mask[..., None]
    if edit.kind == "glasses":
        region = region & (1 - regions.mask_of(labels_of(own), ("eyes", "brows")))
    return Request(mask, sketch, color, region, donor.image)
