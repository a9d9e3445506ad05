"""The blocks of a JPEG that an edit did not touch are the photograph's own."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.pictures import crops
from tfsketch.images import blocks, encoding, photographs

PHOTO = crops(1, 128)[0][:100, :115]


def _edit(photograph):
    result = photograph.image.copy()
    result[40:60, 48:80] = 255 - result[40:60, 48:80]
    return photograph.with_result(result)


@pytest.mark.parametrize(
    ("sampling", "progressive", "orientation"),
    [
        (0, False, 1),
        (1, False, 1),
        (2, False, 1),
        (2, True, 1),
        (2, False, 3),
        (2, False, 5),
        (1, True, 6),
        (2, False, 8),
    ],
)
def test_untouched_blocks_are_the_photographs_own(tmp_path, sampling, progressive, orientation):
    jpeglib = pytest.importorskip("jpeglib")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Camera"
    path = tmp_path / "é, [1].jpg"
    Image.fromarray(PHOTO).save(
        path, quality=83, subsampling=sampling, progressive=progressive, exif=exif, comment=b"mine"
    )
    edit = _edit(photographs.read(path))
    data, notes = encoding.encode("b.jpg", edit)
    assert len(notes) == 1 and "the others are the photograph's own" in notes[0]
    (tmp_path / "b.jpg").write_bytes(data)
    old, new = jpeglib.read_dct(str(path)), jpeglib.read_dct(str(tmp_path / "b.jpg"))
    for name in ("Y", "Cb", "Cr"):
        differ = (getattr(old, name) != getattr(new, name)).any(axis=(2, 3))
        assert 0 < differ.sum() < 0.3 * differ.size
    again = photographs.read(tmp_path / "b.jpg")
    assert again.image.shape == edit.image.shape and again.metadata.comment == b"mine"
    assert abs(again.image[42:58, 50:78].astype(int) - edit.image[42:58, 50:78]).mean() < 12
    far = np.ones(PHOTO.shape[:2], bool) if orientation < 5 else np.ones(PHOTO.shape[1::-1], bool)
    far[15:85, 23:105] = False
    assert (again.image[far] == edit.image[far]).all()
    assert encoding.encode("b.jpg", edit, None, 80)[1] == [
        "all of it is re-encoded, outside of the edit too, since a quality was asked for"
    ]


def test_a_jpeg_of_red_green_and_blue_stays_one(tmp_path):
    pytest.importorskip("jpeglib")
    path = tmp_path / "a.jpg"
    Image.fromarray(PHOTO).save(path, quality=90, subsampling=0, keep_rgb=True)
    edit = _edit(photographs.read(path))
    data, notes = encoding.encode("b.jpg", edit)
    assert "the others are the photograph's own" in notes[0]
    again = photographs.read("b.jpg", data).image
    assert (
        abs(again.astype(int) - edit.image).mean() < 1
        and abs(again[40:60, 48:80].astype(int) - edit.image[40:60, 48:80]).mean() < 6
    )


def test_a_sampling_that_is_not_written_is_named(tmp_path):
    cv2.imwrite(
        str(tmp_path / "a.jpg"), PHOTO, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411]
    )
    _, notes = encoding.encode("b.jpg", _edit(photographs.read(tmp_path / "a.jpg")))
    assert notes == [
        "all of it is re-encoded, outside of the edit too, since the photograph stores its colours at a resolution that"
        " Pillow does not write"
    ]


def test_without_a_jpeg_all_is_re_encoded_and_that_is_said(tmp_path):
    edit = _edit(photographs.of_array(PHOTO))
    assert "since the photograph is no JPEG" in encoding.encode("b.jpg", edit)[1][0]
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", subsampling="4:4:4")
    grey = photographs.read(tmp_path / "a.jpg")
    data, why = blocks.merge(tmp_path / "a.jpg", PHOTO[..., 0], np.ones(PHOTO.shape[:2], bool))
    assert data is None and "not those of the result" in why and grey.source


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg")
    monkeypatch.setenv("PYTHONPATH", "")
    (tmp_path / "jpeglib.py").write_text("raise ModuleNotFoundError(\"No module named 'jpeglib'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    data, notes = encoding.encode("b.jpg", _edit(photographs.read(tmp_path / "a.jpg")))
    assert "'.[jpeg]' keeps untouched blocks" in notes[0] and Image.open(io.BytesIO(data)).size == (115, 100)
