"""The second forms of layers, for the GPU of a phone: the same functions, and only where they are asked for."""

import concurrent.futures
import threading

import numpy as np
import pytest
import tensorflow as tf

from tfsketch.nn import delegate, gated, norms, stylegan2


def _operations() -> set[str]:
    """Types of the operations that a local response norm is traced to, by a function of its own."""
    graph = tf.function(norms.local_response_norm).get_concrete_function(tf.TensorSpec([1, 4, 4, 8])).graph
    return {operation.type for operation in graph.get_operations()}


def test_both_forms_are_the_same_layers():
    x = tf.random.stateless_normal([2, 6, 5, 24], [1, 2]) * 3.0
    norm = norms.InstanceNorm()
    layer = gated.GatedConv2D(4, 3, dilation=6)
    near = gated.GatedConv2D(4, 3, dilation=5)  # reaches from one border to the other: not only its middle counts
    functions = {"lrn": norms.local_response_norm, "instance": norm, "dilated": layer, "near": near}
    functions |= {"leaky": stylegan2.leaky, "double": stylegan2.double}
    functions |= {"weigh": lambda x: stylegan2.weigh(x[:, :1, :1], x[..., :1])}
    plain = {name: function(x) for name, function in functions.items()}
    with delegate.gpu():
        for name, function in functions.items():
            np.testing.assert_allclose(function(x), plain[name], atol=2e-5, err_msg=name)


def test_the_form_is_chosen_inside_alone():
    assert "LRN" in _operations() and not delegate.for_gpu()
    with pytest.raises(KeyError), delegate.gpu():
        with delegate.gpu():
            assert "LRN" not in _operations()
        assert delegate.for_gpu() and "LRN" not in _operations()
        raise KeyError
    assert "LRN" in _operations() and not delegate.for_gpu()


def test_threads_that_trace_at_the_same_time_have_their_own_forms():
    entry, plain_one_traced = threading.Event(), threading.Event()

    def inside() -> set[str]:
        with delegate.gpu():
            entry.set()
            assert plain_one_traced.wait(60)
            return _operations()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(inside)
        assert entry.wait(60)
        try:
            assert "LRN" in _operations()
        finally:
            plain_one_traced.set()
        assert "LRN" not in answer.result()
        with delegate.gpu():
            assert "LRN" in pool.submit(_operations).result()
