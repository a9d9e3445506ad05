"""What sharpness, seams, crops and intervals mean, on pictures of which the answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tfsketch.errors import ImageError
from tfsketch.evaluation import holes, intervals, metrics

SIDE = 128


def _noise(seed: int = 0, amplitude: int = 40) -> np.ndarray:
    """Grey noise about 128, of even differences, so that half its contrast is exact."""
    grey = 128 + 2 * np.random.default_rng(seed).integers(-amplitude // 2, amplitude // 2, (SIDE, SIDE))
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.uint8)


def _square(top: int, left: int, edge: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top : top + edge, left : left + edge] = 1
    return mask


MIDDLE = _square(40, 40, 48)


def _with(picture: np.ndarray, mask: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 0, inside, picture).astype(np.uint8)


def test_sharpness_is_the_share_of_the_laplacians_energy():
    truth = _noise()
    assert holes.sharpness(truth, MIDDLE, truth) == 1.0
    half = _with(truth, MIDDLE, (truth.astype(int) + 128) // 2)
    assert holes.sharpness(half, MIDDLE, truth) == pytest.approx(0.25)
    blur = [_with(truth, MIDDLE, cv2.GaussianBlur(truth, (0, 0), sigma)) for sigma in (0.5, 1.0, 2.0)]
    values = [holes.sharpness(picture, MIDDLE, truth) for picture in blur]
    assert 1 > values[0] > values[1] >= values[2] and values[1] < 0.1
    assert holes.sharpness(_with(truth, MIDDLE, _noise(1, 80)), MIDDLE, truth) > 2  # noise counts as detail
    brighter = _with(truth, MIDDLE, truth + 20)
    assert holes.sharpness(brighter, MIDDLE, truth) == pytest.approx(1.0)  # a step at the border is the seam's


def test_sharpness_looks_at_the_middle_of_the_hole_only():
    truth = _noise()
    rim = MIDDLE - cv2.erode(MIDDLE, np.ones((5, 5), np.uint8))  # 2 px
    assert holes.sharpness(_with(truth, rim, np.full_like(truth, 255)), MIDDLE, truth) == pytest.approx(1.0, abs=0.2)
    assert holes.sharpness(_with(truth, 1 - MIDDLE, np.full_like(truth, 9)), MIDDLE, truth) == 1.0
    assert holes.sharpness(truth, _square(10, 10, 4), truth) is None  # nowhere farther than 2 px from its border
    assert holes.core(np.ones((SIDE, SIDE))).all()  # the picture's edge is no border


def test_flat_pictures_have_a_defined_sharpness():
    flat, truth = np.full((SIDE, SIDE, 3), 90, np.uint8), _noise()
    assert holes.sharpness(flat, MIDDLE, flat) is None
    assert holes.sharpness(truth, MIDDLE, flat) == holes.MOST
    assert holes.sharpness(flat, MIDDLE, truth) == 1 / holes.MOST


def test_without_a_truth_an_eye_is_compared_with_the_other_eye():
    left, right = _square(40, 20, 30), _square(40, SIDE - 50, 30)
    assert (left[:, ::-1] == right).all()
    assert (holes.beside(left) == holes.core(right)).all()
    flat, detail = np.full((SIDE, SIDE, 3), 128, np.uint8), _noise()
    picture = _with(_with(flat, left, detail), right, detail[:, ::-1])
    assert holes.sharpness_beside(picture, left) == pytest.approx(1.0)
    assert holes.sharpness_beside(_with(picture, left, (detail.astype(int) + 128) // 2), left) == pytest.approx(0.25)
    assert holes.sharpness_beside(_with(picture, left | right, flat), left) is None


def test_a_hole_in_the_middle_is_compared_with_its_surroundings():
    reference = holes.beside(MIDDLE)
    distance = cv2.distanceTransform(1 - MIDDLE, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert reference.any() and not (reference & (MIDDLE > 0)).any()
    assert 2 < distance[reference].min() and distance[reference].max() <= SIDE * holes.AROUND + 2
    truth = _noise()
    assert holes.sharpness_beside(truth, MIDDLE) == pytest.approx(1.0, abs=0.1)
    half = _with(truth, MIDDLE, (truth.astype(int) + 128) // 2)
    assert holes.sharpness_beside(half, MIDDLE) == pytest.approx(0.25 * holes.sharpness_beside(truth, MIDDLE))
    assert holes.sharpness_beside(truth, np.ones((SIDE, SIDE))) is None


def test_a_seam_is_the_step_over_the_truths():
    rows, columns = np.mgrid[:SIDE, :SIDE]
    truth = np.repeat((rows + columns).astype(np.uint8)[..., None] // 2 * 2, 3, axis=-1)
    slope = np.repeat((2 * (rows // 2 + columns // 2)).astype(np.uint8)[..., None], 3, axis=-1)
    assert holes.seam(truth, MIDDLE, truth) == 1.0
    # A ramp of 1 a pixel in both directions: steps of 1 + 10 on the two sides that it enters by, 10 - 1 on the others.
    ramp = np.repeat((rows + columns)[..., None], 3, axis=-1).astype(np.uint8)
    assert holes.seam(_with(ramp, MIDDLE, ramp + 10), MIDDLE, ramp) == pytest.approx(10.0)
    assert holes.seam(_with(ramp, MIDDLE, ramp + 1), MIDDLE, ramp) == pytest.approx(1.0)  # 2 and 0
    assert holes.seam(_with(slope, 1 - cv2.dilate(MIDDLE, np.ones((3, 3))), slope * 0), MIDDLE, slope) == 1.0
    assert holes.seam(truth, np.ones((SIDE, SIDE)), truth) is None


def test_a_feathered_step_shows_over_a_longer_reach():
    rows, columns = np.mgrid[:SIDE, :SIDE]
    ramp = np.repeat((rows + columns)[..., None], 3, axis=-1).astype(np.uint8)
    weight = np.minimum(cv2.distanceTransform(MIDDLE, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / 5, 1)[..., None]
    fade = np.rint(ramp + 30.0 * weight).astype(np.uint8)
    near, far = holes.seam(fade, MIDDLE, ramp), holes.seam(fade, MIDDLE, ramp, 5)
    assert near == pytest.approx(6.0) and far < near  # 6 levels a pixel, at first
    hard = holes.seam(_with(ramp, MIDDLE, ramp + 30), MIDDLE, ramp)
    assert near < 0.25 * hard and far > 0.5 * holes.seam(_with(ramp, MIDDLE, ramp + 30), MIDDLE, ramp, 5)
    with pytest.raises(ImageError, match="reach: expected at least 1"):
        holes.seam(ramp, MIDDLE, ramp, 0)


def test_a_crop_is_a_square_round_the_hole_inside_the_picture():
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    mask = _square(50, 30, 20)
    picture[mask > 0] = 255
    crop = holes.crop_round(picture, mask, 30)  # 1.5 times 20: at its own scale
    assert crop.shape == (30, 30, 3) and (crop[5:25, 5:25] == 255).all() and crop.mean() == pytest.approx(255 * 4 / 9)
    corner = _square(0, SIDE - 20, 20)
    assert (holes.crop_round(_with(picture * 0, corner, picture + 255), corner, 30)[:20, 10:] == 255).all()
    wide = np.zeros((SIDE, 2 * SIDE), np.uint8)
    wide[60:62] = 1
    assert holes.crop_round(np.zeros((SIDE, 2 * SIDE, 3), np.uint8), wide).shape == (holes.CROP, holes.CROP, 3)


def test_what_is_refused():
    picture = _noise()
    for measure in (holes.sharpness, holes.seam):
        with pytest.raises(ImageError, match="erased pixels"):
            measure(picture, np.zeros((SIDE, SIDE)), picture)
        with pytest.raises(ImageError, match="as the mask's"):
            measure(picture[:64], MIDDLE, picture)
    with pytest.raises(ImageError, match="as the mask's"):
        holes.crop_round(picture[..., 0], MIDDLE)
    with pytest.raises(ImageError, match="erased pixels"):
        holes.sharpness_beside(picture, np.zeros((SIDE, SIDE)))


def test_a_mean_of_quotients_is_geometric():
    assert holes.mean_of([0.5, None, 2.0]) == pytest.approx(1.0)
    assert holes.mean_of([None]) is None


def test_an_interval_of_a_mean():
    rng = np.random.default_rng(3)
    values = rng.normal(5.0, 1.0, 400).tolist()
    low, high = intervals.of_mean(values)
    # 1.96 standard errors to either side, of what is 1 / sqrt(400) here
    assert low < np.mean(values) < high and high - low == pytest.approx(2 * 1.96 * np.std(values) / 20, rel=0.1)
    assert intervals.of_mean([*values, None]) == (low, high) == intervals.of_mean(values)
    assert intervals.of_mean([1.0, None]) is None and intervals.of_mean([2.0] * 5) == (2.0, 2.0)
    low, high = intervals.of_mean([0.5, 2.0] * 30, holes.mean_of)
    assert 0.7 < low < 1 < high < 1.4
    hits = 0
    for _ in range(100):
        low, high = intervals.of_mean(rng.normal(0.0, 1.0, 40).tolist())
        hits += low <= 0.0 <= high
    assert hits >= 86


def test_nobody_is_compared_with_themselves():
    rng = np.random.default_rng(1)
    real = 0.1 * rng.standard_normal((60, 50)) + 0.1
    assert metrics.feature_distance(real, real) < -1  # what the estimator for independent sets says of equal ones
    assert intervals.feature_distance(real, real)[0] == pytest.approx(0.0, abs=1e-9)
    near, far = (intervals.feature_distance(real, real + shift) for shift in (0.02, 0.1))
    for value, (low, high) in (near, far):
        assert 0 < low < value < high
    assert far[0] > 5 * near[0] and intervals.feature_distance(real, real + 0.1) == far
    other = 0.1 * rng.standard_normal((60, 50)) + 0.1
    assert far[0] == pytest.approx(metrics.feature_distance(other, real + 0.1), rel=0.3)
    value, (low, high) = intervals.feature_distance(real, other)  # two sets of one kind
    assert low < 0 < high


def test_who_is_in_two_rows_is_not_compared_with_themselves():
    rng = np.random.default_rng(2)
    faces = 0.1 * rng.standard_normal((30, 50)) + 0.1
    real = np.concatenate([faces, faces])
    result = real + 0.05 * rng.standard_normal(real.shape) + 0.02
    people = [{n} for n in range(30)] * 2
    value, (low, high) = intervals.feature_distance(real, result, people)
    assert low < value < high
    pairs_of_others = [(i, j) for i in range(60) for j in range(60) if i % 30 != j % 30]
    kernel = metrics.kernel
    terms = [
        float(
            kernel(real[i], real[j])
            + kernel(result[i], result[j])
            - kernel(real[i], result[j])
            - kernel(result[i], real[j])
        )
        for i, j in pairs_of_others
    ]
    assert value == pytest.approx(1000 * np.mean(terms))
    assert intervals.feature_distance(real[:3], result[:3]) == (None, None)
    assert intervals.feature_distance(real[:8], result[:8], [{"a"}] * 8) == (None, None)


def test_an_interval_of_a_distance_of_sets_covers_it():
    rng, coverage = np.random.default_rng(3), 0
    for _ in range(20):
        real = rng.normal(0.0, 0.1, (40, 6))
        result = real + rng.normal(0.05, 0.05, (40, 6))
        low, high = intervals.of_set_distance(real, result)
        coverage += low <= metrics.feature_distance(real, result) <= high
    assert coverage >= 19
    assert intervals.of_set_distance(real, result) == intervals.of_set_distance(real, result)
    assert intervals.of_set_distance(real[:1], result[:1]) is None
    far = intervals.of_set_distance(real, result + 0.5)
    assert far[0] > high


def test_an_interval_of_a_quotient_and_of_any_statistic():
    below = np.arange(1.0, 31.0)
    assert intervals.of_quotient(2 * below, below) == pytest.approx((2.0, 2.0))
    low, high = intervals.of_quotient(below[::-1], below)
    assert low < 1.0 < high
    values = np.random.default_rng(0).normal(0.0, 1.0, 200)
    by_counts = intervals.of_statistic(200, lambda draws: draws @ values / 200)
    assert by_counts == pytest.approx(intervals.of_mean(values.tolist()), abs=0.03)
    assert intervals.of_statistic(1, lambda draws: draws[:, 0]) is None
    assert intervals.of_statistic(5, lambda draws: [None] * len(draws)) is None
