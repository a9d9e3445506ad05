"""What the page shows in windows of all sizes: nothing that is to be read is cut, or lies under something else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.app.browsing import (
    VIEWPORTS,
    Hand,
    draw,
    everywhere,
    hold,
    look,
    on_the_phone,
    open_photo,
    overhangs,
    page_of,
    press_run,
    screenshot,
    until,
)
from tfsketch import zoo
from tfsketch.app.modes import MODES
from tfsketch.systems import way_of

_CUT = """(list) => {
  const text = document.createElement('canvas').getContext('2d'), style = getComputedStyle(list);
  text.font = style.font;
  const room = list.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 18; // its arrow
  return [...list.options].map((one) => one.label).filter((label) => text.measureText(label).width > room);
}"""


@pytest.mark.parametrize("width", [360, 390])
def test_the_names_of_what_is_done_and_of_the_model_are_not_cut(browser, port, model_dirs, photo, shots, width):
    with page_of(browser, port, viewport={"width": width, "height": 844}) as page:
        label = page.locator("#model-shown")
        for name in (*model_dirs, model_dirs[0]):
            page.select_option("#model", name)
            assert label.locator("small").inner_text() == name.rstrip("/").rpartition("/")[2]
            assert page.get_attribute("#model", "title") == name
        open_photo(page, photo)
        for name in zoo.SHIPPED:
            if (way := way_of(name)) not in MODES:
                continue
            # As many buttons as there are in its mode.
            page.locator("#new-sheet").evaluate("(one, hidden) => { one.hidden = hidden; }", not MODES[way].way.sheet)
            label.locator("b").evaluate("(one, text) => { one.textContent = text; }", MODES[way].title)
            label.locator("small").evaluate("(one, text) => { one.textContent = text; }", name)
            look(page, shots, f"header-{width}-{name}")
            outside = label.evaluate(
                """(shown) => [...shown.children].filter((one) => {
                  const box = one.getBoundingClientRect(), field = shown.parentNode.getBoundingClientRect();
                  const cut = one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 1;
                  return cut || box.top < field.top || box.bottom > field.bottom;
                }).map((one) => one.textContent)"""
            )
            assert not outside, name
        assert overhangs(page, "header *") == []


@everywhere
def test_the_notes_begin_at_their_top_and_their_button_is_in_sight(browser, port, viewport):
    context = browser.new_context(viewport=viewport)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("#notes[open]")
    assert page.evaluate("document.getElementById('notes').scrollTop") == 0
    button, heading = (page.locator(one).bounding_box() for one in ("#agree", "#notes h2 >> nth=0"))
    assert 0 <= heading["y"] and button["y"] + button["height"] <= viewport["height"]
    assert page.evaluate("document.activeElement.id") == "agree"
    context.close()


@everywhere
def test_what_lists_offer_is_not_cut(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, photo)
        page.select_option("#count", "4")
        lists = ["#count", "#vary", "#side", "#format", "#mask-region"]
        assert {one: page.locator(one).evaluate(_CUT) for one in lists} == {one: [] for one in lists}
        page.select_option("#model", model_dirs[2])
        page.select_option("#region", "hair")
        assert {one: page.locator(one).evaluate(_CUT) for one in ("#region", "#style-from")} == {
            "#region": [],
            "#style-from": [],
        }


@on_the_phone
def test_of_two_pictures_one_below_the_other_none_lies_under_the_views(browser, port, tmp_path, shots, viewport):
    red = np.zeros((80, 80, 3), np.uint8)
    red[...] = (200, 20, 30)
    Image.fromarray(red).save(tmp_path / "red.png")
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, tmp_path / "red.png")
        draw(page, Hand(page), (0.5, 0.5), (0.52, 0.5))
        press_run(page)
        page.click("[data-view=beside]")
        look(page, shots, "beside")
        rows = np.flatnonzero((np.abs(screenshot(page).astype(int) - (200, 20, 30)).max(axis=2) < 12).sum(axis=1) > 20)
        views = page.locator("#views").bounding_box()
        assert views["y"] + views["height"] <= rows.min()


@everywhere
def test_no_buttons_lie_over_a_picture(browser, port, tmp_path, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=viewport["width"] < 1000) as page:
        for height, width in ((80, 60), (60, 80)):
            red = np.zeros((height, width, 3), np.uint8)
            red[...] = (200, 20, 30)
            Image.fromarray(red).save(tmp_path / f"{width}.png")
            open_photo(page, tmp_path / f"{width}.png")
            until(page, "document.getElementById('views').hidden")
            draw(page, Hand(page), (0.5, 0.5), (0.51, 0.5))
            press_run(page)
            page.click("[data-view=result]")
            is_red = np.abs(screenshot(page).astype(int) - (200, 20, 30)).max(axis=2) < 12
            stage = page.locator("#stage").bounding_box()
            is_red[int(stage["y"] + stage["height"]) :] = False  # the strip of the results
            rows = np.flatnonzero(is_red.sum(axis=1) > 99)
            views, zoom = (page.locator(one).bounding_box() for one in ("#views", "#zoom"))
            assert views["y"] + views["height"] <= rows.min() and rows.max() < zoom["y"], (width, height)


@on_the_phone
def test_run_and_going_on_stay_in_sight(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        open_photo(page, photo)
        for end in ("0", "1e6"):
            page.evaluate(f"document.getElementById('panel').scrollTop = {end}")
            panel = page.locator("#panel").bounding_box()
            for button in ("#run", "#continue"):
                box = page.locator(button).bounding_box()
                assert panel["y"] <= box["y"] and box["y"] + box["height"] <= panel["y"] + panel["height"], (
                    button,
                    end,
                )
        page.evaluate("document.getElementById('panel').scrollTop = 0")
        mirror, run = (page.locator(one).bounding_box() for one in ("#mirror", "#run"))
        assert mirror["y"] + mirror["height"] <= run["y"]


def test_arrows_move_what_divides_a_comparison_and_the_picture(browser, port, tmp_path, viewport=VIEWPORTS["tablet"]):
    red = np.zeros((80, 80, 3), np.uint8)
    red[...] = (200, 20, 30)
    Image.fromarray(red).save(tmp_path / "red.png")

    def columns() -> tuple[int, int]:
        there = np.abs(screenshot(page).astype(int) - (200, 20, 30)).max(axis=2) < 12
        return tuple(np.flatnonzero(there.sum(axis=0) > 20)[[0, -1]].tolist())

    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, tmp_path / "red.png")
        left, right = columns()
        page.keyboard.press("ArrowRight")
        assert columns()[0] == left + 40
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowLeft")
        assert columns()[1] == right - 200
        page.keyboard.press("0")
        page.focus("#width")
        before = page.input_value("#width")
        page.keyboard.press("ArrowLeft")  # a slider's own
        assert columns() == (left, right) and page.input_value("#width") != before
        page.evaluate("document.activeElement.blur()")
        draw(page, Hand(page), (0.5, 0.5), (0.52, 0.5))
        press_run(page)
        page.click("[data-view=compare]")
        divide = "import('./state.js').then(({ S }) => S.divide)"
        assert page.evaluate(divide) == 0.5
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(divide) == 0.45
        page.keyboard.press("Shift+ArrowRight")
        assert page.evaluate(divide) == 0.7


def test_what_goes_on_is_read_aloud_once(browser, port, photo):
    """A status that counts seconds would be read aloud every second."""
    with page_of(browser, port, viewport=VIEWPORTS["tablet"]) as page:
        open_photo(page, photo)
        draw(page, Hand(page), (0.5, 0.5), (0.52, 0.5))
        requests = hold(page, "**/api/run*")
        page.click("#run")
        until(page, "document.getElementById('busy-seconds').textContent == '2 s'")
        assert page.inner_text("#busy-text") == "Painting" and page.get_attribute("#busy-text", "role") == "status"
        assert page.get_attribute("#busy-seconds", "aria-hidden") == "true"
        until(page, "true")
        for route in requests:
            route.continue_()
        page.wait_for_selector('#run[data-runs="1"]')
