"""Clean lines of an edge map: ridges, smooth curves, a threshold that follows the surroundings, no specks.

The clean-up follows pix2pix' edge post-processing (ridges, a threshold, thinning to one pixel, components below a size
dropped). The threshold follows the mean edge around each pixel (Grigorescu et al. 2003 suppress texture so), which
draws a lone weak line and thins out hair.
"""

from __future__ import annotations

import cv2
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.conditions import masks
from tfsketch.conditions import regions as regions_lib
from tfsketch.conditions.specks import keep
from tfsketch.config import SketchConfig
from tfsketch.nn import addons

_FEATURES = ("brows", "eyes", "nose", "mouth", "lips")
# The surroundings that lightness and HED's threshold are compared with: sigmas, as shares of the shorter side.
LIGHT_SIGMA, EDGE_SIGMA = 1 / 16, 1 / 10
# Where the mean edge around a pixel is this share of the map's maximum, both references of `clean_lines` agree; and the
# least mean, without which the grain of an empty wall would be drawn. Chosen for lines on 2 to 8 % of a portrait.
_MEAN_SHARE, _MEAN_FLOOR = 0.36, 0.06


def length(pixels: float, side: int, least: float = 0.7) -> float:
    """A length given at a side of 256, in pixels of a picture whose shorter side is `side`."""
    return max(least, pixels * side / 256.0)


def surroundings(image: tf.Tensor, sigma: float) -> tf.Tensor:
    """A wide Gaussian blur of [B,H,W,C] float32, computed at a lower resolution, where it costs little."""
    height, width = image.shape[1:3]
    factor = max(1, int(sigma / 2))
    small = [max(2, -(-height // factor)), max(2, -(-width // factor))]
    blur = addons.gaussian_blur(tf.image.resize(image, small, method="area"), sigma / factor)
    return tf.image.resize(blur, [height, width], method="bilinear")


def orientation(xx: tf.Tensor, xy: tf.Tensor, yy: tf.Tensor) -> tf.Tensor:
    """Angle of the eigenvector with the larger eigenvalue of symmetric 2x2 matrices, in [-pi/2, pi/2] radians."""
    return 0.5 * tf.atan2(2.0 * xy, xx - yy)


def ridges(edges: np.ndarray) -> np.ndarray:
    """Non-maximum suppression: where an edge map is no lower than its neighbours across the line.

    pix2pix' recipe: the line's direction comes from second derivatives of the map smoothed by a triangle filter of 4 px
    (a Gaussian with a sigma of 2 px looks the same), and a pixel stays if, raised by 1 %, it is not below the values 1
    px to either side. Our direction is the Hessian's eigenvector; our sigma grows with the picture, as all lengths here
    do.

    Args:
      edges: [B,H,W] float in [0,1].

    Returns:
      [B,H,W] bool.
    """
    image = tf.constant(edges[..., None], tf.float32)
    smooth = addons.gaussian_blur(image, length(2.0, min(edges.shape[1:3])))
    dy, dx = tf.unstack(tf.image.sobel_edges(smooth), axis=-1)
    (yy, _), (xy, xx) = (tf.unstack(tf.image.sobel_edges(d), axis=-1) for d in (dy, dx))
    # Across a ridge the second derivative is the most negative: the eigenvector of the smaller eigenvalue.
    across = orientation(-xx, -xy, -yy)
    step = tf.concat([tf.sin(across), tf.cos(across)], axis=-1)
    scaled_map = image * 1.01
    higher = [addons.dense_image_warp(image, s) > scaled_map for s in (step, -step)]
    return ~(higher[0] | higher[1]).numpy()[..., 0]


def clean_lines(edges: np.ndarray, config: SketchConfig, regions: np.ndarray | None = None) -> np.ndarray:
    """A soft edge map becomes one-pixel lines.

    Args:
      edges: [H,W] float in [0,1].
      config: `threshold` (share of the reference that `surround` chooses), `features`, `suppress`, and `min_component`
        (pixels; smaller ones are dropped).
      regions: optional [H,W] uint8 region map (`conditions.regions`), for `features`: a lower threshold finds the
        lines that a photograph has there.

    Returns:
      [H,W] uint8 in {0,1}. A map without any edge gives an empty sketch.
    """
    peak = float(edges.max())
    if peak < 1e-3:
        return np.zeros(edges.shape, np.uint8)
    reference: float | np.ndarray = peak
    if config.surround > 0:
        image = tf.constant(edges[None, ..., None], tf.float32)
        mean = surroundings(image, EDGE_SIGMA * min(edges.shape)).numpy()[0, ..., 0]
        local = np.maximum(mean, _MEAN_FLOOR * peak) / _MEAN_SHARE
        reference = (1.0 - config.surround) * peak + config.surround * local
    threshold = config.threshold * reference
    if regions is not None and config.features < 1:
        near = masks.grow(regions_lib.mask_of(regions, _FEATURES), max(1, round(min(edges.shape) / 64)))
        threshold = np.where(near > 0, config.features * threshold, threshold)
    above = edges >= threshold
    if config.suppress:
        above &= ridges(edges[None])[0]
    lines = skeletonize(above).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    return keep(labels, stats[:, cv2.CC_STAT_AREA] >= config.min_component)
