"""TensorFlow Lite files by LiteRT.js in a browser, beside LiteRT in Python: `python -m tests.app.wasm FOLDER`.

FOLDER is what `tools.export --format=tflite --variant=all` wrote of a shipped model. Both run every file on the same
edits, on one thread each, and take turns; what counts is the CPU time, of the page's process in Chromium and of the
calling thread here. Pictures are compared with the network's own, in the hole.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import datetime
import pathlib
import tempfile
import time
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tests.app.browsing import http_server
from tests.app.conftest import chromium
from tfsketch import zoo
from tfsketch.app import litert
from tfsketch.backends.base import SIGNATURE
from tfsketch.backends.tflite import interpreters, read_metadata
from tfsketch.benchmarks.measures import table
from tfsketch.benchmarks.runtimes import psnr
from tfsketch.evaluation import report
from tfsketch.export import VARIANTS, edits

EDITS, CALLS = 6, 3
"""Edits, of which the first does not count for the time, and calls of each, of which CPU time is the mean."""
_PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>LiteRT.js</title>'
_START = """async () => {
  const litert = await import(new URL("litert/core.js", location).href);
  const runtime = await litert.loadLiteRt(new URL("litert/wasm/", location).href, { threads: false });
  const models = {}, arrays = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  let feeds = {};
  window.compile = async (path) => {
    const data = new Uint8Array(await (await fetch(path)).arrayBuffer());
    models[path] = await runtime.loadAndCompile(data, { accelerator: "wasm" });
  };
  window.feed = (tensors) => {
    for (const tensor of Object.values(feeds)) tensor.delete();
    feeds = {};
    for (const [name, [shape, text]] of Object.entries(tensors)) {
      feeds[name] = litert.Tensor.fromTypedArray(arrays(text), shape);
    }
  };
  window.call = async (path, calls) => {
    for (let n = 0; n < calls; n++) {
      const outputs = await models[path].run(feeds);
      window.picture = outputs.image.toTypedArray().slice();
      for (const tensor of Object.values(outputs)) tensor.delete();
    }
  };
  window.text = () => {
    const bytes = new Uint8Array(picture.buffer), parts = [];
    for (let n = 0; n < bytes.length; n += 8192) parts.push(String.fromCharCode(...bytes.subarray(n, n + 8192)));
    return btoa(parts.join(""));
  };
}"""


def _cpu(session) -> float:
    """CPU seconds of all of a browser's pages."""
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(one["cpuTime"] for one in processes if one["type"] == "renderer")


def _browser_call(session, page, name: str, shape: tuple[int, ...]) -> tuple[float, np.ndarray]:
    """(CPU seconds, the picture) of a file on what the page was fed."""
    start = _cpu(session)
    page.evaluate("([path, calls]) => call(path, calls)", [name, CALLS])
    seconds = (_cpu(session) - start) / CALLS
    return seconds, np.frombuffer(base64.b64decode(page.evaluate("text()")), np.float32).reshape(shape)


def _python_call(runner, example: Mapping[str, np.ndarray]) -> tuple[float, np.ndarray]:
    """(CPU seconds, the picture) of a file."""
    start = time.thread_time()
    for _ in range(CALLS):
        picture = runner(**example)["image"]
    return (time.thread_time() - start) / CALLS, np.array(picture)


@dataclasses.dataclass
class Results:
    """Of one file by one runtime, an entry an edit."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    pictures: list[np.ndarray] = dataclasses.field(default_factory=list)

    def add(self, seconds: float, picture: np.ndarray) -> None:
        self.seconds.append(seconds)
        self.pictures.append(picture)


def _site(folder: pathlib.Path, paths: Mapping[str, pathlib.Path]) -> None:
    """Writes a page that does nothing, the runtime, and the files under their variants' names."""
    (folder / "index.html").write_text(_PAGE, encoding="utf-8")
    for name, content in litert.runtime().items():
        (folder / "litert" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "litert" / name).write_bytes(content)
    for variant, path in paths.items():
        (folder / variant).write_bytes(path.read_bytes())


def measure(
    paths: Mapping[str, pathlib.Path], examples: Sequence[Mapping[str, np.ndarray]]
) -> tuple[dict[str, Results], dict[str, Results]]:
    """Results by variant, of the page and of this process, which take turns."""
    interpreter = next(reversed(interpreters().values()))  # LiteRT where it is installed
    by_page, by_python = ({variant: Results() for variant in paths} for _ in range(2))
    runners = {
        variant: interpreter(model_path=str(path), num_threads=1).get_signature_runner(SIGNATURE)
        for variant, path in paths.items()
    }
    with contextlib.ExitStack() as stack:
        site = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wasm-")))
        _site(site, paths)
        browser, (port, _) = stack.enter_context(chromium()), stack.enter_context(http_server(site))
        session, page = browser.new_browser_cdp_session(), browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(f"http://127.0.0.1:{port}/")
        page.evaluate(_START)
        for variant in paths:
            page.evaluate("(path) => compile(path)", variant)
        for example in examples:
            texts = {
                key: [value.shape, base64.b64encode(value.astype(np.float32).tobytes()).decode()]
                for key, value in example.items()
            }
            page.evaluate("(tensors) => feed(tensors)", texts)
            for variant, runner in runners.items():
                by_page[variant].add(*_browser_call(session, page, variant, example["image"].shape))
                by_python[variant].add(*_python_call(runner, example))
    return by_page, by_python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--data", default="", help="photographs to edit; by default scikit-image's portrait")
    parser.add_argument("--markdown", default="", help="where the table goes, such as docs/export.md")
    arguments = parser.parse_args()
    present = {read_metadata(path)["variant"]: path for path in arguments.folder.glob("*.tflite")}
    paths = {variant: present[variant] for variant in VARIANTS if variant in present}
    if not paths:
        parser.error(f"expected .tflite files in {arguments.folder}, found none")
    first, runtime = next(iter(paths)), next(reversed(interpreters()))
    name = read_metadata(paths[first])["model"]
    network = zoo.load_model(name)
    inputs = edits.conditions(network, edits.photographs(arguments.data, network.image_size, EDITS))
    examples = [{key: value[n : n + 1] for key, value in inputs.items()} for n in range(EDITS)]
    truths = [network({key: tf.constant(value) for key, value in one.items()})["image"].numpy() for one in examples]
    by_page, by_python = measure(paths, examples)
    floor, rows = np.array(by_python[first].seconds[1:]), []
    for variant, path in paths.items():
        results = by_page[variant], by_python[variant]
        decibels = [np.mean([psnr(*three) for three in zip(one.pictures, truths, examples)]) for one in results]
        apart = 127.5 * np.abs(np.subtract(results[0].pictures, results[1].pictures)).max()
        ratios = [np.array(one.seconds[1:]) / floor for one in results]
        low, high = np.percentile(ratios[0], [10, 90])
        row = [f"`{variant}`", f"{path.stat().st_size / 1e6:.2f}", *(f"{value:.1f}" for value in decibels)]
        row += [f"{apart:.2f}", f"{np.median(ratios[0]):.2f}", f"{low:.2f} - {high:.2f}", f"{np.median(ratios[1]):.2f}"]
        rows.append(row)
    header = ["file", "MB", "PSNR, dB", f"PSNR, {runtime}", "apart, levels", "time", "10 % - 90 %", f"time, {runtime}"]
    lines = [
        f"{name} at {network.image_size} px by LiteRT.js {litert.VERSION} in Chromium and by {runtime}, one thread "
        f"each, {EDITS} edits, {datetime.date.today().isoformat()}; CPU time of a call as a ratio to `{first}` "
        f"by {runtime}, PSNR in the hole to the network's own picture. Made by `python -m tests.app.wasm FOLDER`.",
        "",
        *table(header, rows),
    ]
    print("\n".join(lines))
    if arguments.markdown:
        report.write_section(arguments.markdown, "benchmark_wasm", "\n".join(lines))


if __name__ == "__main__":
    main()
