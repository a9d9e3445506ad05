"""SC-FEGAN: erase, draw lines and colours, and have it repainted (Jo & Park, ICCV 2019)."""

from __future__ import annotations

from tfsketch.systems.record import Protocol, System
from tfsketch.systems.sc_fegan import protocol, transplant
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.systems.sc_fegan.signatures import signatures
from tfsketch.systems.sc_fegan.task import ScFeganTask

SC_FEGAN = System(
    Generator,
    ScFeganTask,
    signatures,
    {protocol.PROTOCOL: Protocol(protocol.measure), transplant.PROTOCOL: Protocol(transplant.measure, transplant.SIDE)},
)
