"""SN-PatchGAN: shapes, conditions, and the second-order gradient that WGAN-GP needs."""

import numpy as np
import tensorflow as tf

from tfsketch.config import DiscriminatorConfig
from tfsketch.nn.discriminators import PatchDiscriminator, with_conditions


def test_the_published_shape_at_512():
    model = PatchDiscriminator(DiscriminatorConfig())
    spec = tf.function(model).get_concrete_function(tf.TensorSpec([None, 512, 512, 8]))
    assert spec.structured_outputs.shape.as_list() == [None, 16, 16, 256]
    assert [conv.kernel.shape[0] for conv in model.convs] == [3] * 6


def test_eight_channels_conditions_inside_the_mask():
    mask = tf.constant(np.eye(4)[None, ..., None], tf.float32)
    inputs = {"mask": mask, "sketch": tf.ones([1, 4, 4, 1]), "color": tf.fill([1, 4, 4, 3], 0.5)}
    stack = with_conditions(tf.fill([1, 4, 4, 3], -1.0), inputs)
    assert stack.shape == (1, 4, 4, 8)
    np.testing.assert_allclose(stack[..., 3:4], mask)
    np.testing.assert_allclose(stack[..., 4:7], 0.5 * mask * tf.ones([1, 4, 4, 3]))


def test_the_penalty_has_a_gradient_at_every_kernel_in_a_graph():
    model = PatchDiscriminator(DiscriminatorConfig(widths=(4, 8), strides=(1, 2)))
    x = tf.random.stateless_normal([2, 16, 16, 8], [1, 2])
    model(x)

    @tf.function
    def gradients():
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                score = tf.reduce_sum(model(x))
            penalty = tf.reduce_sum(tf.square(inner.gradient(score, x)))
        return outer.gradient(penalty, [conv.kernel for conv in model.convs])

    assert all(g is not None and float(tf.norm(g)) > 0 for g in gradients())
