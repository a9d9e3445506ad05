"""Masks: the covered share of every kind, determinism, odd sizes, what is off changes nothing."""

import dataclasses
import hashlib

import cv2
import numpy as np
import pytest

from tfsketch.conditions import brush, masks, regions
from tfsketch.config import MaskConfig, StrokeConfig
from tfsketch.errors import ConfigError, DataError
from tfsketch.systems.sc_fegan import protocol as editing

CURVES = StrokeConfig(curved=1.0)
PLAIN = {"eye_probability": 0.0, "box_probability": 0.0, "region_probability": 0.0}
KINDS = {
    "zigzag": MaskConfig(**PLAIN),
    "curved": MaskConfig(**PLAIN, stroke=CURVES),
    "broken": MaskConfig(**PLAIN, stroke=dataclasses.replace(CURVES, taper=0.8, gap=0.5)),
    "eyes": MaskConfig(**{**PLAIN, "eye_probability": 1.0}),
    "box": MaskConfig(**{**PLAIN, "box_probability": 1.0}),
    "regions": MaskConfig(**{**PLAIN, "region_probability": 1.0}, regions=("hair", "face", "lips", "glasses")),
    "half": MaskConfig(large_probability=1.0, large=("half",)),
    "face": MaskConfig(large_probability=1.0, large=("face",)),
    "inner": MaskConfig(large_probability=1.0, large=("inner",)),
    "outer": MaskConfig(large_probability=1.0, large=("outer",)),
    "mixed": MaskConfig(
        stroke=StrokeConfig(curved=0.5), large_probability=0.3, regions=("hair", "eyes"), region_probability=0.5
    ),
}


def portrait(size):
    """A region map: a face with hair around it and two eyes."""
    height, width = size
    labels = np.zeros(size, np.uint8)
    middle = (width // 2, height // 2)
    for name, axes in (("hair", (0.33, 0.45)), ("skin", (0.25, 0.35))):
        half = (round(axes[0] * width), round(axes[1] * height))
        cv2.ellipse(labels, middle, half, 0, 0, 360, regions.REGIONS.index(name), -1)
    for x in (0.4, 0.6):
        cv2.circle(labels, (round(x * width), round(0.45 * height)), 2, regions.REGIONS.index("eyes"), -1)
    return labels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [(0.1, 0.4), (0.25, 0.2501), (0.01, 0.02), (0.7, 0.9)])
def test_the_covered_share_is_in_the_asked_range(kind, share):
    config = dataclasses.replace(KINDS[kind], share=share, large_share=share)
    for size in ((128, 128), (64, 200), (37, 53)):
        total = size[0] * size[1]
        for seed in range(4 if share[0] > 0.5 else 10):
            mask = masks.free_form(np.random.default_rng(seed), size, config, portrait(size) if seed % 2 else None)
            assert mask.shape == size and mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 1}
            # To the pixel: of 37 x 53 pixels, none is both above a share of 0.25 and below one of 0.2501.
            least = min(np.ceil(share[0] * total), np.floor(share[1] * total))
            assert least <= mask.sum() <= share[1] * total


def test_shares_fill_the_range_evenly():
    shares = masks.covered_shares(np.random.default_rng(0), (64, 64), MaskConfig(box_probability=0.0), 400)
    assert shares.shape == (400,) and np.abs(np.quantile(shares, [0.25, 0.5, 0.75]) - [0.175, 0.25, 0.325]).max() < 0.03


def test_the_same_seed_gives_the_same_mask_and_another_another():
    for config in KINDS.values():
        draw = [masks.free_form(np.random.default_rng(seed), (64, 64), config) for seed in (1, 1, 2)]
        assert np.array_equal(draw[0], draw[1]) and not np.array_equal(draw[0], draw[2])
        draw = [masks.free_form(np.random.default_rng(1), (64, 64), config, portrait((64, 64))) for _ in range(2)]
        assert np.array_equal(draw[0], draw[1])


def test_masks_of_the_evaluation_protocol_never_change():
    # Reports are comparable as long as these settings give these masks, bit for bit.
    config = editing.SETTINGS.mask
    digest = hashlib.sha256()
    for number in range(50):
        rng = np.random.default_rng([1, 2, number])
        digest.update(masks.free_form(rng, (128, 128), config).tobytes())
        digest.update(rng.integers(0, 2**31, 4).tobytes())  # what is drawn after it
    assert digest.hexdigest() == "f5cb154d0b1183951a0c357d7ff03afbe83d86225a537c13459088b36843f820"


def test_eye_strokes_start_at_the_eyes():
    for stroke in (StrokeConfig(), CURVES):
        config = MaskConfig(eye_probability=1.0, eye_jitter=0.0, box_probability=0.0, share=(0.05, 0.3), stroke=stroke)
        for seed in range(10):
            mask = masks.free_form(np.random.default_rng(seed), (128, 128), config)
            assert any(mask[round(y * 128), round(x * 128)] for x, y in config.eyes)


def test_eyes_are_where_the_region_map_shows_them_or_a_pair_of_glasses():
    config = MaskConfig(
        eye_probability=1.0, eye_jitter=0.0, box_probability=0.0, region_probability=0.0, share=(0.05, 0.3)
    )
    for name in ("eyes", "glasses"):
        face = np.full((128, 128), regions.REGIONS.index("skin"), np.uint8)
        places = [(20, 100), (60, 110)]
        for x, y in places:
            cv2.circle(face, (x, y), 4, regions.REGIONS.index(name), -1)
        for seed in range(10):
            mask = masks.free_form(np.random.default_rng(seed), (128, 128), config, face)
            assert any(mask[y, x] for x, y in places)


def test_a_region_is_added_whole_and_grown_when_it_fits_and_never_past_the_range():
    face = np.zeros((64, 64), np.uint8)
    face[:10] = regions.REGIONS.index("hair")
    config = MaskConfig(region_probability=1.0, box_probability=0.0, region_dilation=0.0, share=(0.2, 0.4))
    assert masks.free_form(np.random.default_rng(0), (64, 64), config, face)[:10].all()
    # Strokes cannot reach the whole of row 11, but a grown region does.
    wide = dataclasses.replace(config, region_dilation=0.1, share=(0.17, 0.3))
    deepest = [masks.free_form(np.random.default_rng(s), (64, 64), wide, face).all(axis=1).sum() for s in range(20)]
    assert min(deepest) >= 10 and 14 <= max(deepest) <= 16
    face[:] = regions.REGIONS.index("hair")
    assert masks.free_form(np.random.default_rng(0), (64, 64), config, face).mean() <= 0.4


def test_regions_are_picked_by_name_among_those_that_fit():
    face = portrait((96, 96))
    config = MaskConfig(
        region_probability=1.0, eye_probability=0.0, box_probability=0.0, region_dilation=0.0, share=(0.3, 0.5)
    )
    skin, hair = (regions.mask_of(face, name) for name in ("skin", "hair"))
    names = set()
    for seed in range(20):
        both = dataclasses.replace(config, regions=("skin", "hair", "clothes"))
        mask = masks.free_form(np.random.default_rng(seed), (96, 96), both, face)
        assert mask[skin > 0].all() or mask[hair > 0].all()
        names |= {"skin"} if mask[skin > 0].all() else {"hair"}
    assert names == {"skin", "hair"}
    with pytest.raises(DataError, match="found 'nostril'"):
        nostril = dataclasses.replace(config, regions=("nostril",))
        masks.free_form(np.random.default_rng(0), (96, 96), nostril, face)


def test_large_holes_lie_where_they_should():
    def draw(kind, seed, **extra):
        config = MaskConfig(large_probability=1.0, large=(kind,), large_share=(0.45, 0.55), **extra)
        return masks.free_form(np.random.default_rng(seed), (80, 80), config, portrait((80, 80)))

    for seed in range(10):
        half = draw("half", seed)
        corners = half[[0, 0, -1, -1], [0, -1, -1, 0]]
        assert corners.sum() == 2 and np.abs(np.diff(corners.astype(int))).sum() <= 2  # two of one side
        face = regions.mask_of(portrait((80, 80)), "face")
        assert draw("face", seed)[face > 0].mean() > 0.95
        inner = draw("inner", seed)
        assert inner[40, 40] and not inner[[0, -1]].any() and not inner[:, [0, -1]].any()
        count, _ = cv2.connectedComponents(1 - draw("outer", seed), connectivity=4)
        assert count == 2  # the hole and one patch
    with pytest.raises(ConfigError, match=r"mask\.large: expected half, face, inner or outer, found 'quarter'"):
        draw("quarter", 0)


def test_masks_grow_over_the_training():
    config = MaskConfig(share=(0.3, 0.4), start_share=(0.02, 0.04), growth=0.5)

    def shares(progress, **extra):
        variant = dataclasses.replace(config, **extra)
        return masks.covered_shares(np.random.default_rng(0), (64, 64), variant, 40, progress=progress)

    for progress, (low, high) in {0.0: (0.02, 0.04), 0.25: (0.16, 0.22), 0.5: (0.3, 0.4), 1.0: (0.3, 0.4)}.items():
        coverage = shares(progress)
        assert low <= coverage.min() and coverage.max() <= high
    assert np.array_equal(shares(0.6), shares(0.0, growth=0.0))
    large = {"large_probability": 1.0, "large_share": (0.6, 0.7)}
    assert (shares(0.0, **large) < 0.1).all() and (shares(0.5, **large) > 0.5).all()
    assert 5 < (shares(0.25, **large) > 0.5).sum() < 35


def test_strokes_keep_what_was_there_and_are_wide_as_asked():
    start = np.eye(64, dtype=np.uint8)
    thin = StrokeConfig(width=(0.02, 0.02))
    union = masks.strokes(np.random.default_rng(0), (64, 64), thin, 0.2, 0.3, start)
    assert union[start == 1].all() and start.sum() == 64
    for curvature in (0.0, 1.0):
        wide = dataclasses.replace(thin, width=(0.3, 0.3), vertices=(1, 1), length=(0.2, 0.2), curved=curvature)
        mask = masks.strokes(np.random.default_rng(0), (64, 64), wide, 0.05, 0.5, starts=[(32, 32)])
        assert mask.any(axis=1).sum() >= 19  # 0.3 * 64 px


def test_curves_have_no_corners_and_stay_in_the_picture():
    config = dataclasses.replace(CURVES, angle=20.0, length=(0.3, 0.3), vertices=(6, 6))
    for seed in range(20):
        points, widths = brush.curve(np.random.default_rng(seed), (2000, 3000), config, (1500.0, 1000.0))
        assert len(points) == len(widths) + 1 and (points >= 0).all() and (points < (3000, 2000)).all()
        assert points[0].tolist() == [1500, 1000]
        steps = np.diff(points.astype(float), axis=0)
        cosines = (
            (steps[:-1] * steps[1:]).sum(1) / np.linalg.norm(steps[:-1], axis=1) / np.linalg.norm(steps[1:], axis=1)
        )
        turns = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        # A zig-zag turns by up to 180 degrees at once. Here only a border turns, or a scribble's end.
        assert np.median(turns) < 10


def test_taper_and_gaps_change_the_brush_along_a_curve():
    rng = np.random.default_rng(0)
    for _ in range(10):
        _, widths = brush.curve(rng, (512, 512), dataclasses.replace(CURVES, taper=0.8, vertices=(8, 8)), None)
        assert widths.min() > 0 and 1.2 < widths.max() / widths.min() <= 6
    _, widths = brush.curve(rng, (512, 512), dataclasses.replace(CURVES, gap=1.0), None)
    assert widths[:8].all() and not widths[8:].any()


def test_numbers_tell_strokes_apart_and_where_they_start():
    starts = [(10, 10), (50, 12), (30, 50)]
    thin = StrokeConfig(width=(0.03, 0.03), vertices=(2, 2), length=(0.1, 0.1))
    numbers = masks.strokes(np.random.default_rng(0), (64, 64), thin, 0.03, 0.05, starts=starts, by_number=True)
    assert numbers.max() > 3 and [numbers[y, x] for x, y in starts] == [1, 2, 3]
    union = masks.strokes(np.random.default_rng(0), (64, 64), thin, 0.03, 0.05, starts=starts)
    assert np.array_equal(union, numbers > 0)


def test_a_compact_mask_is_one_feature_with_a_margin_and_nothing_else():
    config = MaskConfig(compact_probability=1.0, compact=("eyes",), compact_margin=(0.03, 0.04))
    size = (128, 128)
    regions_map = portrait(size)
    eyes = regions.mask_of(regions_map, "eyes")
    for seed in range(20):
        mask = masks.free_form(np.random.default_rng(seed), size, config, regions_map)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
        assert (mask >= masks.grow(eyes, 3)).all()  # all of it, and the least margin
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        assert count == 3 and mask.mean() < 0.1  # two eyes, and no stroke anywhere
    one = dataclasses.replace(config, compact=("eye",))
    assert cv2.connectedComponents(masks.free_form(np.random.default_rng(0), size, one, regions_map))[0] == 2
    hair = dataclasses.replace(config, compact=("hair",))
    part = masks.free_form(np.random.default_rng(0), size, hair, regions_map)
    whole = regions.mask_of(regions_map, "hair")
    assert part.any() and part[whole > 0].mean() < 0.9


def test_a_spot_lies_anywhere():
    config = MaskConfig(compact_probability=1.0, compact=("spot",))
    spots = [
        masks.free_form(np.random.default_rng(n), (96, 96), config, np.zeros((96, 96), np.uint8)) for n in range(40)
    ]
    shares = [spot.mean() for spot in spots]
    assert max(shares) <= np.pi * 0.15**2 and np.median(shares) > 0.005
    assert np.maximum.reduce(spots).mean() > 0.6


def test_what_the_map_does_not_show_is_not_erased_compactly():
    config = MaskConfig(compact_probability=1.0, compact=("glasses",))
    for regions_map in (portrait((64, 64)), None):
        mask = masks.free_form(np.random.default_rng(0), (64, 64), config, regions_map)
        assert config.share[0] <= mask.mean() <= config.share[1]  # an ordinary mask instead


def blobs(seed: int) -> np.ndarray:
    """Ellipses and specks anywhere, at the border too; of every fifth seed nothing: [61,94] uint8 in {0,1}."""
    rng, mask = np.random.default_rng(seed), np.zeros((61, 94), np.uint8)
    for _ in range(seed % 5):
        middle, axes = rng.integers(-4, (98, 65)), rng.integers(0, 16, 2)
        cv2.ellipse(mask, middle.tolist(), axes.tolist(), float(rng.uniform(0, 180)), 0, 360, (1,), -1)
        mask[tuple(rng.integers(0, mask.shape, (12, 2)).T)] ^= 1
    return mask


@pytest.mark.parametrize("seed", range(20))
def test_what_is_done_in_a_masks_window_is_what_the_whole_picture_gives(seed):
    mask = blobs(seed)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    order = sorted(range(1, count), key=lambda n: -stats[n, cv2.CC_STAT_AREA])  # equal areas too keep their order
    np.testing.assert_array_equal(np.array(masks.parts_of(mask)), np.array([labels == n for n in order]))
    for radius in (0, 1, 4, 30):
        disc = masks.disc(radius)
        np.testing.assert_array_equal(masks.grow(mask, radius), cv2.dilate(mask, disc))
        np.testing.assert_array_equal(masks.band(mask, radius), cv2.dilate(mask, disc) & cv2.dilate(1 - mask, disc))
