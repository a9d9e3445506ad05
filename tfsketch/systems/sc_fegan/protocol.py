"""Protocol for editing models: the measures of `metrics` on a hold-out, beside classical inpainting and blanked
conditions.

The protocol `free_form_10_40` is fixed, so that numbers of different models and runs compare. From the model come its
picture size and nothing else; everything random or tunable is the default of `config.Config` with seed 1:

- free-form masks that cover 10 to 40 % of the picture exactly, colour strokes on every picture (only their part in the
  mask counts), and noise, all a function of (seed, number of the picture) alone;
- sketches and colour maps made again from the photographs with default settings, whatever the shards were made with;
- the output composited into the photograph, rounded to uint8, then measured.

Methods: `telea` and `navier_stokes` (cv2.inpaint, radius 3) know the picture and the mask only. `all` is the model with
every condition; `sketch_blanked`, `color_blanked` and `both_blanked` are the same weights with conditions set to zero,
measured against the conditions they were not given: what the model owes to a condition is the distance to that row.

Measures are those of `metrics`, and of `holes` against the truth: `feature_distance` of the crops round the holes to
the truths', `sharpness` and `seam`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch.conditions import colors, sketches
from tfsketch.config import ColorConfig, Config, DataConfig, MaskConfig, SketchConfig, StrokeConfig
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.shards import Picture, Shards
from tfsketch.evaluation import holes, intervals, metrics
from tfsketch.evaluation.report import Column, Results, Row, sheet_numbers
from tfsketch.images import sheets
from tfsketch.systems.sc_fegan.config import ScFeganConfig
from tfsketch.vocabulary import to_uint8

PROTOCOL = "free_form_10_40"
BASELINES = {"telea": cv2.INPAINT_TELEA, "navier_stokes": cv2.INPAINT_NS}
"""Classical methods -> cv2's flag."""
BLANKED = {"all": (), "sketch_blanked": ("sketch",), "color_blanked": ("color",), "both_blanked": ("sketch", "color")}
"""The model's rows -> conditions that are set to zero."""
_BATCH = 8
_DIGITS = {
    "l1_hole": 2,
    "psnr_hole": 2,
    "ssim_hole": 4,
    "st_lpips_hole": 4,
    "st_lpips": 4,
    "sketch_f1": 3,
    "color_error": 2,
}
_HOLES = {
    "feature_distance": Column("lower", 1),
    "sharpness": Column("", 2),
    "seam": Column("lower", 2),
}
# Defaults for training may move; what is measured may not. Pictures come without a region map here.
SETTINGS = Config(
    seed=1,
    model=ScFeganConfig(),
    data=DataConfig(cache=False),
    mask=MaskConfig(
        share=(0.1, 0.4),
        growth=0.0,
        stroke=StrokeConfig((4, 12), 60.0, (0.05, 0.35), (0.05, 0.15), curved=0.0),
        eye_probability=0.5,
        eyes=((0.385, 0.475), (0.615, 0.475)),
        eye_jitter=0.03,
        box_probability=0.2,
        box=(0.15, 0.5),
        large_probability=0.0,
    ),
    sketch=SketchConfig(min_side=192, clahe=2.0, side_share=0.5, surround=0.0, threshold=0.5, min_component=6),
    color=ColorConfig(
        median=7,
        bilateral_passes=3,
        bilateral_diameter=5.0,
        bilateral_sigma=30.0,
        share=(0.02, 0.2),
        stroke=StrokeConfig((4, 12), 60.0, (0.05, 0.35), (0.03, 0.1), curved=0.0),
        flat=0.0,
    ),
)
"""The protocol's settings."""


def inpaint(image: np.ndarray, mask: np.ndarray, method: str) -> np.ndarray:
    """cv2's inpainting of one picture, radius 3.

    Args:
      image: [H,W,3] uint8; what lies under the mask is not looked at.
      mask: [H,W], nonzero = erased.
      method: a key of `BASELINES`.

    Returns:
      [H,W,3] uint8, the input outside the mask.
    """
    inside = mask > 0
    baseline = cv2.inpaint(
        np.where(inside[..., None], np.uint8(0), image), inside.astype(np.uint8), 3, BASELINES[method]
    )
    return np.where(inside[..., None], baseline, image)


def examples(
    shards: Shards, config: Config, sketcher: sketches.Sketcher, count: int
) -> Iterator[tuple[list[int], dict[str, tf.Tensor]]]:
    """The protocol's examples: (numbers of the pictures, batch of the vocabulary)."""
    for start in range(0, count, _BATCH):
        numbers = list(range(start, min(start + _BATCH, count)))
        group = [shards[n] for n in numbers]
        lines = sketcher(np.stack([p.image for p in group]))
        style, color_maps = config.sketch.style, [colors.color_map(p.image, config.color) for p in group]
        pictures = {
            n: Picture(p.name, {"image": p.image, f"sketch/{style}": sketch, "color": color})
            for n, p, sketch, color in zip(numbers, group, lines, color_maps)
        }
        yield numbers, fixed_batch(pictures, config, numbers)


def _outputs(model: tf.keras.Model, batch: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Every method's pictures of a batch, [B,H,W,3] uint8."""
    image, mask = to_uint8(batch["image"]), batch["mask"].numpy()[..., 0]
    outputs = {method: np.stack([inpaint(i, m, method) for i, m in zip(image, mask)]) for method in BASELINES}
    for method, blank in BLANKED.items():
        inputs = {key: tf.zeros_like(value) if key in blank else value for key, value in batch.items()}
        outputs[method] = to_uint8(model(inputs, training=False)["image"])
    return outputs


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Measures an editing model by the protocol in the module's docstring.

    Args:
      model: as `zoo.load_model` gives it.
      shards: pictures of `side` pixels; only their photographs are used.
      side: of the pictures.
      count: how many of them, from the first.

    Returns:
      A row per method, in the order of `BASELINES` and `BLANKED`.
    """
    config = dataclasses.replace(SETTINGS, image_size=side)
    sketcher = sketches.Sketcher(config.sketch)
    crop = min(side, holes.CROP)
    values: dict[str, dict[str, list[float | None]]] = {}
    features: dict[str, list[np.ndarray]] = {}
    sheet: list[list[np.ndarray]] = []
    titles: list[str] = []
    sheet_rows = sheet_numbers(count)
    with tqdm(total=count, unit="pictures", mininterval=5) as bar:
        for numbers, batch in examples(shards, config, sketcher, count):
            outputs = _outputs(model, batch)
            conditions = {
                "truth": to_uint8(batch["image"]),
                "mask": batch["mask"].numpy()[..., 0],
                "sketch": batch["sketch"].numpy()[..., 0],
                "color": to_uint8(batch["color"]),
                "strokes": np.any(batch["color"].numpy() != 0, axis=-1),  # no uint8 level is 0 in [-1,1]
            }
            for method, pictures in {"truth": conditions["truth"], **outputs}.items():
                squares = np.stack([holes.crop_round(*pair, crop) for pair in zip(pictures, conditions["mask"])])
                features.setdefault(method, []).append(metrics.embed(squares))
            for method, pictures in outputs.items():
                measures = metrics.measure(output=pictures, edges=sketcher(pictures), **conditions)
                triples = list(zip(pictures, conditions["mask"], conditions["truth"]))
                measures["sharpness"] = [holes.sharpness(*triple) for triple in triples]
                measures["seam"] = [holes.seam(*triple) for triple in triples]
                for name, results in measures.items():
                    values.setdefault(method, {}).setdefault(name, []).extend(results)
            rows, titles = sheets.layer_rows(batch, telea=outputs["telea"], output=outputs["all"])
            sheet += [row for n, row in zip(numbers, rows) if n in sheet_rows]
            bar.update(len(numbers))
    sets = {method: np.concatenate(parts) for method, parts in features.items()}
    means = [_row(method, measures, sets) for method, measures in values.items()]
    columns = {name: Column(better, _DIGITS[name]) for name, better in metrics.NAMES.items()} | _HOLES
    return Results(PROTOCOL, count, columns, means, closing(means), sheet, titles)


def _row(method: str, measures: Mapping[str, list[float | None]], features: Mapping[str, np.ndarray]) -> Row:
    """A method's means and their intervals."""
    row: Row = {"method": method, **dict.fromkeys([*metrics.NAMES, *_HOLES])}
    distance, interval = intervals.feature_distance(features["truth"], features[method])
    row["feature_distance"], row["intervals"] = distance, {"feature_distance": interval}
    for name, values in measures.items():
        mean = holes.mean_of if name in _HOLES else metrics.mean_of
        row[name], row["intervals"][name] = mean(values), intervals.of_mean(values, mean)
    row["intervals"] = {name: ends for name, ends in row["intervals"].items() if ends is not None}
    return row


def closing(rows: Sequence[Row]) -> str:
    """One line with the ratios by which a model is judged: the perceptual distance beside Telea's, sketch and colour
    adherence beside those without the condition."""
    by = {row["method"]: row for row in rows}

    def ratio(name: str, other: str) -> str:
        a, b = by["all"][name], by[other][name]
        quotient = "-" if a is None or not b else f"{a / b:.2f}"
        return f"{name} {quotient} of {other}'s"

    return (
        f"Ratios: {ratio('st_lpips_hole', 'telea')}, {ratio('st_lpips', 'telea')}, "
        f"{ratio('sketch_f1', 'sketch_blanked')}, {ratio('color_error', 'color_blanked')}."
    )
