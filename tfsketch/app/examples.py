"""Pictures to try, with strokes; and the page's files, by their path in `web/`."""

from __future__ import annotations

import dataclasses
import importlib.resources
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from tfsketch.app.pictures import Picture
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.errors import TfsketchError
from tfsketch.images import photographs, sizes

THUMBNAIL = 240
"""Side of an example's thumbnail."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A picture to try, with strokes; a sheet has none."""

    title: str
    credit: str
    mode: str
    picture: str = ""
    """A file of `web/examples`, or `astronaut`, scikit-image's."""
    strokes: str = ""
    """A file of `web/examples`."""
    side: int | None = None
    """The working side that suits it."""
    style: str = ""
    """Like `picture`: the photograph that the style is taken from."""
    region: str = "everywhere"
    """One of `PLACES`."""


_FACE = (11, 129, 192)
"""(top, left, side) of the face in scikit-image's portrait, as FFHQ's alignment frames it."""

EXAMPLES: dict[str, Example] = {
    "fringe": Example(
        "A fringe", "webmorphR.stim, DeBruine & Jones, CC BY 4.0", "edit", "portrait.jpg", "fringe.json", 256
    ),
    "features": Example("Eyes and mouth", "Eileen Collins; NASA, public domain", "edit", "astronaut", "features.json"),
    "face": Example("A face from nothing", "drawn for tfsketch", "draw", "", "face.json"),
    "style": Example(
        "The style of another",
        "Eileen Collins; NASA, public domain. Style: webmorphR.stim, DeBruine & Jones, CC BY 4.0",
        "restyle",
        "astronaut",
        style="portrait.jpg",
    ),
}


def web_file(name: str) -> bytes:
    """One of the page's files, by its path in `web/`; names come from fixed lists."""
    return importlib.resources.files("tfsketch.app").joinpath("web", *name.split("/")).read_bytes()


def find(name: str) -> Example:
    """One of `EXAMPLES`.

    Raises:
      TfsketchError: no example has this name.
    """
    if name not in EXAMPLES:
        raise TfsketchError(f"example: expected one of {', '.join(EXAMPLES)}, found none of this name")
    return EXAMPLES[name]


def contents(one: Example) -> tuple[dict[str, Any], Picture | None]:
    """(strokes as a plain tree, the picture, None for a sheet) of an example."""
    picture = photograph(one.picture) if one.picture else None
    if picture is not None and not one.strokes:
        return {"size": list(picture.preview_size[::-1]), "strokes": []}, picture
    return json.loads(web_file(f"examples/{one.strokes}")), picture


def thumbnail(name: str) -> bytes:
    """A thumbnail of an example, as JPEG.

    Raises:
      TfsketchError: no such example.
    """
    strokes, picture = contents(find(name))
    parsed_strokes = strokes_lib.parse(strokes)
    if picture is None:
        sketch = strokes_lib.render(parsed_strokes, parsed_strokes.size[::-1]).sketch
        image = np.repeat(((1 - sketch) * np.uint8(255))[..., None], 3, axis=-1)
    else:
        image = picture.image
    buffer = io.BytesIO()
    Image.fromarray(sizes.center_square(image, THUMBNAIL)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def photograph(name: str) -> Picture:
    """A photograph of the examples."""
    if name != "astronaut":
        return Picture(photographs.read(name, web_file(f"examples/{name}")))
    from skimage.data import astronaut  # here, because the editor does not need it

    top, left, side = _FACE
    return Picture(photographs.of_array(np.ascontiguousarray(astronaut()[top : top + side, left : left + side])))
