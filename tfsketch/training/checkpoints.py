"""The checkpoints of a run: saved whole, found again under any name of the folder, never begun over."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

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


class Checkpoints:
    """Saves and restores the state of a training.

    Args:
      run: the run folder.
      state: what is saved, by name: variables, networks, optimisers.
      keep: how many of the newest stay.
      chief: whether this process's are those that count. The others must take part in saving, and do so into a folder
        of their own that nobody reads.

    Raises:
      TrainingError: the run has weights, a log or pictures, and no checkpoint to go on from: beginning again would
        overwrite them.
    """

    def __init__(self, run: pathlib.Path, state: dict[str, Any], keep: int, chief: bool = True):
        self._folder = run / "checkpoints"
        self._latest: str | None = tf.train.latest_checkpoint(paths.literal(self._folder))
        remains = _remains(run)
        if chief and remains and self._latest is None:
            raise TrainingError(
                f"{run}: expected an empty folder, or a run with a readable checkpoint to go on from, found "
                f"{', '.join(remains)} and no readable checkpoint in {self._folder}. Beginning again would overwrite "
                "them: choose another --model_dir, or move them away"
            )
        own = self._folder if chief else run / "workers" / str(os.getpid())
        own.mkdir(parents=True, exist_ok=True)  # TensorFlow makes no folder at the end of a link
        self._checkpoint = tf.train.Checkpoint(**state)
        self._manager = tf.train.CheckpointManager(self._checkpoint, paths.literal(own), max_to_keep=keep)

    @property
    def latest(self) -> str:
        """The newest checkpoint's path, for messages; empty where there is none."""
        latest = self._manager.latest_checkpoint or self._latest
        return str(self._folder / os.path.basename(latest)) if latest else ""

    def restore(self) -> bool:
        """Reads the newest checkpoint; False where there is none.

        Raises:
          TrainingError: it is damaged, or of other networks.
        """
        if self._latest is None:
            return False
        try:
            self._checkpoint.restore(self._latest).assert_existing_objects_matched()
        except (tf.errors.OpError, ValueError, AssertionError) as error:
            raise TrainingError(
                f"{self.latest}: expected a readable checkpoint of this experiment, found {type(error).__name__}: "
                f"{str(error)[:500]}. Nothing was overwritten; choose another --model_dir, or restore the file"
            ) from error
        return True

    def save(self, step: int) -> None:
        """Writes a checkpoint, and deletes the oldest where there are more than are kept."""
        self._manager.save(checkpoint_number=step)
