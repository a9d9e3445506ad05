"""Contextual GAN's training: who moves and how often, replicas, the moving average, resuming, starting from weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import log_rows, same_steps
from tests.pictures import crops
from tests.tiny import CONTEXTUAL_GAN as TINY
from tests.tiny import SPECTRAL
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.data import prepare
from tfsketch.data.batches import batches
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.shards import Shards
from tfsketch.errors import ConfigError
from tfsketch.images import files
from tfsketch.nn import model_directory
from tfsketch.nn import projected as projected_lib
from tfsketch.systems import make_task
from tfsketch.systems.contextual_gan import task as contextual_gan
from tfsketch.systems.contextual_gan.joint import join
from tfsketch.training import trainer
from tfsketch.training.adam import Adam
from tfsketch.training.strategy import mirrored_strategy

_TRAINING = """
data: {sketch_probability: 1.0}
prepare: {regions: none}
sketch: {style: xdog, abstractions: 1, xdog: {min_stroke: 1.0}}
train:
  batch_size: 4
  strategy: default
  log_every: 1
  image_every: 2
  image_count: 3
  checkpoint_every: 100
  ema: 0.9
  phases: [{steps: 4}]
"""
_WGAN = "model.loss.adversarial_loss=wgan"
_R1 = "model.loss.r1=2.0"
_AUGMENT = "model.loss.augment=true"
PLAIN = TINY.replace("[4, 8], kernel: 5", "[4, 8], norm: none")


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("contextual_gan")
    for number, crop in enumerate(crops(5, 16)):
        files.write_png(root / "photos" / f"{number}.png", crop)
    prepare.prepare([str(root / "photos")], str(root / "shards"), systems.parse(TINY + _TRAINING))
    return str(root / "shards")


def _config(shards: str, text: str = TINY, *overrides: str) -> config_lib.Config:
    return systems.parse(text + _TRAINING, "tiny", [f"data.train={shards}", *overrides])


def _batch(config: config_lib.Config) -> dict[str, tf.Tensor]:
    return next(iter(batches(Shards(config.data.train, 16), config)))


def test_a_batch_carries_its_vectors(shards):
    config = _config(shards)
    batch = _batch(config)
    assert set(batch) == {"image", "sketch", "z", "seed"} and batch["z"].shape == (4, 6)
    assert batch["z"].dtype == tf.float32 and np.abs(batch["z"]).max() <= 1 and np.std(batch["z"]) > 0.3
    assert set(Shards(shards, 16)[0].sketches) == {"xdog", "xdog@1"}
    constants = [fixed_batch(Shards(shards, 16), config, [0, 1])["z"] for _ in range(2)]
    np.testing.assert_array_equal(*constants)


@pytest.mark.parametrize(
    "text, overrides", [(TINY, []), (SPECTRAL, []), (SPECTRAL, [_WGAN]), (PLAIN, [_R1]), (TINY, [_AUGMENT])]
)
def test_who_moves_and_how_often(shards, text, overrides):
    config = _config(shards, text, *overrides)
    task, reach = contextual_gan.ContextualGanTask(config), []
    everyone = {name: network.trainable_variables for name, network in task.trained_networks.items()}

    def minimize(name, tape, value):
        assert value.shape == (4,)
        gradients = tape.gradient(value, everyone)
        reach.append((name, {other for other, slopes in gradients.items() if any(g is not None for g in slopes)}))
        assert all(g is not None for g in gradients[name])

    terms = task.step(_batch(config), config.model.loss.at(0), minimize)
    passes = {"generator", "discriminator"}
    # The discriminator learns from its own judgement alone; the generator's loss passes through it.
    assert reach == [("discriminator", {"discriminator"}), ("generator", passes), ("generator", passes)]
    assert all(term.shape == (4,) for term in terms.values())
    assert ("gradient_penalty" in terms) == (overrides == [_WGAN])
    assert ("r1" in terms) == (overrides == [_R1])
    later = task.step(_batch(config), config.model.loss.at(1), lambda *_: None)
    assert "r1" not in later


@pytest.mark.parametrize("sees", ["joint", "photograph"])
def test_the_projected_discriminator_judges_joint_pictures_too(shards, sees):
    overrides = "model.loss.projected=0.5", f"model.loss.trunk_sees={sees}", "model.projected={width: 2, head_width: 4}"
    config = _config(shards, TINY, *overrides, _AUGMENT)
    task, totals, reach = contextual_gan.ContextualGanTask(config), {}, {}
    everyone = {name: network.trainable_variables for name, network in task.trained_networks.items()}
    assert set(everyone) == {"generator", "discriminator", "projected"}

    def minimize(name, tape, value):
        slopes = tape.gradient(value, everyone)
        totals[name] = value.numpy()
        reach[name] = {other for other, own in slopes.items() if all(g is not None for g in own)}

    terms = task.step(_batch(config), config.model.loss.at(0), minimize)
    assert reach["discriminator"] == {"discriminator"} and reach["projected"] == {"projected"}
    assert "generator" in reach["generator"]
    without = dataclasses.replace(config.model.loss, projected=0.0, generator_steps=1)
    rest = task.step(_batch(config), without, lambda *_: None)
    assert {"p_real", "p_fake", "projected_critic"} <= set(terms) and "projected" not in rest
    adversarial = totals["generator"] - 0.5 * terms["projected"]
    assert np.isfinite(adversarial).all() and np.abs(terms["projected"]).max() > 0


def test_a_photograph_beside_the_sketch_of_another_is_told_by_the_projected_discriminator(shards):
    """The trunk sees the photograph alone; the sketch comes as a condition, of each picture its own."""
    settings = (
        "model.loss.projected=1.0",
        "model.loss.trunk_sees=photograph",
        "model.projected={width: 4, head_width: 8}",
    )
    config = _config(shards, TINY, *settings)
    task, batch = contextual_gan.ContextualGanTask(config), _batch(config)
    real = join(batch["sketch"], batch["image"])
    mixture = tf.Variable(join(tf.roll(batch["sketch"], 1, axis=0), batch["image"]))
    network, loss = task.networks["projected"], config.model.loss
    with tf.GradientTape() as tape:
        views = [task._view(joint, loss) for joint in (tf.constant(real), mixture)]
        term = projected_lib.generator_term(network, views[1])
    assert views[0].features["stride2"].shape[1:3] == (8, 8)  # of the photograph's half
    slope = np.abs(np.asarray(tape.gradient(term, mixture)))
    assert slope[:, :, :16].max() > 0 and slope[:, :, 16:].max() > 0  # both halves are answered for
    optimizer = Adam(0.02, 0.5)
    losses = []
    for _ in range(40):
        with tf.GradientTape() as tape:
            losses.append(tf.reduce_mean(projected_lib.critic_terms(network, *views)[0]))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(losses[-1], variables), variables))
    assert losses[-1] < 1.9  # by the sketches alone: of the same pictures the hinge loss is 2 at least


def test_r1_is_of_the_discriminator_at_real_pictures(shards):
    config = _config(shards, PLAIN, _R1)
    task, batch = contextual_gan.ContextualGanTask(config), _batch(config)
    both, real = task.networks["contextual_gan"], join(batch["sketch"], batch["image"])
    terms = task.step(batch, config.model.loss.at(0), lambda *_: None)
    expected, step = [], 1e-2
    way = np.random.default_rng(0).standard_normal((400, *real.shape[1:])).astype(np.float32)
    for picture in real:  # E[(way . gradient)^2] over normal ways is the gradient's square
        ahead, back = (both.discriminator(picture + sign * step * way).numpy() for sign in (1, -1))
        expected.append(0.5 * np.mean(np.square((ahead - back) / (2 * step))))
    np.testing.assert_allclose(terms["r1"], expected, rtol=0.4)
    with pytest.raises(ConfigError, match="discriminator.norm: expected spectral or none"):
        _config(shards, TINY, _R1)


def test_augmentation_moves_both_halves_alike_and_lets_gradients_through():
    rng = np.random.default_rng(0)
    joint = tf.constant(rng.uniform(0.2, 0.9, (6, 16, 32, 3)), tf.float32)
    seed = tf.constant(rng.integers(0, 2**31 - 1, (6, 2)), tf.int32)
    with tf.GradientTape() as tape:
        tape.watch(joint)
        picture = contextual_gan.augment(joint, seed, 8)
        score = tf.reduce_sum(tf.square(picture))
    sketch, image = np.split(picture.numpy(), 2, axis=2)
    assert picture.shape == joint.shape and ((sketch == 0) == (image == 0)).mean() > 0.999
    assert all(0.0 < (one == 0).mean() < 0.7 for one in sketch)
    # A stroke is as black as before, wherever it went, and a photograph's light is another.
    assert set(np.unique(sketch)) - {0.0} <= set(np.unique(joint))
    assert np.std([one[one != 0].mean() for one in image]) > 0.05
    np.testing.assert_array_equal(picture, contextual_gan.augment(joint, seed, 8))
    assert np.abs(picture - contextual_gan.augment(joint, seed, 9)).max() > 0.1
    slope, step = tape.gradient(score, joint).numpy(), 1e-2
    for place in ((0, 8, 8, 0), (3, 5, 24, 2), (5, 10, 20, 1)):
        change = np.zeros(joint.shape, np.float32)
        change[place] = step
        ends = (tf.square(contextual_gan.augment(joint + sign * change, seed, 8)) for sign in (1, -1))
        ahead, back = (float(np.sum(end.numpy().astype(np.float64))) for end in ends)
        assert (ahead - back) / (2 * step) == pytest.approx(slope[place], rel=2e-2, abs=2e-2)


def test_the_generators_turns_have_vectors_of_their_own(shards, monkeypatch):
    config = _config(shards)
    task, batch, vectors = contextual_gan.ContextualGanTask(config), _batch(config), []
    generator = task.trained_networks["generator"]
    call = type(generator).call
    monkeypatch.setattr(
        type(generator), "call", lambda self, z, training=False: (vectors.append(z), call(self, z, training))[1]
    )
    task.step(batch, config.model.loss, lambda *_: None)
    np.testing.assert_array_equal(vectors[0], batch["z"])
    assert len(vectors) == 2 and np.abs(vectors[1]).max() <= 1 and np.abs(vectors[0] - vectors[1]).min() > 0


def test_moving_statistics_are_of_generated_pictures(shards):
    config = _config(shards, TINY, "model.loss.generator_steps=1")
    task, batch = contextual_gan.ContextualGanTask(config), _batch(config)
    task.step(batch, config.model.loss, lambda *_: None)
    both = task.networks["contextual_gan"]
    first = tf.nn.leaky_relu(both.discriminator.convs[0](both.generator(batch["z"], training=True)), 0.2)
    maps = both.discriminator.convs[1](first).numpy()
    np.testing.assert_allclose(both.discriminator.norms[0].moving_mean, 0.1 * maps.mean((0, 1, 2)), atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_the_run_folder_is_a_model(shards, tmp_path):
    """That resuming changes no value is the conformance suite's."""
    run = trainer.Trainer(_config(shards), tmp_path, make_task)
    run.run()
    assert {"gradient_norm/generator", "gradient_norm/discriminator", "d_real", "d_fake"} <= set(log_rows(tmp_path)[-1])
    assert len(list((tmp_path / "grids").glob("*.png"))) == 2
    model, network = zoo.load_model(tmp_path), run._task.networks["contextual_gan"]
    # The average follows the generator with its statistics; the discriminator is exported as it stands.
    for name, same in (("generator/fc/kernel", False), ("generator/norm1/moving_mean", False)):
        copy, last = (model_directory.variable_names(m)[name].numpy() for m in (model, network))
        assert np.allclose(copy, last, atol=1e-6) == same and np.abs(copy - last).max() < 0.5
    for variable, last in zip(model.discriminator.variables, network.discriminator.variables):
        np.testing.assert_allclose(variable, last, atol=2e-4)
    batch = _batch(_config(shards))
    rows, titles = run._task.sheet(batch, network(batch))
    assert len(rows) == 4 and all(len(row) == len(titles) for row in rows)
    np.testing.assert_array_equal(rows[0][2][..., 0] == 0, batch["sketch"][0, ..., 0] == 1)


@pytest.mark.usefixtures("eagerly")
def test_fine_tuning_starts_from_both_networks(shards, tmp_path):
    config = _config(shards)
    trainer.Trainer(config, tmp_path / "first", make_task).run(until=2)
    init = dataclasses.replace(config, train=dataclasses.replace(config.train, init=str(tmp_path / "first")))
    run = trainer.Trainer(init, tmp_path / "second", make_task)
    arrays = model_directory.variable_names(zoo.load_model(tmp_path / "first"))
    for name, variable in model_directory.variable_names(run._task.networks["contextual_gan"]).items():
        np.testing.assert_array_equal(variable, arrays[name])
    np.testing.assert_array_equal(run.averaged_weights()["generator/fc/kernel"], arrays["generator/fc/kernel"])


@pytest.mark.usefixtures("eagerly")
def test_fine_tuning_may_start_from_the_generator_alone(shards, tmp_path):
    """Whatever its variables are called: the last layer's bias has no prefix."""
    config = _config(shards)
    trainer.Trainer(config, tmp_path / "first", make_task).run(until=2)
    train = dataclasses.replace(config.train, init=str(tmp_path / "first"), init_networks=("generator",))
    run = trainer.Trainer(dataclasses.replace(config, train=train), tmp_path / "second", make_task)
    arrays = model_directory.variable_names(zoo.load_model(tmp_path / "first"))
    both = run._task.networks["contextual_gan"]
    names = {id(value): name for name, value in model_directory.variable_names(both).items()}
    for variable in both.generator.variables:
        np.testing.assert_array_equal(variable, arrays[names[id(variable)]])
    assert any(not np.array_equal(value, arrays[names[id(value)]]) for value in both.discriminator.trainable_variables)


@pytest.mark.usefixtures("eagerly")
def test_one_and_two_replicas_take_the_same_steps(shards, tmp_path):
    """Batch norm too: its statistics are of the global batch. And the lot of who is guessed is the example's own."""
    guessing = "model.loss={contextual: 0.3, inversion: 1.0, decorrelation: 0.1}"
    config = _config(
        shards, TINY, "model.encoder.widths=[4, 8]", guessing, "train.phases.0.steps=2", "train.image_every=0"
    )
    for name, devices in (("one", ("CPU:0",)), ("two", ("CPU:0", "CPU:1"))):
        trainer.Trainer(config, tmp_path / name, make_task, strategy=mirrored_strategy(devices)).run()
    same_steps(log_rows(tmp_path / "one"), log_rows(tmp_path / "two"), 1e-3)
