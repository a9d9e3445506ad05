"""Sketches: HED against what it must see, every style against what it is, and the clean-up."""

import dataclasses

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.filters
import tensorflow as tf
from skimage.measure import label

from tfsketch import systems
from tfsketch.conditions import edges, regions, sketches
from tfsketch.conditions.lines import clean_lines, ridges
from tfsketch.config import FdogConfig, PhotocopyConfig, SketchConfig, XdogConfig
from tfsketch.errors import ConfigError
from tfsketch.images import sizes

LIGHT_STYLES = tuple(style for style in sketches.STYLES if style != "hed")  # those that need no network


@pytest.fixture(scope="module")
def sketcher():
    return sketches.Sketcher(SketchConfig())


@pytest.fixture(scope="module")
def face():
    return sizes.center_square(np.ascontiguousarray(skimage.data.astronaut()[0:230, 110:340]), 128)


def _one_pixel_wide(sketch):
    squares = sketch[:-1, :-1] & sketch[1:, :-1] & sketch[:-1, 1:] & sketch[1:, 1:]
    return squares.mean() < 0.002


def test_features_get_lines_that_the_rest_of_the_face_does_not():
    edges = np.zeros((64, 64), np.float32)
    edges[10, 5:60], edges[30, 10:54] = 1.0, 0.35  # a strong line, and a weak one through two regions
    labels = np.ones((64, 64), np.uint8)
    labels[24:36, 10:30] = regions.REGIONS.index("eyes")
    config = SketchConfig(surround=0.0, features=0.6)
    plain, with_features = clean_lines(edges, config), clean_lines(edges, config, labels)
    assert plain[10].any() and not plain[30].any()
    assert with_features[30, 12:28].all() and not with_features[30, 36:].any()
    assert np.array_equal(clean_lines(edges, dataclasses.replace(config, features=1.0), labels), plain)


def test_a_face_gets_thin_connected_lines(sketcher, face):
    sketch = sketcher(face[None])[0]
    assert sketch.shape == (128, 128) and set(np.unique(sketch)) == {0, 1}
    assert 0.02 <= sketch.mean() <= 0.08
    assert _one_pixel_wide(sketch)
    assert np.bincount(label(sketch, connectivity=2).ravel())[1:].min() >= SketchConfig().min_component


@pytest.mark.parametrize("surround", [0.0, 1.0])
def test_an_edge_lies_where_the_picture_changes(surround):
    picture = np.full((1, 96, 96, 3), 40, np.uint8)
    picture[:, :, 50:] = 220
    sketch = sketches.Sketcher(SketchConfig(clahe=0.0, surround=surround))(picture)[0]
    columns = np.flatnonzero(sketch[10:-10].any(axis=0))
    assert columns.size and abs(columns - 49.5).max() <= 2.5
    assert sketch[10:-10].any(axis=1).mean() > 0.95


def test_a_flat_picture_has_no_lines_and_no_nan(sketcher):
    edges = sketcher.edge_maps(np.full((1, 64, 64, 3), 128, np.uint8))
    assert np.isfinite(edges).all()
    assert clean_lines(np.zeros((8, 8)), SketchConfig()).sum() == 0


def test_small_components_are_dropped():
    edges = np.zeros((32, 32), np.float32)
    edges[5, 3:28] = 1.0
    edges[20, 3:6] = 1.0
    lines = clean_lines(edges, SketchConfig(min_component=6))
    assert lines[5].any() and not lines[20].any()


def test_a_lone_weak_line_survives_a_strong_one_and_grain_does_not():
    edges = np.random.default_rng(0).uniform(0.0, 0.02, (96, 96)).astype(np.float32)
    edges[10:14, 5:90] = 1.0
    edges[70, 30:60] = 0.3
    by_peak = clean_lines(edges, SketchConfig(surround=0.0))
    by_mean = clean_lines(edges, SketchConfig(surround=1.0))
    assert by_peak[10:14].any() and not by_peak[60:80].any()
    assert by_mean[10:14].any() and by_mean[70, 32:58].all()
    assert not by_mean[20:60].any() and not by_mean[80:].any()


def test_texture_gets_fewer_lines_than_by_the_maximum():
    stripes = np.zeros((96, 96), np.float32)
    stripes[:, ::4] = 1.0
    stripes[:, 2::4] = 0.53  # would be lines of their own, were they alone
    assert clean_lines(stripes, SketchConfig(surround=0.0))[:, 34:62:4].mean() > 0.9
    by_mean = clean_lines(stripes, SketchConfig(surround=1.0))
    assert by_mean[20:76, 32:64:4].mean() > 0.9 and not by_mean[20:76, 34:62:4].any()


def test_ridges_are_where_a_blurred_line_was():
    edges = np.zeros((1, 64, 64), np.float32)
    cv2.line(edges[0], (8, 20), (56, 44), 1.0, 1)
    line = edges[0] > 0
    blur = cv2.GaussianBlur(edges[0], (0, 0), 2.0)
    top = ridges(blur[None])[0] & (blur > 0.05)
    away = cv2.distanceTransform((~line).astype(np.uint8), cv2.DIST_L2, 5)
    assert 40 <= top.sum() <= 80 and away[top].max() <= 2.0 and away[top].mean() < 0.5
    assert (blur > 0.05).sum() > 4 * top.sum()


def test_suppression_draws_nearly_the_same_lines(sketcher, face):
    edges = sketcher.edge_maps(face[None])[0]
    plain, maxima = (clean_lines(edges, SketchConfig(suppress=s)) for s in (False, True))
    near = cv2.dilate(plain, np.ones((5, 5), np.uint8)) > 0
    assert _one_pixel_wide(maxima) and near[maxima > 0].mean() > 0.95
    assert 0.02 <= maxima.mean() <= 0.08


def test_odd_sizes_and_the_size_of_the_map(sketcher):
    hed = sketches.Hed()
    fusion, sides = hed(tf.zeros([2, 45, 61, 3]))
    assert fusion.shape == (2, 45, 61, 1) and sides.shape == (2, 45, 61, 5)
    assert sketcher(np.zeros((1, 45, 61, 3), np.uint8)).shape == (1, 45, 61)


def test_bfloat16_draws_nearly_the_same_lines(sketcher, face):
    exact, fast = sketcher(face[None])[0], sketches.Sketcher(SketchConfig(bfloat16=True))(face[None])[0]
    assert (exact != fast).mean() < 0.02


def test_clahe_spreads_a_dull_picture(face):
    dull = (face // 4 + 96).astype(np.uint8)
    assert sketches.equalize(dull, 2.0).std() > dull.std()
    assert sketches.equalize(dull, 0.0) is dull


def test_an_unknown_style_names_the_nearest():
    assert sketches.STYLES == ("hed", "canny", "xdog", "fdog", "photocopy", "simplified")
    with pytest.raises(ConfigError, match="found 'xdgo'; did you mean 'xdog'"):
        sketches.Sketcher(SketchConfig(), "xdgo")
    with pytest.raises(ConfigError, match=r"sketch\.style: expected one of hed, .*found 'pencil'"):
        systems.parse("sketch: {style: pencil}")


def test_the_style_comes_from_the_argument_or_the_config(monkeypatch, face):
    """And HED's weights are only read for HED."""
    monkeypatch.setattr(sketches, "Hed", None)
    assert sketches.Sketcher(SketchConfig(style="canny")).style == "canny"
    assert sketches.Sketcher(SketchConfig(), "fdog").style == "fdog"
    with pytest.raises(TypeError):
        sketches.Sketcher(SketchConfig())


@pytest.mark.parametrize("style", LIGHT_STYLES)
def test_every_style_draws_a_face(style, face):
    draw = sketches.Sketcher(SketchConfig(style=style))
    batch = np.stack([face, face[:, ::-1], 255 - face])
    soft, lines = draw.edge_maps(batch), draw(batch)
    assert soft.shape == lines.shape == (3, 128, 128) and soft.dtype == np.float32 and lines.dtype == np.uint8
    assert soft.min() >= 0.0 and soft.max() <= 1.0
    assert 0.02 <= lines[0].mean() <= 0.4
    np.testing.assert_array_equal(draw(batch[1:2])[0], lines[1])  # no picture depends on its neighbours
    assert _one_pixel_wide(lines[0]) == (style in ("canny", "simplified"))


@pytest.mark.parametrize("style", LIGHT_STYLES)
def test_every_style_takes_odd_sizes_and_leaves_an_empty_wall_empty(style):
    wall = np.random.default_rng(0).integers(126, 131, (1, 45, 61, 3), np.uint8)
    draw = sketches.Sketcher(SketchConfig(), style)
    assert np.isfinite(draw.edge_maps(wall)).all()
    lines = draw(wall)
    assert lines.shape == (1, 45, 61) and not lines.any()


@pytest.mark.parametrize("style", LIGHT_STYLES)
def test_every_style_draws_a_dark_line_on_paper(style):
    picture = np.full((1, 128, 128, 3), 215, np.uint8)
    cv2.line(picture[0], (20, 30), (105, 90), (30, 30, 30), 3)
    lines = sketches.Sketcher(SketchConfig(), style)(picture)[0]
    away = cv2.distanceTransform((picture[0, ..., 0] > 100).astype(np.uint8), cv2.DIST_L2, 5)
    assert lines.any() and away[lines > 0].max() <= 2.5
    coverage = [lines[:, column].any() for column in range(24, 102)]
    assert np.mean(coverage) > 0.95


@pytest.mark.parametrize("style", ["xdog", "fdog", "photocopy"])
def test_the_drawing_does_not_depend_on_the_size(style):
    square = np.ascontiguousarray(skimage.data.astronaut()[0:230, 110:340])
    shares = [
        sketches.Sketcher(SketchConfig(), style)(sizes.center_square(square, side)[None]).mean() for side in (96, 192)
    ]
    assert 0.75 < shares[0] / shares[1] < 1.35


def test_xdog_is_the_formula_of_the_paper(face):
    config = XdogConfig(clahe=0.0, bilateral=0, flatten=0.0, sigma=2.0, epsilon=0.5)
    light = cv2.cvtColor(face, cv2.COLOR_RGB2LAB)[..., 0] / 255.0
    narrow, wide = (skimage.filters.gaussian(light, s, mode="mirror", truncate=3.5) for s in (1.0, 1.6))
    sharp = narrow + config.sharpness * (narrow - wide)
    expected = 1.0 - np.where(sharp >= config.epsilon, 1.0, 1.0 + np.tanh(config.phi * (sharp - config.epsilon)))
    ink = edges.xdog(face[None], config)[0]
    assert 0.05 < expected.mean() < 0.95
    assert np.abs(ink - expected).mean() < 0.02


def test_fdog_joins_what_lies_on_one_line():
    """Along a line that is faint in places: summed along the flow, and again with what was found drawn over it."""

    def gaps(soft):
        return 1.0 - (soft[0, 62:67, 18:108] >= 0.5).any(axis=0).mean()

    def line(strong, faint):
        picture = np.full((1, 128, 128, 3), 200, np.uint8)
        picture[:, 63:66, 16:112] = faint
        for x in range(16, 112, 16):
            picture[:, 63:66, x : x + 8] = strong
        return picture

    apart = edges.xdog(line(165, 191), XdogConfig(clahe=0.0, bilateral=0, flatten=1.0, sigma=2.0, epsilon=0.3))
    along = edges.fdog(line(165, 191), FdogConfig(clahe=0.0, sigma=2.0, flow_sigma=8.0, iterations=1))
    assert gaps(apart) > 0.3 and gaps(along) < 0.05
    once, thrice = (
        edges.fdog(line(185, 196), FdogConfig(clahe=0.0, sigma=2.0, flow_sigma=4.0, iterations=n)) for n in (1, 3)
    )
    assert gaps(once) > 1.5 * gaps(thrice)


def test_fdog_follows_a_curve():
    """Along the flow a circle's line keeps its strength; along a straight path it would smear across."""
    y, x = np.mgrid[:128, :128] - 63.5
    ring = np.abs(np.hypot(x, y) - 30.0) < 1.5
    picture = np.repeat(np.where(ring, 40, 210).astype(np.uint8)[None, ..., None], 3, axis=-1)
    soft = edges.fdog(picture, FdogConfig(clahe=0.0, flow_sigma=12.0, iterations=1))[0]
    assert (soft[ring] >= 0.5).mean() > 0.95
    assert not (soft[np.abs(np.hypot(x, y) - 30.0) > 5.0] >= 0.5).any()


def test_photocopy_is_dark_on_the_dark_side_of_an_edge_only():
    picture = np.full((1, 128, 128, 3), 90, np.uint8)
    picture[:, :, 64:] = 200
    soft = edges.photocopy(picture, PhotocopyConfig())[0]
    assert soft[:, 60:63].min() > 0.9
    assert soft[:, 65:].max() == 0.0 and soft[:, :40].max() == 0.0


def test_strokes_can_be_thinned(face):
    section = dataclasses.replace(XdogConfig(), thin=True)
    wide, thin = (sketches.Sketcher(SketchConfig(xdog=c), "xdog")(face[None])[0] for c in (XdogConfig(), section))
    assert _one_pixel_wide(thin) and thin.sum() < 0.6 * wide.sum()
    assert not (thin & ~wide & 1).any()


def test_smoothing_evens_out_texture_and_keeps_edges():
    rng = np.random.default_rng(0)
    step = np.full((1, 64, 64, 3), 60, np.uint8)
    step[:, :, 32:] = 200
    rough = np.clip(step + rng.integers(-15, 16, step.shape), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(sketches.smooth(rough, 0), rough)
    texture = [sketches.smooth(rough, level)[0, :, :24].std() for level in range(3)]
    assert texture[2] < texture[1] < 0.5 * texture[0]
    rows = sketches.smooth(rough, 2)[0].astype(int).mean((0, 2))
    assert rows[33] - rows[30] > 100  # the edge is where it was


def test_more_abstract_drawings_have_fewer_strokes(face):
    config = SketchConfig(style="xdog", abstractions=2)
    assert config.drawings() == ("xdog", "xdog@1", "xdog@2") and not config.one_pixel("xdog@2")
    draw = sketches.Sketcher(config)
    small = cv2.resize(face, (64, 64), interpolation=cv2.INTER_AREA)[None]
    shares = [draw(sketches.smooth(small, level)).mean() for level in range(3)]
    assert 0 < shares[2] < shares[0]
