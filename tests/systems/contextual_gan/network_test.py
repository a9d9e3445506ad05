"""Contextual GAN's networks and losses: sizes, shapes, polarity, gradients, batch norm, and a model directory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import CONTEXTUAL_GAN as TINY
from tests.tiny import SPECTRAL, save_model, z_of
from tfsketch import Editor, systems, zoo
from tfsketch.errors import ConfigError, TfsketchError
from tfsketch.nn import adversarial, line_losses, model_directory, norms
from tfsketch.systems.contextual_gan import joint as joint_lib
from tfsketch.systems.contextual_gan import network as contextual_gan
from tfsketch.systems.contextual_gan.config import ContextualGanConfig, JointGeneratorConfig
from tfsketch.training.describe import gflops
from tfsketch.training.strategy import mirrored_strategy


def _parameters(model: tf.keras.Model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_the_published_networks_have_dcgans_sizes():
    model = systems.build(systems.parse("{system: contextual_gan, image_size: 64}"))
    norms = 2 * (512 + 256 + 128 + 64), 2 * (128 + 256 + 512)
    ups = 25 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3
    downs = 25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64
    assert _parameters(model.generator) == 100 * 4 * 8 * 512 + norms[0] + ups == 5_945_923
    assert _parameters(model.discriminator) == downs + norms[1] + 4 * 8 * 512 + 1 == 4_323_841
    outputs = model({"z": z_of(2, 100)})
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        "joint": (2, 64, 128, 3),
        "sketch": (2, 64, 64, 1),
        "raw": (2, 64, 64, 3),
        "image": (2, 64, 64, 3),
    }
    assert model.discriminator(outputs["joint"]).shape == (2,)
    variables = model_directory.variable_names(model)
    assert np.std(variables["generator/up1/kernel"]) == pytest.approx(0.02, rel=0.05)
    assert np.std(variables["discriminator/conv3/kernel"]) == pytest.approx(0.02 * 0.88, rel=0.05)  # truncated
    assert np.mean(variables["generator/norm0/gamma"]) == pytest.approx(1.0, abs=0.01)


def test_one_more_level_makes_pictures_twice_as_large():
    config = systems.parse(
        "{system: contextual_gan, image_size: 128, model: {generator: {widths: [8, 8, 4, 4, 4]}, "
        "discriminator: {widths: [4, 4, 4, 8, 8]}}}"
    )
    model = systems.build(config)
    assert model({"z": z_of(1, 100)})["joint"].shape == (1, 128, 256, 3) and model.stride == 128
    assert gflops(systems.build(config)) > 0


def test_an_editor_of_another_side_is_refused():
    """The networks are made for one: the search would refuse the sketch, by a shape that nobody gave."""
    with pytest.raises(TfsketchError, match="side: expected 16, the only one of this model, found 32"):
        Editor(systems.build(systems.parse(TINY)), side=32)


@pytest.mark.parametrize("text", [TINY, SPECTRAL])
def test_outputs_are_in_the_vocabularys_ranges(text):
    model = systems.build(systems.parse(text))
    outputs = model({"z": 3.0 * z_of(3), "image": tf.zeros([1, 16, 16, 3])})
    assert np.abs(outputs["joint"]).max() <= 1 and 0 <= np.min(outputs["sketch"]) <= np.max(outputs["sketch"]) <= 1
    np.testing.assert_array_equal(outputs["raw"], outputs["image"])
    np.testing.assert_array_equal(outputs["joint"][:, :, 16:], outputs["image"])


def test_joining_and_splitting_are_inverse_and_paper_is_white():
    rng = np.random.default_rng(0)
    sketch = tf.constant(rng.random((2, 8, 8, 1)) < 0.2, tf.float32)
    image = tf.constant(rng.uniform(-1, 1, (2, 8, 8, 3)), tf.float32)
    joint = joint_lib.join(sketch, image)
    assert joint.shape == (2, 8, 16, 3)
    np.testing.assert_array_equal(joint[:, :, :8].numpy(), np.where(np.repeat(sketch, 3, axis=-1) > 0, -1.0, 1.0))
    halves = joint_lib.split(joint)
    np.testing.assert_allclose(halves["sketch"], sketch, atol=1e-6)
    np.testing.assert_array_equal(halves["image"], image)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ("image_size: 128", "image_size|widths"),
        ("model: {generator: {widths: [8, 4]}}", "model.generator.widths"),
        ("model: {discriminator: {widths: [8, 4]}}", "model.discriminator.widths"),
        ("model: {discriminator: {norm: instance}}", "model.discriminator.norm"),
        ("model: {loss: {adversarial_loss: hinge}}", "model.loss.adversarial_loss"),
        ("model: {loss: {adversarial_loss: wgan}}", "spectral"),
        ("model: {loss: {generator_steps: 0}}", "model.loss.generator_steps"),
        ("model: {latnet: 10}", "did you mean 'latent'"),
    ],
)
def test_config_mistakes_are_named(changes, expected):
    size = "" if "image_size" in changes else "image_size: 64\n"
    with pytest.raises(ConfigError, match=expected):
        systems.parse("system: contextual_gan\n" + size + changes)


def test_defaults_are_the_papers():
    settings = ContextualGanConfig()
    assert (settings.latent, settings.side, settings.generator.kernel) == (100, 64, 5)
    assert (settings.discriminator.norm, settings.loss.adversarial_loss) == ("batch", "paper")
    assert settings.loss.generator_steps == 2


@pytest.mark.parametrize("text", [TINY, SPECTRAL])
def test_in_use_a_picture_does_not_depend_on_its_batch_mates(text):
    model = systems.build(systems.parse(text))
    for number in range(3):  # statistics that are not the initial ones
        joint = model.generator(z_of(8, seed=number), training=True)
        model.discriminator(joint, training=True)
    z = z_of(5, seed=9)
    whole, alone = model({"z": z})["joint"], model({"z": z[2:3]})["joint"]
    np.testing.assert_allclose(whole[2:3], alone, atol=1e-6)
    np.testing.assert_allclose(model.discriminator(whole)[2], model.discriminator(alone)[0], atol=1e-5)
    assert np.abs(model.generator(z, training=True) - whole).max() > 1e-3


@pytest.mark.parametrize("text", [TINY, SPECTRAL])
def test_every_variable_gets_a_gradient(text):
    model = systems.build(systems.parse(text))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.discriminator(model.generator(z_of(4), training=True), training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(float(tf.norm(g)) > 0 for g in gradients)


def test_batch_norm_by_hand_and_its_gradient():
    layer = norms.BatchNorm()
    x = tf.random.stateless_normal([4, 3, 5, 2], [1, 2], 1.0, 2.0)
    layer(x)  # builds
    layer.gamma.assign([1.5, 0.5])
    layer.beta.assign([0.1, -0.2])
    mean, variance = x.numpy().mean((0, 1, 2)), x.numpy().var((0, 1, 2))
    expected = (x - mean) / np.sqrt(variance + 1e-5) * [1.5, 0.5] + [0.1, -0.2]
    np.testing.assert_allclose(layer(x, training=True, update=False), expected, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, [0.0, 0.0])
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, rtol=1e-5)
    in_use = (x - layer.moving_mean) / np.sqrt(layer.moving_variance + 1e-5) * [1.5, 0.5] + [0.1, -0.2]
    np.testing.assert_allclose(layer(x), in_use, atol=1e-5)
    weights = tf.random.stateless_normal(x.shape, [3, 4])
    for training in (True, False):
        theory, numeric = tf.test.compute_gradient(
            lambda y: tf.reduce_sum(weights * layer(y, training=training, update=False) ** 2), [x], delta=1e-2
        )
        np.testing.assert_allclose(theory[0], numeric[0], atol=2e-2 * np.abs(theory[0]).max())


def test_batch_norm_is_of_all_replicas_batches():
    strategy = mirrored_strategy(("CPU:0", "CPU:1"))
    x = tf.random.stateless_normal([4, 2, 2, 3], [5, 6], 1.0, 2.0)
    with strategy.scope():
        layer = norms.BatchNorm()
        layer(x)
    single = norms.BatchNorm()
    single(x)
    single.gamma.assign(tf.convert_to_tensor(layer.gamma))

    @tf.function
    def run(layer, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        return y, tape.gradient(loss, x)

    def value(context):
        number = context.replica_id_in_sync_group
        return x[2 * number : 2 * number + 2]

    halves = strategy.experimental_distribute_values_from_function(value)
    parts = strategy.run(run, (layer, halves))
    parts = [np.concatenate(strategy.experimental_local_results(part)) for part in parts]
    for one, two in zip(run(single, x), parts):
        np.testing.assert_allclose(one, two, atol=2e-5)
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(getattr(single, name), getattr(layer, name), atol=1e-5)


def test_bfloat16_computes_the_same_networks_and_gradients():
    """At the light configuration's sizes, forward and to every kernel: there are CPU kernels for bfloat16
    that are wrong at some sizes."""
    text = (
        "{system: contextual_gan, image_size: 64, model: {generator: {widths: [256, 128, 64, 32]}, "
        "discriminator: {widths: [32, 64, 128, 256], norm: spectral}}}"
    )
    results, z = [], z_of(4, 100)
    for policy in ("float32", "mixed_bfloat16"):
        tf.keras.mixed_precision.set_global_policy(policy)
        try:
            tf.keras.utils.set_random_seed(1)
            model = systems.build(systems.parse(text))
        finally:
            tf.keras.mixed_precision.set_global_policy("float32")
        kernels = [v for v in model.trainable_variables if "kernel" in v.name]
        with tf.GradientTape() as tape:
            joint = model.generator(z, training=True)
            score = model.discriminator(joint, training=True)
            loss = tf.reduce_sum(adversarial.generator_logistic(score)) + tf.reduce_mean(joint**2)
        results.append((joint.numpy(), {v.name: g.numpy() for v, g in zip(kernels, tape.gradient(loss, kernels))}))
    full, half = results
    assert np.abs(full[0] - half[0]).mean() < 0.05 * np.abs(full[0] - full[0].mean()).mean()
    for name, gradient in full[1].items():
        a, b = gradient.ravel(), half[1][name].ravel()
        assert a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.9, name


def test_logistic_losses_by_hand():
    real, fake = tf.constant([0.5, -1.0]), tf.constant([2.0, 0.0])

    def p(x):
        return 1.0 / (1.0 + np.exp(-x.numpy()))

    np.testing.assert_allclose(
        adversarial.critic_logistic(real, fake), -np.log(p(real)) - np.log(1 - p(fake)), rtol=1e-5
    )
    np.testing.assert_allclose(adversarial.generator_logistic(fake), -np.log(p(fake)), rtol=1e-5)
    assert np.isfinite(adversarial.critic_logistic(real * 1e4, fake * 1e4)).all()


def test_kl_divergence_by_hand_and_where_the_public_code_has_no_number():
    rng = np.random.default_rng(1)
    target, estimate = (rng.random((3, 4, 4, 1)).astype(np.float32) for _ in range(2))
    p, q = ((x + 1e-3) / (x + 1e-3).sum((1, 2, 3), keepdims=True) for x in (target, estimate))
    np.testing.assert_allclose(
        line_losses.kl_divergence(target, estimate), (p * np.log(p / q)).sum((1, 2, 3)), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(line_losses.kl_divergence(target, target), np.zeros(3), atol=1e-6)
    white, black, pixel = np.zeros((1, 4, 4, 1)), np.ones((1, 4, 4, 1)), np.zeros((1, 4, 4, 1))
    pixel[0, 1, 2] = 1.0
    for one in (white, black, pixel):
        for two in (white, black, pixel):
            value = float(line_losses.kl_divergence(one, two)[0])
            assert 0 <= value + 1e-6 and value < np.log(1 / 1e-3) + 1e-3
    # A missing stroke costs more than a superfluous one of the same size.
    both = pixel.copy()
    both[0, 3, 3] = 1.0
    assert line_losses.kl_divergence(both, pixel)[0] > line_losses.kl_divergence(pixel, both)[0]


@pytest.mark.parametrize("name", ["kl_divergence", "critic_logistic", "generator_logistic"])
def test_gradients_against_finite_differences(name):
    x = tf.random.stateless_uniform([1, 3, 3, 1], [5, 6], 0.1, 1.0)
    target = tf.random.stateless_uniform([1, 3, 3, 1], [7, 8])
    loss = {
        "kl_divergence": lambda y: line_losses.kl_divergence(target, y),
        "critic_logistic": lambda y: adversarial.critic_logistic(2.0 * y, y),
        "generator_logistic": adversarial.generator_logistic,
    }[name]
    theory, numeric = tf.test.compute_gradient(loss, [x], delta=1e-3)
    np.testing.assert_allclose(theory[0], numeric[0], atol=2e-3)


def test_a_model_directory_gives_the_same_networks(tmp_path):
    config = systems.parse(TINY)
    model = systems.build(config)
    model.discriminator(model.generator(z_of(4), training=True), training=True)
    save_model(tmp_path, model, config)
    again, z = zoo.load_model(tmp_path), z_of(2)
    joint = model({"z": z})["joint"]
    np.testing.assert_allclose(again({"z": z})["joint"], joint, atol=1e-6)
    np.testing.assert_allclose(again.discriminator(joint), model.discriminator(joint), atol=1e-6)


def test_soft_edges_keep_a_sketchs_mass_and_range():
    model = systems.build(systems.parse(TINY.replace("latent: 6", "latent: 6\n  blur: 0.8")))
    sketch = np.zeros((1, 16, 16, 1), np.float32)
    sketch[0, 5:7, 4:12] = 1
    soft = model.soften(tf.constant(sketch)).numpy()
    assert soft.sum() == pytest.approx(sketch.sum(), rel=1e-4) and 0 <= soft.min() and 0.3 < soft.max() < 1
    assert soft[0, 4, 8] > 0.05
    hard = systems.build(systems.parse(TINY))
    assert (hard.soften(tf.constant(sketch)).numpy() == sketch).all()
    with pytest.raises(ConfigError, match="blur: expected 0 to 1 px"):
        systems.parse(TINY.replace("latent: 6", "latent: 6\n  blur: 3.0"))


def test_a_coarse_map_decides_how_strongly_later_channels_speak():
    config = JointGeneratorConfig(widths=(8, 6, 4, 4, 2), kernel=3, upsampling="nearest", excitation=True)
    generator, z = contextual_gan.JointGenerator(config), tf.random.stateless_uniform([2, 5], [1, 2], -1.0, 1.0)
    with tf.GradientTape() as tape:
        joint = generator(z, training=True)
        total = tf.reduce_sum(tf.square(joint))
    assert joint.shape == (2, 128, 256, 3) and len(generator.excitations) == 2
    assert all(g is not None for g in tape.gradient(total, generator.trainable_variables))
    before = generator(z, training=True)  # by the batch's statistics: untrained weights are small
    generator.excitations[0].shares.bias.assign(tf.fill([4], -20.0))  # none of the channels speaks
    silent = generator(z, training=True)
    assert np.abs(before - silent).max() > 1e-4
    np.testing.assert_allclose(silent[0, 40:80, 40:80], silent[1, 40:80, 40:80], atol=1e-6)


def test_residuals_add_to_every_map_but_the_first_and_the_picture():
    config = JointGeneratorConfig(widths=(8, 6, 4), kernel=3, upsampling="nearest", residuals=2)
    generator, z = contextual_gan.JointGenerator(config), tf.random.stateless_uniform((2, 5), (1, 2), -1.0, 1.0)
    joint = generator(z, training=True)
    assert joint.shape == (2, 32, 64, 3) and [len(row) for row in generator.residuals] == [2, 2]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(generator(z, training=True) - 0.1))
    assert all(slope is not None for slope in tape.gradient(value, generator.trainable_variables))
    for row in generator.residuals:
        for residual in row:
            residual.conv.kernel.assign(tf.zeros_like(residual.conv.kernel))
    plain = contextual_gan.JointGenerator(dataclasses.replace(config, residuals=0))
    plain(z)
    ours = {v.name: v for v in generator.variables}
    for variable in plain.variables:
        variable.assign(ours[variable.name])
    np.testing.assert_allclose(generator(z), plain(z), atol=1e-5)
