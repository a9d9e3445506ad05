"""Protocol for models that restyle a photograph, or a region of it, by another (region-wise manipulation).

The protocol `region_swaps` is fixed, so that numbers of different models and runs compare. From the model come its
picture size and nothing else; everything random or tunable is here or in `SETTINGS`, with seed 1:

- every picture gives its style to one other, its content is restyled once: a cycle through all pictures, drawn by seed;
- what is measured is what the network draws (`raw`), rounded to uint8, not what the editor makes of it;
- edges are those of `conditions.sketches` with the settings of SC-FEGAN's protocol; regions are the shipped face
  parser's, on the content, and for agreement on the drawn picture; free-form masks are that protocol's, 10 to 40 % of
  the picture. A pair counts for a region that covers at least `LEAST` of the content and of the style image.

Rows: `reconstruction` is the picture in its own style, the ceiling for what follows; `swap` is all of it in the other's
style; `hair`, `lips`, `skin`, `background` and `free form` are edits of that region alone.

- `pairs`: how many were counted;
- `l1` (levels of 255) and `st_lpips`: of the reconstruction, to the picture;
- `edge_f1`, `region_iou`: structure kept, between the content and the drawn picture: F1 of their edges within 2 px, and
  the face parser's IoU over eight regions (`systems.face_parser.protocol.mean_iou`), over all pictures together;
- `style_distance`: style moved, between the drawn picture and the style image, as a share of the distance between
  content and style image: 1 is untouched, 0 is there. The distance is Gatys et al.'s, of Gram matrices of HED's VGG-16,
  by layer over the geometric mean of the two matrices' norms, so that every layer counts; means over all pairs are
  divided. Of an edit, only features in the mask are counted, and of the style image those in the region of the same
  name; for a free-form mask those in the same mask;
- `style_own`: the same where the model's reconstructions of content and style image stand for both, since a blur is far
  from every photograph's style, whichever it was given;
- `feature_distance`: whether the drawn pictures look like photographs as a set, see `metrics`;
- `outside`: of an edit, before it is composited: mean absolute difference to the content outside of the mask (levels);
- `outside_own`: the same to the model's own reconstruction, so that a poor one does not hide what leaks;
- `swap_outside_own`: what a swap changes there, by the same measure: what an edit that knew no region would leak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch.conditions import face_parser, masks, regions, sketches
from tfsketch.data.shards import Shards
from tfsketch.errors import DataError
from tfsketch.evaluation import intervals, metrics
from tfsketch.evaluation.report import Column, Results, Row, sheet_numbers
from tfsketch.nn import features
from tfsketch.systems.face_parser import protocol as parsing
from tfsketch.systems.sc_fegan import protocol as editing
from tfsketch.vocabulary import size_of, to_uint8, to_unit

PROTOCOL = "region_swaps"
REGIONS = ("hair", "lips", "skin", "background")
LEAST = 0.004
"""Share of the picture."""
LAYERS = ("relu1_2", "relu2_2", "relu3_3")
COLUMNS = {
    "pairs": Column("", 0),
    "l1": Column("lower", 2),
    "st_lpips": Column("lower", 4),
    "edge_f1": Column("higher", 3),
    "region_iou": Column("higher", 3),
    "style_distance": Column("lower", 3),
    "style_own": Column("lower", 3),
    "feature_distance": Column("lower", 1),
    "outside": Column("lower", 2),
    "outside_own": Column("lower", 2),
    "swap_outside_own": Column("", 2),
}
SETTINGS = editing.SETTINGS
"""Seed, masks and sketches of the protocol."""
_BATCH = 8


def partners(count: int) -> np.ndarray:
    """[N] whose style each picture takes: one cycle, so that nobody's own and everybody's once.

    Raises:
      DataError: fewer than 2 pictures.
    """
    if count < 2:
        raise DataError(f"expected at least 2 pictures to swap styles, found {count}")
    order = np.random.default_rng(SETTINGS.seed).permutation(count)
    partner_of = np.empty(count, int)
    partner_of[order] = np.roll(order, -1)
    return partner_of


def grams(maps: Mapping[str, tf.Tensor], mask: np.ndarray | None = None) -> list[np.ndarray]:
    """Gram matrices of features, [B,C,C] a layer: mean products over positions, weighted by a mask.

    Args:
      maps: layer -> [B,h,w,C].
      mask: [B,H,W], nonzero = counts; everything by default. A position counts by its share in it.
    """
    matrices = []
    for feature in maps.values():
        batch, height, width, channels = feature.shape
        weight = tf.ones([batch, height, width, 1])
        if mask is not None:
            weight = tf.image.resize(tf.cast(mask[..., None] > 0, tf.float32), [height, width], "area")
        rows = tf.reshape(feature, [batch, height * width, channels])
        weight = tf.reshape(weight, [batch, height * width, 1])
        total = tf.maximum(tf.reduce_sum(weight, axis=1, keepdims=True), 1e-6)
        matrices.append((tf.matmul(rows * weight, rows, transpose_a=True) / total).numpy())
    return matrices


def style_distance(one: list[np.ndarray], two: list[np.ndarray]) -> np.ndarray:
    """[B] of `grams`: the sum over layers of ||G - H|| / sqrt(||G|| ||H||), Frobenius norms."""

    def norm(matrices: np.ndarray) -> np.ndarray:
        return np.sqrt(np.square(matrices.astype(np.float64)).sum(axis=(1, 2)))

    return sum(norm(a - b) / np.maximum(np.sqrt(norm(a) * norm(b)), 1e-12) for a, b in zip(one, two))


def _outside(one: np.ndarray, two: np.ndarray, mask: np.ndarray) -> list[float]:
    """Mean absolute difference in levels where the mask is 0, a picture each."""
    return [metrics.l1_hole(a, b, m == 0) for a, b, m in zip(one, two, mask)]


def _masks(region_maps: np.ndarray, numbers: list[int]) -> dict[str, np.ndarray]:
    """Name -> [B,S,S] uint8 in {0,1}, of pictures with the regions `region_maps`."""
    region_masks = {name: np.stack([regions.mask_of(one, name) for one in region_maps]) for name in REGIONS}
    size = size_of(region_maps[0])
    free_forms = [masks.free_form(np.random.default_rng([SETTINGS.seed, n]), size, SETTINGS.mask) for n in numbers]
    return {**region_masks, "free form": np.stack(free_forms)}


class _Sums:
    """Values a row, in the making."""

    def __init__(self, names: list[str]):
        self.values: dict[str, dict[str, list[float]]] = {name: {} for name in names}

    def add(self, name: str, **values: Sequence[float] | np.ndarray) -> None:
        for key, value in values.items():
            self.values[name].setdefault(key, []).extend(map(float, value))

    def row(self, name: str) -> Row:
        """The means; the distances of styles are quotients of two."""
        values = {key: metrics.mean_of(numbers) for key, numbers in self.values[name].items()}
        row: Row = {"method": name, **dict.fromkeys(COLUMNS)}
        row |= {key: value for key, value in values.items() if key in COLUMNS}
        ends = {key: intervals.of_mean(numbers) for key, numbers in self.values[name].items() if key in COLUMNS}
        row["pairs"] = len(self.values[name].get("moved", ()))
        for key, to, of in (("style_distance", "moved", "apart"), ("style_own", "moved_own", "apart_own")):
            distance, apart = values.get(to), values.get(of)
            if distance is not None and apart:
                row[key] = distance / apart
                parts = (np.array(self.values[name][part]) for part in (to, of))
                ends[key] = intervals.of_quotient(*parts)
        row["intervals"] = {key: interval for key, interval in ends.items() if interval is not None}
        return row


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Runs the protocol.

    Args:
      model: as `load_model` gives a region edit model.
      shards: pictures of `side`.
      side: theirs.
      count: how many pictures, from the first; at least 2.

    Raises:
      DataError: fewer than 2 pictures.
    """
    style_of = partners(count)
    parser, vgg, sketcher = face_parser.load(), features.Vgg16("hed"), sketches.Sketcher(SETTINGS.sketch)
    sums = _Sums(["reconstruction", "swap", *REGIONS, "free form"])
    confusions = {name: np.zeros([len(regions.REGIONS)] * 2, np.int64) for name in ("reconstruction", "swap")}
    embeddings: dict[str, list[np.ndarray]] = {name: [] for name in ("content", *confusions)}
    sheet: list[list[np.ndarray]] = []
    sheet_rows = sheet_numbers(count)

    def levels(pictures: np.ndarray) -> tf.Tensor:
        return to_unit(pictures)

    for start in tqdm(range(0, count, _BATCH), unit="batches", mininterval=5):
        numbers = list(range(start, min(start + _BATCH, count)))
        content = np.stack([shards[n].image for n in numbers])
        style = np.stack([shards[style_of[n]].image for n in numbers])
        batch = {"image": levels(content), "style": levels(style)}
        content_labels, of_style = face_parser.parse(parser, content), face_parser.parse(parser, style)
        outputs = {
            "reconstruction": to_uint8(model({**batch, "style": batch["image"]})["raw"]),
            "swap": to_uint8(model(batch)["raw"]),
        }
        theirs_own = to_uint8(model({**batch, "image": batch["style"]})["raw"])
        # Features of: the photographs, and the model's reconstructions of them, as (content, style).
        pairs = [[vgg(levels(x), LAYERS) for x in (content, style)]]
        pairs += [[vgg(levels(x), LAYERS) for x in (outputs["reconstruction"], theirs_own)]]

        def distances_of(
            drawing: np.ndarray, mask: np.ndarray | None = None, goal: np.ndarray | None = None
        ) -> dict[str, np.ndarray]:
            """Distances of a drawing's style, in a mask, to the style image's, in another, and of the content's."""
            own_grams, distances = grams(vgg(levels(drawing), LAYERS), mask), {}
            for suffix, (ours, theirs) in zip(("", "_own"), pairs):
                target_grams = grams(theirs, goal)
                distances[f"moved{suffix}"] = style_distance(own_grams, target_grams)
                distances[f"apart{suffix}"] = style_distance(grams(ours, mask), target_grams)
            return distances

        edges, everywhere = sketcher(content), np.ones(content.shape[:3], np.uint8)
        embeddings["content"].append(metrics.embed(content))
        for name, drawing in outputs.items():
            sums.add(
                name,
                edge_f1=[metrics.sketch_f1(*pair) for pair in zip(edges, sketcher(drawing), everywhere)],
                **distances_of(drawing),
            )
            confusions[name] += parsing.confusion(content_labels, face_parser.parse(parser, drawing))
            embeddings[name].append(metrics.embed(drawing))
        own = outputs["reconstruction"]
        sums.add(
            "reconstruction",
            l1=[metrics.l1_hole(*pair) for pair in zip(content, own, everywhere)],
            st_lpips=metrics.st_lpips(content, own, everywhere)[0].tolist(),
        )
        rows = [[content[i], style[i], own[i], outputs["swap"][i]] for i in range(len(numbers))]
        theirs = _masks(of_style, numbers)
        for name, mask in _masks(content_labels, numbers).items():
            answer = model({**batch, "mask": tf.cast(mask[..., None], tf.float32)})
            raw = to_uint8(answer["raw"])
            for row, picture in zip(rows, to_uint8(answer["image"])):
                row.append(picture)
            share = np.minimum(mask.mean(axis=(1, 2)), theirs[name].mean(axis=(1, 2)))
            counts = (share >= LEAST) & (mask.mean(axis=(1, 2)) < 1)  # else nothing is outside
            if not counts.any():
                continue
            inside = mask[counts]
            sums.add(
                name,
                outside=_outside(raw[counts], content[counts], inside),
                outside_own=_outside(raw[counts], own[counts], inside),
                swap_outside_own=_outside(outputs["swap"][counts], own[counts], inside),
                **{key: value[counts] for key, value in distances_of(raw, mask, theirs[name]).items()},
            )
        sheet += [row for n, row in zip(numbers, rows) if n in sheet_rows]

    results = [sums.row(name) for name in sums.values]
    for result in results[:2]:
        result["region_iou"] = parsing.mean_iou(confusions[result["method"]])[0]
        real, drawing = (np.concatenate(embeddings[name]) for name in ("content", result["method"]))
        result["feature_distance"] = metrics.feature_distance(real, drawing)
        if (interval := intervals.of_set_distance(real, drawing)) is not None:
            result["intervals"]["feature_distance"] = interval
    titles = ["content", "style", "reconstr.", "swap", *(name[:7] for name in REGIONS), "free form"]
    return Results(PROTOCOL, count, COLUMNS, results, closing(results), sheet, titles)


def closing(rows: list[Row]) -> str:
    """One line with the figures by which a model is judged."""
    edits = [row for row in rows[2:] if row["pairs"]]
    if not edits:
        return "No region was found in any pair."
    leaks, whole = (np.mean([row[key] for row in edits]) for key in ("outside_own", "swap_outside_own"))
    inside, between = (np.mean([row[key] for row in edits]) for key in ("style_distance", "style_own"))
    return (
        f"Outside of its mask an edit changes the model's own reconstruction by {leaks:.2f} levels, a swap by "
        f"{whole:.2f} (mean of {len(edits)} kinds of mask); inside, {inside:.2f} of the distance to the style is left, "
        f"{between:.2f} between the model's own reconstructions."
    )
