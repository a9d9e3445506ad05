"""A photograph's metadata: kept if the result's format can store it, and reported if not.

Kept are EXIF, the colour profile, XMP, IPTC-IIM, the resolution, a comment, and of a PNG its texts and the tags of
gamma, chromaticity and colour. Anything that shows the photograph before the edit is removed: thumbnails, pictures
within XMP and within a camera's own notes, Photoshop's preview, and the second picture of a phone. `encoding` writes
it.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from tfsketch.images import xmp as xmp_lib

_CREDENTIALS = "content credentials (C2PA)"
_TAGS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
"""A PNG's chunks that are kept, with their lengths."""
_BOX = b"caBX"  # of content credentials
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_TIFF_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF's first directory that describe the photograph: description, camera, software, date, author."""
_OF_PHOTOGRAPH = {*_TIFF_TAGS, 0x010D, 0x011A, 0x011B, 0x0128, 0x013C, 0x013E, 0x013F, 0x0213, 0x4746, 0x4749}
"""Tags of EXIF's first directory, below 0x8000, that are kept: others describe another file's pixel layout."""
_OTHERS = {0x83BB, 0x8649, 0x8773, 0x935C}
"""Tags above, that are not kept: IPTC-IIM and the profile have fields here, Photoshop's hold layers and previews."""
_MAKER_NOTE = 0x927C
_TAIL, _PADDING = 65_536, 16
"""Bytes at a JPEG's end that are searched for its end marker, and most behind it that mean nothing."""
_CHANNELS, _LAYERS = 277, 37724
"""Tags of a TIFF: samples per pixel, and Photoshop's image source data."""
_IPTC = 0x0404  # Photoshop's resource


@dataclasses.dataclass(frozen=True)
class Metadata:
    """A photograph's metadata; fields that the file lacks are empty."""

    exif: bytes = b""
    """A TIFF structure, without an orientation, which has been applied to the pixels, and without a thumbnail."""
    icc: bytes = b""
    """The profile of the pixels' values, RGB or grey."""
    xmp: bytes = b""
    iptc: bytes = b""
    """IPTC-IIM records."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch, across and down."""
    comment: bytes = b""
    """Of a JPEG."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """A PNG's tags and texts, as (kind, content)."""

    def with_source_type(self, source: str = xmp_lib.EDITED) -> Metadata:
        """The same with a digital source type, as the IPTC has it in XMP."""
        return dataclasses.replace(self, xmp=xmp_lib.with_source_type(self.xmp, source))

    def descriptions(self) -> dict[str, str]:
        """The fields present: field -> words for messages; a PNG's chunks as `tags` and `texts`."""
        words = {"exif": "EXIF", "icc": "the colour profile", "xmp": "XMP", "iptc": "IPTC-IIM"}
        words = {f: text for f, text in {**words, "comment": "the comment"}.items() if getattr(self, f)}
        if self.dpi:
            words["dpi"] = f"the resolution ({self.dpi[0]:.4g} dpi)"
        tags = [kind.decode() for kind, _ in self.chunks if kind in _TAGS and kind != b"pHYs"]
        texts = [content.partition(b"\0")[0].decode("latin-1") for kind, content in self.chunks if kind in _TEXTS]
        words |= {"tags": f"PNG's {', '.join(tags)}"} if tags else {}
        return words | ({"texts": f"PNG's texts {', '.join(texts)}"} if texts else {})


def read(picture: Image.Image, data: bytes | str | os.PathLike) -> tuple[Metadata, list[str]]:
    """A picture's metadata to keep, and words on what is not kept; damaged parts count as missing.

    Args:
      picture: as Pillow opened and loaded it, not turned upright yet.
      data: the content of its file, or the file's path.
    """
    info, missing = picture.info, []
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    iptc = b""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    if picture.format == "PNG":
        chunks, omissions = _chunks_of(data)
        missing += omissions
        iptc = _raw_profile(info.get("Raw profile type iptc"))
    elif picture.format in ("JPEG", "MPO"):
        resources = info.get("photoshop")
        iptc = resources.get(_IPTC, b"") if isinstance(resources, dict) else b""
        missing += [_CREDENTIALS] * any(name == "APP11" for name, _ in getattr(picture, "applist", []))
        missing += ["the second picture (depth, HDR or another view)"] * (getattr(picture, "n_frames", 1) > 1)
        missing += ["what follows the picture in its file, such as a motion photo's video"] * _has_more(data)
    elif picture.format == "TIFF":
        iptc, xmp = _of_tiff(picture, xmp)
        missing += _omissions_of_tiff(picture)
    icc, mode = info.get("icc_profile") or b"", picture.mode
    if icc and icc[16:20] != (b"GRAY" if mode in ("L", "LA", "1") or mode.startswith("I") else b"RGB "):
        icc, missing = b"", [*missing, f"the colour profile, which is not one of the result's {mode} values"]
    comment = info.get("comment") or b""
    exif, remarks = _exif_of(picture, data)
    packet, words = xmp_lib.clean(xmp)
    return Metadata(
        exif=exif,
        icc=icc,
        xmp=packet,
        iptc=iptc if isinstance(iptc, bytes) else b"",
        dpi=_dpi_of(picture),
        comment=comment if isinstance(comment, bytes) and picture.format != "GIF" else b"",
        chunks=chunks,
    ), [*missing, *remarks, *words]


def _stream(data: bytes | str | os.PathLike) -> BinaryIO:
    return io.BytesIO(data) if isinstance(data, bytes) else open(data, "rb")


def _exif_of(picture: Image.Image, data: bytes | str | os.PathLike) -> tuple[bytes, list[str]]:
    """EXIF for a result, and words on what is left out."""
    missing = []
    try:
        if picture.format == "TIFF":  # its EXIF is part of the file's structure: the photograph's own tags are copied
            exif = Image.Exif()
            with _stream(data) as stream, Image.open(stream, formats=("TIFF",)) as again:
                tags = again.getexif()
                exif.update({tag: tags[tag] for tag in _TIFF_TAGS if tag in tags})
                for directory in (0x8769, 0x8825):
                    if tags.get_ifd(directory):
                        exif.get_ifd(directory).update(tags.get_ifd(directory))
        else:
            exif = picture.getexif()
            for tag in [t for t in exif if t in _OTHERS or t < 0x8000 and t not in _OF_PHOTOGRAPH and t != 0x0112]:
                del exif[tag]
        is_rotated = exif.pop(0x0112, 1) in (5, 6, 7, 8)  # the orientation, which the pixels get
        details = exif.get_ifd(0x8769) if 0x8769 in exif else {}  # else Pillow adds an empty one
        size = picture.size[::-1] if is_rotated else picture.size
        for tag, side in zip((0xA002, 0xA003), size):
            if tag in details:
                details[tag] = side
        notes = details.get(_MAKER_NOTE, b"")
        if isinstance(notes, bytes) and b"\xff\xd8\xff" in notes:
            del details[_MAKER_NOTE]
            missing.append("the camera's own notes, which hold a picture")
        return exif.tobytes().removeprefix(b"Exif\x00\x00") if len(exif) else b"", missing
    except Exception:  # on damaged EXIF Pillow raises anything
        return b"", []


def _dpi_of(picture: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in picture.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across <= 65_535 and 1 < down <= 65_535 else None  # 1 is what programs fill in


def _of_tiff(picture: Image.Image, xmp: object) -> tuple[bytes, object]:
    """(IPTC-IIM, XMP) of a TIFF."""
    tags = getattr(picture, "tag_v2", {})
    iptc = tags.get(33723, b"")
    if isinstance(iptc, (tuple, int)):  # some programs store it as long integers
        values = iptc if isinstance(iptc, tuple) else (iptc,)
        try:
            iptc = struct.pack(f"{getattr(tags, '_endian', '<')}{len(values)}I", *values).rstrip(b"\0")
        except struct.error:
            iptc = b""
    if not iptc and isinstance(tags.get(34377), bytes):
        iptc = iptc_of_resources(tags[34377])
    return iptc if isinstance(iptc, bytes) else b"", xmp or tags.get(700, b"")


def _has_more(data: bytes | str | os.PathLike) -> bool:
    """Whether a JPEG's last picture is followed by more than padding."""
    with _stream(data) as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
        tail = stream.read()
    return len(tail.rpartition(b"\xff\xd9")[2].strip(b"\0\xff \r\n")) > _PADDING


def _omissions_of_tiff(picture: Image.Image) -> list[str]:
    """Words on what Pillow leaves out of a TIFF's picture."""
    tags = getattr(picture, "tag_v2", {})
    channels = tags.get(_CHANNELS, 0)
    beyond = channels - len(picture.getbands()) if isinstance(channels, int) else 0
    return [
        *(["Photoshop's layers: what they show together is kept"] if _LAYERS in tags else []),
        *([f"{beyond} further channel{'s' * (beyond > 1)}, such as saved selections"] if beyond > 0 else []),
    ]


def _chunks_of(data: bytes | str | os.PathLike) -> tuple[tuple[tuple[bytes, bytes], ...], list[str]]:
    """A PNG's tags and texts that are kept, and words on those that are not."""
    chunks, missing = [], []
    with _stream(data) as stream:
        for kind, content in _walk_png(stream):
            keyword, separator, _ = content.partition(b"\0")
            if kind == _BOX:
                missing.append(_CREDENTIALS)
            elif kind in _TAGS and len(content) == _TAGS[kind]:
                chunks.append((kind, content))
            elif kind in _TEXTS and separator and 1 <= len(keyword) <= 79 and keyword != b"XML:com.adobe.xmp":
                if not keyword.startswith(b"Raw profile type "):
                    chunks.append((kind, content))
                elif keyword[17:] not in (b"exif", b"iptc", b"icc", b"icm"):  # which are read, or may show the original
                    missing.append(f"PNG's text {keyword.decode('latin-1')}")
    return tuple(chunks), missing


def _walk_png(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG that are kept or reported; others are skipped unread."""
    kinds = {*_TAGS, *_TEXTS, _BOX}
    stream.seek(8)
    while len(header := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind in kinds:
            content = stream.read(length)
            if len(content) == length:
                yield kind, content
            stream.seek(4, os.SEEK_CUR)
        else:
            stream.seek(length + 4, os.SEEK_CUR)
        if kind == b"IEND":
            return


def _raw_profile(text: object) -> bytes:
    """IPTC-IIM from a text `Raw profile type iptc`, as ImageMagick writes it: a name, a length and hexadecimal
    digits."""
    if not isinstance(text, (str, bytes)):
        return b""
    words = (text if isinstance(text, str) else text.decode("latin-1")).split()
    try:
        data = bytes.fromhex("".join(words[2:]))
    except ValueError:
        return b""
    return iptc_of_resources(data) if data.startswith(b"8BIM") else data


def iptc_of_resources(data: bytes) -> bytes:
    """The IPTC-IIM among Photoshop's image resources; empty if there is none."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        at += 6 + (data[at + 6] + 2) // 2 * 2
        if at + 4 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, at)
        if number == _IPTC:
            return data[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2
    return b""


def resources_of_iptc(iptc: bytes) -> bytes:
    """Photoshop's image resources with nothing but IPTC-IIM, as JPEG stores it."""
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_chunks(metadata: Metadata) -> bytes:
    """The metadata as chunks to follow a PNG's header. IPTC-IIM becomes the text that ImageMagick and ExifTool use."""
    kinds = {kind for kind, _ in metadata.chunks}
    chunks = []
    if metadata.icc:
        chunks.append(chunk(b"iCCP", b"ICC profile\x00\x00" + zlib.compress(metadata.icc)))
    chunks += [chunk(kind, content) for kind, content in metadata.chunks]
    if metadata.dpi and b"pHYs" not in kinds:
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in metadata.dpi), 1)))
    if metadata.exif:
        chunks.append(chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append(chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + metadata.xmp))
    if metadata.iptc:
        digits = metadata.iptc.hex()
        lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
        text = f"\niptc\n{len(metadata.iptc):8d}\n{lines}\n"
        chunks.append(chunk(b"zTXt", b"Raw profile type iptc\x00\x00" + zlib.compress(text.encode())))
    if metadata.comment:
        chunks.append(chunk(b"tEXt", b"Comment\x00" + metadata.comment.replace(b"\0", b"")))
    return b"".join(chunks)


def path_of(data: bytes | None, path: str | os.PathLike) -> bytes | str | os.PathLike:
    """What `read` takes: the content, if there is one, else the path."""
    return pathlib.Path(path) if data is None else data
