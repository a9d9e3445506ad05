"""Unknown keys of a configuration, and guesses at what was meant."""

from __future__ import annotations

import difflib
import typing
from typing import Any

from tfsketch.errors import ConfigError

GUESSES = {
    "steps": "train.phases.0.steps",
    "epochs": "train.phases.0.steps",
    "iterations": "train.phases.0.steps",
    "max_steps": "train.phases.0.steps",
    "lr": "train.optimizers.generator.learning_rate",
    "learning_rate": "train.optimizers.generator.learning_rate",
    "batch": "train.batch_size",
    "gpu": "train.strategy",
    "gpus": "train.strategy",
    "devices": "train.strategy",
    "mixed_precision": "train.precision",
    "save_every": "train.checkpoint_every",
    "size": "image_size",
    "side": "image_size",
    "resolution": "image_size",
    "data": "data.train",
    "dataset": "data.train",
    "folder": "data.train",
    "images": "data.train",
    "path": "data.train",
    "train_data": "data.train",
}
"""Names that people expect for settings with another name or in another section."""


class UnknownKeyError(ConfigError):
    """A key that its section does not have."""

    def __init__(self, key: str, valid: list[str], where: str, near: typing.Sequence[str] = ()):
        self.key, self.valid, self.where = key, valid, where
        near = near or difflib.get_close_matches(key, valid, n=1, cutoff=0.0)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        super().__init__(f"{where.strip()}: unknown key {key!r}{hint} (valid here: {', '.join(valid)})")

    def among(self, tree: dict[str, Any]) -> UnknownKeyError:
        """The same, with the nearest keys of the whole tree if the section has no near one."""
        if self.key not in GUESSES and difflib.get_close_matches(self.key, self.valid, n=1, cutoff=0.75):
            return self
        ends: dict[str, list[str]] = {}
        for path in paths_of(tree):
            ends.setdefault(path.rpartition(".")[2], []).append(path)
        near = _settings_of(self.key, tree) if self.key in GUESSES else []
        for end in difflib.get_close_matches(self.key, ends, n=2, cutoff=0.75):
            near += [path for path in ends[end] if path not in near]
        return UnknownKeyError(self.key, self.valid, self.where, near[:3])


def _settings_of(key: str, tree: dict[str, Any]) -> list[str]:
    """The settings that a key of `GUESSES` stands for; an optimizer's, for the networks that the tree names."""
    before, generator, end = GUESSES[key].partition(".generator.")
    networks = list(tree["train"]["optimizers"])
    if not generator or not networks or "generator" in networks:
        return [GUESSES[key]]
    return [f"{before}.{name}.{end}" for name in networks]


def paths_of(tree: Any, before: str = "") -> typing.Iterator[str]:
    """The paths of a plain tree's sections and values; of lists of sections those of the first."""
    for key, value in tree.items():
        yield before + key
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from paths_of(value[0], f"{before}{key}.0.")
        elif isinstance(value, dict):
            yield from paths_of(value, f"{before}{key}.")
