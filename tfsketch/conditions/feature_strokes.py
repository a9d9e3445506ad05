"""Simulated user input for a feature of a face, a freehand drawing of its lines and a few dabs of one colour; and for a
whole face, a portrait in lines.

Training uses it for its own pictures' features (`data.sampling`), the protocol `transplant_edits` for another face's
(`evaluation.edit_requests`). No paper says how people draw; all choices are ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import cv2
import numpy as np

from tfsketch.conditions import colors, features, hand, masks, regions
from tfsketch.conditions.trace import trace
from tfsketch.config import ColorConfig, HandConfig, StrokeConfig
from tfsketch.vocabulary import size_of

_NO_HAIR = 0.4
"""Share of portraits without hair."""
_LEFT_OUT = 0.1
"""Share of portraits without the nose, without the glasses, or with the mouth in one line."""
_LARGER = 0.7
"""Largest relative error by which an eye is drawn too large, at level 1: people exaggerate what they look at."""


def freehand(
    rng: np.random.Generator,
    lines: np.ndarray,
    labels: np.ndarray,
    region: np.ndarray,
    level: float,
    config: HandConfig,
    zoom: float = 1.0,
    shift: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """The lines of a feature as a freehand drawing, [S,S] uint8 in {0,1}.

    Displacements are in proportion to the feature, not to the face, since a person who draws an eye looks at the eye.
    So the simulator works in the square around the region.

    Args:
      rng: source of all randomness.
      lines: [S,S] uint8 in {0,1}, of `features.lines_of`.
      labels: [S,S] uint8 region map.
      region: [S,S] uint8 in {0,1}, not empty.
      level, config: as in `hand.draw_badly`.
      zoom: how many times as large the feature is drawn.
      shift: (rows, columns) in pixels that it is drawn too low and too far right; less at the picture's border.
    """
    side = min(region.shape)
    left, top, width, height = cv2.boundingRect(masks.grow(region, max(1, side // 64)))
    edge = min(round(max(height, width) * max(zoom, 1.0)), side)
    top, left = (int(np.clip(s + (n - edge) // 2, 0, side - edge)) for s, n in ((top, height), (left, width)))
    window = (slice(top, top + edge), slice(left, left + edge))
    middle = (edge - 1) / 2
    strokes = [middle + zoom * (stroke - middle) for stroke in trace(lines[window])]
    top, left = (int(np.clip(s + by, 0, side - edge)) for s, by in zip((top, left), shift))
    sketch = np.zeros_like(region)
    sketch[top : top + edge, left : left + edge] = hand.draw_badly(
        rng, strokes, (edge, edge), level, config, labels[window]
    )
    return sketch


def dabs(
    rng: np.random.Generator, name: str, smooth: np.ndarray, parts: np.ndarray, config: ColorConfig
) -> tuple[np.ndarray, np.ndarray]:
    """A few dabs on every part of a feature, of one colour for each of its regions: both eyes, all of the lips.

    Args:
      rng: source of all randomness.
      name: of `features.REGIONS_OF`.
      smooth: [S,S,3] uint8 RGB, the photograph without its texture (`colors.color_map`).
      parts: [S,S] uint8 region map of the coloured parts (`features.color_regions`).
      config: as of `colors.paint`.

    Returns:
      (colours [S,S,3] uint8 RGB, 0 outside strokes; strokes [S,S] uint8 in {0,1}).
    """
    result, mask = np.zeros_like(smooth), np.zeros_like(parts)
    side, total = min(parts.shape), cv2.countNonZero(parts)
    for label in features.REGIONS_OF[name]:
        whole = regions.mask_of(parts, label)
        flat = colors.median_of(smooth[whole > 0]) if whole.any() and label in colors.FLATTENED else None
        for part in masks.parts_of(whole):
            pixels = cv2.countNonZero(part)
            if pixels < 0.04 * total:
                continue
            window = masks.window_of(part)
            distance = cv2.distanceTransform(np.pad(part[window], 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            thickness, extent = 2 * float(distance.max()) / side, max(cv2.boundingRect(part)[2:]) / side
            share = pixels / part.size
            dab = dataclasses.replace(
                config,
                share=(0.4 * share, 0.7 * share),
                stroke=StrokeConfig(
                    vertices=(2, 4),
                    angle=40.0,
                    length=(0.1 * extent, 0.3 * extent),
                    width=(min(0.3 * thickness, 0.04), min(0.7 * thickness, 0.08)),
                    curved=1.0,
                    taper=0.4,
                    gap=0.0,
                ),
                flat=1.0,
                regions=(label,),
                flatten=(1.0, 1.0),
            )
            rng.random()  # in place of `paint`'s random numbers, so that older examples stay the same
            numbers, _, _ = colors.lay_strokes(rng, size_of(parts), dab, part * np.uint8(regions.REGIONS.index(label)))
            rng.random(255)
            where = (numbers[window] > 0) & (part[window] > 0)
            result[window][where] = smooth[window][where] if flat is None else flat
            mask[window] |= where
    return result, mask


def _large_eyes(image: np.ndarray, labels: np.ndarray, eyes: np.ndarray, zoom: float) -> tuple[np.ndarray, np.ndarray]:
    """The lines of eyes, each enlarged about its centre, and the enlarged regions: twice [S,S] uint8 in {0,1}."""
    lines, larger = np.zeros_like(eyes), np.zeros_like(eyes)
    for eye in masks.parts_of(eyes)[:2]:
        center = features.center_of(eye)
        matrix = cv2.getRotationMatrix2D((center.real, center.imag), 0.0, zoom)
        size = eye.shape[::-1]
        region = np.asarray(cv2.warpAffine(eye, matrix, size, flags=cv2.INTER_NEAREST), np.uint8)
        near = np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
        lines |= features.lines_of("eyes", near, labels, region, eyes)
        larger |= region
    return lines, larger


def _portrait(
    rng: np.random.Generator,
    image: np.ndarray,
    labels: np.ndarray,
    strands: np.ndarray,
    level: float,
    config: HandConfig,
) -> np.ndarray:
    """`drawing` of a whole face; empty if the map has none.

    An edge detector's lines, however badly redrawn, follow the light: shadows of cheeks, folds, strands and the scene.
    A person who draws a face leaves these out, and draws what no detector finds, the whole chin and the whole lips.
    """
    side = min(labels.shape)
    thin = dataclasses.replace(config, width=0.0)
    contour = features.contour_of(labels)
    if not contour.any():
        return contour
    parts = features.features_in(labels, np.ones_like(labels))
    if rng.random() < _NO_HAIR:
        parts.pop("hair", None)
    if "hair" in parts or rng.random() < 0.5:  # a hairline once, or a face without a forehead
        contour &= 1 - masks.grow(regions.mask_of(labels, ("hair", "hat")), max(1, side // 64))
    sketch = hand.simulate(rng, contour, level, thin, labels)
    for name, region in parts.items():
        if name in ("nose", "glasses") and rng.random() < _LEFT_OUT:
            continue
        single = name == "brows" and rng.random() < 0.5 or name == "mouth" and rng.random() < _LEFT_OUT
        if name == "eyes":
            lines, region = _large_eyes(image, labels, region, 1.0 + _LARGER * level * rng.random())
        elif single:
            lines = features.midline_of(region)
        else:
            lines = features.lines_of(name, image, labels, region, strands)
        if name == "nose" and rng.random() < 0.5:
            lines |= features.bridge_of(region, rng.random() < 0.5)
        zoom, shift = 1.0, (0, 0)
        if config.feature_scale and name in ("mouth", "nose"):
            zoom = float(np.exp(np.clip(rng.standard_normal(), -2.0, 2.0) * level * config.feature_scale))
        if config.feature_shift:
            down, right = np.round(rng.standard_normal(2) * level * config.feature_shift * side).astype(int)
            shift = int(down), int(right)
        sketch |= freehand(rng, lines, labels, region, level, thin, zoom, shift)
    if rng.random() < config.around:
        beside = strands & (1 - masks.grow(regions.mask_of(labels, ("face", "hair")), side // 32))
        sketch |= hand.simulate(rng, beside, level, thin, labels)
    pen = round(config.width * side * rng.random())
    tip = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(pen, 1),) * 2)
    return np.asarray(cv2.dilate(sketch, tip), np.uint8)


def drawing(
    rng: np.random.Generator,
    image: np.ndarray,
    labels: np.ndarray,
    strands: np.ndarray,
    regions_: Mapping[str, np.ndarray] | None,
    level: float,
    config: HandConfig,
) -> np.ndarray:
    """The freehand lines of several features and, by `config.around`, of their surroundings: [S,S] uint8 in {0,1}.

    Args:
      rng: source of all randomness.
      image, labels, strands: as of `features.lines_of`.
      regions_: feature -> its region (`features.features_in`). None: a portrait of the whole face as a person draws it
        on an empty sheet: a contour, the outlines of its features, hair or none, little of the background, all with one
        pen, up to `config.width` of the side wide at any level.
      level, config: as in `hand.draw_badly`.
    """
    if regions_ is None:
        return _portrait(rng, image, labels, strands, level, config)
    sketch = np.zeros_like(labels)
    for name, region in regions_.items():
        lines = features.lines_of(name, image, labels, region, strands)
        sketch |= freehand(rng, lines, labels, region, level, config)
    if rng.random() < config.around:
        near = masks.grow(np.maximum.reduce([np.zeros_like(labels), *regions_.values()]), min(labels.shape) // 32)
        sketch |= hand.simulate(rng, strands & (1 - near), level, config, labels)
    return sketch
