"""Photographs without colour are repainted without colour."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

from tfsketch.editor.editor import Editor
from tfsketch.framing import tone, tone_graph
from tfsketch.vocabulary import resize

SIDE = 96
PORTRAIT = np.ascontiguousarray(skimage.data.astronaut()[20 : 20 + 2 * SIDE : 2, 130 : 130 + 2 * SIDE : 2])
MASK = np.zeros((SIDE, SIDE), np.uint8)
MASK[30:60, 35:70] = 1
PINK, GREY = (250, 120, 140, 255), (90, 90, 90, 255)


def _jpeg(picture, quality=70):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _grey():
    return np.asarray(Image.fromarray(PORTRAIT).convert("L").convert("RGB"))


def _sepia():
    level = _grey()[..., :1].astype(np.float32)
    return np.clip(level * (1.08, 0.94, 0.72) + (12, 6, 0), 0, 255).astype(np.uint8)


PHOTOGRAPHS = {
    "grey": _grey(),
    "grey JPEG": _jpeg(_grey()),
    "scanned grey": np.clip(_grey() + np.random.default_rng(0).normal(0, 1.5, PORTRAIT.shape), 0, 255).astype(np.uint8),
    "sepia": _sepia(),
    "sepia JPEG": _jpeg(_sepia()),
    "sepia JPEG, poor": _jpeg(_sepia(), 40),
    "blue": np.clip(_grey() * np.float32([0.8, 0.95, 1.1]), 0, 255).astype(np.uint8),
}


def _colors(color):
    layer = np.zeros((SIDE, SIDE, 4), np.uint8)
    layer[40:45, 40:60] = color
    return layer


@pytest.fixture(scope="module")
def editor():
    """A model that paints skin, light and dark, whatever it is shown."""
    ramp = np.linspace(0.2, 1.0, 32, dtype=np.float32)[None, :, None, None] * np.float32([0.9, 0.1, -0.1])

    def paint(inputs):
        return {"image": np.broadcast_to(ramp, (len(inputs["image"]), 32, 32, 3))}

    return Editor(paint, side=32)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photograph_of_one_tone_keeps_it(editor, name):
    photograph = PHOTOGRAPHS[name]
    result = editor.edit(photograph, MASK)
    hole = result[MASK > 0].astype(int)
    line = tone.tone_of(photograph, MASK)
    beside = np.abs(hole - line[tone.luma(result[MASK > 0])]).max(axis=1)
    assert np.percentile(beside, 90) <= tone.TOLERANCE  # at its edge the hole fades into the photograph's own pixels
    assert np.ptp(tone.luma(result[MASK > 0])) > 50  # what was painted is there, in its own light and dark
    assert (result[MASK == 0] == photograph[MASK == 0]).all()
    if name.startswith("grey"):
        assert np.ptp(hole, axis=1).max() <= 2
    if name == "sepia":
        # The colour of a level in the hole is the colour of that level in the photograph.
        for level in (90, 130, 180):
            own = photograph[np.abs(tone.luma(photograph) - level) <= 2].mean(axis=0)
            assert np.abs(line[level] - own).max() < 5


def test_colour_is_kept_and_given_where_it_is_asked_for(editor):
    grey = PHOTOGRAPHS["grey JPEG"]
    assert tone.tone_of(PORTRAIT, MASK) is None
    assert np.ptp(editor.edit(PORTRAIT, MASK)[MASK > 0].astype(int), axis=1).max() > 60
    assert np.ptp(editor.edit(grey, MASK, color=_colors(PINK))[MASK > 0].astype(int), axis=1).max() > 60
    assert np.ptp(editor.edit(grey, MASK, color=_colors(GREY))[MASK > 0].astype(int), axis=1).max() <= 2
    outside = np.roll(_colors(PINK), -40, axis=0)  # asks for nothing: it lies on what is kept
    assert not (outside[..., 3] * MASK).any()
    assert np.ptp(editor.edit(grey, MASK, color=outside)[MASK > 0].astype(int), axis=1).max() <= 2


def test_what_is_erased_does_not_count():
    stamp = PHOTOGRAPHS["grey"].copy()
    stamp[MASK > 0] = (240, 20, 30)
    assert tone.tone_of(stamp, MASK) is not None
    assert tone.tone_of(stamp, np.ones_like(MASK)) is None  # nothing is kept


STRIPS = {
    "wall": (slice(None), slice(0, 8)),
    "a quarter": (slice(0, 48), slice(0, 48)),
    "half": (slice(None), slice(0, 48)),
}


def _wall(where):
    """(the portrait before a wall of grey, a mask of all but the wall), the wall being a part of it."""
    photograph, mask = PORTRAIT.copy(), np.ones_like(MASK)
    photograph[where], mask[where] = _grey()[where], 0
    return photograph, mask


def test_a_strip_does_not_speak_for_a_photograph():
    for name, where in STRIPS.items():
        photograph, mask = _wall(where)
        grey = tone.tone_of(_grey(), mask)
        assert grey is not None and np.ptp(grey.astype(int), axis=1).max() <= 1, name  # grey under the mask too
        assert tone.tone_of(_sepia(), mask) is not None, name
        assert (tone.tone_of(photograph, mask) is not None) == (name == "half"), name


def test_a_graph_does_as_the_editor():
    run = tf.function(lambda repaint, *layers: tone_graph.recolor(repaint, *tone_graph.tone_of(*layers)))
    rng = np.random.default_rng(1)
    repaint = rng.integers(0, 256, (30, 35, 3)).astype(np.uint8)
    rows = [(photograph, MASK, _colors(color)) for photograph in PHOTOGRAPHS.values() for color in (0, PINK, GREY)]
    rows += [(PORTRAIT, MASK, _colors(0)), (PHOTOGRAPHS["grey"], np.ones_like(MASK), _colors(0))]
    rows += [(*_wall(where), _colors(0)) for where in STRIPS.values()]
    rows += [(_sepia(), _wall(where)[1], _colors(0)) for where in STRIPS.values()]
    for photograph, mask, color in rows:
        expected = tone.recolor(repaint, tone.tone_of(photograph, mask, color))
        result = run(repaint.astype(np.float32), photograph, mask > 0, color[..., :3], color[..., 3] > 0)
        np.testing.assert_array_equal(result, expected)


def test_photographs_of_any_size():
    for size in ((5, 300), (20, 20), (700, 500)):
        empty = np.zeros(size, np.uint8)
        for name in ("grey", "sepia"):
            assert tone.tone_of(resize(PHOTOGRAPHS[name], size), empty) is not None, (name, size)
        assert tone.tone_of(resize(PORTRAIT, size), empty) is None


def test_an_accent_is_colour():
    ribbon = PHOTOGRAPHS["grey"].copy()
    ribbon[80:90, 10:20] = (200, 20, 30)
    assert tone.tone_of(ribbon, MASK) is None
