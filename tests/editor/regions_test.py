"""Regions of faces: a region of another photograph as a style of its own."""

import numpy as np
import pytest
import skimage.data

from tfsketch.editor import regions
from tfsketch.errors import ImageError


@pytest.fixture
def example(monkeypatch):
    """A photograph of 90 x 120, blue but for a red region with a fine pattern, which is what the parser finds."""
    style = np.zeros((90, 120, 3), np.uint8)
    style[..., 2] = 255
    mask = np.zeros((90, 120), np.uint8)
    mask[20:60, 70:100] = 1
    style[mask > 0] = (200, 0, 0)
    style[21:60:2, 70:100] = (255, 0, 0)
    monkeypatch.setattr(regions, "find_region", lambda parser, image, names: mask)
    return style, mask


def test_a_regions_style_is_its_square_and_nothing_else(example):
    style, mask = example
    part = regions.region_style(lambda: None, style, "hair")
    assert part.shape == (40, 40, 3) and part.dtype == np.uint8
    assert part[..., 2].max() <= 8  # nothing of the blue about it
    assert 190 <= part[..., 0].min() and part[..., 1].max() <= 1
    # Its own pixels, pattern included, where the square shows them, but for its rim.
    np.testing.assert_array_equal(part[1:-1, 6:34], style[21:59, 71:99])


def test_a_region_at_the_border_has_a_square_inside(example, monkeypatch):
    style, mask = example
    mask[:] = 0
    mask[:90, :30] = 1
    assert regions.region_style(lambda: None, style, "hair").shape == (90, 90, 3)


def test_a_photograph_without_a_face_or_the_region_is_told():
    from tfsketch.conditions import face_parser

    parser = face_parser.load()  # which sees hair in a cup of coffee
    for picture in (skimage.data.coffee(), skimage.data.chelsea(), np.full((64, 64, 3), 128, np.uint8)):
        for name in ("hair", "background"):
            with pytest.raises(ImageError, match=f"expected a face, to find its {name}, found none"):
                regions.region_style(lambda: parser, picture, name)
    portrait = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])
    assert regions.find_region(lambda: parser, portrait, "hair").mean() > 0.05
    with pytest.raises(ImageError, match="expected hat in the picture, found none"):
        regions.find_region(lambda: parser, portrait, "hat")
