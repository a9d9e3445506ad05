"""Channel pruning: a narrower SC-FEGAN generator from a trained one, so a small model starts where a large one ended.

In the manner of He, Zhang & Sun (ICCV 2017), layer by layer from the input: each layer keeps the output channels that
matter most to the layers that read them, and its kernels are fitted by least squares, on the narrow network's own input
to that layer, to the wide network's values in those channels. So every layer also compensates for the errors of the
layers before it. Two things are ours and not the paper's: both convolutions of a gated layer are fitted, and channels
are chosen by the energy of their contribution, not by LASSO.

The result is a starting point: train it (`train.init`).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import shipped
from tfsketch.data import batches as batches_lib
from tfsketch.data.folders import open_pictures
from tfsketch.errors import ConfigError
from tfsketch.nn import model_directory
from tfsketch.systems.sc_fegan.network import Generator

_POSITIONS = 128
"""Positions in a picture's map whose neighbourhoods a layer is fitted on; a smaller map is used whole."""
_RIDGE = 1e-3
"""Pull towards the wide network's own kernels, relative to the mean energy of an input."""


@dataclasses.dataclass(frozen=True)
class LayerReport:
    """How one layer was pruned."""

    name: str
    channels: int
    """Of the wide layer."""
    width: int
    energy: float
    """The kept channels' share of the layer's contribution to its readers, 0..1."""
    error: float
    """Share of the kept channels' variance before activation that the fit leaves unexplained; a gated layer's gate
    channels count too."""


@dataclasses.dataclass
class _Map:
    """A layer's output in both networks."""

    wide: list[np.ndarray]
    narrow: list[np.ndarray]
    channels: np.ndarray
    """Index of the wide map's channel that a narrow map's channel stands for."""

    def upsample_onto(self, skip: _Map) -> _Map:
        """The decoder's next input: the skip and then this map at twice its size."""

        def concatenate(below: np.ndarray, above: np.ndarray) -> np.ndarray:
            return np.concatenate([above, below.repeat(2, axis=1).repeat(2, axis=2)], axis=-1)

        offset = skip.wide[0].shape[-1]
        return _Map(
            [concatenate(*pair) for pair in zip(self.wide, skip.wide)],
            [concatenate(*pair) for pair in zip(self.narrow, skip.narrow)],
            np.concatenate([skip.channels, offset + self.channels]),
        )


def _convolutions(layer: tf.keras.layers.Layer) -> list[tuple[tf.Variable, tf.Variable]]:
    """Kernel and bias of each convolution of a layer."""
    gate = [(layer.gate_kernel, layer.gate_bias)] if hasattr(layer, "gate_kernel") else []
    return [(layer.kernel, layer.bias), *gate]


def _importance(outputs: Sequence[np.ndarray], readers: Sequence[np.ndarray]) -> np.ndarray:
    """Energy [C] that each channel of a map adds to its readers: its variance times its kernels' squares.

    Args:
      outputs: the map, batches of [B,H,W,C].
      readers: slices [k,k,C,out] of the kernels that read it.
    """
    variance = np.concatenate([batch.reshape(-1, batch.shape[-1]) for batch in outputs]).var(axis=0)
    return variance * sum(np.square(kernel).sum(axis=(0, 1, 3)) for kernel in readers)


def _patches(maps: np.ndarray, layer: tf.keras.layers.Layer, places: np.ndarray) -> np.ndarray:
    """The inputs of a layer's kernel at N positions of its output map, [N,k*k*C + 1] with a 1 for the bias.

    Args:
      maps: [B,H,W,C].
      layer: its kernel's size, stride and dilation.
      places: [B,n] indices into each picture's output map.
    """
    side = int(layer.kernel.shape[0])
    stride, rate = (layer.strides, layer.dilation) if hasattr(layer, "dilation") else (1, 1)
    sizes = [1, side, side, 1], [1, stride, stride, 1], [1, rate, rate, 1]
    parts = []
    # One picture at a time: the neighbourhoods of all positions take k*k times the map.
    for picture, indices in zip(maps, places):
        patches = tf.image.extract_patches(picture[None], *sizes, padding="SAME")[0].numpy()
        parts.append(patches.reshape(-1, patches.shape[-1])[indices])
    patches = np.concatenate(parts)
    return np.concatenate([patches, np.ones_like(patches[:, :1])], axis=1)


def _places(rng: np.random.Generator, masks: np.ndarray, layer: tf.keras.layers.Layer, side: int) -> np.ndarray:
    """[B,n] positions in a layer's output map, mostly inside the mask: nothing else of the result is shown."""
    stride = layer.strides if isinstance(layer.strides, int) else layer.strides[0]
    target = -(-side // stride)
    factor = masks.shape[1] // target
    holes = masks.reshape(len(masks), target, factor, target, factor).max(axis=(2, 4)).reshape(len(masks), -1)
    chances = 0.1 + holes
    chances /= chances.sum(axis=1, keepdims=True)
    count = min(_POSITIONS, target * target)
    return np.stack([rng.choice(target * target, count, replace=False, p=row) for row in chances])


def _flat(kernel: tf.Variable, bias: tf.Variable, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Some channels of a convolution as a matrix for `_patches`, [k*k*inputs + 1,outputs]."""
    matrix = kernel.numpy()[:, :, inputs][..., outputs]
    return np.concatenate([matrix.reshape(-1, len(outputs)), bias.numpy()[None, outputs]])


def _fit(
    rng: np.random.Generator,
    wide: tf.keras.layers.Layer,
    narrow: tf.keras.layers.Layer,
    inputs: _Map,
    masks: Sequence[np.ndarray],
    channels: np.ndarray,
) -> float:
    """Sets a narrow layer's weights; see the module's docstring. Returns `LayerReport.error`."""
    everything = np.arange(inputs.wide[0].shape[-1])
    teacher = np.concatenate([_flat(*pair, everything, channels) for pair in _convolutions(wide)], axis=1)
    start = np.concatenate([_flat(*pair, inputs.channels, channels) for pair in _convolutions(wide)], axis=1)
    gram = np.zeros((len(start),) * 2)
    moment = np.zeros(start.shape)
    square, total, residual, count = 0.0, 0.0, 0.0, 0
    for wide_map, narrow_map, mask in zip(inputs.wide, inputs.narrow, masks):
        places = _places(rng, mask, wide, wide_map.shape[1])
        target = _patches(wide_map, wide, places) @ teacher
        patches = _patches(narrow_map, narrow, places)
        missing = target - patches @ start
        gram += patches.T @ patches
        moment += patches.T @ missing
        square, total, count = square + np.square(target).sum(0), total + target.sum(0), count + len(target)
        residual = residual + np.square(missing).sum(0)
    ridge = np.full(len(gram), _RIDGE * np.trace(gram) / len(gram))
    ridge[-1] = 0.0  # the bias is free
    change = np.linalg.solve(gram + np.diag(ridge), moment)
    residual = residual - 2.0 * (change * moment).sum(0) + (change * (gram @ change)).sum(0)
    variance = square - np.square(total) / count
    for matrix, (kernel, bias) in zip(
        np.split(start + change, len(_convolutions(narrow)), axis=1), _convolutions(narrow)
    ):
        kernel.assign(matrix[:-1].reshape(kernel.shape))
        bias.assign(matrix[-1])
    return float(residual.sum() / variance.sum())


def prune(
    wide: Generator, narrow: Generator, batches: Sequence[Mapping[str, tf.Tensor]], seed: int = 0
) -> list[LayerReport]:
    """Sets the weights of a narrow generator from a wide one's; see the module's docstring.

    Args:
      wide: the trained network.
      narrow: a built network of the same layers, each at most as wide.
      batches: pictures and conditions to fit on, dicts of the vocabulary, all of one side; enough for more equations
        than unknowns: a layer has up to 9 C + 1 unknowns, and a picture gives up to 128 equations.
      seed: of the sampled positions.

    Returns:
      A report for each layer, in order.

    Raises:
      ConfigError: the networks' layers differ, or are of a kind that cannot be pruned.
    """
    chain: list[list[tf.keras.layers.Layer]] = [
        [*net.encoder, *net.dilated, *net.mixers, *filter(None, [net.to_rgb])] for net in (wide, narrow)
    ]
    kinds = [
        [(tuple(layer.kernel.shape[:2]), layer.strides, getattr(layer, "dilation", 1)) for layer in layers]
        for layers in chain
    ]
    if kinds[0] != kinds[1] or (wide.to_rgb is None) != (narrow.to_rgb is None):
        raise ConfigError("model.generator: expected the wide network's stages, kernels and dilations, found others")
    for net in (wide, narrow):
        if net.deconvs or net.config.norm == "lrn":
            raise ConfigError(
                "model.generator: expected upsampling: nearest and no norm over channels, found "
                f"upsampling: {net.config.upsampling}, norm: {net.config.norm}"
            )
    rng = np.random.default_rng(seed)
    masks = [batch["mask"].numpy()[..., 0] for batch in batches]
    stacks = [wide.pack(batch).numpy() for batch in batches]
    readers = {layer.name: [kernel.numpy() for kernel, _ in _convolutions(layer)] for layer in chain[0]}
    # A skip is read by the decoder too, which puts it first.
    skips = {layer.name: mixer.name for layer, mixer in zip(wide.encoder[-2::-1], wide.mixers)}
    report: list[LayerReport] = []

    def pruned_map(number: int, inputs: _Map) -> _Map:
        """Sets the weights of layer `number`; returns its output map."""
        old, new = chain[0][number], chain[1][number]
        outputs = [old(batch).numpy() for batch in inputs.wide]
        channels, count = outputs[0].shape[-1], int(new.kernel.shape[-1])
        if count > channels:
            raise ConfigError(f"model.generator: {new.name}: expected at most {channels} channels, found {count}")
        indices, share = np.arange(channels), 1.0
        if number + 1 < len(chain[0]):
            slices = [kernel[:, :, -channels:] for kernel in readers[chain[0][number + 1].name]]
            slices += [kernel[:, :, :channels] for kernel in readers.get(skips.get(old.name), [])]
            weight = _importance(outputs, slices)
            indices = np.sort(np.argsort(-weight, kind="stable")[:count])
            share = float(weight[indices].sum() / max(weight.sum(), 1e-30))
        error = _fit(rng, old, new, inputs, masks, indices)
        report.append(LayerReport(new.name, channels, count, share, error))
        return _Map(outputs, [new(batch).numpy() for batch in inputs.narrow], indices)

    maps = [_Map(stacks, stacks, np.arange(stacks[0].shape[-1]))]
    for number in range(len(wide.encoder)):
        maps.append(pruned_map(number, maps[-1]))
    x = maps[-1]
    for number in range(len(wide.encoder), len(wide.encoder) + len(wide.dilated)):
        x = pruned_map(number, x)
    for i in range(len(wide.mixers)):
        x = pruned_map(len(wide.encoder) + len(wide.dilated) + i, x.upsample_onto(maps[-2 - i]))
    if wide.to_rgb is not None:
        pruned_map(len(chain[0]) - 1, x)
    return report


_CARD = """# {system}, channels pruned

A start for training, not a model to use: the generator of `{model}`, pruned from {before:,} to {after:,}
parameters by `tools.prune` on {pictures} pictures ({side} px). Licence: that of the weights it was made of.
"""


def prune_model(
    model: str | os.PathLike,
    config: config_lib.Config,
    output: str | os.PathLike,
    pictures: str | os.PathLike,
    count: int = 128,
) -> list[LayerReport]:
    """Writes a pruned model as a model directory, for `train.init`.

    Args:
      model: the wide one; see `zoo.load_model`.
      config: the experiment of the narrow one.
      output: the directory, made if it is missing; one that holds weights is refused.
      pictures: whatever `data.train` may name; conditions are sampled as in the narrow one's training.
      count: number of examples; at 256 px, each takes 15 MB.

    Raises:
      ConfigError, DataError, WeightsError: the model, the experiment or the pictures cannot be used.
    """
    shipped.check_free(output)
    wide = model_directory.load(model, {"sc_fegan": Generator})
    if config.system != "sc_fegan":
        raise ConfigError(f"expected a configuration of sc_fegan, found one of {config.system}")
    narrow = model_directory.build(Generator, config)
    batch_size = 8
    settings = dataclasses.replace(config, train=dataclasses.replace(config.train, batch_size=batch_size))
    shards = open_pictures(pictures, settings, os.path.join(output, "pictures"))
    batches = [
        {key: batch[key] for key in Generator.takes if key in batch}
        for batch in batches_lib.batches(shards, settings).take(-(-count // batch_size))
    ]
    report = prune(wide, narrow, batches, config.seed)
    arrays = {name: variable.numpy() for name, variable in model_directory.variable_names(narrow).items()}
    card = _CARD.format(
        system=config.system,
        model=os.path.basename(os.fspath(model)),
        before=wide.count_params(),
        after=narrow.count_params(),
        pictures=len(batches) * batch_size,
        side=settings.image_size,
    )
    model_directory.save(output, config, arrays, card)
    return report
