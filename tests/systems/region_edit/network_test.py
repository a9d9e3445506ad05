"""Region-wise manipulation's layers and networks: sizes, modulation, resampling, gradients, patches, regions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import LIGHT, RESTYLING
from tfsketch import systems
from tfsketch.errors import ConfigError, ImageError
from tfsketch.nn import adversarial, model_directory, operations, stylegan2, sums
from tfsketch.systems.region_edit import network as region_edit
from tfsketch.systems.region_edit.config import PatchesConfig, RegionEditConfig
from tfsketch.systems.region_edit.discriminators import PatchCooccurrence, ResidualDiscriminator, cut_patches


def pictures(count: int, side: int = 16, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (count, side, side, 3)), tf.float32)


def masks(count: int, side: int = 16) -> tf.Tensor:
    """The left half, but for a column more of every picture."""
    x = np.arange(side)[None, None, :, None] < side // 2 + np.arange(count)[:, None, None, None]
    return tf.constant(np.broadcast_to(x, (count, side, side, 1)), tf.float32)


def _model(*overrides: str) -> region_edit.RegionEdit:
    tf.keras.utils.set_random_seed(1)
    return systems.build(systems.parse(RESTYLING, "tiny", overrides))


def test_the_published_networks_have_the_public_codes_sizes():
    encoder = region_edit.Encoder(RegionEditConfig().encoder)
    features = encoder.features(pictures(1, 256))
    assert features.shape == (1, 16, 16, 512)
    assert encoder.structure(encoder.content(features)).shape == (1, 16, 16, 8) and encoder.style(features).shape == (
        1,
        2048,
    )
    blocks = sum(9 * a * a + a + 9 * a * b + b + a * b for a, b in ((32, 64), (64, 128), (128, 256), (256, 512)))
    structure = 512 * 512 + 512 + 512 * 8 + 8
    style = 9 * 512 * 1024 + 1024 + 9 * 1024 * 2048 + 2048 + 2048 * 2048 + 2048
    run = sum(int(np.prod(v.shape)) for v in encoder.trainable_variables)
    assert run == 3 * 32 + 32 + blocks + structure + style
    settings = RegionEditConfig().discriminator
    assert [256 // 2**i for i in range(len(settings.widths))][-1] == 4 and settings.widths[0] == 128


@pytest.mark.parametrize("overrides", [[], LIGHT, ["model.blend=features"]])
def test_every_variable_has_a_name_and_gets_a_gradient(overrides):
    model = _model(*overrides)
    assert {"region_edit/encoder/down1/conv1/kernel", "region_edit/generator/to_rgb/conv/kernel"} <= set(
        model_directory.variable_names(
            model
        )  # under these names weights are stored, and they depend on how the model is built
    )
    with tf.GradientTape() as tape:
        features = model.encoder.features(pictures(3))
        style = model.encoder.style(features)
        maps = model.merge(features, style, style[::-1], masks(3))
        loss = tf.reduce_sum(tf.square(maps - pictures(3, seed=1)))
    for variable, gradient in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables)):
        assert gradient is not None and np.isfinite(gradient).all() and np.abs(gradient).max() > 0, variable.name


@pytest.mark.parametrize("overrides", [[], LIGHT])
@pytest.mark.parametrize("blend", ["features", "styles"])
def test_outside_the_mask_the_photograph_stays_bit_for_bit(overrides, blend):
    model, mask = _model(*overrides, f"model.blend={blend}"), masks(3)
    inputs = {"image": pictures(3), "style": pictures(3, seed=1), "mask": mask}
    outputs = model(inputs)
    assert outputs["raw"].shape == outputs["image"].shape == (3, 16, 16, 3)
    outside = np.repeat(mask.numpy() == 0, 3, axis=-1)
    np.testing.assert_array_equal(outputs["image"].numpy()[outside], inputs["image"].numpy()[outside])
    np.testing.assert_array_equal(outputs["image"].numpy()[~outside], outputs["raw"].numpy()[~outside])
    assert np.abs(outputs["raw"]).max() <= 1
    # The region's edge matters in the picture: the style rules inside alone.
    copy = model({**inputs, "mask": 1.0 - mask})["raw"]
    assert np.abs(copy - outputs["raw"]).max() > 1e-3


def test_same_content_and_style_give_the_reconstruction():
    model, image = _model(), pictures(3)
    reconstruction = tf.clip_by_value(model.decode(*model.encode(image)), -1, 1)
    np.testing.assert_allclose(model({"image": image, "style": image})["raw"], reconstruction, atol=1e-6)
    whole = model({"image": image, "style": pictures(3, seed=1)})
    assert np.abs(whole["raw"] - reconstruction).max() > 1e-2
    np.testing.assert_array_equal(whole["image"], whole["raw"])
    edit = model({"image": image, "style": image, "mask": masks(3)})["raw"]
    np.testing.assert_allclose(edit, reconstruction, atol=1e-5)


def test_codes_are_of_unit_length_and_their_length_does_not_matter():
    model = _model()
    structure, style = model.encode(pictures(3))
    assert structure.shape == (3, 4, 4, 3) and style.shape == (3, 6)
    for code in (structure, style):
        np.testing.assert_allclose(np.linalg.norm(code, axis=-1), 1.0, atol=1e-4)
    np.testing.assert_allclose(model.decode(2.0 * structure, 3.0 * style), model.decode(structure, style), atol=1e-4)


def test_without_the_features_statistics_light_and_palette_stay_out_of_the_structure():
    plain, without = _model(), _model("model.encoder.structure_norm=instance")
    features = tf.random.stateless_normal([2, 4, 4, 16], [1, 2])
    other = 0.5 * features * tf.random.stateless_uniform([1, 1, 1, 16], [3, 4], 1.0, 2.0) + 3.0
    same, copy = (
        np.abs(
            model.encoder.structure(model.encoder.content(features))
            - model.encoder.structure(model.encoder.content(other))
        )
        for model in (without, plain)
    )
    assert same.max() < 1e-3 and copy.max() > 0.1
    # What is drawn in the region does not reach the structure outside by way of a mean over the picture.
    image, mask = pictures(1, 64), tf.concat([tf.zeros([1, 64, 48, 1]), tf.ones([1, 64, 16, 1])], axis=2)
    style = without.encode(pictures(1, 64, seed=1) * 0.2 + 0.7)[1]
    alone = without.decode(*without.encode(image))
    np.testing.assert_allclose(without.restyle(image, style, mask)[:, :, :8], alone[:, :, :8], atol=1e-5)


@pytest.mark.parametrize("overrides", [[], LIGHT])
def test_a_uniform_style_map_is_the_code_and_a_mask_chooses(overrides):
    model = _model(*overrides)
    structure, style = model.encode(pictures(3))
    alone, other = model.decode(structure, style), model.decode(structure, style[::-1])
    spread = tf.broadcast_to(style[:, None, None], [3, 4, 4, 6])
    np.testing.assert_allclose(model.decode(structure, spread), alone, atol=1e-5)
    ones = tf.ones([3, 16, 16, 1])
    np.testing.assert_allclose(model.decode(structure, style, style[::-1], ones), other, atol=1e-5)
    np.testing.assert_allclose(model.decode(structure, style, style[::-1], 0.0 * ones), alone, atol=1e-5)


def test_pictures_of_other_sides_and_wrong_ones():
    model = _model()
    assert model({"image": pictures(1, 24), "style": pictures(1, 16)})["image"].shape == (1, 24, 24, 3)
    for wrong in (
        {"image": pictures(1, 18)},
        {"style": pictures(1, 18)},
        {"image": pictures(1, 18), "mask": masks(1, 18)},
    ):
        with pytest.raises(ImageError, match="multiples of 4"):
            model({"image": pictures(1, 16), "style": pictures(1, 16), **wrong})


@pytest.mark.parametrize(
    "options, shape",
    [
        ({}, (8, 6)),
        ({"padding": "reflect"}, (8, 6)),
        ({"padding": "valid"}, (6, 4)),
        ({"strides": 2}, (4, 3)),
        ({"strides": 2, "blur": (1, 2, 1), "padding": "reflect"}, (4, 3)),
        ({"strides": 2, "blur": (1, 3, 3, 1)}, (4, 3)),
        ({"up": True}, (16, 12)),
        ({"demodulate": True, "activate": False}, (8, 6)),
    ],
)
def test_equalized_convolution_its_shapes_and_gradients(options, shape, monkeypatch):
    monkeypatch.setattr(stylegan2, "leaky", tf.nn.softplus)  # a finite difference cannot look round a corner
    layer = stylegan2.EqualizedConv2D(4, 3, **options)
    x = tf.random.stateless_normal([2, 8, 6, 3], [1, 2])
    assert layer(x).shape == (2, *shape, 4)
    layer.bias.assign([0.3, -0.2, 0.1, 0.0])
    weights = tf.random.stateless_normal([2, *shape, 4], [3, 4])
    kernel = tf.identity(layer.kernel)

    def value(x, kernel):
        layer.kernel = kernel
        return tf.reduce_sum(weights * layer(x))

    theory, numeric = tf.test.compute_gradient(value, [x, kernel], delta=1e-2)
    for t, n in zip(theory, numeric):
        np.testing.assert_allclose(t, n, atol=1e-2 * np.abs(t).max())


def test_leaky_is_the_leaky_relu():
    x = tf.constant([-2.0, -0.5, 0.0, 3.0])
    np.testing.assert_allclose(stylegan2.leaky(x), tf.nn.leaky_relu(x, operations.LEAK), atol=1e-6)


def test_doubling_is_bilinear_and_the_transposed_way_too():
    x = tf.random.stateless_normal([2, 5, 7, 3], [1, 2])
    np.testing.assert_allclose(stylegan2.double(x), tf.image.resize(x, [10, 14]), atol=1e-5)
    layer = stylegan2.EqualizedConv2D(3, 3, up=True, activate=False)
    layer(x)
    identity = np.zeros((3, 3, 3, 3), np.float32)
    identity[1, 1] = np.eye(3) * 27**0.5
    layer.kernel.assign(identity)
    inner = (slice(None), slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(layer(x)[inner], tf.image.resize(x, [10, 14])[inner], atol=1e-5)


def test_blur_keeps_a_flat_picture_and_looks_at_the_neighbours():
    flat = tf.ones([1, 6, 6, 2])
    np.testing.assert_allclose(stylegan2.blur(flat, (1, 2, 1), padding="reflect"), flat, atol=1e-6)
    impulse = tf.one_hot([14], 36)[..., None]
    spread = stylegan2.blur(tf.reshape(impulse, [1, 6, 6, 1]), (1, 2, 1))[0, ..., 0].numpy()
    np.testing.assert_allclose(spread[1:4, 1:4] * 16, [[1, 2, 1], [2, 4, 2], [1, 2, 1]], atol=1e-5)
    assert stylegan2.blur(flat, (1, 3, 3, 1), 2).shape == (1, 3, 3, 2)
    # Where StyleGAN2 halves, a mirrored picture gives the mirrored result, beside the border too.
    picture = tf.random.stateless_normal([1, 8, 8, 2], [1, 2])
    for layer in (
        lambda x: stylegan2.blur(x, (1, 3, 3, 1), 2),
        lambda x: stylegan2.blur(x, (1, 3, 3, 1), 1, margin=1)[:, :-1, :-1],
    ):
        mirror = layer(picture[:, ::-1, ::-1])[:, ::-1, ::-1]
        np.testing.assert_allclose(layer(picture), mirror, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (2, 4, 5, 3)])
def test_modulation_is_the_product_with_its_gradient(shape):
    x, scale = tf.random.stateless_normal([2, 4, 5, 3], [1, 2]), tf.random.stateless_normal(shape, [3, 4])
    weights = tf.random.stateless_normal([2, 4, 5, 3], [5, 6])
    results = []
    for product in (sums.modulate, tf.multiply):
        with tf.GradientTape() as tape:
            tape.watch([x, scale])
            y = product(x, scale)
        results.append([y, *tape.gradient(y, [x, scale], output_gradients=weights)])
    for ours, plain in zip(*results):
        np.testing.assert_allclose(ours, plain, atol=1e-5)


@pytest.mark.parametrize("blur", [True, False])
def test_r1_differentiates_twice(blur, monkeypatch):
    monkeypatch.setattr(stylegan2, "leaky", tf.nn.softplus)  # R1 jumps where a leaky ReLU's corner is crossed
    tf.keras.utils.set_random_seed(2)
    config = systems.parse(RESTYLING, "tiny", [] if blur else LIGHT).model
    discriminator, x = ResidualDiscriminator(config.discriminator), pictures(2)
    discriminator(x)

    def penalty():
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(discriminator(x))
        return adversarial.r1(tape.gradient(score, x))

    with tf.GradientTape() as tape:
        value = penalty()
    assert value.shape == (2,) and (value.numpy() > 0).all()
    for name in ("stem/kernel", "down1/conv1/kernel", "down2/conv2/kernel", "hidden/kernel"):
        variable = next(v for v in discriminator.trainable_variables if f"{name}:0" in v.name)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(penalty())
        slope = tape.gradient(value, variable)
        direction, start, step = slope / tf.norm(slope), tf.identity(variable), 3e-3
        ends = []
        for sign in (1, -1):
            variable.assign(start + sign * step * direction)
            ends.append(float(tf.reduce_sum(penalty())))
        variable.assign(start)
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(tf.norm(slope)), rel=0.1), name


def test_patches_are_random_cut_where_they_say_and_differentiable():
    config = PatchesConfig(side=4, size=(0.25, 0.5))
    y, x = np.mgrid[0:16, 0:16] / 15.0
    image = tf.constant(np.stack([y, x, y * 0], axis=-1)[None].repeat(2, 0), tf.float32)
    chances = np.random.default_rng(0).random((2, 5, 5)).astype(np.float32)
    patches = cut_patches(image, tf.constant(chances), config).numpy()
    assert patches.shape == (2, 5, 4, 4, 3)
    extent = 0.25 + 0.25 * chances[..., :2]
    start = (1 - extent) * chances[..., 2:4]
    np.testing.assert_allclose(patches[:, :, 0, :, 0], np.repeat(start[..., :1], 4, -1), atol=1e-5)  # rows: upright
    np.testing.assert_allclose(patches[:, :, 3, :, 0], np.repeat((start + extent)[..., :1], 4, -1), atol=1e-5)
    mirror = chances[..., 4] < 0.5
    assert 0 < mirror.sum() < 10
    left = np.where(mirror, (start + extent)[..., 1], start[..., 1])
    np.testing.assert_allclose(patches[:, :, 0, 0, 1], left, atol=1e-5)

    def value(image):
        return tf.reduce_sum(cut_patches(image, tf.constant(chances[:, :1]), config) ** 2)

    theory, numeric = tf.test.compute_gradient(value, [pictures(2, 8)], delta=1e-2)
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-2 * np.abs(theory[0]).max() + 1e-3)


def test_references_count_by_their_mean():
    config = systems.parse(RESTYLING).model.patches
    critic = PatchCooccurrence(config)
    patches, references = (
        tf.random.stateless_uniform([3, n, 6, 6, 3], [n, 1], -1, 1) for n in (config.count, config.references)
    )
    scores = critic(patches, references)
    assert scores.shape == (3, config.count)
    np.testing.assert_allclose(critic(patches, references[:, ::-1]), scores, atol=1e-5)
    assert np.abs(critic(patches, references[::-1])[0] - scores[0]).max() > 1e-4


@pytest.mark.parametrize(
    "changes, expected",
    [
        ("blend=pictures", "blend: expected one of features, styles"),
        ("generator.widths=[8]", "generator.widths: expected 2 values"),
        ("generator.upsampling=nearest", "generator.upsampling"),
        ("encoder.padding=same", "encoder.padding"),
        ("discriminator.widths=[4, 4]", "discriminator.widths: expected one more than halve 16 px to 4"),
        ("patches.side=5", "patches.side: expected a multiple of 2, at least 6"),
        ("patches.size=[0.5, 0.2]", "patches.size"),
        ("loss.consistency_every=0", "loss.consistency_every: expected at least 1"),
    ],
)
def test_config_mistakes_are_named(changes, expected):
    with pytest.raises(ConfigError, match=expected.replace("[", r"\[")):
        systems.parse(RESTYLING, "tiny", [f"model.{changes}"])
