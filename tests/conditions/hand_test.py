"""The hand that draws badly: what it traces, and what becomes of it with the level."""

from __future__ import annotations

import dataclasses
import time

import cv2
import numpy as np
import pytest
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.conditions import hand, regions
from tfsketch.conditions.trace import trace
from tfsketch.config import HandConfig
from tfsketch.errors import ConfigError, DataError

CONFIG = HandConfig()


def _blank(height=64, width=64) -> np.ndarray:
    return np.zeros((height, width), np.uint8)


def _circle() -> np.ndarray:
    return cv2.circle(_blank(), (31, 30), 20, 1)


def _cross() -> np.ndarray:
    return cv2.line(cv2.line(_blank(), (5, 30), (58, 30), 1), (33, 6), (33, 57), 1)


def _saltire() -> np.ndarray:
    return cv2.line(cv2.line(_blank(), (5, 5), (58, 58), 1), (58, 5), (5, 58), 1)


def _tee() -> np.ndarray:
    return cv2.line(cv2.line(_blank(), (5, 10), (58, 10), 1), (30, 10), (30, 57), 1)


def _spiral() -> np.ndarray:
    angle = np.linspace(0, 6 * np.pi, 200)
    points = 32 + (4 + 1.3 * angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return cv2.polylines(_blank(), [np.round(points).astype(np.int32)], False, 1)


def _dots() -> np.ndarray:
    lines = _blank()
    lines[3, 4] = lines[30, 50] = lines[63, 63] = lines[0, 63] = 1
    return lines


def _face(rng: np.random.Generator, side: int = 128) -> np.ndarray:
    """A face of ellipses, with hair of short strokes and a long line behind it."""
    lines = _blank(side, side)

    def ellipse(x, y, a, b, start=0, end=360):
        place = [round(side * (v + rng.uniform(-0.01, 0.01))) for v in (x, y)]
        cv2.ellipse(lines, place, [round(side * v) for v in (a, b)], 0, start, end, 1)

    ellipse(0.5, 0.55, 0.28, 0.38)
    for x in (0.39, 0.61):
        ellipse(x, 0.475, 0.07, 0.035)
        ellipse(x, 0.475, 0.02, 0.02)
        ellipse(x, 0.42, 0.09, 0.05, 200, 340)
    ellipse(0.5, 0.6, 0.05, 0.06, 0, 180)
    ellipse(0.5, 0.75, 0.11, 0.05, 10, 170)
    for x, y in rng.uniform(0.03, 0.95, (40, 2)) * (side, 0.15 * side):
        cv2.line(lines, (int(x), int(y)), (int(x) + 2, int(y) + 4), 1)
    cv2.line(lines, (2, side // 2), (side // 5, side - 3), 1)
    return skeletonize(lines > 0).astype(np.uint8)


def _pixels(strokes: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The pixels that the points of strokes name."""
    lines = np.zeros(shape, np.uint8)
    for stroke in strokes:
        x, y = stroke.T.astype(int)
        lines[y, x] = 1
    return lines


def _near(lines: np.ndarray, others: np.ndarray) -> float:
    """The share of the pixels of `lines` within a pixel of `others`."""
    return float(cv2.dilate(others, np.ones((3, 3), np.uint8))[lines > 0].mean())


def _chamfer(one: np.ndarray, other: np.ndarray) -> float:
    return sum(cv2.distanceTransform(1 - b, cv2.DIST_L2, 5)[a > 0].mean() for a, b in ((one, other), (other, one))) / 2


@pytest.mark.parametrize(
    ("draw", "strokes"), [(_circle, 1), (_cross, 2), (_saltire, 2), (_tee, 2), (_spiral, 1), (_dots, 4)]
)
def test_trace_covers_the_lines_in_few_strokes(draw, strokes):
    lines = skeletonize(draw() > 0).astype(np.uint8)
    paths = trace(lines)
    assert len(paths) == strokes
    assert np.array_equal(_pixels(paths, lines.shape), lines)
    for stroke in paths:
        assert stroke.dtype == np.float32 and stroke.ndim == 2 and stroke.shape[1] == 2
        assert len(stroke) == 1 or np.abs(np.diff(stroke, axis=0)).max() == 1  # from pixel to pixel


def test_rings_are_closed_and_bars_go_through():
    ring = trace(_circle())[0]
    assert np.array_equal(ring[0], ring[-1]) and len(ring) > 100
    for draw in (_cross, _saltire):
        for stroke in trace(draw()):
            assert np.linalg.norm(stroke[-1] - stroke[0]) > 50
    bar, stem = sorted(trace(_tee()), key=len, reverse=True)
    assert np.ptp(bar[:, 0]) == 53 and np.ptp(stem[:, 1]) == 47


def test_strokes_that_meet_share_their_junction():
    """Three lines at equal angles: none goes straight on, so three strokes end at one pixel."""
    lines = _blank()
    for angle in np.radians([90, 210, 330]):
        end = np.round(32 + 25 * np.array([np.cos(angle), np.sin(angle)])).astype(int)
        cv2.line(lines, (32, 32), end.tolist(), 1)
    ends = [{tuple(stroke[0]), tuple(stroke[-1])} for stroke in trace(lines)]
    assert len(ends) == 3 and len(set.intersection(*ends)) == 1


def test_trace_covers_noise():
    """Whatever the lines are, every pixel of the thinned ones is on a stroke, and nothing else is."""
    rng = np.random.default_rng(0)
    for density in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0):
        for size in ((40, 60), (7, 5), (1, 30), (2, 2)):
            lines = rng.random(size) < density
            assert np.array_equal(_pixels(trace(lines), size), skeletonize(lines))


def test_strokes_are_joined_over_small_gaps_only():
    lines = cv2.line(_blank(), (4, 20), (58, 20), 1)
    lines[:, 30:34] = 0
    cv2.line(lines, (31, 26), (31, 60), 1)  # does not point at the others' ends along their way
    strokes = trace(lines)
    assert len(strokes) == 3
    assert len(hand._join(strokes, 2.0)) == 3
    longer = hand._join(strokes, 8.0)
    assert len(longer) == 2 and max(np.ptp(stroke[:, 0]) for stroke in longer) == 54
    # An almost closed ring is closed.
    arc = cv2.ellipse(_blank(), (32, 32), (20, 20), 0, 8, 352, 1)
    ring = hand._join(trace(arc), 8.0)
    assert len(ring) == 1 and np.array_equal(ring[0][0], ring[0][-1])


def test_a_dashed_line_is_drawn_as_one():
    lines = _blank(256, 256)
    for x in range(20, 230, 12):
        lines[140, x : x + 9] = 1
    widest = []
    for join in (0.0, 0.04):
        config = HandConfig(join=join)
        sketch = hand.simulate(np.random.default_rng(0), lines, 0.8, config)
        widest.append(np.ptp(np.nonzero(sketch)[1]))
    assert widest[0] < 100 and widest[1] > 150, widest


@pytest.mark.parametrize("draw", [_circle, _cross, _saltire, _tee, _spiral, _dots])
def test_level_0_is_the_input(draw):
    lines = skeletonize(draw() > 0).astype(np.uint8)
    sketch = hand.simulate(np.random.default_rng(0), lines, 0.0, CONFIG)
    precision, recall = _near(sketch, lines), _near(lines, sketch)
    assert 2 * precision * recall / (precision + recall) >= 0.95
    assert np.array_equal(sketch, hand.simulate(np.random.default_rng(7), lines, 0.0, CONFIG))


def test_difficulty_grows_with_the_level():
    levels = (0.0, 0.25, 0.5, 0.75, 1.0)
    distances = []
    for seed in range(12):
        clean = _face(np.random.default_rng(seed))
        strokes = trace(clean)
        distances.append(
            [
                _chamfer(clean, hand.draw_badly(np.random.default_rng(seed), strokes, clean.shape, level, CONFIG))
                for level in levels
            ]
        )
    means = np.mean(distances, axis=0)
    assert means[0] < 0.2 and (np.diff(means) > 0.2).all(), means
    assert means[-1] < 0.1 * 128  # and it is still a drawing of the same face


CHANCES = ("abstraction", "probability", "features", "around")
"""What is no magnitude: which examples the freehand simulator draws, how badly, and what of them."""
PORTRAITS = ("feature_scale", "feature_shift")
"""Magnitudes of portraits alone (`features_test`)."""


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(CONFIG) if f.name not in CHANCES + PORTRAITS])
def test_every_magnitude_does_something(field):
    neutral = 1.0 if field == "feature_weight" else 0.0
    strokes = trace(_face(np.random.default_rng(0), 256))
    changes = 0
    for seed in range(3):
        one, other = (
            hand.draw_badly(np.random.default_rng(seed), strokes, (256, 256), 1.0, config)
            for config in (CONFIG, dataclasses.replace(CONFIG, **{field: neutral}))
        )
        changes += not np.array_equal(one, other)
    assert changes


def test_fragments_go_first_and_features_last():
    clean = _face(np.random.default_rng(3))
    strokes = trace(clean)
    selections = [
        hand._choose(np.random.default_rng(0), strokes, clean.shape, level, CONFIG, None)
        for level in (0.0, 0.3, 0.6, 1.0)
    ]
    assert len(selections[0]) == len(strokes)
    assert all(len(b) < len(a) for a, b in zip(selections[:-1], selections[1:]))
    assert min(len(stroke) for stroke in selections[2]) > 10
    oval = max(strokes, key=len)
    mouth = min(strokes, key=lambda stroke: np.linalg.norm(stroke.mean(axis=0) - (64, 101)))
    assert {id(oval), id(mouth)} <= {id(stroke) for stroke in selections[-1]}


def test_regions_say_what_is_kept():
    size = (100, 100)
    lines = cv2.line(cv2.line(_blank(*size), (10, 10), (35, 10), 1), (60, 90), (85, 90), 1)
    strokes = sorted(trace(lines), key=lambda stroke: stroke[0, 1])
    for feature in (0, 1):
        faces = np.full(size, regions.REGIONS.index("background"), np.uint8)
        faces[50 * feature : 50 * feature + 50] = regions.REGIONS.index("mouth")
        for seed in range(5):
            choice = hand._choose(np.random.default_rng(seed), strokes, size, 1.0, CONFIG, faces)
            assert [id(stroke) for stroke in choice] == [id(strokes[feature])]
    with pytest.raises(DataError, match=r"expected the sketch's shape \[100, 100\], found \[50, 100\]"):
        hand.draw_badly(np.random.default_rng(0), strokes, size, 1.0, CONFIG, faces[:50])


def test_of_two_strokes_side_by_side_one_is_drawn():
    size = (256, 256)
    lines = cv2.line(cv2.line(_blank(*size), (40, 100), (220, 100), 1), (60, 103), (200, 103), 1)
    cv2.line(lines, (60, 160), (200, 160), 1)
    strokes = trace(lines)
    choice = hand._choose(np.random.default_rng(0), strokes, size, 0.9, CONFIG, None)
    assert sorted(stroke[0, 1] for stroke in choice) == [100, 160]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 501), (64, 64), (3, 2)])
@pytest.mark.parametrize("level", [0.0, 0.3, 0.7, 1.0])
def test_any_size_is_binary_and_repeatable(size, level):
    lines = (np.random.default_rng(1).random(size) < 0.3).astype(np.uint8)
    lines[-1, -1] = 1
    before = lines.copy()
    sketch = hand.simulate(np.random.default_rng(5), lines, level, CONFIG)
    assert sketch.shape == size and sketch.dtype == np.uint8 and set(np.unique(sketch)) <= {0, 1} and sketch.any()
    assert np.array_equal(sketch, hand.simulate(np.random.default_rng(5), lines, level, CONFIG))
    assert np.array_equal(lines, before)
    if size == (64, 64) and level > 0:
        assert not np.array_equal(sketch, hand.simulate(np.random.default_rng(6), lines, level, CONFIG))


def test_something_is_left_of_a_dot_in_the_corner():
    lines = _blank()
    lines[0, 63] = 1
    for seed in range(20):
        assert hand.simulate(np.random.default_rng(seed), lines, 1.0, CONFIG).any()


def test_empty_stays_empty():
    assert trace(_blank()) == []
    for level in (0.0, 1.0):
        sketch = hand.simulate(np.random.default_rng(0), _blank(20, 31), level, CONFIG)
        assert sketch.shape == (20, 31) and sketch.dtype == np.uint8 and not sketch.any()


@pytest.mark.parametrize("level", [-0.01, 1.01, float("nan")])
def test_levels_outside_are_refused(level):
    with pytest.raises(ConfigError, match=f"level: expected 0 to 1, found {level}"):
        hand.simulate(np.random.default_rng(0), _circle(), level, CONFIG)


def test_noise_takes_no_time():
    """A picture that is no sketch at all may not stop a pipeline."""
    lines = np.random.default_rng(0).random((128, 128)) < 0.3
    start = time.process_time()
    hand.simulate(np.random.default_rng(0), lines, 1.0, CONFIG)
    assert time.process_time() - start < 3.0


def test_strokes_from_the_border_are_joined_in_tensorflows_threads_too():
    """Where denormal numbers are 0, a tree over coordinates of 0 would not end, and the process would."""
    across = [np.array([[0, 0], [length, 0]], np.float32) for length in range(1, 21)]
    strokes = across + [np.array([[0, row], [0, row + 1]], np.float32) for row in range(4)]  # most ends are at 0

    def join(number: np.ndarray) -> np.ndarray:
        return np.concatenate(hand._join(strokes, 0.5 + number))

    for number, points in enumerate(tf.data.Dataset.range(2).map(lambda n: tf.numpy_function(join, [n], tf.float32))):
        np.testing.assert_array_equal(points, join(np.int64(number)))
