"""Cali-Sketch's fine level: what a network for twice the side begins with."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import save_model
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.errors import ConfigError
from tfsketch.nn import model_directory
from tfsketch.systems import make_task
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.training.task import load_initial

_PAIR = """
  scn: {width: 4, downsamplings: 2, blocks: 1, norm: affine, spectral_norm: false, upsampling: nearest, skips: 1}
  isn: {width: 4, downsamplings: 2, blocks: 1, norm: affine, upsampling: nearest, skips: 2, palette: true}
"""
_FINE = _PAIR.replace("skips: 1", "skips: 1, halved: true, fine_width: 3").replace(
    "skips: 2", "skips: 3, halved: true, fine_width: 5"
)
_HEAD = """
system: cali_sketch
image_size: {}
model:
  d1: {{widths: [4, 1], strides: [2, 1]}}
  d2: {{widths: [4, 1], strides: [2, 1]}}"""


def _pair(text: str, side: int, *overrides: str) -> config_lib.Config:
    return systems.parse(_HEAD.format(side) + text + "data: {maps: [canny]}\n", "test", list(overrides))


def _saved(folder: pathlib.Path, text: str, side: int) -> CaliSketch:
    """A model with weights at random, as if it had been trained, in a folder."""
    config = _pair(text, side)
    model = model_directory.build(CaliSketch, config)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(rng.uniform(-0.5, 0.5, variable.shape))
    save_model(folder, model, config)
    return model


def _begin(folder: pathlib.Path, text: str, side: int) -> CaliSketch:
    """The network of a run that begins with a folder's model."""
    config = _pair(text, side, f"train.init={folder}")
    task = make_task(config)
    load_initial(config, task)
    return task.networks["cali_sketch"]


def test_a_network_with_a_fine_level_begins_with_what_the_smaller_one_draws(tmp_path):
    small, large = _saved(tmp_path, _PAIR, 16), _begin(tmp_path, _FINE, 32)
    rng = np.random.default_rng(1)
    lines = tf.constant(rng.random((2, 32, 32, 1)) < 0.2, tf.float32)
    palette = tf.constant(rng.uniform(-1.0, 1.0, (2, 6, 3)), tf.float32)
    halved = tf.nn.avg_pool2d(lines, 2, 2, "VALID")
    for ours, theirs, inputs, output, last in (
        (large.scn, small.scn, {"sketch": lines}, "refined", tf.sigmoid),
        (large.isn, small.isn, {"refined": lines, "palette": palette}, "image", tf.tanh),
    ):
        tints = [theirs.palette(palette, tf.float32)] if "palette" in inputs else []
        drawing = theirs.translate(halved, False, *tints)
        expected = last(tf.image.resize(drawing, (32, 32)))
        np.testing.assert_allclose(ours(inputs)[output], expected, atol=1e-5)
        # What the fine level adds is nothing, but it learns from the first step.
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(ours(inputs)[output] * rng.random((2, 32, 32, 1)))
        added = [ours.fine_down.kernel, ours.fine_last.kernel]
        assert not any(np.any(kernel) for kernel in added)
        assert all(np.any(slope) for slope in tape.gradient(value, added))


def test_without_a_fine_level_lines_are_doubled_alone():
    config = _pair(_FINE, 32, "model.scn.fine_width=0")
    small, large = model_directory.build(CaliSketch, _pair(_PAIR, 16)), model_directory.build(CaliSketch, config)
    large.scn.take_over(small.scn)
    lines = tf.constant(np.random.default_rng(0).random((2, 32, 48, 1)) < 0.2, tf.float32)
    drawing = small.scn.translate(tf.nn.avg_pool2d(lines, 2, 2, "VALID"), False)
    expected = tf.sigmoid(tf.image.resize(drawing, (32, 48)))
    np.testing.assert_allclose(large.scn({"sketch": lines})["refined"], expected, atol=1e-6)
    assert large.scn.count_params() == small.scn.count_params()


def test_a_smaller_network_begins_without_the_fine_level(tmp_path):
    theirs = model_directory.variable_names(_saved(tmp_path, _FINE, 32))
    ours = model_directory.variable_names(_begin(tmp_path, _PAIR, 16))
    assert len(theirs) - len(ours) == 2 * (2 + 2 + 1 + 1 + 1 + 1) + 2  # of either, and a tint
    for name, variable in ours.items():
        np.testing.assert_array_equal(variable, theirs[name], name)


def test_a_network_grows_from_its_own_kind_alone(tmp_path):
    small = model_directory.build(CaliSketch, _pair(_PAIR, 16))
    save_model(tmp_path, small, _pair(_PAIR, 16))
    config = _pair(_FINE, 32, f"train.init={tmp_path}", "model.isn.blocks=2")
    with pytest.raises(ConfigError, match=r"model\.isn of .*blocks=2.*blocks=1"):
        load_initial(config, make_task(config))
    # A level of another width begins anew.
    config = _pair(_FINE, 64, "model.isn.fine_width=2")
    save_model(tmp_path / "other", model_directory.build(CaliSketch, config), config)
    assert not np.any(_begin(tmp_path / "other", _FINE, 64).isn.fine_last.kernel)
    # Of one that has the level, weights are taken by their names.
    large = _saved(tmp_path / "large", _FINE, 32)
    assert np.any(large.isn.fine_last.kernel)
    for ours, theirs in zip(_begin(tmp_path / "large", _FINE, 64).variables, large.variables):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "overrides, expected",
    [
        (["model.loss.overview=0.5"], "loss.window: expected a divisor"),
        (["model.loss.overview=0.5", "model.loss.window=96"], "loss.window: expected a divisor"),
        (["model.loss.central=0.5"], "loss.central: expected 0 without loss.window"),
        (["model.scn.halved=false"], "scn.fine_width: expected 0 without scn.halved"),
        (["model.isn.skips=4"], r"isn.skips: expected from 0 to the number of doublings \(3\)"),
    ],
)
def test_settings_that_do_not_fit_are_named(overrides, expected):
    with pytest.raises(ConfigError, match=expected):
        _pair(_FINE, 128, *overrides)
