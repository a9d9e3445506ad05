"""The work of the editor in the browser, without the server: photographs in memory, models, and requests for pictures.

Strokes have the form that `conditions.strokes` reads from files, so that the page saves what `tools.edit` takes, and
the same strokes, seed and model give the same picture everywhere.

A mode is a row of `MODES`: the layers that the page shows, and a function from a request to results. A model is offered
in the first mode that its inputs fit.

Nothing is written to disk, and no request names a path: photographs are in memory, a few at a time, under names that
cannot be guessed. Pictures are limited before they are decoded; one thread does the work, and a full queue is reported
at once.
"""

from __future__ import annotations

import concurrent.futures
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfsketch import zoo
from tfsketch.app import downloads, examples, layered, masks
from tfsketch.app.examples import EXAMPLES
from tfsketch.app.modes import MODES, PLACES, Request, Result, encode_result
from tfsketch.app.pictures import Picture, crop, made_of
from tfsketch.app.requests import MADE_BY, MAX_RESULTS, MAX_SHEET, SIDES, check
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.conditions import vectors
from tfsketch.config.shipped import PRECISIONS
from tfsketch.editor.editor import Editor, in_precision
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images import meaning, photographs
from tfsketch.images.layers import excerpt, number, truth, whole
from tfsketch.zoo import resolve

MAX_PIXELS = 50_000_000
"""Of a photograph; the largest of phones have that many."""
MEMORY_PIXELS = 150_000_000
"""Of all photographs in memory together; the least recently used are evicted first."""
MEMORY_PICTURES = 32
MAX_GROWTH = 1000
"""Pixels by which a mask may grow or shrink."""
QUEUE = 8
"""Requests that may wait for the running one."""


class BusyError(TfsketchError):
    """The queue is full."""


def _made_by(tree: Mapping[str, Any]) -> str:
    """The part of a request that its result depends on, as a key."""
    return json.dumps({name: tree[name] for name in sorted(set(tree) & set(MADE_BY))})


class Studio:
    """Photographs and models: the server's work, without the server.

    Everything that takes time runs in one thread; `submit` hands work to it.

    Args:
      models: as `zoo.resolve.load` takes them; those that make no picture are left out.
      precision: of models that edit, see `Editor`; the others use float32.

    Raises:
      TfsketchError: no model is left, or one cannot be loaded or have the precision.
    """

    def __init__(self, models: Sequence[str] = zoo.SHIPPED, precision: str = PRECISIONS[0]):
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._networks: dict[str, Any] = {}
        self._editors: dict[tuple[str, int | None], Editor] = {}
        self._last: tuple[str, Result] | None = None
        self._worker = concurrent.futures.ThreadPoolExecutor(1, "tfsketch")
        self._lock, self._waiting = threading.Lock(), 0
        self.modes: dict[str, str] = {}
        """Mode by model."""
        for name in models:
            network = resolve.load(name)
            if network.way in MODES:
                self.modes[str(name)] = network.way
                edits = network.way == "edit"
                self._networks[str(name)] = in_precision(network, precision) if edits else network
        if not self.modes:
            raise TfsketchError(f"expected a model that edits or draws, found {', '.join(map(str, models)) or 'none'}")

    def submit(self, work: Callable[..., Any], *arguments: Any) -> concurrent.futures.Future:
        """Runs work in the one thread.

        Raises:
          BusyError: `QUEUE` others wait.
        """
        with self._lock:
            if self._waiting > QUEUE:
                raise BusyError(f"expected fewer than {QUEUE} waiting requests, found the queue full: try again soon")
            self._waiting += 1

        def over() -> None:
            with self._lock:
                self._waiting -= 1

        def run_counted() -> Any:
            try:
                return work(*arguments)
            finally:
                over()

        future = self._worker.submit(run_counted)
        # Work cancelled before its turn never runs, and would occupy its place in the queue forever.
        future.add_done_callback(lambda job: over() if job.cancelled() else None)
        return future

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def warm_up(self) -> None:
        """Traces the first mode's graphs, so that the first stroke need not wait for them."""
        model, mode = next(iter(self.modes.items()))
        if not MODES[mode].way.sheet:
            entry = self.keep(Picture(photographs.of_array(np.full((64, 64, 3), 128, np.uint8))))
            dots = [{"layer": "mask", "points": [[20, 20]], "width": width} for width in (9, 9, 40)]
            for count in (1, 2, 3):  # the whole, a change, a large hole
                strokes = {"size": [64, 64], "strokes": dots[:count]}
                request = {"model": model, "picture": entry["picture"], "strokes": strokes, "seed": count // 2}
                self.run(request | {"style": entry["picture"], "region": "drawn"})
            del self._pictures[entry["picture"]]

    def state(self) -> dict[str, Any]:
        """The page's initial state."""
        modes = {mode: MODES[mode] for mode in MODES if mode in self.modes.values()}
        return {
            "modes": {
                name: {"title": mode.title, "hint": mode.hint}
                | {key: getattr(mode.way, key) for key in ("layers", "sheet", "seeded", "styled")}
                for name, mode in modes.items()
            },
            "models": [{"name": name, "mode": mode} for name, mode in self.modes.items()],
            "examples": [
                {"name": name, "title": one.title, "credit": one.credit, "mode": one.mode}
                for name, one in EXAMPLES.items()
                if one.mode in modes
            ],
            "sides": SIDES,
            "places": PLACES,
            "regions": PLACES[2:],
            "formats": tuple(downloads.TYPES),
            "lacks": {},
            "limits": {"pixels": MAX_PIXELS, "sheet": MAX_SHEET, "results": MAX_RESULTS},
        }

    def open(self, data: bytes) -> dict[str, Any]:
        """Takes a photograph's file.

        Returns:
          `picture`, its name, its and the preview's sizes, `notes` on what a result keeps of the file and what not, and
          `strokes`, the tree of a strokes file, or None if it is no file of layers.

        Raises:
          ImageError: as `photographs.read`, or more than `MAX_PIXELS`.
        """
        photograph = photographs.read("the photograph", data, MAX_PIXELS)
        strokes, words = layered.strokes_of("the photograph", data, picture := Picture(photograph))
        notes = [*photograph.traits, *photograph.notes, *words]
        return self.keep(picture) | {"notes": notes, "strokes": strokes}

    def sketch(self, data: bytes, level: float) -> dict[str, Any]:
        """Reads a drawing, or a scan or photograph of one, without keeping it.

        Args:
          data: the file.
          level: see `meaning.sketch`.

        Returns:
          The tree of a strokes file, and `notes` on how it was read.

        Raises:
          ImageError: as `meaning.sketch`, more than `MAX_PIXELS`, or more lines than `vectors.MOST`.
        """
        if tree := layered.saved_strokes("the drawing", data, ("sketch",)):
            return {**tree, "notes": []}
        lines, notes = meaning.read_sketch("the drawing", level, data, MAX_PIXELS)
        return {**vectors.strokes_of(lines), "notes": [note.removeprefix("the drawing: ") for note in notes]}

    def keep(self, picture: Picture) -> dict[str, Any]:
        """Stores a photograph; evicts the least recently used ones."""
        name = secrets.token_urlsafe(18)
        self._pictures[name] = picture
        while len(self._pictures) > MEMORY_PICTURES or (
            len(self._pictures) > 1 and sum(p.image.size // 3 for p in self._pictures.values()) > MEMORY_PIXELS
        ):
            self._pictures.popitem(last=False)
        height, width = picture.image.shape[:2]
        preview_height, preview_width = picture.preview_size
        return {"picture": name, "size": [width, height], "preview": [preview_width, preview_height]}

    def picture(self, name: Any, what: str = "picture") -> Picture:
        """A photograph by its name; `what` is the key for messages.

        Raises:
          ImageError: no such photograph, or evicted.
        """
        picture = self._pictures.get(name) if isinstance(name, str) else None
        if picture is None:
            raise ImageError(f"{what}: expected one that is still in memory, found none: open it again")
        self._pictures.move_to_end(name)
        return picture

    def preview(self, name: str) -> bytes:
        """The preview of a photograph, as JPEG with its colour profile."""
        picture = self.picture(name)
        return picture.jpeg(picture.preview())

    def example(self, name: str) -> dict[str, Any]:
        """Opens one of `EXAMPLES`: as `open`, with `strokes`, `mode`, `side` and `region`; a sheet has no picture. If
        it takes a style, `style` is the result of `open` for its photograph.

        Raises:
          TfsketchError: no such example.
        """
        one = examples.find(name)
        strokes, picture = examples.contents(one)
        example = {"strokes": strokes, "mode": one.mode, "side": one.side, "region": one.region}
        if one.style:
            example["style"] = self.keep(examples.photograph(one.style))
        return example | (self.keep(picture) if picture else {})

    def thumbnail(self, name: str) -> bytes:
        """A thumbnail of an example, as JPEG.

        Raises:
          TfsketchError: no such example.
        """
        return examples.thumbnail(name)

    def request(self, tree: Any, watch: Callable[[float], None] = lambda share: None) -> Request:
        """A checked request for pictures; see `requests.check`."""
        return check(tree, self.modes, self.picture, watch)

    def pick(self, tree: Any) -> tuple[Request, Result]:
        """A request and the result that it picks. The last one is cached: a result that is saved, or shown at full
        size, has usually just been made."""
        request = self.request(tree)
        key = _made_by(tree)
        if self._last is None or self._last[0] != key:
            self._last = None  # first, or two large pictures would be in memory
            results = self.results(request)  # fewer than requested if seeds make no difference
            self._last = key, results[whole(request.pick, "pick", 0, len(results) - 1)]
        return request, self._last[1]

    def results(self, request: Request) -> list[Result]:
        """Makes the pictures of a request.

        Raises:
          TfsketchError: see `Editor`.
        """
        mode = MODES[self.modes[request.model]]
        side = None if mode.way.sheet or mode.way.styled else request.side
        return mode.run(self._editor(request.model, side), request)

    def _editor(self, model: str, side: int | None) -> Editor:
        if (model, side) not in self._editors:
            self._editors[model, side] = Editor(self._networks[model], side)
        return self._editors[model, side]

    def run(self, tree: Any, watch: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
        """Makes pictures for the page.

        Args:
          tree: see `requests`.
          watch: see `Request.watch`; called before the start, too, so that work cancelled while waiting never starts.

        Returns:
          `results`, each with its `seed`, the `box` (left, top, width, height) in the preview, the picture in that box
          as base64 PNG and, of a drawing, the redrawn `lines`; and `seconds` by part.
        """
        start = time.perf_counter()
        watch(0.0)
        request = self.request(tree, watch)
        request.layers  # drawn here, to be timed
        strokes_end = time.perf_counter()
        self._last = None  # first, as above
        results = self.results(request)
        self._last = (_made_by(tree), results[0]) if len(results) == 1 else None
        models_end = time.perf_counter()
        answers = [encode_result(request, result) for result in results]
        end = time.perf_counter()
        seconds = {"strokes": strokes_end - start, "model": models_end - strokes_end, "encode": end - models_end}
        return {"results": answers, "seconds": {part: round(value, 4) for part, value in seconds.items()}}

    def file(self, tree: Any) -> tuple[bytes, str, list[str]]:
        """(bytes, media type, what is not kept) of the picked result of a request at full size; see
        `downloads.encode`."""
        request, result = self.pick(tree)
        return downloads.encode(request, result, tree)

    def mask(self, tree: Any) -> dict[str, Any]:
        """Changes a mask, or makes one of a region of a face.

        Args:
          tree: a mapping of `picture`, a name, `strokes`, whose mask is taken, and if given `region`, one of `face` and
            `REGIONS`, which is added, `grow`, pixels of the photograph, less than 0 to shrink, and `invert`.

        Returns:
          The tree of a strokes file, of the mask alone.

        Raises:
          ImageError: there is no such region, or the mask is empty.
          TfsketchError: anything else; the message names the key.
        """
        keys = ("picture", "strokes", "region", "grow", "invert")
        if not isinstance(tree, Mapping) or not set(tree) <= set(keys):
            raise TfsketchError(f"expected a mapping of {', '.join(keys)}, found something else")
        picture, strokes = self.picture(tree.get("picture")), strokes_lib.parse(tree.get("strokes"))
        region, invert = tree.get("region"), truth(tree.get("invert", False), "invert")
        if region is not None and region not in PLACES[2:]:
            raise TfsketchError(f"region: expected one of {', '.join(PLACES[2:])}, found {excerpt(region)}")
        grow = number(tree.get("grow", 0), "grow", -MAX_GROWTH, MAX_GROWTH)
        mask = strokes_lib.render(strokes, picture.preview_size).mask
        if region is not None:
            # Every model's editor has the same face parser.
            mask |= self._editor(next(iter(self.modes)), None).region(picture.preview(), region)
        scale = picture.preview_size[1] / picture.image.shape[1]
        return masks.strokes_of(masks.resize_mask(mask, grow * scale, invert), picture)

    def go_on(self, tree: Any) -> dict[str, Any]:
        """Takes the picked result of a request for a photograph, to be edited further: as `open`."""
        request, result = self.pick(tree)
        return self.keep(Picture(made_of(request.picture, result.image)))

    def tile(self, name: str, box: Any) -> bytes:
        """A part of a photograph, pixel by pixel, as JPEG with its colour profile.

        Args:
          name: the photograph's.
          box: whole numbers [left, top, width, height] in the photograph, at most `MAX_TILE` pixels.
        """
        picture = self.picture(name)
        return picture.jpeg(crop(picture.image, box))

    def result_tile(self, tree: Any) -> bytes:
        """A part of the picked result of a request, the request's `box`, as `tile` gives it."""
        request, result = self.pick(tree)
        part = crop(result.image, tree.get("box"))
        return (request.picture or Picture(photographs.of_array(result.image))).jpeg(part)
