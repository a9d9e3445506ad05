"""Files of layers: as they are written, as paint programs leave them, and damaged."""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tfsketch.errors import ImageError
from tfsketch.images import files, meaning, openraster, photographs

SIZE = (80, 60)
PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


def _rgba(part: tuple[slice, slice], color: tuple[int, int, int] = (229, 72, 77)) -> np.ndarray:
    layer = np.zeros((60, 80, 4), np.uint8)
    layer[part] = (*color, 255)
    return layer


MASK, SKETCH, COLOR = (
    _rgba((slice(5, 55), slice(3, 75))),  # most of the sheet: of a file alone it could be what is kept
    _rgba((slice(20, 22), slice(10, 70)), (0, 0, 0)),
    _rgba((slice(30, 40), slice(10, 30)), (10, 200, 30)),
)


def _file(*layers: tuple[str, np.ndarray], **others: bytes) -> bytes:
    stack = [openraster.Layer(name, files.encode_png(picture)) for name, picture in layers]
    return openraster.encode(SIZE, stack, files.encode_png(255 - PHOTO), files.encode_png(PHOTO[:6, :8]), others)


def _archive(stack: str, compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("mimetype", openraster.TYPE, zipfile.ZIP_STORED)
        archive.writestr("stack.xml", stack)
        for name, content in members.items():
            archive.writestr(f"{name}.png", content)
    return buffer.getvalue()


WHOLE = _file(("Sketch", SKETCH), ("Colours", COLOR), ("Mask", MASK), ("Photograph", PHOTO))


def test_layers_mean_what_they_are_named(tmp_path):
    path = tmp_path / "edit.ora"
    path.write_bytes(WHOLE)
    for data in (None, WHOLE):
        photograph = photographs.read(path, data)
        assert (photograph.image == PHOTO).all() and not photograph.notes
        assert (meaning.read_mask(path, data)[0] == MASK[..., 3] // 255).all()
        assert (meaning.read_sketch(path, data=data)[0] == SKETCH[..., 3] // 255).all()
        assert (meaning.read_color(path, data)[0] == COLOR).all()
    assert (photographs.read_rgb(path)[0] == PHOTO).all()  # as a style
    assert openraster.kinds_of(path) == ["image", "mask", "sketch", "color"]
    assert openraster.kinds_of(tmp_path / "none.ora") == openraster.kinds_of(tmp_path) == []


def test_a_file_is_the_same_at_any_time(monkeypatch):
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: 2e9)
        layers = (("Sketch", SKETCH), ("Colours", COLOR), ("Mask", MASK), ("Photograph", PHOTO))
        assert _file(*layers) == WHOLE
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_what_paint_programs_do_to_layers():
    """They crop a layer to what is painted, group layers, and let people name them."""
    part, wide = files.encode_png(MASK[5:55, 3:75]), files.encode_png(np.pad(SKETCH, ((7, 9), (4, 2), (0, 0))))
    stack = (
        '<?xml version="1.0"?><!-- by hand --><image w="80" h="60"><stack><stack name="mine" visibility="hidden">'
        '<layer name=" mask " src="a.png" x="3" y="5" opacity="0.5"/><layer name="SKETCH" src="b.png" x="-4" y="-7"/>'
        '</stack><layer name="Colors" src="c.png"/><layer name="photo" src="d.png"/></stack></image>'
    )
    members = {"a": part, "b": wide, "c": files.encode_png(COLOR), "d": files.encode_png(PHOTO)}
    data = _archive(stack, zipfile.ZIP_DEFLATED, **members)
    assert (meaning.read_mask("edit.ora", data)[0] == MASK[..., 3] // 255).all()
    assert (meaning.read_sketch("edit.ora", data=data)[0] == SKETCH[..., 3] // 255).all()
    assert (meaning.read_color("edit.ora", data)[0] == COLOR).all()
    assert (photographs.read("edit.ora", data).image == PHOTO).all()
    # What is opaque everywhere has no paint that is known: it is read as a file is.
    filled = np.where(MASK[..., 3:] > 0, np.uint8(255), np.uint8([0, 0, 0, 255]))
    layer, notes = meaning.read_mask("edit.ora", _file(("Mask", filled)))
    assert (layer == MASK[..., 3] // 255).all() and "white covers 75% of the mask" in notes[0]


def test_another_programs_layers_are_one_picture():
    photograph = photographs.read("art.ora", _file(("Background", PHOTO), ("Layer 1", MASK)))
    assert (photograph.image == 255 - PHOTO).all()
    assert photograph.notes == ("left out: its layers: what they show together is kept",)


def test_what_is_missing_or_damaged_is_named(tmp_path):
    entry, stack = '<layer name="Mask" src="{}" x="{}"/>', '<image w="80" h="60"><stack>{}</stack></image>'
    bomb = _archive(stack.format(entry.format("a.png", 0)), zipfile.ZIP_DEFLATED, a=bytes(files.MAX_BYTES // 100))
    size = (files.MAX_BYTES // 100).to_bytes(4, "little")
    bomb = bomb.replace(size, (files.MAX_BYTES + 1).to_bytes(4, "little"))
    for data, message in (
        (_file(("Sketch", SKETCH)), "edit.ora: expected one layer named Mask, found 'Sketch': name the layers so"),
        (_file(), "expected one layer named Mask, found no layer"),
        (_file(("Mask", MASK), ("mask", MASK)), "expected one layer named Mask, found 2 of them"),
        (WHOLE[: len(WHOLE) // 2], "expected a whole OpenRaster file, found"),
        (_archive("no list"), "expected a list of layers in its stack.xml, found"),
        (_archive("<image/>"), "expected a list of layers in its stack.xml, found"),
        (_archive('<image w="9" h="0"/>'), "expected 1 to 100,000,000 pixels, found 9 x 0"),
        (_archive('<image w="99999" h="99999"/>'), "expected 1 to 100,000,000 pixels, found 99999 x 99999"),
        (_archive('<!DOCTYPE x [<!ENTITY a "b">]><image w="9" h="9"/>'), "in UTF-8, without entities"),
        (_archive('<image w="9" h="9"/>'.encode("utf-16")), "in UTF-8, without entities"),
        (
            _archive(stack.format(entry.format("b.png", 0))),
            "expected a file b.png in it, as OpenRaster has, found none",
        ),
        (_archive(stack.format(entry.format("a.png", 0)), a=b"no picture"), "a.png: expected a layer as PNG"),
        (_archive(stack.format(entry.format("a.png", "left")), a=files.encode_png(MASK)), "a.png: expected a layer as"),
        (
            _archive(stack.format(entry.format("a.png", 0)), a=files.encode_png(MASK)[:99]),
            "expected a readable picture",
        ),
        (bomb, "a.png: expected at most 1,000,000,000 bytes, found 1,000,000,001"),
    ):
        (tmp_path / "edit.ora").write_bytes(data)
        for source in (None, data):
            with pytest.raises(ImageError, match="edit.ora.*" + message.removeprefix("edit.ora: ")):
                meaning.read_mask(tmp_path / "edit.ora", source)
    with pytest.raises(ImageError, match="expected one layer named Photograph, found 'Mask'"):
        photographs.read("edit.ora", _file(("Mask", MASK)))


def test_a_layer_beyond_the_sheet_is_cut_off():
    outside = '<image w="80" h="60"><stack><layer name="Mask" src="a.png" x="{}" y="0"/></stack></image>'
    for left in (200, -200):
        assert not meaning.read_mask("m.ora", _archive(outside.format(left), a=files.encode_png(MASK)))[0].any()
    with Image.open(io.BytesIO(openraster.File("e.ora", WHOLE).merged())) as picture:
        assert picture.size == SIZE
