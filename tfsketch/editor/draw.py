"""Drawing: a photograph from a sketch alone (Cali-Sketch).

The sketch is placed in the working square -> the model -> back to the sketch's size.
"""

from __future__ import annotations

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
    return "seed" in getattr(model, "takes", ())


def draw(canvas: Canvas, sketch: np.ndarray, fill: float | None, seed: int) -> Drawing:
    """`Editor.draw`."""
    expect("draw", canvas.model)
    sketch = check_sketch(sketch, fill)
    whole(seed, "seed", 0)
    size = size_of(sketch)
    fills = FILLS if fill is None else (fill,)
    parser = canvas.face_parser() if len(fills) > 1 else None
    sheets = [arrays.sheet_in(size, canvas.side, one) for one in fills]
    squares = np.zeros((len(fills), canvas.side, canvas.side), np.uint8)
    for square, sheet in zip(squares, sheets):
        square[sheet] = arrays.resize_sketch(sketch, size_of(square[sheet]))

    def run(layers: np.ndarray, palette: int) -> tuple[np.ndarray, np.ndarray]:
        seeds = np.array([[palette, 0]] * len(layers), np.int32)
        outputs = canvas.model(canvas.batch({"sketch": layers, "seed": seeds}))
        return finite(outputs["refined"])[..., 0], to_uint8(finite(outputs["image"]))

    # The framing is the drawing's, the same for every seed: by a palette of its own, some seeds chose one in which the
    # face was no face.
    own, best = int(seed) % _SEEDS, 0
    refined, image = run(squares, own if parser is None else 0)
    if parser is not None:
        best = surest_face(parser, image)
        chosen = slice(best, best + 1)
        other = own and varies(canvas.model)
        refined, image = run(squares[chosen], own) if other else (refined[chosen], image[chosen])
    long_strokes = drop_short(refined[0] >= LINE, SPECK)
    lines = resize((refined[0] * long_strokes)[sheets[best]], size) >= LINE
    return Drawing(lines.astype(np.uint8), resize(image[0][sheets[best]], size))
