"""What the editor in the browser does, without the server: photographs in memory, models, and requests for pictures.

Strokes come in the form that `conditions.strokes` reads from files, so that what the page saves is what `tools.edit`
takes, and the same strokes, seed and model give the same picture wherever they are run.

What a mode is, is a row of `MODES`: what the page shows of layers, and a function from a request to results. A model
is offered in the first mode that its inputs fit.

Nothing is written to the disk, and no request names a path: photographs are in memory, a few at a time, under names
that cannot be guessed. Pictures are limited before they are decoded; one thread works, and a queue that is full says so
at once.
"""

from __future__ import annotations

import concurrent.futures
import io
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tfsketch import zoo
from tfsketch.app import examples
from tfsketch.app.examples import EXAMPLES, THUMBNAIL
from tfsketch.app.modes import MODES, PLACES, Request, Result, encoded_result
from tfsketch.app.pictures import Picture, made_of
from tfsketch.backends import resolve
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.conditions import vectors
from tfsketch.editor.editor import Editor
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images import encoding, files, meaning, photographs, sizes
from tfsketch.images.metadata import EDITED, MADE

MAX_PIXELS = 50_000_000
"""Of a photograph; a telephone's largest have that many."""
MAX_SHEET = 2048
"""Longest side of a blank sheet."""
KEPT_PIXELS = 150_000_000
"""Of all photographs in memory together; the longest unused go first."""
KEPT_PICTURES = 32
QUEUE = 8
"""Requests that may wait for the one that is worked at."""
SIDES = (128, 192, 256, 384)
"""Working sides that a request may ask for."""
MAX_RESULTS = 4
"""Seeds of one request."""


class BusyError(TfsketchError):
    """The queue is full."""


def _whole(value: Any, low: int, high: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        shown = repr(value)[:40]
        raise TfsketchError(f"{what}: expected a whole number of {low} to {high}, found {shown}")
    return value


def _share(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise TfsketchError(f"{what}: expected a share of 0 to 1, found {str(value)[:40]!r}")
    return float(value)


class Studio:
    """Photographs and models: what the server does, without the server.

    Everything that takes time runs in one thread of its own; `submit` hands work to it.

    Args:
      models: what `backends.resolve.load` takes; those that fit no mode are left out.

    Raises:
      TfsketchError: no model is left, or one cannot be loaded.
    """

    def __init__(self, models: Sequence[str] = zoo.SHIPPED):
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._networks: dict[str, Any] = {}
        self._editors: dict[tuple[str, int | None], Editor] = {}
        self._worker = concurrent.futures.ThreadPoolExecutor(1, "tfsketch")
        self._lock, self._waiting = threading.Lock(), 0
        self.modes: dict[str, str] = {}
        """Mode by model."""
        for name in models:
            network = resolve.load(name)
            mode = next((key for key, mode in MODES.items() if mode.fits(tuple(network.takes))), None)
            if mode is not None:
                self._networks[str(name)], self.modes[str(name)] = network, mode
        if not self.modes:
            raise TfsketchError(f"expected a model that edits or draws, found {', '.join(map(str, models)) or 'none'}")

    def submit(self, work: Callable[..., Any], *given: Any) -> concurrent.futures.Future:
        """Runs work in the one thread.

        Raises:
          BusyError: `QUEUE` others wait.
        """
        with self._lock:
            if self._waiting > QUEUE:
                raise BusyError(f"expected fewer than {QUEUE} waiting requests, found the queue full: try again soon")
            self._waiting += 1

        def counted() -> Any:
            try:
                return work(*given)
            finally:
                with self._lock:
                    self._waiting -= 1

        return self._worker.submit(counted)

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def warm_up(self) -> None:
        """Makes the first mode's graphs, so that the first stroke need not wait for them."""
        model, mode = next(iter(self.modes.items()))
        if not MODES[mode].sheet:
            opened = self.keep(Picture(photographs.of_array(np.full((64, 64, 3), 128, np.uint8))))
            dots = [{"layer": "mask", "points": [[20, 20]], "width": width} for width in (9, 9, 40)]
            for count in (1, 2, 3):  # the whole, a change, a large hole
                strokes = {"size": [64, 64], "strokes": dots[:count]}
                request = {"model": model, "picture": opened["picture"], "strokes": strokes, "seed": count // 2}
                self.run(request | {"style": opened["picture"], "region": "drawn"})
            del self._pictures[opened["picture"]]

    def state(self) -> dict[str, Any]:
        """What the page needs to know at its start."""
        used = {mode: MODES[mode] for mode in MODES if mode in self.modes.values()}
        return {
            "modes": {
                name: {key: getattr(mode, key) for key in ("title", "hint", "layers", "sheet", "seeded", "styled")}
                for name, mode in used.items()
            },
            "models": [{"name": name, "mode": mode} for name, mode in self.modes.items()],
            "examples": [
                {"name": name, "title": one.title, "credit": one.credit, "mode": one.mode}
                for name, one in EXAMPLES.items()
                if one.mode in used
            ],
            "sides": SIDES,
            "places": PLACES,
            "limits": {"pixels": MAX_PIXELS, "sheet": MAX_SHEET, "results": MAX_RESULTS},
        }

    def open(self, data: bytes) -> dict[str, Any]:
        """Takes a photograph's file.

        Returns:
          `picture`, its name, its and the preview's sizes, and `notes` on what of the file a result does not keep.

        Raises:
          ImageError: as `photographs.read`, or more than `MAX_PIXELS`.
        """
        photograph = photographs.read("the photograph", data, MAX_PIXELS)
        return self.keep(Picture(photograph)) | {"notes": list(photograph.notes)}

    def sketch(self, data: bytes, level: float) -> dict[str, Any]:
        """Reads a drawing's file, or a scan's or a photograph's of one: nothing of it is kept.

        Args:
          data: the file.
          level: see `meaning.sketch`.

        Returns:
          The tree of a strokes file, and `notes` on how it was read.

        Raises:
          ImageError: as `meaning.sketch`, more than `MAX_PIXELS`, or more lines than `vectors.MOST`.
        """
        name = "the drawing"
        sheet = meaning.sketch(files.read_rgba(name, data, MAX_PIXELS), name, level)
        notes = [note.removeprefix(f"{name}: ") for note in sheet.notes]
        return {**vectors.strokes_of(sheet.layer), "notes": notes}

    def keep(self, picture: Picture) -> dict[str, Any]:
        """Remembers a photograph; the longest unused ones are forgotten."""
        name = secrets.token_urlsafe(18)
        self._pictures[name] = picture
        while len(self._pictures) > KEPT_PICTURES or (
            len(self._pictures) > 1 and sum(p.image.size // 3 for p in self._pictures.values()) > KEPT_PIXELS
        ):
            self._pictures.popitem(last=False)
        height, width = picture.image.shape[:2]
        preview_height, preview_width = picture.preview_size
        return {"picture": name, "size": [width, height], "preview": [preview_width, preview_height]}

    def picture(self, name: Any, what: str = "picture") -> Picture:
        """A photograph by its name; `what` it is called in messages.

        Raises:
          ImageError: no such photograph, or forgotten.
        """
        picture = self._pictures.get(name) if isinstance(name, str) else None
        if picture is None:
            raise ImageError(f"{what}: expected one that is still in memory, found none: open it again")
        self._pictures.move_to_end(name)
        return picture

    def preview(self, name: str) -> bytes:
        """The preview of a photograph, as JPEG with its colour profile."""
        picture = self.picture(name)
        buffer = io.BytesIO()
        shown = Image.fromarray(picture.preview())
        shown.save(buffer, "JPEG", quality=95, subsampling=0, icc_profile=picture.profile or None)
        return buffer.getvalue()

    def example(self, name: str) -> dict[str, Any]:
        """Opens one of `EXAMPLES`: as `open`, with `strokes`, `mode`, `side` and `region`; of a sheet there is no
        picture. Where looks are taken, `style` is what `open` gives of their photograph.

        Raises:
          TfsketchError: no such example.
        """
        one = examples.find(name)
        strokes, picture = examples.contents(one)
        found = {"strokes": strokes, "mode": one.mode, "side": one.side, "region": one.region}
        if one.style:
            found["style"] = self.keep(examples.photograph(one.style))
        return found | (self.keep(picture) if picture else {})

    def thumbnail(self, name: str) -> bytes:
        """What an example looks like, as a small JPEG.

        Raises:
          TfsketchError: no such example.
        """
        strokes, picture = examples.contents(examples.find(name))
        shown = strokes_lib.parse(strokes)
        if picture is None:
            sketch = strokes_lib.render(shown, shown.size[::-1]).sketch
            image = np.repeat(((1 - sketch) * np.uint8(255))[..., None], 3, axis=-1)
        else:
            image = picture.image
        buffer = io.BytesIO()
        Image.fromarray(sizes.center_square(image, THUMBNAIL)).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    def request(self, tree: Any) -> Request:
        """Checks a request for pictures.

        Args:
          tree: a mapping of `model`; `picture`, a name, unless the model's mode starts from a sheet; `strokes`, as in a
            strokes file; where the mode takes looks, `style`, the name of their photograph, and if given `region`, one
            of `PLACES`, and `amount`, 0 to 1; and where given `seed`, `count`, `side` and `fill`, and `pick`, which of
            the results is meant where only one is.

        Raises:
          TfsketchError: anything else; the message names the key.
        """
        known = (
            "model",
            "picture",
            "style",
            "region",
            "amount",
            "strokes",
            "seed",
            "count",
            "pick",
            "side",
            "fill",
            "mark",
        )
        if not isinstance(tree, Mapping) or not set(tree) <= set(known):
            raise TfsketchError(f"expected a mapping of {', '.join(known)}, found something else")
        model = tree.get("model")
        if not isinstance(model, str) or model not in self.modes:
            raise TfsketchError(f"model: expected one of {', '.join(self.modes)}, found {str(model)[:40]!r}")
        strokes = strokes_lib.parse(tree.get("strokes"))
        picture, style, mode = None, None, MODES[self.modes[model]]
        if mode.styled:
            if tree.get("style") is None:
                raise ImageError("style: expected a second photograph, whose looks are taken, found none")
            style = self.picture(tree["style"], "style")
        region, amount = tree.get("region", "everywhere"), _share(tree.get("amount", 1.0), "amount")
        if region not in PLACES:
            raise TfsketchError(f"region: expected one of {', '.join(PLACES)}, found {str(region)[:40]!r}")
        if not mode.sheet:
            picture = self.picture(tree.get("picture"))
        elif max(strokes.size) > MAX_SHEET:
            raise ImageError(
                f"strokes: size: expected a sheet of at most {MAX_SHEET} pixels a side, found "
                f"{strokes.size[0]} x {strokes.size[1]}"
            )
        seed = _whole(tree.get("seed", 0), 0, 2**31 - 1, "seed")
        count = _whole(tree.get("count", 1), 1, MAX_RESULTS, "count")
        pick = _whole(tree.get("pick", 0), 0, count - 1, "pick")
        side, fill = tree.get("side"), tree.get("fill")
        if side is not None and (isinstance(side, bool) or side not in SIDES):
            raise TfsketchError(f"side: expected one of {', '.join(map(str, SIDES))}, found {str(side)[:40]!r}")
        fill = None if fill is None else _share(fill, "fill")
        seeds = tuple(range(seed, seed + count))
        return Request(model, picture, strokes, seeds, side, fill, pick, style, region, amount)

    def results(self, request: Request) -> list[Result]:
        """Makes the pictures of a request.

        Raises:
          TfsketchError: see `Editor`.
        """
        mode = MODES[self.modes[request.model]]
        side = None if mode.sheet or mode.styled else request.side
        if (request.model, side) not in self._editors:
            self._editors[request.model, side] = Editor(self._networks[request.model], side)
        return mode.run(self._editors[request.model, side], request)

    def run(self, tree: Any) -> dict[str, Any]:
        """Makes pictures for the page.

        Returns:
          `results`, each with its `seed`, the `box` (left, top, width, height) in the preview, the picture in that box
          as base64 PNG and, of a drawing, the redrawn `lines`; and `seconds` by part.
        """
        started = time.perf_counter()
        request = self.request(tree)
        request.layers  # drawn here, to be timed
        drawn = time.perf_counter()
        results = self.results(request)
        ran = time.perf_counter()
        shown = [encoded_result(request, result) for result in results]
        done = time.perf_counter()
        seconds = {"strokes": drawn - started, "model": ran - drawn, "encode": done - ran}
        return {"results": shown, "seconds": {part: round(value, 4) for part, value in seconds.items()}}

    def file(self, tree: Any) -> bytes:
        """The picked result of a request at full size, as PNG with the photograph's metadata, marked unless `mark` is
        false."""
        request = self.request(tree)
        result = self.results(request)[request.pick]
        made, source = made_of(request.picture, result.image), EDITED if request.picture else MADE
        metadata = made.metadata.marked(source) if tree.get("mark", True) else made.metadata
        return encoding.encode("result.png", made, metadata)[0]

    def go_on(self, tree: Any) -> dict[str, Any]:
        """Takes the picked result of a request for a photograph, to be edited further: as `open`."""
        request = self.request(tree)
        result = self.results(request)[request.pick]
        return self.keep(Picture(made_of(request.picture, result.image)))
