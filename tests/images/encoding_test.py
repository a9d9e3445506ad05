"""Formats and qualities of results."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.images.originals import PHOTO, SRGB, repaint
from tfsketch.errors import ImageError
from tfsketch.images import encoding, metadata, photographs


def test_results_have_a_format_and_a_quality(tmp_path):
    photograph = photographs.of_array(PHOTO)
    edit = repaint(photograph)
    assert (np.asarray(Image.open(io.BytesIO(encoding.encode("a.webp", edit)[0]))) == edit.image).all()
    sizes = [
        len(encoding.encode(f"a{suffix}", edit, None, quality)[0])
        for suffix in (".jpg", ".webp")
        for quality in (20, 90)
    ]
    assert sizes[0] < sizes[1] and sizes[2] < sizes[3]
    assert "changes pixels outside of the edit" in encoding.encode("a.webp", edit, None, 90)[1][0]
    for name in ("a.bmp", "a.gif", "a.txt", "a"):
        with pytest.raises(ImageError, match="output: expected a file of .*.jpg.*, found a"):
            encoding.encode(name, edit)
    with pytest.raises(ImageError, match="expected a picture that fits into WEBP"):
        encoding.encode("a.webp", np.zeros((1, 20_000, 3), np.uint8))


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_results_of_the_extras_formats(suffix):
    if suffix not in encoding.KINDS:
        with pytest.raises(ImageError, match="expected a file of .*heif"):
            encoding.encode(f"a{suffix}", PHOTO)
        return
    data, notes = encoding.encode(f"a{suffix}", PHOTO, metadata.Metadata(icc=SRGB), 90)
    again = photographs.read(f"a{suffix}", data)
    assert abs(again.image.astype(int) - PHOTO).mean() < 6 and again.metadata.icc == SRGB and "quality 90" in notes[0]
