"""Finding photographs: what is found in folders, archives and lists, under which ids, and what is told apart."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest

from tests.data.photos import photos_in
from tests.pictures import crops
from tfsketch.data import sources
from tfsketch.errors import DataError, ImageError
from tfsketch.images import files

_PNG = files.encode_png(crops(1, 32)[0])


def _write(folder, *names):
    for name in names:
        files.write_bytes(folder / name, _PNG)
    return str(folder)


def _ids(pictures):
    return [item.id for item in pictures.items]


def _zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return str(path)


def test_folders_are_searched_and_other_files_counted(tmp_path):
    folder = _write(tmp_path / "in", "b.JPG", "a.png", "sub/ü ö.webp", "notes.txt", "README", "._a.png", "film.gif")
    os.mkfifo(tmp_path / "in/pipe.png")  # opening it would wait for ever
    (tmp_path / "in/linked.png").symlink_to(tmp_path / "in/a.png")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/broken.png").symlink_to(tmp_path / "nowhere.png")
    pictures = sources.find([folder])
    assert _ids(pictures) == ["in/a.png", "in/b.JPG", "in/broken.png", "in/linked.png", "sub/ü ö.webp"]
    assert pictures.ignored == {"": 2, ".gif": 1, ".png": 2, ".txt": 1}  # a link to a folder is one of them
    names = ["._a.png", "README", "film.gif", "loop", "notes.txt", "pipe.png"]
    assert [os.path.basename(path) for path in pictures.others] == names
    assert [bool(item.problem) for item in pictures.items] == [False, False, True, False, False]
    assert (pictures.repeated, pictures.left_out) == ((), 0)


def test_archives_are_read_by_member_and_never_unpacked(tmp_path):
    # Two folders of the archive with the same name at the end, and names that lead out of it.
    names = ["x/0.png", "y/x/0.png", "/abs.png", "../up.png", "a/../../up.png", "..\\up.png", "C:/c.png"]
    members = [(name, _PNG) for name in names] + [("__MACOSX/x/0.png", b""), ("list.txt", b""), ("empty/", b"")]
    pictures = sources.find([_zip(tmp_path / "in.zip", members)])
    good = [item.id for item in pictures.items if not item.problem]
    assert good == ["in.zip/x/0.png", "in.zip/y/x/0.png"]
    assert sum("inside the archive" in item.problem for item in pictures.items) == 5
    assert pictures.ignored == {".png": 1, ".txt": 1}
    content = sources.Reader()
    for item in pictures.items:
        if item.problem:
            with pytest.raises(ImageError, match="leads elsewhere"):
                content(item)
        else:
            np.testing.assert_array_equal(content(item), crops(1, 32)[0])
    assert os.listdir(tmp_path) == ["in.zip"]


def test_damaged_members_and_archives_are_named(tmp_path):
    path = tmp_path / "in.zip"
    _zip(path, [("good.png", _PNG), ("bad.png", _PNG), ("empty.png", b""), ("text.png", b"text")])
    data = bytearray(path.read_bytes())
    data[data.index(_PNG, data.index(b"bad.png")) + 60] ^= 255  # its checksum no longer fits
    path.write_bytes(data)
    content, why = sources.Reader(), {}
    for item in sources.find([str(path)]).items:
        try:
            content(item)
        except ImageError as error:
            why[item.member] = str(error)
    assert sorted(why) == ["bad.png", "empty.png", "text.png"]
    assert "in.zip/bad.png" in why["bad.png"] and "CRC" in why["bad.png"]
    assert "an empty file" in why["empty.png"] and "0x" not in why["text.png"]
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="in.zip: expected a whole zip archive"):
        sources.find([str(path)])


def test_members_that_would_not_fit_into_memory_are_not_unpacked(tmp_path, monkeypatch):
    pictures = sources.find([_zip(tmp_path / "in.zip", [("a.png", _PNG)])])
    monkeypatch.setattr(files, "MAX_BYTES", len(_PNG) - 1)
    with pytest.raises(ImageError, match=rf"a.png: expected at most {len(_PNG) - 1:,} bytes, found {len(_PNG):,}"):
        sources.Reader()(pictures.items[0])


def test_lists_name_files_and_every_line_counts(tmp_path):
    _write(tmp_path / "in", "a.png", "b c.png", "no_suffix")
    lines = ["in/a.png", "", "  in/b c.png ", "in/missing.png", "in", "in/no_suffix", "in/../in/a.png"]
    (tmp_path / "list.txt").write_text("\n".join([*lines, str(tmp_path / "in/a.png")]), encoding="utf-8")
    pictures = sources.find([str(tmp_path / "list.txt")])
    assert _ids(pictures) == ["in/a.png", "in/b c.png", "in/missing.png", "in/no_suffix", f"{tmp_path.name}/in"]
    problems = {item.id: item.problem for item in pictures.items if item.problem}
    assert sorted(problems) == ["in/missing.png", f"{tmp_path.name}/in"]
    assert "list.txt, line 4: expected a picture, found no file" in problems["in/missing.png"]
    assert pictures.repeated == ("in/a.png", "in/a.png")
    (tmp_path / "binary.dat").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="binary.dat: expected a folder"):
        sources.find([str(tmp_path / "binary.dat")])


def test_ids_are_as_long_as_it_takes_and_do_not_depend_on_the_order(tmp_path):
    first = _write(tmp_path / "one", "images/0.png", "images/1.png")
    second = _write(tmp_path / "two", "images/0.png")
    pictures = sources.find([first, second])
    assert _ids(pictures) == ["images/1.png", "one/images/0.png", "two/images/0.png"]
    assert pictures == sources.find([second, first])
    # A list may name them by the last two parts, which means both, or by the whole id.
    (tmp_path / "both.txt").write_text("images/0.png\n")
    (tmp_path / "one.txt").write_text("one/images/0.png\n")
    assert _ids(sources.find([first, second], only=str(tmp_path / "both.txt"))) == _ids(pictures)[1:]
    left = sources.find([first, second], exclude=str(tmp_path / "one.txt"))
    assert _ids(left) == ["images/1.png", "two/images/0.png"] and left.left_out == 1
    # Overlapping inputs give each file once.
    again = sources.find([first, str(tmp_path / "one/images"), str(tmp_path / "one/images/0.png")])
    assert _ids(again) == ["images/0.png", "images/1.png"]
    assert again.repeated == ("images/0.png", "images/0.png", "images/1.png")


def test_a_name_that_is_no_text_is_refused(tmp_path):
    _write(tmp_path / "in", "a.png")
    with open(os.fsencode(tmp_path / "in") + b"/\xff.png", "wb") as file:
        file.write(_PNG)
    pictures = sources.find([str(tmp_path / "in")])
    assert _ids(pictures) == ["in/\\udcff.png", "in/a.png"]
    with pytest.raises(ImageError, match="expected a name in UTF-8"):
        sources.Reader()(pictures.items[0])


def test_inputs_with_nothing_in_them_are_named(tmp_path):
    with pytest.raises(ImageError, match="nowhere"):
        sources.find([str(tmp_path / "nowhere")])
    (tmp_path / "bare").mkdir()
    with pytest.raises(ImageError, match="bare, found none"):
        sources.find([str(tmp_path / "bare")])
    _write(tmp_path / "in", "a.png")
    (tmp_path / "none.txt").write_text("in/9.png\n")
    with pytest.raises(DataError, match="left none of 1"):
        sources.find([str(tmp_path / "in")], only=str(tmp_path / "none.txt"))
    with pytest.raises(DataError, match="nowhere.txt"):
        sources.find([str(tmp_path / "in")], exclude=str(tmp_path / "nowhere.txt"))


def test_an_input_is_found_however_its_accents_are_written(tmp_path):
    photos_in(tmp_path / "cafe\u0301", 1)
    assert [item.id for item in sources.find([str(tmp_path / "caf\u00e9")]).items] == ["cafe\u0301/0.png"]
