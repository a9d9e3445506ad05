"""Whether a sheet has the texture of a photograph, where a flat layer is expected."""

from __future__ import annotations

import numpy as np

from tfsketch.images import ink

DARKEST = 16
LIGHTEST = 239
"""Levels up to which, and from which, a sheet's pixels are black and white."""
EDGE = 100
"""Difference in levels of neighbouring pixels at the edge of a mask."""
DIM, TINT = 64, 24
"""Level from which a pixel has a measurable hue, and the difference in levels up to which two hues, at full brightness,
are one paint's."""


def grey_of(levels: np.ndarray) -> np.ndarray:
    """Pillow's conversion to grey: [H,W] uint8."""
    r, g, b = (levels[..., channel].astype(np.int32) for channel in range(3))
    return ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16).astype(np.uint8)


def chroma(levels: np.ndarray) -> np.ndarray:
    """The largest channel of [H,W,3] uint8 less the smallest: [H,W] int32."""
    return ink.largest(levels).astype(np.int32) + ink.largest(~levels) - 255


def _bends(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a grey sheet [H,W] uint8: where its levels bend along a row, and where no mask's edge is, whatever a lossy
    file makes of that; [H,W] bool both."""
    low, high = (ink.extreme(grey, 2, largest) for largest in (False, True))
    levels = grey.astype(np.int32)
    bend = np.zeros_like(levels)
    bend[:, 2:-2] = np.abs(levels[:, :-4] - 2 * levels[:, 2:-2] + levels[:, 4:])
    return bend >= 12, high - low < EDGE


def is_photograph(levels: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the masked pixels of a sheet are more than flat colours and soft edges: many colours, or the noise of a
    grey photograph."""
    count = int(mask.sum())
    grey = grey_of(levels)
    between = mask & (grey > DARKEST) & (grey < LIGHTEST)
    bends, soft = _bends(grey)
    # The colours of clear pixels are not visible, and the edge to them is not texture.
    bends &= between & (ink.extreme(mask.astype(np.uint8), 2, False) > 0)
    if 20 * (bends & soft).sum() >= count:
        return True
    r, g, b = (levels[..., channel].astype(np.uint16) >> 5 for channel in range(3))
    bins = np.bincount((64 * r + 8 * g + b)[mask], minlength=512)
    if 10 * np.sort(bins)[-4:].sum() >= 9 * count:
        return False
    if 20 * (mask & (chroma(levels) > 32)).sum() >= count:
        return True
    if 20 * between.sum() >= 3 * count and 100 * bends.sum() >= 15 * between.sum():
        return True
    # A studio portrait is as smooth as a mask with a soft edge, but mostly neither black nor white.
    ends = min((mask & (grey <= DARKEST)).sum(), (mask & (grey >= LIGHTEST)).sum())
    return bool(2 * between.sum() >= count and 50 * ends < count)


def is_photograph_on_black(levels: np.ndarray) -> bool:
    """Whether a sheet [H,W,3] uint8 is black around a part of a photograph, and not around one paint: that part has
    texture, several hues, and no brightness that most of it shares."""
    bright = ink.largest(levels).astype(np.int32)
    inner = ink.extreme((bright > DARKEST).astype(np.uint8), 2, False) > 0
    lit = ink.extreme((bright >= DIM).astype(np.uint8), 2, False) > 0
    if not lit.any():
        return False
    bends, soft = _bends(grey_of(levels))
    hue = (levels[lit].astype(np.int32) * 255 // bright[lit, None]).astype(np.uint8)
    others = ink.difference(hue[None], ink.median(hue[None])) > TINT
    # Not the very brightest, which is where a lossy file overshoots beside an edge.
    above = np.bincount(bright[inner], minlength=256)[::-1].cumsum()[::-1]
    top = np.count_nonzero(50 * above >= inner.sum()) - 1
    shared = inner & (10 * bright >= 9 * top)
    return bool(
        20 * (bends & soft & inner).sum() >= inner.sum()
        and 20 * others.sum() >= lit.sum()
        and 2 * shared.sum() < inner.sum()
    )
