"""The page's picture pixel by pixel: zoom, dense screens, and the parts that it asks for."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from tests.app.browsing import (
    Hand,
    download_of,
    in_both_layouts,
    look,
    on_the_phone,
    open_photo,
    page_of,
    press_run,
    screenshot,
    strokes_of,
    until,
)
from tests.app.client import ask, error_of, png_of
from tfsketch.images import files


def _stripes(height: int, width: int) -> np.ndarray:
    """Lines of one pixel, which no preview shows, on a grey that grows to the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:] = np.linspace(40, 120, width).astype(np.uint8)[None, :, None]
    picture[:, ::2] += 100
    return picture


@in_both_layouts
def test_100_percent_is_one_pixel_to_one_of_a_large_photograph(browser, port, tmp_path, shots, viewport):
    picture = _stripes(1500, 3000)
    (tmp_path / "large.png").write_bytes(png_of(picture))
    with page_of(browser, port, viewport=viewport) as page:
        open_photo(page, tmp_path / "large.png")
        hand = Hand(page)
        page.click("#zoom-real")
        assert page.inner_text("#zoom-real") == "100 %"
        x, y = map(round, hand.at(0.5, 0.45))

        def contrast() -> int:
            row = screenshot(page)[y, x - 30 : x + 30, 0].astype(int)
            return abs(row[::2].mean() - row[1::2].mean())

        end = time.monotonic() + 20
        while contrast() < 80:  # until the tiles have come: the preview is a flat grey
            assert time.monotonic() < end, contrast()
            time.sleep(0.1)
        look(page, shots, f"real-{viewport['width']}")
        # A line of 120 pixels of the screen is one of 120 pixels of the photograph, and what is under it is there.
        page.click("[data-tool=mask]")
        page.locator("#width").fill("50")
        image = page.inner_text("#width-shown")
        page.mouse.move(x - 60, y)
        page.mouse.down()
        page.mouse.move(x + 60, y, steps=10)
        page.mouse.up()
        tree = json.loads(download_of(page, "#save-strokes"))
        assert tree["size"] == [3000, 1500]
        (stroke,) = tree["strokes"]
        assert stroke["points"][-1][0] - stroke["points"][0][0] == pytest.approx(120, abs=1)
        assert image == f"{stroke['width']:g} px" and stroke["width"] == pytest.approx(30, abs=1)
        assert 1400 < stroke["points"][0][0] < 1500
        # The result, too, is looked at pixel by pixel.
        with page.expect_response("**/api/tile") as tile:
            press_run(page)
            page.click("[data-view=result]")
        assert tile.value.ok
        until(page, "document.getElementById('busy').hidden")
        end = time.monotonic() + 20
        y = round(Hand(page).at(0.5, 0.45)[1])  # the strip of results has taken some room, the zoom is the same
        assert page.inner_text("#zoom-real") == "100 %"
        beside = y + 40  # outside of the mask
        while abs(np.diff(screenshot(page)[beside, x - 30 : x + 30, 0].astype(int))).mean() < 80:
            assert time.monotonic() < end
            time.sleep(0.1)
        page.click("#zoom-fit")
        assert page.inner_text("#zoom-real") == f"{_fit_zoom(page, 3000, 1500)} %"


def _fit_zoom(page, width: int, height: int) -> int:
    """The zoom in percent at which a photograph is all in sight."""
    box = page.locator("#canvas").bounding_box()
    pad, bars = 12 if box["width"] < 600 else 40, 128
    return round(100 * min((box["width"] - pad) / width, (box["height"] - bars) / height))


@on_the_phone
def test_pixels_of_a_dense_screen_count(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport, device_scale_factor=2) as page:
        open_photo(page, photo)
        page.keyboard.press("9")
        assert page.inner_text("#zoom-real") == "100 %"
        x, y = map(round, Hand(page).at(0.5, 0.5))
        page.click("[data-tool=mask]")
        page.mouse.move(x - 10, y)
        page.mouse.down()
        page.mouse.move(x + 10, y, steps=10)
        page.mouse.up()
        (stroke,) = strokes_of(page)
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
