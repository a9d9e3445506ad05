"""The face parser: which region of a face every pixel shows (ours)."""

from __future__ import annotations

from tfsketch.conditions.face_parser import FaceParser
from tfsketch.systems.face_parser import protocol
from tfsketch.systems.face_parser.signatures import signatures
from tfsketch.systems.face_parser.task import FaceParserTask
from tfsketch.systems.record import Protocol, System

FACE_PARSER = System(FaceParser, FaceParserTask, signatures, {protocol.PROTOCOL: Protocol(protocol.measure)})
