"""The strokes of free-form masks (`masks.strokes`): zig-zags, and curves as a mouse draws them."""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.config import StrokeConfig

_SAMPLES = 8  # lines from one vertex to the next of a curve: no corner is seen at 512 px
_T = np.arange(_SAMPLES) / _SAMPLES
_SPLINE = np.stack([(1 - _T) ** 2, 1 + 2 * _T - 2 * _T**2, _T**2], axis=1) / 2  # quadratic B-spline, uniform


def zigzag(
    rng: np.random.Generator, size: tuple[int, int], config: StrokeConfig, start: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """One stroke of SC-FEGAN's algorithm 1, whose lines flip their direction at every second vertex.

    Args:
      rng: decides everything.
      size: (height, width) of the picture.
      config: how many vertices, how long and how wide; lengths are shares of the picture's shorter side.
      start: (x, y) of the first point; None for one at random.

    Returns:
      ([N+1,2] int32 points as (x, y), [N] widths of the lines between them in pixels).
    """
    height, width = size
    side = min(size)
    x, y = start if start is not None else (rng.uniform(0, width), rng.uniform(0, height))
    heading = rng.uniform(0, 360)
    points = [(x, y)]
    for vertex in range(rng.integers(config.vertices[0], config.vertices[1] + 1)):
        angle = np.radians(heading + rng.uniform(-config.angle, config.angle) + (180 if vertex % 2 else 0))
        length = rng.uniform(*config.length) * side
        x = min(max(x + length * np.cos(angle), 0), width - 1)
        y = min(max(y + length * np.sin(angle), 0), height - 1)
        points.append((x, y))
    brush = max(1, round(rng.uniform(*config.width) * side))
    return np.round(points).astype(np.int32), np.full(len(points) - 1, brush)


def curve(
    rng: np.random.Generator, size: tuple[int, int], config: StrokeConfig, start: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """One smooth stroke, as `zigzag`; the width is 0 where the brush is lifted.

    Half of the strokes scribble to and fro, the others wander. The vertices are the control points of a quadratic
    B-spline, which begins in the first and ends in the last of them and has no corners in between. Points beyond the
    border are mirrored back, because a clipped stroke would run along it.
    """
    height, width = size
    count = int(rng.integers(config.vertices[0], config.vertices[1] + 1))
    x, y = start if start is not None else (rng.uniform(0, width), rng.uniform(0, height))
    turns = rng.uniform(-config.angle, config.angle, count)
    scribbles = rng.random() < 0.5
    headings = np.radians(rng.uniform(0, 360) + (turns + 180 * (np.arange(count) % 2) if scribbles else turns.cumsum()))
    lengths = rng.uniform(*config.length, count) * min(size)
    steps = np.zeros(count + 3, complex)  # x + iy; the spline needs the first and the last vertex twice
    steps[2:-1] = lengths * np.exp(1j * headings)
    steps[0] = complex(x, y)
    vertices = steps.cumsum()
    line = (_SPLINE @ np.stack([vertices[:-2], vertices[1:-1], vertices[2:]])).T.reshape(-1)
    points = np.append(line, vertices[-1]).view(np.float64).reshape(-1, 2)
    far = np.array([max(width - 1.0, 1.0), max(height - 1.0, 1.0)])
    points = far - np.abs(points % (2 * far) - far)
    widths = np.full(len(points) - 1, rng.uniform(*config.width) * min(size))
    if config.taper:
        waves, phase = rng.uniform(0.5, 2.0), rng.uniform(0, 1)
        along = np.arange(len(widths)) * (waves / len(widths)) + phase
        widths *= 1 - config.taper * (0.5 + 0.5 * np.cos(2 * np.pi * along))
    widths = np.maximum(np.round(widths), 1)
    if config.gap:
        gaps = rng.random(len(widths) // _SAMPLES) < config.gap
        gaps[0] = False
        widths *= ~np.repeat(gaps, _SAMPLES)
    return np.round(points).astype(np.int32), widths.astype(int)


def draw(mask: np.ndarray, points: np.ndarray, widths: np.ndarray, value: int) -> None:
    """Draws the lines of a stroke in place, with round joints and ends."""
    runs = [0, *(np.flatnonzero(np.diff(widths)) + 1).tolist(), len(widths)]
    for a, b in zip(runs[:-1], runs[1:]):
        if widths[a]:
            cv2.polylines(mask, [points[a : b + 1]], False, (value,), int(widths[a]))
