"""Real edits for calibrating and measuring exports: photographs, and conditions sampled for them as in training.

Conditions come from the model's own experiment (its masks, colours and freehand simulator), with two exceptions, so
that any folder of photographs will do without further packages or face parsing: lines are Canny's, and there are no
face regions. Everything is a function of the photographs and their order.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import tempfile

import numpy as np
import skimage.data
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.conditions import colors, sketches
from tfsketch.conditions.regions import IGNORED
from tfsketch.data.fixed import fixed_batch
from tfsketch.data.folders import open_pictures
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.images import sizes
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.vocabulary import to_tensors

COUNT = 20
"""Edits that an export is measured with."""
_PORTRAIT = (0, 100, 256)
"""Top, left and side of the face's square in scikit-image's portrait."""


def photographs(folder: str | os.PathLike, side: int, count: int) -> np.ndarray:
    """[count,side,side,3] uint8: the first pictures of a folder of photographs or shards, or, if `folder` is empty,
    squares around the face in scikit-image's portrait.

    Raises:
      DataError, ImageError: no or too few pictures, or shards of another size.
    """
    if not folder:
        rng, portrait, (top, left, edge) = np.random.default_rng(0), skimage.data.astronaut(), _PORTRAIT
        squares = []
        for number in range(count):
            size = edge if number == 0 else int(edge * rng.uniform(0.8, 1.2))
            y, x = (0, 0) if number == 0 else rng.integers(0, 24, 2)
            square = sizes.center_square(portrait[top + y : top + y + size, left + x : left + x + size], side)
            squares.append(square[:, ::-1] if number % 2 else square)
        return np.stack(squares)
    bare = config_lib.Config(
        image_size=side,
        data=config_lib.DataConfig(cache=False),
        sketch=config_lib.SketchConfig(style="canny"),
        prepare=config_lib.PrepareConfig(regions="none", duplicates=-1),
    )
    with tempfile.TemporaryDirectory(prefix="tfsketch-edits-") as scratch:
        shards = open_pictures(folder, bare, pathlib.Path(scratch) / "shards")
        if len(shards) < count:
            raise DataError(f"expected at least {count} pictures in {folder}, found {len(shards)}")
        return np.stack([shards[number].image for number in range(count)])


def conditions(model: ExportedNetwork, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """A model's inputs, [B,...] float32, sampled for photographs [B,S,S,3] uint8."""
    experiment = model.experiment
    assert experiment.model is not None  # the network was built from it
    config = dataclasses.replace(
        experiment,
        image_size=pictures.shape[1],
        seed=1,
        data=dataclasses.replace(experiment.data, maps=(), cache=False),
        sketch=config_lib.SketchConfig(style="canny"),
    )
    if model.takes == ("image",):
        return {"image": to_tensors({"image": pictures})["image"].numpy()}
    drawings = sketches.Sketcher(config.sketch)(pictures)
    # Regions in its batches are for training only: they are unknown here.
    no_labels = np.full(pictures.shape[1:3], IGNORED, np.uint8)
    regions = {"regions": no_labels} if "regions" in experiment.model.conditions else {}
    values = {
        n: Picture(
            str(n),
            {"image": picture, "sketch/canny": lines, "color": colors.color_map(picture, config.color)} | regions,
        )
        for n, (picture, lines) in enumerate(zip(pictures, drawings))
    }
    batch = fixed_batch(values, config, range(len(pictures)))
    batch["seed"] = tf.cast(batch["seed"] % 1000, tf.float32)  # exports take float32, which has few whole numbers
    batch["style"] = tf.roll(batch["image"], 1, axis=0)  # the photograph before it
    batch["amount"] = tf.ones([len(pictures), 1])
    return {key: batch[key].numpy() for key in model.takes}
