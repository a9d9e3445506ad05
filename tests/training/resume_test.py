"""Runs that stopped, were killed or are damaged: what goes on, what begins again, what is refused."""

import dataclasses
import json
import os
import re
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.training.dummy import Dummy, losses_of, training
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.data import lock
from tfsketch.errors import ConfigError, LockedError, TrainingError
from tfsketch.systems import make_task
from tfsketch.training import trainer
from tfsketch.training.checkpoints import Checkpoints


def test_a_run_that_stopped_anywhere_goes_on_as_if_it_had_not(dummy, tmp_path, capsys):
    trainer.Trainer(dummy, tmp_path / "whole", Dummy).run()
    trainer.Trainer(dummy, tmp_path / "parts", Dummy).run(until=7)
    run_again = trainer.Trainer(dummy, tmp_path / "parts", Dummy)
    assert run_again.step == 7
    assert "resumed" not in capsys.readouterr().out
    run_again.run()
    assert "resumed at step 7 of " in capsys.readouterr().out
    assert losses_of(tmp_path / "parts") == pytest.approx(losses_of(tmp_path / "whole"), abs=1e-6)
    weights = [trainer.Trainer(dummy, tmp_path / name, Dummy).averaged_weights() for name in ("whole", "parts")]
    for key in weights[0]:
        np.testing.assert_allclose(weights[0][key], weights[1][key], atol=1e-6)
    assert len((tmp_path / "parts/runs.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["p, [1]", "a*b"])
def test_a_run_folder_of_any_name_is_found_again(dummy, tmp_path, name):
    dummy = training(dummy, keep_checkpoints=1)
    other = tmp_path / "aXb"  # whose checkpoints TensorFlow would delete with those of a*b
    trainer.Trainer(dummy, other, Dummy).run(until=7)
    whole = sorted(p.name for p in (other / "checkpoints").iterdir())
    trainer.Trainer(dummy, tmp_path / name, Dummy).run(until=7)
    again = trainer.Trainer(dummy, tmp_path / name, Dummy)
    assert again.step == 7
    again.run()
    assert list(losses_of(tmp_path / name)) == list(range(1, 13))
    names = [p.name for p in (tmp_path / name / "checkpoints").glob("*.index")]
    assert names == ["ckpt-12.index"]
    assert sorted(p.name for p in (other / "checkpoints").iterdir()) == whole and "ckpt-7.index" in whole


@pytest.mark.usefixtures("eagerly")
def test_a_run_without_a_readable_checkpoint_is_refused_and_left_as_it_is(dummy, tiny, tmp_path):
    trainer.Trainer(tiny, tmp_path / "whole", make_task).run(until=2)
    for name, patterns, left in (
        ("files", ["checkpoints/*"], "weights.npz, metrics.jsonl up to step 2"),
        ("weights", ["checkpoints/*", "metrics.jsonl", "grids/*", "config.yaml"], "found weights.npz and"),
        ("log", ["checkpoints/*", "weights.npz", "grids/*"], "found metrics.jsonl up to step 2 and"),
    ):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
        for pattern in patterns:
            for file in (tmp_path / name).glob(pattern):
                file.unlink()
        before = {p: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        with pytest.raises(TrainingError, match=left):
            trainer.Trainer(tiny, tmp_path / name, make_task)
        assert {p: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()} == before
    for file in (tmp_path / "whole/checkpoints").glob("ckpt-*.*"):
        file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(TrainingError, match="ckpt-2: expected a readable checkpoint"):
        trainer.Trainer(tiny, tmp_path / "whole", make_task)


def _damage(folder, name, position=-1):
    """Flips a byte of a checkpoint's tensors."""
    path = folder / f"checkpoints/{name}.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", ["byte", "list", "byte and list"])
def test_training_goes_on_from_the_checkpoint_before_a_damaged_one(dummy, tmp_path, capsys, damage):
    trainer.Trainer(dummy, tmp_path / "whole", Dummy).run()
    trainer.Trainer(dummy, tmp_path / "run", Dummy).run(until=9)
    if "list" in damage:
        (tmp_path / "run/checkpoints/checkpoint").write_text("model_checkpoint_path: 7 \0")
    if "byte" in damage:
        _damage(tmp_path / "run", "ckpt-9", position=1000)
    run_again = trainer.Trainer(dummy, tmp_path / "run", Dummy)
    output = capsys.readouterr().out
    assert run_again.step == (8 if "byte" in damage else 9)
    assert bool(re.search(r"run/checkpoints/ckpt-9: expected a readable.*from the one before, .*ckpt-8", output)) == (
        "byte" in damage
    )
    run_again.run()
    assert losses_of(tmp_path / "run") == losses_of(tmp_path / "whole")
    whole, run = (trainer.Trainer(dummy, tmp_path / name, Dummy).averaged_weights() for name in ("whole", "run"))
    for name, value in whole.items():
        np.testing.assert_array_equal(run[name], value)


def test_where_all_checkpoints_are_damaged_it_says_so_and_overwrites_nothing(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=9)
    for name in ("ckpt-4", "ckpt-8", "ckpt-9"):
        _damage(tmp_path, name)
    with pytest.raises(
        TrainingError, match="ckpt-9: expected a readable checkpoint.*Checksum.*Nothing was overwritten"
    ):
        trainer.Trainer(dummy, tmp_path, Dummy)


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(dummy, tmp_path, Dummy)
    run.run(until=4)

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(run._checkpoints._manager, "save", full)
    with pytest.raises(TrainingError, match="save a checkpoint at step 8, found: No space left.*ckpt-4; make room"):
        run.run()
    assert trainer.Trainer(dummy, tmp_path, Dummy).step == 4


def test_workers_beside_the_first_save_where_nobody_reads_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 7)  # as in a container, on every machine
    value = tf.Variable(1.0)
    first, second, third = (Checkpoints(tmp_path, {"value": value}, 2, chief) for chief in (True, False, False))
    first.save(0)
    there = sorted(path.name for path in tmp_path.rglob("*"))
    assert "ckpt-0.index" in there
    for step in range(1, 5):
        third.save(step)
        assert sorted(path.name for path in tmp_path.rglob("*")) == there
    assert second._own != third._own
    assert third.restore() and third.latest.endswith("ckpt-0")


def test_a_second_trainer_in_a_folder_is_told_who_holds_it(dummy, tmp_path):
    first, second = (trainer.Trainer(dummy, tmp_path, Dummy) for _ in range(2))
    with lock.hold(tmp_path):
        with pytest.raises(LockedError, match=f"held by process {os.getpid()} on "):
            first.run(until=4)
    first.run(until=4)
    second.run(until=8)  # from where the first one ended, though it was built before
    assert list(losses_of(tmp_path)) == list(range(1, 9)) and not (tmp_path / ".lock").exists()


def test_a_start_that_was_killed_before_its_first_step_can_begin_again(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy)._run_folder.open(0, 1)
    assert trainer.Trainer(dummy, tmp_path, Dummy).run(until=1) == 0


def test_a_start_that_failed_before_its_first_step_keeps_the_folder_for_no_experiment(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy)._run_folder.open(0, 1)
    other = dataclasses.replace(dummy, seed=9)
    trainer.Trainer(other, tmp_path, Dummy).run(until=1)
    assert systems.load(tmp_path / "config.yaml").seed == 9
    with pytest.raises(TrainingError, match="holds a run with seed = 9; found "):
        trainer.Trainer(dummy, tmp_path, Dummy)


def test_a_run_that_was_killed_before_its_first_checkpoint_can_begin_again(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(dummy, tmp_path, Dummy)
    log = run._log

    def interrupt(*arguments):
        log(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_log", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert list(losses_of(tmp_path)) == [1]
    assert trainer.Trainer(dummy, tmp_path, Dummy).run(until=2) == 0 and list(losses_of(tmp_path)) == [1, 2]


def test_log_lines_after_the_checkpoint_are_dropped_on_resume(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=4)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 5, "net": 99}\n{"step": 6, "ne')
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=6)
    assert list(losses_of(tmp_path)) == [1, 2, 3, 4, 5, 6] and losses_of(tmp_path)[5] != 99


@pytest.mark.parametrize(
    "before, after",
    [
        ({"precision": "float32"}, {"precision": "mixed_float16"}),
        ({"precision": "mixed_float16"}, {"precision": "float32"}),
        ({"ema": 0.0}, {"ema": 0.9}),
        ({"ema": 0.9}, {"ema": 0.0}),
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_precision_and_average_may_change_between_two_starts(dummy, tmp_path, capsys, before, after):
    first = trainer.Trainer(training(dummy, **before), tmp_path, Dummy)
    first.run(until=2)
    second = trainer.Trainer(training(dummy, **after), tmp_path, Dummy)
    for states in (lambda run: run._averaged, lambda run: list(run._optimizers["net"].variables)[:5]):
        for one, two in zip(states(first), states(second)):
            np.testing.assert_array_equal(one, two)
    assert second.step == 2 and float(second._optimizers["net"].iterations) == 2
    if after.get("ema"):
        assert "ckpt-2: nothing of ema, which is new here" in capsys.readouterr().out
        for average, variable in zip(second._ema, second._averaged):
            np.testing.assert_array_equal(average, variable)


@pytest.mark.usefixtures("eagerly")
def test_a_model_that_a_kill_kept_from_being_written_is_written_by_the_next_start(tiny, tmp_path, monkeypatch):
    """Between the last checkpoint and the model, when no step is left that would end in another save."""

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer.model_directory, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trainer.Trainer(tiny, tmp_path, make_task).run(until=1)
    assert (tmp_path / "checkpoints/ckpt-1.index").exists() and not (tmp_path / "weights.npz").exists()
    # Disks fill in the middle of a line, and folders may have names that are no text.
    with open(tmp_path / "runs.jsonl", "a") as file:
        file.write('{"time": "2')
    monkeypatch.setattr(sys, "argv", ["train", os.fsdecode(b"--model_dir=/\xe4")])
    again = trainer.Trainer(tiny, tmp_path, make_task)
    assert again.run(until=1) == 0 and again.step == 1
    with np.load(tmp_path / "weights.npz") as file:
        for name, value in again.averaged_weights().items():
            np.testing.assert_array_equal(file[name], value)
    assert "1 of 12 steps" in (tmp_path / "README.md").read_text()
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert len(lines) == 3 and json.loads(lines[2])["step"] == 1


def test_a_damaged_configuration_is_named(dummy, tmp_path):
    (tmp_path / "config.yaml").write_text("train: [")
    with pytest.raises(ConfigError, match="config.yaml: expected YAML"):
        trainer.Trainer(dummy, tmp_path, Dummy)


def test_another_experiment_in_the_same_folder_is_refused(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=1)
    for other in (dataclasses.replace(dummy, seed=9), training(dummy, batch_size=2)):
        with pytest.raises(TrainingError, match="another --model_dir"):
            trainer.Trainer(other, tmp_path, Dummy)
    trainer.Trainer(
        training(dummy, log_every=2, phases=(config_lib.PhaseConfig("main", 20),)), tmp_path, Dummy
    )  # may change


@pytest.mark.usefixtures("eagerly")
def test_training_starts_from_given_weights(tiny, tmp_path):
    first = trainer.Trainer(tiny, tmp_path / "first", make_task)
    first.run(until=2)
    second = trainer.Trainer(training(tiny, init=str(tmp_path / "first")), tmp_path / "second", make_task)
    for key, value in first.averaged_weights().items():
        np.testing.assert_allclose(second.averaged_weights()[key], value, atol=1e-7)
    assert second.step == 0 and systems.experiment_of(tmp_path / "first") == tiny


@pytest.mark.usefixtures("eagerly")
def test_weights_of_another_system_are_refused_and_of_other_settings_told(tiny, tmp_path, capsys):
    """Of settings that leave the variables' shapes alone: the network would silently compute something else."""
    with pytest.raises(ConfigError, match="train.init: expected a model of sc_fegan, found one of cali_sketch in "):
        trainer.Trainer(training(tiny, init="cali_sketch"), tmp_path / "x", make_task)
    trainer.Trainer(tiny, tmp_path / "first", make_task).run(until=1)
    start = training(tiny, init=str(tmp_path / "first"))
    loss = dataclasses.replace(tiny.model.loss, adversarial=0.5)
    trainer.Trainer(
        dataclasses.replace(start, model=dataclasses.replace(tiny.model, loss=loss)), tmp_path / "x", make_task
    )
    assert "train.init" not in capsys.readouterr().out
    generator = dataclasses.replace(tiny.model.generator, dilations=(4,))
    other = dataclasses.replace(start, model=dataclasses.replace(tiny.model, generator=generator))
    trainer.Trainer(other, tmp_path / "x", make_task)
    message = "first was trained with other settings: model.generator.dilations=[4] here, [2] there\n"
    assert message in capsys.readouterr().out
