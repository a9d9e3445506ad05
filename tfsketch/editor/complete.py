"""Completing: photographs of a sketch, or sketches of a photograph, with a model that draws both as one.

A Contextual GAN completes its input several times, by a search (the model's `project`). A sketch is scaled to the
working side in the style of XDoG's strokes there: redrawn with a pen of `arrays.PEN` pixels, and pixels that are more
than half black stay black.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfsketch.editor.canvas import Canvas, finite
from tfsketch.editor.ways import expect
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.framing import arrays
from tfsketch.images import sizes
from tfsketch.images.layers import Drawing, check_array, check_fill, check_sketch, excerpt, whole
from tfsketch.vocabulary import resize, size_of, to_tensors, to_uint8


def _ink(soft: np.ndarray) -> np.ndarray:
    """A sketch [H,W] in [0,1] with soft edges in black and white: its darkest pixels, as many as it has ink. (A line
    as wide as a pixel is nowhere half black once its edges are soft; soft edges are not more ink.)"""
    count = round(float(soft.sum()))
    if not 0 < count < soft.size:
        return np.full(soft.shape, count > 0, np.uint8)
    return (soft >= max(np.partition(soft.ravel(), -count)[-count], 1e-3)).astype(np.uint8)


def complete(
    canvas: Canvas,
    sketch: np.ndarray | None,
    image: np.ndarray | None,
    results: int,
    seed: int,
    fill: float | None,
    steps: int | None,
    watch: Callable[[float], None] | None = None,
) -> list[Drawing]:
    """`Editor.complete`."""
    expect("complete", canvas.model)
    if (sketch is None) == (image is None):
        raise ImageError("expected a sketch or an image, found " + ("neither" if sketch is None else "both"))
    whole(seed, "seed", 0)
    whole(results, "results", 1, canvas.model.candidates)
    if steps is not None:
        whole(steps, "steps", 0)
    check_fill(fill)
    if watch is not None and not callable(watch):
        raise TfsketchError(f"watch: expected a function, found {excerpt(watch)}")
    side = canvas.side
    sheet = slice(0, side), slice(0, side)
    half: dict[str, Any] = {}
    if image is None:
        sketch = check_sketch(sketch, fill)
        size = size_of(sketch)
        sheet = arrays.sheet_in(size, side, arrays.usual_fill(sketch) if fill is None else fill)
        square = np.zeros((side, side), np.uint8)
        square[sheet] = arrays.resize_ink(sketch, size_of(square[sheet]))
        half["sketch"] = square.astype(np.float32)[None, ..., None]
    else:
        image = check_array(image, "image", (3,), "uint8 [H,W,3] RGB")
        size = size_of(sizes.cut_square(image))
        half = to_tensors({"image": sizes.center_square(image, side)[None]})
    projection = canvas.model.project(**half, restarts=results, seed=int(seed), steps=steps, watch=watch)
    drawings = []
    for lines, photograph, loss in zip(finite(projection.sketch[0]), finite(projection.image[0]), projection.loss[0]):
        lines = _ink(resize(lines[sheet][..., 0], size))
        drawings.append(Drawing(lines, resize(to_uint8(photograph)[sheet], size), float(loss)))
    return drawings
