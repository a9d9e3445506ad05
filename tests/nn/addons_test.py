"""The operations of tensorflow-addons, and that the plain ones agree with them."""

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tfsketch.nn import addons


@pytest.fixture(params=["addons", "plain"])
def lane(request, monkeypatch):
    """Every test runs on both implementations, where both are there."""
    if request.param == "plain":
        monkeypatch.setattr(addons, "_addons", lambda: None)
    elif addons._addons() is None:
        pytest.skip("tensorflow-addons cannot be imported here")
    return request.param


def _picture() -> tf.Tensor:
    return tf.constant(skimage.data.astronaut()[None, 40:85, 100:161] / 255.0, tf.float32)


def test_a_blur_keeps_the_sum_and_has_its_sigma(lane):
    impulse = np.zeros((1, 41, 51, 2), np.float32)
    impulse[0, 20, 25] = 1.0, 2.0
    blur = addons.gaussian_blur(tf.constant(impulse), 2.5).numpy()[0]
    np.testing.assert_allclose(blur.sum(axis=(0, 1)), [1.0, 2.0], rtol=1e-5)
    offsets = np.arange(41) - 20.0
    assert np.sqrt((blur[..., 0].sum(axis=1) * offsets**2).sum()) == pytest.approx(2.5, rel=0.03)


def test_a_blur_wider_than_the_picture(lane):
    blur = addons.gaussian_blur(tf.constant(np.eye(4, dtype=np.float32)[None, ..., None]), 9.0)
    assert blur.shape == (1, 4, 4, 1) and np.isfinite(blur).all()


def test_a_warp_by_whole_pixels_moves_and_repeats_the_border(lane):
    picture = _picture()
    flow = np.zeros((1, 45, 61, 2), np.float32)
    flow[..., 0], flow[..., 1] = 3.0, -2.0  # 3 down, 2 to the left
    warp = addons.dense_image_warp(picture, tf.constant(flow)).numpy()[0]
    rows, columns = np.clip(np.arange(45) - 3, 0, 44), np.clip(np.arange(61) + 2, 0, 60)
    np.testing.assert_allclose(warp, picture.numpy()[0][rows][:, columns], atol=1e-6)


def test_a_warp_is_bilinear(lane):
    picture = _picture()
    flow = tf.constant(np.broadcast_to(np.float32([-0.25, -0.5]), (1, 45, 61, 2)))
    pixel = addons.dense_image_warp(picture, flow).numpy()[0, 10, 20]
    corner = picture.numpy()[0, 10:12, 20:22]
    np.testing.assert_allclose(pixel, [0.75, 0.25] @ corner.mean(axis=1), rtol=1e-5)


@pytest.mark.skipif(addons._addons() is None, reason="tensorflow-addons cannot be imported here")
def test_plain_and_addons_agree(monkeypatch):
    rng = np.random.default_rng(0)
    picture = tf.concat([_picture(), 1.0 - _picture()], axis=0)
    flow = tf.constant(rng.normal(0.0, 20.0, (2, 45, 61, 2)), tf.float32)  # many positions outside
    first = [addons.gaussian_blur(picture, s).numpy() for s in (0.7, 3.0, 30.0)] + [
        addons.dense_image_warp(picture, flow).numpy()
    ]
    monkeypatch.setattr(addons, "_addons", lambda: None)
    second = [addons.gaussian_blur(picture, s).numpy() for s in (0.7, 3.0, 30.0)] + [
        addons.dense_image_warp(picture, flow).numpy()
    ]
    for a, b in zip(first, second):
        np.testing.assert_allclose(a, b, atol=2e-6)
