"""A photograph's change by another style, in one call: the region editor for a page without a server.

`Editor.restyle` encodes two photographs, mixes their style codes and draws twice, in the wanted style and in the
photograph's own; what it pastes is made of the difference. Here all of that up to the difference is one network, so
that one TensorFlow Lite file does it.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfsketch.nn.exported import ExportedNetwork
from tfsketch.systems.region_edit.config import RegionEditConfig


class StyleChange(ExportedNetwork):
    """In: a dict with `image`, `style` and `mask` as `RegionEdit` takes them, a mask of ones for everywhere, and
    `amount` [B,1] in [0,1], how far the style code goes from the photograph's own to the other's. Out: `change`
    [B,H,W,3], what the network draws in that style less what it draws in the photograph's own, in the units of
    [-1,1], not bounded.

    Args:
      network: a `RegionEdit`, whose weights these are.
    """

    section = RegionEditConfig
    way = "restyle"
    takes = ("image", "style", "mask", "amount")
    gives = ("change",)

    def __init__(self, network: ExportedNetwork):
        super().__init__(network._section, "style_change")
        self.network = network
        self.experiment, self.folder = network.experiment, network.folder

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the class; `training` changes nothing."""
        del training
        network, image, mask = self.network, inputs["image"], inputs["mask"]
        features, other = network.encoder.features(image), network.encode(inputs["style"])[1]
        structure, own = network.encoder.structure(network.encoder.content(features)), network.encoder.style(features)

        def drawn_in(style: tf.Tensor) -> tf.Tensor:
            if network.blend == "styles":
                return network.merge(features, own, style, mask)
            # Merged features are not the photograph's, even where the mask is everywhere.
            swap = network.decode(structure, style)
            everywhere = tf.reduce_min(mask, axis=[1, 2, 3], keepdims=True) > 0.5
            return tf.where(everywhere, swap, network.merge(features, own, style, mask, swap))

        return {"change": drawn_in(own + (other - own) * inputs["amount"]) - drawn_in(own)}
