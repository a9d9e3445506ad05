"""SIGTERM and Ctrl-C during training: noted, and handled when the step is done and saved."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any


class Signals:
    """A context that notes signals that ask for an end, instead of their default action.

    Outside the main thread Python allows no signal handlers, and no signal arrives: then nothing changes.

    Attributes:
      number: of the last signal, None before the first.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        del frame
        self.number = number
