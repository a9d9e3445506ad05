"""The one finder of photographs: what it takes, and that what it leaves out is told."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.pictures import crops
from tfsketch.data import sources
from tfsketch.errors import ImageError
from tfsketch.images import files, finder

NAMES = ("b.JPG", "a.png", "note.txt", "sub/c.webp", "d.jfif", "e.JPE", "._a.png", "Thumbs.db")
PICTURES = ["a.png", "b.JPG", "d.jfif", "e.JPE", "c.webp"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


def test_pictures_are_found_by_name(folder, tmp_path):
    assert [p.name for p in finder.find_pictures(folder)] == PICTURES
    assert sorted(item.id.rpartition("/")[2] for item in sources.find([str(folder)]).items) == sorted(PICTURES)
    with pytest.raises(ImageError, match="no folder at"):
        finder.find_pictures(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="expected pictures .* found none"):
        finder.find_pictures(tmp_path / "empty")


def test_what_is_left_out_is_told_by_kind(folder):
    (folder / "linked").symlink_to(folder / "sub")
    (folder / "broken.png").symlink_to(folder / "nowhere.png")
    kinds = {path.rpartition("/")[2]: kind for path, kind in finder.walk(folder)}
    assert [name for name, kind in kinds.items() if kind == finder.OTHER] == [
        "._a.png",
        "Thumbs.db",
        "linked",
        "note.txt",
    ]
    assert [name for name, kind in kinds.items() if kind == finder.BROKEN] == ["broken.png"]


def test_names_for_people_are_counted():
    assert finder.summary(["a.txt"]) == "1 file: a.txt"
    text = finder.summary([f"{n}.mov" for n in range(60)])
    assert text.startswith("60 files: 0.mov, 1.mov") and text.endswith("49.mov and 10 more (10 .mov)")


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_the_formats_of_the_extra_are_read_or_named(tmp_path, suffix):
    if suffix in files.LOCKED:
        assert "extra" in finder.summary([f"a{suffix}"]) or "heif" in finder.summary([f"a{suffix}"])
        pytest.skip("without the extra heif")
    picture = crops(1, 64)[0]
    Image.fromarray(picture).save(tmp_path / f"a{suffix}", quality=90)
    assert finder.find_pictures(tmp_path) == [tmp_path / f"a{suffix}"]
    assert abs(files.read_rgb(tmp_path / f"a{suffix}").astype(int) - picture).mean() < 6
