"""Channel pruning: what may be dropped without loss, that the fit makes up for what is lost, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import save_model
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.errors import ConfigError, WeightsError
from tfsketch.systems.sc_fegan import pruning
from tfsketch.systems.sc_fegan.config import GeneratorConfig, ScFeganConfig
from tfsketch.systems.sc_fegan.network import Generator

SHAPE = {"width": 6, "max_width": 12, "stages": 3, "kernels": (5, 3, 3), "dilations": (2, 1), "head_width": 6}
NARROW = {"width": 4, "max_width": 9, "head_width": 4}


def _config(**changes) -> config_lib.Config:
    generator = GeneratorConfig(**(SHAPE | {"norm": "none", "upsampling": "nearest"} | changes))
    return config_lib.Config(image_size=32, model=ScFeganConfig(generator=generator))


def _build(seed: int, **changes) -> Generator:
    """A network with biases and gates that matter."""
    tf.keras.utils.set_random_seed(seed)
    model = systems.build(_config(**changes))
    for variable in model.variables:
        if "bias" in variable.name:
            variable.assign(0.3 * tf.random.normal(variable.shape))
    return model


def _batches(count: int = 6) -> list[dict[str, tf.Tensor]]:
    rng = np.random.default_rng(0)
    batches = []
    for _ in range(count):
        mask = np.zeros((4, 32, 32, 1), np.float32)
        mask[:, 8:24, 4:20] = 1.0
        smooth = rng.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32).repeat(4, axis=1).repeat(4, axis=2)
        sketch = (rng.random((4, 32, 32, 1)) < 0.1).astype(np.float32)
        noise = rng.standard_normal((4, 32, 32, 1)).astype(np.float32)
        color = smooth * (rng.random((4, 32, 32, 1)) < 0.3)
        values = {"image": smooth, "mask": mask, "sketch": sketch, "color": color.astype(np.float32), "noise": noise}
        batches.append({key: tf.constant(value) for key, value in values.items()})
    return batches


def _difference(one: Generator, two: Generator, batch: dict[str, tf.Tensor]) -> float:
    """Root mean square inside the mask."""
    difference = tf.square(one(batch)["raw"] - two(batch)["raw"]) * batch["mask"]
    return float(tf.sqrt(tf.reduce_sum(difference) / (3.0 * tf.reduce_sum(batch["mask"]))))


@pytest.mark.parametrize("norm", ["none", "instance"])
def test_a_network_of_the_same_width_comes_back(norm):
    wide, narrow, batches = _build(1, norm=norm), _build(2, norm=norm), _batches()
    assert _difference(wide, narrow, batches[0]) > 0.05
    report = pruning.prune(wide, narrow, batches)
    assert [layer.name for layer in report] == [
        "gconv1_ds", "gconv2_ds", "gconv3_ds", "co_conv1_dlt", "co_conv2_dlt", "gconv4", "gconv5", "gconv6", "to_rgb",
    ]  # fmt: skip
    assert all(layer.energy == pytest.approx(1.0) and layer.error < 1e-6 for layer in report)
    assert _difference(wide, narrow, batches[0]) < 1e-4


def test_channels_that_nothing_reads_are_dropped_without_loss():
    wide, narrow, batches = _build(1), _build(2, **NARROW), _batches()
    sizes = {layer.name: layer.filters for layer in (*narrow.encoder, *narrow.dilated, *narrow.mixers)}
    chain = [*wide.encoder, *wide.dilated, *wide.mixers, wide.to_rgb]
    skips = {id(mixer): layer for layer, mixer in zip(wide.encoder[-2::-1], wide.mixers)}
    rng = np.random.default_rng(3)
    idle = {layer.name: rng.permutation(layer.filters)[sizes[layer.name] :] for layer in chain[:-1]}
    for layer, reader in zip(chain, chain[1:]):
        for kernel, _ in pruning._convolutions(reader):
            values = kernel.numpy()
            values[:, :, values.shape[2] - layer.filters + idle[layer.name]] = 0.0
            if id(reader) in skips:
                values[:, :, idle[skips[id(reader)].name]] = 0.0
            kernel.assign(values)
    report = pruning.prune(wide, narrow, batches)
    assert [layer.width for layer in report[:3]] == [4, 8, 9] and report[-1].channels == 3
    assert all(layer.energy == pytest.approx(1.0) for layer in report)
    assert _difference(wide, narrow, batches[0]) < 1e-3


def test_the_fit_mends_what_is_lost(monkeypatch):
    wide, student, batches = _build(1), _build(2, **NARROW), _batches(12)
    held_out = batches.pop()
    report = pruning.prune(wide, student, batches)
    assert all(layer.energy < 1.0 for layer in report[:-1]) and all(0.0 <= layer.error < 1.0 for layer in report)
    start = _build(3, **NARROW)
    monkeypatch.setattr(pruning, "_RIDGE", 1e9)  # nothing is fitted: the kept channels' kernels as they are
    pruning.prune(wide, start, batches)
    assert _difference(wide, student, held_out) < 0.95 * _difference(wide, start, held_out)


def test_what_is_refused():
    batches = _batches(1)
    with pytest.raises(ConfigError, match="expected the wide network's stages, kernels and dilations"):
        pruning.prune(_build(1), _build(1, stages=2, kernels=(5, 3)), batches)
    with pytest.raises(ConfigError, match="expected the wide network's"):
        pruning.prune(_build(1), _build(1, head_width=0), batches)
    with pytest.raises(ConfigError, match="upsampling: nearest .* found upsampling: published"):
        pruning.prune(*[_build(1, upsampling="published")] * 2, batches)
    with pytest.raises(ConfigError, match="gconv1_ds: expected at most 6 channels, found 8"):
        pruning.prune(_build(1), _build(1, width=8), batches)


def test_a_model_directory(shards_folder, tmp_path):
    wide = _build(1)
    save_model(tmp_path / "wide", wide, _config())
    config = dataclasses.replace(_config(**NARROW), seed=5)
    report = pruning.prune_model(tmp_path / "wide", config, tmp_path / "narrow", shards_folder, count=20)
    assert report[0].channels == 6 and report[0].width == 4
    narrow = zoo.load_model(tmp_path / "narrow")
    assert narrow.experiment.seed == 5
    card = " ".join((tmp_path / "narrow" / "README.md").read_text().split())  # its lines may break anywhere
    assert (
        f"from {wide.count_params():,} to {narrow.count_params():,} parameters" in card
        and "24 pictures (32 px)" in card
    )
    with pytest.raises(WeightsError, match="never overwritten"):
        pruning.prune_model(tmp_path / "wide", config, tmp_path / "narrow", shards_folder)
    with pytest.raises(ConfigError, match="expected a configuration of sc_fegan, found one of face_parser"):
        pruning.prune_model(tmp_path / "wide", config_lib.Config(system="face_parser"), tmp_path / "b", shards_folder)
