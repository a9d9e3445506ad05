"""Contextual GAN: sketch and photograph are one picture, completed by a search (Lu et al., ECCV 2018)."""

from __future__ import annotations

from tfsketch.systems.contextual_gan.config import ContextualGanConfig
from tfsketch.systems.record import Parts, Protocol, System


def _parts() -> Parts:
    from tfsketch.systems.contextual_gan import network, protocol, signatures, task

    protocols = {protocol.PROTOCOL: Protocol(protocol.measure)}
    return Parts(network.ContextualGan, task.ContextualGanTask, signatures.signatures, protocols)


CONTEXTUAL_GAN = System(ContextualGanConfig, _parts, "complete", ("sketch_completion",))
