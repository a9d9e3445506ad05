"""What the page does with results: views, files, searches, and several of one run."""

from __future__ import annotations

import functools
import io
import json
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.app.browsing import (
    VIEWPORTS,
    Hand,
    download_of,
    draw,
    everywhere,
    in_both_layouts,
    look,
    on_the_phone,
    on_the_tablet,
    open_photo,
    overhangs,
    page_of,
    press_run,
    saved_as,
    screenshot,
    stroke_counts,
    strokes_of,
)
from tests.app.client import serving
from tfsketch.app import examples
from tfsketch.app import jobs as jobs_lib
from tfsketch.app import studio as studio_lib
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.editor import Editor
from tfsketch.images import files
from tfsketch.images.layers import Drawing
from tfsketch.zoo import resolve


@on_the_tablet
def test_a_result_is_not_shown_under_another_models_name(browser, port, model_dirs, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, photo)
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


@everywhere
def test_before_and_after_side_by_side(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        draw(page, Hand(page), (0.45, 0.45), (0.55, 0.5))
        press_run(page)
        page.click("[data-view=beside]")
        assert page.is_visible("#sides") and overhangs(page, "#views *") == []
        look(page, shots, f"beside-{viewport['width']}")
        page.add_style_tag(content="#sides, #views, #zoom { visibility: hidden }")  # what lies over the pictures
        box = page.locator("#stage").bounding_box()
        window = screenshot(page)[int(box["y"]) :, int(box["x"]) :][: int(box["height"]), : int(box["width"])].astype(
            int
        )
        axis = int(page.evaluate("!document.getElementById('sides').classList.contains('below')"))
        half = round(window.shape[axis] / 2)
        one, two = (window[:, :half], window[:, half:]) if axis else (window[:half], window[half:])
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


@on_the_phone
def test_downloads_of_other_formats(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, photo)
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
                name, data = saved_as(page)
                assert name == f"photo_edited.{suffix}" and Image.open(io.BytesIO(data)).format == kind
                sizes.append(len(data))
        assert sizes[0] < sizes[1] and sizes[2] < sizes[3]
        page.select_option("#format", "ora")
        name, data = saved_as(page)
        assert name == "photo_edited.ora" and page.is_hidden("#quality-field")
        assert zipfile.ZipFile(io.BytesIO(data)).read("mimetype") == b"image/openraster"


@in_both_layouts
def test_a_search_is_watched_and_cancelled(browser, studio, port, model_dirs, monkeypatch, shots, viewport):
    """With a stand-in for the search, which takes a minute."""
    go_on, end, calls = threading.Event(), threading.Event(), []

    class Searching:
        def complete(self, sketch, results, seed, fill, watch):
            calls.append(results)
            try:
                for share in (0.1, 0.4) if len(calls) == 1 else ():
                    watch(share)
                while len(calls) == 1 and not go_on.wait(0.1):
                    watch(0.4)
            except jobs_lib.Ended:
                end.set()
                raise
            return [
                Drawing(np.zeros(sketch.shape, np.uint8), np.full((*sketch.shape, 3), 40 * n, np.uint8))
                for n in range(results)
            ]

    monkeypatch.setitem(studio.modes, model_dirs[1], "complete")
    monkeypatch.setitem(studio._editors, (model_dirs[1], None), Searching())
    with page_of(browser, port, viewport=viewport) as page:
        page.select_option("#model", model_dirs[1])
        draw(page, Hand(page), (0.4, 0.4), (0.6, 0.6))
        page.select_option("#count", "4")
        page.click("#run")
        page.wait_for_selector("#busy-share:not([hidden])")
        assert page.evaluate("document.getElementById('busy-share').value") == pytest.approx(0.4, abs=0.31)
        look(page, shots, f"search-{viewport['width']}")
        assert overhangs(page, "#busy, #busy *") == []
        page.click("#busy-cancel")
        page.wait_for_selector("#message:has-text('Cancelled')")
        assert end.wait(20) and page.is_hidden("#busy") and page.locator("#history img").count() == 0
        press_run(page)  # and the next one is not ended
        assert page.locator("#history img").count() == 4 and page.locator("#gallery button").count() == 4
        page.click("#gallery button:nth-child(3)")
        assert page.is_hidden("#gallery") and page.get_attribute("[data-view=result]", "aria-pressed") == "true"
        end.clear()
        calls.clear()
        page.click("#run")
        page.wait_for_selector("#busy-share:not([hidden])")
        page.reload()  # nobody waits for it any more
        assert end.wait(20)


@pytest.fixture(name="shipped_port", scope="module")
def _shipped_port():
    studio = studio_lib.Studio(["sc_fegan"])
    with serving(studio) as port:
        yield port
    studio.close()


@functools.cache
def _shipped_editor(side: int) -> Editor:
    """The shipped model's, in this process."""
    return resolve.Editor("sc_fegan", side)


@pytest.mark.parametrize(
    "example, screen", [("fringe", "phone"), ("features", "tablet"), ("bare", "desk")]
)  # what is drawn makes no difference to how the screen's size shows it
def test_four_results_differ_to_be_seen(browser, shipped_port, photo, shots, example, screen):
    """With the shipped model: how far results of one run are apart in the hole, in levels of 255."""
    viewport = VIEWPORTS[screen]
    with page_of(browser, shipped_port, viewport=viewport) as page:
        page.click(f"[data-example={'features' if example == 'bare' else example}]")
        page.wait_for_selector("#run:not([disabled])")
        if example == "bare":  # a hole, and nothing drawn
            page.click("#clear")
            page.click("[data-tool=mask]")
            draw(page, Hand(page), (0.45, 0.45), (0.55, 0.45))
        page.select_option("#count", "4")
        assert page.is_visible("#vary-field")
        with page.expect_response("**/api/run"):
            press_run(page)
        assert page.get_attribute("[data-view=grid]", "aria-pressed") == "true"
        assert page.locator("#gallery button").count() == 4 and overhangs(page, "#gallery *") == []
        look(page, shots, f"gallery-{example}-{viewport['width']}")
        results = []
        for number in range(4):
            page.click("[data-view=grid]")
            page.click(f"#gallery button:nth-child({number + 1})")
            results.append((files.read_rgb("r", download_of(page, "#download")).astype(int), strokes_of(page)))
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
        again = _shipped_editor(side).edit(photograph, layers.mask, layers.sketch, layers.color, 2)
        assert abs(again.astype(int) - picture).max() <= 1


@on_the_phone
def test_noise_alone_is_there_for_who_wants_it(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        page.mouse.click(*Hand(page).at(0.5, 0.5))
        page.select_option("#count", "2")
        page.select_option("#vary", "noise")
        press_run(page)
        labels = page.locator("#history small").all_inner_texts()
        assert labels == ["seed 0", "seed 1"]
        page.click("#history button:last-child")
        assert stroke_counts(page) == ["1 stroke", "empty", "empty"]  # nothing was added to what was drawn


def _set(page, **values) -> None:
    """Sets fields of the panel, hidden ones too: what is asked of the page is what becomes of them."""
    page.evaluate(
        """(values) => { for (const [id, value] of Object.entries(values)) {
          const field = document.getElementById(id);
          field[typeof value === "boolean" ? "checked" : "value"] = value;
          field.dispatchEvent(new Event("input", { bubbles: true }));
          field.dispatchEvent(new Event("change", { bubbles: true }));
        } }""",
        values,
    )


def _settings(page) -> dict[str, str | bool]:
    """What all fields of the panel say."""
    names = ("seed", "count", "vary", "side", "fill", "feather", "seam", "texture", "region", "style-from", "amount")
    return page.evaluate(
        "(names) => Object.fromEntries(names.map((id) => [id, document.getElementById(id)]).map(([id, field]) => "
        "[id, field.type === 'checkbox' ? field.checked : field.value]))",
        list(names),
    )


EDIT = (
    {"seed": "5", "side": "128", "feather": "3", "seam": False, "texture": False, "count": "1", "vary": "noise"},
    {"seed": "6", "side": "", "feather": "", "seam": True, "texture": True, "count": "2", "vary": "drawing"},
)
DRAW = ({"seed": "5", "fill": "0.75", "count": "1"}, {"seed": "9", "fill": "1", "count": "2"})
RESTYLE = (
    {"region": "drawn", "amount": "40", "feather": "7"},
    {"region": "everywhere", "amount": "100", "feather": ""},
)


@on_the_phone
@pytest.mark.parametrize(("model", "settings"), [(0, EDIT), (1, DRAW), (2, RESTYLE)], ids=["edit", "draw", "restyle"])
def test_a_result_comes_back_with_all_its_settings(browser, port, model_dirs, photo, viewport, model, settings):
    one, two = settings
    with page_of(browser, port, viewport=viewport) as page:
        page.select_option("#model", model_dirs[model])
        if settings is not DRAW:
            open_photo(page, photo)
            page.click("[data-tool=mask]")
        if settings is RESTYLE:
            page.set_input_files("#style-file", photo)
            page.wait_for_selector("#style-image:not([hidden])")
        draw(page, Hand(page), (0.4, 0.4), (0.6, 0.6))
        pictures = []
        for values in (one, two):
            _set(page, **values)
            press_run(page)
            pictures.append(download_of(page, "#download"))
        assert pictures[0] != pictures[1]
        page.click("#history button:first-child")
        assert _settings(page).items() >= one.items()
        press_run(page)
        assert download_of(page, "#download") == pictures[0]
        page.click("#history button:nth-child(2)")
        assert _settings(page).items() >= two.items()
        # Of another way of working nothing is changed: what made no difference is not a result's.
        others = {name: value for name, value in _settings(page).items() if name not in one}
        _set(page, **one)
        page.click("#history button:nth-child(2)")
        assert _settings(page).items() >= {**others, **two}.items()
