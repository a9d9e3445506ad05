"""The checkpoints of a run: saved whole, found after a rename of the folder, never overwritten by a new start.

TensorFlow stores a checksum with every tensor and every block of the index, and compares them when reading, so that
damage by a disk or a power failure is detected. Training then continues from the checkpoint before, which costs some
steps and changes no result, since a step depends on the state and its number alone.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Optional

import tensorflow as tf

from tfsketch.errors import TrainingError
from tfsketch.images import paths


def _remains(run: pathlib.Path) -> list[str]:
    """The remains of an earlier training in a folder, apart from what a start writes before its first step."""
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
                pass  # a line cut off by a kill, or not ours
        remains.append(f"metrics.jsonl{step}")
    if any((run / "grids").glob("*.png")):
        remains.append("grids")
    return remains


def _restorable(key: str, value: Any, names: Sequence[str]) -> Any:
    """The object to restore a part of the state with: an optimizer that scales losses without its scale, if the run has
    used another precision so far."""
    scales_loss = isinstance(value, tf.keras.mixed_precision.LossScaleOptimizer)
    if not scales_loss or any(name.startswith(f"{key}/loss_scale/") for name in names):
        return value
    # By the names in the checkpoint; Keras puts the scale among the optimizer's own.
    parts = value._trackable_children()
    return tf.train.Checkpoint(**{name: part for name, part in parts.items() if name != "loss_scale"})


class Checkpoints:
    """Saves and restores the state of a training.

    Args:
      run: the run folder.
      state: what is saved, by name: variables, networks, optimisers.
      addable: names of parts that a run may gain later, such as another discriminator once its weight is set: a part
        that is missing from a checkpoint keeps its initial state, or gets that of the function beside its name once the
        rest is restored, with a message.
      keep: how many of the newest stay.
      chief: whether this process's checkpoints count. Others must take part in saving, into folders of their own that
        nobody reads and that are gone afterwards.

    Raises:
      TrainingError: the run has weights, a log or pictures, but no checkpoint to resume from: a new start would
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
        self._names = self._names_on_disk()
        remains = _remains(run)
        if chief and remains and not self._names:
            raise TrainingError(
                f"{run}: expected an empty folder, or a run with a readable checkpoint to go on from, found "
                f"{', '.join(remains)} and no checkpoint in {self._folder}. Beginning again would overwrite "
                "them: choose another --model_dir, or move them away"
            )
        self._current = next(iter(self._names), "")
        # Not by the process's number alone: those of containers on several machines are the same.
        self._own = self._folder if chief else run / f".worker-{secrets.token_hex(8)}"
        if chief:
            self._own.mkdir(parents=True, exist_ok=True)  # TensorFlow makes no folder at the end of a link
        self._state, self._addable = state, addable
        self._checkpoint = tf.train.Checkpoint(**state)
        self._manager = tf.train.CheckpointManager(self._checkpoint, paths.literal(self._own), max_to_keep=keep)

    def _names_on_disk(self) -> list[str]:
        """The names of the checkpoints, such as ckpt-20, in the order to try them: TensorFlow's list, newest first,
        then, in case that is damaged or lost, other files by number."""
        there = {path.stem: path for path in self._folder.glob("ckpt-*.index")}
        state = tf.train.get_checkpoint_state(paths.literal(self._folder))
        names = [os.path.basename(path) for path in reversed(state.all_model_checkpoint_paths)] if state else []
        others = sorted(set(there) - set(names), key=lambda name: -int("0" + name.rpartition("-")[2]))
        return [name for name in [*names, *others] if name in there]

    @property
    def latest(self) -> str:
        """The path of the checkpoint that was saved or read last, for messages; empty if there is none."""
        return str(self._folder / self._current) if self._current else ""

    def renew(self) -> None:
        """Reads the newest checkpoint again if another process has trained here in the meantime."""
        if self._names != self._names_on_disk():
            self.restore()

    def restore(self) -> bool:
        """Restores the newest readable checkpoint, with a message if that is not the newest; False if there is none.

        Raises:
          TrainingError: all are damaged, or of other networks.
        """
        self._names = self._names_on_disk()
        errors: list[str] = []
        for name in self._names:
            path = os.path.join(paths.literal(self._folder), name)
            try:
                names = [key for key, _ in tf.train.list_variables(path)]
                parts = {name.split("/")[0] for name in names}
                new = [key for key, value in self._state.items() if key in self._addable and value and key not in parts]
                rest = {key: _restorable(key, value, names) for key, value in self._state.items() if key not in new}
                as_made = all(rest.get(key) is value for key, value in self._state.items())
                checkpoint = self._checkpoint if as_made else tf.train.Checkpoint(**rest)
                # Parts that the run no longer has, such as a loss scale, are ignored.
                checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
            except (tf.errors.OpError, ValueError, AssertionError) as error:
                errors.append(
                    f"{self._folder / name}: expected a readable checkpoint of this experiment, found "
                    f"{type(error).__name__}: {str(error)[:500]}"
                )
                continue
            if errors:
                print(f"{'; '.join(errors)}. Going on from the one before, {self._folder / name}", flush=True)
            if new:
                print(f"{self._folder / name}: nothing of {', '.join(new)}, which is new here and starts afresh")
            for begin in filter(None, map(self._addable.get, new)):
                begin()
            self._current = name
            return True
        if errors:
            raise TrainingError(
                f"{errors[0]}. Nothing was overwritten; choose another --model_dir, or restore the file"
            )
        return False

    def save(self, step: int) -> None:
        """Writes a checkpoint, and deletes the oldest if there are too many.

        Raises:
          TrainingError: it cannot be written; earlier ones are untouched.
        """
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            self._current = os.path.basename(self._manager.save(checkpoint_number=step))
        except (tf.errors.OpError, OSError) as error:
            reason = error.message if isinstance(error, tf.errors.OpError) else str(error)
            raise TrainingError(
                f"{self._own}: expected to save a checkpoint at step {step}, found: {reason}. The last one is "
                f"{self.latest or '(none)'}; make room there and run the same command again to go on from it"
            ) from error
        finally:
            if self._own != self._folder:  # as large as the chief's, in every worker and at every start
                shutil.rmtree(self._own, ignore_errors=True)
        self._names = self._names_on_disk()
