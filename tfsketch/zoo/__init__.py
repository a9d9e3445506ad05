"""Model directories: reading, writing, and the ones shipped with the package.

A model directory holds `config.yaml` (the effective configuration), `weights.npz` (an array per variable under its
name, float16 where shipped) and `README.md` (the model card). A run folder of `tools.train` is one too. NumPy's format,
because it is readable without TensorFlow and the same in both lanes."""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.errors import WeightsError
from tfsketch.images import files

SHIPPED = ("sc_fegan", "sc_fegan_mobile", "cali_sketch", "contextual_gan", "region_edit", "face_parser")
"""Models in this package, the default first."""


def model_dir(name_or_dir: str | os.PathLike) -> pathlib.Path:
    """The directory of a shipped model's name, or of a path.

    Raises:
      WeightsError: neither a shipped name nor a directory with a `config.yaml` and a `weights.npz`.
    """
    if str(name_or_dir) in SHIPPED:
        return pathlib.Path(__file__).parent / str(name_or_dir)
    path = pathlib.Path(name_or_dir)
    missing = [name for name in ("config.yaml", "weights.npz") if not (path / name).is_file()]
    if missing:
        raise WeightsError(
            f"expected a model directory or one of the shipped models {', '.join(SHIPPED)}; found no "
            f"{' and no '.join(missing)} in {path}"
        )
    return path


def check_free(folder: str | os.PathLike) -> None:
    """Raises `WeightsError` where a model directory cannot be written without losing something: it is a file, or holds
    weights."""
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise WeightsError(f"{folder}: expected a folder to write the model to, found a file")
    if (folder / "weights.npz").exists():
        raise WeightsError(
            f"{folder}: expected a folder without weights, found {folder / 'weights.npz'}, which is "
            "never overwritten; give another --output, or delete it"
        )


def variable_names(model: tf.keras.Model) -> dict[str, tf.Variable]:
    """The variables of a built model by name, such as `generator/gconv1_ds/kernel`."""
    named = {variable.name.removesuffix(":0"): variable for variable in model.variables}
    if len(named) != len(model.variables):
        raise WeightsError(f"{model.name}: two variables share a name; weights cannot be stored by name")
    return named


def load_weights(model: tf.keras.Model, path: str | os.PathLike) -> None:
    """Reads a `weights.npz` into a built model.

    Raises:
      WeightsError: damaged, or a variable is missing, left over or of another shape (named).
    """
    try:
        # NumPy leaves a file that it opened itself open where the archive is damaged.
        with open(path, "rb") as stored, np.load(stored, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise WeightsError(
            f"{path}: expected weights written by tfsketch, found {type(error).__name__}: {error}"
        ) from error
    except Exception as error:  # zipfile.BadZipFile and zlib.error share no base below Exception
        raise WeightsError(f"{path}: expected whole weights, found a damaged archive ({error})") from error
    named = variable_names(model)
    missing, extra = sorted(set(named) - set(arrays)), sorted(set(arrays) - set(named))
    if missing or extra:
        raise WeightsError(
            f"{path}: expected the weights of this configuration; missing: {', '.join(missing[:5]) or 'none'}"
            f"; unknown: {', '.join(extra[:5]) or 'none'}"
        )
    for name, variable in named.items():
        if tuple(arrays[name].shape) != tuple(variable.shape):
            raise WeightsError(
                f"{path}: {name}: expected the shape {tuple(variable.shape)}, found {arrays[name].shape}"
            )
        if not np.isfinite(arrays[name]).all():
            raise WeightsError(f"{path}: {name}: expected finite numbers, found NaN or infinity")
        variable.assign(arrays[name].astype(np.float32))


def load_config(name_or_dir: str | os.PathLike) -> config_lib.Config:
    """The effective configuration of a model."""
    return systems.load(model_dir(name_or_dir) / "config.yaml")


def load_model(name_or_dir: str | os.PathLike = "sc_fegan") -> tf.keras.Model:
    """A trained model, ready to be called with the vocabulary's dict.

    Args:
      name_or_dir: a shipped model's name, a run folder, or any model directory.

    Returns:
      The Keras model in float32; `model.experiment` is its `Config`.

    Raises:
      WeightsError, ConfigError: the directory cannot be used; the message says why.
    """
    folder = model_dir(name_or_dir)
    config = load_config(folder)
    model = systems.build(config)
    load_weights(model, folder / "weights.npz")
    model.experiment = config
    return model


def save_model(
    folder: str | os.PathLike,
    config: config_lib.Config,
    arrays: dict[str, np.ndarray],
    card: str,
    dtype: type = np.float32,
) -> None:
    """Writes a model directory, each file whole or not at all.

    Args:
      folder: made where it is missing.
      config: the effective configuration.
      arrays: a value per variable, by `variable_names`.
      card: the model card, in Markdown.
      dtype: type to store; float16 halves the file and moves pictures by less than 1/255 (tested).
    """
    folder = pathlib.Path(folder)
    buffer = io.BytesIO()
    stored: dict[str, Any] = {name: np.asarray(array, dtype) for name, array in arrays.items()}
    np.savez(buffer, **stored)
    files.write_bytes(folder / "weights.npz", buffer.getvalue())
    files.write_bytes(folder / "config.yaml", config_lib.dump(config).encode())
    files.write_bytes(folder / "README.md", card.encode())


def publish(run: str | os.PathLike, folder: str | os.PathLike, card: str) -> None:
    """Copies a run's model into a directory of its own, in float16, under a card written for its users.

    Args:
      run: a run folder or model directory.
      folder: such as `tfsketch/zoo/NAME`.
      card: the model card, in Markdown: data, command, steps, hours, metrics, licence, limits.
    """
    model = load_model(run)
    config = model.experiment
    # Paths of the machine that trained mean nothing elsewhere; the card names the data.
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, train="", validation=""),
        train=dataclasses.replace(config.train, init=""),
    )
    arrays = {name: variable.numpy() for name, variable in variable_names(model).items()}
    save_model(folder, config, arrays, card, np.float16)
