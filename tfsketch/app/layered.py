"""Files of layers (`images.openraster`) as strokes: the page opens what it saved, and what paint programs made of that.

A file that the page saved holds the strokes themselves. They count as long as they show what the layers do; of layers
that were painted on since, or that come from a paint program alone, the outlines are traced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tfsketch.app import masks
from tfsketch.app.pictures import Picture
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.conditions import vectors
from tfsketch.errors import ImageError
from tfsketch.images import meaning, openraster

STROKES = "tfsketch/strokes.json"
"""Where the strokes are in the file."""
COLORS = 32
"""Most colours of traced paint: a soft brush makes thousands, and every one is a stroke."""
_READERS: dict[str, Callable[..., tuple[np.ndarray, list[str]]]] = {
    "mask": meaning.read_mask,
    "sketch": meaning.read_sketch,
    "color": meaning.read_color,
}
KINDS = tuple(_READERS)
"""The layers that strokes make."""


def saved_strokes(name: str, data: bytes, kinds: Sequence[str] = KINDS) -> dict[str, Any] | None:
    """The strokes that the page saved in a file of layers, as the tree of a strokes file.

    Args:
      name: for messages.
      data: the file's content.
      kinds: the layers that are wanted.

    Returns:
      None of another file, and where a layer shows something else than the strokes do.

    Raises:
      ImageError: a damaged file.
    """
    if not openraster.is_openraster(name, data):
        return None
    file = openraster.File(name, data)
    if STROKES not in file.members:
        return None
    return _saved(name, file, _layers_of(name, data, file, kinds), kinds)


def _layers_of(name: str, data: bytes, file: openraster.File, kinds: Sequence[str]) -> dict[str, np.ndarray]:
    """Those of the layers of `kinds` that a file has, as `meaning` reads them."""
    return {kind: _READERS[kind](name, data=data)[0] for kind in kinds if kind in file.kinds}


def _saved(
    name: str, file: openraster.File, layers: Mapping[str, np.ndarray], kinds: Sequence[str]
) -> dict[str, Any] | None:
    """`saved_strokes` of a file that has strokes and whose layers of `kinds` are read."""
    try:
        tree = json.loads(file.member(STROKES, strokes_lib.MAX_BYTES))
        strokes = strokes_lib.render(strokes_lib.parse(tree, f"{name}: {STROKES}"), file.size[::-1])
    except (ValueError, RecursionError, ImageError):
        return None  # not the page's, then; the layers are there
    if any((getattr(strokes, kind) != layers.get(kind, 0)).any() for kind in kinds):
        return None
    return {**tree, "strokes": [stroke for stroke in tree["strokes"] if stroke["layer"] in kinds]}


def strokes_of(name: str, data: bytes, picture: Picture) -> tuple[dict[str, Any] | None, list[str]]:
    """The strokes of a file of layers with a photograph.

    Args:
      name: for messages.
      data: the file's content.
      picture: its photograph.

    Returns:
      The tree of a strokes file of the photograph's size, None if nothing is painted on layers or there are none; and
      words on how they were read.

    Raises:
      ImageError: a damaged file, or layers that cannot be traced.
    """
    if not openraster.is_openraster(name, data):
        return None, []
    file = openraster.File(name, data)
    layers = {kind: layer for kind, layer in _layers_of(name, data, file, KINDS).items() if layer.any()}
    if not layers:
        return None, []
    if STROKES in file.members and (tree := _saved(name, file, layers, KINDS)):
        return tree, []
    strokes = [stroke for kind, layer in layers.items() for stroke in _traced(kind, layer, picture)]
    tree = {"size": list(file.size), "strokes": strokes}
    strokes_lib.parse(tree, name)  # too many points are told here
    return tree, ["its layers were traced, true to a pixel of what is shown, but for dots and lines of one pixel"]


def _traced(kind: str, layer: np.ndarray, picture: Picture) -> list[dict[str, Any]]:
    """Strokes in the photograph's coordinates that cover a layer of its size, at the preview's accuracy."""
    if kind == "sketch":
        tree = vectors.strokes_of(layer)
        scale = np.array(layer.shape[::-1]) / tree["size"]
        return [_scaled(stroke, scale) for stroke in tree["strokes"]]
    if kind == "mask":
        return masks.areas_of(_at_preview(layer, picture), picture)
    paint = layer[..., 3] > 0
    # The palette is of the paint alone: its pixels as one row.
    pixels = Image.fromarray(layer[paint][None, :, :3])
    few = pixels.getcolors(COLORS) is not None
    numbers = pixels.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLORS) if few else pixels.quantize(COLORS)
    palette = np.array(numbers.getpalette(), np.uint8).reshape(-1, 3)
    indices = np.full(paint.shape, -1, np.int16)
    indices[paint] = np.asarray(numbers)[0]
    strokes = []
    for index in np.unique(indices[paint]):
        part = _at_preview((indices == index).astype(np.uint8), picture)
        color = palette[index].tolist()
        strokes += [{**stroke, "layer": "color", "color": color} for stroke in masks.areas_of(part, picture)]
    return strokes


def _at_preview(mask: np.ndarray, picture: Picture) -> np.ndarray:
    """A mask [H,W] uint8 in {0,1} of the photograph's size at the preview's."""
    height, width = picture.preview_size
    return (cv2.resize(mask * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)


def _scaled(stroke: dict[str, Any], scale: np.ndarray) -> dict[str, Any]:
    points = np.round(np.array(stroke["points"]) * scale, 1).tolist()
    width = {"width": round(stroke["width"] * float(np.sqrt(scale.prod())), 1)} if "width" in stroke else {}
    return {**stroke, "points": points, **width}
