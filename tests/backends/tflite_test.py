"""Where LiteRT is installed, a TensorFlow Lite file edits without TensorFlow, and the same; else it is told."""

import ast
import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests import build_files
from tests.edits import EDITS, run_edit
from tfsketch import Editor, zoo
from tfsketch.backends import tflite as tflite_lib
from tfsketch.editor import canvas as canvas_lib
from tfsketch.errors import TfsketchError, WeightsError
from tfsketch.export import mobile
from tfsketch.images import files
from tfsketch.zoo import resolve

litert = pytest.mark.skipif(importlib.util.find_spec("ai_edge_litert") is None, reason="LiteRT is an extra")


@pytest.fixture(scope="module")
def tflite(editing_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("phone") / "tiny.tflite"
    mobile.export(zoo.load_model(editing_folder), path, ("float32",))
    return path


def _bare(*arguments):
    """A process that can import nothing of `bare.MISSING`; returns what it printed."""
    process = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=build_files.ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


_EDIT = """
import sys
from tests import bare
bare.forbid()
import numpy as np, tfsketch
given = np.load(sys.argv[2])
editors = [tfsketch.Editor(sys.argv[1], **how) for how in ({}, {"seam": True, "texture": 1.0, "feather": 3.0})]
rows = sorted({name.partition("_")[0] for name in given})
layers = [[given[f"{row}_{key}"] for key in ("image", "mask", "sketch", "color")] for row in rows]
np.savez(sys.argv[3], *[editor.edit(*row, seed=4) for editor in editors for row in layers])
"""


@litert
def test_an_editor_needs_no_tensorflow(tflite, editing_folder, tmp_path):
    keys = ("image", "mask", "sketch", "color")
    np.savez(tmp_path / "in.npz", **{f"{n}_{k}": layer for n, row in enumerate(EDITS) for k, layer in zip(keys, row)})
    _bare("-c", _EDIT, tflite, tmp_path / "in.npz", tmp_path / "out.npz")
    results = list(np.load(tmp_path / "out.npz").values())
    for number, how in enumerate(({}, {"seam": True, "texture": 1.0, "feather": 3.0})):
        same, keras = Editor(tflite, **how), Editor(editing_folder, **how)
        for layers, result in zip(EDITS, results[number * len(EDITS) :]):
            hole = layers[1] >= 128
            np.testing.assert_array_equal(result[~hole], layers[0][~hole])
            np.testing.assert_array_equal(result, same.edit(*layers, seed=4))  # who else is imported changes nothing
            assert np.abs(result.astype(int) - keras.edit(*layers, seed=4)).max() <= 1
            assert (result[hole] != layers[0][hole]).any()


@litert
def test_the_binary_needs_no_tensorflow(tflite, editing_folder, tmp_path):
    """Photographs as telephones write them, turned by EXIF; a mask with grey, a sketch of a pen on paper, a folder."""
    folders = ("photos", "masks", "sketches", "colors")
    for number, (image, mask, sketch, color) in enumerate(EDITS[:2]):
        exif = Image.Exif()
        exif[0x010F], exif[0x0112] = "Camera", 6
        names = {name: tmp_path / name / f"{number}.png" for name in folders}
        for path in names.values():
            path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.rot90(image)).save(names["photos"], exif=exif)
        files.write_png(names["masks"], np.where(mask > 0, np.uint8(220), np.uint8(30)))
        files.write_png(names["sketches"], np.where(sketch > 0, np.uint8(60), np.uint8(235)))
        files.write_png(names["colors"], color)
    flags = [f"--{flag}={tmp_path / folder}" for flag, folder in zip(("image", "mask", "sketch", "color"), folders)]
    flags.append("--seam")
    text = _bare("-m", "tests.bare", "tools.edit", f"--model={tflite}", f"--output={tmp_path / 'bare'}", *flags)
    assert "2 edited into" in text
    assert run_edit(editing_folder, f"--output={tmp_path / 'keras'}", *flags) == 0
    for number, (image, mask, *_) in enumerate(EDITS[:2]):
        edited_alone, expected = (Image.open(tmp_path / folder / f"{number}.png") for folder in ("bare", "keras"))
        assert edited_alone.getexif()[0x010F] == expected.getexif()[0x010F] == "Camera"
        edited_alone, expected = np.asarray(edited_alone.convert("RGB")), np.asarray(expected.convert("RGB"))
        assert np.abs(edited_alone.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(edited_alone[mask < 128], image[mask < 128])


def test_what_needs_tensorflow_says_so(tflite, tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name in ("tensorflow", *missing) else find_spec(name, *more),
    )
    missing = ("ai_edge_litert",)
    with pytest.raises(WeightsError, match="tiny.tflite: expected LiteRT or .* extra `mobile`: pip install"):
        Editor(tflite)
    missing = ()
    assert [name.partition(" ")[0] for name in tflite_lib.interpreters()] in ([], ["LiteRT"])
    for name in ("sc_fegan", tmp_path):
        with pytest.raises(TfsketchError, match=f"{name}: expected TensorFlow, which runs it, found none: a .tflite"):
            resolve.load(name)
    canvas = canvas_lib.Canvas(lambda batch: batch, side=32)
    with pytest.raises(TfsketchError, match="face parser, which finds regions.*expected TensorFlow"):
        canvas.face_parser()


_IMPORTED = """
import ast, importlib.util, pathlib, sys
from tests import bare
bare.forbid()
import tools.edit, tfsketch.zoo.resolve, tfsketch.editor.batch.run, tfsketch.editor.batch.demo
import tfsketch.editor.batch.grid, tfsketch.backends.tflite
tops = set()
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] in ("tfsketch", "tools"):
        for node in ast.parse(pathlib.Path(module.__file__).read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            tops |= {name.partition(".")[0] for name in names}
print(*(name for name in tops if "site-packages" in str(importlib.util.find_spec(name).origin)))
"""


def test_the_lite_distribution_brings_what_an_edit_imports():
    lists = {
        statement.targets[0].id: statement.value
        for statement in ast.parse((build_files.ROOT / "setup.py").read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign)
    }
    names = {re.split("[=<>]", line)[0] for line in ast.literal_eval(lists["LITE_REQUIREMENTS"])}
    packages = {"PIL": "pillow", "absl": "absl-py", "cv2": "opencv-python-headless", "yaml": "pyyaml"}
    distributions = {packages.get(name, name) for name in _bare("-c", _IMPORTED).split()} - {"tfsketch"}
    assert distributions == names - {"ai-edge-litert"}, "in setup.py: LITE_REQUIREMENTS"
