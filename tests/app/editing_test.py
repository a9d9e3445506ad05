"""An edit in the browser, from the photograph to the file and back, as a hand with a mouse makes it."""

from __future__ import annotations

import json

import numpy as np

from tests.app.browsing import (
    download_of,
    drag,
    in_both_layouts,
    on_the_phone,
    page_of,
    place_of,
    press_run,
    stroke_counts,
    window_of,
)
from tests.app.client import gradient, png_of, style_picture
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.images import files


@in_both_layouts
def test_an_edit_by_mouse_from_the_photograph_to_the_same_picture_again(browser, port, tmp_path, viewport):
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    with page_of(browser, port, viewport=viewport) as page:
        assert page.is_disabled("#run") and page.is_visible("#start")
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
        page.click("[data-tool=mask]")
        drag(page, (0.3, 0.4), (0.7, 0.4), (0.7, 0.6))
        page.click("[data-tool=lasso]")
        drag(page, (0.3, 0.5), (0.5, 0.5), (0.5, 0.8), (0.3, 0.8))
        page.keyboard.press("s")
        drag(page, (0.35, 0.45), (0.65, 0.45))
        page.keyboard.press("i")
        page.mouse.click(*place_of(page, 0.5, 0.1))
        red, green, blue = (int(page.input_value("#color")[i : i + 2], 16) for i in (1, 3, 5))
        assert abs(np.array([red, green, blue]) - gradient()[6, 40]).max() < 12  # the eyedropper, through a JPEG
        drag(page, (0.4, 0.55), (0.6, 0.55))
        assert stroke_counts(page) == ["2 strokes", "1 stroke", "1 stroke"]

        page.keyboard.press("Control+z")
        assert stroke_counts(page) == ["2 strokes", "1 stroke", "empty"]
        page.click("#undo")
        assert stroke_counts(page) == ["2 strokes", "empty", "empty"]
        page.keyboard.press("Control+Shift+z")
        page.click("#redo")
        assert stroke_counts(page) == ["2 strokes", "1 stroke", "1 stroke"] and page.is_disabled("#redo")
        page.keyboard.press("e")  # across the colour: cut in two
        drag(page, (0.5, 0.3), (0.5, 0.8))
        assert stroke_counts(page)[2] == "2 strokes"
        page.keyboard.press("Control+z")

        press_run(page)
        assert page.get_attribute("[data-view=compare]", "aria-pressed") == "true"
        before = page.screenshot(clip=window_of(page))
        drag(page, (0.5, 0.5), (0.05, 0.5))  # the divider, to the left: all is after
        after = page.screenshot(clip=window_of(page))
        assert before != after
        result = download_of(page, "#download")
        strokes = download_of(page, "#save-strokes")
        page.keyboard.press("Control+z")
        press_run(page)
        assert download_of(page, "#download") != result
        page.click("#history button:first-child")  # and back, with its strokes
        assert stroke_counts(page) == ["2 strokes", "1 stroke", "1 stroke"] and download_of(page, "#download") == result

    tree = json.loads(strokes)
    assert [stroke["layer"] for stroke in tree["strokes"]] == ["mask", "mask", "sketch", "color"]
    layers = strokes_lib.render(strokes_lib.parse(tree), (60, 80))
    edit = files.read_rgb("result", result)
    assert (edit[layers.mask == 0] == gradient()[layers.mask == 0]).all() and (edit != gradient()).any()
    assert layers.mask[24, 25:55].all() and layers.sketch[27, 30:50].all()

    (tmp_path / "photo.json").write_bytes(strokes)
    with page_of(browser, port, viewport=viewport) as page:  # another day
        page.set_input_files("#file", [tmp_path / "photo.json", tmp_path / "photo.png"])
        page.wait_for_selector("#run:not([disabled])")
        press_run(page)
        assert download_of(page, "#download") == result


@on_the_phone
def test_the_result_follows_every_stroke(browser, port, tmp_path, viewport):
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    with page_of(browser, port, viewport=viewport) as page:
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
        page.check("#live")
        page.keyboard.press("m")
        drag(page, (0.3, 0.4), (0.7, 0.6))
        page.wait_for_selector('#run[data-runs="1"]')
        assert page.get_attribute("[data-view=draw]", "aria-pressed") == "true"  # one goes on drawing
        page.keyboard.press("s")
        drag(page, (0.35, 0.45), (0.6, 0.55))
        page.wait_for_selector('#run[data-runs="2"]')
        page.click("#undo")
        page.wait_for_selector('#run[data-runs="3"]')
        page.click("#continue")  # the result is the photograph now
        page.wait_for_selector("#views", state="hidden")
        assert stroke_counts(page) == ["empty"] * 3 and page.locator("#history img").count() == 3


@on_the_phone
def test_the_page_says_what_is_wrong(browser, port, tmp_path, viewport):
    (tmp_path / "photo.jpg").write_text("no picture")
    (tmp_path / "strokes.json").write_text('{"size": [10, 500], "strokes": []}')
    (tmp_path / "good.png").write_bytes(png_of(gradient()))
    context = browser.new_context(viewport=viewport)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    page.set_input_files("#file", tmp_path / "photo.jpg")
    page.wait_for_selector("#message:not([hidden])")
    assert "expected a readable picture" in page.inner_text("#message")
    page.set_input_files("#file", tmp_path / "strokes.json")
    page.wait_for_selector("#message:has-text('open the photograph first')")
    page.set_input_files("#file", [tmp_path / "good.png", tmp_path / "strokes.json"])
    page.wait_for_selector("#message:has-text('expected strokes for a picture of this shape')")
    context.close()


@in_both_layouts
def test_the_style_of_another_in_a_region(browser, port, model_dirs, tmp_path, viewport):
    (tmp_path / "photo.png").write_bytes(png_of(gradient()))
    (tmp_path / "style.png").write_bytes(png_of(style_picture()))
    with page_of(browser, port, viewport=viewport) as page:
        assert page.is_hidden("#style-panel")
        page.select_option("#model", model_dirs[2])
        assert page.is_visible("#style-panel") and page.is_hidden("#side") and page.is_hidden("[data-tool=color]")
        page.set_input_files("#file", tmp_path / "photo.png")
        page.wait_for_selector("#start", state="hidden")
        assert page.is_disabled("#run") and page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        page.set_input_files("#style-file", tmp_path / "style.png")
        page.wait_for_selector("#run:not([disabled])")
        assert page.inner_text("#style-name") == "style.png"
        page.select_option("#region", "drawn")
        assert page.is_disabled("#run")  # nothing is drawn
        page.select_option("#region", "everywhere")
        press_run(page)
        whole = files.read_rgb("whole", download_of(page, "#download"))
        assert (whole != gradient()).mean() > 0.3 and page.inner_text("#history button:first-child small") == "1"

        page.click("[data-tool=mask]")
        stage = page.locator("#stage").bounding_box()
        page.mouse.move(stage["x"] + stage["width"] * 0.4, stage["y"] + stage["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(stage["x"] + stage["width"] * 0.6, stage["y"] + stage["height"] * 0.5, steps=6)
        page.mouse.up()
        assert page.input_value("#region") == "drawn"  # who draws means what is drawn
        page.locator("#amount").fill("50")
        press_run(page)
        assert page.get_attribute("[data-view=compare]", "aria-pressed") == "true"
        part = files.read_rgb("part", download_of(page, "#download"))
        page.click("#history button:first-child")
        assert (page.input_value("#region"), page.input_value("#amount")) == ("everywhere", "100")
        page.click("#history button:last-child")
        assert (page.input_value("#region"), page.input_value("#amount")) == ("drawn", "50")
        with page.expect_response("**/api/run") as answer:
            press_run(page)
        strokes = json.loads(answer.value.request.post_data)["strokes"]
        page.click("#undo")
        assert page.is_disabled("#run")
    mask = strokes_lib.render(strokes_lib.parse(strokes), (60, 80)).mask
    assert (part[mask == 0] == gradient()[mask == 0]).all() and (part[mask == 1] != gradient()[mask == 1]).any()


@on_the_phone
def test_a_forgotten_style_is_sent_again_and_a_bad_one_is_told(browser, studio, port, model_dirs, tmp_path, viewport):
    for name, data in (("photo", png_of(gradient())), ("style", png_of(style_picture())), ("bad", b"no picture")):
        (tmp_path / f"{name}.png").write_bytes(data)
    context = browser.new_context(viewport=viewport)  # its console may say that requests were refused
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    page.select_option("#model", model_dirs[2])
    page.set_input_files("#file", tmp_path / "photo.png")
    page.wait_for_selector("#start", state="hidden")
    page.set_input_files("#style-file", tmp_path / "bad.png")
    page.wait_for_selector("#message:has-text('expected a readable picture')")
    assert page.is_disabled("#run")
    page.set_input_files("#style-file", tmp_path / "style.png")
    page.wait_for_selector("#run:not([disabled])")
    studio._pictures.clear()
    press_run(page)
    assert page.locator("#history img").count() == 1 and page.is_hidden("#message")
    context.close()


@in_both_layouts
def test_a_blank_sheet_by_touch(browser, port, model_dirs, viewport):
    settings = {"viewport": viewport, "has_touch": True, "is_mobile": True}
    with page_of(browser, port, **settings) as page:
        page.select_option("#model", model_dirs[1])
        page.select_option("#fill", "1")
        stage = page.locator("#stage").bounding_box()
        assert stage["height"] > 300 and page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.is_hidden("[data-tool=mask]") and page.is_hidden("#continue")
        page.mouse.move(*place_of(page, 0.3, 0.3))
        page.mouse.down()
        page.mouse.move(*place_of(page, 0.6, 0.6), steps=8)
        page.mouse.up()
        press_run(page)
        assert page.locator("#history img").count() == 1
