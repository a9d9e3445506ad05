"""The perceptual backbone."""

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import crops
from tfsketch.errors import WeightsError
from tfsketch.nn import features


@pytest.fixture(scope="module")
def vgg():
    return features.Vgg16("hed")


def _image(picture):
    return tf.cast(picture[None], tf.float32) / 127.5 - 1.0


def test_shapes_and_the_last_layer_asked_for(vgg):
    maps = vgg(tf.zeros([2, 33, 48, 3]), ["pool1", "relu3_3"])
    assert list(maps) == ["pool1", "relu3_3"]
    assert maps["pool1"].shape == (2, 17, 24, 64) and maps["relu3_3"].shape == (2, 9, 12, 256)
    assert all(tf.reduce_min(m) >= 0 for m in maps.values())
    assert not vgg.trainable_variables


def test_distances_order_as_a_perceptual_measure_must(vgg):
    first, second = crops(2, 64)

    def distance(a, b):
        x, y = (vgg(_image(p), ["pool2"])["pool2"] for p in (a, b))
        return float(tf.reduce_mean(tf.abs(x - y)))

    slightly = np.clip(first.astype(int) + 4, 0, 255).astype(np.uint8)
    assert 0 < distance(first, slightly) < distance(first, np.roll(first, 3, axis=0)) < distance(first, second)


def test_the_input_is_bgr_grey_levels_less_the_mean(vgg):
    # With a one-layer check by hand: relu1_1 = relu(conv(bgr - mean)).
    picture = crops(1, 16)[0]
    kernel, bias = features.read_vgg16("hed")[0][0]
    bgr = picture[..., ::-1].astype(np.float32) - np.array(features.IMAGENET_BGR_MEAN, np.float32)
    expected = tf.nn.relu(tf.nn.conv2d(bgr[None], kernel, 1, "SAME") + bias)
    np.testing.assert_allclose(vgg(_image(picture), ["relu1_1"])["relu1_1"], expected, atol=2e-3)


def test_mistakes_are_named(vgg, tmp_path):
    with pytest.raises(WeightsError, match="relu9_9"):
        vgg(tf.zeros([1, 32, 32, 3]), ["relu9_9"])
    with pytest.raises(WeightsError, match="no file"):
        features.Vgg16(str(tmp_path / "none.h5"))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(WeightsError, match="block1_conv1"):
        features.Vgg16(str(tmp_path / "other.h5"))


def test_keras_layout_is_read(tmp_path):
    blocks = features.read_vgg16("hed")
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        for b, block in enumerate(blocks, 1):
            for c, (kernel, bias) in enumerate(block, 1):
                file[f"block{b}_conv{c}/block{b}_conv{c}/kernel:0"] = kernel
                file[f"block{b}_conv{c}/block{b}_conv{c}/bias:0"] = bias
    again = features.read_vgg16(tmp_path / "keras.h5")
    assert all(np.array_equal(x, y) for p, q in zip(blocks, again) for u, v in zip(p, q) for x, y in zip(u, v))


def test_weights_that_cannot_be_downloaded_are_named(monkeypatch):
    def offline(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(tf.keras.applications, "VGG19", offline)
    with pytest.raises(features.WeightsError, match="'vgg19', which Keras downloads.*URL fetch failure.*backbone=hed"):
        features.read_vgg16("vgg19")
