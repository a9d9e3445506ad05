"""Contextual GAN's training: who moves and how often, replicas, the moving average, resuming, starting from weights."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import crops
from tests.contextual_gan_test import SPECTRAL, TINY
from tfsketch import config as config_lib
from tfsketch import data, images, prepare, zoo
from tfsketch.training import contextual_gan, make_task, trainer

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


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("contextual_gan")
    for number, crop in enumerate(crops(5, 16)):
        images.write_png(root / "photos" / f"{number}.png", crop)
    prepare.prepare([str(root / "photos")], str(root / "shards"), config_lib.parse(TINY + _TRAINING))
    return str(root / "shards")


def _config(shards: str, text: str = TINY, *overrides: str) -> config_lib.Config:
    return config_lib.parse(text + _TRAINING, "tiny", [f"data.train={shards}", *overrides])


def _batch(config: config_lib.Config) -> dict[str, tf.Tensor]:
    return next(iter(data.batches(data.Shards(config.data.train, 16), config)))


def _rows(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _same(one: list[dict], two: list[dict], tolerance: float) -> None:
    assert len(one) == len(two)
    for a, b in zip(one, two):
        for key in set(a) - {"phase", "steps_per_second"}:
            assert a[key] == pytest.approx(b[key], abs=tolerance, rel=tolerance), (a["step"], key)


def test_a_batch_carries_its_vectors(shards):
    config = _config(shards)
    batch = _batch(config)
    assert set(batch) == {"image", "sketch", "z", "seed"} and batch["z"].shape == (4, 6)
    assert batch["z"].dtype == tf.float32 and np.abs(batch["z"]).max() <= 1 and np.std(batch["z"]) > 0.3
    assert set(data.Shards(shards, 16)[0].sketches) == {"xdog", "xdog@1"}
    fixed = [data.fixed_batch(data.Shards(shards, 16), config, [0, 1])["z"] for _ in range(2)]
    np.testing.assert_array_equal(*fixed)


@pytest.mark.parametrize("text, overrides", [(TINY, []), (SPECTRAL, []), (SPECTRAL, [_WGAN])])
def test_who_moves_and_how_often(shards, text, overrides):
    config = _config(shards, text, *overrides)
    task, moved = contextual_gan.ContextualGanTask(config), []
    everyone = {player: network.trainable_variables for player, network in task.players.items()}

    def minimize(player, tape, value):
        assert value.shape == (4,)
        gradients = tape.gradient(value, everyone)
        moved.append((player, {other for other, found in gradients.items() if any(g is not None for g in found)}))
        assert all(g is not None for g in gradients[player])

    terms = task.step(_batch(config), config.model.loss, minimize)
    passes = {"generator", "discriminator"}
    # The discriminator learns from its own judgement alone; the generator's loss passes through it.
    assert moved == [("discriminator", {"discriminator"}), ("generator", passes), ("generator", passes)]
    assert all(term.shape == (4,) for term in terms.values())
    assert ("gradient_penalty" in terms) == bool(overrides)


def test_the_generators_turns_have_vectors_of_their_own(shards, monkeypatch):
    config = _config(shards)
    task, batch, seen = contextual_gan.ContextualGanTask(config), _batch(config), []
    generator = task.players["generator"]
    call = type(generator).call
    monkeypatch.setattr(
        type(generator), "call", lambda self, z, training=False: (seen.append(z), call(self, z, training))[1]
    )
    task.step(batch, config.model.loss, lambda *_: None)
    np.testing.assert_array_equal(seen[0], batch["z"])
    assert len(seen) == 2 and np.abs(seen[1]).max() <= 1 and np.abs(seen[0] - seen[1]).min() > 0


def test_moving_statistics_are_of_generated_pictures(shards):
    config = _config(shards, TINY, "model.loss.generator_steps=1")
    task, batch = contextual_gan.ContextualGanTask(config), _batch(config)
    task.step(batch, config.model.loss, lambda *_: None)
    both = task.networks["contextual_gan"]
    first = tf.nn.leaky_relu(both.discriminator.convs[0](both.generator(batch["z"], training=True)), 0.2)
    maps = both.discriminator.convs[1](first).numpy()
    np.testing.assert_allclose(both.discriminator.norms[0].moving_mean, 0.1 * maps.mean((0, 1, 2)), atol=1e-5)


def test_resuming_changes_nothing_and_the_folder_is_a_model(shards, tmp_path):
    config = _config(shards)
    trainer.Trainer(config, tmp_path / "whole", make_task).run()
    for until in (3, 4):
        run = trainer.Trainer(config, tmp_path / "parts", make_task)
        run.run(until=until)
    whole, parts = _rows(tmp_path / "whole"), _rows(tmp_path / "parts")
    _same(whole, parts, 1e-4)
    assert {"gradient_norm/generator", "gradient_norm/discriminator", "d_real", "d_fake"} <= set(whole[-1])
    assert len(list((tmp_path / "whole/grids").glob("*.png"))) == 2
    model, trained = zoo.load_model(tmp_path / "whole"), run._task.networks["contextual_gan"]
    # The average follows the generator with its statistics; the discriminator is exported as it stands.
    for name, same in (("generator/fc/kernel", False), ("generator/norm1/moving_mean", False)):
        loaded, last = (zoo.variable_names(m)[name].numpy() for m in (model, trained))
        assert np.allclose(loaded, last, atol=1e-6) == same and np.abs(loaded - last).max() < 0.5
    for variable, last in zip(model.discriminator.variables, trained.discriminator.variables):
        np.testing.assert_allclose(variable, last, atol=2e-4)
    batch = _batch(config)
    rows, titles = run._task.sheet(batch, trained(batch))
    assert len(rows) == 4 and all(len(row) == len(titles) for row in rows)
    np.testing.assert_array_equal(rows[0][2][..., 0] == 0, batch["sketch"][0, ..., 0] == 1)


def test_fine_tuning_starts_from_both_networks(shards, tmp_path):
    config = _config(shards)
    trainer.Trainer(config, tmp_path / "first", make_task).run(until=2)
    init = dataclasses.replace(config, train=dataclasses.replace(config.train, init=str(tmp_path / "first")))
    run = trainer.Trainer(init, tmp_path / "second", make_task)
    stored = zoo.variable_names(zoo.load_model(tmp_path / "first"))
    for name, variable in zoo.variable_names(run._task.networks["contextual_gan"]).items():
        np.testing.assert_array_equal(variable, stored[name])
    np.testing.assert_array_equal(run.averaged_weights()["generator/fc/kernel"], stored["generator/fc/kernel"])


def test_one_and_two_replicas_take_the_same_steps(shards, tmp_path):
    """Batch norm too: its statistics are of the global batch."""
    config = _config(shards, TINY, "train.phases.0.steps=2", "train.image_every=0")
    for name, devices in (("one", ("CPU:0",)), ("two", ("CPU:0", "CPU:1"))):
        trainer.Trainer(config, tmp_path / name, make_task, strategy=trainer.mirrored(devices)).run()
    _same(_rows(tmp_path / "one"), _rows(tmp_path / "two"), 1e-3)
