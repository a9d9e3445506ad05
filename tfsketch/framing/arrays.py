"""The square of a picture that a model sees, and how pictures, masks, sketches and colours are scaled to its working
side.

The square decides the scale at which the model sees a face. The shipped model knows whole aligned faces, so a square
drawn tightly around a mouth would show it a face many times too large; a square that is far larger than the face throws
resolution away, since only the working side (128 px) comes back. The rule is (`crop_square`):

- If a face is detected (`faces.squares`) and the mask lies in its aligned square, that is the square, shifted into the
  photograph if it extends beyond it. It is not turned upright, so that nothing is resampled twice. Detection runs on
  the original photograph, erased pixels included: the face that is to be repainted.
- A picture whose sides are within 3:2 and whose mask's box is at least an eighth of its shorter side is taken for a
  portrait: the square is as large as its shorter side, and slides along the longer one to the mask.
- In any other picture (a person in a scene, a group, a panorama) the square is 2.5 times the mask's box, which is
  between a masked face (1.8 of its box makes an aligned portrait) and a masked mouth (3.5).
- `context` replaces all of these by a factor of the mask's box; infinity is the largest square.

In each case the square lies within the picture if possible, and contains the whole mask. It is at least the working
side, or for a detected face half of that: a small face is better enlarged to the size that the model knows than left
small. Where it extends beyond the picture it is padded by reflection, at the working side, so that a thin picture costs
no large square.

For the working side, pictures are averaged down or enlarged cubically. A working pixel counts as erased if any erased
pixel contributes to it under that same filter, so the model sees nothing erased at any scale. Sketches are
thinned to the one-pixel lines of training after scaling, so a thick stroke, or a thin one in a large photograph, is
still a line. Colours are averaged over painted pixels alone, so a stroke keeps its colour to its edge.

A model that takes only a sketch draws on a sheet of paper placed in the working square. The placement matters as much
as the square of an edit: photographs leave room around a head, while people who draw a face fill the paper with it, so
unscaled the model would see a face twice as large as any it knows. `fill` is the share of the square that the paper
takes; see `place` and `usual_fill`.

Layers are arrays [H,W] or [H,W,C]: photographs uint8 RGB, masks and sketches uint8 in {0,1}, colours uint8 RGBA.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from tfsketch.framing.skeleton import skeletonize
from tfsketch.vocabulary import resize, size_of

PORTRAIT_ASPECT = 1.5
PORTRAIT_SHARE = 1 / 8
CONTEXT = 2.5
LOW = 0.85
"""Share of the room left by a sheet of paper in the square that lies above the sheet."""
FREE_HAND = 0.8
"""Share of the square that `usual_fill` gives a face; of 0.6 to 0.95, 0.8 and 0.87 suited nine free-hand faces best."""
PEN = 2
"""Width of a stroke that `Editor.complete` searches for, in working pixels: XDoG's usual one at 64 px."""
SLACK = 0.1
"""How far a mask may extend beyond a face's square and still belong to that face, as a share of the square's side."""
ENLARGED = 2.0
"""How many times a small face is enlarged for the model, at most."""
FRAMED = 0.7
"""From this overlap on, the square of portraits and scenes is as good as a detected face's."""
MARGIN = 1.1
"""The square is at least this much larger than the mask's box, if the picture is."""
SEAM = 5
"""Pixels of the working side from a restyled mask's edge to where it counts in full, in a plain area."""
REACH = 2
"""Radius in working pixels of the window in which `lines_of` fits a line."""
FLAT = 50.0
"""Variance of luma, in squared levels, below which a change follows the photograph less: noise."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue: ITU-R BT.601."""


def crop_square(
    size: tuple[int, int],
    box: tuple[int, int, int, int],
    side: int,
    context: float | None = None,
    faces: Iterable[tuple[float, float, float]] = (),
) -> tuple[int, int, int]:
    """The square that an edit works on; see the module's docstring for the rule.

    Args:
      size: (height, width) of the picture.
      box: (top, left, height, width) of the mask.
      side: the model's working side.
      context: side of the square as a factor of the box's longer side; None is the rule for faces, portraits, scenes.
      faces: (top, left, side) of each detected face's square; of several that contain the box, the smallest counts.

    Returns:
      (top, left, edge). It contains the box; it extends beyond the picture only if `edge` is larger than the picture.
    """
    shorter, longer = sorted(size)
    extent = max(box[2:])
    if context is None and longer <= PORTRAIT_ASPECT * shorter and extent >= PORTRAIT_SHARE * shorter:
        target = float(shorter)
    else:
        target = max(extent * (CONTEXT if context is None else context), side)

    def square_at(target: float, middle: Sequence[float]) -> tuple[int, int, int]:
        """The square of about that side and centre that contains the box."""
        edge = math.ceil(max(min(target, shorter), min(extent * MARGIN, longer)))
        starts = []
        for length, first, part, center in zip(size, box[:2], box[2:], middle):
            start = min(max(math.floor(center - edge / 2), first + part - edge), first)
            starts.append(min(max(start, 0), length - edge) if edge <= length else (length - edge) // 2)
        return starts[0], starts[1], edge

    square = square_at(target, [first + part / 2 for first, part in zip(box[:2], box[2:])])
    for top, left, edge in sorted(faces, key=lambda face: face[2]) if context is None else ():
        slack = SLACK * edge
        if all(
            first >= start - slack and first + part <= start + edge + slack
            for start, first, part in zip((top, left), box[:2], box[2:])
        ):
            portrait = square_at(max(edge, side / ENLARGED), (top + edge / 2, left + edge / 2))
            # A photograph that is framed like a portrait anyway is not resampled for a few pixels.
            return square if _overlap(portrait, square) >= FRAMED else portrait
    return square


def _overlap(one: tuple[int, int, int], two: tuple[int, int, int]) -> float:
    """Intersection over union of two squares (top, left, edge)."""
    common = 1.0
    for a, b in zip(one[:2], two[:2]):
        common *= max(0, min(a + one[2], b + two[2]) - max(a, b))
    return common / (one[2] ** 2 + two[2] ** 2 - common)


def box_of(layer: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, height, width) of what is not 0 in [H,W]."""
    rows, columns = np.flatnonzero(layer.any(axis=1)), np.flatnonzero(layer.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H,W] uint8 in {0,1} -> [*size] in {0,1}: 1 where an erased pixel has any share under `resize`."""
    return (np.abs(resize(mask.astype(np.float32), size)) > 1e-6).astype(np.uint8)


def luma(image: np.ndarray) -> np.ndarray:
    """[H,W,3] uint8 RGB -> [H,W] float32, 0 to 255."""
    # One at a time: three channels of a large photograph in float32 would cost a quarter of a gigabyte.
    return functools.reduce(np.add, (np.float32(share) * image[..., channel] for channel, share in enumerate(LUMA)))


def lines_of(change: np.ndarray, photograph: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A small picture's change as linear functions of its luma: around every pixel, change = slope * luma + offset.

    The fast guided filter (He, Sun & Tang, PAMI 2013; He & Sun, arXiv 1505.00996), its sums over pixels of the mask
    alone: applied to the photograph's luma, the functions give the change at any size, with the photograph's edges. No
    change gives zeros.

    Args:
      change: [h,w,3] float32, levels.
      photograph: [h,w,3] uint8, the picture that changes.
      mask: [h,w] in {0,1}, not empty: where the change counts.

    Returns:
      [h,w,6] float32: a slope for every channel, then their offsets; zeros farther than `REACH` from the mask.
    """
    counts = mask.astype(np.float32)

    def sums(layer: np.ndarray) -> np.ndarray:
        side = 2 * REACH + 1
        return cv2.boxFilter(layer, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)

    def means(layer: np.ndarray, counts: np.ndarray) -> np.ndarray:
        total, count = sums(layer * counts[..., None]), sums(counts)[..., None]
        return np.divide(total, count, out=np.zeros_like(total), where=count > 0)

    guide = luma(photograph)[..., None]
    averages = means(np.concatenate([guide, guide * guide, change, guide * change], axis=-1), counts)
    mean, square, change_mean, product = np.split(averages, [1, 2, 5], axis=-1)
    slope = (product - mean * change_mean) / (np.maximum(square - mean * mean, 0.0) + FLAT)
    return means(np.concatenate([slope, change_mean - slope * mean], axis=-1), counts)


def middle(mask: np.ndarray) -> np.ndarray:
    """A weight that grows towards the middle of a mask: the distance to the nearest kept pixel, 0 at the edge, 1 from
    `SEAM` on or, in a thin mask, where it is largest.

    Args:
      mask: [h,w] uint8 in {0,1}, not empty; the picture's border is no edge.

    Returns:
      [h,w] float32.
    """
    distance = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), SEAM)
    most = float(distance.max())
    return np.clip((distance - 1.0) / (most - 1.0), 0.0, 1.0) if most > 1.0 else mask.astype(np.float32)


def mean_of(layer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H,W] -> [*size] float32: means over the pixels' areas when it shrinks, the nearest pixel when it grows."""
    shrinks = layer.shape[0] > size[0] or layer.shape[1] > size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return cv2.resize(layer.astype(np.float32), size[::-1], interpolation=how)


def resize_sketch(sketch: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H,W] uint8 in {0,1} -> [*size] in {0,1}: one-pixel lines."""
    return skeletonize(mean_of(sketch, size) > 0).astype(np.uint8)


def resize_ink(sketch: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H,W] uint8 in {0,1} -> [*size] in {0,1}: lines of `PEN` pixels, and filled areas."""
    pen_lines = cv2.dilate(resize_sketch(sketch, size), np.ones((PEN, PEN), np.uint8))
    return np.maximum(pen_lines, (mean_of(sketch, size) > 0.5).astype(np.uint8))


def resize_color(color: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H,W,4] uint8 RGBA -> [*size,4], alpha 1 where painted and 0 elsewhere."""
    paint_mask = color[..., 3] >= 128
    share = mean_of(paint_mask, size)
    result = np.zeros((*size, 4), np.uint8)
    for channel in range(3):  # one at a time: four at once would cost a large photograph a gigabyte
        total = mean_of(color[..., channel] * paint_mask, size)
        mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
        result[..., channel] = np.clip(np.rint(mean), 0, 255)
    result[..., 3] = share > 0
    return result


def _middle(side: int, length: int) -> slice:
    """The middle `length` of `side` pixels."""
    start = (side - length) // 2
    return slice(start, start + length)


def pad(layer: np.ndarray, side: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """(a layer [H,W] or [H,W,C] padded to a square by reflection on all sides; the layer's slices in it)."""
    rows, columns = (_middle(side, length) for length in layer.shape[:2])
    vertical, horizontal = ((s.start, side - s.stop) for s in (rows, columns))
    return cv2.copyMakeBorder(layer, *vertical, *horizontal, cv2.BORDER_REFLECT_101), (rows, columns)


def usual_fill(sketch: np.ndarray) -> float:
    """The default `fill` of `place`: such that the sketch's strokes, taken for a face, span `FREE_HAND` of the square,
    and at most 1.

    Args:
      sketch: [H,W] in {0,1}, with at least one stroke.
    """
    return min(1.0, FREE_HAND * max(sketch.shape) / max(box_of(sketch)[2:]))


def place(size: tuple[int, int], side: int, fill: float) -> tuple[int, int, int, int]:
    """The position of a sheet of paper in the square that a model sees.

    Centred, and low: with `fill` 0.6 a face that fills its paper lies where FFHQ's alignment puts faces, with room for
    hair above it.

    Args:
      size: (height, width) of the sheet.
      side: of the square.
      fill: the share of the square that the sheet's longer side takes, above 0 and at most 1.

    Returns:
      (top, left, height, width) in the square.
    """
    scale = fill * side / max(size)
    height, width = (max(1, round(length * scale)) for length in size)
    return round((side - height) * LOW), (side - width) // 2, height, width


def sheet_in(size: tuple[int, int], side: int, fill: float) -> tuple[slice, slice]:
    """`place` as slices of the square."""
    top, left, height, width = place(size, side, fill)
    return slice(top, top + height), slice(left, left + width)


@dataclasses.dataclass(frozen=True)
class View:
    """What an edit reads and what it writes, as slices (rows, columns)."""

    window: tuple[slice, slice]
    """The mask's box, of the picture."""
    square: tuple[slice, slice]
    """What the model sees of the picture."""
    inner: tuple[slice, slice]
    """The box, of `square`."""
    work: tuple[int, int]
    """Height and width of `square` at the working side."""
    edge: int
    """The square's side in pixels of the picture."""

    @property
    def part(self) -> tuple[int, int]:
        """Height and width of `square`."""
        return self.square[0].stop - self.square[0].start, self.square[1].stop - self.square[1].start


def view_of(
    mask: np.ndarray, side: int, context: float | None = None, faces: Iterable[tuple[float, float, float]] = ()
) -> View:
    """The view for a mask [H,W] that is not empty; see `crop_square`."""
    size = size_of(mask)
    box = box_of(mask)
    top, left, edge = crop_square(size, box, side, context, faces)
    square = (slice(max(top, 0), min(top + edge, size[0])), slice(max(left, 0), min(left + edge, size[1])))
    top, left = box[0] - square[0].start, box[1] - square[1].start
    height, width = (max(1, round((s.stop - s.start) * side / edge)) for s in square)
    return View(
        window=(slice(box[0], box[0] + box[2]), slice(box[1], box[1] + box[3])),
        square=square,
        inner=(slice(top, top + box[2]), slice(left, left + box[3])),
        work=(height, width),
        edge=edge,
    )
