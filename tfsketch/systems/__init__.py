"""The systems, a room each, and the one table that has them all.

A room has the system's `config` (section `model`), its `network`, its `task` (what a training step does), its
`protocol` (how good it is) and its `signatures` (what it answers when it is served); its `__init__` makes of them the
record that stands here. A new system is a new folder and a line of `SYSTEMS`; `tests/systems/conformance.py` says what
it must be able to do. What needs TensorFlow is imported when it is asked for: a mistake in a
configuration is told at once.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfsketch import config as config_lib
from tfsketch.config import Config, shipped
from tfsketch.errors import DataError, WeightsError
from tfsketch.systems.cali_sketch import CALI_SKETCH
from tfsketch.systems.contextual_gan import CONTEXTUAL_GAN
from tfsketch.systems.face_parser import FACE_PARSER
from tfsketch.systems.record import System
from tfsketch.systems.region_edit import REGION_EDIT
from tfsketch.systems.sc_fegan import SC_FEGAN

if TYPE_CHECKING:
    from tfsketch.export.signatures import Signature
    from tfsketch.nn.exported import ExportedNetwork
    from tfsketch.training.task import Task

SYSTEMS: dict[str, System] = {
    "sc_fegan": SC_FEGAN,
    "cali_sketch": CALI_SKETCH,
    "contextual_gan": CONTEXTUAL_GAN,
    "region_edit": REGION_EDIT,
    "face_parser": FACE_PARSER,
}
"""The systems by name."""


def networks() -> dict[str, type[ExportedNetwork]]:
    """System -> class of the network that users run."""
    return {name: system.parts().network for name, system in SYSTEMS.items()}


def _sections() -> config_lib.Sections:
    return {name: system.section for name, system in SYSTEMS.items()}


def parse(text: str, where: str = "config", overrides: Sequence[str] = ()) -> Config:
    """The configuration of an experiment of any system, from YAML text; see `config.parse`."""
    return config_lib.parse(text, _sections(), where, overrides)


def load(path: str | pathlib.Path, overrides: Sequence[str] = ()) -> Config:
    """The configuration of an experiment of any system, from a YAML file; see `config.parse`."""
    return config_lib.load(path, _sections(), overrides)


def experiment_of(name_or_dir: str | os.PathLike) -> Config:
    """The effective configuration of a model: of a shipped name or a model directory.

    Raises:
      WeightsError, ConfigError: it is not a model directory, or its configuration cannot be read.
    """
    return load(shipped.model_folder(name_or_dir) / "config.yaml")


def way_of(name_or_dir: str | os.PathLike) -> str | None:
    """The way of working of a shipped model's name or of a model directory; None of anything else, such as an export,
    which has to be loaded to know it.

    Raises:
      ConfigError: its configuration cannot be read.
    """
    try:
        folder = shipped.model_folder(name_or_dir)
    except WeightsError:
        return None
    return SYSTEMS[experiment_of(folder).system].way


def check_protocol(system: str, name: str) -> None:
    """Raises `DataError` where a system has no protocol of this name; of none it is the usual one."""
    names = SYSTEMS[system].protocols
    if (name or next(iter(names), "")) not in names:
        has = ", ".join(names) or "none"
        raise DataError(f"protocol: expected one for a model of {system} ({has}), found {name!r}")


def build(config: Config) -> ExportedNetwork:
    """The exported network of an experiment, its variables made; see `model_directory.build`."""
    from tfsketch.nn import model_directory

    return model_directory.build(SYSTEMS[config.system].parts().network, config)


def signatures(model: ExportedNetwork) -> dict[str, Signature]:
    """The signatures of a model's exports, for a model from `zoo.load_model`."""
    return SYSTEMS[model.experiment.system].parts().signatures(model)


def make_task(config: Config) -> Task:
    """The task of an experiment's system; called inside the strategy's scope."""
    return SYSTEMS[config.system].parts().task(config)
