"""Completing a sketch or a photograph: the editor, the files of tools.edit, and the evaluation's protocol."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.edits import run_edit
from tests.sheets import frame
from tfsketch import Editor, systems
from tfsketch.data.shards import Picture
from tfsketch.editor import complete as complete_lib
from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.errors import DataError, ImageError, TfsketchError, WeightsError
from tfsketch.framing import arrays
from tfsketch.images import faces, files, sizes
from tfsketch.systems import protocols
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.contextual_gan import protocol as completion
from tfsketch.vocabulary import to_uint8

SIDE = 32
TINY = """
system: contextual_gan
image_size: 32
model:
  latent: 8
  blur: 0.7
  generator: {widths: [16, 8, 4]}
  discriminator: {widths: [4, 4, 8], norm: spectral}
"""


@pytest.fixture(scope="module", name="model")
def _model():
    tf.keras.utils.set_random_seed(5)
    settings = systems.parse(TINY)
    network = systems.build(settings)
    for variable in network.generator.trainable_variables:
        if "kernel" in variable.name:
            variable.assign(variable * 8.0)
    for number in range(30):  # statistics of batch norm that are its own
        z = np.random.default_rng(number).uniform(-1, 1, (32, 8)).astype(np.float32)
        network.generator(z, training=True)
    network.experiment = settings
    return network


def test_several_photographs_of_a_sketch_the_best_first(model):
    drawings = Editor(model).complete(frame(60, 48), results=3, steps=5)
    assert len(drawings) == 3 and [d.loss for d in drawings] == sorted(d.loss for d in drawings)
    assert all(d.image.shape == (60, 48, 3) and d.refined.shape == (60, 48) for d in drawings)
    assert (drawings[0].image != drawings[1].image).any()
    again = Editor(model).complete(frame(60, 48), results=3, steps=5)
    other = Editor(model).complete(frame(60, 48), results=3, steps=5, seed=1)
    assert (drawings[0].image == again[0].image).all() and (drawings[0].image != other[0].image).any()


def test_a_sketch_of_the_working_side_is_searched_for_as_it_is(model):
    sketch = np.zeros((SIDE, SIDE), np.uint8)
    sketch[6:8, 4:28], sketch[12:22, 10:24] = 1, 1  # a line of the pen's width, and a filled area
    lines = arrays.resize_ink(sketch, (SIDE, SIDE))
    assert (lines >= sketch).all() and lines.sum() <= sketch.sum() * 1.2
    drawings = Editor(model).complete(lines, results=2, steps=4, fill=1.0)
    expected = projection.project(
        model, arrays.resize_ink(lines, (SIDE, SIDE))[None, ..., None].astype(np.float32), restarts=2, steps=4
    )
    assert [d.loss for d in drawings] == pytest.approx(expected.loss[0], rel=1e-5)
    assert (drawings[0].image == to_uint8(expected.image[0, 0])).all()


def test_a_photograph_becomes_sketches(model):
    photograph = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)
    drawings = Editor(model).complete(image=photograph, results=2, steps=4)
    assert [d.refined.shape for d in drawings] == [(64, 64)] * 2 and [d.image.shape for d in drawings] == [
        (64, 64, 3)
    ] * 2
    square = sizes.center_square(photograph, SIDE)[None].astype(np.float32) / 127.5 - 1
    expected = projection.project(model, image=square, restarts=2, steps=4)
    assert [d.loss for d in drawings] == pytest.approx(expected.loss[0], rel=1e-4)


def test_sketches_of_one_kind_give_defined_results(model):
    """All ink in a tiny sheet, a single pixel of it, and thin lines in a large one."""
    dot = np.zeros((40, 40), np.uint8)
    dot[20, 20] = 1
    for sketch in (np.ones((24, 24), np.uint8), dot, frame(900, 700, 1)):
        (drawing,) = Editor(model).complete(sketch, results=1, steps=4)
        assert math.isfinite(drawing.loss) and drawing.image.shape[:2] == sketch.shape


def test_what_is_refused(model):
    complete = Editor(model).complete
    sketch = frame(40, 40)
    for arguments, kind, message in (
        ({"sketch": np.zeros((40, 40), np.uint8)}, ImageError, "at least one stroke"),
        ({}, ImageError, "a sketch or an image, found neither"),
        ({"sketch": sketch, "image": np.zeros((40, 40, 3), np.uint8)}, ImageError, "found both"),
        ({"image": np.zeros((40, 40), np.uint8)}, ImageError, "RGB"),
        ({"sketch": sketch, "results": 0}, TfsketchError, "results: expected a whole number of 1 to 30"),
        ({"sketch": sketch, "results": 31}, TfsketchError, "results: expected a whole number of 1 to 30"),
        ({"sketch": sketch, "fill": 0.0}, TfsketchError, "fill: expected"),
        ({"sketch": sketch, "seed": -1}, TfsketchError, "seed: expected"),
        ({"sketch": sketch, "steps": -1}, TfsketchError, "steps: expected"),
    ):
        with pytest.raises(kind, match=message):
            complete(**arguments)
    with pytest.raises(TfsketchError, match="draw: expected a model that takes a sketch alone"):
        Editor(model).draw(sketch)
    settings = dataclasses.replace(model.experiment)
    bad = systems.build(settings)
    bad.experiment = settings
    bad.generator.bias.assign([math.nan] * 3)
    with pytest.raises(WeightsError, match="finite"):
        Editor(bad).complete(sketch, results=1, steps=1)


def test_files_either_way(model_dir, tmp_path, capsys):
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    for name in ("a", "b"):
        Image.fromarray(255 - frame(60, 48, 2) * 255).save(sheets / f"{name}.png")
    out = tmp_path / "out"
    assert run_edit(model_dir, f"--sketch={sheets}", f"--output={out}", "--results=2") == 0
    assert "2 made" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == sorted(
        f"{s}{e}.png" for s in "ab" for e in ("", "_2", "_refined", "_2_refined")
    )
    assert files.read_rgb(out / "a_2.png").shape == (60, 48, 3)
    photograph = tmp_path / "face.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)).save(photograph)
    assert run_edit(model_dir, f"--image={photograph}", f"--output={tmp_path / 's.png'}", "--results=1") == 0
    sketch = files.read_rgb(tmp_path / "s.png")
    assert sketch.shape == (64, 64, 3) and set(np.unique(sketch)) <= {0, 255}
    assert files.read_rgb(tmp_path / "s_photo.png").shape == (64, 64, 3)
    assert "central square" in capsys.readouterr().out
    assert run_edit(model_dir, f"--sketch={sheets / 'a.png'}", f"--output={tmp_path / 'w.png'}", "--concat") == 0
    assert files.read_rgb(tmp_path / "w.png").shape == (60, 9 * 48, 3)
    with pytest.raises(ImageError, match="a photograph or a sketch alone, found photograph and mask"):
        find_jobs(photograph, out, "complete", 2, mask=sheets / "a.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(sheets / "a_2.png")
    with pytest.raises(ImageError, match="found two for .*a_2.png"):
        find_jobs(None, out, "complete", 2, sketch=sheets)


_project = projection.project


def _quick(*arguments, **settings):
    """A search of a few steps, for the contextual loss alone."""
    return _project(*arguments, **{"steps": 12, "perceptual": 0.0, **settings})


class Sameness:
    """A verifier that knows people by the mean colour of their photograph."""

    def sees(self, photograph: np.ndarray) -> bool:
        del photograph
        return True

    def embed(self, photographs: np.ndarray) -> np.ndarray:
        return photographs.reshape(len(photographs), -1, 3).mean(axis=1) / 10.0


def test_the_protocol(model_dir, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "Verifier", Sameness)
    monkeypatch.setattr(completion.projection, "project", _quick)
    results = protocols.evaluate(model_dir, photographs, tmp_path / "out", image_size=SIDE)
    rows = {row["method"]: row for row in results.rows}
    sketches = ["xdog", "hand 0", "hand 0.3", "hand 0.6"]
    assert list(rows) == [
        "best candidate, xdog",
        "random start, xdog",
        *(f"{m}, {s}" for m in ("contextual_gan", "cali_sketch", "sc_fegan") for s in sketches),
    ]
    assert results.protocol == "sketch_completion" and results.pictures == 3
    search = rows["contextual_gan, xdog"]
    assert search["contextual"] < rows["best candidate, xdog"]["contextual"] and search["below"] > 0.0
    assert rows["best candidate, xdog"]["below"] is None
    for row in results.rows:
        assert 0 <= row["same"] <= 1 and 0 <= row["verification"] <= 1 and -1 <= row["ssim"] <= 1
        assert math.isfinite(row["st_lpips"]) and math.isfinite(row["feature_distance"])
    assert rows["sc_fegan, xdog"]["contextual"] is None
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [line["ssim"] for line in lines] == [row["ssim"] for row in results.rows]
    assert "% end below the best of their 30 candidates" in (tmp_path / "out" / "results.md").read_text()


def test_verification_counts_both_kinds_of_answer(model, monkeypatch):
    """Results that are their truths are all right; results that are all one person's pass for many."""

    class Pictures:
        def __getitem__(self, number: int) -> Picture:
            image = np.full((SIDE, SIDE, 3), 150 + 25 * number, np.uint8)
            image[8:12, 8:24], image[20:24, 10:22] = 5, 5
            return Picture(str(number), {"image": image})

    pictures = Pictures()
    truth = np.stack([pictures[n].image for n in range(4)])

    def project(model, sketch, **how):
        image = truth[:, None] / 127.5 - 1.0
        if how.get("initialization"):
            image = np.repeat(image[:1], len(truth), axis=0)
        ones = np.ones((len(truth), 1), np.float32)
        return projection.Projection(
            ones,
            sketch[:, None],
            image.astype(np.float32),
            ones,
            ones,
            ones[None],
            ones,
            ones,
            np.repeat(ones * 2, 30, 1),
        )

    monkeypatch.setattr(faces, "Verifier", Sameness)
    monkeypatch.setattr(completion.projection, "project", project)
    monkeypatch.setattr(completion, "_direct", lambda: iter(()))
    rows = {row["method"]: row for row in completion.measure(model, pictures, SIDE, 4).rows}
    right, one = rows["contextual_gan, xdog"], rows["random start, xdog"]
    assert right["verification"] == right["same"] == right["ssim"] == 1.0 and right["below"] == 1.0
    assert one["same"] == 0.25 and one["verification"] == pytest.approx((0.25 + 1 - 3 / 12) / 2)


def test_without_dlib_nobody_is_verified(model_dir, photographs, tmp_path, monkeypatch):
    def missing():
        raise DataError("expected dlib")

    monkeypatch.setattr(faces, "Verifier", missing)
    monkeypatch.setattr(completion.projection, "project", _quick)
    monkeypatch.setattr(completion, "_direct", lambda: iter(()))
    results = protocols.evaluate(model_dir, photographs, tmp_path / "out", image_size=SIDE)
    assert all(row["verification"] is None for row in results.rows) and "Without dlib" in results.closing


def test_the_protocols_sketches(photographs):
    """A hand at level 0 traces; the higher the level, the further it strays."""
    by_style = completion.drawings(np.stack([files.read_rgb(f"{photographs}/{n}.png") for n in range(3)]), range(3))
    true = by_style["xdog"] > 0
    assert all(set(np.unique(lines)) <= {0, 1} for lines in by_style.values())
    coverage = [(true & (by_style[f"hand {level:g}"] > 0)).sum() / true.sum() for level in completion.LEVELS]
    assert coverage[0] > coverage[1] > coverage[2] and coverage[0] > 0.5
    again = completion.drawings(files.read_rgb(f"{photographs}/2.png")[None], range(2, 3))
    assert (again["hand 0.6"][0] == by_style["hand 0.6"][2]).all()


def test_a_face_is_framed_alike_on_any_paper():
    face = np.zeros((40, 30), np.uint8)
    face[3:37, 3:27] = 1
    small = np.zeros((120, 120), np.uint8)
    small[30:60, 40:64] = 1
    assert arrays.usual_fill(np.ones((50, 20), np.uint8)) == arrays.FREE_HAND
    assert arrays.usual_fill(face) == pytest.approx(arrays.FREE_HAND * 40 / 34) and arrays.usual_fill(small) == 1.0


def test_soft_lines_come_out_as_lines(model):
    """Lines one pixel wide that the networks' Gaussian went over are nowhere half black."""
    lines = np.zeros((1, 16, 16, 1), np.float32)
    lines[0, 3, 2:14] = lines[0, 5:14, 8] = 1.0
    soft = model.soften(tf.constant(lines)).numpy()[0, ..., 0]
    assert soft.max() < 0.7
    ink = complete_lib._ink(soft)
    assert ink.dtype == np.uint8 and abs(int(ink.sum()) - lines.sum()) <= 3
    assert (ink[lines[0, ..., 0] == 1]).mean() > 0.8
    assert (
        not complete_lib._ink(np.zeros((4, 4), np.float32)).any()
        and complete_lib._ink(np.ones((4, 4), np.float32)).all()
    )
