"""The editor's work on pictures as graph operations: the same as the editor's own, filter by filter."""

import cv2
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image
from skimage.morphology import skeletonize

from tfsketch.conditions import specks
from tfsketch.framing import arrays, graph
from tfsketch.framing.decoding import decode
from tfsketch.framing.skeleton import skeletonize as skeletonize_arrays
from tfsketch.framing.thinning import drop_short, thin
from tfsketch.images import files
from tfsketch.vocabulary import resize

SIZES = [
    ((64, 64), (32, 32)),
    ((77, 51), (32, 21)),
    ((300, 200), (32, 21)),
    ((20, 31), (21, 32)),
    ((32, 32), (90, 90)),
    ((32, 32), (32, 32)),
]


def _layers(size):
    """A photograph, a mask, lines and colours of a size."""
    image = np.ascontiguousarray(skimage.data.astronaut()[: size[0], 96 : 96 + size[1]])
    mask, lines, color = np.zeros(size, np.uint8), np.zeros(size, np.uint8), np.zeros((*size, 4), np.uint8)
    middle = (size[1] // 2, size[0] // 2)
    cv2.ellipse(mask, middle, (size[1] // 4, size[0] // 5), 20, 0, 360, 1, -1)
    cv2.circle(lines, middle, min(size) // 3, 1, 2)
    cv2.line(lines, (1, 2), (size[1] - 3, size[0] - 2), 1)
    cv2.circle(color, middle, min(size) // 5, (200, 40, 30, 255), -1)
    color[: size[0] // 3, : size[1] // 4] = (10, 240, 30, 255)
    return image, mask, lines, color


@pytest.mark.parametrize(("size", "new_size"), SIZES)
def test_layers_are_resized_as_by_the_editor(size, new_size):
    image, mask, lines, color = _layers(size)
    target = tf.constant(new_size)
    result = graph.round_levels(graph.resize(tf.cast(image, tf.float32), target)).numpy()
    assert np.abs(result - resize(image, new_size)).max() <= 1
    np.testing.assert_array_equal(graph.resize_mask(tf.constant(mask > 0), target), arrays.resize_mask(mask, new_size))
    thin_lines = thin(graph.resize_sketch(tf.constant(lines > 0), target)[None])[0]
    np.testing.assert_array_equal(thin_lines, arrays.resize_sketch(lines, new_size))
    ink = graph.resize_ink(tf.constant(lines > 0), target)
    np.testing.assert_array_equal(ink, arrays.resize_ink(lines, new_size))
    strokes = color[..., 3] >= 128
    result = graph.resize_color(tf.cast(color[..., :3], tf.float32), tf.constant(strokes), target).numpy()
    expected = arrays.resize_color(color, new_size)
    np.testing.assert_array_equal(result[..., 3], expected[..., 3])
    assert np.abs(result - expected).max() <= 1


def test_photographs_are_stretched_as_for_the_face_parser():
    for size, how in (((80, 60), cv2.INTER_AREA), ((60, 20), cv2.INTER_CUBIC), ((9, 13), cv2.INTER_CUBIC)):
        image = _layers(size)[0]
        square = graph.round_levels(graph.fit(tf.cast(image, tf.float32), 32)).numpy()
        assert np.abs(square - cv2.resize(image, (32, 32), interpolation=how)).max() <= 1


def test_thinning_is_that_of_scikit_image():
    rng = np.random.default_rng(0)
    noise = [rng.random((40, 40)) < share for share in np.linspace(0.1, 0.95, 20)]
    soft = [cv2.GaussianBlur(rng.standard_normal((40, 40)), (0, 0), sigma) > 0 for sigma in (1, 2, 3, 5)]
    shapes = np.stack(noise + soft)
    expected = np.stack([skeletonize(one) for one in shapes])
    np.testing.assert_array_equal(thin(tf.constant(shapes)), expected)
    np.testing.assert_array_equal(np.stack([skeletonize_arrays(one) for one in shapes]), expected)
    for size in ((1, 1), (1, 9), (9, 1), (2, 300)):
        one = rng.random(size) < 0.8
        np.testing.assert_array_equal(skeletonize_arrays(one), skeletonize(one))


def test_short_strokes_are_dropped_as_by_the_editor():
    rng = np.random.default_rng(1)
    lines = np.stack([rng.random((30, 41)) < share for share in (0.05, 0.15, 0.3, 0.6)])
    long_strokes = drop_short(tf.constant(lines), 6).numpy()
    np.testing.assert_array_equal(long_strokes, np.stack([specks.drop_short(one, 6) for one in lines]))


def test_the_square_is_the_editors():
    rng, run = np.random.default_rng(2), tf.function(graph.crop_square)
    for _ in range(150):
        size = rng.integers(1, 400, 2)
        extent = np.array([rng.integers(1, length + 1) for length in size])
        corner = np.array([rng.integers(0, length - part + 1) for length, part in zip(size, extent)])
        box = (int(corner[0]), int(corner[1]), int(extent[0]), int(extent[1]))
        start, edge = run(*(tf.constant(v, tf.int32) for v in (size, corner, extent)), 32)
        assert (*start.numpy(), edge) == arrays.crop_square(tuple(map(int, size)), box, 32), (size, box)


@pytest.mark.parametrize("count", [1, 2, 5, 32])
def test_borders_are_reflected_as_by_opencv(count):
    layer = np.arange(count * 3, dtype=np.float32).reshape(count, 3, 1)
    top, left = (32 - count) // 2, (32 - 3) // 2
    expected = cv2.copyMakeBorder(layer, top, 32 - count - top, left, 29 - left, cv2.BORDER_REFLECT_101)
    np.testing.assert_array_equal(graph.pad(tf.constant(layer), 32)[..., 0], expected)


def test_the_distance_to_the_edge_is_exact_up_to_its_limit():
    mask = _layers((90, 70))[1]
    mask[:40, :30] = 1  # to the picture's border, which is no edge
    distance = graph.edge_distance(tf.constant(mask > 0), tf.constant(9)).numpy()
    exact = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    np.testing.assert_allclose(distance, np.minimum(exact, 9), atol=1e-4)


def _files(tmp_path):
    """Pictures in every way that layers are saved."""
    rng = np.random.default_rng(3)
    grey = (rng.random((9, 12)) * 255).astype(np.uint8)
    shape = np.zeros((9, 12), np.uint8)
    shape[2:6, 3:9] = 255
    rgba = np.dstack([grey, 255 - grey, grey // 2, shape])
    kinds = {
        "grey": Image.fromarray(grey),
        "white": Image.fromarray(shape),
        "ones": Image.fromarray(shape // 255),
        "rgb": Image.fromarray(np.dstack([shape, grey, shape])),
        "rgba": Image.fromarray(rgba),
        "white on clear": Image.fromarray(np.dstack([*[shape] * 3, shape])),
        "palette": Image.fromarray(np.dstack([shape, grey, shape])).convert("P", palette=Image.Palette.ADAPTIVE),
        "bilevel": Image.fromarray(shape > 0),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / f"{name}.png")
    kinds["rgb"].save(tmp_path / "rgb.jpg")
    return sorted(tmp_path.iterdir())


def test_files_are_decoded_as_by_the_editor(tmp_path):
    for path in _files(tmp_path):
        rgba, exact = decode("field", tf.constant(path.read_bytes()))
        expected = files.read_rgba(path)
        np.testing.assert_array_equal(rgba[..., 3], expected[..., 3], str(path))
        assert not exact
        if path.suffix == ".png":
            np.testing.assert_array_equal(rgba, expected, str(path))


def test_what_is_no_picture_is_told_by_its_field(monkeypatch):
    whole = files.encode_png(_layers((20, 31))[0])
    run = tf.function(lambda data: decode("mask_bytes", data)[0])
    for data in (b"", b"no picture", whole[:20], whole[:-40], b"GIF89a" + bytes(100)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="mask_bytes"):
            run(tf.constant(data))
    monkeypatch.setattr(files, "MAX_PIXELS", 500)
    with pytest.raises(tf.errors.InvalidArgumentError, match="1 to 500 pixels, found 31 x 20"):
        decode("mask_bytes", tf.constant(whole))
