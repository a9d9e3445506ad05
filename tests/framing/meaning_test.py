"""What sheets mean, in a graph: the same as by `images.meaning`, to the pixel."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import tensorflow as tf

from tests import sheets
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.framing import meaning as graph
from tfsketch.framing.decoding import decode
from tfsketch.images import files, meaning


def _table():
    """(kind, name, sheet) of everything above."""
    rng = np.random.default_rng(4)
    rows = [("sketch", name, sheets.opaque(sheet)) for name, sheet in sheets.SHEETS.items()]
    rows += [("sketch", name, sheets.opaque(sheet)) for name, (sheet, _) in sheets.vignettes().items()]
    rows += [("mask", name, sheet) for name, (sheet, _) in {**sheets.masks(), **sheets.no_masks()}.items()]
    rows += [("sketch", name, sheets.opaque(sheet)) for name, (sheet, _) in sheets.dithered(240).items()]
    rows += [("color", name, sheet) for name, sheet in sheets.colors()[1].items()]
    rows += [("color", name, sheet) for name, (sheet, _) in sheets.pale_beside_strong().items()]
    odd = {"noise": rng.integers(0, 256, (40, 31, 4)), "pixel": rng.integers(0, 256, (1, 1, 4))}
    odd |= {
        "line": rng.integers(0, 256, (1, 90, 4)),
        "clear": np.zeros((20, 30, 4)),
        "white": np.full((20, 30, 4), 255),
    }
    odd |= {"grey": np.dstack([rng.integers(0, 256, (9, 12))] * 3 + [np.full((9, 12), 255)])}
    odd |= {name: sheets.masks()[name][0] for name in ("erased", "ones")} | {"portrait": sheets.opaque(sheets.PORTRAIT)}
    return rows + [(kind, name, sheet.astype(np.uint8)) for kind in _READERS for name, sheet in odd.items()]


_READERS = {
    "sketch": (meaning.sketch, graph.sketch_of),
    "mask": (meaning.mask, graph.mask_of),
    "color": (meaning.color, graph.color_of),
}


@pytest.fixture(scope="module")
def runs():
    """The graphs by what they read, of sheets of any size."""
    spec, plain = tf.TensorSpec([None, None, 4], tf.uint8), tf.constant(False)
    return {
        kind: tf.function(lambda sheet, run=run: run("field", sheet, plain), input_signature=[spec])
        for kind, (_, run) in _READERS.items()
    }


def test_a_graph_reads_as_the_editor_does(runs):
    errors = 0
    for kind, name, sheet in _table():
        try:
            layer = _READERS[kind][0](sheet, "field").layer
        except ImageError as error:
            errors += 1
            with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
                runs[kind](sheet)
            assert str(error)[:60] in refusal.value.message, (kind, name)
            continue
        strokes = runs[kind](sheet)
        if kind == "color":
            levels, strokes = strokes
            np.testing.assert_array_equal(levels[strokes], layer[layer[..., 3] > 0][:, :3], name)
        expected = layer[..., 3] > 0 if kind == "color" else layer > 0
        np.testing.assert_array_equal(strokes.numpy(), expected, f"{kind}: {name}")
    assert errors >= 6
    lines = sheets.face(1100, 10)  # above `images.ink.WORK`
    for sheet in (sheets.sheet(lines, (250,) * 3, (60,) * 3, 12, "side"), sheets.sheet(lines, (255,) * 3, (60,) * 3)):
        strokes, expected = (
            runs["sketch"](sheets.opaque(sheet)).numpy(),
            meaning.sketch(sheets.opaque(sheet), "s").layer,
        )
        assert (strokes != expected).mean() < 1e-3


def test_odd_sheets(runs):
    """Strokes, washes, noise, ramps and clear parts in any order; TFSKETCH_FUZZ sets how many, as in `fuzz_test`."""
    rng = random.Random(4)
    content = errors = 0
    for number in range(int(os.environ.get("TFSKETCH_FUZZ", "30"))):
        sheet = sheets.odd(rng)
        for kind, (read_sheet, _) in _READERS.items():
            try:
                sheet_meaning = read_sheet(sheet, "field")
            except TfsketchError as error:
                assert len(str(error)) > 10
                errors += 1
                with pytest.raises(tf.errors.InvalidArgumentError):
                    runs[kind](sheet)
            else:
                layer, strokes = sheet_meaning.layer, runs[kind](sheet)
                strokes = strokes[1] if kind == "color" else strokes
                layer = layer[..., 3] if kind == "color" else layer
                np.testing.assert_array_equal(strokes, layer > 0, f"{number}: {kind}")
                assert all(note.startswith("field: ") for note in sheet_meaning.notes)
                content += 1
    assert content and errors


def test_the_editors_own_layers_are_not_guessed_at():
    full = np.full((20, 30, 4), 255, np.uint8)  # everything painted, or a stroke
    full[0, 0] = 0
    mask = np.full((20, 30), 255, np.uint8)
    for kind, layer, expected in (
        ("sketch", full, full[..., 3] > 0),
        ("color", full, full[..., 3] > 0),
        ("mask", mask, mask),
    ):
        rgba, exact = decode("field", tf.constant(files.encode_layer(layer)))
        assert exact
        strokes = _READERS[kind][1]("field", rgba, exact)
        np.testing.assert_array_equal(strokes[1] if kind == "color" else strokes, expected > 0)
        assert not decode("field", tf.constant(files.encode_png(layer)))[1]
