"""Configurations: frozen dataclasses, YAML over them, `--set key=value` over that.

A configuration is one tree of frozen dataclasses: `experiment` has its root, its parser and its writer, the other
modules the sections that all systems share. A system's own section is in `systems.SYSTEM.config`; `systems.parse` and
`systems.load` know all of them.
"""

from tfsketch.config.conditions import ColorConfig, HandConfig, MaskConfig, Range, StrokeConfig
from tfsketch.config.data import AffineConfig, DataConfig, PrepareConfig
from tfsketch.config.discriminators import DiscriminatorConfig, FeatureDiscriminatorConfig, ProjectedDiscriminatorConfig
from tfsketch.config.experiment import Config, Section, Sections, check_section, dump, load, parse, to_dict
from tfsketch.config.sketches import (
    SKETCH_STYLES,
    CannyConfig,
    FdogConfig,
    PhotocopyConfig,
    SimplifiedConfig,
    SketchConfig,
    XdogConfig,
)
from tfsketch.config.training import LossConfig, OptimizerConfig, PhaseConfig, TrainConfig

__all__ = [
    "SKETCH_STYLES",
    "AffineConfig",
    "CannyConfig",
    "ColorConfig",
    "Config",
    "DataConfig",
    "DiscriminatorConfig",
    "FdogConfig",
    "FeatureDiscriminatorConfig",
    "HandConfig",
    "LossConfig",
    "MaskConfig",
    "OptimizerConfig",
    "PhaseConfig",
    "PhotocopyConfig",
    "PrepareConfig",
    "ProjectedDiscriminatorConfig",
    "Range",
    "Section",
    "Sections",
    "SimplifiedConfig",
    "SketchConfig",
    "StrokeConfig",
    "TrainConfig",
    "XdogConfig",
    "check_section",
    "dump",
    "load",
    "parse",
    "to_dict",
]
