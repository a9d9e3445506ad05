"""Region-wise manipulation: a region in the style of another photograph (You et al., ACM MM 2021)."""

from __future__ import annotations

from tfsketch.systems.record import Protocol, System
from tfsketch.systems.region_edit import network, protocol, signatures, task

REGION_EDIT = System(
    network.RegionEdit, task.RegionEditTask, signatures.signatures, {protocol.PROTOCOL: Protocol(protocol.measure)}
)
