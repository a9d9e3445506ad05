"""Layers as one file: OpenRaster, a zip of a `mimetype`, `stack.xml`, PNG layers, the merged picture and a thumbnail
(the format's specification 0.0.5), which GIMP, Krita, MyPaint and others open and save.

A layer's name says what it is, `NAMES`. Paint programs crop a layer to what is painted, group layers and hide them;
none of that matters here. Whatever else a file holds is left alone.
"""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

from tfsketch.errors import ImageError, cause
from tfsketch.images import files

TYPE = "image/openraster"
NAMES = {
    "image": ("Photograph", "Photo"),
    "mask": ("Mask",),
    "sketch": ("Sketch",),
    "color": ("Colours", "Colors", "Colour", "Color"),
}
"""What a layer is -> its names, the first of which is written; in any case of letters."""
RESULT = "Result"
"""Name of the layer that holds an edit's result."""
_MERGED, _STACK = "mergedimage.png", "stack.xml"
_MAX_STACK = 2**20
"""Bytes of a list of layers; thousands of layers need fewer."""
_START = b"mimetype" + TYPE.encode()  # at byte 30, where an archive's first file has its name and content


def is_openraster(path: str | os.PathLike, data: bytes | None = None) -> bool:
    """Whether a file, or its content `data`, is an OpenRaster file; False of what is no file."""
    if data is None:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            data = file.read(30 + len(_START))
    return data.startswith(b"PK\x03\x04") and data.startswith(_START, 30)


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer to be written."""

    name: str
    png: bytes
    visible: bool = True


def encode(
    size: tuple[int, int], layers: Sequence[Layer], merged: bytes, thumbnail: bytes, others: Mapping[str, bytes]
) -> bytes:
    """An OpenRaster file.

    Args:
      size: (width, height).
      layers: the topmost first, each of that size.
      merged: what they show together, as PNG.
      thumbnail: of at most 256 pixels a side, as PNG.
      others: name -> content of further files.
    """
    width, height = size
    xml = [f'<?xml version="1.0" encoding="UTF-8"?>\n<image version="0.0.5" w="{width}" h="{height}"><stack>']
    contents: dict[str, str | bytes] = {"mimetype": TYPE}  # first, and not compressed, as the format wants it
    for number, layer in enumerate(layers):
        place = f"data/layer{number}.png"
        contents[place] = layer.png
        visibility = "visible" if layer.visible else "hidden"
        xml.append(f'<layer name={quoteattr(layer.name)} src="{place}" x="0" y="0" visibility="{visibility}"/>')
    contents |= {_STACK: "".join([*xml, "</stack></image>"]), _MERGED: merged, "Thumbnails/thumbnail.png": thumbnail}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for name, content in (contents | dict(others)).items():
            archive.writestr(zipfile.ZipInfo(name), content)  # undated: the same edit is the same file at any time
    return buffer.getvalue()


class File:
    """An OpenRaster file to be read.

    Args:
      path: the file, or with `data` only the name for messages.
      data: the content.

    Raises:
      ImageError: damaged, or larger than what is read.
    """

    def __init__(self, path: str | os.PathLike, data: bytes | None = None):
        self._path, self._source = path, data
        try:
            with self._open() as archive:
                self.members = archive.namelist()
                """Names of the files in it."""
        except Exception as error:  # of a damaged archive zipfile raises anything
            raise ImageError(f"{path}: expected a whole OpenRaster file, found: {cause(error)}") from error
        listing = self.member(_STACK, _MAX_STACK)
        if b"<!ENTITY" in listing or b"\0" in listing:  # entities unfold without end; UTF-16 would hide them
            raise ImageError(f"{path}: expected a list of layers in UTF-8, without entities, in its {_STACK}")
        try:
            root = ElementTree.fromstring(listing)
            self.size = int(root.get("w", "")), int(root.get("h", ""))
            """(width, height)"""
            entries = [dict(entry.attrib) for entry in root.iter("layer")]
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise ImageError(f"{path}: expected a list of layers in its {_STACK}, found: {cause(error)}") from error
        width, height = self.size
        if not (0 < width and 0 < height and width * height <= files.MAX_PIXELS):
            raise ImageError(f"{path}: expected 1 to {files.MAX_PIXELS:,} pixels, found {width} x {height}")
        self._layers: dict[str, list[dict[str, str]]] = {}
        self.names = [entry.get("name", "") for entry in entries]
        """Of its layers, the topmost first."""
        for what, names in NAMES.items():
            own = [entry for entry in entries if entry.get("name", "").strip().casefold() in map(str.casefold, names)]
            if own:
                self._layers[what] = own

    @property
    def kinds(self) -> list[str]:
        """The keys of `NAMES` of which there is a layer."""
        return list(self._layers)

    def member(self, name: str, most: int = files.MAX_BYTES) -> bytes:
        """The content of a file in the archive, of at most `most` bytes.

        Raises:
          ImageError: there is none, or it is damaged or larger.
        """
        try:
            with self._open() as archive:
                size = archive.getinfo(name).file_size
                if size > most:
                    raise ImageError(f"{self._path}: {name}: expected at most {most:,} bytes, found {size:,}")
                return archive.read(name)
        except ImageError:
            raise
        except KeyError as error:
            raise ImageError(f"{self._path}: expected a file {name} in it, as OpenRaster has, found none") from error
        except Exception as error:  # damaged or encrypted
            raise ImageError(f"{self._path}: expected a whole OpenRaster file, found: {cause(error)}") from error

    def layer(self, what: str) -> bytes:
        """The layer that is a key of `NAMES`, of the file's size, as PNG.

        Raises:
          ImageError: there is none, or several, or it cannot be read.
        """
        own = self._layers.get(what, [])
        if len(own) != 1:
            title = NAMES[what][0]
            actual = f"{len(own)} of them" if own else ", ".join(map(repr, self.names[:20])) or "no layer"
            raise ImageError(f"{self._path}: expected one layer named {title}, found {actual}: name the layers so")
        place = own[0].get("src", "")
        data, where = self.member(place), f"{self._path}: {place}"
        try:
            left, top = (int(float(own[0].get(axis, "0"))) for axis in "xy")
            with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
                if picture.size == self.size and (left, top) == (0, 0):
                    return data
        except Exception as error:
            raise ImageError(
                f"{where}: expected a layer as PNG at a place in the sheet, found: {cause(error)}"
            ) from error
        return files.encode_png(self._place(files.read_rgba(where, data), left, top))

    def merged(self) -> bytes:
        """What the layers show together, as PNG.

        Raises:
          ImageError: there is none, or it is damaged or too large.
        """
        return self.member(_MERGED)

    def _open(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self._path if self._source is None else io.BytesIO(self._source))

    def _place(self, layer: np.ndarray, left: int, top: int) -> np.ndarray:
        """A layer [h,w,4] on a clear sheet of the file's size; what lies beyond it is cut off."""
        width, height = self.size
        sheet = np.zeros((height, width, 4), np.uint8)
        part = layer[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
        sheet[max(0, top) :, max(0, left) :][: part.shape[0], : part.shape[1]] = part
        return sheet


def read_layer(
    path: str | os.PathLike, what: str, data: bytes | None = None, most: int = files.MAX_PIXELS
) -> tuple[np.ndarray, bool]:
    """A layer's file: (sheet [H,W,4] uint8 RGBA, whether what is opaque in it is known to be its paint).

    That is known of a layer of an OpenRaster file, unless all of it is opaque. Any other file is the sheet itself.

    Args:
      path, data, most: as of `files.read_rgba`.
      what: a key of `NAMES`.

    Raises:
      ImageError: unreadable, or without such a layer.
    """
    if not is_openraster(path, data):
        return files.read_rgba(path, data, most), False
    sheet = files.read_rgba(path, File(path, data).layer(what), most)
    return sheet, bool((sheet[..., 3] < 128).any())


def read_photograph(path: str | os.PathLike, data: bytes | None = None) -> tuple[bytes, list[str]] | None:
    """The photograph of an OpenRaster file: (PNG, words on what that leaves out); None of any other file.

    A file without a layer of that name or of another in `NAMES` is one picture: what its layers show together.

    Raises:
      ImageError: unreadable, or named layers without a photograph.
    """
    if not is_openraster(path, data):
        return None
    file = File(path, data)
    if file.kinds or any(name.casefold() == RESULT.casefold() for name in file.names):
        return file.layer("image"), []
    return file.merged(), ["its layers: what they show together is kept"]


def kinds_of(path: str | os.PathLike, among: Iterable[str] = NAMES) -> list[str]:
    """The keys of `NAMES`, of those in `among`, of which an OpenRaster file has a layer; none of any other file.

    Raises:
      ImageError: a damaged OpenRaster file.
    """
    kinds = File(path).kinds if is_openraster(path) else []
    return [what for what in among if what in kinds]
