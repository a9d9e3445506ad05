"""Protocol for realistic edits: another feature, drawn freehand, on a photograph.

The protocol `transplant_edits` is fixed, so that numbers of different models and runs compare. Its pictures are
labelled faces (CelebAMask-HQ's), and each is edited about twice. A feature of another of these faces is asked for, a
mouth, the eyes, the brows, the nose, the hair or glasses, as a person would ask who has that face before them:
`evaluation.donors` says whose feature is asked for on whose face, `evaluation.edit_requests` what mask, lines and
colours that makes, all of it from labels and photographs alone, as a function of (seed, edit). The edit is made by
`Editor` with its default settings, at the pictures' own size.

There is no truth. Rows are a kind of feature each, and `all` edits; then the same measures of what bounds them:
`photograph` is the picture as it was, with nothing done, and `donor` is the donor's photograph in the same place, which
meets every condition as well as a real picture can.

- `overlap`: IoU of the region that was asked for with the shipped face parser's on the result;
- `color_error` (levels of 255): `metrics.color_error`, to the flat colours under the strokes in the mask;
- `sketch_f1`: `metrics.sketch_f1` at `LINE_SIDE` px, between the sketch and the edges of the result;
- `feature_distance`: `intervals.feature_distance` between crops round the holes (`holes.crop_round`), the results' and
  the photographs' own, which are real and show the same kind of feature. None of fewer than `FEWEST` edits. Donors,
  real faces too, say how far another feature of another person is;
- `sharpness_beside`: of the result, `holes.sharpness_beside`, the untouched half or the surroundings;
- `sharpness`: over the photograph's own in the same hole, whose feature is of the same kind;
- `seam`, `rim`: `holes.seam` over the photograph's own at the same pairs, between neighbours, and `RIM` px apart, since
  a result that fades in over some pixels hides its step from neighbours.

Means are over edits, of quotients geometric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch.conditions import face_parser, masks, regions, sketches
from tfsketch.data.shards import Shards
from tfsketch.editor.editor import Editor
from tfsketch.evaluation import holes, intervals, metrics
from tfsketch.evaluation.donors import KINDS, Edit, Kind, face_of, schedule
from tfsketch.evaluation.edit_requests import SETTINGS, Request, request
from tfsketch.evaluation.report import Column, Results, Row
from tfsketch.framing import arrays
from tfsketch.systems.sc_fegan import protocol as editing
from tfsketch.vocabulary import resize

PROTOCOL = "transplant_edits"
SIDE = 512
"""Of the pictures, by default."""
LINE_SIDE = 256
FEWEST = 8
RIM = 5
"""Pixels at a side of 512; more in proportion."""
PAGE = 5
"""Rows of a contact sheet."""
CELL = 256
"""Side of the pictures on it."""
COLUMNS = {
    "edits": Column("", 0),
    "overlap": Column("higher", 3),
    "color_error": Column("lower", 2),
    "sketch_f1": Column("higher", 3),
    "feature_distance": Column("lower", 1),
    "sharpness_beside": Column("", 2),
    "sharpness": Column("", 2),
    "seam": Column("lower", 2),
    "rim": Column("lower", 2),
}
MEANS = {
    "overlap": metrics.mean_of,
    "color_error": metrics.mean_of,
    "sketch_f1": metrics.mean_of,
    "sharpness_beside": holes.mean_of,
    "sharpness": holes.mean_of,
    "seam": holes.mean_of,
    "rim": holes.mean_of,
}
"""Measure of one edit -> how the mean is taken."""
METHODS = ("result", "photograph", "donor")
# By definition: the photograph over itself, and a donor that is no edit and has no border.
_UNDEFINED = {"result": (), "photograph": ("sharpness", "seam", "rim"), "donor": ("seam", "rim")}
TITLES = ("photograph", "mask", "sketch", "color", "result", "result, closer", "donor")


def overlap(region: np.ndarray, labels: np.ndarray, mask: np.ndarray, names: Sequence[str]) -> float:
    """IoU of the region that was asked for with the one that a parser sees, in the convex hulls of the mask's parts;
    what lies elsewhere was in the photograph before.

    Args:
      region, mask: [S,S], nonzero = asked for, erased.
      labels: [S,S] uint8, a region map of the result.
      names: of the regions that count.

    Returns:
      In [0,1]; 0 where neither shows anything.
    """
    where = masks.hulls((np.asarray(mask) > 0).astype(np.uint8)) > 0
    wish, result = (np.asarray(region) > 0) & where, (regions.mask_of(labels, names) > 0) & where
    union = np.count_nonzero(wish | result)
    return np.count_nonzero(wish & result) / union if union else 0.0


def _measures(
    layers: Request, own: np.ndarray, picture: np.ndarray, labels: np.ndarray, edges: np.ndarray, kind: Kind
) -> dict[str, float | None]:
    """The measures of one picture in an edit's place; see `MEANS`."""
    side = edges.shape[0], edges.shape[1]
    alpha = layers.color[..., 3]
    return {
        "overlap": overlap(layers.region, labels, layers.mask, kind.regions),
        "color_error": metrics.color_error(picture, layers.color[..., :3], alpha, layers.mask),
        "sketch_f1": metrics.sketch_f1(
            arrays.resize_sketch(layers.sketch, side), edges, arrays.resize_mask(layers.mask, side)
        ),
        "sharpness_beside": holes.sharpness_beside(picture, layers.mask),
        "sharpness": holes.sharpness(picture, layers.mask, own),
        "seam": holes.seam(picture, layers.mask, own),
        "rim": holes.seam(picture, layers.mask, own, max(2, round(RIM * min(layers.mask.shape) / 512))),
    }


def _cells(title: str, layers: Request, own: np.ndarray, result: np.ndarray) -> list[np.ndarray]:
    """An edit's row of the contact sheet."""

    def small(picture: np.ndarray) -> np.ndarray:
        return resize(picture, (CELL, CELL))

    first = small(own).copy()
    for level, thickness in ((0, 3), (255, 1)):
        place, ink = (4, CELL - 6), (level, level, level)
        cv2.putText(first, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, thickness, cv2.LINE_AA)
    color = np.where(layers.color[..., 3:] > 0, layers.color[..., :3], np.uint8(255))
    return [
        first,
        small(np.where(layers.mask[..., None] > 0, np.uint8(255), own)),
        small(255 * (1 - layers.sketch)),
        small(color),
        small(result),
        holes.crop_round(result, layers.mask, CELL),
        small(layers.donor),
    ]


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Runs the protocol in the module's docstring.

    Args:
      model: one that repaints a mask, as `zoo.load_model` gives it.
      shards: labelled pictures (`prepare.regions: labels`) of `side` pixels, aligned like FFHQ's.
      side: theirs.
      count: how many of them, from the first; at least 2.

    Returns:
      A row per kind of feature and for `all`, for each of `METHODS`; a contact sheet of every edit.

    Raises:
      DataError: a picture without labels, or faces of which nothing can be asked.
    """
    pictures = [shards[n] for n in range(count)]
    faces = [face_of(picture) for picture in pictures]
    edits = schedule(faces)
    editor, parser = Editor(model), face_parser.load()
    lines, edge_finder = sketches.Sketcher(SETTINGS.sketch), sketches.Sketcher(editing.SETTINGS.sketch)
    small = (min(LINE_SIDE, side),) * 2
    values: list[dict[str, dict[str, float | None]]] = []
    crops: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    sheet: list[list[np.ndarray]] = []
    own_readings: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def read(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The regions and edges of a picture, by the parser and the edge detector."""
        return face_parser.parse(parser, picture[None])[0], edge_finder(resize(picture, small)[None])[0]

    for number, edit in enumerate(tqdm(edits, unit="edits", mininterval=5)):
        own = pictures[edit.recipient].image
        if edit.recipient not in own_readings:
            own_readings[edit.recipient] = read(own)
        layers = request(number, edit, pictures, faces, lines)
        result = editor.edit(own, layers.mask, layers.sketch, layers.color, seed=number)
        measures = {}
        readings = read(result), own_readings[edit.recipient], read(layers.donor)
        for method, picture, reading in zip(METHODS, (result, own, layers.donor), readings):
            measures[method] = _measures(layers, own, picture, *reading, KINDS[edit.kind])
            measures[method] |= dict.fromkeys(_UNDEFINED[method])
            crops[method].append(holes.crop_round(picture, layers.mask))
        values.append(measures)
        sheet.append(_cells(f"{number} {edit.kind}", layers, own, result))
    features = {
        method: np.concatenate([metrics.embed(np.stack(part[n : n + 16])) for n in range(0, len(part), 16)])
        for method, part in crops.items()
    }
    rows = []
    for method in METHODS:
        for kind in [*KINDS, "all"]:
            numbers = [n for n, edit in enumerate(edits) if kind in (edit.kind, "all")]
            if numbers:
                rows.append(_row(method, kind, [values[n][method] for n in numbers], edits, numbers, features))
    details = [
        {
            "edit": number,
            "kind": edit.kind,
            "photograph": pictures[edit.recipient].name,
            "donor": pictures[edit.donor].name,
            **measures["result"],
        }
        for number, (edit, measures) in enumerate(zip(edits, values))
    ]
    return Results(PROTOCOL, count, COLUMNS, rows, closing(rows), sheet, TITLES, page=PAGE, details=details)


def _row(
    method: str,
    kind: str,
    measures: Sequence[Mapping[str, float | None]],
    edits: Sequence[Edit],
    numbers: Sequence[int],
    features: Mapping[str, np.ndarray],
) -> Row:
    """The means of some edits, and their intervals."""
    row: Row = {"method": kind if method == "result" else f"{kind}, {method}", **dict.fromkeys(COLUMNS)}
    row["edits"], row["intervals"] = len(measures), {}
    for name, mean in MEANS.items():
        values = [one[name] for one in measures]
        row[name], row["intervals"][name] = mean(values), intervals.of_mean(values, mean)
    if method != "photograph" and len(numbers) >= FEWEST:
        # The donor's row shows both of an edit's faces, the others' the recipient's alone.
        people = [{edits[n].recipient, edits[n].donor} if method == "donor" else {edits[n].recipient} for n in numbers]
        row["feature_distance"], row["intervals"]["feature_distance"] = intervals.feature_distance(
            features["photograph"][numbers], features[method][numbers], people
        )
    row["intervals"] = {name: interval for name, interval in row["intervals"].items() if interval is not None}
    return row


def closing(rows: Sequence[Row]) -> str:
    """One line with the figures by which a model is judged, beside what a real picture has."""
    by = {row["method"]: row for row in rows}

    def text(row: str, name: str) -> str:
        value = by[row][name] if row in by else None
        return "-" if value is None else f"{value:.{COLUMNS[name].digits}f}"

    def beside(name: str, kind: str, other: str) -> str:
        return f"{text(kind, name)} ({other} {text(f'{kind}, {other}', name)})"

    return (
        f"Overlap of mouths {beside('overlap', 'mouth', 'donor')}, of eyes {beside('overlap', 'eyes', 'donor')}; of "
        f"all edits: feature distance {beside('feature_distance', 'all', 'donor')}, sharpness beside "
        f"{beside('sharpness_beside', 'all', 'photograph')}, {text('all', 'sharpness')} of the photograph's own, seam "
        f"{text('all', 'seam')}, rim {text('all', 'rim')}."
    )
