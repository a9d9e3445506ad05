"""Training: one trainer that knows no system, and one task per system."""

from __future__ import annotations

from tfsketch.config import Config
from tfsketch.training import cali_sketch, contextual_gan, face_parser, region_edit, sc_fegan
from tfsketch.training.trainer import Task

TASKS = {
    "sc_fegan": sc_fegan.ScFeganTask,
    "face_parser": face_parser.FaceParserTask,
    "cali_sketch": cali_sketch.CaliSketchTask,
    "contextual_gan": contextual_gan.ContextualGanTask,
    "region_edit": region_edit.RegionEditTask,
}
"""System -> what one training step of it does."""


def make_task(config: Config) -> Task:
    """The task of an experiment's system; called inside the strategy's scope."""
    return TASKS[config.system](config)
