"""Shipped models and model directories as Keras models: loading, and publishing for users."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfsketch import systems
from tfsketch.config.shipped import MODELS as SHIPPED
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork


def load_model(name_or_dir: str | os.PathLike = SHIPPED[0]) -> ExportedNetwork:
    """A trained model, ready to be called with the vocabulary's dict.

    Args:
      name_or_dir: a shipped model's name, a run folder, or any model directory.

    Returns:
      The Keras model in float32; `model.experiment` is its `Config`.

    Raises:
      WeightsError, ConfigError: the directory cannot be used; the message says why.
    """
    return model_directory.load(name_or_dir, systems.networks())


def publish(run: str | os.PathLike, folder: str | os.PathLike, card: str) -> None:
    """Copies a run's model to a directory, in float16, with a model card for users.

    Args:
      run: a run folder or model directory.
      folder: such as `tfsketch/zoo/NAME`.
      card: the model card, in Markdown: data, command, steps, hours, metrics, licence, limits.
    """
    model = load_model(run)
    config = model.experiment
    # Paths on the training machine mean nothing elsewhere; the card names the data.
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, train="", validation=""),
        train=dataclasses.replace(config.train, init="", init_networks=()),
    )
    arrays = {name: value.numpy() for name, value in model_directory.variable_names(model).items()}
    model_directory.save(folder, config, arrays, card, np.float16)
