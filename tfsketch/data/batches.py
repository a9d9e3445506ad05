"""From shards to batches of the vocabulary.

Photographs with their sketches, colour map and face regions come from TFRecord shards (see `prepare`); what is random
is drawn afresh for every example: a crop, mirroring, mask, colour strokes, the badly drawing hand, noise. An example is
a function of (seed, position) alone, its position in the endless stream of examples, and so is the order of pictures (a
permutation per epoch). Hence training resumes exactly by starting at a position, however it was stopped, and the same
examples reach the model however many replicas share them.

An example goes through three stages: it is read (Python), cropped and mirrored with all its maps together (keras-cv's
layers, told what to do instead of asked to be random, because their own generators cannot be resumed), and its
conditions are drawn (Python: cv2 and NumPy, which leave the interpreter's lock for most of their time).

Shards are read by offset, not streamed: an index of every record is built once by skipping from length to length, so
pictures are shuffled over the whole set at no cost in memory.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import json
import os
import pathlib
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch import config as config_lib
from tfsketch.conditions import colors, hand, masks, regions
from tfsketch.config import AffineConfig, Config, SketchConfig, StrokeConfig
from tfsketch.data import prepare, service
from tfsketch.errors import DataError
from tfsketch.images import files, sheets
from tfsketch.vocabulary import to_tensors

CONDITIONS: dict[str, tuple[str, ...]] = {
    "sc_fegan": ("mask", "sketch", "color", "noise"),
    "face_parser": ("regions",),
    "cali_sketch": ("sketch", "refined"),
    "contextual_gan": ("sketch", "z"),
    "region_edit": ("mask",),
}
"""System -> keys of its batches beside `image` and `seed`. What is not named is not drawn."""

_OCCLUDER = StrokeConfig(vertices=(1, 4), width=(0.08, 0.25))
_OCCLUDED = (0.02, 0.15)
"""Share of the picture behind something."""


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
      folder: a folder, or folders separated by commas.
      size: side of the pictures, in pixels.
      cache: keep what was read.

    Raises:
      DataError: no shards, a truncated one, or pictures of another side than `size`.
    """

    def __init__(self, folder: str | os.PathLike, size: int, cache: bool = True):
        files = []
        for part in str(folder).split(","):
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
    if not os.path.isdir(folder) or any(pathlib.Path(folder).glob("*.tfrecord")):
        return Shards(folder, config.stored_size, config.data.cache)
    for line in prepare.prepare([str(folder)], str(scratch), config).refused:
        print(f"refused: {line}")
    return Shards(scratch, config.stored_size, config.data.cache)


def keys(config: Config) -> tuple[str, ...]:
    """The keys of an experiment's batches."""
    return ("image", *CONDITIONS[config.system], *(f"sketch_{style}" for style in config.data.maps), "seed")


def _warp(picture: Picture, rng: np.random.Generator, config: AffineConfig, sketch: SketchConfig) -> Picture:
    """Turns, shifts and zooms a picture and its maps together and changes its light; what comes in from outside is a
    reflection in the photograph and ignored in the regions. Lines of one pixel stay so."""
    side = picture.image.shape[0]
    zoom = (1.0 + config.zoom) ** rng.uniform(-1, 1)
    if config.zoom_in:
        zoom *= (1.0 + config.zoom_in) ** rng.uniform(0, 1)
    matrix = cv2.getRotationMatrix2D(
        ((side - 1) / 2, (side - 1) / 2), rng.uniform(-config.rotation, config.rotation), zoom
    )
    matrix[:, 2] += rng.uniform(-config.shift, config.shift, 2) * side
    gain, bias = 1.0 + rng.uniform(-config.light, config.light, 3), 127.5 * rng.uniform(-config.light, config.light)
    levels = np.clip((np.arange(256)[:, None] - 127.5) * gain + 127.5 + bias, 0, 255).astype(np.uint8)

    def linear(layer: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(layer, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def moved(style: str, lines: np.ndarray) -> np.ndarray:
        strokes = linear(lines * 255) >= 96  # a line of one pixel that falls between two stays a line
        return (skeletonize(strokes) if sketch.one_pixel(style) else strokes).astype(np.uint8)

    return dataclasses.replace(
        picture,
        image=cv2.LUT(linear(picture.image), levels[None]),
        color=linear(picture.color),
        sketches={style: moved(style, lines) for style, lines in picture.sketches.items()},
        regions=None
        if picture.regions is None
        else cv2.warpAffine(
            picture.regions,
            matrix,
            (side, side),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=regions.IGNORED,
        ),
    )


def _cloth(rng: np.random.Generator, side: int) -> np.ndarray:
    """Something that is no face: two colours in a soft pattern of some scale, [S,S,3] uint8."""
    cells = int(2 ** rng.uniform(1, 6))
    pattern = cv2.resize(rng.random((cells, cells), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    colors = rng.uniform(0, 255, (2, 3))
    grey = colors.mean(axis=1, keepdims=True)
    one, two = grey + (colors - grey) * rng.uniform(0, 1)  # most cloth is duller than random numbers
    return np.clip(one + (two - one) * pattern * rng.uniform(0, 1), 0, 255).astype(np.uint8)


def _head(rng: np.random.Generator, found: np.ndarray) -> np.ndarray:
    """The top of a head, where a hat would sit: [S,S] uint8 in {0,1}, empty where no brows or eyes are seen."""
    side = found.shape[0]
    features = np.flatnonzero(regions.mask_of(found, ("brows", "eyes")).any(axis=1))
    if not len(features):
        return np.zeros_like(found)
    x, y = np.arange(side), np.arange(side)[:, None]
    rim = features[0] - rng.uniform(0.0, 0.12) * side + rng.uniform(-0.2, 0.2) * (x - side / 2)
    above = (y < rim).astype(np.uint8)
    top = regions.mask_of(found, ("hair", "skin", "hat")) & above
    return masks.grow(top, round(rng.uniform(0.0, 0.05) * side)) & above


def _occlude(picture: Picture, rng: np.random.Generator) -> Picture:
    """Puts a hand, a cup or a sleeve before the face, or a hat on the head.

    CelebAMask-HQ shows few hats, and a parser that has seen few takes all of them for hair."""
    size, found = picture.image.shape[:2], picture.regions
    name, inside = "hat", np.zeros(size, np.uint8)
    if found is not None and rng.random() < 0.5:
        inside = _head(rng, found)
    if not inside.any():
        name = "background"
        inside = masks.strokes(rng, size, _OCCLUDER, rng.uniform(*_OCCLUDED), upper=2 * _OCCLUDED[1])
    if name == "hat" or rng.random() < 0.5:
        filling = _cloth(rng, size[0])
    else:  # of the picture itself, from elsewhere
        filling = np.roll(picture.image, rng.integers(size[0] // 4, 3 * size[0] // 4, 2), axis=(0, 1))
    return dataclasses.replace(
        picture,
        image=np.where(inside[..., None] > 0, filling, picture.image),
        regions=None if found is None else np.where(inside > 0, np.uint8(regions.REGIONS.index(name)), found),
    )


def _by_hand(rng: np.random.Generator, config: Config) -> bool:
    """Whether a training example's sketch is drawn by the hand. No number is drawn where there is no chance in it."""
    chance = config.hand.probability if config.hand.abstraction[1] > 0 else 0.0
    return chance >= 1.0 or chance > 0.0 and rng.random() < chance


def draw(
    picture: Picture,
    rng: np.random.Generator,
    config: Config,
    training: bool,
    progress: float = 1.0,
    level: float | None = None,
) -> dict[str, np.ndarray]:
    """An example with conditions drawn for it.

    Args:
      picture: what to draw for, of the experiment's `image_size`.
      rng: the only source of randomness.
      config: sections `data`, `mask`, `sketch`, `hand` and `color`.
      training: off, nothing is moved or left out, every example has colour strokes, and the hand is steady.
      progress: share of the training that is done, for schedules.
      level: the hand's, in the place of a random one in training and of the steady one else.

    Returns:
      What `vocabulary.to_tensors` takes, for the keys of `keys(config)`: `image` and `color` [H,W,3] uint8; `mask`,
      `sketch`, `refined`, `painted`, `regions` and `sketch_STYLE` [H,W] uint8; `noise` [H,W] float32; `z` [Z] float32,
      uniform in [-1,1]; `seed` [2] int32.

    Raises:
      DataError: the shards lack a style or the regions that the experiment needs.
    """
    wanted = keys(config)
    for style in {*config.sketch.drawings(), *config.data.maps} if "sketch" in wanted or config.data.maps else ():
        if style not in picture.sketches:
            raise DataError(
                f"{picture.name}: expected a sketch in the style {style!r}, found {', '.join(picture.sketches)}; add "
                "it to prepare.styles (STYLE@n: raise sketch.abstractions) and run tools.prepare_data anew"
            )
    if "regions" in wanted and picture.regions is None:
        raise DataError(f"{picture.name}: expected face regions, found none; see prepare.regions")
    if training and config.data.affine != AffineConfig():
        picture = _warp(picture, rng, config.data.affine, config.sketch)
    if training and rng.random() < config.data.occlusion_probability:
        picture = _occlude(picture, rng)
    size = picture.image.shape[:2]
    drawn: dict[str, np.ndarray] = {"image": picture.image}
    if "mask" in wanted:
        drawn["mask"] = masks.free_form(rng, size, config.mask, picture.regions, progress)
    if "color" in wanted:
        color_config = config.color if training else dataclasses.replace(config.color, probability=1.0)
        drawn["color"], drawn["painted"] = colors.paint(rng, picture.color, color_config, picture.regions)
    if "sketch" in wanted:
        drawings = config.sketch.drawings()
        several = training and len(drawings) > 1
        lines = picture.sketches[drawings[rng.integers(len(drawings))] if several else drawings[0]]
        drawn["refined"] = lines
        if training and rng.random() >= config.data.sketch_probability:
            lines = np.zeros_like(lines)
        elif level is not None or training and _by_hand(rng, config):
            level = rng.uniform(*config.hand.abstraction) if level is None else level
            lines = hand.drawn_by_hand(rng, lines, level, config.hand, picture.regions)
        drawn["sketch"] = lines
    for style in config.data.maps:
        drawn[f"sketch_{style}"] = picture.sketches[style]
    if "regions" in wanted:
        drawn["regions"] = picture.regions
    if "noise" in wanted:
        drawn["noise"] = rng.standard_normal(size, np.float32)
    if "z" in wanted:
        drawn["z"] = rng.uniform(-1.0, 1.0, config.model.latent).astype(np.float32)
    drawn["seed"] = rng.integers(0, 2**31 - 1, 2).astype(np.int32)
    return {key: drawn[key] for key in (*wanted, *(["painted"] if "painted" in drawn else []))}


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, count: int, epoch: int) -> np.ndarray:
    """The order of an epoch. Two are kept: around an epoch's end, parallel workers ask for both."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def _order(seed: int, count: int, position: int) -> int:
    """The number of the picture at a position of the stream: a permutation per epoch."""
    epoch, place = divmod(position, count)
    return int(_permutation(seed, count, epoch)[place])


def _stack(picture: Picture, styles: Sequence[str]) -> np.ndarray:
    """A picture and its maps as one [S,S,C] uint8 array: image, colour map, regions, sketches in order.

    Raises:
      DataError: the picture has other sketches, being of another folder than the first.
    """
    if picture.sketches.keys() != set(styles):
        raise DataError(
            f"{picture.name}: expected the sketches of the first picture, {', '.join(styles)}, found "
            f"{', '.join(sorted(picture.sketches))}; folders that are used together must be prepared alike"
        )
    known = picture.regions if picture.regions is not None else np.full_like(picture.image[..., 0], regions.IGNORED)
    # cv2's merge and split take a quarter of the time that NumPy takes for strided copies.
    return cv2.merge([picture.image, picture.color, known, *(picture.sketches[style] for style in styles)])


def _unstack(name: str, stack: np.ndarray, styles: Sequence[str]) -> Picture:
    planes = cv2.split(stack)
    known = None if cv2.countNonZero(regions.IGNORED - planes[6]) == 0 else planes[6]
    return Picture(name, cv2.merge(planes[:3]), dict(zip(styles, planes[7:])), cv2.merge(planes[3:6]), known)


class _Moves:
    """Crops and mirrors a picture with all its maps, by keras-cv's layers and our random numbers.

    The layers compute in float32, several arrays for each value. So they move one plane that numbers the pixels (exact
    for sides up to 4096), and the pixels of all maps follow it as bytes, in a third of the time.
    """

    def __init__(self, config: Config):
        # Imported here: it takes seconds, and only training needs it. It takes its names from the module
        # `tensorflow.keras`, which on TensorFlow 2.21 is Keras 3 for whoever imported TensorFlow before tfsketch.
        if importlib.util.find_spec("tf_keras") is not None:
            sys.modules["tensorflow.keras"] = importlib.import_module("tf_keras.api._v2.keras")
        import keras_cv

        self.crop = config.stored_size - config.image_size
        self.flip = config.data.flip
        # float32 whatever the global policy: 16 bits could not number the pixels.
        self._flip = keras_cv.layers.RandomFlip("horizontal", dtype="float32")
        self._crop = keras_cv.layers.RandomCrop(config.image_size, config.image_size, dtype="float32")

    def __call__(self, stack: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
        """[S,S,C] uint8 -> [H,W,C] uint8.

        Args:
          stack: the picture.
          chances: [3] float32 in [0,1): from top, from left, mirrored.
        """
        height, width, channels = stack.shape
        numbers = tf.reshape(tf.range(height * width, dtype=tf.float32), (1, height, width, 1))
        if self.crop:
            # A whole number of pixels, so that the layer's nearest neighbours are the pixels themselves.
            corner = tf.floor(chances[:2] * (self.crop + 1)) / self.crop
            numbers = self._crop.augment_images(numbers, {"tops": corner[None, :1], "lefts": corner[None, 1:]})
        if self.flip:
            mirrored = tf.cast(chances[2:] < 0.5, tf.float32)[None]
            numbers = self._flip.augment_images(
                numbers, {"flip_horizontals": mirrored, "flip_verticals": tf.zeros_like(mirrored)}
            )
        return tf.gather(tf.reshape(stack, (-1, channels)), tf.cast(numbers[0, ..., 0], tf.int32))


def stages(shards: Shards | Sequence[Picture], config: Config) -> dict[str, Callable]:
    """The stages of an example that are Python, by name, as functions of NumPy arrays.

    `read`: position int64 -> stack [S,S,C] uint8 and chances [3] float32, see `_stack` and `_Moves`. `finish`: position
    and moved stack -> the arrays of `draw`, in its order.
    """
    styles = sorted(shards[0].sketches)
    total, steps = config.train.batch_size, sum(phase.steps for phase in config.train.phases)

    def read(position: np.int64) -> tuple[np.ndarray, np.ndarray]:
        chances = np.random.default_rng([config.seed, 3, int(position)]).random(3, np.float32)
        return _stack(shards[_order(config.seed, len(shards), int(position))], styles), chances

    def finish(position: np.int64, stack: np.ndarray) -> list[np.ndarray]:
        rng = np.random.default_rng([config.seed, 1, int(position)])
        progress = min(1.0, int(position) / total / max(steps, 1))
        return list(draw(_unstack(f"example {position}", stack, styles), rng, config, True, progress).values())

    return {"read": read, "finish": finish}


def identity(shards: Shards, config: Config) -> dict[str, str]:
    """All that examples depend on beside their position, for `data_service`: settings by key, and the pictures."""
    tree = config_lib.to_dict(config)
    for section, others in {
        "data": ("train", "validation", "cache", "workers", "service"),
        "train": set(tree["train"]) - {"batch_size", "phases"},
    }.items():
        tree[section] = {key: value for key, value in tree[section].items() if key not in others}
    tree["train"]["phases"] = [phase["steps"] for phase in tree["train"]["phases"]]
    tree["model"] = {"latent": getattr(config.model, "latent", 0)}
    del tree["prepare"]
    found = {"pictures": str(len(shards))}
    lengths = np.array([length for _, _, length in shards._records], np.int64)
    found["records"] = hashlib.sha256(lengths.tobytes()).hexdigest()[:16]
    while tree:
        key, value = tree.popitem()
        if isinstance(value, dict):
            tree.update({f"{key}.{name}": part for name, part in value.items()})
        else:
            found[key] = json.dumps(value)
    return found


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
      shards: the pictures, of shards where there is a `data.service`.
      config: seed, conditions and `train.batch_size`, the global one.
      start_step: the first step to make batches for.
      replicas: replicas fed by this pipeline; consecutive elements go to consecutive ones.
      pipeline, pipelines: this pipeline's number and their count (workers).

    Returns:
      A dataset of dicts with `batch_size / (replicas * pipelines)` examples each and the keys of `keys(config)`. With
      `data.service` the workers named there make the same examples.

    Raises:
      DataError: the global batch does not divide among the replicas, or a worker is missing or not the same.
    """
    total = config.train.batch_size
    share, rest = divmod(total, replicas * pipelines)
    if rest:
        raise DataError(f"train.batch_size: expected a multiple of {replicas * pipelines} replicas, found {total}")
    styles = sorted(shards[0].sketches)
    moves = _Moves(config) if config.data.flip or config.stored_size > config.image_size else None
    side, stored = config.image_size, config.stored_size

    # One example tells the names, types and shapes of all.
    sample = shards[0]
    sample = _unstack(sample.name, _stack(sample, styles)[:side, :side], styles)
    layout = draw(sample, np.random.default_rng(0), config, training=True)

    workers: list[str] = []
    if config.data.service:
        ours = identity(shards, config)
        workers, call = service.connect(config.data.service, ours), functools.partial(service.call, ours)
    else:
        functions = stages(shards, config)

        def call(name: str, *rest: Any) -> list[tf.Tensor]:
            return tf.numpy_function(functions[name], *rest)

    def load(element: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        local = replicas * share  # examples of this pipeline in a step
        position = element // local * total + pipeline * local + element % local
        stack, chances = call("read", [position], [tf.uint8, tf.float32])
        stack.set_shape((stored, stored, 7 + len(styles)))
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
        examples = stream(first, 1).map(lambda _, drawn: drawn)
    # float32 only now: what is batched, and what workers send, is a quarter of that.
    return examples.batch(share, drop_remainder=True).map(to_tensors).prefetch(4)


def _centered(picture: Picture, side: int) -> Picture:
    """The central square of a picture that was stored larger."""
    margin = (picture.image.shape[0] - side) // 2
    cut = (slice(margin, margin + side),) * 2
    return dataclasses.replace(
        picture,
        image=picture.image[cut],
        color=picture.color[cut],
        sketches={style: lines[cut] for style, lines in picture.sketches.items()},
        regions=None if picture.regions is None else picture.regions[cut],
    )


def fixed_batch(
    shards: Shards | Mapping[int, Picture], config: Config, numbers: Sequence[int], level: float | None = None
) -> dict[str, tf.Tensor]:
    """The given pictures as one batch whose conditions never change: for grids and evaluation; `level` as in `draw`."""
    drawn = []
    for n in numbers:
        rng = np.random.default_rng([config.seed, 2, n])
        drawn.append(draw(_centered(shards[n], config.image_size), rng, config, training=False, level=level))
    return to_tensors({key: np.stack([example[key] for example in drawn]) for key in drawn[0]})


def sheet_of_shards(folder: str | os.PathLike, config: Config, count: int = 8) -> pathlib.Path:
    """A contact sheet of what a folder of shards holds, at most `count` pictures; returns its file."""
    shards = Shards(folder, config.stored_size, cache=False)
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
