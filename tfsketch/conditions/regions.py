"""Face regions: the names that colour maps, hair masks, eye strokes and region edits are told in.

A region map is [H,W] uint8 of indices into `REGIONS`. It comes from the shipped face parser (`models.face_parser`) or
from the labels of CelebAMask-HQ (Lee et al., CVPR 2020), whose 19 classes are merged: left and right, ears and earrings
with the skin, necklaces with the neck, hats with the clothes.
"""

from __future__ import annotations

from collections.abc import Iterable

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
)
"""Index -> name. `mouth` is what lies between the lips."""

FACE = ("skin", "brows", "eyes", "nose", "mouth", "lips", "glasses")
"""The face itself, without hair and neck."""

IGNORED = 255
"""In a map of labels: not known, counted nowhere."""

# CelebAMask-HQ's order: background, skin, nose, glasses, left and right eye, left and right brow, left and right ear,
# mouth, upper and lower lip, hair, hat, earring, necklace, neck, cloth.
_CELEBAMASK = tuple(
    REGIONS.index(name)
    for name in (
        "background skin nose glasses eyes eyes brows brows skin skin mouth lips lips "
        "hair clothes skin neck neck clothes"
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
    ],
    np.uint8,
)
"""[len(REGIONS),3] RGB, for people to look at."""


def from_celebamask(labels: np.ndarray, where: str = "labels") -> np.ndarray:
    """CelebAMask-HQ's 19 classes -> regions, [H,W] uint8 both.

    Raises:
      DataError: not [H,W] of whole numbers from 0 to 18.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "ui" or labels.size == 0 or int(labels.max()) >= len(_CELEBAMASK):
        found = f"{labels.dtype} {list(labels.shape)}" + (f" up to {labels.max()}" if labels.size else "")
        raise DataError(f"{where}: expected one label of 0 to {len(_CELEBAMASK) - 1} a pixel, found {found}")
    return np.array(_CELEBAMASK, np.uint8)[labels]


def mask_of(regions: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
    """Where a region map shows one of the named regions: [H,W] uint8 in {0,1}.

    Raises:
      DataError: an unknown name.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in REGIONS:
            raise DataError(f"region: expected one of {', '.join(REGIONS)}, found {name!r}")
    wanted = np.zeros(256, np.uint8)
    wanted[[REGIONS.index(name) for name in names]] = 1
    return wanted[regions]


def centers(regions: np.ndarray, name: str) -> list[tuple[float, float]]:
    """Where a region's parts are: the centre (x, y) of its left and of its right half in pixels, left first.

    Eyes and brows come in pairs; a face seen from the side, or one part far larger than the other, gives one centre.
    """
    y, x = np.nonzero(mask_of(regions, name))
    if not len(x):
        return []
    middle = (x.min() + x.max()) / 2
    halves = [x <= middle, x > middle]
    found = [(float(x[h].mean()), float(y[h].mean())) for h in halves if h.sum() > 0.15 * len(x)]
    return found if len(found) == 2 else [(float(x.mean()), float(y.mean()))]


def colored(regions: np.ndarray) -> np.ndarray:
    """A region map as a picture, [H,W,3] uint8; what is ignored is black."""
    lut = np.zeros((256, 3), np.uint8)
    lut[: len(PALETTE)] = PALETTE
    return lut[regions]
