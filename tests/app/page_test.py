"""The page as people meet it: by mouse, by pen, by fingers; on a telephone, a tablet and a desk."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest

from tests.app.server_test import (  # noqa: F401  (the last four are fixtures)
    _counts,
    _error,
    _photo,
    _png,
    _run,
    _saved,
    ask,
    browser,
    model_dirs,
    page_of,
    port,
    studio,
)
from tfsketch.app import examples
from tfsketch.images import files

VIEWPORTS = {
    "phone": {"width": 390, "height": 844},
    "tablet": {"width": 768, "height": 1024},
    "desk": {"width": 1440, "height": 900},
}
LOADED = "[...document.querySelectorAll('#examples img')].filter((one) => one.naturalWidth).length"
viewports = pytest.mark.parametrize("viewport", VIEWPORTS.values(), ids=VIEWPORTS)


class Hand:
    """A hand on the page's picture: a pen with pressure, and fingers, by the browser's own input events.

    Places are shares of the stage's sides.
    """

    def __init__(self, page):
        self.cdp = page.context.new_cdp_session(page)
        self.box = page.locator("#stage").bounding_box()

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.box["x"] + x * self.box["width"], self.box["y"] + y * self.box["height"]

    def pen(self, kind: str, place: tuple[float, float], force: float = 0.5) -> None:
        """`kind`: pressed, moved or released."""
        x, y = self.at(*place)
        self.cdp.send(
            "Input.dispatchMouseEvent",
            {
                "type": f"mouse{kind.capitalize()}",
                "x": x,
                "y": y,
                "button": "left",
                "buttons": int(kind != "released"),
                "pointerType": "pen",
                "force": force,
                "clickCount": 1,
            },
        )

    def pen_line(self, a: tuple[float, float], b: tuple[float, float], forces=(0.5,) * 12) -> None:
        self.pen("pressed", a, forces[0])
        for n, force in enumerate(forces, 1):
            share = n / len(forces)
            self.pen("moved", (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share), force)
        self.pen("released", b)

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        """`kind`: Start, Move, End or Cancel; all fingers that are down."""
        points = [dict(zip("xy", self.at(*place)), id=n) for n, place in enumerate(places)]
        self.cdp.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    def swipe(self, a: tuple[float, float], b: tuple[float, float], steps: int = 8) -> None:
        self.touch("Start", a)
        for n in range(1, steps + 1):
            self.touch("Move", (a[0] + (b[0] - a[0]) * n / steps, a[1] + (b[1] - a[1]) * n / steps))
        self.touch("End")


@pytest.fixture(name="photo", scope="module")
def _photo_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    path.write_bytes(_png(_photo()))
    return path


def _open(page, path) -> None:
    page.set_input_files("#file", path)
    page.wait_for_selector("#start", state="hidden")


def _strokes(page) -> list[dict]:
    return json.loads(_saved(page, "#save-strokes"))["strokes"]


def _until(page, expression: str, seconds: float = 20) -> None:
    """Waits for something true in the page, whose policy forbids Playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.05)


def _look(page, shots, name: str) -> None:
    """A screenshot for the eye, where someone has asked for them (`TFSKETCH_SHOTS`, a folder)."""
    if shots:
        page.screenshot(path=f"{shots}/{name}.png")


@pytest.fixture(name="shots")
def _shots():
    return os.environ.get("TFSKETCH_SHOTS", "")


def _clipped(page, selector: str) -> list[str]:
    """Elements that reach over the sides of what they scroll in, or of the window."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5);
        }).map((one) => one.outerHTML.slice(0, 60))""",
        selector,
    )


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
def test_the_start_card_is_not_clipped(browser, port, shots, width):  # noqa: F811
    with page_of(browser, port, viewport={"width": width, "height": 844 if width < 1000 else 900}) as page:
        _until(page, LOADED + f" == {len(examples.EXAMPLES)}")
        _look(page, shots, f"start-{width}")
        assert _clipped(page, ".card, .card *, header *") == []
        # What is taller than its window scrolls, from the first line to the last.
        for end, selector in (("0", "#start-title"), ("1e6", "#examples button:last-child")):
            page.evaluate(f"document.getElementById('start').scrollTop = {end}")
            box, area = (page.locator(one).bounding_box() for one in (selector, "#canvas"))
            assert area["y"] <= box["y"] and box["y"] + box["height"] <= area["y"] + area["height"], selector


def test_thumbnails_that_fail_are_asked_for_again(browser, port):  # noqa: F811
    context = browser.new_context()  # its console may say that requests were refused
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
    _until(page, LOADED + f" == {len(examples.EXAMPLES)}")
    assert len(refusals) >= len(examples.EXAMPLES) and min(refusals.values()) >= 3
    context.close()


@viewports
def test_a_pen_draws_and_the_palm_does_not(browser, port, photo, shots, viewport):  # noqa: F811
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        _open(page, photo)
        page.click("[data-tool=mask]")
        hand = Hand(page)
        hand.swipe((0.4, 0.4), (0.6, 0.5))  # no pen yet: a finger paints
        assert _counts(page)[0] == "1 stroke"
        page.click("#undo")

        hand.touch("Start", (0.8, 0.8))  # a palm lies there before the pen comes
        hand.touch("Move", (0.82, 0.82))
        hand.pen("pressed", (0.3, 0.5))
        for step in range(1, 6):
            hand.pen("moved", (0.3 + 0.06 * step, 0.5))
        hand.touch("Move", (0.7, 0.8))
        hand.touch("End")
        hand.touch("Start", (0.75, 0.75))  # and again, while the pen draws
        hand.touch("Move", (0.7, 0.7))
        for step in range(6, 9):
            hand.pen("moved", (0.3 + 0.06 * step, 0.5))
        hand.touch("Cancel")
        hand.pen("released", (0.78, 0.5))
        assert _counts(page)[0] == "1 stroke"
        (stroke,) = _strokes(page)
        assert len(stroke["points"]) >= 8

        zoomed = page.inner_text("#zoom-real")
        hand.swipe((0.4, 0.4), (0.5, 0.5))  # from now on a finger moves the picture
        assert _counts(page)[0] == "1 stroke" and page.inner_text("#zoom-real") == zoomed
        hand.pen_line((0.4, 0.6), (0.6, 0.6))
        moved = _strokes(page)[-1]["points"][0]
        before = hand.at(0.4, 0.6)
        hand.swipe((0.5, 0.5), (0.4, 0.4))
        hand.pen("pressed", (0.4, 0.6))
        hand.pen("moved", (0.45, 0.6))
        hand.pen("released", (0.45, 0.6))
        assert before == hand.at(0.4, 0.6) and _strokes(page)[-1]["points"][0][0] > moved[0] + 1
        hand.touch("Start", (0.4, 0.5), (0.6, 0.5))
        hand.touch("Move", (0.35, 0.5), (0.65, 0.5))
        hand.touch("Move", (0.2, 0.5), (0.8, 0.5))
        hand.touch("End")
        assert page.inner_text("#zoom-real") != zoomed and _counts(page)[0] == "3 strokes"
        _look(page, shots, f"pen-{viewport['width']}")


def test_a_pens_pressure_is_its_width(browser, port, photo):  # noqa: F811
    with page_of(browser, port, has_touch=True) as page:
        _open(page, photo)
        page.click("[data-tool=sketch]")
        page.locator("#width").fill("70")
        hand = Hand(page)
        hand.pen_line((0.35, 0.5), (0.65, 0.5), np.linspace(0.05, 1.0, 24).tolist())
        assert _counts(page)[1] == "1 stroke"
        pieces = _strokes(page)
        widths = [piece["width"] for piece in pieces]
        assert len(pieces) > 5 and widths == sorted(widths) and widths[-1] > 3 * widths[0]
        for one, two in zip(pieces, pieces[1:]):
            assert one["points"][-1] == two["points"][0]
        page.keyboard.press("Control+z")  # one stroke, one step back
        assert _counts(page)[1] == "empty" and page.is_disabled("#undo")
        page.mouse.move(*hand.at(0.4, 0.5))
        page.mouse.down()
        page.mouse.move(*hand.at(0.6, 0.5), steps=9)
        page.mouse.up()
        assert len(_strokes(page)) == 1  # a mouse has no pressure


def _stripes(height: int, width: int) -> np.ndarray:
    """Lines of one pixel, which no preview shows, on a grey that grows to the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:] = np.linspace(40, 120, width).astype(np.uint8)[None, :, None]
    picture[:, ::2] += 100
    return picture


def _seen(page) -> np.ndarray:
    """The window as it is seen, [H,W,3] uint8."""
    return files.read_rgb("screenshot", page.screenshot())


@viewports
def test_100_percent_is_one_pixel_to_one_of_a_large_photograph(browser, port, tmp_path, shots, viewport):  # noqa: F811
    picture = _stripes(1500, 3000)
    (tmp_path / "large.png").write_bytes(_png(picture))
    with page_of(browser, port, viewport=viewport) as page:
        _open(page, tmp_path / "large.png")
        hand = Hand(page)
        page.click("#zoom-real")
        assert page.inner_text("#zoom-real") == "100 %"
        x, y = map(round, hand.at(0.5, 0.45))

        def contrast() -> int:
            row = _seen(page)[y, x - 30 : x + 30, 0].astype(int)
            return abs(row[::2].mean() - row[1::2].mean())

        end = time.monotonic() + 20
        while contrast() < 80:  # until the tiles have come: the preview is a flat grey
            assert time.monotonic() < end, contrast()
            time.sleep(0.1)
        _look(page, shots, f"real-{viewport['width']}")
        # A line of 120 pixels of the screen is one of 120 pixels of the photograph, and what is under it is there.
        page.click("[data-tool=mask]")
        page.locator("#width").fill("50")
        shown = page.inner_text("#width-shown")
        page.mouse.move(x - 60, y)
        page.mouse.down()
        page.mouse.move(x + 60, y, steps=10)
        page.mouse.up()
        tree = json.loads(_saved(page, "#save-strokes"))
        assert tree["size"] == [3000, 1500]
        (stroke,) = tree["strokes"]
        assert stroke["points"][-1][0] - stroke["points"][0][0] == pytest.approx(120, abs=1)
        assert shown == f"{stroke['width']:g} px" and stroke["width"] == pytest.approx(30, abs=1)
        assert 1400 < stroke["points"][0][0] < 1500
        # The result, too, is looked at pixel by pixel.
        with page.expect_response("**/api/tile") as tile:
            _run(page)
            page.click("[data-view=result]")
        assert tile.value.ok
        _until(page, "document.getElementById('busy').hidden")
        end = time.monotonic() + 20
        y = round(Hand(page).at(0.5, 0.45)[1])  # the strip of results has taken some room, the zoom is the same
        assert page.inner_text("#zoom-real") == "100 %"
        beside = y + 40  # outside of the mask
        while abs(np.diff(_seen(page)[beside, x - 30 : x + 30, 0].astype(int))).mean() < 80:
            assert time.monotonic() < end
            time.sleep(0.1)
        page.click("#zoom-fit")
        assert page.inner_text("#zoom-real") == f"{_fitted(page, 3000, 1500)} %"


def _fitted(page, width: int, height: int) -> int:
    """The zoom in percent at which a photograph is all in sight."""
    box = page.locator("#canvas").bounding_box()
    pad, bars = (12, 52) if box["width"] < 600 else (40, 100)
    return round(100 * min((box["width"] - pad) / width, (box["height"] - bars) / height))


def test_pixels_of_a_dense_screen_count(browser, port, photo):  # noqa: F811
    with page_of(browser, port, device_scale_factor=2) as page:
        _open(page, photo)
        page.keyboard.press("9")
        assert page.inner_text("#zoom-real") == "100 %"
        x, y = map(round, Hand(page).at(0.5, 0.5))
        page.click("[data-tool=mask]")
        page.mouse.move(x - 10, y)
        page.mouse.down()
        page.mouse.move(x + 10, y, steps=10)
        page.mouse.up()
        (stroke,) = _strokes(page)
        assert stroke["points"][-1][0] - stroke["points"][0][0] == pytest.approx(40, abs=1)


def test_parts_that_are_asked_for_are_checked(port, studio, model_dirs):  # noqa: F811
    picture = _stripes(300, 2000)
    name = studio.open(_png(picture))["picture"]
    status, answer = ask(port, f"/api/pictures/{name}?box=1500,10,400,200")
    part = files.read_rgb("part", answer)
    assert status == 200 and abs(part.astype(int) - picture[10:210, 1500:1900]).max() < 12
    for box in ("1", "1900,10,200,10", "0,0,0,10", "0,0,x,10", "0,0,10", "-1,0,10,10", "0,0,10.5,10"):
        assert "box: expected [left, top, width, height] in a picture of 2000 x 300" in _error(
            ask(port, f"/api/pictures/{name}?box={box}")
        )
    strokes = {"size": [2000, 300], "strokes": [{"layer": "mask", "points": [[1000, 100]], "width": 80}]}
    request = {"model": model_dirs[0], "picture": name, "strokes": strokes}
    status, answer = ask(port, "/api/tile", request | {"box": [940, 40, 120, 120]})
    full = files.read_rgb("file", ask(port, "/api/file", request)[1])
    assert status == 200
    assert abs(files.read_rgb("part", answer).astype(int) - full[40:160, 940:1060]).max() < 30
    for box in (None, [0, 0, 2000, 3000], "much", [True, 0, 1, 1], [0, 0, 10**30, 1]):
        assert "box: expected" in _error(ask(port, "/api/tile", request | {"box": box}))
