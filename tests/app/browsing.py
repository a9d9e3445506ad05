"""The app's page in a browser: opening it, and what its tests press and read there."""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import skimage.data

from tfsketch.images import files, sizes

VIEWPORTS = {
    "phone": {"width": 390, "height": 844},
    "tablet": {"width": 768, "height": 1024},
    "desk": {"width": 1440, "height": 900},
}
"""Widths and heights of windows in which the page is met."""
everywhere = pytest.mark.parametrize("viewport", VIEWPORTS.values(), ids=VIEWPORTS)
"""For what concerns the whole page, or depends on whether a window is high or wide."""
in_both_layouts = pytest.mark.parametrize(
    "viewport", [VIEWPORTS["phone"], VIEWPORTS["tablet"]], ids=["phone", "tablet"]
)
"""The style sheet has two layouts, which part at 760 px: here in windows where each has the least room. A wide one is
what `page_of` opens for all tests without a viewport."""
on_the_phone = pytest.mark.parametrize("viewport", [VIEWPORTS["phone"]], ids=["phone"])
on_the_tablet = pytest.mark.parametrize("viewport", [VIEWPORTS["tablet"]], ids=["tablet"])
"""For what the window's size does not change."""
MARK = (0.45, 0.45), (0.55, 0.5)
"""Where a short stroke goes, in shares of the stage's sides."""
TITLE = "document.getElementById('layers').querySelector('output').textContent"
"""How many strokes the mask has, as an expression of the page."""


@contextlib.contextmanager
def page_of(browser, port: int, **settings):
    """A fresh page; whatever the page's console says of errors fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, "accept_downloads": True, **settings})
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"http://127.0.0.1:{port}/")
    page.click("#agree")
    try:
        yield page
        assert not errors
    finally:
        context.close()


def stroke_counts(page) -> list[str]:
    """How many strokes the page says that there are of each layer."""
    return [page.inner_text(f"[data-layer={name}] output") for name in ("mask", "sketch", "color")]


def press_run(page) -> None:
    """Presses the button and waits for the result."""
    runs = int(page.get_attribute("#run", "data-runs") or 0)
    page.click("#run")
    page.wait_for_selector(f'#run[data-runs="{runs + 1}"]')


def download_of(page, button: str) -> bytes:
    """The file that a button downloads."""
    with page.expect_download() as download:
        page.click(button)
    return pathlib.Path(download.value.path()).read_bytes()


def window_of(page) -> dict[str, float]:
    (left, top), (right, bottom) = place_of(page, 0, 0), place_of(page, 1, 1)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def place_of(page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture, in shares of its sides, lies on the screen; the page fits 80 x 60 in the middle."""
    stage = page.locator("#stage").bounding_box()
    pad, bars = 12 if stage["width"] < 600 else 40, 128
    scale = min((stage["width"] - pad) / 80, (stage["height"] - bars) / 60)
    left, top = (stage["width"] - 80 * scale) / 2, (stage["height"] - 60 * scale) / 2
    return stage["x"] + left + x * 80 * scale, stage["y"] + top + y * 60 * scale


def drag(page, *places: tuple[float, float]) -> None:
    page.mouse.move(*place_of(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place_of(page, *place), steps=6)
    page.mouse.up()


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


def overhangs(page, selector: str) -> list[str]:
    """Elements that reach over the sides of what they scroll in, or of the window."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5);
        }).map((one) => one.outerHTML.slice(0, 60))""",
        selector,
    )


def small_targets(page, least: float = 40) -> list[str]:
    """What can be pressed and is in sight, but lower or narrower than `least` pixels: too small for a finger."""
    return page.evaluate(
        """(least) => [...document.querySelectorAll("button, select, input, summary")].filter((one) => {
          if (!one.checkVisibility({ visibilityProperty: true }) || one.type === "file") return false;
          const target = one.closest("label.check, label.layer") || one, box = target.getBoundingClientRect();
          return Math.min(box.height, box.width) < least - 0.5;
        }).map((one) => {
          const { width, height } = one.getBoundingClientRect();
          return `${one.outerHTML.slice(0, 70)} ${Math.round(width)} x ${Math.round(height)}`;
        })""",
        least,
    )


def open_photo(page, path) -> None:
    """Opens a photograph and waits until it is shown."""
    page.set_input_files("#file", path)
    page.wait_for_selector("#start", state="hidden")


def strokes_of(page) -> list[dict]:
    """The strokes as the page saves them."""
    return json.loads(download_of(page, "#save-strokes"))["strokes"]


def size_of(page) -> list[int]:
    """Width and height of what the strokes are drawn on, as the page saves them."""
    return json.loads(download_of(page, "#save-strokes"))["size"]


def hold(page, address: str) -> list:
    """Requests to an address wait in the list that is given until they are told to go on."""
    requests: list = []
    page.route(address, lambda route: requests.append(route))
    return requests


def saved_as(page) -> tuple[str, bytes]:
    """The name and the content of the result's file."""
    with page.expect_download() as download:
        page.click("#download")
    return download.value.suggested_filename, pathlib.Path(download.value.path()).read_bytes()


def until(page, expression: str, seconds: float = 20) -> None:
    """Waits for something true in the page, whose policy forbids Playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.05)


def look(page, shots: str, name: str) -> None:
    """A screenshot for the eye, where someone has asked for them (the fixture `shots`)."""
    if shots:
        page.screenshot(path=f"{shots}/{name}.png")


def screenshot(page) -> np.ndarray:
    """The window as it is seen, [H,W,3] uint8."""
    return files.read_rgb("screenshot", page.screenshot())


def draw(page, hand: Hand, *places: tuple[float, float]) -> None:
    """Drags the mouse along places of the stage, in shares of its sides."""
    page.mouse.move(*hand.at(*places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*hand.at(*place), steps=6)
    page.mouse.up()


LEVELS = 2
"""By which a picture that the browser makes may differ from Python's, inside of the mask."""


def face(side: int) -> np.ndarray:
    """A square of a portrait."""
    return sizes.center_square(skimage.data.astronaut()[0:256, 100:356], side)


@contextlib.contextmanager
def http_server(folder: pathlib.Path):
    """`python -m http.server`; gives its port, and a function that ends it."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            yield int(re.search(r"port (\d+)", running.stdout.readline())[1]), running.kill
        finally:
            running.kill()


@contextlib.contextmanager
def answering(handler: type[http.server.BaseHTTPRequestHandler]):
    """A server in this process; gives its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def refuse_first(context, address: str) -> list[str]:
    """The first request for an address gets no answer; gives the list of the requests as they come."""
    addresses: list[str] = []

    def answer(route) -> None:
        addresses.append(route.request.url)
        if len(addresses) == 1:
            route.abort()
        else:
            route.continue_()

    context.route(address, answer)
    return addresses
