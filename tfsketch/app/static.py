"""The editor without a server: the app's page as a folder of static files, whose model runs in the browser.

The page is the app's own (`server.PAGE`). An import map replaces `backend.js`, the one module that talks to a server,
by `browser/backend.js`; behind it a worker reads photographs, draws strokes, frames, runs the model by LiteRT.js and
pastes, in JavaScript that does what `conditions.strokes`, `framing` and `editor` do. A folder has one model and its way
of working. `state.json` describes it, as `Studio.state` does, and lists the model's files; a service worker caches
everything for use without a connection. Every cached file is listed with its hash.

The page's policy restricts it to its own origin, so that no photograph can leave the device.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from typing import Any

from tfsketch.app import examples, litert
from tfsketch.app.modes import MODES
from tfsketch.app.requests import MAX_RESULTS, MAX_SHEET
from tfsketch.app.server import MAX_UPLOAD, PAGE
from tfsketch.app.studio import MAX_PIXELS
from tfsketch.errors import ExportError
from tfsketch.export import WEB_WAYS, mobile, saved_model
from tfsketch.images import files, paths
from tfsketch.nn.exported import ExportedNetwork, shapes

BROWSER = (
    "backend",
    "files",
    "framing",
    "membrane",
    "noise",
    "outlines",
    "parts",
    "raster",
    "resizing",
    "restyling",
    "sheets",
    "studio",
    "thinning",
    "tone",
    "worker",
)
"""Scripts of `web/browser`; `sw.js` is a template."""
_MAP = json.dumps({"imports": {"./backend.js": "./browser/backend.js"}})
_DRAWINGS = {"drawings": "reading a scan or a photograph of a drawing as strokes"}
_REGIONS = {"regions": "masks of a region of the face"}
LACKS = {
    "edit": {**_DRAWINGS, **_REGIONS, "texture": "the photograph's fine detail in the repaint"},
    "draw": {**_DRAWINGS, "framing": "the framing of a drawing by the face that it gives"},
    "restyle": _REGIONS,
}
"""Way of working, one of `WEB_WAYS` -> words on what the page does not offer."""
_FORMATS = ("png", "jpeg")
_MOST_WEIGHTS = 5_000_000
"""Most weights that a page loads in 16 bits, so that a first visit stays below 14 MB."""
_LARGE = (".wasm", ".tflite")
"""Files that the worker caches, not the service worker."""
_MODEL = "model/model.tflite"


def _hash(data: bytes, name: str) -> str:
    return f"{name}-{base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def policy() -> str:
    """The page's content security policy: its own origin, and no inline script but its import map."""
    return (
        f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval' '{_hash(_MAP.encode(), 'sha256')}'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; connect-src 'self'; worker-src 'self' blob:; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _page() -> bytes:
    """`index.html` with the policy, the manifest and the import map."""
    text = examples.web_file("index.html").decode()
    first = '<meta charset="utf-8">\n'
    assert text.count(first) == 1
    more = (
        f'  <meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
        '  <link rel="manifest" href="manifest.webmanifest">\n'
        f'  <script type="importmap">{_MAP}</script>\n'
    )
    return text.replace(first, first + more).encode()


def _manifest() -> bytes:
    about = {
        "name": "tfsketch",
        "description": "Edit a photograph by drawing on it",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f4f5f7",
        "theme_color": "#2f6fed",
        "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }
    return json.dumps(about, indent=2).encode()


def _photograph(name: str, content: dict[str, bytes]) -> str:
    """Adds a photograph of the examples to a folder's `content`; returns its name there, empty for none."""
    if not name:
        return ""
    is_shipped = "." in name  # as a file of the page's; scikit-image's is none
    file = name if is_shipped else f"{name}.png"
    path = f"examples/{file}"
    content[path] = examples.web_file(path) if is_shipped else files.encode_png(examples.photograph(name).image)
    return file


def _examples(way: str) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """(the examples of a way of working for the page's state, their files by path)."""
    entries: list[dict[str, str]] = []
    content: dict[str, bytes] = {}
    for name, one in examples.EXAMPLES.items():
        if one.mode != way:
            continue
        photograph, style = (_photograph(picture, content) for picture in (one.picture, one.style))
        content[f"examples/{name}.thumbnail.jpg"] = examples.thumbnail(name)
        about = {"strokes": examples.contents(one)[0], "mode": way, "side": None, "region": one.region}
        about |= {"photograph": photograph, "style": style}
        content[f"examples/{name}.json"] = json.dumps(about).encode()
        entries.append({"name": name, "title": one.title, "credit": one.credit, "mode": way})
    return entries, content


def _entry(path: str, content: dict[str, bytes]) -> dict[str, Any]:
    return {"path": path, "bytes": len(content[path]), "integrity": _hash(content[path], "sha256")}


def _state(
    model: ExportedNetwork, name: str, entries: list[dict[str, str]], content: dict[str, bytes]
) -> dict[str, Any]:
    mode = MODES[model.way]
    runtimes = {}
    for variant, stem in litert.VARIANTS.items():
        script = f"litert/wasm/{stem}_internal.js"
        runtimes[variant] = _entry(script.removesuffix("js") + "wasm", content) | {"script": script}
    traits = {key: getattr(mode.way, key) for key in ("layers", "sheet", "seeded", "styled")}
    return {
        "modes": {model.way: {"title": mode.title, "hint": mode.hint} | traits},
        "models": [{"name": name, "mode": model.way}],
        "examples": entries,
        "sides": [],
        "places": ["everywhere", "drawn"] if mode.way.styled else [],
        "regions": [],
        "formats": _FORMATS,
        "limits": {"pixels": MAX_PIXELS, "sheet": MAX_SHEET, "results": MAX_RESULTS, "bytes": MAX_UPLOAD},
        "lacks": LACKS[model.way],
        "engine": {
            "version": hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in content.values())).hexdigest()[
                :16
            ],
            "model": _entry(_MODEL, content),
            "runtimes": runtimes,
            "way": model.way,
            "side": model.image_size,
            "takes": shapes(model, model.image_size),
        },
    }


def pages(model: ExportedNetwork, name: str, graph: bytes, runtime: dict[str, bytes]) -> dict[str, bytes]:
    """The folder's files, by path.

    Args:
      model: one whose way is in `WEB_WAYS`, from `zoo.load_model`.
      name: the model's name on the page.
      graph: its TensorFlow Lite file.
      runtime: see `litert.runtime`.
    """
    content = {name: examples.web_file(name) for name in PAGE if name not in ("index.html", "backend.js")}
    content["index.html"], content["manifest.webmanifest"] = _page(), _manifest()
    content |= {f"browser/{script}.js": examples.web_file(f"browser/{script}.js") for script in BROWSER}
    content |= {f"litert/{path}": data for path, data in runtime.items()}
    content["litert/LICENSE"] = examples.web_file("vendor/litert.LICENSE")
    content["vendor/konva.LICENSE"] = examples.web_file("vendor/konva.LICENSE")
    content[_MODEL] = graph
    content |= {f"model/{path}": text.encode() for path, text in saved_model.card(model).items()}
    entries, more = _examples(model.way)
    content |= more
    state = _state(model, name, entries, content)
    content["state.json"] = json.dumps(state, indent=1).encode()
    hashes = {path: _hash(data, "sha256") for path, data in content.items() if not path.endswith(_LARGE)}
    worker = examples.web_file("browser/sw.js").decode()
    for mark, text in (("@VERSION@", state["engine"]["version"]), ("{/*@FILES@*/}", json.dumps(hashes, indent=1))):
        assert worker.count(mark) == 1
        worker = worker.replace(mark, text)
    content["sw.js"] = worker.encode()
    return content


def export(
    model: ExportedNetwork,
    name: str,
    output: str | os.PathLike,
    variant: str = "",
    folder: str | os.PathLike = "",
    runtime: str | os.PathLike = "",
) -> dict[str, bytes]:
    """Writes the folder, whole or not at all.

    Args:
      model: one whose way is in `WEB_WAYS`, from `zoo.load_model`.
      name: the model's name on the page.
      output: a folder that does not exist, or is empty.
      variant, folder: see `mobile.export`; by default `float16`, or `weight_only` for a model of more than
        `_MOST_WEIGHTS` weights.
      runtime: see `litert.archives`.

    Returns:
      The written contents, by path in the folder.

    Raises:
      ExportError: the page does not offer the model's way, the runtime is not available, or what `mobile.export`
        raises.
      DataError: the folder holds something, or cannot be written to.
    """
    output = pathlib.Path(output)
    if model.way not in WEB_WAYS:
        raise ExportError(
            f"expected a model that edits, draws or restyles in one call, such as sc_fegan_mobile, cali_sketch or "
            f"region_edit, for --format=web, found one of {model.experiment.system}"
        )
    paths.check_new(output, "output")
    model = model.in_one_call()
    count = sum(variable.shape.num_elements() for variable in model.variables)
    variant = variant or ("float16" if count <= _MOST_WEIGHTS else "weight_only")
    library = litert.runtime(runtime)  # first: it fails sooner than the model converts
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".partial", dir=output.parent))
    try:
        path = scratch / "model.tflite"
        mobile.export(model, path, (variant,), folder)
        graph = path.read_bytes()
        path.unlink()
        content = pages(model, name, graph, library)
        for place, data in content.items():
            (scratch / place).parent.mkdir(parents=True, exist_ok=True)
            (scratch / place).write_bytes(data)
        for one in (scratch, *(path for path in scratch.rglob("*") if path.is_dir())):
            one.chmod(0o755)  # a server of another user is to read it
        if output.exists():
            output.rmdir()
        scratch.rename(output)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return content


def first_load(content: dict[str, bytes]) -> int:
    """Bytes that a first visit loads of a folder's files if the server compresses them (gzip): all but the variants of
    the WebAssembly that a browser with relaxed SIMD does not run on a page that is not isolated."""
    other = tuple(f"litert/wasm/{stem}_internal.wasm" for name, stem in litert.VARIANTS.items() if name != "plain")
    return sum(len(gzip.compress(data, 6)) for path, data in content.items() if path not in other)
