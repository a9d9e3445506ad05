"""Sketches as strokes: what is rendered from them is the sketch."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from tests import sheets
from tfsketch.conditions import strokes, vectors
from tfsketch.errors import ImageError


def _render(sketch):
    """(the strokes of a sketch, and what they look like at its size)."""
    tree = json.loads(json.dumps(vectors.strokes_of(sketch)))
    return tree, strokes.render(strokes.parse(tree), sketch.shape).sketch


def _far(one, other, slack):
    """Pixels of a sketch that are further from another than so many pixels."""
    return int((one > cv2.dilate(other, np.ones((2 * slack + 1,) * 2, np.uint8))).sum())


@pytest.mark.parametrize(("side", "width"), [(192, 1), (192, 3), (192, 9), (700, 5), (1500, 14)])
def test_strokes_cover_the_sketch(side, width):
    sketch = sheets.face(side, width).astype(np.uint8)
    tree, layers = _render(sketch)
    slack = 1 if side <= vectors.LONGEST else 2
    assert _far(layers, sketch, slack) + _far(sketch, layers, slack) <= 0.02 * sketch.sum()
    assert 0.9 <= layers.sum() / sketch.sum() <= 1.4
    assert max(tree["size"]) == min(side, vectors.LONGEST)
    assert len(tree["strokes"]) <= 20  # and no heap of pieces: brows, eyes, pupils, nose, mouth, outline


def test_lines_keep_their_own_width():
    sketch = np.zeros((100, 120), np.uint8)
    sketch[20, 10:100] = sketch[48:53, 10:100] = 1
    tree, _ = _render(sketch)
    assert sorted(round(stroke["width"]) for stroke in tree["strokes"]) == [1, 5]
    assert all(stroke["layer"] == "sketch" for stroke in tree["strokes"]) and tree["size"] == [120, 100]
    assert sorted({y for stroke in tree["strokes"] for _, y in stroke["points"][:1]}) == [20.5, 50.5]


def test_areas_are_filled_and_holes_stay_open():
    sketch = np.zeros((120, 160), np.uint8)
    for row in range(6):
        cv2.line(sketch, (8, 8 + 18 * row), (60, 8 + 18 * row), 1, 2)
    cv2.circle(sketch, (110, 60), 40, 1, -1)
    cv2.circle(sketch, (118, 64), 14, 0, -1)
    tree, layers = _render(sketch)
    assert sum(stroke.get("fill", False) for stroke in tree["strokes"]) == 1
    assert _far(layers, sketch, 1) == 0 and _far(sketch, layers, 1) <= 4
    assert not layers[58:70, 112:124].any()


def test_nothing_dots_and_noise():
    empty = np.zeros((9, 12), np.uint8)
    assert vectors.strokes_of(empty) == {"size": [12, 9], "strokes": []}
    dots = empty.copy()
    dots[2, 3] = dots[6, 8] = 1
    tree, layers = _render(dots)
    np.testing.assert_array_equal(layers, dots)
    assert len(tree["strokes"]) == 2
    full = np.ones((30, 40), np.uint8)
    assert _render(full)[1].mean() > 0.99
    noise = (np.random.default_rng(0).random((400, 400)) < 0.3).astype(np.uint8)
    with pytest.raises(ImageError, match=r"expected a sketch of at most 5,000 lines, found [\d,]+: take a lower level"):
        vectors.strokes_of(noise)
