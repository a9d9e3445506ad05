"""Sketches: from a photograph to the lines that a person could have drawn from it, in six styles.

`hed`, `canny` and `simplified` give lines of one pixel; `xdog`, `fdog` and `photocopy` strokes of their natural width,
which is part of the style and what Contextual GAN is trained on (Lu et al. 2018 train it on these three). The field
`thin` of a style's section changes that.

`hed` is the SC-FEGAN recipe (Jo & Park 2019, section 3.1; the author in its issue 24): equalise the histogram, run HED,
smooth the curves, remove small components, binarise. The clean-up follows pix2pix' edge post-processing (ridges, a
threshold, thinning to one pixel, components below a size dropped). What is ours: the fused map of HED is weak on eyes,
nose and mouth in even light, so it is averaged with side output 2, which keeps them, and the threshold follows the mean
edge around each pixel (Grigorescu et al. 2003 suppress texture so), which draws a lone weak line and thins out hair.

`canny` is Canny's detector (1986) as EdgeConnect and Cali-Sketch use it for local details, `xdog` and `fdog` are
Winnemoeller et al. (2012) and Kang et al. (2007), `photocopy` is the filter of that name in drawing programs, and
`simplified` is `fdog` on a smoothed picture. Where a paper gives no number the default is ours, tuned by eye.

The detectors run on the full photograph, never on one with a hole in it: a sketch must not reveal the mask.
Lengths in the sections of the styles are in pixels at a side of 256 and grow with the picture's shorter side, so that a
photograph gets the same drawing at every size; a Gaussian is never narrower than 0.7 px, below which it responds to
grain alone. (Those of `hed` are older; see their docstrings.)

Pictures are uint8 RGB here, as files have them; sketches are {0,1} with 1 = stroke.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import cv2
import h5py
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.conditions.edges import canny, fdog, photocopy, xdog
from tfsketch.conditions.lines import clean_lines, length
from tfsketch.conditions.specks import drop_short
from tfsketch.config import SKETCH_STYLES, SketchConfig
from tfsketch.errors import ConfigError
from tfsketch.nn.features import Vgg16, hed_weights_path
from tfsketch.vocabulary import to_unit

STYLES = SKETCH_STYLES
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
        frame = tf.pad(image, [[0, 0], [_PAD, bottom], [_PAD, right], [0, 0]], mode="REFLECT")
        full = tf.shape(frame)[1:3]
        taps = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
        features = self._trunk(frame, taps)
        sides = []
        for tap, (kernel, bias) in zip(taps, self._sides):
            side = tf.nn.conv2d(tf.cast(features[tap], tf.float32), kernel, 1, "SAME") + bias
            sides.append(tf.image.resize(side, full))
        logits = tf.concat(sides, axis=-1)
        fusion = tf.nn.conv2d(logits, self._fuse[0], 1, "SAME") + self._fuse[1]
        crop = (slice(None), slice(_PAD, _PAD + size[0]), slice(_PAD, _PAD + size[1]))
        return tf.sigmoid(fusion[crop]), tf.sigmoid(logits[crop])


def equalize(image: np.ndarray, clip_limit: float) -> np.ndarray:
    """CLAHE on the lightness of a uint8 RGB picture [H,W,3]; `clip_limit` 0 leaves it as it is."""
    if clip_limit <= 0:
        return image
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def smooth(images: np.ndarray, level: int) -> np.ndarray:
    """Edge-preserving smoothing of photographs, [B,H,W,3] uint8 RGB.

    Contextual GAN draws its training sketches at several levels of abstraction, by edge-preserving smoothing before
    edge detection, to be nearer to freehand drawings (Lu et al. 2018). The paper names neither the filter nor its
    strength: ours is the bilateral filter (Tomasi & Manduchi 1998), `level` times, wider each time; level 0 is none.
    """
    side = min(images.shape[1:3])
    result = []
    for image in images:
        for number in range(1, level + 1):
            # Wide enough to reach a pixel's neighbours.
            image = cv2.bilateralFilter(image, -1, 40.0 * number, length(6.0 * number, side, least=1.0))
        result.append(image)
    return np.stack(result)


class Sketcher:
    """Draws the sketches of photographs in one style; holds HED's weights, for that style, so that they are loaded
    once.

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
          see the function named after the style.
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
        contrast = np.stack([equalize(image, config.clahe) for image in images])
        scale = max(1.0, config.min_side / min(height, width))
        x = to_unit(contrast)
        if scale > 1.0:
            x = tf.image.resize(x, [round(height * scale), round(width * scale)], method="bicubic")
        assert self._hed is not None  # the only remaining style
        fusion, sides = self._hed(x)
        edges = (1.0 - config.side_share) * fusion + config.side_share * sides[..., 1:2]
        if scale > 1.0:
            edges = tf.image.resize(edges, [height, width], method="bilinear", antialias=True)
        return edges.numpy()[..., 0]

    def __call__(
        self, images: np.ndarray, regions: np.ndarray | Sequence[np.ndarray | None] | None = None
    ) -> np.ndarray:
        """Sketches of [B,H,W,3] uint8 RGB pictures: [B,H,W] uint8 in {0,1}.

        Only the style `hed` uses the pictures' region maps, [B,H,W] uint8, if given.

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
        least = length(section.min_stroke, min(images.shape[1:3]))
        return np.stack([drop_short(lines, least) for lines in strokes])
