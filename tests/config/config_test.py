"""Configurations: the tree and its overrides."""

import dataclasses
import pathlib

import pytest

from tfsketch import config, systems
from tfsketch.config import experiment, keys
from tfsketch.errors import ConfigError
from tfsketch.systems.sc_fegan.config import GeneratorConfig

_CONFIGS = sorted((pathlib.Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", _CONFIGS, ids=lambda p: p.stem)
def test_every_committed_config_loads_and_survives_a_round_trip(path):
    again = systems.load(path)
    assert systems.parse(config.dump(again)) == again


def test_the_celebahq_config_is_the_papers_setting():
    again = systems.load(_CONFIGS[0].parent / "sc_fegan_celebahq_512.yaml")
    loss = again.model.loss
    assert again.image_size == 512 and again.model.generator == GeneratorConfig()
    assert (loss.perceptual, loss.style, loss.total_variation, loss.adversarial, loss.drift, loss.gradient_penalty) == (
        0.05,
        120.0,
        0.1,
        0.001,
        0.001,
        10.0,
    )
    assert loss.adversarial_loss == "wgan"


def test_overrides_reach_nested_keys_lists_and_maps():
    copy = systems.parse(
        "",
        overrides=[
            "train.batch_size=4",
            "train.phases.0.steps=7",
            "mask.share=[0.2, 0.3]",
            "train.optimizers.generator.learning_rate=2e-4",
        ],
    )
    assert copy.train.batch_size == 4 and copy.train.phases[0].steps == 7 and copy.mask.share == (0.2, 0.3)
    assert copy.train.optimizers["generator"].learning_rate == pytest.approx(2e-4)


def test_a_part_of_a_section_keeps_the_rest_of_it():
    """Of that section's own defaults: the colour brush is finer than a mask's."""
    copy = systems.parse("color: {stroke: {angle: 30}}")
    assert copy.color.stroke == dataclasses.replace(config.ColorConfig().stroke, angle=30.0)
    assert copy.color.stroke.width != config.StrokeConfig().width


def test_keys_of_before_are_read_under_their_names_now():
    assert systems.parse("train: {init_players: [scn]}").train.init_networks == ("scn",)
    copy = systems.parse("train: {init_players: []}", overrides=["train.init_networks=[scn]"])
    assert copy.train.init_networks == ("scn",) and "players" not in config.dump(copy)


def test_a_phase_keeps_what_it_does_not_change():
    copy = systems.parse("", overrides=["train.phases.0.loss={window: 64, pixel: 2}"])
    loss = copy.train.phases[0].apply(copy.model.loss)
    assert loss == dataclasses.replace(copy.model.loss, window=64, pixel=2.0) and type(loss.window) is int


def test_texts_that_look_like_other_things_are_texts():
    """Folders have such names, and what is written without quotes is read as it was."""
    for name in ("2026-11-30", "010", "08", "1:30", "-.5", "+1", "0x10", "1e3", "a, b", "yes", "~", "p #2", "\udce4"):
        copy = systems.parse("", overrides=[f"data.train={name}"])
        assert copy.data.train == name and systems.parse(config.dump(copy)) == copy
    assert systems.parse("data: {train: 2026-11-30, validation: 010}").data.train == "2026-11-30"


def test_a_mapping_that_takes_over_another_may_change_it():
    text = "hand: &hand {join: 0.1, shift: 0.5}\ntrain: {phases: [&first {name: a, steps: 2}, {<<: *first, steps: 3}]}"
    assert [phase.steps for phase in systems.parse(text).train.phases] == [2, 3]


def test_a_file_of_another_encoding_is_named(tmp_path):
    path = tmp_path / "powershell.yaml"
    path.write_bytes("seed: 2\n".encode("utf-16"))
    with pytest.raises(ConfigError, match="powershell.yaml: expected text in UTF-8"):
        systems.load(path)


def test_lists_are_addressed_with_brackets_too():
    assert systems.parse("", overrides=["train.phases[0].steps=9"]).train.phases[0].steps == 9


def test_near_keys_that_are_named_are_settings():
    tree = experiment.to_dict(systems.parse("", overrides=["train.optimizers.generator.warmup_steps=1"]))
    assert set(keys.GUESSES.values()) <= set(keys.paths_of(tree))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        systems.load(tmp_path / "nowhere.yaml")
