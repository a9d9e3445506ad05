"""Region-wise manipulation: a region in the style of another photograph (You et al., ACM MM 2021)."""

from __future__ import annotations

from tfsketch.systems.record import Protocol, System
from tfsketch.systems.region_edit import protocol
from tfsketch.systems.region_edit.network import RegionEdit
from tfsketch.systems.region_edit.signatures import signatures
from tfsketch.systems.region_edit.task import RegionEditTask

REGION_EDIT = System(RegionEdit, RegionEditTask, signatures, {protocol.PROTOCOL: Protocol(protocol.measure)})
