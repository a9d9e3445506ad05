"""Measures of an edited picture against the photograph it was made from, inside the mask.

Outside the mask the output is the input, bit for bit, so a measure over the whole picture mostly says how small the
hole was. Hence every measure but `st_lpips` counts erased pixels only; those that look at a neighbourhood (SSIM,
ST-LPIPS) still see kept pixels through their windows, so that a seam counts.

Pictures are [H,W,3] uint8 RGB here (what a user gets, rounding included), masks, sketches and strokes [H,W] with
nonzero for erased, stroke and painted. A measure is of one picture; means over a set are the mean over its pictures
(`mean_of`), whatever the size of their holes. A measure is called by its protocol name everywhere: `NAMES`.

| name | better | what |
|---|---|---|
| `l1_hole` | lower | mean absolute error, in levels of 255 |
| `psnr_hole` | higher | peak signal-to-noise ratio in dB, capped at 100 |
| `ssim_hole` | higher | structural similarity (Wang et al. 2004), Gaussian window of sigma 1.5 |
| `st_lpips_hole` | lower | shift-tolerant LPIPS (ST0.0, AlexNet), its map averaged over erased pixels |
| `st_lpips` | lower | the same metric as published: one number for the whole picture |
| `sketch_f1` | higher | F1 between the given sketch and the output's edges, within 2 px |
| `color_error` | lower | mean absolute error to the given colours under the strokes, in levels of 255 |

Drawings and pictures that were made without a photograph have measures of their own: `chamfer` between lines, and
`feature_distance` between two sets of pictures, which asks whether they look alike as sets, whoever they show.

ST-LPIPS (Ghildyal & Liu, "Shift-Tolerant Perceptual Similarity Metric", ECCV 2022) is not LPIPS: its numbers compare
with each other, not with LPIPS numbers of papers. Its weights come with the package stlpips-pytorch; the network is
here in `tf.nn`, and PyTorch is not needed, not even to read the file.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from tfsketch.errors import ImageError
from tfsketch.evaluation.st_lpips import StLpips
from tfsketch.vocabulary import size_of, to_unit

NAMES = {
    "l1_hole": "lower",
    "psnr_hole": "higher",
    "ssim_hole": "higher",
    "st_lpips_hole": "lower",
    "st_lpips": "lower",
    "sketch_f1": "higher",
    "color_error": "lower",
}
"""Measure -> which direction is better."""
TOLERANCE = 2.0
"""Pixels that an edge may lie beside its stroke."""
_MAX_PSNR = 100.0  # equal pictures have an infinite PSNR, which no mean and no JSON takes
_MIN_SIDE = 21  # below it a map of ST-LPIPS gets too small to be padded by reflection


def _inside(mask: np.ndarray, *pictures: np.ndarray) -> np.ndarray:
    """The mask as [H,W] bool, checked against the pictures.

    Raises:
      ImageError: an empty mask (no measure of it is defined), or sizes that differ.
    """
    inside = np.asarray(mask) > 0
    for picture in pictures:
        if picture.shape[:2] != inside.shape:
            raise ImageError(f"expected a picture of the mask's size {inside.shape}, found {picture.shape[:2]}")
    if not inside.any():
        raise ImageError("expected a mask with erased pixels, found none")
    return inside


def l1_hole(truth: np.ndarray, output: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error over the channels of all erased pixels, in 0..255 levels; 0 is equal.

    Args:
      truth, output: [H,W,3] uint8.
      mask: [H,W], nonzero = erased.
    """
    inside = _inside(mask, truth, output)
    return float(np.abs(truth[inside].astype(np.float64) - output[inside]).mean())


def psnr_hole(truth: np.ndarray, output: np.ndarray, mask: np.ndarray) -> float:
    """10 log10(255^2 / MSE) in dB, the mean squared error over the channels of all erased pixels; at most 100, which
    stands for equal. Arguments as in `l1_hole`."""
    inside = _inside(mask, truth, output)
    error = np.square(truth[inside].astype(np.float64) - output[inside]).mean()
    return min(_MAX_PSNR, float(10 * np.log10(255.0**2 / error))) if error else _MAX_PSNR


def ssim_hole(truth: np.ndarray, output: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity in [-1,1], 1 = equal.

    The map of Wang et al. 2004 (Gaussian window of sigma 1.5, K1 0.01, K2 0.03, population covariance, range 255) is
    made of the whole pictures, per channel, and averaged over channels and erased pixels. Sides of at least 11 px.
    Arguments as in `l1_hole`.
    """
    inside = _inside(mask, truth, output)
    _, similarity = structural_similarity(
        truth,
        output,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    return float(similarity[inside].mean())


def _distance(lines: np.ndarray) -> np.ndarray:
    """[H,W] bool with at least one line pixel -> every pixel's Euclidean distance to the nearest, float32."""
    return cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def sketch_f1(sketch: np.ndarray, edges: np.ndarray, mask: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """How well the output's edges follow the given sketch inside the mask: F1 in [0,1].

    Precision is the share of the output's edge pixels in the mask that lie within `tolerance` of a stroke, recall the
    share of the stroke's pixels in the mask that lie within `tolerance` of an edge of the output; distances are
    Euclidean. What a pixel is matched with may lie outside the mask, since a line may shift over its rim.

    Args:
      sketch: [H,W], nonzero = stroke: the sketch of the whole photograph.
      edges: [H,W], nonzero = edge: the same detector's (`conditions.sketches.Sketcher`) on the composited output.
      mask: [H,W], nonzero = erased.
      tolerance: in pixels.

    Returns:
      F1. With neither strokes nor edges in the mask 1 (nothing was asked and nothing drawn), with one of them 0.
    """
    inside = _inside(mask, sketch, edges)
    sketch, edges = np.asarray(sketch) > 0, np.asarray(edges) > 0
    strokes_inside, edges_inside = sketch & inside, edges & inside
    if not strokes_inside.any() or not edges_inside.any():
        return float(strokes_inside.any() == edges_inside.any())

    def share_near(pixels: np.ndarray, candidates: np.ndarray) -> float:
        # float32 roots: sqrt(8) may come out above itself
        return float((_distance(candidates)[pixels] <= tolerance + 1e-3).mean())

    precision, recall = share_near(edges_inside, sketch), share_near(strokes_inside, edges)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def chamfer(prediction: np.ndarray, true: np.ndarray) -> float:
    """The mean distance from a drawn line's pixel to the nearest true one and the reverse, halved sum, in pixels.

    Args:
      prediction, true: [H,W], nonzero = line.

    Returns:
      0 for equal drawings, or where neither has a line; the picture's diagonal where only one has.
    """
    prediction, true = np.asarray(prediction) > 0, np.asarray(true) > 0
    if prediction.shape != true.shape:
        raise ImageError(f"expected two drawings of one size, found {prediction.shape} and {true.shape}")
    if not prediction.any() or not true.any():
        return 0.0 if prediction.any() == true.any() else float(np.hypot(*size_of(prediction)))

    def mean_distance(pixels: np.ndarray, lines: np.ndarray) -> float:
        return float(_distance(lines)[pixels].mean())

    return (mean_distance(prediction, true) + mean_distance(true, prediction)) / 2


def color_error(output: np.ndarray, color: np.ndarray, strokes: np.ndarray, mask: np.ndarray) -> float | None:
    """Mean absolute error between the output and the given colours, in 0..255 levels, under the strokes in the mask.

    Args:
      output: [H,W,3] uint8.
      color: [H,W,3] uint8, the given colours.
      strokes: [H,W], nonzero = under a colour stroke.
      mask: [H,W], nonzero = erased.

    Returns:
      The error, or None where no stroke lies in the mask; `mean_of` leaves such pictures out.
    """
    under = _inside(mask, output, color, strokes) & (np.asarray(strokes) > 0)
    return float(np.abs(output[under].astype(np.float64) - color[under]).mean()) if under.any() else None


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean over pictures, those without a value (None) left out; None if that leaves none."""
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None


@functools.lru_cache(maxsize=1)
def _st_lpips() -> StLpips:
    return StLpips()


def embed(pictures: np.ndarray) -> np.ndarray:
    """[B,H,W,3] uint8 RGB, sides of at least 21 -> [B,D] float64: what `feature_distance` compares.

    Raises:
      WeightsError: the package with the weights is not installed.
    """
    return _st_lpips().embed(to_unit(pictures)).numpy().astype(np.float64)


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[N,D] and [M,D] of `embed` -> [N,M]: the kernel of `feature_distance`."""
    return (x @ y.T / 5.0 + 1.0) ** 3


def feature_distance(real: np.ndarray, output: np.ndarray) -> float:
    """Distance of two sets of pictures, whoever they show: 1000 times the unbiased squared maximum mean discrepancy of
    their features under the kernel (x . y / 5 + 1)^3.

    This is the estimator of the Kernel Inception Distance (Binkowski et al., ICLR 2018), for which a hundred pictures
    suffice where Frechet's distance needs thousands, on other features: ST-LPIPS' AlexNet (`embed`; five layers of
    unit length, hence the 5). Its numbers compare with each other and with no paper's. Around 0 for two halves of one
    set; it may come out slightly negative.

    Args:
      real, output: [N,D] and [M,D] of `embed`, at least two each.
    """
    if min(len(real), len(output)) < 2:
        raise ImageError(f"expected at least 2 pictures in each set, found {len(real)} and {len(output)}")

    def within(x: np.ndarray) -> float:
        products = kernel(x, x)
        return (products.sum() - np.trace(products)) / (len(x) * (len(x) - 1))

    return float(1000.0 * (within(real) + within(output) - 2.0 * kernel(real, output).mean()))


def st_lpips(truth: np.ndarray, output: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift-tolerant LPIPS of a batch of pictures; see `StLpips` for exactly which metric.

    Args:
      truth, output: [B,H,W,3] uint8 RGB; they are scaled to [-1,1] by x / 127.5 - 1.
      mask: [B,H,W], nonzero = erased.

    Returns:
      (`st_lpips` [B], `st_lpips_hole` [B]): the published number of the whole picture, and its spatial map averaged
      over erased pixels.

    Raises:
      ImageError: sides below 21 px, sizes that differ, or an empty mask.
      WeightsError: the package with the weights is not installed.
    """
    if truth.shape != output.shape or min(truth.shape[1:3]) < _MIN_SIDE:
        raise ImageError(
            f"expected two batches of one shape with sides of at least {_MIN_SIDE} px, found "
            f"{truth.shape} and {output.shape}"
        )
    inside = [_inside(m, t) for m, t in zip(mask, truth)]
    first, second = (to_unit(x) for x in (truth, output))
    distance, maps = (x.numpy() for x in _st_lpips()(first, second))
    return distance, np.array([m[i].mean() for m, i in zip(maps, inside)])


def measure(
    truth: np.ndarray,
    output: np.ndarray,
    mask: np.ndarray,
    sketch: np.ndarray,
    edges: np.ndarray,
    color: np.ndarray,
    strokes: np.ndarray,
) -> dict[str, list[float | None]]:
    """All measures of a batch.

    Args:
      truth, output, color: [B,H,W,3] uint8 RGB.
      mask, sketch, strokes: [B,H,W], the conditions that the output was asked to meet.
      edges: [B,H,W], the output's edges.

    Returns:
      A dict from every name in `NAMES` to a value per picture.
    """
    whole, hole = st_lpips(truth, output, mask)
    pairs = list(zip(truth, output, mask))
    return {
        "l1_hole": [l1_hole(*p) for p in pairs],
        "psnr_hole": [psnr_hole(*p) for p in pairs],
        "ssim_hole": [ssim_hole(*p) for p in pairs],
        "st_lpips_hole": hole.tolist(),
        "st_lpips": whole.tolist(),
        "sketch_f1": [sketch_f1(*c) for c in zip(sketch, edges, mask)],
        "color_error": [color_error(*c) for c in zip(output, color, strokes, mask)],
    }
