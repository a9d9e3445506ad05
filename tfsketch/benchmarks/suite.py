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
from tfsketch.benchmarks.training import LIGHT, training
from tfsketch.config import Config

BENCHMARKS: dict[str, Callable[[Config, str, float], str]] = {
    "pipeline": pipeline,
    "projection": projection,
    "region": region,
    "latency": latency,
    "training": training,
}
"""Name -> (experiment, folder of data, seconds) -> Markdown."""
_EXPERIMENTS = {
    "pipeline": ALL_CONDITIONS,
    "projection": LIGHT_JOINT,
    "region": PUBLISHED,
    "latency": ALL_CONDITIONS,
    "training": LIGHT,
}


def configuration(name: str, path: str = "", overrides: Sequence[str] = ()) -> Config:
    """The experiment that a benchmark measures: a file's, or the benchmark's own.

    Raises:
      ConfigError: see `config.parse`.
    """
    return systems.load(path, overrides) if path else systems.parse(_EXPERIMENTS[name], "benchmark", overrides)
