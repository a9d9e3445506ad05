"""Restyling: a photograph, or a region of it, in the style of another (region-wise manipulation).

The square, the mask's pixels at the working side and the pasting are the same as for an edit; the seam is wider
(`soft_weights`), since a change of light shows an edge that new detail hides; nothing is erased, the model sees the
whole photograph. At its side, 64 to 256 px, such a model captures the colour and light of a region, but little of a
photograph's detail: pasted directly, its output makes a face soft, and somebody else's. So by default only its change
is used: its output in the new style minus its output in the photograph's own. Enlarged as a picture, that change would
have halos several pixels wide along every contour; so it is enlarged as a linear function of the photograph's luma
(`arrays.lines_of`), with the photograph's own edges. Where the two outputs agree the photograph stays, bit for bit.
This hides how well the model reconstructs a photograph, and keeps detail that the other style might not have, such as
the grain of hair; `detail=False` pastes the model's output.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfsketch.editor.canvas import Canvas, finite
from tfsketch.editor.ways import expect
from tfsketch.framing import arrays
from tfsketch.images import sizes
from tfsketch.images.layers import check_restyling, truth
from tfsketch.vocabulary import resize, to_tensors, to_uint8


def restyle(
    canvas: Canvas,
    image: np.ndarray,
    styles: Sequence[np.ndarray],
    shares: Sequence[float],
    mask: np.ndarray | None,
    detail: bool,
) -> list[np.ndarray]:
    """`image` at some shares of the way along styles, from its own if there is only one; see `Editor.interpolate`."""
    expect("restyle", canvas.model)
    truth(detail, "detail")
    import tensorflow as tf  # here, because only restyling always needs TensorFlow

    image, styles, mask = check_restyling(image, styles, mask)
    whole = mask is None
    mask = np.ones(image.shape[:2], np.uint8) if mask is None else mask
    view = canvas.view_of(image, mask)
    photograph, inner = arrays.pad(resize(image[view.square], view.work), canvas.side)
    layers = {"image": photograph, "style": np.stack([sizes.center_square(style, canvas.side) for style in styles])}
    if not whole:
        layers["mask"] = arrays.pad(arrays.resize_mask(mask[view.square], view.work), canvas.side)[0]
    batch = to_tensors({k: layer if k == "style" else layer[None] for k, layer in layers.items()})

    own, path = canvas.model.encode(batch["image"])[1], canvas.model.encode(batch["style"])[1]
    path = tf.concat([own, path], axis=0) if len(styles) == 1 else path
    soft = None if whole or canvas.feather is not None else soft_weights(image, photograph[inner], mask, view)
    results = []
    base = canvas.model.restyle(batch["image"], own, batch.get("mask")) if detail else None
    for share in shares:
        place = float(share) * (len(path) - 1)
        first = min(int(place), len(path) - 2)
        code = path[first : first + 1] + (path[first + 1 : first + 2] - path[first : first + 1]) * (place - first)
        raw = canvas.model.restyle(batch["image"], code, batch.get("mask"))
        if detail:
            change = finite(127.5 * (raw - base))[0][inner]
            within = layers["mask"][inner] if "mask" in layers else np.ones(view.work, np.uint8)
            repaint = _change_box(image, arrays.lines_of(change, photograph[inner], within), view)
        else:
            repaint = resize(to_uint8(finite(raw))[0][inner], view.part)[view.inner]
        results.append(canvas.paste(image, repaint, mask, view, soft))
    return results


def soft_weights(image: np.ndarray, photograph: np.ndarray, mask: np.ndarray, view: arrays.View) -> np.ndarray:
    """Blending weights of a restyled mask's box, [2,h,w] float32 in [0,1]: the mask, blurred along the picture's
    contours (the guided filter, as in `arrays.lines_of`), so that it is sharp where the mask ends at a contour, and
    soft over some working pixels where it ends in a plain area. And `arrays.middle`, enlarged: a lower bound, apart
    from the usual feather, so that the middle of a thin mask is restyled too."""
    share = resize(mask[view.square].astype(np.float32), view.work)
    lines = arrays.lines_of(np.repeat(share[..., None], 3, axis=-1), photograph, np.ones(view.work, np.uint8))
    slope, offset = (resize(lines[..., k], view.part)[view.inner] for k in (0, 3))
    weight = slope * arrays.luma(image[view.window])
    weight += offset
    # The blurred mask is 0.5 at an edge in a plain area; it must be 0 there, as the photograph outside does not change.
    np.clip(2.0 * weight - 1.0, 0.0, 1.0, out=weight)
    middle = arrays.middle(arrays.resize_mask(mask[view.square], view.work))
    return np.stack([weight, np.clip(resize(middle, view.part)[view.inner], 0.0, 1.0)])


def _change_box(image: np.ndarray, lines: np.ndarray, view: arrays.View) -> np.ndarray:
    """The box of a picture, each channel changed by its `arrays.lines_of`."""
    under = image[view.window]
    luma, repaint = arrays.luma(under), np.empty_like(under)
    for channel in range(3):  # one at a time: a large photograph's box is a hundred megabytes each
        slope, offset = (resize(lines[..., k], view.part)[view.inner] for k in (channel, channel + 3))
        levels = under[..., channel] + (slope * luma + offset)
        repaint[..., channel] = np.clip(np.rint(levels), 0, 255)
    return repaint
