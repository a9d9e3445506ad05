"""Which signatures an export of a system has."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfsketch.export.signatures import Signature
from tfsketch.systems.cali_sketch import signatures as cali_sketch
from tfsketch.systems.contextual_gan import signatures as contextual_gan
from tfsketch.systems.face_parser import signatures as face_parser
from tfsketch.systems.region_edit import signatures as region_edit
from tfsketch.systems.sc_fegan import signatures as sc_fegan

SIGNATURES: dict[str, Callable[[tf.keras.Model], dict[str, Signature]]] = {
    "sc_fegan": sc_fegan.signatures,
    "face_parser": face_parser.signatures,
    "cali_sketch": cali_sketch.signatures,
    "contextual_gan": contextual_gan.signatures,
    "region_edit": region_edit.signatures,
}
"""System -> its signatures, of a model as `zoo.load_model` gives it."""
