"""The search for z: it finds what is known to be there, from the best candidate, for every example alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import CONTEXTUAL_GAN as TINY
from tests.tiny import z_of
from tfsketch import systems
from tfsketch.errors import ConfigError, ImageError
from tfsketch.nn import adversarial, line_losses
from tfsketch.nn.exported import in_bfloat16
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.contextual_gan.search import beginning, descend


@pytest.fixture(scope="module")
def model() -> tf.keras.Model:
    """A tiny generator whose pictures differ from z to z, with statistics that are its own."""
    tf.keras.utils.set_random_seed(5)
    model = systems.build(systems.parse(TINY))
    for variable in model.generator.trainable_variables:
        if "kernel" in variable.name:
            variable.assign(variable * 8.0)
    for number in range(30):
        model.discriminator(model.generator(z_of(32, seed=number), training=True), training=True)
    return model


@pytest.fixture(scope="module")
def pairs(model) -> dict[str, np.ndarray]:
    """Five pictures that the generator can draw."""
    return {key: value.numpy() for key, value in model({"z": z_of(5, seed=99)}).items()}


def test_shapes_ranges_and_order(model, pairs):
    result = projection.project(model, pairs["sketch"], candidates=8, restarts=3, steps=6, patience=50)
    shapes = {
        key: getattr(result, key).shape for key in ("z", "sketch", "image", "loss", "start", "candidates", "curve")
    }
    assert shapes == {
        "z": (5, 3, 6),
        "sketch": (5, 3, 16, 16, 1),
        "image": (5, 3, 16, 16, 3),
        "loss": (5, 3),
        "start": (5, 3),
        "candidates": (5, 8),
        "curve": (7, 5, 3),
    }
    assert np.abs(result.z).max() <= 1 and result.sketch.min() >= 0 and np.abs(result.image).max() <= 1
    assert (np.diff(result.loss, axis=1) >= 0).all() and (result.steps == 6).all()
    np.testing.assert_allclose(result.loss, result.curve.min(axis=0), rtol=1e-5)
    pair = model({"z": result.z[:, 0]})
    np.testing.assert_allclose(pair["image"], result.image[:, 0], atol=1e-5)
    contextual = line_losses.kl_divergence(pairs["sketch"], result.sketch[:, 0])
    perceptual = adversarial.generator_logistic(model.discriminator(pair["joint"]))
    np.testing.assert_allclose(result.contextual[:, 0], contextual, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(result.loss[:, 0], contextual + 0.01 * perceptual, rtol=1e-3, atol=1e-5)


def test_the_candidates_of_least_divergence_start(model, pairs):
    result = projection.project(model, pairs["sketch"], candidates=8, restarts=2, steps=0)
    np.testing.assert_allclose(np.sort(result.start, axis=1), np.sort(result.candidates, axis=1)[:, :2], rtol=1e-6)
    at_random = projection.project(model, pairs["sketch"], candidates=8, restarts=2, steps=0, initialization="random")
    np.testing.assert_allclose(at_random.candidates, result.candidates, rtol=1e-6)
    np.testing.assert_allclose(np.sort(at_random.start, axis=1), np.sort(result.candidates[:, :2], axis=1), rtol=1e-6)


@pytest.mark.parametrize("half", ["sketch", "image"])
@pytest.mark.parametrize("optimizer, rate", [("momentum", 0.1), ("adam", 0.05)])
def test_the_search_finds_what_the_generator_drew(model, pairs, half, optimizer, rate):
    result = projection.project(
        model,
        **{half: pairs[half]},
        candidates=8,
        restarts=2,
        steps=80,
        optimizer=optimizer,
        learning_rate=rate,
        patience=80,
    )
    assert (result.contextual[:, 0] < result.candidates.min(axis=1)).all()
    assert result.contextual[:, 0].mean() < 0.3 * result.candidates.min(axis=1).mean()
    # The other half comes with it: nearer to the true one than a candidate's.
    other = {"sketch": "image", "image": "sketch"}[half]
    error = np.abs(getattr(result, other)[:, 0] - pairs[other]).mean()
    chance = np.abs(pairs[other][::-1] - pairs[other])[[0, 1, 3, 4]].mean()
    assert error < 0.6 * chance


def test_nothing_depends_on_batch_mates_or_chunks(model, pairs):
    options = {"candidates": 6, "restarts": 2, "steps": 5, "learning_rate": 0.1}
    whole = projection.project(model, pairs["sketch"], **options)
    alone = projection.project(model, pairs["sketch"][3:4], **options)
    rotation = projection.project(model, pairs["sketch"][::-1], chunk=3, **options)
    for key in ("z", "image", "loss", "candidates"):
        np.testing.assert_allclose(getattr(whole, key)[3], getattr(alone, key)[0], atol=1e-4)
        np.testing.assert_allclose(getattr(whole, key), getattr(rotation, key)[::-1], atol=1e-4)
    other = projection.project(model, pairs["sketch"], seed=1, **options)
    assert np.abs(other.candidates - whole.candidates).min() > 0


def test_searching_in_bfloat16_finds_nearly_the_same(model, pairs):
    options = {"candidates": 8, "steps": 60, "learning_rate": 0.3}
    full = projection.project(model, pairs["sketch"], **options)
    half = projection.project(model, pairs["sketch"], network=in_bfloat16(model), **options)
    assert half.loss.mean() < 0.5 * full.curve[0].mean()
    image = model({"z": half.z[:, 0]})["image"]
    np.testing.assert_allclose(image, half.image[:, 0], atol=1e-5)  # in float32


def test_a_search_stops_by_itself_and_rests(model, pairs):
    options = {"candidates": 4, "steps": 100, "learning_rate": 0.3}
    result = projection.project(model, pairs["sketch"], patience=3, tolerance=3e-4, **options)
    assert (result.steps < 100).all() and len(set(result.steps.ravel())) > 1 and result.curve.shape == (101, 5, 1)
    for number, (last,) in enumerate(result.steps):
        np.testing.assert_allclose(result.curve[last + 1 :, number, 0], result.curve[-1, number, 0], rtol=1e-5)
    assert (result.loss <= result.curve[0]).all()
    alone = projection.project(model, pairs["sketch"][:1], patience=3, tolerance=3e-4, **options)
    np.testing.assert_allclose(alone.loss[0], result.loss[0], rtol=0.05)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_search_that_is_watched_is_the_same_and_can_be_ended(model, pairs, optimizer):
    options = {"candidates": 4, "steps": 90, "patience": 25, "optimizer": optimizer, "chunk": 3, "learning_rate": 0.2}
    shares: list[float] = []
    plain = projection.project(model, pairs["sketch"], **options)
    with_watch = projection.project(model, pairs["sketch"], watch=shares.append, **options)
    for field in dataclasses.fields(plain):
        assert (getattr(plain, field.name) == getattr(with_watch, field.name)).all(), field.name
    assert shares == sorted(shares) and len(shares) > 4 and shares[0] == 0 and shares[-1] < 1

    def stop(share):
        if share > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        projection.project(model, pairs["sketch"], watch=stop, **options)


def test_the_gradient_of_the_search_is_the_losss(model, pairs):
    """One plain step (no momentum) goes down the slope that finite differences see."""
    sketch = pairs["sketch"][:1]

    def loss(z):
        joint = model.generator(z)
        lines = 0.5 - 0.5 * tf.reduce_mean(joint[:, :, :16], axis=-1, keepdims=True)
        return line_losses.kl_divergence(sketch, lines) + 0.01 * adversarial.generator_logistic(
            model.discriminator(joint)
        )

    options = {"candidates": 1, "momentum": 0.0, "learning_rate": 1e-3, "perceptual": 0.01}
    start = projection.project(model, sketch, steps=0, **options).z[0]
    numbers = {"patience": tf.constant(9)} | {
        key: tf.constant(value)
        for key, value in (("learning_rate", 1e-3), ("momentum", 0.0), ("perceptual", 0.01), ("tolerance", 0.0))
    }
    state, how = beginning(tf.constant(start)), (model, "sketch", "momentum", True, 1e-3)
    end, _ = descend(*how, state, tf.constant(sketch), numbers, tf.constant(0), tf.constant(1))
    slope = (start - end["best"].numpy()) / 1e-3
    _, numeric = tf.test.compute_gradient(
        loss, [tf.constant(start)], delta=1e-3
    )  # kinks are near: a longer way crosses them
    np.testing.assert_allclose(slope, numeric[0], atol=0.05 * np.abs(numeric[0]).max())


def test_degenerate_sketches(model):
    black, pixel = np.ones((1, 16, 16, 1), np.float32), np.zeros((1, 16, 16, 1), np.float32)
    pixel[0, 4, 9] = 1.0
    for optimizer in ("momentum", "adam"):
        result = projection.project(model, np.concatenate([black, pixel]), candidates=4, steps=20, optimizer=optimizer)
        for field in ("z", "sketch", "image", "loss", "curve", "candidates"):
            assert np.isfinite(getattr(result, field)).all()
    with pytest.raises(ImageError, match="sketch 1: expected at least one stroke"):
        projection.project(model, np.concatenate([black, 0.0 * black]))


@pytest.mark.parametrize(
    "pictures, expected",
    [
        ({}, "neither"),
        ({"sketch": np.ones((1, 16, 16, 1)), "image": np.ones((1, 16, 16, 3))}, "both"),
        ({"sketch": np.ones((1, 16, 8, 1))}, r"\[S,16,16,1\], found \[1, 16, 8, 1\]"),
        ({"sketch": np.ones((0, 16, 16, 1))}, "expected the shape"),
        ({"image": np.ones((1, 16, 16, 1))}, r"\[S,16,16,3\]"),
        ({"sketch": np.full((1, 16, 16, 1), 255)}, "sketch 0: expected values from 0 to 1"),
        ({"image": np.full((1, 16, 16, 3), np.nan)}, "image 0: .*NaN"),
    ],
)
def test_bad_pictures_are_refused(model, pictures, expected):
    with pytest.raises(ImageError, match=expected):
        projection.project(model, **pictures)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"initialization": "best"}, "initialization"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"candidates": 3, "restarts": 4}, "restarts: expected 1 to 3"),
        ({"steps": -1}, "steps"),
        ({"chunk": 0}, "chunk"),
    ],
)
def test_bad_settings_are_refused(model, settings, expected):
    with pytest.raises(ConfigError, match=expected):
        projection.project(model, np.ones((1, 16, 16, 1)), **settings)
