"""Layers: gated convolutions by their formula, the spectral norm by an SVD and by finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from tfsketch.nn import gated, operations, spectral

pytestmark = pytest.mark.usefixtures("grappler")


def _x(shape=(2, 8, 8, 3), seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


@pytest.mark.parametrize("norm", ["none", "lrn", "instance"])
def test_gated_convolution_is_its_formula(norm):
    layer = gated.GatedConv2D(6, 3, strides=2, norm=norm)
    x = _x()
    y = layer(x)
    feature = tf.nn.conv2d(x, layer.kernel, 2, "SAME") + layer.bias
    if norm == "lrn":  # by definition: the eleven neighbouring channels, no division by the window
        squares = np.square(feature.numpy())
        total = np.stack([squares[..., max(0, c - 5) : c + 6].sum(-1) for c in range(6)], axis=-1)
        feature = feature / np.sqrt(5e-5 + total)
    elif norm == "instance":
        f = feature.numpy()
        feature = (f - f.mean((1, 2), keepdims=True)) / np.sqrt(f.var((1, 2), keepdims=True) + 1e-5)
    gate = 1 / (1 + np.exp(-(tf.nn.conv2d(x, layer.gate_kernel, 2, "SAME") + layer.gate_bias).numpy()))
    np.testing.assert_allclose(y, np.where(feature > 0, feature, 0.2 * feature) * gate, atol=1e-5)
    assert y.shape == (2, 4, 4, 6)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("has_units", [False, True])
def test_a_dilated_convolution_has_its_gradient_everywhere(monkeypatch, has_units, padding):
    if has_units and not operations.is_accelerated(tf.float32):
        pytest.skip("these kernels have none")
    monkeypatch.setattr(operations, "is_accelerated", lambda dtype: has_units)
    x, kernel = _x((2, 9, 7, 3)), _x((3, 3, 3, 4), seed=1)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, kernel])
        spread = tf.reshape(tf.pad(kernel[:, None, :, None], [[0, 0], [0, 1]] * 2 + [[0, 0]] * 2), [6, 6, 3, 4])[:5, :5]
        results = [operations.convolution(x, kernel, 1, padding, 2), tf.nn.conv2d(x, spread, 1, padding)]
        losses = [tf.reduce_sum(result**2) for result in results]
    np.testing.assert_allclose(*results, atol=1e-4)
    for ours, plain in zip(*(tape.gradient(loss, [x, kernel]) for loss in losses)):
        np.testing.assert_allclose(ours, plain, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_enlarged_convolution_is_that_of_the_enlarged_map(dtype, side):
    """With its gradients; in 16 bits it has another form."""
    x, kernel = _x((2, 8, 9, 6)), _x((side, side, 6, 4), seed=1) / side
    plainly = lambda x, kernel: tf.nn.conv2d(tf.keras.layers.UpSampling2D(2)(x), kernel, 1, "SAME")  # noqa: E731
    upstream = _x((2, 16, 18, 4), seed=2)
    results = []
    for function, kind in ((operations.enlarged_convolution, dtype), (plainly, "float32")):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.cast(function(tf.cast(x, kind), tf.cast(kernel, kind)), tf.float32)
            loss = tf.reduce_sum(y * upstream)
        results.append([y, *tape.gradient(loss, [x, kernel])])
    assert results[0][0].shape == (2, 16, 18, 4)
    bound = 0.01 if operations.is_accelerated(tf.bfloat16) else 0.03  # TensorFlow's own kernels add up in 16 bits
    for ours, true in zip(*results):
        error = tf.norm(ours - true) / tf.norm(true)
        assert float(error) < (1e-5 if dtype == "float32" else bound)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gated_layer_mixes_a_skip_and_a_smaller_map_as_if_that_were_doubled(dtype):
    layer = gated.GatedConv2D(4, 3, dtype=f"mixed_{dtype}" if dtype == "bfloat16" else dtype)
    skip, smaller, upstream = _x((2, 16, 18, 3)), _x((2, 8, 9, 6), seed=1), _x((2, 16, 18, 4), seed=2)
    layer(tf.zeros((1, 4, 4, 9)))
    layer.bias.assign(_x((4,), seed=3))

    def plainly(skip, smaller):
        both = tf.concat([skip, tf.keras.layers.UpSampling2D(2)(smaller)], axis=-1)
        feature, logit = (
            tf.nn.conv2d(both, kernel, 1, "SAME") + bias
            for kernel, bias in ((layer.kernel, layer.bias), (layer.gate_kernel, layer.gate_bias))
        )
        return tf.nn.leaky_relu(feature, 0.2) * tf.sigmoid(logit)

    def of_doubled(skip, smaller):
        return layer(tf.concat([skip, operations.enlarge(smaller, 2)], axis=-1), training=True)

    results = []
    for function, kind in ((layer.mix, dtype), (of_doubled, dtype), (plainly, "float32")):
        with tf.GradientTape() as tape:
            tape.watch([skip, smaller])
            y = tf.cast(function(tf.cast(skip, kind), tf.cast(smaller, kind)), tf.float32)
            loss = tf.reduce_sum(y * upstream)
        results.append([y, *tape.gradient(loss, [skip, smaller, *layer.trainable_variables])])
    for ours, reference, true in zip(*results):
        error, its_error = (float(tf.norm(value - true) / tf.norm(true)) for value in (ours, reference))
        assert error < (1e-5 if dtype == "float32" else 2 * its_error)


def test_a_stack_of_gated_layers_keeps_the_signal():
    x = _x((1, 32, 32, 16))
    for _ in range(10):
        x = gated.GatedConv2D(32, 3)(x)
    assert 0.1 < float(tf.math.reduce_std(x)) < 10


@pytest.mark.parametrize("self_gate", [True, False])
def test_gated_deconvolution(self_gate):
    layer = gated.GatedDeconv2D(4, self_gate)
    x = _x((2, 5, 7, 3))
    y = layer(x)
    assert y.shape == (2, 10, 14, 4)
    h = tf.nn.leaky_relu(tf.nn.conv2d_transpose(x, layer.w, y.shape, 2, "SAME"), 0.2)
    gate = h if self_gate else tf.nn.conv2d_transpose(x, layer.gate_w, y.shape, 2, "SAME")
    np.testing.assert_allclose(y, h * tf.sigmoid(gate), atol=1e-6)
    assert ("biases2" in [v.name.split("/")[-1].split(":")[0] for v in layer.trainable_variables]) != self_gate
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x))
    assert all(g is not None for g in tape.gradient(loss, layer.trainable_variables))


def test_gated_deconvolution_takes_any_batch_and_size():
    layer = gated.GatedDeconv2D(4, True)
    call = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 3])])
    assert call(_x((1, 4, 4, 3))).shape == (1, 8, 8, 4) and call(_x((3, 6, 2, 3))).shape == (3, 12, 4, 4)


def test_spectral_norm_makes_the_largest_singular_value_one():
    layer = spectral.SpectralConv2D(8, 3)
    x = _x()
    layer(x)
    for _ in range(60):
        layer(x, training=True)
    kernel = layer.normalized_kernel(update=False).numpy().reshape(-1, 8)
    assert np.linalg.svd(kernel, compute_uv=False)[0] == pytest.approx(1.0, abs=1e-3)


def test_only_training_moves_the_power_iteration():
    layer = spectral.SpectralConv2D(8, 3)
    x = _x()
    layer(x)
    before = layer.u.numpy()
    layer(x)
    assert np.array_equal(before, layer.u.numpy())
    layer(x, training=True)
    assert not np.array_equal(before, layer.u.numpy())


def test_the_gradient_flows_through_sigma():
    layer = spectral.SpectralConv2D(5, 3)
    x = _x()
    layer(x)
    for _ in range(200):  # at the fixed point u and v are the singular vectors, and holding them constant is exact
        layer(x, training=True)
    direction = np.random.default_rng(1).standard_normal(layer.kernel.shape).astype(np.float32)

    def loss():
        return tf.reduce_sum(tf.square(layer(x)))

    with tf.GradientTape() as tape:
        value = loss()
    slope = float(tf.reduce_sum(tape.gradient(value, layer.kernel) * direction))
    start, step, values = layer.kernel.numpy(), 1e-2, []
    for sign in (1, -1):
        layer.kernel.assign(start + sign * step * direction)
        values.append(float(loss()))
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=2e-2)


@pytest.mark.parametrize("update", [False, True])
def test_the_spectral_norm_is_the_papers_formula_and_so_is_its_gradient(update):
    """sigma = v W u^T away from the fixed point, u and v held constant: W / sigma and its gradient in float64."""
    layer = spectral.SpectralConv2D(5, 3)
    layer(_x())
    matrix, u = layer.kernel.numpy().astype(np.float64).reshape(-1, 5), layer.u.numpy().astype(np.float64)
    upstream = np.random.default_rng(2).standard_normal(layer.kernel.shape)
    with tf.GradientTape() as tape:
        kernel = layer.normalized_kernel(update)
        value = tf.reduce_sum(kernel * upstream.astype(np.float32))
    v = u @ matrix.T
    v /= np.linalg.norm(v)
    if update:
        u = v @ matrix
        u /= np.linalg.norm(u)
        v = u @ matrix.T
        v /= np.linalg.norm(v)
        np.testing.assert_allclose(layer.u.numpy(), u, rtol=1e-5, atol=1e-6)
    sigma, upstream = (v @ matrix @ u.T).item(), upstream.reshape(-1, 5)
    np.testing.assert_allclose(kernel.numpy().reshape(-1, 5), matrix / sigma, rtol=1e-5, atol=1e-6)
    expected = upstream / sigma - (upstream * matrix).sum() / sigma**2 * (v.T @ u)
    gradient = tape.gradient(value, layer.kernel).numpy().reshape(-1, 5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_the_gate_in_training_is_the_plain_compositions_and_so_is_its_gradient(dtype):
    layer = gated.GatedConv2D(6, 3, strides=2, dtype=tf.float32 if dtype == tf.float32 else "mixed_bfloat16")
    x = tf.random.stateless_normal((2, 16, 18, 5), (1, 2))
    layer(x)
    layer.bias.assign(tf.linspace(-1.0, 1.0, 6)), layer.gate_bias.assign(tf.linspace(1.0, -1.0, 6))
    results = []
    for training in (False, True):

        @tf.function
        def run(training=training):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.cast(layer(x, training=training), tf.float32)
                loss = tf.reduce_sum(tf.square(y) * tf.cos(y))
            return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

        results.append(run())
    for plain, fast in zip(*results):
        # By the norm: in 16 bits a feature within rounding of 0 may fall on either side of the leaky ReLU's corner.
        error = float(tf.norm(fast - plain) / tf.norm(plain))
        assert error < (1e-5 if dtype == tf.float32 else 3e-2)


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "traced"])
def test_leaky_relu_in_16_bits_has_the_values_and_both_gradients_of_tensorflows(in_graph):
    x = tf.cast(tf.concat([tf.random.stateless_normal([999], (1, 2)), [0.0]], axis=0), tf.bfloat16)
    weights = tf.cast(tf.random.stateless_normal([1000], (3, 4)), tf.bfloat16)

    def of(function):
        with tf.GradientTape() as outer:
            outer.watch(weights)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            gradient = tape.gradient(y, x, weights)
            square = tf.reduce_sum(tf.cast(gradient, tf.float32) ** 2)  # as a penalty on gradients has it
        return y, gradient, outer.gradient(square, weights)

    run = tf.function(of, autograph=False) if in_graph else of
    *ours, second = run(operations.leaky_relu)
    *theirs, true = run(lambda x: tf.nn.leaky_relu(x, operations.LEAK))
    for value, expected in zip(ours, theirs):
        np.testing.assert_array_equal(tf.cast(value, tf.float32), tf.cast(expected, tf.float32))
    np.testing.assert_allclose(tf.cast(second, tf.float32), tf.cast(true, tf.float32), rtol=2**-7)  # it is a sum here
