"""Detail for an enlarged repaint: the photograph's own, carried into the hole from where the small pictures agree.

A photograph of side S is edited at a working side w < S. The network's repaint comes back enlarged, without anything
finer than a working pixel. Outside the hole that fine part is known: the residual, the photograph minus its own
enlarged small picture. As in contextual residual aggregation (Yi et al., CVPR 2020, arXiv 2005.09704) it is carried
into the hole: patches of the repaint are compared with known patches of the same small picture, and the residual of the
match is added at full size. The paper aggregates residuals by soft attention's weighted means over one grid of patches,
which averages texture away; we differ in this (all constants are ours):

- A patch of `PATCH` working pixels takes the residual of one source, as it is or mirrored left to right (faces are
  symmetric). So it carries grain, pores and the sharp side of an edge that lies just there in the small picture.
- The distance is that of patches of luma and chroma in levels, not a cosine: it says how good the match is. From
  `NEAR` to `FAR` the residual fades to nothing, so nothing is invented where nothing alike is known.
- Both sides are softened before they are compared. A repaint is softer than a photograph, and would match its soft
  parts: skin out of focus, a blurred background.
- For the same reason part of the band below is carried too, the source minus its softened self, as far as the repainted
  patch has less of it (`MIDDLE`). All of it would be nearer to the truth by ST-LPIPS, but shows as grain on lids; and
  little is carried from sources that are much rougher than the repaint (`ROUGHER`).
- Where the repaint is smooth, sources are also compared by their roughness (`SMOOTH`): softened, a seam or a wrinkle of
  the same mean colour is as near as plain cloth, and bare skin got scratches.
- Sources that are about equally near take turns (`TOLERANCE`): a forehead whose patches all match one pore best would
  be tiled with it.
- Patches are small and each takes its own best match. Larger ones, and neighbours made to continue each other's source
  (PatchMatch's propagation under a Potts cost), were tried: hair and skin came no nearer to the truth by ST-LPIPS.
- Patches overlap by half under a window whose squared sines sum to 1. The sum is divided by its own standard deviation
  under the assumption that different sources are uncorrelated, equal ones the same (Heitz & Neyret 2018 blend
  textures so): the grain is as strong between two sources as within one.

Below half of the working side's resolution the repaint stays as it is.
Sources hold no erased pixel, and their residual is taken against the enlarged composite, to which no erased pixel
contributes. Memory: two enlarged pictures, and rows of the hole in bands. `residuals_graph` is the same in a graph.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfsketch.framing import arrays
from tfsketch.vocabulary import resize, size_of

PATCH = 4
"""Side of a patch in working pixels; they lie `STEP` apart."""
STEP = PATCH // 2
NEAR, FAR = 30.0, 60.0
"""Root mean square distances of two patches, in levels (over pixels, summed over luma and chroma): up to the first a
residual is carried in full, from the second on not at all."""
SOURCES = 16384
"""Known patches that those of the hole are compared with, at most about; more are subsampled evenly."""
TOLERANCE = 12.0
"""Levels by which a source may be farther than the nearest and still be chosen; the actual margin is random."""
MIDDLE = 0.75
"""The largest share that is carried of what the repaint lacks in the band between one working pixel and two."""
ROUGHER, GRAIN = 1.5, 3.0
"""How many times as rough as the repaint a source may be, by that band's deviation in levels, to which that of a
photograph's grain is added, which a network does not paint. The rougher a source beyond that, the less is carried:
straw is no lip, however alike their colours."""
SMOOTH = 2.0, 4.0
"""Roughness of a repainted patch, the deviation of that band in levels: up to the first the roughness of sources counts
in their distance as much as a difference of all their pixels by as many levels, from the second on it does not."""
SMOOTH_GRAIN = 1.5
"""By how many levels a photograph is rougher than a smooth repaint of the same surface."""
MIRRORED = 1.1
"""Factor of a mirrored source's squared distance: between equals, the unmirrored one is chosen."""
OPPONENT = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
"""Luma and chroma of RGB (ITU-R BT.601)."""
GOLDEN = (5**0.5 - 1) / 2  # `turns`
_BAND = 256  # rows of the hole at a time
_CHUNK = 512  # patches that are compared at a time


@dataclasses.dataclass(frozen=True)
class Sources:
    """The sources of the residuals of the hole's patches, in working pixels, on a grid of `STEP`.

    Attributes:
      start: (row, column) of the first patch, which may lie outside the picture.
      place: [m,n,2] int32, the corners of the sources.
      mirror: [m,n] bool.
      weight: [m,n] float32 in [0,1]; 0 where nothing is carried.
      middle: [m,n] float32 in [0,`MIDDLE`], how much of the source's band below is carried.
    """

    start: tuple[int, int]
    place: np.ndarray
    mirror: np.ndarray
    weight: np.ndarray
    middle: np.ndarray


def soften(picture: np.ndarray) -> np.ndarray:
    """[h,w,3] uint8 under a binomial filter of deviation 1, whole levels."""
    kernel = np.array([1, 4, 6, 4, 1], np.float32) / 16.0
    soft = cv2.sepFilter2D(picture, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.rint(soft).astype(np.uint8)


def turns(first: int, count: int, places: int) -> np.ndarray:
    """Pseudorandom numbers for `count` targets from the `first` on and every source: [count,places] float32 in [0,1).

    A golden-ratio sequence in both: evenly spread, without a period, and the same in a graph."""
    own, other = (
        np.modf(np.arange(begin, begin + n) * step * GOLDEN)[0]
        for begin, n, step in ((first, count, 7), (0, places, 1))
    )
    both = own.astype(np.float32)[:, None] + other.astype(np.float32)
    np.subtract(both, np.float32(1.0), out=both, where=both >= 1.0)
    return both


def patches_of(layer: np.ndarray) -> np.ndarray:
    """[h,w,C] -> [h-PATCH+1,w-PATCH+1,PATCH,PATCH,C], a view."""
    windows = np.lib.stride_tricks.sliding_window_view(layer, (PATCH, PATCH, layer.shape[2]))
    return windows[:, :, 0]


def smoothness(rough: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k, wanted) for the roughness of repainted patches: what a source's squared distance from the `wanted` roughness
    is multiplied by, and that roughness."""
    share = np.clip((SMOOTH[1] - rough) / (SMOOTH[1] - SMOOTH[0]), 0.0, 1.0)
    return np.square(PATCH * share), rough + np.float32(SMOOTH_GRAIN)


def thinning(count: int) -> tuple[int, int]:
    """(m, g): of `count` known positions, those with (column + g * row) % m == 0 are compared with all patches."""
    m = -(-count // SOURCES)
    return m, max(1, round(0.382 * m))


def match(composite: np.ndarray, mask: np.ndarray) -> Sources | None:
    """Finds known patches that resemble the repaint.

    Args:
      composite: [h,w,3] uint8, the composite at the working side.
      mask: [h,w] in {0,1}, not empty, as the network saw it.

    Returns:
      The sources; None if no patch of the picture is known.
    """
    height, width = mask.shape
    if min(height, width) < PATCH:
        return None
    intact = ~patches_of((mask > 0)[..., None]).any(axis=(2, 3, 4))
    places = np.argwhere(intact)
    if not len(places):
        return None
    m, g = thinning(len(places))
    places = places[(places[:, 1] + g * places[:, 0]) % m == 0]
    if not len(places):
        return None

    soft = soften(composite)
    colors = soft.astype(np.float32) @ np.asarray(OPPONENT, np.float32).T
    band = np.square(composite.astype(np.float32) - soft)
    sources = patches_of(colors)[tuple(places.T)]
    top, left, rows, columns = arrays.box_of(mask)
    start = top - STEP, left - STEP
    grid = -(-rows // STEP) + 1, -(-columns // STEP) + 1
    ends = [first + STEP * (n - 1) + PATCH - length for first, n, length in zip(start, grid, mask.shape)]
    pads = [(max(-first, 0), max(end, 0)) for first, end in zip(start, ends)]

    def on_grid(layer: np.ndarray) -> np.ndarray:
        """Patches of the hole: [*grid,PATCH,PATCH,C]."""
        layer = np.pad(layer, [*pads, (0, 0)], mode="edge")
        (row, column), (m, n) = (first + pad[0] for first, pad in zip(start, pads)), grid
        return patches_of(layer)[row : row + STEP * m : STEP, column : column + STEP * n : STEP][:m, :n]

    hole = on_grid((mask > 0)[..., None]).any(axis=(2, 3, 4))
    targets = np.ascontiguousarray(on_grid(colors)).reshape(*grid, -1)

    # All pairs of the remaining ones: the nearest source, mirrored or not. Two more features on either side make the
    # product k * (wanted * rough - rough^2 / 2), of which the distance's k * (rough - wanted)^2 is made.
    flat, own = targets[hole], on_grid(band).mean(axis=(2, 3, 4))
    k, roughness = smoothness(np.sqrt(own[hole]))
    energy = patches_of(band)[tuple(places.T)].mean(axis=(1, 2, 3))
    rough = np.sqrt(energy)
    constant = np.square(flat).sum(axis=-1) + k * np.square(roughness)
    flat = np.concatenate([flat, np.stack([k * roughness, -0.5 * k], axis=-1)], axis=-1)
    extra = np.stack([rough, energy], axis=-1)
    best, nearest, flip = np.full(len(flat), np.inf, np.float32), np.zeros(len(flat), int), np.zeros(len(flat), bool)
    kinds = [kind.reshape(len(places), -1) for kind in (sources, sources[:, :, ::-1])]
    squares = [np.square(those).sum(axis=-1) for those in kinds]
    kinds = [np.concatenate([those, extra], axis=-1) for those in kinds]
    for begin in range(0, len(flat), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        chance = turns(begin, len(flat[part]), len(places)) * np.float32((TOLERANCE * PATCH) ** 2)
        for is_mirror, (those, square) in enumerate(zip(kinds, squares)):
            distance = square - 2.0 * (flat[part] @ those.T)
            at = (distance + chance).argmin(axis=1)
            value = (distance[np.arange(len(at)), at] + constant[part]) * (MIRRORED if is_mirror else 1.0)
            closer = value < best[part]
            best[part] = np.where(closer, value, best[part])
            nearest[part] = np.where(closer, at, nearest[part])
            flip[part] = np.where(closer, bool(is_mirror), flip[part])
    place, mirror = np.zeros((*grid, 2), np.int32), np.zeros(grid, bool)
    place[hole], mirror[hole] = places[nearest], flip

    # Cancellation may leave a little less than nothing.
    rms = np.zeros(grid, np.float32)
    rms[hole] = np.sqrt(np.maximum(best, 0.0)) / PATCH
    weight = np.clip((FAR - rms) / (FAR - NEAR), 0.0, 1.0)
    theirs = np.zeros(grid, np.float32)
    theirs[hole] = energy[nearest]
    middle = MIDDLE * np.sqrt(np.maximum(1.0 - own / np.maximum(theirs, 1e-3), 0.0))
    weight *= np.minimum(ROUGHER * (np.sqrt(own) + GRAIN) / np.sqrt(np.maximum(theirs, 1e-3)), 1.0) ** 2
    return Sources(start, place, mirror, np.where(hole, weight, 0.0).astype(np.float32), middle.astype(np.float32))


def carry(
    image: np.ndarray,
    composite: np.ndarray,
    mask: np.ndarray,
    strength: float = 1.0,
    working_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Adds the photograph's detail to the enlarged repaint.

    Args:
      image: [H,W,3] uint8, the part of the photograph that the network saw (`View.square`).
      composite: [h,w,3] uint8, the network's composite at the working side; its known pixels are the photograph's.
      mask: [H,W] in {0,1}, not empty.
      strength: from 0, the enlarged repaint alone, to 1.
      working_mask: [h,w] in {0,1}, the mask as the network saw it; None is `arrays.resize_mask`'s.

    Returns:
      [H,W,3] uint8; it differs from the enlarged repaint in the mask alone. If the working side is no smaller than the
      picture nothing is added.
    """
    size, work = size_of(mask), size_of(composite)
    base = resize(composite, size)
    if strength == 0 or size[0] <= work[0] and size[1] <= work[1]:
        return base
    small = arrays.resize_mask(mask, work) if working_mask is None else working_mask
    sources = match(composite, small)
    if sources is None:
        return base
    fine = base.astype(np.float32) - resize(soften(composite), size)
    scale = size[0] / work[0], size[1] / work[1]
    top, left, height, width = arrays.box_of(mask)

    # Every pixel lies in two patches along each axis: which, at what offset, and with what weight.
    def along(axis: int, first: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        at = (np.arange(first, first + count) + 0.5) / scale[axis] - sources.start[axis]
        cell = np.floor(at / STEP).astype(int)
        last = sources.place.shape[axis] - 1
        both = []
        for index in (cell, cell - 1):
            window = np.sin(np.pi * (at - index * STEP) / PATCH) ** 2
            both.append((np.clip(index, 0, last), np.where((index >= 0) & (index <= last), window, 0.0)))
        return [(index, window.astype(np.float32)) for index, window in both]

    corner = [np.arange(n) * STEP + first for n, first in zip(sources.place.shape, sources.start)]
    corners = np.stack(np.meshgrid(*corner, indexing="ij"), axis=-1)
    shift = np.rint((sources.place - corners) * np.array(scale)).astype(np.int32)
    axis_at = np.rint((sources.place[..., 1] + corners[..., 1] + PATCH) * scale[1]).astype(np.int32) - 1
    # A pixel x of a mirrored patch comes from `axis_at` - x.
    turn = np.where(sources.mirror, axis_at, shift[..., 1])
    sign = np.where(sources.mirror, -1, 1).astype(np.int32)

    result = base.copy()
    columns = np.arange(left, left + width)
    by_column = along(1, left, width)
    for begin in range(top, top + height, _BAND):
        end = min(begin + _BAND, top + height)
        rows = np.arange(begin, end)
        layers = []
        for row_index, row_window in along(0, begin, end - begin):
            for column_index, column_window in by_column:
                at = row_index[:, None], column_index[None]
                y = np.clip(rows[:, None] + shift[at[0], at[1], 0], 0, size[0] - 1)
                x = np.clip(columns[None] * sign[at] + turn[at], 0, size[1] - 1)
                layers.append((row_window[:, None] * column_window[None], at, y, x))
        total = np.zeros((end - begin, width, 3), np.float32)
        square = np.zeros((end - begin, width), np.float32)
        for number, (window, at, y, x) in enumerate(layers):
            place = y * size[1] + x
            weight = window * sources.weight[at] * (mask.reshape(-1)[place] == 0)
            residual = image.reshape(-1, 3)[place].astype(np.float32) - base.reshape(-1, 3)[place]
            residual += sources.middle[at][..., None] * fine.reshape(-1, 3)[place]
            total += weight[..., None] * residual
            square += window * window
            for other, _, y2, x2 in layers[:number]:
                square += np.where((y == y2) & (x == x2), 2.0 * window * other, 0.0).astype(np.float32)
        total *= strength / np.sqrt(np.maximum(square, 1e-6))[..., None]
        part = slice(begin, end), slice(left, left + width)
        levels = np.clip(np.rint(base[part] + total), 0, 255).astype(np.uint8)
        result[part] = np.where(mask[part][..., None] > 0, levels, base[part])
    return result
