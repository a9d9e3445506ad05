"""Many clients at once, as threads of this process, and what they were answered."""

from __future__ import annotations

import collections
import http.client
import os
import pathlib
import threading
import time
from collections.abc import Callable, Mapping

JSON = {"Content-Type": "application/json"}


def rss_of(process: int) -> float:
    """MiB of memory in use by a process."""
    pages = int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Client:
    """One connection that is kept, as a browser keeps it."""

    def __init__(self, port: int, timeout: float = 60):
        self._port, self._timeout = port, timeout
        self._connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)

    def ask(self, path: str, body: bytes | None = None, headers: Mapping[str, str] = JSON) -> tuple[int, bytes, float]:
        """(status, body, seconds); status 0 where no whole answer came."""
        start = time.monotonic()
        for fresh in (False, True):
            try:
                method = "GET" if body is None else "POST"
                self._connection.request(method, path, body, {} if body is None else dict(headers))
                answer = self._connection.getresponse()
                return answer.status, answer.read(), time.monotonic() - start
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                self._connection = self._connect()
                # The server closes what is idle for 5 s; a browser, too, then asks again on a connection of its own.
                if fresh or not isinstance(error, ConnectionError):
                    return 0, repr(error).encode(), time.monotonic() - start
        raise AssertionError


def crowd(clients: int, requests: int, work: Callable[[int, int], tuple[int, float]]) -> tuple[dict[int, int], list]:
    """Statuses, counted, and seconds of so many requests by so many clients; `work(client, number)` makes one."""
    numbers, lock = iter(range(requests)), threading.Lock()
    statuses: collections.Counter[int] = collections.Counter()
    seconds: list[float] = []

    def one(client: int) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            status, took = work(client, number)
            with lock:
                statuses[status] += 1
                seconds.append(took)

    threads = [threading.Thread(target=one, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(statuses), sorted(seconds)
