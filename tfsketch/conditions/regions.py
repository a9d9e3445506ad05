"""Face regions: the names used by colour maps, hair masks, eye strokes and region edits.

A region map is [H,W] uint8 of indices into `REGIONS`. It comes from the shipped face parser
(`conditions.face_parser`) or from the labels of CelebAMask-HQ (Lee et al., CVPR 2020), whose 19 classes are
merged: left and right, ears and earrings with the skin, necklaces with the neck.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import cv2
import numpy as np

from tfsketch.errors import DataError

REGIONS = (
    "background",
    "skin",
    "hair",
    "brows",
    "eyes",
    "nose",
    "mouth",
    "lips",
    "neck",
    "clothes",
    "glasses",
    "hat",
)
"""Index -> name. `mouth` is what lies between the lips."""

FACE = ("skin", "brows", "eyes", "nose", "mouth", "lips", "glasses")
"""The face itself, without hair and neck; `mask_of` takes it under the name `face`."""

IGNORED = 255
"""In a map of labels: unknown, never counted."""

# CelebAMask-HQ's order: background, skin, nose, glasses, left and right eye, left and right brow, left and right ear,
# mouth, upper and lower lip, hair, hat, earring, necklace, neck, cloth.
_CELEBAMASK = tuple(
    REGIONS.index(name)
    for name in (
        "background skin nose glasses eyes eyes brows brows skin skin mouth lips lips hair hat skin neck neck clothes"
    ).split()
)

PALETTE = np.array(
    [
        [40, 40, 48],
        [236, 188, 160],
        [120, 72, 40],
        [70, 40, 90],
        [60, 130, 220],
        [230, 140, 90],
        [255, 240, 240],
        [205, 60, 90],
        [200, 150, 120],
        [90, 160, 100],
        [250, 210, 60],
        [40, 120, 110],
    ],
    np.uint8,
)
"""[len(REGIONS),3] RGB, for display."""


def from_celebamask(labels: np.ndarray, where: str = "labels") -> np.ndarray:
    """CelebAMask-HQ's 19 classes -> regions, [H,W] uint8 both.

    Raises:
      DataError: not [H,W] of whole numbers from 0 to 18.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "ui" or labels.size == 0 or int(labels.max()) >= len(_CELEBAMASK):
        actual = f"{labels.dtype} {list(labels.shape)}" + (f" up to {labels.max()}" if labels.size else "")
        raise DataError(f"{where}: expected one label of 0 to {len(_CELEBAMASK) - 1} a pixel, found {actual}")
    return np.array(_CELEBAMASK, np.uint8)[labels]


def mask_of(regions: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
    """The mask of the named regions of a map, or of `FACE` by the name `face`: [H,W] uint8 in {0,1}.

    Raises:
      DataError: an unknown name.
    """
    table = _table((names,) if isinstance(names, str) else tuple(names))
    # A tenth of the time of `take`, which converts bytes to indices; OpenCV does not support other shapes and types.
    return cv2.LUT(regions, table) if regions.dtype == np.uint8 and regions.ndim == 2 else table.take(regions)


@functools.lru_cache(maxsize=256)
def _table(names: tuple[str, ...]) -> np.ndarray:
    """[256] uint8: 1 for the indices of named regions."""
    table = np.zeros(256, np.uint8)
    for name in names:
        if name not in (*REGIONS, "face"):
            raise DataError(f"region: expected face or one of {', '.join(REGIONS)}, found {name!r}")
        table[[REGIONS.index(part) for part in (FACE if name == "face" else (name,))]] = 1
    return table


def centers(regions: np.ndarray, name: str) -> list[tuple[float, float]]:
    """The centres (x, y) of a region's two largest connected parts in pixels, left first.

    Eyes and brows come in pairs. There is one centre if the second part is missing (a face seen from the side, the
    lenses of glasses that touch) or has less than a sixth of the region's pixels, and none if the region is missing.
    """
    _, _, stats, centroids = cv2.connectedComponentsWithStats(mask_of(regions, name), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]  # the first is all the rest
    largest = [i for i in np.argsort(-areas, kind="stable")[:2] if areas[i] * 6 >= areas.sum()]
    return sorted((float(x), float(y)) for x, y in centroids[1:][largest])


def to_rgb(regions: np.ndarray) -> np.ndarray:
    """A region map as a picture, [H,W,3] uint8; what is ignored is black."""
    lut = np.zeros((256, 3), np.uint8)
    lut[: len(PALETTE)] = PALETTE
    return lut[regions]
