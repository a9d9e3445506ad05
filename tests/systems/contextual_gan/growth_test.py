"""Contextual GAN's growing: what a network of twice the side begins with."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import CONTEXTUAL_GAN as TINY
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.errors import ConfigError
from tfsketch.nn import model_directory
from tfsketch.nn.operations import enlarge
from tfsketch.systems import make_task
from tfsketch.systems.contextual_gan.network import ContextualGan
from tfsketch.training.task import load_initial

_PLAIN = TINY.replace("kernel: 5}", "kernel: 3, upsampling: nearest, residuals: 1}", 1).replace(
    "[4, 8], kernel: 5", "[8, 8], norm: none"
)
_EXCITED = (
    _PLAIN.replace("[8, 4]", "[8, 6, 6]")
    .replace("residuals: 1", "excitation: true")
    .replace("[8, 8]", "[8, 8, 8]")
    .replace("16", "32")
)


def _small(text: str, folder: pathlib.Path) -> ContextualGan:
    """A small model, as if it had been trained, in a folder."""
    config = systems.parse(text, "small", ["model.encoder.widths=" + ("[4, 8, 8]" if text == _EXCITED else "[4, 8]")])
    model = model_directory.build(ContextualGan, config)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        positive = any(word in variable.name for word in ("variance", "gamma"))
        drawn = rng.uniform(0.5, 1.5, variable.shape) if positive else rng.normal(0.0, 0.3, variable.shape)
        variable.assign(drawn)
    arrays = {name: variable.numpy() for name, variable in model_directory.variable_names(model).items()}
    model_directory.save(folder, config, arrays, "card")
    return model


def _config(text: str, folder: pathlib.Path, *overrides: str) -> config_lib.Config:
    """Of twice the side, to begin with the model in the folder."""
    small = systems.parse(text, "small")
    widths = {
        "image_size": 2 * small.image_size,
        "model.generator.widths": [*small.model.generator.widths, 7],
        "model.encoder.widths": [3, *([4, 8, 8] if text == _EXCITED else [4, 8])],
        "model.discriminator.widths": [6, *small.model.discriminator.widths],
    }
    settings = [f"{key}={value}" for key, value in widths.items()]
    config = systems.parse(text, "large", [*settings, *overrides])
    return dataclasses.replace(config, train=dataclasses.replace(config.train, init=str(folder)))


@pytest.mark.parametrize(
    "text", [TINY.replace("[4, 8]", "[8, 8]"), _PLAIN, _EXCITED], ids=["published", "plain", "excited"]
)
def test_nothing_is_forgotten(tmp_path, text, capsys):
    """Apart from borders, the new channels' little weight, and the discriminator's norms."""
    small = _small(text, tmp_path / "small")
    config = _config(text, tmp_path / "small")
    task = make_task(config)
    load_initial(config, task)
    assert "train.init: grown from" in capsys.readouterr().out
    grown, z = task.networks["contextual_gan"], tf.random.stateless_uniform((8, 6), (1, 2), -1.0, 1.0)

    pictures, doubled = grown({"z": z})["joint"].numpy(), enlarge(small({"z": z})["joint"], 2).numpy()
    assert np.corrcoef(pictures.ravel(), doubled.ravel())[0, 1] > 0.98
    assert np.abs(pictures - doubled).mean() < 0.1

    sketch = tf.random.stateless_uniform((8, small.side, small.side, 1), (3, 4))
    guess, theirs = grown.encoder(enlarge(sketch, 2)).numpy(), small.encoder(sketch).numpy()
    assert np.corrcoef(guess.ravel(), theirs.ravel())[0, 1] > 0.9

    if "none" in text:
        scores, wanted = (
            grown.discriminator(enlarge(pictures[:, ::2, ::2], 2)),
            small.discriminator(pictures[:, ::2, ::2]),
        )
        assert np.corrcoef(scores, wanted)[0, 1] > 0.9


def test_a_model_grows_into_no_other_shape(tmp_path):
    _small(_PLAIN, tmp_path / "small")
    for override in ("model.generator.widths=[6, 4, 7]", "model.latent=7", "model.generator.residuals=2"):
        config = _config(_PLAIN, tmp_path / "small", override)
        with pytest.raises(ConfigError, match=r"train\.init: expected a model of 16 px with model\."):
            load_initial(config, make_task(config))
    config = _config(_PLAIN, tmp_path / "small", "model.generator.widths=[8, 4, 5]")
    with pytest.raises(ConfigError, match=r"model\.generator\.widths: expected at least 6 channels .*, found 5"):
        load_initial(config, make_task(config))
    config = _config(_PLAIN, tmp_path / "small", "train.init_networks=[generator]")
    with pytest.raises(ConfigError, match=r"train\.init_networks: expected none"):
        load_initial(config, make_task(config))
