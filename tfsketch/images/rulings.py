"""Lines of a photographed sheet that are fainter than its strokes: rulings, creases, the shadow of a wire.

`framing.ink` repeats this in a graph, to the pixel.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.vocabulary import size_of

FAINTER = 2
"""The fainter lines are left out if at most this many times as many as the strong ones: else a pencil drawing with eyes
dotted in ink would be lost."""
VALLEY = 6
"""With two strengths, lines between them are at least this many times rarer than those of either."""
FEWEST = 24
"""Lines are of two strengths if of either there are at least as many centre pixels as the sheet's shorter side divided
by this, and `FEWEST_PIXELS`: some pixels of a lone line are stronger than the rest of it by chance."""
FEWEST_PIXELS = 8
RINGING = 8
"""Pixels round a stroke whose fainter ones are its blur, or a lossy file's ringing; see `ink.HALO`."""
RULED = 16
"""The sheet's shorter side divided by this is half the length over which a ruling runs straight."""

ACROSS = 0.8
"""Share of a side from which a line along it counts as running across the sheet."""
MANY = 3
"""This many of these along one axis are reported: a horizon is one, a frame has two."""


def run_across(strokes: np.ndarray) -> bool:
    """Whether at least `MANY` of the strokes [H,W] bool run straight across the sheet, or down it, or a little askew:
    rulings as dark as a pencil's cannot be told from lines drawn with a ruler."""
    near = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8))
    half = max(4, min(strokes.shape) // RULED // 2)
    for axis, extent in ((0, cv2.CC_STAT_HEIGHT), (1, cv2.CC_STAT_WIDTH)):
        along = np.ones((4 * half + 1, 1) if axis == 0 else (1, 4 * half + 1), np.uint8)
        runs = cv2.dilate(_run(near, half, axis), along)  # a line that is askew comes and goes with its pixels
        _, _, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
        if (stats[1:, extent] >= ACROSS * strokes.shape[axis]).sum() >= MANY:
            return True
    return False


def fainter_lines(contrast: np.ndarray, floor: np.ndarray) -> tuple[int, bool]:
    """Whether lines are of two strengths, and whether the fainter ones are strokes.

    Centre pixels of lines, the strongest within 2 px, are counted by sixteenths of the contrast. A pencil drawing with
    eyes dotted in ink has more of the fainter lines, and so has a strongly ruled sheet; but rulings run straight.

    Args:
      contrast: [H,W] uint8, see `ink`.
      floor: [H,W] or a scalar, the least contrast of a line.

    Returns:
      The contrast below which lines are left out, 0 for none, and whether there are two strengths.
    """
    near = cv2.dilate(contrast, np.ones((5, 5), np.uint8))
    middles = (contrast >= floor) & (contrast == near)
    count = np.bincount(contrast[middles] >> 4, minlength=16)
    fainter, stronger = (np.maximum.accumulate(part)[:-2] for part in (count, count[::-1]))
    apart = VALLEY * count[1:-1] <= np.minimum(fainter, stronger[::-1])
    apart &= np.minimum(np.cumsum(count)[:-2], np.cumsum(count[::-1])[:-2][::-1]) >= fewest_of(size_of(contrast))
    if not apart.any():
        return 0, False
    valley = int(np.argmin(np.where(apart, count[1:-1], count.sum() + 1))) + 1
    few = count[:valley].sum() <= FAINTER * count[valley + 1 :].sum()
    lines = (contrast >= floor).astype(np.uint8)
    left_out = few or _are_straight(lines, (lines > 0) & (near < valley << 4))
    return (valley << 4) if left_out else 0, True


def fewest_of(size: tuple[int, int]) -> int:
    """The least number of centre pixels of the lines of one strength, on a sheet of a size."""
    return max(FEWEST_PIXELS, min(size) // FEWEST)


def are_left_out(contrast: np.ndarray, least: np.ndarray | int, floor: np.ndarray | int, strokes: np.ndarray) -> bool:
    """Whether away from the strokes [H,W] bool much of the contrast [H,W] uint8 is between that of the faintest line,
    `least`, and that of the faintest stroke, `floor`."""
    away = cv2.dilate(strokes.astype(np.uint8), np.ones((2 * RINGING + 1,) * 2, np.uint8)) == 0
    return bool(2 * ((contrast >= least) & (contrast < floor) & away).sum() > (contrast >= floor).sum())


def _are_straight(lines: np.ndarray, fainter: np.ndarray) -> bool:
    """Whether nearly all of the fainter pixels [H,W] bool of lines [H,W] uint8 in {0,1} run straight across the sheet
    or down it."""
    near = cv2.dilate(lines, np.ones((3, 3), np.uint8))  # a sheet that was photographed lies a little askew
    half = max(4, min(lines.shape) // RULED)
    straight = fainter & ((_run(near, half, 0) > 0) | (_run(near, half, 1) > 0))
    return bool(10 * straight.sum() >= 8 * fainter.sum())


def _run(lines: np.ndarray, half: int, axis: int) -> np.ndarray:
    """The pixels of lines [H,W] uint8 in {0,1} on a run of `2 * half + 1` pixels along an axis: an opening."""
    kernel = np.ones((2 * half + 1, 1) if axis == 0 else (1, 2 * half + 1), np.uint8)
    frame = cv2.copyMakeBorder(lines, 2 * half, 2 * half, 2 * half, 2 * half, cv2.BORDER_REPLICATE)
    opening = cv2.dilate(cv2.erode(frame, kernel), kernel)
    return opening[2 * half : -2 * half, 2 * half : -2 * half]
