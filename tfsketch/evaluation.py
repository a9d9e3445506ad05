"""How good a model is: the measures of `metrics` on a hold-out, beside classical inpainting and blanked conditions.

The protocol `free_form_10_40` is fixed, so that numbers of different models and runs compare. From the model come its
picture size and nothing else; everything random or tunable is the default of `config.Config` with seed 1:

- pictures of the hold-out in the order of the shards (the sorted names), the first `count` of them;
- free-form masks that cover 10 to 40 % of the picture exactly, colour strokes on every picture (only their part in the
  mask counts), and noise, all a function of (seed, number of the picture) alone;
- sketches and colour maps made anew from the photographs with default settings, whatever the shards were made with;
- the output composited into the photograph, rounded to uint8, then measured.

Methods: `telea` and `navier_stokes` (cv2.inpaint, radius 3) know the picture and the mask only. `all` is the model with
every condition; `sketch_blanked`, `color_blanked` and `both_blanked` are the same weights with conditions set to zero,
measured against the conditions they were not given: what the model owes to a condition is the distance to that row.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch import data, images, metrics, prepare, zoo
from tfsketch.conditions import colors, sketches
from tfsketch.config import Config
from tfsketch.errors import DataError

PROTOCOL = "free_form_10_40"
BASELINES = {"telea": cv2.INPAINT_TELEA, "navier_stokes": cv2.INPAINT_NS}
"""Classical methods -> cv2's flag."""
BLANKED = {"all": (), "sketch_blanked": ("sketch",), "color_blanked": ("color",), "both_blanked": ("sketch", "color")}
"""The model's rows -> conditions that are set to zero."""
_BATCH = 8
_SHEET_ROWS = 24
_DIGITS = {
    "l1_hole": 2,
    "psnr_hole": 2,
    "ssim_hole": 4,
    "st_lpips_hole": 4,
    "st_lpips": 4,
    "sketch_f1": 3,
    "color_error": 2,
}

Row = dict[str, Any]
"""A method's means: `protocol`, `method`, `pictures` and every name in `metrics.NAMES`."""


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
    filled = cv2.inpaint(np.where(inside[..., None], np.uint8(0), image), inside.astype(np.uint8), 3, BASELINES[method])
    return np.where(inside[..., None], filled, image)


@contextlib.contextmanager
def _holdout(folder: str | os.PathLike, image_size: int, count: int | None) -> Iterator[data.Shards]:
    """The pictures of a folder of shards, or of one of photographs, whose shards are then made for the time being."""
    if any(pathlib.Path(folder).glob("*.tfrecord")):
        yield data.Shards(str(folder), image_size, cache=False)
        return
    pictures = images.find_pictures(folder)[:count]
    with tempfile.TemporaryDirectory(prefix="tfsketch-evaluate-") as scratch:
        only = pathlib.Path(scratch) / "only.txt"
        only.write_text("".join(f"{p.parent.name}/{p.name}\n" for p in pictures), encoding="utf-8")
        report = prepare.prepare([str(folder)], f"{scratch}/shards", Config(image_size=image_size), only=str(only))
        for line in report.refused:
            print(f"refused: {line}")
        yield data.Shards(f"{scratch}/shards", image_size, cache=False)


def _batches(
    shards: data.Shards, config: Config, sketcher: sketches.Sketcher, count: int
) -> Iterator[tuple[list[int], dict[str, tf.Tensor]]]:
    """The protocol's examples: (numbers of the pictures, batch of the vocabulary)."""
    for start in range(0, count, _BATCH):
        numbers = list(range(start, min(start + _BATCH, count)))
        loaded = [shards[n] for n in numbers]
        drawn = sketcher(np.stack([p.image for p in loaded]))
        pictures = {
            n: data.Picture(p.name, p.image, sketch, colors.color_map(p.image, config.color))
            for n, p, sketch in zip(numbers, loaded, drawn)
        }
        yield numbers, data.fixed_batch(pictures, config, numbers)


def _outputs(model: tf.keras.Model, batch: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Every method's pictures of a batch, [B,H,W,3] uint8."""
    image, mask = data.to_uint8(batch["image"]), batch["mask"].numpy()[..., 0]
    outputs = {method: np.stack([inpaint(i, m, method) for i, m in zip(image, mask)]) for method in BASELINES}
    for method, blanked in BLANKED.items():
        inputs = {key: tf.zeros_like(value) if key in blanked else value for key, value in batch.items()}
        outputs[method] = data.to_uint8(model(inputs, training=False)["image"])
    return outputs


def evaluate(
    model_name_or_dir: str | os.PathLike,
    data_folder: str | os.PathLike,
    output_folder: str | os.PathLike,
    count: int | None = None,
    image_size: int | None = None,
    markdown: str | os.PathLike | None = None,
) -> list[Row]:
    """Measures a model on a hold-out by the protocol in the module's docstring.

    Args:
      model_name_or_dir: a shipped model's name or a model directory.
      data_folder: shards made by `prepare`, or photographs, which are then cropped to their central square.
      output_folder: gets `metrics.jsonl` (a line per method, appended), `results.md` and `sheet.png` (24 pictures).
      count: how many pictures at most; all by default.
      image_size: the pictures' side, by default the one that the model was trained at.
      markdown: a Markdown file whose part between the markers of the model's system is replaced by the results
        (`write_section`).

    Returns:
      A row per method, in the order of `BASELINES` and `BLANKED`.

    Raises:
      DataError, ImageError: no pictures, of another size than `image_size`, or `output_folder` is the model's.
      WeightsError, ConfigError: the model cannot be read.
    """
    folder, output = zoo.model_dir(model_name_or_dir), pathlib.Path(output_folder)
    if count is not None and count < 1:
        raise DataError(f"count: expected at least 1 picture, found {count}")
    if output.resolve() == folder.resolve():  # a run folder has a metrics.jsonl of its own
        raise DataError(f"expected an output folder other than the model's, found {output}")
    model = zoo.load_model(model_name_or_dir)
    config = Config(image_size=image_size or model.experiment.image_size, seed=1)
    sketcher = sketches.Sketcher(config.sketch)
    values: dict[str, dict[str, list[float | None]]] = {}
    sheet: list[list[np.ndarray]] = []
    with _holdout(data_folder, config.image_size, count) as shards:
        total = min(count or len(shards), len(shards))
        shown = set(np.linspace(0, total - 1, min(_SHEET_ROWS, total)).astype(int).tolist())
        with tqdm(total=total, unit="pictures", mininterval=5) as bar:
            for numbers, batch in _batches(shards, config, sketcher, total):
                outputs = _outputs(model, batch)
                given = {
                    "truth": data.to_uint8(batch["image"]),
                    "mask": batch["mask"].numpy()[..., 0],
                    "sketch": batch["sketch"].numpy()[..., 0],
                    "color": data.to_uint8(batch["color"]),
                    "painted": np.any(batch["color"].numpy() != 0, axis=-1),  # no uint8 level is 0 in [-1,1]
                }
                for method, pictures in outputs.items():
                    measured = metrics.measure(output=pictures, edges=sketcher(pictures), **given)
                    for name, numbers_ in measured.items():
                        values.setdefault(method, {}).setdefault(name, []).extend(numbers_)
                rows = data.rows_of(batch, outputs["telea"], outputs["all"])
                sheet += [row for n, row in zip(numbers, rows) if n in shown]
                bar.update(len(numbers))
    means = [
        {
            "protocol": PROTOCOL,
            "method": method,
            "pictures": total,
            **{name: metrics.mean_of(measured[name]) for name in metrics.NAMES},
        }
        for method, measured in values.items()
    ]
    origin = describe(model_name_or_dir, folder) | {"data": str(data_folder), "image_size": config.image_size}
    output.mkdir(parents=True, exist_ok=True)
    with open(output / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(row | origin) + "\n" for row in means)
    titles = [*data.SHEET_TITLES, "telea", "output", "truth"]
    images.write_png(output / "sheet.png", images.contact_sheet(sheet, titles))
    for path in [output / "results.md", *([markdown] if markdown else [])]:
        write_section(path, model.experiment.system, results_markdown(means, origin))
    return means


def describe(name_or_dir: str | os.PathLike, folder: pathlib.Path) -> dict[str, Any]:
    """What was measured: the model as it was named, a checksum of its weights, the step (None where the model card
    names none, as for converted models) and the date."""
    card = folder / "README.md"
    found = re.search(r"(\d+) of \d+ steps", card.read_text(encoding="utf-8")) if card.is_file() else None
    digest = hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()
    return {
        "model": str(name_or_dir),
        "weights_sha256": digest[:12],
        "step": int(found[1]) if found else None,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    """A table's cells, the header first."""

    def text(name: str, value: float | None) -> str:
        return "-" if value is None else f"{value:.{_DIGITS[name]}f}"

    return [["method", *metrics.NAMES]] + [[row["method"], *(text(n, row[n]) for n in metrics.NAMES)] for row in rows]


def table(rows: Sequence[Row]) -> str:
    """The rows as an aligned table for the console."""
    cells = _cells(rows)
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]) for line in cells
    )


def closing(rows: Sequence[Row]) -> str:
    """One line with the ratios by which a model is judged: the perceptual distance beside Telea's, sketch and colour
    adherence beside those without the condition."""
    by = {row["method"]: row for row in rows}

    def ratio(name: str, other: str) -> str:
        a, b = by["all"][name], by[other][name]
        shown = "-" if a is None or not b else f"{a / b:.2f}"
        return f"{name} {shown} of {other}'s"

    return (
        f"{ratio('st_lpips_hole', 'telea')}, {ratio('st_lpips', 'telea')}, {ratio('sketch_f1', 'sketch_blanked')}, "
        f"{ratio('color_error', 'color_blanked')}"
    )


def results_markdown(rows: Sequence[Row], origin: Mapping[str, Any]) -> str:
    """The rows as a Markdown table, with what was measured and how above it and the ratios below."""
    # Folders by name: where they lay on the machine that measured is nobody's business.
    data_name, model_name = pathlib.Path(origin["data"]).name, pathlib.Path(origin["model"]).name
    header, *lines = _cells(rows)
    header = [header[0], *(f"{name} ({'↓' if metrics.NAMES[name] == 'lower' else '↑'})" for name in header[1:])]
    step = f", step {origin['step']}" if origin["step"] is not None else ""
    body = ["| " + " | ".join(line) + " |" for line in [header, ["---", *["---:"] * (len(header) - 1)], *lines]]
    return "\n".join(
        [
            f"Protocol `{PROTOCOL}`: {rows[0]['pictures']} pictures of {origin['image_size']} px from "
            f"`{data_name}`; model `{model_name}`{step}, weights `{origin['weights_sha256']}`, "
            f"{origin['date'][:10]}. Made by `python -m tools.evaluate`; measures: `tfsketch/metrics.py`.",
            "",
            *body,
            "",
            f"Ratios: {closing(rows)}.",
        ]
    )


def write_section(path: str | os.PathLike, system: str, text: str) -> None:
    """Puts text between `<!-- SYSTEM:begin -->` and `<!-- SYSTEM:end -->` of a Markdown file, the rest kept as it is.

    A file that is missing is made, one without the markers gets them at its end.

    Raises:
      DataError: the markers are not one pair in order.
    """
    path = pathlib.Path(path)
    begin, end = f"<!-- {system}:begin -->", f"<!-- {system}:end -->"
    section = f"{begin}\n{text}\n{end}"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if begin not in old and end not in old:
        new = f"{old.rstrip()}\n\n{section}\n" if old.strip() else f"{section}\n"
    elif old.count(begin) == old.count(end) == 1 and old.index(begin) < old.index(end):
        new = old[: old.index(begin)] + section + old[old.index(end) + len(end) :]
    else:
        raise DataError(
            f"{path}: expected one {begin} and after it one {end}, found {old.count(begin)} and {old.count(end)}"
        )
    images.write_bytes(path, new.encode())
