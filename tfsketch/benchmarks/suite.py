"""Speed, as tables that anyone can make again: `python -m tools.benchmark NAME`.

A benchmark is a function of `BENCHMARKS` that gives Markdown; `measures` says how, `experiments` of what.
"""

from __future__ import annotations

from collections.abc import Callable

from tfsketch.benchmarks.edits import edits
from tfsketch.benchmarks.latency import latency
from tfsketch.benchmarks.pipeline import pipeline
from tfsketch.benchmarks.projection import projection
from tfsketch.benchmarks.quantizers import quantizers
from tfsketch.benchmarks.region import region
from tfsketch.benchmarks.runtimes import runtimes
from tfsketch.benchmarks.training import training
from tfsketch.config import Config

BENCHMARKS: dict[str, Callable[[Config, str, float], str]] = {
    "pipeline": pipeline,
    "projection": projection,
    "region": region,
    "edits": edits,
    "latency": latency,
    "training": training,
    "runtimes": runtimes,
    "quantizers": quantizers,
}
"""Name -> (experiment, folder of data, seconds) -> Markdown."""
