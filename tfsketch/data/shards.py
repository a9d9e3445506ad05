"""Reading shards: photographs with their sketches, colour map and face regions, from TFRecord files (see `prepare`).

Shards are read by offset, not streamed: an index of every record is built once by skipping from length to length, so
pictures are shuffled over the whole set at no cost in memory.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import struct
from collections.abc import Mapping

import cv2
import numpy as np
import tensorflow as tf

from tfsketch.conditions import regions
from tfsketch.config import Config
from tfsketch.data import prepare
from tfsketch.errors import DataError
from tfsketch.images import files, finder, paths, sheets


@dataclasses.dataclass(frozen=True)
class Picture:
    """A photograph and what was precomputed from it, all [S,S] or [S,S,3] uint8."""

    name: str
    image: np.ndarray
    sketches: Mapping[str, np.ndarray]
    """Style -> {0,1}."""
    color: np.ndarray
    regions: np.ndarray | None = None
    """Optional indices into `conditions.regions.REGIONS`."""


def _decode(data: bytes, flag: int, where: str) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if image is None:
        raise DataError(f"{where}: expected an encoded picture, found {len(data)} undecodable bytes")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if flag == cv2.IMREAD_COLOR else image


class Shards:
    """The pictures of a folder of shards, by number; of several, one after the other.

    Args:
      folder: a folder's path; or text, which may be several separated by commas (`paths.split`).
      size: side of the pictures, in pixels.
      cache: keep what was read.

    Raises:
      DataError: no shards, a truncated one, or pictures of another side than `size`.
    """

    def __init__(self, folder: str | os.PathLike, size: int, cache: bool = True):
        files = []
        for part in [os.fspath(folder)] if isinstance(folder, os.PathLike) else paths.split(folder, "data.train"):
            found = sorted(pathlib.Path(part).glob("*.tfrecord")) if part else []
            if not found:
                raise DataError(
                    f"expected TFRecord shards in the folder {part!r}, found none; make them with: python -m "
                    "tools.prepare_data --input=PHOTOGRAPHS --output=FOLDER --config=CONFIG"
                )
            files += found
        self._records: list[tuple[pathlib.Path, int, int]] = []
        for file in files:
            end, offset = file.stat().st_size, 0
            with open(file, "rb") as stream:
                while offset < end:
                    stream.seek(offset)
                    header = stream.read(12)
                    length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else end
                    if offset + 16 + length > end:  # length 8, its checksum 4, the record, its checksum 4
                        raise DataError(f"{file}: expected a whole TFRecord file, found it truncated at byte {offset}")
                    self._records.append((file, offset + 12, length))
                    offset += 16 + length
        if not self._records:
            raise DataError(f"expected pictures in the shards of {folder}, found them empty")
        self._size = size
        self._cache: dict[int, Picture] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: int) -> Picture:
        if self._cache is not None and number in self._cache:
            return self._cache[number]
        file, offset, length = self._records[number]
        with open(file, "rb") as stream:
            stream.seek(offset)
            example = tf.train.Example.FromString(stream.read(length)).features.feature
        where = f"{file} at byte {offset}"
        names = {key: example[key].bytes_list.value[0] for key in example}
        styles = [key for key in names if key.startswith("sketch/")]
        missing = {"id", "image", "color"} - set(names) or ({"sketch/STYLE"} if not styles else set())
        if missing:
            raise DataError(
                f"{where}: expected features id, image, color and sketch/STYLE, found no {', '.join(sorted(missing))}; "
                "make the shards anew with tools.prepare_data"
            )
        picture = Picture(
            names["id"].decode(),
            _decode(names["image"], cv2.IMREAD_COLOR, where),
            {
                key.partition("/")[2]: (_decode(names[key], cv2.IMREAD_GRAYSCALE, where) > 127).astype(np.uint8)
                for key in styles
            },
            _decode(names["color"], cv2.IMREAD_COLOR, where),
            _decode(names["regions"], cv2.IMREAD_GRAYSCALE, where) if "regions" in names else None,
        )
        if picture.image.shape != (self._size, self._size, 3):
            raise DataError(
                f"{where}: expected pictures of {self._size} px (data.stored_size or image_size), found "
                f"{picture.image.shape[1]} x {picture.image.shape[0]}"
            )
        if self._cache is not None:
            self._cache[number] = picture
        return picture


def open_pictures(folder: str | os.PathLike, config: Config, scratch: str | os.PathLike) -> Shards:
    """The pictures of folders of shards, or of a folder of photographs, whose shards are then made first.

    Args:
      folder: what `data.train` names.
      config: the experiment.
      scratch: where the shards of bare photographs go; made there already, they are used as they are.

    Raises:
      DataError, ImageError: the folder holds neither.
    """
    # What is no folder cannot hold photographs: `Shards` says what was expected.
    several = not isinstance(folder, os.PathLike) and len(paths.split(folder, "data.train")) > 1
    if several or not os.path.isdir(folder) or any(pathlib.Path(folder).glob("*.tfrecord")):
        return Shards(folder, config.stored_size, config.data.cache)
    report = prepare.prepare([str(folder)], str(scratch), config)
    for line in report.refused:
        print(f"refused: {line}")
    if report.others:
        print(f"no photographs: {finder.counted(report.others)}")
    return Shards(pathlib.Path(scratch), config.stored_size, config.data.cache)


def sheet_of_shards(folder: str | os.PathLike, config: Config, count: int = 8) -> pathlib.Path:
    """A contact sheet of what a folder of shards holds, at most `count` pictures; returns its file."""
    shards = Shards(pathlib.Path(folder), config.stored_size, cache=False)
    pictures = [shards[n] for n in np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int)]
    styles = list(pictures[0].sketches)
    mapped = pictures[0].regions is not None
    rows = [
        [p.image, *(255 * (1 - p.sketches[s]) for s in styles), p.color]
        + ([regions.colored(p.regions)] if mapped and p.regions is not None else [])
        for p in pictures
    ]
    path = pathlib.Path(folder) / "contact_sheet.png"
    titles = ["image", *styles, "color map", *(["regions"] if mapped else [])]
    files.write_png(path, sheets.contact_sheet(rows, titles))
    return path
