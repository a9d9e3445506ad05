"""Restyling: the editor, the files of tools.edit, and the evaluation's protocol."""

from __future__ import annotations

import io
import json
import math

import cv2
import numpy as np
import pytest
import skimage
import tensorflow as tf
from PIL import Image

from tests.edits import run_edit
from tests.tiny import EDITING
from tfsketch import Editor, systems, zoo
from tfsketch.conditions import face_parser, regions
from tfsketch.data.shards import Picture
from tfsketch.editor import editor as editor_lib
from tfsketch.editor.batch.jobs import find_jobs
from tfsketch.errors import DataError, ImageError, TfsketchError, WeightsError
from tfsketch.framing import arrays
from tfsketch.images import files, metadata, sizes
from tfsketch.systems import protocols
from tfsketch.systems.region_edit import protocol as restyling
from tfsketch.vocabulary import resize

SIDE = 16


@pytest.fixture(scope="module", name="model")
def _model(restyling_folder):
    return zoo.load_model(restyling_folder)


def _photo(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Grey about the middle, so that nothing clips."""
    return np.random.default_rng(seed).integers(100, 156, (height, width, 3)).astype(np.uint8)


def _style(seed: int = 9) -> np.ndarray:
    """Bright, with stripes."""
    style = np.full((40, 30, 3), (250, 30 + seed, 90), np.uint8)
    style[::4] = 0
    return style


def _mask(height: int = 48, width: int = 64) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2 + 1, width // 3 : width - 2] = 1
    return mask


@pytest.mark.parametrize("size", [(48, 64), (16, 16), (9, 7), (1, 40), (301, 90)])
@pytest.mark.parametrize("detail", [True, False])
def test_any_size_and_outside_the_mask_the_input(model, size, detail):
    image, mask = _photo(*size), _mask(*size)
    mask[0, 0] = 1
    before = image.copy()
    result = Editor(model).restyle(image, _style(), mask, detail=detail)
    assert result.shape == image.shape and result.dtype == np.uint8 and (image == before).all()
    assert (result[mask == 0] == image[mask == 0]).all() and (result[mask == 1] != image[mask == 1]).any()
    whole = Editor(model).restyle(image, _style(), detail=detail)
    assert whole.shape == image.shape and (whole != image).mean() > 0.3


def test_at_the_working_side_it_is_the_model_itself(model):
    image, style, mask = _photo(SIDE, SIDE), sizes.center_square(_style(), SIDE), _mask(SIDE, SIDE)
    batch = {"image": image, "style": style}
    batch = {key: tf.constant(value[None] / np.float32(127.5) - 1) for key, value in batch.items()}
    for where in (None, mask):
        layers = batch if where is None else {**batch, "mask": tf.constant(where[None, ..., None], tf.float32)}
        levels = (model(layers)["image"].numpy()[0] + 1) * 127.5
        assert np.abs(Editor(model, feather=0).restyle(image, style, where, detail=False) - levels).max() <= 0.5 + 1e-3


def test_a_change_is_enlarged_along_the_photographs_edges():
    """A dark and a bright half, the dark one made brighter: at eight times the size no pixel of the bright one is."""
    size, mask = (16, 16), np.ones((16, 16), np.uint8)
    small = np.full((*size, 3), 40, np.uint8)
    small[:, 7:] = 200
    change = np.where(small < 100, 30.0, 0.0).astype(np.float32)
    photo = cv2.resize(small, (128, 128), interpolation=cv2.INTER_NEAREST)
    slope, offset = np.split(resize(arrays.lines_of(change, small, mask), (128, 128)), 2, axis=-1)
    along_edges = slope * arrays.luma(photo)[..., None] + offset
    plain = resize(change, (128, 128))
    expected = np.where(photo < 100, 30.0, 0.0)
    assert np.abs(plain - expected).max() > 10 and np.abs(along_edges - expected).max() < 3
    # The same everywhere is the same at any size, and outside of the mask nothing counts.
    np.testing.assert_allclose(arrays.lines_of(np.full_like(change, 7.0), small, mask)[..., 3:], 7.0, atol=1e-3)
    mask[:, 10:] = 0
    spoilt = np.where(mask[..., None] > 0, change, 1000.0).astype(np.float32)
    np.testing.assert_allclose(arrays.lines_of(spoilt, small, mask), arrays.lines_of(change, small, mask), atol=1e-3)
    assert not arrays.lines_of(change, small, mask)[:, 13:].any()


def test_no_change_gives_the_photograph_back_bit_for_bit(model):
    image = _photo(50, 34)
    for mask in (None, _mask(50, 34)):
        assert (Editor(model).restyle(image, _style(), mask, amount=0.0) == image).all()
        assert (Editor(model).restyle(image, _style(), mask, amount=0.0, detail=False) != image).any()


def test_detail_of_the_photograph_stays_and_the_seam_fades(model):
    """In a photograph eight times the working side, the change is smooth, and nearly none just inside of the mask."""
    image, mask = _photo(8 * SIDE, 8 * SIDE), np.zeros((8 * SIDE, 8 * SIDE), np.uint8)
    mask[10:118, 10:118] = 1
    change = Editor(model).restyle(image, _style(), mask).astype(int) - image
    smooth = np.abs(np.diff(change[40:90, 40:90], axis=0)).mean()
    assert 0 < smooth < 0.25 * np.abs(change[40:90, 40:90]).mean()
    assert smooth < 0.1 * np.abs(np.diff(image[40:90, 40:90].astype(int), axis=0)).mean() + 1.0
    hard = Editor(model, feather=0).restyle(image, _style(), mask).astype(int) - image
    rim = (slice(10, 11), slice(10, 118))
    assert np.abs(change[rim]).mean() < 0.35 * np.abs(hard[rim]).mean()
    assert (change[60:70, 60:70] == hard[60:70, 60:70]).all()


def test_the_seam_is_wide_in_a_plain_area_and_sharp_at_a_contour(model):
    """A dark and a bright half, restyled in the dark one up to the contour: the change sets in along four working
    pixels where the mask ends in plain dark, and at once where both end. A thin line is restyled all the same."""
    side, scale = 8 * SIDE, 8
    image, mask = np.full((side, side, 3), 60, np.uint8), np.zeros((side, side), np.uint8)
    image[:, side // 2 :] = 220
    mask[:, 24 : side // 2] = 1
    change = np.abs(Editor(model).restyle(image, _style(), mask).astype(int) - image).sum(axis=-1)
    hard = np.abs(Editor(model, feather=0).restyle(image, _style(), mask).astype(int) - image).sum(axis=-1)
    share = (change[:, : side // 2].sum(axis=0) / hard[:, : side // 2].sum(axis=0).clip(1))[24:]
    assert share[0] < 0.15 and share[scale] < 0.6 and share[4 * scale] > 0.9 and share[-2] > 0.8
    assert (change[mask == 0] == 0).all()
    line = np.zeros_like(mask)
    line[40:43, 20:100] = 1
    assert (Editor(model).restyle(image, _style(), line) != image).any()
    assert (Editor(model).interpolate(image, [_style()], 2, line)[1] != image).any()


def test_steps_go_from_style_to_style(model):
    editor, image = Editor(model), _photo()
    first, second = _style(), _photo(30, 30, 4)
    steps = editor.interpolate(image, [first], 3, _mask())
    assert (steps[0] == image).all() and (steps[2] == editor.restyle(image, first, _mask())).all()
    assert (steps[1] == editor.restyle(image, first, _mask(), amount=0.5)).all()
    through = editor.interpolate(image, [first, second, first], 5)
    assert (through[0] == through[4]).all() and (through[0] == editor.restyle(image, first)).all()
    assert (through[2] == editor.restyle(image, second)).all() and (through[1] != through[2]).any()


class Parser:
    """Finds hair in what is dark, and background everywhere else."""

    experiment = systems.parse("{system: face_parser, image_size: 32}")

    def __init__(self):
        self.image = np.zeros(0)

    def __call__(self, batch):
        self.image = batch["image"].numpy()[0]
        dark = tf.cast(tf.reduce_mean(batch["image"], axis=-1) < 0.0, tf.float32)
        shares = tf.one_hot(tf.cast(dark * regions.REGIONS.index("hair"), tf.int32), len(regions.REGIONS))
        return {"probabilities": shares, "regions": tf.argmax(shares, axis=-1)[..., None]}


@pytest.fixture(name="parser")
def _parser(monkeypatch):
    parser = Parser()
    monkeypatch.setattr(face_parser, "load", lambda: parser)
    return parser


@pytest.mark.parametrize("size", [(64, 64), (90, 60), (10, 20)])
def test_a_region_by_its_name_without_squeezing(model, parser, size):
    image = np.full((*size, 3), 200, np.uint8)
    image[: size[0] // 2, size[1] // 2 :] = 20
    editor = Editor(model)
    mask = editor.region(image, "hair")
    assert mask.shape == size and mask.dtype == np.uint8
    dark = image[..., 0] == 20
    assert (mask[dark] > 0).mean() > 0.8 and (mask[~dark] == 0).mean() > 0.9
    assert parser.image.shape == (32, 32, 3)
    assert (editor.region(image, ["hair", "background"]) == 1).all()
    assert (editor.region(image, "background") == 1 - mask).mean() > 0.9
    with pytest.raises(ImageError, match="expected lips in the picture, found none"):
        editor.region(image, "lips")
    with pytest.raises(DataError, match="region: expected face or one of background"):
        editor.region(image, "hare")
    with pytest.raises(DataError, match="region: expected at least one name"):
        editor.region(image, [])


def test_a_region_is_no_speck_and_skin_has_a_nose(model, parser, monkeypatch):
    editor, image = Editor(model), np.full((256, 256, 3), 200, np.uint8)
    image[:128] = 20
    image[200:208, 30:38] = 20
    assert not editor.region(image, "hair")[190:].any()
    parts = regions.REGIONS
    nose = tf.one_hot(tf.fill([1, 32, 32], parts.index("nose")), len(parts))
    monkeypatch.setattr(Parser, "__call__", lambda self, batch: {"probabilities": nose})
    assert editor.region(image, "skin").all() and editor.region(image, "nose").all()
    speck = np.zeros([1, 32, 32, len(parts)], np.float32)
    speck[..., 0], speck[:, 5, 5, parts.index("glasses")] = 0.6, 0.6005
    monkeypatch.setattr(Parser, "__call__", lambda self, batch: {"probabilities": tf.constant(speck)})
    with pytest.raises(ImageError, match="expected glasses in the picture, found none"):
        editor.region(image, "glasses")


def test_what_is_refused(model):
    editor, image = Editor(model), _photo()
    for arguments, kind, message in (
        ({"image": image[..., 0]}, ImageError, "image: expected uint8"),
        ({"style": image / 255.0}, ImageError, "style: expected uint8"),
        ({"mask": np.zeros((48, 64), np.uint8)}, ImageError, "at least one pixel to restyle"),
        ({"mask": np.ones((48, 63), np.uint8)}, ImageError, "mask: expected the picture's size, 64 x 48"),
        ({"amount": 1.1}, TfsketchError, "amount: expected a share"),
    ):
        with pytest.raises(kind, match=message):
            editor.restyle(**{"image": image, "style": _style(), **arguments})
    for styles, steps, message in (([], 3, "at least one photograph"), ([image], 1, "steps: expected")):
        with pytest.raises(TfsketchError, match=message):
            editor.interpolate(image, styles, steps)
    with pytest.raises(TfsketchError, match="edit: expected a model that repaints"):
        editor.edit(image, _mask())
    repaints = systems.build(EDITING)
    repaints.experiment = EDITING
    assert editor.restyles and not Editor(repaints).restyles
    with pytest.raises(TfsketchError, match="restyle: expected a model that takes a style"):
        Editor(repaints).restyle(image, image)
    broken = systems.build(model.experiment)
    broken.experiment = model.experiment
    broken.generator.to_rgb.conv.bias.assign([math.nan] * 3)
    for detail in (True, False):
        with pytest.raises(WeightsError, match="finite"):
            Editor(broken).restyle(image, image, detail=detail)


@pytest.fixture(name="folders")
def _folders(tmp_path):
    for name in ("photos", "styles", "masks"):
        (tmp_path / name).mkdir()
    for n, stem in enumerate("ab"):
        Image.fromarray(_photo(seed=n)).save(tmp_path / "photos" / f"{stem}.png")
        Image.fromarray(_style(n)).save(tmp_path / "styles" / f"{stem}.jpg")
        Image.fromarray(_mask() * 255).save(tmp_path / "masks" / f"{stem}.png")
    return tmp_path


def test_files_and_folders(model, model_dir, folders, capsys, parser, monkeypatch):
    photo, style, mask = folders / "photos/a.png", folders / "styles/b.jpg", folders / "masks/a.png"
    one = folders / "one.png"
    assert run_edit(model_dir, f"--image={photo}", f"--style_image={style}", f"--mask={mask}", f"--output={one}") == 0
    expected = Editor(model).restyle(_photo(), files.read_rgb(style), _mask())
    assert np.abs(files.read_rgb(one).astype(int) - expected).max() <= 1
    assert "one.png" in capsys.readouterr().out
    out = folders / "out"
    pair = [f"--image={folders / 'photos'}", f"--style_image={folders / 'styles'}", f"--output={out}"]
    assert run_edit(model_dir, *pair, "--nodetail", f"--mask={folders / 'masks'}", "--concat") == 0
    assert files.read_rgb(out / "b.png").shape == (48, 4 * 64, 3)
    (folders / "masks/b.png").unlink()  # not the whole picture, then
    assert run_edit(model_dir, *pair, f"--mask={folders / 'masks'}") == 1
    assert "skipped: no mask file b" in capsys.readouterr().err
    restyled = [f"--image={photo}", f"--style_image={style}", "--region=hair", f"--output={one}"]
    calls, region_style = [], editor_lib.Editor.region_style
    monkeypatch.setattr(
        editor_lib.Editor,
        "region_style",
        lambda self, *arguments: calls.append(arguments[1]) or region_style(self, *arguments),
    )
    assert run_edit(model_dir, *restyled) == 0 and list(calls[0]) == ["hair"]
    assert run_edit(model_dir, *restyled, "--style_from=whole") == 0 and len(calls) == 1
    region = Editor(model).region(_photo(), "hair")
    changed = (files.read_rgb(one) != _photo()).any(axis=-1)
    assert 0 < changed.sum() and not changed[region == 0].any()
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
        and (picture[:, :64] == _photo()).all()
        and (picture[:, 192:] != _photo()).any()
    )
    with Image.open(folders / "strip.gif") as animation:
        assert animation.n_frames == 6 and animation.size == (64, 48) and animation.info["loop"] == 0
    assert run_edit(model_dir, f"--image={photo}", *styles, "--steps=2", f"--output={strip}") == 0
    ends = [Editor(model).restyle(_photo(), files.read_rgb(folders / "styles" / f"{s}.jpg")) for s in "ab"]
    assert np.abs(files.read_rgb(strip).astype(int) - np.concatenate(ends, axis=1)).max() <= 1
    large = folders / "large.png"
    Image.fromarray(_photo(300, 1200)).save(large)
    assert run_edit(model_dir, f"--image={large}", styles[0], "--steps=2", f"--output={strip}") == 0
    assert files.read_rgb(strip).shape == (128, 1024, 3)
    grid = [f"--image={folders / 'photos'}", f"--style_image={folders / 'styles'}", "--grid"]
    assert run_edit(model_dir, *grid, f"--output={folders / 'grid.png'}") == 0
    assert "2 photographs in 2 styles" in capsys.readouterr().out
    assert metadata.EDITED.encode() in (folders / "grid.png").read_bytes()
    assert run_edit(model_dir, *grid, "--nomark", f"--output={folders / 'plain.png'}") == 0
    assert metadata.EDITED.encode() not in (folders / "plain.png").read_bytes()
    sheet = files.read_rgb(folders / "grid.png")
    assert sheet.shape == (3 * 52, 3 * 52, 3)
    square = sizes.cut_square(_photo())
    expected = Editor(model).restyle(square, sizes.center_square(files.read_rgb(folders / "styles/b.jpg"), 48))
    assert (sheet[54:102, 2:50] == square).all()
    assert np.abs(sheet[54:102, 106:154].astype(int) - expected).max() <= 1


def test_what_is_not_seen_of_photographs_and_styles_is_said(model_dir, folders, capsys):
    clear, deep = folders / "clear.png", folders / "deep.png"
    files.write_png(clear, np.dstack([_photo(), _photo()[..., 0]]))
    files.write_png(deep, _photo().astype(np.uint16) * 257)
    given = [f"--image={deep}", f"--style_image={clear}"]
    said = [
        f"{clear}: seen as 8 bits of RGB; left out of its file: transparency",
        f"{deep}: seen as 8 bits of RGB; left out of its file: 16 bits a channel",
    ]
    for more in (["--grid"], ["--steps=2"], ["--concat"]):
        assert run_edit(model_dir, *given, *more, "--quality=50", f"--output={folders / 'out.webp'}") == 0
        lines = capsys.readouterr().out.splitlines()
        assert set(said) <= set(lines), more
        assert any("out.webp: WEBP of quality 50 changes" in line for line in lines), more
    assert run_edit(model_dir, *given, f"--output={folders / 'out.png'}") == 0  # keeps its depth
    lines = capsys.readouterr().out.splitlines()
    assert said[0] in lines and said[1] not in lines


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
        ({"styles": [style], "results": 1}, "steps: expected 2 to 100, found 1"),
        ({"styles": [folders / "nowhere"]}, "style 1: expected a file or a folder, found nothing"),
        ({"styles": [photo], "output": photo}, "overwrites no input"),
    ):
        with pytest.raises(ImageError, match=message):
            find_jobs(photo, **{"output": out, **arguments})
    with pytest.raises(ImageError, match="overwrites no input"):
        find_jobs(photo, style.with_suffix(".png"), 2, [style.rename(style.with_suffix(".gif"))])
    with pytest.raises(DataError, match="region: expected face or one of"):
        find_jobs(photo, out, 0, [photo], ["ear"])
    with pytest.raises(ImageError, match="expected a photograph to restyle"):
        find_jobs(None, out, 0, [photo], sketch=mask)


def test_an_animation_repeats():
    frames = [np.full((8, 12, 3), level, np.uint8) for level in (0, 100, 200)]
    with Image.open(io.BytesIO(files.encode_gif(frames, 0.2))) as animation:
        assert (animation.n_frames, animation.size, animation.info["duration"]) == (3, (12, 8), 200)


def test_an_animation_keeps_rare_colours():
    """A ramp of many colours, and a small white patch: what Pillow's own palette gives to something else."""
    ramp = np.linspace(0, 255, 128)
    frame = np.stack(
        [np.broadcast_to(ramp, (128, 128)), np.broadcast_to(ramp[:, None], (128, 128)), 0 * np.eye(128) + 120]
    )
    frame = np.moveaxis(frame, 0, -1).astype(np.uint8)
    frame[60:68, 60:68] = 250, 250, 250
    with Image.open(io.BytesIO(files.encode_gif([frame, frame[::-1]]))) as animation:
        first_frame = np.array(animation.convert("RGB")).astype(int)
    assert np.abs(first_frame[61:67, 61:67] - 250).max() <= 16
    means = [cv2.boxFilter(one.astype(np.float32), -1, (9, 9)) for one in (first_frame, frame)]
    assert np.abs(means[0] - means[1]).mean() < 6


@pytest.mark.parametrize("size, expected", [((10, 20), (10, 20)), ((100, 50), (40, 20)), ((1, 400), (1, 40))])
def test_fitting(size, expected):
    assert sizes.fit(np.zeros((*size, 3), np.uint8), 40).shape == (*expected, 3)


def test_the_protocol(model_dir, photographs, tmp_path):
    results = protocols.evaluate(model_dir, photographs, tmp_path / "out", image_size=32, section="x")
    rows = {row["method"]: row for row in results.rows}
    assert list(rows) == ["reconstruction", "swap", "hair", "lips", "skin", "background", "free form"]
    assert results.protocol == "region_swaps" and results.pictures == 3
    for name in ("reconstruction", "swap"):
        for key in ("edge_f1", "region_iou"):
            assert 0 <= rows[name][key] <= 1
        assert rows[name]["style_distance"] > 0 and math.isfinite(rows[name]["feature_distance"])
    assert rows["reconstruction"]["l1"] > 0 and rows["swap"]["l1"] is None
    free = rows["free form"]
    assert free["pairs"] == 3 and free["outside"] > 0 and free["outside_own"] > 0 and free["swap_outside_own"] > 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [line["outside_own"] for line in lines] == [row["outside_own"] for row in results.rows]
    assert "Outside of its mask an edit changes" in (tmp_path / "out" / "results.md").read_text()
    assert files.read_rgb(tmp_path / "out" / "sheet.png").shape == (16 + 3 * 36, 9 * 36, 3)


class Pictures:
    """Photographs of `count` people with dark hair above, each of another tint."""

    def __init__(self, count: int):
        self._images = [_photo(64, 64, n) for n in range(count)]
        for n, image in enumerate(self._images):
            image[: 20 + n] -= 80
            image[30:40, 10 + n : 40] -= 40
            image[..., n % 3] += 40

    def __getitem__(self, number: int) -> Picture:
        return Picture(str(number), {"image": self._images[number]})


def _measured(monkeypatch, network) -> dict[str, dict]:
    parser = Parser()
    monkeypatch.setattr(face_parser, "load", lambda: parser)
    return {row["method"]: row for row in restyling.measure(network, Pictures(3), 64, 3).rows}


def test_a_perfect_model_has_perfect_numbers(monkeypatch):
    def paste(batch):
        mask = batch.get("mask", tf.ones_like(batch["image"][..., :1]))
        raw = tf.where(mask > 0.5, batch["style"], batch["image"])
        return {"raw": raw, "image": raw}

    rows = _measured(monkeypatch, paste)
    own, swap = rows["reconstruction"], rows["swap"]
    assert own["l1"] == 0 and own["st_lpips"] == pytest.approx(0, abs=1e-6)
    assert own["edge_f1"] == own["region_iou"] == 1 and own["style_distance"] == pytest.approx(1)
    assert all(row["style_own"] == row["style_distance"] for row in rows.values())
    assert swap["style_distance"] == pytest.approx(0, abs=1e-5) and swap["edge_f1"] < 1
    for name in ("hair", "background", "free form"):
        assert rows[name]["pairs"] == 3 and rows[name]["outside"] == rows[name]["outside_own"] == 0
        assert rows[name]["style_distance"] < 0.8 and rows[name]["swap_outside_own"] > 1
    assert rows["lips"]["pairs"] == 0 and rows["lips"]["outside"] is None and rows["skin"]["style_distance"] is None


def test_what_leaks_is_counted_beside_the_models_own_reconstruction(monkeypatch):
    def leaks(batch):
        own = "mask" not in batch and bool(tf.reduce_all(batch["image"] == batch["style"]))
        raw = batch["image"] + (5 if own else 20 if "mask" in batch else 30) / 127.5
        return {"raw": raw, "image": raw}

    rows = _measured(monkeypatch, leaks)
    assert rows["reconstruction"]["l1"] == pytest.approx(5)
    for name in ("hair", "background", "free form"):
        measured = [rows[name][key] for key in ("outside", "outside_own", "swap_outside_own")]
        assert measured == pytest.approx([20, 15, 25])


def test_a_blur_that_takes_the_style_is_there_by_its_own_measure(monkeypatch):
    """A model that makes of every picture its mean colour, and of a swap the style image's."""

    def blurs(batch):
        raw = tf.reduce_mean(batch["style"], axis=[1, 2], keepdims=True) + tf.zeros_like(batch["image"])
        return {"raw": raw, "image": raw}

    rows = _measured(monkeypatch, blurs)
    assert rows["swap"]["style_own"] == pytest.approx(0, abs=1e-5) and rows["swap"]["style_distance"] > 0.3
    assert rows["reconstruction"]["style_own"] == pytest.approx(1)


def test_partners_are_one_cycle():
    for count in (2, 3, 50):
        partner_of, cycle = restyling.partners(count), [0]
        while partner_of[cycle[-1]] != 0:
            cycle.append(partner_of[cycle[-1]])
        assert len(cycle) == count and (partner_of == restyling.partners(count)).all()
    with pytest.raises(DataError, match="at least 2 pictures"):
        restyling.partners(1)


def test_style_is_counted_in_the_mask_alone():
    rng = np.random.default_rng(0)
    inside, mask = rng.normal(size=(1, 8, 4, 5)).astype(np.float32), np.zeros((1, 16, 16))
    mask[:, :, :8] = 1
    one, two = (np.concatenate([inside, rng.normal(size=inside.shape)], axis=2).astype(np.float32) for _ in range(2))
    grams = [restyling.grams({"a": tf.constant(x)}, mask) for x in (one, two)]
    np.testing.assert_allclose(grams[0][0], grams[1][0], rtol=1e-5)
    np.testing.assert_allclose(grams[0][0], restyling.grams({"a": tf.constant(inside)})[0], rtol=1e-5)
    flat = inside.reshape(-1, 5)
    np.testing.assert_allclose(grams[0][0][0], flat.T @ flat / len(flat), rtol=1e-4)
    whole = [restyling.grams({"a": tf.constant(x)}) for x in (one, two)]
    assert restyling.style_distance(*grams)[0] < 1e-4 < 0.05 < restyling.style_distance(*whole)[0]
    tripled = restyling.grams({"a": tf.constant(one * 3**0.5)})  # G and 3 G: 2 / sqrt 3, whatever the scale of G
    np.testing.assert_allclose(restyling.style_distance(whole[0], tripled), 2 / 3**0.5, rtol=1e-4)


def test_the_shipped_model_takes_light_from_a_photograph_and_keeps_the_face():
    """A portrait at dusk's colours and back: what moves goes towards the style, and contours stay."""
    face = sizes.center_square(skimage.data.astronaut()[12:199, 130:317], 128)
    warm = (face * np.float32([1.0, 0.55, 0.35])).astype(np.uint8)
    editor = Editor(zoo.load_model("region_edit"))
    same, moved = editor.restyle(face, face), editor.restyle(face, warm)
    assert np.abs(same.astype(int) - face).max() <= 1  # its own looks are no change
    before, after, there = (p.reshape(-1, 3).mean(0) for p in (face, moved, warm))
    assert after[0] - after[2] > before[0] - before[2] + 8  # redder beside blue, as the style is
    assert np.abs(after - there).mean() < np.abs(before - there).mean()
    edges = [cv2.Canny(p, 60, 160) > 0 for p in (face, moved)]
    in_both = edges[0] & (cv2.dilate(edges[1].astype(np.uint8), np.ones((5, 5))) > 0)
    assert in_both.sum() > 0.8 * edges[0].sum()
    hair = editor.region(face, "hair")
    part = editor.restyle(face, warm, mask=hair)
    assert (part[hair == 0] == face[hair == 0]).all() and np.abs(part.astype(int) - face)[hair > 0].mean() > 3
