"""Growing: a Contextual GAN begins with one that was trained for half its side (ours, after the progressive growing of
Karras et al., ICLR 2018, where new layers are faded in).

A small picture teaches the coarse layers several times as fast. What the smaller networks have is taken over. The new
layers, the last doubling of the generator and the first two halvings of the encoder and the discriminator, begin so
that nothing is forgotten: the generator draws the smaller picture, every pixel doubled; the encoder guesses as from
the sketch at half the size, but for zeros at its border; so does the discriminator judge, about (its norms have other
scales). They do it with few channels; the others begin at random, with little weight in the next layer.

A pair of channels carries a value x through what lies between two layers, a norm and a (leaky) ReLU of slope a, since
f(x) - f(-x) = (1 + a) x.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfsketch.errors import ConfigError
from tfsketch.nn import model_directory
from tfsketch.nn.operations import LEAK
from tfsketch.systems.contextual_gan.network import ContextualGan

_SAMPLES = 64
"""Vectors z whose pictures tell the statistics that the new norm begins with."""
_FEW = 0.1
"""Share of its usual deviation that a new kernel has where a picture comes of it, beside the channels that carry."""
_SHARE = 2.0
"""Logit of the shares of a new excitation: 0.88 of each channel, from where the sigmoid has a slope still."""


def _check(network: ContextualGan, smaller: ContextualGan) -> None:
    """Raises `ConfigError` if the networks differ where they see maps of the same size."""
    ours, theirs = network.config, smaller.config
    both = [
        (f"{part}.{key}", getattr(getattr(ours, part), key), getattr(getattr(theirs, part), key))
        for part, keys in (
            ("generator", ("kernel", "upsampling", "residuals", "excitation")),
            ("discriminator", ("kernel", "norm")),
        )
        for key in keys
    ]
    both += [
        ("latent", ours.latent, theirs.latent),
        ("generator.widths", ours.generator.widths[:-1], theirs.generator.widths),
        ("encoder.widths", ours.encoder.widths[1:], theirs.encoder.widths),
        ("discriminator.widths", ours.discriminator.widths[1:], theirs.discriminator.widths),
    ]
    for key, here, there in both:
        if here != there:
            raise ConfigError(
                f"train.init: expected a model of {theirs.side} px with model.{key} {here} to grow from, found {there}"
            )
    for key, width, least in (
        ("generator.widths", ours.generator.widths[-1], 6),
        ("discriminator.widths", ours.discriminator.widths[0], 6),
        ("encoder.widths", (*ours.encoder.widths, 2)[0], 2),
    ):
        if width < least:
            raise ConfigError(f"model.{key}: expected at least {least} channels in a layer to grow by, found {width}")


def _take_over(network: ContextualGan, smaller: ContextualGan) -> None:
    """Assigns what both networks have. Layers of the generator are counted from the coarse end, those of the encoder
    and the discriminator from the picture, so theirs are one number behind."""
    theirs = model_directory.variable_names(smaller)
    for name, variable in model_directory.variable_names(network).items():
        part, *rest = name.split("/")
        numbered = re.fullmatch(r"(conv|norm)(\d+)", rest[0]) if rest and part != "generator" else None
        if numbered and int(numbered[2]) <= 2:
            continue
        there = "/".join([part, f"{numbered[1]}{int(numbered[2]) - 1}", *rest[1:]]) if numbered else name
        if there in theirs and theirs[there].shape == variable.shape:
            variable.assign(theirs[there])


def _pairs(x: np.ndarray, axis: int) -> np.ndarray:
    """x and -x, one after the other along an axis."""
    return np.concatenate([x, -x], axis=axis)


def _halve(ours: Sequence[tf.keras.layers.Layer], theirs: tf.keras.layers.Layer) -> None:
    """Lets the first two halvings of `ours` do what `theirs` did at half the size: the first gives the means of squares
    of two pixels, in pairs of channels."""
    (first, second), kernel = ours[:2], theirs.kernel.numpy()
    new, channels = first.kernel.numpy(), kernel.shape[2]
    begin = (new.shape[0] - 2) // 2  # of the two taps that TensorFlow's padding SAME lays on pixels 2i and 2i + 1
    new[..., : 2 * channels] = 0.0
    new[begin : begin + 2, begin : begin + 2, :, : 2 * channels] = _pairs(np.eye(channels), 1) / 4.0
    first.kernel.assign(new)
    new = _FEW * second.kernel.numpy()
    new[:, :, : 2 * channels] = _pairs(kernel, 2) / (1.0 + LEAK)
    second.kernel.assign(new)


def _double(network: ContextualGan, smaller: ContextualGan) -> None:
    """Lets the generator's new last doubling copy what the one before it draws, the smaller picture."""
    ours, theirs = network.generator, smaller.generator
    z = tf.random.stateless_uniform((_SAMPLES, network.latent), (0, 1), -1.0, 1.0)
    logits = np.arctanh(np.clip(theirs(z).numpy(), -0.999, 0.999)) - theirs.bias.numpy()
    mean, deviation = logits.mean(axis=(0, 1, 2)), logits.std(axis=(0, 1, 2))
    is_transposed = network.config.generator.upsampling == "transposed"
    out = 2 if is_transposed else 3  # the axis of a kernel's output channels

    before = np.moveaxis(ours.ups[-2].kernel.numpy(), out, 3)
    before[..., :6] = _pairs(np.moveaxis(theirs.ups[-1].kernel.numpy(), out, 3), 3)
    ours.ups[-2].kernel.assign(np.moveaxis(before, 3, out))
    for residual in ours.residuals[-1]:
        kernel = residual.conv.kernel.numpy()
        kernel[..., :6] = 0.0
        residual.conv.kernel.assign(kernel)
    norm = ours.norms[-1]
    for variable, values in ((norm.moving_mean, _pairs(mean, 0)), (norm.moving_variance, np.tile(deviation**2, 2))):
        variable.assign(np.concatenate([values, variable.numpy()[6:]]))
    scale = deviation
    if ours.excitations and len(ours.excitations) > len(theirs.excitations):
        shares = ours.excitations[-1].shares
        shares.kernel.assign(tf.zeros_like(shares.kernel))
        shares.bias.assign(tf.fill(shares.bias.shape, _SHARE))
        scale = deviation / tf.sigmoid(_SHARE).numpy()
    last = _FEW * np.moveaxis(ours.ups[-1].kernel.numpy(), out, 3)
    last[:, :, :6] = 0.0
    taps = slice((last.shape[0] - 2) // 2, (last.shape[0] + 2) // 2) if is_transposed else last.shape[0] // 2
    last[taps, taps, :6] = _pairs(np.diag(scale), 0)
    ours.ups[-1].kernel.assign(np.moveaxis(last, 3, out))
    ours.bias.assign(theirs.bias + mean)


def grow(network: ContextualGan, smaller: ContextualGan) -> None:
    """Lets a network, with weights at random, begin with another one's, for half its side; see the module's docstring.

    Raises:
      ConfigError: the networks differ where they see maps of the same size, or a new layer is too narrow.
    """
    _check(network, smaller)
    _take_over(network, smaller)
    _double(network, smaller)
    _halve(network.discriminator.convs, smaller.discriminator.convs[0])
    if smaller.discriminator.convs[0].use_bias and network.discriminator.convs[1].use_bias:
        network.discriminator.convs[1].bias.assign(smaller.discriminator.convs[0].bias)
    if network.encoder and smaller.encoder:
        _halve(network.encoder.convs, smaller.encoder.convs[0])
        network.encoder.norms[1].gamma.assign(smaller.encoder.norms[0].gamma)
        network.encoder.norms[1].beta.assign(smaller.encoder.norms[0].beta)
