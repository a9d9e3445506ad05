"""The demo: a portrait of the public domain, edited by ready-made strokes."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.batch.results import side_by_side, write
from tfsketch.editor.editor import Editor
from tfsketch.images import sheets
from tfsketch.vocabulary import size_of

DEMO_CROP = (11, 129, 192)
"""(top, left, side) in scikit-image's portrait: the face as FFHQ's alignment frames it, not resampled."""


def edit_demo(editor: Editor, folder: str | os.PathLike, seed: int = 0) -> list[pathlib.Path]:
    """Edits the portrait that scikit-image ships (Eileen Collins, NASA, public domain) by the strokes of `demo.json`.

    Args:
      editor: what edits.
      folder: gets input.png, mask.png (white = erased), sketch.png (black on white), color.png (transparent paper) and
        result.png, all of one size and fit for `tools.edit`, and sheet.png, all five side by side.
      seed: of the edit.

    Returns:
      The files.
    """
    from skimage.data import astronaut  # here, because it is no part of the editor

    top, left, side = DEMO_CROP
    image = np.ascontiguousarray(astronaut()[top : top + side, left : left + side])
    demo = pathlib.Path(__file__).parent / "demo.json"
    layers = strokes_lib.render(strokes_lib.read(demo), size_of(image), str(demo))
    result = editor.edit(image, layers.mask, layers.sketch, layers.color, seed)
    shown = side_by_side(image, layers.mask, layers.sketch, layers.color, result)
    names = ("input", "mask", "sketch", "color", "result")
    pictures = {**dict(zip(names, shown)), "color": layers.color, "sheet": sheets.contact_sheet([shown], names)}
    files = []
    for name, picture in pictures.items():
        files.append(pathlib.Path(folder) / f"{name}.png")
        write(files[-1], picture)
    return files
