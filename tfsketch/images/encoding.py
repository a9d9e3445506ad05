"""Results as files of every output format, with the metadata of their photographs.

PNG, TIFF and WebP (without a quality) keep every value. A JPEG keeps the blocks that an edit did not touch, if the
photograph is a JPEG itself (`blocks`). Whatever a format cannot store is noted, never dropped silently.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import struct
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import tifffile
from PIL import Image

from tfsketch.errors import ImageError, cause
from tfsketch.images import blocks, files
from tfsketch.images import metadata as metadata_lib
from tfsketch.images.metadata import Metadata
from tfsketch.images.photographs import Photograph

KINDS = {suffix: kind for suffix, kind in files.FORMAT_OF.items() if kind not in ("BMP", "GIF")}
"""Suffix -> Pillow's name of the format."""
QUALITY = 95
"""Of lossy formats, if none is asked for."""
_PLACES = {
    "PNG": {"exif", "icc", "xmp", "iptc", "dpi", "comment", "tags", "texts"},
    "TIFF": {"exif", "icc", "xmp", "iptc", "dpi"},
    "JPEG": {"exif", "icc", "xmp", "iptc", "dpi", "comment"},
}
"""The fields of `Metadata.descriptions` that a format can store; other formats store EXIF, profile and XMP."""
_SEGMENT = 65_533
"""Bytes that a JPEG's segment holds at most."""

Picture = Union[np.ndarray, Photograph]


def kind_of(path: str | os.PathLike) -> str:
    """The format of a result by its suffix.

    Raises:
      ImageError: results are not written in this format.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in KINDS:
        hint = f"; {files.UNLOCK}" if suffix in files.LOCKED else ""
        raise ImageError(f"output: expected a file of {', '.join(sorted(KINDS))}, found {path}{hint}")
    return KINDS[suffix]


def encode(
    path: str | os.PathLike, picture: Picture, metadata: Metadata | None = None, quality: int | None = None
) -> tuple[bytes, list[str]]:
    """(the content of a file, a line on each thing that it does not keep).

    Args:
      path: its suffix chooses the format.
      picture: [H,W,3] uint8 RGB, or an edited photograph.
      metadata: instead of the photograph's own.
      quality: 1 to 100, of JPEG, WebP, AVIF and HEIC. None is 95, but lossless for WebP, and keeps a JPEG's untouched
        blocks; a JPEG with a quality is re-encoded everywhere.

    Raises:
      ImageError: a suffix of another format, or a picture that the format cannot hold.
    """
    kind, photograph = kind_of(path), picture if isinstance(picture, Photograph) else None
    metadata = metadata or (photograph.metadata if photograph else Metadata())
    pixels = photograph.pixels if photograph else np.asarray(picture)
    lossy = kind not in ("PNG", "TIFF")
    notes = []
    if lossy and pixels.dtype == np.uint16:
        notes.append(f"{kind} has 8 bits a channel here, the photograph 16")
        pixels = (pixels >> photograph.shift if photograph else pixels >> 8).astype(np.uint8)
    if kind not in _PLACES and (pixels.ndim == 2 or pixels.shape[2] == 2):
        notes.append(f"{kind} has no grey: it is RGB of the same values")
    if kind == "JPEG" and pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        notes.append("JPEG has no transparency: it is left out")
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    if pixels.dtype == np.uint16 and pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = np.concatenate([np.repeat(pixels[..., :1], 3, axis=-1), pixels[..., 1:]], axis=-1)
        notes.append("grey with transparency of 16 bits is written as RGB with transparency")
    grey = kind in _PLACES and (pixels.ndim == 2 or pixels.shape[2] == 2)
    if metadata.icc[16:20] == b"GRAY" and not grey:
        notes.append(f"{metadata.descriptions()['icc']} is one of grey, and is left out")
        metadata = dataclasses.replace(metadata, icc=b"")
    places = set(_PLACES.get(kind, {"exif", "icc", "xmp"}))
    places -= {"exif"} if kind == "TIFF" and pixels.dtype == np.uint16 and pixels.ndim == 3 else set()
    missing = [words for field, words in metadata.descriptions().items() if field not in places]
    if kind == "JPEG":
        long = [field for field in ("exif", "xmp", "iptc", "comment") if len(getattr(metadata, field)) > _SEGMENT - 50]
        missing += [f"{metadata.descriptions()[field]} longer than a segment" for field in long]
        without: dict[str, Any] = dict.fromkeys(long, b"")
        metadata = dataclasses.replace(metadata, **without)
    if missing:
        notes.append(f"no place in {kind} for {', '.join(missing)}: left out")
    try:
        if kind == "PNG":
            data = _png(pixels, metadata)
        elif kind == "TIFF":
            data, words = _tiff(pixels, metadata)
            notes += words
        elif kind == "JPEG":
            data, words = _jpeg(pixels, photograph, metadata, quality)
            notes += words
        else:
            data = _other(kind, pixels, metadata, quality)
            if kind != "WEBP" or quality is not None:
                notes.append(f"{kind} of quality {quality or QUALITY} changes pixels outside of the edit a little, too")
    except ImageError:
        raise
    except Exception as error:  # a picture that is too large for the format, a missing encoder
        raise ImageError(f"{path}: expected a picture that fits into {kind}, found: {cause(error)}") from error
    return data, notes


def _png(pixels: np.ndarray, metadata: Metadata) -> bytes:
    chunks = metadata_lib.png_chunks(metadata)
    if pixels.ndim == 2 or pixels.shape[2] != 2:
        return files.encode_png(pixels, chunks)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    return data[:33] + chunks + data[33:]


def _tiff(pixels: np.ndarray, metadata: Metadata) -> tuple[bytes, list[str]]:
    buffer = io.BytesIO()
    if pixels.dtype == np.uint16 and pixels.ndim == 3:  # which Pillow does not write
        tags: list[Any] = [(700, 1, len(metadata.xmp), metadata.xmp, True)] if metadata.xmp else []
        tags += [(33723, 7, len(metadata.iptc), metadata.iptc, True)] if metadata.iptc else []
        how: dict[str, Any] = {"extrasamples": ["unassalpha"]} if pixels.shape[2] == 4 else {}
        how |= {"resolution": metadata.dpi, "resolutionunit": "INCH"} if metadata.dpi else {}
        tifffile.imwrite(
            buffer, pixels, photometric="rgb", compression="zlib", iccprofile=metadata.icc or None, metadata=None,
            extratags=tags, software=False, **how
        )  # fmt: skip
        return buffer.getvalue(), []
    exif = Image.Exif()
    exif.load(metadata.exif)
    # Pillow's own writer stores EXIF's directories; libtiff, which deflates, refuses them.
    how = {} if {0x8769, 0x8825}.intersection(exif) else {"compression": "tiff_adobe_deflate"}
    exif.update({tag: value for tag, value in ((700, metadata.xmp), (33723, metadata.iptc)) if value})
    more: dict[str, Any] = {"icc_profile": metadata.icc} if metadata.icc else {}
    more |= {"dpi": metadata.dpi} if metadata.dpi else {}
    try:
        Image.fromarray(pixels).save(buffer, "TIFF", exif=exif, **how, **more)
    except Exception:  # on a tag of another type than the standard's Pillow raises anything
        if not metadata.exif:
            raise
        data, notes = _tiff(pixels, dataclasses.replace(metadata, exif=b""))
        return data, [*notes, "no place in TIFF for EXIF of other types than the standard's: left out"]
    return buffer.getvalue(), []


def _other(kind: str, pixels: np.ndarray, metadata: Metadata, quality: int | None) -> bytes:
    """WebP, AVIF and HEIC."""
    picture, buffer = Image.fromarray(pixels), io.BytesIO()
    picture = picture.convert("RGBA" if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else "RGB")
    more: dict[str, Any] = {"quality": QUALITY if quality is None else quality}
    if kind == "WEBP":
        more |= {"lossless": quality is None, "exact": True, "method": 4}
    for field, name in (("exif", "exif"), ("icc", "icc_profile"), ("xmp", "xmp")):
        if value := getattr(metadata, field):
            more[name] = b"Exif\x00\x00" + value if name == "exif" else value
    picture.save(buffer, kind, **more)
    return buffer.getvalue()


def _jpeg(
    pixels: np.ndarray, photograph: Photograph | None, metadata: Metadata, quality: int | None
) -> tuple[bytes, list[str]]:
    whole = io.BytesIO()
    Image.fromarray(pixels).save(
        whole, "JPEG", quality=QUALITY if quality is None else quality, subsampling=0, optimize=True
    )
    data, notes = whole.getvalue(), []
    if photograph and photograph.change_mask is not None:
        reason = "a quality was asked for" if quality is not None else "the photograph is no JPEG"
        if quality is None and photograph.source:
            content, note = blocks.merge(photograph.source, pixels, photograph.change_mask, photograph.orientation)
            if content is not None:
                exif = Image.Exif()
                exif.load(metadata.exif)
                if photograph.orientation != 1:
                    exif[0x0112] = photograph.orientation
                    metadata = dataclasses.replace(metadata, exif=exif.tobytes().removeprefix(b"Exif\x00\x00"))
                return with_segments(content, metadata), [note]
            reason = note
        notes.append(f"all of it is re-encoded, outside of the edit too, since {reason}")
    return with_segments(data, metadata), notes


def with_segments(data: bytes, metadata: Metadata) -> bytes:
    """A JPEG whose application segments and comments are replaced by the metadata, of which only the profile may be
    longer than a segment."""
    at, segments, header = 2, [], b""
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xDA:
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        if marker == 0xE0:
            header = segment if segment[4:9] == b"JFIF\0" else b""
        elif not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            segments.append(segment)
        at += 2 + length
    if header and metadata.dpi:
        density = struct.pack(">BHH", 1, *(max(1, min(65_535, round(value))) for value in metadata.dpi))
        header = header[:11] + density + b"\0\0"
        header = header[:2] + struct.pack(">H", len(header) - 2) + header[4:]
    contents = [(0xE1, b"Exif\0\0" + metadata.exif)] if metadata.exif else []
    contents += [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + metadata.xmp)] if metadata.xmp else []
    step = _SEGMENT - 14
    parts = [metadata.icc[start : start + step] for start in range(0, len(metadata.icc), step)]
    contents += [(0xE2, b"ICC_PROFILE\0" + bytes([n, len(parts)]) + part) for n, part in enumerate(parts, 1)]
    if metadata.iptc:
        contents.append((0xED, b"Photoshop 3.0\0" + metadata_lib.resources_of_iptc(metadata.iptc)))
    contents += [(0xFE, metadata.comment)] if metadata.comment else []
    additions = [struct.pack(">BBH", 0xFF, marker, len(text) + 2) + text for marker, text in contents]
    return b"".join([data[:2], header, *additions, *segments, data[at:]])


def encode_gif(frames: Sequence[np.ndarray], seconds: float = 0.1) -> bytes:
    """[H,W,3] uint8 frames of one size as an animation that repeats; each is shown for `seconds`."""
    buffer = io.BytesIO()
    # A palette per frame, by octree and dithered: Pillow's default, median cut, drops rare colours and makes bands.
    pictures = [Image.fromarray(frame) for frame in frames]
    palettes = [picture.quantize(256, method=Image.Quantize.FASTOCTREE) for picture in pictures]
    dither = Image.Dither.FLOYDSTEINBERG
    first, *others = (one.quantize(256, palette=own, dither=dither) for one, own in zip(pictures, palettes))
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0)
    return buffer.getvalue()
