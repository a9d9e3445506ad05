"""The face parser: which region of a face every pixel shows (ours)."""

from __future__ import annotations

from tfsketch.config.face_parser import FaceParserConfig
from tfsketch.systems.record import Parts, Protocol, System


def _parts() -> Parts:
    from tfsketch.conditions.face_parser import FaceParser
    from tfsketch.systems.face_parser import protocol, signatures, task

    protocols = {protocol.PROTOCOL: Protocol(protocol.measure, st_lpips=False)}
    return Parts(FaceParser, task.FaceParserTask, signatures.signatures, protocols)


FACE_PARSER = System(FaceParserConfig, _parts, "", ("regions",))
