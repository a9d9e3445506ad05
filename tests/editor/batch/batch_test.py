"""tools.edit on files: single pictures, folders, bad ones among good ones, and the demo."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import unicodedata

import cv2
import numpy as np
import pytest
import tensorflow as tf
from absl import app
from PIL import Image, ImageCms

from tests.edits import run_edit
from tests.tiny import EDITING
from tfsketch import systems
from tfsketch.editor.batch import demo
from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.errors import ImageError, TfsketchError, WeightsError
from tfsketch.images import files as files_lib
from tfsketch.images import metadata
from tfsketch.nn import model_directory

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    tf.keras.utils.set_random_seed(1)
    network = systems.build(EDITING)
    folder = tmp_path_factory.mktemp("model")
    model_directory.save(
        folder, EDITING, {k: v.numpy() for k, v in model_directory.variable_names(network).items()}, "# random\n"
    )
    return folder


def _photo(seed: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


MASK = np.zeros((48, 64), np.uint8)
MASK[10:40, 20:50] = 255
EDITS = {
    "size": [64, 48],
    "strokes": [
        {"layer": "mask", "points": [[22, 12], [48, 12], [48, 38], [22, 38]], "fill": True},
        {"layer": "sketch", "points": [[25, 20], [45, 20]], "width": 1},
        {"layer": "color", "points": [[25, 30], [45, 30]], "width": 5, "color": [250, 0, 0]},
    ],
}


@pytest.fixture
def folders(tmp_path):
    """Three pictures and their partners, all good."""
    for name in ("photos", "masks", "sketches", "colors", "edits"):
        (tmp_path / name).mkdir()
    for n, stem in enumerate("abc"):
        Image.fromarray(_photo(n)).save(tmp_path / "photos" / f"{stem}.png")
        Image.fromarray(MASK).save(tmp_path / "masks" / f"{stem}.png")
        Image.fromarray(MASK).save(tmp_path / "sketches" / f"{stem}.png")
        Image.fromarray(_photo(9)).save(tmp_path / "colors" / f"{stem}.png")
        (tmp_path / "edits" / f"{stem}.json").write_text(json.dumps(EDITS))
    return tmp_path


def test_single_file(model_dir, folders, capsys):
    photo, mask = folders / "photos/a.png", folders / "masks/a.png"
    assert run_edit(model_dir, f"--image={photo}", f"--mask={mask}", f"--output={folders}/out/x.png") == 0
    result = files_lib.read_rgb(folders / "out/x.png")
    assert (result[MASK == 0] == _photo()[MASK == 0]).all() and (result[MASK > 0] != _photo()[MASK > 0]).any()
    assert "x.png" in capsys.readouterr().out
    for n, layers in enumerate((["--sketch=sketches/a.png"], ["--color=colors/a.png"], ["--strokes=edits/a.json"])):
        partners = [f"{flag}={folders / path}" for flag, path in (layer.split("=") for layer in layers)]
        assert (
            run_edit(model_dir, f"--image={photo}", f"--mask={mask}", *partners, f"--output={folders}/out/{n}.png") == 0
        )
        assert (files_lib.read_rgb(folders / f"out/{n}.png") != result).any()
    assert run_edit(model_dir, f"--image={photo}", f"--mask={mask}", f"--output={folders}/folder", "--seed=1") == 0
    assert (files_lib.read_rgb(folders / "folder/a.png") != result).any()  # another seed


def test_notes_of_the_readers_are_printed(model_dir, folders, capsys):
    grey = np.where(MASK > 0, 200, 0).astype(np.uint8)
    Image.fromarray(grey).save(folders / "grey.png")
    Image.fromarray(np.dstack([MASK * 0] * 3 + [MASK])).save(folders / "alpha.png")
    outside = np.zeros_like(MASK)
    outside[2, 2:9] = 255
    Image.fromarray(outside).save(folders / "outside.png")
    for mask, expected in (("grey", "thresholded at 0.5"), ("alpha", "read from the alpha channel")):
        assert (
            run_edit(
                model_dir,
                f"--image={folders}/photos/a.png",
                f"--mask={folders}/{mask}.png",
                f"--sketch={folders}/outside.png",
                f"--output={folders}/{mask}_out.png",
            )
            == 0
        )
        printed = capsys.readouterr().out
        assert expected in printed and "the sketch lies outside the mask" in printed
    assert (files_lib.read_rgb(folders / "grey_out.png") == files_lib.read_rgb(folders / "alpha_out.png")).all()


def test_what_is_left_out_of_folders_is_named_and_counted(model_dir, folders, capsys):
    (folders / "photos/a.png").rename(folders / "photos/a.jfif")
    for name in ("photos/._b.png", "photos/notes.txt", "masks/._a.png"):
        (folders / name).write_bytes(b"no picture")
    Image.fromarray(MASK).save(folders / "masks/z.png")
    flags = [f"--image={folders}/photos", f"--mask={folders}/masks", f"--output={folders}/photos/out"]
    for _ in range(2):  # the second time results of the first lie in the folder
        assert run_edit(model_dir, *flags) == 0
        told = capsys.readouterr()
        assert "3 edited" in told.out and (folders / "photos/out/a.png").is_file()
        assert f"image: {folders}/photos: left out, no picture: 2 files: ._b.png, notes.txt" in told.err
        assert f"mask: {folders}/masks: left out, no picture: 1 file: ._a.png" in told.err
        assert f"mask: {folders}/masks: left out, without a picture of its name: 1 file: z.png" in told.err
    assert "of an earlier run" in told.err and "3 files: out/a.png, out/b.png, out/c.png" in told.err


def test_accents_match_between_folders_however_they_are_encoded(model_dir, folders):
    composed, decomposed = (unicodedata.normalize(form, "é ü") for form in ("NFC", "NFD"))
    (folders / "photos/a.png").rename(folders / f"photos/{decomposed}.png")
    (folders / "masks/a.png").rename(folders / f"masks/{composed}.png")
    flags = [f"--image={folders}/photos", f"--mask={folders}/masks", f"--output={folders}/out [1], *"]
    assert run_edit(model_dir, *flags) == 0
    assert {p.name for p in (folders / "out [1], *").iterdir()} == {f"{decomposed}.png", "b.png", "c.png"}


def test_exif_orientation_is_that_of_the_mask(model_dir, folders):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(_photo())).save(folders / "turned.png", exif=exif)
    run_edit(model_dir, f"--image={folders}/turned.png", f"--mask={folders}/masks/a.png", f"--output={folders}/1.png")
    run_edit(model_dir, f"--image={folders}/photos/a.png", f"--mask={folders}/masks/a.png", f"--output={folders}/2.png")
    assert (files_lib.read_rgb(folders / "1.png") == files_lib.read_rgb(folders / "2.png")).all()


def test_what_the_file_says_beside_its_pixels_is_kept(model_dir, folders):
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
    photo = Image.fromarray(np.rot90(_photo()))
    photo.save(folders / "turned.jpg", exif=exif, icc_profile=profile, xmp=xmp, quality=95)
    photo.convert("CMYK").save(folders / "print.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
    for mark in (True, False):
        arguments = [f"--mask={folders}/masks/a.png", f"--output={folders}/out.png", f"--mark={mark}"]
        assert run_edit(model_dir, folders / "turned.jpg", *arguments) == 0
        with Image.open(folders / "out.png") as result:
            result.load()
            tags = result.getexif()
            assert result.size == (64, 48) and tags[0x010F] == "Camera" and 0x0112 not in tags
            assert tags.get_ifd(0x8769)[0xA002] == 64 and tags.get_ifd(0x8825)[1] == "N"
            assert result.info["icc_profile"] == profile and b'dc:source="here"' in result.info["xmp"]
            assert (b"compositeWithTrainedAlgorithmicMedia" in result.info["xmp"]) is mark
    mask = folders / "upright.png"
    Image.fromarray(np.rot90(MASK)).save(mask)
    assert run_edit(model_dir, folders / "print.jpg", f"--mask={mask}", f"--output={folders}/out.png") == 0
    with Image.open(folders / "out.png") as result:  # a printer's profile says nothing of RGB values
        assert "icc_profile" not in result.info


def test_a_photograph_comes_back_at_its_depth_and_with_its_transparency(model_dir, folders, capsys):
    deep = np.random.default_rng(3).integers(0, 65_536, (48, 64, 4)).astype(np.uint16)
    deep[:12, :30, 3] = 0
    cv2.imwrite(str(folders / "deep.png"), deep)
    cv2.imwrite(str(folders / "grey.tif"), deep[..., 0])
    for name, original in (("deep", deep), ("grey", deep[..., 0])):
        source = folders / f"deep{'.png'}" if name == "deep" else folders / "grey.tif"
        for suffix in (".png", ".tif"):
            output = folders / f"{name}_out{suffix}"
            assert run_edit(model_dir, f"--image={source}", f"--mask={folders}/masks/a.png", f"--output={output}") == 0
            made = cv2.imread(str(output), cv2.IMREAD_UNCHANGED)
            assert made.dtype == np.uint16 and made.shape == original.shape
            assert (made[MASK == 0] == original[MASK == 0]).all() and (made[MASK > 0] != original[MASK > 0]).any()
            told = capsys.readouterr().out
            assert ("is transparent in the photograph, and stays so" in told) is (name == "deep")
            assert "left out" not in told
    Image.fromarray(_photo()).convert("CMYK").save(folders / "print.jpg", dpi=(300, 300))
    flags = [f"--image={folders}/print.jpg", f"--mask={folders}/masks/a.png", f"--output={folders}/out.png"]
    assert run_edit(model_dir, *flags) == 0
    assert f"{folders}/out.png: it is CMYK, which is converted to RGB" in capsys.readouterr().out
    with Image.open(folders / "out.png") as result:
        assert [round(value) for value in result.info["dpi"]] == [300, 300]


def test_results_in_other_formats(model_dir, folders, capsys):
    photo, mask = folders / "photos/a.png", f"--mask={folders}/masks/a.png"
    for suffix in (".webp", ".tif", ".jpg", ".JPEG"):
        assert run_edit(model_dir, f"--image={photo}", mask, f"--output={folders}/out{suffix}") == 0
        result = files_lib.read_rgb(folders / f"out{suffix}")
        if suffix in (".webp", ".tif"):
            assert (result[MASK == 0] == _photo()[MASK == 0]).all()
        assert ("all of it is re-encoded" in capsys.readouterr().out) is (suffix in (".jpg", ".JPEG"))
    sizes = []
    for quality in (10, 90):
        output = folders / f"q{quality}.jpg"
        assert run_edit(model_dir, f"--image={photo}", mask, f"--output={output}", f"--quality={quality}") == 0
        sizes.append(output.stat().st_size)
        with Image.open(output) as result:
            assert result.format == "JPEG" and b"compositeWithTrained" in result.info["xmp"]
    assert sizes[0] < sizes[1]
    flags = [f"--image={folders}/photos", f"--mask={folders}/masks", f"--output={folders}/all", "--format=webp"]
    assert run_edit(model_dir, *flags) == 0
    assert sorted(path.name for path in (folders / "all").iterdir()) == ["a.webp", "b.webp", "c.webp"]
    with pytest.raises(ImageError, match="output: expected a file of"):
        run_edit(model_dir, *flags[:3], "--format=doc")


def test_untouched_blocks_of_a_jpeg_are_its_own(model_dir, folders, capsys):
    jpeglib = pytest.importorskip("jpeglib")
    Image.fromarray(_photo()).save(folders / "a.jpg", quality=80)
    flags = [f"--image={folders}/a.jpg", f"--mask={folders}/masks/a.png", f"--output={folders}/b.jpg"]
    assert run_edit(model_dir, *flags) == 0
    assert "the others are the photograph's own" in capsys.readouterr().out
    old, new = jpeglib.read_dct(str(folders / "a.jpg")), jpeglib.read_dct(str(folders / "b.jpg"))
    outside = np.ones(old.Y.shape[:2], bool)
    outside[1:5, 2:7] = False  # where the mask lies
    assert (old.Y[outside] == new.Y[outside]).all() and (old.Y != new.Y).any()


def test_a_mark_replaces_another_and_a_damaged_packet():
    marked = metadata.Metadata(xmp=b"no packet").marked(metadata.MADE)
    assert marked.xmp.count(b"DigitalSourceType") == 1 and metadata.MADE.encode() in marked.xmp
    again = marked.marked(metadata.EDITED)
    assert metadata.EDITED.encode() in again.xmp and again.xmp.count(b"DigitalSourceType") == 1


def test_files_without_flags(model_dir, folders, capsys):
    photo, strokes = folders / "photos/a.png", folders / "edits/a.json"
    assert run_edit(model_dir, strokes, photo) == 0  # in any order, as a desktop hands them over
    result = folders / "photos/a_edited.png"
    assert str(result) in capsys.readouterr().out
    run_edit(model_dir, f"--image={photo}", f"--strokes={strokes}", f"--output={folders}/same.png")
    assert result.read_bytes() == (folders / "same.png").read_bytes()
    result.unlink()
    assert run_edit(model_dir, folders / "photos", folders / "edits") == 0
    assert sorted(path.name for path in (folders / "photos_edited").iterdir()) == ["a.png", "b.png", "c.png"]
    with pytest.raises(ImageError, match="strokes: expected one of them"):
        run_edit(model_dir, photo, strokes, folders / "edits/b.json")
    with pytest.raises(ImageError, match="image: expected one of them"):
        run_edit(model_dir, photo, strokes, f"--image={photo}")


def test_folders_and_concat(model_dir, folders, capsys):
    both = [
        f"--image={folders}/photos",
        f"--mask={folders}/masks",
        f"--sketch={folders}/sketches",
        f"--color={folders}/colors",
        f"--strokes={folders}/edits",
    ]
    assert run_edit(model_dir, *both, f"--output={folders}/out") == 0
    assert sorted(p.name for p in (folders / "out").iterdir()) == ["a.png", "b.png", "c.png"]
    assert run_edit(model_dir, *both, f"--output={folders}/wide", "--concat") == 0
    wide = files_lib.read_rgb(folders / "wide/b.png")
    assert wide.shape == (48, 5 * 64, 3)
    assert (wide[:, :64] == _photo(1)).all() and (wide[:, 64:128, 0] == MASK).all()
    assert (wide[:, -64:] == files_lib.read_rgb(folders / "out/b.png")).all()
    assert "3/3" in capsys.readouterr().err  # the progress bar


def test_what_pictures_side_by_side_do_not_hold_is_said(model_dir, folders, capsys):
    deep = np.dstack([_photo().astype(np.uint16) * 257, np.full((48, 64), 40000, np.uint16)])
    files_lib.write_png(folders / "deep.png", deep)
    given = [f"--image={folders}/deep.png", f"--mask={folders}/masks/a.png", f"--output={folders}/wide.png"]
    assert run_edit(model_dir, *given, "--concat") == 0
    said = capsys.readouterr().out
    assert "deep.png: seen as 8 bits of RGB; left out of its file: transparency, 16 bits a channel" in said


def test_one_bad_file_among_good_ones(model_dir, folders, capsys):
    photos, masks = folders / "photos", folders / "masks"
    data = (photos / "a.png").read_bytes()
    (photos / "truncated.png").write_bytes(data[: len(data) // 2])
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no picture")
    Image.fromarray(_photo(1, 30, 30)).save(photos / "size.png")
    Image.fromarray(_photo(1)).save(photos / "blank.png")
    Image.fromarray(_photo(1)).save(photos / "alone.png")
    for stem in ("truncated", "empty", "text", "size"):
        Image.fromarray(MASK).save(masks / f"{stem}.png")
    Image.fromarray(MASK * 0).save(masks / "blank.png")
    (masks / "b.png").write_bytes(b"")
    assert run_edit(model_dir, f"--image={photos}", f"--mask={masks}", f"--output={folders}/out") == 1
    assert sorted(p.name for p in (folders / "out").iterdir()) == ["a.png", "c.png"]
    printed = capsys.readouterr()
    for expected in (
        "truncated.png: expected a readable picture",
        "found an empty file",
        "text.jpg: expected a readable picture",
        "found an empty mask",
        "alone.png: skipped: no mask file",
        "masks/b.png: expected a readable picture",
        "masks/size.png: expected the size of",
    ):
        assert expected in printed.err, expected
    assert "2 edited" in printed.out and "7 skipped" in printed.out


def test_a_missing_optional_partner_is_named(model_dir, folders, capsys):
    (folders / "sketches/b.png").unlink()
    (folders / "masks/c.png").unlink()  # its strokes hold a mask too
    assert (
        run_edit(
            model_dir,
            f"--image={folders}/photos",
            f"--mask={folders}/masks",
            f"--sketch={folders}/sketches",
            f"--strokes={folders}/edits",
            f"--output={folders}/out",
        )
        == 0
    )
    assert len(list((folders / "out").iterdir())) == 3
    printed = capsys.readouterr().out
    assert "b.png: edited without: no sketch file b.*" in printed
    assert "c.png: edited without: no mask file c.*" in printed


def test_matching(folders):
    photos, masks = folders / "photos", folders / "masks"
    Image.fromarray(_photo()).save(photos / "a.jpg")
    jobs, skipped = find_jobs(photos, folders / "out", mask=masks / "b.png")  # one mask for all
    assert [job.output.name for job in jobs] == ["b.png", "c.png"] and {job.mask for job in jobs} == {masks / "b.png"}
    assert len(skipped) == 1 and "expected one picture of this name, found a.jpg, a.png" in skipped[0]
    jobs, _ = find_jobs(photos, photos / "out", mask=masks)
    (photos / "out").mkdir()
    files_lib.write_png(photos / "out/b.png", _photo())  # a result in the folder of inputs is not edited again
    again, _ = find_jobs(photos, photos / "out", mask=masks)
    assert [job.image for job in again] == [job.image for job in jobs]
    jobs, _ = find_jobs(photos / "b.png", folders / "out", mask=masks)
    assert jobs[0].mask == masks / "b.png" and jobs[0].output == folders / "out/b.png"


def test_what_cannot_be_edited_at_all(model_dir, folders):
    photos, masks, out = folders / "photos", folders / "masks", folders / "out"
    (folders / "none").mkdir()
    for arguments, message in (
        ({"image": photos / "a.png"}, "expected a mask or strokes, found neither"),
        ({"image": folders / "missing.png", "mask": masks}, "image: expected .* found nothing at .*missing.png"),
        ({"image": folders / "none", "mask": masks}, "expected pictures .* found none"),
        ({"image": photos, "mask": folders / "none"}, "expected pictures .* found none"),
        ({"image": photos, "mask": folders / "missing"}, "mask: expected a file or a folder"),
        ({"image": photos, "strokes": masks}, "expected strokes .* found none"),
        ({"image": photos, "mask": masks, "output": photos}, "output: expected a folder that holds no input"),
        ({"image": photos, "mask": masks, "output": masks}, "output: expected a folder that holds no input"),
        ({"image": photos, "mask": masks, "output": masks / "a.png"}, "output: expected a folder .* found a file"),
        ({"image": photos / "a.png", "mask": masks, "output": photos / "a.png"}, "overwrites no input"),
        ({"image": photos / "a.png", "mask": masks / "b.png", "output": masks / "b.png"}, "overwrites no input"),
        ({"image": photos / "a.png", "mask": masks, "output": photos}, "overwrites no input"),
        ({"image": photos / "a.png", "mask": masks, "output": out / "a.bmp"}, "output: expected a file of .*.jpg"),
    ):
        with pytest.raises(ImageError, match=message):
            find_jobs(**{"output": out, **arguments})
    (masks / "a.png").unlink()
    with pytest.raises(ImageError, match="no mask file a"):
        find_jobs(photos / "a.png", out, mask=masks)
    assert not out.exists()
    (folders / "file").touch()
    for arguments, error, message in (
        (
            [f"--image={photos}/a.png", f"--mask={masks}/b.png", f"--output={folders}/file/a.png"],
            ImageError,
            "file/a.png: expected to write a picture here",
        ),
        ([f"--output={out}"], app.UsageError, "--image: expected"),
        ([f"--output={out}", "--demo", f"--image={photos}"], TfsketchError, "--demo: expected"),
        ([f"--output={folders}/file", "--demo"], ImageError, "expected to write a picture here"),
    ):
        with pytest.raises(error, match=message):
            run_edit(model_dir, *arguments)
    with pytest.raises(WeightsError, match="expected a model directory"):
        run_edit(folders, f"--image={photos}/b.png", f"--mask={masks}/b.png", f"--output={out}/b.png")


def test_errors_are_one_line_and_exit_status_2(model_dir, folders):
    (folders / "masks/a.png").write_bytes(b"no picture")
    command = [
        sys.executable,
        "-m",
        "tools.edit",
        f"--model={model_dir}",
        f"--image={folders}/photos/a.png",
        f"--mask={folders}/masks/a.png",
        f"--output={folders}/out.png",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = [
        line for line in done.stderr.splitlines() if line.startswith("python -m tools.edit: ") or "Traceback" in line
    ]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert "masks/a.png: expected a readable picture" in lines[0]
    assert not (folders / "out.png").exists()


def test_demo(model_dir, tmp_path):
    out = tmp_path / "demo"
    assert run_edit(model_dir, "--demo", f"--output={out}") == 0
    assert {path.name for path in out.iterdir()} == {"input.png", "sheet.png", *demo.EDITS}
    names, image = ("mask", "sketch", "color", "result"), files_lib.read_rgb(out / "input.png")
    sheet = files_lib.read_rgb(out / "sheet.png")
    assert sheet.shape[1] > 5 * 300 and sheet.shape[0] > len(demo.EDITS) * 300
    for edit in demo.EDITS:
        pictures = {name: files_lib.read_rgb(out / edit / f"{name}.png") for name in names}
        assert {p.shape for p in pictures.values()} == {image.shape}
        mask = pictures["mask"][..., 0] > 0
        assert (pictures["result"][~mask] == image[~mask]).all() and (pictures["result"][mask] != image[mask]).any()
        assert 0.002 <= mask.mean() <= 0.1
        assert (pictures["sketch"] < 128).any() == (edit != "badge")  # that one is erased without a stroke
    files = {"input": out / "input.png", **{name: out / "eyes" / f"{name}.png" for name in names}}
    result = files_lib.read_rgb(files["result"])
    # The layers are files that the tool takes, and the edit can be repeated from them.
    assert (
        run_edit(
            model_dir,
            f"--image={files['input']}",
            f"--mask={files['mask']}",
            f"--sketch={files['sketch']}",
            f"--color={files['color']}",
            f"--output={tmp_path}/again.png",
        )
        == 0
    )
    assert (files_lib.read_rgb(tmp_path / "again.png") == result).all()
