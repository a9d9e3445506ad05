"""Speed, as tables that anyone can make again: `python -m tools.benchmark NAME`.

A benchmark is a function of `BENCHMARKS` that gives Markdown; `measures` says how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfsketch import systems
from tfsketch.benchmarks.latency import latency
from tfsketch.benchmarks.pipeline import ALL_CONDITIONS, pipeline
from tfsketch.benchmarks.projection import LIGHT_JOINT, projection
from tfsketch.benchmarks.region import PUBLISHED, region
from tfsketch.benchmarks.runtimes import runtimes
from tfsketch.benchmarks.training import LIGHT, training
from tfsketch.config import Config

BENCHMARKS: dict[str, Callable[[Config, str, float], str]] = {
    "pipeline": pipeline,
    "projection": projection,
    "region": region,
    "latency": latency,
    "training": training,
    "runtimes": runtimes,
}
"""Name -> (experiment, folder of data, seconds) -> Markdown."""
_EXPERIMENTS = {"projection": LIGHT_JOINT, "region": PUBLISHED, "training": LIGHT}
"""Those that measure another experiment than all conditions."""


def configuration(name: str, path: str = "", overrides: Sequence[str] = ()) -> Config:
    """The experiment that a benchmark measures: a file's, or the benchmark's own.

    Raises:
      ConfigError: see `config.parse`.
    """
    text = _EXPERIMENTS.get(name, ALL_CONDITIONS)
    return systems.load(path, overrides) if path else systems.parse(text, "benchmark", overrides)
