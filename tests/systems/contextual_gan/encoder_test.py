"""Contextual GAN's encoder: what it sees, what it learns from, and where the search starts with it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import crops
from tests.tiny import CONTEXTUAL_GAN, save_model, z_of
from tfsketch import systems, zoo
from tfsketch.errors import ConfigError
from tfsketch.nn import line_losses
from tfsketch.systems.contextual_gan import projection, search
from tfsketch.systems.contextual_gan import task as contextual_gan
from tfsketch.systems.contextual_gan.joint import split

TINY = CONTEXTUAL_GAN + "  encoder: {widths: [4, 8]}\n  blur: 0.6\n"
_WEIGHTS = "model.loss={generator_steps: 1, contextual: 0.3, inversion: 1.0, decorrelation: 0.1}"


def _model() -> tf.keras.Model:
    tf.keras.utils.set_random_seed(1)
    return systems.build(systems.parse(TINY))


def _batch(count: int = 8) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    photographs = np.stack(crops(count, 16)).astype(np.float32) / 127.5 - 1.0
    return {
        "image": tf.constant(photographs),
        "sketch": tf.constant(rng.random((count, 16, 16, 1)) < 0.2, tf.float32),
        "z": z_of(count),
        "seed": tf.constant(rng.integers(0, 2**31 - 1, (count, 2)), tf.int32),
    }


def test_a_guess_is_in_range_and_of_its_sketch_alone():
    encoder, batch = _model().encoder, _batch()
    guess = encoder(batch["sketch"])
    assert guess.shape == (8, 6) and guess.dtype == tf.float32 and np.abs(guess).max() < 1
    assert np.abs(guess - encoder(1.0 - batch["sketch"])).max() > 1e-4
    np.testing.assert_allclose(guess[2:3], encoder(batch["sketch"][2:3]), atol=1e-6)


def test_in_training_guesses_are_spread_as_the_prior_is():
    """However alike the sketches are."""
    encoder, batch = _model().encoder, _batch(32)
    alike = 0.5 + 0.01 * batch["sketch"]
    guess = encoder(alike, training=True).numpy()
    np.testing.assert_allclose(guess.mean(axis=0), 0.0, atol=0.2)
    np.testing.assert_allclose(guess.std(axis=0), 3**-0.5, atol=0.12)
    reach = encoder.z_norm.moving_variance.numpy()
    encoder(alike, training=True, update=False)
    np.testing.assert_array_equal(reach, encoder.z_norm.moving_variance)


def test_numbers_that_follow_each_other_cost():
    z = np.random.default_rng(0).uniform(-1, 1, (64, 6)).astype(np.float32)
    covariance = 3.0 * z.T @ z / 64
    theory = np.sum(np.square(covariance - np.diag(np.diag(covariance)))) / 6
    with tf.GradientTape(persistent=True) as tape:
        guess = tf.Variable(z)
        cost = tf.reduce_mean(contextual_gan.decorrelation(guess))
        own = 3.0 * tf.matmul(guess, guess, transpose_a=True) / 64
        direct = tf.reduce_sum(tf.square(own - tf.linalg.diag(tf.linalg.diag_part(own)))) / 6
    np.testing.assert_allclose(cost, theory, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(cost, guess), tape.gradient(direct, guess), rtol=1e-4, atol=1e-7)
    alike = np.repeat(z[:, :1], 6, axis=1)
    assert np.mean(contextual_gan.decorrelation(tf.constant(alike))) > 4.0 > 10 * cost


def test_the_published_network_has_none():
    assert systems.build(systems.parse(CONTEXTUAL_GAN)).encoder is None
    with pytest.raises(ConfigError, match="encoder.widths: expected an encoder for the weights of trunk"):
        systems.parse(CONTEXTUAL_GAN + "  loss: {inversion: 1.0}\n")
    with pytest.raises(ConfigError, match="encoder.widths: expected 2 values"):
        systems.parse(TINY.replace("[4, 8]}", "[4, 8, 16]}"))


def test_half_the_examples_are_held_to_their_pairs():
    config = systems.parse(TINY, "tiny", [_WEIGHTS])
    task, batch, slopes = contextual_gan.ContextualGanTask(config), _batch(16), {}
    both = task.networks["contextual_gan"]

    def minimize(name, tape, value):
        slopes[name] = tape.gradient(value, task.trained_networks[name].trainable_variables)

    terms = task.step(batch, config.model.loss, minimize)
    assert set(task.trained_networks) == {"generator", "discriminator"}
    assert all(slope is not None for own in slopes.values() for slope in own)
    run = {id(variable) for variable in task.trained_networks["generator"].trainable_variables}
    assert all(id(variable) in run for variable in both.encoder.trainable_variables)

    guesses = task._guesses(both.soften(batch["sketch"]), batch["seed"])
    counts = guesses["counts"].numpy()
    assert 4 <= counts.sum() <= 12 and set(counts) == {0.0, 1.0}
    z = tf.where(counts[:, None] > 0, guesses["z"], batch["z"])
    # In training, so by the batch's statistics.
    halves = split(both.generator(z, training=True))
    soft = both.soften(batch["sketch"])
    expected = counts * line_losses.kl_divergence(soft, halves["sketch"])
    np.testing.assert_allclose(terms["contextual"], expected, rtol=1e-4, atol=1e-5)
    result = both.encoder(halves["sketch"], training=True, update=False)
    error = np.mean(np.square(result - batch["z"]), axis=-1)
    np.testing.assert_allclose(terms["inversion"], (1 - counts) * error, rtol=1e-3, atol=1e-5)
    rest = terms["generator"] - tf.add_n(
        [getattr(config.model.loss, key) * terms[key] for key in ("contextual", "inversion", "decorrelation")]
    )
    assert np.isfinite(rest).all() and np.min(rest) > 0  # what the discriminator says, -log D


def test_the_trunk_compares_a_picture_with_its_pair():
    """Augmented alike: a generator that drew the pair itself would pay nothing."""
    weights = "model.loss={generator_steps: 1, trunk: 1.0, augment: true}"
    config = systems.parse(TINY.replace("blur: 0.6", "blur: 0.0"), "tiny", [weights])
    task, batch = contextual_gan.ContextualGanTask(config), _batch(16)
    counts = task._guesses(batch["sketch"], batch["seed"])["counts"].numpy()
    terms = task.step(batch, config.model.loss, lambda *_: None)
    assert (terms["trunk"].numpy() > 0.01).tolist() == (counts > 0).tolist() and "projected" not in terms
    generator = task.trained_networks["generator"]
    pair = tf.concat([tf.repeat(1.0 - 2.0 * batch["sketch"], 3, axis=-1), batch["image"]], axis=2)
    generator.call = lambda z, training=False: pair  # what Keras calls
    np.testing.assert_allclose(task.step(batch, config.model.loss, lambda *_: None)["trunk"], 0.0, atol=1e-5)


def test_a_search_starts_at_the_guess_and_round_it():
    model, batch = _model(), _batch(3)
    draws = projection.first_candidates(batch["image"].numpy(), 0, 5, 6)
    view = model.soften(batch["sketch"])
    starts = search.candidates(model, "sketch", view, tf.constant(draws)).numpy()
    guess = model.encoder(view)
    np.testing.assert_allclose(starts[:, 0], guess, atol=1e-6)
    shift = np.clip(guess[:, None] + search.SPREAD * draws, -1, 1)
    np.testing.assert_allclose(starts[:, 1:], shift[:, 1:], atol=1e-6)
    np.testing.assert_array_equal(search.candidates(model, "image", batch["image"], tf.constant(draws)), draws)
    sketch = batch["sketch"].numpy()
    result = projection.project(model, sketch, candidates=1, steps=0)
    np.testing.assert_allclose(
        result.z[:, 0],
        search.candidates(model, "sketch", model.soften(batch["sketch"]), z_of(3)[:, None])[:, 0],
        atol=1e-6,
    )
    draws = projection.first_candidates(model.soften(batch["sketch"]).numpy(), 0, 5, 6)
    at_random = projection.project(model, sketch, candidates=5, steps=0, initialization="random")
    np.testing.assert_array_equal(at_random.z[:, 0], draws[:, 0])
    server = search.search(model, "sketch", batch["sketch"], z_of(15).numpy().reshape(3, 5, 6), steps=3)
    assert server["z"].shape == (3, 6) and np.isfinite(server["loss"]).all()


def test_a_folder_keeps_the_encoder(tmp_path):
    model, batch = _model(), _batch(2)
    save_model(tmp_path, model)
    again = zoo.load_model(tmp_path)
    np.testing.assert_allclose(again.encoder(batch["sketch"]), model.encoder(batch["sketch"]), atol=2e-3)
