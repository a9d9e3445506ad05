"""The page where it may find itself: without storage, in two tabs, in a low window, in another server's folder."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount

from tests.app.browsing import (
    MARK,
    TITLE,
    Hand,
    download_of,
    draw,
    open_photo,
    page_of,
    press_run,
    stroke_counts,
    strokes_of,
    until,
)
from tests.app.client import serving
from tfsketch.app import server as server_lib
from tfsketch.images import files


def test_a_browser_without_storage_has_an_editor(browser, port, photo):
    context = browser.new_context()
    context.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get() {
          throw new DOMException("Access is denied for this document.", "SecurityError");
        } });"""
    )
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    assert page.is_hidden("#message")
    open_photo(page, photo)
    page.click("[data-tool=mask]")
    draw(page, Hand(page), *MARK)
    page.wait_for_timeout(600)  # by now it would have been kept
    assert stroke_counts(page)[0] == "1 stroke" and errors == []
    context.close()


def test_who_opens_the_start_in_another_tab_goes_on_in_this_one(browser, port, photo):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        with page.context.expect_page():
            page.click(".brand", modifiers=["Control"])
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        page.reload()
        page.wait_for_selector("#start", state="hidden")
        until(page, f"{TITLE} == '1 stroke'")
        assert page.is_disabled("#undo")


def test_a_window_with_no_room_for_the_picture(browser, port, photo):
    with page_of(browser, port, viewport={"width": 1000, "height": 140}) as page:
        page.evaluate("document.getElementById('start').hidden = true")
        page.set_input_files("#file", photo)
        until(page, "document.getElementById('busy').hidden")
        assert int(page.text_content("#zoom-real").split()[0]) >= 0
        page.set_viewport_size({"width": 1100, "height": 800})
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        (stroke,) = strokes_of(page)
        assert stroke["points"][0][0] < stroke["points"][-1][0]


def test_the_page_lies_in_a_folder_of_another_server(browser, studio, photo, monkeypatch):
    inner = server_lib.create
    monkeypatch.setattr(
        server_lib, "create", lambda *arguments: Starlette(routes=[Mount("/lab/editor", inner(*arguments))])
    )
    with serving(studio) as port:
        context = browser.new_context(accept_downloads=True)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/lab/editor/")
        page.click("#agree")
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        press_run(page)
        assert files.read_rgb("made", download_of(page, "#download")).shape == (60, 80, 3)
        context.close()
