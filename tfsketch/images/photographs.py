"""A photograph with its file's depth, mode and transparency, which an edit keeps.

The networks see 8 bits of RGB. Untouched pixels keep the values of the file, 8 or 16 bits, grey or RGB; repainted ones
get random lower eight bits (dither) if the file has sixteen, so that a later stretch of the levels shows no bands.
Transparency stays as it is. Whatever cannot be kept is reported in `notes`, never dropped silently.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib

import cv2
import numpy as np
from PIL import Image

from tfsketch.errors import ImageError
from tfsketch.images import files, openraster
from tfsketch.images import metadata as metadata_lib
from tfsketch.images.metadata import Metadata

_TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""EXIF orientation -> the function that turns [H,W,...] upright."""


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph, or the edit of one."""

    image: np.ndarray
    """[H,W,3] uint8 RGB, upright, for editing; of 16 bits a channel, the upper eight."""
    pixels: np.ndarray
    """[H,W] grey, or [H,W,C] with C = 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha); uint8 or uint16."""
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()
    """A line on each thing that is not kept, without the file's name."""
    shift: int = 0
    """By how many bits `pixels` is deeper than `image`: 8, or 0."""
    orientation: int = 1
    """The file's EXIF orientation."""
    source: pathlib.Path | None = None
    """The file, if it is a JPEG on disk."""
    change_mask: np.ndarray | None = None
    """Of an edit: [H,W] bool, where it differs from the photograph."""

    def with_result(self, result: np.ndarray) -> Photograph:
        """The photograph with the pixels of `result`, [H,W,3] uint8 RGB, that differ from `image`.

        Raises:
          ImageError: a result of another size.
        """
        if result.shape != self.image.shape:
            raise ImageError(f"expected a result of {self.image.shape}, found {result.shape}")
        change_mask, notes = (result != self.image).any(axis=-1), list(self.notes)
        channels = 1 if self.pixels.ndim == 2 else self.pixels.shape[2]
        pixels = self.pixels.reshape(*self.pixels.shape[:2], channels)
        color, alpha = (pixels[..., :-1], pixels[..., -1:]) if channels in (2, 4) else (pixels, pixels[..., :0])
        metadata, repaint = self.metadata, result
        if channels < 3 and (result[change_mask] == result[change_mask][:, :1]).all():
            repaint = result[..., :1]
        elif channels < 3:
            color = np.repeat(color, 3, axis=-1)
            notes.append("it is grey, and what was repainted has colours: the result is RGB, not grey")
            if metadata.icc:
                metadata = dataclasses.replace(metadata, icc=b"")
                notes.append("left out: the colour profile, which is one of grey")
        if alpha.size and change_mask.any():
            transparent_share = float((alpha[change_mask] < np.iinfo(alpha.dtype).max).mean())
            if transparent_share:
                notes.append(
                    f"{transparent_share:.0%} of what was repainted is transparent in the photograph, and stays so"
                )
        deep = repaint.astype(pixels.dtype)
        if self.shift:
            noise = np.random.default_rng(0).integers(0, 1 << self.shift, deep.shape, dtype=np.uint16)
            deep = (deep << self.shift) | noise
        result_pixels = np.concatenate([np.where(change_mask[..., None], deep, color), alpha], axis=-1)
        result_pixels = result_pixels[..., 0] if result_pixels.shape[2] == 1 else result_pixels
        return dataclasses.replace(
            self, image=result, pixels=result_pixels, metadata=metadata, notes=tuple(notes), change_mask=change_mask
        )

    @property
    def traits(self) -> list[str]:
        """Words on the uncommon properties that an edit keeps."""
        grey = self.pixels.ndim == 2 or self.pixels.shape[2] == 2
        clear = self.pixels.ndim == 3 and self.pixels.shape[2] in (2, 4)
        return [
            *(["16 bits a channel are kept in PNG and TIFF; the network sees the upper 8"] if self.shift else []),
            *(["its transparency is kept, but JPEG has none"] if clear else []),
            *(["it is grey and stays grey, unless a colour stroke in the mask has a colour"] if grey else []),
        ]

    @property
    def notes_of_image(self) -> list[str]:
        """Words on what is lost if only `image` is used, as in pictures side by side: `notes`, and what it lacks."""
        beyond = ["transparency"] if self.pixels.ndim == 3 and self.pixels.shape[2] in (2, 4) else []
        beyond += [f"{8 + self.shift} bits a channel"] if self.shift else []
        return [*self.notes, *([_LEFT_OUT + ", ".join(beyond)] if beyond else [])]


def of_array(image: np.ndarray) -> Photograph:
    """A photograph from [H,W,3] uint8 RGB, without a file."""
    return Photograph(image, image)


def read(path: str | os.PathLike, data: bytes | None = None, most: int = files.MAX_PIXELS) -> Photograph:
    """Reads a photograph's file, or the photograph of a file of layers (`openraster`); arguments and errors as of
    `files.read_rgb`, which returns its `image`."""
    details: dict[str, object] = {}
    layers = openraster.read_photograph(path, data)
    data = layers[0] if layers else data
    content = metadata_lib.path_of(data, path)

    def inspect(picture: Image.Image) -> None:
        details["orientation"] = picture.getexif().get(0x0112, 1)
        details["metadata"], details["lost"] = metadata_lib.read(picture, content)
        details["bits"] = bits_of(picture, content)
        details["format"] = picture.format
        details["grey"] = is_grey_with_alpha(picture, content)

    picture = files.decode(path, data, most, inspect)
    image = np.asarray(files.eight_bits(picture, path).convert("RGB"))
    metadata, missing, bits, orientation = (details[key] for key in ("metadata", "lost", "bits", "orientation"))
    assert isinstance(metadata, Metadata) and isinstance(missing, list) and isinstance(bits, int)
    # Like `exif_transpose`, which accepts numbers of any type but not text or bytes.
    orientation = next((turn for turn in _TURNS if turn == orientation), 1)
    notes = [f"left out: {one}" for one in (*missing, *(layers[1] if layers else ()))]
    source = pathlib.Path(path) if data is None and details["format"] in ("JPEG", "MPO") else None
    pixels, shift = None, 0
    if picture.mode.startswith("I;16"):
        bits, notes = 16, notes + ["12 bits a channel: they are written as 16"] * (bits == 12)
        notes += ["left out: the one level of its grey that is transparent"] * ("transparency" in picture.info)
        pixels = np.asarray(picture).astype(np.uint16)
    elif bits == 16:
        pixels = _deep(path, data, orientation, image, has_alpha(picture))
        if pixels is not None and details["grey"]:
            pixels = np.ascontiguousarray(pixels[..., [0, 3]])
    if bits == 16:
        if pixels is None:
            notes.append("its 16 bits a channel could not be read at full depth: it is edited and written at 8")
        elif 0 < pixels.max() <= 255:
            image = _rgb_of(pixels.astype(np.uint8))
            notes.append("its levels end at 255 of 65535, and are taken for 8 bits a channel in a file of 16")
        else:
            shift = 8
    elif bits > 8:
        notes.append(f"{bits} bits a channel: it is edited and written at 8")
    if pixels is None:
        pixels, words = _channels(picture, image)
        notes += words
    return Photograph(image, pixels, metadata, tuple(notes), shift, orientation, source)


def read_rgb(path: str | os.PathLike) -> tuple[np.ndarray, list[str]]:
    """A photograph that is not edited, as ([H,W,3] uint8 RGB, lines on what that leaves out of its file).

    Raises:
      ImageError: as `files.read_rgb`.
    """
    data, beyond = openraster.read_photograph(path) or (None, [])
    content = metadata_lib.path_of(data, path)
    image = files.read_rgb(path, data, lambda picture: beyond.extend(beyond_rgb(picture, content)))
    return image, [f"{path}: {_LEFT_OUT}{', '.join(beyond)}"] if beyond else []


_LEFT_OUT = "seen as 8 bits of RGB; left out of its file: "


def bits_of(picture: Image.Image, content: bytes | str | os.PathLike) -> int:
    """Bits a channel of a file, given as its content or its path."""
    if picture.format == "PNG":
        head = _head(content)
        return head[24] if len(head) == 26 else 8
    if picture.format == "TIFF":
        bits = getattr(picture, "tag_v2", {}).get(258, 8)
        return int(max(bits) if isinstance(bits, tuple) else bits)
    depth = picture.info.get("bit_depth", 8)
    return depth if isinstance(depth, int) else 8


def is_grey_with_alpha(picture: Image.Image, content: bytes | str | os.PathLike) -> bool:
    """Whether a picture is a PNG of grey and alpha, which Pillow reads as RGBA if it has 16 bits a channel."""
    return picture.format == "PNG" and _head(content)[25:26] == b"\x04"


def has_alpha(picture: Image.Image) -> bool:
    """Whether a picture is transparent in places, or may be."""
    return picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info


def beyond_rgb(picture: Image.Image, content: bytes | str | os.PathLike) -> list[str]:
    """Words on what 8 bits of RGB leave out of a file's pixels."""
    bits = bits_of(picture, content)
    return [
        *(["transparency"] if has_alpha(picture) else []),
        *([f"{bits} bits a channel"] if bits > 8 else []),
        *([f"{picture.mode} colours"] if picture.mode in ("CMYK", "LAB", "HSV") else []),
    ]


def _head(content: bytes | str | os.PathLike) -> bytes:
    """A PNG's first bytes, up to its bits a channel and its kind of colour."""
    if isinstance(content, bytes):
        return content[:26]
    with open(content, "rb") as file:
        return file.read(26)


def _rgb_of(pixels: np.ndarray) -> np.ndarray:
    """Stored channels without alpha, as RGB."""
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    is_grey = pixels.ndim == 2 or pixels.shape[2] == 2
    return np.repeat(grey[..., None], 3, axis=-1) if is_grey else np.ascontiguousarray(pixels[..., :3])


def _deep(
    path: str | os.PathLike, data: bytes | None, orientation: int, image: np.ndarray, alpha: bool
) -> np.ndarray | None:
    """16 bits a channel, upright, by OpenCV, since Pillow returns eight; None if the two do not agree. A fourth channel
    that is no `alpha` is left out."""
    content = np.frombuffer(pathlib.Path(path).read_bytes() if data is None else data, np.uint8)
    try:
        deep = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if deep is None or deep.dtype != np.uint16 or (deep.ndim == 3 and deep.shape[2] not in (3, 4)):
        return None
    if deep.ndim == 3:
        deep = cv2.cvtColor(deep, cv2.COLOR_BGRA2RGBA if alpha and deep.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    deep = np.ascontiguousarray(_TURNS.get(orientation, lambda a: a)(deep))
    levels: np.ndarray = deep.astype(np.int64)
    upper = _rgb_of(levels >> 8 if levels.max() > 255 else levels).astype(np.uint8)
    return deep if upper.shape == image.shape and (deep.max() <= 255 or (upper == image).all()) else None


def _channels(picture: Image.Image, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """A picture of 8 bits a channel as it will be stored again, and words on what of its mode is not kept."""
    clear = "transparency" in picture.info
    mode, notes = picture.mode, []
    if mode in ("P", "PA"):
        mode = "RGBA" if clear or mode == "PA" else "RGB"
        notes.append(f"its palette has no room for new colours: the result is {mode}")
    elif mode == "1":
        mode = "L"
        notes.append("it is black and white of 1 bit: the result is grey of 8 bits")
    elif mode == "RGBa":
        mode = "RGBA"
        notes.append("its colours are stored multiplied by its transparency: they are rounded")
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        notes.append(f"it is {mode}, which is converted to RGB, as Pillow does it without a profile: the result is RGB")
        mode = "RGB"
    if clear and mode in ("L", "RGB"):
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    return (image if mode == "RGB" else np.asarray(picture.convert(mode))), notes
