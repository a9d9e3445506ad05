"""Paths are paths, whatever a library would read in their names."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf

from tests.pictures import crops
from tests.tiny import SYSTEMS
from tfsketch import systems
from tfsketch.config import cli
from tfsketch.data import folders, shards, sources
from tfsketch.errors import DataError
from tfsketch.images import files, paths

NAMES = ["p, [1]", "a*b", "c?d", "{a,b}", "g\\h", "-x", "a b #1", unicodedata.normalize("NFD", "é ü")]


@pytest.mark.parametrize("name", NAMES)
def test_tensorflow_finds_what_it_saved_under_any_name(tmp_path, name):
    folder, variable = tmp_path / name, tf.Variable([1.0, 2.0])
    folder.mkdir()
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=variable), paths.literal(folder), max_to_keep=2)
    for step in range(4):
        manager.save(checkpoint_number=step)
    assert sorted(p.name for p in folder.glob("*.index")) == ["ckpt-2.index", "ckpt-3.index"]
    variable.assign([0.0, 0.0])
    tf.train.Checkpoint(v=variable).restore(tf.train.latest_checkpoint(paths.literal(folder))).assert_consumed()
    assert variable.numpy().tolist() == [1.0, 2.0]
    other = paths.literal_prefix(folder / "ckpt-3")
    assert tf.train.load_checkpoint(other).has_tensor("v/.ATTRIBUTES/VARIABLE_VALUE")


def test_a_checkpoint_may_have_brackets_in_its_own_name(tmp_path):
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(tmp_path / "plain"))
    for file in list(tmp_path.iterdir()):
        file.rename(tmp_path / file.name.replace("plain", "SC-FEGAN [1].ckpt"))
    assert tf.train.load_checkpoint(paths.literal_prefix(tmp_path / "SC-FEGAN [1].ckpt")).get_variable_to_shape_map()


def test_a_path_without_such_characters_stays(tmp_path):
    assert paths.literal(tmp_path) == str(tmp_path) and paths.literal("runs/mine") == "runs/mine"


def test_a_list_is_split_into_what_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p, [1]", "a", "b", "c,d"):
        os.mkdir(name)
    for text, expected in (
        ("p, [1]", ["p, [1]"]),
        ("a,b", ["a", "b"]),
        ("a, b", ["a", "b"]),
        ("a,c,d,p, [1]", ["a", "c,d", "p, [1]"]),
        ("missing,a", ["missing", "a"]),
        ("missing", ["missing"]),
        (" a", [" a"]),
    ):
        assert paths.split(text, "--input") == expected
    os.mkdir("a,b")
    with pytest.raises(DataError, match="--input: expected one way to read 'a,b', found 'a' . 'b' and 'a,b'"):
        paths.split("a,b", "--input")


def test_settings_take_any_folder_for_what_it_is():
    for name in ("[1]", "2024", "p #2", "*x", "&x", "- x", "a: b", "yes", "~", "p, [1]", "{a}"):
        settings = systems.load("configs/sc_fegan_smoke_64.yaml", [f"data.train={name}"])
        assert settings.data.train == name
    assert systems.load("configs/sc_fegan_smoke_64.yaml", ["data.train='a b'"]).data.train == "a b"
    assert systems.load("configs/sc_fegan_smoke_64.yaml", ["train.batch_size=3"]).train.batch_size == 3


def test_shards_and_photographs_are_found_under_any_name(tmp_path):
    settings = systems.parse(SYSTEMS["sc_fegan"])  # whose photographs are prepared without a network
    for name in NAMES:
        for number, picture in enumerate(crops(2, 64)):
            files.write_png(tmp_path / name / f"{number}.png", picture)
        folder = str(tmp_path / name)
        assert len(sources.find(paths.split(folder, "--input")).items) == 2
        assert len(folders.open_pictures(folder, settings, tmp_path / f"{name} shards, [x]")) == 2
        assert len(shards.Shards(str(tmp_path / f"{name} shards, [x]"), settings.stored_size)) == 2


def test_files_whose_names_begin_with_a_dash_are_no_flags(tmp_path, monkeypatch):
    from tools import edit  # noqa: F401  (its flags)

    monkeypatch.chdir(tmp_path)
    for name in ("-x.jpg", "--image"):
        (tmp_path / name).touch()
    arguments = ["edit", "-x.jpg", "--image=-x.jpg", "--image", "-x.jpg", "--nomark", "-missing.jpg"]
    assert cli.with_paths(arguments) == [
        "edit", "./-x.jpg", "--image=-x.jpg", "--image", "./-x.jpg", "--nomark", "-missing.jpg"
    ]  # fmt: skip


def test_names_that_are_no_text_can_be_printed():
    code = "from tfsketch.config import cli; cli.run(lambda argv: print('\\udcff.jpg'))"
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert process.stdout.strip() == b"\\udcff.jpg"


def test_a_folder_is_not_named_as_a_file_is(tmp_path):
    for name in ("a.jxl", "a.PNG", "a.b/c.h5", "run.keras"):
        with pytest.raises(
            DataError, match=f"--output: expected a folder, found a file's name, .*{name}; for a folder"
        ):
            paths.check_folder(tmp_path / name, "--output")
        assert not any(tmp_path.iterdir())
        paths.check_folder(f"{tmp_path / name}/", "--output")
    for name in ("a", ".cache", "2026.11.30", "sc_fegan_0.5", "run.v2", "of J. Smith", "a.b/c"):
        paths.check_folder(tmp_path / name, "--output")
    (tmp_path / "there.old").mkdir()
    paths.check_folder(tmp_path / "there.old", "--output")


def test_accents_are_compared_composed(tmp_path):
    name = unicodedata.normalize("NFD", "café.png")
    files.write_png(tmp_path / "été" / name, crops(1, 64)[0])
    assert paths.on_disk(tmp_path / unicodedata.normalize("NFD", "été") / "café.png") == str(tmp_path / "été" / name)
    assert paths.split(f"{tmp_path}/été, {tmp_path}/{unicodedata.normalize('NFD', 'été')}/café.png", "data.train") == [
        str(tmp_path / "été"),
        str(tmp_path / "été" / name),
    ]
    apart, settings = tmp_path / unicodedata.normalize("NFD", "été"), systems.parse(SYSTEMS["sc_fegan"])
    assert len(folders.open_pictures(str(apart), settings, tmp_path / "shards")) == 1
    assert paths.on_disk(tmp_path / "missing.png") == str(tmp_path / "missing.png")
    (tmp_path / "list.txt").write_text("été/café.png\n", encoding="utf-8")
    assert not sources.find([str(tmp_path / "list.txt")]).items[0].problem
    pictures = sources.find([str(tmp_path / "été")])
    (tmp_path / "only.txt").write_text("été/café.png\n", encoding="utf-8")
    assert sources.find([str(tmp_path / "été")], only=str(tmp_path / "only.txt")) == pictures
    with pytest.raises(DataError, match="the lists left none"):
        sources.find([str(tmp_path / "été")], exclude=str(tmp_path / "only.txt"))
