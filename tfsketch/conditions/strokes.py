"""A user's strokes as JSON: an edit that can be saved, repeated at another size, tested and versioned.

    {"size": [192, 192],
     "strokes": [{"layer": "mask", "points": [[60, 120], [130, 120], [130, 160]], "fill": true},
                 {"layer": "sketch", "points": [[70, 140], [96, 148], [120, 140]], "width": 1},
                 {"layer": "color", "points": [[80, 145], [110, 145]], "width": 9, "color": [190, 80, 90]}]}

`size` is the [width, height] of the picture that was drawn on. Coordinates are picture coordinates as a browser gives
them: (0, 0) is the top left corner of the picture, not the centre of its first pixel, so that they scale by
multiplication. `width` is in pixels of that picture. A filled stroke is the polygon of its points, grown by half of its
`width` if it has one; where it crosses itself, everything that it encloses is filled (the non-zero winding rule), and a
hole is a cut and a ring in the opposite direction. Later colours cover earlier ones; the other two layers are unions.

Everything that comes from a file is checked before anything is drawn, and errors name the stroke's index and the field.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from tfsketch.errors import ImageError, cause
from tfsketch.images.layers import excerpt
from tfsketch.vocabulary import size_of

LAYERS = ("mask", "sketch", "color")
MAX_POINTS = 100_000
"""Most points of all strokes together."""
MAX_BYTES = 16 * 2**20
"""Largest JSON file: more than `MAX_POINTS` points can need."""
MAX_COORDINATE = 1_000_000
"""Largest absolute coordinate and side: beyond any picture that is read, and safe in cv2's fixed point."""
MAX_ASPECT_ERROR = 0.05
"""How far the aspect of `size` may be from the picture's, as by rounding a thumbnail's sides."""

_SHIFT = 4  # cv2 takes coordinates in 1/16 pixels
_FIELDS = ("layer", "points", "width", "color", "fill")


@dataclasses.dataclass(frozen=True)
class Stroke:
    """One checked stroke."""

    layer: str
    points: np.ndarray
    """[N,2] float64, (x, y) in the coordinates of `Strokes.size`."""
    width: float = 0.0
    """Of the brush, in pixels; 0 only for a filled stroke without an outline."""
    color: tuple[int, int, int] | None = None
    """RGB, of the layer `color` only."""
    fill: bool = False


@dataclasses.dataclass(frozen=True)
class Strokes:
    """The checked strokes of an edit."""

    size: tuple[int, int]
    """(width, height) of the picture that was drawn on."""
    strokes: tuple[Stroke, ...]


@dataclasses.dataclass(frozen=True)
class Layers:
    """Strokes as pictures."""

    mask: np.ndarray
    """[H,W] uint8 in {0,1}, 1 = regenerate"""
    sketch: np.ndarray
    """[H,W] uint8 in {0,1}, 1 = stroke"""
    color: np.ndarray
    """[H,W,4] uint8 RGBA, alpha 255 where painted and all zero elsewhere"""


def _number(value: Any, low: float, high: float) -> bool:
    """Whether a JSON value is a number in [low, high]; NaN and infinity are in no such range."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and _number(value, low, high)


def _parse_stroke(entry: Any, where: str) -> Stroke:
    if not isinstance(entry, Mapping):
        raise ImageError(f"{where}: expected a mapping of {', '.join(_FIELDS)}, found {excerpt(entry)}")
    for key in entry:
        if key not in _FIELDS:
            raise ImageError(f"{where}: unknown field {excerpt(key)} (valid here: {', '.join(_FIELDS)})")
    for key in ("layer", "points"):
        if key not in entry:
            raise ImageError(f"{where}.{key}: missing")
    layer, points, fill = entry["layer"], entry["points"], entry.get("fill", False)
    if layer not in LAYERS:
        raise ImageError(f"{where}.layer: expected one of {', '.join(LAYERS)}, found {excerpt(layer)}")
    if not isinstance(fill, bool):
        raise ImageError(f"{where}.fill: expected true or false, found {excerpt(fill)}")
    least = 3 if fill else 1
    if not isinstance(points, (list, tuple)) or len(points) < least:
        actual = f"{len(points)} points" if isinstance(points, (list, tuple)) else excerpt(points)
        raise ImageError(f"{where}.points: expected a list of at least {least} [x, y], found {actual}")
    for number, point in enumerate(points):
        if (
            not isinstance(point, (list, tuple))
            or len(point) != 2
            or not all(_number(v, -MAX_COORDINATE, MAX_COORDINATE) for v in point)
        ):
            raise ImageError(
                f"{where}.points[{number}]: expected finite numbers [x, y] of at most {MAX_COORDINATE:,}, "
                f"found {excerpt(point)}"
            )
    if "width" not in entry and not fill:
        raise ImageError(f"{where}.width: missing")
    width = entry.get("width", 0.0)
    if not _number(width, 0, MAX_COORDINATE) or (width == 0 and not fill):
        raise ImageError(f"{where}.width: expected a finite number above 0, found {excerpt(width)}")
    color = entry.get("color")
    if layer != "color" and color is not None:
        raise ImageError(f"{where}.color: expected none on the layer {layer}, found {excerpt(color)}")
    if layer == "color":
        if "color" not in entry:
            raise ImageError(f"{where}.color: missing")
        if not isinstance(color, (list, tuple)) or len(color) != 3 or not all(_whole(v, 0, 255) for v in color):
            raise ImageError(f"{where}.color: expected three whole numbers 0 to 255, found {excerpt(color)}")
        color = tuple(color)
    return Stroke(layer, np.asarray(points, np.float64), float(width), color, fill)


def parse(tree: Any, where: str = "strokes") -> Strokes:
    """Checks the plain tree of a strokes file (see the module's docstring for its form).

    Args:
      tree: as `json.loads` returns it.
      where: name of the source in error messages, usually the file's.

    Raises:
      ImageError: anything but such a tree; the message names the stroke's index and the field.
    """
    if not isinstance(tree, Mapping) or set(tree) != {"size", "strokes"}:
        actual = f"the keys {excerpt(sorted(map(str, tree)))}" if isinstance(tree, Mapping) else excerpt(tree)
        raise ImageError(f"{where}: expected a mapping of size and strokes, found {actual}")
    size, entries = tree["size"], tree["strokes"]
    if not isinstance(size, (list, tuple)) or len(size) != 2 or not all(_whole(v, 1, MAX_COORDINATE) for v in size):
        raise ImageError(
            f"{where}: size: expected whole numbers [width, height] of 1 to {MAX_COORDINATE:,}, found {excerpt(size)}"
        )
    if not isinstance(entries, (list, tuple)):
        raise ImageError(f"{where}: strokes: expected a list, found {excerpt(entries)}")
    strokes: list[Stroke] = []
    total = 0
    for index, entry in enumerate(entries):
        points = entry.get("points") if isinstance(entry, Mapping) else None
        total += len(points) if isinstance(points, (list, tuple)) else 1
        if total > MAX_POINTS:
            raise ImageError(
                f"{where}: strokes[{index}].points: expected at most {MAX_POINTS:,} points in all strokes, found more"
            )
        strokes.append(_parse_stroke(entry, f"{where}: strokes[{index}]"))
    return Strokes((size[0], size[1]), tuple(strokes))


def read(path: str | os.PathLike) -> Strokes:
    """Reads a strokes file.

    Raises:
      ImageError: missing, larger than `MAX_BYTES`, not JSON, or refused by `parse`.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ImageError(f"expected a strokes file, found no file at {path}")
    if path.stat().st_size > MAX_BYTES:
        raise ImageError(f"{path}: expected at most {MAX_BYTES:,} bytes, found {path.stat().st_size:,}")
    try:
        tree = json.loads(path.read_bytes().decode("utf-8-sig"))  # some text editors write a byte order mark
    except (ValueError, OSError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError, and so is JSON's
        raise ImageError(f"{path}: expected JSON, found: {cause(error)}") from error
    return parse(tree, str(path))


def _even_windings(points: np.ndarray, size: tuple[int, int]) -> tuple[tuple[slice, slice], np.ndarray]:
    """The pixels that a polygon winds around an even number of times, except 0: cv2 fills those of odd numbers.
    `browser/raster.js` has the same arithmetic.

    Args:
      points: [N,2] integers, (x, y) in 1/16 pixels.
      size: (height, width) of the layer.

    Returns:
      (the polygon's box in the layer, [h,w] bool).
    """
    rows, columns = (points[:, 1] + 8) // 16, points[:, 0] / 16
    top, bottom = (int(np.clip(row, 0, size[0])) for row in (rows.min(), rows.max()))
    left, right = (int(np.clip(np.ceil(column), 0, size[1])) for column in (columns.min(), columns.max()))
    turns = np.zeros((bottom - top, right - left + 1), np.int32)
    ends = zip(columns.tolist(), rows.tolist(), np.roll(columns, -1).tolist(), np.roll(rows, -1).tolist())
    for x, y, next_x, next_y in ends:
        if y != next_y:
            crossings = np.arange(max(top, min(y, next_y)), min(bottom, max(y, next_y)))
            place = np.ceil(x + (crossings - y) * ((next_x - x) / (next_y - y)))
            turns[crossings - top, np.clip(place, left, right).astype(np.int64) - left] += 1 if y < next_y else -1
    np.cumsum(turns, axis=1, out=turns)
    return (slice(top, bottom), slice(left, right)), ((turns != 0) & (turns % 2 == 0))[:, :-1]


def _draw(layer: np.ndarray, stroke: Stroke, scale: np.ndarray, value: tuple[int, ...]) -> None:
    """Draws one stroke in place, clipped to the layer."""
    # cv2's (0, 0) is the centre of the first pixel, ours is its corner: hence the half.
    points = np.round((stroke.points * scale - 0.5) * 2**_SHIFT).astype(np.int64)
    limit = 2**30  # cv2 wraps coordinates that do not fit its 32 bits
    points = np.clip(points, -limit, limit).astype(np.int32).reshape(-1, 1, 2)
    if stroke.fill:
        cv2.fillPoly(layer, [points], value, cv2.LINE_8, _SHIFT)
        box, again = _even_windings(points[:, 0], size_of(layer))
        layer[box][again] = value
    if stroke.width > 0:
        # Thicker than twice the picture makes no difference, and cv2 refuses more than 32767.
        most = min(2 * max(layer.shape[:2]), 32767)
        thickness = int(np.clip(round(stroke.width * float(np.sqrt(scale.prod()))), 1, most))
        # cv2 rounds the ends of thick segments, so joints are round. It draws nothing for one point, hence the pair.
        line = points if len(points) > 1 else np.concatenate([points, points])
        cv2.polylines(layer, [line], stroke.fill, value, thickness, cv2.LINE_8, _SHIFT)


def render(strokes: Strokes, size: tuple[int, int], where: str = "strokes") -> Layers:
    """Draws strokes for a picture, scaled if its size is not that of the picture drawn on.

    Args:
      strokes: what to draw; clipped at the picture's border.
      size: (height, width) of the picture.
      where: name of the strokes in error messages.

    Raises:
      ImageError: the picture's aspect is not that of the picture drawn on.
    """
    height, width = size
    scale = np.array([width / strokes.size[0], height / strokes.size[1]])
    if abs(np.log(scale[0] / scale[1])) > np.log1p(MAX_ASPECT_ERROR):
        raise ImageError(
            f"{where}: expected a picture of the aspect {strokes.size[0]} x {strokes.size[1]}, found {width} x {height}"
        )
    layers = {
        "mask": np.zeros(size, np.uint8),
        "sketch": np.zeros(size, np.uint8),
        "color": np.zeros((height, width, 4), np.uint8),
    }
    for stroke in strokes.strokes:
        _draw(layers[stroke.layer], stroke, scale, (*stroke.color, 255) if stroke.color is not None else (1,))
    return Layers(**layers)
