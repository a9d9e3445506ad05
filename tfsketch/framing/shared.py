"""Functions of tensors that a graph holds once, however often it calls them."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def shared(*specs: tf.TensorSpec) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function one that is traced once in a process and, when a graph runs, is not copied into its callers.

    For what a graph does many times: its tracing, its file and the first call of it, in which TensorFlow prepares every
    copy of every operation, shrink by as much. A call costs some microseconds.

    Args:
      specs: of the function's tensors, in order. Numbers among them become tensors.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*tensors: Any) -> Any:
            if function not in _traced:
                _traced[function] = tf.function(
                    function, input_signature=specs, autograph=False, experimental_attributes={"_noinline": True}
                )
            return _traced[function](*tensors)

        return call

    return decorate


_traced: dict[Callable[..., Any], Any] = {}
atexit.register(_traced.clear)  # what is left until TensorFlow's modules are gone complains in its end
