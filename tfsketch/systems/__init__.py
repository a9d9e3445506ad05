"""The systems' networks, one file a system, and the one table that says which network a system exports."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.config import Config
from tfsketch.systems.cali_sketch import network as cali_sketch
from tfsketch.systems.contextual_gan import network as contextual_gan
from tfsketch.systems.face_parser import network as face_parser
from tfsketch.systems.region_edit import network as region_edit
from tfsketch.systems.sc_fegan import network as sc_fegan
from tfsketch.vocabulary import shapes

EXPORTED = {
    "sc_fegan": sc_fegan.Generator,
    "face_parser": face_parser.FaceParser,
    "cali_sketch": cali_sketch.CaliSketch,
    "contextual_gan": contextual_gan.ContextualGan,
    "region_edit": region_edit.RegionEdit,
}
"""System -> class of the network that users run; built from the section `model`, vocabulary dict in and out. Its
`takes` names what it looks at of the vocabulary."""


def build(config: Config) -> tf.keras.Model:
    """The exported network of an experiment, its variables made (with one small picture of zeros, eagerly, so that
    names of variables do not depend on where the first call happens)."""
    model = EXPORTED[config.system](config.model)
    side = getattr(model, "smallest", model.stride)
    model({key: tf.zeros(shape) for key, shape in shapes(model, side).items()})
    return model
