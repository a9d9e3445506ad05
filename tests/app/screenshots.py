"""The pictures of docs/app.md: `python -m tests.app.screenshots docs/app`, of the examples, by the shipped models.

With `--sizes`, the start and an edit at a phone's, a tablet's and a desk's width, to be looked at.
"""

from __future__ import annotations

import argparse
import io
import pathlib

from PIL import Image

from tests.app.browsing import page_of, press_run, until
from tests.app.client import serving
from tests.app.conftest import chromium
from tfsketch.app.studio import Studio

DESK = {"viewport": {"width": 1240, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5, "has_touch": True}
SIZES = {
    "390": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
    "768": {"viewport": {"width": 768, "height": 1024}},
    "1440": {"viewport": {"width": 1440, "height": 900}},
}
_QUALITY = 88


def _save(page, path: pathlib.Path) -> None:
    until(page, "document.getElementById('busy').hidden")
    page.mouse.move(1, 1)  # off the buttons, whose titles would show, and the canvas, whose brush would
    page.wait_for_timeout(500)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=_QUALITY)


def _example(page, title: str) -> None:
    page.set_default_timeout(300_000)  # four results take long where other things run
    page.click(f"#examples button:has-text('{title}')")
    page.wait_for_selector("#start", state="hidden")
    page.wait_for_timeout(500)


def _of_documents(browser, port: int, folder: pathlib.Path) -> None:
    with page_of(browser, port, **DESK) as page:
        _example(page, "A fringe")
        _save(page, folder / "draw.jpg")
        press_run(page)
        page.click("[data-view=compare]")
        _save(page, folder / "compare.jpg")
        page.select_option("#count", "4")
        press_run(page)
        _save(page, folder / "four.jpg")
    for title, name in (("A face from nothing", "sheet"), ("The style of another", "restyle")):
        with page_of(browser, port, **DESK) as page:
            _example(page, title)
            press_run(page)
            page.click("[data-view=compare]")
            _save(page, folder / f"{name}.jpg")
    with page_of(browser, port, **PHONE) as page:
        _example(page, "A fringe")
        press_run(page)
        page.click("[data-view=compare]")
        _save(page, folder / "phone.jpg")


def _of_sizes(browser, port: int, folder: pathlib.Path) -> None:
    for name, settings in SIZES.items():
        with page_of(browser, port, **settings) as page:
            _save(page, folder / f"start_{name}.jpg")
            _example(page, "Eyes and mouth")
            _save(page, folder / f"draw_{name}.jpg")
            press_run(page)
            page.click("[data-view=compare]")
            _save(page, folder / f"compare_{name}.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="gets the pictures")
    parser.add_argument("--sizes", action="store_true", help="of several widths instead, for the eye")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    studio = Studio(("sc_fegan", "cali_sketch", "region_edit"))
    with serving(studio) as port, chromium() as browser:
        (_of_sizes if arguments.sizes else _of_documents)(browser, port, arguments.folder)


if __name__ == "__main__":
    main()
