"""Restyling by the editor: sizes, seams, steps, regions, and what is refused."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import skimage
import tensorflow as tf

from tests.systems.region_edit.restyling import Parser, grey_photo, mask_of, style_picture
from tests.tiny import EDITING
from tfsketch import Editor, systems, zoo
from tfsketch.conditions import regions
from tfsketch.errors import DataError, ImageError, TfsketchError, WeightsError
from tfsketch.framing import arrays
from tfsketch.images import sizes
from tfsketch.vocabulary import resize

SIDE = 16


@pytest.mark.parametrize("size", [(48, 64), (16, 16), (9, 7), (1, 40), (301, 90)])
@pytest.mark.parametrize("detail", [True, False])
def test_any_size_and_outside_the_mask_the_input(model, size, detail):
    image, mask = grey_photo(*size), mask_of(*size)
    mask[0, 0] = 1
    before = image.copy()
    result = Editor(model).restyle(image, style_picture(), mask, detail=detail)
    assert result.shape == image.shape and result.dtype == np.uint8 and (image == before).all()
    assert (result[mask == 0] == image[mask == 0]).all() and (result[mask == 1] != image[mask == 1]).any()
    whole = Editor(model).restyle(image, style_picture(), detail=detail)
    assert whole.shape == image.shape and (whole != image).mean() > 0.3


def test_at_the_working_side_it_is_the_model_itself(model):
    image, style, mask = grey_photo(SIDE, SIDE), sizes.center_square(style_picture(), SIDE), mask_of(SIDE, SIDE)
    batch = {"image": image, "style": style}
    batch = {key: tf.constant(value[None] / np.float32(127.5) - 1) for key, value in batch.items()}
    for where in (None, mask):
        layers = batch if where is None else {**batch, "mask": tf.constant(where[None, ..., None], tf.float32)}
        levels = (model(layers)["image"].numpy()[0] + 1) * 127.5
        assert np.abs(Editor(model, feather=0).restyle(image, style, where, detail=False) - levels).max() <= 0.5 + 1e-3


def test_a_change_is_enlarged_along_the_photographs_edges():
    """A dark and a bright half, the dark one made brighter: at eight times the size no pixel of the bright one is."""
    size, mask = (16, 16), np.ones((16, 16), np.uint8)
    small = np.full((*size, 3), 40, np.uint8)
    small[:, 7:] = 200
    change = np.where(small < 100, 30.0, 0.0).astype(np.float32)
    photo = cv2.resize(small, (128, 128), interpolation=cv2.INTER_NEAREST)
    slope, offset = np.split(resize(arrays.lines_of(change, small, mask), (128, 128)), 2, axis=-1)
    along_edges = slope * arrays.luma(photo)[..., None] + offset
    plain = resize(change, (128, 128))
    expected = np.where(photo < 100, 30.0, 0.0)
    assert np.abs(plain - expected).max() > 10 and np.abs(along_edges - expected).max() < 3
    # The same everywhere is the same at any size, and outside of the mask nothing counts.
    np.testing.assert_allclose(arrays.lines_of(np.full_like(change, 7.0), small, mask)[..., 3:], 7.0, atol=1e-3)
    mask[:, 10:] = 0
    spoilt = np.where(mask[..., None] > 0, change, 1000.0).astype(np.float32)
    np.testing.assert_allclose(arrays.lines_of(spoilt, small, mask), arrays.lines_of(change, small, mask), atol=1e-3)
    assert not arrays.lines_of(change, small, mask)[:, 13:].any()


def test_no_change_gives_the_photograph_back_bit_for_bit(model):
    image = grey_photo(50, 34)
    for mask in (None, mask_of(50, 34)):
        assert (Editor(model).restyle(image, style_picture(), mask, amount=0.0) == image).all()
        assert (Editor(model).restyle(image, style_picture(), mask, amount=0.0, detail=False) != image).any()


def test_detail_of_the_photograph_stays_and_the_seam_fades(model):
    """In a photograph eight times the working side, the change is smooth, and nearly none just inside of the mask."""
    image, mask = grey_photo(8 * SIDE, 8 * SIDE), np.zeros((8 * SIDE, 8 * SIDE), np.uint8)
    mask[10:118, 10:118] = 1
    change = Editor(model).restyle(image, style_picture(), mask).astype(int) - image
    smooth = np.abs(np.diff(change[40:90, 40:90], axis=0)).mean()
    assert 0 < smooth < 0.25 * np.abs(change[40:90, 40:90]).mean()
    assert smooth < 0.1 * np.abs(np.diff(image[40:90, 40:90].astype(int), axis=0)).mean() + 1.0
    hard = Editor(model, feather=0).restyle(image, style_picture(), mask).astype(int) - image
    rim = (slice(10, 11), slice(10, 118))
    assert np.abs(change[rim]).mean() < 0.35 * np.abs(hard[rim]).mean()
    assert (change[60:70, 60:70] == hard[60:70, 60:70]).all()


def test_the_seam_is_wide_in_a_plain_area_and_sharp_at_a_contour(model):
    """A dark and a bright half, restyled in the dark one up to the contour: the change sets in along four working
    pixels where the mask ends in plain dark, and at once where both end. A thin line is restyled all the same."""
    side, scale = 8 * SIDE, 8
    image, mask = np.full((side, side, 3), 60, np.uint8), np.zeros((side, side), np.uint8)
    image[:, side // 2 :] = 220
    mask[:, 24 : side // 2] = 1
    change = np.abs(Editor(model).restyle(image, style_picture(), mask).astype(int) - image).sum(axis=-1)
    hard = np.abs(Editor(model, feather=0).restyle(image, style_picture(), mask).astype(int) - image).sum(axis=-1)
    share = (change[:, : side // 2].sum(axis=0) / hard[:, : side // 2].sum(axis=0).clip(1))[24:]
    assert share[0] < 0.15 and share[scale] < 0.6 and share[4 * scale] > 0.9 and share[-2] > 0.8
    assert (change[mask == 0] == 0).all()
    line = np.zeros_like(mask)
    line[40:43, 20:100] = 1
    assert (Editor(model).restyle(image, style_picture(), line) != image).any()
    assert (Editor(model).interpolate(image, [style_picture()], 2, line)[1] != image).any()


def test_steps_go_from_style_to_style(model):
    editor, image = Editor(model), grey_photo()
    first, second = style_picture(), grey_photo(30, 30, 4)
    steps = editor.interpolate(image, [first], 3, mask_of())
    assert (steps[0] == image).all() and (steps[2] == editor.restyle(image, first, mask_of())).all()
    assert (steps[1] == editor.restyle(image, first, mask_of(), amount=0.5)).all()
    through = editor.interpolate(image, [first, second, first], 5)
    assert (through[0] == through[4]).all() and (through[0] == editor.restyle(image, first)).all()
    assert (through[2] == editor.restyle(image, second)).all() and (through[1] != through[2]).any()


@pytest.mark.parametrize("size", [(64, 64), (90, 60), (10, 20)])
def test_a_region_by_its_name_without_squeezing(model, parser, size):
    image = np.full((*size, 3), 200, np.uint8)
    image[: size[0] // 2, size[1] // 2 :] = 20
    editor = Editor(model)
    mask = editor.region(image, "hair")
    assert mask.shape == size and mask.dtype == np.uint8
    dark = image[..., 0] == 20
    assert (mask[dark] > 0).mean() > 0.8 and (mask[~dark] == 0).mean() > 0.9
    assert parser.image.shape == (32, 32, 3)
    assert (editor.region(image, ["hair", "background"]) == 1).all()
    assert (editor.region(image, "background") == 1 - mask).mean() > 0.9
    with pytest.raises(ImageError, match="expected lips in the picture, found none"):
        editor.region(image, "lips")
    with pytest.raises(DataError, match="region: expected face or one of background"):
        editor.region(image, "hare")
    with pytest.raises(DataError, match="region: expected at least one name"):
        editor.region(image, [])


def test_a_region_is_no_speck_and_skin_has_a_nose(model, parser, monkeypatch):
    editor, image = Editor(model), np.full((256, 256, 3), 200, np.uint8)
    image[:128] = 20
    image[200:208, 30:38] = 20
    assert not editor.region(image, "hair")[190:].any()
    parts = regions.REGIONS
    nose = tf.one_hot(tf.fill([1, 32, 32], parts.index("nose")), len(parts))
    monkeypatch.setattr(Parser, "__call__", lambda self, batch: {"probabilities": nose})
    assert editor.region(image, "skin").all() and editor.region(image, "nose").all()
    speck = np.zeros([1, 32, 32, len(parts)], np.float32)
    speck[..., 0], speck[:, 5, 5, parts.index("glasses")] = 0.6, 0.6005
    monkeypatch.setattr(Parser, "__call__", lambda self, batch: {"probabilities": tf.constant(speck)})
    with pytest.raises(ImageError, match="expected glasses in the picture, found none"):
        editor.region(image, "glasses")


def test_what_is_refused(model):
    editor, image = Editor(model), grey_photo()
    for arguments, kind, message in (
        ({"image": image[..., 0]}, ImageError, "image: expected uint8"),
        ({"style": image / 255.0}, ImageError, "style: expected uint8"),
        ({"mask": np.zeros((48, 64), np.uint8)}, ImageError, "at least one pixel to restyle"),
        ({"mask": np.ones((48, 63), np.uint8)}, ImageError, "mask: expected the picture's size, 64 x 48"),
        ({"amount": 1.1}, TfsketchError, "amount: expected a share"),
    ):
        with pytest.raises(kind, match=message):
            editor.restyle(**{"image": image, "style": style_picture(), **arguments})
    for styles, steps, message in (([], 3, "at least one photograph"), ([image], 1, "steps: expected")):
        with pytest.raises(TfsketchError, match=message):
            editor.interpolate(image, styles, steps)
    with pytest.raises(TfsketchError, match="edit: expected a model that repaints"):
        editor.edit(image, mask_of())
    repaints = systems.build(EDITING)
    repaints.experiment = EDITING
    assert editor.restyles and not Editor(repaints).restyles
    with pytest.raises(TfsketchError, match="restyle: expected a model that takes a style"):
        Editor(repaints).restyle(image, image)
    bad = systems.build(model.experiment)
    bad.experiment = model.experiment
    bad.generator.to_rgb.conv.bias.assign([math.nan] * 3)
    for detail in (True, False):
        with pytest.raises(WeightsError, match="finite"):
            Editor(bad).restyle(image, image, detail=detail)


def test_the_shipped_model_takes_light_from_a_photograph_and_keeps_the_face():
    """A portrait at dusk's colours and back: what moves goes towards the style, and contours stay."""
    face = sizes.center_square(skimage.data.astronaut()[12:199, 130:317], 128)
    warm = (face * np.float32([1.0, 0.55, 0.35])).astype(np.uint8)
    editor = Editor(zoo.load_model("region_edit"))
    same, copy = editor.restyle(face, face), editor.restyle(face, warm)
    assert np.abs(same.astype(int) - face).max() <= 1  # its own looks are no change
    before, after, there = (p.reshape(-1, 3).mean(0) for p in (face, copy, warm))
    assert after[0] - after[2] > before[0] - before[2] + 8  # redder beside blue, as the style is
    assert np.abs(after - there).mean() < np.abs(before - there).mean()
    edges = [cv2.Canny(p, 60, 160) > 0 for p in (face, copy)]
    in_both = edges[0] & (cv2.dilate(edges[1].astype(np.uint8), np.ones((5, 5))) > 0)
    assert in_both.sum() > 0.8 * edges[0].sum()
    hair = editor.region(face, "hair")
    part = editor.restyle(face, warm, mask=hair)
    assert (part[hair == 0] == face[hair == 0]).all() and np.abs(part.astype(int) - face)[hair > 0].mean() > 3
