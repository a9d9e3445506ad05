"""Cali-Sketch's networks and losses: sizes, shapes, gradients, bfloat16, and that they survive a file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import CALI_SKETCH as TINY
from tests.tiny import save_model
from tfsketch import systems, zoo
from tfsketch.errors import ConfigError, ImageError
from tfsketch.nn import adversarial, features, losses, operations, spectral
from tfsketch.nn.discriminators import FeatureDiscriminator
from tfsketch.systems.cali_sketch import losses as cali_losses
from tfsketch.systems.cali_sketch import network as cali_sketch
from tfsketch.systems.cali_sketch.config import CalibratorConfig, CaliSketchConfig, TranslatorConfig

_LIGHT = """
system: cali_sketch
image_size: 128
model:
  scn: {width: 16, downsamplings: 3, kernel: 3, blocks: 6, norm: affine, spectral_norm: false, upsampling: nearest,
        skips: 2}
  isn: {width: 24, downsamplings: 3, kernel: 3, blocks: 4, norm: affine, upsampling: nearest, skips: 3}
  d1: {widths: [32, 64, 128, 128, 1]}
  d2: {widths: [32, 64, 128, 128, 1]}
"""


def _parameters(model: tf.keras.Model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def _sketch(count: int = 2, side: int = 32) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).random((count, side, side, 1)) < 0.1, tf.float32)


def test_the_published_networks_have_edgeconnects_sizes():
    settings = CaliSketchConfig()
    scn, isn = cali_sketch.StrokeCalibration(settings.scn), cali_sketch.ImageSynthesis(settings.isn)
    shapes = [
        tf.function(network).get_concrete_function({key: tf.TensorSpec([1, 64, 64, 1])}).structured_outputs
        for network, key in ((scn, "sketch"), (isn, "refined"))
    ]
    assert (_parameters(scn), _parameters(isn)) == (10_754_817, 10_765_187)
    assert shapes[0]["refined"].shape == (1, 64, 64, 1) and shapes[1]["image"].shape == (1, 64, 64, 3)
    d1 = FeatureDiscriminator(settings.d1)
    maps = tf.function(d1).get_concrete_function(tf.TensorSpec([1, 256, 256, 1])).structured_outputs
    assert _parameters(d1) == 16 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert {name: tuple(m.shape[1:]) for name, m in maps.items()} == {
        "conv1": (128, 128, 64),
        "conv2": (64, 64, 128),
        "conv3": (32, 32, 256),
        "conv4": (31, 31, 512),
        "score": (30, 30, 1),
    }


@pytest.mark.parametrize("size", [(32, 32), (16, 48)])
def test_outputs(size):
    model = systems.build(systems.parse(TINY))
    sketch = tf.random.stateless_uniform([3, *size, 1], [1, 2])
    outputs = model({"sketch": sketch, "mask": tf.ones([3, *size, 1])})
    assert set(outputs) == {"refined", "raw", "image"} and model.stride == 4
    assert (
        outputs["refined"].shape == (3, *size, 1) and 0 <= np.min(outputs["refined"]) <= np.max(outputs["refined"]) <= 1
    )
    assert outputs["raw"].shape == (3, *size, 3) and np.abs(outputs["raw"]).max() <= 1
    np.testing.assert_array_equal(outputs["raw"], outputs["image"])
    alone = model({"sketch": sketch[1:2]})
    np.testing.assert_allclose(alone["image"], outputs["image"][1:2], atol=1e-4)


def test_isn_sees_scns_lines_only():
    model = systems.build(systems.parse(TINY))
    outputs = model({"sketch": _sketch()})
    np.testing.assert_allclose(model.isn({"refined": outputs["refined"]})["raw"], outputs["raw"], atol=1e-6)


@pytest.mark.parametrize("size, expected", [((30, 32), "multiples of 4"), ((8, 8), "at least 12")])
def test_a_size_that_does_not_fit_is_named(size, expected):
    with pytest.raises(ImageError, match=expected):
        systems.build(systems.parse(TINY))({"sketch": tf.zeros([1, *size, 1])})


@pytest.mark.parametrize(
    "changes, expected",
    [
        ("image_size: 30", "multiple of 4"),
        ("model: {scn: {norm: batch}}", "model.scn.norm"),
        ("model: {loss: {calibrated: 0.8, uncalibrated: 0.3}}", "model.loss.uncalibrated: expected at most 1"),
        ("model: {isn: {upsampling: gated}}", "model.isn.upsampling"),
        ("model: {scn: {skips: 3}}", "model.scn.skips: expected from 0 to the number of doublings"),
        ("model: {reach: -1}", "model.reach: expected 0 or more pixels"),
        ("model: {d1: {widths: [4, 4]}}", "model.d1.strides"),
        ("train: {phases: [{loss: {pixels: 1.0}}]}", "did you mean 'pixel'"),
    ],
)
def test_config_mistakes_are_named(changes, expected):
    with pytest.raises(ConfigError, match=expected):
        systems.parse("system: cali_sketch\n" + changes)


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_variable_that_matters_gets_a_gradient(upsampling, spectral_norm):
    config = TranslatorConfig(width=4, blocks=1, upsampling=upsampling, spectral_norm=spectral_norm)
    scn = cali_sketch.StrokeCalibration(config)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(scn({"sketch": _sketch()}, training=True)["refined"] ** 2)
    gradients = tape.gradient(loss, scn.trainable_variables)
    # Instance norm takes every channel's mean out, and with it what a bias before it adds.
    assert all(float(tf.norm(g)) > 0 for g, v in zip(gradients, scn.trainable_variables) if "bias" not in v.name)


def test_lines_far_from_the_sketch_are_left_out():
    config = TranslatorConfig(width=4, blocks=0, upsampling="nearest")
    everywhere, near = cali_sketch.StrokeCalibration(config), cali_sketch.StrokeCalibration(config, reach=3)
    sketch = np.zeros((1, 32, 32, 1), np.float32)
    sketch[0, 10:20, 16] = 0.4  # soft ink, as of a sketch that was shrunk
    sketch[0, 2, 2] = 0.02  # paper
    lines = everywhere({"sketch": tf.constant(sketch)})["refined"].numpy()
    near({"sketch": tf.constant(sketch)})
    for ours, theirs in zip(near.variables, everywhere.variables):
        ours.assign(theirs)
    expected = np.zeros_like(lines)
    expected[0, 7:23, 13:20] = lines[0, 7:23, 13:20]
    np.testing.assert_array_equal(near({"sketch": tf.constant(sketch)})["refined"], expected)
    assert lines.min() > 0.1


def test_skips_pass_on_maps_from_the_smallest_size_up():
    """With one less than all, a line of one pixel cannot come through at its own size."""
    alone = np.zeros((1, 32, 32, 1), np.float32)
    reach = {}
    for skips in (0, 1, 2):
        net = cali_sketch.StrokeCalibration(TranslatorConfig(width=4, blocks=0, skips=skips, upsampling="nearest"))
        net({"sketch": tf.constant(alone)})
        for layer in net.up:  # nothing of what comes from below is left
            layer.conv.kernel.assign(tf.zeros_like(layer.conv.kernel))
            layer.conv.bias.assign(tf.zeros_like(layer.conv.bias))
        sketch = alone.copy()
        sketch[0, 16, 16] = 1.0
        reach[skips] = np.ptp(net({"sketch": tf.constant(sketch)})["refined"])
    assert reach[0] == reach[1] == 0.0 and reach[2] > 0.0


def test_spectral_transposed_convolution_has_norm_one_and_a_true_gradient():
    tf.keras.utils.set_random_seed(4)  # how fast the power iteration gets there depends on the kernel
    layer = spectral.SpectralConv2DTranspose(3, 4, 2)
    x = tf.random.stateless_normal([1, 3, 4, 2], [1, 2])
    assert layer(x).shape == (1, 6, 8, 3)
    for _ in range(100):
        layer(x, training=True)
    kernel = layer.normalized_kernel(update=False).numpy()
    assert np.linalg.svd(kernel.transpose(0, 1, 3, 2).reshape(-1, 3), compute_uv=False)[0] == pytest.approx(1, abs=1e-3)

    direction = np.random.default_rng(1).standard_normal(layer.kernel.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(x) ** 2)
    slope = float(tf.reduce_sum(tape.gradient(value, layer.kernel) * direction))
    start, step, values = layer.kernel.numpy(), 1e-3, []
    for sign in (1, -1):
        layer.kernel.assign(start + sign * step * direction)
        values.append(float(tf.reduce_sum(layer(x) ** 2)))
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=0.02)


@pytest.mark.skipif(
    not operations.is_accelerated(tf.bfloat16), reason="this processor has no bfloat16; TensorFlow's is inexact"
)
def test_bfloat16_computes_the_same_networks_and_gradients():
    """oneDNN computes some strided bfloat16 convolutions with even kernels wrongly (see `layers.convolution`), so this
    looks at the shipped sizes: both generators and D2, forward and to every kernel."""
    tf.keras.utils.set_random_seed(2)
    config = systems.parse(_LIGHT)
    both = []
    for policy in ("float32", "mixed_bfloat16"):
        tf.keras.mixed_precision.set_global_policy(policy)
        try:
            model, d2 = systems.build(config), FeatureDiscriminator(config.model.d2)
            d2(tf.zeros([1, 128, 128, 3]))
        finally:
            tf.keras.mixed_precision.set_global_policy("float32")
        both.append((model, d2))
    rng = np.random.default_rng(3)
    for _ in range(10):  # to a spectral norm of about one
        both[0][1](tf.random.stateless_normal([1, 64, 64, 3], [1, 2]), training=True)
    for nets in zip(*both):
        for variable, twin in zip(nets[0].variables, nets[1].variables):
            # The blocks start as their shortcuts: moved, so that they count. Rounded, so that the two are the same.
            copy = variable + rng.normal(0, 0.02, variable.shape) if "norm" in variable.name else variable
            variable.assign(tf.cast(tf.cast(copy, tf.bfloat16), tf.float32))
            twin.assign(variable)
    sketch, results = _sketch(2, 128), []
    for model, d2 in both:
        with tf.GradientTape() as tape:
            outputs = model({"sketch": sketch}, training=True)
            score = d2(outputs["raw"])["score"]
            loss = tf.reduce_mean(score**2) + tf.reduce_mean(outputs["raw"] ** 2) + tf.reduce_mean(outputs["refined"])
        kernels = [v for v in model.trainable_variables + d2.trainable_variables if "kernel" in v.name]
        results.append(
            (
                [outputs["refined"], outputs["raw"], score],
                dict(zip([v.name for v in kernels], tape.gradient(loss, kernels))),
            )
        )
    for full, half in zip(results[0][0], results[1][0]):
        full, half = np.asarray(full), np.asarray(half)
        assert np.abs(full - half).mean() < 0.05 * np.abs(full - full.mean()).mean() + 1e-3
    for name, full in results[0][1].items():
        full, half = np.ravel(full), np.ravel(results[1][1][name])
        cosine = full @ half / (np.linalg.norm(full) * np.linalg.norm(half))
        assert cosine > 0.9, (name, cosine)


def test_losses_by_hand():
    real, fake = tf.constant([[[[1.0]], [[3.0]]]]), tf.constant([[[[0.5]], [[-0.5]]]])
    np.testing.assert_allclose(adversarial.critic_least_squares(real, fake, 0.0, 1.0), [0.5 * (2.0 + 0.25)])
    np.testing.assert_allclose(adversarial.critic_least_squares(real, fake, -1.0, 2.0), [0.5 * (1.0 + 1.25)])
    np.testing.assert_allclose(adversarial.generator_least_squares(fake, 1.0), [0.5 * 1.25])
    maps = {"a": real, "score": fake}
    np.testing.assert_allclose(cali_losses.feature_matching(maps, {"a": real + 1.0, "score": fake - 0.25}), [1.25])
    rows, columns = np.mgrid[:4, :5].astype(np.float32)
    diagonal, steep = ((a * rows + columns)[None, ..., None] for a in (1.0, 3.0))
    np.testing.assert_allclose(cali_losses.total_variation_printed(tf.constant(diagonal)), [0.0], atol=1e-6)
    np.testing.assert_allclose(cali_losses.total_variation_printed(tf.constant(steep)), [2.0], rtol=1e-6)
    usual = losses.total_variation(tf.constant(diagonal), tf.ones([1, 4, 5, 1]))
    np.testing.assert_allclose(usual, [(3 * 5 + 4 * 4) / 20], rtol=1e-6)


@pytest.mark.parametrize("name", ["critic_least_squares", "generator_least_squares", "total_variation_printed"])
def test_gradients_against_finite_differences(name):
    x = tf.random.stateless_normal([1, 3, 3, 1], [5, 6])
    loss = {
        "critic_least_squares": lambda y: adversarial.critic_least_squares(2.0 * y, y, 0.0, 1.0),
        "generator_least_squares": lambda y: adversarial.generator_least_squares(y, 1.0),
        "total_variation_printed": cali_losses.total_variation_printed,
    }[name]
    theory, numeric = tf.test.compute_gradient(loss, [x], delta=1e-3)
    np.testing.assert_allclose(theory[0], numeric[0], atol=2e-3)


def test_no_gradient_reaches_the_features_of_the_truth():
    real, fake = tf.Variable([[1.0, 2.0]]), tf.Variable([[0.0, 4.0]])
    with tf.GradientTape() as tape:
        loss = cali_losses.feature_matching({"a": fake * 1.0}, {"a": real * 1.0})
    gradients = tape.gradient(loss, [real, fake])
    assert gradients[0] is None
    np.testing.assert_allclose(gradients[1], [[-0.5, 0.5]])


def test_vgg19_has_its_own_layers(monkeypatch):
    counts = (2, 2, 4, 4, 4)
    blocks = [[(np.zeros((3, 3, 3 if b == c == 0 else 4, 4), np.float32), np.ones(4, np.float32))
               for c in range(n)] for b, n in enumerate(counts)]  # fmt: skip
    monkeypatch.setattr(features, "read_vgg16", lambda source: blocks)
    maps = features.Vgg16("vgg19")(tf.zeros([1, 32, 32, 3]), ["relu3_4", "relu5_2"])
    assert maps["relu3_4"].shape == (1, 8, 8, 4) and maps["relu5_2"].shape == (1, 2, 2, 4)
    with pytest.raises(features.WeightsError, match="relu3_5"):
        features.Vgg16("vgg19")(tf.zeros([1, 32, 32, 3]), ["relu3_5"])


def test_a_model_directory_gives_the_same_network(tmp_path):
    config = systems.parse(TINY)
    config = dataclasses.replace(
        config, model=dataclasses.replace(config.model, scn=CalibratorConfig(width=4, blocks=1))
    )
    model = systems.build(config)
    save_model(tmp_path, model, config)
    again, sketch = zoo.load_model(tmp_path), _sketch()
    np.testing.assert_allclose(again({"sketch": sketch})["image"], model({"sketch": sketch})["image"], atol=1e-6)
