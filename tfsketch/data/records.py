"""Records of TFRecord files, by number.

They are read by offset, not streamed: an index of every record is built once by skipping from length to length, so
pictures are shuffled over the whole set at no cost in memory. TensorFlow reads a record and compares its checksum.
"""

from __future__ import annotations

import os
import pathlib
import re
import struct
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
from tensorflow.python.lib.io import tf_record

from tfsketch.errors import DataError

_NUMBERED = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.tfrecord")
"""A shard's name: its set, its number, and their count."""


class Record(NamedTuple):
    """A record's position."""

    file: pathlib.Path
    offset: int
    length: int
    """Bytes of its content."""

    def __str__(self) -> str:
        return f"{self.file} at byte {self.offset}"


def shards_in(folder: str) -> list[pathlib.Path]:
    """The shards of a folder, by name; none if it is not a folder. The files `._NAME` that macOS puts beside others are
    skipped.

    Raises:
      DataError: some shards of a set are missing.
    """
    files = sorted(path for path in pathlib.Path(folder).glob("*.tfrecord") if not path.name.startswith("._"))
    sets: dict[tuple[str, str], set[int]] = {}
    for match in filter(None, (_NUMBERED.fullmatch(path.name) for path in files)):
        sets.setdefault((match[1], match[3]), set()).add(int(match[2]))
    for (name, count), numbers in sets.items():
        if missing := sorted(set(range(int(count))) - numbers):
            first = f"{name}-{missing[0]:05d}-of-{count}.tfrecord"
            raise DataError(
                f"{folder}: expected all {int(count)} shards that {name} was cut into, found {len(numbers)}: no {first}"
                f"{f', and {len(missing) - 1} more' if missing[1:] else ''}; copy the rest, or prepare the photographs "
                "again with the same output. Where these are all that is meant, give them other names"
            )
    return files


def index(files: Sequence[pathlib.Path]) -> list[Record]:
    """The records of some files, one file after the other.

    Raises:
      DataError: a file is truncated.
    """
    records = []
    for file in files:
        end, offset = file.stat().st_size, 0
        with open(file, "rb") as stream:
            while offset < end:
                stream.seek(offset)
                header = stream.read(12)
                length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else end
                if offset + 16 + length > end:  # length 8, its checksum 4, the record, its checksum 4
                    raise DataError(f"{file}: expected a whole TFRecord file, found it truncated at byte {offset}")
                records.append(Record(file, offset, length))
                offset += 16 + length
    return records


def read(record: Record) -> dict[str, bytes]:
    """The bytes features of an example, by name.

    Raises:
      DataError: the file is missing or damaged, or the record is not an example.
    """
    try:
        content, _ = tf_record.tf_record_random_reader(os.fspath(record.file)).read(record.offset)
    except (tf.errors.OpError, IndexError) as error:
        raise DataError(f"{record}: expected a whole record, found: {getattr(error, 'message', error)}") from error
    try:
        features = tf.train.Example.FromString(content).features.feature
        return {key: features[key].bytes_list.value[0] for key in features}
    except Exception as error:  # protobuf's errors are of other classes in other versions
        raise DataError(f"{record}: expected a tf.train.Example whose features are bytes, found another") from error
