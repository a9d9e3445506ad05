"""What people have drawn is not lost, and what they did not ask for does not happen: undo, keys, files, and what comes
in the middle of something else."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.app.browsing import (
    Hand,
    download_of,
    draw,
    open_photo,
    page_of,
    place_of,
    press_run,
    stroke_counts,
    strokes_of,
    until,
)
from tests.app.client import gradient, png_of, serving
from tfsketch.app import server as server_lib
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.errors import ImageError
from tfsketch.images import files
from tfsketch.images.layers import Drawing

EMPTY = ["empty"] * 3
MARK = (0.45, 0.45), (0.55, 0.5)
TITLE = "document.getElementById('layers').querySelector('output').textContent"


@pytest.fixture(name="other", scope="module")
def _other_file(tmp_path_factory):
    """A photograph of another size."""
    path = tmp_path_factory.mktemp("photo") / "other.png"
    path.write_bytes(png_of(gradient(50, 90)))
    return path


def _size(page) -> list[int]:
    return json.loads(download_of(page, "#save-strokes"))["size"]


def _hold(page, address: str) -> list:
    """Requests to an address wait in the list that is given until they are told to go on."""
    held: list = []
    page.route(address, lambda route: held.append(route))
    return held


def test_undo_leads_back_to_what_was_open_before(browser, port, model_dirs, photo, other):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        draw(page, Hand(page), (0.5, 0.4), (0.5, 0.6))
        drawn = strokes_of(page)
        press_run(page)
        page.set_input_files("#file", other)
        until(page, f"{TITLE} == 'empty'")
        page.keyboard.press("Control+z")
        assert (strokes_of(page), _size(page)) == (drawn, [80, 60])
        press_run(page)
        page.keyboard.press("Control+z")
        assert len(strokes_of(page)) == 1
        for _ in range(2):
            page.click("#redo")
        assert stroke_counts(page) == EMPTY and page.is_disabled("#redo")
        draw(page, Hand(page), *MARK)
        assert _size(page) == [90, 50]
        page.select_option("#model", model_dirs[1])  # starts from a sheet
        assert stroke_counts(page)[1] == "empty" and page.is_visible("#new-sheet")
        draw(page, Hand(page), *MARK)
        page.click("#new-sheet")  # by mistake
        assert stroke_counts(page)[1] == "empty"
        page.click("#undo")
        assert stroke_counts(page)[1] == "1 stroke" and _size(page) == [512, 512]
        page.click("#history button:first-child")  # of the first photograph, and by mistake, too
        assert (strokes_of(page), _size(page)) == (drawn, [80, 60])
        page.click("#undo")
        assert page.input_value("#model") == model_dirs[1] and stroke_counts(page)[1] == "1 stroke"
        page.click("#undo")  # the stroke, and then the model
        page.click("#undo")
        assert page.input_value("#model") == model_dirs[0] and _size(page) == [90, 50]


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
            held = _hold(page, "**/api/pictures")
            page.set_input_files("#file", other)
            page.mouse.move(*hand.at(*MARK[0]))
            page.mouse.down()
            page.mouse.move(*hand.at(*MARK[1]), steps=6)
            until(page, "!document.getElementById('busy').hidden")
            held.pop().continue_()
            until(page, f"{TITLE} == 'empty' && document.getElementById('busy').hidden")
            page.mouse.move(*hand.at(0.5, 0.6), steps=3)
            page.mouse.up()
            page.unroute("**/api/pictures")
            assert stroke_counts(page) == EMPTY  # nothing of it lies on what has come
            page.click("#undo")
            if tool == "mask":
                assert len(strokes_of(page)) == 2
                page.click("#undo")
            assert strokes_of(page) == [before]


def test_what_was_asked_for_last_is_what_is_open(browser, port, model_dirs, photo, other):
    with page_of(browser, port) as page:
        held = _hold(page, "**/api/pictures")
        page.set_input_files("#file", other)
        page.set_input_files("#file", photo)
        page.wait_for_timeout(200)
        assert len(held) == 2
        held[1].continue_()
        page.wait_for_selector("#start", state="hidden")
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        with page.expect_response("**/api/pictures"):
            held[0].continue_()
        until(page, "document.getElementById('busy').hidden")
        assert stroke_counts(page)[0] == "1 stroke" and _size(page) == [80, 60]
        page.set_input_files("#file", other)
        page.select_option("#model", model_dirs[1])
        page.wait_for_timeout(200)
        with page.expect_response("**/api/pictures"):
            held[2].continue_()
        until(page, "document.getElementById('busy').hidden")
        assert page.input_value("#model") == model_dirs[1]


def test_what_is_painted_while_a_mask_is_made_stays(browser, port, photo, monkeypatch):
    monkeypatch.setattr(Editor, "region", lambda self, image, names: np.uint8(gradient()[..., 0] > 200))
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        held = _hold(page, "**/api/mask")
        page.click("#mask-cover")
        draw(page, Hand(page), *MARK)
        (painted,) = strokes_of(page)
        held[0].continue_()
        until(page, f"document.getElementById('busy').hidden && {TITLE} != '1 stroke'")
        assert painted in strokes_of(page) and len(strokes_of(page)) > 1


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
        for key, opened in (("Enter", True), ("Space", False)):
            page.keyboard.press(key)
            assert page.evaluate("document.getElementById('said').open") == opened, key
        # What a mouse has pressed has the focus too, and the space bar is for the picture.
        for pressed in ("label:has(#texture)", "[data-tool=mask]"):
            page.click(pressed)
            page.keyboard.down("Space")
            assert cursor() == "grab", pressed
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


LINE = {"layer": "mask", "points": [[1, 2], [3, 4]], "width": 3}
DOT = {"layer": "color", "points": [[1, 2]], "width": 3, "color": [1, 2, 3]}
AREA = {"layer": "sketch", "points": [[1, 2], [3, 4], [9, 9]], "fill": True}
TREES = {
    "good": {"size": [80, 60], "strokes": [LINE, DOT, AREA, AREA | {"width": 0}, LINE | {"color": None}]},
    "no tree": [1],
    "nothing": None,
    "no size": {"strokes": []},
    "more": {"size": [80, 60], "strokes": [], "notes": []},
    **{f"size {size}": {"size": size, "strokes": []} for size in ([80], [0, 60], ["80", 60], [1.5, 1], 80, [10**7, 1])},
    **{f"stroke {stroke}": {"size": [80, 60], "strokes": [stroke]} for stroke in (None, 1, [], {}, {"layer": "mask"})},
    **{
        f"{one['layer']} {changes}": {"size": [80, 60], "strokes": [LINE, one | changes]}
        for one, changes in (
            (LINE, {"layer": "toString"}),
            (LINE, {"points": []}),
            (LINE, {"points": [[1, 2], [3]]}),
            (LINE, {"points": [[1, 2], None]}),
            (LINE, {"points": [[1, "2"]]}),
            (LINE, {"points": [[1e9, 2]]}),
            (LINE, {"width": 0}),
            (LINE, {"width": "3"}),
            (LINE, {"width": None}),
            (LINE, {"color": [1, 2, 3]}),
            (LINE, {"fill": True}),
            (LINE, {"fill": 1}),
            (LINE, {"pressure": 1}),
            (DOT, {"color": None}),
            (DOT, {"color": [1, 2]}),
            (DOT, {"color": [1, 2, 256]}),
            (DOT, {"color": "#010203"}),
            (AREA, {"points": [[1, 2], [3, 4]]}),
            (AREA, {"width": -1}),
        )
    },
    "too many": {"size": [80, 60], "strokes": [LINE | {"points": [[1, 2]] * 60_000}] * 2},
}  # fmt: skip


def _refused(tree) -> bool:
    try:
        strokes_lib.parse(tree)
    except ImageError:
        return True
    return False


def test_the_page_takes_the_strokes_that_the_program_takes(browser, port, photo, tmp_path):
    with page_of(browser, port) as page:
        said = page.evaluate(
            """async (trees) => {
              const { checkStrokes } = await import("./strokes.js"), said = {};
              for (const [name, tree] of Object.entries(trees)) {
                try { checkStrokes(tree, "a.json"); said[name] = ""; } catch (error) { said[name] = error.message; }
              }
              return said;
            }""",
            TREES,
        )
        refused = [name for name, words in said.items() if words]
        assert refused == [name for name, tree in TREES.items() if _refused(tree)] and "good" not in refused
        assert all(said[name].startswith("a.json: ") and "expected" in said[name] for name in refused)
        open_photo(page, photo)
        (tmp_path / "mine.json").write_text(json.dumps(TREES["color {'color': None}"]))
        page.set_input_files("#file", tmp_path / "mine.json")
        page.wait_for_selector("#message:has-text('mine.json: strokes[1].color: expected three whole numbers')")
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)  # and the page goes on
        assert stroke_counts(page)[0] == "1 stroke"


def test_strokes_of_a_large_photograph_are_drawn_on_a_sheet_that_models_take(browser, port, model_dirs, tmp_path):
    stroke = {"layer": "sketch", "points": [[1000, 1000], [3000, 2000]], "width": 40}
    (tmp_path / "large.json").write_text(json.dumps({"size": [4000, 3000], "strokes": [stroke]}))
    with page_of(browser, port) as page:
        page.select_option("#model", model_dirs[1])
        # As where nothing is open yet, because all models draw.
        page.evaluate("import('./state.js').then(({ S }) => { S.size = null; })")
        page.set_input_files("#file", tmp_path / "large.json")
        page.wait_for_selector("#run:not([disabled])")
        press_run(page)
        assert _size(page) == [2048, 1536] and strokes_of(page)[0]["points"][0] == [512, 512]


def test_a_file_that_cannot_be_read_or_is_refused_is_named(browser, port, photo, model_dirs, tmp_path):
    (tmp_path / "mine.png").write_bytes(b"no picture")
    gone = tmp_path / "gone.png"
    gone.write_bytes(png_of(gradient()))
    context = browser.new_context()  # its console may say that requests were refused
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    page.set_input_files("#file", [photo, tmp_path / "mine.png"])
    page.wait_for_selector("#message:has-text('mine.png: expected a readable picture')")
    page.evaluate(
        """document.getElementById("file").addEventListener("change", ({ target }) => {
          window.kept = target.files[0];
        }, true)"""
    )
    page.set_input_files("#file", gone)
    until(page, "document.getElementById('busy').hidden")
    gone.unlink()
    drop = """(name) => { const data = new DataTransfer(); data.items.add(window.kept);
      document.querySelector(name).dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true })); }"""
    page.evaluate(drop, "#canvas")
    page.wait_for_selector(
        "#message:has-text('gone.png: expected a file that can be read, found a folder, or one that was')"
    )
    page.select_option("#model", model_dirs[2])
    page.set_input_files("#style-file", tmp_path / "mine.png")
    page.wait_for_selector("#message:has-text('mine.png: expected a readable picture')")
    context.close()


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
    held = _hold(page, "**/api/examples/*")
    page.evaluate("import('./opening.js').then(({ openExample }) => { openExample({ name: 'face' }); })")
    page.wait_for_selector("#busy-text:has-text('Opening')")
    assert page.is_hidden("#busy-cancel")
    held[0].fulfill(status=400, json={"error": "not today"})
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
        held = _hold(page, "**/api/run")
        page.click("#run")
        page.click("#history button:first-child")
        assert page.is_visible("#views") and page.get_attribute("[data-view=compare]", "aria-pressed") == "true"
        held[0].continue_()
        page.wait_for_selector("#history button:nth-child(2)")
        assert page.is_visible("#views") and page.get_attribute("[data-view=compare]", "aria-pressed") == "true"
        assert page.get_attribute("#history button:first-child", "aria-pressed") == "true"
        page.unroute("**/api/run")
        page.evaluate("import('./state.js').then(({ S }) => { S.results.splice(0); })")
        press_run(page)
        assert page.get_attribute("#history button:last-child", "title").startswith("Result 3")


def test_the_eyedropper_takes_what_is_seen(browser, port, photo):
    with page_of(browser, port) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        page.locator("#width").fill("100")
        draw(page, Hand(page), (0.5, 0.45), (0.5, 0.55))
        press_run(page)
        made = files.read_rgb("made", download_of(page, "#download")).astype(int)
        assert abs(made[30, 40] - gradient()[30, 40]).max() > 24

        def taken(view: str, *place: float) -> np.ndarray:
            page.click(f"[data-view={view}]")
            page.keyboard.press("i")
            page.mouse.click(*place)
            color = page.input_value("#color")
            return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])

        middle = place_of(page, 40.5 / 80, 30.5 / 60)
        assert abs(taken("draw", *middle) - gradient()[30, 40]).max() < 12
        assert abs(taken("result", *middle) - made[30, 40]).max() < 12
        left, right = (place_of(page, x, 30.5 / 60) for x in (0.2, 0.8))
        assert abs(taken("compare", *left) - gradient()[30, 16]).max() < 12
        box = page.locator("#stage").bounding_box()
        page.click("[data-view=beside]")
        axis = int(page.evaluate("document.getElementById('sides').classList.contains('below')"))
        for half, wanted in ((0.25, gradient()), (0.75, made)):
            shares = [0.5, 0.5]
            shares[axis] = half
            seen = taken("beside", box["x"] + shares[0] * box["width"], box["y"] + shares[1] * box["height"])
            assert abs(seen - wanted[26:32, 38:42].reshape(-1, 3)).max(axis=-1).min() < 12, half
        before = page.input_value("#color")
        taken("draw", box["x"] + 3, box["y"] + 300)
        assert page.input_value("#color") == before and "no picture at this place" in page.inner_text("#message")


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
    monkeypatch.setattr(server_lib, "create", lambda *given: Starlette(routes=[Mount("/lab/editor", inner(*given))]))
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
