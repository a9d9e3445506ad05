"""The evaluation end to end with a tiny random model, and the pieces that write its results."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import shutil

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.conditions import sketches
from tfsketch.config import ColorConfig, Config, MaskConfig, PrepareConfig
from tfsketch.data import prepare
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.shards import Shards
from tfsketch.errors import DataError, WeightsError
from tfsketch.evaluation import metrics, report, st_lpips
from tfsketch.images import files
from tfsketch.nn import model_directory
from tfsketch.systems import protocols, record
from tfsketch.systems.sc_fegan import protocol as editing
from tfsketch.systems.sc_fegan.config import GeneratorConfig, ScFeganConfig

METHODS = ["telea", "navier_stokes", "all", "sketch_blanked", "color_blanked", "both_blanked"]


@pytest.fixture(name="model", scope="module")
def _model(tmp_path_factory) -> str:
    """A directory of a tiny network with random weights, which no measure should like."""
    generator = GeneratorConfig(
        width=4, max_width=8, stages=2, kernels=(5, 3), dilations=(), norm="none", upsampling="nearest", head_width=4
    )
    config = Config(image_size=64, seed=7, model=ScFeganConfig(generator=generator))
    tf.random.set_seed(1)
    variables = model_directory.variable_names(systems.build(config))
    folder = tmp_path_factory.mktemp("model")
    model_directory.save(
        folder, config, {name: v.numpy() for name, v in variables.items()}, "# tiny\n\n12 of 34 steps.\n"
    )
    return str(folder)


class _Canny:
    """An edge detector in microseconds, for tests of what is around it."""

    def __init__(self, config, style=None):
        del config, style

    def __call__(self, pictures: np.ndarray, maps=None) -> np.ndarray:
        del maps
        return np.stack([cv2.Canny(picture, 100, 200) // 255 for picture in pictures])


@pytest.fixture(name="fast")
def _fast(monkeypatch) -> None:
    monkeypatch.setattr(sketches, "Sketcher", _Canny)


@pytest.fixture(name="results", scope="module")
def _results(model, photographs, tmp_path_factory):
    output = tmp_path_factory.mktemp("results")
    return protocols.evaluate(model, photographs, output, markdown=output / "docs" / "results.md"), output


def test_rows_are_complete_and_finite(results):
    report, _ = results
    rows = report.rows
    assert report.protocol == "free_form_10_40" and report.pictures == 3
    assert [row["method"] for row in rows] == METHODS
    for row in rows:
        assert list(row) == ["method", *metrics.NAMES, "feature_distance", "sharpness", "seam", "intervals"]
        assert all(math.isfinite(row[name]) for name in (*metrics.NAMES, "sharpness", "seam"))
        assert row["feature_distance"] is None  # of three pictures
        assert set(row["intervals"]) == {*metrics.NAMES, "sharpness", "seam"}
        assert all(low <= row[name] <= high for name, (low, high) in row["intervals"].items())
    by = {row["method"]: row for row in rows}
    assert by["telea"]["l1_hole"] < by["all"]["l1_hole"]
    assert by["telea"]["st_lpips_hole"] < by["all"]["st_lpips_hole"]
    assert len({row["l1_hole"] for row in rows}) == len(METHODS)  # blanking a condition changes the output
    assert by["telea"]["sharpness"] < 0.5 < 1 < by["all"]["sharpness"]  # a blur, and random weights' noise
    assert by["telea"]["seam"] < by["all"]["seam"]


def test_files_say_what_was_measured(results, model, photographs):
    report, output = results
    rows = report.rows
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [{key: line[key] for key in row} for line, row in zip(lines, rows)] == json.loads(json.dumps(rows))
    for line in lines:
        assert line["model"] == model and line["data"] == photographs and line["step"] == 12
        assert line["protocol"] == "free_form_10_40" and line["pictures"] == 3 and line["image_size"] == 64
        assert line["date"].startswith("20") and len(line["weights_sha256"]) == 12
    sheet = files.read_rgb(output / "sheet.png")
    assert sheet.shape == (16 + 3 * 68, 7 * 68, 3)
    text = (output / "results.md").read_text()
    assert text == (output / "docs" / "results.md").read_text()
    assert all(f"| {method} | " in text for method in METHODS) and "step 12" in text
    assert editing.closing(rows) in text


@pytest.mark.usefixtures("fast")
def test_the_protocol_depends_on_the_pictures_only(model, photographs, tmp_path):
    """Not on whether they come as shards, on how many there are, or on the settings of the shards or of the model."""
    shards, output = tmp_path / "shards", tmp_path / "output"
    config = Config(image_size=64, seed=3, mask=MaskConfig(share=(0.5, 0.6)), color=ColorConfig(median=15))
    prepare.prepare([photographs], str(shards), config)
    other = tmp_path / "other"
    shutil.copytree(model, other)
    settings = dataclasses.replace(systems.experiment_of(model), seed=3, mask=config.mask, color=config.color)
    (other / "config.yaml").write_text(config_lib.dump(settings))
    first = protocols.evaluate(model, photographs, output)
    second = protocols.evaluate(other, shards, output, count=9)
    assert len((output / "metrics.jsonl").read_text().splitlines()) == 2 * len(METHODS)
    assert first.pictures == second.pictures == 3
    for a, b in zip(first.rows, second.rows):
        assert a["method"] == b["method"]
        assert [a[n] for n in metrics.NAMES] == pytest.approx([b[n] for n in metrics.NAMES], rel=1e-5)
    a, b = (protocols.evaluate(model, folder, output, count=1) for folder in (photographs, shards))
    assert a.pictures == b.pictures == 1 and a.rows[0]["l1_hole"] == b.rows[0]["l1_hole"]


def test_where_nothing_can_be_written_is_told_before_anything_is_measured(model, photographs, tmp_path, monkeypatch):
    monkeypatch.delattr(protocols, "open_pictures")
    (tmp_path / "file").write_text("")
    (tmp_path / "results.md").write_text("<!-- other:begin -->")
    with pytest.raises(DataError, match="output: expected a folder, or a place for one, at .*file/x, found a file at"):
        protocols.evaluate(model, photographs, tmp_path / "file/x")
    for path, section, message in (
        ("results.md", "other", "found 1 and 0"),
        ("file/x.md", "", "found a file"),
        (".", "", "found a folder"),
    ):
        with pytest.raises(DataError, match=message):
            protocols.evaluate(model, photographs, tmp_path / "out", markdown=tmp_path / path, section=section)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("fast")
def test_what_a_training_writes_meanwhile_is_not_what_was_measured(model, photographs, tmp_path, monkeypatch):
    run, entry = pathlib.Path(shutil.copytree(model, tmp_path / "run")), protocols.open_pictures
    values = report.describe(run, run)

    def overwrite(*arguments):
        (run / "weights.npz").write_bytes(b"later ones")
        (run / "README.md").write_text("99 of 100 steps")
        return entry(*arguments)

    monkeypatch.setattr(protocols, "open_pictures", overwrite)
    protocols.evaluate(run, photographs, tmp_path / "out", count=1)
    line = json.loads((tmp_path / "out/metrics.jsonl").read_text().splitlines()[0])
    assert (line["step"], line["weights_sha256"]) == (12, values["weights_sha256"])


@pytest.mark.usefixtures("fast")
def test_bad_photographs_are_named_and_left_out(model, photographs, tmp_path, capsys):
    folder = tmp_path / "photographs"
    shutil.copytree(photographs, folder)
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:500])
    assert protocols.evaluate(model, folder, tmp_path / "output").pictures == 2
    assert "1.png" in capsys.readouterr().out


def test_baselines_do_not_look_under_the_mask_and_keep_the_rest(photographs):
    image = files.read_rgb(f"{photographs}/0.png")
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 10:50] = 1
    other = image.copy()
    other[mask > 0] = 200
    for method in editing.BASELINES:
        repaint = editing.inpaint(image, mask, method)
        assert np.array_equal(repaint, editing.inpaint(other, mask, method))
        assert np.array_equal(repaint[mask == 0], image[mask == 0])
        assert metrics.l1_hole(image, repaint, mask) < metrics.l1_hole(image, other, mask)


@pytest.mark.usefixtures("fast")
def test_masks_of_the_protocol_cover_10_to_40_percent(photographs, tmp_path):
    shards = tmp_path / "shards"
    prepare.prepare([photographs], str(shards), Config(image_size=64, prepare=PrepareConfig(regions="none")))
    config = Config(image_size=64, seed=1, model=ScFeganConfig())
    batch = fixed_batch(Shards(str(shards), 64), config, [0, 1, 2])
    shares = batch["mask"].numpy().mean(axis=(1, 2, 3))
    assert (shares >= 0.1).all() and (shares <= 0.4).all()


def test_a_section_of_markdown_is_replaced_and_the_rest_kept(tmp_path):
    path = tmp_path / "results.md"
    path.write_text("# Results\n\nbefore\n\n<!-- sc_fegan:begin -->\nold\n<!-- sc_fegan:end -->\n\nafter\n")
    report.write_section(path, "sc_fegan", "new")
    expected = "# Results\n\nbefore\n\n<!-- sc_fegan:begin -->\nnew\n<!-- sc_fegan:end -->\n\nafter\n"
    assert path.read_text() == expected
    report.write_section(path, "cali_sketch", "second")
    assert path.read_text() == expected + "\n<!-- cali_sketch:begin -->\nsecond\n<!-- cali_sketch:end -->\n"
    for markers in ["<!-- sc_fegan:end --> <!-- sc_fegan:begin -->", "<!-- sc_fegan:begin -->"]:
        path.write_text(markers)
        with pytest.raises(DataError, match="results.md"):
            report.write_section(path, "sc_fegan", "new")
        assert path.read_text() == markers


def test_what_is_undefined_is_a_dash():
    rows = [{"method": method, **dict.fromkeys(metrics.NAMES, 0.0), "color_error": None} for method in METHODS]
    columns = {name: report.Column(better) for name, better in metrics.NAMES.items()}
    results = report.Results("p", 1, columns, rows, "", [], [])
    assert results.table().splitlines()[1].endswith(" -")
    assert len({len(line) for line in results.table().splitlines()}) == 1
    assert "color_error - of color_blanked's" in editing.closing(rows)
    assert "sketch_f1 - of sketch_blanked's" in editing.closing(rows)  # and no division by zero


def _with_protocols(monkeypatch, name, protocols):
    """Gives a system other protocols, until the test is over."""
    system = systems.SYSTEMS[name]
    parts = dataclasses.replace(system.parts(), protocols=protocols)
    record = dataclasses.replace(system, parts=lambda: parts, protocols=tuple(protocols))
    monkeypatch.setitem(systems.SYSTEMS, name, record)


def test_intervals_are_shown_in_markdown_and_pages_are_cut(model, photographs, tmp_path, monkeypatch):
    rows = [{"method": "a", "x": 1.0, "y": None, "intervals": {"x": (0.51, 2.04)}}, {"method": "b", "x": 2.0, "y": 3.0}]
    picture = np.zeros((8, 8, 3), np.uint8)
    columns = {"x": report.Column("lower", 1), "y": report.Column("", 2)}
    results = report.Results("p", 1, columns, rows, "end", [[picture]] * 5, ["t"], page=2, details=[{"n": 1}, {"n": 2}])
    origin = {"data": "d", "model": "m", "image_size": 8, "step": None, "weights_sha256": "0", "date": "2026-01-01"}
    assert "| a | 1.0 [0.5, 2.0] | - |\n| b | 2.0 | 3.00 |" in results.markdown(origin)
    assert "[" not in results.table()
    _with_protocols(monkeypatch, "sc_fegan", {"p": record.Protocol(lambda *_: results)})
    protocols.evaluate(model, photographs, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["sheet_01.png", "sheet_02.png", "sheet_03.png"]
    assert files.read_rgb(tmp_path / "sheet_03.png").shape == (16 + 12, 12, 3)
    assert (tmp_path / "details.jsonl").read_text() == '{"n": 1}\n{"n": 2}\n'


def test_bad_input_is_refused_before_anything_is_written(model, photographs, tmp_path):
    output = tmp_path / "output"
    with pytest.raises(DataError, match="at least 1 picture"):
        protocols.evaluate(model, photographs, output, count=0)
    with pytest.raises(DataError, match="other than the model's"):
        protocols.evaluate(model, photographs, model)
    with pytest.raises(WeightsError, match="model directory"):
        protocols.evaluate(tmp_path / "nothing", photographs, output)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="found none"):
        protocols.evaluate(model, tmp_path / "empty", output)
    assert not output.exists()


def test_st_lpips_that_is_not_installed_is_told_before_pictures_are_prepared(model, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr(st_lpips.torch_weights.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(protocols, "open_pictures", lambda *_: pytest.fail("prepared"))
    with pytest.raises(WeightsError, match="stlpips_pytorch .*not installed; install it with: pip install --no-deps"):
        protocols.evaluate(model, photographs, tmp_path / "out")


def test_a_system_without_a_protocol_is_named(tmp_path, photographs, monkeypatch):
    _with_protocols(monkeypatch, "contextual_gan", {})
    config = systems.parse("{system: contextual_gan, image_size: 64}")
    model_directory.save(tmp_path, config, {}, "# none\n")
    with pytest.raises(DataError, match="expected one for a model of contextual_gan .none., found ''"):
        protocols.evaluate(tmp_path, photographs, tmp_path / "out")
