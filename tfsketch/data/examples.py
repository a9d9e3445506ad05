"""From a photograph to an example of a shard: the transforms shared by every way of preparing.

A photograph goes through two steps, each a pure function of the file and the settings. `Worker.examine` reads and
checks it, detects the face if it is to be aligned, and reports in a few bytes (`Finding`) what the plan of a set
depends on: whether it can be used, a hash of its content for the split and for duplicates, another for near duplicates,
its square. `Worker.examples` makes `tf.train.Example`s of those that the plan keeps: the square, its sketches, its
colour map and its face regions, as PNG. Every photograph is decoded twice so that the whole set is known before
anything is written.

An example's features, all bytes: `id`, and the maps of `vocabulary.STORED_MAPS` as PNG, `sketch/STYLE` for every
drawing, `regions` if the settings ask for them. Their makers are in `MAKERS`; a new map is an entry there. S is
`data.stored_size`, or `image_size` if that is 0.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import cv2
import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.conditions import colors, face_parser, regions, sketches
from tfsketch.data import sources
from tfsketch.errors import DataError, ImageError
from tfsketch.images import faces, files, paths, sizes
from tfsketch.vocabulary import size_of, stored_map


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of examining a photograph."""

    refused: str = ""
    """Why it cannot be used; then the rest is empty."""
    content: str = ""
    """SHA-256 of its shape and pixels, upright: the same for every name and every lossless format."""
    dhash: int = 0
    """256 bits that tell where it gets brighter to the right; few differ between near duplicates."""
    quad: tuple[tuple[float, float], ...] = ()
    """The face's square (see `faces`), if it is to be aligned and has a face."""
    converted: tuple[str, ...] = ()
    """Words on what 8 bits of RGB leave out of its pixels."""

    @staticmethod
    def of(tree: dict[str, Any]) -> Finding:
        """The inverse of `dataclasses.asdict`, after a round trip through JSON."""
        return Finding(
            **{**tree, "quad": tuple(map(tuple, tree["quad"])), "converted": tuple(tree.get("converted", ()))}
        )


def styles(config: config_lib.Config) -> tuple[str, ...]:
    """The drawings in the shards of an experiment by name, those in `sketch.style` first (see `SketchConfig`)."""
    return tuple(dict.fromkeys((*config.sketch.drawings(), *config.prepare.styles)))


def content_of(image: np.ndarray) -> str:
    """SHA-256 of a photograph's shape and pixels, [H,W,3] uint8, in hexadecimal."""
    return hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def dhash_of(image: np.ndarray) -> int:
    """The difference hash of a photograph, [H,W,3] uint8: at 17 x 16 grey pixels, a bit where the right neighbour is
    brighter (N. Krawetz, "Kind of like that", 2013).

    His 9 x 8 pixels are too few for portraits: among 21,000 photographs of faces, cars and birds, as many pairs of
    different people were within 2 of 64 bits as within 28 of 256. Of 1,100 faces, each as one JPEG of 128 px and
    another of 256 px, 96.5 % differ in at most 13 of 256 bits, 98.5 % in at most 17.
    """
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (17, 16), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


@dataclasses.dataclass(frozen=True)
class _Window:
    """A square cut out of a photograph's square: its position as shares of that, and its pixels [S,S,3] uint8."""

    top: float
    left: float
    side: float
    pixels: np.ndarray

    def of(self, regions_: np.ndarray, side: int) -> np.ndarray:
        """The part of the whole square's region map that lies under the window, [side,side] uint8."""
        scale = regions_.shape[0]
        top, left = round(self.top * scale), round(self.left * scale)
        size = max(1, round(self.side * scale))
        part = np.ascontiguousarray(regions_[top : top + size, left : left + size])
        part = cv2.resize(part, (side, side), interpolation=cv2.INTER_NEAREST_EXACT)
        return cv2.medianBlur(part, 5)  # regions are indices; their median over 5 x 5 smooths the steps at borders


@dataclasses.dataclass(frozen=True)
class Group:
    """Squares whose maps are computed together."""

    squares: np.ndarray
    """[N,S,S,3] uint8: whole squares first, then windows."""
    wholes: int
    """How many are whole squares."""
    windows: Sequence[tuple[int, _Window]]
    """The number of its whole square, and the window, for the others."""
    labels: list[np.ndarray]
    """Face regions of the whole squares as people marked them, with `prepare.regions: labels`."""


class Worker:
    """Examines photographs and makes examples of them; networks and detectors are loaded once, when first needed.

    Args:
      config: `image_size`, `data.stored_size` and the sections `prepare`, `sketch` and `color` are used.
      labels: for `prepare.regions: labels`, the folder of the label pictures, named as the photographs.
    """

    def __init__(self, config: config_lib.Config, labels: str = ""):
        self._config = config
        self._labels = pathlib.Path(labels)
        self._side = config.stored_size
        self._read = sources.Reader()
        self._finder: faces.Finder | None = None
        self._sketchers: dict[str, sketches.Sketcher] = {}
        self._parser: tf.keras.Model | None = None

    def examine(self, item: sources.Item) -> Finding:
        """Opens a photograph; its finding tells if it cannot be used.

        Raises:
          DataError: its archive no longer exists, or the extra `faces` is missing.
        """
        try:
            image = self._read(item)
            quad = self._quad(image, item)
            side = int(faces.side_of(quad)) if quad is not None else min(image.shape[:2])
            if side < self._side // 2:
                what = "a face's square" if quad is not None else "a side"
                raise ImageError(
                    f"{item.where}: expected {what} of at least {self._side // 2} px, found {side} in "
                    f"{image.shape[1]} x {image.shape[0]}"
                )
            if self._config.prepare.regions == "labels":
                self._labels_of(item, image)
        except ImageError as error:
            return Finding(refused=str(error))
        corners = () if quad is None else tuple((float(x), float(y)) for x, y in quad)
        return Finding("", content_of(image), dhash_of(image), corners, tuple(self._read.converted))

    def examples(self, pictures: Sequence[tuple[sources.Item, Finding]]) -> list[bytes]:
        """Serialised examples of examined photographs, in their order.

        Raises:
          DataError: a photograph has changed since it was examined.
        """
        squares, labels, names = [], [], []
        windows: list[tuple[int, _Window]] = []
        for number, (item, finding) in enumerate(pictures):
            try:
                image = self._read(item)
                if content_of(image) != finding.content:
                    raise ImageError(f"{item.where}: another picture than before")
                squares.append(self._square(image, finding))
                names.append(item.id)
                windows += [(number, window) for window in self._windows(image, finding)]
                if self._config.prepare.regions == "labels":
                    labels.append(self._square_labels(self._labels_of(item, image), image, finding))
            except ImageError as error:
                raise DataError(f"expected photographs not to change while they are prepared; found {error}") from error
        # Windows come last, with their part of the whole's maps: a parser knows whole faces.
        names += [f"{names[number]}#{count}" for count, (number, _) in enumerate(windows)]
        group = Group(np.stack(squares + [window.pixels for _, window in windows]), len(squares), windows, labels)
        maps: dict[str, Layers] = {}
        for make in MAKERS.values():
            maps.update(make(self, group, maps))
        records = []
        for number, name in enumerate(names):
            feature = {"id": _bytes(name.encode())}
            for key, layers in maps.items():
                levels = 255 if stored_map(key).kind == "lines" else 1
                feature[key] = _bytes(files.encode_png(layers[number] * levels))
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            # Otherwise the order of the features, and so the file, would differ between processes.
            records.append(example.SerializeToString(deterministic=True))
        return records

    def regions_of(self, group: Group) -> Maps:
        """Face regions by `prepare.regions`: from labels, or by a face parser from whole squares."""
        source = self._config.prepare.regions
        if source == "none":
            return {}
        wholes = group.labels if source == "labels" else list(self._parse(group.squares[: group.wholes]))
        return {"regions": wholes + [window.of(wholes[number], self._side) for number, window in group.windows]}

    def colors_of(self, group: Group) -> Maps:
        """Colour maps."""
        return {"color": [colors.color_map(square, self._config.color) for square in group.squares]}

    def sketches_of(self, group: Group, regions_: Layers | None) -> Maps:
        """Every drawing of the experiment; some styles use face regions."""
        drawings: dict[str, Sequence[np.ndarray]] = {}
        for name in styles(self._config):
            style, _, level = name.partition("@")
            pictures = sketches.smooth(group.squares, int(level)) if level else group.squares
            drawings[f"sketch/{name}"] = list(self._sketcher(style)(pictures, regions_))
        return drawings

    def _quad(self, image: np.ndarray, item: sources.Item) -> np.ndarray | None:
        prepare = self._config.prepare
        if prepare.align != "ffhq":
            return None
        self._finder = self._finder or faces.Finder()
        landmarks = self._finder(image)
        if landmarks is None and prepare.faceless == "refuse":
            raise ImageError(f"{item.where}: expected a face, found none")
        return None if landmarks is None else faces.quad_of(landmarks)

    def _square(self, image: np.ndarray, finding: Finding) -> np.ndarray:
        if finding.quad:
            return faces.align(image, np.array(finding.quad), self._side)
        return sizes.center_square(image, self._side)

    def _windows(self, image: np.ndarray, finding: Finding) -> list[_Window]:
        """Squares cut out of a photograph's square at random, seeded by its content alone."""
        if not self._config.prepare.windows:
            return []
        if finding.quad:
            whole = int(faces.side_of(np.array(finding.quad)))
            native = faces.align(image, np.array(finding.quad), whole) if whole >= 2 * self._side else None
        else:
            native = sizes.cut_square(image)
            whole = native.shape[0]
        if native is None or whole < 2 * self._side:
            return []
        rng = np.random.default_rng(int(finding.content[:16], 16))
        windows = []
        for _ in range(self._config.prepare.windows):
            side = int(rng.integers(self._side, whole // 2 + 1))
            top, left = (int(value) for value in rng.integers(0, whole - side + 1, 2))
            crop = np.ascontiguousarray(native[top : top + side, left : left + side])
            windows.append(_Window(top / whole, left / whole, side / whole, sizes.center_square(crop, self._side)))
        return windows

    def _square_labels(self, labels: np.ndarray, image: np.ndarray, finding: Finding) -> np.ndarray:
        """The labels under the photograph's square, by nearest pixel: a mean of two labels is a third."""
        if finding.quad:
            return faces.align_labels(labels, np.array(finding.quad), size_of(image), self._side)
        return cv2.resize(sizes.cut_square(labels), (self._side, self._side), interpolation=cv2.INTER_NEAREST_EXACT)

    def _labels_of(self, item: sources.Item, image: np.ndarray) -> np.ndarray:
        """A photograph's region map at the size of its label picture.

        Raises:
          ImageError: the label picture is missing, is of another kind, or has another shape.
        """
        path = pathlib.Path(paths.on_disk(self._labels / f"{pathlib.PurePath(item.member or item.path).stem}.png"))
        labels = files.read_labels(path)
        shape, expected = np.array(labels.shape), np.array(image.shape[:2])
        if np.abs(shape * max(expected) / max(shape) - expected).max() > max(1, 0.01 * max(expected)):
            raise ImageError(
                f"{path}: expected labels of the photograph's shape, {expected[1]} x {expected[0]} at any scale, "
                f"found {shape[1]} x {shape[0]}"
            )
        try:
            return regions.from_celebamask(labels, str(path))
        except DataError as error:
            raise ImageError(str(error)) from error

    def _sketcher(self, style: str) -> sketches.Sketcher:
        if style not in self._sketchers:
            self._sketchers[style] = sketches.Sketcher(self._config.sketch, style)
        return self._sketchers[style]

    def _parse(self, batch: np.ndarray) -> np.ndarray:
        if self._parser is None:
            self._parser = face_parser.load(self._config.prepare.regions)
        return face_parser.parse(self._parser, batch)


Layers = Union[np.ndarray, Sequence[np.ndarray]]
"""A map [S,S] or [S,S,3] uint8 of every square of a group."""
Maps = Mapping[str, Layers]
"""The maps of a group by feature."""

MAKERS: dict[str, Callable[[Worker, Group, Maps], Maps]] = {
    "image": lambda worker, group, maps: {"image": list(group.squares)},
    "regions": lambda worker, group, maps: worker.regions_of(group),
    "color": lambda worker, group, maps: worker.colors_of(group),
    "sketch": lambda worker, group, maps: worker.sketches_of(group, maps.get("regions")),
}
"""Row of `vocabulary.STORED_MAPS` -> its maker, in order of execution: `maps` holds the results of earlier ones. A
maker returns no features if the settings ask for none, and several for a row with styles."""
