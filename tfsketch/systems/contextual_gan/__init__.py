"""Contextual GAN: sketch and photograph are one picture, completed by a search (Lu et al., ECCV 2018)."""

from __future__ import annotations

from tfsketch.systems.contextual_gan import network, protocol, signatures, task
from tfsketch.systems.record import Protocol, System

CONTEXTUAL_GAN = System(
    network.ContextualGan,
    task.ContextualGanTask,
    signatures.signatures,
    {protocol.PROTOCOL: Protocol(protocol.measure)},
)
