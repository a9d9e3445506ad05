"""Speed of the input pipeline, from shards to batches, and its parts.

The work done for every example is listed beside that done once when the shards are made, to show that
nothing slow runs online that need not.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import skimage.data
import tensorflow as tf

from tfsketch.benchmarks.measures import cost, table, throughput
from tfsketch.conditions import colors, face_parser, hand, masks, sketches
from tfsketch.conditions.trace import trace
from tfsketch.config import Config, shipped
from tfsketch.data import prepare
from tfsketch.data.augmentation import Moves
from tfsketch.data.batches import batches, stages
from tfsketch.data.fixed import center_crop
from tfsketch.data.sampling import draw, keys
from tfsketch.data.shards import Picture, Shards
from tfsketch.images import files, sizes
from tfsketch.vocabulary import to_tensors

_SLOW = 4.0
"""Milliseconds a picture above which a part should be computed once, if it can be."""
_OWN_PICTURES = 24
_BATCH = 8
"""Pictures a call of the networks, as in preparing."""


def own_shards(config: Config, folder: pathlib.Path) -> str:
    """Shards of squares cut from scikit-image's photographs, without regions unless a face parser is there."""
    photographs = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()]
    rng = np.random.default_rng(0)
    for number, photograph in zip(range(_OWN_PICTURES), itertools.cycle(photographs)):
        side = int(rng.integers(min(photograph.shape[:2]) * 3 // 4, min(photograph.shape[:2]) + 1))
        top, left = (int(rng.integers(0, extent - side + 1)) for extent in photograph.shape[:2])
        square = sizes.center_square(photograph[top : top + side, left : left + side], config.stored_size)
        files.write_png(folder / "photographs" / f"{number:02d}.png", square)
    if not _has_parser(config):
        config = dataclasses.replace(config, prepare=dataclasses.replace(config.prepare, regions="none"))
    prepare.prepare([str(folder / "photographs")], str(folder / "shards"), config)
    return str(folder / "shards")


def _has_parser(config: Config) -> bool:
    source = config.prepare.regions
    return source not in ("none", "labels") and (shipped.model_folder(source) / "weights.npz").is_file()


def _online(
    config: Config, folder: str, pictures: Sequence[Picture]
) -> Iterator[tuple[str, str, Callable[[int], object], int]]:
    """The parts that run for every example: name, what keeps it online, the work, pictures a call of it.

    The first is the floor: a record must be read and decoded whatever is done with it.
    """
    anew, follows = "drawn anew", "follows the crop"
    shards = Shards(folder, config.stored_size, cache=False)
    read = stages(pictures, config)["read"]
    outputs = keys(config)
    crops = [center_crop(picture, config.image_size) for picture in pictures]
    size = (config.image_size, config.image_size)
    rng = np.random.default_rng(config.seed)

    def at(number: int) -> Picture:
        return crops[number % len(crops)]

    yield "read and decode a record (floor)", "comes first", lambda n: shards[n % len(shards)], 1
    moves = tf.function(Moves(config))
    yield "stack its maps, from memory", follows, read, 1
    stacks = [tf.constant(read(n)[0]) for n in range(len(crops))]
    chances = [tf.constant(rng.random(3, np.float32)) for _ in range(len(crops))]
    yield "crop and mirror (keras-cv)", anew, lambda n: moves(stacks[n % len(crops)], chances[n % len(crops)]), 1
    if "mask" in outputs:
        yield "mask", anew, lambda n: masks.free_form(rng, size, config.mask, at(n).regions), 1
    if "color" in outputs:
        yield "colour strokes", anew, lambda n: colors.paint(rng, at(n).color, config.color, at(n).regions), 1
    if "sketch" in outputs and config.hand.abstraction[1] > 0:
        lines = [picture.sketches[config.sketch.style] for picture in crops]
        strokes = [trace(drawing) for drawing in lines]

        def simulate(n: int) -> None:
            level = rng.uniform(*config.hand.abstraction)
            hand.draw_badly(rng, strokes[n % len(crops)], size, level, config.hand, at(n).regions)

        yield "hand: trace the lines", follows, lambda n: trace(lines[n % len(crops)]), 1
        yield "hand: draw them badly", anew, simulate, 1
    if "noise" in outputs:
        yield "noise", anew, lambda n: rng.standard_normal(size, np.float32), 1
    yield "all conditions together (`draw`)", anew, lambda n: draw(at(n), rng, config, training=True), 1
    examples = [draw(at(n), rng, config, training=True) for n in range(config.train.batch_size)]
    batch = {key: tf.constant(np.stack([example[key] for example in examples])) for key in examples[0]}
    convert = tf.function(to_tensors)
    yield "a batch of uint8 to float32", follows, lambda n: convert(batch), config.train.batch_size


def _precomputations(config: Config, pictures: Sequence[Picture]) -> Iterator[tuple[str, Callable[[int], object], int]]:
    """The parts that run once a photograph, when shards are made: name, the work, pictures a call of it."""
    side = config.stored_size
    photograph = skimage.data.astronaut()
    yield "resize a photograph of 512 px", lambda n: sizes.center_square(photograph, side), 1
    square = [picture.image for picture in pictures]
    batches = [np.stack([square[(n + i) % len(square)] for i in range(_BATCH)]) for n in range(len(square))]

    def sketches_of(sketcher: sketches.Sketcher) -> Callable[[int], object]:
        return lambda n: sketcher(batches[n % len(batches)])

    for style in sketches.STYLES:
        yield f"sketch `{style}`", sketches_of(sketches.Sketcher(config.sketch, style)), _BATCH
    yield "colour map", lambda n: colors.color_map(square[n % len(square)], config.color), 1
    if _has_parser(config):
        parser = face_parser.load(config.prepare.regions)
        yield "face regions (face parser)", lambda n: face_parser.parse(parser, batches[n % len(batches)]), _BATCH


def pipeline(config: Config, folder: str, seconds: float) -> str:
    """The online data pipeline; see the module's docstring.

    Args:
      config: the experiment; the workers of a `data.service` are measured beside this process alone.
      folder: shards for it; empty for squares from scikit-image's photographs.
      seconds: for each throughput; each part gets a tenth.

    Raises:
      DataError: no shards there, or not this experiment's.
    """
    with tempfile.TemporaryDirectory(prefix="tfsketch-benchmark-") as scratch:
        folder = folder or own_shards(config, pathlib.Path(scratch))
        shards = Shards(folder, config.stored_size, cache=False)
        pictures = [shards[n] for n in range(min(_OWN_PICTURES, len(shards)))]
        batch = config.train.batch_size

        def read_only() -> tf.data.Dataset:
            read = stages(shards, config)["read"]
            numbers = tf.data.Dataset.range(tf.int64.max)
            return numbers.map(
                lambda n: tf.numpy_function(read, [n], [tf.uint8, tf.float32]), config.data.workers
            ).batch(batch)

        here = dataclasses.replace(config, data=dataclasses.replace(config.data, service=""))
        datasets = {
            "only reading and decoding (floor)": read_only(),
            "whole pipeline, from shards": batches(shards, here),
            # As with data.cache after the first epoch, which would take too long here.
            "whole pipeline, from memory": batches(pictures, here),
        }
        if config.data.service:
            count = len(config.data.service.split(","))
            datasets[f"whole pipeline, by {count} data workers (their time is not in the last column)"] = batches(
                shards, config
            )
        runs = throughput(datasets, batch, seconds)
        online = [
            (name, why, cost(work, count, seconds / 10)) for name, why, work, count in _online(config, folder, pictures)
        ]
        once = [(name, cost(work, count, seconds / 10)) for name, work, count in _precomputations(config, pictures)]

    decode = online[0][2].median
    slow = [name for name, why, spread in online[1:] if why != "drawn anew" and spread.median > _SLOW]
    names = ", ".join(f"`{key}`" for key in keys(config))
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; system "
        f"`{config.system}` ({names}), {config.image_size} px from {config.stored_size} px, batches of {batch}, "
        f"`data.workers` {config.data.workers}, {len(shards)} pictures. Made by `python -m tools.benchmark pipeline`.",
        "",
        *table(
            ["pipeline", "pictures/s", "10 % - 90 %", "of the floor", "processor ms a picture"],
            [[name, *run.rate.cells(1), f"{run.ratio:.2f}", f"{run.milliseconds:.1f}"] for name, run in runs.items()],
        ),
        "",
        *table(
            ["online, for every example", "processor ms a picture", "10 % - 90 %", "of the floor", "why online"],
            [[name, *spread.cells(2), f"{spread.median / decode:.2f}", why] for name, why, spread in online],
        ),
        "",
        f"Online parts above {_SLOW:.0f} ms a picture that are not drawn anew: {', '.join(slow) or 'none'}.",
        "",
        *table(
            ["precomputed, once a photograph", "processor ms a picture", "10 % - 90 %", "of the floor"],
            [[name, *spread.cells(2), f"{spread.median / decode:.2f}"] for name, spread in once],
        ),
    ]
    return "\n".join(lines)
