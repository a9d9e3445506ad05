"""A run's own records.

`config.yaml` (effective), `runs.jsonl` (every start: command, versions, devices), `metrics.jsonl` (a line per logged
step, without repetitions across resumes), and the text of the model card. Beside them the trainer writes
`checkpoints/`, `grids/`, `tensorboard/`, and `weights.npz` + `README.md`, which make the folder a model directory.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import sys
from typing import Any

import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import Config, document
from tfsketch.errors import TrainingError
from tfsketch.images import files
from tfsketch.version import __version__

_OTHER = "{} holds a run with {} = {!r}; found {!r}. Resume with the same, or choose another --model_dir"


def check_resumable(old: Config, new: Config, folder: pathlib.Path) -> None:
    """Raises TrainingError if `new` cannot resume a run of `old`: other networks, size, seed or batch."""
    assert new.model is not None  # a run without one trains nothing
    old_tree, new_tree = config_lib.to_dict(old), config_lib.to_dict(new)
    for tree in (old_tree, new_tree):
        tree["batch_size"] = tree["train"]["batch_size"]
        tree["model"] = {k: v for k, v in tree["model"].items() if k not in new.model.changeable}
    for key in ("system", "image_size", "seed", "batch_size", "model"):
        if old_tree[key] != new_tree[key]:
            raise TrainingError(_OTHER.format(folder, key, old_tree[key], new_tree[key]))


def _load(path: pathlib.Path, like: Config) -> Config:
    """The configuration of an earlier start, of the same system as `like`.

    Raises:
      TrainingError: it belongs to another system.
      ConfigError: it cannot be read.
    """
    tree = document.read(document.text_of(path), str(path))
    if isinstance(tree, dict) and tree.get("system", like.system) != like.system:
        raise TrainingError(_OTHER.format(path.parent, "system", tree["system"], like.system))
    assert like.model is not None  # a run without one trains nothing
    return config_lib.load(path, {like.system: type(like.model)})


def _began(folder: pathlib.Path) -> bool:
    """Whether there is a run in a folder with a `config.yaml`, and not merely a start of ours that failed before its
    first checkpoint, as one whose pictures have another size: what comes next may be anything."""
    return not (folder / "runs.jsonl").exists() or any((folder / "checkpoints").glob("*.index"))


class RunFolder:
    """A run's folder; nothing is written before `open`."""

    def __init__(self, path: pathlib.Path, config: Config):
        """Args:
          path: the folder, made by `open` if it is missing.
          config: the experiment.

        Raises:
          TrainingError: the folder holds a run that this configuration cannot resume.
        """
        self._path, self._config = path, config
        self._start: dict[str, Any] = {}
        if (path / "config.yaml").exists() and _began(path):
            check_resumable(_load(path / "config.yaml", config), config, path)

    def open(self, step: int, replicas: int) -> None:
        """Records this start, and drops log lines after the step that is resumed from."""
        self._path.mkdir(parents=True, exist_ok=True)
        files.write_bytes(self._path / "config.yaml", config_lib.dump(self._config).encode())
        self._start = {
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "step": step,
            "command": sys.argv,
            "tfsketch": __version__,
            "tensorflow": tf.__version__,
            "replicas": replicas,
            "devices": [d.name for d in tf.config.list_logical_devices()],
        }
        with open(self._path / "runs.jsonl", "ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")  # after a line that a full disk cut off
            file.write(json.dumps(self._start).encode() + b"\n")
        log = self._path / "metrics.jsonl"
        if log.exists():
            lines = []
            for line in log.read_text(encoding="utf-8").splitlines():
                try:
                    if json.loads(line)["step"] <= step:
                        lines.append(line + "\n")
                except (json.JSONDecodeError, KeyError, TypeError):
                    pass  # a line cut off by a kill, or not ours
            files.write_bytes(log, "".join(lines).encode())

    def append(self, row: dict[str, Any]) -> None:
        """Adds a line to `metrics.jsonl`."""
        with open(self._path / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def card(self, progress: str, hours: float, pictures: int) -> str:
        """The model card of a run, in Markdown.

        Args:
          progress: such as "10 of 20 steps of 8 examples".
          hours: spent training, over all starts.
          pictures: in the training set.
        """
        card = (
            f"# {self._config.system}\n\nTrained by tfsketch {__version__} (TensorFlow {tf.__version__}): "
            f"{progress}, {hours:.2f} hours, {pictures} pictures from `{self._config.data.train}`, "
            f"{self._start['replicas']} replica(s).\n\n    {' '.join(self._start['command'])}\n\n"
            "Effective configuration: `config.yaml`. Losses: `metrics.jsonl`.\n"
        )
        # A path may hold bytes that are not text.
        return card.encode("utf-8", errors="backslashreplace").decode()
