"""Hostile inputs to the editor, to edits of files and to the app: each ends in a picture or in a message.

A few dozen here; the environment variable TFSKETCH_FUZZ sets how many (1000 takes some minutes).
"""

from __future__ import annotations

import copy
import io
import json
import math
import os
import pathlib
import random
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from tests import sheets
from tests.app.client import STROKES, ask, serving
from tfsketch import zoo
from tfsketch.app import downloads, layered
from tfsketch.app import studio as studio_lib
from tfsketch.app.modes import PLACES
from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.editor.batch.run import edit_files
from tfsketch.editor.editor import Editor
from tfsketch.errors import TfsketchError
from tfsketch.images import encoding, files, metadata, openraster, photographs

COUNT = int(os.environ.get("TFSKETCH_FUZZ", "60"))
SLOW = 60.0
"""Seconds after which one input counts as a hang: far above anything seen, since other things run on a machine too."""

_ODD = (
    None, True, False, 0, -1, 1.5, 10**30, -(10**30), 1e308, math.nan, math.inf, "", "x" * 1000, "../../etc/passwd",
    10**400, "\x00", "\ud800", [], [[]], {}, [None] * 50, {"a": {"b": []}}, [[1e308, -1e308]] * 3, list(range(300)),
)  # fmt: skip


def _file(rng: random.Random) -> bytes:
    """A picture's file: whole, odd, damaged, or none at all."""
    height, width = rng.choice([(60, 80), (1, 1), (1, 700), (90, 60), (60, 80)])
    pixels = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (height, width, 4)).astype(np.uint8)
    mode = rng.choice(["RGB", "RGBA", "L", "LA", "P", "CMYK", "1", "I;16", "I", "F", "YCbCr"])
    picture = Image.fromarray(pixels).convert("L" if mode in ("I;16", "I", "F") else "RGB" if mode != "RGBA" else mode)
    kind = rng.choice(["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "ICO"])
    more = {"exif": rng.randbytes(rng.randrange(200))} if kind in ("PNG", "JPEG", "WEBP") and rng.random() < 0.3 else {}
    if rng.random() < 0.3 and kind in ("PNG", "JPEG", "TIFF"):
        more["icc_profile"] = rng.randbytes(rng.randrange(300))
    buffer = io.BytesIO()
    try:
        picture.convert(mode).save(buffer, kind, **more)
    except Exception:  # many modes have no such file
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    damage = rng.choice(["none", "none", "cut", "flip", "size", "noise", "empty", "twice"])
    if damage == "cut":
        data = data[: rng.randrange(len(data))]
    elif damage == "flip":
        for _ in range(rng.randrange(1, 30)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif damage == "size":  # a header that promises more than there is
        at = rng.randrange(min(40, len(data) - 4))
        data[at : at + 4] = rng.randbytes(4)
    elif damage == "noise":
        data = bytearray(rng.randbytes(rng.randrange(5000)))
    elif damage == "empty":
        data = bytearray()
    elif damage == "twice":
        data = data * 2
    return bytes(data)


def _tree(rng: random.Random, start):
    """A plain tree with odd values in a few places, or gone."""
    tree = copy.deepcopy(start)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at, where = tree, None
        while isinstance(at, (dict, list)) and at and (where is None or rng.random() < 0.7):
            parent, where = at, rng.choice(list(at) if isinstance(at, dict) else range(len(at)))
            at = parent[where]
        if where is None:
            return rng.choice(_ODD)
        if rng.random() < 0.2:
            del parent[where]
        elif rng.random() < 0.15 and isinstance(parent, dict):
            parent[rng.choice(["extra", "size", "points", ""])] = rng.choice(_ODD)
        else:
            parent[where] = copy.deepcopy(rng.choice(_ODD))
    return tree


def _json(rng: random.Random, start) -> bytes:
    text = json.dumps(_tree(rng, start)).encode()
    how = rng.choice(["whole", "whole", "whole", "cut", "deep", "noise", "utf16"])
    if how == "cut":
        return text[: rng.randrange(len(text) + 1)]
    if how == "deep":
        return b'{"size":[1,1],"strokes":' + b"[" * 5000
    if how == "noise":
        return rng.randbytes(300)
    return text.decode().encode("utf-16") if how == "utf16" else text


def _array(rng: random.Random, channels: int):
    """A layer as a caller might hand it over."""
    height, width = rng.choice([*[(60, 80)] * 12, (80, 60), (1, 1), (0, 5), (1, 900)])
    shape = (height, width, channels) if channels else (height, width)
    values = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, shape)
    how = rng.choice([*["good"] * 12, "float", "nan", "int", "flat", "more", "odd", "strided", "bool"])
    if how == "float":
        return values / 255.0
    if how == "nan":
        return np.where(values > 200, np.nan, values)
    if how == "int":
        return values.astype(rng.choice([np.int64, np.uint16, np.int8]))
    if how == "flat":
        return values.astype(np.uint8).ravel()
    if how == "more":
        return values.astype(np.uint8)[None, ..., None]
    if how == "odd":
        return rng.choice([*_ODD, np.array(["a"]), np.array([object()]), object()])
    if how == "strided":
        return np.repeat(values.astype(np.uint8), 2, axis=0)[::-2]
    return values > 128 if how == "bool" else values.astype(np.uint8)


def _check_message(error: Exception) -> None:
    assert isinstance(error, TfsketchError), repr(error)
    assert len(str(error)) > 10


@pytest.fixture(scope="module")
def editor(model_dirs):
    return Editor(zoo.load_model(model_dirs[0]))


def test_arrays(editor):
    rng = random.Random(1)
    count = 0
    for _ in range(COUNT):
        image, mask = _array(rng, 3), _array(rng, 0)
        sketch = _array(rng, 0) if rng.random() < 0.5 else None
        color = _array(rng, 4) if rng.random() < 0.5 else None
        seed = rng.choice([0, 7, 2**40, *_ODD[:10]])
        start = time.perf_counter()
        try:
            result = editor.edit(image, mask, sketch, color, seed)
        except TfsketchError as error:
            _check_message(error)
        else:
            count += 1
            outside = np.asarray(mask).reshape(result.shape[:2]) == 0
            assert result.dtype == np.uint8 and (result[outside] == np.asarray(image)[outside]).all()
        assert time.perf_counter() - start < SLOW
    assert count < COUNT and (count or COUNT < 60)  # two of the first 60 are valid, and none of the first 25


def test_files(editor, tmp_path):
    rng = random.Random(2)
    for number in range(COUNT):
        folder = tmp_path / str(number)
        folder.mkdir()
        content = _layered(rng) if rng.random() < 0.2 else _file(rng)
        (folder / f"image{rng.choice(sorted(files.SUFFIXES))}").write_bytes(content)
        layers = {"image": str(next(folder.iterdir()))}
        for what in ("mask", "sketch", "color"):
            if rng.random() < (0.5 if what == "mask" else 0.2):
                (folder / f"{what}.png").write_bytes(_file(rng))
                layers[what] = str(folder / f"{what}.png")
        if rng.random() < 0.7:
            (folder / "strokes.json").write_bytes(_json(rng, STROKES))
            layers["strokes"] = str(folder / "strokes.json")
        start = time.perf_counter()
        try:
            jobs, problems = find_jobs(layers.pop("image"), folder / "out.png", **layers)
        except TfsketchError as error:
            _check_message(error)
            continue
        assert not problems
        (outcome,) = edit_files(editor, jobs, rng.randrange(9))
        assert time.perf_counter() - start < SLOW
        output = sorted(path.name for path in folder.iterdir() if path.stem.startswith(("out", ".out")))
        if outcome.error is None:
            assert output == ["out.png"] and files.read_rgb(folder / "out.png").ndim == 3
        else:
            _check_message(outcome.error)
            assert not output


def _layered(rng: random.Random) -> bytes:
    """A file of layers, whole, odd or damaged."""
    picture = Image.fromarray(np.random.default_rng(rng.randrange(99)).integers(0, 256, (60, 80, 3)).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    names = (
        [name for names in openraster.NAMES.values() for name in names] + ["Photograph"] * 9 + ["Mask", "", "\u2028"]
    )
    pictures = [buffer.getvalue()] * 3 + [_file(rng)]
    layers = [openraster.Layer(rng.choice(names), rng.choice(pictures)) for _ in range(rng.randrange(6))]
    others = {rng.choice([layered.STROKES, "../x", "maindoc.xml"]): _json(rng, STROKES)}
    data = bytearray(openraster.encode((rng.choice([80, 80, 0, 10**6]), 60), layers, rng.choice(pictures), b"", others))
    for _ in range(rng.choice([0, 0, 1, 9])):
        data[rng.choice([rng.randrange(len(data)), -rng.randrange(1, 400)])] ^= 1 << rng.randrange(8)
    return bytes(data if rng.random() < 0.9 else data[: rng.randrange(len(data))])


def test_layers(model_dirs, tmp_path):
    """By the page, which makes strokes of them."""
    rng, studio = random.Random(9), studio_lib.Studio([str(model_dirs[0])])
    opened = 0
    for _ in range(COUNT):
        start = time.perf_counter()
        try:
            studio.open(_layered(rng))
            opened += 1
        except TfsketchError as error:
            _check_message(error)
        assert time.perf_counter() - start < SLOW
    studio.close()
    assert 0 < opened < COUNT


def _odd_photograph(rng: random.Random) -> bytes:
    """A picture's file with much beside its pixels, whole or damaged."""
    shape = (rng.choice([1, 40]), rng.choice([1, 50]), rng.choice([1, 3, 4]))
    kind = rng.choice(["PNG", "PNG", "JPEG", "TIFF", "file"])
    values = np.random.default_rng(rng.randrange(2**32)).integers(0, rng.choice([2, 200, 65_536]), shape)
    if kind == "file":
        return _file(rng)
    if kind == "JPEG":
        buffer = io.BytesIO()
        Image.fromarray((values >> 8).astype(np.uint8)[..., 0]).convert("RGB").save(buffer, "JPEG")
        text = metadata.Metadata(*(rng.randbytes(rng.randrange(90)) for _ in range(4)), (72.0, 1.5), rng.randbytes(9))
        data = encoding.with_segments(buffer.getvalue(), text)
    else:
        data = cv2.imencode(".png" if kind == "PNG" else ".tif", values.astype(rng.choice([np.uint8, np.uint16])))[1]
        data = data.tobytes()
    if kind == "PNG":
        kinds = [b"gAMA", b"cHRM", b"pHYs", b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"sRGB", b"xxXx"]
        contents = [
            b"",
            b"Title\0x",
            b"Raw profile type iptc\0\0x",
            b"Raw profile type exif\0\niptc\n 9\nzz",
            b"\0" * 4,
        ]
        for _ in range(rng.randrange(5)):
            name, content = rng.choice(kinds), rng.choice([*contents, rng.randbytes(rng.choice([4, 9, 32]))])
            length = struct.pack(">I", rng.choice([len(content)] * 5 + [2**31, 3]))
            data = data[:33] + length + name + content + struct.pack(">I", zlib.crc32(name + content)) + data[33:]
    data = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 3])):
        data[rng.randrange(min(300, len(data)))] ^= 1 << rng.randrange(8)
    return bytes(data)


def test_photographs(tmp_path):
    rng = random.Random(5)
    content = 0
    for number in range(4 * COUNT):
        path = tmp_path / f"{number}{rng.choice(sorted(files.SUFFIXES))}"
        path.write_bytes(_odd_photograph(rng))
        output = f"out{rng.choice(['.png', '.png', '.tif', '.webp', '.jpg'])}"
        try:
            photograph = photographs.read(path)
            result = photograph.image.copy()
            result[: len(result) // 2] ^= rng.randrange(256)
            edit = photograph.with_result(result)
            data, notes = encoding.encode(output, edit)
        except TfsketchError as error:
            _check_message(error)
            continue
        again = photographs.read(output, data)
        assert all(len(note) > 10 for note in (*notes, *edit.notes))
        assert again.image.shape == result.shape
        if not output.endswith(".jpg"):
            assert (again.image[len(result) // 2 :] == result[len(result) // 2 :]).all(), (path, output)
        content += 1
    assert COUNT < content < 4 * COUNT


KINDS = ("picture", "drawing", "run", "run", "run", "file", "file", "tile", "mask", "jobs/x", "continue", "path")
PATHS = ("/api/pictures/..%2f..", "/api/jobs/%00", "/api/examples/%00", "//etc/passwd", "/api/run?x=1", "/%ff")


def test_requests(model_dirs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    rng = random.Random(3)
    studio = studio_lib.Studio(model_dirs)
    good = io.BytesIO()
    Image.new("RGB", (80, 60), (90, 120, 150)).save(good, "PNG")
    counts: dict[int, int] = {}
    with serving(studio) as port:
        picture = studio.open(good.getvalue())["picture"]
        for _ in range(COUNT):
            what = rng.choice(
                [
                    "picture",
                    "drawing",
                    "run",
                    "run",
                    "run",
                    "file",
                    "file",
                    "tile",
                    "mask",
                    "jobs/x",
                    "continue",
                    "path",
                ]
            )
            request = {"model": rng.choice(model_dirs), "picture": picture, "strokes": STROKES, "seed": 1, "fill": 1.0}
            request |= {"style": picture, "region": rng.choice(PLACES), "amount": 0.5, "feather": rng.choice([None, 3])}
            request |= {"format": rng.choice([*downloads.TYPES]), "quality": 50, "box": [0, 0, 30, 20]}
            if what == "mask":
                request = {"picture": picture, "strokes": STROKES, "grow": rng.uniform(-20, 90), "invert": True}
                request |= {"region": "hair"} if rng.random() < 0.3 else {}
            start = time.perf_counter()
            if what == "picture":
                status, body = ask(port, "/api/pictures", _file(rng), "application/octet-stream")
            elif what == "drawing":
                sheet = io.BytesIO()
                Image.fromarray(sheets.odd(rng)).save(sheet, "PNG")
                path = (
                    f"/api/sketch?level={rng.choice(['0', '-1', '0.9', 'nan', '1e999', 'x', '', '%00', '0&level=1'])}"
                )
                data = rng.choice([sheet.getvalue(), sheet.getvalue(), _file(rng)])
                status, body = ask(port, path, data, "application/octet-stream")
            elif what == "path":
                path = rng.choice([*PATHS, f"/api/pictures/{picture}?box=1,2,3,x"])
                status, body = ask(port, path, rng.choice([None, b"", b"{}"]))
            else:
                status, body = ask(port, f"/api/{what}", _json(rng, request))
            assert time.perf_counter() - start < SLOW
            assert status in (200, 400, 404, 405), (what, status, body[:300])
            if status == 400:
                assert len(json.loads(body)["error"]) > 10
            counts[status] = counts.get(status, 0) + 1
        status, _ = ask(
            port,
            "/api/run",
            {"model": model_dirs[0], "picture": studio.open(good.getvalue())["picture"], "strokes": STROKES},
        )
        assert status == 200  # still at work
    studio.close()
    assert counts[200] and counts[400]
    assert not list(pathlib.Path(tmp_path).iterdir())  # nothing left on the disk
