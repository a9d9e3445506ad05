"""Cali-Sketch's training: who moves in which stage, what ISN sees, replicas, and resuming across a stage's border."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import log_rows
from tests.pictures import crops
from tests.tiny import CALI_SKETCH as TINY
from tests.tiny import save_model
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.config import PhaseConfig, ProjectedDiscriminatorConfig
from tfsketch.data import prepare
from tfsketch.data.batches import batches
from tfsketch.data.shards import Shards
from tfsketch.errors import ConfigError
from tfsketch.images import files
from tfsketch.nn import adversarial, model_directory, projected
from tfsketch.systems import make_task
from tfsketch.systems.cali_sketch import task as cali_sketch
from tfsketch.systems.cali_sketch import terms as cali_terms
from tfsketch.systems.cali_sketch.config import CaliSketchLossConfig, SynthesisConfig
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.training import trainer
from tfsketch.training.strategy import mirrored_strategy

_TRAINING = """
  loss: {perceptual: 0.0, style: 0.0, chamfer: 2.0, stroke_density: 2.0, line_cross_entropy: 1.0}
data: {maps: [canny], sketch_probability: 1.0}
prepare: {styles: [canny]}
sketch: {min_side: 64}
hand: {abstraction: [0.0, 1.0]}
train:
  batch_size: 2
  strategy: default
  log_every: 1
  image_every: 0
  checkpoint_every: 100
  phases:
    - {name: scn, steps: 2, loss: {pixel: 0.0, isn_adversarial: 0.0, total_variation: 0.0}}
    - {name: isn_true, steps: 2, loss: {scn_adversarial: 0.0, global_contour: 0.0, local_detail: 0.0,
                                        chamfer: 0.0, stroke_density: 0.0, line_cross_entropy: 0.0}}
    - {name: isn_calibrated, steps: 2, loss: {scn_adversarial: 0.0, global_contour: 0.0, local_detail: 0.0,
                                              chamfer: 0.0, stroke_density: 0.0, line_cross_entropy: 0.0,
                                              calibrated: 1.0}}
    - {name: joint, steps: 2, loss: {calibrated: 0.5, joint: 1.0}}
"""
_STAGES = {
    "scn": ["d1", "scn"],
    "isn_true": ["d2", "isn"],
    "isn_calibrated": ["d2", "isn"],
    "joint": ["d1", "d2", "isn", "scn"],
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> config_lib.Config:
    root = tmp_path_factory.mktemp("cali_sketch")
    for number, crop in enumerate(crops(4, 32)):
        files.write_png(root / "photos" / f"{number}.png", crop)
    config = systems.parse(TINY + _TRAINING)
    prepare.prepare([str(root / "photos")], str(root / "shards"), config)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, train=str(root / "shards")))


def _phases(config: config_lib.Config) -> dict[str, CaliSketchLossConfig]:
    return {p.name: dataclasses.replace(config.model.loss, **p.loss) for p in config.train.phases}


def _batch(config: config_lib.Config) -> dict[str, tf.Tensor]:
    return next(iter(batches(Shards(config.data.train, 32), config)))


@pytest.mark.parametrize("stage", _STAGES)
def test_a_stage_trains_its_networks_through_their_own_losses(tiny, stage):
    task, batch, reach = cali_sketch.CaliSketchTask(tiny), _batch(tiny), {}
    everyone = {name: network.trainable_variables for name, network in task.trained_networks.items()}

    def minimize(name, tape, value):
        assert value.shape == (2,)
        gradients = tape.gradient(value, everyone)
        reach[name] = {other for other, slopes in gradients.items() if any(g is not None for g in slopes)}
        assert all(g is not None for g in gradients[name])

    terms = task.step(batch, _phases(tiny)[stage], minimize)
    assert sorted(reach) == _STAGES[stage] and all(term.shape == (2,) for term in terms.values())
    # A discriminator learns from its own judgement alone; a generator's loss passes through the discriminators (which
    # the trainer does not move by it), and ISN's reaches SCN in the joint stage only.
    assert all(reach[name] == {name} for name in reach if name[0] == "d")
    if stage == "scn":
        assert reach["scn"] == {"scn", "d1"} and {
            "global_contour",
            "local_detail",
            "scn_adversarial",
            "chamfer",
        } <= set(terms)
    elif stage != "joint":
        assert reach["isn"] == {"isn", "d2"} and ("line_error" in terms) == (stage == "isn_calibrated")
    else:
        assert reach["scn"] == {"scn", "d1", "isn", "d2"}


def test_totals_are_weighted_sums(tiny):
    task, batch, totals = cali_sketch.CaliSketchTask(tiny), _batch(tiny), {}
    loss = _phases(tiny)["joint"]
    terms = task.step(batch, loss, lambda name, tape, value: totals.update({name: value}))
    isn = sum(getattr(loss, key) * terms[key] for key in ("pixel", "isn_adversarial", "total_variation"))
    scn = sum(getattr(loss, key) * terms[key] for key in cali_terms.SCN_TERMS)
    np.testing.assert_allclose(totals["isn"], isn, rtol=1e-5)
    np.testing.assert_allclose(totals["scn"], scn + isn, rtol=1e-5)
    assert all(np.array_equal(totals[name], terms[name]) for name in totals)


def test_isn_sees_the_true_lines_or_scns(tiny, monkeypatch):
    task, batch, inputs = cali_sketch.CaliSketchTask(tiny), _batch(tiny), []
    isn, lines = task.trained_networks["isn"], tf.maximum(batch["refined"], batch["sketch_canny"])
    call = type(isn).call
    monkeypatch.setattr(
        type(isn), "call", lambda self, x, training=False: (inputs.append(x["refined"]), call(self, x))[1]
    )
    for name in ("isn_true", "isn_calibrated"):
        task.step(batch, _phases(tiny)[name], lambda *_: None)
    np.testing.assert_array_equal(inputs[0], lines)
    np.testing.assert_allclose(inputs[1], task.trained_networks["scn"](batch)["refined"], atol=1e-6)
    assert not np.allclose(inputs[0], inputs[1])
    task.step(batch, dataclasses.replace(_phases(tiny)["isn_true"], uncalibrated=1.0), lambda *_: None)
    np.testing.assert_array_equal(inputs[2], batch["sketch"])
    # Shares: of many examples, as many see each as asked.
    many = {key: tf.repeat(value[:1], 64, axis=0) for key, value in batch.items()}
    many["seed"] = tf.constant(np.random.default_rng(0).integers(0, 2**31 - 1, (64, 2)), tf.int32)
    loss = dataclasses.replace(_phases(tiny)["isn_true"], calibrated=0.5, uncalibrated=0.3)
    task.step(many, loss, lambda *_: None)
    kinds = (many["sketch"], lines[:1], task.trained_networks["scn"](many)["refined"])
    counts = [int(np.sum(np.all(np.isclose(inputs[3], kind, atol=1e-6), axis=(1, 2, 3)))) for kind in kinds]
    assert sum(counts) == 64 and 10 <= counts[0] <= 28 and 5 <= counts[1] <= 21 and 22 <= counts[2] <= 42
    # The photograph of lines that are not its own weighs less.
    alone = dataclasses.replace(loss, isn_adversarial=0.0, total_variation=0.0)
    terms = task.step(many, dataclasses.replace(alone, misaligned=0.25), lambda *_: None)
    true = np.all(np.isclose(inputs[-1], lines[:1], atol=1e-6), axis=(1, 2, 3))
    np.testing.assert_allclose(terms["isn"], np.where(true, 1.0, 0.25) * alone.pixel * terms["pixel"], rtol=1e-5)


def test_scn_is_asked_for_the_lines_near_the_sketch_alone(tiny, monkeypatch):
    batch, side = _batch(tiny), tiny.image_size
    sketch = np.zeros((2, side, side, 1), np.float32)
    sketch[0, 10, 4:12] = 1  # and none in the second
    batch |= {"sketch": tf.constant(sketch), "refined": tf.ones_like(batch["refined"])}
    near = cali_terms.lines_near(batch["refined"], batch["sketch"], reach=3 / side).numpy()
    assert near[0, 7:14, 1:15].all() and near.sum() == 7 * 14
    assert cali_terms.lines_near(batch["refined"], batch["sketch"], 0.0) is batch["refined"]
    # What is farther away changes no line's term, nor what D1 takes for real; and a blank sheet is no fault.
    task, view, real = cali_sketch.CaliSketchTask(tiny), [], []
    monkeypatch.setattr(task, "_criticize", lambda name, truth, *_: real.append(truth) or {})
    loss = dataclasses.replace(_phases(tiny)["scn"], reach=3 / side)
    for far in (0.0, 1.0):
        there = {key: far + (1 - far) * tf.constant(near) for key in ("refined", "sketch_canny")}
        view.append(task.step(batch | there, loss, lambda *_: None))
    assert all(np.isfinite(value).all() for terms in view for value in terms.values())
    for key in ("line_cross_entropy", "chamfer", "stroke_density"):
        np.testing.assert_array_equal(view[0][key], view[1][key], key)
    np.testing.assert_array_equal(real, [near, near])


def test_features_weigh_in_at_their_scale(tiny):
    loss = dataclasses.replace(
        _phases(tiny)["isn_true"], perceptual=1.0, style=1.0, perceptual_layers=("relu1_1",), style_layers=("pool1",)
    )
    config = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, loss=loss))
    task, batch = cali_sketch.CaliSketchTask(config), _batch(tiny)
    one, two = (
        task.step(batch, dataclasses.replace(loss, perceptual_scale=scale), lambda *_: None) for scale in (0.01, 0.02)
    )
    np.testing.assert_allclose(two["perceptual"], 2.0 * one["perceptual"], rtol=1e-4)
    np.testing.assert_allclose(two["style"], 4.0 * one["style"], rtol=1e-4)
    assert np.min(one["perceptual"]) > 0


def test_details_without_a_map_are_refused(tiny):
    with pytest.raises(ConfigError, match="data.maps"):
        cali_sketch.CaliSketchTask(dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, maps=())))


@pytest.mark.usefixtures("eagerly")
def test_resuming_across_a_stages_border_changes_nothing(tiny, tmp_path):
    # One step a stage, but for the one in which the run stops.
    phases = tuple(dataclasses.replace(p, steps=1 + (p.name == "isn_true")) for p in tiny.train.phases)
    tiny = dataclasses.replace(tiny, train=dataclasses.replace(tiny.train, phases=phases))
    trainer.Trainer(tiny, tmp_path / "whole", make_task).run()
    for until in (2, 5):
        run = trainer.Trainer(tiny, tmp_path / "parts", make_task)
        run.run(until=until)
    whole, parts = log_rows(tmp_path / "whole"), log_rows(tmp_path / "parts")
    assert [row["phase"] for row in whole] == ["scn", "isn_true", "isn_true", "isn_calibrated", "joint"]
    for a, b in zip(whole, parts):
        assert set(a) == set(b)
        for key in set(a) - {"phase", "steps_per_second"}:
            assert a[key] == pytest.approx(b[key], abs=1e-5, rel=1e-4), (a["step"], key)
    assert {f"gradient_norm/{name}" for name in _STAGES["joint"]} <= set(whole[-1])
    sheet = run._task.sheet(batch := _batch(tiny), run._task.networks["cali_sketch"](batch))
    assert len(sheet[0]) == 2 and all(len(row) == len(sheet[1]) for row in sheet[0])


@pytest.mark.usefixtures("eagerly")
def test_a_player_stays_where_its_terms_weigh_nothing(tiny, tmp_path):
    run = trainer.Trainer(tiny, tmp_path, make_task)
    before = {name: [v.numpy() for v in p.trainable_variables] for name, p in run._task.trained_networks.items()}
    run.run(until=2)
    after = {name: [v.numpy() for v in p.trainable_variables] for name, p in run._task.trained_networks.items()}
    still = {name for name in before if all(map(np.array_equal, before[name], after[name]))}
    assert still == {"isn", "d2"}


@pytest.mark.usefixtures("eagerly")
def test_one_and_two_replicas_give_the_same_losses(tiny, tmp_path):
    model = dataclasses.replace(
        tiny.model, scn=dataclasses.replace(tiny.model.scn, norm="instance", spectral_norm=True)
    )
    # The joint stage has every term and every network.
    phases = tuple(dataclasses.replace(p, steps=2) for p in tiny.train.phases if p.name == "joint")
    config = dataclasses.replace(tiny, model=model, train=dataclasses.replace(tiny.train, phases=phases))
    for name, devices in (("one", ("CPU:0",)), ("two", ("CPU:0", "CPU:1"))):
        trainer.Trainer(config, tmp_path / name, make_task, strategy=mirrored_strategy(devices)).run()
    one, two = log_rows(tmp_path / "one"), log_rows(tmp_path / "two")
    assert len(one) == len(two) == 2
    for a, b in zip(one, two):
        for key in set(a) - {"phase", "steps_per_second"}:
            if not key.startswith("gradient_norm/"):
                assert a[key] == pytest.approx(b[key], abs=1e-5, rel=1e-5), (a["step"], key)


@pytest.mark.usefixtures("eagerly")
def test_the_projected_discriminator_and_a_palette_train_and_resume(tiny, tmp_path):
    """The recipe of `configs/cali_sketch_faces_128.yaml`: other terms, lines of either kind, and SCN's weights taken
    from another model, whose ISN is of another shape."""
    net = model_directory.build(CaliSketch, tiny)
    save_model(tmp_path / "start", net, tiny)
    loss = dataclasses.replace(
        _phases(tiny)["isn_true"],
        **dict.fromkeys(("pixel", "isn_adversarial", "total_variation"), 0.0),
        **dict(low_pass=4.0, trunk=1.0, projected=1.0, window=32, calibrated=0.5, uncalibrated=0.2),
    )
    model = dataclasses.replace(
        tiny.model,
        isn=SynthesisConfig(
            width=4, max_width=6, downsamplings=2, blocks=1, norm="affine", outer_kernel=3, palette=True
        ),
        projected=ProjectedDiscriminatorConfig(width=4, head_width=4),
        loss=loss,
    )
    train = dataclasses.replace(
        tiny.train,
        init=str(tmp_path / "start"),
        init_networks=("scn",),
        phases=(PhaseConfig(name="isn", steps=2),),
    )
    config = dataclasses.replace(
        tiny, model=model, train=train, data=dataclasses.replace(tiny.data, maps=()), image_size=32
    )
    run = trainer.Trainer(config, tmp_path / "whole", make_task)
    scn = model_directory.variable_names(run._task.networks["cali_sketch"].scn)
    assert all(np.array_equal(scn[name], value) for name, value in model_directory.variable_names(net.scn).items())
    run.run()
    for until in (1, 2):
        parts = trainer.Trainer(config, tmp_path / "parts", make_task)
        parts.run(until=until)
    for a, b in zip(log_rows(tmp_path / "whole"), log_rows(tmp_path / "parts")):
        assert {"low_pass", "trunk", "projected", "projected_critic", "p_real", "p_fake"} <= set(a) == set(b)
        for key in set(a) - {"phase", "steps_per_second"}:
            assert a[key] == pytest.approx(b[key], abs=1e-5, rel=1e-4), (a["step"], key)
    book = parts._task.networks["cali_sketch"].isn.palette.palettes.numpy()
    assert np.count_nonzero(np.abs(book).sum(axis=(1, 2))) == 2  # one a step
    np.testing.assert_array_equal(book, run._task.networks["cali_sketch"].isn.palette.palettes)
    titles = run._task.sheet(batch := _batch(config), run._task.draw(run._task.networks["cali_sketch"], batch))[1]
    assert "another palette" in titles


@pytest.mark.usefixtures("eagerly")
def test_what_the_projected_discriminator_sees_does_not_tell_whose_lines_they_are(tiny, monkeypatch):
    """The lot of the lines and the augmentation are of one seed per example, and of other numbers."""
    loss = dataclasses.replace(_phases(tiny)["isn_true"], projected=1.0, calibrated=0.5)
    model = dataclasses.replace(tiny.model, projected=ProjectedDiscriminatorConfig(width=4, head_width=4), loss=loss)
    train = dataclasses.replace(tiny.train, phases=(PhaseConfig("isn", 1),))
    task, draws = make_task(dataclasses.replace(tiny, model=model, train=train)), []
    draw = adversarial.per_example_uniform
    for module in (adversarial, projected):
        monkeypatch.setattr(
            module, "per_example_uniform", lambda *what, **how: draws.append(draw(*what, **how).numpy()) or draws[-1]
        )
    task.step(_batch(tiny), loss, lambda *_: None)
    lot, light = draws[0], draws[1][:, 0]
    assert lot.shape == light.shape == (2,) and not np.isclose(lot, light).any()


def test_networks_that_are_not_in_the_exported_one_take_no_weights(tiny, tmp_path):
    save_model(tmp_path / "start", model_directory.build(CaliSketch, tiny), tiny)
    train = dataclasses.replace(tiny.train, init=str(tmp_path / "start"), init_networks=("scn", "d1"))
    with pytest.raises(ConfigError, match=r"init_networks: expected networks .*scn, isn.* found d1"):
        trainer.Trainer(dataclasses.replace(tiny, train=train), tmp_path / "run", make_task)


def _seen(tiny, image: np.ndarray, **loss: float) -> np.ndarray:
    """What the trunk sees of pictures [B,S,S,3] of which photograph and result are the same, by some of the losses."""
    weights = dataclasses.replace(_phases(tiny)["isn_true"], projected=1.0, isn_adversarial=0.0, pixel=0.0, **loss)
    critic = ProjectedDiscriminatorConfig(width=4, head_width=4, augment=0.0)
    model = dataclasses.replace(tiny.model, projected=critic, loss=weights)
    task = make_task(dataclasses.replace(tiny, model=model, image_size=image.shape[1]))
    assert task._trunk is not None
    seen: list[tf.Tensor] = []
    task._trunk = lambda image, names: seen.append(image) or {}
    seeds = np.random.default_rng(0).integers(0, 2**31 - 1, (len(image), 2))
    batch = {"image": tf.constant(image), "seed": tf.constant(seeds, tf.int32)}
    task._views(batch, tf.zeros((*image.shape[:3], 1)), tf.constant(image), weights)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0], seen[1])
    return seen[0].numpy()


def test_windows_and_overviews_show_photograph_and_result_alike(tiny):
    """Of either kind, a share of the examples; and the whole picture is not cut."""
    count, side = 64, 64
    ramp = np.broadcast_to(np.linspace(-1.0, 1.0, side, dtype=np.float32)[None, None, :, None], (count, side, side, 3))
    seen = _seen(tiny, ramp, window=32, overview=0.5)
    assert seen.shape == (count, 32, 32, 3)
    extent = np.ptp(seen[:, 0, :, 0], axis=1)
    is_whole = extent > 1.5
    assert 20 <= is_whole.sum() <= 44
    np.testing.assert_allclose(extent[is_whole], ramp[0, 0, -2:, 0].mean() - ramp[0, 0, :2, 0].mean(), rtol=1e-5)
    np.testing.assert_allclose(extent[~is_whole], 31 * 2.0 / 63, rtol=1e-4)


def test_central_windows_lie_round_the_middle(tiny):
    count, side = 64, 128
    places = np.stack(np.meshgrid(*2 * [np.arange(side)], indexing="ij") + [np.zeros((side, side))], -1)
    image = np.broadcast_to(places, (count, side, side, 3)).astype(np.float32)
    corners = _seen(tiny, image, window=32, central=0.5)[:, 0, 0, :2]  # from 0 to 96; the middle third: from 32 to 64
    is_central = np.all((corners >= 32) & (corners <= 64), axis=1)
    assert 64 * 0.5 - 12 <= is_central.sum() <= 64 * (0.5 + 0.5 / 9) + 12
    assert corners[~is_central].min() < 24 and corners[~is_central].max() > 72
