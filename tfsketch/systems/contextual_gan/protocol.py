"""Protocol for models that complete a sketch to a photograph (Contextual GAN), beside models that draw it directly.

The protocol `sketch_completion` is fixed, so that numbers of different models and runs compare. From the model come its
picture size and nothing else; everything random or tunable is in `SETTINGS`, with seed 1:

- sketches are XDoG's of the photographs, and drawings by the freehand simulator, of the same sketches traced, at
  the levels of abstraction 0, 0.3 and 0.6, with a pen of `arrays.PEN` pixels. At 0 it only traces;
- the model searches with the defaults of `projection.project`, in bfloat16 for its speed, one answer for a sketch; the
  results and their losses are its own, in float32;
- Cali-Sketch and SC-FEGAN, the shipped ones, get the same sketches through the editor, enlarged to the side that each
  was trained at: one draws, the other repaints a grey picture that is erased everywhere. Neither was trained on
  sketches like these, nor, where the model's faces are not aligned like FFHQ's, on such faces: it is what a user gets
  who has nothing else, not a contest of methods;
- all photographs are rounded to uint8 and measured at the model's size.

Rows are named by method and sketch. `best candidate` is where the search starts, and `random start` a search from the
candidate that was drawn first; both for XDoG's sketches.

- `verification`: share of right answers to whether two pictures are of one person, a result and its truth, or a result
  and each other truth; both kinds count half. The answer is yes within `faces.SAME` between dlib's embeddings;
- `same`: share of results that pass for their truth;
- `ssim`, `st_lpips`, `feature_distance`: as everywhere, see `metrics`, of the whole picture;
- `contextual`: the contextual loss at the search's end;
- `below`: share of searches that end below the best of their candidates.

Without dlib (extra `faces`), and where it finds no faces in most of the photographs, `verification` and `same` are
empty; with no faces there the direct models are left out, since they know faces alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch.conditions import hand, sketches
from tfsketch.config import HandConfig, SketchConfig, XdogConfig
from tfsketch.data.shards import Shards
from tfsketch.editor.editor import Editor
from tfsketch.errors import DataError
from tfsketch.evaluation import intervals, metrics
from tfsketch.evaluation.report import Column, Results, Row, sheet_numbers
from tfsketch.framing.arrays import PEN
from tfsketch.images import faces, sheets
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork, in_bfloat16
from tfsketch.systems.cali_sketch import protocol as drawing
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.contextual_gan.network import ContextualGan
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.vocabulary import to_uint8

PROTOCOL = "sketch_completion"
LEVELS = (0.0, 0.3, 0.6)
EARLY = 30
"""Steps after which the closing line compares the two starts once more."""
COLUMNS = {
    "verification": Column("higher", 3),
    "same": Column("higher", 3),
    "ssim": Column("higher", 3),
    "st_lpips": Column("lower", 4),
    "feature_distance": Column("lower", 1),
    "contextual": Column("lower", 4),
    "below": Column("higher", 3),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Tunable settings. Training defaults may change; measurements must not."""

    sketch: SketchConfig = SketchConfig(
        style="xdog",
        xdog=XdogConfig(
            clahe=1.0, bilateral=1, flatten=0.65, sigma=1.0, sharpness=20.0, epsilon=0.33, phi=10.0, min_stroke=8.0
        ),
    )
    # The other protocol's freehand simulator; the pen is this one's.
    hand: HandConfig = dataclasses.replace(drawing.SETTINGS.hand, width=0.0)
    seed: int = 1


SETTINGS = Settings()


def drawings(photographs: np.ndarray, numbers: range) -> dict[str, np.ndarray]:
    """The protocol's sketches of photographs.

    Args:
      photographs: [N,S,S,3] uint8 RGB.
      numbers: theirs among all pictures, which the freehand simulator's randomness depends on.

    Returns:
      `xdog` and `hand LEVEL` -> [N,S,S] uint8 in {0,1}.
    """
    by_style = {"xdog": sketches.Sketcher(SETTINGS.sketch)(photographs)}
    pen = np.ones((PEN, PEN), np.uint8)
    for level in LEVELS:
        freehand = [
            hand.simulate(np.random.default_rng([SETTINGS.seed, number]), lines, level, SETTINGS.hand)
            for number, lines in zip(numbers, by_style["xdog"])
        ]
        by_style[f"hand {level:g}"] = np.stack([cv2.dilate(one, pen) for one in freehand])
    return by_style


def _direct() -> Iterator[tuple[str, Editor, int]]:
    """The direct models' names and editors, and the sides that they were trained at."""
    networks: dict[str, type[ExportedNetwork]] = {"cali_sketch": CaliSketch, "sc_fegan": Generator}
    for name in networks:
        model = model_directory.load(name, networks)
        yield name, Editor(model), model.image_size


def _draw_directly(editor: Editor, side: int, sketch: np.ndarray) -> np.ndarray:
    """A direct model's photograph of a sketch, enlarged to about the model's side: [S,S,3] uint8."""
    times = max(1, side // len(sketch))
    large = np.kron(sketch, np.ones((times, times), np.uint8))
    if editor.draws:
        picture = editor.draw(large, fill=1.0).image
    else:
        grey = np.full((*large.shape, 3), 128, np.uint8)
        picture = editor.edit(grey, np.ones_like(large), large)
    return cv2.resize(picture, sketch.shape[::-1], interpolation=cv2.INTER_AREA)


def _verifier(photographs: np.ndarray) -> tuple[faces.Verifier | None, bool, str]:
    """(what tells people apart or None, whether the photographs show faces, what there is to say about it)."""
    try:
        verifier = faces.Verifier()
    except DataError:
        return None, True, " Without dlib (extra `faces`) nobody was verified."
    if np.mean([verifier.sees(photograph) for photograph in photographs]) < 0.5:
        return None, False, ""
    return verifier, True, ""


def measure(model: tf.keras.Model, shards: Shards, side: int, count: int) -> Results:
    """Runs the protocol.

    Args:
      model: as `load_model` gives a Contextual GAN.
      shards: pictures of `side`; a picture without a line counts nowhere.
      side: theirs.
      count: how many pictures, from the first; at least 2.

    Raises:
      DataError: fewer than 2 pictures have a line.
    """
    truth = np.stack([shards[n].image for n in range(count)])
    inputs = drawings(truth, range(count))
    has_lines = np.all([lines.any(axis=(1, 2)) for lines in inputs.values()], axis=0)
    if has_lines.sum() < 2:
        raise DataError(f"expected at least 2 pictures with lines, found {has_lines.sum()} of {count}")
    truth, inputs = truth[has_lines], {key: lines[has_lines] for key, lines in inputs.items()}
    verifier, face, note = _verifier(truth[:24])
    people = verifier.embed(truth) if verifier else None
    embeddings = metrics.embed(truth)
    everywhere = np.ones_like(inputs["xdog"])

    def row(name: str, images: np.ndarray, result: projection.Projection | None = None) -> Row:
        values: Row = dict.fromkeys(COLUMNS)
        each: dict[str, list[float | None]] = {}
        if verifier and people is not None:
            near = np.linalg.norm(verifier.embed(images)[:, None] - people[None], axis=-1) <= faces.SAME
            own = np.eye(len(near), dtype=bool)
            each["same"] = near[own].tolist()
            values["verification"] = (float(near[own].mean()) + 1.0 - float(near[~own].mean())) / 2
        each["ssim"] = list(map(metrics.ssim_hole, truth, images, everywhere))
        each["st_lpips"] = metrics.st_lpips(truth, images, everywhere)[0].tolist()
        if result is not None:
            each["contextual"] = result.contextual[:, 0].tolist()
            if result.steps.any():
                each["below"] = (result.contextual[:, 0] < result.candidates.min(axis=1)).tolist()
        features = metrics.embed(images)
        values |= {key: metrics.mean_of(numbers) for key, numbers in each.items()}
        values["feature_distance"] = metrics.feature_distance(embeddings, features)
        ends = {key: intervals.of_mean(numbers) for key, numbers in each.items()}
        ends["feature_distance"] = intervals.of_set_distance(embeddings, features)
        values["intervals"] = {key: interval for key, interval in ends.items() if interval is not None}
        return {"method": name, **values}

    rows: list[Row] = []
    images: dict[str, np.ndarray] = {}
    results = {}
    network = in_bfloat16(model)
    searches = [("xdog", "best candidate", {"steps": 0}), ("xdog", "random start", {"initialization": "random"})]
    searches += [(sketch, "contextual_gan", {}) for sketch in inputs]
    for sketch, name, how in tqdm(searches, unit="searches"):
        target = inputs[sketch][..., None].astype(np.float32)
        results[name, sketch] = projection.project(model, target, network=network, **how)
        images[f"{name}, {sketch}"] = to_uint8(results[name, sketch].image[:, 0])
        rows.append(row(f"{name}, {sketch}", images[f"{name}, {sketch}"], results[name, sketch]))
    for name, editor, own_side in _direct() if face else ():
        for sketch, lines in tqdm(inputs.items(), desc=name, unit="sketches"):
            images[f"{name}, {sketch}"] = np.stack([_draw_directly(editor, own_side, one) for one in lines])
            rows.append(row(f"{name}, {sketch}", images[f"{name}, {sketch}"]))

    names = [name for name in images if not name.startswith(("best", "random"))]
    heads = [name.split(",")[0] if name.endswith("xdog") else "" for name in names]  # each over its four columns
    titles = [*inputs, "lines", *heads, "truth"]
    sheet = []
    for i in sorted(sheet_numbers(len(truth))):
        lines = [np.repeat(sheets.ink(d[i])[..., None], 3, axis=-1) for d in inputs.values()]
        own = np.repeat(sheets.ink(results["contextual_gan", "xdog"].sketch[i, 0]), 3, axis=-1)
        sheet.append([*lines, own, *(images[name][i] for name in names), truth[i]])
    starts = results["contextual_gan", "xdog"], results["random start", "xdog"]
    ends = [one.contextual[:, 0] for one in starts]
    early = [one.curve[: EARLY + 1, :, 0].min(axis=0).mean() for one in starts]
    closing = (
        f"Of the searches for XDoG's sketches, {100 * rows[2]['below']:.1f} % end below the best of their "
        f"{ContextualGan.candidates} candidates. From the candidate of least divergence they end at "
        f"{ends[0].mean():.4f} on average, from a random one at {ends[1].mean():.4f}; lower in "
        f"{100 * np.mean(ends[0] < ends[1]):.0f} % of the pairs. The whole loss after {EARLY} steps: "
        f"{early[0]:.4f} and {early[1]:.4f}.{note}"
    )
    return Results(PROTOCOL, len(truth), COLUMNS, rows, closing, sheet, titles)
