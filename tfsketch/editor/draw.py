"""Drawing: a photograph from a sketch alone (Cali-Sketch).

The sketch is placed in the working square -> the model -> back to the sketch's size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfsketch.conditions.specks import LINE, SPECK, drop_short
from tfsketch.editor.canvas import Canvas, finite
from tfsketch.editor.regions import surest_face
from tfsketch.editor.ways import Network, expect
from tfsketch.framing import arrays
from tfsketch.images.layers import Drawing, check_sketch, whole
from tfsketch.vocabulary import resize, size_of, to_uint8

FILLS = (1.0, 0.85, 0.75, 0.65, 0.55)
"""Shares of the square that the paper takes, which `draw` tries with seed 0; see `arrays.place`."""

_SEEDS = 2**24
"""Seeds of a network wrap around here: exports take them as float32, which has no more whole numbers."""


def varies(model: Network) -> bool:
    """Whether a drawing model's photographs depend on the seed."""
    return "seed" in model.takes


def _run(canvas: Canvas, sketch: np.ndarray, fills: Sequence[float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A checked sketch through the model, placed in the square by each fill: ([N,S,S] float32 in [0,1], the redrawn
    lines; [N,S,S,3] uint8 RGB)."""
    squares = np.zeros((len(fills), canvas.side, canvas.side), np.uint8)
    for square, fill in zip(squares, fills):
        sheet = arrays.sheet_in(size_of(sketch), canvas.side, fill)
        square[sheet] = arrays.resize_sketch(sketch, size_of(square[sheet]))
    seeds = np.array([[seed, 0]] * len(fills), np.int32)
    outputs = canvas.model(canvas.batch({"sketch": squares, "seed": seeds}))
    return finite(outputs["refined"])[..., 0], to_uint8(finite(outputs["image"]))


def _find_fill(canvas: Canvas, sketch: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """(the one of `FILLS` whose photograph of seed 0 shows a face most certainly, that seed's lines and photograph, as
    of `_run`)."""
    parser = canvas.face_parser()
    refined, image = _run(canvas, sketch, FILLS, 0)
    best = surest_face(parser, image)
    return FILLS[best], refined[best : best + 1], image[best : best + 1]


def draw(canvas: Canvas, sketch: np.ndarray, fill: float | None, seed: int) -> Drawing:
    """`Editor.draw`."""
    expect("draw", canvas.model)
    sketch = check_sketch(sketch, fill)
    seed = whole(seed, "seed", 0) % _SEEDS
    if fill is None:
        # The framing is the drawing's, the same for every seed: by a palette of its own, some seeds chose one in which
        # the face was no face.
        fill, refined, image = canvas.framing.of(sketch, lambda: _find_fill(canvas, sketch))
        if seed and varies(canvas.model):
            refined, image = _run(canvas, sketch, (fill,), seed)
    else:
        refined, image = _run(canvas, sketch, (fill,), seed)
    size, sheet = size_of(sketch), arrays.sheet_in(size_of(sketch), canvas.side, fill)
    long_strokes = drop_short(refined[0] >= LINE, SPECK)
    lines = resize((refined[0] * long_strokes)[sheet], size) >= LINE
    return Drawing(lines.astype(np.uint8), resize(image[0][sheet], size))
