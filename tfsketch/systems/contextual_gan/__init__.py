"""Contextual GAN: sketch and photograph are one picture, completed by a search (Lu et al., ECCV 2018)."""

from __future__ import annotations

from tfsketch.systems.contextual_gan import protocol
from tfsketch.systems.contextual_gan.network import ContextualGan
from tfsketch.systems.contextual_gan.signatures import signatures
from tfsketch.systems.contextual_gan.task import ContextualGanTask
from tfsketch.systems.record import Protocol, System

CONTEXTUAL_GAN = System(ContextualGan, ContextualGanTask, signatures, {protocol.PROTOCOL: Protocol(protocol.measure)})
