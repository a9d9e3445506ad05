"""The page's modes: the layers of each, checked requests, and a function from a request to results.

A model is offered in the mode of its way of working.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfsketch.app.pictures import Picture
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.conditions.regions import REGIONS
from tfsketch.editor.editor import Editor
from tfsketch.editor.ways import WAYS, Way
from tfsketch.errors import ImageError
from tfsketch.framing import tone
from tfsketch.images import files, metadata
from tfsketch.images.layers import without_effect
from tfsketch.vocabulary import size_of

PLACES = ("everywhere", "drawn", "face", *REGIONS)
"""Where a photograph may be restyled: all of it, in the mask, or in a region that the face parser finds."""


@dataclasses.dataclass(frozen=True)
class Result:
    """One picture, made for a request."""

    image: np.ndarray
    """[H,W,3] uint8 RGB, at full size"""
    seed: int
    lines: np.ndarray | None = None
    """[H,W] uint8 in {0,1}: a sketch as the model redrew it"""
    mask: np.ndarray | None = None
    """[H,W] uint8 in {0,1}, where it may differ from the photograph; None is everywhere"""
    notes: tuple[str, ...] = ()
    """Lines on guesses, and on layers without effect."""


@dataclasses.dataclass(frozen=True)
class Request:
    """A checked request for pictures."""

    model: str
    picture: Picture | None
    strokes: strokes_lib.Strokes
    seeds: tuple[int, ...]
    side: int | None
    fill: float | None
    pick: int
    style: Picture | None
    region: str
    whole_style: bool
    """Whether a region takes the style of the whole other photograph, and not that of the same region there."""
    amount: float
    feather: float | None = None
    """Pixels over which a result fades in inside the mask's edge; None is `Editor`'s."""
    seam: bool = True
    texture: float = 1.0
    """An edit's last stages; see `Editor`."""
    watch: Callable[[float], None] = lambda share: None
    """Called now and then with the completed share, 0 to 1; an exception that it raises ends the work."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the results."""
        return size_of(self.picture.image) if self.picture else self.strokes.size[::-1]

    @functools.cached_property
    def layers(self) -> strokes_lib.Layers:
        return strokes_lib.render(self.strokes, self.size)


def _edit(editor: Editor, request: Request) -> list[Result]:
    layers = request.layers
    assert request.picture is not None  # `Studio.request` requires it in this mode
    arguments = request.picture.image, layers.mask, layers.sketch, layers.color
    editor = editor.with_finish(request.feather, request.seam, request.texture)
    notes = [f"the {what} lies outside the mask and has no effect" for what in without_effect(*arguments[1:])]
    if tone.tone_of(arguments[0], arguments[1], arguments[3]) is not None:
        notes.append("the photograph is of one tone and stays so; a colour stroke asks for colour")
    results = []
    for number, seed in enumerate(request.seeds):
        request.watch(number / len(request.seeds))
        results.append(Result(editor.edit(*arguments, seed), seed, mask=layers.mask, notes=tuple(notes)))
    return results


def _restyle(editor: Editor, request: Request) -> list[Result]:
    assert request.picture is not None and request.style is not None  # `Studio.request` requires both
    image, style, mask = request.picture.image, request.style.image, None
    if request.region == "drawn":
        mask = request.layers.mask
    elif request.region != "everywhere":
        mask = editor.region(image, request.region)
        if not request.whole_style:
            try:
                style = editor.region_style(style, request.region)
            except ImageError as error:
                raise ImageError(f"style: {error}; or take the style of all of it") from error
    editor = editor.with_finish(request.feather)
    return [Result(editor.restyle(image, style, mask, request.amount), 0, mask=mask)]


def _draw(editor: Editor, request: Request) -> list[Result]:
    results = []
    seeds = request.seeds if editor.varies else request.seeds[:1]
    without_use = not editor.varies and request.seeds != (0,)
    notes = ("this model makes one photograph of a drawing, whatever the seed",) if without_use else ()
    for number, seed in enumerate(seeds):
        request.watch(number / len(seeds))
        drawing = editor.draw(request.layers.sketch, request.fill, seed)
        results.append(Result(drawing.image, seed, drawing.refined, notes=notes))
    return results


def _complete(editor: Editor, request: Request) -> list[Result]:
    seed = request.seeds[0]
    count, watch = len(request.seeds), request.watch
    drawings = editor.complete(request.layers.sketch, results=count, seed=seed, fill=request.fill, watch=watch)
    return [Result(drawing.image, seed, drawing.refined) for drawing in drawings]


@dataclasses.dataclass(frozen=True)
class Mode:
    """A way of working (`editor.ways`) as the page offers it."""

    way: Way
    title: str
    hint: str
    run: Callable[[Editor, Request], list[Result]]


MODES: dict[str, Mode] = {
    "edit": Mode(WAYS["edit"], "Edit a photograph", "Cover what is to change, draw lines and colours, and run.", _edit),
    "draw": Mode(
        WAYS["draw"],
        "Draw from a blank sheet",
        "Draw a face that looks about at you; the lines are redrawn, then painted.",
        _draw,
    ),
    "complete": Mode(
        WAYS["complete"],
        "Complete a sketch",
        "Draw a part of a face, or all of it: a search finds photographs that have such lines, the nearest first.",
        _complete,
    ),
    "restyle": Mode(
        WAYS["restyle"],
        "Take the style of another",
        "Choose a photograph whose style to take, and where: a region of the face, or what you cover with the mask.",
        _restyle,
    ),
}
"""Mode by way."""


def encode_result(request: Request, result: Result) -> dict[str, Any]:
    """A result for the page: its `seed` and `notes`, `box` in the preview, `png` of that box and, of a drawing, its
    `lines`."""

    def to_png(picture: np.ndarray) -> str:
        icc = request.picture.profile if request.picture else b""
        return base64.b64encode(files.encode_png(picture, metadata.png_chunks(metadata.Metadata(icc=icc)))).decode()

    answer: dict[str, Any] = {"seed": result.seed, "notes": list(result.notes)}
    preview, mask = request.picture.preview(result.image) if request.picture else result.image, result.mask
    if mask is None:
        height, width = preview.shape[:2]
        answer |= {"box": [0, 0, width, height], "png": to_png(preview)}
    else:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        scale = preview.shape[0] / mask.shape[0], preview.shape[1] / mask.shape[1]
        top, left = int(rows[0] * scale[0]), int(columns[0] * scale[1])
        bottom, right = math.ceil((rows[-1] + 1) * scale[0]), math.ceil((columns[-1] + 1) * scale[1])
        part = np.ascontiguousarray(preview[top:bottom, left:right])
        answer |= {"box": [left, top, part.shape[1], part.shape[0]], "png": to_png(part)}
    if result.lines is not None:
        answer["lines"] = base64.b64encode(files.encode_png((1 - result.lines) * np.uint8(255))).decode()
    return answer
