"""The projected discriminator: what is trained in it, what it looks at, and DiffAugment."""

import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import crops
from tfsketch.config import ProjectedDiscriminatorConfig
from tfsketch.nn import adversarial, efficientnet, feature_losses, projected

SIDE = 64


@pytest.fixture(scope="module")
def trunk():
    return efficientnet.EfficientNetLite1()


@pytest.fixture(scope="module")
def inputs():
    mask = np.zeros((2, SIDE, SIDE, 1), np.float32)
    mask[:, 8:24, 8:24] = 1
    return {
        "image": tf.constant(np.stack(crops(2, SIDE)) / 127.5 - 1.0, tf.float32),
        "mask": tf.constant(mask),
        "sketch": tf.zeros_like(mask),
        "color": tf.zeros((2, SIDE, SIDE, 3)),
        "seed": tf.constant([[1, 2], [3, 4]], tf.int32),
    }


def _network():
    tf.keras.utils.set_random_seed(0)
    return projected.ProjectedDiscriminator(ProjectedDiscriminatorConfig(width=4, head_width=6))


def test_heads_are_trained_and_mixtures_are_saved_but_not_trained(trunk, inputs):
    network = _network()
    scores = network(trunk(inputs["image"]), inputs)
    assert [s.shape for s in scores] == [(2, 2, 2, 1), (2, 4, 4, 1), (2, 4, 4, 1), (2, 8, 8, 1)]
    constants = {v.name for v in network.non_trainable_variables if "across" in v.name}
    assert len(constants) == 7
    assert not any("across" in v.name for v in network.trainable_variables)
    assert len(network.trainable_variables) == 4 * 3 * 2  # four heads of three layers: kernel and bias


def test_the_conditions_count(trunk, inputs):
    network = _network()
    features = trunk(inputs["image"])
    network(features, inputs)
    stroke = tf.cast(tf.range(SIDE)[None, :, None, None] == 16, tf.float32) * tf.ones((2, SIDE, SIDE, 1))
    for variant in (
        inputs | {"sketch": stroke},
        inputs | {"color": tf.ones((2, SIDE, SIDE, 3)) * 0.5},
        inputs | {"mask": 1.0 - inputs["mask"]},
    ):
        before, after = network(features, inputs), network(features, variant)
        assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(before, after))
    # A stroke outside the mask is none: the generator did not see it either.
    outside = stroke * (1.0 - inputs["mask"])
    for a, b in zip(network(features, inputs), network(features, inputs | {"sketch": outside})):
        np.testing.assert_array_equal(a, b)


def test_it_learns_to_tell_photographs_from_blurred_holes(trunk, inputs):
    network = _network()
    blur = tf.nn.avg_pool2d(inputs["image"], 9, 1, "SAME")
    fake = tf.where(inputs["mask"] > 0.5, blur, inputs["image"])
    real_features, fake_features = trunk(inputs["image"]), trunk(fake)
    network(real_features, inputs)
    optimizer = tf.keras.optimizers.Adam(1e-2)
    values = []
    for _ in range(25):
        with tf.GradientTape() as tape:
            real, false = (network(f, inputs, training=True) for f in (real_features, fake_features))
            loss = tf.reduce_mean(adversarial.critic_hinge_hole(real, false, inputs["mask"]))
        optimizer.minimize(loss, network.trainable_variables, tape=tape)
        values.append(float(loss))
    assert values[-1] < 0.5 * values[0]
    # And tells the generator so: the gradient at the picture points from the blur to the photograph.
    with tf.GradientTape() as tape:
        tape.watch(fake)
        score = adversarial.generator_hinge_hole(network(trunk(fake), inputs), inputs["mask"])
    assert float(tf.reduce_sum(tape.gradient(score, fake) * (inputs["image"] - fake))) < 0


def test_patches_that_do_not_see_the_hole_do_not_count(inputs):
    values = tf.random.stateless_normal((2, 8, 8, 1), (1, 2))
    near = tf.zeros((2, 8, 8, 1)).numpy()
    near[:, 0:4, 0:4] = 1  # the hole's cells are 1 and 2; their neighbours see it too
    expected = tf.reduce_sum(values * near, [1, 2, 3]) / 16.0
    np.testing.assert_allclose(feature_losses.hole_mean(values, inputs["mask"]), expected, rtol=1e-5)
    np.testing.assert_array_equal(feature_losses.hole_mean(values, tf.zeros_like(inputs["mask"])), [0.0, 0.0])


def test_an_example_is_augmented_by_its_own_seed_and_its_conditions_with_it(inputs):
    def augment(rows, share=1.0):
        part = {key: value[rows] for key, value in inputs.items()}
        return projected.augment(part["image"], part, part["seed"], 2, share)

    image, conditions = augment(slice(None))
    alone, _ = augment(slice(1, 2))
    np.testing.assert_array_equal(image[1:], alone)
    assert not np.array_equal(image, inputs["image"])
    assert set(conditions) == {"mask", "sketch", "color"} and not np.array_equal(conditions["mask"], inputs["mask"])
    # Where the hole went, the picture went: a picture that is the mask is still the mask, but for its light.
    as_mask = tf.repeat(inputs["mask"], 3, axis=-1)
    copy, conditions = projected.augment(as_mask, inputs, inputs["seed"], 2, 1.0)
    for one, hole in zip(copy.numpy(), conditions["mask"].numpy()):
        inside, outside = one[hole[..., 0] > 0.5], one[hole[..., 0] < 0.5]
        assert inside.std() < 1e-5 and outside.std() < 1e-5
    for same, name in zip(augment(slice(None), 0.0), ("image", None)):
        if name:
            np.testing.assert_allclose(same, inputs["image"], atol=1e-6)


def test_augmentation_has_a_gradient(inputs):
    image = inputs["image"]
    with tf.GradientTape() as tape:
        tape.watch(image)
        copy, _ = projected.augment(image, inputs, inputs["seed"], 2, 1.0)
        loss = tf.reduce_sum(tf.square(copy))
    gradient = tape.gradient(loss, image).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
