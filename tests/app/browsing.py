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
