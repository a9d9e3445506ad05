"""A drawing, a scan or a photograph of one, opened as the sketch: by the server, and in the page."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from tests import sheets
from tests.app.browsing import download_of, in_both_layouts, on_the_phone, page_of, press_run, stroke_counts
from tests.app.client import ask, error_of, gradient, png_of
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.images import meaning

SCAN = sheets.sheet(sheets.face(300, 3), (235, 232, 225), (60, 60, 75), 3, "side")
RULED = sheets.SHEETS["squared paper of a program"]


def _read(port, data, level=0):
    return ask(port, f"/api/sketch?level={level}", data, "application/octet-stream")


def test_a_drawing_comes_back_as_strokes(port):
    status, answer = _read(port, png_of(SCAN))
    tree = json.loads(answer)
    assert status == 200 and "dark strokes on bright paper" in tree.pop("notes")
    result = strokes_lib.render(strokes_lib.parse(tree), (300, 300)).sketch
    target = meaning.sketch(sheets.opaque(SCAN), "s").layer
    assert ((result > 0) & (target > 0)).sum() >= 0.97 * target.sum() and result.sum() <= 1.5 * target.sum()
    counts = [len(json.loads(_read(port, png_of(RULED), level)[1])["strokes"]) for level in (0, 0.7)]
    assert counts[1] > 3 * counts[0] > 0


def test_what_is_no_drawing_is_told(port):
    for data, level, message in (
        (
            png_of(sheets.PORTRAIT),
            0,
            "the drawing: expected a sketch, lines on paper, found what looks like a photograph",
        ),
        (b"no picture", 0, "the drawing: expected a readable picture"),
        (png_of(SCAN), "much", "level: expected a number from -1 to 1, found 'much'"),
        (png_of(SCAN), "nan", "level: expected a number from -1 to 1, found nan"),
        (png_of(SCAN), 2, "level: expected a number from -1 to 1, found 2.0"),
    ):
        assert message in error_of(_read(port, data, level)), message
    assert "content-type" in error_of(ask(port, "/api/sketch", {}))
    empty = json.loads(_read(port, png_of(np.full((40, 50, 3), 250, np.uint8)))[1])
    assert empty["strokes"] == [] and empty["notes"] == ["no strokes were found: a sheet without lines"]


def _whole(page, selector, viewport):
    """Whether an element lies in the window."""
    box = page.locator(selector).bounding_box()
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    return min(box["x"], box["y"]) >= 0 and right <= viewport["width"] and bottom <= viewport["height"]


@in_both_layouts
def test_a_scan_becomes_the_sheet(browser, port, model_dirs, tmp_path, viewport):
    Image.fromarray(SCAN).save(tmp_path / "scan.png")
    with page_of(browser, port, viewport=viewport) as page:
        page.select_option("#model", model_dirs[1])
        page.set_input_files("#file", tmp_path / "scan.png")
        page.wait_for_selector("#drawing-use:not([disabled])")
        assert "dark strokes" in page.inner_text("#drawing-notes")
        for part in ("#drawing", "#drawing-preview", "#drawing-level", "#drawing-use", "#drawing-cancel"):
            assert _whole(page, part, viewport), part
        page.click("#drawing-cancel")
        assert page.inner_text("[data-layer=sketch] output") == "empty"
        page.set_input_files("#file", tmp_path / "scan.png")
        page.click("#drawing-use:not([disabled])")
        assert page.is_hidden("#drawing") and "strokes" in page.inner_text("[data-layer=sketch] output")
        press_run(page)
        tree = json.loads(download_of(page, "#save-strokes"))
        assert page.locator("#history img").count() == 1
    assert tree["size"] == [300, 300]
    result = strokes_lib.render(strokes_lib.parse(tree), (300, 300)).sketch
    target = meaning.sketch(sheets.opaque(SCAN), "s").layer
    assert ((result > 0) & (target > 0)).sum() >= 0.97 * target.sum()


@on_the_phone
def test_a_drawing_is_the_sketch_of_a_photograph(browser, port, tmp_path, viewport):
    Image.fromarray(RULED).save(tmp_path / "ruled.png")
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    with page_of(browser, port, viewport=viewport) as page:
        assert page.is_hidden("#open-drawing")
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
        page.wait_for_selector("#open-drawing")
        page.click("[data-tool=mask]")
        stage = page.locator("#stage").bounding_box()
        page.mouse.click(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
        page.set_input_files("#drawing-file", tmp_path / "ruled.png")
        page.wait_for_selector("#drawing-use:not([disabled])")
        assert page.is_hidden("#drawing-photograph")
        before = page.locator("#drawing-preview").screenshot()
        with page.expect_response("**/api/sketch?level=0.7"):
            page.locator("#drawing-level").fill("70")
            assert page.is_disabled("#drawing-use")  # what is shown is of another level
        page.wait_for_selector("#drawing-use:not([disabled])")
        assert page.locator("#drawing-preview").screenshot() != before
        with page.expect_response("**/api/sketch?level=0"):
            page.locator("#drawing-level").fill("0")
        page.click("#drawing-use:not([disabled])")
        mask, sketch, _ = stroke_counts(page)
        assert mask == "1 stroke" and sketch.endswith("strokes")
        assert "lies in the middle" in page.inner_text("#message")  # a square on 4:3
        page.click("#undo")
        assert stroke_counts(page)[:2] == ["1 stroke", "empty"]
        page.click("#redo")
        assert stroke_counts(page)[:2] == [mask, sketch]
        with page.expect_response("**/api/run") as answer:
            press_run(page)
        request = json.loads(answer.value.request.post_data)["strokes"]
        assert json.loads(download_of(page, "#save-strokes")) == request
    result = strokes_lib.render(strokes_lib.parse(request), (60, 80)).sketch
    rows, columns = np.argwhere(result).T
    assert abs(columns.mean() - 40) < 3 and 20 <= columns.min() and columns.max() < 62 and np.ptp(rows) > 40


@on_the_phone
def test_a_photograph_is_refused_as_a_drawing_and_may_be_opened_as_one(browser, port, model_dirs, tmp_path, viewport):
    Image.fromarray(sheets.PORTRAIT).save(tmp_path / "me.png")
    context = browser.new_context(viewport=viewport)  # its console may say that a request was refused
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    page.select_option("#model", model_dirs[1])
    page.set_input_files("#file", tmp_path / "me.png")
    page.wait_for_selector("#drawing-notes.refusal")
    assert "found what looks like a photograph" in page.inner_text("#drawing-notes")
    assert page.is_disabled("#drawing-use")
    page.click("#drawing-photograph")
    page.wait_for_selector("#side-field:not([hidden])")
    assert page.input_value("#model") == model_dirs[0] and page.is_hidden("#drawing")
    context.close()
