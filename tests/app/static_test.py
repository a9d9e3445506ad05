"""The folder of the editor without a server: whole, and open to no other origin."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from tests.app.browsing import answering, page_of, refuse_first, until
from tests.app.client import gradient, png_of
from tfsketch import zoo
from tfsketch.app import litert, static
from tfsketch.errors import DataError, ExportError


@pytest.fixture(scope="module")
def content(editing_folder, archives, tmp_path_factory):
    """The tiny editor's folder: (the folder, what was said to be written)."""
    folder = tmp_path_factory.mktemp("site") / "tiny"
    return folder, static.export(zoo.load_model(editing_folder), "tiny", folder, runtime=archives)


def test_the_folder_is_whole_and_says_so(content):
    folder, output = content
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == set(output)
    assert not list(folder.parent.glob(".*partial*"))
    state = json.loads(output["state.json"])
    small = json.loads(re.search(r"const FILES = (\{.*?\});", output["sw.js"].decode(), re.S)[1])
    engine = state["engine"]
    large = {one["path"]: one["integrity"] for one in (engine["model"], *engine["runtimes"].values())}
    assert set(small) | set(large) == set(output) - {"sw.js"} and not set(small) & set(large)
    for path, integrity in (small | large).items():
        assert integrity == "sha256-" + base64.b64encode(hashlib.sha256(output[path]).digest()).decode(), path
    assert engine["version"] in output["sw.js"].decode() and engine["side"] == 32
    assert set(engine["takes"]) == {"image", "mask", "sketch", "color", "noise"}
    # Every module that one imports is there, and none is too long to be read.
    for path in (path for path in output if path.endswith(".js") and path.split("/")[0] not in ("vendor", "litert")):
        text = output[path].decode()
        assert text.count("\n") <= 350
        for name in re.findall(r'(?:from|import) "(\./[\w./]+)"', text):
            place = (pathlib.PurePosixPath(path).parent / name).as_posix()
            assert place in output or place == "backend.js", (path, name)
    assert (
        "Apache License" in output["litert/LICENSE"].decode() and litert.VERSION in output["litert/NOTICE.txt"].decode()
    )


def test_the_policy_allows_no_other_origin(content):
    _, output = content
    page = output["index.html"].decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'self'"
    inline = re.search(r'<script type="importmap">(.*?)</script>', page)[1]
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    sources = {"'none'", "'self'", "'unsafe-inline'", "'wasm-unsafe-eval'", "blob:", "data:", f"'sha256-{digest}'"}
    assert set(" ".join(rules.values()).split()) == sources
    assert "unsafe" not in rules["script-src"].replace("'wasm-unsafe-eval'", "") and "blob:" not in rules["script-src"]
    # And nothing of ours asks for one.
    for path in (
        path for path in output if path.endswith((".html", ".js", ".css")) and path[:6] not in ("vendor", "litert")
    ):
        addresses = set(re.findall(r"https?://[^\s\"'`<]+", output[path].decode()))
        assert all("w3.org" in one or "adobe.com" in one or "iptc.org" in one for one in addresses), (path, addresses)


def _site_files(way, folder, archives, where):
    """(state.json, files by path) of a model's folder, which offers its way and all that it needs for it."""
    output = static.export(zoo.load_model(folder), "tiny", where, "float32", runtime=archives)
    state = json.loads(output["state.json"])
    assert list(state["modes"]) == [way] and state["engine"]["way"] == way and state["lacks"] == static.LACKS[way]
    for one in state["examples"]:
        about = json.loads(output[f"examples/{one['name']}.json"])
        assert one["mode"] == about["mode"] == way
        assert all(f"examples/{about[key]}" in output for key in ("photograph", "style") if about[key])
        assert bool(about["style"]) == (way == "restyle") and bool(about["photograph"]) == (way != "draw")
    assert state["examples"]
    return state, output


def test_a_folder_that_draws(model_dirs, archives, tmp_path):
    state, _ = _site_files("draw", model_dirs[1], archives, tmp_path / "site")
    assert state["engine"]["takes"] == {"sketch": [1, 32, 32, 1]} and state["modes"]["draw"]["sheet"]


def test_a_folder_that_restyles(restyling_folder, archives, tmp_path):
    state, _ = _site_files("restyle", restyling_folder, archives, tmp_path / "site")
    sides = {"image": 3, "style": 3, "mask": 1}
    assert state["engine"]["takes"] == {key: [1, 16, 16, n] for key, n in sides.items()} | {"amount": [1, 1]}
    assert state["places"] == ["everywhere", "drawn"] and state["modes"]["restyle"]["styled"]


def test_what_is_refused(editing_folder, archives, tmp_path):
    parser = zoo.load_model("face_parser")
    with pytest.raises(ExportError, match="expected a model that edits, draws or restyles.*found one of face_parser"):
        static.export(parser, "x", tmp_path / "a", runtime=archives)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/mine.txt").write_text("mine")
    with pytest.raises(DataError, match="expected a new or an empty folder, found something"):
        static.export(zoo.load_model(editing_folder), "x", tmp_path / "b", runtime=archives)
    assert [path.name for path in tmp_path.iterdir()] == ["b"] and (tmp_path / "b/mine.txt").read_text() == "mine"


@contextlib.contextmanager
def _serving(folder, **places: str):
    """The folder by a server that leads elsewhere from some addresses, as many do from index.html."""

    class Leading(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def do_GET(self):
            place = places.get(self.path.strip("/").replace(".", "_"))
            if place is None:
                super().do_GET()
                return
            self.send_response(308)
            self.send_header("Location", place)
            self.end_headers()

        def log_message(self, *_):
            pass

    with answering(Leading) as port:
        yield port


def test_a_server_that_leads_from_index_html_to_its_folder(browser, content):
    with _serving(content[0], index_html="/") as port, page_of(browser, port) as page:
        until(page, "!!navigator.serviceWorker.controller")
        for _ in range(2):
            page.reload()
            page.wait_for_selector("#start-open")
        assert page.evaluate("performance.getEntriesByType('navigation')[0].workerStart") > 0


def _file(kind: str, count: int) -> bytes:
    """A file of several pictures, or of one."""
    frames, buffer = [Image.fromarray(np.roll(gradient(), 9 * n, axis=0)) for n in range(count)], io.BytesIO()
    frames[0].save(buffer, kind, save_all=count > 1, append_images=frames[1:])
    return buffer.getvalue()


def test_an_animation_is_no_photograph(browser, content, tmp_path):
    with _serving(content[0]) as port, page_of(browser, port) as page:
        for kind in ("GIF", "PNG", "WEBP"):
            (tmp_path / f"a.{kind}").write_bytes(_file(kind, 3))
            page.set_input_files("#file", tmp_path / f"a.{kind}")
            page.wait_for_selector(f"#message:has-text('a.{kind}: expected one picture, found several')")
            page.click("#message")
            (tmp_path / f"b.{kind}").write_bytes(_file(kind, 1))
            page.set_input_files("#file", tmp_path / f"b.{kind}")
            page.wait_for_selector("#start", state="hidden")
            assert page.is_hidden("#message")
            page.click(".brand")
            page.wait_for_selector("body:not([inert]) #start-open")  # files are taken from then on


def test_a_worker_that_does_not_start_is_started_again(browser, content, tmp_path):
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    context = browser.new_context(service_workers="block")  # its console may say what was not there
    requests = refuse_first(context, "**/browser/worker.js")
    with _serving(content[0]) as port:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.click("#agree")
        page.wait_for_timeout(500)
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
    assert len(requests) == 2
    context.close()
