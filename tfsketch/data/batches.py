"""From shards to batches of the vocabulary.

Photographs with their maps come from `shards`; everything random is sampled anew for every example: `augmentation`
moves them, `sampling` draws their conditions. An example depends on (seed, position) alone, its position in the endless
stream of examples, and so does the order of pictures (a permutation per epoch). Hence training resumes exactly by
starting at a position, however it was stopped, and the same examples reach the model for any number of replicas.

An example goes through three stages: it is read (Python), cropped and mirrored with all its maps together (TensorFlow),
and its conditions are drawn (Python).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from tfsketch.conditions.features import check_regions
from tfsketch.config import Config
from tfsketch.data import service
from tfsketch.data.augmentation import Moves
from tfsketch.data.sampling import draw
from tfsketch.data.shards import Picture, Shards
from tfsketch.errors import DataError
from tfsketch.vocabulary import STORED_MAPS, stored_map, to_tensors


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, count: int, epoch: int) -> np.ndarray:
    """The order of an epoch. Two are kept: around an epoch's end, parallel workers ask for both."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def _order(seed: int, count: int, position: int) -> int:
    """The number of the picture at a position of the stream: a permutation per epoch."""
    epoch, place = divmod(position, count)
    return int(_permutation(seed, count, epoch)[place])


def features_of(picture: Picture) -> tuple[str, ...]:
    """The features of a set of shards, from any of its pictures, in a stack's order: every map of the table, whether
    this picture has it or not, and the styles of those that are styled."""
    names = (name for name, row in STORED_MAPS.items() if not row.styled)
    return (*names, *sorted(feature for feature in picture.maps if "/" in feature))


def _stack(picture: Picture, features: Sequence[str]) -> np.ndarray:
    """A picture's maps as one [S,S,C] uint8 array, in the order of `features_of` the first of its set.

    Raises:
      DataError: the picture has other sketches, as it is from another folder than the first.
    """
    if features_of(picture) != features:
        expected, actual = (", ".join(f for f in some if "/" in f) for some in (features, features_of(picture)))
        raise DataError(
            f"{picture.name}: expected the maps of the first picture, {expected}, found {actual}; folders that are "
            "used together must be prepared alike"
        )
    planes = []
    for feature in features:
        row = stored_map(feature)
        blank = (*picture.image.shape[:2], row.channels)
        planes.append(picture.maps[feature] if feature in picture.maps else np.full(blank, row.unknown, np.uint8))
    return cv2.merge(planes)  # cv2's merge and split take a quarter of the time that NumPy takes for strided copies


def _unstack(name: str, stack: np.ndarray, features: Sequence[str]) -> Picture:
    planes, maps = iter(cv2.split(stack)), {}
    for feature in features:
        row = stored_map(feature)
        layers = [next(planes) for _ in range(row.channels)]
        if row.required or any(cv2.countNonZero(row.unknown - layer) for layer in layers):
            maps[feature] = cv2.merge(layers)
    return Picture(name, maps)


def stages(shards: Shards | Sequence[Picture], config: Config) -> dict[str, Callable]:
    """The stages of an example that are Python, by name, as functions of NumPy arrays.

    `read`: position int64 -> stack [S,S,C] uint8 and chances [3] float32, see `_stack` and `Moves`. `finish`: position
    and moved stack -> the arrays of `draw`, in its order.
    """
    features = features_of(shards[0])
    total, steps = config.train.batch_size, sum(phase.steps for phase in config.train.phases)

    def read(position: np.int64) -> tuple[np.ndarray, np.ndarray]:
        chances = np.random.default_rng([config.seed, 3, int(position)]).random(3, np.float32)
        return _stack(shards[_order(config.seed, len(shards), int(position))], features), chances

    def finish(position: np.int64, stack: np.ndarray) -> list[np.ndarray]:
        rng = np.random.default_rng([config.seed, 1, int(position)])
        progress = min(1.0, int(position) / total / max(steps, 1))
        return list(draw(_unstack(f"example {position}", stack, features), rng, config, True, progress).values())

    return {"read": read, "finish": finish}


def batches(
    shards: Shards | Sequence[Picture],
    config: Config,
    start_step: int = 0,
    replicas: int = 1,
    pipeline: int = 0,
    pipelines: int = 1,
) -> tf.data.Dataset:
    """The endless stream of training batches of one input pipeline, from a step on.

    Args:
      shards: the pictures; with a `data.service`, those of shards.
      config: seed, conditions and `train.batch_size`, the global one.
      start_step: the first step to make batches for.
      replicas: replicas fed by this pipeline; consecutive elements go to consecutive ones.
      pipeline, pipelines: this pipeline's number and their count (workers).

    Returns:
      A dataset of dicts with `batch_size / (replicas * pipelines)` examples each and the keys of `keys(config)`. With
      `data.service` the workers named there make the same examples.

    Raises:
      DataError: the global batch does not divide among the replicas, or a worker is missing or has other settings.
      ConfigError: an unknown region.
    """
    check_regions(config)
    total = config.train.batch_size
    share, rest = divmod(total, replicas * pipelines)
    if rest:
        raise DataError(f"train.batch_size: expected a multiple of {replicas * pipelines} replicas, found {total}")
    features = features_of(shards[0])
    moves = Moves(config) if config.data.flip or config.stored_size > config.image_size else None
    side = config.image_size

    # One example tells the names, types and shapes of all.
    first_stack = _stack(shards[0], features)
    sample = _unstack(shards[0].name, first_stack[:side, :side], features)
    layout = draw(sample, np.random.default_rng(0), config, training=True)

    workers: list[str] = []
    call: Callable[..., list[tf.Tensor]]
    if config.data.service:
        if not isinstance(shards, Shards):
            raise DataError("data.service: expected pictures from shards, which its workers can read too")
        fingerprint = service.fingerprint(shards.lengths, config)
        workers, call = service.connect(config.data.service, fingerprint), functools.partial(service.call, fingerprint)
    else:
        functions = stages(shards, config)

        def call_here(name: str, *rest: Any) -> list[tf.Tensor]:
            return tf.numpy_function(functions[name], *rest)

        call = call_here

    # The mapped functions branch on Python values only; AutoGraph's conversion would cost a second at every start.
    plain = tf.autograph.experimental.do_not_convert

    @plain
    def load(element: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        local = replicas * share  # examples of this pipeline in a step
        position = element // local * total + pipeline * local + element % local
        stack, chances = call("read", [position], [tf.uint8, tf.float32])
        stack.set_shape(first_stack.shape)
        chances.set_shape((3,))
        if moves is not None:
            stack = moves(stack, chances)
        arrays = call("finish", [position, stack], [tf.as_dtype(a.dtype) for a in layout.values()])
        for array, example in zip(arrays, layout.values()):
            array.set_shape(example.shape)
        return element, dict(zip(layout, arrays))

    def stream(first: int, stride: int) -> tf.data.Dataset:
        elements = tf.data.Dataset.range(first, tf.int64.max, stride)
        return elements.map(load, num_parallel_calls=config.data.workers, deterministic=True)

    first = start_step * replicas * share
    if workers:
        examples = service.in_turn(workers, first, stream)
    else:
        examples = stream(first, 1).map(plain(lambda _, example: example))
    # float32 only now: what is batched, and what workers send, is a quarter of that.
    return examples.batch(share, drop_remainder=True).map(plain(to_tensors)).prefetch(4)
