"""The app's page in a browser: opening it, and what its tests press and read there."""

from __future__ import annotations

import contextlib
import pathlib


@contextlib.contextmanager
def page_of(browser, port: int, **settings):
    """A fresh page; whatever the page's console says of errors fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, "accept_downloads": True, **settings})
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
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
    scale = min((stage["width"] - 40) / 80, (stage["height"] - 100) / 60)
    left, top = (stage["width"] - 80 * scale) / 2, (stage["height"] - 60 * scale) / 2 + 8
    return stage["x"] + left + x * 80 * scale, stage["y"] + top + y * 60 * scale


def drag(page, *places: tuple[float, float]) -> None:
    page.mouse.move(*place_of(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place_of(page, *place), steps=6)
    page.mouse.up()
