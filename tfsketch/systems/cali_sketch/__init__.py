"""Cali-Sketch: a poor drawing is calibrated, then becomes a photograph (Xia, Yang & Xue 2019)."""

from __future__ import annotations

from tfsketch.systems.cali_sketch import protocol
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.systems.cali_sketch.signatures import signatures
from tfsketch.systems.cali_sketch.task import CaliSketchTask
from tfsketch.systems.record import Protocol, System

CALI_SKETCH = System(CaliSketch, CaliSketchTask, signatures, {protocol.PROTOCOL: Protocol(protocol.measure)})
