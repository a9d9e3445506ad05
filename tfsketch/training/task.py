"""What a system is to the trainer: its networks, and what one step does to a replica's share of the batch."""

from __future__ import annotations

import abc
import pathlib
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
"""minimize(name, tape, loss [B]): one optimiser step of a trained network. The trainer scales, reduces and clips."""


def weighted_sum(loss: LossConfig, terms: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The weighted sum [B] of terms that have their weights' names.

    Raises:
      TrainingError: there are no terms.
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
    """Its class, which the trainer builds again in float32 for grids and `weights.npz`; without one there are
    neither."""

    terms: ClassVar[Collection[str]] = ()
    """The weights of `config.model.loss` whose terms the task computes: all, or the trainer refuses it."""

    @property
    def trained_networks(self) -> dict[str, tf.keras.Model]:
        """Networks with an optimiser of their own, by the name that `minimize` takes: `networks`, unless the exported
        network has parts that are trained separately."""
        return self.networks

    @property
    def averaged_variables(self) -> list[tf.Variable]:
        """The exported network's variables that the moving average follows."""
        return self.networks[self.exported].trainable_variables

    def grow(self, folder: pathlib.Path, other: Config) -> bool:
        """Lets the exported network begin with a model of another size, where the system has a way to.

        Args:
          folder: the model directory that `train.init` names.
          other: its configuration.

        Returns:
          Whether it did. If not, variables are taken over by their names.

        Raises:
          ConfigError: the model is of a size to grow from, but differs in more.
        """
        return False

    @abc.abstractmethod
    def step(self, batch: Batch, loss: Any, minimize: Minimize) -> Terms:
        """One step on one replica.

        Args:
          batch: this replica's examples.
          loss: the loss weights of this step, of the class of `config.model.loss`; constants while tracing.
          minimize: to be called at least once per trained network.

        Returns:
          What to log, per example.
        """

    def draw(self, network: tf.keras.Model, batch: Batch) -> Batch:
        """The exported network's outputs for a grid's examples, for `sheet`: by default, of one call on the batch."""
        return network(batch)

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        """Rows of uint8 pictures, one row per example, and the columns' titles: the grid that shows training progress.

        Args:
          batch: the examples.
          outputs: what `draw` returned.
        """
        return sheets.layer_rows(batch, output=to_uint8(outputs["image"]))


def check_terms(config: Config, task: Task) -> None:
    """Raises `TrainingError` if a weight of the experiment's loss would have no effect: the task has no term of that
    name."""
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
    """Loads the weights of the model that `train.init` names into the exported network.

    Settings that change what a network computes but not its variables' shapes, such as a dilation, are compared with
    those that the weights were trained with; differences are printed.

    Raises:
      ConfigError: it is a model of another system, or `train.init_networks` names no trained part of the network.
      WeightsError: there are no weights, or they do not fit.
    """
    assert config.model is not None and task.network is not None  # a run without one trains nothing
    folder = shipped.model_folder(config.train.init)
    path = folder / "config.yaml"
    tree = document.read(document.text_of(path), str(path))
    theirs = tree if isinstance(tree, dict) else {}
    if (system := theirs.get("system", Config.system)) != config.system:
        raise ConfigError(f"train.init: expected a model of {config.system}, found one of {system} in {folder}")
    only = initial_variables(config.train.init_networks, task)
    if task.grow(folder, config_lib.load(path, {config.system: task.network.section})):
        if only is not None:
            raise ConfigError(
                f"train.init_networks: expected none, since the networks grow from {folder} together, found "
                f"{', '.join(config.train.init_networks)}"
            )
        print(f"train.init: grown from {folder}", flush=True)
        return
    model_directory.load_weights(task.networks[task.exported], folder / "weights.npz", only)
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
    """The variables that `train.init` sets: those of the networks in `train.init_networks`, None for all.

    Raises:
      ConfigError: a name is not that of a trained part of the exported network.
    """
    network = task.networks[task.exported]
    parts = [name for name, part in task.trained_networks.items() if part in network.submodules or part is network]
    if wrong_names := sorted(set(names) - set(parts)):
        raise ConfigError(
            f"train.init_networks: expected networks within the exported one ({', '.join(parts)}), found "
            f"{', '.join(wrong_names)}"
        )
    return [variable for name in names for variable in task.trained_networks[name].variables] if names else None
