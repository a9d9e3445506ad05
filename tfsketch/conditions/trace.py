"""Tracing: from one-pixel lines to strokes.

Lines are traced through junctions where they go straight on, because a person draws an eyelid or a chin in one stroke.
Sketches are [H,W] uint8 in {0,1} with 1 = stroke; strokes are [N,2] polylines (x, y) in pixels, where (0, 0) is the
centre of the first pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage.morphology import skeletonize

from tfsketch.vocabulary import size_of

REACH = 6  # pixels over which a line's direction at its end is measured; fewer would measure the pixel grid
STRAIGHT = float(np.cos(np.radians(50.0)))  # a line that turns by less continues through a junction or over a gap
_LINES = 8  # at a junction; only noise has more, which would take the square of their number in memory


def _darts(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The line pixels of [H,W] bool, and each step from one to a neighbour in both directions ("darts").

    Diagonal neighbours count only if no common neighbour joins them already, else every corner would be a junction.

    Returns:
      (points [P,2] as (x, y), source [D], target [D]); the dart back from `d` is `(d + D / 2) % D`.
    """
    frame = np.pad(lines, 1)
    flat, stride = frame.ravel(), frame.shape[1]
    places = np.flatnonzero(flat)
    number = np.zeros(flat.size, np.int32)
    number[places] = np.arange(len(places), dtype=np.int32)
    left, right, below = flat[places - 1], flat[places + 1], flat[places + stride]
    neighbours = (
        (1, right),
        (stride, below),
        (stride + 1, flat[places + stride + 1] & ~right & ~below),
        (stride - 1, flat[places + stride - 1] & ~left & ~below),
    )
    a = np.concatenate([number[places[there]] for _, there in neighbours])
    b = np.concatenate([number[places[there] + offset] for offset, there in neighbours])
    y, x = np.divmod(places, stride)
    return np.stack([x - 1, y - 1], axis=1), np.concatenate([a, b]), np.concatenate([b, a])


def pair(one: np.ndarray, other: np.ndarray, score: np.ndarray, count: int) -> np.ndarray:
    """Pairs items 0 to count - 1 along the candidates (one, other), the highest score first.

    Returns:
      [count] int: the partner of each, or -1.
    """
    partner = [-1] * count
    order = np.argsort(-score, kind="stable")
    for i, j in zip(one[order].tolist(), other[order].tolist()):
        if partner[i] < 0 and partner[j] < 0:
            partner[i], partner[j] = j, i
    return np.array(partner, np.int64)


def _through_junctions(
    points: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    onward: np.ndarray,
    degree: np.ndarray,
    shape: tuple[int, int],
) -> None:
    """Continues the darts that enter a junction in the line that is straightest ahead.

    Args:
      points, source, target: as of `_darts`, without the darts inside a junction.
      onward: [D] the dart after each, or itself at a line's end; it is changed in place.
      degree: [P] how many pixels each pixel touches; more than two are a junction.
      shape: of the picture.
    """
    junction = degree > 2
    picture = np.zeros(shape, np.uint8)
    picture[points[junction, 1], points[junction, 0]] = 1
    # A crossing of thin lines is often two or more adjacent junction pixels: they are one junction.
    count, labels = cv2.connectedComponents(picture, connectivity=8)
    back = (np.arange(len(source)) + len(source) // 2) % len(source)
    entering = np.flatnonzero(junction[target])
    x, y = points[target[entering]].T
    hub = labels[y, x]
    order = np.argsort(hub, kind="stable")
    entering, hub = entering[order], hub[order]
    start = entering  # walks back along the line, before any line goes through a junction
    for _ in range(REACH - 1):
        start = back[onward[back[start]]]
    way = (points[target[entering]] - points[source[start]]).astype(np.float64)
    way /= np.linalg.norm(way, axis=1, keepdims=True).clip(1e-6)
    lines = np.bincount(hub, minlength=count)
    pairs = [np.stack([np.arange(len(hub) - d), np.arange(d, len(hub))]) for d in range(1, min(lines.max(), _LINES))]
    i, j = np.concatenate(pairs or [np.zeros((2, 0), int)], axis=1)
    ahead = -(way[i] * way[j]).sum(axis=1)
    fits = (hub[i] == hub[j]) & (ahead > STRAIGHT)
    partner = pair(i[fits], j[fits], ahead[fits], len(hub))
    has_partner = partner >= 0
    onward[entering[has_partner]] = back[entering[partner[has_partner]]]


def _rank(onward: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follows the pointers of linked lists, all at once, by pointer doubling.

    Args:
      onward: [D] the next element of each, or itself at the end of a list. Lists may be closed.

    Returns:
      (last, steps, least), each [D]: the list's last element, the steps to it, and the smallest element from there on.
      On a closed list only `least` has a meaning.
    """
    last, least = onward, np.minimum(onward, np.arange(len(onward)))
    steps = (onward != np.arange(len(onward))).astype(np.int64)
    for _ in range(len(onward).bit_length()):
        steps = steps + steps[last]
        least = np.minimum(least, least[last])
        further = last[last]
        if np.array_equal(further, last):
            break
        last = further
    return last, steps, least


def trace(lines: np.ndarray) -> list[np.ndarray]:
    """One-pixel lines become strokes.

    Args:
      lines: [H,W], 0 or not; lines thicker than a pixel are thinned first.

    Returns:
      Polylines [N,2] float32 of neighbouring pixels' centres (x, y); every pixel of the (thinned) lines is on one. At a
      junction the lines that continue straight are one stroke; a closed line ends with its first point; a lone pixel is
      a stroke of one point.
    """
    if not lines.any():
        return []
    points, source, target = _darts(skeletonize(lines > 0))
    degree = np.bincount(source, minlength=len(points))
    if not len(source):
        return list(points[:, None].astype(np.float32))
    outer = (degree[source] <= 2) | (degree[target] <= 2)  # steps inside a junction are not lines
    source, target = source[outer], target[outer]
    number = np.arange(len(source))
    back = (number + len(number) // 2) % len(number)
    # A pixel of a line has two outgoing darts: the one that does not lead back leads on.
    both = np.bincount(source, weights=number, minlength=len(points)).astype(np.int64)
    onward = np.where(degree[target] == 2, both[target] - back, number)
    if (degree > 2).any():
        _through_junctions(points, source, target, onward, degree, size_of(lines))

    last, steps, least = _rank(onward)
    is_ring = onward[last] != last
    if is_ring.any():  # cut at the smallest element
        onward = np.where(is_ring & (onward == least), number, onward)
        last, steps, _ = _rank(onward)
    head = np.ones(len(number), bool)
    head[onward[onward != number]] = False
    heads = np.flatnonzero(head)
    heads = heads[least[heads] < least[back[last[heads]]]]  # of the two directions, one
    counts = steps[heads] + 1
    first = np.zeros(len(number), np.int64)
    is_stroke_end = np.zeros(len(number), bool)
    first[last[heads]] = np.cumsum(counts) - 1  # of each stroke by its last dart: where the last dart goes
    is_stroke_end[last[heads]] = True
    darts = np.flatnonzero(is_stroke_end[last])
    path = np.empty(len(darts), np.int64)
    path[first[last[darts]] - steps[darts]] = darts
    # A dart gives its source, and also its target if the next one starts elsewhere: at the end, and inside a junction.
    ends = np.cumsum(counts)
    leaps = np.append(target[path[:-1]] != source[path[1:]], True)
    leaps[ends - 1] = True
    pixels = np.stack([source[path], target[path]], axis=1)[np.stack([np.ones_like(leaps), leaps], axis=1)]
    ends = (np.cumsum(1 + leaps)[ends - 1]).tolist()
    polyline = points[pixels].astype(np.float32)
    alone = np.ones(len(points), bool)
    alone[pixels] = False
    return [polyline[a:b] for a, b in zip([0, *ends], ends)] + list(points[alone, None].astype(np.float32))
