"""What tools.edit writes: what the file says beside its pixels, depth, formats, untouched blocks."""

from __future__ import annotations

import sys
import time
import types
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.editor.batch.pictures import MASK, noise_photo
from tests.edits import run_edit
from tfsketch.editor.batch import jobs, run
from tfsketch.errors import ImageError
from tfsketch.images import files as files_lib
from tfsketch.images import metadata, xmp
from tfsketch.images.layers import Drawing


def test_drawings_are_said_to_be_made_and_edits_to_be_edits(tmp_path, capsys):
    files_lib.write_png(tmp_path / "blank.png", np.full((32, 32, 3), 255, np.uint8))
    drawing = jobs.Job(None, tmp_path / "out.png", "draw", sketch=tmp_path / "blank.png")
    edit = jobs.Job(tmp_path / "blank.png", tmp_path / "out.png", mask=tmp_path / "none.png")
    for job, line in ((drawing, "0 made into OUT, 1 skipped"), (edit, "0 edited into OUT, 1 skipped")):
        assert run.run(types.SimpleNamespace(completes=False), [job], [], "OUT", single=False) == 1
        assert capsys.readouterr().out.strip() == line


@pytest.mark.parametrize("count, terminal, shown", [(2, False, " 12%|"), (1, True, " 25%|"), (1, False, "")])
def test_a_search_moves_the_bar(tmp_path, monkeypatch, capsys, count, terminal, shown):
    def complete(sketch, image, results, seed, fill, watch):
        if watch:
            time.sleep(0.15)  # tqdm shows a tenth of a second's changes at once
            watch(0.25)
        return [Drawing(sketch, sheet, 0.5)]

    sheet = np.full((32, 32, 3), 255, np.uint8)
    sheet[9, 4:20] = 0
    files_lib.write_png(tmp_path / "s.png", sheet)
    drawings = [
        jobs.Job(None, tmp_path / f"{n}.png", "complete", results=1, sketch=tmp_path / "s.png") for n in range(count)
    ]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    editor = types.SimpleNamespace(completes=True, complete=complete)
    assert run.run(editor, drawings, [], "OUT", single=count == 1) == 0
    console = capsys.readouterr()
    assert f"{count} made into OUT, 0 skipped" in console.out and "loss 0.500" in console.out
    assert shown in console.err and bool(shown) is ("100%|" in console.err)


def test_what_the_file_says_beside_its_pixels_is_kept(editing_folder, folders):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = 48, 64  # as the turned pixels lie in the file
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="here"/></rdf:RDF>'
        b"</x:xmpmeta>"
    )
    picture = Image.fromarray(np.rot90(noise_photo()))
    picture.save(folders / "turned.jpg", exif=exif, icc_profile=profile, xmp=xmp, quality=95)
    picture.convert("CMYK").save(folders / "print.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
    for mark in (True, False):
        arguments = [f"--mask={folders}/masks/a.png", f"--output={folders}/out.png", f"--mark={mark}"]
        assert run_edit(editing_folder, folders / "turned.jpg", *arguments) == 0
        with Image.open(folders / "out.png") as result:
            result.load()
            tags = result.getexif()
            assert result.size == (64, 48) and tags[0x010F] == "Camera" and 0x0112 not in tags
            assert tags.get_ifd(0x8769)[0xA002] == 64 and tags.get_ifd(0x8825)[1] == "N"
            assert result.info["icc_profile"] == profile and b'dc:source="here"' in result.info["xmp"]
            assert (b"compositeWithTrainedAlgorithmicMedia" in result.info["xmp"]) is mark
    mask = folders / "upright.png"
    Image.fromarray(np.rot90(MASK)).save(mask)
    assert run_edit(editing_folder, folders / "print.jpg", f"--mask={mask}", f"--output={folders}/out.png") == 0
    with Image.open(folders / "out.png") as result:  # a printer's profile says nothing of RGB values
        assert "icc_profile" not in result.info


def test_a_photograph_comes_back_at_its_depth_and_with_its_transparency(editing_folder, folders, capsys):
    deep = np.random.default_rng(3).integers(0, 65_536, (48, 64, 4)).astype(np.uint16)
    deep[:12, :30, 3] = 0
    cv2.imwrite(str(folders / "deep.png"), deep)
    cv2.imwrite(str(folders / "grey.tif"), deep[..., 0])
    for name, original in (("deep", deep), ("grey", deep[..., 0])):
        source = folders / f"deep{'.png'}" if name == "deep" else folders / "grey.tif"
        for suffix in (".png", ".tif"):
            output = folders / f"{name}_out{suffix}"
            assert (
                run_edit(editing_folder, f"--image={source}", f"--mask={folders}/masks/a.png", f"--output={output}")
                == 0
            )
            outcome = cv2.imread(str(output), cv2.IMREAD_UNCHANGED)
            assert outcome.dtype == np.uint16 and outcome.shape == original.shape
            assert (outcome[MASK == 0] == original[MASK == 0]).all() and (outcome[MASK > 0] != original[MASK > 0]).any()
            console = capsys.readouterr().out
            assert ("is transparent in the photograph, and stays so" in console) is (name == "deep")
            assert "left out" not in console
    Image.fromarray(noise_photo()).convert("CMYK").save(folders / "print.jpg", dpi=(300, 300))
    flags = [f"--image={folders}/print.jpg", f"--mask={folders}/masks/a.png", f"--output={folders}/out.png"]
    assert run_edit(editing_folder, *flags) == 0
    assert f"{folders}/out.png: it is CMYK, which is converted to RGB" in capsys.readouterr().out
    with Image.open(folders / "out.png") as result:
        assert [round(value) for value in result.info["dpi"]] == [300, 300]


def test_results_in_other_formats(editing_folder, folders, capsys):
    photo, mask = folders / "photos/a.png", f"--mask={folders}/masks/a.png"
    for suffix in (".webp", ".tif", ".jpg", ".JPEG"):
        assert run_edit(editing_folder, f"--image={photo}", mask, f"--output={folders}/out{suffix}") == 0
        result = files_lib.read_rgb(folders / f"out{suffix}")
        if suffix in (".webp", ".tif"):
            assert (result[MASK == 0] == noise_photo()[MASK == 0]).all()
        assert ("all of it is re-encoded" in capsys.readouterr().out) is (suffix in (".jpg", ".JPEG"))
    sizes = []
    for quality in (10, 90):
        output = folders / f"q{quality}.jpg"
        assert run_edit(editing_folder, f"--image={photo}", mask, f"--output={output}", f"--quality={quality}") == 0
        sizes.append(output.stat().st_size)
        with Image.open(output) as result:
            assert result.format == "JPEG" and b"compositeWithTrained" in result.info["xmp"]
    assert sizes[0] < sizes[1]
    flags = [f"--image={folders}/photos", f"--mask={folders}/masks", f"--output={folders}/all", "--format=webp"]
    assert run_edit(editing_folder, *flags) == 0
    assert sorted(path.name for path in (folders / "all").iterdir()) == ["a.webp", "b.webp", "c.webp"]
    with pytest.raises(ImageError, match="output: expected a file of"):
        run_edit(editing_folder, *flags[:3], "--format=doc")


def test_untouched_blocks_of_a_jpeg_are_its_own(editing_folder, folders, capsys):
    jpeglib = pytest.importorskip("jpeglib")
    Image.fromarray(noise_photo()).save(folders / "a.jpg", quality=80)
    flags = [f"--image={folders}/a.jpg", f"--mask={folders}/masks/a.png", f"--output={folders}/b.jpg"]
    assert run_edit(editing_folder, *flags) == 0
    assert "the others are the photograph's own" in capsys.readouterr().out
    old, new = jpeglib.read_dct(str(folders / "a.jpg")), jpeglib.read_dct(str(folders / "b.jpg"))
    outside = np.ones(old.Y.shape[:2], bool)
    outside[1:5, 2:7] = False  # where the mask lies
    assert (old.Y[outside] == new.Y[outside]).all() and (old.Y != new.Y).any()


def test_a_mark_replaces_another_and_a_damaged_packet():
    first = metadata.Metadata(xmp=b"no packet").with_source_type(xmp.MADE)
    assert first.xmp.count(b"DigitalSourceType") == 1 and xmp.MADE.encode() in first.xmp
    again = first.with_source_type(xmp.EDITED)
    assert xmp.EDITED.encode() in again.xmp and again.xmp.count(b"DigitalSourceType") == 1
    assert again.xmp == again.with_source_type(xmp.MADE).with_source_type(xmp.EDITED).xmp  # and leaves nothing behind


@pytest.mark.parametrize("quote", [b'"', b"'"])
@pytest.mark.parametrize(
    "form",
    [
        b" e:DigitalSourceType=Qhttp://cv.iptc.org/newscodes/digitalsourcetype/digitalCaptureQ>",
        b">\n<e:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</e:DigitalSourceType>\n",
        b"><e:DigitalSourceType rdf:resource=Qhttp://cv.iptc.org/newscodes/digitalsourcetype/digitalCaptureQ/>",
    ],
)
def test_a_mark_replaces_one_in_any_of_rdfs_forms(form, quote):
    packet = (
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        b"<rdf:Description rdf:about='' xmlns:dc='d' xmlns:e='http://iptc.org/std/Iptc4xmpExt/2008-02-29/'"
        + form.replace(b"Q", quote)
        + b"<dc:title>here</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    tree = ElementTree.fromstring(metadata.Metadata(xmp=packet).with_source_type().xmp)
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    message = [value for node in tree.iter() for key, value in node.attrib.items() if key == name]
    message += [(node.text or "") + "".join(node.attrib.values()) for node in tree.iter() if node.tag == name]
    assert message == [f"http://cv.iptc.org/newscodes/digitalsourcetype/{xmp.EDITED}"]
    assert [text.strip() for text in tree.itertext() if text.strip()] == ["here"]
