"""Residuals: an enlarged repaint gets the photograph's detail, from what looks alike, and nothing else."""

import cv2
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tfsketch.framing import arrays, residuals, residuals_graph
from tfsketch.vocabulary import resize


def _sharpness(image, where):
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.square(cv2.Laplacian(grey, cv2.CV_32F)[where]).mean()


def _case(size=(240, 240), work=(60, 60)):
    """A photograph of grass, a mask, and what a network that is right at the working side draws."""
    image = np.ascontiguousarray(skimage.data.astronaut()[: size[0], 100 : 100 + size[1]])
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (size[1] // 2, size[0] // 2), (size[1] // 5, size[0] // 6), 30, 0, 360, 1, -1)
    return image, resize(image, work), mask


def _texture(side=256, scale=4):
    """Vertical stripes of grain that only the full size shows, left strong and dark, right weak and bright."""
    rng = np.random.default_rng(0)
    image = np.full((side, side, 3), 90.0)
    image[:, side // 2 :] = 170.0
    grain = rng.standard_normal((side, side, 1)) * np.where(np.arange(side) < side // 2, 20.0, 5.0)[None, :, None]
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def test_grain_is_that_of_the_same_tone():
    image = _texture()
    mask = np.zeros((256, 256), np.uint8)
    mask[80:180, 60:200] = 1
    clean = np.full((64, 64, 3), 90, np.uint8)
    clean[:, 32:] = 170
    composite = np.where(arrays.resize_mask(mask, (64, 64))[..., None] > 0, clean, resize(image, (64, 64)))
    grain = residuals.carry(image, composite, mask).astype(float) - resize(composite, (256, 256))
    truth = image.astype(float) - resize(resize(image, (64, 64)), (256, 256))
    for columns in (slice(70, 115), slice(145, 190)):
        hole = grain[90:170, columns].std()
        around = truth[90:170, slice(5, 50) if columns.start < 128 else slice(205, 250)].std()
        assert 0.75 < hole / around < 1.3, (columns, hole, around)


def test_a_photograph_gets_sharp_and_the_known_side_stays():
    image, composite, mask = _case()
    base, sharp = resize(composite, mask.shape), residuals.carry(image, composite, mask)
    np.testing.assert_array_equal(sharp[mask == 0], base[mask == 0])
    core = cv2.erode(mask, np.ones((5, 5))) > 0
    truth = _sharpness(image, core)
    assert _sharpness(base, core) < 0.2 * truth
    assert 0.4 * truth < _sharpness(sharp, core) < 1.6 * truth
    half = residuals.carry(image, composite, mask, strength=0.5)
    assert _sharpness(base, core) < _sharpness(half, core) < _sharpness(sharp, core)
    np.testing.assert_array_equal(residuals.carry(image, composite, mask, strength=0.0), base)


def test_nothing_is_invented_where_nothing_matches():
    image = _texture()
    mask = np.zeros((256, 256), np.uint8)
    mask[80:180, 60:200] = 1
    composite = resize(image, (64, 64))
    composite[arrays.resize_mask(mask, (64, 64)) > 0] = (250, 10, 10)
    result = residuals.carry(image, composite, mask)
    inner = (slice(100, 160), slice(80, 180))
    np.testing.assert_array_equal(result[inner], resize(composite, (256, 256))[inner])


def test_what_was_erased_has_no_share():
    image, composite, mask = _case()
    other = image.copy()
    other[mask > 0] = np.random.default_rng(1).integers(0, 255, (int(mask.sum()), 3))
    np.testing.assert_array_equal(residuals.carry(image, composite, mask), residuals.carry(other, composite, mask))


def test_no_known_patch_and_no_enlargement_give_the_enlarged_repaint():
    image, composite, mask = _case()
    whole = np.ones_like(mask)
    np.testing.assert_array_equal(residuals.carry(image, composite, whole), resize(composite, mask.shape))
    small = resize(image, (60, 60))
    np.testing.assert_array_equal(residuals.carry(small, composite, arrays.resize_mask(mask, (60, 60))), composite)
    tiny = residuals.carry(image[:24, :24], composite[:3, :3], mask[108:132, 108:132])
    assert tiny.shape == (24, 24, 3)


def test_more_sources_than_the_limit_are_thinned(monkeypatch):
    image, composite, mask = _case()
    monkeypatch.setattr(residuals, "SOURCES", 300)
    sources = residuals.match(composite, arrays.resize_mask(mask, (60, 60)))
    places = {tuple(p) for p in sources.place[sources.weight > 0]}
    m, g = residuals.thinning(np.count_nonzero(_intact(arrays.resize_mask(mask, (60, 60)))))
    assert m > 1 and all((x + g * y) % m == 0 for y, x in places)


def _intact(mask):
    return ~residuals.patches_of(mask[..., None] > 0).any(axis=(2, 3, 4))


@pytest.mark.parametrize(
    ("size", "work"), [((240, 240), (60, 60)), ((233, 187), (60, 48)), ((240, 240), (240, 240)), ((12, 12), (3, 3))]
)
def test_the_graph_is_the_same(size, work):
    spec = [
        tf.TensorSpec([None, None, 3], tf.uint8),
        tf.TensorSpec([None, None, 3]),
        tf.TensorSpec([None] * 2, tf.bool),
    ]
    run = tf.function(residuals_graph.carry, input_signature=spec)
    image, composite, mask = _case(size, work)
    corner = mask.copy()
    corner[: size[0] // 4, : size[1] // 3] = 1  # to the picture's border
    for layer in (mask, corner, np.ones_like(mask)):
        result = run(image, tf.cast(composite, tf.float32), layer > 0).numpy()
        expected = residuals.carry(image, composite, layer)
        # Enlarging alone may differ by a level; two sources that are all but equal may be told apart otherwise.
        apart = np.abs(result - expected)
        assert (apart > 2).mean() < 0.005


def test_a_soft_repaint_gets_the_grain_of_what_is_sharp():
    """What a network draws is softer than the photograph: its grain is that of the sharp half all the same, and some of
    the band that the network drew too weakly comes along."""
    image, sharp, mask = _case()
    soft = cv2.GaussianBlur(sharp, (0, 0), 1.5)
    composite = np.where(arrays.resize_mask(mask, (60, 60))[..., None] > 0, soft, sharp)
    core = cv2.erode(mask, np.ones((5, 5))) > 0
    base, result = resize(composite, mask.shape), residuals.carry(image, composite, mask)
    assert 0.5 < _sharpness(result, core) / _sharpness(residuals.carry(image, sharp, mask), core) < 1.5
    sources = residuals.match(composite, arrays.resize_mask(mask, (60, 60)))
    inside = sources.weight > 0
    assert 0.1 < sources.middle[inside].mean() <= residuals.MIDDLE
    assert residuals.match(sharp, arrays.resize_mask(mask, (60, 60))).middle[inside].mean() < 0.7 * (
        sources.middle[inside].mean()
    )

    def octave(picture):
        return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 3) - cv2.GaussianBlur(
            picture.astype(np.float32), (0, 0), 8
        )

    assert octave(base)[core].std() < octave(result)[core].std() < 1.2 * octave(image)[core].std()


def test_a_plain_is_not_tiled_with_one_source():
    """All of it is alike to the comparison, and every patch would take the first source."""
    image = np.full((256, 256, 3), 120.0) + np.random.default_rng(0).standard_normal((256, 256, 1)) * 12.0
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[80:180, 60:200] = 1
    small = arrays.resize_mask(mask, (64, 64))
    composite = np.where(small[..., None] > 0, np.uint8(120), resize(image, (64, 64)))
    sources = residuals.match(composite, small)
    places, counts = np.unique(sources.place[sources.weight > 0], axis=0, return_counts=True)
    assert counts.max() < 0.03 * counts.sum() and len(places) > 0.5 * counts.sum()


def test_turns_are_spread_evenly():
    turns = residuals.turns(512, 512, 4096)
    assert turns.dtype == np.float32 and 0.0 <= turns.min() and turns.max() < 1.0
    assert np.histogram(turns, 10)[0].min() > 0.09 * turns.size
    assert len(np.unique(turns.argmin(axis=1))) > 400  # another source for nearly every target


def test_straw_does_not_come_into_smooth_skin():
    """Of the same mean, and much rougher at the working side than what the network drew: a plain gets little of it."""
    image = np.full((256, 256, 3), 120.0) + 40.0 * np.sign(np.sin(np.arange(256) / 2.5))[None, :, None]
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[80:180, 60:200] = 1
    small = arrays.resize_mask(mask, (64, 64))
    around = resize(image, (64, 64))
    drawings = np.full_like(around, 120), around
    smooth, rough = (
        residuals.match(np.where(small[..., None] > 0, drawing, around), small).weight for drawing in drawings
    )
    assert rough[5:-5, 5:-5].mean() > 0.9 and smooth[5:-5, 5:-5].mean() < 0.15


def test_a_smooth_repaint_takes_what_is_smooth_and_a_rough_one_what_is_rough(monkeypatch):
    """Of two surfaces, which differ by roughness alone once they are softened, as in the graph."""
    rows, columns = np.indices((64, 64))
    weave = np.where((rows + columns) % 2, 10, -10)
    composite = (
        np.where(rows < 20, 150 + weave, np.where(rows < 40, 150, 148)).astype(np.uint8)[..., None].repeat(3, -1)
    )
    mask = np.zeros((64, 64), np.uint8)
    mask[44:60, 8:56] = 1

    def rough_share() -> float:
        sources = residuals.match(composite, mask)
        graph = residuals_graph.match(tf.constant(composite, tf.float32), tf.constant(mask > 0))
        shares = [(np.asarray(place)[2:-2, 2:-2, 0] < 18).mean() for place in (sources.place, graph[1])]
        assert abs(shares[0] - shares[1]) < 0.02
        return shares[0]

    smooth = rough_share()
    composite[mask > 0] += np.where((rows + columns) % 2, 12, 0).astype(np.uint8)[..., None][mask > 0]
    rough = rough_share()
    monkeypatch.setattr(residuals, "SMOOTH", (-2.0, -1.0))  # roughness is not compared
    monkeypatch.setattr(residuals_graph, "SMOOTH", (-2.0, -1.0))
    blind = rough_share()
    assert smooth < 0.2 < 0.5 < min(rough, blind), (smooth, rough, blind)
