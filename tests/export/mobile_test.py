"""TensorFlow Lite files: what they give, what they say of themselves, and what a phone's GPU takes of them."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import CONTEXTUAL_GAN as CONTEXTUAL
from tests.tiny import LIGHT, RESTYLING
from tfsketch import systems, zoo
from tfsketch.backends import tflite
from tfsketch.errors import ExportError
from tfsketch.export import edits, measure, mobile, ranges, weights
from tfsketch.training.describe import gflops
from tfsketch.vocabulary import CHANNELS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLISHED = """
system: sc_fegan
image_size: 32
model:
  generator: {width: 4, max_width: 8, stages: 3, kernels: [5, 3, 3], dilations: [2, 8], norm: lrn,
              upsampling: published}
"""


@pytest.fixture(scope="module")
def files(editing_folder, tmp_path_factory):
    """Every variant of the tiny editor."""
    return mobile.export(zoo.load_model(editing_folder), tmp_path_factory.mktemp("mobile"), mobile.VARIANTS)


def test_every_variant_is_near_the_network(files):
    assert [path.name for path in files] == [f"tiny_{variant}.tflite" for variant in mobile.VARIANTS]
    for (path, measurements), variant in zip(files.items(), mobile.VARIANTS):
        assert len(measurements) == len(tflite.interpreters())
        for one in measurements:
            assert one.variant == variant and not one.problem() and one.not_on_gpu == ()
            assert 0 < one.megabytes * 1e6 <= path.stat().st_size
            assert one.operations["CONV_2D"] == 11 and one.operations["SELECT_V2"] == 1
    first = [measurements[0] for measurements in files.values()]
    assert first[0].difference < 1e-4 < first[-1].difference
    assert "A GPU delegate cannot take: nothing." in measure.table(files)


_PHONE = """
import json, sys, zipfile
import numpy as np
try:
    from ai_edge_litert.interpreter import Interpreter  # what runs on a phone, and is imported in no time
except ImportError:
    from tensorflow.lite.python.interpreter import Interpreter

for path in sys.argv[1:]:
    metadata = json.loads(zipfile.ZipFile(path).read("metadata.json"))
    (name, signature), = metadata["signatures"].items()
    rng = np.random.default_rng(0)
    photograph = rng.integers(0, 256, [s for s in signature["inputs"][0]["shape"] if s > 1][:2] + [3]).astype(np.uint8)
    given = {row["name"]: np.zeros(row["shape"], row["dtype"]) for row in signature["inputs"]}
    given["image"] = (photograph / 127.5 - 1.0).astype(np.float32)[None]
    given["mask"][:, 8:24, 8:24] = 1.0
    given["sketch"][:, 16, 8:24] = 1.0
    interpreter = Interpreter(path)
    edited = interpreter.get_signature_runner(name)(**given)[signature["outputs"][0]["name"]]
    # By position, as a caller without names does it.
    interpreter.allocate_tensors()
    for detail, row in zip(sorted(interpreter.get_input_details(), key=lambda d: d["index"]), signature["inputs"]):
        assert list(detail["shape"]) == row["shape"], (detail, row)
        interpreter.set_tensor(detail["index"], given[row["name"]])
    interpreter.invoke()
    again = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    levels = {key: np.rint((value[0] + 1.0) * 127.5) for key, value in (("edited", edited), ("again", again))}
    np.savez(metadata["variant"], photograph=photograph, **levels)
"""


def test_the_files_alone_make_an_edit(files, tmp_path):
    """As on a phone: the file, an interpreter, and nothing of ours."""
    variants = ("float16", "int8")
    paths = [str(next(path for path in files if variant in path.name)) for variant in variants]
    command = [sys.executable, "-c", _PHONE, *paths]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    for variant in variants:
        with np.load(tmp_path / f"{variant}.npz") as outputs:
            inside = np.zeros((32, 32), bool)
            inside[8:24, 8:24] = True
            # The signature runner and the plain call choose different kernels for 8 bits.
            assert np.abs(outputs["edited"] - outputs["again"]).max() <= (8 if variant == "int8" else 1)
            np.testing.assert_array_equal(outputs["edited"][~inside], outputs["photograph"][~inside])
            assert (outputs["edited"][inside] != outputs["photograph"][inside]).any()


def test_weights_alone_are_in_8_bits(files):
    small, large = (next(path for path in files if path.stem == f"tiny_{v}") for v in ("weight_only", "float32"))
    kernels = {path: [] for path in (small, large)}
    for path, shapes in kernels.items():
        for row in tflite.interpreters().popitem()[1](model_path=str(path)).get_tensor_details():
            if row["dtype"] == np.int8:
                assert len(row["quantization_parameters"]["scales"]) == row["shape"][0]
                assert not row["quantization_parameters"]["zero_points"].any()
                shapes.append(tuple(row["shape"]))
    assert len(kernels[small]) == 11 and all(len(shape) == 4 for shape in kernels[small]) and not kernels[large]
    values = {path.stem: one for path, (one, *_) in files.items()}
    assert values["tiny_weight_only"].operations["DEQUANTIZE"] == 11
    assert 40 < values["tiny_weight_only"].psnr < values["tiny_float16"].psnr


@pytest.mark.parametrize("scale", [1e-3, 1.0, 40.0])
def test_a_kernel_in_8_bits_is_within_half_a_step_of_itself(scale):
    kernel = scale * np.random.default_rng(0).standard_normal((5, 3, 3, 4)).astype(np.float32)
    kernel[2] = 0.0
    numbers, scales = weights.to_int8(kernel)
    assert numbers.dtype == np.int8 and numbers.min() >= -127 and scales.shape == (5,) and (scales > 0).all()
    floats = numbers * scales[:, None, None, None]
    assert (np.abs(floats - kernel) <= 0.5001 * scales[:, None, None, None]).all() and not floats[2].any()
    assert (np.abs(numbers).reshape(5, -1).max(axis=1) == [127, 127, 0, 127, 127]).all()


def test_metadata_says_shapes_ranges_and_origin(files):
    metadata = tflite.read_metadata(next(iter(files)))
    rows = metadata["signatures"]["edit"]
    assert {row["name"]: row["shape"] for row in rows["inputs"]} == {
        key: [1, 32, 32, channels] for key, channels in CHANNELS.items() if key != "style"
    }
    assert [row["name"] for row in rows["outputs"]] == ["image"] and all(row["meaning"] for row in rows["inputs"])
    assert metadata["variant"] == "float32" and metadata["model"] == "tiny" and len(metadata["weights_sha256"]) == 12
    with pytest.raises(ExportError, match="expected a TensorFlow Lite file with metadata.json"):
        tflite.read_metadata(__file__)


def test_what_differs_too_much_is_not_written(editing_folder, tmp_path, monkeypatch):
    path = tmp_path / "tiny.tflite"
    monkeypatch.setitem(measure.LIMITS, "float16", 400.0)
    with pytest.raises(ExportError, match=r"tiny.tflite: expected at least 400 dB, found \d+"):
        mobile.export(zoo.load_model(editing_folder), path)
    assert list(tmp_path.iterdir()) == []
    values = mobile.export(zoo.load_model(editing_folder), tmp_path / "several", ("float32", "float16"))
    assert [path.name for path in (tmp_path / "several").iterdir()] == ["tiny_float32.tflite"]
    assert "`tiny_float16.tflite` differs too much and is not written." in measure.table(values)
    with pytest.raises(ExportError, match="a folder for several variants"):
        mobile.export(zoo.load_model(editing_folder), path, ("float16", "int8"))


def test_what_cannot_be_exported_is_named():
    config = systems.parse(CONTEXTUAL)
    model = systems.build(config)
    model.experiment = config
    with pytest.raises(ExportError, match="found one of contextual_gan; use --format=saved_model"):
        mobile.convert(model, "float32")
    with pytest.raises(ExportError, match="expected one of float32, .*found 'int4'"):
        mobile.convert(model, "int4")


def _files_of(config, plain=True):
    tf.keras.utils.set_random_seed(2)
    model = systems.build(config)
    model.experiment = config
    return model, mobile.convert(model, "float32")


def test_the_published_layers_are_for_a_gpu_too():
    model, content = _files_of(systems.parse(PUBLISHED))
    inputs = edits.conditions(model, edits.photographs("", 32, 4))
    values = measure.measure(model, "float32", content, content, inputs)
    assert values[0].difference < 1e-4 and values[0].not_on_gpu == ()
    assert "LOCAL_RESPONSE_NORMALIZATION" not in values[0].operations
    assert values[0].operations["TRANSPOSE_CONV"] == 3


@pytest.mark.parametrize(("overrides", "variants"), [(LIGHT, mobile.VARIANTS), ([], ("float32",))])
def test_restyling_in_every_variant_and_for_a_gpu(overrides, variants):
    tf.keras.utils.set_random_seed(5)
    model = systems.build(systems.parse(RESTYLING, "tiny", overrides))
    model.experiment = systems.parse(RESTYLING, "tiny", overrides)
    inputs = edits.conditions(model, edits.photographs("", 16, 12))
    with mobile.Converter(model) as converter:
        contents = {variant: converter.convert(variant, inputs) for variant in variants}
    for variant, content in contents.items():
        for one in measure.measure(model, variant, content, contents["float32"], inputs):
            # A few random channels are poor ones to round to 8 bits; of weights, `export` asks for 30 dB.
            assert not one.problem() if variant != "int8" else one.psnr > 20
            assert one.not_on_gpu == ()


def test_the_mobile_setting_keeps_its_budgets():
    config = systems.load(ROOT / "configs" / "sc_fegan_mobile_256.yaml")
    assert config.image_size == 256
    model = systems.build(config)
    model.experiment = config
    assert model.count_params() <= 6_000_000
    assert gflops(model) <= 8.0
    with mobile.Converter(model) as converter:
        content, half = converter.convert("float32"), converter.convert("float16")
    assert len(half) <= 12e6
    operations, warnings = measure._analysis(content)
    assert warnings == () and set(operations) <= {
        "CONCATENATION", "CONV_2D", "GREATER", "LEAKY_RELU", "LOGISTIC", "MUL", "RESIZE_NEAREST_NEIGHBOR", "SELECT_V2",
        "SUB", "TANH",
    }  # fmt: skip


def test_an_onnx_file_is_the_network(editing_folder, tmp_path, monkeypatch):
    for name in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(name)
    from tfsketch.export import onnx

    assert onnx.export(zoo.load_model(editing_folder), tmp_path / "tiny.onnx") < 1e-4
    monkeypatch.setattr("tfsketch.export.ONNX_PACKAGES", ("no_such_package",))
    with pytest.raises(ExportError, match="the extra `onnx` .*found no no_such_package"):
        onnx.export(zoo.load_model(editing_folder), tmp_path / "other.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.onnx"]


def test_eight_bits_do_not_round_instance_norms():
    """In the shipped face parser, nineteen of them one after the other: 36 dB with their arithmetic in 8 bits too."""
    model = zoo.load_model("face_parser")
    model.experiment = dataclasses.replace(model.experiment, image_size=64)
    inputs = edits.conditions(model, edits.photographs("", 64, 12))
    content = mobile.convert(model, "int8", inputs)
    for one in measure.measure(model, "int8", content, content, inputs):
        assert one.psnr > 38 and one.not_on_gpu == ()
    kinds = [row["dtype"] for row in tf.lite.Interpreter(model_content=content).get_tensor_details()]
    assert kinds.count(np.int8) >= 2 * one.operations["CONV_2D"]  # weights and what comes in


def test_a_range_holds_the_extremes_of_a_share_of_the_samples(editing_folder, monkeypatch):
    model = zoo.load_model(editing_folder)
    inputs = edits.conditions(model, edits.photographs("", model.image_size, 4))
    given, of_samples = {}, ranges.of_samples

    def record(content, rows):
        given.update(content=content, extremes=ranges._extremes(content), per_sample=of_samples(content, rows))
        return given["per_sample"]

    monkeypatch.setattr(ranges, "of_samples", record)
    mobile.convert(model, "int8", inputs)
    assert len(given["extremes"]) > 20 and set(given["per_sample"]) == set(given["extremes"])
    for index, (low, high) in given["extremes"].items():
        lows, highs = given["per_sample"][index].T
        assert len(lows) == 4 and (lows.min(), highs.max()) == (low, high)
    assert ranges._extremes(ranges.with_share(given["content"], given["per_sample"], 1.0)) == given["extremes"]
    cut = ranges._extremes(ranges.with_share(given["content"], given["per_sample"], 0.5))
    narrower = 0
    for index, (low, high) in given["extremes"].items():
        assert low <= cut[index][0] and cut[index][1] <= high
        np.testing.assert_allclose(cut[index], np.median(given["per_sample"][index], axis=0), rtol=1e-6)
        narrower += cut[index] != (low, high)
    assert narrower > 10


def test_of_several_ranges_the_one_nearest_on_the_calibration_is_taken(editing_folder, monkeypatch):
    model = zoo.load_model(editing_folder)
    inputs = edits.conditions(model, edits.photographs("", model.image_size, 8))
    inputs["noise"][3] *= 4  # one edit that reaches further than the others
    truth = model({key: tf.constant(value) for key, value in inputs.items()})["image"].numpy()
    interpreter = next(reversed(tflite.interpreters().values()))
    contents, errors = {}, {}
    for share in (1.0, 0.9, 0.3):
        monkeypatch.setattr(ranges, "SHARES", (share,))
        contents[share] = mobile.convert(model, "int8", inputs)
        pictures = measure.run(contents[share], interpreter, inputs)[0]["image"]
        errors[share] = float(np.mean(np.square(pictures - truth)))
    assert len(set(contents.values())) == len(set(errors.values())) == 3
    for shares in ((1.0, 0.9, 0.3), (0.3, 1.0)):
        monkeypatch.setattr(ranges, "SHARES", shares)
        assert mobile.convert(model, "int8", inputs) == contents[min(shares, key=errors.get)]
