"""Requests that take long: how far they are, and that they can be ended.

Whoever starts a job names it, and can ask about it while waiting for its answer. One that is ended raises
`Ended` in whatever works at it, at its next report.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tfsketch.errors import TfsketchError

MAX_NAME = 40
"""Characters."""


class Ended(TfsketchError):  # noqa: N818  (nothing went wrong)
    """Whoever asked does not want it any more."""


class Jobs:
    """What is worked at or waits for it, by name."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, name: str) -> Callable[[float], None]:
        """Names a job; gives what reports the share of it that is done, 0 to 1, and raises `Ended`.

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
                if name in self._ended:
                    raise Ended("ended, as was asked for")

        return report

    def close(self, name: str) -> None:
        """Forgets a job."""
        with self._lock:
            self._shares.pop(name, None)
            self._ended.discard(name)

    def end(self, name: str) -> None:
        """Ends a job at its next report; one that is over already stays so."""
        with self._lock:
            if name in self._shares:
                self._ended.add(name)

    def share(self, name: str) -> float | None:
        """How much of a job is done, 0 to 1; None where there is none of this name (any more)."""
        with self._lock:
            return self._shares.get(name)
