"""The trainer, on a dummy task of one layer: steps, replicas, precision, and how it stops."""

import concurrent.futures
import dataclasses
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import log_rows
from tests.training.dummy import Dummy, losses_of, training
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.errors import ConfigError, DataError, TrainingError
from tfsketch.images import files
from tfsketch.training import feed, logs, signals, trainer
from tfsketch.training.adam import Adam
from tfsketch.training.schedule import learning_rate
from tfsketch.training.strategy import make_strategy, mirrored_strategy, sum_over_workers


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


def test_it_learns_and_describes_itself(dummy, tmp_path):
    assert trainer.Trainer(training(dummy, phases=(config_lib.PhaseConfig("main", 60),)), tmp_path, Dummy).run() == 0
    losses = losses_of(tmp_path)
    assert losses[60] < 0.5 * losses[1] and sorted(losses) == list(range(1, 61))
    assert {"config.yaml", "runs.jsonl", "metrics.jsonl", "tensorboard", "checkpoints"} <= {
        p.name for p in tmp_path.iterdir()
    }
    assert systems.load(tmp_path / "config.yaml").train.phases[0].steps == 60
    assert {"step", "phase", "steps_per_second", "net", "gradient_norm/net"} <= set(log_rows(tmp_path)[0])


def test_who_trains_in_a_type_that_the_processor_lacks_is_told(dummy, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(logs.operations, "is_accelerated", lambda dtype: dtype == tf.float32)
    for precision in ("float32", "mixed_bfloat16"):
        trainer.Trainer(training(dummy, precision=precision), tmp_path / precision, Dummy).run(until=1)
        warns = "no native bfloat16" in capsys.readouterr().out
        assert warns == (precision != "float32")


def test_an_optimizer_without_a_network_is_told(dummy, tmp_path, capsys):
    for name in ("net", "generator"):
        config = training(dummy, optimizers={name: config_lib.OptimizerConfig()})
        trainer.Trainer(config, tmp_path / name, Dummy).run(until=1)
        warning = "train.optimizers: generator: no network of this run, so without effect; its networks: net"
        assert (warning in capsys.readouterr().out) == (name == "generator")


def test_the_step_is_adam_on_the_mean_over_the_global_batch(dummy, tmp_path):
    run = trainer.Trainer(training(dummy, ema=0.0), tmp_path, Dummy)
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
    assert losses_of(tmp_path)[1] == pytest.approx(float(loss), rel=1e-4)


def test_one_and_two_replicas_take_the_same_steps(dummy, tmp_path):
    for name, devices in (("one", ("CPU:0",)), ("two", ("CPU:0", "CPU:1"))):
        strategy = mirrored_strategy(devices)
        assert strategy.num_replicas_in_sync == len(devices)
        trainer.Trainer(dummy, tmp_path / name, Dummy, strategy).run(until=5)
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert list(one) == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(list(one.values()), list(two.values()), atol=1e-5)


def test_the_average_follows_its_formula(dummy, tmp_path):
    run = trainer.Trainer(training(dummy, ema=0.5), tmp_path, Dummy)
    variable = run._averaged[0]
    average = variable.numpy()
    for step in range(1, 4):
        run.run(until=step)
        decay = min(0.5, (1 + step) / (10 + step))
        average = average * decay + variable.numpy() * (1 - decay)
    np.testing.assert_allclose(run.averaged_weights()[variable.name.removesuffix(":0")], average, rtol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_float32_weights(dummy, tmp_path, precision):
    run = trainer.Trainer(training(dummy, precision=precision), tmp_path, Dummy)
    assert run.run() == 0
    assert all(v.dtype == tf.float32 for v in run._averaged)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert losses_of(tmp_path)[12] < losses_of(tmp_path)[1]


def test_xla_takes_the_same_steps(dummy, tmp_path):
    trainer.Trainer(dummy, tmp_path / "plain", Dummy).run(until=3)
    trainer.Trainer(training(dummy, jit_compile=True), tmp_path / "xla", Dummy).run(until=3)
    assert losses_of(tmp_path / "xla") == pytest.approx(losses_of(tmp_path / "plain"), abs=1e-5)


def test_clipping_bounds_the_step(dummy, tmp_path):
    optimizer = config_lib.OptimizerConfig(learning_rate=0.01, clip_norm=1e-12)
    run = trainer.Trainer(training(dummy, optimizers={"net": optimizer}), tmp_path, Dummy)
    before = run._averaged[0].numpy()
    run.run(until=2)
    # Adam divides by the gradient's own size plus 1e-7, so only a gradient far below that leaves the weights in place.
    np.testing.assert_allclose(run._averaged[0], before, atol=1e-5)
    assert log_rows(tmp_path)[0]["gradient_norm/net"] > 1e-3  # logged as it was before clipping


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


def test_a_run_that_a_signal_stopped_goes_on_in_the_same_process(dummy, tmp_path, monkeypatch):
    """As in a notebook, where a cell is interrupted and run again."""
    run = trainer.Trainer(training(dummy, checkpoint_every=100), tmp_path, Dummy)
    log, request = run._log, []

    def log_and_signal(*arguments):
        log(*arguments)
        if not request:
            request.append(os.kill(os.getpid(), signal.SIGINT))

    monkeypatch.setattr(run, "_log", log_and_signal)
    assert run.run(until=0) == 0 and run.step == 0
    assert run.run(until=9) == 128 + signal.SIGINT and run.step == 2
    with concurrent.futures.ThreadPoolExecutor() as thread:  # where nobody may handle signals
        assert thread.submit(run.run, 5).result() == 0 and run.step == 5
    assert run.run(until=9) == 0 and run.step == 9


def test_a_signal_while_a_grid_is_drawn_ends_the_next_step_saved(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(training(dummy, log_every=1, checkpoint_every=100), tmp_path, Dummy)
    log = run._log

    def log_and_signal(*arguments):
        log(*arguments)
        if run.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run, "_log", log_and_signal)
    assert run.run() == 128 + signal.SIGTERM
    assert run.step == trainer.Trainer(dummy, tmp_path, Dummy).step == 3


def test_a_signal_to_one_worker_ends_all_of_them_at_the_same_step(dummy, tmp_path, monkeypatch, capsys):
    """tests/proof/workers.py does the same with two processes; here the other one's signal is in the sum."""
    requests = []

    def with_another(values):
        requests.append(values)
        return [values[0] + (len(requests) == 3), values[1]]

    monkeypatch.setattr(signals, "sum_over_workers", lambda strategy: with_another)
    run = trainer.Trainer(training(dummy, checkpoint_every=100), tmp_path, Dummy)
    assert run.run() == 128 + signal.SIGTERM
    assert run.step == trainer.Trainer(dummy, tmp_path, Dummy).step == 3
    assert "stopped by SIGTERM at step 3, saved" in capsys.readouterr().out
    assert requests == [[0.0, 0.0]] * 3  # once a step, by every worker: else they would wait for each other


def test_numbers_are_summed_over_the_workers_of_a_job(monkeypatch):
    total = sum_over_workers(tf.distribute.get_strategy())
    assert total([1.0, 0.0]) == [1.0, 0.0]
    # Two replicas of one process take the place of two workers.
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", tf.distribute.MirroredStrategy)
    assert sum_over_workers(mirrored_strategy(("CPU:0", "CPU:1")))([1.0, 0.0]) == [2.0, 0.0]


@pytest.mark.parametrize(
    "text", ['{"cluster": {"worker": ["a:1"', '{"cluster": {"worker": ["a:1"]}, "task": {"index": 5}}']
)
def test_a_cluster_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(TrainingError, match=r'TF_CONFIG: expected JSON such as {.*"index": 0}}, found .*a:1'):
        make_strategy("multi_worker")


def test_a_step_that_finds_no_memory_says_what_takes_less(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(dummy, tmp_path, Dummy)

    def run_out_of_memory(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[8,512]\nmore")

    monkeypatch.setattr(run, "_loop", run_out_of_memory)
    for strategy in ("default", "multi_worker"):
        run._config = training(dummy, strategy=strategy)
        with pytest.raises(TrainingError, match=r"memory for a step, found: OOM when .*\[8,512\]\. .*batch_size"):
            run.run()


def test_a_data_worker_that_was_started_anew_changes_no_step(dummy, tmp_path, monkeypatch, capsys):
    trainer.Trainer(dummy, tmp_path / "whole", Dummy).run()
    run, entry = trainer.Trainer(dummy, tmp_path / "run", Dummy), []
    plain = feed.Feed._open

    def interrupt(self):
        entry.append(self._step())
        stream = plain(self)
        self._opens_again = True  # as with `data.service`
        for _ in range(5):
            yield next(stream)
        raise tf.errors.NotFoundError(None, None, "Dataset id 1000 not found. A dispatcher restart")

    monkeypatch.setattr(feed.Feed, "_open", interrupt)
    assert run.run() == 0 and entry == [0, 5, 10]
    assert "A dispatcher restart; going on at step 5\n" in capsys.readouterr().out
    assert losses_of(tmp_path / "run") == losses_of(tmp_path / "whole")


def test_where_another_worker_is_gone_it_is_said_what_to_do(dummy, tmp_path, monkeypatch):
    run = trainer.Trainer(dummy, tmp_path, Dummy)
    run.run(until=4)

    def disconnect(*_):
        raise tf.errors.UnavailableError(None, None, "Task /job:worker/task:1 heartbeat timeout.\nmore")

    monkeypatch.setattr(run, "_loop", disconnect)
    with pytest.raises(tf.errors.UnavailableError):
        run.run()
    run._config = training(dummy, strategy="multi_worker")
    with pytest.raises(TrainingError, match="workers of TF_CONFIG .*heartbeat timeout. Start all .* from .*ckpt-4$"):
        run.run()

    def full(*_):
        raise tf.errors.ResourceExhaustedError(
            None, None, "/run/tensorboard\n\tCould not flush events file. [Op:Flush]"
        )

    monkeypatch.setattr(run, "_loop", full)
    with pytest.raises(TrainingError, match="room to write, found: Could not flush events file.*from .*ckpt-4$"):
        run.run()


@pytest.mark.parametrize("bad", ["shard", "setting"])
def test_what_is_wrong_with_a_picture_on_the_way_is_told_in_a_line(dummy, shards_folder, tmp_path, bad):
    """As of the first picture, which is opened before the stream is; and of a setting before any picture."""
    shutil.copytree(shards_folder, tmp_path / "shards")
    path = next((tmp_path / "shards").glob("*.tfrecord"))
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    last = tf.train.Example.FromString(records[-1])
    picture, maps = last.features.feature["image"].bytes_list, last.features.feature
    picture.value[0] = files.encode_png(np.zeros((16, 16, 3), np.uint8)) if bad == "shard" else picture.value[0]
    maps["regions"].bytes_list.value.append(files.encode_png(np.ones((32, 32), np.uint8)))
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(records[0])
        writer.write(last.SerializeToString())
    data = dataclasses.replace(dummy.data, train=str(tmp_path / "shards"))
    mask = dummy.mask
    if bad == "setting":
        mask = dataclasses.replace(mask, regions=("mouht",), region_probability=1.0)
    run = trainer.Trainer(dataclasses.replace(dummy, data=data, mask=mask), tmp_path / "run", Dummy)
    kind, message = {
        "shard": (DataError, "^.*tfrecord at byte [0-9]+: expected pictures of 32 px .*found 16 x 16; prepare them"),
        "setting": (ConfigError, "^mask.regions: .*'mouht'$"),
    }[bad]
    with pytest.raises(kind, match=message) as error:
        run.run()
    assert "\n" not in str(error.value)


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


@pytest.mark.parametrize("in_graph", [False, True], ids=["traced", "by XLA"])
def test_the_fused_adam_is_keras_adam(in_graph):
    values = [tf.random.stateless_normal(shape, (1, 2)) for shape in ((3, 3, 4, 5), (7,))]
    results = []
    for make in (tf.keras.optimizers.Adam, Adam):
        variables = [tf.Variable(value) for value in values]
        optimizer = make(1e-2, 0.5, 0.99)
        optimizer.build(variables)

        @tf.function(jit_compile=in_graph)
        def step(seed, optimizer=optimizer, variables=variables):
            gradients = [tf.random.stateless_normal(v.shape, [seed, 3]) for v in variables]
            optimizer.apply_gradients(zip(gradients, variables), skip_gradients_aggregation=True)

        for number in range(5):
            step(tf.constant(number))
        results.append([*variables, *optimizer.variables])
    assert [v.shape for v in results[0]] == [v.shape for v in results[1]]
    for theirs, ours in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    assert not np.allclose(results[1][0], values[0])
