"""Protocol for the editor's last stages on large photographs: the membrane at the seam, the photograph's own fine
detail.

The protocol `last_stages` edits photographs that are larger than the model's side, so that the network's picture is
enlarged. Masks, lines and colours are those of `free_form_10_40`, made at the photographs' size, and the edit is
`Editor`'s without its search for faces: rows are its stages alone and together, from none on. The truth is known, so

- `l1_hole`, `st_lpips_hole` are as in `free_form_10_40`, and `ratio` is the second over that of `none`, in the mean;
- `worse` is the share of pictures whose `st_lpips_hole` is above that of the same picture with no stage;
- `sharpness` and `seam` are those of `evaluation.holes`, over the truth's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch.conditions import sketches
from tfsketch.data.shards import Shards
from tfsketch.editor.editor import Editor
from tfsketch.errors import DataError
from tfsketch.evaluation import holes, intervals, metrics
from tfsketch.evaluation.report import Column, Results, Row
from tfsketch.systems.sc_fegan import protocol as editing
from tfsketch.vocabulary import resize, to_uint8

PROTOCOL = "last_stages"
SIDE = 512
"""Of the pictures, by default."""
STAGES = {"none": (False, 0.0), "seam": (True, 0.0), "texture": (False, 1.0), "seam and texture": (True, 1.0)}
"""Row -> `seam` and `texture` of `Editor`."""
COLUMNS = {
    "l1_hole": Column("lower", 2),
    "st_lpips_hole": Column("lower", 4),
    "ratio": Column("lower", 3),
    "worse": Column("lower", 2),
    "sharpness": Column("", 2),
    "seam": Column("lower", 2),
}
_MEANS = {
    "l1_hole": metrics.mean_of,
    "st_lpips_hole": metrics.mean_of,
    "sharpness": holes.mean_of,
    "seam": holes.mean_of,
}
_CELL = 320
_SHOWN = 8


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Runs the protocol in the module's docstring.

    Args:
      model: one that repaints a mask, as `zoo.load_model` gives it.
      shards: pictures of `side` pixels; only their photographs are used.
      side: theirs, larger than the model's.
      count: how many of them, from the first.

    Returns:
      A row for each of `STAGES`; a contact sheet of the first pictures.

    Raises:
      DataError: pictures that the model does not enlarge.
    """
    if side <= model.image_size:
        raise DataError(
            f"{PROTOCOL}: expected pictures larger than the model's {model.image_size} px, since the last stages are "
            f"for enlarged edits; found {side}; see --image_size"
        )
    config = dataclasses.replace(editing.SETTINGS, image_size=side)
    sketcher = sketches.Sketcher(config.sketch)
    editors = {
        name: Editor(model, find_faces=False, seam=seam, texture=texture) for name, (seam, texture) in STAGES.items()
    }
    values: dict[str, dict[str, list[float | None]]] = {name: {key: [] for key in _MEANS} for name in STAGES}
    sheet: list[list[np.ndarray]] = []
    with tqdm(total=count, unit="pictures", mininterval=5) as bar:
        for numbers, batch in editing.examples(shards, config, sketcher, count):
            layers = {key: batch[key].numpy()[..., 0].astype(np.uint8) for key in ("mask", "sketch")}
            strokes = np.any(batch["color"].numpy() != 0, axis=-1, keepdims=True)  # no uint8 level is 0 in [-1,1]
            color = np.where(strokes, np.concatenate([to_uint8(batch["color"]), 255 * strokes], axis=-1), 0)
            truths = to_uint8(batch["image"])
            for place, number in enumerate(numbers):
                truth, mask = truths[place], layers["mask"][place]
                row = [truth, np.where(mask[..., None] > 0, np.uint8(255), truth)]
                for name, editor in editors.items():
                    result = editor.edit(
                        truth, mask, layers["sketch"][place], color[place].astype(np.uint8), seed=number
                    )
                    lists = values[name]
                    lists["l1_hole"].append(metrics.l1_hole(truth, result, mask))
                    lists["st_lpips_hole"].append(float(metrics.st_lpips(truth[None], result[None], mask[None])[1][0]))
                    lists["sharpness"].append(holes.sharpness(result, mask, truth))
                    lists["seam"].append(holes.seam(result, mask, truth))
                    row.append(result)
                if len(sheet) < _SHOWN:
                    sheet.append([resize(picture, (_CELL, _CELL)) for picture in row])
                bar.update()
    rows = [_row(name, values[name], values["none"]["st_lpips_hole"]) for name in STAGES]
    return Results(PROTOCOL, count, COLUMNS, rows, closing(rows), sheet, ("truth", "input", *STAGES))


def _row(name: str, values: dict[str, list[float | None]], plain: Sequence[float | None]) -> Row:
    """The means of one row, and their intervals; `plain` is `st_lpips_hole` with no stage."""
    row: Row = {"method": name, "intervals": {}}
    for key, mean in _MEANS.items():
        row[key], row["intervals"][key] = mean(values[key]), intervals.of_mean(values[key], mean)
    distances, reference = (np.array(some, np.float64) for some in (values["st_lpips_hole"], plain))
    row["ratio"], row["worse"] = float(distances.mean() / reference.mean()), float((distances > reference).mean())
    row["intervals"] = {key: ends for key, ends in row["intervals"].items() if ends is not None}
    return row


def closing(rows: Sequence[Row]) -> str:
    """One line with the figures by which the stages are judged."""
    last = rows[-1]
    return (
        f"With both stages ST-LPIPS in the hole is {last['ratio']:.3f} of that with none, worse on {last['worse']:.0%} "
        f"of the pictures; sharpness {last['sharpness']:.2f} of the truth's ({rows[0]['sharpness']:.2f} with none)."
    )
