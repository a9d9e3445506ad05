"""From a stroke to the picture in a browser alone, beside `tools.app`: `python -m tests.app.speed SITE [ROUNDS]`.

SITE is what `tools.export --format=web` wrote of a model that edits. Both pages are open in one Chromium, the app's
with the model of that name, and take turns: a line is drawn into the hole while the result follows every stroke. What
counts is the time by the clock from the pointer's release to the result, in the page; the first two rounds do not.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

from tests.app.browsing import Hand, draw, face, http_server, open_photo, page_of, until
from tests.app.client import png_of
from tests.app.conftest import chromium

SIDE, ROUNDS, UNCOUNTED = 256, 13, 2
_WATCH = """() => {
  window.released = 0;
  window.took = [];
  addEventListener("pointerup", () => { released = performance.now(); }, true);
  new MutationObserver(() => took.push(performance.now() - released))
    .observe(document.getElementById("run"), { attributeFilter: ["data-runs"] });
}"""


@contextlib.contextmanager
def _app(model: str):
    """`tools.app` in a process of its own; gives its port."""
    command = [sys.executable, "-m", "tools.app", f"--model={model}", "--port=0", "--nobrowser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield next(int(match[1]) for line in running.stdout if (match := re.search(r"http://\S+:(\d+)", line)))
        finally:
            running.terminate()


def main(site: str, rounds: int = ROUNDS) -> None:
    """Prints the medians and the ratio, with its 10th and 90th percentile."""
    model = json.loads((pathlib.Path(site) / "state.json").read_text())["models"][0]["name"]
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        photograph = pathlib.Path(scratch) / "photograph.png"
        photograph.write_bytes(png_of(face(SIDE)))
        browser = stack.enter_context(chromium())
        ports = [stack.enter_context(http_server(pathlib.Path(site)))[0], stack.enter_context(_app(model))]
        pages = [stack.enter_context(page_of(browser, port)) for port in ports]
        hands = []
        for page in pages:
            open_photo(page, photograph)
            hands.append(Hand(page))
            page.locator("#width").fill("40")
            page.click("[data-tool=mask]")
            draw(page, hands[-1], (0.42, 0.45), (0.58, 0.45), (0.58, 0.55), (0.42, 0.55))
            page.evaluate(_WATCH)
            page.check("#live")
            until(page, "took.length == 1", 120)
            page.click("[data-tool=sketch]")
        for number in range(rounds + UNCOUNTED):
            for page, hand in zip(pages, hands):
                y = 0.44 + 0.12 * number / (rounds + UNCOUNTED)
                draw(page, hand, (0.44, y), (0.56, y))
                until(page, f"took.length == {number + 2}", 120)
        times = np.array([page.evaluate("took") for page in pages])[:, 1 + UNCOUNTED :] / 1000
    low, ratio, high = np.percentile(times[0] / times[1], [10, 50, 90])
    alone, beside = np.median(times, axis=1)
    print(
        f"{model}, {SIDE} px, {rounds} pairs: {alone:.2f} s in the browser alone, {beside:.2f} s by tools.app; "
        f"ratio {ratio:.2f} (10 % - 90 %: {low:.2f} - {high:.2f})"
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
