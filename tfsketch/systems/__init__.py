"""The systems, a room each, and what is common to all: their sections, their networks.

A room has the system's `config` (section `model`), its `network`, its `task` (what a training step does), its
`protocol` (how good it is) and its `signatures` (what it answers when it is served).
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import Config
from tfsketch.systems.cali_sketch.config import CaliSketchConfig
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.systems.contextual_gan.config import ContextualGanConfig
from tfsketch.systems.contextual_gan.network import ContextualGan
from tfsketch.systems.face_parser.config import FaceParserConfig
from tfsketch.systems.face_parser.network import FaceParser
from tfsketch.systems.region_edit.config import RegionEditConfig
from tfsketch.systems.region_edit.network import RegionEdit
from tfsketch.systems.sc_fegan.config import ScFeganConfig
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.vocabulary import shapes

SECTIONS: dict[str, type] = {
    "sc_fegan": ScFeganConfig,
    "face_parser": FaceParserConfig,
    "cali_sketch": CaliSketchConfig,
    "contextual_gan": ContextualGanConfig,
    "region_edit": RegionEditConfig,
}
"""System -> class of its section `model`."""

EXPORTED = {
    "sc_fegan": Generator,
    "face_parser": FaceParser,
    "cali_sketch": CaliSketch,
    "contextual_gan": ContextualGan,
    "region_edit": RegionEdit,
}
"""System -> class of the network that users run; built from the section `model`, vocabulary dict in and out. Its
`takes` names what it looks at of the vocabulary."""


def parse(text: str, where: str = "config", overrides: Sequence[str] = ()) -> Config:
    """The configuration of an experiment of any system, from YAML text; see `config.parse`."""
    return config_lib.parse(text, SECTIONS, where, overrides)


def load(path: str | pathlib.Path, overrides: Sequence[str] = ()) -> Config:
    """The configuration of an experiment of any system, from a YAML file; see `config.parse`."""
    return config_lib.load(path, SECTIONS, overrides)


def build(config: Config) -> tf.keras.Model:
    """The exported network of an experiment, its variables made (with one small picture of zeros, eagerly, so that
    names of variables do not depend on where the first call happens)."""
    model = EXPORTED[config.system](config.model)
    side = getattr(model, "smallest", model.stride)
    model({key: tf.zeros(shape) for key, shape in shapes(model, side).items()})
    return model
