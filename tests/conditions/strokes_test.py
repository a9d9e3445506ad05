"""Strokes as JSON: how they are drawn, and what is refused with which words."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from tfsketch.conditions import strokes
from tfsketch.errors import ImageError


def _stroke(**changes) -> dict:
    stroke = {"layer": "mask", "points": [[10, 10], [30, 10], [30, 30]], "width": 4} | changes
    return {key: value for key, value in stroke.items() if value is not None}


def _render(*entries: dict, size=(40, 50), sheet=(50, 40)) -> strokes.Layers:
    return strokes.render(strokes.parse({"size": list(sheet), "strokes": list(entries)}), size)


def test_layers():
    layers = _render(
        _stroke(),
        _stroke(layer="sketch", width=1, points=[[0, 5.5], [50, 5.5]]),
        _stroke(layer="color", color=[255, 0, 9]),
        _stroke(layer="color", color=[0, 0, 0], points=[[20, 10]]),
    )
    for layer, shape in ((layers.mask, (40, 50)), (layers.sketch, (40, 50)), (layers.color, (40, 50, 4))):
        assert layer.shape == shape and layer.dtype == np.uint8
    assert (layers.mask[8:12, 10:30] == 1).all() and layers.mask.max() == 1 and not layers.mask[20, 20]
    assert (layers.sketch[5] == 1).all() and layers.sketch.sum() == 50
    assert tuple(layers.color[10, 12]) == (255, 0, 9, 255)
    assert tuple(layers.color[10, 20]) == (0, 0, 0, 255)  # black paint, later, over it
    assert not layers.color[35, 5].any()


def test_joints_are_round_and_a_point_is_a_dot():
    corner = _render(_stroke(points=[[10, 20], [25, 20], [25, 38]], width=10)).mask
    assert corner[16, 28] and not corner[15, 29]  # a square joint would fill the corner, none would leave the first out
    dot = _render(_stroke(points=[[25, 20]], width=11)).mask
    assert dot[15:25, 25].all() and not dot[15, 20] and 70 <= dot.sum() <= 130
    assert _render(_stroke(points=[[25.5, 20.5]], width=1)).mask.sum() == 1


def test_fill():
    square = [[10, 10], [30, 10], [30, 30], [10, 30]]
    plain = _render(_stroke(points=square, width=None, fill=True)).mask
    wide = _render(_stroke(points=square, width=6, fill=True)).mask
    assert plain[11:29, 11:29].all() and 400 <= plain.sum() <= 441
    assert wide[8:32, 12:28].all() and (wide >= plain).all() and not wide[5].any()


SPIRAL = [[5, 5], [45, 5], [45, 35], [5, 35], [5, 5], [15, 10], [35, 10], [35, 30], [15, 30], [15, 10], [5, 5]]
EIGHT = [[5, 5], [20, 5], [20, 35], [45, 35], [45, 5], [30, 5], [5, 35]]


def test_all_that_a_line_goes_round_is_filled():
    lasso = {"width": None, "fill": True}
    for points, size in ((SPIRAL, 50), (SPIRAL, 25), (SPIRAL[::-1], 50)):
        mask = _render(_stroke(points=points, **lasso), size=(40 * size // 50, size)).mask
        assert mask[mask.any(axis=1)][:, mask.any(axis=0)].all()  # once or twice: a lasso that ends where it has been
    color = _render(_stroke(layer="color", color=[9, 8, 7], points=SPIRAL, **lasso)).color
    assert (color[6:35, 6:45] == (9, 8, 7, 255)).all()
    eight = _render(_stroke(points=EIGHT, **lasso)).mask
    assert eight[10, 15] and eight[20, 40] and not eight[32, 18]  # both halves, each run another way
    beyond = _render(_stroke(points=[[x * 1000 - 20_000, y * 1000 - 15_000] for x, y in SPIRAL], **lasso)).mask
    assert beyond.all()


def test_a_ring_run_the_other_way_is_a_hole():
    ring = [*SPIRAL[:5], *SPIRAL[-2:4:-1], SPIRAL[0]]
    mask = _render(_stroke(points=ring, width=None, fill=True)).mask
    assert mask[20, 10] and mask[20, 40] and not mask[20, 25]


def test_what_does_not_cross_itself_is_as_cv2_fills_it():
    rng = np.random.default_rng(0)
    for _ in range(100):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        points = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * rng.uniform(3, 40, (9, 1)) + (25, 20)
        mask = _render(_stroke(points=points.tolist(), width=None, fill=True)).mask
        expected = np.zeros_like(mask)
        cv2.fillPoly(expected, [np.round((points - 0.5) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        np.testing.assert_array_equal(mask, expected)


def test_scaled_with_the_picture():
    small = _render(_stroke(fill=True)).mask
    large = _render(_stroke(fill=True), size=(160, 200)).mask
    assert large.mean() == pytest.approx(small.mean(), rel=0.1)
    assert (large[2::4, 2::4] != small).mean() < 0.03
    with pytest.raises(ImageError, match=r"aspect 50 x 40, found 40 x 50"):
        _render(_stroke(), size=(50, 40))


def test_outside_of_the_picture_is_cut_off():
    line = _render(_stroke(points=[[-900_000, 20], [900_000, 20]])).mask
    assert line[18:22].all() and line.sum() <= 5 * 50
    assert _render(_stroke(points=[[25, -9], [25, 900]], width=900_000)).mask.all()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"layer": None}, r"strokes\[1\].layer: missing"),
        ({"layer": "layer"}, r"strokes\[1\].layer: expected one of mask, sketch, color, found 'layer'"),
        ({"layer": ["mask"]}, r"strokes\[1\].layer: expected one of"),
        ({"points": None}, r"strokes\[1\].points: missing"),
        ({"points": []}, r"strokes\[1\].points: expected a list of at least 1"),
        ({"points": "1,2"}, r"strokes\[1\].points: expected a list"),
        ({"points": [[1, 2], [3]]}, r"strokes\[1\].points\[1\]: expected finite numbers"),
        ({"points": [[1, 2], [3, float("nan")]]}, r"strokes\[1\].points\[1\]: .* found \[3, nan\]"),
        ({"points": [[1, 2], [3, float("inf")]]}, r"strokes\[1\].points\[1\]: .* found \[3, inf\]"),
        ({"points": [[1, 10**400]]}, r"strokes\[1\].points\[0\]"),
        ({"points": [[1, True]]}, r"strokes\[1\].points\[0\]"),
        ({"points": [[1, 2]] * (strokes.MAX_POINTS + 1)}, r"strokes\[1\].points: expected at most 100,000 points"),
        ({"points": [[1, 2], [3, 4]], "fill": True}, r"strokes\[1\].points: .* at least 3 .* found 2 points"),
        ({"fill": 1}, r"strokes\[1\].fill: expected true or false"),
        ({"width": None}, r"strokes\[1\].width: missing"),
        ({"width": 0}, r"strokes\[1\].width: expected a finite number above 0, found 0"),
        ({"width": -1}, r"strokes\[1\].width"),
        ({"width": float("nan")}, r"strokes\[1\].width: .* found nan"),
        ({"width": "4"}, r"strokes\[1\].width: .* found '4'"),
        ({"color": [1, 2, 3]}, r"strokes\[1\].color: expected none on the layer mask"),
        ({"layer": "color"}, r"strokes\[1\].color: missing"),
        ({"layer": "color", "color": [1, 2]}, r"strokes\[1\].color: expected three whole numbers 0 to 255"),
        ({"layer": "color", "color": [1, 2, 256]}, r"strokes\[1\].color: .* found \[1, 2, 256\]"),
        ({"layer": "color", "color": [1, 2, -1]}, r"strokes\[1\].color"),
        ({"layer": "color", "color": [1, 2, 0.5]}, r"strokes\[1\].color"),
        ({"layer": "color", "color": "#ff0000"}, r"strokes\[1\].color"),
        ({"colour": [1, 2, 3]}, r"strokes\[1\]: unknown field 'colour'"),
    ],
)
def test_a_bad_stroke_is_named(changes, message):
    with pytest.raises(ImageError, match=message):
        strokes.parse({"size": [50, 40], "strokes": [_stroke(), _stroke(**changes)]})


@pytest.mark.parametrize(
    "tree, message",
    [
        ([], "expected a mapping of size and strokes"),
        ({"strokes": []}, "expected a mapping of size and strokes"),
        ({"size": [50, 40], "strokes": [], "version": 1}, "expected a mapping of size and strokes, found the keys"),
        ({"size": [50], "strokes": []}, "size: expected whole numbers"),
        ({"size": [0, 40], "strokes": []}, "size: expected whole numbers"),
        ({"size": [50.5, 40], "strokes": []}, "size: expected whole numbers"),
        ({"size": [50, 40], "strokes": {}}, "strokes: expected a list"),
        ({"size": [50, 40], "strokes": [3]}, r"strokes\[0\]: expected a mapping"),
    ],
)
def test_a_bad_tree_is_refused(tree, message):
    with pytest.raises(ImageError, match=message):
        strokes.parse(tree)


def test_files(tmp_path):
    file = tmp_path / "edits.json"
    file.write_text(json.dumps({"size": [50, 40], "strokes": [_stroke()]}))
    assert strokes.render(strokes.read(file), (40, 50)).mask.any()
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())  # as some editors of text save it
    assert strokes.render(strokes.read(file), (40, 50)).mask.any()
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(ImageError, match="edits.json: expected JSON"):
            strokes.read(file)
    file.write_text(json.dumps({"size": [50, 40], "strokes": [_stroke(width=None)]}))
    with pytest.raises(ImageError, match=r"edits.json: strokes\[0\].width: missing"):
        strokes.read(file)
    file.write_bytes(b" " * (strokes.MAX_BYTES + 1))
    with pytest.raises(ImageError, match="expected at most .* bytes"):
        strokes.read(file)
    with pytest.raises(ImageError, match="no file at"):
        strokes.read(tmp_path / "missing.json")
