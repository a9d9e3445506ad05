"""Where in a picture a model looks, and how pictures, masks, sketches and colours come to its working side.

The square decides the scale at which the model sees a face. The shipped model knows whole aligned faces, so a square
drawn tightly around a mouth would show it a face many times too large; a square that is far larger than the face throws
resolution away, since only the working side (128 px) comes back. The rule is (`crop_square`):

- Where a face is found (`faces.squares`) and the mask lies in its aligned square, that is the square, moved into the
  photograph where it reaches out of it. It is not turned upright, so that nothing is resampled twice. The finder looks
  at the photograph as it was, what is erased included: the face that is to be repainted.
- A picture whose sides are within 3:2 and whose mask's box is at least an eighth of its shorter side is taken for a
  portrait: the square is as large as its shorter side, and slides along the longer one to the mask.
- In any other picture (a person in a scene, a group, a panorama) the square is 2.5 times the mask's box, which is
  between a masked face (1.8 of its box makes an aligned portrait) and a masked mouth (3.5).
- `context` replaces them all by a factor of the mask's box; infinity is the largest square.

In each case the square lies within the picture where that is possible, and holds the whole mask. It is at least the
working side, but for a detected face at least half of that: a small face is better enlarged to the size that the model
knows than left small. What it lacks is padded by reflection, at the working side, so that a thin picture costs no large
square.

To the working side, pictures are averaged down or enlarged cubically. A working pixel counts as erased if any erased
pixel has a share in it under that same filter, so nothing erased is seen by the model at any scale. Sketches are
thinned to the one-pixel lines of training after scaling, so a thick stroke, or a thin one in a large photograph, is
still a line. Colours are averaged over painted pixels alone, so a stroke keeps its colour to its edge.

A model that takes a sketch alone draws on a sheet of paper that lies in the working square. The place matters as much
as the square of an edit: photographs leave room round a head, and people who draw a face fill the paper with it, so at
face value the model would see a face twice as large as any it knows. `fill` is the share of the square that the paper
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
"""Of the room that a sheet of paper leaves in the square, the share that lies above it."""
FREE_HAND = 0.7
"""Share of the square that `usual_fill` gives a face; of 1, 0.85, 0.7 and 0.6 it suited nine free-hand faces best."""
PEN = 2
"""Width of a stroke that `Editor.complete` searches for, in working pixels: XDoG's usual one at 64 px."""
SLACK = 0.1
"""A mask may reach so far out of a face's square, in shares of its side, and still be of that face."""
ENLARGED = 2.0
"""How many times a small face is enlarged for the model, at most."""
FRAMED = 0.7
"""From this overlap on, the square of portraits and scenes is as good as a found face's."""
MARGIN = 1.1
"""The square is at least this much larger than the mask's box, where the picture is."""
SEAM = 5
"""Pixels of the working side from a restyled mask's edge to where it counts in full, in a plain area."""
REACH = 2
"""Pixels of the working side to every side that a line of `lines_of` is found in."""
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
    """The square that an edit looks at; the module's docstring says why this one.

    Args:
      size: (height, width) of the picture.
      box: (top, left, height, width) of the mask.
      side: the model's working side.
      context: side of the square as a factor of the box's longer side; None is the rule for faces, portraits, scenes.
      faces: (top, left, side) of each found face's square; of several that hold the box, the smallest counts.

    Returns:
      (top, left, edge). It holds the box; it reaches out of the picture only where `edge` is larger than the picture.
    """
    shorter, longer = sorted(size)
    extent = max(box[2:])
    if context is None and longer <= PORTRAIT_ASPECT * shorter and extent >= PORTRAIT_SHARE * shorter:
        target = float(shorter)
    else:
        target = max(extent * (CONTEXT if context is None else context), side)

    def laid(target: float, middle: Sequence[float]) -> tuple[int, int, int]:
        """The square of about that side and middle that holds the box."""
        edge = math.ceil(max(min(target, shorter), min(extent * MARGIN, longer)))
        starts = []
        for length, first, part, center in zip(size, box[:2], box[2:], middle):
            start = min(max(math.floor(center - edge / 2), first + part - edge), first)
            starts.append(min(max(start, 0), length - edge) if edge <= length else (length - edge) // 2)
        return starts[0], starts[1], edge

    centered = laid(target, [first + part / 2 for first, part in zip(box[:2], box[2:])])
    for top, left, edge in sorted(faces, key=lambda face: face[2]) if context is None else ():
        slack = SLACK * edge
        if all(
            first >= start - slack and first + part <= start + edge + slack
            for start, first, part in zip((top, left), box[:2], box[2:])
        ):
            aligned = laid(max(edge, side / ENLARGED), (top + edge / 2, left + edge / 2))
            # A photograph that is framed like a portrait anyway is not resampled for a few pixels.
            return centered if _overlap(aligned, centered) >= FRAMED else aligned
    return centered


def _overlap(one: tuple[int, int, int], two: tuple[int, int, int]) -> float:
    """Two squares (top, left, edge): their common area as a share of the area that either has."""
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
    """A change of a small picture as straight lines of its luma: around every pixel, change = slope * luma + offset.

    The fast guided filter (He, Sun & Tang, PAMI 2013; He & Sun, arXiv 1505.00996), its sums over pixels of the mask
    alone: with the photograph's own luma these lines make the change of the photograph at any size, whose edges are
    then the photograph's. No change gives lines of zeros.

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
    mean, square, changed, product = np.split(averages, [1, 2, 5], axis=-1)
    slope = (product - mean * changed) / (np.maximum(square - mean * mean, 0.0) + FLAT)
    return means(np.concatenate([slope, changed - slope * mean], axis=-1), counts)


def middle(mask: np.ndarray) -> np.ndarray:
    """Where the middle of a mask is: its pixels' distances to the nearest kept one, 0 at its edge, 1 from `SEAM` on or,
    in a thin mask, where they are largest.

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
    painted = color[..., 3] >= 128
    share = mean_of(painted, size)
    result = np.zeros((*size, 4), np.uint8)
    for channel in range(3):  # one at a time: four at once would cost a large photograph a gigabyte
        total = mean_of(color[..., channel] * painted, size)
        mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
        result[..., channel] = np.clip(np.rint(mean), 0, 255)
    result[..., 3] = share > 0
    return result


def _middle(side: int, length: int) -> slice:
    """The middle `length` of `side` pixels."""
    start = (side - length) // 2
    return slice(start, start + length)


def padded(layer: np.ndarray, side: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """(a layer [H,W] or [H,W,C], padded to a square by reflection on all sides; where in it the layer is)."""
    rows, columns = (_middle(side, length) for length in layer.shape[:2])
    vertical, horizontal = ((s.start, side - s.stop) for s in (rows, columns))
    return cv2.copyMakeBorder(layer, *vertical, *horizontal, cv2.BORDER_REFLECT_101), (rows, columns)


def usual_fill(sketch: np.ndarray) -> float:
    """What a sketch is taken to fill, for `place`, where nobody says it: so much that its strokes, taken for a face,
    have `FREE_HAND` of the square, and at most all of it.

    Args:
      sketch: [H,W] in {0,1}, with at least one stroke.
    """
    return min(1.0, FREE_HAND * max(sketch.shape) / max(box_of(sketch)[2:]))


def place(size: tuple[int, int], side: int, fill: float) -> tuple[int, int, int, int]:
    """Where a sheet of paper lies in the square that a model sees.

    In the middle, and low: with `fill` 0.6 a face that fills its paper comes to lie where FFHQ's alignment puts faces,
    with the room of hair above it.

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
    """Where an edit looks and where it writes, as slices (rows, columns)."""

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
    """Where to look for a mask [H,W] that is not empty; see `crop_square`."""
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
