"""Reading and writing pictures, with the checks of bad input in one place.

Everything in the package is uint8 RGB; BGR exists only around calls of cv2. Pillow reads, because it detects truncated
files, applies EXIF orientation and knows a picture's size before decoding it.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import secrets
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tfsketch.errors import ImageError, cause, install_command

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded (a 24-megapixel photograph has 24 million)."""
MAX_BYTES = 1_000_000_000
"""Larger files are refused before they are read: `MAX_PIXELS` of 16-bit colour with transparency fill 800 million."""
_KINDS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (),
}
"""The formats that Pillow may try on a file, with their suffixes; a phone's MPO opens as a JPEG. It knows forty more
formats, one of which starts another program."""
_LATER = {"AVIF": (".avif",), "HEIF": (".heic", ".heif")}
"""Read by newer versions of Pillow, and by the plugin of the extra `heif`."""
with contextlib.suppress(ImportError):
    import pillow_heif

    pillow_heif.register_heif_opener()
    if hasattr(pillow_heif, "register_avif_opener"):  # until Pillow read them itself
        pillow_heif.register_avif_opener()
Image.preinit()
with contextlib.suppress(ImportError):
    from PIL import AvifImagePlugin

    if AvifImagePlugin.SUPPORTED:
        Image.register_extensions("AVIF", [".avif", ".avifs"])
_KINDS |= {kind: suffixes for kind, suffixes in _LATER.items() if kind in Image.OPEN}
FORMAT_OF = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes}
"""Suffix -> Pillow's name of the format."""
SUFFIXES = frozenset(FORMAT_OF)
LOCKED = frozenset(suffix for suffixes in _LATER.values() for suffix in suffixes) - SUFFIXES
"""Suffixes of photographs that need the extra."""
UNLOCK = f"{install_command('heif')} reads them"
_HEAD_BYTES = 128
"""Number of bytes at the beginning of a file that identify its format."""
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIF": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
}
"""Pillow's name of a format -> the brands of its files (ISO/IEC 14496-12's `ftyp`, of 23008-12 and of AVIF). The first
match counts, because AVIF files have the brand `mif1` too."""
_TIFF = "a TIFF file of floating point, a camera's raw data, or a damaged one"
_PICTURES = {
    b"\xff\x0a": "a JPEG XL file",
    b"\0\0\0\x0cJXL \r\n\x87\n": "a JPEG XL file",
    b"\0\0\0\x0cjP  \r\n\x87\n": "a JPEG 2000 file",
    b"\xff\x4f\xff\x51": "a JPEG 2000 file",
    b"\x76\x2f\x31\x01": "an OpenEXR file",
    b"II*\0": _TIFF,
    b"MM\0*": _TIFF,
    b"II+\0": "a BigTIFF file",
    b"MM\0+": "a BigTIFF file",
    b"8BPS": "a Photoshop file",
    b"gimp xcf ": "a GIMP file",
    b"CSFCHUNK": "a Clip Studio file",
    b"\x00\xffKA": "an Affinity file",
    b"PK\x03\x04": "an archive (ZIP), as Procreate's files are",
    b"%PDF": "a PDF",
    b"<svg": "an SVG file",
    b"<?xml": "an SVG file or another text in XML",
}
"""First bytes of files with pictures -> what they are. None of them is read."""
_ARCHIVES = {b"mimetypeimage/openraster": "an OpenRaster file", b"mimetypeapplication/x-krita": "a Krita file"}
"""Name and content of the first file in an archive, from byte 30 on -> what the archive is."""
_OTHERS = {
    b"<!doctype": "a web page: download the picture itself",
    b"<html": "a web page: download the picture itself",
    b"version https://git-lfs": "Git LFS's pointer to a file: `git lfs pull` fetches it",
}
"""The same of files without one, in lower case -> what they are and what to do."""
_FORMATS = tuple(_KINDS)
LAYER = b"tfLA"
"""The PNG chunk by which `encode_layer` marks a layer, whose meaning need not be guessed."""
LAYER_AT = (37, 4)
"""Position of its name in the file: start and length."""


def describe_unread(path: str | os.PathLike, data: bytes | None = None) -> str:
    """What a file is that Pillow cannot identify, and what to do about it; empty if its first bytes do not tell. `data`
    as of `read_rgb`."""
    with io.BytesIO(data) if data is not None else open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[4:8] == b"ftyp":
        end = min(len(head), int.from_bytes(head[:4], "big"))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
        kind = next((kind for kind, own in _BRANDS.items() if brands & set(own)), None)
        if kind is None:
            return "a video, or a camera's raw file: save a picture of it as PNG or JPEG"
        return "" if kind in _KINDS else f"{'HEIC' if kind == 'HEIF' else kind}; {UNLOCK}"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for start, what in _OTHERS.items():
        if text.lower().startswith(start):
            return what
    kinds = [kind for content, kind in _ARCHIVES.items() if head.startswith(content, 30)]
    kinds += [kind for start, kind in _PICTURES.items() if head.startswith(start) or text.startswith(start)]
    return f"{kinds[0]}, which is not read: save it as PNG or JPEG" if kinds else ""


def decode(
    path: str | os.PathLike,
    data: bytes | None = None,
    most: int = MAX_PIXELS,
    inspect: Callable[[Image.Image], object] = lambda picture: None,
) -> Image.Image:
    """The decoded picture, upright, in its own mode; `inspect` gets it before that, as stored. Arguments and errors as
    of `read_rgb`."""
    path = pathlib.Path(path)
    if data is None and not path.is_file():
        raise ImageError(f"expected a picture, found no file at {path}")
    size = path.stat().st_size if data is None else len(data)
    if size > MAX_BYTES:
        raise ImageError(f"{path}: expected at most {MAX_BYTES:,} bytes, found {size:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is below
            with Image.open(path if data is None else io.BytesIO(data), formats=_FORMATS) as picture:
                width, height = picture.size
                if width * height > most:
                    raise ImageError(f"{path}: expected at most {most:,} pixels, found {width} x {height}")
                # MPO is a phone's JPEG with a second view behind a complete first one.
                if getattr(picture, "is_animated", False) and picture.format != "MPO":
                    raise ImageError(f"{path}: expected one picture, found several (an animation, or pages)")
                # Cameras' raw files are TIFF. Their first picture is a thumbnail, the only one that Pillow returns.
                if picture.format == "TIFF" and getattr(picture, "tag_v2", {}).get(254, 0) == 1:
                    raise ImageError(
                        f"{path}: expected a photograph, found a file that begins with the small copy of another "
                        f"({width} x {height}), as cameras' raw files do: develop it, and save it as TIFF or PNG"
                    )
                if not isinstance(picture.info.get("xmp", b""), (bytes, str)):
                    del picture.info["xmp"]  # numbers, in a TIFF: Pillow searches them for an orientation, and fails
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                inspect(picture)
                return _full_range(upright, getattr(picture, "tag_v2", {}))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:  # far over the limit, Pillow refuses before it reports the size
        raise ImageError(f"{path}: expected at most {most:,} pixels, found more ({error})") from error
    except UnidentifiedImageError as error:
        # Pillow's text has the address of `data` in memory, and a report must be the same in every run.
        reason = "an empty file" if size == 0 else describe_unread(path, data)
        reason = reason or "a file of another kind (cannot identify image file)"
        raise ImageError(f"{path}: expected a readable picture, found {reason}") from error
    except Exception as error:  # on damaged files Pillow's readers raise anything: OSError, SyntaxError, struct.error
        raise ImageError(f"{path}: expected a readable picture, found: {cause(error)}") from error


def orientation_of(path: str | os.PathLike) -> int:
    """EXIF orientation of a file: 1, as that of a file of layers, or 2 to 8 if `decode` rotates or mirrors it."""
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            orientation = picture.getexif().get(0x0112, 1)
    except UnidentifiedImageError:
        return 1
    return next((turn for turn in range(2, 9) if turn == orientation), 1)


def _full_range(picture: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """A TIFF's grey of 12 or 16 bits, scaled so that 0 is black and 65,535 white. Pillow does neither: it returns
    twelve bits as 0 to 4,095, and a negative if 0 is white."""
    bits, white_is_zero = tags.get(258), tags.get(262) == 0
    if not picture.mode.startswith("I;16") or not (white_is_zero or bits == (12,)):
        return picture
    values: np.ndarray = np.asarray(picture).astype(np.uint16)
    if bits == (12,):
        values = values << 4 | values >> 8
    if white_is_zero:
        values = (np.uint16(255) if values.max() <= 255 else np.uint16(65_535)) - values  # see `eight_bits`
    return Image.fromarray(values)


def eight_bits(picture: Image.Image, path: str | os.PathLike) -> Image.Image:
    """16-bit grey becomes 8-bit (Pillow's own conversion would clip it); 8-bit values in a 16-bit file stay."""
    if picture.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise ImageError(
                f"{path}: expected 8 or 16 bits a channel, found levels from {values.min()} to {values.max()}"
            )
        return Image.fromarray((values if values.max() <= 255 else values >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ImageError(f"{path}: expected 8 or 16 bits a channel, found floating point")
    return picture


def read_rgb(
    path: str | os.PathLike,
    data: bytes | None = None,
    inspect: Callable[[Image.Image], object] = lambda picture: None,
) -> np.ndarray:
    """A photograph as [H,W,3] uint8 RGB, upright; grey, palette and CMYK are converted, transparency is dropped.

    Args:
      path: the file, or with `data` only the name for messages.
      data: the content, if it is not a file on disk: a member of an archive, say.
      inspect: called with the picture as stored, before it is turned upright.

    Raises:
      ImageError: missing, unreadable, truncated, animated, over `MAX_BYTES` or `MAX_PIXELS`.
    """
    return np.asarray(eight_bits(decode(path, data, inspect=inspect), path).convert("RGB"))


def read_labels(path: str | os.PathLike) -> np.ndarray:
    """A label picture as [H,W] uint8: a palette picture's indices, or a grey one's levels.

    Raises:
      ImageError: as `read_rgb`, or a picture of another kind, such as labels drawn in colours.
    """
    picture = decode(path)
    if picture.mode not in ("P", "L"):
        raise ImageError(f"{path}: expected labels as a palette or 8-bit grey picture, found mode {picture.mode}")
    return np.asarray(picture)


def read_rgba(path: str | os.PathLike, data: bytes | None = None, most: int = MAX_PIXELS) -> np.ndarray:
    """A layer's file as [H,W,4] uint8 RGBA, upright, of at most `most` pixels; other arguments and errors as of
    `read_rgb`. `meaning` interprets it."""
    return np.asarray(eight_bits(decode(path, data, most), path).convert("RGBA"))


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file atomically: under another name, flushed, then renamed. A new file gets the umask's permissions, an
    overwritten one keeps its own."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of its own name, and short: `path` may be as long as a name can be. `tempfile` would make it private.
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            os.chmod(partial, stat.S_IMODE(path.stat().st_mode))
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and not error.filename:
            error.filename = os.fspath(path)  # the system names a file where opening fails, not where writing does
        raise


def encode_png(image: np.ndarray, chunks: bytes = b"") -> bytes:
    """[H,W], [H,W,3] or [H,W,4] uint8 or uint16 (RGB order) as PNG, with the chunks of `metadata.png_chunks`."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    ok, buffer = cv2.imencode(".png", image)
    if not ok:
        raise ImageError(f"could not encode a picture of shape {image.shape} as PNG")
    data = buffer.tobytes()
    start = 33  # behind the signature and the header, before everything else
    return b"".join([data[:start], chunks, data[start:]])


def encode_layer(layer: np.ndarray) -> bytes:
    """A layer of the editor as PNG, marked so that an export (`framing.meaning`) reads it without guessing its meaning.

    Args:
      layer: a mask [H,W] uint8, 0 or 255, or strokes [H,W,4] uint8 whose alpha is 0 or 255.
    """
    return encode_png(layer, struct.pack(">I4sI", 0, LAYER, zlib.crc32(LAYER)))


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Writes a picture as PNG, atomically."""
    write_bytes(path, encode_png(image))
