"""Stretches of a preparation that leave one file each.

A `Job` is a stretch of either step of `examples`. Jobs know nothing of each other and nothing of who runs them:
this process, others on the same machine (`prepare`) or an Apache Beam pipeline (`beam`) give the same bytes,
because pictures always go through the networks in the same groups.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import secrets
from collections.abc import Callable
from typing import Union

import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.data import examples, sources
from tfsketch.errors import DataError
from tfsketch.images import files

_BATCH = 8
"""Pictures per call of the edge detector and of the face parser."""

Tick = Callable[[int], None]
"""Told how many pictures are done, for a progress bar."""


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a process must know to make a worker of its own."""

    config: config_lib.Config
    labels: str = ""

    def worker(self) -> examples.Worker:
        return examples.Worker(self.config, self.labels)


@dataclasses.dataclass(frozen=True)
class ExamineJob:
    """Examines a stretch of photographs; the file `result` gets the list of findings, as JSON."""

    result: str
    items: tuple[sources.Item, ...]

    @property
    def count(self) -> int:
        """Number of photographs."""
        return len(self.items)

    def run(self, worker: examples.Worker, tick: Tick) -> None:
        findings = []
        for item in self.items:
            findings.append(dataclasses.asdict(worker.examine(item)))
            tick(1)
        files.write_bytes(self.result, json.dumps(findings).encode())


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """Writes the shard `path`; the file `result` gets its checksum, as JSON, once the shard is there."""

    result: str
    path: str
    pictures: tuple[tuple[sources.Item, examples.Finding], ...]

    @property
    def count(self) -> int:
        """Number of photographs."""
        return len(self.pictures)

    def run(self, worker: examples.Worker, tick: Tick) -> None:
        # A name of its own: a run that was killed leaves one, and of two workers that an engine gives the same job,
        # each in a container, both may be process 1.
        partial = pathlib.Path(f"{self.result}.{secrets.token_hex(8)}.partial")
        try:
            with tf.io.TFRecordWriter(str(partial)) as writer:
                for start in range(0, len(self.pictures), _BATCH):
                    pictures = self.pictures[start : start + _BATCH]
                    for example in worker.examples(pictures):
                        writer.write(example)
                    tick(len(pictures))
        except tf.errors.OpError as error:
            partial.unlink(missing_ok=True)  # a full disk gets its room back
            raise DataError(f"{self.path}: expected room and permission to write, found: {error.message}") from error
        digest = hashlib.sha256()
        with open(partial, "rb+") as file:
            while block := file.read(2**20):
                digest.update(block)
            os.fsync(file.fileno())
        partial.replace(self.path)
        files.write_bytes(self.result, json.dumps({"sha256": digest.hexdigest()}).encode())


Job = Union[ExamineJob, ShardJob]
