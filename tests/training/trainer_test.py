"""The trainer, on a dummy task of one layer: steps, replicas, resuming, precision, and how it stops."""

import dataclasses
import os
import re
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import logged
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.data import lock
from tfsketch.errors import LockedError, TrainingError
from tfsketch.systems import make_task
from tfsketch.training import feed, logs, trainer
from tfsketch.training.schedule import learning_rate
from tfsketch.training.strategy import mirrored
from tfsketch.training.task import Task

_OPTIMIZER = config_lib.OptimizerConfig(learning_rate=0.01)


class Dummy(Task):
    """Learns the mean colour of the pictures."""

    exported = "net"

    def __init__(self, config):
        del config
        net = tf.keras.Sequential([tf.keras.layers.Dense(3, name="dense")], name="net")
        net.build((None, 3))
        self.networks = {"net": net}

    def step(self, batch, loss, minimize):
        with tf.GradientTape() as tape:
            error = tf.cast(self.networks["net"](tf.reduce_mean(batch["image"], axis=[1, 2])), tf.float32) - 0.3
            value = tf.reduce_mean(tf.square(error), axis=-1)
        minimize("net", tape, value)
        return {"net": value}


class Broken(Dummy):
    """Its loss is not finite from the sixth step on."""

    def __init__(self, config):
        super().__init__(config)
        self.count = tf.Variable(0, trainable=False)

    def step(self, batch, loss, minimize):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(self.networks["net"](batch["image"][:, 0, 0])), axis=-1)
            value *= tf.where(self.count.assign_add(1) > 5, np.nan, 1.0)
        minimize("net", tape, value)
        return {"net": value}


def _losses(folder, key="net"):
    return {row["step"]: row[key] for row in logged(folder)}


def _with(config, **train):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **train))


@pytest.fixture
def dummy(tiny):
    return _with(tiny, optimizers={"net": _OPTIMIZER}, phases=(config_lib.PhaseConfig("main", 12),))


def test_it_learns_and_describes_itself(dummy, tmp_path):
    assert trainer.Trainer(_with(dummy, phases=(config_lib.PhaseConfig("main", 60),)), tmp_path, Dummy).run() == 0
    losses = _losses(tmp_path)
    assert losses[60] < 0.5 * losses[1] and sorted(losses) == list(range(1, 61))
    assert {"config.yaml", "runs.jsonl", "metrics.jsonl", "tensorboard", "checkpoints"} <= {
        p.name for p in tmp_path.iterdir()
    }
    assert systems.load(tmp_path / "config.yaml").train.phases[0].steps == 60
    assert {"step", "phase", "steps_per_second", "net", "gradient_norm/net"} <= set(logged(tmp_path)[0])


def test_who_trains_in_a_type_that_the_processor_lacks_is_told(dummy, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(logs.operations, "accelerated", lambda dtype: dtype == tf.float32)
    for precision in ("float32", "mixed_bfloat16"):
        trainer.Trainer(_with(dummy, precision=precision), tmp_path / precision, Dummy).run(until=1)
        told = "no bfloat16 of its own" in capsys.readouterr().out
        assert told == (precision != "float32")


def test_the_step_is_adam_on_the_mean_over_the_global_batch(dummy, tmp_path):
    run = trainer.Trainer(_with(dummy, ema=0.0), tmp_path, Dummy)
    net = run._task.networks["net"]
    kernel = net.trainable_variables[0].numpy()
    batch = next(run._batches())
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(net(tf.reduce_mean(batch["image"], axis=[1, 2])) - 0.3))
    gradient = tape.gradient(loss, net.trainable_variables[0]).numpy()
    run.run(until=1)
    # The first step of Adam is the rate times the sign, but for epsilon.
    np.testing.assert_allclose(
        net.trainable_variables[0], kernel - 0.01 * gradient / (np.abs(gradient) + 1e-7), atol=1e-4
    )
    assert _losses(tmp_path)[1] == pytest.approx(float(loss), rel=1e-4)


def test_one_and_two_replicas_take_the_same_steps(dummy, tmp_path):
    for name, devices in (("one", ("CPU:0",)), ("two", ("CPU:0", "CPU:1"))):
        strategy = mirrored(devices)
        assert strategy.num_replicas_in_sync == len(devices)
        trainer.Trainer(dummy, tmp_path / name, Dummy, strategy).run(until=5)
    one, two = _losses(tmp_path / "one"), _losses(tmp_path / "two")
    assert list(one) == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(list(one.values()), list(two.values()), atol=1e-5)


def test_a_run_that_stopped_anywhere_goes_on_as_if_it_had_not(dummy, tmp_path, capsys):
    trainer.Trainer(dummy, tmp_path / "whole", Dummy).run()
    trainer.Trainer(dummy, tmp_path / "parts", Dummy).run(until=7)
    resumed = trainer.Trainer(dummy, tmp_path / "parts", Dummy)
    assert resumed.step == 7
    assert "resumed" not in capsys.readouterr().out
    resumed.run()
    assert "resumed at step 7 of " in capsys.readouterr().out
    assert _losses(tmp_path / "parts") == pytest.approx(_losses(tmp_path / "whole"), abs=1e-6)
    weights = [trainer.Trainer(dummy, tmp_path / name, Dummy).averaged_weights() for name in ("whole", "parts")]
    for key in weights[0]:
        np.testing.assert_allclose(weights[0][key], weights[1][key], atol=1e-6)
    assert len((tmp_path / "parts/runs.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["p, [1]", "a*b"])
def test_a_run_folder_of_any_name_is_found_again(dummy, tmp_path, name):
    dummy = _with(dummy, keep_checkpoints=1)
    other = tmp_path / "aXb"  # whose checkpoints TensorFlow would delete with those of a*b
    trainer.Trainer(dummy, other, Dummy).run(until=7)
    whole = sorted(p.name for p in (other / "checkpoints").iterdir())
    trainer.Trainer(dummy, tmp_path / name, Dummy).run(until=7)
    again = trainer.Trainer(dummy, tmp_path / name, Dummy)
    assert again.step == 7
    again.run()
    assert list(_losses(tmp_path / name)) == list(range(1, 13))
    names = [p.name for p in (tmp_path / name / "checkpoints").glob("*.index")]
    assert names == ["ckpt-12.index"]
    assert sorted(p.name for p in (other / "checkpoints").iterdir()) == whole and "ckpt-7.index" in whole


def test_a_run_without_a_readable_checkpoint_is_refused_and_left_as_it_is(dummy, tiny, tmp_path):
    trainer.Trainer(tiny, tmp_path / "whole", make_task).run(until=2)
    for name, lost, left in (
        ("files", ["checkpoints/*"], "weights.npz, metrics.jsonl up to step 2"),
        ("weights", ["checkpoints/*", "metrics.jsonl", "grids/*", "config.yaml"], "found weights.npz and"),
        ("log", ["checkpoints/*", "weights.npz", "grids/*"], "found metrics.jsonl up to step 2 and"),
    ):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
        for pattern in lost:
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


@pytest.mark.parametrize("lost", ["byte", "list", "byte and list"])
def test_training_goes_on_from_the_checkpoint_before_a_damaged_one(dummy, tmp_path, capsys, lost):
    trainer.Trainer(dummy, tmp_path / "whole", Dummy).run()
    trainer.Trainer(dummy, tmp_path / "run", Dummy).run(until=9)
    if "list" in lost:
        (tmp_path / "run/checkpoints/checkpoint").write_text("model_checkpoint_path: 7 \0")
    if "byte" in lost:
        _damage(tmp_path / "run", "ckpt-9", position=1000)
    resumed = trainer.Trainer(dummy, tmp_path / "run", Dummy)
    said = capsys.readouterr().out
    assert resumed.step == (8 if "byte" in lost else 9)
    assert bool(re.search(r"run/checkpoints/ckpt-9: expected a readable.*from the one before, .*ckpt-8", said)) == (
        "byte" in lost
    )
    resumed.run()
    assert _losses(tmp_path / "run") == _losses(tmp_path / "whole")
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


def test_a_second_trainer_in_a_folder_is_told_who_holds_it(dummy, tmp_path):
    first, second = (trainer.Trainer(dummy, tmp_path, Dummy) for _ in range(2))
    with lock.hold(tmp_path):
        with pytest.raises(LockedError, match=f"held by process {os.getpid()} on "):
            first.run(until=4)
    first.run(until=4)
    second.run(until=8)  # from where the first one ended, though it was built before
    assert list(_losses(tmp_path)) == list(range(1, 9)) and not (tmp_path / ".lock").exists()


def test_a_start_that_was_killed_before_its_first_step_can_begin_again(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy)._run_folder.open(0, 1)
    assert trainer.Trainer(dummy, tmp_path, Dummy).run(until=1) == 0


def test_a_run_that_was_killed_before_its_first_checkpoint_can_begin_again(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(dummy, tmp_path, Dummy)
    log = run._log

    def killed(*arguments):
        log(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_log", killed)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert list(_losses(tmp_path)) == [1]
    assert trainer.Trainer(dummy, tmp_path, Dummy).run(until=2) == 0 and list(_losses(tmp_path)) == [1, 2]


def test_log_lines_after_the_checkpoint_are_dropped_on_resume(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=4)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 5, "net": 99}\n{"step": 6, "ne')
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=6)
    assert list(_losses(tmp_path)) == [1, 2, 3, 4, 5, 6] and _losses(tmp_path)[5] != 99


def test_the_average_follows_its_formula(dummy, tmp_path):
    run = trainer.Trainer(_with(dummy, ema=0.5), tmp_path, Dummy)
    variable = run._averaged[0]
    average = variable.numpy()
    for step in range(1, 4):
        run.run(until=step)
        decay = min(0.5, (1 + step) / (10 + step))
        average = average * decay + variable.numpy() * (1 - decay)
    np.testing.assert_allclose(run.averaged_weights()[variable.name.removesuffix(":0")], average, rtol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_float32_weights(dummy, tmp_path, precision):
    run = trainer.Trainer(_with(dummy, precision=precision), tmp_path, Dummy)
    assert run.run() == 0
    assert all(v.dtype == tf.float32 for v in run._averaged)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert _losses(tmp_path)[12] < _losses(tmp_path)[1]


def test_xla_takes_the_same_steps(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path / "plain", Dummy).run(until=3)
    trainer.Trainer(_with(dummy, jit_compile=True), tmp_path / "xla", Dummy).run(until=3)
    assert _losses(tmp_path / "xla") == pytest.approx(_losses(tmp_path / "plain"), abs=1e-5)


def test_clipping_bounds_the_step(dummy, tmp_path):
    optimizer = config_lib.OptimizerConfig(learning_rate=0.01, clip_norm=1e-12)
    run = trainer.Trainer(_with(dummy, optimizers={"net": optimizer}), tmp_path, Dummy)
    before = run._averaged[0].numpy()
    run.run(until=2)
    # Adam divides by the gradient's own size plus 1e-7, so only a gradient far below that leaves the weights in place.
    np.testing.assert_allclose(run._averaged[0], before, atol=1e-5)
    assert logged(tmp_path)[0]["gradient_norm/net"] > 1e-3  # logged as it was before clipping


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(dummy, tmp_path):
    run = trainer.Trainer(dummy, tmp_path, Broken)
    with pytest.raises(TrainingError, match="(?s)not finite.*net.*ckpt-4"):
        run.run()
    assert trainer.Trainer(dummy, tmp_path, Dummy).step == 4
    assert all(np.isfinite(v).all() for v in trainer.Trainer(dummy, tmp_path, Dummy).averaged_weights().values())


def test_sigterm_saves_and_says_so(dummy, tmp_path, capsys):
    class Terminated(Dummy):
        def step(self, batch, loss, minimize):
            terms = super().step(batch, loss, minimize)
            tf.py_function(lambda: os.kill(os.getpid(), signal.SIGTERM), [], [])
            return terms

    run = trainer.Trainer(dummy, tmp_path, Terminated)
    before = signal.getsignal(signal.SIGTERM)
    assert run.run() == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    assert "stopped by SIGTERM" in capsys.readouterr().out and 1 <= run.step <= 3
    assert trainer.Trainer(dummy, tmp_path, Dummy).step == run.step


def test_a_signal_while_a_grid_is_drawn_ends_the_next_step_saved(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(_with(dummy, log_every=1, checkpoint_every=100), tmp_path, Dummy)
    log = run._log

    def signalled(*arguments):
        log(*arguments)
        if run.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run, "_log", signalled)
    assert run.run() == 128 + signal.SIGTERM
    assert run.step == trainer.Trainer(dummy, tmp_path, Dummy).step == 3


def test_a_data_worker_that_was_started_anew_changes_no_step(dummy, tmp_path, monkeypatch, capsys):
    trainer.Trainer(dummy, tmp_path / "whole", Dummy).run()
    run, opened = trainer.Trainer(dummy, tmp_path / "run", Dummy), []
    plain = feed.Feed._open

    def interrupted(self):
        opened.append(self._step())
        stream = plain(self)
        self._opens_again = True  # as with `data.service`
        for _ in range(5):
            yield next(stream)
        raise tf.errors.NotFoundError(None, None, "Dataset id 1000 not found. A dispatcher restart")

    monkeypatch.setattr(feed.Feed, "_open", interrupted)
    assert run.run() == 0 and opened == [0, 5, 10]
    assert "A dispatcher restart; going on at step 5\n" in capsys.readouterr().out
    assert _losses(tmp_path / "run") == _losses(tmp_path / "whole")


def test_where_another_worker_is_gone_it_is_said_what_to_do(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(dummy, tmp_path, Dummy)
    run.run(until=4)

    def lost(*_):
        raise tf.errors.UnavailableError(None, None, "Task /job:worker/task:1 heartbeat timeout.\nmore")

    monkeypatch.setattr(run, "_loop", lost)
    with pytest.raises(tf.errors.UnavailableError):
        run.run()
    run._config = _with(dummy, strategy="multi_worker")
    with pytest.raises(TrainingError, match="workers of TF_CONFIG .*heartbeat timeout. Start all .* from .*ckpt-4$"):
        run.run()

    def full(*_):
        raise tf.errors.ResourceExhaustedError(
            None, None, "/run/tensorboard\n\tCould not flush events file. [Op:Flush]"
        )

    monkeypatch.setattr(run, "_loop", full)
    with pytest.raises(TrainingError, match="room to write, found: Could not flush events file.*from .*ckpt-4$"):
        run.run()


def test_another_experiment_in_the_same_folder_is_refused(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path, Dummy).run(until=1)
    for other in (dataclasses.replace(dummy, seed=9), _with(dummy, batch_size=2)):
        with pytest.raises(TrainingError, match="another --model_dir"):
            trainer.Trainer(other, tmp_path, Dummy)
    trainer.Trainer(
        _with(dummy, log_every=2, phases=(config_lib.PhaseConfig("main", 20),)), tmp_path, Dummy
    )  # may change


def test_a_loss_that_misses_a_variable_is_named(dummy, tmp_path):
    class Detached(Dummy):
        def step(self, batch, loss, minimize):
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(batch["image"], axis=[1, 2, 3]) * self.networks["net"].trainable_variables[1][0]
            minimize("net", tape, value)
            return {"net": value}

    with pytest.raises(TrainingError, match="does not depend on"):
        trainer.Trainer(dummy, tmp_path, Detached).run()


def test_schedules():
    constant = config_lib.OptimizerConfig(learning_rate=1.0)
    assert learning_rate(constant, 50, 100, 0.5) == 0.5
    cosine = dataclasses.replace(constant, schedule="cosine", final=0.1)
    assert [round(learning_rate(cosine, s, 100, 1.0), 4) for s in (0, 50, 100)] == [1.0, 0.55, 0.1]
    step = dataclasses.replace(constant, schedule="step", final=0.1, step_at=0.7)
    assert [learning_rate(step, s, 100, 1.0) for s in (69, 70)] == [1.0, 0.1]
    warm = dataclasses.replace(constant, warmup_steps=4)
    assert [learning_rate(warm, s, 100, 1.0) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_training_starts_from_given_weights(tiny, tmp_path):
    first = trainer.Trainer(tiny, tmp_path / "first", make_task)
    first.run(until=2)
    second = trainer.Trainer(_with(tiny, init=str(tmp_path / "first")), tmp_path / "second", make_task)
    for key, value in first.averaged_weights().items():
        np.testing.assert_allclose(second.averaged_weights()[key], value, atol=1e-7)
    assert second.step == 0 and systems.experiment_of(tmp_path / "first") == tiny
