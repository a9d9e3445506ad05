"""Backends: an edit is the same whatever runs the network, and what cannot be one is told."""

import json
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from tests.edits import EDITS
from tests.stand_in import StandIn
from tests.tiny import DRAWING as CALI
from tests.tiny import save_model
from tfsketch import Editor, systems, zoo
from tfsketch.app import studio as studio_lib
from tfsketch.backends import saved_model, served, wire
from tfsketch.backends import tflite as tflite_lib
from tfsketch.errors import ExportError, ServingError, TfsketchError, WeightsError
from tfsketch.export import mobile, signatures
from tfsketch.images import files
from tfsketch.zoo import resolve

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tflite(editing_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("phone") / "tiny.tflite"
    mobile.export(zoo.load_model(editing_folder), path, ("float32",))
    return path


@pytest.fixture(params=["version", "tflite", "rest", "grpc"])
def name(request, served_folder):
    """What `Editor` and `--model` are given; the folder of versions is, for another side and for the binary."""
    if request.param == "version":
        return served_folder / "1"
    if request.param == "tflite":
        return request.getfixturevalue("tflite")
    if request.param == "grpc":
        return request.getfixturevalue("grpc_address") + "/v1/models/tiny"
    return request.getfixturevalue("stand_in").rest + "/v1/models/tiny/versions/1"


def test_an_edit_is_that_of_the_keras_model(name, editing_folder):
    keras, editor = Editor(editing_folder), Editor(name)
    for seed, layers in enumerate((EDITS[0], EDITS[1], (*EDITS[2][:2], None, None))):
        result, expected, hole = editor.edit(*layers, seed=seed), keras.edit(*layers, seed=seed), layers[1] > 0
        np.testing.assert_array_equal(result[~hole], layers[0][~hole])
        assert np.abs(result.astype(int) - expected).max() <= 1 and (result[hole] != layers[0][hole]).any()
    with pytest.raises(TfsketchError, match="expected a model that takes a sketch alone"):
        editor.draw(EDITS[0][1])
    with pytest.raises(TfsketchError, match="expected a model that draws sketch and photograph"):
        editor.complete(EDITS[0][1])
    with pytest.raises(TfsketchError, match="expected a model that takes a style"):
        editor.restyle(EDITS[0][0], EDITS[0][0])


def test_another_working_side(served_folder, stand_in, tflite, editing_folder):
    expected = Editor(editing_folder, side=64).edit(*EDITS[1])
    for name in (served_folder, f"{stand_in.rest}/v1/models/tiny"):
        assert np.abs(Editor(name, side=64).edit(*EDITS[1]).astype(int) - expected).max() <= 1
        with pytest.raises(TfsketchError, match="side: expected a positive multiple of 4, found 33"):
            Editor(name, side=33)
    with pytest.raises(TfsketchError, match="side: expected 32, the only one of this model, found 64"):
        Editor(tflite, side=64)


def test_a_drawing_by_a_file_of_one_picture_a_call(tmp_path):
    tf.keras.utils.set_random_seed(3)
    config = systems.parse(CALI)
    save_model(tmp_path / "cali", systems.build(config), config)
    mobile.export(zoo.load_model(tmp_path / "cali"), tmp_path / "cali.tflite", ("float32",))
    sketch = np.zeros((40, 56), np.uint8)
    sketch[10:30, 20] = sketch[20, 10:40] = 1
    drawing, expected = (Editor(tmp_path / name).draw(sketch) for name in ("cali.tflite", "cali"))
    assert np.abs(drawing.image.astype(int) - expected.image).max() <= 1
    assert (drawing.refined != expected.refined).mean() < 0.01


_TWICE = """
import sys
from absl import flags
from tools import edit

bad, *arguments = sys.argv[1:]
for more in ([f"--mask={bad}", f"--output={bad}.png"], []):
    sys.argv = ["tools/edit.py", *arguments, *more]
    try:
        edit.main()
    except SystemExit as end:
        print("status", end.code or 0, flush=True)
    flags.FLAGS.unparse_flags()
"""
"""An edit with a bad mask and then the edit itself, in one process: importing TensorFlow takes longer than both."""


def test_the_binary_and_the_page_take_an_export_and_an_error_is_one_line(served_folder, tmp_path):
    image, mask, *_ = EDITS[1]
    files.write_png(tmp_path / "photo.png", image)
    files.write_png(tmp_path / "mask.png", mask)
    (tmp_path / "bad").write_bytes(b"no picture")
    flags = [
        f"--{key}={tmp_path / name}.png" for key, name in (("image", "photo"), ("mask", "mask"), ("output", "out"))
    ]
    command = [sys.executable, "-c", _TWICE, str(tmp_path / "bad"), f"--model={served_folder}", *flags]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.stdout.startswith("status 2\n") and process.stdout.endswith("status 0\n"), process.stderr
    lines = [
        line for line in process.stderr.splitlines() if line.startswith("python -m tools.edit: ") or "Traceback" in line
    ]
    assert len(lines) == 1 and "bad: expected a readable picture" in lines[0], process.stderr
    assert not (tmp_path / "bad.png").exists()
    expected = Editor(served_folder).edit(image, mask)
    np.testing.assert_array_equal(files.read_rgb(tmp_path / "out.png"), expected)
    assert studio_lib.Studio([str(served_folder)]).modes == {str(served_folder): "edit"}


class _Bare(tf.Module):
    """Saves a model without a description, or one of a system that cannot be a backend."""

    def __init__(self, folder, system=None):
        super().__init__()
        self.call = tf.function(lambda image: {"image": image}).get_concrete_function(image=tf.TensorSpec([None]))
        graphs = {"tensors": self.call}
        if system:
            experiment = types.SimpleNamespace(system=system, image_size=32)
            model = types.SimpleNamespace(experiment=experiment, way="complete", stride=4, smallest=4, takes=("z",))
            about = signatures.about(model, ())
            graphs["about"] = tf.function(about.run).get_concrete_function(**about.inputs)
        tf.saved_model.save(self, str(folder), signatures=graphs)


def test_what_is_no_export_is_told(tmp_path):
    _Bare(tmp_path / "bare" / "1")
    with pytest.raises(WeightsError, match="signature about, found tensors"):
        Editor(tmp_path / "bare")
    server = StandIn(tmp_path / "bare")
    address = f"{server.rest}/v1/models/bare"
    with pytest.raises(ServingError, match='"about" not found .*expected a running server of a model that tools.exp'):
        served.Served(address, retries=0)
    server.http.shutdown()
    _Bare(tmp_path / "gan" / "2", "contextual_gan")
    with pytest.raises(WeightsError, match="expected an export of .*, found one of contextual_gan"):
        Editor(tmp_path / "gan")
    (tmp_path / "gan" / "2" / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="expected a SavedModel, found a damaged one"):
        Editor(tmp_path / "gan")
    with pytest.raises(WeightsError, match="expected a model directory .* no SavedModel; a .tflite file and http"):
        Editor(tmp_path / "nowhere")


def test_the_newest_version_counts(tmp_path):
    assert saved_model.version_of(tmp_path) is None and saved_model.version_of(tmp_path / "none") is None
    for name in ("2", "10", "11", "x"):
        (tmp_path / name).mkdir()
    for name in ("2", "10", "x"):
        (tmp_path / name / "saved_model.pb").touch()
    assert saved_model.version_of(tmp_path) == tmp_path / "10"
    assert saved_model.version_of(tmp_path / "2") == tmp_path / "2"


def test_a_file_that_says_too_little_is_told(tflite, tmp_path):
    path = tmp_path / "some.tflite"
    for content, error, text in (
        (None, ExportError, r"with metadata.json, found none \(.*No such file"),
        (b"TFL3", ExportError, "with metadata.json, found none .*not a zip"),
        ({}, WeightsError, "expected system, image_size and the inputs of the signature edit, found no 'system'"),
        (
            tflite_lib.read_metadata(tflite) | {"system": "face_parser", "way": ""},
            WeightsError,
            "found one of face_parser",
        ),
        (tflite_lib.read_metadata(tflite), WeightsError, "expected a TensorFlow Lite file that runs"),
    ):
        if content is not None:
            whole = (
                content
                if isinstance(content, bytes)
                else mobile._with_files(b"no model", {"metadata.json": json.dumps(content)})
            )
            path.write_bytes(whole)
        with pytest.raises(error, match=text):
            Editor(path)


def test_addresses():
    for address, base, model, version in (
        ("http://localhost:8501/v1/models/sc_fegan", "http://localhost:8501", "sc_fegan", ""),
        ("https://host/behind/v1/models/a/versions/12/", "https://host/behind", "a", 12),
        ("http://[::1]:1/v1/models/a/labels/stable", "http://[::1]:1", "a", "stable"),
    ):
        caller = wire.at(address)
        assert (caller._base, caller._model, caller._version) == (base, model, version)
    for address in ("http://localhost:8501", "ftp://host/v1/models/a", "http://host/v1/models/a/versions/x"):
        with pytest.raises(ServingError, match="expected http://HOST:PORT/v1/models/NAME"):
            resolve.load(address)
    with pytest.raises(ServingError, match="127.0.0.1:1: tiny: cannot be reached .*expected a running server"):
        served.Served("http://127.0.0.1:1/v1/models/tiny", retries=0)
