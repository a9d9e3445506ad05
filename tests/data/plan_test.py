"""What prepare makes of a set of photographs: duplicates, training and validation, lists."""

from __future__ import annotations

import dataclasses
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.data.photos import CONFIG, names_in, photos_in, preparing
from tests.pictures import crops
from tfsketch import systems
from tfsketch.data import examples, prepare
from tfsketch.data.folders import differences, open_pictures
from tfsketch.data.plan import without_duplicates
from tfsketch.errors import DataError
from tfsketch.images import files


def test_near_duplicates_are_dropped_within_a_distance(tmp_path):
    folder, (first, second, third) = tmp_path / "photos", crops(3, 64)
    files.write_png(folder / "0.png", first)
    files.write_png(folder / "1.png", second)
    files.write_png(folder / "2.png", third)
    files.write_png(folder / "again.png", first)
    files.write_png(folder / "larger.png", cv2.resize(second, (160, 160), interpolation=cv2.INTER_CUBIC))
    Image.fromarray(third).save(folder / "pressed.jpg", quality=70)
    output = {}
    for distance in (-1, 0, 16):
        out = tmp_path / f"out{distance}"
        report = prepare.prepare([str(folder)], str(out), preparing(duplicates=distance))
        output[distance] = names_in(out)
        assert report.photographs == 6 == report.written + len(report.duplicates)
    assert len(output[-1]) == 6 and output[0] == [n for n in output[-1] if "again" not in n]
    assert output[16] == ["photos/0.png", "photos/1.png", "photos/2.png"]
    assert {(d.id, d.twin, d.kind) for d in report.duplicates} == {
        ("photos/again.png", "photos/0.png", "content"),
        ("photos/larger.png", "photos/1.png", "near"),
        ("photos/pressed.jpg", "photos/2.png", "near"),
    }
    assert all(0 <= d.bits <= 16 for d in report.duplicates)


def test_near_duplicates_are_those_of_a_full_comparison():
    rng = np.random.default_rng(0)
    hashes = [int.from_bytes(rng.bytes(32), "big") for _ in range(40)]
    for number in range(200):  # neighbours of what is there, at distances around the limit
        value = hashes[int(rng.integers(len(hashes)))]
        for bit in rng.choice(256, int(rng.integers(0, 12)), replace=False):
            value ^= 1 << int(bit)
        hashes.append(value)
    items = [examples.sources.Item(f"{n:03d}", "") for n in range(len(hashes))]
    pictures = [(i, examples.Finding(content=i.id, dhash=h)) for i, h in zip(items, hashes)]
    for distance in (1, 5, 9):
        first_ones, expected = [], []
        for item, finding in pictures:
            near = [i.id for i, f in first_ones if bin(f.dhash ^ finding.dhash).count("1") <= distance]
            expected += [(item.id, near[0])] if near else []
            first_ones += [] if near else [(item, finding)]
        unique, duplicates = without_duplicates(pictures, distance)
        assert unique == first_ones and [(d.id, d.twin) for d in duplicates] == expected and 0 < len(duplicates) < 200


def test_the_content_alone_decides_between_training_and_validation(tmp_path):
    photos = photos_in(tmp_path / "photos", 24)
    config = preparing(validation_share=0.4)
    report = prepare.prepare([str(photos)], str(tmp_path / "out"), config)
    train, validation = names_in(tmp_path / "out"), names_in(tmp_path / "out/validation")
    assert len(validation) == report.validation and 4 <= len(validation) <= 16 and len(train) + len(validation) == 24
    # Under other names, in another format, among fewer pictures: the same side.
    for number in range(0, 24, 2):
        files.write_bytes(tmp_path / "x/other" / f"{99 - number}.bmp", b"")
        Image.open(photos / f"{number}.png").save(tmp_path / "x/other" / f"{99 - number}.bmp")
    prepare.prepare([str(tmp_path / "x")], str(tmp_path / "again"), config)
    expected = sorted(f"other/{99 - n}.bmp" for n in range(0, 24, 2) if f"photos/{n}.png" in validation)
    assert names_in(tmp_path / "again/validation") == expected
    # A larger share only adds.
    prepare.prepare([str(photos)], str(tmp_path / "more"), preparing(validation_share=0.7))
    assert set(names_in(tmp_path / "more/validation")) > set(validation)


def test_lists_choose_and_leave_out(tmp_path):
    photos = photos_in(tmp_path / "photos")
    (tmp_path / "list.txt").write_text("photos/1.png\n")
    choice = prepare.prepare([str(photos)], str(tmp_path / "only"), CONFIG, only=str(tmp_path / "list.txt"))
    rest = prepare.prepare([str(photos)], str(tmp_path / "rest"), CONFIG, exclude=str(tmp_path / "list.txt"))
    assert (choice.written, choice.left_out, rest.written, rest.left_out) == (1, 2, 2, 1)
    assert names_in(tmp_path / "only") == ["photos/1.png"]


def test_lines_of_lists_that_are_no_photographs_are_said(tmp_path):
    """Bare names, names of another set and mistyped ones would silently leave a hold-out in a training."""
    photos = photos_in(tmp_path / "photos")
    lines = "photos/0.png\r\nphotos/1.png\n2.png\n"
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + lines.encode())  # as Windows' editor writes it
    report = prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG, exclude=str(tmp_path / "list.txt"))
    assert names_in(tmp_path / "out") == ["photos/2.png"] and report.left_out == 2
    assert report.unknown == (f"{tmp_path / 'list.txt'}: 2.png",)
    assert "1 lines of the lists are no photograph's" in report.text(short=True)
    assert report.unknown[0] in report.text(short=True)
    (tmp_path / "list.txt").write_bytes("photos/é.png".encode("latin-1"))
    with pytest.raises(DataError, match="list.txt: expected a list of pictures in UTF-8"):
        prepare.prepare([str(photos)], str(tmp_path / "other"), CONFIG, only=str(tmp_path / "list.txt"))


def test_a_set_that_is_all_for_validation_is_refused(tmp_path):
    """As two photographs may be: training would look for shards that were never made."""
    photos = photos_in(tmp_path / "photos", 2)
    with pytest.raises(DataError, match="none of 2 but 2 for validation, as their content decides; see .*report.txt"):
        prepare.prepare([str(photos)], str(tmp_path / "out"), preparing(validation_share=0.999))


def test_sketches_that_were_made_otherwise_are_said(tmp_path, capsys):
    prepare.prepare([str(photos_in(tmp_path / "photos"))], str(tmp_path / "out"), CONFIG)
    canny = CONFIG.sketch.canny
    capsys.readouterr()  # of its bars

    def messages(**changes) -> str:
        sketch = dataclasses.replace(CONFIG.sketch, **changes)
        assert (
            len(open_pictures(str(tmp_path / "out"), dataclasses.replace(CONFIG, sketch=sketch), tmp_path / "none"))
            == 3
        )
        return capsys.readouterr().err

    # The other settings are HED's, which these shards are not of.
    assert not messages() and not messages(bfloat16=True) and not messages(threshold=0.4)
    line = messages(canny=dataclasses.replace(canny, sigma=3.5, low=0.2))
    assert line.startswith(f"{tmp_path / 'out'}: its shards were made with ") and line.count("\n") == 1
    assert "sketch.canny.sigma 2.0 (here 3.5)" in line and "sketch.canny.low 0.4 (here 0.2)" in line
    (tmp_path / "out/validation").mkdir()
    sharper = dataclasses.replace(
        CONFIG, sketch=dataclasses.replace(CONFIG.sketch, canny=dataclasses.replace(canny, low=0.2))
    )
    assert differences(tmp_path / "out/validation", sharper)
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    plan |= {"styles": ["hed"], "sketch": {**plan["sketch"], "style": "hed", "surround": 0.0}}
    (tmp_path / "out/plan.json").write_text(json.dumps(plan))
    lines = dataclasses.replace(CONFIG, sketch=dataclasses.replace(CONFIG.sketch, style="hed"))
    assert "sketch.surround 0.0 (here 1.0)" in differences(tmp_path / "out", lines)[0]
    for text in ("{", "[]", "{}", '{"sketch": 3}', '{"sketch": {}, "color": [], "prepare": 1}'):  # another program's
        (tmp_path / "out/plan.json").write_text(text)
        assert differences(tmp_path / "out", lines) == []


def test_maps_and_squares_that_were_made_otherwise_are_said(tmp_path):
    color = dataclasses.replace(CONFIG.color, median=7, bilateral_sigma=12.0)
    others = dataclasses.replace(preparing(styles=("xdog",)), color=color)
    folder = tmp_path / "out"
    prepare.prepare([str(photos_in(tmp_path / "photos"))], str(folder), others)

    def words(config) -> str:
        return "".join(differences(folder, config))

    assert not words(others)
    assert words(CONFIG).startswith(
        f"{folder}: its shards were made with color.median 7 (here 3), color.bilateral_sigma 12.0 (here 30.0), and"
    )
    drawn_later = dataclasses.replace(color, probability=0.1, flat=0.0)  # and so no matter of shards
    assert not words(dataclasses.replace(others, color=drawn_later))
    other = dataclasses.replace(others.prepare, regions="face_parser", align="ffhq", windows=2)
    assert 'prepare.align "center" (here "ffhq"), prepare.windows 0 (here 2), prepare.regions "none" (here' in words(
        dataclasses.replace(others, prepare=other)
    )
    settings = dataclasses.replace(others.prepare, duplicates=16, validation_share=0.1, styles=())
    assert not words(dataclasses.replace(others, prepare=settings))  # which photographs, and not how
    xdog = dataclasses.replace(others.sketch, xdog=dataclasses.replace(others.sketch.xdog, phi=9.0))
    assert not words(dataclasses.replace(others, sketch=xdog))  # nothing of it is in a batch
    assert "sketch.xdog.phi 10.0 (here 9.0)" in words(
        dataclasses.replace(others, sketch=xdog, data=dataclasses.replace(others.data, maps=("xdog",)))
    )
    sheets = systems.parse("system: contextual_gan\nimage_size: 64\nsketch: {style: canny}\nprepare: {regions: none}")
    assert not words(sheets)  # it takes no colours
    assert not words(dataclasses.replace(CONFIG, model=None))  # it is after the photographs alone


def test_a_report_from_before_its_key_was_renamed_is_read(tmp_path):
    photos = photos_in(tmp_path / "photos")
    report = prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG)
    path = tmp_path / "out/report.json"
    path.write_text(path.read_text().replace('"photographs": 3', '"found": 3'))
    assert '"found"' in path.read_text() and prepare.prepare([str(photos)], str(tmp_path / "out"), CONFIG) == report
