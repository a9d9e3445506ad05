"""tools.edit on files: single pictures, folders, and bad ones among good ones."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from absl import app
from PIL import Image

from tests.editor.batch.pictures import MASK, noise_photo
from tests.edits import run_edit
from tfsketch.editor.batch.inputs import sort_files
from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.errors import DataError, ImageError, TfsketchError, WeightsError
from tfsketch.images import files as files_lib


def test_single_file(editing_folder, folders, capsys):
    photo, mask = folders / "photos/a.png", folders / "masks/a.png"
    assert run_edit(editing_folder, f"--image={photo}", f"--mask={mask}", f"--output={folders}/out/x.png") == 0
    result = files_lib.read_rgb(folders / "out/x.png")
    assert (result[MASK == 0] == noise_photo()[MASK == 0]).all() and (result[MASK > 0] != noise_photo()[MASK > 0]).any()
    assert "x.png" in capsys.readouterr().out
    for n, layers in enumerate((["--sketch=sketches/a.png"], ["--color=colors/a.png"], ["--strokes=edits/a.json"])):
        partners = [f"{flag}={folders / path}" for flag, path in (layer.split("=") for layer in layers)]
        assert (
            run_edit(editing_folder, f"--image={photo}", f"--mask={mask}", *partners, f"--output={folders}/out/{n}.png")
            == 0
        )
        assert (files_lib.read_rgb(folders / f"out/{n}.png") != result).any()
    assert run_edit(editing_folder, f"--image={photo}", f"--mask={mask}", f"--output={folders}/folder", "--seed=1") == 0
    assert (files_lib.read_rgb(folders / "folder/a.png") != result).any()  # another seed


def test_notes_of_the_readers_are_printed(editing_folder, folders, capsys):
    grey = np.where(MASK > 0, 200, 0).astype(np.uint8)
    Image.fromarray(grey).save(folders / "grey.png")
    Image.fromarray(np.dstack([MASK * 0] * 3 + [MASK])).save(folders / "alpha.png")
    outside = np.zeros_like(MASK)
    outside[2, 2:9] = 255
    Image.fromarray(outside).save(folders / "outside.png")
    for mask, expected in (("grey", "thresholded at 0.5"), ("alpha", "read from the alpha channel")):
        assert (
            run_edit(
                editing_folder,
                f"--image={folders}/photos/a.png",
                f"--mask={folders}/{mask}.png",
                f"--sketch={folders}/outside.png",
                f"--output={folders}/{mask}_out.png",
            )
            == 0
        )
        output = capsys.readouterr().out
        assert expected in output and "the sketch lies outside the mask" in output
    assert (files_lib.read_rgb(folders / "grey_out.png") == files_lib.read_rgb(folders / "alpha_out.png")).all()


def test_what_is_left_out_of_folders_is_named_and_counted(editing_folder, folders, capsys):
    (folders / "photos/a.png").rename(folders / "photos/a.jfif")
    for name in ("photos/._b.png", "photos/notes.txt", "masks/._a.png"):
        (folders / name).write_bytes(b"no picture")
    Image.fromarray(MASK).save(folders / "masks/z.png")
    flags = [f"--image={folders}/photos", f"--mask={folders}/masks", f"--output={folders}/photos/out"]
    for _ in range(2):  # the second time results of the first lie in the folder
        assert run_edit(editing_folder, *flags) == 0
        output = capsys.readouterr()
        assert "3 edited" in output.out and (folders / "photos/out/a.png").is_file()
        assert f"image: {folders}/photos: left out, no picture: 2 files: ._b.png, notes.txt" in output.err
        assert f"mask: {folders}/masks: left out, no picture: 1 file: ._a.png" in output.err
        assert f"mask: {folders}/masks: left out, without a picture of its name: 1 file: z.png" in output.err
    assert "of an earlier run" in output.err and "3 files: out/a.png, out/b.png, out/c.png" in output.err


def test_accents_match_between_folders_however_they_are_encoded(editing_folder, folders):
    nfc, nfd = (unicodedata.normalize(form, "é ü") for form in ("NFC", "NFD"))
    (folders / "photos/a.png").rename(folders / f"photos/{nfd}.png")
    (folders / "masks/a.png").rename(folders / f"masks/{nfc}.png")
    flags = [f"--image={folders}/photos", f"--mask={folders}/masks", f"--output={folders}/out [1], *"]
    assert run_edit(editing_folder, *flags) == 0
    assert {p.name for p in (folders / "out [1], *").iterdir()} == {f"{nfd}.png", "b.png", "c.png"}


def test_exif_orientation_is_that_of_the_mask(editing_folder, folders):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(noise_photo())).save(folders / "turned.png", exif=exif)
    run_edit(
        editing_folder, f"--image={folders}/turned.png", f"--mask={folders}/masks/a.png", f"--output={folders}/1.png"
    )
    run_edit(
        editing_folder, f"--image={folders}/photos/a.png", f"--mask={folders}/masks/a.png", f"--output={folders}/2.png"
    )
    assert (files_lib.read_rgb(folders / "1.png") == files_lib.read_rgb(folders / "2.png")).all()


def test_files_without_flags(editing_folder, folders, capsys):
    photo, strokes = folders / "photos/a.png", folders / "edits/a.json"
    assert run_edit(editing_folder, strokes, photo) == 0  # in any order, as a desktop hands them over
    result = folders / "photos/a_edited.png"
    assert str(result) in capsys.readouterr().out
    run_edit(editing_folder, f"--image={photo}", f"--strokes={strokes}", f"--output={folders}/same.png")
    assert result.read_bytes() == (folders / "same.png").read_bytes()
    result.unlink()
    assert run_edit(editing_folder, folders / "photos", folders / "edits") == 0
    assert sorted(path.name for path in (folders / "photos_edited").iterdir()) == ["a.png", "b.png", "c.png"]
    (folders / "photos/a.png.json").write_text("{}")  # as a service exports them
    photos, edits = str(folders / "photos"), str(folders / "edits")
    assert sort_files([photos, edits]) == sort_files([edits, photos]) == {"image": photos, "strokes": edits}
    with pytest.raises(ImageError, match="strokes: expected one of them"):
        run_edit(editing_folder, photo, strokes, folders / "edits/b.json")
    with pytest.raises(ImageError, match="image: expected one of them"):
        run_edit(editing_folder, photo, strokes, f"--image={photo}")


def test_folders_and_concat(editing_folder, folders, capsys):
    both = [
        f"--image={folders}/photos",
        f"--mask={folders}/masks",
        f"--sketch={folders}/sketches",
        f"--color={folders}/colors",
        f"--strokes={folders}/edits",
    ]
    assert run_edit(editing_folder, *both, f"--output={folders}/out") == 0
    assert sorted(p.name for p in (folders / "out").iterdir()) == ["a.png", "b.png", "c.png"]
    assert run_edit(editing_folder, *both, f"--output={folders}/wide", "--concat") == 0
    wide = files_lib.read_rgb(folders / "wide/b.png")
    assert wide.shape == (48, 5 * 64, 3)
    assert (wide[:, :64] == noise_photo(1)).all() and (wide[:, 64:128, 0] == MASK).all()
    assert (wide[:, -64:] == files_lib.read_rgb(folders / "out/b.png")).all()
    assert "3/3" in capsys.readouterr().err  # the progress bar


def test_what_pictures_side_by_side_do_not_hold_is_said(editing_folder, folders, capsys):
    deep = np.dstack([noise_photo().astype(np.uint16) * 257, np.full((48, 64), 40000, np.uint16)])
    files_lib.write_png(folders / "deep.png", deep)
    inputs = [f"--image={folders}/deep.png", f"--mask={folders}/masks/a.png", f"--output={folders}/wide.png"]
    assert run_edit(editing_folder, *inputs, "--concat") == 0
    output = capsys.readouterr().out
    assert "deep.png: seen as 8 bits of RGB; left out of its file: transparency, 16 bits a channel" in output


def test_one_bad_file_among_good_ones(editing_folder, folders, capsys):
    photos, masks = folders / "photos", folders / "masks"
    data = (photos / "a.png").read_bytes()
    (photos / "truncated.png").write_bytes(data[: len(data) // 2])
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no picture")
    Image.fromarray(noise_photo(1, 30, 30)).save(photos / "size.png")
    Image.fromarray(noise_photo(1)).save(photos / "blank.png")
    Image.fromarray(noise_photo(1)).save(photos / "alone.png")
    for stem in ("truncated", "empty", "text", "size"):
        Image.fromarray(MASK).save(masks / f"{stem}.png")
    Image.fromarray(MASK * 0).save(masks / "blank.png")
    (masks / "b.png").write_bytes(b"")
    assert run_edit(editing_folder, f"--image={photos}", f"--mask={masks}", f"--output={folders}/out") == 1
    assert sorted(p.name for p in (folders / "out").iterdir()) == ["a.png", "c.png"]
    output = capsys.readouterr()
    for expected in (
        "truncated.png: expected a readable picture",
        "found an empty file",
        "text.jpg: expected a readable picture",
        "found an empty mask",
        "alone.png: skipped: no mask file",
        "masks/b.png: expected a readable picture",
        "masks/size.png: expected the size of",
    ):
        assert expected in output.err, expected
    assert "2 edited" in output.out and "7 skipped" in output.out


def test_a_missing_optional_partner_is_named(editing_folder, folders, capsys):
    (folders / "sketches/b.png").unlink()
    (folders / "masks/c.png").unlink()  # its strokes hold a mask too
    assert (
        run_edit(
            editing_folder,
            f"--image={folders}/photos",
            f"--mask={folders}/masks",
            f"--sketch={folders}/sketches",
            f"--strokes={folders}/edits",
            f"--output={folders}/out",
        )
        == 0
    )
    assert len(list((folders / "out").iterdir())) == 3
    output = capsys.readouterr().out
    assert "b.png: edited without: no sketch file b.*" in output
    assert "c.png: edited without: no mask file c.*" in output


def test_matching(folders):
    photos, masks = folders / "photos", folders / "masks"
    Image.fromarray(noise_photo()).save(photos / "a.jpg")
    jobs, problems = find_jobs(photos, folders / "out", mask=masks / "b.png")  # one mask for all
    assert [job.output.name for job in jobs] == ["b.png", "c.png"] and {job.mask for job in jobs} == {masks / "b.png"}
    assert len(problems) == 1 and "expected one picture of this name, found a.jpg, a.png" in problems[0]
    jobs, _ = find_jobs(photos, photos / "out", mask=masks)
    (photos / "out").mkdir()
    files_lib.write_png(photos / "out/b.png", noise_photo())  # a result in the folder of inputs is not edited again
    again, _ = find_jobs(photos, photos / "out", mask=masks)
    assert [job.image for job in again] == [job.image for job in jobs]
    jobs, _ = find_jobs(photos / "b.png", folders / "out", mask=masks)
    assert jobs[0].mask == masks / "b.png" and jobs[0].output == folders / "out/b.png"


def test_what_cannot_be_edited_at_all(editing_folder, folders):
    photos, masks, out = folders / "photos", folders / "masks", folders / "out"
    (folders / "none").mkdir()
    for arguments, message in (
        ({"image": photos / "a.png"}, "expected a mask or strokes, found neither"),
        ({"image": folders / "missing.png", "mask": masks}, "image: expected .* found nothing at .*missing.png"),
        ({"image": folders / "none", "mask": masks}, "^image: expected pictures .* found none"),
        ({"image": photos, "mask": folders / "none"}, "^mask: expected pictures .* found none"),
        ({"image": photos, "mask": folders / "missing"}, "mask: expected a file or a folder"),
        ({"image": photos, "strokes": masks}, "^strokes: expected strokes .* found none"),
        ({"image": photos, "mask": masks, "output": photos}, "output: expected a folder that holds no input"),
        ({"image": photos, "mask": masks, "output": masks}, "output: expected a folder that holds no input"),
        ({"image": photos, "mask": masks, "output": masks / "a.png"}, "output: expected a folder .* found a file"),
        ({"image": photos / "a.png", "mask": masks, "output": photos / "a.png"}, "overwrites no input"),
        ({"image": photos / "a.png", "mask": masks / "b.png", "output": masks / "b.png"}, "overwrites no input"),
        ({"image": photos / "a.png", "mask": masks, "output": photos}, "overwrites no input"),
        ({"image": photos / "a.png", "mask": masks, "output": out / "a.bmp"}, "output: expected a file of .*.jpg"),
        # What is named as a file makes no folder of that name.
        (
            {"image": photos / "a.png", "mask": masks, "output": out / "a.jxl"},
            r"a file of .*\.png.* found .*a\.jxl; for a",
        ),
        (
            {"image": photos / "a.png", "mask": masks, "output": f"{out}.mp4"},
            r"a file of .*\.png.* found .*\.mp4; for a",
        ),
        (
            {"image": photos, "mask": masks, "output": f"{out}.zip"},
            "expected a folder .* a file's name, .*out.zip; for a",
        ),
    ):
        with pytest.raises(ImageError, match=message):
            find_jobs(**{"output": out, **arguments})
    for place in (
        "out.jxl/",
        "out.png/",
        "2026.11.30",
        "edits.v2",
    ):  # folders, as the names of two are a date's and a version's
        jobs, _ = find_jobs(photos / "a.png", f"{folders}/{place}", mask=masks)
        assert jobs[0].output == folders / place / "a.png"
    (masks / "a.png").unlink()
    with pytest.raises(ImageError, match="no mask file a"):
        find_jobs(photos / "a.png", out, mask=masks)
    assert not out.exists()
    (folders / "file").touch()
    for arguments, error, message in (
        (
            [f"--image={photos}/a.png", f"--mask={masks}/b.png", f"--output={folders}/file/a.png"],
            DataError,
            "--output: expected a folder, .* at .*/file, found a file at .*/file",
        ),
        ([f"--output={out}"], app.UsageError, "--image: expected"),
        ([f"--output={out}", "--demo", f"--image={photos}"], TfsketchError, "--demo: expected"),
        ([f"--output={folders}/file", "--demo"], DataError, "--output: expected a folder, .* found a file at .*file"),
        ([f"--output={folders}/demo.jxl", "--demo"], DataError, "--output: .* found a file's name, .*demo.jxl"),
    ):
        with pytest.raises(error, match=message):
            run_edit(editing_folder, *arguments)
    with pytest.raises(WeightsError, match="expected a model directory"):
        run_edit(folders, f"--image={photos}/b.png", f"--mask={masks}/b.png", f"--output={out}/b.png")
