"""Shards to batches: the vocabulary, the stream's order, and what is refused."""

import dataclasses
import itertools
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import crops
from tfsketch import systems
from tfsketch.conditions import regions
from tfsketch.config import AffineConfig, SketchConfig
from tfsketch.data.augmentation import Moves, warp
from tfsketch.data.batches import _order, _stack, _unstack, batches, features_of
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.folders import open_held_out, open_pictures, sheet_of_shards
from tfsketch.data.occlusion import occlude
from tfsketch.data.sampling import draw, keys
from tfsketch.data.shards import Picture, Shards
from tfsketch.errors import ConfigError, DataError
from tfsketch.images import files as files_lib
from tfsketch.vocabulary import to_uint8


def _take(dataset, count):
    return [{k: v.numpy() for k, v in batch.items()} for batch in itertools.islice(dataset, count)]


def test_a_batch_speaks_the_vocabulary(tiny, shards_folder):
    shards = Shards(shards_folder, 32)
    assert len(shards) == 6
    batch = _take(batches(shards, tiny), 1)[0]
    assert {k: v.shape for k, v in batch.items()} == {
        "image": (4, 32, 32, 3),
        "mask": (4, 32, 32, 1),
        "sketch": (4, 32, 32, 1),
        "color": (4, 32, 32, 3),
        "noise": (4, 32, 32, 1),
        "seed": (4, 2),
    }
    assert -1 <= batch["image"].min() < -0.3 and 0.3 < batch["image"].max() <= 1
    for key in ("mask", "sketch"):
        assert set(np.unique(batch[key])) <= {0.0, 1.0}
    assert ((batch["mask"].mean((1, 2, 3)) >= 0.1) & (batch["mask"].mean((1, 2, 3)) <= 0.4)).all()
    assert (batch["noise"][batch["mask"] == 0] == 0).all() and batch["noise"].std() > 0.1
    assert np.array_equal(to_uint8(batch["image"]), to_uint8(to_uint8(batch["image"]) / 127.5 - 1.0))


def test_the_stream_resumes_at_any_step(tiny, shards_folder):
    shards = Shards(shards_folder, 32)
    whole = _take(batches(shards, tiny), 5)
    later = _take(batches(shards, tiny, start_step=3), 2)
    for a, b in zip(whole[3:], later):
        assert all(np.array_equal(a[key], b[key]) for key in a)
    assert not np.array_equal(whole[0]["mask"], whole[1]["mask"])


def test_an_epoch_holds_every_picture_once_and_the_next_is_shuffled_anew(tiny):
    numbers = [[_order(tiny.seed, 6, e * 6 + i) for i in range(6)] for e in range(3)]
    assert all(sorted(epoch) == list(range(6)) for epoch in numbers) and len({tuple(e) for e in numbers}) > 1


@pytest.mark.parametrize("replicas, pipelines", [(2, 1), (1, 2), (2, 2)])
def test_replicas_and_workers_share_the_same_examples(tiny, shards_folder, replicas, pipelines):
    shards = Shards(shards_folder, 32)
    whole = _take(batches(shards, tiny), 2)
    parts = [_take(batches(shards, tiny, 0, replicas, p, pipelines), 2 * replicas) for p in range(pipelines)]
    for step in range(2):
        rows = [part[step * replicas + r] for part in parts for r in range(replicas)]
        for key in whole[step]:
            np.testing.assert_array_equal(whole[step][key], np.concatenate([j[key] for j in rows]))


def _portrait(side: int) -> Picture:
    """A picture whose maps all tell where a pixel was: rows in red, columns in green and everywhere else."""
    y, x = np.mgrid[:side, :side].astype(np.uint8)
    image = np.dstack([y, x, np.zeros_like(x)])
    maps = {"color": image[..., ::-1].copy(), "regions": x % 11, "sketch/hed": x % 2, "sketch/canny": y % 2}
    return Picture("p", {"image": image, **maps})


def test_crops_and_mirroring_take_all_maps_along_and_move_no_pixel(tiny):
    """keras-cv crops by interpolation; with our whole corners it must copy, for every corner."""
    arrays = 40
    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, flip=True, stored_size=arrays))
    moves, picture = Moves(config), _portrait(arrays)
    features = features_of(picture)
    stack = _stack(picture, features)
    sides = set()
    rng = np.random.default_rng(0)
    for _ in range(40):
        chances = rng.random(3, np.float32)
        copy = _unstack("p", moves(tf.constant(stack), tf.constant(chances)).numpy(), features)
        top, left = (int(c * 9) for c in chances[:2])
        mirrors = bool(chances[2] < 0.5)
        sides.add(mirrors)
        cut = (slice(top, top + 32), slice(left, left + 32))
        turn = (slice(None), slice(None, None, -1 if mirrors else 1))
        assert set(copy.maps) == {"image", "color", "regions", "sketch/hed", "sketch/canny"}
        for feature, layer in picture.maps.items():
            np.testing.assert_array_equal(copy.maps[feature], layer[cut][turn])
    assert sides == {True, False}


def test_turning_moves_picture_and_regions_alike():
    side = 64
    inside = np.zeros((side, side), np.uint8)
    inside[20:40, 24:50] = 1
    picture = Picture("p", {"image": np.dstack([inside * 255] * 3), "sketch/hed": inside, "regions": inside})
    config = AffineConfig(rotation=20.0, shift=0.1, zoom=0.3)
    for seed in range(5):
        copy = warp(picture, np.random.default_rng(seed), config, SketchConfig())
        inside_photograph = copy.regions != regions.IGNORED
        bright = copy.image[..., 0] > 127
        assert np.mean(bright[inside_photograph] == (copy.regions[inside_photograph] == 1)) > 0.97
        assert not np.array_equal(copy.regions, inside)
    lit = warp(picture, np.random.default_rng(1), AffineConfig(light=0.5), SketchConfig())
    assert np.array_equal(lit.regions, inside) and not np.array_equal(lit.image, picture.image)


def test_what_lies_before_a_face_is_background_and_what_on_the_head_a_hat(tiny):
    region_map = np.full((64, 64), regions.REGIONS.index("skin"), np.uint8)
    region_map[:20], region_map[24:26, 20:40] = regions.REGIONS.index("hair"), regions.REGIONS.index("brows")
    picture = _portrait(64).having(regions=region_map)
    kinds = set()
    for seed in range(12):
        copy = occlude(picture, np.random.default_rng(seed))
        change = copy.regions != region_map
        (kind,) = set(np.unique(copy.regions[change]))
        kinds.add(regions.REGIONS[kind])
        assert np.array_equal(copy.image[~change], picture.image[~change])
        assert 0.02 <= change.mean() <= 0.5
        if regions.REGIONS[kind] == "hat":
            assert not change[26:].any()  # below the brows there is none
    assert kinds == {"background", "hat"}


def test_sketches_are_left_out_as_often_as_asked(tiny, shards_folder):
    picture = Shards(shards_folder, 32)[0]
    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, sketch_probability=0.5))
    has_sketch = [draw(picture, np.random.default_rng(s), config, True)["sketch"].any() for s in range(100)]
    assert 0.35 < np.mean(has_sketch) < 0.65
    assert all(draw(picture, np.random.default_rng(s), config, False)["sketch"].any() for s in range(20))


def test_some_examples_are_spared_the_hand(tiny, shards_folder):
    config = dataclasses.replace(tiny, hand=dataclasses.replace(tiny.hand, abstraction=(0.8, 1.0), probability=0.5))
    picture = Shards(shards_folder, 32)[0]
    sketches = [draw(picture, np.random.default_rng(n), config, training=True)["sketch"] for n in range(60)]
    share = np.mean(
        [(sketch == draw(picture, np.random.default_rng(0), tiny, False)["sketch"]).all() for sketch in sketches]
    )
    assert 0.2 < share < 0.8


def test_a_hand_draws_the_sketch_badly_in_training_only(tiny, shards_folder):
    picture = Shards(shards_folder, 32)[0]
    config = dataclasses.replace(tiny, hand=dataclasses.replace(tiny.hand, abstraction=(0.8, 1.0)))
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, sketch_probability=1.0))
    bad = [draw(picture, np.random.default_rng(s), config, True)["sketch"] for s in range(5)]
    assert not any(np.array_equal(lines, picture.sketches["hed"]) for lines in bad)
    assert not np.array_equal(bad[0], bad[1])
    assert np.array_equal(draw(picture, np.random.default_rng(0), config, False)["sketch"], picture.sketches["hed"])


def test_a_given_level_takes_the_place_of_the_random_and_the_steady_one(tiny, shards_folder):
    shards = Shards(shards_folder, 32)
    clean, bad, again = (fixed_batch(shards, tiny, [0, 1], level)["sketch"].numpy() for level in (None, 0.9, 0.9))
    assert np.array_equal(clean[0, ..., 0], shards[0].sketches["hed"]) and np.array_equal(bad, again)
    assert not np.array_equal(clean, bad)


def test_enlarging_moves_thin_lines_and_leaves_them_thin():
    sketch = np.zeros((64, 64), np.uint8)
    sketch[10:54, 20] = sketch[10:54, 44] = sketch[10, 20:44] = 1
    image = np.dstack([sketch * 255] * 3)
    picture = Picture("p", {"image": image, "sketch/hed": sketch, "sketch/xdog": sketch})
    for seed in range(4):
        copy = warp(picture, np.random.default_rng(seed), AffineConfig(zoom_in=1.0), SketchConfig())
        thin, ink = copy.sketches["hed"], copy.sketches["xdog"]
        # No square of four pixels is all line; the columns have moved apart.
        assert not (thin[1:, 1:] & thin[:-1, 1:] & thin[1:, :-1] & thin[:-1, :-1]).any() and ink.sum() > thin.sum()
        left, right = np.flatnonzero(thin[32])[[0, -1]]
        assert 24 < right - left <= 49
    plain = warp(picture, np.random.default_rng(0), AffineConfig(zoom=0.2), SketchConfig())
    assert np.array_equal(
        warp(picture, np.random.default_rng(0), AffineConfig(zoom=0.2, zoom_in=0.0), SketchConfig()).image,
        plain.image,
    )


def test_training_takes_one_of_the_drawings_at_random(tiny):
    config = dataclasses.replace(
        tiny,
        sketch=SketchConfig(style="xdog", abstractions=2),
        data=dataclasses.replace(tiny.data, sketch_probability=1.0),
    )
    maps = {key: _portrait(8).maps[key] for key in ("image", "color")}
    maps |= {f"sketch/xdog{level}": np.full((8, 8), n % 2, np.uint8) for n, level in enumerate(("", "@1", "@2"))}
    picture, rng = Picture("p", maps), np.random.default_rng(0)
    shares = [draw(picture, rng, config, training=True)["sketch"].mean() for _ in range(60)]
    assert 0.15 < np.mean(shares) < 0.5
    assert not any(draw(picture, rng, config, training=False)["sketch"].any() for _ in range(9))
    with pytest.raises(DataError, match="sketch/xdog@2"):
        del maps["sketch/xdog@2"]
        draw(picture, rng, config, training=True)


def test_an_example_needs_its_style_and_its_regions(tiny, shards_folder):
    picture = Shards(shards_folder, 32)[0]
    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, maps=("xdog",)))
    with pytest.raises(DataError, match="a sketch .sketch/xdog., found .*sketch/hed.*prepare.styles"):
        draw(picture, np.random.default_rng(0), config, True)
    parser = systems.parse("{system: face_parser, image_size: 32, model: {stages: 3}}")
    assert keys(parser) == ("image", "regions", "seed")
    with pytest.raises(DataError, match="face regions .regions., found .*prepare.regions"):
        draw(picture, np.random.default_rng(0), parser, True)


def test_bare_photographs_are_prepared_once(tiny, tmp_path):
    for number, crop in enumerate(crops(3, 32)):
        files_lib.write_png(tmp_path / "photos" / f"{number}.png", crop)
    config = dataclasses.replace(tiny, prepare=dataclasses.replace(tiny.prepare, regions="none"))
    with pytest.raises(
        DataError, match=r"data\.validation: .*'nowhere', found none.*--set data\.validation= the grids"
    ):
        nowhere = dataclasses.replace(config, data=dataclasses.replace(config.data, validation="nowhere"))
        open_held_out(nowhere, None, tmp_path / "scratch")
    first = open_pictures(tmp_path / "photos", config, tmp_path / "scratch")
    assert open_held_out(config, first, tmp_path / "scratch") is first
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "scratch").glob("*.tfrecord")}
    second = open_pictures(tmp_path / "photos", config, tmp_path / "scratch")
    assert len(first) == len(second) == 3 and files
    assert files == {p: p.stat().st_mtime_ns for p in (tmp_path / "scratch").glob("*.tfrecord")}
    with pytest.raises(DataError, match="prepare_data"):
        open_pictures("", config, tmp_path / "scratch")


def test_a_fixed_batch_never_changes(tiny, shards_folder):
    shards = Shards(shards_folder, 32)
    first, second = (fixed_batch(shards, tiny, [0, 3]) for _ in range(2))
    assert all(np.array_equal(first[k], second[k]) for k in first)
    alone = fixed_batch(shards, tiny, [3])
    np.testing.assert_array_equal(alone["mask"][0], first["mask"][1])


def test_bad_shards_are_named(tiny, shards_folder, tmp_path):
    with pytest.raises(DataError, match="prepare_data"):
        Shards(str(tmp_path), 32)
    with pytest.raises(DataError, match="32 x 32"):
        Shards(shards_folder, 64)[0]
    source = next(pathlib.Path(shards_folder).glob("*.tfrecord"))
    cut = tmp_path / "cut.tfrecord"
    cut.write_bytes(source.read_bytes()[:-40])
    with pytest.raises(DataError, match="cut.tfrecord.*truncated"):
        Shards(str(tmp_path), 32)
    cut.unlink()
    with tf.io.TFRecordWriter(str(tmp_path / "other.tfrecord")) as writer:
        writer.write(tf.train.Example().SerializeToString())
    with pytest.raises(DataError, match="other.tfrecord.*features"):
        Shards(str(tmp_path), 32)[0]


def test_shards_that_were_copied_by_half_are_refused(shards_folder, tmp_path):
    source = next(pathlib.Path(shards_folder).glob("*.tfrecord"))
    for name in ("a-00000-of-00003", "a-00002-of-00003", "b-00000-of-00001"):
        shutil.copy(source, tmp_path / f"{name}.tfrecord")
    (tmp_path / "._b-00000-of-00001.tfrecord").write_bytes(b"\0\5\26\7" + bytes(4092))  # as macOS leaves beside files
    with pytest.raises(DataError, match="expected all 3 shards that a was cut into, found 2: no a-00001-of-00003.tfr"):
        Shards(str(tmp_path), 32)
    shutil.copy(source, tmp_path / "a-00001-of-00003.tfrecord")
    assert len(Shards(str(tmp_path), 32)) == 4 * 6


def test_a_damaged_record_is_named(shards_folder, tmp_path):
    """By its checksum: a name that is damaged would be another map, and a picture without its regions."""
    source = next(pathlib.Path(shards_folder).glob("*.tfrecord"))
    data = bytearray(source.read_bytes())
    data[data.rindex(b"photos/5.png")] ^= 1
    (tmp_path / "x.tfrecord").write_bytes(data)
    shards = Shards(str(tmp_path), 32)
    assert shards[4].name == "photos/4.png"
    with pytest.raises(DataError, match="x.tfrecord at byte [0-9]+: expected a whole record, found: corrupted record"):
        shards[5]
    (tmp_path / "x.tfrecord").unlink()
    with pytest.raises(DataError, match="expected a whole record, found: .*No such file"):
        shards[3]
    with tf.io.TFRecordWriter(str(tmp_path / "x.tfrecord")) as writer:
        writer.write(b"no example")
    with pytest.raises(DataError, match="expected a tf.train.Example"):
        Shards(str(tmp_path), 32)[0]


def test_a_batch_that_does_not_divide_is_named(tiny, shards_folder):
    with pytest.raises(DataError, match="multiple of 3"):
        batches(Shards(shards_folder, 32), tiny, replicas=3)


@pytest.mark.parametrize("key", ["mask.regions", "mask.compact", "color.regions"])
def test_a_region_that_is_none_is_named_before_training(tiny, shards_folder, key):
    section, name = key.split(".")
    wrong = dataclasses.replace(getattr(tiny, section), **{name: ("face", "hairs")})
    with pytest.raises(ConfigError, match=f"{key}: region: expected face or one of .*found 'hairs'"):
        batches(Shards(shards_folder, tiny.image_size), dataclasses.replace(tiny, **{section: wrong}))


def test_contact_sheet(tiny, shards_folder, tmp_path):
    shutil.copytree(shards_folder, tmp_path / "copy")
    sheet = sheet_of_shards(str(tmp_path / "copy"), tiny)
    assert sheet.stat().st_size > 1000


def test_grey_photographs_are_grey_with_their_colours(tiny):
    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, grey_probability=1.0))
    picture = Shards(tiny.data.train, 32)[0]
    plain = draw(picture, np.random.default_rng(1), tiny, training=True)
    example = draw(picture, np.random.default_rng(1), config, training=True)
    assert np.ptp(plain["image"].astype(int), axis=-1).max() > 0
    for key in ("image", "color"):
        assert np.ptp(example[key].astype(int), axis=-1).max() == 0
    still = draw(picture, np.random.default_rng(1), config, training=False)
    assert np.ptp(still["image"].astype(int), axis=-1).max() > 0  # a grid shows photographs as they are
