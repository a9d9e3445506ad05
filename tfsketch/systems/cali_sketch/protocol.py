"""Protocol for models that draw a photograph from a poor sketch (Cali-Sketch).

The protocol `poor_sketches` is fixed, so that numbers of different models and runs compare. From the model come its
picture size and nothing else; everything random or tunable is in `SETTINGS`, with seed 1:

- the true lines are E_gt of the paper: global contours (HED) and local details (Canny) of the photograph together. They
  are made again with the settings here, whatever the shards were made with, and with the shipped face parser's regions;
- the freehand simulator, `conditions.hand`, draws the contours badly, at the levels of abstraction 0.3, 0.6 and 0.9;
- `portrait` is the face as people draw one, at level 0.3 (`conditions.feature_strokes.drawing`): other lines than the
  true ones, so that only its photographs are compared;
- lines are what is at least `conditions.specks.LINE`, thinned to one pixel, without specks: strokes below `SPECK` are
  dropped, as they are of the true lines; else dots all over the paper would be near everything. Photographs are rounded
  to uint8. A model with palettes gets the number of the picture as its seed, and never the true colours.

Rows: `input L` is the poor sketch of level L, and the photograph that the image network makes of it as it is; `refined
L` is what the calibration network made of it, and the photograph from that; `true lines` is the photograph from the
true lines, which no sketch can beat. What calibration is worth is the distance between `input` and `refined`: in one
model's table for the same image network, between two models' where the other's was trained on poor sketches.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize
from tqdm import tqdm

from tfsketch.conditions import face_parser, sketches
from tfsketch.conditions.specks import LINE, SPECK, drop_short
from tfsketch.config import CannyConfig, Config, DataConfig, SketchConfig
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.shards import Picture, Shards
from tfsketch.errors import DataError
from tfsketch.evaluation import intervals, metrics
from tfsketch.evaluation.report import Column, Results, Row, sheet_numbers
from tfsketch.evaluation.settings import HAND
from tfsketch.images import sheets
from tfsketch.systems.cali_sketch.config import CaliSketchConfig
from tfsketch.vocabulary import to_uint8

PROTOCOL = "poor_sketches"
LEVELS = (0.3, 0.6, 0.9)
PORTRAIT = "portrait"
COLUMNS = {
    "chamfer": Column("lower", 2),
    "line_f1": Column("higher", 3),
    "st_lpips": Column("lower", 4),
    "feature_distance": Column("lower", 1),
}
_BATCH = 8
# Defaults for training may move; what is measured may not.
SETTINGS = Config(
    seed=1,
    system="cali_sketch",
    model=CaliSketchConfig(),
    data=DataConfig(cache=False, maps=("canny",)),
    sketch=SketchConfig(
        min_side=192,
        clahe=2.0,
        side_share=0.5,
        threshold=0.5,
        surround=1.0,
        features=0.6,
        min_component=6,
        canny=CannyConfig(sigma=2.0, quantile=0.85, low=0.4, min_stroke=12.0),
    ),
    hand=HAND,
)
"""The protocol's settings."""
_PORTRAYED = dataclasses.replace(HAND, features=1.0, around=0.0)
_SKETCHES = (*LEVELS, PORTRAIT)


def lines_of(drawing: np.ndarray) -> np.ndarray:
    """[H,W] in [0,1] -> [H,W] uint8 in {0,1}, lines of one pixel without specks."""
    return drop_short(skeletonize(np.asarray(drawing) >= LINE), SPECK)


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Runs the protocol.

    Args:
      model: with the networks `scn` and `isn`, as `load_model` gives a Cali-Sketch.
      shards: pictures of `side`.
      side: theirs.
      count: how many pictures, from the first; at least 2.

    Raises:
      DataError: fewer than 2 pictures.
    """
    if count < 2:
        raise DataError(f"{PROTOCOL}: expected at least 2 pictures to compare as sets, found {count}")
    config = dataclasses.replace(SETTINGS, image_size=side)
    parser = face_parser.load()
    contours, details = sketches.Sketcher(config.sketch), sketches.Sketcher(config.sketch, "canny")
    portraits = dataclasses.replace(config, hand=_PORTRAYED)
    names = [f"{kind} {sketch}" for sketch in _SKETCHES for kind in ("input", "refined")] + ["true lines"]
    values: dict[str, dict[str, list[float]]] = {name: {key: [] for key in COLUMNS} for name in names}
    features: dict[str, list[np.ndarray]] = {name: [] for name in [*names, "truth"]}
    sheet: list[list[np.ndarray]] = []
    sheet_rows = sheet_numbers(count)
    for start in tqdm(range(0, count, _BATCH), unit="batches", mininterval=5):
        numbers = list(range(start, min(start + _BATCH, count)))
        photographs = np.stack([shards[n].image for n in numbers])
        region_maps = face_parser.parse(parser, photographs)
        examples = zip(numbers, photographs, region_maps, contours(photographs, region_maps), details(photographs))
        pictures = {
            n: Picture(shards[n].name, {"image": image, "sketch/hed": hed, "sketch/canny": canny, "regions": regions})
            for n, image, regions, hed, canny in examples
        }
        drawings: dict[str, np.ndarray] = {}
        for sketch in _SKETCHES:
            kind, level = (portraits, LEVELS[0]) if sketch == PORTRAIT else (config, float(sketch))
            batch = fixed_batch(pictures, kind, numbers, level)
            drawings[f"input {sketch}"] = batch["sketch"].numpy()[..., 0]
            drawings[f"refined {sketch}"] = model.scn(batch)["refined"].numpy()[..., 0]
        true = np.maximum(batch["refined"], batch["sketch_canny"])[..., 0]
        drawings["true lines"] = true
        features["truth"].append(metrics.embed(photographs))
        renderings = {}
        for name, drawing in drawings.items():
            seeds = tf.constant([[n, 0] for n in numbers])
            renderings[name] = to_uint8(model.isn({"refined": tf.constant(drawing[..., None]), "seed": seeds})["image"])
            everywhere = np.ones_like(true)
            if drawing is not true and PORTRAIT not in name:  # what lines are measured against, and other ones
                lines = [lines_of(one) for one in drawing]
                values[name]["chamfer"] += map(metrics.chamfer, lines, true)
                values[name]["line_f1"] += map(metrics.sketch_f1, true, lines, everywhere)
            values[name]["st_lpips"] += metrics.st_lpips(photographs, renderings[name], everywhere)[0].tolist()
            features[name].append(metrics.embed(renderings[name]))
        for i, n in enumerate(numbers):
            if n in sheet_rows:
                parts = [part for sketch in _SKETCHES for part in _sheet_pictures(drawings, renderings, sketch, i)]
                sheet.append([*parts, sheets.ink(true[i]), renderings["true lines"][i], photographs[i]])
    rows: list[Row] = []
    truth = np.concatenate(features["truth"])
    for name in names:
        row: Row = {key: metrics.mean_of(values[name][key]) for key in COLUMNS if key != "feature_distance"}
        pictures_made = np.concatenate(features[name])
        row["feature_distance"] = metrics.feature_distance(truth, pictures_made)
        ends = {key: intervals.of_mean(values[name][key]) for key in COLUMNS if key != "feature_distance"}
        ends["feature_distance"] = intervals.of_set_distance(truth, pictures_made)
        row["intervals"] = {key: interval for key, interval in ends.items() if interval is not None}
        rows.append({"method": name, **row})
    titles = [f"{kind} {sketch}" for sketch in _SKETCHES for kind in ("sketch", "refined", "output")]
    return Results(
        PROTOCOL, count, COLUMNS, rows, _closing(rows), sheet, [*titles, "true lines", "from true lines", "truth"]
    )


def _sheet_pictures(
    drawings: dict[str, np.ndarray], results: dict[str, np.ndarray], sketch: float | str, number: int
) -> list[np.ndarray]:
    lines, refined = (sheets.ink(drawings[f"{kind} {sketch}"][number]) for kind in ("input", "refined"))
    return [lines, refined, results[f"refined {sketch}"][number]]


def _closing(rows: list[Row]) -> str:
    by_method = {row["method"]: row for row in rows}
    parts = []
    for key, title in (
        ("chamfer", "Chamfer distance"),
        ("st_lpips", "ST-LPIPS"),
        ("feature_distance", "feature distance"),
    ):
        pairs = [[by_method[f"{kind} {level}"][key] for kind in ("refined", "input")] for level in LEVELS]
        parts.append(f"{title} " + ", ".join(f"{100 * (new / old - 1):+.0f} %" if old else "-" for new, old in pairs))
    levels = ", ".join(map(str, LEVELS))
    return f"From `input` to `refined`, at abstraction {levels}: {'; '.join(parts)}."
