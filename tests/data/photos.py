"""Photographs to prepare, and what came of them."""

from __future__ import annotations

import dataclasses
import pathlib

from tests.pictures import crops
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.data.shards import Shards
from tfsketch.images import files

CONFIG = systems.parse(
    "image_size: 32\nsketch: {style: canny}\nprepare: {regions: none}\n"
    "model: {generator: {stages: 3, kernels: [3, 3, 3]}}"
)


def preparing(**settings) -> config_lib.Config:
    """`CONFIG` with other settings of `prepare`."""
    return dataclasses.replace(CONFIG, prepare=dataclasses.replace(CONFIG.prepare, **settings))


def photos_in(folder: pathlib.Path, count: int = 3) -> pathlib.Path:
    """The folder, with `count` photographs of 32 px."""
    for number, crop in enumerate(crops(count, 32)):
        files.write_png(folder / f"{number}.png", crop)
    return folder


def files_of(folder) -> dict[str, bytes]:
    """The contents of all files below a folder."""
    paths = [p for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def names_in(folder) -> list[str]:
    """The names of the pictures of shards, in their order."""
    shards = Shards(folder, 32)
    return [shards[n].name for n in range(len(shards))]
