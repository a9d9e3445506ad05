"""The editor without a server, in Chromium: a visit, the next ones with the network off, and what it asks for."""

from __future__ import annotations

import http.server
import io
import json
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tests.app.browsing import LEVELS, answering, download_of, face, http_server, page_of, press_run, refuse_first
from tests.app.client import png_of
from tfsketch.conditions import strokes as strokes_lib


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


def test_a_visit_and_the_next_ones_without_a_network(browser, site, editor, tmp_path):
    image = np.ascontiguousarray(face(240)[:180])
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
        picture = Image.open(io.BytesIO(download_of(page, "#download")))
        assert picture.format == "JPEG" and picture.size == (240, 180) and b"compositeWith" in picture.info["xmp"]
        page.click("#continue")
        page.wait_for_selector("#views", state="hidden")


def test_neither_page_nor_worker_reaches_another_origin(browser, site):
    addresses: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            addresses.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    tell = """(address) => fetch(address, { mode: "no-cors" }).then(() => "sent", () => "refused")"""
    context = browser.new_context()  # its console may say what was refused
    try:
        with http_server(site) as (port, _), answering(Elsewhere) as other_port:
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
        assert set(addresses) - {"/favicon.ico"} == {"/own", "/free"}
    finally:
        context.close()


def test_a_model_that_does_not_come_is_told_and_asked_for_again(browser, site):
    context = browser.new_context(service_workers="block")  # its console may say what was not there
    requests = refuse_first(context, "**/*.tflite")
    try:
        with http_server(site) as (port, _):
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.goto(f"http://127.0.0.1:{port}/")
            page.click("#agree")
            page.click("[data-example=features]")
            page.wait_for_selector("#start", state="hidden")
            _until(lambda: requests, page)
            press_run(page)  # loads it again
        assert len(requests) >= 2
    finally:
        context.close()
