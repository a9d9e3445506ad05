"""The page as people meet it: by mouse, by pen, by fingers; on a telephone, a tablet and a desk."""

from __future__ import annotations

import io
import json
import os
import pathlib
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests import sheets
from tests.app.browsing import Hand, clipped, download_of, page_of, press_run, small_targets, stroke_counts, viewports
from tests.app.client import ask, error_of, gradient, png_of, serving
from tfsketch.app import examples
from tfsketch.app import jobs as jobs_lib
from tfsketch.app import studio as studio_lib
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.images import files
from tfsketch.images.layers import Drawing
from tfsketch.zoo import resolve

LOADED = "[...document.querySelectorAll('#examples img')].filter((one) => one.naturalWidth).length"


@pytest.fixture(name="photo", scope="module")
def _photo_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    path.write_bytes(png_of(gradient()))
    return path


def _open(page, path) -> None:
    page.set_input_files("#file", path)
    page.wait_for_selector("#start", state="hidden")


def _strokes(page) -> list[dict]:
    return json.loads(download_of(page, "#save-strokes"))["strokes"]


def _until(page, expression: str, seconds: float = 20) -> None:
    """Waits for something true in the page, whose policy forbids Playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.05)


def _look(page, shots, name: str) -> None:
    """A screenshot for the eye, where someone has asked for them (`TFSKETCH_SHOTS`, a folder)."""
    if shots:
        page.screenshot(path=f"{shots}/{name}.png")


@pytest.fixture(name="shots")
def _shots():
    return os.environ.get("TFSKETCH_SHOTS", "")


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
def test_the_start_card_is_notclipped(browser, port, shots, width):
    with page_of(browser, port, viewport={"width": width, "height": 844 if width < 1000 else 900}) as page:
        _until(page, LOADED + f" == {len(examples.EXAMPLES)}")
        _look(page, shots, f"start-{width}")
        assert clipped(page, ".card, .card *, header *") == []
        # What is taller than its window scrolls, from the first line to the last.
        for end, selector in (("0", "#start-title"), ("1e6", "#examples button:last-child")):
            page.evaluate(f"document.getElementById('start').scrollTop = {end}")
            box, area = (page.locator(one).bounding_box() for one in (selector, "#canvas"))
            assert area["y"] <= box["y"] and box["y"] + box["height"] <= area["y"] + area["height"], selector


@viewports
def test_thumbnails_that_fail_are_asked_for_again(browser, port, viewport):
    context = browser.new_context(viewport=viewport)  # its console may say that requests were refused
    page = context.new_page()
    refusals: dict[str, int] = {}

    def refuse_twice(route) -> None:
        refusals[route.request.url] = refusals.get(route.request.url, 0) + 1
        if refusals[route.request.url] <= 2 and route.request.method == "GET":
            route.fulfill(status=503, json={"error": "the queue full"})
        else:
            route.continue_()

    page.route("**/api/examples/*", refuse_twice)
    page.goto(f"http://127.0.0.1:{port}/")
    _until(page, LOADED + f" == {len(examples.EXAMPLES)}")
    assert len(refusals) >= len(examples.EXAMPLES) and min(refusals.values()) >= 3
    context.close()


@viewports
def test_a_pen_draws_and_the_palm_does_not(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        _open(page, photo)
        page.click("[data-tool=mask]")
        hand = Hand(page)
        hand.swipe((0.4, 0.4), (0.6, 0.5))  # no pen yet: a finger paints
        assert stroke_counts(page)[0] == "1 stroke"
        page.click("#undo")

        hand.touch("Start", (0.8, 0.8))  # a palm lies there before the pen comes
        hand.touch("Move", (0.82, 0.82))
        hand.pen("pressed", (0.3, 0.5))
        for step in range(1, 6):
            hand.pen("moved", (0.3 + 0.06 * step, 0.5))
        hand.touch("Move", (0.7, 0.8))
        hand.touch("End")
        hand.touch("Start", (0.75, 0.75))  # and again, while the pen draws
        hand.touch("Move", (0.7, 0.7))
        for step in range(6, 9):
            hand.pen("moved", (0.3 + 0.06 * step, 0.5))
        hand.touch("Cancel")
        hand.pen("released", (0.78, 0.5))
        assert stroke_counts(page)[0] == "1 stroke"
        (stroke,) = _strokes(page)
        assert len(stroke["points"]) >= 8

        zoomed = page.inner_text("#zoom-real")
        hand.swipe((0.4, 0.4), (0.5, 0.5))  # from now on a finger moves the picture
        assert stroke_counts(page)[0] == "1 stroke" and page.inner_text("#zoom-real") == zoomed
        hand.pen_line((0.4, 0.6), (0.6, 0.6))
        moved = _strokes(page)[-1]["points"][0]
        before = hand.at(0.4, 0.6)
        hand.swipe((0.5, 0.5), (0.4, 0.4))
        hand.pen("pressed", (0.4, 0.6))
        hand.pen("moved", (0.45, 0.6))
        hand.pen("released", (0.45, 0.6))
        assert before == hand.at(0.4, 0.6) and _strokes(page)[-1]["points"][0][0] > moved[0] + 1
        hand.touch("Start", (0.4, 0.5), (0.6, 0.5))
        hand.touch("Move", (0.35, 0.5), (0.65, 0.5))
        hand.touch("Move", (0.2, 0.5), (0.8, 0.5))
        hand.touch("End")
        assert page.inner_text("#zoom-real") != zoomed and stroke_counts(page)[0] == "3 strokes"
        _look(page, shots, f"pen-{viewport['width']}")


@viewports
def test_every_layer_by_mouse_pen_and_finger(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True, is_mobile=True) as page:
        _open(page, photo)
        hand = Hand(page)
        for tool in ("mask", "sketch", "color"):
            page.click(f"[data-tool={tool}]")
            hand.swipe((0.4, 0.4), (0.6, 0.45))
            _draw(page, hand, (0.4, 0.5), (0.6, 0.55))
        for tool in ("mask", "sketch", "color"):  # after the fingers, which only move the picture once there was a pen
            page.click(f"[data-tool={tool}]")
            page.wait_for_selector(f"[data-tool={tool}][aria-pressed=true]")
            hand.pen_line((0.4, 0.55), (0.6, 0.6))
        assert stroke_counts(page) == ["3 strokes"] * 3
        page.click("#undo")
        page.click("#redo")
        press_run(page)
        for view in ("compare", "beside", "result", "draw"):
            page.click(f"[data-view={view}]")
            page.wait_for_selector(f"[data-view={view}][aria-pressed=true]")
            _look(page, shots, f"every-{view}-{viewport['width']}")
            assert clipped(page, "header *, #tools *, #views *, #zoom *, #panel :not(#swatches *), #history") == [], (
                view
            )
        assert small_targets(page) == []


@viewports
def test_what_is_kept_left_out_and_guessed_is_said_in_a_line_that_opens(browser, port, tmp_path, shots, viewport):
    deep = np.dstack([gradient()[..., 0].astype(np.uint16) * 257, np.full((60, 80), 50000, np.uint16)])
    Image.fromarray(gradient()).convert("CMYK").save(tmp_path / "print.tif")
    files.write_png(tmp_path / "deep.png", np.dstack([deep[..., :1]] * 3 + [deep[..., 1:]]))
    Image.fromarray(sheets.SHEETS["lit from a side, photographed"]).save(tmp_path / "drawing.png")
    Image.fromarray(gradient()[..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    with page_of(browser, port, viewport=viewport) as page:
        lines = lambda: page.evaluate("[...document.querySelectorAll('#said li')].map((one) => one.textContent)")  # noqa: E731
        _open(page, tmp_path / "photo.png")
        assert page.is_hidden("#said")
        page.set_input_files("#file", tmp_path / "deep.png")
        page.wait_for_selector("#said:has-text('2 notes. Photograph: 16 bits a channel are kept')")
        assert page.locator("#said ul").is_hidden() and page.locator("#said").bounding_box()["height"] < 44
        page.click("#said summary")
        assert page.locator("#said li").last.is_visible() and "Photograph: its transparency is kept" in lines()[1]
        assert clipped(page, "#said, #said *") == []
        _look(page, shots, f"notes-{viewport['width']}")
        page.click("#said summary")
        page.set_input_files("#drawing-file", tmp_path / "drawing.png")
        page.click("#drawing-use:not([disabled])")
        assert "Sketch: the sheet was read as a photograph or scan of paper, by local contrast" in lines()
        page.reload()
        page.wait_for_selector("#said li", state="attached")
        assert len(lines()) >= 4
        page.click("#clear")
        assert len(lines()) == 2  # there is no sketch any more
        page.set_input_files("#file", tmp_path / "print.tif")
        page.wait_for_selector("#said:has-text('it is CMYK')")
        page.set_input_files("#file", tmp_path / "grey.png")
        page.wait_for_selector("#said:has-text('it is grey and stays grey')")
        page.click("[data-tool=sketch]")
        _draw(page, Hand(page), (0.2, 0.5), (0.25, 0.5))
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.7, 0.5))
        press_run(page)
        assert {
            "Result: the sketch lies outside the mask and has no effect",
            "Result: the photograph is of one tone and stays so; a colour stroke asks for colour",
        } <= set(lines())
        page.select_option("#format", "webp")
        _saved_as(page)
        page.wait_for_selector("#said li:has-text('Saved file: WEBP of quality')", state="attached")


@viewports
def test_a_pens_pressure_is_its_width(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        _open(page, photo)
        page.click("[data-tool=sketch]")
        page.locator("#width").fill("70")
        hand = Hand(page)
        hand.pen_line((0.35, 0.5), (0.65, 0.5), np.linspace(0.05, 1.0, 24).tolist())
        assert stroke_counts(page)[1] == "1 stroke"
        pieces = _strokes(page)
        widths = [piece["width"] for piece in pieces]
        assert len(pieces) > 5 and widths == sorted(widths) and widths[-1] > 3 * widths[0]
        for one, two in zip(pieces, pieces[1:]):
            assert one["points"][-1] == two["points"][0]
        page.keyboard.press("Control+z")  # one stroke, one step back
        assert stroke_counts(page)[1] == "empty" and page.is_disabled("#undo")
        page.mouse.move(*hand.at(0.4, 0.5))
        page.mouse.down()
        page.mouse.move(*hand.at(0.6, 0.5), steps=9)
        page.mouse.up()
        assert len(_strokes(page)) == 1  # a mouse has no pressure


def _stripes(height: int, width: int) -> np.ndarray:
    """Lines of one pixel, which no preview shows, on a grey that grows to the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:] = np.linspace(40, 120, width).astype(np.uint8)[None, :, None]
    picture[:, ::2] += 100
    return picture


def _seen(page) -> np.ndarray:
    """The window as it is seen, [H,W,3] uint8."""
    return files.read_rgb("screenshot", page.screenshot())


@viewports
def test_100_percent_is_one_pixel_to_one_of_a_large_photograph(browser, port, tmp_path, shots, viewport):
    picture = _stripes(1500, 3000)
    (tmp_path / "large.png").write_bytes(png_of(picture))
    with page_of(browser, port, viewport=viewport) as page:
        _open(page, tmp_path / "large.png")
        hand = Hand(page)
        page.click("#zoom-real")
        assert page.inner_text("#zoom-real") == "100 %"
        x, y = map(round, hand.at(0.5, 0.45))

        def contrast() -> int:
            row = _seen(page)[y, x - 30 : x + 30, 0].astype(int)
            return abs(row[::2].mean() - row[1::2].mean())

        end = time.monotonic() + 20
        while contrast() < 80:  # until the tiles have come: the preview is a flat grey
            assert time.monotonic() < end, contrast()
            time.sleep(0.1)
        _look(page, shots, f"real-{viewport['width']}")
        # A line of 120 pixels of the screen is one of 120 pixels of the photograph, and what is under it is there.
        page.click("[data-tool=mask]")
        page.locator("#width").fill("50")
        shown = page.inner_text("#width-shown")
        page.mouse.move(x - 60, y)
        page.mouse.down()
        page.mouse.move(x + 60, y, steps=10)
        page.mouse.up()
        tree = json.loads(download_of(page, "#save-strokes"))
        assert tree["size"] == [3000, 1500]
        (stroke,) = tree["strokes"]
        assert stroke["points"][-1][0] - stroke["points"][0][0] == pytest.approx(120, abs=1)
        assert shown == f"{stroke['width']:g} px" and stroke["width"] == pytest.approx(30, abs=1)
        assert 1400 < stroke["points"][0][0] < 1500
        # The result, too, is looked at pixel by pixel.
        with page.expect_response("**/api/tile") as tile:
            press_run(page)
            page.click("[data-view=result]")
        assert tile.value.ok
        _until(page, "document.getElementById('busy').hidden")
        end = time.monotonic() + 20
        y = round(Hand(page).at(0.5, 0.45)[1])  # the strip of results has taken some room, the zoom is the same
        assert page.inner_text("#zoom-real") == "100 %"
        beside = y + 40  # outside of the mask
        while abs(np.diff(_seen(page)[beside, x - 30 : x + 30, 0].astype(int))).mean() < 80:
            assert time.monotonic() < end
            time.sleep(0.1)
        page.click("#zoom-fit")
        assert page.inner_text("#zoom-real") == f"{_fitted(page, 3000, 1500)} %"


def _fitted(page, width: int, height: int) -> int:
    """The zoom in percent at which a photograph is all in sight."""
    box = page.locator("#canvas").bounding_box()
    pad, bars = (12, 52) if box["width"] < 600 else (40, 100)
    return round(100 * min((box["width"] - pad) / width, (box["height"] - bars) / height))


@viewports
def test_pixels_of_a_dense_screen_count(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport, device_scale_factor=2) as page:
        _open(page, photo)
        page.keyboard.press("9")
        assert page.inner_text("#zoom-real") == "100 %"
        x, y = map(round, Hand(page).at(0.5, 0.5))
        page.click("[data-tool=mask]")
        page.mouse.move(x - 10, y)
        page.mouse.down()
        page.mouse.move(x + 10, y, steps=10)
        page.mouse.up()
        (stroke,) = _strokes(page)
        assert stroke["points"][-1][0] - stroke["points"][0][0] == pytest.approx(40, abs=1)


def test_parts_that_are_asked_for_are_checked(port, studio, model_dirs):
    picture = _stripes(300, 2000)
    name = studio.open(png_of(picture))["picture"]
    status, answer = ask(port, f"/api/pictures/{name}?box=1500,10,400,200")
    part = files.read_rgb("part", answer)
    assert status == 200 and abs(part.astype(int) - picture[10:210, 1500:1900]).max() < 12
    for box in ("1", "1900,10,200,10", "0,0,0,10", "0,0,x,10", "0,0,10", "-1,0,10,10", "0,0,10.5,10"):
        assert "box: expected [left, top, width, height] in a picture of 2000 x 300" in error_of(
            ask(port, f"/api/pictures/{name}?box={box}")
        )
    strokes = {"size": [2000, 300], "strokes": [{"layer": "mask", "points": [[1000, 100]], "width": 80}]}
    request = {"model": model_dirs[0], "picture": name, "strokes": strokes}
    status, answer = ask(port, "/api/tile", request | {"box": [940, 40, 120, 120]})
    full = files.read_rgb("file", ask(port, "/api/file", request)[1])
    assert status == 200
    assert abs(files.read_rgb("part", answer).astype(int) - full[40:160, 940:1060]).max() < 30
    for box in (None, [0, 0, 2000, 3000], "much", [True, 0, 1, 1], [0, 0, 10**30, 1]):
        assert "box: expected" in error_of(ask(port, "/api/tile", request | {"box": box}))


def _draw(page, hand, *places: tuple[float, float]) -> None:
    page.mouse.move(*hand.at(*places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*hand.at(*place), steps=6)
    page.mouse.up()


@viewports
def test_shapes_and_the_mirror(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        _open(page, photo)
        hand = Hand(page)
        page.click("[data-tool=sketch]")
        page.keyboard.down("Shift")
        _draw(page, hand, (0.4, 0.5), (0.5, 0.35), (0.6, 0.5))  # freehand, but for Shift
        page.keyboard.up("Shift")
        (line,) = _strokes(page)
        assert len(line["points"]) == 2
        page.click("[data-shape=rectangle]")
        _draw(page, hand, (0.35, 0.4), (0.45, 0.5))
        rectangle = _strokes(page)[-1]["points"]
        assert len(rectangle) == 5 and rectangle[0] == rectangle[-1] and "fill" not in _strokes(page)[-1]
        page.click("[data-tool=mask]")
        page.click("[data-shape=ellipse]")
        page.keyboard.down("Shift")
        _draw(page, hand, (0.4, 0.4), (0.5, 0.43))
        page.keyboard.up("Shift")
        circle = _strokes(page)[-1]
        spans = np.ptp(np.array(circle["points"]), axis=0)
        assert circle["fill"] and spans[0] == pytest.approx(spans[1], abs=0.3) and spans[0] > 2
        page.mouse.click(*hand.at(0.5, 0.5))  # a click is no shape
        assert stroke_counts(page)[0] == "1 stroke"
        page.click("#undo")
        page.click("#mirror")
        _draw(page, hand, (0.35, 0.45), (0.42, 0.5))
        _look(page, shots, f"shapes-{viewport['width']}")
        one, two = (np.array(stroke["points"]) for stroke in _strokes(page)[-2:])
        assert np.allclose(80 - one[:, 0], two[:, 0], atol=0.11) and (one[:, 1] == two[:, 1]).all()
        assert stroke_counts(page)[0] == "2 strokes"
        page.click("#undo")  # both at once
        assert stroke_counts(page)[0] == "empty"
        page.click("[data-shape=line]")
        hand.swipe((0.4, 0.4), (0.5, 0.5))  # by a finger, too
        assert len(_strokes(page)[-1]["points"]) == 2 and stroke_counts(page)[0] == "2 strokes"


@viewports
def test_why_run_is_grey_is_said(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        if viewport["width"] > 760:  # on a telephone there is no panel before there is a picture
            assert page.inner_text("#why") == "Open a photograph first."
        _open(page, photo)
        assert page.inner_text("#why") == "Cover what is to change with the mask first." and page.is_disabled("#run")
        assert page.get_attribute("#run", "aria-describedby") == "why" and clipped(page, "#why") == []
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        assert page.is_hidden("#why") and page.is_enabled("#run")
        page.select_option("#model", model_dirs[2])
        assert page.inner_text("#why") == "Choose the photograph whose style to take."
        page.select_option("#model", model_dirs[1])
        assert page.inner_text("#why") == "Draw some lines first."


@viewports
def test_a_result_is_not_shown_under_another_models_name(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        _open(page, photo)
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        press_run(page)
        assert page.is_visible("#views") and page.is_enabled("#download")
        page.select_option("#model", model_dirs[2])  # of the same photograph
        assert page.is_hidden("#views") and page.is_disabled("#download") and page.is_disabled("#continue")
        assert page.locator("#history [aria-pressed=true]").count() == 0
        page.select_option("#model", model_dirs[0])
        assert page.is_visible("#views")
        page.select_option("#model", model_dirs[2])
        page.click("#history button")  # who asks for it gets its model, too
        assert page.input_value("#model") == model_dirs[0] and page.is_visible("#views")


@viewports
def test_what_an_example_sets_is_not_kept(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        page.evaluate("document.getElementById('side').value = '128'")  # on a telephone it is not in sight yet
        page.click("[data-example=fringe]")
        page.wait_for_selector("#start", state="hidden")
        _until(page, "document.getElementById('side').value == '256'")
        page.set_input_files("#file", photo)
        _until(page, "document.getElementById('credit').textContent == ''")
        assert page.input_value("#side") == "128"


@viewports
def test_a_mask_from_a_region_of_a_face(browser, port, photo, monkeypatch, shots, viewport):
    hair = np.zeros((60, 80), np.uint8)
    hair[10:30, 20:60] = 1
    monkeypatch.setattr(Editor, "region", lambda self, image, names: hair.copy())
    with page_of(browser, port, viewport=viewport) as page:
        assert page.is_hidden("#mask-field")
        _open(page, photo)
        assert page.is_disabled("#mask-grow") and clipped(page, "#mask-field *") == []
        page.select_option("#mask-region", "hair")
        page.click("#mask-cover")
        page.wait_for_selector("#mask-grow:not([disabled])")
        _look(page, shots, f"region-{viewport['width']}")

        def covered() -> np.ndarray:
            _until(page, "document.getElementById('busy').hidden")
            tree = {"size": [80, 60], "strokes": _strokes(page)}
            return strokes_lib.render(strokes_lib.parse(tree), (60, 80)).mask

        plain = covered()
        assert (plain != hair).mean() < 0.01
        page.fill("#mask-pixels", "4")
        page.click("#mask-grow")
        grown = covered()
        assert abs(np.ptp(np.flatnonzero(grown.any(axis=1))) - 27) <= 2
        page.click("#mask-invert")
        assert (covered() != 1 - grown).mean() < 0.05
        page.click("#undo")
        page.click("#undo")
        assert (covered() == plain).all()
        page.fill("#feather", "6")
        with page.expect_response("**/api/run") as answer:
            press_run(page)
        assert json.loads(answer.value.request.post_data)["feather"] == 6


@viewports
def test_before_and_after_side_by_side(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        _open(page, photo)
        page.click("[data-tool=mask]")
        _draw(page, Hand(page), (0.45, 0.45), (0.55, 0.5))
        press_run(page)
        page.click("[data-view=beside]")
        assert page.is_visible("#sides") and clipped(page, "#views *") == []
        _look(page, shots, f"beside-{viewport['width']}")
        page.add_style_tag(content="#sides, #views, #zoom { visibility: hidden }")  # what lies over the pictures
        box = page.locator("#stage").bounding_box()
        seen = _seen(page)[int(box["y"]) :, int(box["x"]) :][: int(box["height"]), : int(box["width"])].astype(int)
        axis = int(page.evaluate("!document.getElementById('sides').classList.contains('below')"))
        half = round(seen.shape[axis] / 2)
        one, two = (seen[:, :half], seen[:, half:]) if axis else (seen[:half], seen[half:])
        least = [min(a, b) for a, b in zip(one.shape[:2], two.shape[:2])]
        one, two = (part[: least[0], : least[1]] for part in (one, two))
        differs = abs(one - two).max(axis=-1) > 24
        rows, columns = one.shape[0], one.shape[1]
        middle = differs[rows // 4 : 3 * rows // 4, columns // 4 : 3 * columns // 4]
        assert middle.mean() > 0.01  # the hole
        assert (
            differs[rows // 4 : 3 * rows // 4, : columns // 4].mean() < 0.05
        )  # and the same part of the picture beside it
        page.keyboard.press("m")  # who goes on drawing sees one picture again
        assert page.evaluate("document.getElementById('sides').hidden")


def _saved_as(page) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.click("#download")
    return download.value.suggested_filename, pathlib.Path(download.value.path()).read_bytes()


@viewports
def test_downloads_of_other_formats(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        _open(page, photo)
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        press_run(page)
        assert page.is_hidden("#quality-field")
        sizes = []
        for format_, kind, suffix in (("jpeg", "JPEG", "jpg"), ("webp", "WEBP", "webp")):
            page.select_option("#format", format_)
            assert page.is_visible("#quality-field")
            for quality in (40, 100):
                page.locator("#quality").fill(str(quality))
                name, data = _saved_as(page)
                assert name == f"photo_edited.{suffix}" and Image.open(io.BytesIO(data)).format == kind
                sizes.append(len(data))
        assert sizes[0] < sizes[1] and sizes[2] < sizes[3]
        page.select_option("#format", "ora")
        name, data = _saved_as(page)
        assert name == "photo_edited.ora" and page.is_hidden("#quality-field")
        assert zipfile.ZipFile(io.BytesIO(data)).read("mimetype") == b"image/openraster"


@viewports
def test_strokes_survive_a_reload(browser, studio, port, photo, viewport):
    context = browser.new_context(viewport=viewport, accept_downloads=True)  # its console may say that it asked in vain
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    _open(page, photo)
    page.click("[data-tool=mask]")
    _draw(page, Hand(page), (0.4, 0.4), (0.6, 0.5))
    drawn = _strokes(page)
    page.reload()
    page.wait_for_selector("#start", state="hidden")
    assert _strokes(page) == drawn and page.is_enabled("#run")
    press_run(page)
    studio._pictures.clear()  # the program was started anew
    page.reload()
    page.wait_for_selector("#message:has-text('open the photograph again')")
    _open(page, photo)
    _until(page, "!document.getElementById('run').disabled")
    assert _strokes(page) == drawn
    other = context.new_page()  # the tab was closed, and the page is opened again
    page.close()
    other.goto(f"http://127.0.0.1:{port}/")
    other.click("#start-restore")
    other.wait_for_selector("#start", state="hidden")
    assert _strokes(other) == drawn
    if viewport["width"] > 760:
        other.click(".brand")  # anew is anew, and what was there is offered
        other.wait_for_selector("#start-restore:not([hidden])")
        assert other.is_visible("#start")
    context.close()


@viewports
def test_a_search_is_watched_and_cancelled(browser, studio, port, model_dirs, monkeypatch, shots, viewport):
    """With a stand-in for the search, which takes a minute."""
    go_on, ended, calls = threading.Event(), threading.Event(), []

    class Searching:
        def complete(self, sketch, results, seed, fill, watch):
            calls.append(results)
            try:
                for share in (0.1, 0.4) if len(calls) == 1 else ():
                    watch(share)
                while len(calls) == 1 and not go_on.wait(0.1):
                    watch(0.4)
            except jobs_lib.Ended:
                ended.set()
                raise
            return [
                Drawing(np.zeros(sketch.shape, np.uint8), np.full((*sketch.shape, 3), 40 * n, np.uint8))
                for n in range(results)
            ]

    monkeypatch.setitem(studio.modes, model_dirs[1], "complete")
    monkeypatch.setitem(studio._editors, (model_dirs[1], None), Searching())
    with page_of(browser, port, viewport=viewport) as page:
        page.select_option("#model", model_dirs[1])
        _draw(page, Hand(page), (0.4, 0.4), (0.6, 0.6))
        page.select_option("#count", "4")
        page.click("#run")
        page.wait_for_selector("#busy-share:not([hidden])")
        assert page.evaluate("document.getElementById('busy-share').value") == pytest.approx(0.4, abs=0.31)
        _look(page, shots, f"search-{viewport['width']}")
        assert clipped(page, "#busy, #busy *") == []
        page.click("#busy-cancel")
        page.wait_for_selector("#message:has-text('Cancelled')")
        assert ended.wait(20) and page.is_hidden("#busy") and page.locator("#history img").count() == 0
        press_run(page)  # and the next one is not ended
        assert page.locator("#history img").count() == 4 and page.locator("#gallery button").count() == 4
        page.click("#gallery button:nth-child(3)")
        assert page.is_hidden("#gallery") and page.get_attribute("[data-view=result]", "aria-pressed") == "true"


def test_a_telephone_that_is_turned(browser, port, photo, shots):
    with page_of(browser, port, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
        _open(page, photo)
        page.tap("[data-tool=mask]")
        hand = Hand(page)
        hand.swipe((0.4, 0.45), (0.6, 0.5))
        (before,) = _strokes(page)
        page.set_viewport_size({"width": 844, "height": 390})
        _until(page, "document.getElementById('stage').getBoundingClientRect().width > 400")
        _look(page, shots, "turned")
        assert clipped(page, "header *, #tools *, #zoom *, #panel :not(#swatches *)") == []
        box = page.locator("#stage").bounding_box()
        assert box["height"] > 250 and page.locator("#run").bounding_box()["y"] < 350
        Hand(page).swipe((0.45, 0.5), (0.55, 0.5))
        drawn = _strokes(page)
        assert drawn[0] == before and len(drawn) == 2
        page.set_viewport_size({"width": 390, "height": 844})
        _until(page, "document.getElementById('stage').getBoundingClientRect().width <= 390")
        assert _strokes(page) == drawn


def test_a_tiny_photograph(browser, port, tmp_path, size=(20, 20)):
    (tmp_path / "tiny.png").write_bytes(png_of(gradient(*size)))
    with page_of(browser, port) as page:
        _open(page, tmp_path / "tiny.png")
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        press_run(page)
        result = files.read_rgb("result", download_of(page, "#download"))
        assert result.shape == (*size, 3) and (result != gradient(*size)).any()
        page.keyboard.press("Control+z")  # after a run, too
        assert stroke_counts(page)[0] == "empty" and page.locator("#history img").count() == 1


@pytest.fixture(name="shipped_port", scope="module")
def _shipped_port():
    made = studio_lib.Studio(["sc_fegan"])
    with serving(made) as found:
        yield found
    made.close()


@viewports
@pytest.mark.parametrize("example", ["fringe", "features", "bare"])
def test_four_results_differ_to_be_seen(browser, shipped_port, photo, shots, viewport, example):
    """With the shipped model: how far results of one run are apart in the hole, in levels of 255."""
    if example != "fringe" and viewport["width"] != 1440:
        pytest.skip("what is drawn makes no difference to the screen's size")
    with page_of(browser, shipped_port, viewport=viewport) as page:
        page.click(f"[data-example={'features' if example == 'bare' else example}]")
        page.wait_for_selector("#run:not([disabled])")
        if example == "bare":  # a hole, and nothing drawn
            page.click("#clear")
            page.click("[data-tool=mask]")
            _draw(page, Hand(page), (0.45, 0.45), (0.55, 0.45))
        page.select_option("#count", "4")
        assert page.is_visible("#vary-field")
        with page.expect_response("**/api/run"):
            press_run(page)
        assert page.get_attribute("[data-view=grid]", "aria-pressed") == "true"
        assert page.locator("#gallery button").count() == 4 and clipped(page, "#gallery *") == []
        _look(page, shots, f"gallery-{example}-{viewport['width']}")
        results = []
        for number in range(4):
            page.click("[data-view=grid]")
            page.click(f"#gallery button:nth-child({number + 1})")
            results.append((files.read_rgb("r", download_of(page, "#download")).astype(int), _strokes(page)))
        size = results[0][0].shape[:2]
        tree = json.loads(download_of(page, "#save-strokes"))
        hole = strokes_lib.render(strokes_lib.parse(tree), size).mask > 0
        apart = [abs(one[0][hole] - two[0][hole]).mean() for n, one in enumerate(results) for two in results[n + 1 :]]
        print(example, np.round(apart, 1))
        # With nothing drawn the colours that are laid in are hints, and this network tones hints down.
        assert min(apart) > (4 if example == "bare" else 8)
        assert all((one[0][~hole] == results[0][0][~hole]).all() for one in results)
        # A variation is its strokes: they give the same picture again, in a program without this page.
        picture, strokes = results[2]
        photograph = examples.contents(examples.find("features" if example == "bare" else example))[1].image
        layers = strokes_lib.render(strokes_lib.parse(tree | {"strokes": strokes}), size)
        side = int(page.input_value("#side") or 256)  # the model's own
        again = resolve.Editor("sc_fegan", side).edit(photograph, layers.mask, layers.sketch, layers.color, 2)
        assert abs(again.astype(int) - picture).max() <= 1


@viewports
def test_noise_alone_is_there_for_who_wants_it(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        _open(page, photo)
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        page.select_option("#count", "2")
        page.select_option("#vary", "noise")
        press_run(page)
        labels = page.locator("#history small").all_inner_texts()
        assert labels == ["seed 0", "seed 1"]
        page.click("#history button:last-child")
        assert stroke_counts(page) == ["1 stroke", "empty", "empty"]  # nothing was added to what was drawn
