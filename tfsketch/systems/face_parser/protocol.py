"""Face regions: how well a parser's map overlaps the labelled one.

The protocol `regions` counts every pixel of the hold-out once: a region's IoU is the sum of its intersections over the
sum of its unions, over all pictures together, at the pictures' own size. Pixels that the labels do not know count
nowhere. `mean_iou` in the closing line is over eight regions: neck, clothes and hats count as one there, and so do
the mouth and the lips; glasses, which few pictures show, have a row of their own and are left out of the mean.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch.conditions import face_parser, regions
from tfsketch.data.shards import Shards
from tfsketch.errors import DataError
from tfsketch.evaluation import intervals
from tfsketch.evaluation.report import Column, Results, sheet_numbers

PROTOCOL = "regions"
EIGHT: dict[str, tuple[str, ...]] = {
    "background": ("background",),
    "skin": ("skin",),
    "hair": ("hair",),
    "brows": ("brows",),
    "eyes": ("eyes",),
    "nose": ("nose",),
    "mouth and lips": ("mouth", "lips"),
    "neck and clothes": ("neck", "clothes", "hat"),
}
"""The eight regions of the mean -> ours."""
_BATCH = 8


def confusion(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """[R,R] counts of pixels, true region by found region; what `truth` ignores is left out.

    Args:
      truth, prediction: region maps of one shape, uint8.
    """
    count = len(regions.REGIONS)
    valid = truth < count
    pairs = truth[valid].astype(np.int64) * count + prediction[valid]
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def iou(matrix: np.ndarray, names: tuple[str, ...]) -> float | None:
    """Intersection over union of some regions taken as one; None where neither map shows any."""
    index = [regions.REGIONS.index(name) for name in names]
    both = matrix[np.ix_(index, index)].sum()
    union = matrix[index].sum() + matrix[:, index].sum() - both
    return float(both / union) if union else None


def mean_iou(matrix: np.ndarray) -> tuple[float, int]:
    """(the mean of the IoU over those of the `EIGHT` that either map shows, how many those are); 0 without any."""
    values = [value for value in (iou(matrix, names) for names in EIGHT.values()) if value is not None]
    return (float(np.mean(values)) if values else 0.0), len(values)


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Measures a face parser by the protocol in the module's docstring.

    Args:
      model: as `zoo.load_model` gives it.
      shards: labelled pictures.
      side: of the pictures; the parser resizes for itself.
      count: how many of them, from the first.

    Raises:
      DataError: a picture without regions.
    """
    del side
    matrices: list[np.ndarray] = []
    sheet: list[list[np.ndarray]] = []
    numbers = sheet_numbers(count)
    for start in tqdm(range(0, count, _BATCH), unit="batches", mininterval=5):
        pictures = [shards[n] for n in range(start, min(start + _BATCH, count))]
        predictions = face_parser.parse(model, np.stack([p.image for p in pictures]))
        for number, (picture, result) in enumerate(zip(pictures, predictions), start):
            if picture.regions is None:
                raise DataError(
                    f"{picture.name}: expected labelled regions to compare with, found none; make the shards with "
                    "prepare.regions=labels"
                )
            matrices.append(confusion(picture.regions, result))
            if number in numbers:
                overlay = picture.image // 2 + regions.to_rgb(result) // 2
                sheet.append([picture.image, regions.to_rgb(result), regions.to_rgb(picture.regions), overlay])
    parts = EIGHT | {name: (name,) for name in regions.REGIONS if name not in EIGHT}
    matrix = np.sum(matrices, axis=0)
    pixels = matrix.sum()

    def interval(names: tuple[str, ...]) -> dict[str, intervals.Interval]:
        ends = intervals.of_statistic(
            count, lambda draws: [iou(sums, names) for sums in np.tensordot(draws, np.stack(matrices), 1)]
        )
        return {} if ends is None else {"iou": ends}

    rows = [
        {
            "method": label,
            "iou": iou(matrix, names),
            "share": 100 * float(sum(matrix[regions.REGIONS.index(n)].sum() for n in names) / pixels),
            "intervals": interval(names),
        }
        for label, names in parts.items()
    ]
    mean, present = mean_iou(matrix)
    right = float(np.trace(matrix) / pixels)
    closing = f"Mean IoU over {present} regions {mean:.3f}; {100 * right:.1f} % of all pixels right."
    columns = {"iou": Column("higher"), "share": Column("", 2)}
    return Results(PROTOCOL, count, columns, rows, closing, sheet, ["image", "output", "truth", "overlay"])
