"""Contextual GAN: sketch and photograph as one picture, drawn from a vector z (Lu, Wu, Tai & Tang, ECCV 2018).

In: a dict with `z` [B,Z], uniform in [-1,1]; other keys of the vocabulary are not looked at. Out: `joint` [B,H,2H,3] in
[-1,1], the left half the sketch, the right half the photograph; `sketch` [B,H,H,1] in [0,1], 1 = stroke, the left half
in the vocabulary's terms and not yet black or white; `raw` and `image` [B,H,H,3] in [-1,1], the right half under two
names, since nothing is composited. A sketch becomes a photograph by searching for the z whose left half is that sketch
(`tfsketch.projection`), and a photograph a sketch by the same search with the halves exchanged.

Polarity: see `joint`.

Generator: z -> fully connected to 4 x 8 -> doublings by transposed 5x5 convolutions -> tanh; batch norm and ReLU after
all but the last. (The paper's text has a leaky ReLU in all layers, its public code a ReLU; this is the code.)
Discriminator: halvings by 5x5 convolutions, leaky ReLU of slope 0.2, batch norm on all but the first -> one logit,
fully connected. At 64 px that makes 5.95 and 4.32 million parameters. Both are DCGAN's (Radford et al. 2016). Where a
batch norm follows, the public code's layers have biases, which it takes out again: ours have none.

Encoder (ours; none in the published network): halvings by 3x3 convolutions, then fully connected -> a guess at z from
the sketch alone, where the search for it then starts. It belongs to the generator, since both learn from one loss.

Outside of training steps, batch norm uses its moving statistics: what comes of a z does not depend on its batch-mates.
The discriminator is a part of the exported network, because the search listens to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.nn import addons
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.nn.norms import BatchNorm, InstanceNorm
from tfsketch.nn.operations import leaky_relu
from tfsketch.nn.plain import Conv2D, Conv2DTranspose, EnlargedConv2D
from tfsketch.nn.spectral import SpectralConv2D
from tfsketch.nn.sums import modulate
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.contextual_gan.config import (
    ContextualGanConfig,
    JointDiscriminatorConfig,
    JointEncoderConfig,
    JointGeneratorConfig,
)
from tfsketch.systems.contextual_gan.joint import split


def _normal() -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.RandomNormal(0.0, 0.02)


_LATER = 3
"""Doublings from the map that decides to the one that it decides on; see `JointGeneratorConfig.excitation`."""


class _Excitation(tf.keras.layers.Layer):
    """A map times shares of its channels, which two dense layers make of a coarser map's means."""

    def __init__(self, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden = tf.keras.layers.Dense(width, tf.nn.swish, name="hidden")
        self.shares = tf.keras.layers.Dense(width, tf.sigmoid, name="shares")

    def call(self, x: tf.Tensor, coarse: tf.Tensor) -> tf.Tensor:
        """[B,H,W,width], [B,h,w,C] -> [B,H,W,width]."""
        means = tf.reduce_mean(tf.cast(coarse, tf.float32), axis=[1, 2])
        shares = self.shares(self.hidden(tf.cast(means, x.dtype)))
        return modulate(x, tf.cast(shares, x.dtype)[:, None, None])


class _Residual(tf.keras.layers.Layer):
    """A map and what batch norm, ReLU and a 3x3 convolution make of it (He et al., ECCV 2016)."""

    def __init__(self, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.norm = BatchNorm(name="norm")
        self.conv = Conv2D(width, 3, 1, "same", use_bias=False, kernel_initializer=_normal(), name="conv")

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B,H,W,width] -> [B,H,W,width]."""
        return x + self.conv(tf.nn.relu(self.norm(x, training=training)))


class JointEncoder(tf.keras.Model):
    """The sketch of a joint picture -> a guess at its z.

    The last layer's numbers are normalised over the batch and then pass the normal distribution's own cumulative one,
    which makes them about uniform in [-1,1], as z is: to guess the same for all sketches, which is what it learnt
    without (they differ in few pixels), is not possible. Outside of training steps the norm uses its moving statistics.
    It guesses from sketches alone: with photographs in the same batches, all that the norm leaves is which is which.
    """

    def __init__(self, config: JointEncoderConfig, latent: int, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "encoder"), autocast=False, **kwargs)
        self.convs = [
            Conv2D(width, 3, 2, "same", use_bias=False, name=f"conv{i + 1}") for i, width in enumerate(config.widths)
        ]
        self.norms = [InstanceNorm(name=f"norm{i + 1}") for i in range(len(config.widths))]
        self.z = tf.keras.layers.Dense(latent, use_bias=False, dtype="float32", name="z")
        self.z_norm = BatchNorm(affine=False, dtype="float32", name="z_norm")

    def call(self, sketch: tf.Tensor, training: bool = False, update: bool | None = None) -> tf.Tensor:
        """Guesses z.

        Args:
          sketch: [B,H,W,1] in [0,1], with soft edges where the network's sketches have them.
          training, update: of the last norm; see `norms.BatchNorm`.

        Returns:
          [B,Z] float32 in [-1,1].
        """
        x = tf.cast(sketch, self.compute_dtype)
        for conv, norm in zip(self.convs, self.norms):
            x = leaky_relu(norm(conv(x)))
        flat = tf.reshape(tf.cast(x, tf.float32), [-1, x.shape[1] * x.shape[2] * x.shape[3]])
        normal = self.z_norm(self.z(flat)[:, None, None], training=training, update=update)[:, 0, 0]
        return tf.math.erf(normal / np.float32(np.sqrt(2.0)))


class JointGenerator(tf.keras.Model):
    """z [B,Z] -> joint picture [B,H,2H,3] float32 in [-1,1], H = 4 * 2 ** (number of widths)."""

    def __init__(self, config: JointGeneratorConfig, encoder: JointEncoder | None = None, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "generator"), autocast=False, **kwargs)
        self.encoder = encoder  # not run here; it is trained, averaged and saved with the rest
        self.width = config.widths[0]
        self.fc = tf.keras.layers.Dense(4 * 8 * self.width, use_bias=False, kernel_initializer=_normal(), name="fc")
        self.norms = [BatchNorm(name=f"norm{i}") for i in range(len(config.widths))]
        kind, stride = (EnlargedConv2D, 1) if config.upsampling == "nearest" else (Conv2DTranspose, 2)
        self.ups = [
            kind(width, config.kernel, stride, "same", use_bias=False, kernel_initializer=_normal(), name=f"up{i + 1}")
            for i, width in enumerate([*config.widths[1:], 3])
        ]
        self.residuals = [
            [_Residual(width, name=f"residual{i + 1}_{n + 1}") for n in range(config.residuals)]
            for i, width in enumerate(config.widths[1:])
        ]
        later = config.widths[_LATER:] if config.excitation else ()
        self.excitations = [_Excitation(width, name=f"excitation{i + 1}") for i, width in enumerate(later)]
        # Not the last layer's own, because it is added in float32. Its gradient, a sum over all pixels of a batch,
        # would be right in either (`layers.add_bias`); Keras' layer loses it in bfloat16 on a CPU, without a bound.
        self.bias = self.add_weight(name="bias", shape=(3,), initializer="zeros", experimental_autocast=False)

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`training=True` normalises by the batch's statistics and moves the moving ones."""
        x = tf.reshape(self.fc(tf.cast(z, self.compute_dtype)), [-1, 4, 8, self.width])
        maps: list[tf.Tensor] = []
        for number, (norm, up) in enumerate(zip(self.norms, self.ups)):
            x = tf.nn.relu(norm(x, training=training))
            if self.excitations:
                maps.append(x)
                if number >= _LATER:
                    x = self.excitations[number - _LATER](x, maps[number - _LATER])
            x = up(x)
            for residual in self.residuals[number] if number < len(self.residuals) else ():
                x = residual(x, training=training)
        return tf.tanh(tf.cast(x, tf.float32) + self.bias)


class JointDiscriminator(tf.keras.Model):
    """Joint picture [B,H,2H,3] -> logit [B] float32, unbounded; high = real."""

    def __init__(self, config: JointDiscriminatorConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "discriminator"), autocast=False, **kwargs)
        self.spectral, self.normed = config.norm == "spectral", config.norm == "batch"
        if self.spectral:
            self.convs = [
                SpectralConv2D(width, config.kernel, 2, name=f"conv{i + 1}") for i, width in enumerate(config.widths)
            ]
            self.logit = SpectralConv2D(1, 1, dtype="float32", name="logit")
            return
        self.convs = [
            Conv2D(
                width,
                config.kernel,
                2,
                "same",
                use_bias=i == 0 or not self.normed,
                kernel_initializer=tf.keras.initializers.TruncatedNormal(0.0, 0.02),
                name=f"conv{i + 1}",
            )
            for i, width in enumerate(config.widths)
        ]
        self.norms = [BatchNorm(name=f"norm{i + 2}") for i in range(len(config.widths) - 1)] if self.normed else []
        self.logit = Conv2D(1, 1, kernel_initializer=_normal(), dtype="float32", name="logit")

    def call(self, x: tf.Tensor, training: bool = False, update: bool | None = None) -> tf.Tensor:
        """Judges joint pictures.

        Args:
          x: the joint pictures.
          training: batch norm by the batch's statistics.
          update: move what is kept from step to step, moving statistics or power iteration; as `training` where not
            given. To be done once a step, in its first call: then every call of a step sees one spectral norm.
        """
        update = training if update is None else update
        x = tf.cast(x, self.compute_dtype)
        for i, conv in enumerate(self.convs):
            x = conv(x, training=update) if self.spectral else conv(x)
            if i and self.normed:
                x = self.norms[i - 1](x, training=training, update=update)
            x = leaky_relu(x)
        # A fully connected layer, as a convolution of one position, which is what has a spectral norm here. In float32:
        # with this layer in bfloat16, a training with TensorFlow 2.15 on a CPU died of a damaged heap (why is unknown).
        x = tf.cast(tf.reshape(x, [-1, 1, 1, x.shape[1] * x.shape[2] * x.shape[3]]), tf.float32)
        return tf.reshape(self.logit(x, training=update) if self.spectral else self.logit(x), [-1])


class ContextualGan(ExportedNetwork):
    """Both networks: what users load, and `projection` searches in. See the module's docstring."""

    section = ContextualGanConfig
    way = "complete"
    takes = ("z",)
    fixed = True
    candidates = projection.CANDIDATES
    """Vectors z that a search of one sketch looks at before it chooses, and the most results."""

    def __init__(self, config: ContextualGanConfig):
        super().__init__(config, "contextual_gan")
        self.config = config
        self.latent = config.latent
        self.side = config.side
        self.adversarial_loss = config.loss.adversarial_loss
        self.blur = config.blur
        encoder = JointEncoder(config.encoder, self.latent) if config.encoder.widths else None
        self.generator = JointGenerator(config.generator, encoder)
        self.discriminator = JointDiscriminator(config.discriminator)
        # Now, because `call` leaves the discriminator and the encoder out.
        joint = self.generator(tf.zeros([1, self.latent]))
        self.discriminator(joint)
        if encoder is not None:
            encoder(split(joint)["sketch"])

    def project(self, **arguments: Any) -> projection.Projection:
        """`projection.project` with this network."""
        return projection.project(self, **arguments)

    @property
    def encoder(self) -> JointEncoder | None:
        """The encoder that guesses z, if the configuration has one."""
        return self.generator.encoder

    @property
    def search_steps(self) -> int:
        """Most steps of a search for a sketch's z by default: 100 from a guess, after which little falls."""
        return 100 if self.encoder else projection.STEPS

    @property
    def perceptual(self) -> float:
        """Weight of the perceptual loss in a search by default: the paper's 0.01, and with an encoder 0.3 (ours). There
        the guess is among the faces that the generator knows; with 0.01 the search leaves them for lines that fit a
        little better. Of 60 hold-out faces drawn badly (level 0.6), the feature distance is 391 at the guesses, 521
        after 40 steps with 0.01 and 251 with 0.3; the divergence 1.03, 0.62 and 0.68."""
        return 0.3 if self.encoder else 0.01

    def soften(self, sketch: tf.Tensor) -> tf.Tensor:
        """A sketch [B,H,W,1] in [0,1] as the networks expect them: with soft edges, depending on `blur`."""
        return addons.gaussian_blur(sketch, self.blur) if self.blur else sketch

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the module's docstring."""
        joint = self.generator(inputs["z"], training=training)
        halves = split(joint)
        return {"joint": joint, "sketch": halves["sketch"], "raw": halves["image"], "image": halves["image"]}
