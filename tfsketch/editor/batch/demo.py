"""The demo: a portrait in the public domain, edited in four ways by prepared strokes."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.batch.results import side_by_side, write
from tfsketch.editor.editor import Editor
from tfsketch.errors import TfsketchError
from tfsketch.images import sheets
from tfsketch.vocabulary import resize, size_of

EDITS = ("mouth", "eyes", "hair", "badge")
"""A file of strokes in `demo/` each: three features repainted, and one object erased without any stroke."""
_FACE = (slice(10, 202), slice(129, 321))
"""Position of the face in scikit-image's portrait."""
_CELL = 384


def edit_demo(editor: Editor, folder: str | os.PathLike, seed: int = 0) -> list[pathlib.Path]:
    """Edits the portrait that scikit-image ships (Eileen Collins, NASA, public domain) by the strokes of `EDITS`.

    Args:
      editor: the editor.
      folder: gets input.png, and for each of `EDITS` a folder of that name with mask.png (white = erased), sketch.png
        (black on white), color.png (transparent paper) and result.png, all of the portrait's size and fit for
        `tools.edit`; and sheet.png, a row for each edit. The sheet shows the face alone where an edit touches nothing
        else.
      seed: of the edits.

    Returns:
      The files.

    Raises:
      TfsketchError: scikit-image is not installed.
    """
    try:
        from skimage.data import astronaut  # here, because the editor does not need it
    except ImportError as error:
        raise TfsketchError(
            f"--demo: expected scikit-image, whose portrait it edits, found none ({error}): pip install scikit-image"
        ) from error

    image = astronaut()
    pictures: dict[str, np.ndarray] = {"input": image}
    rows = []
    for name in EDITS:
        path = pathlib.Path(__file__).parent / "demo" / f"{name}.json"
        layers = strokes_lib.render(strokes_lib.read(path), size_of(image), str(path))
        result = editor.edit(image, layers.mask, layers.sketch, layers.color, seed)
        row = side_by_side(image, layers.mask, layers.sketch, layers.color, result)
        names = ("mask", "sketch", "color", "result")
        pictures |= {f"{name}/{layer}": picture for layer, picture in zip(names, row[1:])}
        pictures[f"{name}/color"] = layers.color
        inside = layers.mask.sum() == layers.mask[_FACE].sum()
        rows.append([resize(picture[_FACE] if inside else picture, (_CELL, _CELL)) for picture in row])
    pictures["sheet"] = sheets.contact_sheet(rows, ("input", "mask", "sketch", "color", "result"))
    files = []
    for name, picture in pictures.items():
        files.append(pathlib.Path(folder) / f"{name}.png")
        write(files[-1], picture)
    return files
