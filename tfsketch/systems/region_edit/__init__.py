"""Region-wise manipulation: a region in the style of another photograph (You et al., ACM MM 2021)."""

from __future__ import annotations

from tfsketch.systems.record import Parts, Protocol, System
from tfsketch.systems.region_edit.config import RegionEditConfig


def _parts() -> Parts:
    from tfsketch.systems.region_edit import network, protocol, signatures, task

    protocols = {protocol.PROTOCOL: Protocol(protocol.measure)}
    return Parts(network.RegionEdit, task.RegionEditTask, signatures.signatures, protocols)


REGION_EDIT = System(RegionEditConfig, _parts, "restyle", ("region_swaps",))
