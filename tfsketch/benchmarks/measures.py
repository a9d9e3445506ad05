"""Measuring speed. The rules of all benchmarks:

- Costs are CPU time, not wall-clock time, into which goes what else a machine does. Only throughput is by the wall
  clock, and there the CPU time a picture stands beside it.
- Every number is a median with the 10th and the 90th percentile, because pictures and random draws differ.
- Speeds are given as ratios to a named floor of the same run, and what is timed by the clock takes turns with it. A
  machine is named by its number of cores alone.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

_ROUNDS = 8
"""Throughput is the median over this many turns."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """Statistics of repeated measurements."""

    low: float
    """10th percentile."""
    median: float
    high: float
    """90th percentile."""

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        return Spread(*(float(value) for value in np.percentile(values, [10, 50, 90])))

    def cells(self, digits: int) -> list[str]:
        """Two cells of a table: the median, and the range around it."""
        return [f"{self.median:.{digits}f}", f"{self.low:.{digits}f} - {self.high:.{digits}f}"]


def cost(work: Callable[[int], object], pictures: int, seconds: float) -> Spread:
    """The cost of a piece of work.

    Args:
      work: called with 0, 1, 2, ...; the first two calls do not count (they fill caches and trace graphs).
      pictures: in each call.
      seconds: of CPU time to spend, at least; no fewer than 5 calls.

    Returns:
      Milliseconds of CPU time a picture, of all threads together.
    """
    work(0), work(1)
    samples: list[float] = []
    while len(samples) < 5 or sum(samples) < seconds:
        start = time.process_time()
        work(len(samples) + 2)
        samples.append(time.process_time() - start)
    return Spread.of([1000.0 * value / pictures for value in samples])


@dataclasses.dataclass(frozen=True)
class Throughput:
    """A dataset's speed."""

    rate: Spread
    """Pictures a second."""
    ratio: float
    """To the first dataset, the median over the rounds."""
    milliseconds: float
    """Milliseconds of CPU time a picture."""


def throughput(datasets: Mapping[str, tf.data.Dataset], pictures: int, seconds: float) -> dict[str, Throughput]:
    """Measures the speed of datasets.

    They take turns, each time from a new iterator whose first two batches do not count, so that what else happens on
    the machine falls on all of them and none lives on what it had in store.

    Args:
      datasets: endless, by name; the first is the floor.
      pictures: in each batch.
      seconds: by the clock, for each of them.
    """
    rates: dict[str, list[float]] = {name: [] for name in datasets}
    costs = {name: (0.0, 0) for name in datasets}
    for _ in range(_ROUNDS):
        for name, dataset in datasets.items():
            stream = iter(dataset)
            next(stream), next(stream)
            count, start, before = 0, time.perf_counter(), time.process_time()
            while not count or time.perf_counter() - start < seconds / _ROUNDS:
                next(stream)
                count += pictures
            rates[name].append(count / (time.perf_counter() - start))
            costs[name] = (costs[name][0] + time.process_time() - before, costs[name][1] + count)
            del stream  # and with it the threads that would go on in the next one's turn
    floor = next(iter(rates.values()))
    return {
        name: Throughput(
            Spread.of(times),
            float(np.median(np.divide(times, floor))),
            1000.0 * costs[name][0] / costs[name][1],
        )
        for name, times in rates.items()
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


@dataclasses.dataclass(frozen=True)
class Times:
    """Times of one sketch's search, in seconds."""

    processor: float
    clock: float

    @staticmethod
    def of(work: Callable[[], object], sketches_: float) -> Times:
        """Times per sketch of work that searches `sketches_` sketches, or a share of one."""
        processor, clock = time.process_time(), time.perf_counter()
        work()
        return Times((time.process_time() - processor) / sketches_, (time.perf_counter() - clock) / sketches_)
