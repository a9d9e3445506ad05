"""The editor without a server, in Chromium: its layers and its pictures are Python's."""

from __future__ import annotations

import base64
import http.server
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.app.browsing import LEVELS, answering, face, http_server, page_of
from tests.app.client import png_of
from tfsketch.app import masks
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.framing import arrays, tone
from tfsketch.vocabulary import resize


@pytest.fixture(scope="module")
def page(browser, site):
    with http_server(site) as (port, _), page_of(browser, port) as page:
        yield page


def _trees(count: int) -> list[tuple[dict, tuple[int, int]]]:
    """Random strokes, also far outside of the picture, as (tree, (width, height))."""
    rng, cases = np.random.default_rng(7), []
    for _ in range(count):
        width, height = (int(side) for side in rng.integers(1, 130, 2))
        low, high = (-60, 200) if rng.random() < 0.5 else (0, min(width, height))
        strokes = []
        for _ in range(rng.integers(1, 5)):
            layer, fill = str(rng.choice(strokes_lib.LAYERS)), bool(rng.random() < 0.4)
            points = np.round(rng.uniform(low, high, (rng.integers(3 if fill else 1, 12), 2)), 1)
            stroke = {"layer": layer, "points": points.tolist()} | ({"fill": True} if fill else {})
            if not fill or rng.random() < 0.5:
                stroke["width"] = float(np.round(rng.choice([1, 2, 3, rng.uniform(0.1, 50)]), 1))
            if layer == "color":
                stroke["color"] = rng.integers(0, 256, 3).tolist()
            strokes.append(stroke)
        factor = 1 if rng.random() < 0.7 else 2
        cases.append(({"size": [factor * width, factor * height], "strokes": strokes}, (width, height)))
    return cases


def test_strokes_are_pythons_to_the_pixel(page):
    cases = _trees(300)
    answers = page.evaluate(
        """async (cases) => {
          const { checkStrokes } = await import("./strokes.js"), { render } = await import("./browser/raster.js");
          // As text: an array of numbers is read a hundred times as slowly.
          const text = (layer) => {
            let all = "";
            for (let n = 0; n < layer.length; n += 8192) all += String.fromCharCode(...layer.subarray(n, n + 8192));
            return btoa(all);
          };
          return cases.map(([tree, size]) => {
            checkStrokes(tree);
            return Object.values(render(tree, size)).map(text);
          });
        }""",
        cases,
    )
    for (tree, (width, height)), layers in zip(cases, answers):
        expected = strokes_lib.render(strokes_lib.parse(tree), (height, width))
        for one, other in zip((expected.mask, expected.sketch, expected.color), layers):
            theirs = np.frombuffer(base64.b64decode(other), np.uint8)
            np.testing.assert_array_equal(one.ravel(), theirs, err_msg=json.dumps(tree))


def test_the_tone_is_pythons(page):
    rng, cases, expected = np.random.default_rng(5), [], []
    for width in (0, 8, 24, 40, 64):
        for ramp in ((1, 1, 1), (1, 0.8, 0.6), (1, 1, 1)):
            image = np.clip(rng.integers(0, 256, (48, 64, 1)) * ramp, 0, 255).astype(np.uint8)
            if len(cases) % 3 == 2:  # grey only where a strip is kept
                image[:, width // 2 :] = (200, 60, 40)
            mask = np.ones(image.shape[:2], np.uint8)
            mask[:, :width] = 0
            cases.append([image.ravel().tolist(), mask.ravel().tolist()])
            line = tone.tone_of(image, mask)
            expected.append(line if line is None else line.ravel().tolist())
    answers = page.evaluate(
        """async (cases) => {
          const { layerOf } = await import("./browser/resizing.js"), { toneOf } = await import("./browser/tone.js");
          const none = layerOf(new Uint8Array(4 * 64 * 48), 64, 48, 4);
          const lines = cases.map(([image, mask]) =>
            toneOf(layerOf(Uint8Array.from(image), 64, 48, 3), layerOf(Uint8Array.from(mask), 64, 48, 1), none));
          return lines.map((line) => line && Array.from(line));
        }""",
        cases,
    )
    assert answers == expected and None in answers[3:] and any(answers)


def test_layers_at_the_working_side_and_noise_are_pythons(page):
    rng, cases, expected = np.random.default_rng(3), [], []
    for factor in (0.5, 1 / 3, 0.77, 0.21, 1.0, 1.6, 3.1):
        height, width = (int(side) for side in rng.integers(12, 80, 2))
        size = max(1, round(height * factor)), max(1, round(width * factor))
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        mask = (rng.random((height, width)) < 0.1).astype(np.uint8)
        cases.append([width, height, size[1], size[0], image.ravel().tolist(), mask.ravel().tolist()])
        expected.append((resize(image, size), arrays.resize_mask(mask, size), arrays.resize_sketch(mask, size)))
    answers, noise = page.evaluate(
        """async ([cases, seeds]) => {
          const { layerOf, meanOf, resize, resizeMask } = await import("./browser/resizing.js");
          const { thin } = await import("./browser/thinning.js");
          const { standardNormal } = await import("./browser/noise.js");
          const layers = cases.map(([w, h, toW, toH, image, mask]) => {
            const hole = layerOf(Uint8Array.from(mask), w, h, 1), lines = meanOf(hole, toW, toH);
            return [resize(layerOf(Uint8Array.from(image), w, h, 3), toW, toH).data, resizeMask(hole, toW, toH).data,
              thin(Uint8Array.from(lines, (value) => (value > 0 ? 1 : 0)), toW, toH)].map((data) => Array.from(data));
          });
          return [layers, seeds.map((seed) => Array.from(standardNormal(seed, 20000)))];
        }""",
        [cases, [0, 7, 2**31 - 1]],
    )
    for (image, mask, sketch), layers in zip(expected, answers):
        assert np.abs(image.ravel().astype(int) - layers[0]).max() <= 1
        np.testing.assert_array_equal(mask.ravel(), layers[1])
        np.testing.assert_array_equal(sketch.ravel(), layers[2])
    for seed, values in zip((0, 7, 2**31 - 1), noise):
        normal = np.random.default_rng(seed).standard_normal(20000, np.float32)
        np.testing.assert_allclose(normal, np.float32(values), atol=1e-6)


@pytest.mark.parametrize("grow, invert", [(6, False), (-4, False), (0, True), (3, True)])
def test_a_changed_mask_is_pythons_but_for_its_outermost_pixels(page, grow, invert):
    """Rings, holes, what touches the border, at the size of the preview and above it."""
    ring = {"layer": "mask", "points": [[60, 60], [120, 50], [130, 110], [60, 120], [60, 60]], "width": 22}
    blot = {"layer": "mask", "points": [[190, 20], [230, 60], [180, 70]], "fill": True}
    edge = {"layer": "mask", "points": [[0, 190], [100, 170]], "width": 25}
    tree = {"size": [240, 200], "strokes": [ring, blot, edge]}
    tree_of_mask = page.evaluate(
        """async ([picture, strokes, grow, invert]) => {
          const backend = await import("./backend.js");
          const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
          const { picture: handle } = await backend.open(new Blob([bytes]));
          return backend.mask({ picture: handle, strokes, grow, invert });
        }""",
        [base64.b64encode(png_of(face(240)[:200])).decode(), tree, grow, invert],
    )
    expected = masks.resize_mask(strokes_lib.render(strokes_lib.parse(tree), (200, 240)).mask, grow, invert)
    coverage = strokes_lib.render(strokes_lib.parse(tree_of_mask), (200, 240)).mask
    border = cv2.morphologyEx(expected, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    assert not ((coverage != expected) & (border == 0)).any()
    assert (coverage != expected).mean() < 0.01


def _grey(side: int) -> np.ndarray:
    return np.repeat(face(side).mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)


def _mouth(width: int, height: int, scale: float = 1.0) -> dict:
    """Strokes over what is in the middle of a picture: a filled outline, a line, a colour."""
    x, y = width / 2, height / 2
    near = [[-50, -30], [40, -40], [60, 20], [-10, 45], [-60, 10]]
    points = [[round(x + scale * u, 1), round(y + scale * v, 1)] for u, v in near]
    brush = {"layer": "mask", "points": [points[0], points[2]], "width": round(12 * scale, 1)}
    line = {"layer": "sketch", "points": [points[0], [x, y], points[2]], "width": round(max(1.0, 2 * scale), 1)}
    paint = {"layer": "color", "points": [points[4], [x, y]], "width": round(9 * scale, 1), "color": [190, 60, 80]}
    strokes = [{"layer": "mask", "points": points, "fill": True}, brush, line]
    return {"size": [width, height], "strokes": strokes + [paint]}


CASES = {
    "portrait": (face(256), _mouth(256, 256), 0, None),
    "portrait, larger": (face(600), _mouth(600, 600, 2.0), 5, None),
    "small, enlarged": (face(120), _mouth(120, 120, 0.5), 1, None),
    "landscape": (np.tile(face(300), (1, 3, 1)), _mouth(900, 300, 0.6), 2, None),
    "thin": (face(256)[:, 90:170].copy(), _mouth(80, 256, 0.5), 3, None),
    "feathered": (face(400), _mouth(400, 400), 0, 7),
    "grey": (_grey(300), {**_mouth(300, 300), "strokes": _mouth(300, 300)["strokes"][:3]}, 4, None),
}


def _bytes(page, script: str, arguments) -> tuple[bytes, list[str]]:
    data, notes = page.evaluate(script, arguments)
    return base64.b64decode(data), notes


_EDIT = """async ([picture, strokes, seed, feather]) => {
  const backend = await import("./backend.js"), bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
  const { picture: handle } = await backend.open(new Blob([bytes]));
  const request = { model: "sc_fegan_mobile", picture: handle, strokes, seed, count: 1, side: null, feather };
  const { results } = await backend.run(request);
  if (results.length !== 1 || results[0].seed !== seed) throw new Error("results");
  const { blob, notes } = await backend.save(request, { format: "png", mark: true });
  const text = String.fromCharCode(...new Uint8Array(await blob.slice(0, 0).arrayBuffer()));
  const saved = new Uint8Array(await blob.arrayBuffer());
  let all = text;
  for (let n = 0; n < saved.length; n += 8192) all += String.fromCharCode(...saved.subarray(n, n + 8192));
  return [btoa(all), notes];
}"""


def _check(page, editor, case: str) -> None:
    image, tree, seed, feather = CASES[case]
    data, notes = _bytes(page, _EDIT, [base64.b64encode(png_of(image)).decode(), tree, seed, feather])
    result = np.asarray(Image.open(io.BytesIO(data)))
    layers = strokes_lib.render(strokes_lib.parse(tree), image.shape[:2])
    expected = editor.with_finish(feather, texture=0.0).edit(image, layers.mask, layers.sketch, layers.color, seed)
    hole = layers.mask > 0
    assert hole.any() and not hole.all() and notes == []
    np.testing.assert_array_equal(result[~hole], image[~hole])
    difference = np.abs(result[hole].astype(int) - expected[hole])
    assert difference.max() <= LEVELS, np.bincount(difference.ravel())
    assert np.abs(result[hole].astype(int) - image[hole]).mean() > 3  # it did paint
    if case == "grey":
        assert (result == result[..., :1]).all()


@pytest.mark.parametrize("case", CASES)
def test_an_edit_is_pythons_picture(page, editor, case):
    _check(page, editor, case)


def test_an_isolated_page_runs_on_threads(browser, site, editor):
    addresses: list[str] = []

    class Isolating(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(site))

        def end_headers(self):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_):
            addresses.append(self.path)

    with answering(Isolating) as port, page_of(browser, port) as page:
        assert page.evaluate("crossOriginIsolated")
        _check(page, editor, "portrait")
        assert [path for path in addresses if path.endswith(".wasm")] == [
            "/litert/wasm/litert_wasm_threaded_internal.wasm"
        ]
