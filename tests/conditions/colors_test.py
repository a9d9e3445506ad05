"""Colour maps, flat regions and colour strokes."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tests.pictures import crops
from tfsketch.conditions import colors, masks, regions
from tfsketch.config import ColorConfig, StrokeConfig
from tfsketch.errors import DataError
from tfsketch.systems.sc_fegan import protocol as editing

BRUSH = StrokeConfig(vertices=(2, 5), length=(0.05, 0.2), width=(0.03, 0.08), curved=1.0, taper=0.5, gap=0.2)
USER = ColorConfig(probability=1.0, stroke=BRUSH, flat=1.0, share=(0.02, 0.1))


def face(side=96):
    """A picture of flat colours with noise and its region map: skin with lips under hair, before a background."""
    labels = np.zeros((side, side), np.uint8)
    for name, top, bottom in (("hair", 0.1, 0.4), ("skin", 0.4, 0.9), ("lips", 0.7, 0.8)):
        labels[round(top * side) : round(bottom * side), side // 4 : 3 * side // 4] = regions.REGIONS.index(name)
    picture = regions.to_rgb(labels).astype(int) + np.random.default_rng(0).integers(-20, 21, (side, side, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), labels


def test_the_map_is_flatter_and_keeps_the_colours():
    picture = crops(1, 64)[0]
    flat = colors.color_map(picture, ColorConfig())
    assert flat.shape == picture.shape and flat.dtype == np.uint8

    def roughness(x):
        return np.abs(np.diff(x.astype(float), axis=1)).mean()

    assert roughness(flat) < 0.7 * roughness(picture)
    assert np.abs(flat.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 12


def test_regions_of_the_face_become_their_median_colour_and_the_rest_stays():
    picture, labels = face()
    labels[:5] = regions.IGNORED
    flat = colors.flatten(picture, labels)
    for name in ("hair", "skin", "lips"):
        inside = regions.mask_of(labels, name) > 0
        assert inside.sum() % 2 == 0
        lower = np.sort(picture[inside], axis=0)[inside.sum() // 2 - 1]
        assert (flat[inside] == lower).all()
    outside = regions.mask_of(labels, ("hair", "skin", "lips")) == 0
    assert np.array_equal(flat[outside], picture[outside])
    mirror = colors.flatten(picture[:, ::-1], labels[:, ::-1])
    assert np.array_equal(mirror[:, ::-1], flat)


def test_flattening_goes_as_far_as_asked():
    picture, labels = face()
    before = picture.copy()
    flat, half, none = (colors.flatten(picture, labels, amount) for amount in (1.0, 0.5, 0.0))
    assert np.array_equal(none, picture) and np.array_equal(picture, before)
    assert np.abs(half - (flat.astype(float) + picture) / 2).max() <= 0.5


def test_strokes_of_the_evaluation_protocol_never_change():
    # Reports are comparable as long as these settings give these strokes, bit for bit.
    config = dataclasses.replace(editing.SETTINGS.color, probability=0.8)
    picture = np.zeros((128, 128, 3), np.uint8)
    digest = hashlib.sha256()
    for number in range(50):
        rng = np.random.default_rng([1, 2, number])
        image, strokes = colors.paint(rng, picture, config)
        assert image is picture
        digest.update(strokes.tobytes())
        digest.update(rng.integers(0, 2**31, 4).tobytes())  # what is drawn after it
    assert digest.hexdigest() == "bbf47efc6aaf40d41664a1f00649736110c33b588e203a085ac5de09da9b8cd1"


def test_strokes_are_left_out_as_often_as_asked():
    picture, labels = face(48)
    for config in (ColorConfig(probability=0.7), dataclasses.replace(USER, probability=0.7)):
        has_strokes = [colors.paint(np.random.default_rng(s), picture, config, labels)[1].any() for s in range(200)]
        assert 0.6 < np.mean(has_strokes) < 0.8
    for seed in range(20):
        _, strokes = colors.paint(np.random.default_rng(seed), picture, ColorConfig(probability=1.0))
        assert strokes.dtype == np.uint8 and config.share[0] <= strokes.mean() <= ColorConfig.share[1]


def test_without_flat_strokes_the_map_shows_through():
    picture, labels = face()
    config = dataclasses.replace(USER, flat=0.0, flatten=(0.0, 0.0))
    for seed in range(5):
        image, strokes = colors.paint(np.random.default_rng(seed), picture, config, labels)
        assert strokes.any() and np.array_equal(image, picture)
        flat, same = colors.paint(
            np.random.default_rng(seed), picture, dataclasses.replace(config, flatten=(1.0, 1.0)), labels
        )
        assert same.any() and np.array_equal(flat, colors.flatten(picture, labels))


def test_a_flat_stroke_has_one_colour_the_median_of_what_is_seen_of_it():
    picture = crops(1, 96)[0]
    before, most = picture.copy(), 0
    for seed in range(10):
        image, strokes = colors.paint(np.random.default_rng(seed), picture, USER)
        rng = np.random.default_rng(seed)
        rng.random()  # whether there are strokes at all
        share = rng.uniform(*USER.share)
        numbers = masks.strokes(rng, (96, 96), USER.stroke, share, USER.share[1], by_number=True)
        assert np.array_equal(strokes, numbers > 0)
        most = max(most, int(numbers.max()))
        for number in range(1, int(numbers.max()) + 1):
            inside = numbers == number
            if inside.any():
                assert (image[inside] == np.sort(picture[inside], axis=0)[(inside.sum() - 1) // 2]).all()
        assert np.array_equal(image[strokes == 0], picture[strokes == 0])
    assert np.array_equal(picture, before) and most > 3


def test_a_flat_stroke_keeps_its_regions_colour_and_stays_near():
    picture, labels = face()
    config = dataclasses.replace(USER, regions=("lips",), overshoot=0.05, flatten=(1.0, 1.0))
    lips = regions.mask_of(labels, "lips")
    for seed in range(10):
        image, strokes = colors.paint(np.random.default_rng(seed), picture, config, labels)
        assert strokes.any() and not strokes[lips == 0].any()  # what is left after the cut
        assert len(np.unique(image[strokes > 0], axis=0)) == 1
        everywhere = dataclasses.replace(config, regions=())
        image, strokes = colors.paint(np.random.default_rng(seed), picture, everywhere, labels)
        tones = {tuple(t) for t in np.unique(image[(strokes > 0) & (labels > 0)], axis=0).tolist()}
        medians = {
            tuple(colors.flatten(picture, labels)[labels == label][0].tolist()) for label in np.unique(labels) if label
        }
        background = {tuple(t) for t in np.unique(image[(strokes > 0) & (labels == 0)], axis=0).tolist()}
        assert tones <= medians | background


def test_strokes_start_in_lips_as_often_as_in_hair_and_never_on_what_is_excluded():
    picture, labels = face()
    config = dataclasses.replace(USER, regions=("face", "hair"), overshoot=0.0, share=(0.01, 0.012))
    hits = {"lips": 0, "hair": 0}
    for seed in range(60):
        _, strokes = colors.paint(np.random.default_rng(seed), picture, config, labels)
        assert not strokes[labels == 0].any()
        for name in hits:
            hits[name] += bool(strokes[regions.mask_of(labels, name) > 0].any())
    assert hits["lips"] > 15 and hits["hair"] > 15  # lips are a sixth of the hair's pixels


def test_a_picture_without_the_asked_regions_gets_no_strokes():
    picture, labels = face()
    config = dataclasses.replace(USER, regions=("glasses",))
    assert not colors.paint(np.random.default_rng(0), picture, config, labels)[1].any()
    assert colors.paint(np.random.default_rng(0), picture, config)[1].any()  # no map, no limit
    with pytest.raises(DataError, match="found 'nostril'"):
        colors.paint(np.random.default_rng(0), picture, dataclasses.replace(USER, regions=("nostril",)), labels)


def test_painting_is_a_function_of_the_generator():
    picture, labels = face()
    config = dataclasses.replace(USER, regions=("face", "hair"), flatten=(0.0, 1.0), flat=0.5)
    draws = [colors.paint(np.random.default_rng(seed), picture, config, labels) for seed in (1, 1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(draws[0], draws[1]))
    assert not np.array_equal(draws[0][1], draws[2][1])
