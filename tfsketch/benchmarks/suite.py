"""Speed, as tables that anyone can make again: `python -m tools.benchmark NAME`.

A benchmark is a function of `BENCHMARKS` that gives Markdown; `measures` says how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfsketch import systems
from tfsketch.benchmarks.edits import edits
from tfsketch.benchmarks.latency import latency
from tfsketch.benchmarks.pipeline import ALL_CONDITIONS, pipeline
from tfsketch.benchmarks.projection import LIGHT_JOINT, projection
from tfsketch.benchmarks.region import PUBLISHED, region
from tfsketch.benchmarks.runtimes import runtimes
from tfsketch.benchmarks.training import training
from tfsketch.config import Config, shipped

BENCHMARKS: dict[str, Callable[[Config, str, float], str]] = {
    "pipeline": pipeline,
    "projection": projection,
    "region": region,
    "edits": edits,
    "latency": latency,
    "training": training,
    "runtimes": runtimes,
}
"""Name -> (experiment, folder of data, seconds) -> Markdown."""
_EXPERIMENTS = {"projection": LIGHT_JOINT, "region": PUBLISHED}
"""Those that measure another experiment than all conditions."""
_SHIPPED = {
    "edits": ("sc_fegan_celebahq_512", "sc_fegan_light_faces_128_adversarial", "sc_fegan_faces_256"),
    "training": (
        "sc_fegan_light_faces_128_adversarial",
        "sc_fegan_faces_256",
        "cali_sketch_light_faces_128",
        "contextual_gan_light_faces_64",
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
        return [systems.load(shipped.configuration(one), overrides) for one in ([path] if path else _SHIPPED[name])]
    return [systems.parse(_EXPERIMENTS.get(name, ALL_CONDITIONS), "benchmark", overrides)]
