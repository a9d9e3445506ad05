"""A photograph comes back as its file had it: depth, mode, transparency and what is said beside; or it is said."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.pictures import crops
from tfsketch.errors import ImageError
from tfsketch.images import encoding, files, metadata, photographs

PHOTO = crops(1, 64)[0][:48]
HOLE = np.s_[10:30, 20:40]
OUTSIDE = np.ones(PHOTO.shape[:2], bool)
OUTSIDE[HOLE] = False
IPTC = b"\x1c\x02\x78\x00\x05hello\x1c\x02\x50\x00\x02Me"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _edit(photograph: photographs.Photograph, grey: bool = False) -> photographs.Photograph:
    result = photograph.image.copy()
    result[HOLE] = np.random.default_rng(1).integers(0, 256, (20, 20, 1 if grey else 3))
    return photograph.with_result(result)


def _deep(channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65_536, (48, 64, channels)).astype(np.uint16)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("orientation", [1, 6])
def test_sixteen_bits_stay_outside_and_are_dithered_inside(tmp_path, suffix, channels, orientation):
    values = _deep(channels)
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
        path.write_bytes(data[:33] + _chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + data[33:])
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


def test_eight_bits_in_a_file_of_sixteen_are_said(tmp_path):
    cv2.imwrite(str(tmp_path / "low.png"), PHOTO[..., ::-1].astype(np.uint16))
    photograph = photographs.read(tmp_path / "low.png")
    assert (photograph.image == PHOTO).all() and "8 bits a channel in a file of 16" in photograph.notes[0]
    edit = _edit(photograph)
    assert (edit.pixels == edit.image).all() and edit.pixels.dtype == np.uint16


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_a_cut_out_keeps_its_transparency(tmp_path, suffix):
    alpha = np.full(PHOTO.shape[:2], 255, np.uint8)
    alpha[:20, :30], alpha[40:] = 0, 99
    Image.fromarray(np.dstack([PHOTO, alpha])).save(tmp_path / f"cut{suffix}", lossless=True, exact=True)
    edit = _edit(photographs.read(tmp_path / f"cut{suffix}"))
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
    edit = _edit(photograph, grey=True)
    for target in (".png", ".tif", *([".jpg"] if mode == "L" else [])):
        again = Image.open(io.BytesIO(encoding.encode(f"out{target}", edit)[0]))
        assert again.mode == mode
        if target != ".jpg":
            assert (np.asarray(again.convert("RGB"))[OUTSIDE] == photograph.image[OUTSIDE]).all()
    assert encoding.encode("out.webp", edit)[1] == ["WEBP has no grey: it is RGB of the same values"]
    colored = _edit(photograph)
    assert "the result is RGB, not grey" in colored.notes[0]
    assert Image.open(io.BytesIO(encoding.encode("out.png", colored)[0])).mode == {"L": "RGB", "LA": "RGBA"}[mode]


@pytest.mark.parametrize(
    "mode, expected, said",
    [("P", "RGB", "palette"), ("1", "L", "1 bit"), ("CMYK", "RGB", "CMYK, which is converted"), ("LAB", "RGB", "LAB")],
)
def test_modes_that_cannot_stay_are_said(tmp_path, mode, expected, said):
    picture = Image.fromarray(PHOTO)
    if mode == "LAB":
        profiles = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
        picture = ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / "a.tif")
    photograph = photographs.read(tmp_path / "a.tif")
    assert any(said in note for note in photograph.notes), photograph.notes
    edit = _edit(photograph, grey=expected == "L")
    assert Image.open(io.BytesIO(encoding.encode("out.png", edit)[0])).mode == expected
    assert (edit.image[OUTSIDE] == files.read_rgb(tmp_path / "a.tif")[OUTSIDE]).all()


def test_a_palette_with_a_transparent_colour_keeps_that(tmp_path):
    picture = Image.fromarray(PHOTO).quantize(16)
    picture.save(tmp_path / "p.png", transparency=3)
    photograph = photographs.read(tmp_path / "p.png")
    assert photograph.pixels.shape[2] == 4 and (photograph.pixels[..., 3] == 0).any()
    Image.fromarray(PHOTO[..., 0]).save(tmp_path / "l.png", transparency=int(PHOTO[0, 0, 0]))
    assert photographs.read(tmp_path / "l.png").pixels.shape[2] == 2


def test_a_pngs_tags_texts_and_resolution_are_kept(tmp_path):
    chunks = [
        (b"gAMA", struct.pack(">I", 45_455)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        (b"sRGB", b"\1"),
        (b"cICP", bytes([1, 13, 0, 1])),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        (b"tEXt", b"Author\0Me"),
        (b"zTXt", b"Title\0\0" + zlib.compress(b"A face")),
        (b"iTXt", "Comment\0\0\0de\0\0Gesicht ü".encode()),
    ]
    data = files.encode_png(PHOTO)
    (tmp_path / "tagged.png").write_bytes(data[:33] + b"".join(_chunk(*one) for one in chunks) + data[33:])
    edit = _edit(photographs.read(tmp_path / "tagged.png"))
    data, notes = encoding.encode("out.png", edit)
    assert not notes and edit.notes == () and all(_chunk(*one) in data for one in chunks)
    assert Image.open(io.BytesIO(data)).text["Title"] == "A face"
    for target, lost in ((".jpg", "PNG's gAMA, cHRM, sRGB, cICP"), (".tif", "PNG's texts Author, Title, Comment")):
        data, notes = encoding.encode(f"out{target}", edit)
        assert any(lost in note and "left out" in note for note in notes), notes
        assert round(float(Image.open(io.BytesIO(data)).info["dpi"][0])) == 300
    assert any("the resolution (300" in note for note in encoding.encode("out.webp", edit)[1])


def test_a_jpegs_iptc_comment_resolution_and_profile_are_kept(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    photo = io.BytesIO()
    Image.fromarray(PHOTO).save(photo, "JPEG", quality=95)
    text = metadata.Metadata(exif.tobytes()[6:], SRGB, b"<x/>", IPTC, (72.0, 96.0), b"mine")
    (tmp_path / "a.jpg").write_bytes(encoding.with_segments(photo.getvalue(), text))
    with Image.open(tmp_path / "a.jpg") as picture:
        assert picture.info["photoshop"][0x0404] == IPTC
    photograph = photographs.read(tmp_path / "a.jpg")
    assert photograph.metadata == text and photograph.notes == ()
    for target, lost in ((".png", ""), (".jpg", ""), (".tif", "the comment"), (".webp", "IPTC-IIM, the comment, the")):
        data, notes = encoding.encode(tmp_path / f"b{target}", _edit(photograph))
        (tmp_path / f"b{target}").write_bytes(data)
        again = photographs.read(tmp_path / f"b{target}").metadata
        assert (again.icc, again.xmp) == (SRGB, b"<x/>")
        arrays = Image.Exif()
        arrays.load(again.exif)
        assert arrays[0x010F] == "Camera"
        if lost:
            assert any(lost in note for note in notes), (target, notes)
        else:
            assert not any("no place" in note for note in notes)
        if target != ".webp":
            assert again.iptc == IPTC and [round(value) for value in again.dpi] == [72, 96]
    assert photographs.read(tmp_path / "b.png").metadata.chunks  # the comment, as a text
    assert photographs.read(tmp_path / "b.jpg").metadata.comment == b"mine"


def test_what_is_too_long_for_a_jpegs_segment_is_said():
    text = metadata.Metadata(xmp=b"x" * 70_000, iptc=IPTC, icc=SRGB * 200)
    data, notes = encoding.encode("a.jpg", PHOTO, text)
    again = photographs.read("a.jpg", data).metadata
    assert notes == ["no place in JPEG for XMP longer than a segment: left out"]
    assert (again.xmp, again.iptc, again.icc) == (b"", IPTC, SRGB * 200)


def test_profiles_that_fit_no_longer_are_said(tmp_path):
    grey = b"\0" * 16 + b"GRAY" + b"\0" * 108
    Image.fromarray(PHOTO[..., 0]).save(tmp_path / "grey.png", icc_profile=grey)
    photograph = photographs.read(tmp_path / "grey.png")
    assert photograph.metadata.icc == grey == _edit(photograph, grey=True).metadata.icc
    assert "left out: the colour profile, which is one of grey" in _edit(photograph).notes
    Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "print.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
    assert any("the colour profile" in note for note in photographs.read(tmp_path / "print.jpg").notes)


def test_nothing_that_shows_the_original_is_kept(tmp_path):
    second = Image.fromarray(255 - PHOTO)
    Image.fromarray(PHOTO).save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second])
    photograph = photographs.read(tmp_path / "phone.jpg")
    assert "left out: the second picture (depth, HDR or another view)" in photograph.notes
    data, _ = encoding.encode("out.jpg", _edit(photograph))
    assert data.count(b"\xff\xd8\xff") == 1
    preview = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"\xff\xd8\xff\xd9"
    assert metadata.iptc_of_resources(preview + metadata.resources_of_iptc(IPTC)) == IPTC
    text = b"Raw profile type APP1\0\nexif\n 4\n00000000"
    data = files.encode_png(PHOTO)
    (tmp_path / "im.png").write_bytes(data[:33] + _chunk(b"tEXt", text) + data[33:])
    photograph = photographs.read(tmp_path / "im.png")
    assert photograph.metadata.chunks == () and "PNG's text Raw profile type APP1" in photograph.notes[0]


def test_sixteen_bit_tiffs_keep_profile_and_records(tmp_path):
    tags = [(700, 1, 4, b"<x/>", True), (33723, 7, len(IPTC), IPTC, True)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        _deep(3),
        photometric="rgb",
        iccprofile=SRGB,
        extratags=tags,
        resolution=(300, 300),
        metadata=None,
        software=False,
    )
    photograph = photographs.read(tmp_path / "a.tif")
    assert (photograph.metadata.icc, photograph.metadata.xmp, photograph.metadata.iptc) == (SRGB, b"<x/>", IPTC)
    (tmp_path / "b.tif").write_bytes(encoding.encode("b.tif", _edit(photograph))[0])
    again = photographs.read(tmp_path / "b.tif")
    assert again.metadata == photograph.metadata and again.pixels.dtype == np.uint16


def test_results_have_a_format_and_a_quality(tmp_path):
    photograph = photographs.of_array(PHOTO)
    edit = _edit(photograph)
    assert (np.asarray(Image.open(io.BytesIO(encoding.encode("a.webp", edit)[0]))) == edit.image).all()
    sizes = [
        len(encoding.encode(f"a{suffix}", edit, None, quality)[0])
        for suffix in (".jpg", ".webp")
        for quality in (20, 90)
    ]
    assert sizes[0] < sizes[1] and sizes[2] < sizes[3]
    assert "changes pixels outside of the edit" in encoding.encode("a.webp", edit, None, 90)[1][0]
    for name in ("a.bmp", "a.gif", "a.txt", "a"):
        with pytest.raises(ImageError, match="output: expected a file of .*.jpg.*, found a"):
            encoding.encode(name, edit)
    with pytest.raises(ImageError, match="expected a picture that fits into WEBP"):
        encoding.encode("a.webp", np.zeros((1, 20_000, 3), np.uint8))


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_results_of_the_extras_formats(suffix):
    if suffix not in encoding.KINDS:
        with pytest.raises(ImageError, match="expected a file of .*heif"):
            encoding.encode(f"a{suffix}", PHOTO)
        return
    data, notes = encoding.encode(f"a{suffix}", PHOTO, metadata.Metadata(icc=SRGB), 90)
    again = photographs.read(f"a{suffix}", data)
    assert abs(again.image.astype(int) - PHOTO).mean() < 6 and again.metadata.icc == SRGB and "quality 90" in notes[0]


_PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" %s</rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize(
    "form", [b'tiff:Orientation="6"/>', b"><tiff:Orientation>6</tiff:Orientation></rdf:Description>"]
)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("output", ["b.png", "b.tif", "b.webp", "b.jpg"])
def test_a_result_is_turned_once_wherever_the_orientation_is_said(form, both, output):
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "Camera"
    if both:
        exif[0x0112] = 6
    Image.fromarray(PHOTO).save(buffer, "JPEG", exif=exif, xmp=_PACKET % form)
    photograph = photographs.read("a.jpg", buffer.getvalue())
    assert photograph.image.shape == (64, 48, 3) and photograph.orientation == 6
    data, _ = encoding.encode(output, _edit(photograph, grey=True))
    again = photographs.read(output, data)
    assert again.image.shape == (64, 48, 3) and again.orientation == 1 and b"tiff:Orientation" in again.metadata.xmp


@pytest.mark.parametrize(
    ("kind", "value", "turned"), [(7, b"\6\0\0\0", False), (2, b"6\0\0\0", False), (4, b"\6\0\0\0", True)]
)
def test_an_orientation_of_another_type(kind, value, turned):
    entry = struct.pack("<HHI", 0x0112, kind, 1) + value
    exif = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", exif=b"Exif\0\0" + exif)
    photograph = photographs.read("a.jpg", buffer.getvalue())
    assert photograph.image.shape == ((64, 48, 3) if turned else (48, 64, 3))
    assert photograph.orientation == (6 if turned else 1)


def test_a_tiff_whose_xmp_is_numbers_is_read(tmp_path):
    for count, value in ((1, 50_000_000), (3, (1, 2, 3))):
        tifffile.imwrite(tmp_path / "a.tif", PHOTO, photometric="rgb", extratags=[(700, 4, count, value, True)])
        photograph = photographs.read(tmp_path / "a.tif")
        assert photograph.metadata.xmp == b"" and photograph.notes == ("left out: XMP, which is not stored as text",)
        assert (files.read_rgb(tmp_path / "a.tif") == PHOTO).all()


def test_pictures_within_xmp_and_a_cameras_notes_are_left_out():
    thumbnail = b"/9j/4AAQSkZJRgABAQEASABIAAD/&#xA;" + b"A" * 90
    forms = (
        b'xmlns:xmp="x"><xmp:Thumbnails><rdf:Alt><rdf:li><g:image>%s</g:image></rdf:li></rdf:Alt></xmp:Thumbnails>'
        b"<dc:x/></rdf:Description>" % thumbnail,
        b'xmlns:GImage="x" GImage:Data="%s"><dc:x/></rdf:Description>' % thumbnail,
    )
    for form in forms:
        exif, buffer = Image.Exif(), io.BytesIO()
        exif.get_ifd(0x8769)[0x927C] = b"OLYMP\0\1\0\xff\xd8\xff\xdb a preview"
        exif.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
        Image.fromarray(PHOTO).save(buffer, "JPEG", exif=exif, xmp=_PACKET % form)
        photograph = photographs.read("a.jpg", buffer.getvalue())
        assert b"/9j/" not in photograph.metadata.xmp and b"<dc:x/>" in photograph.metadata.xmp
        assert b"a preview" not in photograph.metadata.exif and b"2024:01:01" in photograph.metadata.exif
        assert photograph.notes == (
            "left out: the camera's own notes, which hold a picture",
            "left out: pictures within XMP",
        )


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


@pytest.mark.parametrize("output", ["b.webp", "b.avif", "b.png", "b.jpg", "b.tif"])
def test_a_profile_of_grey_is_in_no_file_of_colours(output):
    if output[1:] not in encoding.KINDS:
        pytest.skip("this Pillow has no AVIF")
    buffer, profile = io.BytesIO(), SRGB[:16] + b"GRAY" + SRGB[20:]
    Image.fromarray(PHOTO[..., 0]).save(buffer, "PNG", icc_profile=profile)
    photograph = _edit(photographs.read("a.png", buffer.getvalue()), grey=True)
    message = "the colour profile is one of grey, and is left out"
    for picture, grey in ((photograph, output[2:] not in ("webp", "avif")), (photograph.image, False)):
        data, notes = encoding.encode(output, picture, photograph.metadata)  # as an array, it is side by side
        with Image.open(io.BytesIO(data)) as written:
            assert (written.mode == "L") is grey and written.info.get("icc_profile") == (profile if grey else None)
        assert (message in notes) is not grey


def test_a_transparent_level_of_deep_grey_is_said(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), _deep(1))
    data = (tmp_path / "a.png").read_bytes()
    data = data[:33] + _chunk(b"tRNS", b"\x10\x00") + data[33:]
    assert photographs.read("a.png", data).notes == ("left out: the one level of its grey that is transparent",)


def _camera() -> bytes:
    """EXIF as cameras and Photoshop write it: its own directories, and the size and structure of the file it was in."""
    exif = Image.Exif()
    exif.update({0x010F: "Camera", 0x0100: 4000, 0x0101: 3000, 0x0102: (8, 8, 8), 0x0106: 6, 0x0115: 3, 0x011C: 1})
    exif.update({0x0152: 2, 0x0153: 3, 0x0140: (1, 2, 3), 0x8773: b"profile", 0x4746: 5})
    exif.get_ifd(0x8769).update({0x9003: "2024:01:01 00:00:00", 0x829A: (1, 100), 0x9286: b"ASCII\0\0\0hello"})
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("output", ["b.tif", "b.png"])
def test_a_cameras_exif_is_kept_and_makes_no_other_file(mode, output):
    buffer = io.BytesIO()
    picture = Image.fromarray(_deep(1)[..., 0]) if mode == "I;16" else Image.fromarray(PHOTO).convert(mode)
    profile = SRGB if mode.startswith("RGB") else SRGB[:16] + b"GRAY" + SRGB[20:]
    picture.save(buffer, "PNG", exif=_camera(), icc_profile=profile, dpi=(150, 150))
    edit = _edit(photographs.read("a.png", buffer.getvalue()), grey=not mode.startswith("RGB"))
    data, notes = encoding.encode(output, edit)
    again = photographs.read(output, data)
    assert (again.pixels == edit.pixels).all() and again.pixels.dtype == edit.pixels.dtype and notes == []
    assert again.metadata.icc == profile and again.metadata.dpi == pytest.approx((150, 150), abs=0.1)
    with Image.open(io.BytesIO(data)) as written:
        exif = written.getexif()
        assert exif[0x010F] == "Camera" and exif.get_ifd(0x8825)[1] == "N"
        assert exif.get_ifd(0x8769)[0x9003] == "2024:01:01 00:00:00" and 0x0140 not in exif
    if output == "b.tif":
        assert (tifffile.imread(io.BytesIO(data)) == edit.pixels).all()


def test_exif_that_a_tiff_cannot_hold_is_said():
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x013F] = (76, 162, 166)  # chromaticities, of which there are six
    Image.fromarray(PHOTO).save(buffer, "JPEG", exif=exif)
    edit = _edit(photographs.read("a.jpg", buffer.getvalue()))
    data, notes = encoding.encode("b.tif", edit)
    assert notes == ["no place in TIFF for EXIF of other types than the standard's: left out"]
    assert (photographs.read("b.tif", data).image == edit.image).all()
