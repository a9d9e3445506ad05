"""The SavedModel of a network that restyles: it answers as the editor does."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.edits import EDITS, encoded_of
from tests.export.requests import check_transparency, decoders, strings_of
from tests.pictures import crops
from tfsketch import systems, zoo
from tfsketch.editor.editor import Editor
from tfsketch.export import edits, saved_model
from tfsketch.framing import square
from tfsketch.images import files


@pytest.fixture(scope="module")
def served_restyling(served_restyling_folder):
    """The signatures of an exported network that restyles."""
    return tf.saved_model.load(str(served_restyling_folder / "1")).signatures


@pytest.fixture
def restyle(served_restyling):
    """Its `serving_default`, of rows as `_restyling` gives them."""
    return lambda rows: served_restyling["serving_default"](**strings_of(rows))["image_bytes"].numpy()


def _restyling(edit, mask):
    """An edit's photograph in the style of another, as a request."""
    inputs = encoded_of(edit)
    style = files.encode_png(crops(2, 50)[1][:40])
    return {
        "image_bytes": inputs["image_bytes"],
        "style_bytes": style,
        "mask_bytes": inputs["mask_bytes"] if mask else b"",
    }


@pytest.mark.parametrize("mask_flags", [(1, 1, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0)])
def test_restyling_is_the_editors_with_and_without_masks_in_a_batch(restyle, restyling_folder, mask_flags):
    editor, style = Editor(zoo.load_model(restyling_folder)), crops(2, 50)[1][:40]
    pngs = restyle([_restyling(edit, mask) for edit, mask in zip(EDITS, mask_flags)])
    for (image, hole, *_), png, mask in zip(EDITS, pngs, mask_flags):
        result = files.read_rgb("found", png)
        expected = editor.restyle(image, style, hole if mask else None)
        assert np.abs(result.astype(int) - expected).max() <= 2 and (result != image).any()
        if mask:
            np.testing.assert_array_equal(result[hole == 0], image[hole == 0])


def test_every_picture_is_decoded_once(served_restyling):
    assert decoders(served_restyling["serving_default"].graph) == 3  # photograph, style, mask


def test_what_a_whole_picture_does_not_need_is_not_computed(restyling_folder, monkeypatch):
    """Neither a seam nor the style inside of a mask only."""
    model, calls = zoo.load_model(restyling_folder), set()

    def spy(function):
        def call(*arguments):
            calls.add(function.__name__)
            return function(*arguments)

        return call

    parts = {"soft_weights": square.Square, "paste": square.Square, "merge": type(model)}
    for name, owner in parts.items():
        monkeypatch.setattr(owner, name, spy(getattr(owner, name)))
    run = systems.signatures(model)["serving_default"].run  # not as a graph, which would trace both branches
    for mask, names in ((False, set()), (True, set(parts))):
        assert run(**strings_of([_restyling(EDITS[0], mask)]))["image_bytes"].shape == [1] and calls == names


def test_transparency_comes_back(restyle):
    check_transparency(restyle, EDITS[1][0], _restyling(EDITS[1], True))


def test_a_bad_restyling_is_told_by_its_field(restyle):
    good, other = _restyling(EDITS[0], True), _restyling(EDITS[1], True)
    empty = files.encode_png(np.zeros((32, 32), np.uint8))
    for field, value, text in (
        ("style_bytes", b"", "style_bytes: expected a PNG or JPEG picture"),
        ("mask_bytes", other["mask_bytes"], "mask_bytes: expected the size of the picture, 32 x 32, found 76 x 100"),
        ("mask_bytes", empty, "mask_bytes: expected at least one pixel to restyle"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=text):
            restyle([good, good | {field: value}])


def test_a_network_that_restyles_is_the_same_in_another_process(restyling_folder, served_restyling_folder):
    final = served_restyling_folder / "1"
    metadata = json.loads((final / "assets.extra" / "metadata.json").read_text())
    assert metadata["difference"] <= saved_model.MAX_DIFFERENCE
    names = {key: [row["name"] for row in table["inputs"]] for key, table in metadata["signatures"].items()}
    assert set(names["serving_default"]) == {"image_bytes", "style_bytes", "mask_bytes"}
    assert set(names["tensors"]) == {"image", "style", "mask"}
    inputs = edits.conditions(zoo.load_model(restyling_folder), edits.photographs("", 16, 3))
    assert (inputs["style"][1] == inputs["image"][0]).all() and 0 < inputs["mask"].mean() < 1
