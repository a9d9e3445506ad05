"""The systems, a room each, and the one table that has them all.

A room has the system's `config` (section `model`), its `network`, its `task` (what a training step does), its
`protocol` (how good it is) and its `signatures` (what it answers when it is served); its `__init__` makes of them the
record that stands here. A new system is a new folder and a line of `SYSTEMS`; `tests/systems/conformance.py` says what
it must be able to do.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from tfsketch import config as config_lib
from tfsketch.config import Config
from tfsketch.export.signatures import Signature
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.systems.cali_sketch import CALI_SKETCH
from tfsketch.systems.contextual_gan import CONTEXTUAL_GAN
from tfsketch.systems.face_parser import FACE_PARSER
from tfsketch.systems.record import System
from tfsketch.systems.region_edit import REGION_EDIT
from tfsketch.systems.sc_fegan import SC_FEGAN
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
    return {name: system.network for name, system in SYSTEMS.items()}


def _sections() -> config_lib.Sections:
    return {name: system.network.section for name, system in SYSTEMS.items()}


def parse(text: str, where: str = "config", overrides: Sequence[str] = ()) -> Config:
    """The configuration of an experiment of any system, from YAML text; see `config.parse`."""
    return config_lib.parse(text, _sections(), where, overrides)


def load(path: str | pathlib.Path, overrides: Sequence[str] = ()) -> Config:
    """The configuration of an experiment of any system, from a YAML file; see `config.parse`."""
    return config_lib.load(path, _sections(), overrides)


def experiment_of(name_or_dir: str | os.PathLike) -> Config:
    """The effective configuration of a model: of a shipped name or a model directory.

    Raises:
      WeightsError, ConfigError: it is no model directory, or its configuration cannot be read.
    """
    return load(model_directory.path_of(name_or_dir) / "config.yaml")


def build(config: Config) -> ExportedNetwork:
    """The exported network of an experiment, its variables made; see `model_directory.build`."""
    return model_directory.build(SYSTEMS[config.system].network, config)


def signatures(model: ExportedNetwork) -> dict[str, Signature]:
    """What an export of a model answers to, as `zoo.load_model` gives it."""
    return SYSTEMS[model.experiment.system].signatures(model)


def make_task(config: Config) -> Task:
    """The task of an experiment's system; called inside the strategy's scope."""
    return SYSTEMS[config.system].task(config)
