"""Cali-Sketch: a poor drawing is calibrated, then becomes a photograph (Xia, Yang & Xue 2019)."""

from __future__ import annotations

from tfsketch.systems.cali_sketch.config import CaliSketchConfig
from tfsketch.systems.record import Parts, Protocol, System


def _parts() -> Parts:
    from tfsketch.systems.cali_sketch import network, protocol, signatures, task

    protocols = {protocol.PROTOCOL: Protocol(protocol.measure)}
    return Parts(network.CaliSketch, task.CaliSketchTask, signatures.signatures, protocols)


CALI_SKETCH = System(CaliSketchConfig, _parts, "draw", ("poor_sketches",))
