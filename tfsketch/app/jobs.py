"""Progress and cancellation of long requests.

The client names a job, and can ask about it while waiting for its answer. A cancelled job raises `Ended` in the code
that works on it, at its next report.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tfsketch.errors import TfsketchError

MAX_NAME = 40
"""Characters."""


class Ended(TfsketchError):  # noqa: N818  (nothing went wrong)
    """The client cancelled the job."""


class Jobs:
    """Running and waiting jobs, by name."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, name: str) -> Callable[[float], None]:
        """Registers a job; returns the function that reports its completed share, 0 to 1, and raises `Ended`.

        Raises:
          TfsketchError: the name is too long, or another job's.
        """
        with self._lock:
            if not 0 < len(name) <= MAX_NAME or name in self._shares:
                raise TfsketchError(f"job: expected a new name of at most {MAX_NAME} characters, found {name[:50]!r}")
            self._shares[name] = 0.0

        def report(share: float) -> None:
            with self._lock:
                self._shares[name] = share
                if name in self._cancelled:
                    raise Ended("cancelled")

        return report

    def close(self, name: str) -> None:
        """Forgets a job."""
        with self._lock:
            self._shares.pop(name, None)
            self._cancelled.discard(name)

    def end(self, name: str) -> None:
        """Cancels a job at its next report; nothing happens if it is over."""
        with self._lock:
            if name in self._shares:
                self._cancelled.add(name)

    def share(self, name: str) -> float | None:
        """The completed share of a job, 0 to 1; None if no job has this name (any more)."""
        with self._lock:
            return self._shares.get(name)
