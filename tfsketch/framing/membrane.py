"""What is left of a seam after a repaint: the step at the mask's border, spread over the hole as a membrane.

A network may paint a hole slightly too dark or too red, and the border shows as a step. The step is measured along the
border and interpolated into the hole by Laplace's equation (Perez, Gangnet & Blake, "Poisson image editing", SIGGRAPH
2003, section 3, has the same membrane for pasted objects), then added to the repaint.

Our network's results are composites: on the known side they are the photograph itself, so that the step cannot be read
off there. It is measured between the two sides instead: for a pixel of the hole at the border, the median of the known
pixels within `BAND` less the median of the hole's. Medians, because one hair across the border would streak into the
hole. A large step is no fault of tone but an outline that the border follows, such as hair beside skin: beyond about
`OUTLINE` levels a step counts less and less. All constants are ours.

The equation is solved coarse to fine: the border's steps are averaged to half the size again and again, the smallest
size is relaxed until it rests, and every larger one starts from the smaller's result. The picture's border is free.
Without any known border (a mask of the whole picture) nothing changes. `membrane_graph` is the same in a graph.
"""

from __future__ import annotations

import cv2
import numpy as np

BAND = 1
"""How far to every side of a border pixel its two medians look, in pixels; of 1, 2 and 3, the least seam."""
OUTLINE = 24.0
"""The step, in levels, of which half is taken for an outline in the photograph."""
COARSEST = 16
"""The longer side at or below which a level is relaxed from nothing, by `REST` sweeps."""
REST = 200
SWEEPS = 6400
"""Sweeps of a larger level, times its longer side: small levels are cheap, and bring the solution far."""
_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)


def steps(image: np.ndarray, repaint: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps along a mask's border.

    Args:
      image, repaint: [H,W,3], levels.
      mask: [H,W] in {0,1}.

    Returns:
      (places [n,2] of the hole's pixels that have a known one among their four neighbours, row by row; steps [n,3]
      float32, what is to be added there).
    """
    inside = mask > 0
    near = cv2.erode(inside.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), borderValue=(1,)) == 0
    places = np.argwhere(inside & near)
    reach = np.arange(-BAND, BAND + 1)
    offsets = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    around = places[:, None] + offsets
    within = ((around >= 0) & (around < mask.shape)).all(axis=-1)
    at = tuple(np.clip(around, 0, np.array(mask.shape) - 1).transpose(2, 0, 1))
    medians = []
    for layer, counts in ((image, within & ~inside[at]), (repaint, within & inside[at])):
        levels = np.where(counts[..., None], layer[at].astype(np.float32), np.float32(np.inf))
        levels.sort(axis=1)
        middle = (counts.sum(axis=1) - 1) // 2
        medians.append(levels[np.arange(len(places)), middle])
    step = medians[0] - medians[1]
    size = np.abs(step).max(axis=-1, keepdims=True)
    return places, step / (1.0 + np.square(size / OUTLINE))


def _halved(layer: np.ndarray) -> np.ndarray:
    """[H,W,C] -> sums over squares of 2 x 2 pixels."""
    layer = np.pad(layer, [(0, layer.shape[0] % 2), (0, layer.shape[1] % 2), (0, 0)])
    return layer[::2, ::2] + layer[1::2, ::2] + layer[::2, 1::2] + layer[1::2, 1::2]


def _neighbors(layer: np.ndarray) -> np.ndarray:
    """[H,W,C] -> sums over the four neighbours; beyond the picture is 0."""
    return cv2.filter2D(layer, -1, _CROSS, borderType=cv2.BORDER_CONSTANT).reshape(layer.shape)


def harmonic(values: np.ndarray, border: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Laplace's equation in a domain, with values at its border.

    Args:
      values: [H,W,C] float32, what holds at the border.
      border: [H,W] in {0,1}, within the domain.
      domain: [H,W] in {0,1}; beside it, and beside the picture, the border is free.

    Returns:
      [H,W,C] float32; 0 outside the domain, and where no border is connected at the coarsest level.
    """
    fixed, inside = border.astype(np.float32)[..., None], domain.astype(np.float32)[..., None]
    held = values * fixed
    levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(held, fixed, inside)]
    while max(levels[-1][0].shape[:2]) > COARSEST:
        held, fixed, inside = (_halved(layer) for layer in levels[-1])
        count = np.maximum(fixed, 1.0)
        levels.append((held / count, np.minimum(fixed, 1.0), np.minimum(inside, 1.0)))
    result = np.zeros_like(levels[-1][0])
    for number, (held, fixed, inside) in enumerate(reversed(levels)):
        if number:
            result = result.repeat(2, axis=0).repeat(2, axis=1)[: held.shape[0], : held.shape[1]]
        free = inside * (1.0 - fixed)
        around = _neighbors(inside)
        share = np.divide(free, around, out=np.zeros_like(free), where=around > 0).repeat(held.shape[-1], axis=-1)
        result = result * free + held
        for _ in range(SWEEPS // max(held.shape[:2]) if number else REST):
            result = _neighbors(result)
            result *= share
            result += held
    return result


def membrane(
    image: np.ndarray, repaint: np.ndarray, mask: np.ndarray, strength: float = 1.0, reach: float | None = None
) -> np.ndarray:
    """A repaint without its step at the mask's border.

    Args:
      image: [H,W,3] uint8, the photograph, at any size: the working side's is enough and fast.
      repaint: [H,W,3] uint8, of which the mask's pixels count.
      mask: [H,W] in {0,1}.
      strength: from 0, nothing, to 1, the whole step.
      reach: pixels from the border in which the correction falls to 1/e; None: it does not fall, and a colour asked for
        in the middle is shifted as its surroundings are.

    Returns:
      [H,W,3] uint8; `repaint` outside the mask bit for bit, and everywhere where the mask has no known border.
    """
    result = repaint.copy()
    inside = mask > 0
    if strength == 0 or inside.all() or not inside.any():
        return result
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    # With what the medians look at of the known side.
    window = tuple(slice(max(int(n[0]) - BAND, 0), int(n[-1]) + BAND + 1) for n in (rows, columns))
    cut = np.ascontiguousarray(inside[window]).astype(np.uint8)
    places, step = steps(image[window], repaint[window], cut)
    values, border = np.zeros((*cut.shape, 3), np.float32), np.zeros(cut.shape, np.uint8)
    values[tuple(places.T)], border[tuple(places.T)] = step, 1
    change = harmonic(values, border, cut) * np.float32(strength)
    if reach is not None:
        distance = cv2.distanceTransform(cut, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        change *= np.exp(-np.maximum(distance - 1.0, 0.0) / reach)[..., None]
    levels = np.clip(np.rint(repaint[window] + change), 0, 255).astype(np.uint8)
    result[window] = np.where(cut[..., None] > 0, levels, repaint[window])
    return result
