"""Sketches: from a photograph to the one-pixel lines a person could have drawn on it.

The SC-FEGAN recipe (Jo & Park 2019, section 3.1; the author in its issue 24) is: equalise the histogram, run HED,
smooth the curves, remove small components, binarise. The clean-up follows pix2pix' edge post-processing (thinning to
one pixel, components below a size dropped). What is ours: the fused map of HED is weak on eyes, nose and mouth in even
light, so it is averaged with side output 2, which keeps them; the map is scaled to a maximum of 1 per picture, so that
one threshold serves dark and bright photographs.

HED runs on the full photograph, never on one with a hole in it: a sketch may not know where the mask will be.
Pictures are uint8 RGB here, because this is the side of the files; sketches are {0,1} with 1 = stroke.
"""

from __future__ import annotations

import cv2
import h5py
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.config import SketchConfig
from tfsketch.features import Vgg16, hed_weights_path

# HED's inputs are padded by reflection, so that the border of the picture does not become an edge. A multiple of 16,
# the stride of the last side output. pix2pix pads by 128 at 256 px; 16 is enough to keep the border clean and costs far
# less.
_PAD = 16


class Hed(tf.Module):
    """Holistically-nested edge detection (Xie & Tu, ICCV 2015): VGG-16 with a side output per block and a fusion."""

    def __init__(self, dtype: tf.DType = tf.float32):
        super().__init__(name="hed")
        self._trunk = Vgg16("hed", dtype)
        with h5py.File(hed_weights_path(), "r") as file:
            self._sides = [
                (tf.constant(file[f"dsn{k}/vars/0"][()]), tf.constant(file[f"dsn{k}/vars/1"][()])) for k in range(1, 6)
            ]
            self._fuse = (tf.constant(file["fuse/vars/0"][()]), tf.constant(file["fuse/vars/1"][()]))

    @tf.function(reduce_retracing=True)
    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Edge probabilities.

        Args:
          image: [B,H,W,3] RGB in [-1,1], H and W at least 32.

        Returns:
          (fused [B,H,W,1], sides [B,H,W,5]), both in [0,1].
        """
        size = tf.shape(image)[1:3]
        bottom, right = (-size[0]) % _PAD + _PAD, (-size[1]) % _PAD + _PAD
        padded = tf.pad(image, [[0, 0], [_PAD, bottom], [_PAD, right], [0, 0]], mode="REFLECT")
        full = tf.shape(padded)[1:3]
        taps = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
        features = self._trunk(padded, taps)
        sides = []
        for tap, (kernel, bias) in zip(taps, self._sides):
            side = tf.nn.conv2d(tf.cast(features[tap], tf.float32), kernel, 1, "SAME") + bias
            sides.append(tf.image.resize(side, full))
        logits = tf.concat(sides, axis=-1)
        fused = tf.nn.conv2d(logits, self._fuse[0], 1, "SAME") + self._fuse[1]
        crop = (slice(None), slice(_PAD, _PAD + size[0]), slice(_PAD, _PAD + size[1]))
        return tf.sigmoid(fused[crop]), tf.sigmoid(logits[crop])


def equalize(image: np.ndarray, clip_limit: float) -> np.ndarray:
    """CLAHE on the lightness of a uint8 RGB picture [H,W,3]; `clip_limit` 0 leaves it as it is."""
    if clip_limit <= 0:
        return image
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def clean_lines(edges: np.ndarray, config: SketchConfig) -> np.ndarray:
    """A soft edge map becomes one-pixel lines.

    Args:
      edges: [H,W] float in [0,1].
      config: `threshold` (share of the map's maximum) and `min_component` (pixels; smaller ones are dropped).

    Returns:
      [H,W] uint8 in {0,1}. A map without any edge gives an empty sketch.
    """
    peak = float(edges.max())
    if peak < 1e-3:
        return np.zeros(edges.shape, np.uint8)
    lines = skeletonize(edges >= config.threshold * peak).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= config.min_component
    keep[0] = False  # label 0 is the background
    return keep[labels].astype(np.uint8) if count > 1 else lines


class Sketcher:
    """Draws the sketches of photographs; holds the edge detector so that its weights are read once."""

    def __init__(self, config: SketchConfig):
        self._config = config
        self._hed = Hed(tf.bfloat16 if config.bfloat16 else tf.float32)

    def edge_maps(self, images: np.ndarray) -> np.ndarray:
        """Soft edge maps in [0,1].

        Args:
          images: [B,H,W,3] uint8 RGB. Pictures whose shorter side is below `min_side` are enlarged for the detector
            (HED was trained on 321 x 481 px and misses the eyes of a small face) and the map is scaled back.

        Returns:
          [B,H,W] float32: (1 - side_share) * fused + side_share * side output 2.
        """
        config = self._config
        height, width = images.shape[1:3]
        equalized = np.stack([equalize(image, config.clahe) for image in images])
        scale = max(1.0, config.min_side / min(height, width))
        x = tf.cast(equalized, tf.float32) / 127.5 - 1.0
        if scale > 1.0:
            x = tf.image.resize(x, [round(height * scale), round(width * scale)], method="bicubic")
        fused, sides = self._hed(x)
        edges = (1.0 - config.side_share) * fused + config.side_share * sides[..., 1:2]
        if scale > 1.0:
            edges = tf.image.resize(edges, [height, width], method="bilinear", antialias=True)
        return edges.numpy()[..., 0]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Sketches of [B,H,W,3] uint8 RGB pictures: [B,H,W] uint8 in {0,1}."""
        return np.stack([clean_lines(edges, self._config) for edges in self.edge_maps(images)])
