"""Preparing shards: what is refused, what a kill leaves, and that a second run changes nothing."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import crops
from tfsketch import config, data, images, prepare
from tfsketch.errors import DataError, ImageError

_CONFIG = config.parse("image_size: 32\nsketch: {min_side: 48}\nmodel: {generator: {stages: 3, kernels: [3, 3, 3]}}")


def _photos(folder, count=3):
    for number, crop in enumerate(crops(count, 32)):
        images.write_png(folder / f"{number}.png", crop)
    return folder


def _files(folder):
    return {p.name: p.read_bytes() for p in sorted(pathlib.Path(folder).iterdir())}


def test_pictures_become_examples_and_bad_ones_are_named(tmp_path):
    photos = _photos(tmp_path / "photos")
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.png").write_text("not a picture")
    (photos / "cut.png").write_bytes((photos / "0.png").read_bytes()[:200])
    images.write_png(photos / "small.png", np.zeros((4, 4, 3), np.uint8))
    images.write_png(photos / "wide.png", np.zeros((40, 90, 3), np.uint8))
    report = prepare.prepare([str(photos)], str(tmp_path / "out"), _CONFIG)
    assert report.written == 4 and len(report.refused) == 4
    for name in ("empty.jpg", "text.png", "cut.png", "small.png"):
        assert sum(name in line for line in report.refused) == 1
    shards = data.Shards(str(tmp_path / "out"), 32)
    assert len(shards) == 4 and shards[0].name == "photos/0.png"
    np.testing.assert_array_equal(shards[0].image, crops(3, 32)[0])
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["examples"] == 4 and manifest["refused"] == 4


def test_running_again_or_after_a_kill_gives_the_same_files(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_SHARD", 2)
    photos = _photos(tmp_path / "photos", 5)
    prepare.prepare([str(photos)], str(tmp_path / "whole"), _CONFIG)
    real, calls = prepare._write_shard, []

    def dies(path, *args):
        calls.append(path)
        if len(calls) == 2:
            path.with_name(f".{path.name}.partial").write_bytes(b"half")  # what SIGKILL leaves behind
            raise KeyboardInterrupt
        real(path, *args)

    monkeypatch.setattr(prepare, "_write_shard", dies)
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare([str(photos)], str(tmp_path / "killed"), _CONFIG)
    monkeypatch.setattr(prepare, "_write_shard", real)
    prepare.prepare([str(photos)], str(tmp_path / "killed"), _CONFIG)
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")
    prepare.prepare([str(photos)], str(tmp_path / "whole"), _CONFIG)
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


def test_lists_choose_and_leave_out(tmp_path):
    photos = _photos(tmp_path / "photos")
    (tmp_path / "list.txt").write_text("photos/1.png\n")
    assert prepare.prepare([str(photos)], str(tmp_path / "only"), _CONFIG, only=str(tmp_path / "list.txt")).written == 1
    assert (
        prepare.prepare([str(photos)], str(tmp_path / "rest"), _CONFIG, exclude=str(tmp_path / "list.txt")).written == 2
    )
    (tmp_path / "none.txt").write_text("photos/9.png\n")
    with pytest.raises(DataError, match="left none of 3"):
        prepare.prepare([str(photos)], str(tmp_path / "none"), _CONFIG, only=str(tmp_path / "none.txt"))
    with pytest.raises(DataError, match="nowhere.txt"):
        prepare.prepare([str(photos)], str(tmp_path / "x"), _CONFIG, only=str(tmp_path / "nowhere.txt"))


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(ImageError, match="nowhere"):
        prepare.prepare([str(tmp_path / "nowhere")], str(tmp_path / "out"), _CONFIG)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ImageError, match="bare, found none"):
        prepare.prepare([str(tmp_path / "bare")], str(tmp_path / "out"), _CONFIG)


def test_another_input_into_the_same_output_is_refused(tmp_path):
    photos = _photos(tmp_path / "photos")
    prepare.prepare([str(photos)], str(tmp_path / "out"), _CONFIG)
    (photos / "0.png").unlink()
    with pytest.raises(DataError, match="choose another --output"):
        prepare.prepare([str(photos)], str(tmp_path / "out"), _CONFIG)


def test_the_binary_reports_and_counts(tmp_path):
    photos = _photos(tmp_path / "photos")
    (photos / "bad.png").write_text("no")
    (tmp_path / "c.yaml").write_text(config.dump(_CONFIG))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tools.prepare_data",
            f"--input={photos}",
            f"--output={tmp_path / 'out'}",
            f"--config={tmp_path / 'c.yaml'}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "bad.png" in done.stdout and "3 pictures" in done.stdout
    assert (tmp_path / "out/contact_sheet.png").exists()
