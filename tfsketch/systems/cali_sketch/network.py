"""Cali-Sketch: a poorly drawn sketch is first redrawn, then made a photograph (Xia, Yang & Xue, arXiv 1911.00426).

In: a dict with `sketch` [B,H,W,1] in [0,1] (1 = stroke), H and W multiples of `stride` and at least `smallest`; of a
network with palettes also `seed` [B,2], whose first number picks one of those that it remembers, or `palette` [B,P,3];
other keys of the vocabulary are not looked at. Out: `refined` [B,H,W,1] in [0,1], the lines as SCN redrew them; `raw`
[B,H,W,3] in [-1,1], the photograph that ISN made of them; `image`, the same as `raw`, since nothing is composited.

Stages: SCN (stroke calibration network, G1) -> refined lines -> ISN (image synthesis network, G2). The paper's tables
are not available, and its authors released no code. Both networks are EdgeConnect's generators (Nazeri et al. 2019),
the family that the paper builds on: 7x7 convolution -> halvings by 4x4 convolutions -> residual blocks whose first
convolution is dilated -> doublings by transposed 4x4 convolutions -> 7x7 convolution; instance norm and ReLU after all
but the last; reflected borders at full size and in the blocks. That makes 10.75 and 10.77 million parameters.

The light variant (`TranslatorConfig.upsampling: nearest`, `norm: affine`, `skips`) trains on a CPU: no transposed
convolution, and the encoder's maps added in the decoder, which keeps lines in place through a narrow network.

A network for twice the side of one that is trained (`TranslatorConfig.halved`; ours): all that is said above works at
half the size, on lines averaged over 2x2 pixels, and what it draws is doubled, before the last activation. A fine level
(`fine_width`) adds to its first map and to its picture. Both sums are StyleGAN2's (Karras et al., CVPR 2020), of input
and output skips. What is added begins at zero: the network begins with the smaller one's picture
(`Translator.take_over`). A picture takes a fifth more multiplications than one of half the side did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Optional

import tensorflow as tf

from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.nn.norms import InstanceNorm, instance_norm
from tfsketch.nn.plain import Conv2D, Conv2DTranspose, EnlargedConv2D
from tfsketch.nn.spectral import SpectralConv2D, SpectralConv2DTranspose
from tfsketch.systems.cali_sketch.config import CaliSketchConfig, SynthesisConfig, TranslatorConfig
from tfsketch.systems.cali_sketch.palette import Palette
from tfsketch.vocabulary import check_sides

_INK = 0.1
"""Ink of a sketch in [0,1] that counts as a stroke for `CaliSketchConfig.reach`; less is an uneven paper."""


def _reflect(x: tf.Tensor, margin: int) -> tf.Tensor:
    return tf.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "REFLECT")


class _Conv(tf.keras.layers.Layer):
    """A convolution of the family, with its norm: [B,H,W,C] -> [B,h,w,filters]."""

    def __init__(
        self,
        config: TranslatorConfig,
        filters: int,
        kernel: int,
        strides: int = 1,
        dilation: int = 1,
        padding: str = "VALID",
        transposed: bool = False,
        enlarged: bool = False,
        biased: bool = True,
        gamma: str = "ones",
        **kwargs: Any,
    ):
        """Args:
        config: what norm and whether spectrally normalised.
        filters, kernel, strides, dilation, padding: of the convolution.
        transposed: a transposed convolution instead; its padding is SAME.
        enlarged: of the input doubled by nearest neighbours.
        biased: a bias, unless the norm has an offset of its own.
        gamma: initialiser of a learned norm's scale.
        """
        super().__init__(**kwargs)
        use_bias = biased and config.norm == "instance"
        self.spectral = config.spectral_norm
        # Without a spectral norm the convolution sees to it.
        self.double = tf.keras.layers.UpSampling2D(2, name="double") if enlarged and self.spectral else None
        if self.spectral and transposed:
            self.conv = SpectralConv2DTranspose(filters, kernel, strides, use_bias, name="conv")
        elif self.spectral:
            self.conv = SpectralConv2D(filters, kernel, strides, use_bias, padding, dilation, name="conv")
        else:
            common = {"use_bias": use_bias, "kernel_initializer": tf.keras.initializers.RandomNormal(0.0, 0.02)}
            self.conv = (
                Conv2DTranspose(filters, kernel, strides, "same", name="conv", **common)
                if transposed
                else EnlargedConv2D(filters, kernel, 1, padding, name="conv", **common)
                if enlarged
                else Conv2D(filters, kernel, strides, padding, dilation_rate=dilation, name="conv", **common)
            )
        self.norm = InstanceNorm(gamma, name="norm") if config.norm == "affine" else instance_norm

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.double(x) if self.double else x
        return self.norm(self.conv(x, training=training) if self.spectral else self.conv(x))


class _Block(tf.keras.layers.Layer):
    """x + norm(conv(relu(norm(dilated conv(x))))), no activation after the sum."""

    def __init__(self, config: TranslatorConfig, filters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dilation = config.dilation
        plain = not config.spectral_norm
        self.conv1 = _Conv(config, filters, 3, dilation=config.dilation, biased=plain, name="conv1")
        # A learned norm starts at zero, and the block as its shortcut.
        self.conv2 = _Conv(config, filters, 3, biased=plain, gamma="zeros", name="conv2")

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = tf.nn.relu(self.conv1(_reflect(x, self.dilation), training=training))
        return x + self.conv2(_reflect(y, 1), training=training)


class Translator(tf.keras.Model):
    """The common part of SCN and ISN: an encoder, dilated residual blocks, a decoder; see the module's docstring."""

    def __init__(self, config: TranslatorConfig, channels: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        halvings = range(config.downsamplings)
        self.halved, self.fine_width = config.halved, config.fine_width
        limit = config.max_width or config.width * 2**config.downsamplings
        self.widths = widths = [min(config.width * 2**i, limit) for i in range(config.downsamplings + 1)]
        self.stride, self.smallest = config.sides()
        self.skips, self.outer = config.skips, config.outer_kernel // 2
        self.stem = _Conv(config, widths[0], config.outer_kernel, name="stem")
        self.down = [
            _Conv(config, widths[i + 1], config.kernel, strides=2, padding="SAME", name=f"down{i + 1}")
            for i in halvings
        ]
        self.blocks = [_Block(config, widths[-1], name=f"block{i + 1}") for i in range(config.blocks)]
        self.up = [
            _Conv(config, width, 3, padding="SAME", enlarged=True, name=f"up{i + 1}")
            if config.upsampling == "nearest"
            else _Conv(config, width, config.kernel, strides=2, transposed=True, name=f"up{i + 1}")
            for i, width in enumerate(widths[-2::-1])
        ]
        self.last = Conv2D(
            channels, config.outer_kernel, kernel_initializer=tf.keras.initializers.RandomNormal(0.0, 0.02), name="last"
        )
        if config.fine_width:
            self.fine_stem = _Conv(config, config.fine_width, config.outer_kernel, name="fine_stem")
            self.fine_down = Conv2D(
                widths[0], 4, 2, "same", use_bias=False, kernel_initializer="zeros", name="fine_down"
            )
            self.fine_up = _Conv(config, config.fine_width, 3, padding="SAME", enlarged=True, name="fine_up")
            self.fine_last = Conv2D(
                channels, config.outer_kernel, use_bias=False, kernel_initializer="zeros", name="fine_last"
            )

    def take_over(self, other: Translator) -> None:
        """Begins with the weights of a network that is the same but for being `halved` and for the fine level, whose
        weights count if it is as wide."""
        ours, theirs = model_directory.variable_names(self), model_directory.variable_names(other)
        for name in ours.keys() & theirs.keys():
            if ours[name].shape == theirs[name].shape:
                ours[name].assign(theirs[name])

    def translate(
        self, x: tf.Tensor, training: bool, tinted: Callable[[int, tf.Tensor], tf.Tensor] = lambda number, x: x
    ) -> tf.Tensor:
        """[B,H,W,C] -> [B,H,W,channels] float32, before the last activation; `tinted` changes the map that the blocks
        get, number 0, and what each doubling gives, from number 1.

        Raises:
          ImageError: H or W is known, and is no multiple of `stride` or below `smallest`.
        """
        check_sides(x.shape, self.stride, self.smallest)
        x = tf.cast(x, self.compute_dtype)
        fine: Optional[tf.Tensor] = None
        if self.fine_width:
            fine = tf.nn.relu(self.fine_stem(_reflect(x, self.outer), training=training))
        if self.halved:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        x = tf.nn.relu(self.stem(_reflect(x, self.outer), training=training))
        x = x if fine is None else x + self.fine_down(fine)
        skips = []
        for layer in self.down:
            skips.append(x)
            x = tf.nn.relu(layer(x, training=training))
        x = tinted(0, x)
        for block in self.blocks:
            x = block(x, training=training)
        for number, layer in enumerate(self.up):
            x, same_size = tinted(number + 1, layer(x, training=training)), skips.pop()
            x = tf.nn.relu(x + same_size if number < self.skips else x)
        drawing = tf.cast(self.last(_reflect(x, self.outer)), tf.float32)
        if self.halved:
            sides = drawing.shape[1:3] if drawing.shape[1:3].is_fully_defined() else tf.shape(drawing)[1:3]
            drawing = tf.image.resize(drawing, [2 * sides[0], 2 * sides[1]])
        if fine is None:
            return drawing
        x = tinted(len(self.up) + 1, self.fine_up(x, training=training))
        x = tf.nn.relu(x + fine if len(self.up) < self.skips else x)
        return drawing + tf.cast(self.fine_last(_reflect(x, self.outer)), tf.float32)


def spread(sketch: tf.Tensor, reach: int) -> tf.Tensor:
    """The largest value of a sketch [B,H,W,1] up to `reach` pixels away along each axis, [B,H,W,1]."""
    size = 2 * reach + 1
    return tf.nn.max_pool2d(tf.nn.max_pool2d(sketch, (size, 1), 1, "SAME"), (1, size), 1, "SAME")


class StrokeCalibration(Translator):
    """SCN: `sketch` [B,H,W,1] -> `refined` [B,H,W,1] in [0,1]; `reach` as in `CaliSketchConfig`."""

    def __init__(self, config: TranslatorConfig, reach: int = 0):
        super().__init__(config, 1, name="scn")
        self.reach = reach

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """`training=True` moves the power iteration of a spectral norm; do so once a step. See `Translator.translate`
        for what it raises."""
        refined = tf.sigmoid(self.translate(inputs["sketch"], training))
        if self.reach:
            near = spread(tf.cast(inputs["sketch"], tf.float32), self.reach) > _INK
            refined = tf.where(near, refined, tf.zeros_like(refined))
        return {"refined": refined}


class ImageSynthesis(Translator):
    """ISN: `refined` [B,H,W,1] -> `raw` and `image` [B,H,W,3] in [-1,1], one picture under two names.

    With `SynthesisConfig.palette`, `palette` [B,P,3] in [-1,1] too, or `seed` [B,2] int32, which picks one of those
    that it remembers; without either, the most typical one of them. See `palette`."""

    def __init__(self, config: SynthesisConfig):
        super().__init__(config, 3, name="isn")
        widths = [*self.widths[::-1], config.fine_width] if config.fine_width else self.widths[::-1]
        self.palette = Palette(widths, name="palette") if config.palette else None

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """As `StrokeCalibration.call`."""
        lines = inputs["refined"]
        if self.palette is None:
            raw = tf.tanh(self.translate(lines, training))
        else:
            palette = inputs["palette"] if "palette" in inputs else self.palette.pick(inputs.get("seed"), lines)
            raw = tf.tanh(self.translate(lines, training, self.palette(palette, self.compute_dtype)))
        return {"raw": raw, "image": raw}


class CaliSketch(ExportedNetwork):
    """Both networks, one after the other: what users run. See the module's docstring."""

    section = CaliSketchConfig
    way = "draw"
    takes: tuple[str, ...] = ("sketch",)
    gives = ("refined", "image")

    def __init__(self, config: CaliSketchConfig):
        super().__init__(config, "cali_sketch")
        self.scn, self.isn = StrokeCalibration(config.scn, config.reach), ImageSynthesis(config.isn)
        if config.isn.palette:
            self.takes = ("sketch", "seed")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the module's docstring.

        Raises:
          ImageError: H or W is known, and is no multiple of `stride` or below `smallest`.
        """
        refined = self.scn(inputs, training=training)
        tint = {key: inputs[key] for key in ("palette", "seed") if key in inputs}
        return refined | self.isn(refined | tint, training=training)
