"""Sums over many positions are kept in float32 under bfloat16: the gradients of biases and of norms, and means.

Every layer is given an output's gradient that is the same everywhere, and of one sign: what such a sum ought to be is
known, and one that is kept in bfloat16 stops at 256 times the addend. The same in eager steps, in a graph (where oneDNN
fuses some sums with a convolution, which hides the fault) and under XLA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from tfsketch.nn import gated, norms, operations, plain, spectral, stylegan2, sums

pytestmark = [
    pytest.mark.usefixtures("grappler"),
    pytest.mark.skipif(
        not operations.is_accelerated(tf.bfloat16), reason="this processor has no bfloat16; TensorFlow's is inexact"
    ),
]

MODES = ("eager", "graph", "xla")


def _run(mode: str, function: Callable, *args: tf.Tensor) -> list[np.ndarray]:
    if mode != "eager":
        function = tf.function(function, autograph=False, jit_compile=mode == "xla")
    return [tf.cast(value, tf.float32).numpy() for value in function(*args)]


# Layer -> its input, [B,H,W,C], at the largest map that a shipped configuration gives such a layer, but for the batch
# and channels, which are few, so that the test is quick.
LAYERS: dict[str, tuple[Callable[[], tf.keras.layers.Layer], tuple[int, int, int, int]]] = {
    "gated": (lambda: gated.GatedConv2D(4, 3), (1, 512, 512, 3)),
    "gated, of stride 2": (lambda: gated.GatedConv2D(4, 3, strides=2), (2, 512, 512, 3)),
    "gated, norm by LRN": (lambda: gated.GatedConv2D(4, 3, norm="lrn"), (1, 256, 256, 3)),
    "gated, norm by instance": (lambda: gated.GatedConv2D(4, 3, norm="instance"), (1, 256, 256, 3)),
    "gated, dilated": (lambda: gated.GatedConv2D(4, 3, dilation=4), (2, 128, 128, 3)),
    "gated, dilated past the map": (lambda: gated.GatedConv2D(4, 3, dilation=32), (64, 32, 32, 3)),
    "gated transposed": (lambda: gated.GatedDeconv2D(4, self_gate=False), (1, 256, 256, 3)),
    "gated transposed, by itself": (lambda: gated.GatedDeconv2D(4, self_gate=True), (1, 256, 256, 3)),
    "spectral": (lambda: spectral.SpectralConv2D(4, 5), (1, 512, 512, 3)),
    "spectral, of stride 2": (lambda: spectral.SpectralConv2D(4, 4, 2, padding="VALID"), (2, 258, 258, 3)),
    "spectral transposed": (lambda: spectral.SpectralConv2DTranspose(4, 4, 2), (1, 128, 128, 3)),
    "equalized": (lambda: stylegan2.EqualizedConv2D(4, 3, padding="reflect"), (1, 256, 256, 3)),
    "equalized, of stride 2": (lambda: stylegan2.EqualizedConv2D(4, 3, 2, blur=(1, 3, 3, 1)), (2, 256, 256, 3)),
    "equalized, doubling": (lambda: stylegan2.EqualizedConv2D(4, 3, up=True), (1, 128, 128, 3)),
    "plain": (lambda: plain.Conv2D(4, 7), (1, 262, 262, 3)),
    "plain, with ReLU": (lambda: plain.Conv2D(4, 3, padding="same", activation="relu"), (1, 256, 256, 3)),
    "plain transposed": (lambda: plain.Conv2DTranspose(4, 4, 2, "same"), (1, 128, 128, 3)),
    "instance norm": (norms.InstanceNorm, (1, 256, 256, 4)),
    "batch norm": (norms.BatchNorm, (64, 64, 128, 4)),
}


@functools.cache
def _gradients(name: str, policy: str, mode: str) -> dict[str, np.ndarray]:
    """Of the sum of the output's squares, for every bias, scale and offset of a layer."""
    make, shape = LAYERS[name]
    x = tf.cast(tf.random.stateless_uniform(shape, [1, 2], 0.5, 1.5), tf.bfloat16)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        tf.keras.utils.set_random_seed(1)
        layer = make()
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    layer(x[:1])
    weights = layer.trainable_weights
    for i, weight in enumerate(weights):
        values = 0.1 * tf.random.stateless_uniform(weight.shape, [3, i]) + 0.1
        weight.assign(tf.cast(tf.cast(values, tf.bfloat16), tf.float32))
    training = {"training": True} if isinstance(layer, norms.BatchNorm) else {}

    def step(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(tf.cast(layer(tf.cast(x, layer.compute_dtype), **training), tf.float32)))
        return tape.gradient(loss, weights)

    gradients = zip((weight.name.split("/")[-1] for weight in weights), _run(mode, step, x))
    # A norm takes out the bias before it, whose gradient is then rounding alone.
    return {k: g for k, g in gradients if g.ndim == 1 and not ("norm by" in name and k == "bias:0")}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_every_bias_add_up_in_float32(name, mode):
    full, short = _gradients(name, "float32", "graph"), _gradients(name, "mixed_bfloat16", mode)
    assert full
    for key, expected in full.items():
        np.testing.assert_allclose(short[key], expected, rtol=0.04, err_msg=key)


@pytest.mark.parametrize("mode", MODES)
def test_statistics_of_norms_add_up_in_float32(mode):
    """Of a map whose mean is far from zero, and that bfloat16 would lose."""
    x = tf.cast(tf.random.stateless_uniform([1, 512, 512, 4], [1, 2], 0.0, 2.0), tf.bfloat16)
    full = tf.cast(x, tf.float32).numpy()
    mean, deviation = full.mean((1, 2)), full.std((1, 2))

    def statistics(x: tf.Tensor) -> list[tf.Tensor]:
        return list(norms._instance_statistics(x))

    means, scale = _run(mode, statistics, x)
    np.testing.assert_allclose(means[:, 0, 0], mean, rtol=1e-4)
    np.testing.assert_allclose(1 / scale[:, 0, 0], deviation, rtol=1e-4)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layer = norms.BatchNorm()
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    layer(x)
    _run(mode, lambda x: [layer(x, training=True)], x)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean[0], rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * deviation[0] ** 2, rtol=1e-4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_sums_of_rows(dtype, mode):
    """At a count where a product with ones stops in float16, and every partial sum in 16 bits."""
    rows = tf.fill([2, 65536, 3], tf.constant(0.5, dtype))
    (total,) = _run(mode, lambda rows: [sums._sum_of_rows(rows)], rows)
    np.testing.assert_array_equal(total, np.full((2, 1, 3), 32768.0))


@pytest.mark.parametrize("mode", MODES)
def test_a_bias_in_a_gradient_penalty(mode):
    """WGAN-GP's penalty differentiates through a critic's gradient: second derivatives pass `add_bias`."""
    results = []
    for dtype in (tf.float32, tf.bfloat16):
        x = tf.cast(tf.random.stateless_normal([4, 16, 16, 3], [1, 2]), dtype)
        kernel = tf.cast(tf.random.stateless_normal([3, 3, 3, 8], [3, 4]), dtype)
        bias = tf.cast(tf.linspace(-1.0, 1.0, 8), dtype)

        def penalty(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as outer:
                outer.watch([kernel, bias])
                with tf.GradientTape() as inner:
                    inner.watch([x, bias])
                    score = tf.reduce_sum(
                        tf.square(tf.sigmoid(sums.add_bias(tf.nn.conv2d(x, kernel, 1, "SAME"), bias)))
                    )
                slope, slope_of_bias = inner.gradient(score, [x, bias])
                value = tf.reduce_sum(tf.square(tf.cast(slope, tf.float32)))
                value += tf.reduce_sum(tf.square(tf.cast(slope_of_bias, tf.float32)))
            return outer.gradient(value, [kernel, bias])

        results.append(_run(mode, penalty, x, kernel, bias))
    for full, short in zip(*results):
        assert np.linalg.norm(short - full) < 0.06 * np.linalg.norm(full)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kernel_size, strides, padding, channels",
    [(4, 2, "VALID", 48), (2, 2, "VALID", 16), (2, 2, "SAME", 80), (4, 4, "SAME", 24), (8, 8, "VALID", 3)],
)
def test_no_even_unpadded_kernel_meets_16_bits(kernel_size, strides, padding, channels, mode):
    """oneDNN computes these wrongly where a processor has AMX; elsewhere, that the way around gives the same."""
    x, kernel = (
        tf.cast(tf.cast(tf.random.stateless_normal(shape, [1, 2]), tf.bfloat16), tf.float32)
        for shape in ([2, 32, 32, channels], [kernel_size, kernel_size, channels, 5])
    )
    results = []
    for dtype in (tf.float32, tf.bfloat16):

        def step(x: tf.Tensor, kernel: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                y = operations.convolution(x, kernel, strides, padding, 1)
                loss = tf.reduce_sum(tf.square(tf.cast(y, tf.float32)))
            return [y, *tape.gradient(loss, [x, kernel])]

        results.append(_run("graph" if dtype == tf.float32 else mode, step, tf.cast(x, dtype), tf.cast(kernel, dtype)))
        used = {
            tuple(operation.inputs[1].shape)
            for operation in tf.function(step)
            .get_concrete_function(tf.cast(x, dtype), tf.cast(kernel, dtype))
            .graph.get_operations()
            if operation.type == "Conv2D"
        }
        assert used == {(side, side, channels, 5) for side in [kernel_size + (dtype == tf.bfloat16)]}
    for full, short in zip(*results):
        assert full.shape == short.shape
        assert np.linalg.norm(short - full) < 0.03 * np.linalg.norm(full)


@pytest.mark.parametrize("kernel_size, strides", [(2, 2), (4, 4), (4, 2)])
def test_nor_does_the_gradient_of_a_transposed_one(kernel_size, strides):
    x, kernel = (
        tf.random.stateless_normal([2, 9, 8, 3], [1, 2]),
        tf.random.stateless_normal([kernel_size] * 2 + [16, 3], [3, 4]),
    )
    results = []
    for dtype in (tf.float32, tf.bfloat16):
        short, weights = tf.cast(x, dtype), tf.cast(kernel, dtype)
        with tf.GradientTape() as tape:
            tape.watch([short, weights])
            y = operations.transposed_convolution(short, weights, strides)
            loss = tf.reduce_sum(tf.square(tf.cast(y, tf.float32)))
        results.append([tf.cast(value, tf.float32).numpy() for value in (y, *tape.gradient(loss, [short, weights]))])
    for full, short in zip(*results):
        assert full.shape == short.shape
        assert np.linalg.norm(short - full) < 0.03 * np.linalg.norm(full)
