"""Reading shards: photographs with their stored maps (`vocabulary.STORED_MAPS`) from TFRecord files; see `prepare`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

import cv2
import numpy as np

from tfsketch.data import records
from tfsketch.errors import DataError
from tfsketch.images import paths
from tfsketch.vocabulary import STORED_MAPS, StoredMap, stored_map


@dataclasses.dataclass(frozen=True)
class Picture:
    """A photograph and its precomputed maps."""

    name: str
    maps: Mapping[str, np.ndarray]
    """Feature -> [S,S] or [S,S,3] uint8; see `vocabulary.STORED_MAPS`."""

    def having(self, **maps: np.ndarray) -> Picture:
        """A copy with some maps replaced."""
        return Picture(self.name, {**self.maps, **maps})

    @property
    def image(self) -> np.ndarray:
        """The photograph."""
        return self.maps["image"]

    @property
    def color(self) -> np.ndarray:
        """The colour map."""
        return self.maps["color"]

    @property
    def regions(self) -> np.ndarray | None:
        """Indices into `conditions.regions.REGIONS`, if stored."""
        return self.maps.get("regions")

    @property
    def sketches(self) -> dict[str, np.ndarray]:
        """Style -> {0,1}."""
        return {key.partition("/")[2]: lines for key, lines in self.maps.items() if key.startswith("sketch/")}


def _decode(data: bytes, row: StoredMap, where: str) -> np.ndarray:
    layer = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR if row.channels == 3 else cv2.IMREAD_GRAYSCALE)
    if layer is None:
        raise DataError(f"{where}: expected an encoded picture, found {len(data)} undecodable bytes")
    if row.kind == "lines":
        return (layer > 127).astype(np.uint8)
    return cv2.cvtColor(layer, cv2.COLOR_BGR2RGB) if row.channels == 3 else layer


class Shards:
    """The pictures of a folder of shards, by number; of several, one after the other.

    Args:
      folder: a folder's path; or text, which may be several separated by commas (`paths.split`).
      size: side of the pictures, in pixels.
      cache: keep records once read.

    Raises:
      DataError: no shards, not all of them, a truncated one, or pictures of another side than `size`.
    """

    def __init__(self, folder: str | os.PathLike, size: int, cache: bool = True):
        files = []
        for part in [os.fspath(folder)] if isinstance(folder, os.PathLike) else paths.split(folder, "data.train"):
            shard_files = records.shards_in(part) if part else []
            if not shard_files:
                raise DataError(
                    f"expected TFRecord shards in the folder {part!r}, found none; make them with: python -m "
                    "tools.prepare_data --input=PHOTOGRAPHS --output=FOLDER --config=CONFIG"
                )
            files += shard_files
        self._records = records.index(files)
        if not self._records:
            raise DataError(f"expected pictures in the shards of {folder}, found them empty")
        self._size = size
        self._cache: dict[int, Picture] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self._records)

    @property
    def lengths(self) -> list[int]:
        """Bytes of every record, in order."""
        return [record.length for record in self._records]

    def __getitem__(self, number: int) -> Picture:
        if self._cache is not None and number in self._cache:
            return self._cache[number]
        where, features = str(self._records[number]), records.read(self._records[number])
        kinds = {key.partition("/")[0] for key in features}
        fields = ["id", *(name for name, row in STORED_MAPS.items() if row.required)]
        missing = [name for name in fields if name not in kinds]
        if missing:
            raise DataError(
                f"{where}: expected features {', '.join(fields)}, found no {', '.join(missing)}; make the shards again "
                "with tools.prepare_data"
            )
        name = features.pop("id").decode()
        maps = {key: data for key, data in features.items() if key.partition("/")[0] in STORED_MAPS}
        picture = Picture(name, {key: _decode(data, stored_map(key), where) for key, data in maps.items()})
        if picture.image.shape != (self._size, self._size, 3):
            raise DataError(
                f"{where}: expected pictures of {self._size} px (data.stored_size or image_size), found "
                f"{picture.image.shape[1]} x {picture.image.shape[0]}; prepare them anew, in another folder"
            )
        if self._cache is not None:
            self._cache[number] = picture
        return picture
