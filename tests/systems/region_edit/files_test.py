"""Restyling by tools.edit: files and folders, strips, animations, grids."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.edits import run_edit
from tests.systems.region_edit.restyling import grey_photo, mask_of, style_picture
from tfsketch import Editor
from tfsketch.editor import editor as editor_lib
from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.errors import DataError, ImageError, TfsketchError
from tfsketch.images import encoding, files, sizes, xmp


@pytest.fixture(name="folders")
def _folders(tmp_path):
    for name in ("photos", "styles", "masks"):
        (tmp_path / name).mkdir()
    for n, stem in enumerate("ab"):
        Image.fromarray(grey_photo(seed=n)).save(tmp_path / "photos" / f"{stem}.png")
        Image.fromarray(style_picture(n)).save(tmp_path / "styles" / f"{stem}.jpg")
        Image.fromarray(mask_of() * 255).save(tmp_path / "masks" / f"{stem}.png")
    return tmp_path


def test_files_and_folders(model, model_dir, folders, capsys, parser, monkeypatch):
    photo, style, mask = folders / "photos/a.png", folders / "styles/b.jpg", folders / "masks/a.png"
    one = folders / "one.png"
    assert run_edit(model_dir, f"--image={photo}", f"--style_image={style}", f"--mask={mask}", f"--output={one}") == 0
    expected = Editor(model).restyle(grey_photo(), files.read_rgb(style), mask_of())
    assert np.abs(files.read_rgb(one).astype(int) - expected).max() <= 1
    assert "one.png" in capsys.readouterr().out
    out = folders / "out"
    pair = [f"--image={folders / 'photos'}", f"--style_image={folders / 'styles'}", f"--output={out}"]
    assert run_edit(model_dir, *pair, "--nodetail", f"--mask={folders / 'masks'}", "--concat") == 0
    assert files.read_rgb(out / "b.png").shape == (48, 4 * 64, 3)
    (folders / "masks/b.png").unlink()  # not the whole picture, then
    assert run_edit(model_dir, *pair, f"--mask={folders / 'masks'}") == 1
    assert "skipped: no mask file b" in capsys.readouterr().err
    flags = [f"--image={photo}", f"--style_image={style}", "--region=hair", f"--output={one}"]
    calls, region_style = [], editor_lib.Editor.region_style
    monkeypatch.setattr(
        editor_lib.Editor,
        "region_style",
        lambda self, *arguments: calls.append(arguments[1]) or region_style(self, *arguments),
    )
    assert run_edit(model_dir, *flags) == 0 and list(calls[0]) == ["hair"]
    assert run_edit(model_dir, *flags, "--style_from=whole") == 0 and len(calls) == 1
    region = Editor(model).region(grey_photo(), "hair")
    change = (files.read_rgb(one) != grey_photo()).any(axis=-1)
    assert 0 < change.sum() and not change[region == 0].any()
    missing = ["--region=lips,nose", f"--output={folders / 'none.png'}"]
    with pytest.raises(ImageError, match="photos/a.png: region: expected lips or nose in the picture"):
        run_edit(model_dir, f"--image={photo}", f"--style_image={style}", *missing)


def test_strip_animation_and_grid(model, model_dir, folders, capsys):
    photo, strip = folders / "photos/a.png", folders / "strip.png"
    styles = [f"--style_image={folders / 'styles' / name}" for name in ("a.jpg", "b.jpg")]
    assert run_edit(model_dir, f"--image={photo}", styles[0], "--steps=4", f"--output={strip}") == 0
    picture = files.read_rgb(strip)
    assert (
        picture.shape == (48, 4 * 64, 3)
        and (picture[:, :64] == grey_photo()).all()
        and (picture[:, 192:] != grey_photo()).any()
    )
    with Image.open(folders / "strip.gif") as animation:
        assert animation.n_frames == 6 and animation.size == (64, 48) and animation.info["loop"] == 0
    assert run_edit(model_dir, f"--image={photo}", *styles, "--steps=2", f"--output={strip}") == 0
    ends = [Editor(model).restyle(grey_photo(), files.read_rgb(folders / "styles" / f"{s}.jpg")) for s in "ab"]
    assert np.abs(files.read_rgb(strip).astype(int) - np.concatenate(ends, axis=1)).max() <= 1
    large = folders / "large.png"
    Image.fromarray(grey_photo(300, 1200)).save(large)
    assert run_edit(model_dir, f"--image={large}", styles[0], "--steps=2", f"--output={strip}") == 0
    assert files.read_rgb(strip).shape == (128, 1024, 3)
    grid = [f"--image={folders / 'photos'}", f"--style_image={folders / 'styles'}", "--grid"]
    assert run_edit(model_dir, *grid, f"--output={folders / 'grid.png'}") == 0
    assert "2 photographs in 2 styles" in capsys.readouterr().out
    assert xmp.EDITED.encode() in (folders / "grid.png").read_bytes()
    assert run_edit(model_dir, *grid, "--nomark", f"--output={folders / 'plain.png'}") == 0
    assert xmp.EDITED.encode() not in (folders / "plain.png").read_bytes()
    sheet = files.read_rgb(folders / "grid.png")
    assert sheet.shape == (3 * 52, 3 * 52, 3)
    square = sizes.cut_square(grey_photo())
    expected = Editor(model).restyle(square, sizes.center_square(files.read_rgb(folders / "styles/b.jpg"), 48))
    assert (sheet[54:102, 2:50] == square).all()
    assert np.abs(sheet[54:102, 106:154].astype(int) - expected).max() <= 1


def test_what_is_not_seen_of_photographs_and_styles_is_said(model_dir, folders, capsys):
    clear, deep = folders / "clear.png", folders / "deep.png"
    files.write_png(clear, np.dstack([grey_photo(), grey_photo()[..., 0]]))
    files.write_png(deep, grey_photo().astype(np.uint16) * 257)
    inputs = [f"--image={deep}", f"--style_image={clear}"]
    text = [
        f"{clear}: seen as 8 bits of RGB; left out of its file: transparency",
        f"{deep}: seen as 8 bits of RGB; left out of its file: 16 bits a channel",
    ]
    for more in (["--grid"], ["--steps=2"], ["--concat"]):
        assert run_edit(model_dir, *inputs, *more, "--quality=50", f"--output={folders / 'out.webp'}") == 0
        lines = capsys.readouterr().out.splitlines()
        assert set(text) <= set(lines), more
        assert any("out.webp: WEBP of quality 50 changes" in line for line in lines), more
    assert run_edit(model_dir, *inputs, f"--output={folders / 'out.png'}") == 0  # keeps its depth
    lines = capsys.readouterr().out.splitlines()
    assert text[0] in lines and text[1] not in lines


def test_what_cannot_be_restyled_at_all(model_dir, folders):
    photo, style, mask = folders / "photos/a.png", folders / "styles/a.jpg", folders / "masks/a.png"
    out = folders / "out.png"
    with pytest.raises(TfsketchError, match="--style_image: expected"):
        run_edit(model_dir, f"--image={photo}", f"--mask={mask}", f"--output={out}")
    with pytest.raises(TfsketchError, match="--grid: expected photographs and styles alone"):
        run_edit(model_dir, f"--image={photo}", f"--mask={mask}", "--grid", f"--output={out}")
    with pytest.raises(TfsketchError, match="--steps: expected --style_image and no --grid"):
        run_edit(model_dir, f"--image={photo}", f"--style_image={style}", "--grid", "--steps=3", f"--output={out}")
    with pytest.raises(ImageError, match="expected a file for a grid"):
        run_edit(model_dir, f"--image={photo}", f"--style_image={style}", "--grid", f"--output={folders}")
    for arguments, message in (
        ({"region": ["hair"]}, "style: expected a photograph"),
        ({"styles": [style], "mask": mask, "region": ["hair"]}, "a mask or a region, found mask and hair"),
        ({"styles": [style], "sketch": mask}, "found also sketch"),
        ({"styles": [style, style]}, "expected one style, or steps"),
        ({"styles": [style], "steps": 1}, "steps: expected 2 to 100, found 1"),
        ({"styles": [folders / "nowhere"]}, "style 1: expected a file or a folder, found nothing"),
        ({"styles": [style], "output": photo}, "overwrites no input"),
        ({"styles": [photo]}, "style: expected another photograph than the one that is restyled"),
    ):
        with pytest.raises(ImageError, match=message):
            find_jobs(photo, way="restyle", **{"output": out, **arguments})
    with pytest.raises(ImageError, match="overwrites no input"):
        find_jobs(photo, style.with_suffix(".png"), "restyle", 1, [style.rename(style.with_suffix(".gif"))], 2)
    with pytest.raises(DataError, match="region: expected face or one of"):
        find_jobs(photo, out, "restyle", styles=[style], region=["ear"])
    with pytest.raises(ImageError, match="expected a photograph to restyle"):
        find_jobs(None, out, "restyle", styles=[style], sketch=mask)
    with pytest.raises(ImageError, match="expected no style, region or steps for the way edit"):
        find_jobs(photo, out, styles=[style], mask=mask)


def test_an_animation_repeats():
    frames = [np.full((8, 12, 3), level, np.uint8) for level in (0, 100, 200)]
    with Image.open(io.BytesIO(encoding.encode_gif(frames, 0.2))) as animation:
        assert (animation.n_frames, animation.size, animation.info["duration"]) == (3, (12, 8), 200)


def test_an_animation_keeps_rare_colours():
    """A ramp of many colours, and a small white patch: what Pillow's own palette gives to something else."""
    ramp = np.linspace(0, 255, 128)
    frame = np.stack(
        [np.broadcast_to(ramp, (128, 128)), np.broadcast_to(ramp[:, None], (128, 128)), 0 * np.eye(128) + 120]
    )
    frame = np.moveaxis(frame, 0, -1).astype(np.uint8)
    frame[60:68, 60:68] = 250, 250, 250
    with Image.open(io.BytesIO(encoding.encode_gif([frame, frame[::-1]]))) as animation:
        first_frame = np.array(animation.convert("RGB")).astype(int)
    assert np.abs(first_frame[61:67, 61:67] - 250).max() <= 16
    means = [cv2.boxFilter(one.astype(np.float32), -1, (9, 9)) for one in (first_frame, frame)]
    assert np.abs(means[0] - means[1]).mean() < 6


@pytest.mark.parametrize("size, expected", [((10, 20), (10, 20)), ((100, 50), (40, 20)), ((1, 400), (1, 40))])
def test_fitting(size, expected):
    assert sizes.fit(np.zeros((*size, 3), np.uint8), 40).shape == (*expected, 3)
