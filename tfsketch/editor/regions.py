"""Regions of faces, as the face parser sees them: masks for restyling, and how sure a drawn face is."""

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
"""Share of a photograph below which the face parser's region is a mistake: eyes have 0.0044 of a portrait."""
FEATURE = 0.0001
"""Least share of a picture that eyes, a nose and a mouth each have, where there is a face."""
WHOLE = 0.6
"""Least share of a nose or mouth in its largest part, and of a face's middle that is face."""
_STYLE_SIDE = 512
"""Pixels of a region's square: no model looks at more."""
SPECK = 0.02
"""Parts of a region that are smaller than this share of it are left out."""
PORTRAIT = {("brows",): 0.0085, ("eyes",): 0.0044, ("nose",): 0.0201, ("mouth", "lips"): 0.0133}
"""Features -> their share of a photograph that is aligned like FFHQ's: the mean over CelebAMask-HQ's hold-out."""


def surest_face(parser: FaceParser, photographs: np.ndarray) -> int:
    """Which of [N,S,S,3] uint8 photographs shows a face most surely: the number of the first with the most
    features, each counting up to the share of the picture that it has in a portrait."""
    from tfsketch.conditions import face_parser  # TensorFlow's, which who calls this has waited for

    shares = face_parser.shares(parser, photographs)
    means = [shares[..., [REGIONS.index(n) for n in names]].sum(axis=-1).mean(axis=(1, 2)) for names in PORTRAIT]
    return int(np.argmax(sum(np.minimum(f / usual, 1.0) for f, usual in zip(means, PORTRAIT.values()))))


def shows_face(shares: np.ndarray) -> bool:
    """Whether what a face parser sees is arranged as a face: eyes above a nose above a mouth, nose and mouth mostly
    one part each, and little but features and skin between the eyes and the mouth. A parser of faces sees regions in
    anything. Ours; of 140 portraits of five sets 99 % pass, of 80 birds and cars 3.

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
    """`Editor.region`; the face parser is asked for once the arguments are right."""
    several = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if not all(isinstance(name, str) for name in several):
        raise DataError(f"region: expected a name or several, found {excerpt(names)}")
    names = several
    if not names:
        raise DataError("region: expected at least one name, found none")
    in_region = mask_of(np.arange(len(REGIONS)), [*names, *(["nose"] if "skin" in names else [])]) > 0
    image = check_array(image, "image", (3,), "uint8 [H,W,3] RGB")
    parser = face_parser_of()
    from tfsketch.conditions import face_parser  # TensorFlow's, which `face_parser_of` has asked for

    side, size = parser.experiment.image_size, image.shape[:2]
    height, width = (max(1, round(length * side / max(size))) for length in size)
    work = height, width
    # Padded to a square, or a face would be squeezed.
    photograph, inner = arrays.pad(resize(image, work), side)
    shares = face_parser.shares(parser, photograph[None])[0][inner]
    if not shows_face(shares):
        raise ImageError(
            f"region: expected a face, to find its {' or '.join(names)}, found none; the face parser knows faces that "
            "are framed like a portrait: crop the picture, or give a mask"
        )
    rest = shares[..., ~in_region].max(axis=-1) if not in_region.all() else np.zeros(work, np.float32)
    # The lead is resized, not a mask: outlines stay smooth.
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
    """`Editor.region_style`: the square around the region, with the region's own colours, ever softer, beside it.

    A style code is a mean over a whole photograph; what is not of the region must say nothing in it. Ours: the paper
    takes the style of whole photographs alone."""
    mask = find_region(face_parser_of, style, names)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    edge = min(int(max(np.ptp(rows), np.ptp(columns))) + 1, *mask.shape)
    corner = [
        int(np.clip((ends[0] + ends[-1] + 1 - edge) // 2, 0, length - edge))
        for ends, length in zip((rows, columns), mask.shape)
    ]
    # Without its rim, which is half of what lies beside it.
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, edge // 100))
    mask = inner if inner.any() else mask
    square = tuple(slice(start, start + edge) for start in corner)
    side = min(edge, _STYLE_SIDE)
    cut = resize(np.ascontiguousarray(style[square]), (side, side)).astype(np.float32)
    share = resize(np.ascontiguousarray(mask[square]).astype(np.float32), (side, side))[..., None]
    # From the widest surroundings to the nearest: what has no region near it takes the colour of all of it.
    filled = np.broadcast_to((cut * share).sum(axis=(0, 1)) / share.sum(), cut.shape)
    for sigma in (side / 4, side / 8, side / 16, side / 32):
        near = cv2.GaussianBlur(share, (0, 0), sigma)[..., None]
        colors = cv2.GaussianBlur(cut * share, (0, 0), sigma) / np.maximum(near, 1e-6)
        certain = np.minimum(near / 0.05, 1.0)
        filled = filled + (colors - filled) * certain
    return np.clip(np.rint(filled + (cut - filled) * share), 0, 255).astype(np.uint8)
