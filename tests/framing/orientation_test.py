"""EXIF orientation in a graph is Pillow's, wherever EXIF stands, and damaged EXIF turns nothing."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.pictures import crops
from tfsketch.framing.decoding import decode
from tfsketch.images import encoding, files, metadata

PHOTO = crops(1, 64)[0][:48]
RUN = tf.function(lambda data: decode("image_bytes", data)[0], input_signature=[tf.TensorSpec([], tf.string)])


def _exif(orientation: int, order: str = "<", kind: int = 3, before: int = 2) -> bytes:
    """EXIF with so many entries before the orientation."""
    value = struct.pack(f"{order}HH" if kind == 3 else f"{order}I", *([orientation, 0] if kind == 3 else [orientation]))
    entries = [struct.pack(f"{order}HHI4s", 0x9000 + n, 3, 1, b"\0" * 4) for n in range(before)]
    entries.append(struct.pack(f"{order}HHI4s", 0x0112, kind, 1, value))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", len(entries)) + b"".join(entries) + b"\0" * 4


def _jpeg(beside: metadata.Metadata) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", quality=95)
    return encoding.with_segments(buffer.getvalue(), beside)


def _png(exif: bytes) -> bytes:
    return files.encode_png(PHOTO, metadata.png_chunks(metadata.Metadata(exif=exif, comment=b"before")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_pictures_are_upright_as_by_pillow(orientation, order):
    for kind in (3, 4):
        exif = _exif(orientation, order, kind)
        for data in (_png(exif), _jpeg(metadata.Metadata(exif=exif, icc=b"x" * 200_000, comment=b"c"))):
            expected = files.read_rgb("a", data)
            upright = RUN(data).numpy()
            assert upright.shape[:2] == expected.shape[:2] and (upright[..., 3] == 255).all()
            assert np.abs(upright[..., :3].astype(int) - expected).max() <= 1  # of JPEG there are several libraries


def test_exif_is_found_behind_other_segments_and_fillers():
    exif = _exif(6, before=200)
    plain = _jpeg(metadata.Metadata())
    text = b"http://ns.adobe.com/xap/1.0/\0" + b"Exif\0\0" * 9_995
    xmp = b"\xff\xe1" + struct.pack(">H", len(text) + 2) + text
    segment = b"\xff\xff\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    data = plain[:2] + xmp * 3 + segment + plain[2:]
    assert RUN(data).shape[:2] == (64, 48) == files.read_rgb("a", data).shape[:2]
    data = plain[:2] + xmp + plain[2:]  # its text is no EXIF
    assert RUN(data).shape[:2] == (48, 64)


def test_damaged_exif_turns_nothing_and_stops_nothing():
    rng = random.Random(0)
    shapes = set()
    for _ in range(200):
        value, kind = rng.choice([6, 9, 0, 65_535]), rng.choice([3, 4, 2])
        exif = bytearray(_exif(value, rng.choice("<>"), kind, rng.randrange(4)))
        for _ in range(rng.choice([0, 1, 8])):
            exif[rng.randrange(len(exif))] = rng.randrange(256)
        exif = bytes(exif[: rng.choice([len(exif), rng.randrange(len(exif))])]) or b"x"
        text = metadata.Metadata(exif=exif)
        shapes.add(tuple(RUN(_png(exif) if rng.random() < 0.5 else _jpeg(text)).shape[:2]))
    assert shapes == {(48, 64), (64, 48)}
    for value in (0, 9, 65_535):
        assert RUN(_png(_exif(value))).shape[:2] == (48, 64)
    assert RUN(_png(b"II*\0\xff\xff\xff\xff")).shape[:2] == (48, 64)
