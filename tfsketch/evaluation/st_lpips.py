"""Shift-tolerant LPIPS: its network, and its weights without PyTorch.

ST-LPIPS (Ghildyal & Liu, "Shift-Tolerant Perceptual Similarity Metric", ECCV 2022) is not LPIPS: its numbers compare
with each other, not with LPIPS numbers of papers. Its weights come with the package stlpips-pytorch; the network is
here in `tf.nn`, and PyTorch is not needed, not even to read the file.
"""

from __future__ import annotations

import pathlib

import tensorflow as tf

from tfsketch.errors import WeightsError
from tfsketch.nn import torch_weights

INSTALL_HINT = "install it with: pip install --no-deps stlpips-pytorch==0.0.2"


def st_lpips_weights_path() -> pathlib.Path:
    """Path of ST-LPIPS' AlexNet in the package stlpips-pytorch.

    Raises:
      WeightsError: the package is not installed.
    """
    return torch_weights.package_file("stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth", INSTALL_HINT)


class StLpips(tf.Module):
    """ST-LPIPS with AlexNet, variant `shift_tolerant`, weights ST0.0, as published (Ghildyal & Liu, ECCV 2022).

    AlexNet's five convolutions made shift-tolerant: the first has stride 1, every reduction is a blur (a 3x3 binomial
    filter of stride 2 over two pixels of reflection padding, after Zhang 2019), and poolings have stride 1. Per layer,
    features of both pictures are scaled to unit length over channels, and the squared differences are mixed by learned
    weights to a map; the metric is the sum of the five maps' means. Input: RGB in [-1,1], then (x - shift) / scale with
    the constants of LPIPS 0.1, stored in the file.

    For measuring, not for training: a feature vector of zeros has no gradient.
    """

    # Scope of the convolution in the file, its zero padding, and whether a pooling and a blur come before it. The first
    # is blurred after it instead, before its rectifier.
    _LAYERS = (
        ("net.slice1.0", 2, False),
        ("net.slice2.5", 2, True),
        ("net.slice3.9", 1, True),
        ("net.slice4.11", 1, False),
        ("net.slice5.13", 1, False),
    )

    def __init__(self, path: pathlib.Path | None = None):
        """Args:
          path: the file of weights; by default the package stlpips-pytorch's.

        Raises:
          WeightsError: not installed, damaged, or not this network's.
        """
        super().__init__(name="st_lpips")
        path = path or st_lpips_weights_path()
        arrays = torch_weights.read(path)
        try:
            self._convs = [
                (tf.constant(arrays[f"{scope}.weight"].transpose(2, 3, 1, 0)), tf.constant(arrays[f"{scope}.bias"]))
                for scope, _, _ in self._LAYERS
            ]
            self._mix = [tf.constant(arrays[f"lin{i}.model.1.weight"].reshape(-1)) for i in range(len(self._LAYERS))]
            self._shift = tf.constant(arrays["scaling_layer.shift"].reshape(3))
            self._scale = tf.constant(arrays["scaling_layer.scale"].reshape(3))
        except KeyError as error:
            raise WeightsError(f"{path}: expected the weights of ST-LPIPS' AlexNet, found no {error}") from error

    @staticmethod
    def _blur(x: tf.Tensor) -> tf.Tensor:
        taps = tf.constant([1.0, 2.0, 1.0]) / 4.0
        kernel = tf.tile((taps[:, None] * taps[None, :])[:, :, None, None], [1, 1, x.shape[-1], 1])
        frame = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="REFLECT")
        return tf.nn.depthwise_conv2d(frame, kernel, [1, 2, 2, 1], "VALID")

    def _features(self, image: tf.Tensor) -> list[tf.Tensor]:
        x = (image - self._shift) / self._scale
        features: list[tf.Tensor] = []
        for (_, pad, reduce), (kernel, bias) in zip(self._LAYERS, self._convs):
            if reduce:
                x = self._blur(tf.nn.max_pool2d(x, 3, 1, "VALID"))
            x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, [[0, 0], [pad, pad], [pad, pad], [0, 0]]), bias)
            x = tf.nn.relu(x if features else self._blur(x))
            features.append(x / (tf.norm(x, axis=-1, keepdims=True) + 1e-10))
        return features

    @tf.function(reduce_retracing=True)
    def embed(self, image: tf.Tensor) -> tf.Tensor:
        """[B,H,W,3] float32 RGB in [-1,1] -> [B,1152]: the mean over positions of each layer's unit-length features."""
        return tf.concat([tf.reduce_mean(f, axis=[1, 2]) for f in self._features(image)], axis=-1)

    @tf.function(reduce_retracing=True)
    def __call__(self, first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Distances of pairs.

        Args:
          first, second: [B,H,W,3] float32 RGB in [-1,1], sides of at least 21.

        Returns:
          (distance [B], map [B,H,W]): the published number, and the five maps, each resized bilinearly to the picture,
          summed (the published `spatial=True`). Both are at least 0 up to rounding and 0 for equal pictures.
        """
        size, count = tf.shape(first)[1:3], tf.shape(first)[0]
        both = self._features(tf.concat([first, second], axis=0))
        maps = [
            tf.reduce_sum(tf.square(f[:count] - f[count:]) * mix, axis=-1, keepdims=True)
            for f, mix in zip(both, self._mix)
        ]
        distance = tf.add_n([tf.reduce_mean(m, axis=[1, 2, 3]) for m in maps])
        return distance, tf.add_n([tf.image.resize(m, size) for m in maps])[..., 0]
