"""The face parser: which region of a face every pixel shows (ours)."""

from __future__ import annotations

from tfsketch.conditions.face_parser import FaceParser
from tfsketch.systems.face_parser import protocol, signatures, task
from tfsketch.systems.record import Protocol, System

FACE_PARSER = System(
    FaceParser, task.FaceParserTask, signatures.signatures, {protocol.PROTOCOL: Protocol(protocol.measure)}
)
