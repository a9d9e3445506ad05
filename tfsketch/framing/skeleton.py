"""Lines thinned to one pixel, on arrays: scikit-image's `skeletonize`, exactly, by its table.

Not that package's function, because it brings SciPy: 200 MB on disk and much of an edit's start-up time, for a table of
256 entries. `thinning` is the same in a graph.
"""

from __future__ import annotations

import cv2
import numpy as np

NEIGHBORS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
"""Bits of a pixel's neighbours, from above it on clockwise."""
# Where scikit-image's table differs from Zhang and Suen's text, found by comparing results on random pictures:
# neighbours -> whether the pixel goes in the first and in the second half of a round.
_UNLIKE_THE_PAPER = {
    **dict.fromkeys((3, 6, 7, 67, 97, 99, 129, 133, 193, 208), (True, False)),
    **dict.fromkeys((12, 13, 28, 48, 52, 54, 88, 96, 112), (False, True)),
    **dict.fromkeys((5, 20, 65, 80), (True, True)),
    **dict.fromkeys((24, 192), (False, False)),
}


def thinning_tables() -> np.ndarray:
    """[2,256] bool: for either half of a round, whether a pixel with these neighbours is removed (Zhang & Suen
    1984)."""
    tables = np.zeros((2, 256), bool)
    for code in range(256):
        around = [code >> bit & 1 for bit in range(8)]
        north, east, south, west = around[::2]
        rises = sum(around[i] < around[(i + 1) % 8] for i in range(8))
        edge = 2 <= sum(around) <= 6 and rises == 1
        tables[0, code] = edge and not (north and east and south) and not (east and south and west)
        tables[1, code] = edge and not (north and east and west) and not (north and south and west)
    for code, halves in _UNLIKE_THE_PAPER.items():
        tables[:, code] = halves
    return tables


def skeletonize(lines: np.ndarray) -> np.ndarray:
    """scikit-image's function of the same name: [H,W] bool -> [H,W] bool."""
    survivors = [(~table).astype(np.uint8) for table in thinning_tables()]
    lines, count = lines.astype(np.uint8), -1
    while count != (count := cv2.countNonZero(lines)):
        for table in survivors:
            code = cv2.filter2D(lines, -1, NEIGHBORS, borderType=cv2.BORDER_CONSTANT)
            lines &= cv2.LUT(code, table)
    return lines > 0
