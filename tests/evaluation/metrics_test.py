"""The measures: values known by construction, ST-LPIPS against the published implementation, and what they refuse."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
import skimage.data

from tfsketch.errors import ImageError, WeightsError
from tfsketch.evaluation import metrics
from tfsketch.evaluation.st_lpips import StLpips, st_lpips_weights_path


@pytest.fixture(name="photograph", scope="module")
def _photograph() -> np.ndarray:
    """[128,128,3] uint8, a face."""
    return skimage.data.astronaut()[20:148, 160:288].copy()


@pytest.fixture(name="mask")
def _mask() -> np.ndarray:
    mask = np.zeros((128, 128), np.uint8)
    mask[32:96, 32:96] = 1
    return mask


def _line(column: int, size: int = 64) -> np.ndarray:
    """A vertical line of one pixel."""
    sketch = np.zeros((size, size), np.uint8)
    sketch[8:-8, column] = 1
    return sketch


def test_equal_pictures_are_perfect(photograph, mask):
    assert metrics.l1_hole(photograph, photograph, mask) == 0.0
    assert metrics.psnr_hole(photograph, photograph, mask) == 100.0
    assert metrics.ssim_hole(photograph, photograph, mask) == pytest.approx(1.0)
    whole, hole = metrics.st_lpips(photograph[None], photograph[None], mask[None])
    assert whole == pytest.approx([0.0]) and hole == pytest.approx([0.0])


def test_errors_of_known_size_count_in_the_hole_only(photograph, mask):
    grey = np.full_like(photograph, 100)
    output = grey.copy()
    output[mask > 0] = 110
    output[64:96, 32:96] = 90  # the lower half: errors of both signs must not cancel
    assert metrics.l1_hole(grey, output, mask) == pytest.approx(10.0)
    assert metrics.psnr_hole(grey, output, mask) == pytest.approx(20 * np.log10(25.5))
    output[mask == 0] = 0
    assert metrics.l1_hole(grey, output, mask) == pytest.approx(10.0)
    assert metrics.psnr_hole(grey, output, mask) == pytest.approx(20 * np.log10(25.5))
    black, white = np.zeros_like(grey), np.full_like(grey, 255)  # 0 - 255 must not wrap around in uint8
    assert metrics.l1_hole(black, white, mask) == metrics.l1_hole(white, black, mask) == 255.0
    assert metrics.psnr_hole(black, white, mask) == pytest.approx(0.0)


def test_ssim_of_flat_pictures_is_its_luminance_term(mask):
    a, b = np.full((128, 128, 3), 100, np.uint8), np.full((128, 128, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert metrics.ssim_hole(a, b, mask) == pytest.approx((2 * 100 * 150 + c1) / (100**2 + 150**2 + c1), abs=1e-6)


def test_ssim_does_not_see_far_outside_the_hole(photograph, mask):
    output = photograph.copy()
    output[:20] = 0  # 12 px from the hole; the window reaches 5
    assert metrics.ssim_hole(photograph, output, mask) == pytest.approx(1.0)


# Made with stlpips-pytorch 0.0.2 on PyTorch 2.13 (LPIPS(net="alex", variant="shift_tolerant"), and spatial=True).
@pytest.mark.parametrize(
    "change, whole, hole",
    [
        ("inverse", 0.45093, 0.44440),
        ("shift", 0.01336, 0.00758),
    ],
)
def test_st_lpips_is_the_published_one(photograph, mask, change, whole, hole):
    variant = 255 - photograph if change == "inverse" else np.roll(photograph, 2, axis=1)
    distance, in_hole = metrics.st_lpips(photograph[None], variant[None], mask[None])
    assert distance[0] == pytest.approx(whole, abs=1e-4)
    assert in_hole[0] == pytest.approx(hole, abs=1e-4)


def test_st_lpips_grows_with_blur_and_forgives_a_shift(photograph, mask):
    blur = [cv2.GaussianBlur(photograph, (0, 0), sigma) for sigma in (1, 2, 4)]
    variants = [photograph, np.roll(photograph, 1, axis=1), *blur]
    for values in metrics.st_lpips(np.stack([photograph] * 5), np.stack(variants), np.stack([mask] * 5)):
        assert values.tolist() == sorted(values.tolist())
        assert values[0] == pytest.approx(0.0) and values[1] < 0.2 * values[2]


def test_st_lpips_in_the_hole_is_about_the_hole(photograph, mask):
    output = photograph.copy()
    output[mask > 0] = cv2.GaussianBlur(photograph, (0, 0), 3)[mask > 0]
    whole, hole = metrics.st_lpips(np.stack([photograph] * 2), np.stack([output] * 2), np.stack([mask, 1 - mask]))
    assert hole[0] > whole[0] > hole[1] > 0


def test_st_lpips_takes_odd_sizes_and_names_too_small_ones(photograph):
    for height, width in [(21, 21), (33, 47), (64, 101)]:
        picture = photograph[None, :height, :width]
        whole, hole = metrics.st_lpips(picture, 255 - picture, np.ones((1, height, width)))
        assert whole[0] > 0.1 and hole[0] == pytest.approx(whole[0], rel=0.15)
    with pytest.raises(ImageError, match="at least 21 px"):
        metrics.st_lpips(photograph[None, :20], photograph[None, :20], np.ones((1, 20, 128)))


def test_sketch_f1_tolerates_two_pixels():
    mask = np.ones((64, 64), np.uint8)
    for shift, expected in [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0), (4, 0.0)]:
        assert metrics.sketch_f1(_line(30), _line(30 + shift), mask) == expected
        assert metrics.sketch_f1(_line(30), _line(30 - shift), mask) == expected


def test_sketch_f1_is_euclidean():
    mask = np.ones((64, 64), np.uint8)
    dot, diagonal = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    dot[30, 30] = diagonal[32, 32] = 1  # sqrt(8) away
    assert metrics.sketch_f1(dot, diagonal, mask) == 0.0
    assert metrics.sketch_f1(dot, diagonal, mask, tolerance=np.sqrt(8)) == 1.0


def test_sketch_f1_is_the_harmonic_mean_of_precision_and_recall():
    mask = np.ones((64, 64), np.uint8)
    both = _line(10) | _line(50)
    assert metrics.sketch_f1(_line(10), both, mask) == pytest.approx(2 / 3)  # precision 1/2, recall 1
    assert metrics.sketch_f1(both, _line(10), mask) == pytest.approx(2 / 3)  # precision 1, recall 1/2


def test_sketch_f1_counts_in_the_mask_but_matches_across_its_rim():
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 1
    edges = _line(40) | _line(10)  # the second line, unasked for, is outside the mask
    assert metrics.sketch_f1(_line(40), edges, mask) == 1.0
    # One line of the output has slid over the rim: it is no edge in the mask, but the stroke is not missed either.
    strokes = _line(33) | _line(50)
    assert metrics.sketch_f1(strokes, _line(31) | _line(50), mask) == 1.0
    assert metrics.sketch_f1(strokes, _line(29) | _line(50), mask) == pytest.approx(2 / 3)


def test_sketch_f1_of_empties():
    mask, empty = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 1
    assert metrics.sketch_f1(empty, empty, mask) == 1.0
    assert metrics.sketch_f1(_line(40), empty, mask) == 0.0
    assert metrics.sketch_f1(empty, _line(40), mask) == 0.0
    assert metrics.sketch_f1(_line(10), _line(20), mask) == 1.0  # both outside the mask


def test_color_error_counts_under_the_strokes_in_the_mask(mask):
    output, color = np.full((128, 128, 3), 100, np.uint8), np.zeros((128, 128, 3), np.uint8)
    strokes = np.zeros((128, 128), np.uint8)
    strokes[40:50, 20:60] = 1
    color[strokes > 0] = 108
    color[45:50, 20:60] = 96
    assert metrics.color_error(output, color, strokes, mask) == pytest.approx(6.0)
    output[mask == 0] = 0
    assert metrics.color_error(output, color, strokes, mask) == pytest.approx(6.0)
    assert metrics.color_error(output, color, np.zeros_like(strokes), mask) is None
    assert metrics.color_error(output, color, 1 - mask, mask) is None


def test_means_leave_out_what_is_not_defined():
    assert metrics.mean_of([1.0, None, 3.0]) == 2.0
    assert metrics.mean_of([None, None]) is None


def test_measure_gives_every_name_for_every_picture(photograph, mask):
    batch = np.stack([photograph, photograph[::-1]])
    masks = np.stack([mask, mask])
    values = metrics.measure(batch, 255 - batch, masks, masks, masks, batch, np.stack([mask, 0 * mask]))
    assert list(values) == list(metrics.NAMES)
    assert all(len(v) == 2 for v in values.values())
    assert values["sketch_f1"] == [1.0, 1.0] and values["color_error"][1] is None


@pytest.mark.parametrize("measure", [metrics.l1_hole, metrics.psnr_hole, metrics.ssim_hole])
def test_an_empty_mask_and_other_sizes_are_refused(photograph, mask, measure):
    with pytest.raises(ImageError, match="erased pixels"):
        measure(photograph, photograph, 0 * mask)
    with pytest.raises(ImageError, match="size"):
        measure(photograph, photograph[:64], mask)


class _Malicious:
    def __reduce__(self):
        return print, ("this must not run",)


def test_weights_that_are_damaged_foreign_or_malicious_are_refused(tmp_path, capsys):
    whole = st_lpips_weights_path().read_bytes()
    file = tmp_path / "weights.pth"
    header = b"".join(pickle.dumps(x, protocol=2) for x in (0x1950A86A20F9469CFC6C, 1001, {}))
    for data in [
        b"",
        b"PK\x03\x04 a newer file",
        whole[:1000],
        whole[:-100],
        pickle.dumps(_Malicious(), protocol=2),
        header + pickle.dumps(_Malicious(), protocol=2),
        pickle.dumps([1, 2], protocol=2),
    ]:
        file.write_bytes(data)
        with pytest.raises(WeightsError, match="weights.pth"):
            StLpips(file)
    file.write_bytes(header + pickle.dumps({}, protocol=2) + pickle.dumps([], protocol=2))
    with pytest.raises(WeightsError, match=r"found no 'net\.slice1\.0\.weight'"):
        StLpips(file)
    assert capsys.readouterr().out == ""


def test_chamfer_is_the_mean_distance_both_ways():
    one, other = _line(20), _line(23)
    assert metrics.chamfer(one, one) == 0.0
    assert metrics.chamfer(one, other) == pytest.approx(3.0) == metrics.chamfer(other, one)
    # A second line, 10 px off, is far from the one: half of its pixels there, none the other way.
    both = one | _line(30)
    assert metrics.chamfer(both, one) == pytest.approx((10 / 2 + 0) / 2)
    empty = np.zeros_like(one)
    assert metrics.chamfer(empty, empty) == 0.0
    assert metrics.chamfer(empty, one) == metrics.chamfer(one, empty) == pytest.approx(64 * np.sqrt(2))
    with pytest.raises(ImageError, match="one size"):
        metrics.chamfer(one, one[:32])


def test_feature_distance_tells_sets_apart_and_not_their_members():
    picture = skimage.data.astronaut()
    rng = np.random.default_rng(0)
    crops = np.stack([picture[y : y + 64, x : x + 64] for y, x in rng.integers(0, 448, (48, 2))])
    blur = np.stack([cv2.GaussianBlur(crop, (0, 0), 2.5) for crop in crops])
    real, other, soft = (metrics.embed(part) for part in (crops[:24], crops[24:], blur[24:]))
    assert real.shape == (24, 1152)
    same, worse = metrics.feature_distance(real, other), metrics.feature_distance(real, soft)
    assert abs(same) < 0.3 * worse and worse == pytest.approx(metrics.feature_distance(soft, real))
    with pytest.raises(ImageError, match="at least 2 pictures"):
        metrics.feature_distance(real, other[:1])


def test_feature_distance_is_unbiased():
    """Against the definition, and about zero between samples of one distribution."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(7, 5)), rng.normal(size=(6, 5))

    def kernel(a, b):
        return (a @ b / 5.0 + 1.0) ** 3

    def mean(pairs):
        return np.mean([kernel(a, b) for a, b in pairs])

    expected = (
        mean((x[i], x[j]) for i in range(7) for j in range(7) if i != j)
        + mean((y[i], y[j]) for i in range(6) for j in range(6) if i != j)
        - 2 * mean((a, b) for a in x for b in y)
    )
    assert metrics.feature_distance(x, y) == pytest.approx(1000 * expected)
    draws = [metrics.feature_distance(*rng.normal(size=(2, 40, 5))) for _ in range(2000)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(2000)
