"""Undo, keys and the eyedropper: each does what was meant, to what was meant."""

from __future__ import annotations

import numpy as np

from tests.app.browsing import (
    MARK,
    TITLE,
    Hand,
    download_of,
    draw,
    open_photo,
    page_of,
    place_of,
    press_run,
    size_of,
    stroke_counts,
    strokes_of,
    until,
)
from tests.app.client import gradient
from tfsketch.images import files


def test_undo_leads_back_to_what_was_open_before(browser, port, model_dirs, photo, other):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        draw(page, Hand(page), (0.5, 0.4), (0.5, 0.6))
        strokes = strokes_of(page)
        press_run(page)
        page.set_input_files("#file", other)
        until(page, f"{TITLE} == 'empty'")
        page.keyboard.press("Control+z")
        assert (strokes_of(page), size_of(page)) == (strokes, [80, 60])
        press_run(page)
        page.keyboard.press("Control+z")
        assert len(strokes_of(page)) == 1
        for _ in range(2):
            page.click("#redo")
        assert stroke_counts(page) == ["empty"] * 3 and page.is_disabled("#redo")
        draw(page, Hand(page), *MARK)
        assert size_of(page) == [90, 50]
        page.select_option("#model", model_dirs[1])  # starts from a sheet
        assert stroke_counts(page)[1] == "empty" and page.is_visible("#new-sheet")
        draw(page, Hand(page), *MARK)
        page.click("#new-sheet")  # by mistake
        assert stroke_counts(page)[1] == "empty"
        page.click("#undo")
        assert stroke_counts(page)[1] == "1 stroke" and size_of(page) == [512, 512]
        page.click("#history button:first-child")  # of the first photograph, and by mistake, too
        assert (strokes_of(page), size_of(page)) == (strokes, [80, 60])
        page.click("#undo")
        assert page.input_value("#model") == model_dirs[1] and stroke_counts(page)[1] == "1 stroke"
        page.click("#undo")  # the stroke, and then the model
        page.click("#undo")
        assert page.input_value("#model") == model_dirs[0] and size_of(page) == [90, 50]


def test_keys_belong_to_what_has_the_focus(browser, port, photo):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        cursor = lambda: page.evaluate("document.getElementById('stage').style.cursor")  # noqa: E731
        for field in ("#seam", "#live", "[data-layer=sketch] input"):
            page.focus(field)
            before = page.is_checked(field)
            page.keyboard.press("Space")
            assert page.is_checked(field) != before, field
            page.keyboard.press("Space")
        page.evaluate("document.getElementById('said').hidden = false")
        page.focus("#said summary")
        for key, opens in (("Enter", True), ("Space", False)):
            page.keyboard.press(key)
            assert page.evaluate("document.getElementById('said').open") == opens, key
        # What a mouse has pressed has the focus too, and the space bar is for the picture.
        for target in ("label:has(#texture)", "[data-tool=mask]"):
            page.click(target)
            page.keyboard.down("Space")
            assert cursor() == "grab", target
            page.keyboard.up("Space")
            assert cursor() == "none"
        assert not page.is_checked("#texture")
        page.keyboard.down("Space")
        page.evaluate("dispatchEvent(new Event('blur'))")  # lifted in another window
        assert cursor() == "none"
        page.keyboard.up("Space")
        draw(page, Hand(page), *MARK)
        page.fill("#seed", "1")
        page.keyboard.type("2")
        page.keyboard.press("Control+z")  # of what was typed
        assert stroke_counts(page)[0] == "1 stroke" and page.input_value("#seed") != "12"
        page.focus("#model")
        page.keyboard.press("Control+z")
        assert stroke_counts(page)[0] == "empty"


def test_the_eyedropper_takes_what_is_seen(browser, port, photo):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        page.locator("#width").fill("100")
        draw(page, Hand(page), (0.5, 0.45), (0.5, 0.55))
        press_run(page)
        result = files.read_rgb("made", download_of(page, "#download")).astype(int)
        assert abs(result[30, 40] - gradient()[30, 40]).max() > 24

        def color_at(view: str, *place: float) -> np.ndarray:
            page.click(f"[data-view={view}]")
            page.keyboard.press("i")
            page.mouse.click(*place)
            color = page.input_value("#color")
            return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])

        middle = place_of(page, 40.5 / 80, 30.5 / 60)
        assert abs(color_at("draw", *middle) - gradient()[30, 40]).max() < 12
        assert abs(color_at("result", *middle) - result[30, 40]).max() < 12
        left, right = (place_of(page, x, 30.5 / 60) for x in (0.2, 0.8))
        assert abs(color_at("compare", *left) - gradient()[30, 16]).max() < 12
        box = page.locator("#stage").bounding_box()
        page.click("[data-view=beside]")
        axis = int(page.evaluate("document.getElementById('sides').classList.contains('below')"))
        for half, reference in ((0.25, gradient()), (0.75, result)):
            shares = [0.5, 0.5]
            shares[axis] = half
            lower = 29 * axis  # of two pictures one below the other, both leave room for the row of views
            shot = color_at("beside", box["x"] + shares[0] * box["width"], box["y"] + shares[1] * box["height"] + lower)
            assert abs(shot - reference[26:32, 38:42].reshape(-1, 3)).max(axis=-1).min() < 12, half
        before = page.input_value("#color")
        color_at("draw", box["x"] + 3, box["y"] + 300)
        assert page.input_value("#color") == before and "no picture at this place" in page.inner_text("#message")
