"""Palettes: what they are of a photograph, which one a seed picks, and what they do to a network."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfsketch.conditions.regions import IGNORED, REGIONS
from tfsketch.config import Config
from tfsketch.editor import draw
from tfsketch.editor.editor import Editor
from tfsketch.nn import model_directory
from tfsketch.systems.cali_sketch import palette as palettes
from tfsketch.systems.cali_sketch.config import CaliSketchConfig, SynthesisConfig, TranslatorConfig
from tfsketch.systems.cali_sketch.network import CaliSketch, ImageSynthesis


def _photograph() -> tuple[np.ndarray, np.ndarray]:
    """A picture of three planes, skin, hair and what nobody knows, and its region map."""
    image, regions = np.zeros((1, 8, 8, 3), np.float32), np.full((1, 8, 8, 1), IGNORED, np.int32)
    image[0, :4], regions[0, :4] = (0.5, 0.1, -0.2), REGIONS.index("skin")
    image[0, 4:6], regions[0, 4:6] = (-0.8, -0.9, -1.0), REGIONS.index("hair")
    image[0, 6:] = (0.0, 0.4, 0.8)
    return image, regions


def test_a_palette_is_the_mean_colours_of_parts():
    image, regions = _photograph()
    palette = dict(zip(palettes.PARTS, palettes.palette_of(tf.constant(image), tf.constant(regions))[0].numpy()))
    np.testing.assert_allclose(palette["skin"], [0.5, 0.1, -0.2], atol=1e-6)
    np.testing.assert_allclose(palette["hair"], [-0.8, -0.9, -1.0], atol=1e-6)
    # What is not there: of a head the skin, of what is round it the whole picture.
    for name in ("eyes", "lips"):
        np.testing.assert_array_equal(palette[name], palette["skin"])
    for name in ("clothes", "background"):
        np.testing.assert_allclose(palette[name], image.mean(axis=(0, 1, 2)), atol=1e-6)


def test_a_photograph_without_a_face_has_its_mean_everywhere():
    image, regions = _photograph()
    palette = palettes.palette_of(tf.constant(image), tf.fill(regions.shape, IGNORED))[0]
    np.testing.assert_allclose(palette, np.tile(image.mean(axis=(0, 1, 2)), (len(palettes.PARTS), 1)), atol=1e-6)


def test_a_palette_remembers_the_last_photographs_and_picks_the_most_typical_one_first():
    layer, rng = palettes.Palette([4]), np.random.default_rng(0)
    picture = rng.uniform(-1, 1, (palettes.REMEMBERED + 3, len(palettes.PARTS), 3)).astype(np.float32)
    picture[5] = picture[3:].mean(axis=0)
    for one in picture:
        layer.remember(tf.constant(np.stack([one, np.zeros_like(one)])))
    np.testing.assert_array_equal(layer.palettes, picture[3:])
    like = tf.zeros([palettes.REMEMBERED, 1])
    np.testing.assert_array_equal(layer.pick(None, like[:2]), picture[[5, 5]])
    seeds = np.arange(palettes.REMEMBERED)
    choice = layer.pick(tf.constant(np.stack([seeds, seeds], axis=1)), like).numpy()
    np.testing.assert_array_equal(choice[0], picture[5])
    assert len(np.unique(choice.reshape(len(choice), -1), axis=0)) == palettes.REMEMBERED
    again = layer.pick(tf.constant([[palettes.REMEMBERED, 0.0]]), like[:1])
    np.testing.assert_array_equal(again[0], picture[5])


@pytest.fixture(scope="module")
def network() -> ImageSynthesis:
    net = ImageSynthesis(SynthesisConfig(width=4, downsamplings=2, blocks=1, norm="affine", palette=True))
    net({"refined": tf.zeros([1, 16, 16, 1])})
    rng = np.random.default_rng(1)
    net.palette.palettes.assign(rng.uniform(-1, 1, net.palette.palettes.shape))
    for tint in net.palette.tints:  # as if it had been trained
        tint.kernel.assign(rng.normal(0, 0.3, tint.kernel.shape))
    return net


def test_a_file_in_8_bits_picks_the_palette_of_its_seed():
    """TensorFlow 2.15.1's converter quantises what it can between a float input and its use, a cut of seeds too."""
    layer, rng = palettes.Palette([4]), np.random.default_rng(0)
    layer.palettes.assign(rng.uniform(-1, 1, layer.palettes.shape))
    signature = [tf.TensorSpec([1, 2]), tf.TensorSpec([1, 8, 8, 1])]
    kernel = tf.constant(rng.normal(0, 1, (3, 3, 1, 3)), tf.float32)

    @tf.function(input_signature=signature)
    def picture_of(seed: tf.Tensor, lines: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(lines, kernel, 1, "SAME") + layer.pick(seed, lines)[:, None, :1]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([picture_of.get_concrete_function()], layer)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    lines = np.zeros((1, 8, 8, 1), np.float32)
    seeds = [np.array([[seed, 0]], np.float32) for seed in range(0, 1000, 37)]
    converter.representative_dataset = lambda: ([seed, lines + seed[0, 0] / 1000] for seed in seeds)
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    assert any(tensor["dtype"] == np.int8 for tensor in interpreter.get_tensor_details())
    interpreter.allocate_tensors()
    (first, second), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    for seed in (*seeds, *(seed + 1 for seed in seeds)):
        for place, value in zip(sorted((first, second), key=lambda one: len(one["shape"])), (seed, lines)):
            interpreter.set_tensor(place["index"], value)
        interpreter.invoke()
        choice = interpreter.get_tensor(result["index"])
        np.testing.assert_allclose(choice, picture_of(seed, lines), atol=0.05)


def test_another_palette_is_another_photograph_of_the_same_lines(network):
    lines = tf.constant((np.random.default_rng(2).random((2, 16, 16, 1)) < 0.2).astype(np.float32))
    typical = network({"refined": lines})["image"]
    np.testing.assert_array_equal(typical, network({"refined": lines, "seed": tf.zeros([2, 2])})["image"])
    other = network({"refined": lines, "seed": tf.constant([[1, 0], [0, 9]])})["image"]
    assert np.abs(other[0] - typical[0]).max() > 0.01
    np.testing.assert_allclose(other[1], typical[1], atol=1e-6)
    inputs = network({"refined": lines, "palette": network.palette.pick(None, lines)})["image"]
    np.testing.assert_array_equal(inputs, typical)


def _colorful() -> CaliSketch:
    """A tiny network whose palettes differ, and matter."""
    config = CaliSketchConfig(
        scn=TranslatorConfig(width=4, downsamplings=2, blocks=1, norm="affine"),
        isn=SynthesisConfig(width=4, downsamplings=2, blocks=1, norm="affine", palette=True),
    )
    model = model_directory.build(CaliSketch, Config(system="cali_sketch", image_size=16, model=config))
    rng = np.random.default_rng(3)
    model.isn.palette.palettes.assign(rng.uniform(-1, 1, model.isn.palette.palettes.shape))
    for tint in model.isn.palette.tints:
        tint.kernel.assign(rng.normal(0, 0.3, tint.kernel.shape))
    return model


def test_the_framing_is_the_drawings_whatever_the_seed(monkeypatch):
    """Seed 0's photographs choose it, as they do in an export, and the seed's own palette fills it."""
    editor, sketch, calls = Editor(_colorful()), np.eye(16, dtype=np.uint8), []

    def third(parser, photographs):
        calls.append(photographs.copy())
        return 2

    monkeypatch.setattr(draw, "surest_face", third)
    monkeypatch.setattr(editor._canvas, "face_parser", object)
    first, other = (editor.draw(sketch, seed=seed) for seed in (0, 3))
    assert len(calls) == 1  # once for all seeds of a drawing
    again = editor.draw(np.fliplr(sketch), seed=3)
    assert len(calls) == 2 and (again.image != other.image).any()
    for drawing, seed in ((first, 0), (other, 3)):
        same = editor.draw(sketch, draw.FILLS[2], seed)
        np.testing.assert_array_equal(drawing.image, same.image)
        np.testing.assert_array_equal(drawing.refined, same.refined)
    assert (first.image != other.image).any()


def test_the_editor_draws_by_the_seed():
    editor, sketch = Editor(_colorful()), np.eye(16, dtype=np.uint8)
    assert editor.varies
    first, same, other = (editor.draw(sketch, 1.0, seed) for seed in (0, palettes.REMEMBERED, 1))
    np.testing.assert_array_equal(first.image, same.image)
    np.testing.assert_array_equal(first.refined, other.refined)
    assert np.abs(first.image.astype(int) - other.image).max() > 2
