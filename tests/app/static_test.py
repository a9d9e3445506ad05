"""The editor without a server: its folder, and in Chromium its pictures, which are Python's, with the network off."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from tests import build_files
from tests.app.browsing import download_of, page_of, press_run
from tests.app.client import png_of
from tfsketch import zoo
from tfsketch.app import litert, masks, static
from tfsketch.backends.tflite import TFLite
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.errors import ExportError
from tfsketch.framing import arrays
from tfsketch.images import sizes
from tfsketch.vocabulary import resize

LEVELS = 2
"""By which a picture of the browser's may differ from Python's, inside of the mask."""


@pytest.fixture(scope="module")
def archives():
    """A folder of LiteRT.js's archives, where npm can fetch them or has."""
    try:
        litert.archives()
    except ExportError as error:
        pytest.skip(str(error))
    return litert.cache_folder()


@pytest.fixture(scope="module")
def content(editing_folder, archives, tmp_path_factory):
    """The tiny editor's folder: (the folder, what was said to be written)."""
    folder = tmp_path_factory.mktemp("site") / "tiny"
    return folder, static.export(zoo.load_model(editing_folder), "tiny", folder, runtime=archives)


def test_the_folder_is_whole_and_says_so(content):
    folder, written = content
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == set(written)
    assert not list(folder.parent.glob(".*partial*"))
    state = json.loads(written["state.json"])
    small = json.loads(re.search(r"const FILES = (\{.*?\});", written["sw.js"].decode(), re.S)[1])
    engine = state["engine"]
    large = {one["path"]: one["integrity"] for one in (engine["model"], *engine["runtimes"].values())}
    assert set(small) | set(large) == set(written) - {"sw.js"} and not set(small) & set(large)
    for path, integrity in (small | large).items():
        assert integrity == "sha256-" + base64.b64encode(hashlib.sha256(written[path]).digest()).decode(), path
    assert engine["version"] in written["sw.js"].decode() and engine["side"] == 32
    assert set(engine["takes"]) == {"image", "mask", "sketch", "color", "noise"}
    # Every module that one imports is there, and none is too long to be read.
    for path in (path for path in written if path.endswith(".js") and path.split("/")[0] not in ("vendor", "litert")):
        text = written[path].decode()
        assert text.count("\n") <= 350
        for name in re.findall(r'(?:from|import) "(\./[\w./]+)"', text):
            place = (pathlib.PurePosixPath(path).parent / name).as_posix()
            assert place in written or place == "backend.js", (path, name)
    assert (
        "Apache License" in written["litert/LICENSE"].decode()
        and litert.VERSION in written["litert/NOTICE.txt"].decode()
    )


def test_the_policy_allows_no_other_origin(content):
    _, written = content
    page = written["index.html"].decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'self'"
    inline = re.search(r'<script type="importmap">(.*?)</script>', page)[1]
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    allowed = {"'none'", "'self'", "'unsafe-inline'", "'wasm-unsafe-eval'", "blob:", "data:", f"'sha256-{digest}'"}
    assert set(" ".join(rules.values()).split()) == allowed
    assert "unsafe" not in rules["script-src"].replace("'wasm-unsafe-eval'", "") and "blob:" not in rules["script-src"]
    # And nothing of ours asks for one.
    for path in (
        path for path in written if path.endswith((".html", ".js", ".css")) and path[:6] not in ("vendor", "litert")
    ):
        addresses = set(re.findall(r"https?://[^\s\"'`<]+", written[path].decode()))
        assert all("w3.org" in one or "adobe.com" in one or "iptc.org" in one for one in addresses), (path, addresses)


def test_the_runtime_is_the_one_that_was_tried(archives, tmp_path, monkeypatch):
    names = list(litert.ARCHIVES)
    with pytest.raises(ExportError, match=rf"{names[0]}.*found none"):
        litert.runtime(tmp_path)
    for name in names:
        shutil.copy(archives / name, tmp_path)
    contents = litert.runtime(tmp_path)
    assert {path.rpartition(".")[2] for path in contents} == {"js", "wasm", "txt"} and len(contents) == 9
    assert all(contents[f"wasm/{stem}_internal.wasm"][:4] == b"\0asm" for stem in litert.VARIANTS.values())
    assert (
        b'from "./wasm-utils.js"' in contents["core.js"] and b"@litertjs" not in contents["core.js"].split(b"\n\n")[0]
    )

    (tmp_path / names[1]).write_bytes((tmp_path / names[1]).read_bytes() + b"\0")
    with pytest.raises(
        ExportError, match=rf"{re.escape(names[1])}: expected the archive with sha512-.*, found sha512-"
    ):
        litert.runtime(tmp_path)
    # A cache that was changed is refused as a folder is.
    monkeypatch.setattr(litert, "cache_folder", lambda: tmp_path)
    with pytest.raises(ExportError, match="found sha512-"):
        litert.archives()


def test_what_people_are_told_where_it_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"expected npm.*found none.*npm pack .*--litert=FOLDER"):
        litert.archives()
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm ERR! network request failed, reason: no address' >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(ExportError, match=r"could not \(npm ERR! network request failed.*--litert=FOLDER"):
        litert.archives()
    # What npm gives is checked too, and not kept.
    name = next(iter(litert.ARCHIVES))
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\necho other > "$last/{name}"\n')
    with pytest.raises(ExportError, match="found sha512-"):
        litert.archives()
    assert not (tmp_path / "cache").exists()


def test_what_is_refused(editing_folder, restyling_folder, archives, tmp_path):
    with pytest.raises(ExportError, match="expected a model that edits photographs.*found one of region_edit"):
        static.export(zoo.load_model(restyling_folder), "x", tmp_path / "a", runtime=archives)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="expected a new or an empty folder, found something"):
        static.export(zoo.load_model(editing_folder), "x", tmp_path / "b", runtime=archives)
    assert [path.name for path in tmp_path.iterdir()] == ["b"] and (tmp_path / "b/mine.txt").read_text() == "mine"


@contextlib.contextmanager
def http_server(folder: pathlib.Path):
    """`python -m http.server`; gives its port, and a function that ends it."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            yield int(re.search(r"port (\d+)", running.stdout.readline())[1]), running.kill
        finally:
            running.kill()


@contextlib.contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]):
    """A server in this process; gives its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def site(archives, tmp_path_factory):
    """The shipped model's folder, by the binary."""
    folder = tmp_path_factory.mktemp("site") / "mobile"
    command = [sys.executable, "-m", "tools.export", "--model=sc_fegan_mobile", "--format=web"]
    done = subprocess.run(
        [*command, f"--output={folder}", f"--litert={archives}"], cwd=build_files.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    megabytes = float(re.search(r"loads ([\d.]+) MB", done.stdout)[1])
    assert 8 < megabytes < 14
    return folder


@pytest.fixture(scope="module")
def editor(site):
    return Editor(TFLite(site / static._MODEL), find_faces=False, texture=0.0)


def _drag(page, *places: tuple[float, float]) -> None:
    """Drags the mouse along places of the stage, in shares of its sides."""
    box = page.locator("#stage").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def _until(true, page) -> None:
    """Waits for something."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def page(browser, site):
    with http_server(site) as (port, _), page_of(browser, port) as opened:
        yield opened


def _trees(count: int) -> list[tuple[dict, tuple[int, int]]]:
    """Random strokes, also far outside of the picture, as (tree, (width, height))."""
    rng, cases = np.random.default_rng(7), []
    for _ in range(count):
        width, height = (int(side) for side in rng.integers(1, 130, 2))
        low, high = (-60, 200) if rng.random() < 0.5 else (0, min(width, height))
        strokes = []
        for _ in range(rng.integers(1, 5)):
            layer, fill = str(rng.choice(strokes_lib.LAYERS)), bool(rng.random() < 0.4)
            points = np.round(rng.uniform(low, high, (rng.integers(3 if fill else 1, 12), 2)), 1)
            stroke = {"layer": layer, "points": points.tolist()} | ({"fill": True} if fill else {})
            if not fill or rng.random() < 0.5:
                stroke["width"] = float(np.round(rng.choice([1, 2, 3, rng.uniform(0.1, 50)]), 1))
            if layer == "color":
                stroke["color"] = rng.integers(0, 256, 3).tolist()
            strokes.append(stroke)
        factor = 1 if rng.random() < 0.7 else 2
        cases.append(({"size": [factor * width, factor * height], "strokes": strokes}, (width, height)))
    return cases


def test_strokes_are_pythons_to_the_pixel(page):
    cases = _trees(300)
    answers = page.evaluate(
        """async (cases) => {
          const { checkStrokes, render } = await import("./browser/raster.js");
          // As text: an array of numbers is read a hundred times as slowly.
          const text = (layer) => {
            let all = "";
            for (let n = 0; n < layer.length; n += 8192) all += String.fromCharCode(...layer.subarray(n, n + 8192));
            return btoa(all);
          };
          return cases.map(([tree, size]) => {
            checkStrokes(tree);
            return Object.values(render(tree, size)).map(text);
          });
        }""",
        cases,
    )
    for (tree, (width, height)), layers in zip(cases, answers):
        expected = strokes_lib.render(strokes_lib.parse(tree), (height, width))
        for one, other in zip((expected.mask, expected.sketch, expected.color), layers):
            theirs = np.frombuffer(base64.b64decode(other), np.uint8)
            np.testing.assert_array_equal(one.ravel(), theirs, err_msg=json.dumps(tree))


def test_layers_at_the_working_side_and_noise_are_pythons(page):
    rng, cases, expected = np.random.default_rng(3), [], []
    for factor in (0.5, 1 / 3, 0.77, 0.21, 1.0, 1.6, 3.1):
        height, width = (int(side) for side in rng.integers(12, 80, 2))
        size = max(1, round(height * factor)), max(1, round(width * factor))
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        mask = (rng.random((height, width)) < 0.1).astype(np.uint8)
        cases.append([width, height, size[1], size[0], image.ravel().tolist(), mask.ravel().tolist()])
        expected.append((resize(image, size), arrays.resize_mask(mask, size), arrays.resize_sketch(mask, size)))
    answers, noise = page.evaluate(
        """async ([cases, seeds]) => {
          const { layerOf, meanOf, resize, resizeMask } = await import("./browser/resizing.js");
          const { thin } = await import("./browser/thinning.js");
          const { standardNormal } = await import("./browser/noise.js");
          const layers = cases.map(([w, h, toW, toH, image, mask]) => {
            const hole = layerOf(Uint8Array.from(mask), w, h, 1), lines = meanOf(hole, toW, toH);
            return [resize(layerOf(Uint8Array.from(image), w, h, 3), toW, toH).data, resizeMask(hole, toW, toH).data,
              thin(Uint8Array.from(lines, (value) => (value > 0 ? 1 : 0)), toW, toH)].map((data) => Array.from(data));
          });
          return [layers, seeds.map((seed) => Array.from(standardNormal(seed, 20000)))];
        }""",
        [cases, [0, 7, 2**31 - 1]],
    )
    for (image, mask, sketch), layers in zip(expected, answers):
        assert np.abs(image.ravel().astype(int) - layers[0]).max() <= 1
        np.testing.assert_array_equal(mask.ravel(), layers[1])
        np.testing.assert_array_equal(sketch.ravel(), layers[2])
    for seed, values in zip((0, 7, 2**31 - 1), noise):
        normal = np.random.default_rng(seed).standard_normal(20000, np.float32)
        np.testing.assert_allclose(normal, np.float32(values), atol=1e-6)


@pytest.mark.parametrize("grow, invert", [(6, False), (-4, False), (0, True), (3, True)])
def test_a_changed_mask_is_pythons_but_for_its_outermost_pixels(page, grow, invert):
    """Rings, holes, what touches the border, at the size of the preview and above it."""
    ring = {"layer": "mask", "points": [[60, 60], [120, 50], [130, 110], [60, 120], [60, 60]], "width": 22}
    blot = {"layer": "mask", "points": [[190, 20], [230, 60], [180, 70]], "fill": True}
    edge = {"layer": "mask", "points": [[0, 190], [100, 170]], "width": 25}
    tree = {"size": [240, 200], "strokes": [ring, blot, edge]}
    tree_of_mask = page.evaluate(
        """async ([picture, strokes, grow, invert]) => {
          const backend = await import("./backend.js");
          const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
          const { picture: handle } = await backend.open(new Blob([bytes]));
          return backend.mask({ picture: handle, strokes, grow, invert });
        }""",
        [base64.b64encode(png_of(_face(240)[:200])).decode(), tree, grow, invert],
    )
    expected = masks.changed(strokes_lib.render(strokes_lib.parse(tree), (200, 240)).mask, grow, invert)
    covered = strokes_lib.render(strokes_lib.parse(tree_of_mask), (200, 240)).mask
    border = cv2.morphologyEx(expected, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    assert not ((covered != expected) & (border == 0)).any()
    assert (covered != expected).mean() < 0.01


def _face(side: int) -> np.ndarray:
    return sizes.center_square(skimage.data.astronaut()[0:256, 100:356], side)


def _grey(side: int) -> np.ndarray:
    return np.repeat(_face(side).mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)


def _mouth(width: int, height: int, scale: float = 1.0) -> dict:
    """Strokes over what is in the middle of a picture: a filled outline, a line, a colour."""
    x, y = width / 2, height / 2
    near = [[-50, -30], [40, -40], [60, 20], [-10, 45], [-60, 10]]
    points = [[round(x + scale * u, 1), round(y + scale * v, 1)] for u, v in near]
    brush = {"layer": "mask", "points": [points[0], points[2]], "width": round(12 * scale, 1)}
    line = {"layer": "sketch", "points": [points[0], [x, y], points[2]], "width": round(max(1.0, 2 * scale), 1)}
    paint = {"layer": "color", "points": [points[4], [x, y]], "width": round(9 * scale, 1), "color": [190, 60, 80]}
    strokes = [{"layer": "mask", "points": points, "fill": True}, brush, line]
    return {"size": [width, height], "strokes": strokes + [paint]}


CASES = {
    "portrait": (_face(256), _mouth(256, 256), 0, None),
    "portrait, larger": (_face(600), _mouth(600, 600, 2.0), 5, None),
    "small, enlarged": (_face(120), _mouth(120, 120, 0.5), 1, None),
    "landscape": (np.tile(_face(300), (1, 3, 1)), _mouth(900, 300, 0.6), 2, None),
    "thin": (_face(256)[:, 90:170].copy(), _mouth(80, 256, 0.5), 3, None),
    "feathered": (_face(400), _mouth(400, 400), 0, 7),
    "grey": (_grey(300), {**_mouth(300, 300), "strokes": _mouth(300, 300)["strokes"][:3]}, 4, None),
}


def _bytes(page, script: str, arguments) -> tuple[bytes, list[str]]:
    data, notes = page.evaluate(script, arguments)
    return base64.b64decode(data), notes


_EDIT = """async ([picture, strokes, seed, feather]) => {
  const backend = await import("./backend.js"), bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
  const { picture: handle } = await backend.open(new Blob([bytes]));
  const request = { model: "sc_fegan_mobile", picture: handle, strokes, seed, count: 1, side: null, feather };
  const { results } = await backend.run(request);
  if (results.length !== 1 || results[0].seed !== seed) throw new Error("results");
  const { blob, notes } = await backend.save(request, { format: "png", mark: true });
  const text = String.fromCharCode(...new Uint8Array(await blob.slice(0, 0).arrayBuffer()));
  const saved = new Uint8Array(await blob.arrayBuffer());
  let all = text;
  for (let n = 0; n < saved.length; n += 8192) all += String.fromCharCode(...saved.subarray(n, n + 8192));
  return [btoa(all), notes];
}"""


def _check(page, editor, case: str) -> None:
    image, tree, seed, feather = CASES[case]
    data, notes = _bytes(page, _EDIT, [base64.b64encode(png_of(image)).decode(), tree, seed, feather])
    result = np.asarray(Image.open(io.BytesIO(data)))
    layers = strokes_lib.render(strokes_lib.parse(tree), image.shape[:2])
    expected = editor.feathered(feather).edit(image, layers.mask, layers.sketch, layers.color, seed)
    hole = layers.mask > 0
    assert hole.any() and not hole.all() and notes == []
    np.testing.assert_array_equal(result[~hole], image[~hole])
    difference = np.abs(result[hole].astype(int) - expected[hole])
    assert difference.max() <= LEVELS, np.bincount(difference.ravel())
    assert np.abs(result[hole].astype(int) - image[hole]).mean() > 3  # it did paint
    if case == "grey":
        assert (result == result[..., :1]).all()


@pytest.mark.parametrize("case", CASES)
def test_an_edit_is_pythons_picture(page, editor, case):
    _check(page, editor, case)


def test_an_isolated_page_runs_on_threads(browser, site, editor):
    requested: list[str] = []

    class Isolating(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(site))

        def end_headers(self):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_):
            requested.append(self.path)

    with _serving(Isolating) as port, page_of(browser, port) as page:
        assert page.evaluate("crossOriginIsolated")
        _check(page, editor, "portrait")
        assert [path for path in requested if path.endswith(".wasm")] == [
            "/litert/wasm/litert_wasm_threaded_internal.wasm"
        ]


def test_a_visit_and_the_next_ones_without_a_network(browser, site, editor, tmp_path):
    image = np.ascontiguousarray(_face(240)[:180])
    (tmp_path / "photo.png").write_bytes(png_of(image))
    with http_server(site) as (port, end), page_of(browser, port) as page:
        address = f"http://127.0.0.1:{port}/"
        requests: list[str] = []
        page.context.on("request", lambda request: requests.append(request.url))
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
        page.click("[data-tool=mask]")
        _drag(page, (0.4, 0.5), (0.6, 0.5), (0.6, 0.7))
        page.click("[data-tool=sketch]")
        _drag(page, (0.45, 0.55), (0.55, 0.6))
        press_run(page)
        first = download_of(page, "#download")
        tree = json.loads(download_of(page, "#save-strokes"))
        strokes = strokes_lib.render(strokes_lib.parse(tree), image.shape[:2])
        hole = strokes.mask > 0
        result = np.asarray(Image.open(io.BytesIO(first)))
        np.testing.assert_array_equal(result[~hole], image[~hole])
        expected = editor.edit(image, strokes.mask, strokes.sketch, strokes.color)
        assert np.abs(result[hole].astype(int) - expected[hole]).max() <= LEVELS
        assert b"compositeWithTrainedAlgorithmicMedia" in first
        assert requests and all(url.startswith((address, "blob:", "data:")) for url in requests)

        page.click("#mask-grow")
        _until(lambda: json.loads(download_of(page, "#save-strokes")) != tree, page)
        page.click("#undo")
        assert json.loads(download_of(page, "#save-strokes")) == tree

        # What it lacks is not offered, and said.
        for selector in ("#mask-regions", "#side-field", "#open-drawing"):
            assert page.is_hidden(selector), selector
        page.click("#help")
        assert "masks of a region of the face" in page.inner_text("#lacks")
        page.click("#agree")

        # All is there once the service worker is; then neither server nor network is needed.
        _until(lambda: page.evaluate("!!navigator.serviceWorker.controller"), page)
        errors = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
        assert {error["errorId"] for error in errors} <= {"in-incognito"}  # as Playwright's contexts are
        end()
        with pytest.raises(OSError):
            urllib.request.urlopen(address, timeout=5)
        page.context.set_offline(True)
        page.reload()
        page.wait_for_selector("#message:not([hidden])")
        assert "Your strokes are kept" in page.inner_text("#message")
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
        assert json.loads(download_of(page, "#save-strokes")) == tree
        press_run(page)
        assert download_of(page, "#download") == first
        page.select_option("#format", "jpeg")
        shown = Image.open(io.BytesIO(download_of(page, "#download")))
        assert shown.format == "JPEG" and shown.size == (240, 180) and b"compositeWith" in shown.info["xmp"]
        page.click("#continue")
        page.wait_for_selector("#views", state="hidden")


def test_neither_page_nor_worker_reaches_another_origin(browser, site):
    requested: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requested.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    tell = """(address) => fetch(address, { mode: "no-cors" }).then(() => "sent", () => "refused")"""
    context = browser.new_context()  # its console may say what was refused
    try:
        with http_server(site) as (port, _), _serving(Elsewhere) as other_port:
            other = f"http://127.0.0.1:{other_port}/"
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.click("#agree")
            _until(lambda: page.workers, page)
            assert page.evaluate(tell, other + "page") == "refused"
            assert page.workers[0].evaluate(tell, other + "worker") == "refused"
            free = context.new_page()  # without a policy it is heard
            free.goto(other + "own")
            assert free.evaluate(tell, other + "free") == "sent"
        assert set(requested) - {"/favicon.ico"} == {"/own", "/free"}
    finally:
        context.close()


def test_a_model_that_does_not_come_is_told_and_asked_for_again(browser, site):
    context = browser.new_context(service_workers="block")  # its console may say what was not there
    refused: list[str] = []

    def refuse_once(route) -> None:
        refused.append(route.request.url)
        if len(refused) == 1:
            route.abort()
        else:
            route.continue_()

    context.route("**/*.tflite", refuse_once)
    try:
        with http_server(site) as (port, _):
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"http://127.0.0.1:{port}/")
            page.click("#agree")
            page.click("[data-example=features]")
            page.wait_for_selector("#start", state="hidden")
            _until(lambda: refused, page)
            press_run(page)  # loads it again
        assert len(refused) >= 2
    finally:
        context.close()
