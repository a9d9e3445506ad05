"""The page as people meet it: on a phone, a tablet and a desk; what it says, keeps and offers."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from PIL import Image

from tests import sheets
from tests.app.browsing import (
    Hand,
    download_of,
    draw,
    in_both_layouts,
    look,
    on_the_phone,
    open_photo,
    overhangs,
    page_of,
    press_run,
    saved_as,
    stroke_counts,
    strokes_of,
    until,
)
from tests.app.client import gradient, png_of
from tfsketch.app import examples
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.images import files

LOADED = "[...document.querySelectorAll('#examples img')].filter((one) => one.naturalWidth).length"


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
def test_the_start_card_is_not_clipped(browser, port, shots, width):
    with page_of(browser, port, viewport={"width": width, "height": 844 if width < 1000 else 900}) as page:
        until(page, LOADED + f" == {len(examples.EXAMPLES)}")
        look(page, shots, f"start-{width}")
        assert overhangs(page, ".card, .card *, header *") == []
        # What is taller than its window scrolls, from the first line to the last.
        for end, selector in (("0", "#start-title"), ("1e6", "#examples button:last-child")):
            page.evaluate(f"document.getElementById('start').scrollTop = {end}")
            box, area = (page.locator(one).bounding_box() for one in (selector, "#canvas"))
            assert area["y"] <= box["y"] and box["y"] + box["height"] <= area["y"] + area["height"], selector


@on_the_phone
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
    until(page, LOADED + f" == {len(examples.EXAMPLES)}")
    assert len(refusals) >= len(examples.EXAMPLES) and min(refusals.values()) >= 3
    context.close()


@in_both_layouts
def test_what_is_kept_left_out_and_guessed_is_said_in_a_line_that_opens(browser, port, tmp_path, shots, viewport):
    deep = np.dstack([gradient()[..., 0].astype(np.uint16) * 257, np.full((60, 80), 50000, np.uint16)])
    Image.fromarray(gradient()).convert("CMYK").save(tmp_path / "print.tif")
    files.write_png(tmp_path / "deep.png", np.dstack([deep[..., :1]] * 3 + [deep[..., 1:]]))
    Image.fromarray(sheets.SHEETS["lit from a side, photographed"]).save(tmp_path / "drawing.png")
    Image.fromarray(gradient()[..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    with page_of(browser, port, viewport=viewport) as page:
        lines = lambda: page.evaluate("[...document.querySelectorAll('#said li')].map((one) => one.textContent)")  # noqa: E731
        open_photo(page, tmp_path / "photo.png")
        assert page.is_hidden("#said")
        page.set_input_files("#file", tmp_path / "deep.png")
        page.wait_for_selector("#said:has-text('2 notes. Photograph: 16 bits a channel are kept')")
        assert page.locator("#said ul").is_hidden() and page.locator("#said").bounding_box()["height"] < 44
        page.click("#said summary")
        assert page.locator("#said li").last.is_visible() and "Photograph: its transparency is kept" in lines()[1]
        assert overhangs(page, "#said, #said *") == []
        look(page, shots, f"notes-{viewport['width']}")
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
        draw(page, Hand(page), (0.2, 0.5), (0.25, 0.5))
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.7, 0.5))
        press_run(page)
        assert {
            "Result: the sketch lies outside the mask and has no effect",
            "Result: the photograph is of one tone and stays so; a colour stroke asks for colour",
        } <= set(lines())
        page.select_option("#format", "webp")
        saved_as(page)
        page.wait_for_selector("#said li:has-text('Saved file: WEBP of quality')", state="attached")


@in_both_layouts
def test_why_run_is_grey_is_said(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        if viewport["width"] > 760:  # on a phone there is no panel before there is a picture
            assert page.inner_text("#why") == "Open a photograph first."
        open_photo(page, photo)
        assert page.inner_text("#why") == "Cover what is to change with the mask first." and page.is_disabled("#run")
        assert page.get_attribute("#run", "aria-describedby") == "why" and overhangs(page, "#why") == []
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        assert page.is_hidden("#why") and page.is_enabled("#run")
        page.select_option("#model", model_dirs[2])
        assert page.inner_text("#why") == "Choose the photograph whose style to take."
        page.select_option("#model", model_dirs[1])
        assert page.inner_text("#why") == "Draw some lines first."


@on_the_phone
def test_what_an_example_sets_is_not_kept(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        page.evaluate("document.getElementById('side').value = '128'")  # on a phone it is not in sight yet
        page.click("[data-example=fringe]")
        page.wait_for_selector("#start", state="hidden")
        until(page, "document.getElementById('side').value == '256'")
        page.set_input_files("#file", photo)
        until(page, "document.getElementById('credit').textContent == ''")
        assert page.input_value("#side") == "128"


@in_both_layouts
def test_a_mask_from_a_region_of_a_face(browser, port, model_dirs, photo, monkeypatch, shots, viewport):
    hair = np.zeros((60, 80), np.uint8)
    hair[10:30, 20:60] = 1
    monkeypatch.setattr(Editor, "region", lambda self, image, names: hair.copy())
    with page_of(browser, port, viewport=viewport) as page:
        assert page.is_hidden("#mask-field")
        open_photo(page, photo)
        assert page.is_disabled("#mask-grow") and overhangs(page, "#mask-field *") == []
        page.select_option("#mask-region", "hair")
        page.click("#mask-cover")
        page.wait_for_selector("#mask-grow:not([disabled])")
        look(page, shots, f"region-{viewport['width']}")

        def mask_now() -> np.ndarray:
            until(page, "document.getElementById('busy').hidden")
            tree = {"size": [80, 60], "strokes": strokes_of(page)}
            return strokes_lib.render(strokes_lib.parse(tree), (60, 80)).mask

        plain = mask_now()
        assert (plain != hair).mean() < 0.01
        page.fill("#mask-pixels", "4")
        page.click("#mask-grow")
        larger = mask_now()
        assert abs(np.ptp(np.flatnonzero(larger.any(axis=1))) - 27) <= 2
        page.click("#mask-invert")
        assert (mask_now() != 1 - larger).mean() < 0.05
        page.click("#undo")
        page.click("#undo")
        assert (mask_now() == plain).all()
        page.fill("#feather", "6")
        with page.expect_response("**/api/run") as answer:
            press_run(page)
        requests = json.loads(answer.value.request.post_data)
        assert (requests["feather"], requests["seam"], requests["texture"]) == (6, True, 1)
        for name in ("seam", "texture"):
            page.uncheck(f"#{name}")
        with page.expect_response("**/api/run") as answer:
            press_run(page)
        requests = json.loads(answer.value.request.post_data)
        assert (requests["seam"], requests["texture"]) == (False, 0)
        page.select_option("#model", model_dirs[2])  # restyles
        assert page.is_hidden("#seam-field") and page.is_hidden("#texture-field")


@in_both_layouts
def test_strokes_survive_a_reload(browser, studio, port, photo, viewport):
    context = browser.new_context(viewport=viewport, accept_downloads=True)  # its console may say that it asked in vain
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    open_photo(page, photo)
    page.click("[data-tool=mask]")
    draw(page, Hand(page), (0.4, 0.4), (0.6, 0.5))
    strokes = strokes_of(page)
    page.reload()
    page.wait_for_selector("#start", state="hidden")
    assert strokes_of(page) == strokes and page.is_enabled("#run")
    press_run(page)
    studio._pictures.clear()  # the program was started anew
    page.reload()
    page.wait_for_selector("#message:has-text('open the photograph again')")
    open_photo(page, photo)
    until(page, "!document.getElementById('run').disabled")
    assert strokes_of(page) == strokes
    other = context.new_page()  # the tab was closed, and the page is opened again
    page.close()
    other.goto(f"http://127.0.0.1:{port}/")
    other.click("#start-restore")
    other.wait_for_selector("#start", state="hidden")
    assert strokes_of(other) == strokes
    if viewport["width"] > 760:
        other.click(".brand")  # anew is anew, and what was there is offered
        other.wait_for_selector("#start-restore:not([hidden])")
        assert other.is_visible("#start")
    context.close()


FIELDS = {
    "seed": "77",
    "count": "2",
    "vary": "noise",
    "feather": "3",
    "format": "jpeg",
    "quality": "71",
    "mask-pixels": "5",
}
SETTINGS = """() => [...document.querySelectorAll('#panel select, #panel input, [data-tool], [data-shape], #model')]
  .map((one) => [one.id || one.dataset.tool || one.dataset.shape, one.type === 'checkbox' ? one.checked : one.value,
    one.getAttribute('aria-pressed')])"""


def _until_settings(page, settings: list) -> None:
    """Waits for them: a page that is read again asks for the models and builds what depends on them first."""
    end = time.monotonic() + 20
    while (there := page.evaluate(SETTINGS)) != settings and time.monotonic() < end:
        time.sleep(0.05)
    assert there == settings


def test_settings_survive_a_reload_and_end_with_the_tab(browser, port, photo, model_dirs):
    with page_of(browser, port) as page:
        page.wait_for_load_state("networkidle")
        until(page, "document.getElementById('model').value !== ''")
        first = page.evaluate(SETTINGS)
        page.select_option("#model", model_dirs[0])
        open_photo(page, photo)
        page.evaluate(
            """(fields) => {
              for (const [id, value] of Object.entries(fields)) {
                const field = document.getElementById(id);
                field.value = value;
                for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
              }
            }""",
            FIELDS | {"color": "#3b5a8c"},
        )
        for name in ("seam", "mark"):
            page.uncheck(f"#{name}")
        page.uncheck("[data-layer=sketch] input")
        for selector in ("[data-tool=eraser]", "[data-shape=ellipse]", "#mirror"):
            page.click(selector)
        page.keyboard.press("]")  # a broader eraser
        choice = page.evaluate(SETTINGS)
        assert FIELDS.items() <= {name: value for name, value, _ in choice}.items() and choice != first
        page.reload()
        page.wait_for_selector("#start", state="hidden")
        _until_settings(page, choice)
        page.click(".brand")  # anew is anew
        page.wait_for_selector("#start-title")
        _until_settings(page, first)


def test_what_an_example_lends_ends_with_it_after_a_reload_too(browser, port, photo):
    with page_of(browser, port) as page:
        side = "document.getElementById('side').value"
        page.evaluate("document.getElementById('side').append(new Option('96 px', '96'), new Option('64 px', '64'))")
        until(page, "document.getElementById('side').options.length > 2")
        sides = page.evaluate("[...document.getElementById('side').options].map((one) => one.value)")
        open_photo(page, photo)
        settings = page.evaluate("async () => (await import('./settings.js')).settingsNow()")
        assert settings["lent"] is None
        loan = {"side": "96", "region": "everywhere", "style": None}
        page.evaluate(
            "async (tree) => (await import('./settings.js')).applySettings(tree)",
            settings | {"fields": settings["fields"] | {"side": "64"}, "lent": loan},
        )
        assert "96" in sides and page.evaluate(side) == "96"
        rest = page.evaluate("async () => (await import('./settings.js')).settingsNow()")
        assert rest["fields"]["side"] == "64" and rest["lent"] == loan
        open_photo(page, photo)
        until(page, f"{side} === '64'")


def test_a_telephone_that_is_turned(browser, port, photo, shots):
    with page_of(browser, port, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
        open_photo(page, photo)
        page.tap("[data-tool=mask]")
        hand = Hand(page)
        hand.swipe((0.4, 0.45), (0.6, 0.5))
        (before,) = strokes_of(page)
        page.set_viewport_size({"width": 844, "height": 390})
        until(page, "document.getElementById('stage').getBoundingClientRect().width > 400")
        look(page, shots, "turned")
        assert overhangs(page, "header *, #tools *, #zoom *, #panel :not(#swatches *)") == []
        box = page.locator("#stage").bounding_box()
        assert box["height"] > 250 and page.locator("#run").bounding_box()["y"] < 350
        Hand(page).swipe((0.45, 0.5), (0.55, 0.5))
        strokes = strokes_of(page)
        assert strokes[0] == before and len(strokes) == 2
        page.set_viewport_size({"width": 390, "height": 844})
        until(page, "document.getElementById('stage').getBoundingClientRect().width <= 390")
        assert strokes_of(page) == strokes


@in_both_layouts
def test_photographs_of_extreme_shapes(browser, port, tmp_path, shots, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        for number, size in enumerate([(20, 20), (1, 1), (3, 900), (900, 3), (40, 5000), (20000, 20)], 1):
            (tmp_path / "odd.png").write_bytes(png_of(gradient(*size)))
            page.set_input_files("#file", tmp_path / "odd.png")
            page.wait_for_selector("#layers [data-layer=mask] output:has-text('empty')")
            until(page, "document.getElementById('busy').hidden")
            page.click("[data-tool=mask]")
            x, y = Hand(page).at(0.5, 0.5)
            if size in ((3, 900), (900, 3)):  # strips of few pixels of the screen: who misses them is told
                page.mouse.click(x - 60 * (size[1] == 3), y - 60 * (size[0] == 3))
                page.wait_for_selector("#message:has-text('beside the picture')")
                assert stroke_counts(page)[0] == "empty" and page.is_disabled("#run")
            page.mouse.click(x, y)
            assert stroke_counts(page)[0] == "1 stroke"
            press_run(page)
            look(page, shots, f"odd-{size[0]}x{size[1]}-{viewport['width']}")
            result = files.read_rgb("result", download_of(page, "#download"))
            assert result.shape == (*size, 3) and (result != gradient(*size)).any(), size
            page.keyboard.press("Control+z")  # after a run, too
            assert stroke_counts(page)[0] == "empty" and page.locator("#history img").count() == number
