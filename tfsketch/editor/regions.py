"""Regions of faces, by the face parser: masks for restyling, and its certainty of a drawn face."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tfsketch.conditions.regions import REGIONS, mask_of
from tfsketch.errors import DataError, ImageError
from tfsketch.framing import arrays
from tfsketch.images.layers import check_array, excerpt
from tfsketch.vocabulary import resize

if TYPE_CHECKING:
    from tfsketch.conditions.face_parser import FaceParser

LEAST = 0.0005
"""Share of a photograph below which the face parser's region is taken for a mistake: eyes are 0.0044 of a portrait."""
FEATURE = 0.0001
"""Least share of a picture of a face that eyes, nose and mouth each have."""
WHOLE = 0.6
"""Least share of a nose or mouth in its largest part, and of features and skin in a face's middle."""
_STYLE_SIDE = 512
"""Side in pixels of a region's square: no model uses more."""
SPECK = 0.02
"""Parts of a region that are smaller than this share of it are left out."""
PORTRAIT = {("brows",): 0.0085, ("eyes",): 0.0044, ("nose",): 0.0201, ("mouth", "lips"): 0.0133}
"""Features -> their share of a photograph that is aligned like FFHQ's: the mean over CelebAMask-HQ's hold-out."""


def surest_face(parser: FaceParser, photographs: np.ndarray) -> int:
    """The index of the [N,S,S,3] uint8 photograph that shows a face most certainly: the first with the most features,
    each counting up to its share of a portrait."""
    from tfsketch.conditions import face_parser  # imports TensorFlow, as the caller has already

    shares = face_parser.shares(parser, photographs)
    means = [shares[..., [REGIONS.index(n) for n in names]].sum(axis=-1).mean(axis=(1, 2)) for names in PORTRAIT]
    return int(np.argmax(sum(np.minimum(f / usual, 1.0) for f, usual in zip(means, PORTRAIT.values()))))


def shows_face(shares: np.ndarray) -> bool:
    """Whether a face parser's regions are arranged as a face: eyes above a nose above a mouth, nose and mouth mostly
    one part each, and little but features and skin between the eyes and the mouth. A face parser finds regions in
    anything. Ours; of 140 portraits of five sets 99 % pass, of 80 birds and cars 3 %.

    Args:
      shares: [H,W,R], the probabilities of `REGIONS`.
    """
    labels, places = shares.argmax(axis=-1), []
    for names in (("eyes",), ("nose",), ("mouth", "lips")):
        feature = np.isin(labels, [REGIONS.index(name) for name in names])
        if feature.sum() < FEATURE * feature.size:
            return False
        _, _, stats, _ = cv2.connectedComponentsWithStats(feature.astype(np.uint8))
        if "eyes" not in names and stats[1:, cv2.CC_STAT_AREA].max() < WHOLE * feature.sum():
            return False
        places.append(tuple(float(np.median(positions)) for positions in np.nonzero(feature)))
    (eyes, eyes_x), (nose, nose_x), (mouth, mouth_x) = places
    height = mouth - eyes
    if not (
        0.15 * height < nose - eyes < 0.9 * height
        and abs((eyes_x + mouth_x) / 2 - nose_x) < 0.45 * height
        and abs(eyes_x - mouth_x) < 0.8 * height
    ):
        return False
    face = np.isin(labels, [REGIONS.index(name) for name in ("skin", "brows", "eyes", "nose", "mouth", "lips")])
    left, right = (int(nose_x + side * 0.6 * height) for side in (-1, 1))
    return bool(face[int(eyes) : int(mouth) + 1, max(0, left) : right + 1].mean() > WHOLE)


def find_region(face_parser_of: Callable[[], FaceParser], image: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
    """`Editor.region`; the face parser is loaded once the arguments are checked."""
    several = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if not all(isinstance(name, str) for name in several):
        raise DataError(f"region: expected a name or several, found {excerpt(names)}")
    names = several
    if not names:
        raise DataError("region: expected at least one name, found none")
    in_region = mask_of(np.arange(len(REGIONS)), [*names, *(["nose"] if "skin" in names else [])]) > 0
    image = check_array(image, "image", (3,), "uint8 [H,W,3] RGB")
    parser = face_parser_of()
    from tfsketch.conditions import face_parser  # imports TensorFlow, which `face_parser_of` has required

    side, size = parser.experiment.image_size, image.shape[:2]
    height, width = (max(1, round(length * side / max(size))) for length in size)
    work = height, width
    # Padded to a square, so that a face is not squeezed.
    photograph, inner = arrays.pad(resize(image, work), side)
    shares = face_parser.shares(parser, photograph[None])[0][inner]
    if not shows_face(shares):
        raise ImageError(
            f"region: expected a face, to find its {' or '.join(names)}, found none; the face parser knows faces that "
            "are framed like a portrait: crop the picture, or give a mask"
        )
    rest = shares[..., ~in_region].max(axis=-1) if not in_region.all() else np.zeros(work, np.float32)
    # The margin of probability is resized, not a mask: outlines stay smooth.
    lead = shares[..., in_region].max(axis=-1) - rest
    _, labels, stats, _ = cv2.connectedComponentsWithStats((lead > 0).astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA] * (np.arange(len(stats)) > 0)  # the first is all the rest
    lead = np.where((areas < SPECK * areas.sum())[labels], np.minimum(lead, -1e-3), lead)
    mask = (cv2.resize(lead, size[::-1], interpolation=cv2.INTER_LINEAR) > 0).astype(np.uint8)
    if mask.mean() < LEAST:
        raise ImageError(
            f"region: expected {' or '.join(names)} in the picture, found none; the face parser knows faces that "
            "are framed like a portrait: crop the picture, or give a mask"
        )
    return mask


def region_style(face_parser_of: Callable[[], FaceParser], style: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
    """`Editor.region_style`: the square around the region, its surroundings filled with the region's own colours, ever
    softer.

    A style code is a mean over a whole photograph, to which pixels outside the region must contribute nothing. Ours:
    the paper takes the style of whole photographs only."""
    mask = find_region(face_parser_of, style, names)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    edge = min(int(max(np.ptp(rows), np.ptp(columns))) + 1, *mask.shape)
    corner = [
        int(np.clip((ends[0] + ends[-1] + 1 - edge) // 2, 0, length - edge))
        for ends, length in zip((rows, columns), mask.shape)
    ]
    # Without its rim, which is mixed with its surroundings.
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, edge // 100))
    mask = inner if inner.any() else mask
    square = tuple(slice(start, start + edge) for start in corner)
    side = min(edge, _STYLE_SIDE)
    square_pixels = resize(np.ascontiguousarray(style[square]), (side, side)).astype(np.float32)
    share = resize(np.ascontiguousarray(mask[square]).astype(np.float32), (side, side))[..., None]
    # From the widest surroundings to the nearest: pixels far from the region get the mean colour of all of it.
    surround = np.broadcast_to((square_pixels * share).sum(axis=(0, 1)) / share.sum(), square_pixels.shape)
    for sigma in (side / 4, side / 8, side / 16, side / 32):
        near = cv2.GaussianBlur(share, (0, 0), sigma)[..., None]
        colors = cv2.GaussianBlur(square_pixels * share, (0, 0), sigma) / np.maximum(near, 1e-6)
        certain = np.minimum(near / 0.05, 1.0)
        surround = surround + (colors - surround) * certain
    return np.clip(np.rint(surround + (square_pixels - surround) * share), 0, 255).astype(np.uint8)
