"""Model directories: reading and writing them.

A model directory holds `config.yaml` (the effective configuration), `weights.npz` (an array per variable under its
name, float16 in shipped ones) and `README.md` (the model card). A run folder of `tools.train` is one too;
`config.shipped.model_folder` resolves names. NumPy's format, because it is readable without TensorFlow and the same in
both lanes.
"""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config.shipped import model_folder
from tfsketch.errors import WeightsError
from tfsketch.images import files
from tfsketch.nn.exported import ExportedNetwork, shapes

NetworkT = TypeVar("NetworkT", bound=ExportedNetwork)


def variable_names(model: tf.keras.Model) -> dict[str, tf.Variable]:
    """The variables of a built model by name, such as `generator/gconv1_ds/kernel`."""
    variables = {variable.name.removesuffix(":0"): variable for variable in model.variables}
    if len(variables) != len(model.variables):
        raise WeightsError(f"{model.name}: two variables share a name; weights cannot be stored by name")
    return variables


def load_weights(model: tf.keras.Model, path: str | os.PathLike, only: Collection[tf.Variable] | None = None) -> None:
    """Reads a `weights.npz` into a built model.

    Args:
      model: with the same variables.
      path: of the file.
      only: read only these variables of the model; others in the file may be anything.

    Raises:
      WeightsError: damaged, or a variable is missing, left over or of another shape (named).
    """
    try:
        # NumPy leaves a file that it opened itself open if the archive is damaged.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise WeightsError(
            f"{path}: expected weights written by tfsketch, found {type(error).__name__}: {error}"
        ) from error
    except Exception as error:  # zipfile.BadZipFile and zlib.error share no base below Exception
        raise WeightsError(f"{path}: expected whole weights, found a damaged archive ({error})") from error
    variables = variable_names(model)
    if only is not None:
        wanted_ids = {id(variable) for variable in only}
        variables = {name: value for name, value in variables.items() if id(value) in wanted_ids}
        arrays = {name: value for name, value in arrays.items() if name in variables}
    missing, extra = sorted(set(variables) - set(arrays)), sorted(set(arrays) - set(variables))
    if missing or extra:
        raise WeightsError(
            f"{path}: expected the weights of this configuration; missing: {', '.join(missing[:5]) or 'none'}"
            f"; unknown: {', '.join(extra[:5]) or 'none'}"
        )
    for name, variable in variables.items():
        if tuple(arrays[name].shape) != tuple(variable.shape):
            raise WeightsError(
                f"{path}: {name}: expected the shape {tuple(variable.shape)}, found {arrays[name].shape}"
            )
        if not np.isfinite(arrays[name]).all():
            raise WeightsError(f"{path}: {name}: expected finite numbers, found NaN or infinity")
        variable.assign(arrays[name].astype(np.float32))


def build(network: type[NetworkT], config: config_lib.Config) -> NetworkT:
    """The exported network of an experiment, its variables created: by an eager call on one small picture of zeros, so
    that names of variables do not depend on where the first call happens.

    Raises:
      ConfigError: the experiment belongs to another system.
    """
    model = network(config.section(network.section))
    model.experiment = config
    model({key: tf.zeros(shape) for key, shape in shapes(model, model.smallest).items()})
    return model


def load(
    name_or_dir: str | os.PathLike, networks: Mapping[str, type[NetworkT]], overrides: Sequence[str] = ()
) -> NetworkT:
    """A trained network in float32, of one of several systems.

    Args:
      name_or_dir: a shipped model's name, a run folder, or any model directory.
      networks: system -> class of its exported network; those that the caller can use.
      overrides: as of `config.parse`.

    Raises:
      WeightsError, ConfigError: the directory cannot be used; the message says why.
    """
    folder = model_folder(name_or_dir)
    sections = {system: network.section for system, network in networks.items()}
    config = config_lib.load(folder / "config.yaml", sections, overrides)
    model = build(networks[config.system], config)
    load_weights(model, folder / "weights.npz")
    model.folder = folder
    return model


def save(
    folder: str | os.PathLike,
    config: config_lib.Config,
    arrays: dict[str, np.ndarray],
    card: str,
    dtype: type = np.float32,
) -> None:
    """Writes a model directory, each file atomically.

    Args:
      folder: made if it is missing.
      config: the effective configuration.
      arrays: a value per variable, by `variable_names`.
      card: the model card, in Markdown.
      dtype: type to store; float16 halves the file and moves pictures by less than 1/255 (tested).
    """
    folder = pathlib.Path(folder)
    buffer = io.BytesIO()
    values: dict[str, Any] = {name: np.asarray(array, dtype) for name, array in arrays.items()}
    np.savez(buffer, **values)
    files.write_bytes(folder / "weights.npz", buffer.getvalue())
    files.write_bytes(folder / "config.yaml", config_lib.dump(config).encode())
    files.write_bytes(folder / "README.md", card.encode())
