"""SC-FEGAN's generator: a gated U-Net that repaints the mask by sketch and colour (Jo & Park, ICCV 2019).

In: a dict of the package's vocabulary. `image` and `mask` are required; `sketch`, `color`, `noise` default to zeros.
Out: a dict of `raw` (what the network drew, [B,H,W,3] in [-1,1]) and `image` (`raw` inside the mask, the input bit for
bit outside).

Stages: pack nine channels -> `stages` halvings by gated convolutions -> dilated gated convolutions at the bottleneck ->
as many doublings, each concatenated with the encoder's map (the skip first) and mixed by a gated convolution -> tanh.
The defaults of `GeneratorConfig` are the released network exactly, which differs from the paper's text (7/5/5/3 kernels
where the text says 3x3); layers carry the released scopes' names, so that a checkpoint maps by name.

The light variant (`upsampling: nearest`, `head_width` > 0) replaces the 5x5 transposed convolutions, half of the
network's arithmetic, by nearest-neighbour doubling before the same gated convolutions, and ends in a plain 3x3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfsketch.nn.exported import Call, ExportedNetwork
from tfsketch.nn.gated import GatedConv2D, GatedDeconv2D
from tfsketch.nn.plain import Conv2D
from tfsketch.systems.sc_fegan.config import ScFeganConfig
from tfsketch.systems.sc_fegan.region_inference import RegionInference
from tfsketch.vocabulary import check_sides, composite

PACKED_CHANNELS = 9
"""Incomplete RGB 3, sketch 1, colour 3, mask 1, noise 1: the released network's order."""


def pack(inputs: Mapping[str, tf.Tensor], empty_color: float = 0.0) -> tf.Tensor:
    """The network's input, [B,H,W,9]: incomplete image (grey, 0, in the hole), sketch, colour, mask, noise, all
    conditions inside the mask only. `empty_color` stands in the hole where no colour was given (the released network
    was trained with -1)."""
    image, mask = inputs["image"], inputs["mask"]
    zeros = tf.zeros_like(mask)
    color = inputs.get("color", tf.zeros_like(image))
    if empty_color != 0.0:
        strokes = tf.reduce_any(tf.not_equal(color, 0.0), axis=-1, keepdims=True)
        color = tf.where(strokes, color, tf.cast(empty_color, color.dtype))
    sketch, noise = inputs.get("sketch", zeros), inputs.get("noise", zeros)
    return tf.concat([image * (1.0 - mask), sketch * mask, color * mask, mask, noise * mask], axis=-1)


class Generator(ExportedNetwork):
    """The gated U-Net; see the module's docstring."""

    section = ScFeganConfig
    way = "edit"
    takes = ("image", "mask", "sketch", "color", "noise")
    gives = ("image",)

    def __init__(self, config: ScFeganConfig):
        super().__init__(config, "generator")
        self._empty_color = config.empty_color
        net = self.config = config.generator
        widths = [min(net.width * 2**i, net.max_width) for i in range(net.stages)]
        self.encoder = [
            GatedConv2D(width, kernel, strides=2, norm=net.norm if i else "none", name=f"gconv{i + 1}_ds")
            for i, (width, kernel) in enumerate(zip(widths, net.kernels))
        ]
        self.dilated = [
            GatedConv2D(widths[-1], 3, dilation=rate, norm=net.norm, name=f"co_conv{i + 1}_dlt")
            for i, rate in enumerate(net.dilations)
        ]
        # The decoder's stage i makes the size of the encoder's stage i's input; the last one, the picture's.
        outputs = [*widths[-2::-1], net.head_width or 3]
        published, deconvolutions = net.upsampling == "published", [] if net.upsampling == "nearest" else outputs
        self.deconvs = [GatedDeconv2D(n, published, name=f"deconv{i + 1}") for i, n in enumerate(deconvolutions)]
        self.mixers = [
            GatedConv2D(
                filters,
                3,
                norm=net.norm if i + 1 < net.stages else "none",
                activate=i + 1 < net.stages or net.head_width > 0,
                name=f"gconv{net.stages + 1 + i}",
            )
            for i, filters in enumerate(outputs)
        ]
        self.to_rgb = Conv2D(3, 3, padding="same", name="to_rgb") if net.head_width else None
        self.upsample = tf.keras.layers.UpSampling2D(2, interpolation="nearest", name="upsample")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the module's docstring. H and W must be multiples of 2 ** stages.

        Raises:
          ImageError: H or W is known and is no such multiple.
        """
        self.check_size(inputs["image"].shape)
        maps = self.encode(self.pack(inputs), training)
        return self.composite_outputs(inputs, self.decode(self.dilate(maps[-1], training), maps[:-1], training))

    def incremental(self) -> Call:
        """Keeps the encoder's maps from call to call: see `region_inference`."""
        return RegionInference(self)

    def check_size(self, shape: tf.TensorShape) -> None:
        """Raises `ImageError` where a side of [B,H,W,C] is known and is no multiple of the stride."""
        check_sides(shape, self.stride)

    def pack(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`pack` with this network's empty colour."""
        return pack(inputs, self._empty_color)

    def encode(self, inputs: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """[B,H,W,9] -> itself and every encoder stage's map, the largest first."""
        maps = [inputs]
        for layer in self.encoder:
            maps.append(layer(maps[-1], training=training))
        return maps

    def dilate(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The bottleneck: the encoder's last map through the dilated layers."""
        for layer in self.dilated:
            x = layer(x, training=training)
        return x

    def decode(self, x: tf.Tensor, skips: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """The output of `dilate`, and the other maps of `encode` -> the picture before the tanh, [B,H,W,3]."""
        for i, (mixer, skip) in enumerate(zip(self.mixers, reversed(skips))):
            if training and not self.deconvs and mixer.gates_at_once and x.dtype.size == 2:
                x = mixer.mix(skip, x)
            else:
                x = self.deconvs[i](x) if self.deconvs else self.upsample(x)
                x = mixer(tf.concat([tf.cast(skip, x.dtype), x], axis=-1), training=training)
        return x if self.to_rgb is None else self.to_rgb(x)

    @staticmethod
    def composite_outputs(inputs: Mapping[str, tf.Tensor], x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The vocabulary's results, of what `decode` gives."""
        raw = tf.tanh(tf.cast(x, tf.float32))
        return {"raw": raw, "image": composite(raw, inputs["image"], inputs["mask"])}
