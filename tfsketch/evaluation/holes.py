"""Measures of how well a repainted hole belongs to its photograph: as sharp, without a rim, and like real photographs.

L1, SSIM and ST-LPIPS of `metrics` measure whether the truth was restored. These measure what a person sees first:
whether the hole is blurred, and whether its border shows. Pictures are [H,W,3] uint8 RGB, masks [H,W] with nonzero for
erased, of any size. Detail is measured in luma (ITU-R BT.601), in levels of 255.

| name | better | what |
|---|---|---|
| `sharpness` | 1 | energy of the Laplacian in the hole, over that of another picture there |
| `sharpness_beside` | as the photograph's | the same over the untouched half of the face, or over the surroundings |
| `seam` | 1 | differences of neighbouring pixels across the hole's border, over another picture's there |
| `feature_distance` | 0 | `intervals.feature_distance` of `crop_round` of the hole, to the photographs' |

Quotients are of one picture and at most `MOST`; a set's is the geometric mean of its pictures' (`mean_of`), since half
as sharp and twice as sharp are equally far from right. Definitions and constants are ours.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from tfsketch.errors import ImageError

MARGIN = 1 / 64
"""Distance from the border at which a hole's core, and its surroundings, begin, as a share of the shorter side."""
AROUND = 1 / 8
"""Extent of the surroundings, as a share of the shorter side."""
MOST = 100.0
"""Quotients are clipped to 1 / `MOST` to `MOST`: compared with a plain wall, anything is infinitely sharp."""
CROP = 192
"""Side of the crops whose features are compared, in pixels."""
ROOM = 1.5
"""Side of a crop over the longer side of the hole's box."""


def _luma(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_RGB2GRAY)


def _inside(mask: np.ndarray, *pictures: np.ndarray) -> np.ndarray:
    """The mask as [H,W] bool.

    Raises:
      ImageError: it is empty, or a picture has another size or shape.
    """
    inside = np.asarray(mask) > 0
    for picture in pictures:
        if picture.shape != (*inside.shape, 3):
            raise ImageError(f"expected a picture of shape {(*inside.shape, 3)} as the mask's, found {picture.shape}")
    if not inside.any():
        raise ImageError("expected a mask with erased pixels, found none")
    return inside


def _margin(inside: np.ndarray) -> int:
    return max(2, round(MARGIN * min(inside.shape)))


def _distance(inside: np.ndarray) -> np.ndarray:
    """Of each pixel in [H,W] bool to the nearest one that is not, float32; the picture's edge is no border."""
    if inside.all():
        return np.full(inside.shape, np.inf, np.float32)
    return cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def core(mask: np.ndarray) -> np.ndarray:
    """[H,W] bool: the erased pixels farther than `MARGIN`, and than 2 px, from kept ones."""
    inside = np.asarray(mask) > 0
    return _distance(inside) > _margin(inside)


def _energy(image: np.ndarray, where: np.ndarray) -> float:
    """Mean square of the Laplacian (4 neighbours) of luma, squared levels."""
    return float(np.square(cv2.Laplacian(_luma(image), cv2.CV_32F)[where]).mean(dtype=np.float64))


def _quotient(value: float, reference: float) -> float | None:
    """None if neither picture has anything to compare."""
    if value == reference == 0:
        return None
    return float(np.clip(value / reference, 1 / MOST, MOST)) if reference else MOST


def sharpness(output: np.ndarray, mask: np.ndarray, truth: np.ndarray) -> float | None:
    """How sharp the hole is: the energy (mean square) of the Laplacian over `core` of the mask, over the truth's there.

    The Laplacian is of luma, over a pixel's four neighbours. 1 is as sharp as the truth, below it is softer; 0.25 has
    half its contrast in the finest detail. Noise counts as detail.

    Args:
      output, truth: [H,W,3] uint8.
      mask: [H,W], nonzero = erased.

    Returns:
      In [1 / `MOST`, `MOST`]; None where the hole is too thin to have a core, or both pictures are flat there.

    Raises:
      ImageError: sizes that differ, or an empty mask.
    """
    _inside(mask, output, truth)
    where = core(mask)
    return _quotient(_energy(output, where), _energy(truth, where)) if where.any() else None


def beside(mask: np.ndarray) -> np.ndarray:
    """The pixels that a hole without a truth is compared with, [H,W] bool: never erased, nor within `MARGIN` of erased
    ones.

    The hole's `core` mirrored left to right, if at least half of that is untouched, as an eye has the other eye: the
    picture's middle is taken for the face's, as in FFHQ's alignment. Otherwise the pixels within `AROUND` of the hole,
    such as the skin around a mouth.
    """
    inside = np.asarray(mask) > 0
    distance = _distance(~inside)
    surroundings = distance > _margin(inside)
    mirror = core(mask)[:, ::-1]
    other = mirror & surroundings
    if other.any() and 2 * np.count_nonzero(other) >= np.count_nonzero(mirror):
        return other
    return surroundings & (distance <= _margin(inside) + AROUND * min(inside.shape))


def sharpness_beside(output: np.ndarray, mask: np.ndarray) -> float | None:
    """How sharp the hole is without a truth: the energy of `sharpness` in the hole's `core`, over that of the same
    picture in `beside`.

    A mouth has more detail than the cheeks round it, so 1 is not the aim: the aim is the same measure of the photograph
    before the edit. Arguments and range as of `sharpness`; None too where all of the picture is erased.
    """
    _inside(mask, output)
    where, reference = core(mask), beside(mask)
    if not where.any() or not reference.any():
        return None
    return _quotient(_energy(output, where), _energy(output, reference))


def _across(luma: np.ndarray, inside: np.ndarray, reach: int) -> float | None:
    """Mean absolute difference of pixels `reach` apart in a row or column, one of which is inside and the other not."""
    total = count = 0.0
    for picture, mask in ((luma, inside), (luma.T, inside.T)):
        pairs = mask[:, reach:] != mask[:, :-reach]
        total += float(np.abs(picture[:, reach:] - picture[:, :-reach])[pairs].sum(dtype=np.float64))
        count += np.count_nonzero(pairs)
    return total / count if count else None


def seam(output: np.ndarray, mask: np.ndarray, truth: np.ndarray, reach: int = 1) -> float | None:
    """How much the hole's border shows: the mean absolute difference of luma between pixels on its two sides, over the
    truth's at the same pairs.

    1 is no more of a step than the truth has there, 2 twice as much; below 1 the border is smoother than the truth.

    Args:
      output, truth: [H,W,3] uint8. Without a truth, the photograph before the edit serves as one: it has no border
        there.
      mask: [H,W], nonzero = erased.
      reach: distance of the two pixels of a pair along a row or a column. 1 is neighbours. Where a result fades in over
        some pixels, a step shows over a longer reach only.

    Returns:
      In [1 / `MOST`, `MOST`]; None where the mask has no border, or neither picture changes there.

    Raises:
      ImageError: sizes that differ, an empty mask, or a `reach` below 1.
    """
    if reach < 1:
        raise ImageError(f"reach: expected at least 1 px, found {reach}")
    inside = _inside(mask, output, truth)
    value, reference = (_across(_luma(picture), inside, reach) for picture in (output, truth))
    return None if value is None or reference is None else _quotient(value, reference)


def crop_round(image: np.ndarray, mask: np.ndarray, side: int = CROP) -> np.ndarray:
    """The hole and its surroundings: a square of `ROOM` times the longer side of its box, resized.

    Args:
      image: [H,W,3] uint8.
      mask: [H,W], nonzero = erased.
      side: of the crop, in pixels.

    Returns:
      [side,side,3] uint8, for `metrics.embed`. The square is as large as the picture's shorter side at most, and moved
      into the picture.

    Raises:
      ImageError: sizes that differ, or an empty mask.
    """
    inside = _inside(mask, image)
    bounds = [np.flatnonzero(inside.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    edge = min(round(ROOM * max(last - first + 1 for first, last in bounds)), *inside.shape)
    starts = [
        int(np.clip(round((first + last + 1 - edge) / 2), 0, length - edge))
        for (first, last), length in zip(bounds, inside.shape)
    ]
    crop = image[starts[0] : starts[0] + edge, starts[1] : starts[1] + edge]
    return cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA if edge > side else cv2.INTER_CUBIC)


def mean_of(quotients: Iterable[float | None]) -> float | None:
    """The geometric mean over pictures, those without a value (None) left out; None if that leaves none."""
    numbers = [value for value in quotients if value is not None]
    return float(np.exp(np.mean(np.log(numbers)))) if numbers else None
