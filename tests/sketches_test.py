"""HED sketches: the detector against what it must see, and the clean-up."""

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from skimage.measure import label

from tfsketch import images
from tfsketch.conditions import sketches
from tfsketch.config import SketchConfig


@pytest.fixture(scope="module")
def sketcher():
    return sketches.Sketcher(SketchConfig())


@pytest.fixture(scope="module")
def face():
    return images.center_square(np.ascontiguousarray(skimage.data.astronaut()[0:230, 110:340]), 128)


def test_a_face_gets_thin_connected_lines(sketcher, face):
    sketch = sketcher(face[None])[0]
    assert sketch.shape == (128, 128) and set(np.unique(sketch)) == {0, 1}
    assert 0.02 <= sketch.mean() <= 0.12
    squares = sketch[:-1, :-1] & sketch[1:, :-1] & sketch[:-1, 1:] & sketch[1:, 1:]
    assert squares.mean() < 0.002  # one pixel wide
    assert np.bincount(label(sketch, connectivity=2).ravel())[1:].min() >= SketchConfig().min_component


def test_an_edge_lies_where_the_picture_changes():
    picture = np.full((1, 96, 96, 3), 40, np.uint8)
    picture[:, :, 50:] = 220
    sketch = sketches.Sketcher(SketchConfig(clahe=0.0))(picture)[0]
    columns = np.flatnonzero(sketch[10:-10].any(axis=0))
    assert columns.size and abs(columns - 49.5).max() <= 2.5
    assert sketch[10:-10].any(axis=1).mean() > 0.95


def test_a_flat_picture_has_no_lines_and_no_nan(sketcher):
    edges = sketcher.edge_maps(np.full((1, 64, 64, 3), 128, np.uint8))
    assert np.isfinite(edges).all()
    assert sketches.clean_lines(np.zeros((8, 8)), SketchConfig()).sum() == 0


def test_small_components_are_dropped():
    edges = np.zeros((32, 32), np.float32)
    edges[5, 3:28] = 1.0
    edges[20, 3:6] = 1.0
    lines = sketches.clean_lines(edges, SketchConfig(min_component=6))
    assert lines[5].any() and not lines[20].any()


def test_odd_sizes_and_the_size_of_the_map(sketcher):
    hed = sketches.Hed()
    fused, sides = hed(tf.zeros([2, 45, 61, 3]))
    assert fused.shape == (2, 45, 61, 1) and sides.shape == (2, 45, 61, 5)
    assert sketcher(np.zeros((1, 45, 61, 3), np.uint8)).shape == (1, 45, 61)


def test_bfloat16_draws_nearly_the_same_lines(sketcher, face):
    exact, fast = sketcher(face[None])[0], sketches.Sketcher(SketchConfig(bfloat16=True))(face[None])[0]
    assert (exact != fast).mean() < 0.02


def test_clahe_spreads_a_dull_picture(face):
    dull = (face // 4 + 96).astype(np.uint8)
    assert sketches.equalize(dull, 2.0).std() > dull.std()
    assert sketches.equalize(dull, 0.0) is dull
