"""Reading and writing pictures: what is accepted, what is refused, and that messages name the file."""

from __future__ import annotations

import errno
import io
import os
import pathlib
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from tfsketch.data import sources
from tfsketch.errors import DataError, ImageError
from tfsketch.images import files, finder, meaning, photographs, sheets, sizes

SQUARE = np.zeros((12, 16), np.uint8)
SQUARE[3:9, 4:12] = 255
EMPTY = np.zeros((24, 32), np.uint8)


def _photo(height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _png_of_size(path: pathlib.Path, width: int, height: int) -> None:
    """A PNG whose header promises a size that its data does not hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))


def test_png_round_trip(tmp_path):
    rgba = np.dstack([_photo(), np.full((24, 32), 255, np.uint8)])
    for name, picture in (("rgb", _photo()), ("rgba", rgba)):
        files.write_png(tmp_path / "new" / f"{name}.png", picture)
    assert (files.read_rgb(tmp_path / "new" / "rgb.png") == _photo()).all()
    assert (np.asarray(Image.open(tmp_path / "new" / "rgba.png")) == rgba).all()
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["rgb.png", "rgba.png"]  # no partial file is left


def test_nothing_is_left_of_a_failed_write(tmp_path, monkeypatch):
    files.write_bytes(tmp_path / "a.png", b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        files.write_bytes(tmp_path / "a.png", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.png", b"old")]


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        files.write_bytes(tmp_path / "a.png", b"new")
    assert caught.value.filename == str(tmp_path / "a.png") and not list(tmp_path.iterdir())


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_new_files_take_the_permissions_that_the_umask_leaves(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        files.write_bytes(tmp_path / "new" / "a.png", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "new/a.png").stat().st_mode & 0o777 == mode
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o777 & ~umask
    (tmp_path / "new/a.png").chmod(0o640)
    files.write_bytes(tmp_path / "new" / "a.png", b"newer")
    assert (tmp_path / "new/a.png").stat().st_mode & 0o777 == 0o640


def test_a_name_may_be_as_long_as_a_file_system_allows(tmp_path):
    files.write_bytes(tmp_path / f"{'a' * 251}.png", b"new")
    assert [p.name for p in tmp_path.iterdir()] == [f"{'a' * 251}.png"]


def test_unreadable_files_are_refused_by_name(tmp_path):
    Image.fromarray(_photo()).save(tmp_path / "whole.jpg")
    Image.fromarray(_photo()).save(tmp_path / "whole.png")
    for name in ("whole.jpg", "whole.png"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"truncated_{name}").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    for name, actual in (
        ("truncated_whole.jpg", "found: .*truncated"),
        ("truncated_whole.png", "found: .*truncated"),
        ("empty.png", "an empty file"),
        ("text.png", "cannot identify"),
        ("missing.png", "no file"),
    ):
        for read in (files.read_rgb, meaning.read_mask, meaning.read_sketch, meaning.read_color):
            with pytest.raises(ImageError, match=f"(?i){name}.*{actual}|{actual}.*{name}"):
                read(tmp_path / name)


@pytest.mark.parametrize("side", [12_000, 60_000])  # Pillow has a limit of its own between the two
def test_gigapixels_are_refused_before_decoding(tmp_path, side):
    _png_of_size(tmp_path / "giga.png", side, side)
    with pytest.raises(ImageError, match=r"giga.png: expected at most 100,000,000 pixels"):
        files.read_rgb(tmp_path / "giga.png")


def test_other_modes_become_rgb(tmp_path):
    photo = _photo()
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "cmyk.tiff")
    Image.fromarray(photo[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(photo[..., 0].astype(np.uint16) * 257).save(tmp_path / "grey16.png")
    Image.fromarray(np.dstack([photo, photo[..., 0]])).save(tmp_path / "rgba.png")
    assert np.abs(files.read_rgb(tmp_path / "cmyk.tiff").astype(int) - photo).max() <= 1
    for name in ("grey.png", "grey16.png"):
        assert (files.read_rgb(tmp_path / name) == photo[..., :1]).all()
    assert (files.read_rgb(tmp_path / "rgba.png") == photo).all()
    Image.fromarray(photo[..., 0].astype(np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(ImageError, match="float.tiff: expected 8 or 16 bits a channel"):
        files.read_rgb(tmp_path / "float.tiff")


def test_animations_and_pages_are_refused(tmp_path):
    frames = [Image.fromarray(_photo()), Image.fromarray(255 - _photo())]
    for name, kind in (("a.webp", None), ("a.tiff", None), ("apng.png", "PNG"), ("gif.png", "GIF")):
        frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match=f"{name}: expected one picture, found several"):
            files.read_rgb(tmp_path / name)
        frames[0].save(tmp_path / name, kind)
        assert files.read_rgb(tmp_path / name).shape == (24, 32, 3)
    frames[0].save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(files.read_rgb(tmp_path / "phone.jpg").astype(int) - _photo()).mean() < 60


def _ftyp(major: bytes, *others: bytes) -> bytes:
    """The begin of a file of ISO/IEC 14496-12."""
    body = b"ftyp" + major + bytes(4) + b"".join(others)
    return struct.pack(">I", 4 + len(body)) + body + struct.pack(">I", 8) + b"mdat" + b"\xff" * 200


def _archive(name: str, content: bytes) -> bytes:
    """A ZIP archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data, message",
    [
        (_ftyp(b"heic", b"mif1", b"heic"), "HEIC; .*heif"),
        (_ftyp(b"mif1", b"miaf", b"heix"), "HEIC; .*heif"),
        (_ftyp(b"avif", b"mif1"), "AVIF; .*heif"),
        (_ftyp(b"mif1", b"avif"), "AVIF; .*heif"),
        (_ftyp(b"isom", b"mp42"), "a video, or a camera's raw file"),
        (b"\xff\x0a" + bytes(100), "a JPEG XL file, which is not read"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), "a JPEG XL file, which is not read"),
        (b"%PDF-1.7" + bytes(100), "a PDF"),
        (_archive("mimetype", b"application/x-krita"), "a Krita file"),
        (_archive("Document.archive", b"bplist00"), r"an archive \(ZIP\), as Procreate's files are"),
        (b"gimp xcf v011\0" + bytes(100), "a GIMP file"),
        (b"CSFCHUNK" + bytes(100), "a Clip Studio file"),
        (b"II*\0\x08\0\0\0" + bytes(100), "a TIFF file of floating point"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "an SVG file or another text in XML"),
        (b"\n<!DOCTYPE html><html>404</html>", "a web page: download the picture itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS's pointer to a file: `git lfs pull`"),
    ],
)
def test_what_is_not_read_is_told_by_its_content(tmp_path, monkeypatch, data, message):
    """Under whatever name: telephones' HEIC photographs go round as .jpg."""
    kinds = {kind: suffixes for kind, suffixes in files._KINDS.items() if kind not in ("HEIF", "AVIF")}
    monkeypatch.setattr(files, "_KINDS", kinds)
    monkeypatch.setattr(files, "_FORMATS", tuple(kinds))
    (tmp_path / "photo.jpg").write_bytes(data)
    for read in (files.read_rgb, meaning.read_mask, meaning.read_sketch, meaning.read_color, photographs.read):
        with pytest.raises(ImageError, match=f"photo.jpg: expected a readable picture, found {message}"):
            read(tmp_path / "photo.jpg")
    with pytest.raises(ImageError, match=f"archive.zip/a.jpg: expected a readable picture, found {message}"):
        files.read_rgb("archive.zip/a.jpg", data)
    monkeypatch.setattr(files, "SUFFIXES", files.SUFFIXES - {".heic"})
    monkeypatch.setattr(files, "LOCKED", frozenset([".heic"]))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.heic").write_bytes(data)
    for find in (lambda: finder.find_pictures(tmp_path / "folder"), lambda: sources.find([str(tmp_path / "folder")])):
        with pytest.raises(ImageError, match="found none; .heic: pip install .*heif.* reads them"):
            find()
    if b"ftyp" in data and "another" not in message:  # else a list of files, or no text
        with pytest.raises(DataError, match=f"a.heic: expected a folder, .* found {message}"):
            sources.find([str(tmp_path / "folder/a.heic")])


def test_the_thumbnail_of_a_raw_photograph_is_not_taken_for_it(tmp_path):
    photo = Image.fromarray(_photo())
    photo.save(tmp_path / "photo.dng", "TIFF", tiffinfo={254: 1})
    photo.save(tmp_path / "whole.tif", tiffinfo={254: 0})
    assert files.read_rgb(tmp_path / "whole.tif").shape == (24, 32, 3)
    with pytest.raises(ImageError, match="photo.dng: expected a photograph, found .*small copy .* raw files"):
        files.read_rgb(tmp_path / "photo.dng")


def test_pictures_are_read_from_memory_as_from_a_file(tmp_path, monkeypatch):
    files.write_png(tmp_path / "a.png", _photo())
    data = (tmp_path / "a.png").read_bytes()
    assert (files.read_rgb("archive.zip/a.png", data) == _photo()).all()
    for content, actual in (
        (data[:100], "image file is truncated"),
        (b"", "an empty file"),
        (b"text", "cannot identify"),
    ):
        with pytest.raises(ImageError, match=f"archive.zip/a.png: .* found.*{actual}") as error:
            files.read_rgb("archive.zip/a.png", content)
        assert "0x" not in str(error.value)  # no address: a report must not change from run to run
    monkeypatch.setattr(files, "MAX_BYTES", 50)
    for where in ((tmp_path / "a.png",), ("archive.zip/a.png", data)):
        with pytest.raises(ImageError, match=f"a.png: expected at most 50 bytes, found {len(data):,}"):
            files.read_rgb(*where)


def test_labels_are_indices(tmp_path):
    labels = np.arange(24 * 32).reshape(24, 32).astype(np.uint8) % 19
    picture = Image.frombytes("P", labels.shape[::-1], labels.tobytes())
    picture.putpalette([255 - i // 3 for i in range(768)])
    picture.save(tmp_path / "palette.png")
    Image.fromarray(labels).save(tmp_path / "grey.png")
    for name in ("palette.png", "grey.png"):
        assert (files.read_labels(tmp_path / name) == labels).all()
    files.write_png(tmp_path / "colors.png", _photo())
    with pytest.raises(
        ImageError, match="colors.png: expected labels as a palette or 8-bit grey picture, found mode RGB"
    ):
        files.read_labels(tmp_path / "colors.png")


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(_photo()).save(tmp_path / "turned.png", exif=exif)
    assert (files.read_rgb(tmp_path / "turned.png") == np.rot90(_photo(), -1)).all()


def test_masks_from_every_kind_of_file(tmp_path):
    Image.fromarray(SQUARE).save(tmp_path / "grey.png")
    Image.fromarray(SQUARE).convert("1").save(tmp_path / "bits.png")
    Image.fromarray(SQUARE // 255).save(tmp_path / "ones.png")
    Image.fromarray(SQUARE.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    Image.fromarray((SQUARE // 255).astype(np.uint16)).save(tmp_path / "sixteen_ones.png")
    Image.fromarray(np.dstack([SQUARE * 0] * 3 + [SQUARE])).save(tmp_path / "black_alpha.png")
    Image.fromarray(np.dstack([SQUARE * 0 + 255] * 3 + [SQUARE])).save(tmp_path / "white_alpha.png")
    notes = {
        "grey": "",
        "bits": "",
        "ones": "0 and 1",
        "sixteen": "",
        "sixteen_ones": "0 and 1",
        "black_alpha": "alpha channel",
        "white_alpha": "alpha channel",
    }
    for name, expected in notes.items():
        mask, text = meaning.read_mask(tmp_path / f"{name}.png")
        assert mask.dtype == np.uint8 and (mask == SQUARE // 255).all(), name
        assert (len(text) == 1 and expected in text[0] and name in text[0]) if expected else not text, (name, text)


def test_antialiased_mask_is_thresholded_and_said_so(tmp_path):
    grey = SQUARE.copy()
    grey[3], grey[8] = np.minimum(grey[3], 127), np.minimum(grey[8], 128)
    Image.fromarray(grey).save(tmp_path / "soft.png")
    mask, notes = meaning.read_mask(tmp_path / "soft.png")
    assert (mask == (grey >= 128)).all()
    assert len(notes) == 1 and "thresholded at 0.5" in notes[0]


def test_sketches_of_either_polarity(tmp_path):
    lines = np.zeros((20, 20), np.uint8)
    lines[5, 2:18] = 255
    Image.fromarray(lines).save(tmp_path / "bright.png")
    Image.fromarray(255 - lines).save(tmp_path / "dark.png")
    Image.fromarray(lines // 255).save(tmp_path / "ones.png")
    Image.fromarray(np.dstack([lines * 0] * 3 + [lines])).save(tmp_path / "ink.png")
    for name, expected in (("bright", ""), ("dark", "dark strokes"), ("ones", ""), ("ink", "alpha channel")):
        sketch, notes = meaning.read_sketch(tmp_path / f"{name}.png")
        assert (sketch == lines // 255).all(), name
        assert expected in "".join(notes) and bool(notes) == bool(expected)


def test_colors_on_black_and_on_transparent_paper(tmp_path):
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[1:3, 1:5] = (200, 10, 0, 255)
    rgba[4, 1:5] = (0, 0, 0, 255)  # black paint, on transparent paper only
    rgba[5, 1:5] = (9, 9, 9, 60)  # hardly there
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    Image.fromarray(rgba[..., :3] * (rgba[..., 3:] > 128)).save(tmp_path / "black.png")
    expected = np.where(rgba[..., 3:] >= 128, rgba, 0)
    assert (meaning.read_color(tmp_path / "alpha.png")[0] == expected).all()
    expected[4] = 0
    assert (meaning.read_color(tmp_path / "black.png")[0] == expected).all()


def test_center_square_and_contact_sheet():
    assert (sizes.center_square(_photo(24, 32), 24) == _photo(24, 32)[:, 4:28]).all()
    assert sizes.center_square(_photo(24, 32), 10).shape == (10, 10, 3)
    sheet = sheets.contact_sheet([[_photo(), EMPTY], [_photo(), EMPTY]], ["photo", "mask"], pad=2)
    assert sheet.shape == (16 + 2 * 28, 2 * 36, 3) and sheet.dtype == np.uint8
    assert (sheet[18:42, 2:34] == _photo()).all()
    wide = sheets.contact_sheet([[_photo(64, 64)] * 2], ["face regions", "hed"])
    assert (wide[:16, :64] < 128).any() and (wide[:16, 67:71] == 255).all()  # a title ends above its own column
