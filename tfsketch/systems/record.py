"""What a system is to the rest of the package: one record, made in its room."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from tfsketch.config import Config
from tfsketch.data.shards import Shards
from tfsketch.evaluation.report import Results
from tfsketch.export.signatures import Signature
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.training.task import Task


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How good a model of a system is: a fixed measurement, so that numbers of different models and runs compare."""

    measure: Callable[..., Results]
    """(model, pictures, their side, how many) -> results."""
    side: int = 0
    """Of the pictures by default, in pixels; 0 is the one that the model was trained at."""

    def __call__(self, model: ExportedNetwork, shards: Shards, side: int, count: int) -> Results:
        return self.measure(model, shards, side, count)


@dataclasses.dataclass(frozen=True)
class System:
    """A system. What its network takes, gives and is for, the network says itself (`nn.exported`); which conditions its
    batches hold and what a resumed run may change, its section of the configuration (`config.Section`)."""

    network: type[ExportedNetwork]
    """Class of the network that users run; its `section` is the class of the section `model`."""
    task: Callable[[Config], Task]
    """What a training step does; called inside the strategy's scope."""
    signatures: Callable[..., dict[str, Signature]]
    """What an export of a model answers to."""
    protocols: Mapping[str, Protocol] = dataclasses.field(default_factory=dict)
    """By name, the usual one first."""
