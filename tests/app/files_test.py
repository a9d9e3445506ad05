"""Files that the page opens: strokes, those of large photographs, and what cannot be read."""

from __future__ import annotations

import json

import pytest

from tests.app.browsing import (
    MARK,
    Hand,
    download_of,
    draw,
    open_photo,
    page_of,
    press_run,
    size_of,
    stroke_counts,
    strokes_of,
    until,
)
from tests.app.client import gradient, png_of
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.errors import ImageError

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


def _is_refused(tree) -> bool:
    try:
        strokes_lib.parse(tree)
    except ImageError:
        return True
    return False


def test_the_page_takes_the_strokes_that_the_program_takes(browser, port, photo, tmp_path):
    with page_of(browser, port) as page:
        text = page.evaluate(
            """async (trees) => {
              const { checkStrokes } = await import("./strokes.js"), said = {};
              for (const [name, tree] of Object.entries(trees)) {
                try { checkStrokes(tree, "a.json"); said[name] = ""; } catch (error) { said[name] = error.message; }
              }
              return said;
            }""",
            TREES,
        )
        errors = [name for name, words in text.items() if words]
        assert errors == [name for name, tree in TREES.items() if _is_refused(tree)] and "good" not in errors
        assert all(text[name].startswith("a.json: ") and "expected" in text[name] for name in errors)
        open_photo(page, photo)
        (tmp_path / "mine.json").write_text(json.dumps(TREES["color {'color': None}"]))
        page.set_input_files("#file", tmp_path / "mine.json")
        page.wait_for_selector("#message:has-text('mine.json: strokes[1].color: expected three whole numbers')")
        page.click("[data-tool=mask]")
        draw(page, Hand(page), *MARK)  # and the page goes on
        assert stroke_counts(page)[0] == "1 stroke"


@pytest.mark.parametrize("way", ["photograph", "sheet"])
def test_layers_that_were_saved_are_opened_again(browser, port, photo, model_dirs, tmp_path, way):
    with page_of(browser, port) as page:
        if way == "sheet":
            page.select_option("#model", model_dirs[1])
        else:
            open_photo(page, photo)
        page.click("[data-tool=sketch]" if way == "sheet" else "[data-tool=mask]")
        draw(page, Hand(page), *MARK)
        press_run(page)
        expected = strokes_of(page), size_of(page), download_of(page, "#download")
        page.select_option("#format", "ora")
        (tmp_path / "mine.ora").write_bytes(download_of(page, "#download"))
    with page_of(browser, port) as page:
        if way == "sheet":
            page.select_option("#model", model_dirs[1])
        page.set_input_files("#file", tmp_path / "mine.ora")
        if way == "sheet":
            page.click("#drawing-use:not([disabled])")
        until(page, "document.querySelector('#run:not([disabled])')")
        press_run(page)
        assert (strokes_of(page), size_of(page), download_of(page, "#download")) == expected


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
        assert size_of(page) == [2048, 1536] and strokes_of(page)[0]["points"][0] == [512, 512]


def test_a_file_that_cannot_be_read_or_is_refused_is_named(browser, port, photo, model_dirs, tmp_path):
    (tmp_path / "mine.png").write_bytes(b"no picture")
    missing = tmp_path / "gone.png"
    missing.write_bytes(png_of(gradient()))
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
    page.set_input_files("#file", missing)
    until(page, "document.getElementById('busy').hidden")
    missing.unlink()
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
