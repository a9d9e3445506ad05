"""The clean lines by which a person draws a feature of a face, from a labelled photograph of it.

Outlines of labelled regions, irises, the line between closed lips. An edge detector's lines of something as small as an
eye are scribbles that no one would draw.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.conditions import lines as lines_lib
from tfsketch.conditions import regions, sketches
from tfsketch.data.shards import Picture
from tfsketch.evaluation.donors import center_of, labels_of
from tfsketch.framing import arrays


def _outline(region: np.ndarray) -> np.ndarray:
    """The one-pixel outline of a region, [S,S] uint8 in {0,1}, without labellers' jags; the picture's edge is none."""
    side = min(region.shape)
    soft = cv2.GaussianBlur(region.astype(np.float32), (0, 0), side / 170)
    smooth = (soft > 0.5).astype(np.uint8)
    inner = np.asarray(cv2.erode(smooth, np.ones((3, 3), np.uint8), borderValue=(1,)), np.uint8)
    return smooth & (1 - inner)


def dark_part(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The darker of the two classes of luma (Otsu) in a region, without specks, [S,S] uint8 in {0,1}."""
    if not where.any():
        return np.zeros_like(where)
    light = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    threshold, _ = cv2.threshold(light[where > 0], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = np.where(light <= threshold, where, np.uint8(0))
    return cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))


def parts_of(mask: np.ndarray) -> list[np.ndarray]:
    """The connected parts of a mask, the largest first, each [S,S] uint8 in {0,1}."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    largest = sorted(range(1, count), key=lambda n: -stats[n, cv2.CC_STAT_AREA])
    return [(labels == n).astype(np.uint8) for n in largest]


def irises_of(image: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """The irises, as far as the lids show them: [S,S] uint8 in {0,1}.

    A disc about the middle of each eye's dark part, as wide as that, since lids cut its height, and at most half
    as high again as the open eye, since lashes are dark too.
    """
    irises = np.zeros_like(eyes)
    for eye in parts_of(eyes)[:2]:
        dark = parts_of(dark_part(image, cv2.erode(eye, np.ones((3, 3), np.uint8))))
        if dark:
            center = center_of(dark[0])
            radius = min(0.5 * arrays.box_of(dark[0])[3], 0.75 * arrays.box_of(eye)[2])
            disc = np.zeros_like(eye)
            cv2.circle(disc, (round(center.real), round(center.imag)), max(1, round(radius)), (1,), -1)
            irises |= disc & eye
    return irises


def _between_lips(image: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """The line between closed lips, [S,S] uint8 in {0,1}: the way from corner to corner along the darkest pixels."""
    line = np.zeros_like(lips)
    top, left, height, width = arrays.box_of(lips)
    light = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), min(lips.shape) / 256)
    cost = np.where(lips > 0, light, 1000.0)[top : top + height, left : left + width]
    total = cost.copy()
    for x in range(1, width):  # dynamic programming: a step to the right goes up or down by a pixel at most
        before = np.pad(total[:, x - 1], 1, constant_values=np.inf)
        total[:, x] += np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
    y = int(total[:, -1].argmin())
    for x in range(width - 1, -1, -1):
        line[top + y, left + x] = lips[top + y, left + x]
        if x:
            rows = [row for row in (y, y - 1, y + 1) if 0 <= row < height]
            y = min(rows, key=lambda row: total[row, x - 1])
    return line


def lines_of(name: str, donor: Picture, region: np.ndarray, sketcher: sketches.Sketcher) -> np.ndarray:
    """The clean lines by which a person draws a feature, [S,S] uint8 in {0,1}.

    Outlines of its labelled regions; of eyes the irises too, of closed lips the line between them, of a nose only its
    wings and nostrils, of hair the longest of the photograph's own lines, of glasses both edges of the frame.

    Args:
      name: of `donors.KINDS`.
      donor: a labelled photograph.
      region: [S,S] uint8 in {0,1}: where it shows the feature.
      sketcher: of the lines of hair.
    """
    side = min(region.shape)
    lines = _outline(region)
    if name == "eyes":
        lines |= _outline(irises_of(donor.image, region))
    elif name == "mouth":
        inner = regions.mask_of(labels_of(donor), "mouth")
        lips = regions.mask_of(labels_of(donor), "lips")
        if inner.sum() > 0.04 * region.sum():
            lines |= _outline(inner)
        elif lips.any():
            lines |= _between_lips(donor.image, lips)
    elif name == "nose":
        top, left, height, width = arrays.box_of(region)
        lower = np.zeros_like(region)
        lower[top + round(0.6 * height) :] = 1
        inside = cv2.erode(region, np.ones((3, 3), np.uint8)) & lower
        nostrils = [part for part in parts_of(dark_part(donor.image, inside)) if part.sum() > 0.004 * region.sum()][:2]
        lines &= lower
        for nostril in nostrils:
            lines |= _outline(nostril)
    elif name == "hair":
        thick = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (side // 64) + 1,) * 2)
        lines = _outline(cv2.morphologyEx(cv2.morphologyEx(region, cv2.MORPH_CLOSE, thick), cv2.MORPH_OPEN, thick))
        strands = sketcher(donor.image[None], labels_of(donor)[None])[0] & cv2.erode(region, np.ones((9, 9), np.uint8))
        lines |= lines_lib.drop_short(strands, 0.12 * side)
    elif name == "glasses":
        lines |= _outline(cv2.erode(region, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (side // 50) + 1,) * 2)))
    return lines if lines.any() else region & (1 - cv2.erode(region, np.ones((3, 3), np.uint8)))
