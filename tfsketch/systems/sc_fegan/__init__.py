"""SC-FEGAN: erase, draw lines and colours, and have it repainted (Jo & Park, ICCV 2019)."""

from __future__ import annotations

from tfsketch.systems.record import Protocol, System
from tfsketch.systems.sc_fegan import last_stages, network, protocol, signatures, task, transplant

SC_FEGAN = System(
    network.Generator,
    task.ScFeganTask,
    signatures.signatures,
    {
        protocol.PROTOCOL: Protocol(protocol.measure),
        transplant.PROTOCOL: Protocol(transplant.measure, transplant.SIDE),
        last_stages.PROTOCOL: Protocol(last_stages.measure, last_stages.SIDE),
    },
)
