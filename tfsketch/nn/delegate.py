"""Whether the graph being traced is for the GPU delegate of a phone, which lacks some operations.

A layer with a second form for it, the same function apart from rounding, calls `for_gpu()` when traced. The answer
belongs to the tracing thread's context (`contextvars`), so an export and an edit may trace at the same time, each in
its own form. A `tf.function` keeps the form of its first trace: create the function inside `gpu()`.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_FOR_GPU: contextvars.ContextVar[bool] = contextvars.ContextVar("tfsketch_for_gpu", default=False)


def for_gpu() -> bool:
    """Whether this thread is inside of `gpu()`."""
    return _FOR_GPU.get()


@contextlib.contextmanager
def gpu() -> Iterator[None]:
    """A context in which this thread traces the forms that a phone's GPU delegate supports. Contexts nest; other
    threads, including those started inside, are not affected."""
    token = _FOR_GPU.set(True)
    try:
        yield
    finally:
        _FOR_GPU.reset(token)
