"""A stored map is a row of the vocabulary and a maker: an invented one, followed from a photograph to a batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import crops
from tfsketch import systems, vocabulary
from tfsketch.config import AffineConfig, SketchConfig
from tfsketch.data import examples, prepare
from tfsketch.data.augmentation import warp
from tfsketch.data.batches import batches
from tfsketch.data.fixed import center_crop, fixed_batch
from tfsketch.data.folders import sheet_of_shards
from tfsketch.data.shards import Picture, Shards
from tfsketch.errors import DataError
from tfsketch.images import files
from tfsketch.systems.sc_fegan.config import ScFeganConfig
from tfsketch.vocabulary import StoredMap

CONFIG = """
{image_size: 32, data: {stored_size: 40, flip: true, affine: {rotation: 8.0, light: 0.2}, cache: true},
 sketch: {style: canny, min_side: 64}, prepare: {regions: none},
 train: {batch_size: 4}, model: {generator: {stages: 3, kernels: [3, 3, 3]}}}
"""


def _depth(image: np.ndarray, kind: str) -> np.ndarray:
    """A map that is the photograph's alone, pixel by pixel: its red, inverted and never 0, or where that is bright."""
    return (image[..., 0] > 127).astype(np.uint8) if kind == "lines" else 255 - image[..., 0] // 2


@pytest.fixture(params=["picture", "labels", "lines"])
def kind(request, monkeypatch) -> str:
    """A map `depth` of a kind: its row, its maker, and a system that asks for it. Nothing else knows of it."""
    kind, conditions = request.param, ("mask", "sketch", "color", "noise", "depth")
    monkeypatch.setitem(vocabulary.STORED_MAPS, "depth", StoredMap("depth", kind, required=False, unknown=255))
    monkeypatch.setitem(
        examples.MAKERS, "depth", lambda worker, group, maps: {"depth": [_depth(s, kind) for s in group.squares]}
    )
    monkeypatch.setattr(ScFeganConfig, "conditions", conditions)
    return kind


@pytest.fixture
def shards(kind, tmp_path) -> Shards:
    for number, crop in enumerate(crops(5, 40)):
        files.write_png(tmp_path / "photos" / f"{number}.png", crop)
    config = systems.parse(CONFIG)
    prepare.prepare([str(tmp_path / "photos")], str(tmp_path / "shards"), config)
    assert sheet_of_shards(tmp_path / "shards", config).stat().st_size > 1000
    return Shards(tmp_path / "shards", 40)


def _expected(image: np.ndarray, kind: str) -> np.ndarray:
    """The map of an example's photograph, [...,H,W,3] in [-1,1], as a batch has it."""
    depth = _depth(vocabulary.to_uint8(image), kind)[..., None]
    return depth / 127.5 - 1.0 if kind == "picture" else depth


def test_a_new_map_goes_from_photographs_to_batches(kind, shards):
    config = systems.parse(CONFIG)
    picture = shards[0]
    np.testing.assert_array_equal(picture.maps["depth"], _depth(picture.image, kind))
    still = fixed_batch(shards, config, [0, 1])
    assert still["depth"].dtype == (tf.int32 if kind == "labels" else tf.float32)
    np.testing.assert_allclose(still["depth"], _expected(still["image"], kind), atol=1e-6)
    # Cropped and mirrored alike, and nothing else: the map still is that of the photograph beside it.
    copy = dataclasses.replace(config, data=dataclasses.replace(config.data, affine=AffineConfig()))
    batch = next(iter(batches(shards, copy)))
    assert batch["depth"].shape == (4, 32, 32, 1)
    np.testing.assert_allclose(batch["depth"], _expected(batch["image"], kind), atol=1e-6)
    assert not np.array_equal(batch["image"][0], still["image"][0])
    rotation = next(iter(batches(shards, config)))  # turned too, in another light
    assert rotation["depth"].shape == (4, 32, 32, 1) and np.ptp(rotation["depth"]) > 0


def test_a_new_map_is_moved_by_its_kind(kind, shards):
    picture, config = shards[0], AffineConfig(rotation=30.0, shift=0.1, zoom=0.2)
    copy = warp(picture, np.random.default_rng(3), config, SketchConfig()).maps["depth"]
    before, after = np.unique(picture.maps["depth"]), np.unique(copy)
    if kind == "picture":  # as the photograph that it was made of, but for the rounding of both
        image = warp(picture, np.random.default_rng(3), config, SketchConfig()).image
        assert np.abs(copy.astype(int) - _depth(image, kind)).max() <= 1 and not np.array_equal(
            copy, picture.maps["depth"]
        )
    elif kind == "labels":  # no label that was not there, but the unknown ones from outside
        assert set(after) <= {*before, 255} and 255 in after
    else:  # of one pixel: no square of four is all line
        assert set(after) == {0, 1} == set(before)
        assert not (copy[1:, 1:] & copy[:-1, 1:] & copy[1:, :-1] & copy[:-1, :-1]).any()
    np.testing.assert_array_equal(center_crop(picture, 32).maps["depth"], picture.maps["depth"][4:36, 4:36])


def test_an_example_without_the_map_is_told_and_stays_without_it(kind, shards):
    without = Picture("old", {key: layer for key, layer in shards[0].maps.items() if key != "depth"})
    config = systems.parse(CONFIG)
    with pytest.raises(DataError, match="old: expected depth .depth., found .*data.examples.MAKERS"):
        fixed_batch({0: without}, config, [0])
    with pytest.raises(DataError, match="expected depth"):
        batches([without], config)


def test_a_shard_without_a_map_that_is_required_is_named(shards, monkeypatch):
    monkeypatch.setitem(vocabulary.STORED_MAPS, "normals", StoredMap("surface normals", "picture", 3))
    with pytest.raises(DataError, match="expected features id, image, .*normals, found no normals"):
        Shards(next(iter({file.parent for file, *_ in shards._records})), 40)[0]
