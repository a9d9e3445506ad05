"""SC-FEGAN: erase, draw lines and colours, and have it repainted (Jo & Park, ICCV 2019)."""

from __future__ import annotations

from tfsketch.systems.record import Parts, Protocol, System
from tfsketch.systems.sc_fegan.config import ScFeganConfig


def _parts() -> Parts:
    from tfsketch.systems.sc_fegan import last_stages, network, protocol, signatures, task, transplant

    protocols = {
        protocol.PROTOCOL: Protocol(protocol.measure),
        transplant.PROTOCOL: Protocol(transplant.measure, transplant.SIDE),
        last_stages.PROTOCOL: Protocol(last_stages.measure, last_stages.SIDE),
    }
    return Parts(network.Generator, task.ScFeganTask, signatures.signatures, protocols)


SC_FEGAN = System(ScFeganConfig, _parts, "edit", ("free_form_10_40", "transplant_edits", "last_stages"))
