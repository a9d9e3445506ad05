"""What a system is to the trainer: its networks, and what one step does to a replica's share of the batch."""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import Config, LossConfig, document, shipped
from tfsketch.errors import ConfigError, TrainingError
from tfsketch.images import sheets
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.vocabulary import to_uint8

Batch = dict[str, tf.Tensor]
Terms = dict[str, tf.Tensor]
"""Named values per example, [B] float32."""
Minimize = Callable[[str, tf.GradientTape, tf.Tensor], None]
"""minimize(player, tape, loss [B]): one optimiser step of a player's network. The trainer scales, reduces and clips."""


def weighted(loss: LossConfig, terms: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The sum [B] of terms under their weights' names, weighted.

    Raises:
      TrainingError: there is none.
    """
    if not terms:
        raise TrainingError(f"{type(loss).__name__}: expected a weight above 0 for what a network learns, found none")
    return tf.add_n([getattr(loss, name) * term for name, term in terms.items()])


class Task(abc.ABC):
    """A system under training. Made inside the strategy's scope and under the precision's policy."""

    networks: dict[str, tf.keras.Model]
    """Built networks by name; together they hold every variable of the system."""
    exported: str
    """The network that users run: it gets the moving average, the grids, and `weights.npz`."""
    network: ClassVar[type[ExportedNetwork] | None] = None
    """Its class, of which the trainer makes a twin in float32 for grids and `weights.npz`; without one there are
    neither."""

    terms: ClassVar[Collection[str]] = ()
    """The weights of `config.model.loss` whose terms it computes: all, or the trainer refuses it."""

    @property
    def players(self) -> dict[str, tf.keras.Model]:
        """Who moves, by name: `minimize(name, ...)` takes an optimiser step of its trainable variables. Every network,
        but in a system whose exported network is made of several players."""
        return self.networks

    @property
    def averaged(self) -> list[tf.Variable]:
        """The exported network's variables that the moving average follows."""
        return self.networks[self.exported].trainable_variables

    @abc.abstractmethod
    def step(self, batch: Batch, loss: Any, minimize: Minimize) -> Terms:
        """One step on one replica.

        Args:
          batch: this replica's examples.
          loss: the loss weights of this step, of the class of `config.model.loss`; constants while tracing.
          minimize: to be called once or more per player.

        Returns:
          What to log, per example.
        """

    def draw(self, network: tf.keras.Model, batch: Batch) -> Batch:
        """What the exported network makes of a grid's examples, for `sheet`: one call with the batch as it is, but in a
        system that shows more than one thing."""
        return network(batch)

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        """Rows of uint8 pictures, one an example, and the columns' titles: the grid that shows how training goes.

        Args:
          batch: the examples, whole.
          outputs: of `draw`.
        """
        return sheets.layer_rows(batch, output=to_uint8(outputs["image"]))


def check_terms(config: Config, task: Task) -> None:
    """Raises `TrainingError` where a weight of an experiment's loss would have no effect, because the task has no term
    of that name."""
    if task.network is None or config.model is None:
        return
    missing = [name for name in config.model.loss.weights() if name not in task.terms]
    if missing:
        raise TrainingError(
            f"{type(config.model.loss).__name__}: expected a term of {type(task).__name__} for every weight, found "
            f"none for {', '.join(missing)}"
        )


def _settings(tree: Any, before: str = "") -> dict[str, Any]:
    """A plain tree's values by their paths."""
    if not isinstance(tree, dict):
        return {before: tree}
    return {path: value for key, part in tree.items() for path, value in _settings(part, f"{before}.{key}").items()}


def load_initial(config: Config, task: Task) -> None:
    """Weights of the model that `train.init` names into the exported network.

    Settings that change what a network computes, and not its variables' shapes, such as a dilation, are compared with
    those that the weights were trained with, and told where they differ.

    Raises:
      ConfigError: it is a model of another system, or `train.init_players` names a player that is none.
      WeightsError: there is none, or its weights do not fit.
    """
    folder = shipped.model_folder(config.train.init)
    path = folder / "config.yaml"
    tree = document.read(document.text_of(path), str(path))
    theirs = tree if isinstance(tree, dict) else {}
    if (system := theirs.get("system", Config.system)) != config.system:
        raise ConfigError(f"train.init: expected a model of {config.system}, found one of {system} in {folder}")
    only = initial_variables(config.train.init_players, task)
    model_directory.load_weights(task.networks[task.exported], folder / "weights.npz", only)
    assert config.model is not None  # it is what is trained
    changeable = tuple(f".{key}" for key in config.model.changeable)
    ours, old = (_settings(part) for part in (config_lib.to_dict(config.model), theirs.get("model")))
    other = [
        f"model{key}={value} here, {old[key]} there"
        for key, value in ours.items()
        if old.get(key, value) != value and not key.startswith(changeable)
    ]
    if other:
        print(f"train.init: {folder} was trained with other settings: {'; '.join(other)}", flush=True)


def initial_variables(names: Collection[str], task: Task) -> list[tf.Variable] | None:
    """What takes its weights from `train.init`: the variables of the players of `train.init_players`, None for all.

    Raises:
      ConfigError: a name is none of a player in the exported network.
    """
    network = task.networks[task.exported]
    players = [name for name, player in task.players.items() if player in network.submodules or player is network]
    if unknown := sorted(set(names) - set(players)):
        raise ConfigError(
            f"train.init_players: expected players of the exported network ({', '.join(players)}), found "
            f"{', '.join(unknown)}"
        )
    return [variable for name in names for variable in task.players[name].variables] if names else None
