"""The experiments of the benchmarks, without TensorFlow, which only the measuring needs."""

from __future__ import annotations

from collections.abc import Sequence

from tfsketch import systems
from tfsketch.config import Config

NAMES = ("pipeline", "projection", "region", "edits", "latency", "training", "runtimes", "quantizers")
"""The benchmarks; see `suite`."""
_ALL_CONDITIONS = "{system: sc_fegan, image_size: 256, hand: {abstraction: [0.0, 1.0]}, train: {batch_size: 8}}"
"""Every condition, with the freehand simulator."""
_OTHERS = {
    "projection": "{system: contextual_gan, image_size: 64, model: {generator: {widths: [256, 128, 64, 32]}, "
    "discriminator: {widths: [32, 64, 128, 256], norm: spectral}}, data: {sketch_probability: 1.0}}",
    "region": "{system: sc_fegan, image_size: 512}",
}
"""Of the benchmarks that measure another experiment: the networks of Contextual GAN's light configuration, and the
published network."""
_SHIPPED = {
    "edits": ("sc_fegan_celebahq_512", "sc_fegan_light_faces_128_adversarial", "sc_fegan_faces_256"),
    "training": (
        "sc_fegan_light_faces_128_adversarial",
        "sc_fegan_faces_256",
        "cali_sketch_faces_128",
        "contextual_gan_faces_128",
        "region_edit_light_faces_128",
    ),
}
"""Those that measure several experiments of `configs/`, one after the other: every system, where it is about them."""


def configurations(name: str, path: str = "", overrides: Sequence[str] = ()) -> list[Config]:
    """The experiments that a benchmark measures: a file's, or the benchmark's own.

    Raises:
      ConfigError: see `config.parse`; an override that not all of the benchmark's own experiments have.
    """
    if path or name in _SHIPPED:
        return [systems.load(one, overrides) for one in ([path] if path else _SHIPPED[name])]
    return [systems.parse(_OTHERS.get(name, _ALL_CONDITIONS), "benchmark", overrides)]
