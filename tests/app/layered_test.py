"""Layers that the page saved are opened again: by the page's server, and by tools.edit."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.app.client import STROKES, ask, gradient, open_picture, png_of
from tests.edits import run_edit
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.images import files

WIDE = {"layer": "mask", "points": [[2, 2], [78, 2], [78, 58], [2, 58]], "fill": True}


@pytest.fixture(name="saved", params=["", "wide"])
def _saved(port, model_dirs, request):
    """(request, its OpenRaster file) of an edit, and of one with most of the sheet in the mask."""
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    picture = open_picture(port, png_of(gradient(), exif=exif, dpi=(300, 300)))["picture"]
    tree = {**STROKES, "strokes": [*STROKES["strokes"], *([WIDE] if request.param else [])]}
    asked = {"model": model_dirs[0], "picture": picture, "strokes": tree, "seed": 3}
    return asked, ask(port, "/api/file", asked | {"format": "ora"})[1]


def _upload(port, data: bytes, place: str = "/api/pictures") -> dict:
    status, answer = ask(port, place, data, "application/octet-stream")
    assert status == 200, answer
    return json.loads(answer)


def _change(data: bytes, **contents: bytes) -> bytes:
    """An OpenRaster file with other contents of some files, `data/layer0.png` for the key `layer0`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            stem = name.rpartition("/")[2].partition(".")[0]
            new.writestr(name, contents.get(stem, old.read(name)))
    return buffer.getvalue()


def test_the_page_opens_the_strokes_that_it_saved(port, saved):
    asked, data = saved
    entry = _upload(port, data)
    assert entry["strokes"] == asked["strokes"] and entry["size"] == [80, 60] and entry["notes"] == []
    again = asked | {"picture": entry["picture"]}
    for kind in ("png", "ora"):  # the photograph and its metadata, too
        assert (
            ask(port, "/api/file", again | {"format": kind})[1] == ask(port, "/api/file", asked | {"format": kind})[1]
        )
    sketch = _upload(port, data, "/api/sketch?level=0")
    assert sketch["strokes"] == [stroke for stroke in asked["strokes"]["strokes"] if stroke["layer"] == "sketch"]
    assert _upload(port, png_of(gradient()))["strokes"] is None


@pytest.mark.parametrize("change", ["strokes are lost", "strokes are of another edit", "a layer was painted on"])
def test_layers_count_and_not_what_they_were_made_of(port, saved, change):
    asked, data = saved
    tree = asked["strokes"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(f"data/layer{n}.png")))).copy() for n in range(3)]
    contents = {"strokes": b"{}"}
    if change == "strokes are of another edit":
        contents = {"strokes": json.dumps({**tree, "strokes": tree["strokes"][:1]}).encode()}
    elif change == "a layer was painted on":
        pictures[1][5:12, 5:30] = (3, 7, 250, 255)
        contents = {"layer1": png_of(pictures[1])}
    entry = _upload(port, _change(data, **contents))
    assert "traced, true to a pixel" in entry["notes"][0]
    layers = strokes_lib.render(strokes_lib.parse(entry["strokes"]), (60, 80))
    for layer, picture in (
        (layers.sketch, pictures[0]),
        (layers.color[..., 3], pictures[1]),
        (layers.mask, pictures[2]),
    ):
        differ = (layer > 0) != (picture[..., 3] > 0)
        # True to a pixel: nothing differs that is not at an edge of what was painted.
        edge = np.ones_like(differ)
        edge[1:-1, 1:-1] = False
        shape = picture[..., 3] > 0
        for axis in (0, 1):
            for step in (-1, 1):
                edge |= np.roll(shape, step, axis) != shape
        assert not (differ & ~edge).any() and differ.mean() < 0.02
    both = (layers.color[..., 3] > 0) & (pictures[1][..., 3] > 0)
    assert (np.abs(layers.color.astype(int) - pictures[1])[both] <= 2).mean() > 0.97


def test_a_soft_brush_becomes_a_few_colours(port, saved):
    _, data = saved
    soft = np.zeros((60, 80, 4), np.uint8)
    soft[10:50, 10:70, :3] = gradient(40, 60)
    soft[10:50, 10:70, 3] = 255
    entry = _upload(port, _change(data, layer1=png_of(soft)))
    colors = {tuple(stroke["color"]) for stroke in entry["strokes"]["strokes"] if stroke["layer"] == "color"}
    assert 8 <= len(colors) <= 32
    layers = strokes_lib.render(strokes_lib.parse(entry["strokes"]), (60, 80))
    assert np.abs(layers.color.astype(int) - soft)[15:45, 15:65, :3].mean() < 20


def test_tools_edit_makes_the_pages_picture_of_the_file(port, saved, tmp_path, capsys):
    asked, data = saved
    expected = files.read_rgb("result", ask(port, "/api/file", asked)[1])
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    ora = tmp_path / "edit.ora"
    ora.write_bytes(data)
    assert run_edit(asked["model"], ora, "--seed=3") == 0
    assert (files.read_rgb(tmp_path / "edit_edited.png") == expected).all()
    assert "edit.ora: its mask and its sketch and its color count\n" in capsys.readouterr().out
    with Image.open(tmp_path / "edit_edited.png") as picture:
        assert picture.getexif()[0x010F] == "Camera" and round(picture.info["dpi"][0]) == 300
    for arguments in (
        [tmp_path / "photo.png", ora],
        [f"--image={tmp_path}/photo.png", *(f"--{what}={ora}" for what in ("mask", "sketch", "color"))],
    ):
        assert run_edit(asked["model"], *arguments, "--seed=3", f"--output={tmp_path}/out.png") == 0
        assert (files.read_rgb(tmp_path / "out.png") == expected).all()
    assert run_edit(asked["model"], f"--image={tmp_path}/photo.png", f"--mask={ora}", f"--output={tmp_path}/m.png") == 0
    assert (files.read_rgb(tmp_path / "m.png") != expected).any()  # the mask alone
