"""The trainer: the only file that uses a distribution strategy; it knows no system.

A `Task` owns networks and defines one step on a replica's share of the batch; the trainer owns everything else: the
strategy, optimisers, mixed precision, the moving average, phases, logs, grids, checkpoints, resuming.

- Loss over the global batch: a task gives one value per example; they are summed and divided by the global batch size,
  so one and many replicas take the same step.
- Exact resume: data is a function of the step (see `data`), and every other state is in the checkpoint.
- A run folder describes itself (see `run_folder`), and is a model directory from the first checkpoint on.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import Config, OptimizerConfig
from tfsketch.data import lock
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.folders import open_held_out, open_pictures
from tfsketch.errors import TrainingError
from tfsketch.images import files, sheets
from tfsketch.nn import model_directory
from tfsketch.training import logs, run_folder
from tfsketch.training.adam import Adam
from tfsketch.training.checkpoints import Checkpoints
from tfsketch.training.feed import Feed
from tfsketch.training.schedule import learning_rate
from tfsketch.training.signals import Signals
from tfsketch.training.strategy import explain, is_chief, make_strategy
from tfsketch.training.task import Batch, Task, check_terms, load_initial


class Trainer:
    """Trains a task in a run folder."""

    def __init__(
        self,
        config: Config,
        model_dir: str | os.PathLike,
        make_task: Callable[[Config], Task],
        strategy: tf.distribute.Strategy | None = None,
    ):
        """Opens or resumes a run.

        Args:
          config: the experiment.
          model_dir: the run folder; if it holds a checkpoint, training resumes from it.
          make_task: makes the task, inside the strategy's scope; `systems.make_task` knows every system's.
          strategy: overrides `config.train.strategy`.

        Raises:
          TrainingError: the folder holds a run that this configuration cannot resume, or one without a checkpoint.
          LockedError: another process trains in it.
          DataError, WeightsError: the data or the weights to start from cannot be used.
        """
        self._config, self._folder = config, pathlib.Path(model_dir)
        train = config.train
        self._run_folder = run_folder.RunFolder(self._folder, config)
        self._strategy = strategy or make_strategy(train.strategy)
        self._is_chief = is_chief(self._strategy)
        if self._is_chief:
            lock.check(self._folder)  # an early check, before everything is built; `run` holds the folder
        wait = train.strategy == "multi_worker"  # for the one worker that prepares what all of them read
        self._shards = open_pictures(config.data.train, config, self._folder / "prepared", wait)
        # Initial weights depend on the seed alone, whatever ran in this process before.
        tf.keras.utils.set_random_seed(config.seed)
        policy = tf.keras.mixed_precision.global_policy()
        with self._strategy.scope():
            tf.keras.mixed_precision.set_global_policy(train.precision)
            try:
                self._task = make_task(config)
                self._optimizers = {name: self._optimizer(name) for name in self._task.trained_networks}
            finally:
                tf.keras.mixed_precision.set_global_policy(policy)
            check_terms(config, self._task)
            for name, network in self._task.trained_networks.items():
                self._optimizers[name].build(network.trainable_variables)
            self._averaged = self._task.averaged_variables
            self._ema = [tf.Variable(v, trainable=False, dtype=tf.float32) for v in self._averaged] if train.ema else []
            self._step = tf.Variable(0, trainable=False, dtype=tf.int64)
            self._seconds = tf.Variable(0.0, trainable=False, dtype=tf.float64)
        state = {"step": self._step, "seconds": self._seconds, "ema": self._ema}
        state |= {f"network_{k}": v for k, v in self._task.networks.items()}
        state |= {f"optimizer_{k}": v for k, v in self._optimizers.items()}
        others = [name for name in self._task.networks if name != self._task.exported]
        addable: dict[str, Callable[[], None] | None] = {"ema": self._begin_average}
        addable |= {f"{kind}_{name}": None for name in others for kind in ("network", "optimizer")}
        self._checkpoints = Checkpoints(self._folder, state, train.keep_checkpoints, self._is_chief, addable)
        self._export = model_directory.build(self._task.network, config) if self._task.network else None
        if not self._checkpoints.restore() and train.init:
            load_initial(config, self._task)
            self._begin_average()

    def _optimizer(self, name: str) -> tf.keras.optimizers.Optimizer:
        settings = self._config.train.optimizers.get(name, OptimizerConfig())
        optimizer = Adam(settings.learning_rate, settings.beta_1, settings.beta_2)
        if self._config.train.precision == "mixed_float16":
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        return optimizer

    def _begin_average(self) -> None:
        """Starts the moving average from the current weights."""
        for average, variable in zip(self._ema, self._averaged):
            average.assign(tf.cast(variable, tf.float32))

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self._step.numpy())

    @property
    def total_steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self._config.train.phases)

    def _phase(self, step: int) -> tuple[config_lib.PhaseConfig, int]:
        """The phase of a step (counted from 0), and the step at which it ends."""
        end = 0
        for phase in self._config.train.phases:
            end += phase.steps
            if step < end:
                break
        return phase, end

    def _minimize(self, name: str, tape: tf.GradientTape, loss: tf.Tensor) -> tf.Tensor:
        """In replica context: one optimiser step on the global batch's mean loss; returns the gradient's global
        norm."""
        optimizer, variables = self._optimizers[name], self._task.trained_networks[name].trainable_variables
        scaling = isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
        # Scaling by the incoming gradient, not by a new loss, needs nothing more on the tape.
        scale = (optimizer.loss_scale if scaling else 1.0) / self._config.train.batch_size
        gradients = tape.gradient(loss, variables, output_gradients=tf.ones_like(loss) * tf.cast(scale, loss.dtype))
        missing = [v.name for v, g in zip(variables, gradients) if g is None]
        if missing:
            raise TrainingError(f"{name}: the loss does not depend on {', '.join(missing[:5])}")
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if scaling:
            gradients = optimizer.get_unscaled_gradients(gradients)
        norm = tf.linalg.global_norm(gradients)
        clip = self._config.train.optimizers.get(name, OptimizerConfig()).clip_norm
        if clip:
            gradients, _ = tf.clip_by_global_norm(gradients, clip, use_norm=norm)
        optimizer.apply_gradients(zip(gradients, variables), skip_gradients_aggregation=True)
        return norm

    def _loss(self, phase: config_lib.PhaseConfig, step: int) -> Any:
        """The loss weights of a step (counted from 0): the phase's, after those of terms that are not computed at every
        step."""
        assert self._config.model is not None  # a run without one trains nothing
        return phase.apply(self._config.model.loss).at(step)

    def _make_step(self, loss: Any) -> Callable[[Any], dict[str, tf.Tensor]]:
        """The compiled step for some loss weights, which are constants in it: terms of weight 0 cost nothing."""
        train, replicas = self._config.train, self._strategy.num_replicas_in_sync

        def replica_step(batch: Batch) -> dict[str, tf.Tensor]:
            norms: dict[str, tf.Tensor] = {}

            def minimize(name: str, tape: tf.GradientTape, value: tf.Tensor) -> None:
                norms[f"gradient_norm/{name}"] = self._minimize(name, tape, value)

            terms = self._task.step(batch, loss, minimize)
            values = {key: tf.reduce_sum(value) / train.batch_size for key, value in terms.items()}
            # The norms are of the reduced gradient, the same everywhere; the sum over replicas must give it back.
            return values | {key: norm / replicas for key, norm in norms.items()}

        if train.jit_compile:
            replica_step = tf.function(replica_step, autograph=False, jit_compile=True)

        @tf.function(autograph=False)  # so that a task's own errors are raised unchanged
        def step(batch: Any) -> dict[str, tf.Tensor]:
            values = self._strategy.run(replica_step, args=(batch,))
            totals = {
                key: self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
                for key, value in values.items()
            }
            self._step.assign_add(1)
            if self._ema:
                count = tf.cast(self._step, tf.float32)
                decay = tf.minimum(train.ema, (1.0 + count) / (10.0 + count))
                for average, variable in zip(self._ema, self._averaged):
                    average.assign_sub((average - tf.cast(variable, tf.float32)) * (1.0 - decay))
            return totals

        return step

    def _batches(self) -> Feed:
        """The batches from the current step on, distributed."""
        return Feed(self._strategy, self._shards, self._config, lambda: self.step)

    def repeated_step(self) -> tuple[Any, Any]:
        """The compiled step at this point of the training, and its batch, to be run repeatedly, as
        `benchmarks.training` does. It trains, but saves and logs nothing."""
        phase, _ = self._phase(self.step)
        return self._make_step(self._loss(phase, self.step)), next(self._batches())

    def _log(
        self, pending: list[dict[str, tf.Tensor]], phase: str, rate: float, writer: tf.summary.SummaryWriter
    ) -> None:
        """Means of the pending steps to the console, `metrics.jsonl` and TensorBoard.

        Raises:
          TrainingError: one is not finite. Nothing has been saved since, so the last checkpoint is good.
        """
        values = logs.means(pending)
        fatal = logs.not_finite(values, self._config.train.precision)
        if fatal:
            raise TrainingError(
                f"not finite within {len(pending)} steps up to step {self.step}: {', '.join(sorted(fatal))}. The last "
                f"good checkpoint is {self._checkpoints.latest or '(none)'}; run again with a lower learning "
                "rate, gradient clipping (train.optimizers.*.clip_norm) or train.precision=float32 to go on from it"
            )
        if self._is_chief:
            logs.write(self._run_folder, writer, self.step, self.total_steps, phase, rate, values)

    def averaged_weights(self) -> dict[str, np.ndarray]:
        """The exported network's variables by name, with a moving average the averages."""
        network = self._task.networks[self._task.exported]
        arrays = {name: variable.numpy() for name, variable in model_directory.variable_names(network).items()}
        for average, variable in zip(self._ema, self._averaged):
            arrays[variable.name.removesuffix(":0")] = average.numpy()
        return arrays

    def _grid(self, batch: Batch, writer: tf.summary.SummaryWriter) -> None:
        """Draws the same pictures every time, by the averaged float32 network."""
        arrays = self.averaged_weights()
        for name, variable in model_directory.variable_names(self._export).items():
            variable.assign(arrays[name])
        sheet = sheets.contact_sheet(*self._task.sheet(batch, self._task.draw(self._export, batch)))
        files.write_png(self._folder / "grids" / f"{self.step:07d}.png", sheet)
        with writer.as_default(self.step):
            tf.summary.image("grid", sheet[None])

    def _save(self) -> None:
        self._checkpoints.save(self.step)
        self._save_model()

    def _save_model(self) -> None:
        if self._is_chief and self._export is not None:
            progress = f"{self.step} of {self.total_steps} steps of {self._config.train.batch_size} examples"
            card = self._run_folder.card(progress, float(self._seconds.numpy()) / 3600, len(self._shards))
            model_directory.save(self._folder, self._config, self.averaged_weights(), card)

    def run(self, until: int | None = None) -> int:
        """Trains to the end of the last phase, or to step `until`.

        Returns:
          0 when it got there, 128 + the signal's number if SIGTERM or SIGINT stopped it, after saving.

        Raises:
          TrainingError: a loss or gradient is not finite, or a checkpoint cannot be saved; the last good one is kept.
          LockedError: another process trains in this folder.
        """
        with lock.hold(self._folder) if self._is_chief else contextlib.nullcontext():
            self._checkpoints.renew()
            return self._run(until)

    def _run(self, until: int | None) -> int:
        train = self._config.train
        end = self.total_steps if until is None else min(until, self.total_steps)
        if self._is_chief:
            self._run_folder.open(self.step, self._strategy.num_replicas_in_sync)
            if self.step:
                print(f"resumed at step {self.step} of {self.total_steps}", flush=True)
            if 0 < self.step >= end:  # a kill may have come between the last checkpoint and the model
                self._save_model()
            logs.warn_of_precision(train.precision)
            logs.warn_of_optimizers(train.optimizers, self._task.trained_networks)
        writer = (
            tf.summary.create_file_writer(str(self._folder / "tensorboard"))
            if self._is_chief
            else tf.summary.create_noop_writer()
        )
        grid = None
        if self._is_chief and self._export is not None and train.image_every:
            pictures = open_held_out(self._config, self._shards, self._folder / "prepared_validation")
            low, high = self._config.hand.abstraction
            level = (low + high) / 2 if high else None  # a grid shows what the system is trained for
            grid = fixed_batch(pictures, self._config, range(min(train.image_count, len(pictures))), level)
        signals = Signals(self._strategy)
        try:
            with signals:
                self._loop(end, grid, writer, signals)
        except tf.errors.OpError as error:
            if reason := explain(error, train.strategy, self._checkpoints.latest):
                raise reason from error
            raise
        finally:
            with contextlib.suppress(tf.errors.OpError):  # a full disk, which is said already
                writer.close()
        if signals.number:
            name = signal.Signals(signals.number).name
            saved = "saved" if self._is_chief else "as all workers, of which the first one saves"
            print(f"stopped by {name} at step {self.step}, {saved}; run the same command again to resume", flush=True)
            return 128 + signals.number
        if self._is_chief and self._export is not None:
            print(f"step {self.step} of {self.total_steps} is done; the model is {self._folder}", flush=True)
        return 0

    def _loop(self, end: int, grid: Batch | None, writer: tf.summary.SummaryWriter, signals: Signals) -> None:
        train = self._config.train
        batches, current = self._batches(), None
        steps: dict[Any, Callable[[Any], dict[str, tf.Tensor]]] = {}
        pending: list[dict[str, tf.Tensor]] = []
        start = mark = time.monotonic()
        before, stopping = float(self._seconds.numpy()), False
        if self.step == 0:  # a run that is killed before its first checkpoint can be started again, too
            self._checkpoints.save(0)
        while self.step < end and not stopping:
            step = self.step
            phase, phase_end = self._phase(step)
            if phase is not current:
                steps, current = {}, phase
            loss = self._loss(phase, step)
            if loss not in steps:
                steps[loss] = self._make_step(loss)
            for name, optimizer in self._optimizers.items():
                settings = train.optimizers.get(name, OptimizerConfig())
                optimizer.learning_rate = learning_rate(settings, step, self.total_steps, phase.learning_rate)
            pending.append(steps[loss](next(batches)))
            count = step + 1
            # Once per step: a later signal, as while a grid is drawn, takes effect at the next step, saved as well.
            stopping = signals.asked()
            last = count in (end, phase_end) or stopping
            saving = last or count % train.checkpoint_every == 0
            if saving or count % train.log_every == 0:
                rate = len(pending) / (time.monotonic() - mark)
                self._log(pending, phase.name, rate, writer)
                pending, mark = [], time.monotonic()
            if grid is not None and (last or count % train.image_every == 0):
                self._grid(grid, writer)
            if saving:
                self._seconds.assign(before + time.monotonic() - start)
                self._save()
                mark = time.monotonic()
