"""The face parser's training: its terms, and that it learns."""

import numpy as np
import tensorflow as tf

from tests.tiny import FACE_PARSER, halves
from tfsketch import systems
from tfsketch.systems import make_task

TINY = systems.parse(FACE_PARSER)


def test_a_task_learns_two_regions():
    task = make_task(TINY)
    optimizer = tf.keras.optimizers.Adam(1e-2)
    network, batch = task.networks["parser"], halves()

    def minimize(name: str, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        assert name == "parser"
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    terms = [task.step(batch, TINY.model.loss, minimize) for _ in range(15)]
    assert set(terms[0]) == {"cross_entropy", "dice", "parser", "right"}
    assert all(term.shape == (2,) for term in terms[0].values())
    assert np.mean(terms[-1]["parser"]) < 0.5 * np.mean(terms[0]["parser"])
    rows, titles = task.sheet(batch, network(batch))
    assert len(rows) == 2 and len(rows[0]) == len(titles) and rows[0][1].shape == (32, 32, 3)
