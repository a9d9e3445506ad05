"""Settings shared by several protocols. Training defaults may change; measurements must not."""

from __future__ import annotations

from tfsketch.config import HandConfig

HAND = HandConfig(
    join=0.04,
    shortest=0.2,
    feature_weight=5.0,
    crowding=0.022,
    simplify=0.08,
    extend=0.03,
    shift=0.02,
    turn=6.0,
    scale=0.1,
    wobble=0.006,
    warp=0.03,
    double=0.2,
    width=0.015,
)
"""The freehand simulator's."""
