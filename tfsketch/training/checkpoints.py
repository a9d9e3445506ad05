"""The checkpoints of a run: saved whole, found again under any name of the folder, never begun over.

TensorFlow stores a checksum with every tensor and every block of the index, and compares them in reading: a checkpoint
that a disk has damaged, or that a power failure has cut, is noticed. Training then goes on from the one before, which
costs some steps and changes no result, since a step follows from the state and its number alone.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Optional

import tensorflow as tf

from tfsketch.errors import TrainingError
from tfsketch.images import paths


def _remains(run: pathlib.Path) -> list[str]:
    """What of an earlier training lies in a folder, beside what a start writes before its first step."""
    remains = [f"{len(list((run / 'checkpoints').glob('*.index')))} checkpoints"]
    remains = [] if remains[0].startswith("0 ") else remains
    if (run / "weights.npz").exists():
        remains.append("weights.npz")
    log = run / "metrics.jsonl"
    if log.exists() and log.stat().st_size:
        step = ""
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                step = f" up to step {json.loads(line)['step']}"
            except (json.JSONDecodeError, KeyError, TypeError):
                pass  # the line that a kill cut in two, or one that is not ours
        remains.append(f"metrics.jsonl{step}")
    if any((run / "grids").glob("*.png")):
        remains.append("grids")
    return remains


def _stored_as(key: str, value: Any, names: Sequence[str]) -> Any:
    """What of a part of the state a checkpoint has: of an optimizer that scales losses all but the scale, where the run
    has computed in another precision so far."""
    scaled = isinstance(value, tf.keras.mixed_precision.LossScaleOptimizer)
    if not scaled or any(name.startswith(f"{key}/loss_scale/") for name in names):
        return value
    # By the names in the checkpoint; Keras puts the scale among the optimizer's own.
    parts = value._trackable_children()
    return tf.train.Checkpoint(**{name: part for name, part in parts.items() if name != "loss_scale"})


class Checkpoints:
    """Saves and restores the state of a training.

    Args:
      run: the run folder.
      state: what is saved, by name: variables, networks, optimisers.
      addable: names of what a run may gain later, such as a further discriminator when a weight is first set: where a
        checkpoint has nothing of one at all, it starts as it was made, or as the function beside its name makes it once
        the rest is read, and that is said.
      keep: how many of the newest stay.
      chief: whether this process's are those that count. The others must take part in saving, and do so into a folder
        of their own that nobody reads.

    Raises:
      TrainingError: the run has weights, a log or pictures, and no checkpoint to go on from: beginning again would
        overwrite them.
    """

    def __init__(
        self,
        run: pathlib.Path,
        state: dict[str, Any],
        keep: int,
        chief: bool = True,
        addable: Mapping[str, Optional[Callable[[], None]]] = MappingProxyType({}),
    ):
        self._folder = run / "checkpoints"
        self._names = self._saved()
        remains = _remains(run)
        if chief and remains and not self._names:
            raise TrainingError(
                f"{run}: expected an empty folder, or a run with a readable checkpoint to go on from, found "
                f"{', '.join(remains)} and no checkpoint in {self._folder}. Beginning again would overwrite "
                "them: choose another --model_dir, or move them away"
            )
        self._current = next(iter(self._names), "")
        self._own = self._folder if chief else run / "workers" / str(os.getpid())
        self._own.mkdir(parents=True, exist_ok=True)  # TensorFlow makes no folder at the end of a link
        self._state, self._addable = state, addable
        self._checkpoint = tf.train.Checkpoint(**state)
        self._manager = tf.train.CheckpointManager(self._checkpoint, paths.literal(self._own), max_to_keep=keep)

    def _saved(self) -> list[str]:
        """The names of the checkpoints, such as ckpt-20, in the order to try them: TensorFlow's list from the newest
        on, then, where that is damaged or lost, what else lies there by number."""
        there = {path.stem: path for path in self._folder.glob("ckpt-*.index")}
        state = tf.train.get_checkpoint_state(paths.literal(self._folder))
        listed = [os.path.basename(path) for path in reversed(state.all_model_checkpoint_paths)] if state else []
        others = sorted(set(there) - set(listed), key=lambda name: -int("0" + name.rpartition("-")[2]))
        return [name for name in [*listed, *others] if name in there]

    @property
    def latest(self) -> str:
        """The path of the checkpoint that was saved or read last, for messages; empty where there is none."""
        return str(self._folder / self._current) if self._current else ""

    def renew(self) -> None:
        """Reads the newest checkpoint again where another process has trained here since this one looked."""
        if self._names != self._saved():
            self.restore()

    def restore(self) -> bool:
        """Reads the newest checkpoint that can be read, and says so where that is not the newest; False where there is
        none at all.

        Raises:
          TrainingError: all are damaged, or of other networks.
        """
        self._names = self._saved()
        damaged: list[str] = []
        for name in self._names:
            path = os.path.join(paths.literal(self._folder), name)
            try:
                names = [key for key, _ in tf.train.list_variables(path)]
                stored = {name.split("/")[0] for name in names}
                new = [
                    key for key, value in self._state.items() if key in self._addable and value and key not in stored
                ]
                rest = {key: _stored_as(key, value, names) for key, value in self._state.items() if key not in new}
                as_made = all(rest.get(key) is value for key, value in self._state.items())
                checkpoint = self._checkpoint if as_made else tf.train.Checkpoint(**rest)
                # What is no longer part of the run, such as a loss scale, is left where it is.
                checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
            except (tf.errors.OpError, ValueError, AssertionError) as error:
                damaged.append(
                    f"{self._folder / name}: expected a readable checkpoint of this experiment, found "
                    f"{type(error).__name__}: {str(error)[:500]}"
                )
                continue
            if damaged:
                print(f"{'; '.join(damaged)}. Going on from the one before, {self._folder / name}", flush=True)
            if new:
                print(f"{self._folder / name}: nothing of {', '.join(new)}, which is new here and starts afresh")
            for begin in filter(None, map(self._addable.get, new)):
                begin()
            self._current = name
            return True
        if damaged:
            raise TrainingError(
                f"{damaged[0]}. Nothing was overwritten; choose another --model_dir, or restore the file"
            )
        return False

    def save(self, step: int) -> None:
        """Writes a checkpoint, and deletes the oldest where there are more than are kept.

        Raises:
          TrainingError: it cannot be written; those before are as they were.
        """
        try:
            self._current = os.path.basename(self._manager.save(checkpoint_number=step))
        except (tf.errors.OpError, OSError) as error:
            reason = error.message if isinstance(error, tf.errors.OpError) else str(error)
            raise TrainingError(
                f"{self._own}: expected to save a checkpoint at step {step}, found: {reason}. The last one is "
                f"{self.latest or '(none)'}; make room there and run the same command again to go on from it"
            ) from error
        self._names = self._saved()
