"""What a file says beside its pixels comes back in every format that has a place for it; or it is said."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.images.originals import IPTC, PHOTO, SRGB, chunk, deep_pixels, repaint
from tfsketch.images import encoding, files, metadata, photographs


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
    (tmp_path / "tagged.png").write_bytes(data[:33] + b"".join(chunk(*one) for one in chunks) + data[33:])
    edit = repaint(photographs.read(tmp_path / "tagged.png"))
    data, notes = encoding.encode("out.png", edit)
    assert not notes and edit.notes == () and all(chunk(*one) in data for one in chunks)
    assert Image.open(io.BytesIO(data)).text["Title"] == "A face"
    for target, losses in ((".jpg", "PNG's gAMA, cHRM, sRGB, cICP"), (".tif", "PNG's texts Author, Title, Comment")):
        data, notes = encoding.encode(f"out{target}", edit)
        assert any(losses in note and "left out" in note for note in notes), notes
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
    for target, losses in (
        (".png", ""),
        (".jpg", ""),
        (".tif", "the comment"),
        (".webp", "IPTC-IIM, the comment, the"),
    ):
        data, notes = encoding.encode(tmp_path / f"b{target}", repaint(photograph))
        (tmp_path / f"b{target}").write_bytes(data)
        again = photographs.read(tmp_path / f"b{target}").metadata
        assert (again.icc, again.xmp) == (SRGB, b"<x/>")
        arrays = Image.Exif()
        arrays.load(again.exif)
        assert arrays[0x010F] == "Camera"
        if losses:
            assert any(losses in note for note in notes), (target, notes)
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
    assert photograph.metadata.icc == grey == repaint(photograph, grey=True).metadata.icc
    assert "left out: the colour profile, which is one of grey" in repaint(photograph).notes
    Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "print.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
    assert any("the colour profile" in note for note in photographs.read(tmp_path / "print.jpg").notes)


def test_nothing_that_shows_the_original_is_kept(tmp_path):
    second = Image.fromarray(255 - PHOTO)
    Image.fromarray(PHOTO).save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second])
    photograph = photographs.read(tmp_path / "phone.jpg")
    assert "left out: the second picture (depth, HDR or another view)" in photograph.notes
    data, _ = encoding.encode("out.jpg", repaint(photograph))
    assert data.count(b"\xff\xd8\xff") == 1
    preview = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"\xff\xd8\xff\xd9"
    assert metadata.iptc_of_resources(preview + metadata.resources_of_iptc(IPTC)) == IPTC
    text = b"Raw profile type APP1\0\nexif\n 4\n00000000"
    data = files.encode_png(PHOTO)
    (tmp_path / "im.png").write_bytes(data[:33] + chunk(b"tEXt", text) + data[33:])
    photograph = photographs.read(tmp_path / "im.png")
    assert photograph.metadata.chunks == () and "PNG's text Raw profile type APP1" in photograph.notes[0]


def test_sixteen_bit_tiffs_keep_profile_and_records(tmp_path):
    tags = [(700, 1, 4, b"<x/>", True), (33723, 7, len(IPTC), IPTC, True)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        deep_pixels(3),
        photometric="rgb",
        iccprofile=SRGB,
        extratags=tags,
        resolution=(300, 300),
        metadata=None,
        software=False,
    )
    photograph = photographs.read(tmp_path / "a.tif")
    assert (photograph.metadata.icc, photograph.metadata.xmp, photograph.metadata.iptc) == (SRGB, b"<x/>", IPTC)
    (tmp_path / "b.tif").write_bytes(encoding.encode("b.tif", repaint(photograph))[0])
    again = photographs.read(tmp_path / "b.tif")
    assert again.metadata == photograph.metadata and again.pixels.dtype == np.uint16


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
    data, _ = encoding.encode(output, repaint(photograph, grey=True))
    again = photographs.read(output, data)
    assert again.image.shape == (64, 48, 3) and again.orientation == 1 and b"tiff:Orientation" in again.metadata.xmp


@pytest.mark.parametrize(
    ("kind", "value", "transposes"), [(7, b"\6\0\0\0", False), (2, b"6\0\0\0", False), (4, b"\6\0\0\0", True)]
)
def test_an_orientation_of_another_type(kind, value, transposes):
    entry = struct.pack("<HHI", 0x0112, kind, 1) + value
    exif = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "JPEG", exif=b"Exif\0\0" + exif)
    photograph = photographs.read("a.jpg", buffer.getvalue())
    assert photograph.image.shape == ((64, 48, 3) if transposes else (48, 64, 3))
    assert photograph.orientation == (6 if transposes else 1)


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


@pytest.mark.parametrize("output", ["b.webp", "b.avif", "b.png", "b.jpg", "b.tif"])
def test_a_profile_of_grey_is_in_no_file_of_colours(output):
    if output[1:] not in encoding.KINDS:
        pytest.skip("this Pillow has no AVIF")
    buffer, profile = io.BytesIO(), SRGB[:16] + b"GRAY" + SRGB[20:]
    Image.fromarray(PHOTO[..., 0]).save(buffer, "PNG", icc_profile=profile)
    photograph = repaint(photographs.read("a.png", buffer.getvalue()), grey=True)
    message = "the colour profile is one of grey, and is left out"
    for picture, grey in ((photograph, output[2:] not in ("webp", "avif")), (photograph.image, False)):
        data, notes = encoding.encode(output, picture, photograph.metadata)  # as an array, it is side by side
        with Image.open(io.BytesIO(data)) as file:
            assert (file.mode == "L") is grey and file.info.get("icc_profile") == (profile if grey else None)
        assert (message in notes) is not grey


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
    picture = Image.fromarray(deep_pixels(1)[..., 0]) if mode == "I;16" else Image.fromarray(PHOTO).convert(mode)
    profile = SRGB if mode.startswith("RGB") else SRGB[:16] + b"GRAY" + SRGB[20:]
    picture.save(buffer, "PNG", exif=_camera(), icc_profile=profile, dpi=(150, 150))
    edit = repaint(photographs.read("a.png", buffer.getvalue()), grey=not mode.startswith("RGB"))
    data, notes = encoding.encode(output, edit)
    again = photographs.read(output, data)
    assert (again.pixels == edit.pixels).all() and again.pixels.dtype == edit.pixels.dtype and notes == []
    assert again.metadata.icc == profile and again.metadata.dpi == pytest.approx((150, 150), abs=0.1)
    with Image.open(io.BytesIO(data)) as file:
        exif = file.getexif()
        assert exif[0x010F] == "Camera" and exif.get_ifd(0x8825)[1] == "N"
        assert exif.get_ifd(0x8769)[0x9003] == "2024:01:01 00:00:00" and 0x0140 not in exif
    if output == "b.tif":
        assert (tifffile.imread(io.BytesIO(data)) == edit.pixels).all()


def test_exif_that_a_tiff_cannot_hold_is_said():
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x013F] = (76, 162, 166)  # chromaticities, of which there are six
    Image.fromarray(PHOTO).save(buffer, "JPEG", exif=exif)
    edit = repaint(photographs.read("a.jpg", buffer.getvalue()))
    data, notes = encoding.encode("b.tif", edit)
    assert notes == ["no place in TIFF for EXIF of other types than the standard's: left out"]
    assert (photographs.read("b.tif", data).image == edit.image).all()
