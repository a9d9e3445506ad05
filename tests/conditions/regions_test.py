"""Face regions: the labels they come from, their names, where their parts are."""

import numpy as np
import pytest

from tfsketch.conditions import regions
from tfsketch.errors import DataError


def _map(*rectangles):
    """A region map of 60 x 80 from (name, top, bottom, left, right)."""
    labels = np.zeros((60, 80), np.uint8)
    for name, top, bottom, left, right in rectangles:
        labels[top:bottom, left:right] = regions.REGIONS.index(name)
    return labels


def test_celebamask_labels_get_the_names_that_they_have_there():
    labels = regions.from_celebamask(np.arange(19, dtype=np.uint8)[None])[0]
    names = [regions.REGIONS[n] for n in labels]
    assert names[:10] == "background skin nose glasses eyes eyes brows brows skin skin".split()
    assert names[10:] == "mouth lips lips hair hat skin neck neck clothes".split()
    assert labels.dtype == np.uint8


@pytest.mark.parametrize(
    "labels", [np.full((4, 4), 19, np.uint8), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), np.zeros((0, 4), int)]
)
def test_other_labels_are_refused(labels):
    with pytest.raises(DataError, match=r"somewhere\.png: expected one label of 0 to 18 a pixel, found"):
        regions.from_celebamask(labels, "somewhere.png")


def test_a_mask_is_the_union_of_the_named_regions():
    everything = np.arange(len(regions.REGIONS), dtype=np.uint8)[None]
    everything = np.append(everything, [[regions.IGNORED]], axis=1)
    hair = regions.mask_of(everything, "hair")
    assert hair.dtype == np.uint8 and [regions.REGIONS[n] for n in np.flatnonzero(hair)] == ["hair"]
    both = regions.mask_of(everything, ("face", "hair"))[0]
    assert {regions.REGIONS[n] for n in np.flatnonzero(both)} == {*regions.FACE, "hair"}
    assert not both[-1] and not regions.mask_of(everything, ()).any()
    with pytest.raises(DataError, match="expected face or one of background, skin, .* found 'nostril'"):
        regions.mask_of(everything, ("hair", "nostril"))


def test_eyes_have_two_centres_left_first_and_a_profile_one():
    pair = _map(("skin", 0, 60, 0, 80), ("eyes", 20, 24, 50, 59), ("eyes", 22, 26, 20, 29))
    assert regions.centers(pair, "eyes") == [(24.0, 23.5), (54.0, 21.5)]
    pair[40, 70] = regions.REGIONS.index("eyes")  # a wrong pixel is no eye
    assert regions.centers(pair, "eyes") == [(24.0, 23.5), (54.0, 21.5)]
    assert regions.centers(_map(("eyes", 20, 24, 50, 59)), "eyes") == [(54.0, 21.5)]
    assert regions.centers(_map(("skin", 0, 60, 0, 80)), "eyes") == []


def test_a_coloured_map_shows_every_region_and_black_for_ignored():
    everything = np.append(np.arange(len(regions.REGIONS)), regions.IGNORED).astype(np.uint8)[None]
    picture = regions.to_rgb(everything)
    assert picture.shape == (1, len(regions.REGIONS) + 1, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture[0], axis=0)) == len(regions.REGIONS) + 1 and not picture[0, -1].any()
