"""The files of a result: a picture with the photograph's metadata, or its layers.

Layers are an OpenRaster file (`images.openraster`). The result lies over the photograph, clear outside the mask and
where the photograph is clear; sketch, colours and mask are hidden layers. The strokes that these show are in the file
too: as long as they do, the page opens them as strokes (`layered`).
"""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from tfsketch.app import layered
from tfsketch.app.modes import Request, Result
from tfsketch.app.pictures import made_of
from tfsketch.errors import TfsketchError
from tfsketch.images import encoding, files, openraster
from tfsketch.images.layers import excerpt, truth, whole
from tfsketch.images.metadata import Metadata, png_chunks
from tfsketch.images.photographs import Photograph
from tfsketch.images.xmp import EDITED, MADE

TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "ora": openraster.TYPE}
"""Format -> its media type."""
QUALITY = 92
"""Default for JPEG and WebP."""
_THUMBNAIL = 256
_MASK = (229, 72, 77)


def encode(request: Request, result: Result, tree: Any) -> tuple[bytes, str, list[str]]:
    """(bytes, media type, a line on each thing that the format does not keep) of a result.

    Args:
      request: the result's.
      result: at full size.
      tree: the request as received, with, if given, `format`, one of `TYPES`, `quality`, 1 to 100, and `mark`.

    Raises:
      TfsketchError: another format or quality, or a picture too large for the format.
    """
    kind = tree.get("format", "png")
    if not isinstance(kind, str) or kind not in TYPES:
        raise TfsketchError(f"format: expected one of {', '.join(TYPES)}, found {excerpt(kind)}")
    quality = whole(tree.get("quality", QUALITY), "quality", 1, 100)
    photograph, source = made_of(request.picture, result.image), EDITED if request.picture else MADE
    metadata = (
        photograph.metadata.with_source_type(source) if truth(tree.get("mark", True), "mark") else photograph.metadata
    )
    if kind == "ora":
        notes = ["OpenRaster has 8 bits a channel here, the photograph 16"] if photograph.shift else []
        return layers(request, result, metadata, tree["strokes"]), TYPES[kind], notes
    data, notes = encoding.encode(f"result.{kind}", photograph, metadata, None if kind == "png" else quality)
    return data, TYPES[kind], notes


def _ink_layer(layer: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """A layer [H,W] in {0,1} as [H,W,4] RGBA of one colour, transparent where it is 0."""
    picture = np.zeros((*layer.shape, 4), np.uint8)
    picture[layer > 0] = (*color, 255)
    return picture


def _alpha(photograph: Photograph) -> np.ndarray | None:
    """A photograph's transparency, [H,W] uint8; None if it has none."""
    pixels = photograph.pixels
    if pixels.ndim == 2 or pixels.shape[2] not in (2, 4):
        return None
    return (pixels[..., -1] >> photograph.shift).astype(np.uint8)


def _with(image: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    return image if alpha is None else np.dstack([image, alpha])


def layers(request: Request, result: Result, metadata: Metadata, tree: Any) -> bytes:
    """A result and its request's layers as an OpenRaster file, topmost layer first. `metadata` is the result's; the
    photograph's layer has its own, so that nothing of it is lost where the file is edited further. `tree` is that of
    the request's strokes."""
    strokes, image, picture = request.layers, result.image, request.picture
    alpha = None if picture is None else _alpha(picture.photograph)
    # The layers are RGB: a grey photograph's profile would not fit them.
    profile = picture.profile if picture else b""
    metadata = dataclasses.replace(metadata, icc=profile)
    cutout = np.dstack([image, np.full(image.shape[:2], 255, np.uint8) if alpha is None else alpha])
    if result.mask is not None:
        cutout[result.mask == 0] = 0
    stack: list[openraster.Layer] = []
    for what, layer in (
        ("sketch", _ink_layer(strokes.sketch, (0, 0, 0))),
        ("color", strokes.color),
        ("mask", _ink_layer(strokes.mask, _MASK)),
    ):
        if layer[..., 3].any():
            stack.append(openraster.Layer(openraster.NAMES[what][0], _png(layer, profile), False))
    stack.append(openraster.Layer(openraster.RESULT, _png(cutout, profile)))
    if picture is not None:
        own = dataclasses.replace(picture.metadata, icc=profile)
        photograph = files.encode_png(_with(picture.image, alpha), png_chunks(own))
        stack.append(openraster.Layer(openraster.NAMES["image"][0], photograph))
    flat = _with(image, alpha)
    small = Image.fromarray(flat)
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    merged = files.encode_png(flat, png_chunks(metadata))
    others = {layered.STROKES: json.dumps(tree).encode()}
    return openraster.encode(
        (image.shape[1], image.shape[0]), stack, merged, files.encode_png(np.asarray(small)), others
    )


def _png(picture: np.ndarray, profile: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", icc_profile=profile or None, compress_level=4)
    return buffer.getvalue()
