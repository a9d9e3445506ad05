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
from tfsketch.app.pictures import made_of
from tfsketch.errors import TfsketchError
from tfsketch.images import encoding, files
from tfsketch.images.layers import shown, truth, whole
from tfsketch.images.metadata import EDITED, MADE, Metadata, png_chunks

TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "ora": "image/openraster"}
"""Format -> its media type."""
QUALITY = 92
"""Of JPEG and WebP, where nothing else is asked for."""
_THUMBNAIL = 256
_MASK = (229, 72, 77)


def encoded(request: Request, result: Result, tree: Any) -> tuple[bytes, str, list[str]]:
    """(bytes, media type, what the format does not keep, a line each) of a result.

    Args:
      request: what made it.
      result: at full size.
      tree: the request as it came, with, if given, `format`, one of `TYPES`, `quality`, 1 to 100, and `mark`.

    Raises:
      TfsketchError: another format or quality, or a picture too large for the format.
    """
    kind = tree.get("format", "png")
    if not isinstance(kind, str) or kind not in TYPES:
        raise TfsketchError(f"format: expected one of {', '.join(TYPES)}, found {shown(kind)}")
    quality = whole(tree.get("quality", QUALITY), "quality", 1, 100)
    made, source = made_of(request.picture, result.image), EDITED if request.picture else MADE
    metadata = made.metadata.marked(source) if truth(tree.get("mark", True), "mark") else made.metadata
    if kind == "ora":
        return layers(request, result, metadata), TYPES[kind], []
    data, notes = encoding.encode(f"result.{kind}", made, metadata, None if kind == "png" else quality)
    return data, TYPES[kind], notes


def _inked(layer: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """A layer [H,W] in {0,1} as [H,W,4] RGBA of one colour, clear where it is 0."""
    shown = np.zeros((*layer.shape, 4), np.uint8)
    shown[layer > 0] = (*color, 255)
    return shown


def layers(request: Request, result: Result, metadata: Metadata) -> bytes:
    """A result with what made it, as an OpenRaster file; the topmost layer first."""
    strokes, image = request.layers, result.image
    whole_mask = np.ones(image.shape[:2], np.uint8) if result.mask is None else (result.mask > 0).astype(np.uint8)
    made = np.dstack([image, whole_mask * np.uint8(255)])
    made[whole_mask == 0] = 0
    stack: list[tuple[str, np.ndarray, bool]] = []
    for name, layer in (
        ("Sketch", _inked(strokes.sketch, (0, 0, 0))),
        ("Colours", strokes.color),
        ("Mask", _inked(strokes.mask, _MASK)),
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
        archive.writestr("mergedimage.png", files.encode_png(image, png_chunks(metadata)))
        small = Image.fromarray(image)
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        archive.writestr("Thumbnails/thumbnail.png", files.encode_png(np.asarray(small)))
    return buffer.getvalue()


def _png(picture: np.ndarray, metadata: Metadata) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        buffer, "PNG", icc_profile=metadata.icc or None, compress_level=4
    )
    return buffer.getvalue()
