"""SavedModels: what they answer is what the editor and the networks give, and no half of one has a number."""

import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfsketch
from tests.edits import EDITS, encoded_of
from tests.export.requests import check_transparency, decoders, strings_of
from tests.pictures import crops
from tests.tiny import CONTEXTUAL_GAN as CONTEXTUAL
from tests.tiny import DRAWING, EDITING
from tfsketch import systems, zoo
from tfsketch.conditions import face_parser
from tfsketch.editor.editor import Editor
from tfsketch.errors import ExportError
from tfsketch.evaluation import report
from tfsketch.export import edits, saved_model, signatures
from tfsketch.framing import arrays, graph
from tfsketch.images import files, sizes
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.contextual_gan import signatures as contextual_gan
from tfsketch.vocabulary import to_tensors

ROOT = pathlib.Path(__file__).resolve().parents[2]

_ECHO = signatures.Signature(
    lambda image_bytes: {"image_bytes": image_bytes}, {"image_bytes": tf.TensorSpec([None], tf.string)}
)
"""A signature that is traced at once, where what pictures become does not matter."""


def test_an_export_below_a_folder_of_any_name_is_found_again(editing_folder, tmp_path):
    folder = tmp_path / "p, [1]"
    before = os.umask(0o002)
    try:
        model = zoo.load_model(shutil.copytree(editing_folder, folder / "model"))
        signatures = systems.signatures(model) | {"serving_default": _ECHO}
        path = saved_model.export(model, signatures, folder / "served")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o775  # TensorFlow's own folders in it are 0o755
    assert {p.stat().st_mode & 0o777 for p in path.rglob("*") if p.is_file()} == {0o664}
    assert json.loads((path / "assets.extra/metadata.json").read_text())["difference"] <= saved_model.MAX_DIFFERENCE
    image, mask, *_ = EDITS[0]
    result = tfsketch.Editor(str(folder / "served")).edit(image, mask)
    assert np.abs(result.astype(int) - tfsketch.Editor(str(editing_folder)).edit(image, mask)).max() <= 1


@pytest.fixture
def serve(served_signatures, grappler):
    """`serving_default` of the editor's export, of rows of strings."""
    return lambda rows: served_signatures["serving_default"](**strings_of(rows))["image_bytes"].numpy()


def test_an_edit_is_the_editors_and_mixed_sizes_batch(serve, editing_folder):
    edit = Editor(zoo.load_model(editing_folder)).edit
    for layers, png in zip(EDITS, serve([encoded_of(one) for one in EDITS])):
        result, hole = files.read_rgb("found", png), layers[1] > 0
        np.testing.assert_array_equal(result[~hole], layers[0][~hole])
        assert np.abs(result.astype(int) - edit(*layers)).max() <= 2
        assert (result[hole] != layers[0][hole]).any()


def test_a_telephones_photograph_is_upright(serve, editing_folder):
    """It lies in its file as EXIF says; the mask is drawn on what people see."""
    exif, buffer, (image, mask, *_) = Image.Exif(), io.BytesIO(), EDITS[1]
    exif[0x0112] = 6
    Image.fromarray(np.rot90(image)).save(buffer, "JPEG", quality=95, exif=exif)
    upright = files.read_rgb("photograph", buffer.getvalue())
    assert upright.shape == image.shape
    row = encoded_of(EDITS[1]) | {"image_bytes": buffer.getvalue(), "sketch_bytes": b"", "color_bytes": b""}
    result = files.read_rgb("found", serve([row])[0])
    np.testing.assert_allclose(result[mask == 0], upright[mask == 0], atol=1)  # of JPEG there are several libraries
    assert np.abs(result.astype(int) - Editor(zoo.load_model(editing_folder)).edit(upright, mask)).max() <= 3


def test_every_picture_is_decoded_once(served_signatures):
    assert decoders(served_signatures["serving_default"].graph) == 4  # photograph, mask, sketch, colours


def test_transparency_comes_back(serve):
    check_transparency(serve, EDITS[1][0], encoded_of(EDITS[1]))


def test_sketch_and_colours_may_be_missing(serve, editing_folder):
    row = encoded_of(EDITS[0]) | {"sketch_bytes": b"", "color_bytes": b""}
    expected = Editor(zoo.load_model(editing_folder)).edit(*EDITS[0][:2])
    assert np.abs(files.read_rgb("found", serve([row])[0]).astype(int) - expected).max() <= 2


def test_a_bad_request_is_told_by_its_field(serve):
    good, other = encoded_of(EDITS[0]), encoded_of(EDITS[1])
    empty = files.encode_png(np.zeros((32, 32), np.uint8))
    for field, value, text in (
        ("image_bytes", b"no picture", "expected a PNG or JPEG picture"),
        ("mask_bytes", other["mask_bytes"], "expected the size of the picture, 32 x 32, found 76 x 100"),
        ("mask_bytes", empty, "at least one erased pixel"),
        ("sketch_bytes", other["sketch_bytes"], "expected the size of the picture"),
        ("color_bytes", good["color_bytes"][:-30], ""),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=field) as refusal:
            serve([good, good | {field: value}])
        assert text in str(refusal.value)


def test_inputs_of_different_numbers_are_refused(served_signatures):
    """The columns of a request, which gRPC and REST's `inputs` take: two masks of one picture, of which one would do
    nothing."""
    row = encoded_of(EDITS[0])
    good = {key: [value] * 2 for key, value in row.items()}
    for field, count in (("mask_bytes", 3), ("mask_bytes", 1), ("color_bytes", 5)):
        request = {key: tf.constant(values) for key, values in (good | {field: [row[field]] * count}).items()}
        message = f"{field}: expected as many examples as in image_bytes, 2, found {count}"
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            served_signatures["serving_default"](**request)
    none = {key: tf.zeros([0], tf.string) for key in good}
    with pytest.raises(tf.errors.InvalidArgumentError, match="image_bytes: expected at least 1 example, found 0"):
        served_signatures["serving_default"](**none)


def test_layers_mean_the_same_and_grey_stays_grey_as_by_the_editor(serve, editing_folder):
    color, mask = sizes.center_square(crops(1, 64)[0], 100)[:, :76], np.zeros((100, 76), np.uint8)
    mask[20:70, 10:50] = 255
    grey = np.repeat(color[..., :1], 3, axis=-1)
    hole = mask > 0
    cutout = np.dstack([color, np.where(hole, np.uint8(0), np.uint8(255))])
    rows = [
        {"image_bytes": image, "mask_bytes": cutout, "sketch_bytes": b"", "color_bytes": b""} for image in (color, grey)
    ]
    rows = [{k: v if isinstance(v, bytes) else files.encode_png(v) for k, v in row.items()} for row in rows]
    edit = Editor(zoo.load_model(editing_folder)).edit
    results = [files.read_rgb("found", png) for png in serve(rows)]
    for picture, image in zip(results, (color, grey)):
        assert np.abs(picture.astype(int) - edit(image, mask)).max() <= 2
        assert (picture[~hole] == image[~hole]).all() and (picture[hole] != image[hole]).any()
    assert (
        np.ptp(results[1].astype(int), axis=-1).max() == 0 and np.ptp(results[0][hole].astype(int), axis=-1).max() > 2
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="mask_bytes: expected a mask.*looks like a photograph"):
        serve([rows[0] | {"mask_bytes": rows[0]["image_bytes"]}])


def test_a_folder_is_found_from_elsewhere(tmp_path, monkeypatch):
    """The process that verifies an export works in a folder of its own, and people name theirs from where they are."""
    commands: list = []

    def run(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "this is a stand-in")

    monkeypatch.setattr(saved_model.subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match="models/1: expected a SavedModel that runs, found: this is a stand-in"):
        saved_model.run_elsewhere("models/1", ["edit"], {})
    assert str(tmp_path / "models" / "1") in commands[0]


def test_a_networks_difference_is_the_largest_of_its_signatures(
    served_signatures, served_folder, editing_folder, monkeypatch
):
    """With what they give in this process; that of another one is in the metadata of every export."""
    model = zoo.load_model(editing_folder)
    inputs = edits.conditions(model, edits.photographs("", 32, 3))
    assert set(inputs) == set(model.takes) and inputs["mask"].min() == 0 and inputs["mask"].max() == 1
    assert inputs["sketch"].any() and inputs["color"].any()
    tensors = {key: tf.constant(value) for key, value in inputs.items()}
    answers = {
        name: {key: value.numpy() for key, value in served_signatures[name](**tensors).items()}
        for name in ("tensors", "edit")
    }
    monkeypatch.setattr(saved_model, "run_elsewhere", lambda _, names, __: {name: answers[name] for name in names})
    for names in (["tensors"], ["edit"], ["tensors", "edit"]):
        assert saved_model.difference(model, served_folder / "1", inputs, names) <= saved_model.MAX_DIFFERENCE
    for error, outcome in ((0.1, 0.1), (np.nan, np.nan)):
        answers["edit"] = {"image": answers["tensors"]["image"] + np.float32(error)}
        apart = saved_model.difference(model, served_folder / "1", inputs, ["tensors", "edit"])
        assert apart == pytest.approx(outcome, rel=1e-3, nan_ok=True)
    answers["edit"] = answers["tensors"]
    with pytest.raises(ExportError, match=r"expected the outputs \['image'\] of edit, found \['image', 'raw'\]"):
        saved_model.difference(model, served_folder / "1", inputs, ["edit"])
    for variable in model.variables[:1]:  # another network is another
        variable.assign(variable + 0.1)
    assert saved_model.difference(model, served_folder / "1", inputs) > saved_model.MAX_DIFFERENCE


def test_a_version_says_what_it_is(served_folder, editing_folder):
    extra = served_folder / "1" / "assets.extra"
    metadata = json.loads((extra / "metadata.json").read_text())
    assert metadata == json.loads((served_folder / "metadata.json").read_text())
    assert (extra / "README.md").read_text() == (served_folder / "README.md").read_text() == "# A card\n"
    assert systems.load(extra / "config.yaml") == EDITING
    assert metadata["system"] == "sc_fegan" and metadata["version"] == 1 and metadata["image_size"] == 32
    assert metadata["difference"] <= saved_model.MAX_DIFFERENCE
    tables = metadata["signatures"]
    assert {i["name"] for i in tables["serving_default"]["inputs"]} == set(encoded_of(EDITS[0]))
    image = next(i for i in tables["tensors"]["inputs"] if i["name"] == "image")
    assert image["shape"] == [None, None, None, 3] and image["dtype"] == "float32" and "127.5" in image["meaning"]
    assert oct((served_folder / "1").stat().st_mode)[-3:] == "755"


def test_warmup_requests_are_the_servers_protos_and_can_be_answered(served_folder, serve):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = served_folder / "1" / "assets.extra" / "tf_serving_warmup_requests"
    records = [logs.PredictionLog.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(path))]
    assert [r.WhichOneof("log_type") for r in records] == ["predict_log"]
    request = records[0].predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("tiny", "serving_default")
    columns = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
    rows = [{key: column[i] for key, column in columns.items()} for i in range(2)]
    assert [files.read_rgb("found", png).shape for png in serve(rows)] == [(256, 256, 3), (192, 192, 3)]


def test_versions_count_on_and_are_never_written_over(served_folder, editing_folder, tmp_path, monkeypatch):
    assert saved_model.next_version(tmp_path) == saved_model.next_version(tmp_path / "none") == 1
    for name in ("2", "10", "x", ".partial-3"):
        (tmp_path / name).mkdir()
    assert saved_model.next_version(tmp_path) == 11
    model = zoo.load_model(editing_folder)
    with pytest.raises(ExportError, match="not there yet"):
        saved_model.export(model, systems.signatures(model), served_folder, version=1)
    with pytest.raises(ExportError, match="from 1, found 0"):
        saved_model.export(model, systems.signatures(model), served_folder, version=0)


def test_what_a_training_writes_meanwhile_is_not_what_was_exported(editing_folder, tmp_path, monkeypatch):
    run = shutil.copytree(editing_folder, tmp_path / "run")
    before, settings = report.describe(run, run)["weights_sha256"], (run / "config.yaml").read_text()

    def overwrite(*_):
        for name in ("weights.npz", "README.md", "config.yaml"):
            (run / name).write_text("later")
        return 0.0

    monkeypatch.setattr(saved_model, "difference", overwrite)
    path = saved_model.export(zoo.load_model(run), {"serving_default": _ECHO}, tmp_path / "served")
    extra = path / "assets.extra"
    assert json.loads((extra / "metadata.json").read_text())["weights_sha256"] == before
    assert (extra / "README.md").read_text() == "# A card\n" and (extra / "config.yaml").read_text() == settings


def test_what_differs_too_much_or_stops_leaves_no_version(editing_folder, tmp_path, monkeypatch):
    tiny = {"serving_default": _ECHO, "tensors": _ECHO, "edit": _ECHO}
    model = zoo.load_model(editing_folder)
    for outcome in (
        lambda *arguments: 0.01 * (arguments[-1] == ["tensors", "edit"]),
        lambda *_: float("nan"),
        lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()),
    ):
        monkeypatch.setattr(saved_model, "difference", outcome)
        with pytest.raises((ExportError, KeyboardInterrupt)):
            saved_model.export(model, tiny, tmp_path / "models")
        assert list((tmp_path / "models").iterdir()) == []
    monkeypatch.setattr(saved_model, "difference", lambda *_: 0.0)
    assert saved_model.export(model, tiny, tmp_path / "models") == tmp_path / "models" / "1"


_KILLED = """
import os, signal, sys
import tensorflow as tf
from tfsketch import zoo
from tfsketch.export import saved_model, signatures

spec = {"image_bytes": tf.TensorSpec([None], tf.string)}
tiny = dict.fromkeys(
    ("serving_default", "tensors"), signatures.Signature(lambda image_bytes: {"image": image_bytes}, spec)
)
saved_model.difference = lambda *_: 0.0
os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # all is written, and nothing is renamed
saved_model.export(zoo.load_model(sys.argv[1]), tiny, *sys.argv[2:])
"""


def test_killed_at_the_last_moment_it_leaves_no_version(editing_folder, tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", _KILLED, str(editing_folder), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    left = [p.name for p in tmp_path.iterdir()]
    assert len(left) == 1 and left[0].startswith(".partial-") and (tmp_path / left[0] / "saved_model.pb").is_file()


def _drawing(size):
    sheet = np.full(size, 255, np.uint8)
    sheet[size[0] // 4 : 3 * size[0] // 4, size[1] // 3] = 0
    sheet[size[0] // 2, size[1] // 5 : 4 * size[1] // 5] = 0
    return sheet


@pytest.fixture
def decodings(monkeypatch):
    """How many PNGs are decoded while nothing is a graph, as the length of a list."""
    decode, calls = tf.io.decode_png, []

    def counting(*arguments, **settings):
        calls.append(settings)
        return decode(*arguments, **settings)

    monkeypatch.setattr(tf.io, "decode_png", counting)
    return calls


def test_a_drawing_is_the_editors(decodings):
    tf.keras.utils.set_random_seed(3)
    model = systems.build(systems.parse(DRAWING))
    model.experiment = systems.parse(DRAWING)
    run, sheets = (
        systems.SYSTEMS["cali_sketch"].parts().signatures(model)["serving_default"].run,
        [_drawing((40, 56)), _drawing((30, 20))],
    )
    pngs = tf.constant([files.encode_png(sheet) for sheet in sheets])
    for fills in ([0.6, 1.0], [0.0, 0.75]):
        decodings.clear()
        outputs = run(sketch_bytes=pngs, fill=tf.constant(fills))
        assert len(decodings) == len(sheets)  # once each, however many framings are tried
        for number, (sheet, fill) in enumerate(zip(sheets, fills)):
            expected = Editor(model).draw(sheet == 0, fill or None)
            image = files.read_rgb("found", outputs["image_bytes"][number].numpy())
            assert image.shape == (*sheet.shape, 3) and np.abs(image.astype(int) - expected.image).max() <= 1
            lines = files.read_rgb("found", outputs["refined_bytes"][number].numpy())[..., 0]
            assert set(np.unique(lines)) <= {0, 255} and ((lines < 128) != expected.refined).mean() < 0.01
    with pytest.raises(tf.errors.InvalidArgumentError, match="fill: expected shares of 0 to 1, found"):
        run(sketch_bytes=pngs, fill=tf.constant([0.5, 1.5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="sketch_bytes: expected at least one stroke"):
        blank = files.encode_png(np.full((9, 9), 255, np.uint8))
        run(sketch_bytes=tf.constant([blank]), fill=tf.constant([1.0]))


def test_regions_are_the_parsers(decodings):
    model = zoo.load_model("face_parser")
    run = systems.SYSTEMS["face_parser"].parts().signatures(model)["serving_default"].run
    faces = [crops(1, 96)[0], crops(2, 240)[1]]
    pngs = run(image_bytes=tf.constant([files.encode_png(face) for face in faces]))["regions_bytes"]
    assert len(decodings) == len(faces)
    for face, png in zip(faces, pngs.numpy()):
        regions = files.read_rgb("found", png)[..., 0]
        assert (regions == face_parser.parse(model, face[None])[0]).mean() > 0.999


def test_a_search_is_the_projections(monkeypatch, decodings):
    tf.keras.utils.set_random_seed(5)
    config = systems.parse(CONTEXTUAL)
    model = systems.build(config)
    model.experiment = config
    monkeypatch.setattr(contextual_gan, "SEARCH_STEPS", 5)
    table = systems.SYSTEMS["contextual_gan"].parts().signatures(model)
    sketch = np.zeros((2, model.side, model.side, 1), np.float32)
    sketch[0, 3:9, 4] = sketch[1, 6, 2:12] = 1.0
    z = projection.first_candidates(sketch, 0, 8, model.latent)
    expected = projection.project(model, sketch, candidates=8, steps=5, patience=100)
    result = tf.function(table["search"].run)(sketch=tf.constant(sketch), z=tf.constant(z))
    np.testing.assert_allclose(result["image"], expected.image[:, 0], atol=1e-4)
    np.testing.assert_allclose(result["loss"], expected.loss[:, 0], rtol=1e-4)
    image = tf.constant(to_tensors({"image": np.stack(crops(2, model.side))})["image"])
    expected = projection.project(model, image=image.numpy(), candidates=8, steps=5, patience=100)
    z = projection.first_candidates(image.numpy(), 0, 8, model.latent)
    np.testing.assert_allclose(
        table["search_image"].run(image=image, z=tf.constant(z))["sketch"], expected.sketch[:, 0], atol=1e-4
    )
    answer = table["serving_default"].run(sketch_bytes=tf.constant([files.encode_png(_drawing((40, 24)))]))
    assert files.read_rgb("found", answer["image_bytes"][0].numpy()).shape == (40, 24, 3) and len(decodings) == 1


@pytest.mark.parametrize("size", [(40, 24), (24, 40), (90, 90)])
def test_a_sketch_is_placed_for_a_search_as_by_the_editor(size):
    sketch = np.zeros(size, np.uint8)
    sketch[3:20, 5:6] = sketch[19:20, 5:15] = 1
    share = arrays.usual_fill(sketch)
    assert float(graph.usual_fill(tf.constant(sketch > 0))) == pytest.approx(share)
    top, left, height, width = arrays.place(size, 32, share)
    expected = np.zeros((32, 32), np.uint8)
    expected[top : top + height, left : left + width] = arrays.resize_ink(sketch, (height, width))
    square = graph.place_sketch(tf.constant(sketch > 0), 32, tf.constant(share, tf.float32), ink=True)
    np.testing.assert_array_equal(square[..., 0], expected)


def test_every_name_in_the_metadata_has_a_meaning(served_folder):
    metadata = json.loads((served_folder / "metadata.json").read_text())
    rows = [row for one in metadata["signatures"].values() for row in one["inputs"] + one["outputs"]]
    assert rows and all(row["meaning"] == signatures.MEANINGS[row["name"]] for row in rows)
