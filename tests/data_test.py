"""Shards to batches: the vocabulary, the stream's order, and what is refused."""

import dataclasses
import itertools
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfsketch import data
from tfsketch.errors import DataError


def _take(dataset, count):
    return [{k: v.numpy() for k, v in batch.items()} for batch in itertools.islice(dataset, count)]


def test_a_batch_speaks_the_vocabulary(tiny, shards_folder):
    shards = data.Shards(shards_folder, 32)
    assert len(shards) == 6
    batch = _take(data.batches(shards, tiny), 1)[0]
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
    assert np.array_equal(data.to_uint8(batch["image"]), data.to_uint8(data.to_uint8(batch["image"]) / 127.5 - 1.0))


def test_the_stream_resumes_at_any_step(tiny, shards_folder):
    shards = data.Shards(shards_folder, 32)
    whole = _take(data.batches(shards, tiny), 5)
    later = _take(data.batches(shards, tiny, start_step=3), 2)
    for a, b in zip(whole[3:], later):
        assert all(np.array_equal(a[key], b[key]) for key in a)
    assert not np.array_equal(whole[0]["mask"], whole[1]["mask"])


def test_an_epoch_holds_every_picture_once_and_the_next_is_shuffled_anew(tiny):
    numbers = [[data._order(tiny.seed, 6, e * 6 + i) for i in range(6)] for e in range(3)]
    assert all(sorted(epoch) == list(range(6)) for epoch in numbers) and len({tuple(e) for e in numbers}) > 1


@pytest.mark.parametrize("replicas, pipelines", [(2, 1), (1, 2), (2, 2)])
def test_replicas_and_workers_share_the_same_examples(tiny, shards_folder, replicas, pipelines):
    shards = data.Shards(shards_folder, 32)
    whole = _take(data.batches(shards, tiny), 2)
    parts = [_take(data.batches(shards, tiny, 0, replicas, p, pipelines), 2 * replicas) for p in range(pipelines)]
    for step in range(2):
        joined = [part[step * replicas + r] for part in parts for r in range(replicas)]
        for key in whole[step]:
            np.testing.assert_array_equal(whole[step][key], np.concatenate([j[key] for j in joined]))


def test_mirroring_takes_all_conditions_along(tiny, shards_folder):
    picture = data.Shards(shards_folder, 32)[0]
    flipped = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, flip=True, sketch_probability=1.0))
    straight = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, flip=False, sketch_probability=1.0))
    seen = set()
    for seed in range(8):
        a = data.draw(picture, np.random.default_rng(seed), flipped, training=True)
        b = data.draw(picture, np.random.default_rng(seed), straight, training=True)
        mirrored = not np.array_equal(a[0], picture.image)
        seen.add(mirrored)
        for x, y in zip(a[:5], b[:5]):
            assert np.array_equal(x[:, ::-1] if mirrored else x, y)
    assert seen == {True, False}


def test_sketches_are_left_out_as_often_as_asked(tiny, shards_folder):
    picture = data.Shards(shards_folder, 32)[0]
    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, sketch_probability=0.5))
    kept = [data.draw(picture, np.random.default_rng(s), config, training=True)[2].any() for s in range(100)]
    assert 0.35 < np.mean(kept) < 0.65
    assert all(data.draw(picture, np.random.default_rng(s), config, training=False)[2].any() for s in range(20))


def test_a_fixed_batch_never_changes(tiny, shards_folder):
    shards = data.Shards(shards_folder, 32)
    first, second = (data.fixed_batch(shards, tiny, [0, 3]) for _ in range(2))
    assert all(np.array_equal(first[k], second[k]) for k in first)
    alone = data.fixed_batch(shards, tiny, [3])
    np.testing.assert_array_equal(alone["mask"][0], first["mask"][1])


def test_bad_shards_are_named(tiny, shards_folder, tmp_path):
    with pytest.raises(DataError, match="prepare_data"):
        data.Shards(str(tmp_path), 32)
    with pytest.raises(DataError, match="32 x 32"):
        data.Shards(shards_folder, 64)[0]
    source = next(pathlib.Path(shards_folder).glob("*.tfrecord"))
    cut = tmp_path / "cut.tfrecord"
    cut.write_bytes(source.read_bytes()[:-40])
    with pytest.raises(DataError, match="cut.tfrecord.*truncated"):
        data.Shards(str(tmp_path), 32)
    cut.unlink()
    with tf.io.TFRecordWriter(str(tmp_path / "other.tfrecord")) as writer:
        writer.write(tf.train.Example().SerializeToString())
    with pytest.raises(DataError, match="other.tfrecord.*features"):
        data.Shards(str(tmp_path), 32)[0]


def test_a_batch_that_does_not_divide_is_named(tiny, shards_folder):
    with pytest.raises(DataError, match="multiple of 3"):
        data.batches(data.Shards(shards_folder, 32), tiny, replicas=3)


def test_contact_sheet(tiny, shards_folder, tmp_path):
    shutil.copytree(shards_folder, tmp_path / "copy")
    sheet = data.sheet_of_shards(str(tmp_path / "copy"), tiny)
    assert sheet.stat().st_size > 1000
