"""The screen of a command: what libraries write there for their own programmers is left out.

TensorFlow's C++ code writes to file descriptor 2, and parts of it, such as its compiler and its converter, heed no log
level. A process of its own stands between that descriptor and the screen, and lets through what is not known to be
noise: the reason of an abort above all, which a thread of the dying process could not. Python's own errors and progress
bars go to the screen directly. It ends when the last writer has.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import threading

_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} \d\d:\d\d:\d+\.\d+ "  # absl's
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] |To enable the following instructions: "  # TensorFlow's
    rb"|.*(Unable to register cu\w+ factory|computation placer already registered|failed call to cuInit)"
    rb"|Summary on the non-converted ops| \* (Accepted dialects|Non-Converted Ops|\d+ \w+ ops)"  # its converter's
    rb"|INFO: (Created|Initialized) TensorFlow Lite "
    rb"|-{20,}$|- \w+\.\w+: +\d+ occurrences|  \(\w+: \d+(, \w+: \d+)*\)$"
)
_WAIT = 0.2
"""Seconds after which an incomplete line is shown: a question, or a progress bar of another process of ours."""


def quiet(lines: bytes, before: bool = False) -> tuple[bytes, bool]:
    """Whole lines without those that are noise, and without the blank ones that follow such.

    Args:
      lines: what was written.
      before: whether the line before was noise.

    Returns:
      What is to be seen, and `before` of what comes next.
    """
    output = []
    for line in lines.splitlines(keepends=True):
        before = bool(_NOISE.match(line)) or (before and not line.strip())
        if not before:
            output.append(line)
    return b"".join(output), before


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]


def _stand_between(source: int, screen: int) -> None:
    """Passes on what comes from a pipe until nobody writes to it any more."""
    rest, noise = b"", False
    while True:
        if rest and not select.select([source], [], [], _WAIT)[0]:
            _write(screen, rest)
            rest, noise = b"", False
        data = os.read(source, 65536)
        lines, end, rest = (rest + data).rpartition(b"\n") if data else (rest, b"", b"")
        output, noise = quiet(lines + end, noise)
        _write(screen, output)
        if not data:
            return


def hush() -> None:
    """From here on file descriptor 2 is filtered; not so in a program that has begun already, such as a test."""
    if "tensorflow" in sys.modules or threading.active_count() > 1 or not hasattr(os, "fork"):
        return
    try:
        screen = os.dup(2)
    except OSError:  # closed
        return
    source, sink = os.pipe()
    sys.stderr.flush()
    if os.fork() == 0:
        try:
            for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # those are for who writes
                signal.signal(name, signal.SIG_IGN)
            os.close(sink)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            _stand_between(source, screen)
        finally:
            os._exit(0)
    os.close(source)
    os.dup2(sink, 2)
    os.close(sink)
    stream = sys.stderr
    sys.stderr = open(screen, "w", buffering=1, encoding=stream.encoding, errors=stream.errors)
