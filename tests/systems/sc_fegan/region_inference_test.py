"""Exact region inference: the whole network's picture, whatever the mask, and less computed for it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfsketch.errors import ImageError
from tfsketch.systems.sc_fegan import network as sc_fegan
from tfsketch.systems.sc_fegan import region_inference
from tfsketch.systems.sc_fegan.config import GeneratorConfig, ScFeganConfig
from tfsketch.systems.sc_fegan.region_inference import RegionInference, _Cache, edit
from tfsketch.systems.sc_fegan.windows import Stencil, decoder_share, encoder_share, encoder_windows

# Every kind of layer, with the published kernels (7 and 5 pad unevenly), and a size that is no square.
VARIANTS = {
    "published": GeneratorConfig(4, 8, 4, (7, 5, 3, 3), (2, 4), "lrn", "published", 0),
    "gated": GeneratorConfig(4, 8, 3, (5, 3, 3), (), "none", "gated", 0),
    "light": GeneratorConfig(4, 8, 3, (5, 3, 7), (1, 2), "none", "nearest", 6),
}
SIZE = (64, 96)
# top, bottom, left and right of holes: inside, at every border, a corner, a pixel, a stripe, all.
HOLES = [
    (20, 30, 40, 52),
    (0, 9, 30, 41),
    (57, 64, 1, 9),
    (11, 12, 95, 96),
    (63, 64, 0, 96),
    (3, 40, 0, 5),
    (0, 64, 0, 96),
]


def _network(variant: str) -> sc_fegan.Generator:
    tf.keras.utils.set_random_seed(3)
    model = sc_fegan.Generator(ScFeganConfig(generator=VARIANTS[variant]))
    model(_inputs((0, 1, 0, 1)))
    rng = np.random.default_rng(3)
    for variable in model.variables:  # biases too: zeros at the border are not what a layer makes of zeros
        if variable.shape.rank == 1:
            variable.assign(rng.normal(0, 0.3, variable.shape))
        elif "/w" in variable.name:
            variable.assign(rng.normal(0, 0.15, variable.shape))
    return model


def _inputs(hole: tuple[int, int, int, int], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    top, bottom, left, right = hole
    mask = np.zeros((1, *SIZE, 1), np.float32)
    mask[:, top:bottom, left:right] = rng.random((1, bottom - top, right - left, 1)) < 0.9
    mask[:, top, left] = mask[:, bottom - 1, right - 1] = 1
    return {
        "image": rng.uniform(-1, 1, (1, *SIZE, 3)).astype(np.float32),
        "mask": mask,
        "sketch": (rng.random((1, *SIZE, 1)) < 0.1).astype(np.float32),
        "color": np.zeros((1, *SIZE, 3), np.float32),
        "noise": rng.standard_normal((1, *SIZE, 1), np.float32),
    }


@pytest.fixture(scope="module", params=list(VARIANTS))
def network(request):
    return _network(request.param)


@pytest.fixture(scope="module")
def inference(network):
    return RegionInference(network, worthwhile=1.0)


def _differs(outputs: dict, expected: dict) -> float:
    assert float(np.std(expected["raw"])) > 0.05  # pictures that all are grey would agree too
    return float(np.abs(outputs["image"] - expected["image"]).max())


@pytest.mark.parametrize("hole", HOLES)
def test_any_hole_gives_the_networks_picture(network, inference, hole):
    inputs = _inputs(hole, seed=sum(hole))
    assert _differs(inference(inputs), network(inputs)) < 1e-5


def test_random_holes(network, inference):
    rng = np.random.default_rng(1)
    for seed in range(25):
        (top, bottom), (left, right) = (sorted(rng.choice(side + 1, 2, replace=False)) for side in SIZE)
        inputs = _inputs((top, bottom, left, right), seed)
        assert _differs(inference(inputs), network(inputs)) < 1e-5, (top, bottom, left, right)


def test_a_sequence_of_strokes(network, inference):
    rng = np.random.default_rng(2)
    inputs = _inputs((8, 50, 0, 60))
    updates = 0
    for _ in range(25):  # lines, colours, more hole, less hole, and nothing at all
        what = rng.choice(["sketch", "color", "mask", "unmask", "nothing"])
        y, x = int(rng.integers(0, SIZE[0] - 6)), int(rng.integers(0, SIZE[1] - 9))
        layer = inputs["mask" if what == "unmask" else what].copy() if what != "nothing" else None
        if layer is not None:
            layer[:, y : y + 6, x : x + 9] = 0.0 if what == "unmask" else rng.random() if what == "color" else 1.0
            inputs = inputs | {"mask" if what == "unmask" else what: layer}
            updates += 1
        assert _differs(inference(inputs), network(inputs)) < 1e-5, what
    assert updates > 10


def test_what_a_stroke_reaches_is_what_its_windows_say(network):
    """Against the network itself: what changes in a map lies in its window, and fills it."""
    rng = np.random.default_rng(4)
    stack = rng.standard_normal((1, *SIZE, sc_fegan.PACKED_CHANNELS)).astype(np.float32)
    for (top, bottom), (left, right) in (((20, 27), (33, 40)), ((0, 1), (0, 1)), ((63, 64), (90, 96))):
        other = stack.copy()
        other[:, top:bottom, left:right] += rng.standard_normal(other[:, top:bottom, left:right].shape)
        windows = encoder_windows(network, ((top, bottom), (left, right)), SIZE)
        maps = zip(network.encode(tf.constant(stack))[1:], network.encode(tf.constant(other))[1:])
        for window, (before, after) in zip(windows, maps):
            rows, columns = np.nonzero(np.any(before.numpy() != after.numpy(), axis=(0, 3)))
            assert window == ((rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1))


def test_stencils_are_tensorflows_padding():
    for kernel, stride, dilation, side in ((7, 2, 1, 8), (5, 2, 1, 2), (3, 2, 1, 6), (3, 1, 1, 5), (3, 1, 4, 7)):
        layer = tf.keras.layers.Conv2D(1, kernel, 1, "same", use_bias=False, kernel_initializer="ones")
        layer.strides, layer.dilation = (stride, stride), dilation
        stencil = Stencil(layer)
        weights = tf.ones([kernel, kernel, 1, 1])
        for place in range(side):
            one = np.zeros((1, side, side, 1), np.float32)
            one[0, place, place] = 1.0
            reach = tf.nn.conv2d(one, weights, stride, "SAME", dilations=dilation).numpy()[0, ..., 0].any(axis=0)
            smaller = np.arange(len(reach))
            start, stop = stencil.reaches((place, place + 1))
            assert not reach[(smaller < start) | (smaller >= stop)].any()
            assert dilation > 1 or reach[max(start, 0) : stop].all()
            for j in np.flatnonzero(reach):
                low, high = stencil.source((j, j + 1))
                assert low <= place < high


def test_small_holes_cost_little_and_large_ones_are_not_cut():
    config = GeneratorConfig(width=8, max_width=64)  # at an eighth of its width: shares stay
    model = sc_fegan.Generator(ScFeganConfig(generator=config))
    model({"image": tf.zeros([1, 128, 128, 3]), "mask": tf.zeros([1, 128, 128, 1])})
    size = (512, 512)
    hole, whole = ((192, 320), (192, 320)), ((0, 512), (0, 512))
    assert decoder_share(model, hole, size) < 0.2 and encoder_share(model, hole, size) < 0.15
    assert decoder_share(model, whole, size) == encoder_share(model, whole, size) == 1.0
    assert decoder_share(model, ((0, 1), (0, 1)), size) < decoder_share(model, ((0, 64), (0, 64)), size)


@pytest.mark.parametrize("worthwhile", [0.0, 0.5])
def test_where_it_is_not_worthwhile_all_is_computed(worthwhile, monkeypatch):
    model = _network("light")
    calls = []
    for name in ("encode", "update", "decode", "decode_box"):

        def spy(self, *arguments, name=name, graph=getattr(_Cache, name)):
            calls.append(name)
            return graph.__get__(self, _Cache)(*arguments)

        monkeypatch.setattr(_Cache, name, spy)
    inference = RegionInference(model, worthwhile)
    for hole, stroke in (((2, 60, 2, 90), (2, 60, 2, 90)), ((20, 24, 20, 24), (20, 24, 20, 24))):
        inputs = _inputs(hole)
        assert _differs(inference(inputs), model(inputs)) < 1e-5
        top, bottom, left, right = stroke
        inputs["sketch"][:, top:bottom, left:right] = 1 - inputs["sketch"][:, top:bottom, left:right]
        assert _differs(inference(inputs), model(inputs)) < 1e-5
    large, small = calls[:4], calls[4:]
    assert large == ["encode", "decode"] * 2
    assert small == (
        ["encode", "decode"] * 2 if worthwhile == 0.0 else ["encode", "decode_box", "update", "decode_box"]
    )


def test_an_instance_norm_is_never_cut():
    model = sc_fegan.Generator(ScFeganConfig(generator=GeneratorConfig(4, 8, 2, (3, 3), (), "instance")))
    model(_inputs((0, 1, 0, 1)))
    inference = RegionInference(model, worthwhile=1.0)
    for hole in ((20, 24, 20, 24), (30, 33, 20, 24)):
        inputs = _inputs(hole)
        assert np.abs(inference(inputs)["image"] - model(inputs)["image"]).max() < 1e-5


def test_a_batch_and_another_size(network):
    inference = RegionInference(network, worthwhile=1.0)
    for take in (lambda x: x, lambda x: x[:, :32, :64]):
        first, second = _inputs((2, 12, 3, 14)), _inputs((20, 30, 40, 50), seed=1)
        inputs = {key: take(np.concatenate([first[key], second[key]])) for key in first}
        assert _differs(inference(inputs), network(inputs)) < 1e-5
    with pytest.raises(ImageError, match="multiples of"):
        inference({key: value[:, :30] for key, value in _inputs((2, 12, 3, 14)).items()})


def test_one_graph_for_any_mask_size_and_batch(network):
    """What an export holds: shapes are unknown, and the box is found inside."""
    specs = {key: tf.TensorSpec([None, None, None, value.shape[-1]]) for key, value in _inputs((0, 1, 0, 1)).items()}
    graph = tf.function(lambda inputs: edit(network, inputs, worthwhile=1.0), input_signature=[specs], autograph=False)
    other = _inputs((20, 30, 40, 50), seed=50)
    for seed, hole in enumerate(HOLES):
        inputs = _inputs(hole, seed)
        batch = {key: np.concatenate([inputs[key], other[key]]) for key in inputs}
        small = {key: value[:, :32, :64] for key, value in inputs.items()}  # of some holes nothing is in it
        for example in (inputs, batch, small):
            assert _differs({"image": graph(example)}, network(example)) < 1e-5, hole


def test_the_graph_computes_the_box_or_all(monkeypatch):
    """A small mask leaves the whole decoder alone, a large one the windows: told by poisoning the other way."""
    model = _network("light")
    ways = ((model, "decode", (20, 30, 40, 52)), (region_inference, "decode_box", (0, 64, 0, 96)))
    for where, name, hole in ways:
        way = getattr(where, name)
        with monkeypatch.context() as patch:
            patch.setattr(where, name, lambda *arguments, way=way: way(*arguments) * np.nan)
            image = tf.function(lambda inputs: edit(model, inputs), autograph=False)(_inputs(hole))
        assert np.abs(image - model(_inputs(hole))["image"]).max() < 1e-5


def test_an_instance_norm_is_whole_in_the_graph_too():
    model = sc_fegan.Generator(ScFeganConfig(generator=GeneratorConfig(4, 8, 2, (3, 3), (), "instance")))
    inputs = _inputs((20, 24, 20, 24))
    expected = model(inputs)
    np.testing.assert_array_equal(edit(model, inputs), expected["image"])
