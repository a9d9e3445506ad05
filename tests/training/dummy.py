"""A task of one layer for the trainer, and what is read of its runs."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tests.conftest import log_rows
from tfsketch.training.task import Task


class Dummy(Task):
    """Learns the mean colour of the pictures."""

    exported = "net"

    def __init__(self, config):
        del config
        net = tf.keras.Sequential([tf.keras.layers.Dense(3, name="dense")], name="net")
        net.build((None, 3))
        self.networks = {"net": net}

    def step(self, batch, loss, minimize):
        with tf.GradientTape() as tape:
            error = tf.cast(self.networks["net"](tf.reduce_mean(batch["image"], axis=[1, 2])), tf.float32) - 0.3
            value = tf.reduce_mean(tf.square(error), axis=-1)
        minimize("net", tape, value)
        return {"net": value}


def losses_of(folder, key: str = "net") -> dict[int, float]:
    """A value of a run's log by its steps."""
    return {row["step"]: row[key] for row in log_rows(folder)}


def training(config, **train):
    """The experiment with other settings of `train`."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **train))
