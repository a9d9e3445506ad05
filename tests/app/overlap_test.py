"""What comes in the middle of something else: nothing drawn is lost, and nothing happens that nobody asked for."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.app.browsing import (
    MARK,
    TITLE,
    Hand,
    draw,
    hold,
    open_photo,
    page_of,
    press_run,
    size_of,
    stroke_counts,
    strokes_of,
    until,
)
from tests.app.client import gradient
from tfsketch.editor.editor import Editor
from tfsketch.images.layers import Drawing


def test_a_stroke_that_is_drawn_while_another_photograph_comes_stays_with_its_own(browser, port, photo, other):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        hand = Hand(page)
        draw(page, hand, *MARK)
        (before,) = strokes_of(page)
        for tool in ("mask", "eraser"):
            page.click(f"[data-tool={tool}]")
            if tool == "eraser":
                page.locator("#width").fill("100")
            requests = hold(page, "**/api/pictures")
            page.set_input_files("#file", other)
            page.mouse.move(*hand.at(*MARK[0]))
            page.mouse.down()
            page.mouse.move(*hand.at(*MARK[1]), steps=6)
            until(page, "!document.getElementById('busy').hidden")
            requests.pop().continue_()
            until(page, f"{TITLE} == 'empty' && document.getElementById('busy').hidden")
            page.mouse.move(*hand.at(0.5, 0.6), steps=3)
            page.mouse.up()
            page.unroute("**/api/pictures")
            assert stroke_counts(page) == ["empty"] * 3  # nothing of it lies on what has come
            page.click("#undo")
            if tool == "mask":
                assert len(strokes_of(page)) == 2
                page.click("#undo")
            assert strokes_of(page) == [before]


def test_what_was_asked_for_last_is_what_is_open(browser, port, model_dirs, photo, other):
    with page_of(browser, port) as page:
        requests = hold(page, "**/api/pictures")
        page.set_input_files("#file", other)
        page.set_input_files("#file", photo)
        page.wait_for_timeout(200)
        assert len(requests) == 2
        requests[1].continue_()
        page.wait_for_selector("#start", state="hidden")
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        with page.expect_response("**/api/pictures"):
            requests[0].continue_()
        until(page, "document.getElementById('busy').hidden")
        assert stroke_counts(page)[0] == "1 stroke" and size_of(page) == [80, 60]
        page.set_input_files("#file", other)
        page.select_option("#model", model_dirs[1])
        page.wait_for_timeout(200)
        with page.expect_response("**/api/pictures"):
            requests[2].continue_()
        until(page, "document.getElementById('busy').hidden")
        assert page.input_value("#model") == model_dirs[1]


def test_what_is_painted_while_a_mask_is_made_stays(browser, port, photo, monkeypatch):
    monkeypatch.setattr(Editor, "region", lambda self, image, names: np.uint8(gradient()[..., 0] > 200))
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        requests = hold(page, "**/api/mask")
        page.click("#mask-cover")
        draw(page, Hand(page), *MARK)
        (strokes,) = strokes_of(page)
        requests[0].continue_()
        until(page, f"document.getElementById('busy').hidden && {TITLE} != '1 stroke'")
        assert strokes in strokes_of(page) and len(strokes_of(page)) > 1


class _Slow:
    """A search that goes on until it is ended."""

    def __init__(self):
        self.go_on, self.calls = threading.Event(), 0

    def complete(self, sketch, results, seed, fill, watch):
        self.calls += 1
        while not self.go_on.wait(0.05):
            watch(0.5)
        return [Drawing(np.zeros(sketch.shape, np.uint8), np.zeros((*sketch.shape, 3), np.uint8))] * results


@pytest.fixture(name="searching")
def _searching(studio, model_dirs, monkeypatch):
    slow = _Slow()
    monkeypatch.setitem(studio.modes, model_dirs[1], "complete")
    monkeypatch.setitem(studio._editors, (model_dirs[1], None), slow)
    yield slow
    slow.go_on.set()


def test_who_cancels_cancels_all_and_can_do_so_while_something_else_goes_on(browser, port, model_dirs, searching):
    context = browser.new_context()  # its console may say that a request was refused
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    page.select_option("#model", model_dirs[1])
    draw(page, Hand(page), *MARK)
    for _ in range(3):  # impatient
        page.click("#run")
    page.wait_for_selector("#busy-share:not([hidden])")
    requests = hold(page, "**/api/examples/*")
    page.evaluate("import('./opening.js').then(({ openExample }) => { openExample({ name: 'face' }); })")
    page.wait_for_selector("#busy-text:has-text('Opening')")
    assert page.is_hidden("#busy-cancel")
    requests[0].fulfill(status=400, json={"error": "not today"})
    page.wait_for_selector("#message:has-text('not today')")
    page.wait_for_selector("#busy-text:has-text('Painting')")
    assert page.is_visible("#busy-share")
    page.click("#busy-cancel")
    page.wait_for_selector("#message:has-text('Cancelled')")
    page.wait_for_timeout(600)
    assert page.is_hidden("#busy") and page.inner_text("#run") == "Run" and searching.calls == 1
    context.close()


def test_a_result_of_another_picture_takes_no_others_place_and_results_are_numbered_on(browser, port, photo, other):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        press_run(page)
        page.set_input_files("#file", other)
        until(page, f"{TITLE} == 'empty'")
        draw(page, Hand(page), *MARK)
        requests = hold(page, "**/api/run")
        page.click("#run")
        page.click("#history button:first-child")
        assert page.is_visible("#views") and page.get_attribute("[data-view=compare]", "aria-pressed") == "true"
        requests[0].continue_()
        page.wait_for_selector("#history button:nth-child(2)")
        assert page.is_visible("#views") and page.get_attribute("[data-view=compare]", "aria-pressed") == "true"
        assert page.get_attribute("#history button:first-child", "aria-pressed") == "true"
        page.unroute("**/api/run")
        page.evaluate("import('./state.js').then(({ S }) => { S.results.splice(0); })")
        press_run(page)
        assert page.get_attribute("#history button:last-child", "title").startswith("Result 3")


def test_nothing_is_pressed_in_vain_before_the_page_has_started(browser, port):
    context = browser.new_context()
    page = context.new_page()
    requests = hold(page, "**/api/state")

    def begins():
        while not requests:
            page.wait_for_timeout(20)
        assert page.is_visible("#start-open") and page.evaluate("document.body.inert")
        return requests.pop()

    page.goto(f"http://127.0.0.1:{port}/")
    begins().continue_()
    page.click("#agree")
    assert not page.evaluate("document.body.inert")
    page.reload()
    begins().abort()
    page.click("#message:has-text('does not answer')")  # what is said can be closed
    assert page.is_hidden("#message")
    context.close()
