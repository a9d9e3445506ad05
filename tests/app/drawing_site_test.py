"""A drawing becomes a photograph without a server, in Chromium: Python's pictures, several of one drawing, offline."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.app.browsing import (
    LEVELS,
    VIEWPORTS,
    Hand,
    download_of,
    draw,
    http_server,
    look,
    overhangs,
    page_of,
    press_run,
    small_targets,
    until,
)
from tfsketch.app import examples, static
from tfsketch.backends.tflite import TFLite
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.framing import arrays

FACE = examples.contents(examples.EXAMPLES["face"])[0]


@pytest.fixture(scope="module")
def drawer(drawing_site):
    """The editor of its model, in Python."""
    return Editor(TFLite(drawing_site / static._MODEL))


@pytest.fixture(scope="module")
def page(browser, drawing_site):
    with http_server(drawing_site) as (port, _), page_of(browser, port) as page:
        yield page


def _scale(tree: dict, size: tuple[int, int], scale: float, left: float = 0.0, top: float = 0.0) -> dict:
    """Strokes on another sheet."""
    strokes = [
        {**stroke, "points": [[round(left + scale * x, 1), round(top + scale * y, 1)] for x, y in stroke["points"]]}
        | ({"width": max(1.0, round(scale * stroke["width"], 1))} if "width" in stroke else {})
        for stroke in tree["strokes"]
    ]
    return {"size": list(size), "strokes": strokes}


CASES = {
    "fills the paper": (FACE, 0.6, 0),
    "framed like a portrait, another seed": (FACE, 1.0, 3),
    "the framing is not said": (_scale(FACE, (512, 512), 0.6, 100, 120), None, 1),
    "a large sheet, upright": (_scale(FACE, (900, 1300), 1.7, 10, 200), 0.75, 0),
    "a small sheet, on its side": (_scale(FACE, (150, 96), 0.18, 20), 0.6, 70),
}
_DRAW = """async ([strokes, fill, seed]) => {
  const backend = await import("./backend.js");
  const request = { model: "cali_sketch", picture: null, strokes, seed, count: 1, pick: 0, side: null, fill };
  const { results } = await backend.run(request), [{ box, notes, lines }] = results;
  if (results.length !== 1 || results[0].seed !== seed) throw new Error("results");
  const text = (bytes) => {
    let all = "";
    for (let n = 0; n < bytes.length; n += 8192) all += String.fromCharCode(...bytes.subarray(n, n + 8192));
    return btoa(all);
  };
  const image = new Image();
  image.src = lines;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  const ink = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const { blob } = await backend.save(request, { format: "png", mark: true });
  return [text(new Uint8Array(await blob.arrayBuffer())), text(ink), box, notes];
}"""


@pytest.mark.parametrize("case", CASES)
def test_a_drawing_is_pythons_picture(page, drawer, case):
    tree, fill, seed = CASES[case]
    width, height = tree["size"]
    sketch = strokes_lib.render(strokes_lib.parse(tree), (height, width)).sketch
    data, ink, box, notes = page.evaluate(_DRAW, [tree, fill, seed])
    expected = drawer.draw(sketch, arrays.usual_fill(sketch) if fill is None else fill, seed)
    result = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert box == [0, 0, width, height] and result.shape == expected.image.shape
    difference = np.abs(result.astype(int) - expected.image)
    assert difference.max() <= LEVELS, np.bincount(difference.ravel())
    assert result.std() > 10  # it is a picture
    lines = np.frombuffer(base64.b64decode(ink), np.uint8).reshape(height, width, 4)[..., 0] < 128
    assert expected.refined.any() and (lines != (expected.refined > 0)).mean() < 1e-3
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in base64.b64decode(data)
    assert bool(notes) == (fill is None) and all("framed by the size" in note for note in notes)


def test_seeds_are_palettes(page, drawer):
    sketch = strokes_lib.render(strokes_lib.parse(FACE), (512, 512)).sketch
    pictures = []
    for seed in (0, 1, 2):
        data = base64.b64decode(page.evaluate(_DRAW, [FACE, 0.6, seed])[0])
        pictures.append(np.asarray(Image.open(io.BytesIO(data))).astype(int))
        assert np.abs(pictures[-1] - drawer.draw(sketch, 0.6, seed).image).max() <= LEVELS
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(pictures[one] - pictures[other]).mean() > 8


def test_a_sheet_at_a_phone_and_without_a_network(browser, drawing_site, drawer, shots, tmp_path):
    phone = {"viewport": VIEWPORTS["phone"], "has_touch": True}
    with http_server(drawing_site) as (port, end), page_of(browser, port, **phone) as page:
        assert page.inner_text("#start-title") == "Draw, and get a photograph"
        assert page.inner_text("#start-how") == "Drop saved strokes here, or"
        look(page, shots, "drawing_start")
        page.click("#start-open")  # a blank sheet
        page.wait_for_selector("#start", state="hidden")
        hand = Hand(page)
        for line in (
            [(0.3, 0.4), (0.35, 0.7), (0.5, 0.8), (0.65, 0.7), (0.7, 0.4), (0.6, 0.25), (0.4, 0.25), (0.3, 0.4)],
            [(0.4, 0.45), (0.44, 0.44)],
            [(0.56, 0.44), (0.6, 0.45)],
            [(0.5, 0.48), (0.48, 0.57), (0.52, 0.57)],
            [(0.44, 0.67), (0.5, 0.69), (0.56, 0.67)],
        ):
            draw(page, hand, *line)
        page.select_option("#count", "4")
        page.select_option("#fill", "0.75")
        look(page, shots, "drawing_sheet")
        press_run(page)
        page.wait_for_selector("#gallery:not([hidden])")
        assert page.locator("#gallery button").count() == 4
        look(page, shots, "drawing_gallery")
        assert overhangs(page, "#gallery button, #panel *, header *") == [] and small_targets(page) == []
        first = download_of(page, "#download")
        tree = json.loads(download_of(page, "#save-strokes"))
        sketch = strokes_lib.render(strokes_lib.parse(tree), (512, 512)).sketch
        result = np.asarray(Image.open(io.BytesIO(first))).astype(int)
        assert np.abs(result - drawer.draw(sketch, 0.75, 0).image).max() <= LEVELS
        page.locator("#gallery button").nth(2).click()
        third = download_of(page, "#download")
        result = np.asarray(Image.open(io.BytesIO(third))).astype(int)
        assert np.abs(result - drawer.draw(sketch, 0.75, 2).image).max() <= LEVELS
        look(page, shots, "drawing_result")
        page.click("[data-view=lines]")
        look(page, shots, "drawing_lines")

        # What it lacks is not offered, and said.
        for selector in ("#open-drawing", "#mask-field", "#continue", "#seam-field", "#side-field"):
            assert page.is_hidden(selector), selector
        (tmp_path / "scan.png").write_bytes(first)
        page.set_input_files("#file", tmp_path / "scan.png")
        page.wait_for_selector("#message:not([hidden])")
        assert "reading a scan or a photograph of a drawing" in page.inner_text("#message")
        assert json.loads(download_of(page, "#save-strokes")) == tree

        until(page, "!!navigator.serviceWorker.controller")
        end()
        page.context.set_offline(True)
        page.reload()
        page.wait_for_selector("#start", state="hidden")
        assert json.loads(download_of(page, "#save-strokes")) == tree
        page.select_option("#fill", "0.75")
        page.select_option("#count", "1")
        press_run(page)
        assert download_of(page, "#download") == first
        page.select_option("#fill", "")  # then the result has a note
        press_run(page)
        assert page.is_visible("#said summary") and small_targets(page) == []
