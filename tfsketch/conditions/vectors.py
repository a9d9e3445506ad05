"""A raster sketch as strokes: a scan becomes editable like strokes drawn by hand.

Lines are traced along their middle (`trace`), each with the width of most of its length. Areas wider than lines, a
pupil or black hair, become filled outlines; a cut connects a hole in one to its outline, which is one polygon. Rendered
at the same size, the strokes cover the sketch to within a pixel (tested); a model, which thins lines, sees no
difference.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tfsketch.conditions.trace import trace
from tfsketch.errors import ImageError

LONGEST = 1024
"""Longest side in pixels at which a sketch is traced: the same as for reading a photographed sheet."""
MOST = 5000
"""Most lines of one sketch; more are noise, and freeze a page that shows them."""
BROAD = 2.5
"""Multiple of the usual line width from which an area is filled and not a line; but no line is wider than a twelfth of
the shorter side, and nothing below 7 pixels is an area."""
_ERROR = 0.6  # pixels by which a simplified line may lie beside the traced one


def strokes_of(sketch: np.ndarray) -> dict[str, Any]:
    """The strokes that cover a sketch.

    Args:
      sketch: [H,W] uint8 in {0,1}, 1 = stroke.

    Returns:
      The tree of a strokes file (`strokes`), all on the layer `sketch`, of the sketch's size or, if that is larger, of
      its size at `LONGEST`.

    Raises:
      ImageError: more than `MOST` lines.
    """
    sketch = _at_most(sketch.astype(np.uint8), LONGEST)
    depth = cv2.distanceTransform(cv2.copyMakeBorder(sketch, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5)
    width = 2 * depth[1:-1, 1:-1] - 1
    lines = trace(sketch)
    if not lines:
        return _tree(sketch, [])
    if len(lines) > MOST:
        raise ImageError(f"expected a sketch of at most {MOST:,} lines, found {len(lines):,}: take a lower level")
    along = np.concatenate(lines).astype(int)
    usual = float(np.median(width[along[:, 1], along[:, 0]]))
    areas = _broad_areas(sketch, max(7, min(round(BROAD * usual), min(sketch.shape) // 12)) | 1)
    strokes = [{"layer": "sketch", "points": outline, "fill": True} for outline in outlines(areas)]
    _, parts = cv2.connectedComponents(sketch, connectivity=8)
    line_parts = set(np.unique(parts[areas > 0]).tolist())
    for line in sorted(lines, key=len, reverse=True):
        x, y = line.astype(int).T
        outside = areas[y, x] == 0
        if not outside.any():
            continue
        thick = max(1.0, float(np.median(width[y, x][outside])))
        part = int(parts[y[0], x[0]])
        # A thinned broad line has spurs at its ends and corners, about as long as it is wide.
        if part in line_parts and len(line) < max(3.0, 1.25 * float(width[y, x].max())):
            continue
        line_parts.add(part)
        for piece in _runs(line, outside):
            simple = cv2.approxPolyDP(piece[:, None], _ERROR, False)[:, 0] + 0.5
            strokes.append({"layer": "sketch", "points": np.round(simple, 1).tolist(), "width": round(thick, 1)})
    return _tree(sketch, strokes)


def _tree(sketch: np.ndarray, strokes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"size": [sketch.shape[1], sketch.shape[0]], "strokes": strokes}


def _at_most(sketch: np.ndarray, longest: int) -> np.ndarray:
    """A sketch whose longest side is at most `longest` pixels; lines of one pixel stay."""
    scale = longest / max(sketch.shape)
    if scale >= 1:
        return sketch
    size = tuple(max(1, round(length * scale)) for length in sketch.shape[::-1])
    share = cv2.resize(sketch.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return (share >= min(0.5, scale / 2)).astype(np.uint8)


def _broad_areas(sketch: np.ndarray, least: int) -> np.ndarray:
    """Areas at least `least` pixels wide along both axes, [H,W] uint8 in {0,1}; an odd number, for a centre pixel."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (least, least))
    # There is no ink beyond the sheet, or its border would count as wide.
    frame = cv2.copyMakeBorder(sketch, least, least, least, least, cv2.BORDER_CONSTANT)
    opening = cv2.morphologyEx(frame, cv2.MORPH_OPEN, kernel)[least:-least, least:-least]
    # The disc does not reach into corners.
    return cv2.dilate(opening, np.ones((least // 4 * 2 + 1,) * 2, np.uint8)) & sketch


def _runs(line: np.ndarray, inside: np.ndarray) -> list[np.ndarray]:
    """The parts of a line [N,2] where `inside` [N] bool holds, each with a point beyond its ends if there is one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return [line[max(a - 1, 0) : b + 1] for a, b in edges.reshape(-1, 2)]


def outlines(areas: np.ndarray) -> list[list[list[float]]]:
    """Polygons [[x, y], ...] of areas [H,W] in {0,1}; holes are joined to their area's outline by a cut."""
    contours, tree = cv2.findContours(areas, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for number, contour in enumerate(contours):
        if tree[0][number][3] >= 0:  # a hole, added to its area
            continue
        outline = cv2.approxPolyDP(contour, _ERROR, True)[:, 0]
        hole = tree[0][number][2]
        while hole >= 0:
            inner = cv2.approxPolyDP(contours[hole], _ERROR, True)[:, 0]
            if len(inner) >= 3:
                apart = ((outline[:, None].astype(np.int64) - inner[None]) ** 2).sum(axis=-1)
                near, far = np.unravel_index(int(apart.argmin()), apart.shape)
                ring = np.concatenate([inner[far:], inner[: far + 1]])
                outline = np.concatenate([outline[: near + 1], ring, outline[near:]])
            hole = tree[0][hole][0]
        if len(outline) >= 3:
            polygons.append((outline + 0.5).tolist())
    return polygons
