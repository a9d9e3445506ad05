"""Functions of tensors that a graph holds once, however often it calls them."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def traced_once(*specs: tf.TensorSpec) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function to be traced once per process and not inlined into its callers when a graph runs.

    For what a graph does many times: tracing, the file, and the graph's first call, in which TensorFlow prepares every
    copy of every operation, shrink accordingly. A call costs a few microseconds.

    Args:
      specs: of the function's tensors, in order. Numbers among them become tensors.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*tensors: Any) -> Any:
            if function not in _functions:
                _functions[function] = tf.function(
                    function, input_signature=specs, autograph=False, experimental_attributes={"_noinline": True}
                )
            return _functions[function](*tensors)

        return call

    return decorate


_functions: dict[Callable[..., Any], Any] = {}
atexit.register(_functions.clear)  # left until TensorFlow's modules are gone, they complain when deleted
