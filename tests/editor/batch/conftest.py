"""Files to edit."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from tests.editor.batch.pictures import MASK, STROKES, noise_photo


@pytest.fixture
def folders(tmp_path):
    """Three pictures and their partners, all good."""
    for name in ("photos", "masks", "sketches", "colors", "edits"):
        (tmp_path / name).mkdir()
    for n, stem in enumerate("abc"):
        Image.fromarray(noise_photo(n)).save(tmp_path / "photos" / f"{stem}.png")
        Image.fromarray(MASK).save(tmp_path / "masks" / f"{stem}.png")
        Image.fromarray(MASK).save(tmp_path / "sketches" / f"{stem}.png")
        Image.fromarray(noise_photo(9)).save(tmp_path / "colors" / f"{stem}.png")
        (tmp_path / "edits" / f"{stem}.json").write_text(json.dumps(STROKES))
    return tmp_path
