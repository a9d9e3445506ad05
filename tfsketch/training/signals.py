"""SIGTERM and Ctrl-C during training: noted, and handled when the step is done and saved.

The workers of one job end together. A signal rarely comes to all of them in the same step, or only one of them gets it,
as on a machine that is taken away; if that one left by itself, the others would wait for it in the next step and end
with an error, and what was trained since the last checkpoint would be lost.
"""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any

import tensorflow as tf

from tfsketch.training.strategy import sum_over_workers

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """A context that notes signals that ask for an end, instead of their default action.

    Outside the main thread Python allows no signal handlers, and no signal arrives: then nothing changes.

    Attributes:
      number: of the signal that `asked` found, None before.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.number: int | None = None
        self._came: int | None = None
        self._sum = sum_over_workers(strategy)
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether a signal has come to this process or, under several workers, to any of them: they all ask at the
        same step, and get the same answer."""
        counts = self._sum([float(self._came == number) for number in _ENDING])
        self.number = next((int(number) for number, count in zip(_ENDING, counts) if count), None)
        return self.number is not None

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _ENDING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        del frame
        self._came = number
