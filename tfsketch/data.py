"""From shards to batches of the vocabulary.

Pictures with their sketch and colour map come from TFRecord shards (see `prepare`); what is random is drawn afresh for
every example: mask, colour strokes, mirroring, noise. An example is a function of (seed, position) alone, its
position in the endless stream of examples, and so is the order of pictures (a permutation per epoch). Hence training
resumes exactly by starting at a position, however it was stopped, and the same examples reach the model however many
replicas share them.

Shards are read by offset, not streamed: an index of every record is built once by skipping from length to length, so
pictures are shuffled over the whole set at no cost in memory.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import struct
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import tensorflow as tf

from tfsketch import images
from tfsketch.conditions import colors, masks
from tfsketch.config import Config
from tfsketch.errors import DataError


@dataclasses.dataclass(frozen=True)
class Picture:
    """A photograph and what was precomputed from it, all [H,W] or [H,W,3] uint8."""

    name: str
    image: np.ndarray
    sketch: np.ndarray
    """{0,1}"""
    color: np.ndarray
    region: np.ndarray | None = None
    """Optional {0,1} hair mask."""


def _decode(data: bytes, flag: int, where: str) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if image is None:
        raise DataError(f"{where}: expected an encoded picture, found {len(data)} undecodable bytes")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if flag == cv2.IMREAD_COLOR else image


class Shards:
    """The pictures of a folder of shards, by number.

    Raises:
      DataError: no shards, a truncated one, or pictures of another size than the experiment's.
    """

    def __init__(self, folder: str, image_size: int, cache: bool = True):
        files = sorted(pathlib.Path(folder).glob("*.tfrecord")) if folder else []
        if not files:
            raise DataError(
                f"expected TFRecord shards in the folder {folder!r}, found none; make them with: python -m "
                "tools.prepare_data --input=PHOTOGRAPHS --output=FOLDER --config=CONFIG"
            )
        self._records: list[tuple[pathlib.Path, int, int]] = []
        for file in files:
            size, offset = file.stat().st_size, 0
            with open(file, "rb") as stream:
                while offset < size:
                    stream.seek(offset)
                    header = stream.read(12)
                    length = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else size
                    if offset + 16 + length > size:  # length 8, its checksum 4, the record, its checksum 4
                        raise DataError(f"{file}: expected a whole TFRecord file, found it truncated at byte {offset}")
                    self._records.append((file, offset + 12, length))
                    offset += 16 + length
        if not self._records:
            raise DataError(f"expected pictures in the shards of {folder}, found them empty")
        self._size = image_size
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
        missing = {"id", "image", "sketch", "color"} - set(example)
        if missing:
            raise DataError(f"{where}: expected features id, image, sketch and color, found none of {sorted(missing)}")
        raw = {key: example[key].bytes_list.value[0] for key in ("id", "image", "sketch", "color")}
        picture = Picture(
            raw["id"].decode(),
            _decode(raw["image"], cv2.IMREAD_COLOR, where),
            (_decode(raw["sketch"], cv2.IMREAD_GRAYSCALE, where) > 127).astype(np.uint8),
            _decode(raw["color"], cv2.IMREAD_COLOR, where),
        )
        if picture.image.shape != (self._size, self._size, 3):
            raise DataError(
                f"{where}: expected pictures of {self._size} px (image_size), found "
                f"{picture.image.shape[1]} x {picture.image.shape[0]}"
            )
        if self._cache is not None:
            self._cache[number] = picture
        return picture


def draw(picture: Picture, rng: np.random.Generator, config: Config, training: bool) -> tuple[np.ndarray, ...]:
    """An example with conditions drawn for it.

    Args:
      picture: what to draw for.
      rng: the only source of randomness.
      config: `mask`, `color`, and for training `data.flip` and `data.sketch_probability`.
      training: off, nothing is mirrored or left out, and every example has colour strokes.

    Returns:
      (image [H,W,3] uint8, mask [H,W] uint8, sketch [H,W] uint8, color [H,W,3] uint8, painted [H,W] uint8,
      noise [H,W] float32, seed [2] int32), as `to_vocabulary` takes them.
    """
    size = picture.image.shape[:2]
    mask = masks.free_form(rng, size, config.mask, picture.region)
    color_config = config.color if training else dataclasses.replace(config.color, probability=1.0)
    painted = colors.stroke_mask(rng, size, color_config)
    arrays = [picture.image, mask, picture.sketch, picture.color, painted]
    if training:
        if rng.random() >= config.data.sketch_probability:
            arrays[2] = np.zeros_like(picture.sketch)
        if config.data.flip and rng.random() < 0.5:
            arrays = [np.ascontiguousarray(array[:, ::-1]) for array in arrays]
    noise = rng.standard_normal(size, np.float32)
    return (*arrays, noise, rng.integers(0, 2**31 - 1, 2).astype(np.int32))


def to_vocabulary(
    image: tf.Tensor,
    mask: tf.Tensor,
    sketch: tf.Tensor,
    color: tf.Tensor,
    painted: tf.Tensor,
    noise: tf.Tensor,
    seed: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    """What `draw` gives, alone or batched, as the vocabulary's float32 dict (`seed` is passed on as it is)."""

    def binary(x: tf.Tensor) -> tf.Tensor:
        return tf.cast(x, tf.float32)[..., None]

    example = {
        "image": tf.cast(image, tf.float32) / 127.5 - 1.0,
        "mask": binary(mask),
        "sketch": binary(sketch),
        "color": (tf.cast(color, tf.float32) / 127.5 - 1.0) * binary(painted),
        "noise": noise[..., None] * binary(mask),
    }
    return example if seed is None else example | {"seed": seed}


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, count: int, epoch: int) -> np.ndarray:
    """The order of an epoch. Two are kept: around an epoch's end, parallel workers ask for both."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def _order(seed: int, count: int, position: int) -> int:
    """The number of the picture at a position of the stream: a permutation per epoch."""
    epoch, place = divmod(position, count)
    return int(_permutation(seed, count, epoch)[place])


def batches(
    shards: Shards, config: Config, start_step: int = 0, replicas: int = 1, pipeline: int = 0, pipelines: int = 1
) -> tf.data.Dataset:
    """The endless stream of training batches of one input pipeline, from a step on.

    Args:
      shards: the pictures.
      config: seed, conditions and `train.batch_size`, the global one.
      start_step: the first step to make batches for.
      replicas: replicas fed by this pipeline; consecutive elements go to consecutive ones.
      pipeline, pipelines: this pipeline's number and their count (workers).

    Returns:
      A dataset of dicts with `batch_size / (replicas * pipelines)` examples each, keys `image`, `mask`, `sketch`,
      `color`, `noise` and `seed`.

    Raises:
      DataError: the global batch does not divide among the replicas.
    """
    total = config.train.batch_size
    share, rest = divmod(total, replicas * pipelines)
    if rest:
        raise DataError(f"train.batch_size: expected a multiple of {replicas * pipelines} replicas, found {total}")

    def example(position: np.int64) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng([config.seed, 1, int(position)])
        return draw(shards[_order(config.seed, len(shards), int(position))], rng, config, training=True)

    def load(element: tf.Tensor) -> dict[str, tf.Tensor]:
        local = replicas * share  # examples of this pipeline in a step
        position = element // local * total + pipeline * local + element % local
        side = config.image_size
        arrays = tf.numpy_function(example, [position], [tf.uint8] * 5 + [tf.float32, tf.int32])
        for array, shape in zip(
            arrays, [(side, side, 3), (side, side), (side, side), (side, side, 3), (side, side), (side, side), (2,)]
        ):
            array.set_shape(shape)
        return to_vocabulary(*arrays)

    numbers = tf.data.Dataset.range(start_step * replicas * share, tf.int64.max)
    examples = numbers.map(load, num_parallel_calls=config.data.workers, deterministic=True)
    return examples.batch(share, drop_remainder=True).prefetch(4)


def fixed_batch(shards: Shards | Mapping[int, Picture], config: Config, numbers: Sequence[int]) -> dict[str, tf.Tensor]:
    """The given pictures as one batch whose conditions never change: for grids and evaluation."""
    drawn = [draw(shards[n], np.random.default_rng([config.seed, 2, n]), config, training=False) for n in numbers]
    return to_vocabulary(*(tf.convert_to_tensor(np.stack(column)) for column in zip(*drawn)))


def to_uint8(image: tf.Tensor | np.ndarray) -> np.ndarray:
    """[-1,1] -> uint8, rounded; the exact inverse of `x / 127.5 - 1`."""
    return np.clip(np.rint((np.asarray(image, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def rows_of(batch: dict[str, tf.Tensor], *extra: np.ndarray) -> list[list[np.ndarray]]:
    """A row of pictures per example for `images.contact_sheet`: input, mask, sketch, colour, then `extra`, then truth.

    Args:
      batch: of the vocabulary.
      extra: each [B,H,W,3] uint8.
    """
    image, mask = to_uint8(batch["image"]), batch["mask"].numpy()
    hole = np.where(mask > 0.5, np.uint8(255), image)
    sketch = (255 * (1 - batch["sketch"].numpy()[..., 0] * mask[..., 0])).astype(np.uint8)
    color = np.where(
        np.any(batch["color"].numpy() != 0, axis=-1, keepdims=True) & (mask > 0.5),
        to_uint8(batch["color"]),
        np.uint8(255),
    )
    masks_ = (mask[..., 0] * 255).astype(np.uint8)
    return [[hole[i], masks_[i], sketch[i], color[i], *(e[i] for e in extra), image[i]] for i in range(len(image))]


SHEET_TITLES = ("input", "mask", "sketch", "color")


def sheet_of_shards(folder: str, config: Config, count: int = 8) -> pathlib.Path:
    """A contact sheet of a folder of shards, with conditions as training would draw them; returns its file."""
    shards = Shards(folder, config.image_size, cache=False)
    numbers = np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int).tolist()
    path = pathlib.Path(folder) / "contact_sheet.png"
    images.write_png(
        path, images.contact_sheet(rows_of(fixed_batch(shards, config, numbers)), [*SHEET_TITLES, "truth"])
    )
    return path
