"""Free-form masks: the covered share, determinism, odd sizes."""

import dataclasses

import numpy as np
import pytest

from tfsketch.conditions import masks
from tfsketch.config import MaskConfig, StrokeConfig


@pytest.mark.parametrize("size", [(128, 128), (64, 200), (37, 53)])
@pytest.mark.parametrize("share", [(0.1, 0.4), (0.25, 0.26), (0.01, 0.02), (0.7, 0.9)])
def test_the_covered_share_is_in_the_asked_range(size, share):
    config = MaskConfig(share=share)
    for seed in range(20):
        mask = masks.free_form(np.random.default_rng(seed), size, config)
        assert mask.shape == size and mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 1}
        assert share[0] <= mask.mean() <= share[1]


def test_the_same_seed_gives_the_same_mask_and_another_another():
    draw = [masks.free_form(np.random.default_rng(seed), (64, 64), MaskConfig()) for seed in (1, 1, 2)]
    assert np.array_equal(draw[0], draw[1]) and not np.array_equal(draw[0], draw[2])


def test_eye_strokes_start_at_the_eyes():
    config = MaskConfig(eye_probability=1.0, eye_jitter=0.0, box_probability=0.0, share=(0.05, 0.3))
    for seed in range(10):
        mask = masks.free_form(np.random.default_rng(seed), (128, 128), config)
        assert any(mask[round(y * 128), round(x * 128)] for x, y in config.eyes)


def test_a_region_is_added_whole_when_it_fits_and_never_past_the_range():
    region = np.zeros((64, 64), np.uint8)
    region[:10] = 1
    config = MaskConfig(region_probability=1.0, box_probability=0.0, share=(0.2, 0.4))
    assert masks.free_form(np.random.default_rng(0), (64, 64), config, region)[:10].all()
    region[:] = 1
    assert masks.free_form(np.random.default_rng(0), (64, 64), config, region).mean() <= 0.4


def test_strokes_keep_what_was_there_and_are_wide_as_asked():
    start = np.eye(64, dtype=np.uint8)
    thin = StrokeConfig(width=(0.02, 0.02))
    grown = masks.strokes(np.random.default_rng(0), (64, 64), thin, 0.2, 0.3, start)
    assert grown[start == 1].all() and start.sum() == 64
    wide = dataclasses.replace(thin, width=(0.3, 0.3), vertices=(1, 1), length=(0.2, 0.2))
    mask = masks.strokes(np.random.default_rng(0), (64, 64), wide, 0.05, 0.5)
    assert mask.any(axis=1).sum() >= 19  # 0.3 * 64 px
