"""The systems' networks, one file a system, and the one table that says which network a system exports."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.config import Config
from tfsketch.models import sc_fegan

EXPORTED = {"sc_fegan": sc_fegan.Generator}
"""System -> class of the network that users run; built from the section `model`, vocabulary dict in and out."""


def build(config: Config) -> tf.keras.Model:
    """The exported network of an experiment, its variables made (with one small picture of zeros, eagerly, so that
    names of variables do not depend on where the first call happens)."""
    model = EXPORTED[config.system](config.model)
    side = model.stride
    model({"image": tf.zeros([1, side, side, 3]), "mask": tf.zeros([1, side, side, 1])})
    return model
