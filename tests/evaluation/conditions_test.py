"""The page of conditions: every sheet has its pictures, and features are counted as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from tfsketch import config as config_lib
from tfsketch.conditions import regions, sketches
from tfsketch.data.shards import Picture
from tfsketch.evaluation import conditions

CONFIG = config_lib.Config(image_size=64, sketch=config_lib.SketchConfig(style="canny"))


def _face(side: int = 64) -> Picture:
    """Flat colours: two eyes, a nose and a mouth on a face."""
    region_map = np.zeros((side, side), np.uint8)
    region_map[8:60, 10:54] = regions.REGIONS.index("skin")
    region_map[8:18, 10:54] = regions.REGIONS.index("hair")
    region_map[24:29, 16:26], region_map[24:29, 38:48] = [regions.REGIONS.index("eyes")] * 2
    region_map[30:40, 29:36], region_map[46:50, 24:40] = regions.REGIONS.index("nose"), regions.REGIONS.index("lips")
    image = regions.to_rgb(region_map)
    image[region_map == regions.REGIONS.index("nose")] = (
        0  # its colour on the palette is too near to the skin's for Canny
    )
    return Picture("face", {"image": image, "regions": region_map})


@pytest.fixture(name="light")
def _light(monkeypatch) -> None:
    """Without HED, which takes seconds."""
    monkeypatch.setattr(sketches, "STYLES", ("canny", "xdog"))


@pytest.mark.usefixtures("light")
def test_every_sheet_is_full():
    picture = _face()
    for name, (rows, titles) in conditions.sheets(picture.image, picture.regions, CONFIG).items():
        assert all(len(row) == len(titles) for row in rows), name
        assert all(cell.shape[:2] == (64, 64) and cell.dtype == np.uint8 for row in rows for cell in row), name


def test_features_with_and_without_a_line_are_counted():
    picture = _face()
    counts = conditions.measure([picture], CONFIG)
    assert counts.visible == counts.with_line == dict.fromkeys(conditions.FEATURES, 1) and counts.share == 1.0
    image = picture.image.copy()
    image[20:45, 12:52] = image[20, 30]  # neither eyes nor a nose are in the photograph
    blind = conditions.measure([picture.having(image=image)], CONFIG)
    assert blind.visible == counts.visible
    assert blind.with_line == {"left eye": 0, "right eye": 0, "nose": 0, "mouth": 1} and blind.share == 0.25
    assert "25.0 %" in blind.markdown() and "| nose | 1 | 0.0 % |" in blind.markdown()
    one = np.where(np.arange(64) < 32, picture.regions, np.where(picture.regions == 4, 1, picture.regions))
    assert conditions.measure([picture.having(regions=one.astype(np.uint8))], CONFIG).visible == {
        "left eye": 1,
        "right eye": 0,
        "nose": 1,
        "mouth": 1,
    }


def test_both_eyes_are_counted_wherever_the_face_is():
    aside = np.pad(_face().regions, ((0, 0), (0, 64)))  # in the left half of a wider picture
    picture = Picture("aside", {"image": regions.to_rgb(aside), "regions": aside})
    assert conditions.measure([picture], CONFIG).visible == dict.fromkeys(conditions.FEATURES, 1)


def test_a_histogram_shows_where_the_shares_are():
    picture = conditions.histogram(np.full(100, 0.5), (0.25, 0.75))
    bars = (picture == (60, 110, 180)).all(-1)
    columns = np.flatnonzero(bars.any(axis=0))
    assert picture.shape == (240, 480, 3) and 230 < columns.min() <= columns.max() < 260
