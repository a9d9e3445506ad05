"""The editor's server as a client sees it."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import contextlib
import http.client
import io
import json
import pathlib
import re
import socket
import struct
import threading

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.app.client import STROKES, ask, error_of, gradient, open_picture, png_of, serving, style_picture
from tfsketch import zoo
from tfsketch.app import server as server_lib
from tfsketch.app import studio as studio_lib
from tfsketch.app.examples import EXAMPLES, THUMBNAIL, web_file
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images import files, metadata
from tfsketch.images.layers import Drawing

pytest.importorskip("uvicorn", reason="the extra app is not installed")

_WEB = pathlib.Path(server_lib.__file__).parent / "web"


def test_the_page_and_what_it_is_told(port, model_dirs):
    for path, kind in (
        ("/", b"<!doctype html>"),
        ("/app.js", b"import"),
        ("/vendor/konva.min.js", b"Konva"),
        ("/app.css", b"grid"),
    ):
        status, body = ask(port, path)
        assert status == 200 and kind in body
    for path in (
        "/../setup.py",
        "/vendor/konva.LICENSE",
        "/%2e%2e/app.py",
        "/examples/portrait.jpg",
        "/docs",
        "/openapi.json",
    ):
        assert ask(port, path)[0] == 404
    state = json.loads(ask(port, "/api/state")[1])
    modes = ["edit", "draw", "restyle"]
    assert state["models"] == [{"name": name, "mode": mode} for name, mode in zip(model_dirs, modes)]
    assert state["modes"]["restyle"]["styled"] and state["places"][:3] == ["everywhere", "drawn", "face"]
    assert state["modes"]["edit"]["layers"] == ["mask", "sketch", "color"] and state["modes"]["draw"]["sheet"]
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/")
        headers = connection.getresponse().headers
    assert "script-src 'self'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_nothing_of_the_page_comes_from_elsewhere():
    for name in (name for name in server_lib.PAGE if "vendor" not in name):
        text = web_file(name).decode()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
        assert len(text.splitlines()) <= 350  # one purpose each
    assert {path.name for path in _WEB.glob("*.js")} == {f"{name}.js" for name in server_lib.MODULES}
    talks = [name for name in server_lib.MODULES if re.search(r"fetch\(|/api/", web_file(f"{name}.js").decode())]
    assert talks == ["backend"]
    license_ = web_file("vendor/konva.LICENSE").decode()
    assert "MIT" in license_ and b"Konva" in web_file("vendor/konva.min.js")[:600]


def test_a_run_is_the_editors_picture(port, studio, model_dirs):
    photo = gradient()
    entry = open_picture(port, png_of(photo))
    assert entry["size"] == entry["preview"] == [80, 60]
    request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": STROKES, "seed": 3, "count": 2}
    status, answer = ask(port, "/api/run", request)
    matches = json.loads(answer)
    assert status == 200 and [result["seed"] for result in matches["results"]] == [3, 4]
    layers = strokes_lib.render(strokes_lib.parse(STROKES), (60, 80))
    for result in matches["results"]:
        expected = Editor(zoo.load_model(model_dirs[0])).edit(
            photo, layers.mask, layers.sketch, layers.color, result["seed"]
        )
        left, top, width, height = result["box"]
        patch = files.read_rgb("patch", base64.b64decode(result["png"]))
        assert patch.shape == (height, width, 3) and (layers.mask.sum() <= width * height <= 60 * 80 / 2)
        picture = photo.copy()
        picture[top : top + height, left : left + width] = patch
        assert (picture == expected).all() and (picture != photo).any()
    assert set(matches["seconds"]) == {"strokes", "model", "encode"}
    status, file = ask(port, "/api/file", request)
    assert status == 200 and (files.read_rgb("file", file) == files.read_rgb("file", studio.file(request)[0])).all()


def test_large_photographs_are_shown_smaller_and_edited_at_full_size(port, model_dirs):
    photo = gradient(1500, 2000)
    entry = open_picture(port, png_of(photo))
    assert entry["preview"] == [1600, 1200]
    strokes = {"size": [1600, 1200], "strokes": [{"layer": "mask", "points": [[400, 300]], "width": 100}]}
    request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": strokes}
    result = json.loads(ask(port, "/api/run", request)[1])["results"][0]
    assert all(abs(actual - target) <= 4 for actual, target in zip(result["box"], (350, 250, 100, 100)))
    full = files.read_rgb("file", ask(port, "/api/file", request)[1])
    differences = np.argwhere((full != photo).any(axis=-1))
    assert (
        full.shape == photo.shape
        and (abs(differences.mean(axis=0) - (375, 500)) < 5).all()
        and np.ptp(differences[:, 0]) > 100
    )
    preview = Image.open(io.BytesIO(ask(port, f"/api/pictures/{entry['picture']}")[1]))
    assert preview.size == (1600, 1200)


def test_files_keep_their_metadata_and_are_marked(port, model_dirs):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6  # turned
    entry = open_picture(port, png_of(np.rot90(gradient()).copy(), exif=exif, icc_profile=profile))
    assert entry["size"] == [80, 60]
    request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": STROKES}
    for mark in (True, False):
        file = Image.open(io.BytesIO(ask(port, "/api/file", request | {"mark": mark})[1]))
        file.load()
        assert file.getexif().get(0x010F) == "Camera" and 0x0112 not in file.getexif()
        assert file.info["icc_profile"] == profile
        assert ("compositeWithTrainedAlgorithmicMedia" in str(file.info.get("XML:com.adobe.xmp", ""))) is mark
    assert Image.open(io.BytesIO(ask(port, f"/api/pictures/{entry['picture']}")[1])).info["icc_profile"] == profile


def test_sixteen_bits_and_transparency_come_back(port, model_dirs):
    deep = np.random.default_rng(3).integers(0, 65_536, (60, 80, 4)).astype(np.uint16)
    entry = open_picture(port, cv2.imencode(".png", deep)[1].tobytes())
    assert [note.split(",")[0] for note in entry["notes"]] == [
        "16 bits a channel are kept in PNG and TIFF; the network sees the upper 8",
        "its transparency is kept",
    ]
    request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": STROKES}
    further = json.loads(ask(port, "/api/continue", request)[1])["picture"]
    corner = {"size": [80, 60], "strokes": [{"layer": "mask", "points": [[5, 5]], "width": 6}]}
    for one in (request, request | {"picture": further, "strokes": corner}):
        result = cv2.imdecode(np.frombuffer(ask(port, "/api/file", one)[1], np.uint8), cv2.IMREAD_UNCHANGED)
        differ = (result != deep).any(axis=-1)
        assert result.dtype == np.uint16 and 0 < differ.mean() < 0.5 and (result[..., 3] == deep[..., 3]).all()
    grey = open_picture(port, png_of(gradient()[..., 0], icc_profile=b"\0" * 16 + b"GRAY" + b"\0" * 108))["picture"]
    assert "icc_profile" not in Image.open(io.BytesIO(ask(port, f"/api/pictures/{grey}")[1])).info  # it is shown as RGB
    assert Image.open(io.BytesIO(ask(port, "/api/file", request | {"picture": grey, "strokes": corner})[1])).mode == "L"
    buffer = io.BytesIO()
    Image.fromarray(gradient()).convert("CMYK").save(buffer, "TIFF")
    assert "CMYK" in open_picture(port, buffer.getvalue())["notes"][0]


def test_a_result_can_be_edited_further(port, model_dirs):
    entry = open_picture(port, png_of(gradient()))
    request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": STROKES}
    result = files.read_rgb("result", ask(port, "/api/file", request)[1])
    status, answer = ask(port, "/api/continue", request)
    further = json.loads(answer)
    assert status == 200 and further["picture"] != entry["picture"]
    corner = {"size": [80, 60], "strokes": [{"layer": "mask", "points": [[5, 5]], "width": 6}]}
    again = files.read_rgb(
        "again", ask(port, "/api/file", request | {"picture": further["picture"], "strokes": corner})[1]
    )
    assert (again[20:] == result[20:]).all() and (again != result).any()


def test_drawing_from_a_sheet(port, model_dirs):
    sheet = {"size": [40, 50], "strokes": [{"layer": "sketch", "points": [[5, 5], [30, 40]], "width": 2}]}
    status, answer = ask(port, "/api/run", {"model": model_dirs[1], "strokes": sheet, "fill": 1.0})
    assert status == 200, answer
    (result,) = json.loads(answer)["results"]
    assert result["box"] == [0, 0, 40, 50]
    assert files.read_rgb("p", base64.b64decode(result["png"])).shape == (50, 40, 3)
    assert files.read_rgb("l", base64.b64decode(result["lines"])).shape == (50, 40, 3)
    assert result["notes"] == []
    # Without palettes seeds make no difference, which is said.
    several = {"model": model_dirs[1], "strokes": sheet, "fill": 1.0, "count": 3}
    (one,) = json.loads(ask(port, "/api/run", several)[1])["results"]
    assert one["png"] == result["png"] and "whatever the seed" in one["notes"][0]
    assert "pick: expected a whole number of 0 to 0" in error_of(ask(port, "/api/file", several | {"pick": 2}))
    huge = sheet | {"size": [4000, 5000]}
    assert "at most 2048 pixels" in error_of(ask(port, "/api/run", {"model": model_dirs[1], "strokes": huge}))


def test_a_search_gives_several_and_any_of_them_can_be_saved(studio, model_dirs, monkeypatch):
    """With a stand-in for the search, which takes a minute."""

    class Searching:
        def complete(self, sketch, results, seed, fill, watch):
            lines = [np.full(sketch.shape, n % 2, np.uint8) for n in range(results)]
            return [Drawing(one, np.full((*sketch.shape, 3), 10 * n + seed, np.uint8)) for n, one in enumerate(lines)]

    monkeypatch.setitem(studio.modes, model_dirs[1], "complete")
    monkeypatch.setitem(studio._editors, (model_dirs[1], None), Searching())
    sheet = {"size": [40, 50], "strokes": [{"layer": "sketch", "points": [[5, 5], [30, 40]], "width": 2}]}
    request = {"model": model_dirs[1], "strokes": sheet, "seed": 3, "count": 3}
    result = studio.run(request)["results"]
    assert [int(files.read_rgb("p", base64.b64decode(one["png"])).max()) for one in result] == [3, 13, 23]
    assert [int(files.read_rgb("l", base64.b64decode(one["lines"])).max()) for one in result] == [255, 0, 255]
    assert files.read_rgb("file", studio.file(request | {"pick": 2})[0]).max() == 23
    with pytest.raises(TfsketchError, match="pick: expected a whole number of 0 to 2"):
        studio.file(request | {"pick": 3})


@pytest.fixture(name="restyling")
def _restyling(port, model_dirs):
    """A request for the style of another photograph, everywhere."""
    names = [open_picture(port, png_of(image))["picture"] for image in (gradient(), style_picture())]
    blank = {"size": [80, 60], "strokes": []}
    return {"model": model_dirs[2], "picture": names[0], "style": names[1], "strokes": blank}


def test_restyling_is_the_editors_picture(port, model_dirs, restyling, monkeypatch):
    editor, photo = Editor(zoo.load_model(model_dirs[2])), gradient()
    strokes = strokes_lib.render(strokes_lib.parse(STROKES), (60, 80)).mask
    lips = np.zeros((60, 80), np.uint8)
    lips[35:45, 30:50] = 1
    monkeypatch.setattr(Editor, "region", lambda self, image, names: lips if names == "lips" else None)
    monkeypatch.setattr(Editor, "region_style", lambda self, style, names: style[::-1] if names == "lips" else None)
    for more, mask, style in (
        ({}, None, style_picture()),
        ({"region": "drawn", "strokes": STROKES}, strokes, style_picture()),
        ({"region": "lips", "style_from": "whole"}, lips, style_picture()),
        ({"region": "lips"}, lips, style_picture()[::-1]),
    ):
        for amount in (1.0, 0.5):
            request = restyling | more | {"amount": amount}
            status, answer = ask(port, "/api/run", request)
            assert status == 200, answer
            (result,) = json.loads(answer)["results"]
            left, top, width, height = result["box"]
            picture = photo.copy()
            picture[top : top + height, left : left + width] = files.read_rgb("p", base64.b64decode(result["png"]))
            expected = editor.restyle(photo, style, mask, amount)
            assert (picture == expected).all() and (picture != photo).any()
            assert width * height == 80 * 60 if mask is None else width * height <= 80 * 60 / 2
    assert (files.read_rgb("file", ask(port, "/api/file", request)[1]) == expected).all()
    further = json.loads(ask(port, "/api/continue", request)[1])
    assert further["picture"] not in (restyling["picture"], restyling["style"])


def test_what_is_refused_of_restyling(port, restyling):
    for changes, message in (
        ({"style": None}, "style: expected a second photograph, whose style is taken, found none"),
        ({"style": "/etc/passwd"}, "style: expected one that is still in memory"),
        ({"style": [restyling["style"]]}, "style: expected one that is still in memory"),
        ({"style_from": "lips"}, "style_from: expected region or whole, found 'lips'"),
        ({"region": "hare"}, "region: expected one of everywhere, drawn, face, background"),
        ({"region": ["hair"]}, "region: expected one of"),
        ({"region": "lips"}, "region: expected a face, to find its lips, found none"),
        ({"region": "drawn"}, "mask: expected at least one pixel to restyle"),
        ({"amount": 1.5}, "amount: expected a share of 0 to 1, found 1.5"),
        ({"amount": True}, "amount: expected a share of 0 to 1"),
        ({"amount": 10**400}, "amount: expected a share of 0 to 1"),
        ({"fill": 10**400}, "fill: expected a share of 0 to 1"),
    ):
        assert message in error_of(ask(port, "/api/run", restyling | changes)), changes
    # A style goes the way of every photograph: too many bytes, or pixels, are refused before they are decoded.
    assert ask(port, "/api/pictures", b"x", "application/octet-stream", **{"Content-Length": str(2**40)})[0] == 413


def test_examples_open(port, studio, model_dirs):
    for name, example in EXAMPLES.items():
        status, answer = ask(port, f"/api/examples/{name}", {})
        entry = json.loads(answer)
        assert status == 200 and entry["mode"] == example.mode
        assert strokes_lib.parse(entry["strokes"]).strokes or example.style
        assert ("picture" in entry, "style" in entry) == (bool(example.picture), bool(example.style))
        assert Image.open(io.BytesIO(ask(port, f"/api/examples/{name}")[1])).size == (THUMBNAIL,) * 2
        if example.picture:
            request = {"model": model_dirs[0], "picture": entry["picture"], "strokes": entry["strokes"]}
            if example.style:
                request |= {"model": model_dirs[2], "style": entry["style"]["picture"], "region": entry["region"]}
            assert ask(port, "/api/run", request)[0] == 200
    assert "example: expected one of" in error_of(ask(port, "/api/examples/none", {}))


def test_what_is_refused(port, model_dirs):
    entry = open_picture(port, png_of(gradient()))
    good = {"model": model_dirs[0], "picture": entry["picture"], "strokes": STROKES}
    for changes, message in (
        ({"model": "../secret"}, "model: expected one of"),
        ({"model": ["x"]}, "model: expected one of"),
        ({"picture": "/etc/passwd"}, "picture: expected one that is still in memory"),
        ({"picture": None}, "picture: expected one that is still in memory"),
        ({"strokes": None}, "strokes: expected a mapping"),
        ({"strokes": {"size": [80, 60], "strokes": []}}, "found an empty mask"),
        ({"strokes": {"size": [60, 80], "strokes": []}}, "of the aspect 60 x 80"),
        ({"seed": -1}, "seed: expected a whole number"),
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"count": 99}, "count: expected a whole number of 1 to 4"),
        ({"side": 100_000}, "side: expected one of 128"),
        ({"fill": "much"}, "fill: expected a share"),
        ({"other": 1}, "expected a mapping of model"),
    ):
        assert message in error_of(ask(port, "/api/run", good | changes)), changes
    assert "expected JSON" in error_of(ask(port, "/api/run", b"{"))
    assert "expected JSON" in error_of(ask(port, "/api/run", b"[" * 100_000))
    assert "content-type: expected application/json" in error_of(ask(port, "/api/run", good, "text/plain"))
    assert "readable picture" in error_of(ask(port, "/api/pictures", b"GIF89a", "application/octet-stream"))
    assert ask(port, "/api/pictures", b"x", "application/octet-stream", **{"Content-Length": str(2**40)})[0] == 413
    header = metadata.chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + metadata.chunk(b"IDAT", b"") + metadata.chunk(b"IEND", b"")
    assert "expected at most 50,000,000 pixels" in error_of(
        ask(port, "/api/pictures", bomb, "application/octet-stream")
    )
    assert ask(port, "/api/state", Host="elsewhere.example")[0] == 400
    assert ask(port, "/api/run")[0] == 405


def test_only_a_few_pictures_are_kept(studio, monkeypatch):
    monkeypatch.setattr(studio_lib, "MEMORY_PIXELS", 3 * 4800)
    names = [studio.open(png_of(gradient()))["picture"] for _ in range(5)]
    for name in names[:2]:
        with pytest.raises(ImageError, match="still in memory"):
            studio.picture(name)
    assert studio.picture(names[4]).image.shape == (60, 80, 3) and len(set(names)) == 5


def test_a_full_queue_says_so(studio, monkeypatch):
    monkeypatch.setattr(studio_lib, "QUEUE", 1)
    gate = threading.Event()
    with serving(studio) as port:
        waiting = [studio.submit(gate.wait, 30), studio.submit(gate.wait, 30)]
        status, answer = ask(port, "/api/run", {})
        gate.set()
        assert status == 503 and "the queue full" in json.loads(answer)["error"]
        assert all(one.result(30) for one in waiting)
        assert "mapping of model" in error_of(ask(port, "/api/run", {"x": 1}))


def test_who_hangs_up_in_the_middle_of_a_body_is_no_error(studio):
    """Else every such request would leave a traceback in the log."""
    app = server_lib.create(studio, ["*"])
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"100")]
    scope = {"type": "http", "method": "POST", "path": "/api/pictures", "headers": headers, "query_string": b""}
    parts = iter([{"type": "http.request", "body": b"half", "more_body": True}])

    async def receive():
        return next(parts, {"type": "http.disconnect"})

    async def send(message):
        pass

    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # in this thread there may be the loop of a browser
        pool.submit(asyncio.run, app(scope, receive, send)).result(30)


def test_work_that_is_given_up_before_its_turn_leaves_the_queue(studio, monkeypatch):
    monkeypatch.setattr(studio_lib, "QUEUE", 1)
    gate = threading.Event()
    working = studio.submit(gate.wait, 30)
    for _ in range(5):  # each would take the one place otherwise
        assert studio.submit(gate.wait, 30).cancel()
    gate.set()
    assert working.result(30) and studio.submit(int, 7).result(30) == 7


def test_models_that_fit_no_mode_are_left_out():
    assert set(studio_lib.Studio(["face_parser", "sc_fegan"]).modes) == {"sc_fegan"}
    with pytest.raises(TfsketchError, match="expected a model that edits or draws, found face_parser"):
        studio_lib.Studio(["face_parser"])


def test_an_address_that_is_taken_is_named_before_models_are_loaded(monkeypatch):
    monkeypatch.setattr(server_lib, "Studio", lambda *_: pytest.fail("loaded"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(TfsketchError, match="expected a free address of this machine"):
            server_lib.serve("127.0.0.1", other.getsockname()[1], ["sc_fegan"])
