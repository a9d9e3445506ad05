"""The jobs of a preparation, each of which writes one file.

A `Job` is a stretch of photographs in either step of `examples`. Jobs depend neither on each other nor on where they
run: this process, others on the same machine (`prepare`) and an Apache Beam pipeline (`beam`) write the same bytes,
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
"""Called with the number of finished pictures, for a progress bar."""


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a process needs to make its own worker."""

    config: config_lib.Config
    labels: str = ""

    def worker(self) -> examples.Worker:
        return examples.Worker(self.config, self.labels)


@dataclasses.dataclass(frozen=True)
class ExamineJob:
    """Examines photographs; writes the list of findings to the file `result`, as JSON."""

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
    """Writes the shard `path`, then its checksum to the file `result`, as JSON."""

    result: str
    path: str
    pictures: tuple[tuple[sources.Item, examples.Finding], ...]

    @property
    def count(self) -> int:
        """Number of photographs."""
        return len(self.pictures)

    def run(self, worker: examples.Worker, tick: Tick) -> None:
        # A random name: a killed run leaves its file, and two workers that an engine gives the same job may both be
        # process 1, each in its container.
        partial = pathlib.Path(f"{self.result}.{secrets.token_hex(8)}.partial")
        try:
            with tf.io.TFRecordWriter(str(partial)) as writer:
                for start in range(0, len(self.pictures), _BATCH):
                    pictures = self.pictures[start : start + _BATCH]
                    for example in worker.examples(pictures):
                        writer.write(example)
                    tick(len(pictures))
        except tf.errors.OpError as error:
            partial.unlink(missing_ok=True)  # frees space on a full disk
            raise DataError(f"{self.path}: expected room and permission to write, found: {error.message}") from error
        digest = hashlib.sha256()
        with open(partial, "rb+") as file:
            while block := file.read(2**20):
                digest.update(block)
            os.fsync(file.fileno())
        partial.replace(self.path)
        files.write_bytes(self.result, json.dumps({"sha256": digest.hexdigest()}).encode())


Job = Union[ExamineJob, ShardJob]
