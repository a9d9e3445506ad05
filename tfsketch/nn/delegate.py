"""Whether the graph that is being traced is for the GPU delegate of a phone, which lacks some operations.

A layer that has a second form for it, the same function but for rounding, asks `for_gpu()` as it is traced. The answer
belongs to the context of the thread that traces (`contextvars`), so an export and an edit may trace at the same time,
each in its own form. A `tf.function` keeps the form that it was first traced in: make the function inside of `gpu()`.
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
    """Inside, what this thread traces takes the forms that the GPU delegate of a phone has. Contexts nest; the form of
    other threads, those started inside included, stays as it is."""
    token = _FOR_GPU.set(True)
    try:
        yield
    finally:
        _FOR_GPU.reset(token)
