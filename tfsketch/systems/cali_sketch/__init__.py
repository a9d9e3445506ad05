"""Cali-Sketch: a poor drawing is calibrated, then becomes a photograph (Xia, Yang & Xue 2019)."""

from __future__ import annotations

from tfsketch.systems.cali_sketch import network, protocol, signatures, task
from tfsketch.systems.record import Protocol, System

CALI_SKETCH = System(
    network.CaliSketch, task.CaliSketchTask, signatures.signatures, {protocol.PROTOCOL: Protocol(protocol.measure)}
)
