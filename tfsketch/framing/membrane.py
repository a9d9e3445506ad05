"""Seam removal: the step at the mask's border is spread over the hole as a membrane.

A network may paint a hole slightly too dark or too red, and the border shows as a step. The step is measured along the
border and interpolated into the hole by Laplace's equation (Perez, Gangnet & Blake, "Poisson image editing", SIGGRAPH
2003, section 3, has the same membrane for pasted objects), then added to the repaint.

Our network's results are composites: on the known side they are the photograph itself, so the step does not show
there. It is measured between the two sides instead: for a pixel of the hole at the border, the median of the known
pixels within `BAND` less the median of the hole's. Medians, because one hair across the border would streak into the
hole. A large step is no fault of tone but an outline that the border follows, such as hair beside skin: beyond about
`OUTLINE` levels a step counts less and less. All constants are ours.

The equation is solved coarse to fine: the border's steps are averaged to half the size repeatedly, the smallest size is
relaxed until it converges, and every larger one starts from the smaller one's result. The picture's border is free.
Without any known border (a mask of the whole picture) nothing changes. `membrane_graph` is the same in a graph.
"""

from __future__ import annotations

import cv2
import numpy as np

BAND = 1
"""Radius in pixels of the window of a border pixel's two medians; of 1, 2 and 3, the one with the least seam."""
OUTLINE = 24.0
"""The step, in levels, half of which is taken for an outline in the photograph."""
COARSEST = 16
"""The longer side at or below which a level is relaxed from zero, by `REST` sweeps."""
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
      (positions [n,2] of the hole's pixels that have a known one among their four neighbours, row by row; steps [n,3]
      float32, to be added there).
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


def _halve(layer: np.ndarray) -> np.ndarray:
    """[H,W,C] -> sums over squares of 2 x 2 pixels."""
    layer = np.pad(layer, [(0, layer.shape[0] % 2), (0, layer.shape[1] % 2), (0, 0)])
    return layer[::2, ::2] + layer[1::2, ::2] + layer[::2, 1::2] + layer[1::2, 1::2]


def _neighbors(layer: np.ndarray) -> np.ndarray:
    """[H,W,C] -> sums over the four neighbours; beyond the picture is 0."""
    return cv2.filter2D(layer, -1, _CROSS, borderType=cv2.BORDER_CONSTANT).reshape(layer.shape)


def harmonic(values: np.ndarray, border: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Laplace's equation in a domain, with values at its border.

    Args:
      values: [H,W,C] float32, the boundary values.
      border: [H,W] in {0,1}, within the domain.
      domain: [H,W] in {0,1}; beside it, and beside the picture, the border is free.

    Returns:
      [H,W,C] float32; 0 outside the domain, and where no border is connected at the coarsest level.
    """
    boundary_mask, inside = border.astype(np.float32)[..., None], domain.astype(np.float32)[..., None]
    boundary = values * boundary_mask
    levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(boundary, boundary_mask, inside)]
    while max(levels[-1][0].shape[:2]) > COARSEST:
        boundary, boundary_mask, inside = (_halve(layer) for layer in levels[-1])
        count = np.maximum(boundary_mask, 1.0)
        levels.append((boundary / count, np.minimum(boundary_mask, 1.0), np.minimum(inside, 1.0)))
    result = np.zeros_like(levels[-1][0])
    for number, (boundary, boundary_mask, inside) in enumerate(reversed(levels)):
        if number:
            result = result.repeat(2, axis=0).repeat(2, axis=1)[: boundary.shape[0], : boundary.shape[1]]
        free = inside * (1.0 - boundary_mask)
        around = _neighbors(inside)
        share = np.divide(free, around, out=np.zeros_like(free), where=around > 0).repeat(boundary.shape[-1], axis=-1)
        result = result * free + boundary
        for _ in range(SWEEPS // max(boundary.shape[:2]) if number else REST):
            result = _neighbors(result)
            result *= share
            result += boundary
    return result


def membrane(
    image: np.ndarray, repaint: np.ndarray, mask: np.ndarray, strength: float = 1.0, reach: float | None = None
) -> np.ndarray:
    """Removes a repaint's step at the mask's border.

    Args:
      image: [H,W,3] uint8, the photograph, at any size: the working side's is enough and fast.
      repaint: [H,W,3] uint8; only the mask's pixels count.
      mask: [H,W] in {0,1}.
      strength: from 0, nothing, to 1, the whole step.
      reach: pixels from the border over which the correction decays to 1/e; None: no decay, and a colour stroke in the
        middle is shifted with its surroundings.

    Returns:
      [H,W,3] uint8; `repaint` bit for bit outside the mask, and everywhere if the mask has no known border.
    """
    result = repaint.copy()
    inside = mask > 0
    if strength == 0 or inside.all() or not inside.any():
        return result
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    # Includes the known pixels that the medians need.
    window = tuple(slice(max(int(n[0]) - BAND, 0), int(n[-1]) + BAND + 1) for n in (rows, columns))
    hole = np.ascontiguousarray(inside[window]).astype(np.uint8)
    places, step = steps(image[window], repaint[window], hole)
    values, border = np.zeros((*hole.shape, 3), np.float32), np.zeros(hole.shape, np.uint8)
    values[tuple(places.T)], border[tuple(places.T)] = step, 1
    change = harmonic(values, border, hole) * np.float32(strength)
    if reach is not None:
        distance = cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        change *= np.exp(-np.maximum(distance - 1.0, 0.0) / reach)[..., None]
    levels = np.clip(np.rint(repaint[window] + change), 0, 255).astype(np.uint8)
    result[window] = np.where(hole[..., None] > 0, levels, repaint[window])
    return result
