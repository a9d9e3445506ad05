"""Every photograph in every style, as one picture."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from tfsketch.editor.batch.jobs import check_restyling
from tfsketch.editor.batch.results import STRIP_SIDE, style_of, write
from tfsketch.editor.editor import Editor
from tfsketch.errors import ImageError
from tfsketch.images import encoding, finder, photographs, sheets, sizes
from tfsketch.images import files as files_lib
from tfsketch.images.metadata import Metadata


def mixing_grid(
    editor: Editor,
    image: str | os.PathLike,
    styles: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    region: Sequence[str] = (),
    detail: bool = True,
    mark: bool = True,
    quality: int | None = None,
    whole_style: bool = False,
) -> tuple[int, int, list[str]]:
    """Every photograph in every style: photographs down the side, styles along the top, as one picture.

    Args:
      editor: of a model that restyles.
      image: a photograph or a folder of them; of each the square in its middle, at most `STRIP_SIDE` pixels.
      styles: the same, for the style photographs.
      output: a file of a format in `encoding.KINDS`.
      region: names of face regions to restyle; the whole photographs by default.
      detail: see `Editor.restyle`.
      mark: record in the grid's metadata that it was edited.
      quality: of formats that have one; see `encoding.encode`.
      whole_style: take the style of whole photographs, not of their same region.

    Returns:
      (photographs, styles, notes on what is ignored in the files, and what the grid's format does not keep).

    Raises:
      TfsketchError: a file cannot be read or a region is not found: a grid has no holes.
    """
    check_restyling(image, 2, styles, region, set())
    output = pathlib.Path(output)
    if output.is_dir():
        raise ImageError(f"output: expected a file for a grid, found a folder at {output}")
    encoding.kind_of(output)
    sources = [_pictures_of(image, "image"), [file for style in styles for file in _pictures_of(style, "style")]]
    if output.resolve() in {file.resolve() for files in sources for file in files}:
        raise ImageError(f"output: expected a place that overwrites no input, found {output}")
    rows, columns = map(len, sources)
    most = int(files_lib.MAX_PIXELS**0.5 / STRIP_SIDE) - 1
    if max(rows, columns) > most:
        raise ImageError(f"expected at most {most} photographs and {most} styles in a grid, found {rows} and {columns}")
    squares: list[list[np.ndarray]] = [[], []]
    notes: dict[str, None] = {}  # a file may be photograph and style
    for files, crops in zip(sources, squares):
        for file in files:
            picture, remarks = photographs.read_rgb(file)
            crops.append(sizes.cut_square(picture))
            notes |= dict.fromkeys(remarks)
    side = min(STRIP_SIDE, max(map(len, squares[0])))
    contents, style_squares = ([sizes.center_square(square, side) for square in one] for one in squares)
    part = () if whole_style else region
    style_pictures = [style_of(editor, file, part)[0] for file in sources[1]] if part else style_squares
    grid = [[np.full((side, side, 3), 255, np.uint8), *style_squares]]
    for file, content in zip(sources[0], contents):
        try:
            mask = editor.region(content, region) if region else None
            grid.append([content, *(editor.restyle(content, style, mask, detail=detail) for style in style_pictures)])
        except ImageError as error:
            raise ImageError(f"{file}: {error}") from error
    remarks = write(output, sheets.contact_sheet(grid), Metadata().with_source_type() if mark else None, quality)
    return rows, columns, [*notes, *remarks]


def _pictures_of(path: str | os.PathLike, what: str) -> list[pathlib.Path]:
    path = pathlib.Path(path)
    if not path.is_dir() and not path.is_file():
        raise ImageError(f"{what}: expected a picture or a folder of pictures, found nothing at {path}")
    return finder.find_pictures(path) if path.is_dir() else [path]
