"""The head that reads lines: it learns where they are, and says what was asked for and is not there."""

import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import crops
from tfsketch.nn import efficientnet, line_reader, projected

SIDE = 64


@pytest.fixture(scope="module")
def trunk():
    return efficientnet.EfficientNetLite1()


def _layers(lines: np.ndarray) -> dict[str, tf.Tensor]:
    mask = np.zeros((len(lines), SIDE, SIDE, 1), np.float32)
    mask[:, 16:48, 16:48] = 1
    blank = tf.zeros((len(lines), SIDE, SIDE, 3))
    return {"mask": tf.constant(mask), "sketch": tf.constant(lines), "lines": tf.constant(lines), "color": blank}


def _squares(rng: np.random.Generator) -> tuple[tf.Tensor, np.ndarray]:
    """Bright squares on dark paper, and their outlines [4,64,64,1]."""
    images, lines = np.full((4, SIDE, SIDE, 3), -0.7, np.float32), np.zeros((4, SIDE, SIDE, 1), np.float32)
    for image, line in zip(images, lines):
        top, left = rng.integers(8, 30, 2)
        image[top : top + 24, left : left + 24] = 0.7
        line[top : top + 24, left : left + 24] = 1
        line[top + 1 : top + 23, left + 1 : left + 23] = 0
    return tf.constant(images), lines


def test_it_learns_where_lines_are_and_misses_those_that_are_not_drawn(trunk):
    tf.keras.utils.set_random_seed(0)
    reader, rng = line_reader.build(trunk), np.random.default_rng(0)
    optimizer, values = tf.keras.optimizers.Adam(3e-3), []
    for _ in range(25):
        images, lines = _squares(rng)
        view = projected.view(trunk, images, _layers(lines), 0.0)
        with tf.GradientTape() as tape:
            term = line_reader.learning_term(reader, view)
        assert term.shape == (4,)
        optimizer.apply_gradients(zip(tape.gradient(term, reader.trainable_variables), reader.trainable_variables))
        values.append(float(tf.reduce_mean(term)))
    assert np.mean(values[-3:]) < 0.5 * values[0]
    images, lines = _squares(rng)
    requests = projected.view(trunk, images, _layers(lines), 0.0)
    obedience = line_reader.generator_term(reader, requests).numpy()
    empty = requests._replace(features=trunk(tf.fill(images.shape, -0.7), line_reader._MAPS))
    assert (obedience < 0.5 * line_reader.generator_term(reader, empty).numpy()).all()
    # Nobody asked for anything there.
    layers = _layers(np.zeros_like(lines))
    empty_terms = [
        line_reader.generator_term(reader, view._replace(conditions=layers)).numpy() for view in (requests, empty)
    ]
    assert (empty_terms[0] > empty_terms[1]).all()


def test_a_gradient_reaches_the_picture_in_the_hole(trunk):
    reader = line_reader.build(trunk)
    image = tf.Variable(np.stack(crops(1, SIDE)) / 127.5 - 1.0, dtype=tf.float32)
    lines = np.zeros((1, SIDE, SIDE, 1), np.float32)
    lines[:, 30, 20:40] = 1
    with tf.GradientTape() as tape:
        view = projected.view(trunk, image, _layers(lines) | {"seed": tf.constant([[1, 2]])}, 1.0)
        total = line_reader.generator_term(reader, view)
    assert view.conditions["lines"].shape == (1, SIDE, SIDE, 1)
    np.testing.assert_array_equal(view.conditions["lines"], view.conditions["sketch"])  # moved alike
    slope = tape.gradient(total, image).numpy()
    assert np.isfinite(slope).all() and np.abs(slope[:, 20:44, 20:44]).max() > 0


def test_where_nothing_was_drawn_and_nothing_is_erased_nothing_is_paid(trunk):
    reader = line_reader.build(trunk)
    layers = _layers(np.zeros((1, SIDE, SIDE, 1), np.float32))
    layers["mask"] = tf.zeros_like(layers["mask"])
    view = projected.view(trunk, tf.zeros((1, SIDE, SIDE, 3)), layers, 0.0)
    np.testing.assert_array_equal(line_reader.generator_term(reader, view), [0.0])
