"""Layers that TensorFlow lacks or gets wrong: gated convolutions, norms, a spectral norm whose gradient is right, and
StyleGAN2's resampling and equalised learning rates, of plain operations alone.

Feature maps are [B,H,W,C] in the layer's compute dtype. Kernel layouts are TensorFlow's own ([kh,kw,in,out], transposed
[kh,kw,out,in]), which are also those of SC-FEGAN's released checkpoint.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

LEAK = 0.2
"""Slope of the leaky ReLU, in the generator (released code) and the discriminator (DeepFill v2)."""


def _initializer(gated: bool) -> tf.keras.initializers.Initializer:
    """A fresh initialiser for a kernel.

    A gated layer multiplies a leaky ReLU of the feature by a sigmoid gate. At the start the gate is sigmoid(N(0,1)),
    whose mean square is 0.29: with He's variance the signal would lose two thirds of its power at every layer. The
    scale for `gated` keeps it (ours; without a norm a deep gated net hardly moves otherwise)."""
    scale = 2.0 / (1.0 + LEAK**2) / 0.29 if gated else 1.0
    return tf.keras.initializers.VarianceScaling(scale, mode="fan_in", distribution="untruncated_normal")


@functools.cache
def accelerated(dtype: tf.DType) -> bool:
    """Whether convolutions of this type run on the kernels of a GPU or oneDNN, and not on TensorFlow's own for CPUs.

    Those run on macOS, where oneDNN is off, and for 16 bits on processors that cannot compute with them. They have no
    gradient of a dilated convolution, which is how they are told, and add up 16 bits in 16 bits."""
    try:
        with tf.init_scope():
            y = tf.zeros((1, 5, 5, 1), dtype)
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=y.shape,
                filter=tf.zeros((3, 3, 1, 1), dtype),
                out_backprop=y,
                strides=[1] * 4,
                padding="SAME",
                dilations=[1, 2, 2, 1],
            )
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        return False
    return True


def convolution(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str, dilation: int) -> tf.Tensor:
    """`tf.nn.conv2d`, whose gradient runs everywhere: where a dilated one has none, the same by way of the batch, which
    is slower. And whose results are right everywhere, see `_misread`."""
    if dilation > 1 and not accelerated(x.dtype):
        return tf.nn.convolution(x, kernel, strides, padding, dilations=dilation)
    if dilation == 1 and _misread(kernel, strides) and not _padded(x, kernel, strides, padding):
        return tf.nn.conv2d(x, _odd(kernel), strides, [[0, 0], [0, 1], [0, 1], [0, 0]])
    return tf.nn.conv2d(x, kernel, strides, padding, dilations=dilation)


def transposed_convolution(x: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
    """`tf.nn.conv2d_transpose` with the padding SAME: [B,H,W,C] and [kh,kw,out,C] -> [B,strides*H,strides*W,out]."""
    shape, filters = tf.shape(x), kernel.shape[2]
    if kernel.shape[0] <= strides and _misread(kernel, strides):
        kernel = _odd(kernel)  # its gradient is an unpadded convolution
    target = tf.stack([shape[0], strides * shape[1], strides * shape[2], filters])
    y = tf.nn.conv2d_transpose(x, kernel, target, strides, "SAME")
    # The static shape is set by hand: the dynamic one keeps any batch and size working (a fixed batch here is what
    # broke Keras ports of SC-FEGAN), but loses what the following layers' build needs.
    return tf.ensure_shape(y, [x.shape[0], *(s and s * strides for s in x.shape[1:3]), filters])


def _misread(kernel: tf.Tensor, strides: int) -> bool:
    """Whether oneDNN's convolution without padding may give wrong results: on processors with AMX it does so in 16
    bits, without a word, for strides and an even kernel with an odd multiple of 16 input channels (of TensorFlow
    2.15.1: 2x2 and 4x4 of stride 2, 4x4 of stride 4, 8x8 of stride 8; 2.21 still for the last two, up to 24
    channels)."""
    side, channels = kernel.shape[0], kernel.shape[2]  # of a transposed kernel, what its gradient takes in
    if strides == 1 or side % 2 or kernel.dtype.size > 2:
        return False
    return channels % 32 == 16 or (side == strides and channels <= 24)


def _padded(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str) -> bool:
    return padding == "SAME" and (kernel.shape[0] > strides or any(s is None or s % strides for s in x.shape[1:3]))


def _odd(kernel: tf.Tensor) -> tf.Tensor:
    """An even kernel as the odd one with a row and a column of zeros at the end, which the fault spares."""
    return tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])


def _sum_of_rows(rows: tf.Tensor) -> tf.Tensor:
    """[...,N,C] -> [...,1,C], added up in float32 and rounded once.

    On a CPU, TensorFlow keeps some sums in 16 bits, which stop growing: BiasAddGrad in bfloat16 at 256 to 512 times the
    addend (but where oneDNN fuses it with a convolution's filter gradient, or XLA compiles it), `tf.reduce_sum` in
    float16, `tf.reduce_mean` in both; the same in 2.15.1 and 2.21, but for the mean in bfloat16. A product with ones
    adds up in float32 and takes a quarter to a half of the time of a cast and a sum; float16's does not, on a CPU."""
    if rows.dtype == tf.float16:
        return tf.cast(tf.reduce_sum(tf.cast(rows, tf.float32), axis=-2, keepdims=True), rows.dtype)
    return tf.matmul(tf.ones_like(rows[..., :1]), rows, transpose_a=True)


def _sum_of_positions(x: tf.Tensor) -> tf.Tensor:
    """[B,H,W,C] -> [B,1,1,C], as `_sum_of_rows`."""
    shape = tf.shape(x)
    return _sum_of_rows(tf.reshape(x, [shape[0], shape[1] * shape[2], x.shape[-1]]))[:, :, None]


def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """x [...,C] + bias [C], whose gradient for the bias is added up in float32.

    It is differentiable as often as one likes. Forward it stays `tf.nn.bias_add`, which oneDNN fuses with the
    convolution before it. (Not +: the gradient of a broadcast sum is a generic reduction, several times slower.)"""
    bias = tf.cast(tf.convert_to_tensor(bias), x.dtype)
    return tf.nn.bias_add(x, bias) if x.dtype.size > 2 else _add_short_bias(x, bias)


@tf.custom_gradient
def _add_short_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, object]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return upstream, _sum_of_rows(tf.reshape(upstream, [-1, upstream.shape[-1]]))[0]

    return tf.nn.bias_add(x, bias), gradient


@tf.custom_gradient
def modulate(x: tf.Tensor, scale: tf.Tensor) -> tuple[tf.Tensor, object]:
    """x [B,H,W,C] * scale [B,1,1,C] or [B,H,W,C].

    The same as the product, whose own gradient for [B,1,1,C] sums over positions with a generic reduction: seven times
    as long, on a CPU in bfloat16, as a product with ones, and stops growing in float16. First order alone, which is
    what a generator needs."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        product = x * upstream
        return upstream * scale, _sum_of_positions(product) if scale.shape[1:3] == [1, 1] else product

    return x * scale, gradient


@tf.custom_gradient
def _shift(x: tf.Tensor, offset: tf.Tensor) -> tuple[tf.Tensor, object]:
    """x [B,H,W,C] + offset [B,1,1,C], with sums in float32 as in `modulate`."""
    return x + offset, lambda upstream: (upstream, _sum_of_positions(upstream))


def local_response_norm(x: tf.Tensor) -> tf.Tensor:
    """LRN with the released constants: radius 5, alpha 1, beta 0.5, bias 5e-5. Computed in float32: the bias is below
    the resolution of 16 bits. It has a first-order gradient only, so it may not stand in a critic under a gradient
    penalty."""
    full = tf.cast(x, tf.float32)
    if _delegable:
        # The sum over neighbouring channels is a 1x1 convolution with a band of ones, and beta 0.5 a square root.
        channels = np.arange(x.shape[-1])
        band = (np.abs(channels[:, None] - channels) <= 5).astype(np.float32)[None, None]
        return tf.cast(full * tf.math.rsqrt(tf.nn.conv2d(tf.square(full), band, 1, "SAME") + 5e-5), x.dtype)
    return tf.cast(tf.nn.lrn(full, depth_radius=5, bias=5e-5, alpha=1.0, beta=0.5), x.dtype)


_delegable = False


@contextlib.contextmanager
def delegable() -> Iterator[None]:
    """Inside, graphs are traced in forms that a phone's GPU takes: the same functions, but for rounding."""
    global _delegable
    before, _delegable = _delegable, True
    try:
        yield
    finally:
        _delegable = before


def _instance_statistics(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(mean, 1 / deviation) of each channel of each picture, [B,1,1,C] float32.

    Means are of the means of lines: `tf.nn.moments` adds up a whole map in one sum, whose rounding a deep network
    amplifies (the lines of the shipped Cali-Sketch were off by 1e-4, and are now by 1e-5). It takes the same time."""
    full = tf.cast(x, tf.float32)

    def mean_of(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.reduce_mean(values, axis=2, keepdims=True), axis=1, keepdims=True)

    mean = mean_of(full)
    variance = mean_of(tf.math.squared_difference(full, tf.stop_gradient(mean)))
    return mean, tf.math.rsqrt(variance + 1e-5)


def instance_norm(x: tf.Tensor) -> tf.Tensor:
    """Instance norm without parameters, in float32."""
    mean, scale = _instance_statistics(x)
    return tf.cast((tf.cast(x, tf.float32) - mean) * scale, x.dtype)


class InstanceNorm(tf.keras.layers.Layer):
    """Instance norm with a learned scale and offset per channel.

    The same as `GroupNormalization(groups=-1)`, in two passes over the map instead of many: with Keras' layer a step of
    the face parser's training takes 1.6 times as long on a CPU."""

    def __init__(self, gamma_initializer: str = "ones", **kwargs):
        super().__init__(**kwargs)
        self.gamma_initializer = gamma_initializer

    def build(self, shape: tf.TensorShape) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(int(shape[-1]),), initializer=self.gamma_initializer)
        self.beta = self.add_weight(name="beta", shape=(int(shape[-1]),), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B,H,W,C] -> the same shape; statistics in float32."""
        mean, scale = _instance_statistics(x)
        scale *= tf.cast(self.gamma, tf.float32)
        offset = tf.cast(self.beta, tf.float32) - mean * scale
        return _shift(modulate(x, tf.cast(scale, x.dtype)), tf.cast(offset, x.dtype))


class BatchNorm(tf.keras.layers.Layer):
    """Batch norm over the global batch, whose moving statistics move only when told to.

    The batch's statistics are averaged over the replicas, so one and many replicas take the same step, and every
    replica's moving statistics are the same. Epsilon 1e-5, momentum 0.9 and gamma from N(1, 0.02) are DCGAN's (Radford
    et al. 2016) and the public Contextual GAN code's."""

    def build(self, shape: tf.TensorShape) -> None:
        channels = (int(shape[-1]),)
        self.gamma = self.add_weight(
            name="gamma", shape=channels, initializer=tf.keras.initializers.RandomNormal(1.0, 0.02)
        )
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        self.moving_mean, self.moving_variance = (
            self.add_weight(
                name=name,
                shape=channels,
                initializer=initializer,
                trainable=False,
                dtype=tf.float32,
                experimental_autocast=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for name, initializer in (("moving_mean", "zeros"), ("moving_variance", "ones"))
        )

    def call(self, x: tf.Tensor, training: bool = False, update: bool | None = None) -> tf.Tensor:
        """[B,H,W,C] -> the same shape; statistics in float32.

        Args:
          x: the map.
          training: normalise by the batch's statistics; off, by the moving ones, and every example is on its own.
          update: whether the batch's statistics move the moving ones; as `training` where not given.
        """
        gamma, beta = tf.cast(self.gamma, tf.float32), tf.cast(self.beta, tf.float32)
        if not training:
            moving = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
            return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, *moving, 1e-5, is_training=False)[0]
        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync == 1:
            # The same as below, in a third of the time on a CPU.
            x, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-5)
            count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
            variance *= (count - 1.0) / count  # the operation gives the unbiased one
        else:
            full = tf.cast(x, tf.float32)
            moments = [tf.reduce_mean(full, axis=[0, 1, 2]), tf.reduce_mean(tf.square(full), axis=[0, 1, 2])]
            mean, squares = replica.all_reduce(tf.distribute.ReduceOp.MEAN, moments)
            variance = tf.nn.relu(squares - tf.square(mean))
            scale = gamma * tf.math.rsqrt(variance + 1e-5)
            x = tf.cast((full - mean) * scale + beta, x.dtype)
        if update is None or update:
            self.moving_mean.assign(0.9 * self.moving_mean + 0.1 * mean)
            self.moving_variance.assign(0.9 * self.moving_variance + 0.1 * variance)
        return x


class Conv2D(tf.keras.layers.Conv2D):
    """Keras' layer, computed by `convolution` and `add_bias`; square kernels, strides and dilations."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = convolution(
            x, tf.convert_to_tensor(self.kernel), self.strides[0], self.padding.upper(), self.dilation_rate[0]
        )
        y = add_bias(y, self.bias) if self.use_bias else y
        return self.activation(y)


class Conv2DTranspose(tf.keras.layers.Conv2DTranspose):
    """Keras' layer, computed by `transposed_convolution` and `add_bias`; square kernels and strides, padding SAME."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = transposed_convolution(x, tf.convert_to_tensor(self.kernel), self.strides[0])
        y = add_bias(y, self.bias) if self.use_bias else y
        return self.activation(y)


_NORMS = {"lrn": local_response_norm, "instance": instance_norm, "none": tf.identity}


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _gate(both: tf.Tensor) -> tf.Tensor:
    feature, logit = tf.split(tf.cast(both, tf.float32), 2, axis=-1)
    return tf.cast(tf.maximum(feature, LEAK * feature) * tf.sigmoid(logit), both.dtype)


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _gate_gradient(both: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    feature, logit = tf.split(tf.cast(both, tf.float32), 2, axis=-1)
    share = tf.sigmoid(logit)
    upstream = tf.cast(upstream, tf.float32) * share
    slope = tf.where(feature > 0.0, 1.0, LEAK)
    of_logit = upstream * tf.maximum(feature, LEAK * feature) * (1.0 - share)
    return tf.cast(tf.concat([upstream * slope, of_logit], axis=-1), both.dtype)


@tf.custom_gradient
def gate(both: tf.Tensor) -> tf.Tensor:
    """leaky_relu(f) * sigmoid(g) of a map [B,H,W,2C] that holds f and then g: [B,H,W,C].

    One pass over memory each way, compiled by XLA, which computes in float32 whatever the map's type; as TensorFlow's
    operations they are seven, and the sigmoid and its gradient in bfloat16 are far from what memory could deliver. It
    has a first-order gradient only."""
    return _gate(both), functools.partial(_gate_gradient, both)


class GatedConv2D(tf.keras.layers.Layer):
    """Gated convolution (Yu et al., ICCV 2019, eq. 3): act(norm(conv(x))) * sigmoid(gate_conv(x)).

    The norm acts on the feature before the activation and never on the gate, as in SC-FEGAN's released graph.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        dilation: int = 1,
        norm: str = "none",
        activate: bool = True,
        **kwargs,
    ):
        """Args:
        filters: output channels.
        kernel_size: side of both kernels; padding is SAME.
        strides, dilation: as in `tf.nn.conv2d`.
        norm: `lrn`, `instance` or `none`.
        activate: leaky ReLU on the feature; off in a layer that makes a picture.
        """
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.dilation = filters, kernel_size, strides, dilation
        self.norm, self.activate = norm, activate

    def build(self, shape: tf.TensorShape) -> None:
        kernel = (self.kernel_size, self.kernel_size, int(shape[-1]), self.filters)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer=_initializer(gated=True))
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.gate_kernel = self.add_weight(name="gate_kernel", shape=kernel, initializer=_initializer(gated=False))
        self.gate_bias = self.add_weight(name="gate_bias", shape=(self.filters,), initializer="zeros")

    def call(self, x: tf.Tensor, padding: str = "SAME", training: bool = False) -> tf.Tensor:
        """[B,H,W,C] -> [B,ceil(H/strides),ceil(W/strides),filters], or with the padding VALID what the kernel covers
        whole: for a part of a map. `training` chooses the form whose gradient is cheap; the function is the same."""
        if training and self.norm == "none" and self.activate and len(x.shape) == 4 and None not in x.shape[1:3]:
            kernel = tf.concat([self.kernel, self.gate_kernel], axis=-1)
            bias = tf.concat([self.bias, self.gate_bias], axis=0)
            return gate(self._conv(x, kernel, bias, padding))
        feature = self._conv(x, self.kernel, self.bias, padding)
        feature = _NORMS[self.norm](feature)
        if self.activate:
            feature = tf.nn.leaky_relu(feature, LEAK)
        return feature * tf.sigmoid(self._conv(x, self.gate_kernel, self.gate_bias, padding))

    def _conv(self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, padding: str) -> tf.Tensor:
        if self.dilation > 1 and padding == "SAME" and self.dilation >= max(side or np.inf for side in x.shape[1:3]):
            # Every tap but the middle one meets the border's zeros, which a dilated convolution would multiply.
            middle = self.kernel_size // 2
            kernel = kernel[middle : middle + 1, middle : middle + 1]
            return add_bias(tf.nn.conv2d(x, kernel, self.strides, "SAME"), bias)
        return add_bias(convolution(x, kernel, self.strides, padding, self.dilation), bias)


class GatedDeconv2D(tf.keras.layers.Layer):
    """Gated 5x5 transposed convolution of stride 2.

    The released SC-FEGAN computes a gate (with the same kernel and a second bias) and then discards it: the gate that
    is used is the sigmoid of the activated feature. `self_gate=True` is that network, h * sigmoid(h); the second bias
    is kept as a weight that nothing reads and nothing trains, so that counts and conversions agree with the checkpoint.
    `self_gate=False` is the gate that the paper describes, with a kernel of its own."""

    def __init__(self, filters: int, self_gate: bool, kernel_size: int = 5, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.self_gate, self.kernel_size = filters, self_gate, kernel_size

    def build(self, shape: tf.TensorShape) -> None:
        kernel = (self.kernel_size, self.kernel_size, self.filters, int(shape[-1]))
        # VarianceScaling would read this layout's fans the wrong way round; the released initialiser is N(0, 0.02).
        self.w = self.add_weight(name="w", shape=kernel, initializer=tf.keras.initializers.RandomNormal(0.0, 0.02))
        self.biases1 = self.add_weight(name="biases1", shape=(self.filters,), initializer="zeros")
        self.biases2 = self.add_weight(
            name="biases2", shape=(self.filters,), initializer="zeros", trainable=not self.self_gate
        )
        if not self.self_gate:
            self.gate_w = self.add_weight(
                name="gate_w", shape=kernel, initializer=tf.keras.initializers.RandomNormal(0.0, 0.02)
            )

    def call(self, x: tf.Tensor, padding: str = "SAME") -> tf.Tensor:
        """[B,H,W,C] -> [B,2H,2W,filters], or with the padding VALID all that the kernel reaches,
        [B,2(H-1)+kernel_size,2(W-1)+kernel_size,filters]: for a part of a map."""
        shape = tf.shape(x)
        more = self.kernel_size - 2 if padding == "VALID" else 0
        target = tf.stack([shape[0], 2 * shape[1] + more, 2 * shape[2] + more, self.filters])
        # The static shape is set by hand: the dynamic one keeps any batch and size working (a fixed batch here is what
        # broke Keras ports of this network), but loses what the following layers' build needs.
        static = [x.shape[0], *(s * 2 + more if s else None for s in x.shape[1:3]), self.filters]

        def conv(kernel: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(tf.nn.conv2d_transpose(x, kernel, target, 2, padding), static)

        feature = add_bias(conv(self.w), self.biases1)
        feature = tf.nn.leaky_relu(feature, LEAK)
        if self.self_gate:
            return feature * tf.sigmoid(feature)
        return feature * tf.sigmoid(add_bias(conv(self.gate_w), self.biases2))


class SpectralConv2D(tf.keras.layers.Layer):
    """Convolution with a spectrally normalised kernel (Miyato et al., ICLR 2018), reparametrised.

    The kernel in use is w / sigma(w), with sigma = v W u^T from one power iteration, W the kernel reshaped to
    [kh*kw*in, out], u and v held constant: so the gradient flows through sigma, which Keras' and tensorflow-addons'
    wrappers lose by overwriting the kernel.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        use_bias: bool = True,
        padding: str = "SAME",
        dilation: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.use_bias = filters, kernel_size, strides, use_bias
        self.padding, self.dilation = padding, dilation

    def build(self, shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            initializer="he_normal",
            shape=self._kernel_shape(int(shape[-1])),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        # Every replica computes the same u from the same kernel; it needs no reduction, and 16 bits would spoil it.
        self.u = self.add_weight(
            name="u",
            shape=(1, self.filters),
            initializer="random_normal",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return self.kernel_size, self.kernel_size, channels, self.filters

    def _matrix(self, w: tf.Tensor) -> tf.Tensor:
        return tf.reshape(w, [-1, self.filters])

    def normalized_kernel(self, update: bool) -> tf.Tensor:
        """w / sigma(w) in the compute dtype; `update` moves u by one power iteration."""
        w = tf.cast(self.kernel, tf.float32)
        flat = self._matrix(w)
        fixed = tf.stop_gradient(flat)
        u = tf.convert_to_tensor(self.u)
        v = tf.math.l2_normalize(tf.matmul(u, fixed, transpose_b=True))
        if update:
            u = tf.math.l2_normalize(tf.matmul(v, fixed))
            self.u.assign(u)
            v = tf.math.l2_normalize(tf.matmul(u, fixed, transpose_b=True))
        sigma = tf.squeeze(tf.matmul(tf.stop_gradient(v), tf.matmul(flat, tf.stop_gradient(u), transpose_b=True)))
        return tf.cast(w / (sigma + 1e-12), self.compute_dtype)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B,H,W,C] -> [B,h,w,filters]; h and w as in `tf.nn.conv2d` with this padding."""
        kernel = self.normalized_kernel(update=training)
        y = convolution(x, kernel, self.strides, self.padding, self.dilation)
        return add_bias(y, self.bias) if self.use_bias else y


class SpectralConv2DTranspose(SpectralConv2D):
    """Transposed convolution with a spectrally normalised kernel; sigma is that of the kernel reshaped to
    [kh*kw*in, out], as in `SpectralConv2D`. Only the padding SAME is meant."""

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return self.kernel_size, self.kernel_size, self.filters, channels

    def _matrix(self, w: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.transpose(w, [0, 1, 3, 2]), [-1, self.filters])

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B,H,W,C] -> [B,strides*H,strides*W,filters]."""
        y = transposed_convolution(x, self.normalized_kernel(update=training), self.strides)
        return add_bias(y, self.bias) if self.use_bias else y


def leaky(x: tf.Tensor) -> tf.Tensor:
    """Leaky ReLU of slope `LEAK`, from a ReLU: TensorFlow 2.15's own takes many times as long on a CPU in bfloat16."""
    if _delegable:
        return tf.nn.leaky_relu(x, LEAK)
    return LEAK * x + (1.0 - LEAK) * tf.nn.relu(x)


def _margin(x: tf.Tensor, before: int, after: int, padding: str) -> tf.Tensor:
    """Adds `before` rows and columns at the start and `after` at the end, `reflect` or `zero`."""
    mode = "REFLECT" if padding == "reflect" else "CONSTANT"
    return tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]], mode)


def blur(x: tf.Tensor, kernel: Sequence[int], strides: int = 1, padding: str = "zero", margin: int = 0) -> tf.Tensor:
    """Filters every channel by the outer product of `kernel` with itself, of sum 1.

    Args:
      x: [B,H,W,C].
      kernel: such as (1, 2, 1) or (1, 3, 3, 1).
      strides: of the filter.
      padding: `reflect` or `zero`; as much as keeps the size (a kernel of even length looks
        further ahead: its halving then keeps a mirrored picture mirrored).
      margin: pads more on every side, by so much: what comes after then needs no padding.

    Returns:
      [B,H',W',C], H' = (H + 2 * margin) / strides, rounded up.
    """
    row = tf.constant(kernel, tf.float32)
    square = row[:, None] * row[None] / tf.reduce_sum(row) ** 2
    weights = tf.cast(tf.tile(square[:, :, None, None], [1, 1, x.shape[-1], 1]), x.dtype)
    before = (len(kernel) - 1) // 2
    x = _margin(x, before + margin, len(kernel) - 1 - before + margin, padding)
    return tf.nn.depthwise_conv2d(x, weights, [1, strides, strides, 1], "VALID")


def weighted(values: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """values [B,1,1,C] or [B,H,W,C] times share [B,H,W,1]: [B,H,W,C]."""
    if _delegable:  # a GPU refuses where neither factor has the product's shape; a tile would be folded into that
        share = tf.nn.conv2d(share, tf.ones([1, 1, 1, values.shape[-1]]), 1, "SAME")
    return values * share


def double(x: tf.Tensor) -> tf.Tensor:
    """Bilinear doubling, [B,H,W,C] -> [B,2H,2W,C], by shifted sums: on a CPU in bfloat16 a hundredth of the time of
    `tf.image.resize` and its gradient."""
    if _delegable:
        return tf.image.resize(x, [2 * side for side in x.shape[1:3]], "bilinear")
    for axis in (1, 2):
        size = x.shape[axis]
        if size is None:
            size = tf.shape(x)[axis]
        first, last = (slice(None),) * axis + (slice(0, 1),), (slice(None),) * axis + (slice(size - 1, size),)
        but_last, but_first = (slice(None),) * axis + (slice(0, size - 1),), (slice(None),) * axis + (slice(1, size),)
        lower = tf.concat([x[first], x[but_last]], axis)
        upper = tf.concat([x[but_first], x[last]], axis)
        pairs = tf.stack([0.75 * x + 0.25 * lower, 0.75 * x + 0.25 * upper], axis + 1)
        shape = [tf.shape(x)[i] if s is None else s for i, s in enumerate(x.shape)]
        shape[axis] *= 2
        x = tf.reshape(pairs, shape)
    return x


class EqualizedConv2D(tf.keras.layers.Layer):
    """Convolution with an equalised learning rate, then a leaky ReLU times sqrt 2 (Karras et al. 2018, 2020).

    The kernel is drawn from N(0,1) and multiplied at use by 1 / sqrt(fan in), so that Adam moves every layer at the
    same relative rate. A leaky ReLU lets positive factors through: sqrt 2 and `gain` are factors of kernel and bias,
    which are small, instead of the map.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        activate: bool = True,
        use_bias: bool = True,
        gain: float = 1.0,
        padding: str = "zero",
        blur: Sequence[int] = (),
        up: bool = False,
        demodulate: bool = False,
        **kwargs,
    ):
        """Args:
        filters: output channels.
        kernel_size: side of the kernel, odd.
        strides: 1 or 2.
        activate: the leaky ReLU and its sqrt 2.
        use_bias: a bias per channel.
        gain: multiplies the output.
        padding: `zero` or `reflect`, which keep the size (but for strides), or `valid`.
        blur: filter before strides of 2; none: no filter.
        up: doubles the size: a transposed convolution of stride 2, then the filter 1 3 3 1.
        demodulate: the kernel of every output channel is scaled to unit length (StyleGAN2's demodulation, for inputs
          whose scales have mean square 1).
        """
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.activate = filters, kernel_size, strides, activate
        self.use_bias, self.padding, self.blur, self.up, self.demodulate = (
            use_bias,
            padding,
            tuple(blur),
            up,
            demodulate,
        )
        self.factor = gain * (2.0**0.5 if activate else 1.0)

    def build(self, shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, int(shape[-1]), self.filters),
            initializer=tf.keras.initializers.RandomNormal(0.0, 1.0),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def _scaled_kernel(self) -> tf.Tensor:
        kernel = tf.cast(self.kernel, tf.float32)
        if self.demodulate:
            length = tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=[0, 1, 2], keepdims=True) + 1e-8)
            return tf.cast(kernel * (self.factor / length), self.compute_dtype)
        fan_in = self.kernel.shape[0] * self.kernel.shape[1] * self.kernel.shape[2]
        return tf.cast(kernel * (self.factor / fan_in**0.5), self.compute_dtype)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B,H,W,C] -> [B,h,w,filters]; h = H, H / strides or 2 H, or as `valid` has it."""
        kernel, margin = self._scaled_kernel(), self.kernel_size // 2
        if self.up:
            shape, side = tf.shape(x), self.kernel_size
            target = tf.stack([shape[0], 2 * shape[1] + side - 2, 2 * shape[2] + side - 2, self.filters])
            static = [x.shape[0], *(s and 2 * s + side - 2 for s in x.shape[1:3]), self.filters]
            # Four times the filter of sum 1: three of four inputs of it are the zeros in between.
            x = tf.nn.conv2d_transpose(x, 4.0 * tf.transpose(kernel, [0, 1, 3, 2]), target, 2, "VALID")
            kept = slice(margin - 1, -margin)
            x = blur(tf.ensure_shape(x, static), (1, 3, 3, 1))[:, kept, kept]
        else:
            padding = "VALID"
            if self.strides > 1 and self.blur:
                x = blur(x, self.blur, 1, self.padding, margin)
            elif self.padding == "reflect" and margin:
                x = _margin(x, margin, margin, "reflect")
            elif self.padding != "valid":
                padding = "SAME"
            x = tf.nn.conv2d(x, kernel, self.strides, padding)
        if self.use_bias:
            x = add_bias(x, self.bias * self.factor)
        return leaky(x) if self.activate else x


class EqualizedDense(tf.keras.layers.Layer):
    """Fully connected layer of the same kind, over the last axis, in float32: for codes and logits."""

    def __init__(self, units: int, activate: bool = True, bias: float = 0.0, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.units, self.activate, self.initial = units, activate, bias
        self.factor = 2.0**0.5 if activate else 1.0

    def build(self, shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(int(shape[-1]), self.units),
            initializer=tf.keras.initializers.RandomNormal(0.0, 1.0),
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer=tf.keras.initializers.Constant(self.initial)
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[...,C] -> [...,units] float32."""
        kernel = self.kernel * (self.factor / self.kernel.shape[0] ** 0.5)
        x = tf.tensordot(tf.cast(x, tf.float32), kernel, 1) + self.bias * self.factor
        return leaky(x) if self.activate else x
