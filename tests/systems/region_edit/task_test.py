"""Region-wise manipulation's training: pairs, who learns from what, terms that come every few steps, replicas,
resuming, the run folder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import log_rows, same_steps
from tests.pictures import crops
from tests.tiny import LIGHT, RESTYLING
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.data import prepare
from tfsketch.data.batches import _stack, batches, features_of
from tfsketch.data.folders import open_pictures
from tfsketch.errors import DataError, TrainingError
from tfsketch.images import files
from tfsketch.nn import model_directory
from tfsketch.systems import make_task
from tfsketch.systems.region_edit import losses as region_losses
from tfsketch.systems.region_edit import task as region_edit
from tfsketch.systems.region_edit.config import RegionEditLossConfig
from tfsketch.training import run_folder, trainer
from tfsketch.training.strategy import mirrored_strategy

_TRAINING = """
  loss: {r1_every: 2, consistency_every: 2}
prepare: {regions: none}
sketch: {style: canny}
train:
  batch_size: 4
  strategy: default
  log_every: 1
  image_every: 2
  image_count: 3
  checkpoint_every: 100
  ema: 0.9
  optimizers: {region_edit: {beta_1: 0.0}}
  phases: [{steps: 3}]
"""
# One halving less than RESTYLING: tracing a step costs by the layer.
_SMALL = ["model.encoder.downsamplings=1", "model.generator.widths=[4]"]
_PLAIN = ["model.loss.code_consistency=0", "model.loss.content_alignment=0"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("region_edit")
    for number, crop in enumerate(crops(5, 16)):
        files.write_png(root / "photos" / f"{number}.png", crop)
    prepare.prepare([str(root / "photos")], str(root / "shards"), systems.parse(RESTYLING + _TRAINING))
    return str(root / "shards")


def _config(shards: str, *overrides: str) -> config_lib.Config:
    return systems.parse(RESTYLING + _TRAINING, "tiny", [f"data.train={shards}", *LIGHT, *_SMALL, *overrides])


def _batch(config: config_lib.Config) -> dict[str, tf.Tensor]:
    return next(iter(batches(open_pictures(config.data.train, config, "unused"), config)))


def test_partners_are_neighbours_and_the_last_of_an_odd_number_takes_the_first():
    assert [list(region_edit.partners(tf.constant(n)).numpy()) for n in (1, 2, 4, 5)] == [
        [0],
        [1, 0],
        [1, 0, 3, 2],
        [1, 0, 3, 2, 0],
    ]


def test_terms_come_when_they_are_due_and_weigh_as_many_steps():
    loss = RegionEditLossConfig(r1_every=16, consistency_every=8, alignment_every=2)
    names = ("r1", "patch_r1", "code_consistency", "content_alignment")
    steps = [loss.at(step) for step in range(32)]
    assert [step.r1 for step in steps] == [160.0] + [0.0] * 15 + [160.0] + [0.0] * 15
    for name in names:
        assert np.mean([getattr(step, name) for step in steps]) == pytest.approx(getattr(loss, name))
    assert len(set(steps)) == 4 and {step.reconstruction for step in steps} == {1.0}


@pytest.mark.parametrize("overrides", [[], ["model.blend=features", "model.loss.statistics=1"], _PLAIN])
def test_who_learns_from_what(shards, overrides):
    config = _config(shards, *overrides)
    task, reach = region_edit.RegionEditTask(config), []
    everyone = {name: network.trainable_variables for name, network in task.trained_networks.items()}

    def minimize(name, tape, value):
        assert value.shape == (4,)
        gradients = tape.gradient(value, everyone)
        reach.append((name, {other for other, slopes in gradients.items() if any(g is not None for g in slopes)}))
        assert all(g is not None and np.isfinite(g).all() for g in gradients[name])

    terms = task.step(_batch(config), config.model.loss.at(0), minimize)
    assert reach == [
        ("discriminator", {"discriminator"}),
        ("patch_discriminator", {"patch_discriminator"}),
        ("region_edit", set(everyone)),
    ]
    assert all(term.shape == (4,) and np.isfinite(term).all() for term in terms.values())
    assert ("code_consistency" in terms, "content_alignment" in terms) == ((overrides != _PLAIN,) * 2)
    assert {"r1", "patch_r1"} <= set(terms) and ("statistics" in terms) == ("model.loss.statistics=1" in overrides)
    later = task.step(_batch(config), config.model.loss.at(1), lambda *_: None)
    assert not {"r1", "patch_r1", "code_consistency"} & set(later)


def test_statistics_forget_where_things_are_and_move_what_is_restyled_alone():
    features = {
        "a": tf.random.stateless_normal([2, 8, 8, 3], [1, 2]),
        "b": tf.random.stateless_normal([2, 4, 4, 5], [3, 4]),
    }
    turned = {name: tf.reverse(maps, axis=[1, 2]) for name, maps in features.items()}
    np.testing.assert_allclose(region_losses.statistics(features, turned), [0, 0], atol=1e-6)
    # Twice as bright and as strong: the means and the deviations of every channel differ by themselves.
    double = {name: 2 * maps for name, maps in features.items()}
    expected = np.mean(
        [np.abs(m.numpy().mean((1, 2))).mean(1) + m.numpy().std((1, 2)).mean(1) for m in features.values()], axis=0
    )
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([features, double])
        value = region_losses.statistics(double, features)
    np.testing.assert_allclose(value, expected, rtol=1e-3)
    assert tape.gradient(value, double["a"]) is not None and tape.gradient(value, features["a"]) is None
    flat = {"a": tf.zeros([1, 8, 8, 3])}
    with tf.GradientTape() as tape:
        tape.watch(flat)
        value = region_losses.statistics(flat, {"a": features["a"][:1]})
    assert np.isfinite(tape.gradient(value, flat["a"])).all()


def test_code_consistency_moves_the_generator_past_a_constant_encoder(shards):
    """Its gradient is that of the formula, but for what the judging encoder's weights would get."""
    config = _config(shards)
    task, batch, by_player = region_edit.RegionEditTask(config), _batch(config), {}
    network = task.networks["region_edit"]
    only = {f.name: 0.0 for f in dataclasses.fields(config.model.loss) if isinstance(f.default, float)}
    loss = dataclasses.replace(config.model.loss, **{**only, "code_consistency": 1.0, "style_consistency": 0.5})
    kernel = network.generator.to_rgb.conv.kernel
    inputs = network.encode(batch["image"])
    structure, other = inputs[0], tf.gather(inputs[1], region_edit.partners(4))

    def minimize(name, tape, value):
        # The reconstruction is always there, with weight 0.
        by_player[name] = value, tape.gradient(value, [kernel, *network.encoder.trainable_variables])

    task.step(batch, loss, minimize)
    with tf.GradientTape() as tape:
        swap = network.decode(structure, other)
        expected = region_losses.code_consistency(*network.encode(swap), structure, other, 0.5)
    value, gradients = by_player["region_edit"]
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    slope = tape.gradient(expected, kernel)
    np.testing.assert_allclose(gradients[0], slope, atol=1e-3 * np.abs(slope).max())
    assert np.abs(slope).max() > 0 and all(g is not None for g in gradients)


def test_the_reconstruction_is_of_every_second_example_and_stands_for_both(shards):
    config = _config(shards)
    task, batch = region_edit.RegionEditTask(config), _batch(config)
    network = task.networks["region_edit"]
    error = np.abs(network.decode(*network.encode(batch["image"])) - batch["image"]).mean((1, 2, 3))
    errors = task.step(batch, config.model.loss.at(1), lambda *_: None)["reconstruction"]
    np.testing.assert_allclose(errors, error[[0, 0, 2, 2]], rtol=1e-4)


def test_reconstruction_alone_is_of_every_example_and_moves_no_critic(shards):
    config = _config(shards)
    task, batch, totals = region_edit.RegionEditTask(config), _batch(config), {}
    network = task.networks["region_edit"]
    others = {f.name: 0.0 for f in dataclasses.fields(config.model.loss) if isinstance(f.default, float)}
    loss = dataclasses.replace(config.model.loss, **{**others, "reconstruction": 2.0})
    terms = task.step(batch, loss, lambda name, tape, value: totals.update({name: value}))
    error = np.abs(network.decode(*network.encode(batch["image"])) - batch["image"]).mean((1, 2, 3))
    assert set(totals) == {"region_edit"} and set(terms) == {"reconstruction", "region_edit"}
    np.testing.assert_allclose(terms["reconstruction"], error, rtol=1e-4)
    np.testing.assert_allclose(totals["region_edit"], 2 * error, rtol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_odd_batches(shards, count):
    config = _config(shards)
    batch = {key: value[:count] for key, value in _batch(config).items()}
    terms = region_edit.RegionEditTask(config).step(batch, config.model.loss.at(0), lambda *_: None)
    assert all(term.shape == (count,) and np.isfinite(term).all() for term in terms.values())


@pytest.mark.usefixtures("eagerly")
def test_a_resumed_run_goes_on_with_what_is_due_and_its_folder_is_a_model(shards, tmp_path):
    """That resuming changes no value is the conformance suite's."""
    config = _config(shards)
    for until in (2, 3):
        run = trainer.Trainer(config, tmp_path, make_task)
        run.run(until=until)
    # Steps are numbered from 1 in the log, counted from 0 by what is due.
    assert ["r1" in row and "code_consistency" in row for row in log_rows(tmp_path)] == [True, False, True]
    assert all("content_alignment" in row for row in log_rows(tmp_path))
    assert len(list((tmp_path / "grids").glob("*.png"))) == 2  # at 2, and the last
    model, network = zoo.load_model(tmp_path), run._task.networks["region_edit"]
    average, last = (
        model_directory.variable_names(m)["region_edit/generator/to_rgb/conv/kernel"].numpy() for m in (model, network)
    )
    assert 0 < np.abs(average - last).max() < 0.5
    batch = _batch(config)
    rows, titles = run._task.sheet(batch, run._task.draw(model, batch))
    assert len(rows) == 4 and all(len(row) == len(titles) for row in rows)
    # A log line over several steps has the mean of those that a term came at.
    steps = [{"reconstruction": tf.constant(1.0), "r1": tf.constant(5.0)}, {"reconstruction": tf.constant(3.0)}]
    run._log(steps, "main", 1.0, tf.summary.create_noop_writer())
    assert (log_rows(tmp_path)[-1]["reconstruction"], log_rows(tmp_path)[-1]["r1"]) == (2.0, 5.0)


@pytest.mark.usefixtures("eagerly")
def test_one_and_two_replicas_take_the_same_steps(shards, tmp_path):
    config = _config(shards, "train.phases.0.steps=1", "train.image_every=0")  # with every term
    for name, devices in (("one", ("CPU:0",)), ("two", ("CPU:0", "CPU:1"))):
        trainer.Trainer(config, tmp_path / name, make_task, strategy=mirrored_strategy(devices)).run()
    same_steps(log_rows(tmp_path / "one"), log_rows(tmp_path / "two"), 1e-3)


def test_sixteen_bits_stay_finite(shards, tmp_path):
    """Compiled, with every term."""
    config = _config(shards, "train.phases.0.steps=1", "train.precision=mixed_bfloat16", "train.image_every=0")
    trainer.Trainer(config, tmp_path / "run", make_task).run()
    assert len(log_rows(tmp_path / "run")) == 1  # the trainer stops where a value is not finite


def test_the_union_of_two_sets(shards, tmp_path):
    """Two domains: cars beside faces, say."""
    config = _config(f"{shards},{shards}")
    both = open_pictures(config.data.train, config, tmp_path)
    assert len(both) == 10 and both[7].name == both[2].name
    assert _batch(config)["image"].shape == (4, 16, 16, 3)
    with pytest.raises(DataError, match="nowhere"):
        open_pictures(f"{shards},nowhere", config, tmp_path)
    for number, crop in enumerate(crops(1, 16)):
        files.write_png(tmp_path / "photos" / f"{number}.png", crop)
    other = systems.parse(RESTYLING + _TRAINING, "tiny", ["sketch.style=xdog"])
    prepare.prepare([str(tmp_path / "photos")], str(tmp_path / "other"), other)
    mixture = open_pictures(f"{shards},{tmp_path / 'other'}", config, tmp_path)
    with pytest.raises(DataError, match="prepared alike"):
        _stack(mixture[5], features_of(mixture[0]))


def test_a_run_goes_on_with_the_other_way_of_merging_but_not_with_other_networks(shards, tmp_path):
    start = _config(shards)
    run_folder.check_resumable(start, _config(shards, "model.blend=features"), tmp_path)
    with pytest.raises(TrainingError, match="another --model_dir"):
        run_folder.check_resumable(start, _config(shards, "model.encoder.structure=5"), tmp_path)


def test_the_larger_light_setting_takes_the_smaller_ones_weights():
    small, large = (systems.load(f"configs/region_edit_light_faces_{side}.yaml").model for side in (64, 128))
    assert (small.encoder, small.generator) == (large.encoder, large.generator)
