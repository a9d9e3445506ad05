"""Edge detectors without a network: Canny's, XDoG, FDoG and photocopy.

`canny` is Canny's detector (1986) as EdgeConnect and Cali-Sketch use it for local details, `xdog` and `fdog` are
Winnemoeller et al. (2012) and Kang et al. (2007), `photocopy` is the filter of that name in drawing programs. Where a
paper gives no number the default is ours, tuned by eye.

Lengths in the sections of the styles are in pixels at a side of 256 and grow with the picture's shorter side, so that a
photograph gets the same drawing at every size; a Gaussian is never narrower than 0.7 px, below which it responds to
grain alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import tensorflow as tf

from tfsketch.conditions.lines import LIGHT_SIGMA, length, orientation, surroundings
from tfsketch.conditions.specks import drop_short
from tfsketch.config import CannyConfig, FdogConfig, PhotocopyConfig, XdogConfig
from tfsketch.nn import addons

# Ratio of the wide to the narrow sigma of every difference of Gaussians (Marr & Hildreth's 1.6; Kang et al. too).
_WIDE = 1.6
# The weakest step that `canny` takes for an edge, in grey levels.
_LEAST_STEP = 8.0
# Directions in which `fdog` measures across the flow; between two of them it interpolates.
_DIRECTIONS = 16


def _lightness(images: np.ndarray, clahe: float = 0.0, bilateral: int = 0, flatten: float = 0.0) -> tf.Tensor:
    """The input of `xdog`, `fdog` and `photocopy`: Lab's lightness, [B,H,W,1] float32 in [0,1] or slightly beyond.

    Bilateral filters (Tomasi & Manduchi 1998) take out texture and leave edges; `flatten` replaces that share of the
    surrounding lightness by a middle grey, so that a dark jacket is not filled and a bright forehead keeps its lines.
    """
    side = min(images.shape[1:3])
    tiles = int(np.clip(side // 16, 1, 8))  # in tiles of fewer than 16 px cv2 cannot keep to the clip limit
    planes = []
    for image in images:
        plane = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0]
        for _ in range(bilateral):
            plane = cv2.bilateralFilter(plane, max(3, round(7 * side / 256)), 25, length(3.0, side))
        planes.append(cv2.createCLAHE(clahe, (tiles, tiles)).apply(plane) if clahe > 0 else plane)
    light = tf.constant(np.stack(planes)[..., None], tf.float32) / 255.0
    return light - flatten * (surroundings(light, LIGHT_SIGMA * side) - 0.5) if flatten > 0 else light


def _ink(light: tf.Tensor, epsilon: float, phi: float) -> tf.Tensor:
    """XDoG's soft threshold, inverted: 0 at or above `epsilon`, tanh(phi * (epsilon - light)) below; in [0,1)."""
    return tf.tanh(phi * tf.nn.relu(epsilon - light))


def canny(images: np.ndarray, config: CannyConfig) -> tuple[np.ndarray, np.ndarray]:
    """Canny's edges, one pixel wide (Canny 1986), with the gradient of the lightness by Sobel.

    EdgeConnect blurs with a sigma of 2 px at 256 px; cv2 does not blur by itself. Its thresholds are shares of the
    largest gradient; ours are set by a quantile of the picture's gradients, so that a dull photograph gets its lines,
    but no lower than at a step of `_LEAST_STEP` grey levels, so that an empty wall gets none.

    Args:
      images: [B,H,W,3] uint8 RGB.
      config: see `CannyConfig`.

    Returns:
      (maps [B,H,W] float32 in [0,1]: the gradient's length, 0.5 where lines start; lines [B,H,W] uint8 in {0,1}).
    """
    side = min(images.shape[1:3])
    sigma = length(config.sigma, side)
    least = 8.0 * _LEAST_STEP / (np.sqrt(2.0 * np.pi) * sigma)  # the slope of a blurred step, as Sobel gives it
    maps, lines = [], []
    for image in images:
        light = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32)
        light = cv2.GaussianBlur(light, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        # Sobel's kernel gives 8 times the slope, at most 4 * 255: 16 times that fits the int16 that cv2.Canny asks for.
        gradient = [cv2.Sobel(light, cv2.CV_32F, x, 1 - x, borderType=cv2.BORDER_REFLECT) for x in (1, 0)]
        strength = np.hypot(*gradient)
        start = max(float(np.quantile(strength, config.quantile)), least)
        maps.append(np.clip(0.5 * strength / start, 0.0, 1.0))
        dx, dy = (np.round(16 * g).astype(np.int16) for g in gradient)
        edges = cv2.Canny(dx, dy, 16 * config.low * start, 16 * start, L2gradient=True)
        lines.append(drop_short(edges > 0, length(config.min_stroke, side)))
    return np.stack(maps), np.stack(lines)


def xdog(images: np.ndarray, config: XdogConfig) -> np.ndarray:
    """The extended difference of Gaussians (Winnemoeller, Kyprianidis & Olsen 2012): ink lines and filled shadows.

    With G the lightness blurred, the drawing is (1 + p) G(sigma) - p G(1.6 sigma), and there is ink where that is below
    epsilon, ramped by phi. The paper's typical p is about 20, its phi 10 and more, its sigma 0.5 to 0.8 px for small
    pictures. Equalising, bilateral filters and flattening before it are ours.

    Args:
      images: [B,H,W,3] uint8 RGB.
      config: see `XdogConfig`.

    Returns:
      [B,H,W] float32 in [0,1], 1 = ink.
    """
    light = _lightness(images, config.clahe, config.bilateral, config.flatten)
    sigma = length(config.sigma, min(images.shape[1:3]))
    narrow, wide = addons.gaussian_blur(light, sigma), addons.gaussian_blur(light, _WIDE * sigma)
    response = (1.0 + config.sharpness) * narrow - config.sharpness * wide
    return _ink(response, config.epsilon, config.phi).numpy()[..., 0]


def _across_kernels(sigma: float, sharpness: float) -> np.ndarray:
    """XDoG's kernel along a line through the origin in `_DIRECTIONS` directions over half a turn: [n,n,1,D] float32.

    Half a pixel of blur along the other direction keeps the sampled line whole.
    """
    radius = int(np.ceil(2.5 * _WIDE * sigma))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    kernels = []
    for angle in np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS:
        across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        narrow, wide = (np.exp(-2.0 * along**2 - across**2 / (2.0 * s**2)) for s in (sigma, _WIDE * sigma))
        kernels.append((1.0 + sharpness) * narrow / narrow.sum() - sharpness * wide / wide.sum())
    return np.stack(kernels, axis=-1)[:, :, None].astype(np.float32)


def _streamlines(angle: tf.Tensor, sigma: float) -> list[tuple[float, tf.Tensor]]:
    """The pixels along the flow through every pixel: pairs of (weight, [B*H*W] index into the flattened batch).

    Euler steps, each with the flow of the nearest pixel, two sigmas both ways; the weights are a Gaussian's and sum to
    1. The flow has no sign, so each step takes the direction that goes on; at the border a path slides along it.

    Args:
      angle: [B,H,W], the direction across the flow, in radians.
      sigma: of the Gaussian, in pixels.
    """
    batch, height, width = angle.shape
    first, row, column = (np.reshape(n, -1) for n in np.indices((batch, height, width), np.int32))
    first = tf.constant(first * (height * width))
    flow_down, flow_right = tf.reshape(tf.cos(angle), [-1]), tf.reshape(-tf.sin(angle), [-1])
    step = max(1.0, 0.5 * sigma)
    paths = [(1.0, first + row * width + column)]
    for sign in (1.0, -1.0):
        y, x = tf.constant(row, tf.float32), tf.constant(column, tf.float32)
        down, right = sign * flow_down, sign * flow_right
        for number in range(1, int(np.ceil(2.0 * sigma / step)) + 1):
            if number > 1:
                _, here = paths[-1]
                next_down, next_right = tf.gather(flow_down, here), tf.gather(flow_right, here)
                onward = tf.sign(next_down * down + next_right * right)
                down, right = onward * next_down, onward * next_right
            y = tf.clip_by_value(y + step * down, 0.0, height - 1.0)
            x = tf.clip_by_value(x + step * right, 0.0, width - 1.0)
            # + 0.5 and a cast, not tf.round, which takes several times as long.
            index = first + tf.cast(y + 0.5, tf.int32) * width + tf.cast(x + 0.5, tf.int32)
            paths.append((float(np.exp(-0.5 * (number * step / sigma) ** 2)), index))
    total = sum(weight for weight, _ in paths)
    return [(weight / total, index) for weight, index in paths]


def fdog(images: np.ndarray, config: FdogConfig) -> np.ndarray:
    """Coherent lines (Kang, Lee & Chui 2007): a difference of Gaussians across the edge tangent flow, summed along it.

    The flow is that of the smoothed structure tensor (Kyprianidis & Doellner 2008), which needs no iterations of its
    own; the threshold is XDoG's. Each iteration after the first works on the picture with the previous lines drawn over
    it, which closes gaps. Kang et al. use sigmas of 1 across and 3 along, and two or three iterations.

    Args:
      images: [B,H,W,3] uint8 RGB.
      config: see `FdogConfig`; its `SimplifiedConfig` gives the style `simplified`.

    Returns:
      [B,H,W] float32 in [0,1], 1 = line.
    """
    side = min(images.shape[1:3])
    light = _lightness(images, config.clahe, config.bilateral, config.flatten)
    gradient = tf.image.sobel_edges(addons.gaussian_blur(light, 0.7))[..., 0, :]
    dy, dx = gradient[..., :1], gradient[..., 1:]
    tensor = tf.concat([dx * dx, dx * dy, dy * dy], axis=-1)
    angle = orientation(*tf.unstack(addons.gaussian_blur(tensor, length(config.tensor_sigma, side)), axis=-1))

    kernels = _across_kernels(length(config.sigma, side), config.sharpness)
    position = tf.reshape(tf.math.floormod(angle, np.pi) * (_DIRECTIONS / np.pi), [-1])
    lower = tf.cast(position, tf.int32)
    upper_share = position - tf.cast(lower, tf.float32)
    pixel = tf.range(position.shape[0]) * _DIRECTIONS
    lower, upper = pixel + lower % _DIRECTIONS, pixel + (lower + 1) % _DIRECTIONS
    paths = _streamlines(angle, length(config.flow_sigma, side))

    lines = tf.zeros_like(light)
    radius = kernels.shape[0] // 2
    pads = [[0, 0], [radius, radius], [radius, radius], [0, 0]]
    for _ in range(config.iterations):
        frame = tf.pad(tf.minimum(light, 1.0 - lines), pads, mode="REFLECT")
        directions = tf.reshape(tf.nn.conv2d(frame, kernels, 1, "VALID"), [-1])
        across = tf.gather(directions, lower)
        across += upper_share * (tf.gather(directions, upper) - across)
        along = tf.add_n([weight * tf.gather(across, index) for weight, index in paths])
        lines = _ink(tf.reshape(along, light.shape), config.epsilon, config.phi)
    return lines.numpy()[..., 0]


def photocopy(images: np.ndarray, config: PhotocopyConfig) -> np.ndarray:
    """The photocopy filter of drawing programs: toner where a pixel is darker than its surroundings.

    No paper describes it; as in GIMP's filter of that name, the picture is divided by a wide blur of itself, and the
    quotient is mapped by a ramp from white paper to black toner.

    Args:
      images: [B,H,W,3] uint8 RGB.
      config: see `PhotocopyConfig`.

    Returns:
      [B,H,W] float32 in [0,1], 1 = toner.
    """
    side = min(images.shape[1:3])
    light = _lightness(images)
    around = surroundings(light, length(config.radius, side))
    # A little white is added to both, as by stray light on the glass: without it black cloth would show its grain.
    quotient = (addons.gaussian_blur(light, length(config.sigma, side)) + 0.05) / (around + 0.05)
    return tf.clip_by_value((config.threshold - quotient) / config.softness, 0.0, 1.0).numpy()[..., 0]
