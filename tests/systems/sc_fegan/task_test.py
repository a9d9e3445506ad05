"""SC-FEGAN's training step: its terms, who moves, replicas, phases, and resuming after SIGKILL."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import log_rows, same_steps
from tests.tiny import EDITING
from tfsketch import config as config_lib
from tfsketch import zoo
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.shards import Shards
from tfsketch.errors import ConfigError
from tfsketch.nn import losses, model_directory
from tfsketch.systems import make_task
from tfsketch.systems.sc_fegan import task as sc_fegan
from tfsketch.training import trainer
from tfsketch.training.strategy import mirrored_strategy

_ALL = {"pixel", "perceptual", "style", "total_variation", "adversarial", "critic", "drift", "gradient_penalty"}


def _with_loss(config, **weights):
    return dataclasses.replace(
        config, model=dataclasses.replace(config.model, loss=dataclasses.replace(config.model.loss, **weights))
    )


@pytest.mark.usefixtures("eagerly")
def test_every_term_is_logged_under_its_name_and_the_total_is_their_weighted_sum(tiny, tmp_path):
    config = _with_loss(tiny, perceptual=0.05, style=120.0, adversarial=0.001)
    trainer.Trainer(config, tmp_path, make_task).run(until=3)
    row, loss = log_rows(tmp_path)[-1], config.model.loss
    assert _ALL <= set(row)
    assert row["generator"] == pytest.approx(
        sum(getattr(loss, k) * row[k] for k in ("pixel", "perceptual", "style", "total_variation", "adversarial")),
        rel=1e-3,
    )
    assert row["discriminator"] == pytest.approx(
        row["critic"] + loss.drift * row["drift"] + loss.gradient_penalty * row["gradient_penalty"], rel=1e-3
    )
    early = log_rows(tmp_path)[0]
    assert early["phase"] == "pixels" and "adversarial" not in early and "critic" not in early


def test_the_generators_loss_leaves_the_discriminator_alone_and_the_other_way_round(tiny):
    task = sc_fegan.ScFeganTask(tiny)
    batch = fixed_batch(Shards(tiny.data.train, 32), tiny, [0, 1])
    reach = {}

    def minimize(network_name, tape, loss):
        assert loss.shape == (2,)
        reach[network_name] = tape.gradient(loss, [v for n in task.networks.values() for v in n.trainable_variables])

    task.step(batch, tiny.model.loss, minimize)
    count = len(task.networks["generator"].trainable_variables)
    assert list(reach) == ["discriminator", "generator"]
    assert all(g is None for g in reach["discriminator"][:count])
    assert all(g is not None for g in reach["discriminator"][count:])
    assert all(g is not None for g in reach["generator"][:count])


_RECIPE = {"known", "rim", "low_pass", "stroke_color", "trunk", "feature_matching", "projected", "adversarial"}
_RECIPE |= {"total_variation", "lines"}


def _recipe(config):
    """The terms in the hole, both discriminators, and what the first one's loss has beside the critic."""
    weights = dict.fromkeys(_RECIPE, 0.5) | {
        "pixel": 0.0,
        "adversarial_loss": "hinge_hole",
        "window": 16,
        "close_up": 0.5,
    }
    small = config_lib.ProjectedDiscriminatorConfig(width=2, head_width=4)
    config = _with_loss(config, **weights, drift=0.1, gradient_penalty=2.0)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, projected=small))
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, maps=(config.sketch.style,)))
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, phases=(config_lib.PhaseConfig("main", 6),))
    )


@pytest.mark.usefixtures("eagerly")
def test_the_terms_in_the_hole_are_logged_and_add_up_and_two_replicas_take_the_same_steps(tiny, tmp_path):
    """Both discriminators learn. Replicas that are compiled are the trainer's own test."""
    config = _recipe(tiny)
    run = trainer.Trainer(config, tmp_path / "one", make_task, strategy=mirrored_strategy(("CPU:0",)))
    kernels = [v for v in run._task.networks["projected"].trainable_variables if "kernel" in v.name]
    before = [v.numpy() for v in kernels]
    run.run(until=2)
    row, loss = log_rows(tmp_path / "one")[-1], config.model.loss
    assert _RECIPE | {"critic", "projected_critic", "p_real", "p_fake"} <= set(row)
    assert "pixel" not in row and "perceptual" not in row
    assert row["generator"] == pytest.approx(sum(0.5 * row[key] for key in _RECIPE), rel=1e-3)
    assert row["discriminator"] == pytest.approx(
        row["critic"] + loss.drift * row["drift"] + loss.gradient_penalty * row["gradient_penalty"], rel=1e-3
    )
    assert all(not np.array_equal(a, b) for a, b in zip(before, kernels))
    trainer.Trainer(config, tmp_path / "two", make_task, strategy=mirrored_strategy(("CPU:0", "CPU:1"))).run(until=2)
    same_steps(log_rows(tmp_path / "one"), log_rows(tmp_path / "two"), 1e-4)


def test_the_terms_in_the_hole_move_only_their_own_networks(tiny):
    config = _recipe(tiny)
    task = sc_fegan.ScFeganTask(config)
    batch = fixed_batch(Shards(tiny.data.train, 32), config, [0, 1])
    owners = {}

    def minimize(network_name, tape, loss):
        assert loss.shape == (2,)
        gradients = {
            name: tape.gradient(loss, network.trainable_variables) if name == network_name else None
            for name, network in task.networks.items()
        }
        owners[network_name] = all(g is not None for g in gradients[network_name])

    task.step(batch, config.model.loss, minimize)
    assert owners == {"discriminator": True, "projected": True, "line_reader": True, "generator": True}
    with pytest.raises(ConfigError, match="data.maps: expected hed, the photographs' own lines"):
        sc_fegan.ScFeganTask(dataclasses.replace(config, data=tiny.data))


@pytest.mark.usefixtures("eagerly")
def test_a_run_may_gain_a_player(tiny, tmp_path, capsys):
    """When a weight that needs one is first set, and what was there goes on."""
    config = _recipe(tiny)
    config = _with_loss(config, window=0, close_up=0.0)
    before = _with_loss(config, lines=0.0)
    first = trainer.Trainer(before, tmp_path, make_task)
    first.run(until=1)
    run = trainer.Trainer(config, tmp_path, make_task)
    assert run.step == 1 and "network_line_reader, optimizer_line_reader, which is new" in capsys.readouterr().out
    for name, network in first._task.networks.items():
        for variable, same in zip(network.variables, run._task.networks[name].variables):
            np.testing.assert_array_equal(variable, same)
    run.run(until=2)
    again = trainer.Trainer(config, tmp_path, make_task)
    assert again.step == 2 and "new" not in capsys.readouterr().out.replace("newest", "")
    for variable, same in zip(
        run._task.networks["line_reader"].variables, again._task.networks["line_reader"].variables
    ):
        np.testing.assert_array_equal(variable, same)


def test_the_discriminators_see_the_window_on_the_hole(tiny):
    """Every layer is cut alike, and the example's own numbers place the window, whoever else is in the batch."""
    task = sc_fegan.ScFeganTask(_recipe(tiny))
    batch = fixed_batch(Shards(tiny.data.train, 32), tiny, [0, 1, 2])
    mask = np.zeros((3, 32, 32, 1), np.float32)
    mask[0, 2:9, 20:31], mask[1, 25:32, 0:16], mask[2, 4:28, 4:28] = 1, 1, 1
    batch["mask"] = tf.constant(mask)
    near, image = task._near(batch, -batch["image"], 16)
    alone = task._near({key: value[1:2] for key, value in batch.items()}, -batch["image"][1:2], 16)[0]
    np.testing.assert_array_equal(alone["image"], near["image"][1:2])
    np.testing.assert_array_equal(image, -near["image"])
    assert np.asarray(near["mask"]).sum(axis=(1, 2, 3)).tolist()[:2] == [7 * 11, 7 * 16]
    assert 12 * 12 <= np.asarray(near["mask"])[2].sum() <= 16 * 16  # of a larger hole, a part
    stack = np.concatenate([batch[key] for key in ("image", "mask", "sketch", "color")], axis=-1)
    cut = np.concatenate([near[key] for key in ("image", "mask", "sketch", "color")], axis=-1)
    for whole, part in zip(stack, cut):
        places = [(y, x) for y in range(17) for x in range(17) if np.array_equal(whole[y : y + 16, x : x + 16], part)]
        assert places
    whole, same = task._near(batch, batch["image"], 0)
    assert whole is batch and same is batch["image"]


def test_the_discriminators_see_some_of_the_holes_from_close_up(tiny):
    """Masks and strokes pixel by pixel twice as large, pictures without steps; which examples are, is their own."""
    task = sc_fegan.ScFeganTask(_recipe(tiny))
    batch = fixed_batch(Shards(tiny.data.train, 32), tiny, [0, 1, 2, 3, 4, 5])
    mask = np.zeros((6, 32, 32, 1), np.float32)
    mask[:, 4:9, 20:26] = 1
    batch["mask"] = tf.constant(mask)
    far, close = (task._near(batch, -batch["image"], 16, share)[0]["mask"] for share in (0.0, 1.0))
    assert np.asarray(far).sum(axis=(1, 2, 3)).tolist() == [5 * 6] * 6
    assert np.asarray(close).sum(axis=(1, 2, 3)).tolist() == [4 * 5 * 6] * 6
    near, image = task._near(batch, -batch["image"], 16, 0.5)
    sizes = np.asarray(near["mask"]).sum(axis=(1, 2, 3))
    assert set(sizes) == {30.0, 120.0}
    np.testing.assert_allclose(image, -near["image"], atol=1e-6)
    for index in range(6):
        alone = task._near(
            {key: value[index : index + 1] for key, value in batch.items()}, -batch["image"][:1], 16, 0.5
        )[0]
        np.testing.assert_array_equal(alone["sketch"], near["sketch"][index : index + 1])
    largest = np.argmax(sizes)
    halves = np.asarray(near["sketch"])[largest, ::2, ::2]
    np.testing.assert_array_equal(np.asarray(near["sketch"])[largest], halves.repeat(2, 0).repeat(2, 1))
    photograph = np.asarray(near["image"])[largest]
    assert np.abs(np.diff(photograph[4:12, 4:12], axis=0)[::2]).max() > 0  # no step of two equal rows


def test_a_perfect_repaint_costs_nothing_in_the_hole():
    truth = tf.random.stateless_uniform((2, 64, 64, 3), (1, 2), -1.0, 1.0)
    mask = tf.cast(tf.random.stateless_uniform((2, 8, 8, 1), (1, 2)) > 0.5, tf.float32)
    mask = tf.repeat(tf.repeat(mask, 8, axis=1), 8, axis=2)
    for term in (losses.known, losses.rim, losses.low_pass):
        np.testing.assert_array_equal(term(truth, truth, mask), [0.0, 0.0])
    noise = 0.5 * tf.sign(tf.random.stateless_normal(truth.shape, (3, 4)))
    wrong = tf.where(mask > 0.5, truth + noise, truth)
    assert float(tf.reduce_max(losses.known(wrong, truth, mask))) == 0.0  # it looks outside alone
    np.testing.assert_allclose(losses.rim(wrong, truth, mask), 0.5, rtol=1e-4)  # and these inside
    shift = tf.where(mask > 0.5, truth + 0.5, truth)
    np.testing.assert_allclose(losses.low_pass(shift, truth, mask), 0.5, rtol=1e-3)
    assert float(tf.reduce_max(losses.low_pass(wrong, truth, mask))) < 0.1  # detail is not its business
    empty = tf.zeros_like(mask)
    for term in (losses.rim, losses.low_pass):
        np.testing.assert_array_equal(term(wrong, truth, empty), [0.0, 0.0])


def test_the_rim_counts_what_is_near_the_border_most():
    mask = np.zeros((1, 64, 64, 1), np.float32)
    mask[:, 12:52, 12:52] = 1
    truth = tf.zeros((1, 64, 64, 3))

    def cost(row):
        raw = np.zeros((1, 64, 64, 3), np.float32)
        raw[:, row, 32] = 1.0
        return float(losses.rim(raw, truth, tf.constant(mask))[0])

    border, second, deep = cost(12), cost(13), cost(32)
    assert border > second > 0.0 and deep == 0.0 and cost(4) == 0.0


def test_the_drift_term_reaches_the_discriminator(tiny):
    task = sc_fegan.ScFeganTask(tiny)
    batch = fixed_batch(Shards(tiny.data.train, 32), tiny, [0, 1])
    gradients = []
    for drift in (0.0, 1.0):
        loss = dataclasses.replace(tiny.model.loss, drift=drift, gradient_penalty=0.0)

        def minimize(network_name, tape, value):
            if network_name == "discriminator":
                gradients.append(tape.gradient(value, task.networks["discriminator"].trainable_variables)[0])

        task.step(batch, loss, minimize)
    assert not np.allclose(gradients[0], gradients[1])


def test_the_exported_network_is_the_average_in_float32(tiny, tmp_path):
    main = (config_lib.PhaseConfig("main", 12),)
    train = dataclasses.replace(tiny.train, precision="mixed_bfloat16", image_every=4, phases=main)
    run = trainer.Trainer(dataclasses.replace(tiny, train=train), tmp_path, make_task)
    run.run(until=4)
    model = zoo.load_model(tmp_path)
    for name, variable in model_directory.variable_names(model).items():
        np.testing.assert_allclose(variable, run.averaged_weights()[name], atol=1e-7)
    assert (tmp_path / "grids/0000004.png").exists() and "4 of 12 steps" in (tmp_path / "README.md").read_text()


@pytest.mark.usefixtures("grappler")  # as the process that is killed has it
def test_a_run_killed_at_a_random_step_and_resumed_gives_the_same_losses(tiny, tiny_file, tmp_path):
    # Each phase is traced anew by each of three trainers, and so is the penalty, whose gradient has a gradient.
    train = dataclasses.replace(tiny.train, phases=(config_lib.PhaseConfig("main", 30),))
    longer = dataclasses.replace(_with_loss(tiny, gradient_penalty=0.0), train=train)
    # The smallest generator, for the same reason.
    longer = dataclasses.replace(longer, model=dataclasses.replace(longer.model, generator=EDITING.model.generator))
    tiny_file.write_text(config_lib.dump(longer))
    command = [sys.executable, "-m", "tools.train", f"--config={tiny_file}", f"--model_dir={tmp_path / 'killed'}"]
    target, log = random.SystemRandom().randint(5, 25), tmp_path / "killed/metrics.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600  # of which a quiet machine needs ten
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.read_text().count("\n") >= target:
            break
        time.sleep(0.005)
    assert process.poll() is None, f"ended before step {target}: {process.stderr.read()}"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    killed_at = log.read_text().count("\n")
    trainer.Trainer(longer, tmp_path / "killed", make_task).run()
    trainer.Trainer(longer, tmp_path / "whole", make_task).run()
    parts, whole = log_rows(tmp_path / "killed"), log_rows(tmp_path / "whole")
    assert [row["step"] for row in parts] == list(range(1, 31)), f"killed at {killed_at}"
    for a, b in zip(parts, whole):
        assert a["generator"] == pytest.approx(b["generator"], abs=1e-5, rel=1e-4), (
            f"step {a['step']}, killed at {killed_at}"
        )


_TWICE = """
import sys
from absl import flags
from tools import train

for arguments in ([*sys.argv[1:], "--dry_run"], sys.argv[1:]):
    sys.argv = ["tools/train.py", *arguments]
    try:
        train.main()
    except SystemExit as end:
        print("status", end.code, flush=True)
    flags.FLAGS.unparse_flags()
    flags.FLAGS.dry_run = False
"""
"""A dry run and then the run itself, in one process: importing TensorFlow takes longer than both."""


def test_the_binary_describes_a_run_and_names_mistakes_in_one_line(tmp_path, tiny_file):
    flags = [f"--config={tiny_file}", f"--model_dir={tmp_path / 'a'}", "--set=data.train=/nowhere"]
    process = subprocess.run([sys.executable, "-c", _TWICE, *flags], capture_output=True, text=True, check=True)
    dry, status, rest = process.stdout.partition("status 0\n")
    assert status and "GFLOP" in dry and "parameters" in dry and "image_size: 32" in dry
    assert rest.endswith("status 2\n") and "Traceback" not in process.stderr
    (line,) = process.stderr.splitlines()  # and none of TensorFlow's
    assert line.startswith("python -m tools.train: ") and "prepare_data" in line
