"""Small photographs cut from one that a package ships, and shards of them."""

from __future__ import annotations

import pathlib

import numpy as np
import skimage.data

from tfsketch import config as config_lib
from tfsketch.data import prepare
from tfsketch.images import files


def crops(count: int, side: int) -> list[np.ndarray]:
    """`count` squares of [side,side,3] uint8 cut from scikit-image's portrait, all different."""
    picture = skimage.data.astronaut()
    rng = np.random.default_rng(0)
    corners = [rng.integers(0, s - 2 * side, count) for s in picture.shape[:2]]
    return [np.ascontiguousarray(picture[y : y + 2 * side : 2, x : x + 2 * side : 2]) for y, x in zip(*corners)]


def labelled_shards(folder: pathlib.Path, config: config_lib.Config) -> pathlib.Path:
    """Shards of four pictures for an experiment, with labels of regions where it asks for them."""
    side = config.image_size
    labels = np.repeat(np.arange(side, dtype=np.uint8)[:, None] * 4 // side, side, axis=1)
    for number, crop in enumerate(crops(4, side)):
        files.write_png(folder / "photos" / f"{number}.png", crop)
        files.write_png(folder / "labels" / f"{number}.png", labels)
    options = {"labels": str(folder / "labels")} if config.prepare.regions == "labels" else {}
    prepare.prepare([str(folder / "photos")], str(folder / "shards"), config, **options)
    return folder / "shards"
