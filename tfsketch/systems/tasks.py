"""Which task a system trains by."""

from __future__ import annotations

from collections.abc import Callable

from tfsketch.config import Config
from tfsketch.systems.cali_sketch import task as cali_sketch
from tfsketch.systems.contextual_gan import task as contextual_gan
from tfsketch.systems.face_parser import task as face_parser
from tfsketch.systems.region_edit import task as region_edit
from tfsketch.systems.sc_fegan import task as sc_fegan
from tfsketch.training.task import Task

TASKS: dict[str, Callable[[Config], Task]] = {
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
