"""Edits in bfloat16: near float32's in the mask, the input outside of it, refused where the processor has no units."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tests.tiny import DRAWING
from tfsketch import systems, zoo
from tfsketch.app import studio as studio_lib
from tfsketch.app.pictures import Picture
from tfsketch.editor.editor import Editor
from tfsketch.errors import TfsketchError
from tfsketch.images import photographs
from tfsketch.nn import precision
from tfsketch.nn.operations import is_accelerated

CPU_INFO = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse2 avx2 avx512f {}\nbogomips\t: 4000\n"


@pytest.fixture(name="processor")
def _processor(tmp_path, monkeypatch):
    """A function that makes this a machine whose processor has some flags, and no GPU."""
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "_CPU_INFO", info)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(precision, "is_accelerated", lambda dtype: True)
    return lambda flags: info.write_text(CPU_INFO.format(flags))


@pytest.fixture(name="edit", scope="module")
def _edit():
    """A portrait, the holes and lines of two strokes."""
    photograph = np.ascontiguousarray(skimage.data.astronaut()[0:256, 100:356])
    mask, line = np.zeros((256, 256), np.uint8), np.zeros((256, 256), np.uint8)
    mask[130:176, 86:154] = 1
    line[152, 96:144] = 1
    return photograph, mask, [np.zeros_like(line), line]


def test_a_picture_is_near_float32s_in_the_mask_and_the_input_outside(edit, processor):
    if not is_accelerated(tf.bfloat16):
        pytest.skip("TensorFlow adds up bfloat16 in bfloat16 on this processor")
    processor("avx512_bf16")
    photograph, mask, sketches = edit
    model = zoo.load_model("sc_fegan")
    ours, exact = Editor(model, precision="bfloat16"), Editor(model)
    for sketch in sketches:  # the second by region inference, of what the first one left
        result, expected = (editor.edit(photograph, mask, sketch, seed=3) for editor in (ours, exact))
        np.testing.assert_array_equal(result[mask == 0], photograph[mask == 0])
        apart = np.abs(result.astype(int) - expected)[mask > 0]
        assert 0.0 < apart.mean() <= 1.0 and apart.max() <= 8
    assert ours._canvas.model.variables[0].dtype == tf.float32  # the weights lost nothing
    assert ours._canvas.network._cache._maps[-1].dtype == tf.bfloat16


def test_processors_without_units_are_refused(processor, model_dirs, tmp_path):
    processor("amx_bf16 avx512_bf16")
    assert precision.bfloat16_units() == "AMX"
    processor("avx512_bf16")
    assert precision.bfloat16_units() == "AVX-512"
    processor("avx512_fp16")
    assert precision.bfloat16_units() == ""
    model = zoo.load_model(model_dirs[0])
    for make in (lambda: Editor(model, precision="bfloat16"), lambda: studio_lib.Studio(model_dirs, "bfloat16")):
        with pytest.raises(TfsketchError, match="precision: expected float32 on this machine, found bfloat16"):
            make()
    (tmp_path / "cpuinfo").unlink()  # no Linux
    assert precision.bfloat16_units() == ""


def test_kernels_that_add_up_in_16_bits_are_refused(processor, monkeypatch):
    processor("avx512_bf16")
    monkeypatch.setattr(precision, "is_accelerated", lambda dtype: False)
    assert precision.bfloat16_units() == ""


@pytest.mark.parametrize("capability, units", [((8, 0), "A100"), ((7, 5), "")])
def test_gpus_are_asked(processor, monkeypatch, capability, units):
    processor("")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    details = {"device_name": "A100", "compute_capability": capability}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    assert precision.bfloat16_units() == units


def test_other_models_are_refused(processor):
    processor("avx512_bf16")
    with pytest.raises(TfsketchError, match="precision: expected float32 for a model that does not edit"):
        Editor(systems.build(systems.parse(DRAWING)), precision="bfloat16")
    with pytest.raises(TfsketchError, match="precision: expected float32 for function, found bfloat16"):
        Editor(lambda batch: batch, side=32, precision="bfloat16")
    with pytest.raises(TfsketchError, match="precision: expected one of float32, bfloat16, found 'float16'"):
        Editor(lambda batch: batch, side=32, precision="float16")


def test_the_page_is_served_in_bfloat16(processor, model_dirs):
    processor("avx512_bf16")
    photograph = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    strokes = {"size": [40, 40], "strokes": [{"layer": "mask", "points": [[10, 10], [30, 30]], "width": 9}]}
    results = {}
    for name in ("float32", "bfloat16"):
        studio = studio_lib.Studio(model_dirs[:2], name)
        entry = studio.keep(Picture(photographs.of_array(photograph)))
        request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": strokes}
        results[name] = studio.results(studio.request(request))[0]
        types = {model: network.compute_dtype for model, network in studio._networks.items()}
        assert types == {model_dirs[0]: name, model_dirs[1]: "float32"}
        studio.close()
    result, expected = results["bfloat16"], results["float32"]
    np.testing.assert_array_equal(result.image[result.mask == 0], photograph[result.mask == 0])
    apart = np.abs(result.image.astype(int) - expected.image)[result.mask > 0]
    assert 0.0 < apart.mean() <= 2.0  # of noise by random weights; texture is copied from where it fits what was made
