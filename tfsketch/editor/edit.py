"""Editing: the mask of a photograph, repainted by sketch and colours.

The steps of an edit: check -> a square around the mask -> the model's working side -> the model -> the seam's step
removed, if asked for -> back to the square's size, with the photograph's own texture if asked for -> into the mask. The
square, and the scaling of layers to the working side, are `framing`'s.
"""

from __future__ import annotations

import numpy as np

from tfsketch.editor.canvas import Canvas, finite
from tfsketch.editor.ways import expect
from tfsketch.framing import arrays, membrane, residuals, tone
from tfsketch.images.layers import check_layers, whole
from tfsketch.vocabulary import resize, to_uint8


def edit(
    canvas: Canvas,
    image: np.ndarray,
    mask: np.ndarray,
    sketch: np.ndarray | None,
    color: np.ndarray | None,
    seed: int,
) -> np.ndarray:
    """`Editor.edit`."""
    expect("edit", canvas.model)
    whole(seed, "seed", 0)
    image, mask, sketch, color = check_layers(image, mask, sketch, color)
    size = image.shape[:2]
    sketch = np.zeros(size, np.uint8) if sketch is None else sketch
    view = canvas.view_of(image, mask)
    work, square = view.work, view.square
    photograph, hole = resize(image[square], work), arrays.resize_mask(mask[square], work)
    repaint = _run(
        canvas,
        photograph,
        hole,
        arrays.resize_sketch(sketch[square], work),
        np.zeros((*work, 4), np.uint8) if color is None else arrays.resize_color(color[square], work),
        int(seed),
    )
    if canvas.seam:
        repaint = membrane.membrane(photograph, repaint, hole)
    if canvas.texture and view.part > work:
        repaint = residuals.carry(image[square], repaint, mask[square], canvas.texture)
    else:
        repaint = resize(repaint, view.part)
    repaint = repaint[view.inner]
    return canvas.paste(image, tone.recolor(repaint, tone.tone_of(image, mask, color)), mask, view)


def _run(
    canvas: Canvas, image: np.ndarray, mask: np.ndarray, sketch: np.ndarray, color: np.ndarray, seed: int
) -> np.ndarray:
    """The model on layers of at most the working side, padded to it; returns a uint8 picture of `image`'s size."""
    image, inner = arrays.pad(image, canvas.side)
    mask, sketch, color = (arrays.pad(layer, canvas.side)[0] for layer in (mask, sketch, color))
    noise = np.random.default_rng(seed).standard_normal(mask.shape, np.float32)
    layers = {
        "image": image,
        "mask": mask,
        "sketch": sketch,
        "color": color[..., :3],
        "painted": color[..., 3],
        "noise": noise,
    }
    batch = canvas.batch({key: layer[None] for key, layer in layers.items()})
    return to_uint8(finite(canvas.network(batch)["image"])[0][inner])
