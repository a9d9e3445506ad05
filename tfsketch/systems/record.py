"""The record by which the rest of the package knows a system, made in the system's folder.

Its configuration can be read, and refused, without TensorFlow, whose import takes seconds; what the system does comes
when it is asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tfsketch.config import Config, Section

if TYPE_CHECKING:
    from tfsketch.data.shards import Shards
    from tfsketch.evaluation.report import Results
    from tfsketch.export.signatures import Signature
    from tfsketch.nn.exported import ExportedNetwork
    from tfsketch.training.task import Task


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A fixed measurement of a system's models, so that numbers of different models and runs are comparable."""

    measure: Callable[..., Results]
    """(model, pictures, their side, how many) -> results."""
    side: int = 0
    """Default side of the pictures, in pixels; 0 is the model's own."""
    st_lpips: bool = True
    """Whether it measures by ST-LPIPS, whose weights are in a package of their own."""

    def __call__(self, model: ExportedNetwork, shards: Shards, side: int, count: int) -> Results:
        return self.measure(model, shards, side, count)


@dataclasses.dataclass(frozen=True)
class Parts:
    """A system. Its network describes its own inputs, outputs and use (`nn.exported`)."""

    network: type[ExportedNetwork]
    """Class of the network that users run."""
    task: Callable[[Config], Task]
    """Makes the task; called inside the strategy's scope."""
    signatures: Callable[..., dict[str, Signature]]
    """The signatures of a model's exports."""
    protocols: Mapping[str, Protocol] = dataclasses.field(default_factory=dict)
    """By name, the usual one first."""


@dataclasses.dataclass(frozen=True)
class System:
    """A system."""

    section: type[Section]
    """Class of the section `model` of its configurations. It says which conditions its batches hold, and what a resumed
    run may change."""
    parts: Callable[[], Parts]
    """Imports what the system does."""
    way: str = ""
    """Its network's way of working."""
    protocols: tuple[str, ...] = ()
    """Names of its protocols, the usual one first."""
