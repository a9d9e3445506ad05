"""tools.edit: what it takes files for, and says so."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from PIL import Image

from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.errors import ImageError
from tfsketch.images import files
from tools import edit

MASK = np.zeros((48, 64), np.uint8)
MASK[10:40, 20:50] = 255


def _run_edit(model, *arguments):
    with flagsaver.flagsaver():
        return edit._main(flags.FLAGS(["edit", f"--model={model}", *map(str, arguments)]))


def _photo(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def test_what_files_were_taken_for_is_said(editing_folder, tmp_path, capsys):
    picture = np.repeat(_photo(3)[..., :1] // 2 + np.uint8(60), 3, axis=2)
    cutout = np.dstack([_photo(), 255 - MASK])
    sheet = np.full((48, 64, 3), 110, np.uint8)
    sheet[24:26, 22:48] = (20, 60, 90)
    colors = np.dstack([np.zeros((48, 64, 3), np.uint8), np.full((48, 64), 255, np.uint8)])
    colors[28:34, 30:44, :3] = 120
    for name, layer in (("photo", picture), ("mask", cutout), ("sketch", sheet), ("color", colors)):
        Image.fromarray(layer).save(tmp_path / f"{name}.png")
    arguments = [f"--{what}={tmp_path / f'{what}.png'}" for what in ("mask", "sketch", "color")]
    assert (
        _run_edit(editing_folder, f"--image={tmp_path / 'photo.png'}", *arguments, f"--output={tmp_path / 'out.png'}")
        == 0
    )
    output = capsys.readouterr().out + capsys.readouterr().err
    for file, what in (
        ("mask", "the clear part was taken for the hole"),
        ("sketch", "dark strokes on bright paper"),
        ("color", "black was taken for paper"),
        ("photo", "it is of one tone and stays so"),
    ):
        assert any(f"{file}.png: " in line and what in line for line in output.splitlines()), (file, output)
    out = files.read_rgb(tmp_path / "out.png")
    assert (out[MASK == 0] == picture[MASK == 0]).all() and (out[MASK > 0] != picture[MASK > 0]).any()
    assert np.ptp(out.astype(int), axis=-1).max() <= 1


def test_a_mask_that_is_too_faint_says_what_it_was_taken_for(editing_folder, tmp_path):
    files.write_png(tmp_path / "photo.png", _photo())
    faint = np.zeros((48, 64), np.uint8)
    faint[20:40, 20:40] = 90
    files.write_png(tmp_path / "mask.png", faint)
    with pytest.raises(
        ImageError, match=r"mask.png: .* found an empty mask \(the mask has grey .* thresholded at 0.5\)"
    ):
        _run_edit(
            editing_folder, f"--image={tmp_path}/photo.png", f"--mask={tmp_path}/mask.png", f"--output={tmp_path}/o.png"
        )


def test_the_level_takes_fainter_lines(editing_folder, tmp_path):
    pencil = np.full((48, 64, 3), 250, np.uint8)
    pencil[24:26, 22:48], pencil[12:14, 22:48], pencil[36:38, 22:48] = 90, 165, 226
    for name, layer in (("photo", _photo()), ("mask", MASK), ("sketch", pencil)):
        Image.fromarray(layer).save(tmp_path / f"{name}.png")
    arguments = [f"--{what}={tmp_path / f'{what}.png'}" for what in ("mask", "sketch")]
    arguments += [f"--image={tmp_path / 'photo.png'}", "--concat", f"--output={tmp_path / 'out.png'}"]
    rows = {}
    for level in (0, 0.7, -0.5):
        assert _run_edit(editing_folder, *arguments, f"--level={level}") == 0
        sheet = files.read_rgb(tmp_path / "out.png")[:, 128:192, 0]  # the third of five pictures side by side
        rows[level] = sorted(set(np.argwhere(sheet == 0)[:, 0].tolist()))
    assert rows == {0: [12, 13, 24, 25], 0.7: [12, 13, 24, 25, 36, 37], -0.5: [24, 25]}
    with pytest.raises(flags.IllegalFlagValueError, match="level"):
        _run_edit(editing_folder, *arguments, "--level=2")


def test_files_are_found_however_their_accents_are_written(editing_folder, tmp_path):
    split, whole = (unicodedata.normalize(form, "été") for form in ("NFD", "NFC"))
    (tmp_path / whole).mkdir()
    Image.fromarray(_photo()).save(tmp_path / whole / f"{split}.png")
    Image.fromarray(MASK).save(tmp_path / whole / f"mask {whole}.png")
    Image.fromarray(np.uint8(255) - MASK // 2).save(tmp_path / whole / f"sketch {whole}.png")
    arguments = [f"--image={tmp_path / split / whole}.png", f"--output={tmp_path / 'out.png'}"]
    arguments += [f"--{what}={tmp_path / split / what} {split}.png" for what in ("mask", "sketch")]
    assert _run_edit(editing_folder, *arguments) == 0 and (tmp_path / "out.png").exists()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_that_may_lie_as_the_file_does_is_told_of(editing_folder, tmp_path, capsys, orientation):
    """Programs that pass over EXIF show a photograph, and make its mask, as it lies in its file."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    transposes = orientation > 4
    Image.fromarray(_photo()).save(tmp_path / "photo.png", exif=exif)
    upright = np.ascontiguousarray(MASK.T if transposes else MASK)
    Image.fromarray(upright).save(tmp_path / "upright.png")
    Image.fromarray(MASK).save(tmp_path / "stored.png")
    Image.fromarray(MASK).save(tmp_path / "own.png", exif=exif)  # turned with the photograph
    square = Image.fromarray(_photo()[:, :48])
    square.save(tmp_path / "square.png", exif=exif)
    Image.fromarray(MASK[:, :48]).save(tmp_path / "square_mask.png")
    warning = f"is turned upright by its EXIF orientation ({orientation}); the mask counts as drawn over it upright"

    def console(image: str, mask: str) -> str:
        arguments = [f"--image={tmp_path / image}", f"--mask={tmp_path / mask}", f"--output={tmp_path / 'out.png'}"]
        assert _run_edit(editing_folder, *arguments) == 0
        return capsys.readouterr().out

    assert (warning in console("photo.png", "upright.png")) == (2 <= orientation <= 4)
    assert warning not in console("photo.png", "own.png")
    assert (warning in console("square.png", "square_mask.png")) == (orientation > 1)
    if transposes:
        with pytest.raises(
            ImageError, match=f"stored.png: .* as it lies in its file before .* \\({orientation}\\) turns it"
        ):
            console("photo.png", "stored.png")


def test_a_photograph_in_a_masks_place_is_refused_by_name(editing_folder, tmp_path):
    Image.fromarray(_photo()).save(tmp_path / "photo.png")
    Image.fromarray(_photo()).save(tmp_path / "mask.png")
    arguments = [f"--{what}={tmp_path / path}" for what, path in (("image", "photo.png"), ("output", "out.png"))]
    with pytest.raises(ImageError, match=r"mask.png: expected a mask, .* looks like a photograph"):
        _run_edit(editing_folder, *arguments, f"--mask={tmp_path / 'mask.png'}")
    assert not (tmp_path / "out.png").exists()


def test_a_photograph_is_no_layer_of_its_own(tmp_path):
    """What a mask, a drawing or a cut-out is as a layer does not matter: edited by itself it is a mistake."""
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    for folder in (photos, masks):
        folder.mkdir()
        Image.fromarray(MASK).save(folder / "a.png")
        Image.fromarray(MASK).save(folder / "b.png")
    (tmp_path / "link").symlink_to(photos)
    (tmp_path / "a.png").symlink_to(photos / "a.png")
    out = tmp_path / "out"
    for same in (photos, tmp_path / "link", photos / ".." / "photos"):
        for layers in ({"mask": same}, {"mask": masks, "sketch": same}, {"mask": masks, "color": same}):
            message = f"^{list(layers)[-1]}: expected a folder of its own, found that of the photographs"
            with pytest.raises(ImageError, match=f"{message}.*: put its files into another one, under"):
                find_jobs(photos, out, **layers)
    for same in (photos / "a.png", tmp_path / "a.png"):
        with pytest.raises(ImageError, match=r"^mask: .* found the photograph, .*a.png: give the whole photo"):
            find_jobs(photos / "a.png", out, mask=same)
        with pytest.raises(ImageError, match=r"^sketch: expected a file of its own, found the photograph, .*a.png$"):
            find_jobs(photos / "a.png", out, mask=masks / "a.png", sketch=same)
    with pytest.raises(ImageError, match=r"a.png: skipped: mask: expected a file of its own, found the photograph"):
        find_jobs(photos / "a.png", out, mask=photos)  # the partner in the folder is the photograph
    (masks / "b.png").unlink()
    (masks / "b.png").symlink_to(photos / "b.png")
    jobs, problems = find_jobs(photos, out, mask=masks)
    assert [job.image for job in jobs] == [photos / "a.png"] and len(problems) == 1
    assert "b.png: skipped: mask: expected a file of its own, found the photograph" in problems[0]
    for place in (photos, photos / "a.png"):
        with pytest.raises(ImageError, match=r"^style: expected another photograph than the one that is restyled"):
            find_jobs(place, out, "restyle", styles=[place])
    assert find_jobs(photos, out, "restyle", styles=[photos], region=["hair"])[0]  # a part in the style of the whole
    assert len(find_jobs(photos, out, strokes=None, mask=masks / "a.png")[0]) == 2


def test_layers_in_folders_below_the_photographs_are_no_photographs(tmp_path):
    (tmp_path / "masks").mkdir()
    for name in ("a.png", "b.png", "masks/a.png", "masks/b.png"):
        Image.fromarray(MASK).save(tmp_path / name)
    jobs, problems = find_jobs(tmp_path, tmp_path / "out", mask=tmp_path / "masks")
    assert [job.source.name for job in jobs] == ["a.png", "b.png"] and not problems
