"""What the page may ask beside pictures: how far they are, masks, and files of other formats."""

from __future__ import annotations

import http.client
import io
import json
import threading
import time
import xml.etree.ElementTree
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.app.client import STROKES, ask, error_of, gradient, open_picture, png_of
from tfsketch.app import jobs as jobs_lib
from tfsketch.app import masks
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.errors import TfsketchError
from tfsketch.images import files
from tfsketch.zoo import resolve


@pytest.fixture(name="request_")
def _request(port, model_dirs):
    return {"model": model_dirs[0], "picture": open_picture(port, png_of(gradient()))["picture"], "strokes": STROKES}


def test_a_job_tells_how_far_it_is_and_ends_when_asked(port, studio, model_dirs, monkeypatch):
    """With a stand-in for the search, which takes a minute."""
    text, go_on = threading.Event(), threading.Event()

    class Searching:
        def complete(self, sketch, results, seed, fill, watch):
            for share in (0.0, 0.25, 0.5, 0.75):
                watch(share)
                if share == 0.25:
                    text.set()
                    assert go_on.wait(30)
            raise AssertionError("it should have been ended")

    monkeypatch.setitem(studio.modes, model_dirs[1], "complete")
    monkeypatch.setitem(studio._editors, (model_dirs[1], None), Searching())
    sheet = {"size": [40, 50], "strokes": [{"layer": "sketch", "points": [[5, 5], [30, 40]], "width": 2}]}
    answers: list = []
    asking = threading.Thread(
        target=lambda: answers.append(ask(port, "/api/run", {"model": model_dirs[1], "strokes": sheet}, Job="mine"))
    )
    asking.start()
    assert text.wait(30)
    assert json.loads(ask(port, "/api/jobs/mine")[1]) == {"share": 0.25}
    assert json.loads(ask(port, "/api/jobs/other")[1]) == {"share": None}
    assert "job: expected a new name" in error_of(ask(port, "/api/run", {}, Job="mine"))
    assert ask(port, "/api/jobs/other", {})[0] == 200  # nobody's: nothing is ended
    assert ask(port, "/api/jobs/mine", {})[0] == 200
    go_on.set()
    asking.join(30)
    assert answers[0][0] == 409 and "cancelled" in json.loads(answers[0][1])["error"]
    assert json.loads(ask(port, "/api/jobs/mine")[1]) == {"share": None}
    assert "job: expected a new name" in error_of(ask(port, "/api/run", {}, Job="x" * 50))
    assert ask(port, "/api/jobs/mine", {}, "text/plain")[0] == 400


def test_who_hangs_up_ends_the_job(port, studio, model_dirs, monkeypatch):
    start, end = threading.Event(), threading.Event()

    class Searching:
        def complete(self, sketch, results, seed, fill, watch):
            start.set()
            try:
                for _ in range(300):
                    watch(0.5)
                    time.sleep(0.05)
            except jobs_lib.Ended:
                end.set()
                raise

    monkeypatch.setitem(studio.modes, model_dirs[1], "complete")
    monkeypatch.setitem(studio._editors, (model_dirs[1], None), Searching())
    strokes = {"size": [40, 50], "strokes": [{"layer": "sketch", "points": [[5, 5], [30, 40]], "width": 2}]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"model": model_dirs[1], "strokes": strokes})
    connection.request("POST", "/api/run", body, {"Content-Type": "application/json"})  # without a name
    assert start.wait(30)
    connection.close()
    assert end.wait(10)


def test_a_job_that_was_ended_while_it_waited_never_starts(studio):
    jobs = jobs_lib.Jobs()
    watch = jobs.begin("mine")
    jobs.end("mine")
    with pytest.raises(jobs_lib.Ended):
        studio.run({"model": "of which nothing is read"}, watch)
    jobs.close("mine")
    jobs.begin("mine")(0.5)  # the name is free again, and nothing is ended
    assert jobs.share("mine") == 0.5
    assert issubclass(jobs_lib.Ended, TfsketchError)


def _mask(port, **more) -> np.ndarray:
    status, answer = ask(port, "/api/mask", more)
    assert status == 200, answer
    tree = json.loads(answer)
    assert {stroke["layer"] for stroke in tree["strokes"]} == {"mask"}
    return strokes_lib.render(strokes_lib.parse(tree), tuple(tree["size"][::-1])).mask


@pytest.mark.parametrize("scale", [1, 30])  # the larger one is shown smaller than it is
def test_masks_grow_shrink_and_are_inverted(port, scale):
    height, width = 60 * scale, 80 * scale
    picture = open_picture(port, png_of(gradient(height, width)))["picture"]
    square = [[x * scale, y * scale] for x, y in ([20, 15], [60, 15], [60, 45], [20, 45])]
    strokes = {"size": [width, height], "strokes": [{"layer": "mask", "points": square, "fill": True}]}
    fields = {"picture": picture, "strokes": strokes}
    plain = strokes_lib.render(strokes_lib.parse(strokes), (height, width)).mask
    near = 3 * max(1, scale // 15)
    for more, reach in (({}, 0), ({"grow": 6 * scale}, 6), ({"grow": -6 * scale}, -6)):
        mask = _mask(port, **fields, **more)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        expected = [(15 - reach) * scale, (45 + reach) * scale, (20 - reach) * scale, (60 + reach) * scale]
        assert np.abs(np.array([rows[0], rows[-1], columns[0], columns[-1]]) - expected).max() <= near, more
    inverse = _mask(port, **fields, invert=True)
    assert ((inverse > 0) == (plain == 0)).mean() > 0.93 and not inverse[height // 2, width // 2]
    again = {"picture": picture, "strokes": {"size": [width, height], "strokes": []}, "invert": True}
    assert _mask(port, **again).all()
    assert "mask: expected something to be left of it" in error_of(
        ask(port, "/api/mask", fields | {"grow": -33 * scale})
    )


def test_a_region_of_a_face_becomes_a_mask(port, monkeypatch):
    ring = np.zeros((60, 80), np.uint8)
    ring[10:50, 20:60], ring[20:40, 30:50] = 1, 0
    monkeypatch.setattr(Editor, "region", lambda self, image, names: ring.copy() if names == "hair" else None)
    picture = open_picture(port, png_of(gradient()))["picture"]
    dot = {"layer": "mask", "points": [[75, 55]], "width": 6}
    mask = _mask(port, picture=picture, strokes={"size": [80, 60], "strokes": [dot]}, region="hair")
    assert mask[12, 40] and mask[55, 75] and not mask[30, 40]  # the hole in it stays one
    assert (mask[:, :65] != ring[:, :65]).mean() < 0.02
    for changes, message in (
        ({"region": "everywhere"}, "region: expected one of face, background"),
        ({"region": ["hair"]}, "region: expected one of face"),
        ({"grow": 10**9}, "grow: expected a number of -1000 to 1000"),
        ({"grow": "much"}, "grow: expected a number"),
        ({"invert": 1}, "invert: expected true or false"),
        ({"picture": "/etc/passwd"}, "picture: expected one that is still in memory"),
        ({"other": 1}, "expected a mapping of picture"),
    ):
        fields = {"picture": picture, "strokes": {"size": [80, 60], "strokes": [dot]}} | changes
        assert message in error_of(ask(port, "/api/mask", fields)), changes
    monkeypatch.undo()
    fields = {"picture": picture, "strokes": {"size": [80, 60], "strokes": []}, "region": "lips"}
    assert "expected a face, to find its lips, found none" in error_of(ask(port, "/api/mask", fields))


def test_what_is_at_the_pictures_border_does_not_shrink_there():
    half = np.zeros((20, 20), np.uint8)
    half[:, :10] = 1
    assert masks.resize_mask(half, -3, False)[:, 0].all() and not masks.resize_mask(half, -3, False)[:, 7].any()
    assert masks.resize_mask(half, 3, False)[:, 12].all() and not masks.resize_mask(half, 3, False)[:, 13].any()


def test_the_feather_is_the_editors(port, studio, model_dirs, request_):
    editor = resolve.Editor(model_dirs[0], feather=5)
    layers = strokes_lib.render(strokes_lib.parse(STROKES), (60, 80))
    expected = editor.edit(gradient(), layers.mask, layers.sketch, layers.color, 0)
    soft = files.read_rgb("file", ask(port, "/api/file", request_ | {"feather": 5})[1])
    plain = files.read_rgb("file", ask(port, "/api/file", request_)[1])
    assert (soft == expected).all() and (soft != plain).any()
    for feather in (-1, 1001, "soft", True):
        assert "feather: expected a number of 0 to 1000" in error_of(
            ask(port, "/api/run", request_ | {"feather": feather})
        )


def test_the_last_stages_are_the_editors(port, model_dirs, request_):
    layers = strokes_lib.render(strokes_lib.parse(STROKES), (60, 80))
    results = []
    for seam, texture in ((True, 1.0), (False, 1.0), (True, 0.0)):
        request = request_ | {"seam": seam, "texture": texture}
        results.append(files.read_rgb("file", ask(port, "/api/file", request)[1]))
        editor = resolve.Editor(model_dirs[0], seam=seam, texture=texture)
        expected = editor.edit(gradient(), layers.mask, layers.sketch, layers.color, 0)
        np.testing.assert_array_equal(results[-1], expected)
    assert (results[0] != results[1]).any() and (results[0] != results[2]).any()
    plain = files.read_rgb("file", ask(port, "/api/file", request_)[1])
    np.testing.assert_array_equal(plain, results[0])
    for key, value, message in (("seam", 1, "true or false"), ("texture", 2, "a share of 0 to 1")):
        assert f"{key}: expected {message}" in error_of(ask(port, "/api/run", request_ | {key: value}))


def test_a_result_is_saved_as_jpeg_and_webp(port, model_dirs):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    entry = open_picture(port, png_of(gradient(), exif=exif))
    request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": STROKES}
    full = files.read_rgb("file", ask(port, "/api/file", request)[1]).astype(int)
    for kind in ("jpeg", "webp"):
        sizes = []
        for quality in (40, 95):
            status, data = ask(port, "/api/file", request | {"format": kind, "quality": quality})
            picture = Image.open(io.BytesIO(data))
            assert status == 200 and picture.format == kind.upper() and picture.size == (80, 60)
            assert picture.getexif().get(0x010F) == "Camera"
            assert b"compositeWithTrainedAlgorithmicMedia" in data
            sizes.append(len(data))
        assert sizes[0] < sizes[1] and abs(np.asarray(picture.convert("RGB")).astype(int) - full).mean() < 4
        assert b"TrainedAlgorithmicMedia" not in ask(port, "/api/file", request | {"format": kind, "mark": False})[1]
    for changes, message in (
        ({"format": "gif"}, "format: expected one of png, jpeg, webp, ora, found 'gif'"),
        ({"format": ["png"]}, "format: expected one of"),
        ({"quality": 0}, "quality: expected a whole number of 1 to 100"),
        ({"quality": 92.5}, "quality: expected a whole number"),
        ({"mark": "no"}, "mark: expected true or false, found 'no'"),
    ):
        assert message in error_of(ask(port, "/api/file", request | changes)), changes


def test_layers_are_an_openraster_file(port, request_):
    status, data = ask(port, "/api/file", request_ | {"format": "ora"})
    full = files.read_rgb("file", ask(port, "/api/file", request_)[1])
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        image = xml.etree.ElementTree.fromstring(archive.read("stack.xml"))
        layers = list(image.find("stack"))
        composite = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png"))))
        thumbnail = Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png")))
        pictures = {one.get("name"): Image.open(io.BytesIO(archive.read(one.get("src")))).copy() for one in layers}
    assert (image.get("w"), image.get("h")) == ("80", "60") and max(thumbnail.size) <= 256
    assert [one.get("name") for one in layers] == ["Sketch", "Colours", "Mask", "Result", "Photograph"]
    assert [one.get("visibility") for one in layers] == ["hidden"] * 3 + ["visible"] * 2
    picture = Image.alpha_composite(pictures["Photograph"].convert("RGBA"), pictures["Result"])
    assert (np.asarray(picture)[..., :3] == full).all() and (composite == full).all()
    request_layers = strokes_lib.render(strokes_lib.parse(STROKES), (60, 80))
    for name, layer in (
        ("Sketch", request_layers.sketch),
        ("Mask", request_layers.mask),
        ("Colours", request_layers.color[..., 3]),
    ):
        assert ((np.asarray(pictures[name])[..., 3] > 0) == (layer > 0)).all(), name
    assert (np.asarray(pictures["Photograph"]) == gradient()).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_layers_keep_transparency_and_have_no_profile_of_grey(port, model_dirs, mode):
    image = Image.fromarray(gradient()).convert(mode)
    alpha = np.where(np.arange(80) < 40, 0, 255).astype(np.uint8) * np.ones((60, 1), np.uint8)
    image.putalpha(Image.fromarray(alpha))
    buffer = io.BytesIO()
    profile = b"\0" * 16 + (b"GRAY" if mode == "LA" else b"RGB ") + b"\0" * 108
    image.save(buffer, "PNG", icc_profile=profile)
    picture = open_picture(port, buffer.getvalue())["picture"]
    request = {"model": model_dirs[0], "picture": picture, "strokes": STROKES, "format": "ora"}
    with zipfile.ZipFile(io.BytesIO(ask(port, "/api/file", request)[1])) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png") and "thumb" not in name]
        layers = {name: Image.open(io.BytesIO(archive.read(name))) for name in names}
    *_, result, photograph = (layers[name] for name in sorted(names) if name.startswith("data/"))
    composite = layers["mergedimage.png"]
    view = np.asarray(Image.alpha_composite(photograph, result))
    assert (np.asarray(composite)[..., 3] == alpha).all() and (view[..., 3] == alpha).all()
    assert (view[alpha > 0] == np.asarray(composite)[alpha > 0]).all()
    assert {layer.info.get("icc_profile") for layer in layers.values()} == {None if mode == "LA" else profile}


def test_layers_say_that_they_have_no_sixteen_bits(port, model_dirs):
    deep = np.random.default_rng(3).integers(0, 65_536, (60, 80, 3)).astype(np.uint16)
    picture = open_picture(port, files.encode_png(deep))["picture"]
    request = {"model": model_dirs[0], "picture": picture, "strokes": STROKES, "format": "ora"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/api/file", json.dumps(request), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert json.loads(answer.headers["x-notes"]) == ["OpenRaster has 8 bits a channel here, the photograph 16"]
    answer.read()
    connection.close()
