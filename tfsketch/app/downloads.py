"""What a result is saved as: a picture with the photograph's metadata, or its layers.

Layers are an OpenRaster file (the format's specification 0.0.5: a zip of a `mimetype`, `stack.xml`, PNG layers, the
merged picture and a thumbnail), which GIMP, Krita, MyPaint and others open. The result lies over the photograph, clear
outside of the mask; sketch, colours and mask are there and hidden.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

from tfsketch.app.modes import Request, Result
from tfsketch.app.requests import whole
from tfsketch.errors import TfsketchError
from tfsketch.images import files

TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "ora": "image/openraster"}
"""Format -> its media type."""
QUALITY = 92
"""Of JPEG and WebP, where nothing else is asked for."""
MAX_WEBP = 16383
"""Pixels a side that a WebP may have."""
_THUMBNAIL = 256
_EXIF = b"Exif\0\0"
_SEGMENT = 65_500
"""Bytes that a segment of a JPEG has room for, beside what says what it is."""
_MASK = (229, 72, 77)


def metadata_of(request: Request, mark: bool) -> files.Metadata:
    """The photograph's metadata, with the mark that a network made a part of the picture, or all, if asked for."""
    metadata = request.picture.metadata if request.picture else files.Metadata()
    return metadata.marked(files.EDITED if request.picture else files.MADE) if mark else metadata


def encoded(request: Request, result: Result, tree: Any) -> tuple[bytes, str]:
    """(bytes, media type) of a result.

    Args:
      request: what made it.
      result: at full size.
      tree: the request as it came, with, if given, `format`, one of `TYPES`, `quality`, 1 to 100, and `mark`.

    Raises:
      TfsketchError: another format or quality, or a picture too large for the format.
    """
    kind = tree.get("format", "png")
    if not isinstance(kind, str) or kind not in TYPES:
        raise TfsketchError(f"format: expected one of {', '.join(TYPES)}, found {str(kind)[:40]!r}")
    quality = whole(tree.get("quality", QUALITY), 1, 100, "quality")
    metadata = metadata_of(request, bool(tree.get("mark", True)))
    if kind == "png":
        data = files.encode_png(result.image, metadata)
    elif kind == "ora":
        data = layers(request, result, metadata)
    else:
        data = _lossy(kind, result.image, quality, metadata)
    return data, TYPES[kind]


def _lossy(kind: str, image: np.ndarray, quality: int, metadata: files.Metadata) -> bytes:
    if kind == "webp" and max(image.shape[:2]) > MAX_WEBP:
        raise TfsketchError(f"format: expected at most {MAX_WEBP} pixels a side for WebP, found {max(image.shape[:2])}")
    for name, data in (("EXIF", metadata.exif), ("XMP", metadata.xmp)):
        if kind == "jpeg" and len(data) > _SEGMENT:
            found = f"{len(data):,} bytes"
            raise TfsketchError(
                f"format: expected {name} of at most {_SEGMENT:,} bytes for JPEG, found {found}: take PNG"
            )
    buffer = io.BytesIO()
    more: dict[str, Any] = {"exif": _EXIF + metadata.exif} if metadata.exif else {}
    if metadata.xmp and kind == "webp":
        more["xmp"] = metadata.xmp
    if kind == "jpeg":
        more |= {"subsampling": 0 if quality >= 90 else 2, "optimize": True}
    Image.fromarray(image).save(buffer, kind.upper(), quality=quality, icc_profile=metadata.icc or None, **more)
    return _with_xmp(buffer.getvalue(), metadata.xmp) if kind == "jpeg" else buffer.getvalue()


def _with_xmp(data: bytes, xmp: bytes) -> bytes:
    """A JPEG with an XMP packet in an APP1 segment, which Pillow writes from version 11 on only."""
    if not xmp:
        return data
    body = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    at = 2
    while data[at] == 0xFF and data[at + 1] in (0xE0, 0xE1):  # after JFIF and EXIF, which readers want first
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[:at] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[at:]


def _inked(layer: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """A layer [H,W] in {0,1} as [H,W,4] RGBA of one colour, clear where it is 0."""
    shown = np.zeros((*layer.shape, 4), np.uint8)
    shown[layer > 0] = (*color, 255)
    return shown


def layers(request: Request, result: Result, metadata: files.Metadata) -> bytes:
    """A result with what made it, as an OpenRaster file; the topmost layer first."""
    drawn, image = request.layers, result.image
    whole_mask = np.ones(image.shape[:2], np.uint8) if result.mask is None else (result.mask > 0).astype(np.uint8)
    made = np.dstack([image, whole_mask * np.uint8(255)])
    made[whole_mask == 0] = 0
    stack: list[tuple[str, np.ndarray, bool]] = []
    for name, layer in (
        ("Sketch", _inked(drawn.sketch, (0, 0, 0))),
        ("Colours", drawn.color),
        ("Mask", _inked(drawn.mask, _MASK)),
    ):
        if layer[..., 3].any():
            stack.append((name, layer, False))
    stack.append(("Result", made, True))
    if request.picture is not None:
        stack.append(("Photograph", request.picture.image, True))
    height, width = image.shape[:2]
    xml = [f'<?xml version="1.0" encoding="UTF-8"?>\n<image version="0.0.5" w="{width}" h="{height}"><stack>']
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        archive.writestr("mimetype", TYPES["ora"])  # first, and not compressed, as the format wants it
        for number, (name, picture, shown) in enumerate(stack):
            place = f"data/layer{number}.png"
            archive.writestr(place, _png(picture, metadata))
            visibility = "visible" if shown else "hidden"
            xml.append(f'<layer name={quoteattr(name)} src="{place}" x="0" y="0" visibility="{visibility}"/>')
        archive.writestr("stack.xml", "".join([*xml, "</stack></image>"]))
        archive.writestr("mergedimage.png", files.encode_png(image, metadata))
        small = Image.fromarray(image)
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        archive.writestr("Thumbnails/thumbnail.png", files.encode_png(np.asarray(small)))
    return buffer.getvalue()


def _png(picture: np.ndarray, metadata: files.Metadata) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        buffer, "PNG", icc_profile=metadata.icc or None, compress_level=4
    )
    return buffer.getvalue()
