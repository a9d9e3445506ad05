"""Grey and toned photographs stay so: a photograph without colour is repainted without colour.

A model trained on colour photographs paints coloured skin into a grey one. So the photograph's tone is measured: the
colour that goes with each level of luma, none in a grey photograph, brown in a sepia print. If nearly all kept pixels
of the photograph lie on that line, the repaint keeps its luma and takes the line's colour; unless a colour stroke in
the hole that is off the line asks for colour. If less than half is kept, all of the photograph has to lie on the line:
a strip of wall is grey in many a colour photograph. Squares of pixels are compared, since JPEG keeps colour at half the
sharpness of light: at a pixel's scale a sepia print is further off its line than the sea is. The rule is ours.
`tone_graph` is the same in a graph.
"""

from __future__ import annotations

import numpy as np

from tfsketch.vocabulary import size_of

TOLERANCE, LEAST = 6, 0.98
"""This share of a toned photograph is within this many levels of the line."""
ACCENT, PLAIN = 16, 0.998
"""And this share within this many: a red ribbon in a grey photograph is colour."""
DISTINCT = 12
"""Levels off the line from which a colour stroke asks for colour."""
KEPT = 0.5
"""Share of a photograph's squares that have to be kept, or erased ones count too: of 500 portraits in colour none has a
kept half of one tone; 58 have a kept tenth of one tone, and 102 a twentieth."""
SQUARE = 8
"""Largest side of the squares, in pixels."""


def luma(levels: np.ndarray) -> np.ndarray:
    """Of [...,3] uint8: [...] int32, 0 to 255, as Pillow converts to grey."""
    r, g, b = (levels[..., channel].astype(np.int32) for channel in range(3))
    return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16


def smoothing() -> np.ndarray:
    """[256,256] float64: the weight of pixels of one level of luma (columns) for the line at another (rows). Near
    levels count; if a photograph has none of them, far ones do."""
    apart = np.subtract.outer(np.arange(256.0), np.arange(256.0))
    return np.exp(-((apart / 4) ** 2) / 2) + 1e-4 * np.exp(-((apart / 64) ** 2) / 2) + 1e-9


def side_of(size: tuple[int, int]) -> int:
    """Side in pixels of a photograph's squares."""
    return max(1, min(SQUARE, min(size) // 8))


def squares(layer: np.ndarray) -> np.ndarray:
    """[H,W,C] -> [H // side, W // side, C] int64, sums over whole squares."""
    side = side_of(size_of(layer))
    rows, columns = (length // side for length in layer.shape[:2])
    layer = layer[: rows * side, : columns * side]
    return layer.reshape(rows, side, columns, side, -1).sum(axis=(1, 3), dtype=np.int64)


def tone_of(image: np.ndarray, mask: np.ndarray, color: np.ndarray | None = None) -> np.ndarray | None:
    """The tone in which a photograph's hole is to be painted.

    Args:
      image: [H,W,3] uint8 RGB.
      mask: [H,W] in {0,1}, the hole, which does not count if at least `KEPT` of the photograph is outside it.
      color: [H,W,4] uint8 RGBA, painted where alpha >= 128.

    Returns:
      [256,3] uint8, the colour of each level of luma; None for a photograph in colour, if colour is asked for, and if
      nothing is kept.
    """
    area = side_of(size_of(mask)) ** 2
    intact = squares((mask > 0)[..., None])[..., 0] == 0
    if not intact.any():
        return None
    if intact.sum() < KEPT * intact.size:
        intact[:] = True
    levels = ((squares(image)[intact] + area // 2) // area).astype(np.uint8)
    level = luma(levels)
    count = np.bincount(level, minlength=256)
    total = [np.bincount(level, levels[:, channel].astype(np.float64) - level, 256) for channel in range(3)]
    weights = smoothing()
    offset = weights @ np.stack(total, axis=-1) / (weights @ count)[:, None]
    line = np.clip(np.rint(np.arange(256.0)[:, None] + offset), 0, 255).astype(np.uint8)
    off = _off(levels, line)
    if (off <= TOLERANCE).sum() < LEAST * len(levels) or (off <= ACCENT).sum() < PLAIN * len(levels):
        return None
    if color is not None:
        strokes = color[(mask > 0) & (color[..., 3] >= 128)][:, :3]
        if (_off(strokes, line) > DISTINCT).any():
            return None
    return line


def _off(levels: np.ndarray, line: np.ndarray) -> np.ndarray:
    return np.abs(levels.astype(np.int32) - line[luma(levels)]).max(axis=-1)


def recolor(levels: np.ndarray, line: np.ndarray | None) -> np.ndarray:
    """Levels [...,3] uint8 with their own luma and the line's colour; unchanged without a line."""
    return levels if line is None else line[luma(levels)]
