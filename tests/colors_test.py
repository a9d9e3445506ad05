"""Colour maps and strokes."""

import numpy as np

from tests.conftest import crops
from tfsketch.conditions import colors
from tfsketch.config import ColorConfig


def test_the_map_is_flatter_and_keeps_the_colours():
    picture = crops(1, 64)[0]
    flat = colors.color_map(picture, ColorConfig())
    assert flat.shape == picture.shape and flat.dtype == np.uint8

    def roughness(x):
        return np.abs(np.diff(x.astype(float), axis=1)).mean()

    assert roughness(flat) < 0.7 * roughness(picture)
    assert np.abs(flat.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 12


def test_regions_become_their_median_colour():
    picture = crops(1, 32)[0]
    regions = np.zeros((32, 32), int)
    regions[:, 16:] = 7
    flat = colors.color_map(picture, ColorConfig(), regions)
    assert len(np.unique(flat[:, :16].reshape(-1, 3), axis=0)) == 1
    assert np.array_equal(flat[0, 20], np.median(picture[:, 16:].reshape(-1, 3), axis=0).astype(np.uint8))


def test_strokes_are_left_out_as_often_as_asked():
    config = ColorConfig(probability=0.7)
    drawn = [colors.stroke_mask(np.random.default_rng(s), (48, 48), config).any() for s in range(200)]
    assert 0.6 < np.mean(drawn) < 0.8
    for seed in range(20):
        share = colors.stroke_mask(np.random.default_rng(seed), (48, 48), ColorConfig(probability=1.0)).mean()
        assert config.share[0] <= share <= config.share[1]
