"""Sketches: from a photograph to the lines a person could have drawn on it, in six styles.

`hed`, `canny` and `simplified` give lines of one pixel; `xdog`, `fdog` and `photocopy` strokes of their natural width,
since that width is their look and what Contextual GAN is trained on (Lu et al. 2018 train it on these three). The field
`thin` of a style's section changes that.

`hed` is the SC-FEGAN recipe (Jo & Park 2019, section 3.1; the author in its issue 24): equalise the histogram, run HED,
smooth the curves, remove small components, binarise. The clean-up follows pix2pix' edge post-processing (ridges, a
threshold, thinning to one pixel, components below a size dropped). What is ours: the fused map of HED is weak on eyes,
nose and mouth in even light, so it is averaged with side output 2, which keeps them, and the threshold follows the mean
edge around each pixel (Grigorescu et al. 2003 suppress texture so), which draws a lone weak line and thins out hair.

`canny` is Canny's detector (1986) as EdgeConnect and Cali-Sketch use it for local details, `xdog` and `fdog` are
Winnemoeller et al. (2012) and Kang et al. (2007), `photocopy` is the filter of that name in drawing programs, and
`simplified` is `fdog` on a smoothed picture. Where a paper gives no number the default is ours, tuned by eye.

The detectors run on the full photograph, never on one with a hole in it: a sketch may not know where the mask will be.
Lengths in the sections of the styles are in pixels at a side of 256 and grow with the picture's shorter side, so that a
photograph gets the same drawing at every size; a Gaussian is never narrower than 0.7 px, below which it would only see
the grain. (Those of `hed` are older and are what their docstrings say.)

Pictures are uint8 RGB here, because this is the side of the files; sketches are {0,1} with 1 = stroke.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import cv2
import h5py
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.conditions import masks
from tfsketch.conditions import regions as regions_lib
from tfsketch.config import SKETCH_STYLES, CannyConfig, FdogConfig, PhotocopyConfig, SketchConfig, XdogConfig
from tfsketch.errors import ConfigError
from tfsketch.nn import addons
from tfsketch.nn.features import Vgg16, hed_weights_path
from tfsketch.vocabulary import to_unit

STYLES = SKETCH_STYLES
# HED's inputs are padded by reflection, so that the border of the picture does not become an edge. A multiple of 16,
# the stride of the last side output. pix2pix pads by 128 at 256 px; 16 is enough to keep the border clean and costs far
# less.
_PAD = 16
_FEATURES = ("brows", "eyes", "nose", "mouth", "lips")
# Ratio of the wide to the narrow sigma of every difference of Gaussians (Marr & Hildreth's 1.6; Kang et al. too).
_WIDE = 1.6
# The surroundings that lightness and HED's threshold are compared with: sigmas, as shares of the shorter side.
_LIGHT_SIGMA, _EDGE_SIGMA = 1 / 16, 1 / 10
# Where the mean edge around a pixel is this share of the map's maximum, both references of `clean_lines` agree; and the
# least mean, without which the grain of an empty wall would be drawn. Chosen for lines on 2 to 8 % of a portrait.
_MEAN_SHARE, _MEAN_FLOOR = 0.36, 0.06
# The weakest step that `canny` takes for an edge, in grey levels.
_LEAST_STEP = 8.0
# Directions in which `fdog` measures across the flow; between two of them it interpolates.
_DIRECTIONS = 16


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


def smoothed(images: np.ndarray, level: int) -> np.ndarray:
    """Photographs with less and less detail, [B,H,W,3] uint8 RGB: edges stay, what lies between them is evened out.

    Contextual GAN draws its training sketches at several levels of abstraction, by edge-preserving smoothing before the
    edges are looked for, to be nearer to what a hand draws (Lu et al. 2018). Which filter, and how strong, could not be
    had: ours is the bilateral filter (Tomasi & Manduchi 1998), `level` times, wider each time; level 0 is none.
    """
    side = min(images.shape[1:3])
    result = []
    for image in images:
        for number in range(1, level + 1):
            # No narrower than reaches a pixel's neighbours.
            image = cv2.bilateralFilter(image, -1, 40.0 * number, _length(6.0 * number, side, least=1.0))
        result.append(image)
    return np.stack(result)


def _length(pixels: float, side: int, least: float = 0.7) -> float:
    """A length given at a side of 256, in pixels of a picture whose shorter side is `side`."""
    return max(least, pixels * side / 256.0)


def _surroundings(image: tf.Tensor, sigma: float) -> tf.Tensor:
    """A wide Gaussian blur of [B,H,W,C] float32, made at a lower resolution, where it costs little."""
    height, width = image.shape[1:3]
    factor = max(1, int(sigma / 2))
    small = [max(2, -(-height // factor)), max(2, -(-width // factor))]
    blurred = addons.gaussian_blur(tf.image.resize(image, small, method="area"), sigma / factor)
    return tf.image.resize(blurred, [height, width], method="bilinear")


def _orientation(xx: tf.Tensor, xy: tf.Tensor, yy: tf.Tensor) -> tf.Tensor:
    """Angle of the eigenvector with the larger eigenvalue of symmetric 2x2 matrices, in [-pi/2, pi/2] radians."""
    return 0.5 * tf.atan2(2.0 * xy, xx - yy)


def ridges(edges: np.ndarray) -> np.ndarray:
    """Non-maximum suppression: where an edge map is no lower than its neighbours across the line.

    pix2pix' recipe: the line's direction comes from second derivatives of the map smoothed by a triangle filter of 4 px
    (a Gaussian with a sigma of 2 px is the same to the eye), and a pixel stays if, raised by 1 %, it is not below what
    lies 1 px to either side. Our direction is the Hessian's eigenvector, our sigma grows with the picture as all
    lengths here do.

    Args:
      edges: [B,H,W] float in [0,1].

    Returns:
      [B,H,W] bool.
    """
    image = tf.constant(edges[..., None], tf.float32)
    smooth = addons.gaussian_blur(image, _length(2.0, min(edges.shape[1:3])))
    dy, dx = tf.unstack(tf.image.sobel_edges(smooth), axis=-1)
    (yy, _), (xy, xx) = (tf.unstack(tf.image.sobel_edges(d), axis=-1) for d in (dy, dx))
    # Across a ridge the second derivative is the most negative: the eigenvector of the smaller eigenvalue.
    across = _orientation(-xx, -xy, -yy)
    step = tf.concat([tf.sin(across), tf.cos(across)], axis=-1)
    raised = image * 1.01
    higher = [addons.dense_image_warp(image, s) > raised for s in (step, -step)]
    return ~(higher[0] | higher[1]).numpy()[..., 0]


def _keep(labels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The chosen components of a label picture, as {0,1}; label 0 is the background."""
    kept[0] = False
    return kept[labels].astype(np.uint8)


def drop_short(lines: np.ndarray, length: float) -> np.ndarray:
    """Removes connected strokes of a {0,1} sketch [H,W] whose bounding box is in both directions below `length` px."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8), connectivity=8)
    return _keep(labels, stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= length)


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
    reference = peak
    if config.surround > 0:
        image = tf.constant(edges[None, ..., None], tf.float32)
        mean = _surroundings(image, _EDGE_SIGMA * min(edges.shape)).numpy()[0, ..., 0]
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
    return _keep(labels, stats[:, cv2.CC_STAT_AREA] >= config.min_component)


def _lightness(images: np.ndarray, clahe: float = 0.0, bilateral: int = 0, flatten: float = 0.0) -> tf.Tensor:
    """What `xdog`, `fdog` and `photocopy` draw: Lab's lightness, [B,H,W,1] float32 in [0,1] or slightly beyond.

    Bilateral filters (Tomasi & Manduchi 1998) take out texture and leave edges; `flatten` replaces that share of the
    surrounding lightness by a middle grey, so that a dark jacket is not filled and a bright forehead keeps its lines.
    """
    side = min(images.shape[1:3])
    tiles = int(np.clip(side // 16, 1, 8))  # in tiles of fewer than 16 px cv2 cannot keep to the clip limit
    planes = []
    for image in images:
        plane = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[..., 0]
        for _ in range(bilateral):
            plane = cv2.bilateralFilter(plane, max(3, round(7 * side / 256)), 25, _length(3.0, side))
        planes.append(cv2.createCLAHE(clahe, (tiles, tiles)).apply(plane) if clahe > 0 else plane)
    light = tf.constant(np.stack(planes)[..., None], tf.float32) / 255.0
    return light - flatten * (_surroundings(light, _LIGHT_SIGMA * side) - 0.5) if flatten > 0 else light


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
    sigma = _length(config.sigma, side)
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
        found = cv2.Canny(dx, dy, 16 * config.low * start, 16 * start, L2gradient=True)
        lines.append(drop_short(found > 0, _length(config.min_stroke, side)))
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
    sigma = _length(config.sigma, min(images.shape[1:3]))
    narrow, wide = addons.gaussian_blur(light, sigma), addons.gaussian_blur(light, _WIDE * sigma)
    sharpened = (1.0 + config.sharpness) * narrow - config.sharpness * wide
    return _ink(sharpened, config.epsilon, config.phi).numpy()[..., 0]


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
    1. The flow has no sign, so each step takes the one that goes on; at the border a path slides along it.

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
    own; the threshold is XDoG's. Each iteration after the first works on the picture with the lines found so far drawn
    over it, which closes gaps. Kang et al. use sigmas of 1 across and 3 along, and two or three iterations.

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
    angle = _orientation(*tf.unstack(addons.gaussian_blur(tensor, _length(config.tensor_sigma, side)), axis=-1))

    kernels = _across_kernels(_length(config.sigma, side), config.sharpness)
    position = tf.reshape(tf.math.floormod(angle, np.pi) * (_DIRECTIONS / np.pi), [-1])
    lower = tf.cast(position, tf.int32)
    upper_share = position - tf.cast(lower, tf.float32)
    pixel = tf.range(position.shape[0]) * _DIRECTIONS
    lower, upper = pixel + lower % _DIRECTIONS, pixel + (lower + 1) % _DIRECTIONS
    paths = _streamlines(angle, _length(config.flow_sigma, side))

    lines = tf.zeros_like(light)
    radius = kernels.shape[0] // 2
    pads = [[0, 0], [radius, radius], [radius, radius], [0, 0]]
    for _ in range(config.iterations):
        drawn = tf.pad(tf.minimum(light, 1.0 - lines), pads, mode="REFLECT")
        directions = tf.reshape(tf.nn.conv2d(drawn, kernels, 1, "VALID"), [-1])
        across = tf.gather(directions, lower)
        across += upper_share * (tf.gather(directions, upper) - across)
        along = tf.add_n([weight * tf.gather(across, index) for weight, index in paths])
        lines = _ink(tf.reshape(along, light.shape), config.epsilon, config.phi)
    return lines.numpy()[..., 0]


def photocopy(images: np.ndarray, config: PhotocopyConfig) -> np.ndarray:
    """The photocopy filter of drawing programs: toner where a pixel is darker than its surroundings.

    No paper describes it; as GIMP's filter of that name does, the picture is divided by a wide blur of itself, and the
    quotient goes through a ramp from white paper to black toner.

    Args:
      images: [B,H,W,3] uint8 RGB.
      config: see `PhotocopyConfig`.

    Returns:
      [B,H,W] float32 in [0,1], 1 = toner.
    """
    side = min(images.shape[1:3])
    light = _lightness(images)
    around = _surroundings(light, _length(config.radius, side))
    # A little white is added to both, as by stray light on the glass: without it black cloth would show its grain.
    quotient = (addons.gaussian_blur(light, _length(config.sigma, side)) + 0.05) / (around + 0.05)
    return tf.clip_by_value((config.threshold - quotient) / config.softness, 0.0, 1.0).numpy()[..., 0]


class Sketcher:
    """Draws the sketches of photographs in one style; holds HED's weights, for that style, so that they are read once.

    Args:
      config: of every style.
      style: one of `STYLES`; `config.style` by default.

    Raises:
      ConfigError: no such style; the message names the nearest.
      WeightsError: the style is `hed`, and its weights are not installed.
    """

    def __init__(self, config: SketchConfig, style: str | None = None):
        self.style = config.style if style is None else style
        if self.style not in STYLES:
            nearest = difflib.get_close_matches(str(self.style), STYLES, n=1, cutoff=0.0)[0]
            raise ConfigError(
                f"sketch style: expected one of {', '.join(STYLES)}, found {self.style!r}; did you mean {nearest!r}?"
            )
        self._config = config
        self._hed = Hed(tf.bfloat16 if config.bfloat16 else tf.float32) if self.style == "hed" else None

    def edge_maps(self, images: np.ndarray) -> np.ndarray:
        """Soft edge maps in [0,1].

        Args:
          images: [B,H,W,3] uint8 RGB. For `hed`, pictures whose shorter side is below `min_side` are enlarged for the
            detector (HED was trained on 321 x 481 px and misses the eyes of a small face) and the map is scaled back.

        Returns:
          [B,H,W] float32, 1 = line. For `hed`: (1 - side_share) * fused + side_share * side output 2; for the others
          see the function of the style's name.
        """
        config = self._config
        if self.style == "canny":
            return canny(images, config.canny)[0]
        if self.style == "xdog":
            return xdog(images, config.xdog)
        if self.style in ("fdog", "simplified"):
            return fdog(images, config.fdog if self.style == "fdog" else config.simplified)
        if self.style == "photocopy":
            return photocopy(images, config.photocopy)
        height, width = images.shape[1:3]
        equalized = np.stack([equalize(image, config.clahe) for image in images])
        scale = max(1.0, config.min_side / min(height, width))
        x = to_unit(equalized)
        if scale > 1.0:
            x = tf.image.resize(x, [round(height * scale), round(width * scale)], method="bicubic")
        fused, sides = self._hed(x)
        edges = (1.0 - config.side_share) * fused + config.side_share * sides[..., 1:2]
        if scale > 1.0:
            edges = tf.image.resize(edges, [height, width], method="bilinear", antialias=True)
        return edges.numpy()[..., 0]

    def __call__(self, images: np.ndarray, regions: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """Sketches of [B,H,W,3] uint8 RGB pictures: [B,H,W] uint8 in {0,1}.

        Of the styles only `hed` looks at the pictures' region maps, [B,H,W] uint8, where there are any.

        For `xdog`, `fdog`, `photocopy` and `simplified` a stroke is where the soft map is at least 0.5.
        """
        config = self._config
        if self.style == "hed":
            maps = [None] * len(images) if regions is None else regions
            return np.stack([clean_lines(edges, config, m) for edges, m in zip(self.edge_maps(images), maps)])
        if self.style == "canny":
            return canny(images, config.canny)[1]
        section = getattr(config, self.style)
        strokes = [edges >= 0.5 for edges in self.edge_maps(images)]
        if config.one_pixel(self.style):
            strokes = [skeletonize(lines) for lines in strokes]
        least = _length(section.min_stroke, min(images.shape[1:3]))
        return np.stack([drop_short(lines, least) for lines in strokes])
