"""From a photograph to an example: hashes, findings, and that groups and processes do not change a byte."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import tensorflow as tf

from tests.pictures import crops
from tfsketch import systems
from tfsketch.data import examples, sources
from tfsketch.data.jobs import ExamineJob, Setup, ShardJob
from tfsketch.images import files

_CONFIG = systems.parse(
    "image_size: 32\nsketch: {style: canny}\nprepare: {regions: none, styles: [photocopy]}\n"
    "model: {generator: {stages: 3, kernels: [3, 3, 3]}}"
)


def _items(folder, pictures):
    for number, picture in enumerate(pictures):
        files.write_png(folder / f"{number}.png", picture)
    return sources.find([str(folder)]).items


def test_the_content_is_shape_and_pixels():
    image = crops(1, 32)[0]
    assert examples.content_of(image) == examples.content_of(image.copy(order="F"))
    others = [image[::-1], image.reshape(16, 64, 3), image ^ 1]
    assert len({examples.content_of(i) for i in [image, *others]}) == 4


def test_the_difference_hash_is_of_brightness_to_the_right():
    rising = np.repeat(np.arange(0, 170, 10, dtype=np.uint8)[None, :, None], 16, axis=0).repeat(3, axis=2)
    assert examples.dhash_of(rising) == 2**256 - 1 and examples.dhash_of(rising[:, ::-1]) == 0
    rising[0, 0] = 255
    assert examples.dhash_of(rising) == 2**255 - 1  # the first row first
    image = crops(1, 64)[0]
    near = examples.dhash_of(image) ^ examples.dhash_of((image // 2 + 40).astype(np.uint8))
    assert bin(near).count("1") < 20 < bin(examples.dhash_of(image) ^ examples.dhash_of(image[:, ::-1])).count("1")


def test_findings_survive_json_and_the_setup_makes_the_same_worker(tmp_path):
    items = _items(tmp_path / "photos", crops(2, 32))
    result = tmp_path / "result.json"
    ticks = []
    ExamineJob(str(result), items).run(Setup(_CONFIG).worker(), ticks.append)
    worker = examples.Worker(_CONFIG)
    findings = [examples.Finding.of(tree) for tree in json.loads(result.read_text())]
    assert findings == [worker.examine(item) for item in items] and ticks == [1, 1]
    assert not any(finding.refused for finding in findings)
    with_quad = examples.Finding(quad=((0.1, 2.0), (1 / 3, 4.0), (5.0, 6.0), (7.0, 8.0)))
    assert examples.Finding.of(json.loads(json.dumps(dataclasses.asdict(with_quad)))) == with_quad


def test_a_shard_does_not_depend_on_when_or_by_whom_it_is_written(tmp_path):
    items = _items(tmp_path / "photos", crops(11, 32))
    worker = examples.Worker(_CONFIG)
    pictures = tuple((item, worker.examine(item)) for item in items)
    files = []
    for name, who in (("a", worker), ("b", worker), ("c", examples.Worker(_CONFIG))):
        job = ShardJob(str(tmp_path / f"{name}.json"), str(tmp_path / name), pictures)
        job.run(who, lambda number: None)
        files.append(pathlib.Path(job.path).read_bytes())
    assert files[0] == files[1] == files[2]
    records = [tf.train.Example.FromString(r.numpy()).features.feature for r in tf.data.TFRecordDataset(job.path)]
    assert [r["id"].bytes_list.value[0].decode() for r in records] == [item.id for item in items]
    assert set(records[0]) == {"id", "image", "color", "sketch/canny", "sketch/photocopy"}
    assert not list(tmp_path.glob("*.partial"))
