"""A photograph comes back with the depth, mode and transparency of its file; or it is said."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.images.originals import HOLE, OUTSIDE, PHOTO, chunk, deep_pixels, repaint
from tfsketch.images import encoding, files, photographs


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("orientation", [1, 6])
def test_sixteen_bits_stay_outside_and_are_dithered_inside(tmp_path, suffix, channels, orientation):
    values = deep_pixels(channels)
    arrays = (
        values if channels < 3 else cv2.cvtColor(values, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA)
    )
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), arrays)
    expected = values
    if orientation == 6 and suffix == ".png":
        exif = Image.Exif()
        exif[0x0112] = 6
        data = path.read_bytes()
        path.write_bytes(data[:33] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + data[33:])
        expected = np.rot90(values, -1)
    photograph = photographs.read(path)
    assert photograph.notes == () and photograph.pixels.dtype == np.uint16
    assert (photograph.image == files.read_rgb(path)).all()
    result = photograph.image.copy()
    result[HOLE] = 90 if channels == 1 else (200, 40, 90)
    edit = photograph.with_result(result)
    for target in (".png", ".tif"):
        data, notes = encoding.encode(f"out{target}", edit)
        assert notes == []
        again = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        again = (
            again if channels < 3 else cv2.cvtColor(again, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA)
        )
        again = again.reshape(*again.shape[:2], channels)
        outside = np.ones(again.shape[:2], bool)
        outside[HOLE] = False
        assert again.dtype == np.uint16 and (again[outside] == expected[outside]).all()
        color = again[..., :3] if channels == 4 else again
        assert (color[HOLE] >> 8 == result[HOLE][..., : color.shape[2]]).all()  # what was made, to eight bits
        assert len(np.unique(color[HOLE][..., 0] & 255)) > 100  # and no bands below
        if channels == 4:
            assert (again[..., 3] == expected[..., 3]).all()


@pytest.mark.parametrize("most", [255, 65535])
def test_deep_grey_with_transparency_is_grey_and_its_result_is_said_to_be_rgb(tmp_path, most):
    grey = deep_pixels(1)[..., 0] >> (0 if most > 255 else 8)
    values = np.dstack([grey, np.full_like(grey, most)])
    values[:9, :, 1] = 0
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", *grey.shape[::-1], 16, 4, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "la.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    photograph = photographs.read(tmp_path / "la.png")
    assert (photograph.pixels == values).all() and photograph.image.shape == (*grey.shape, 3)
    assert any("it is grey and stays grey" in trait for trait in photograph.traits)
    if most > 255:
        data, notes = encoding.encode("o.png", photograph)
        assert notes == ["grey with transparency of 16 bits is written as RGB with transparency"]
        back = photographs.read("o.png", data).pixels
        assert (back[..., [0, 3]] == values).all() and (back[..., 1] == values[..., 0]).all()


def test_eight_bits_in_a_file_of_sixteen_are_said(tmp_path):
    cv2.imwrite(str(tmp_path / "low.png"), PHOTO[..., ::-1].astype(np.uint16))
    photograph = photographs.read(tmp_path / "low.png")
    assert (photograph.image == PHOTO).all() and "8 bits a channel in a file of 16" in photograph.notes[0]
    edit = repaint(photograph)
    assert (edit.pixels == edit.image).all() and edit.pixels.dtype == np.uint16


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_a_cut_out_keeps_its_transparency(tmp_path, suffix):
    alpha = np.full(PHOTO.shape[:2], 255, np.uint8)
    alpha[:20, :30], alpha[40:] = 0, 99
    Image.fromarray(np.dstack([PHOTO, alpha])).save(tmp_path / f"cut{suffix}", lossless=True, exact=True)
    edit = repaint(photographs.read(tmp_path / f"cut{suffix}"))
    assert edit.notes == ("25% of what was repainted is transparent in the photograph, and stays so",)
    for target in (".png", ".webp", ".tif"):
        data, notes = encoding.encode(f"out{target}", edit)
        again = np.asarray(Image.open(io.BytesIO(data)))
        assert notes == [] and (again[..., 3] == alpha).all()
        assert (again[OUTSIDE][..., :3] == PHOTO[OUTSIDE]).all() and (again[HOLE][..., :3] == edit.image[HOLE]).all()
    data, notes = encoding.encode("out.jpg", edit)
    assert Image.open(io.BytesIO(data)).mode == "RGB" and "JPEG has no transparency: it is left out" in notes


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_stays_grey_unless_colour_comes_in(tmp_path, mode):
    Image.fromarray(PHOTO).convert(mode).save(tmp_path / "grey.png")
    photograph = photographs.read(tmp_path / "grey.png")
    edit = repaint(photograph, grey=True)
    for target in (".png", ".tif", *([".jpg"] if mode == "L" else [])):
        again = Image.open(io.BytesIO(encoding.encode(f"out{target}", edit)[0]))
        assert again.mode == mode
        if target != ".jpg":
            assert (np.asarray(again.convert("RGB"))[OUTSIDE] == photograph.image[OUTSIDE]).all()
    assert encoding.encode("out.webp", edit)[1] == ["WEBP has no grey: it is RGB of the same values"]
    result = repaint(photograph)
    assert "the result is RGB, not grey" in result.notes[0]
    assert Image.open(io.BytesIO(encoding.encode("out.png", result)[0])).mode == {"L": "RGB", "LA": "RGBA"}[mode]


@pytest.mark.parametrize(
    "mode, expected, message",
    [("P", "RGB", "palette"), ("1", "L", "1 bit"), ("CMYK", "RGB", "CMYK, which is converted"), ("LAB", "RGB", "LAB")],
)
def test_modes_that_cannot_stay_are_said(tmp_path, mode, expected, message):
    picture = Image.fromarray(PHOTO)
    if mode == "LAB":
        profiles = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
        picture = ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / "a.tif")
    photograph = photographs.read(tmp_path / "a.tif")
    assert any(message in note for note in photograph.notes), photograph.notes
    edit = repaint(photograph, grey=expected == "L")
    assert Image.open(io.BytesIO(encoding.encode("out.png", edit)[0])).mode == expected
    assert (edit.image[OUTSIDE] == files.read_rgb(tmp_path / "a.tif")[OUTSIDE]).all()


def test_a_palette_with_a_transparent_colour_keeps_that(tmp_path):
    picture = Image.fromarray(PHOTO).quantize(16)
    picture.save(tmp_path / "p.png", transparency=3)
    photograph = photographs.read(tmp_path / "p.png")
    assert photograph.pixels.shape[2] == 4 and (photograph.pixels[..., 3] == 0).any()
    Image.fromarray(PHOTO[..., 0]).save(tmp_path / "l.png", transparency=int(PHOTO[0, 0, 0]))
    assert photographs.read(tmp_path / "l.png").pixels.shape[2] == 2


def _tiff_of_twelve_bits(values: np.ndarray) -> bytes:
    """[H,W] of 0 to 4095, W even, as one uncompressed strip, which no library here writes."""
    first, second = values.reshape(-1, 2).T
    data = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1).astype(np.uint8).tobytes()
    height, width = values.shape
    tags = {
        256: width,
        257: height,
        258: 12,
        259: 1,
        262: 1,
        273: 8 + 2 + 9 * 12 + 4,
        277: 1,
        278: height,
        279: len(data),
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def test_a_tiffs_grey_runs_from_black_to_white_whatever_its_bits_and_its_zero(tmp_path):
    values = np.linspace(0, 65_535, 48 * 64).reshape(48, 64).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", 65_535 - values, photometric="miniswhite")
    negative = photographs.read(tmp_path / "a.tif")
    assert (negative.pixels == values).all() and negative.shift == 8 and negative.notes == ()
    assert (negative.image[..., 0] == values >> 8).all()
    assert (files.read_rgba(tmp_path / "a.tif")[..., 0] == values >> 8).all()
    twelve = photographs.read("a.tif", _tiff_of_twelve_bits(values >> 4))
    assert twelve.notes == ("12 bits a channel: they are written as 16",) and twelve.pixels.dtype == np.uint16
    assert (twelve.pixels >> 4 == values >> 4).all() and (twelve.pixels.min(), twelve.pixels.max()) == (0, 65_535)
    assert (twelve.image[..., 0] == values >> 8).all()


def test_a_transparent_level_of_deep_grey_is_said(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), deep_pixels(1))
    data = (tmp_path / "a.png").read_bytes()
    data = data[:33] + chunk(b"tRNS", b"\x10\x00") + data[33:]
    assert photographs.read("a.png", data).notes == ("left out: the one level of its grey that is transparent",)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind, beyond", [("unspecified", 1), ("unassalpha", 0)])
def test_a_tiffs_further_channels_are_no_transparency_and_that_is_said(tmp_path, bits, kind, beyond):
    """Photoshop saves selections so."""
    levels = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 40, np.uint8)]).astype(np.uint16 if bits == 16 else np.uint8)
    levels = levels * np.array(257 if bits == 16 else 1, levels.dtype)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", extrasamples=[kind])
    photograph = photographs.read(tmp_path / "a.tif")
    assert photograph.notes == ("left out: 1 further channel, such as saved selections",) * beyond
    assert (photograph.pixels == levels[..., : 4 - beyond]).all() and photograph.pixels.shape[2] == 4 - beyond


def test_photoshops_layers_in_a_tiff_are_said(tmp_path):
    layers = (37724, 7, 21, b"Adobe Photoshop Docum", True)
    tifffile.imwrite(tmp_path / "a.tif", PHOTO, photometric="rgb", extratags=[layers])
    assert photographs.read(tmp_path / "a.tif").notes == (
        "left out: Photoshop's layers: what they show together is kept",
    )


@pytest.mark.parametrize("more", [b"", bytes(900), b"\0\0\0\x18ftypmp42" + b"\x17\xff\xd9\x31" * 9 + b"moov" * 99])
def test_a_phones_video_and_gain_map_are_neither_kept_nor_promised(more):
    items = "".join(
        f"<rdf:li rdf:parseType='Resource'><Container:Item Item:Mime='{mime}' Item:Semantic='{meaning}'/></rdf:li>"
        for mime, meaning in (("image/jpeg", "Primary"), ("image/jpeg", "GainMap"), ("video/mp4", "MotionPhoto"))
    )
    packet = (
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        "<rdf:Description rdf:about='' xmlns:GCamera='g' xmlns:Container='c' xmlns:Item='i' xmlns:hdrgm='h' "
        "hdrgm:Version='1.0' GCamera:MotionPhoto='1' GCamera:MotionPhotoVersion='1'>"
        f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", xmp=packet.encode())
    photograph = photographs.read("PXL.MP.jpg", buffer.getvalue() + more)
    video = "left out: what follows the picture in its file, such as a motion photo's video"
    assert photograph.notes == (*[video] * bool(more.strip(b"\0")), "left out: HDR's gain map")
    xmp = photograph.metadata.xmp
    assert b"Semantic" not in xmp and b"hdrgm:Version" not in xmp
    assert b"GCamera:MotionPhoto='0' GCamera:MotionPhotoVersion='1'" in xmp
