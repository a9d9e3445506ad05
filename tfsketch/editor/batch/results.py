"""The inputs and outputs of a job: its layers, and the pictures of an edit, a drawing or a restyling."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor.batch.jobs import Job
from tfsketch.editor.editor import Editor
from tfsketch.errors import ImageError, cause
from tfsketch.framing import arrays
from tfsketch.images import encoding, meaning, photographs, sizes
from tfsketch.images import files as files_lib
from tfsketch.images.encoding import Picture
from tfsketch.images.layers import without_effect
from tfsketch.images.metadata import Metadata
from tfsketch.images.photographs import Photograph
from tfsketch.vocabulary import size_of

STRIP_SIDE = 512
"""Longest side in pixels of a picture in a strip, an animation or a grid."""


def read_layers(job: Job, level: float = 0.0) -> tuple[Photograph, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """(photograph, mask [H,W], sketch [H,W], color [H,W,4], notes) of a job's files, of one size; `level` as of
    `meaning.sketch`."""
    photograph = photographs.read(job.source)
    size = size_of(photograph.image)
    notes = list(job.notes)
    layers = {
        "mask": np.zeros(size, np.uint8),
        "sketch": np.zeros(size, np.uint8),
        "color": np.zeros((*size, 4), np.uint8),
    }
    for what, path, read in (
        ("mask", job.mask, meaning.read_mask),
        ("sketch", job.sketch, lambda path: meaning.read_sketch(path, level)),
        ("color", job.color, meaning.read_color),
    ):
        if path is None:
            continue
        layers[what], remarks = read(path)
        notes += remarks
        # Programs that pass over EXIF show it as it lies in its file, and a mask made there does so too.
        as_stored = photograph.orientation != 1 and files_lib.orientation_of(path) == 1
        own_size, turn = size_of(layers[what]), f"its EXIF orientation ({photograph.orientation})"
        if own_size != size:
            before = f", as it lies in its file before {turn} turns it upright: turn the layer likewise"
            raise ImageError(
                f"{path}: expected the size of {job.image}, {size[1]} x {size[0]}, found {own_size[1]} x {own_size[0]}"
                f"{before if as_stored and photograph.orientation > 4 and own_size == size[::-1] else ''}"
            )
        if as_stored and (photograph.orientation <= 4 or size[0] == size[1]):  # else the size tells
            notes.append(f"{path}: {job.image} is turned upright by {turn}; the {what} counts as drawn over it upright")
    if job.strokes is not None:
        strokes = strokes_lib.render(strokes_lib.read(job.strokes), size, str(job.strokes))
        layers["mask"] = np.maximum(layers["mask"], strokes.mask)
        layers["sketch"] = np.maximum(layers["sketch"], strokes.sketch)
        layers["color"] = np.where(strokes.color[..., 3:] > 0, strokes.color, layers["color"])
    if not layers["mask"].any():
        name = f"{job.mask or job.strokes}: "
        how = "; ".join(note[len(name) :] for note in notes if note.startswith(name))  # it may only be faint
        raise ImageError(f"{name}expected at least one erased pixel, found an empty mask{how and f' ({how})'}")
    for what in without_effect(layers["mask"], layers["sketch"], layers["color"]):
        notes.append(f"{job.image}: the {what} lies outside the mask and has no effect")
    return photograph, layers["mask"], layers["sketch"], layers["color"], notes


def _black_on_white(lines: np.ndarray) -> np.ndarray:
    """[H,W] uint8 in {0,1} -> [H,W,3] uint8."""
    return np.repeat(((np.uint8(1) - lines) * 255)[..., None], 3, axis=-1)


def side_by_side(
    image: np.ndarray, mask: np.ndarray, sketch: np.ndarray, color: np.ndarray, result: np.ndarray
) -> list[np.ndarray]:
    """The five pictures of an edit for display, [H,W,3] uint8: white mask, black lines and colours on white paper."""
    paper = np.where(color[..., 3:] > 0, color[..., :3], np.uint8(255))
    return [image, _black_on_white(np.uint8(1) - mask), _black_on_white(sketch), paper, result]


def draw(
    editor: Editor,
    job: Job,
    seed: int,
    fill: float | None,
    level: float = 0.0,
    watch: Callable[[float], None] | None = None,
) -> tuple[list[np.ndarray], dict[pathlib.Path, Picture | bytes], list[str]]:
    """The drawings of a job: (all pictures side by side for display, file -> picture, notes)."""
    notes: list[str] = []
    inputs: dict[str, np.ndarray] = {}
    if job.image is None:
        inputs["sketch"], notes = meaning.read_sketch(job.source, level)
        if not inputs["sketch"].any():
            raise ImageError(f"{job.sketch}: expected at least one stroke, found a sheet without lines")
        pictures = [_black_on_white(inputs["sketch"])]
    else:
        inputs["image"], notes = photographs.read_rgb(job.image)
        pictures = [sizes.cut_square(inputs["image"])]
        if pictures[0].shape != inputs["image"].shape:
            notes.append(f"{job.image}: its central square counts, and is the size of the sketches")
    if editor.completes:
        halves = inputs.get("sketch"), inputs.get("image")
        drawings = editor.complete(*halves, results=job.results, seed=seed, fill=fill, watch=watch)
        losses = ", ".join(f"{drawing.loss:.3f}" for drawing in drawings)
        notes.append(f"{job.source}: loss {losses}")
    else:
        count = job.results if editor.varies else 1
        drawings = [editor.draw(inputs["sketch"], fill, seed + number) for number in range(count)]
        if count < job.results:
            notes.append(f"{job.source}: this model makes one photograph of a drawing, whatever the seed")
    files: dict[pathlib.Path, Picture | bytes] = {}
    for paths, drawing in zip(job.drawings, drawings):
        pair = [drawing.image, _black_on_white(drawing.refined)]
        files.update(zip(paths, pair if job.image is None else reversed(pair)))
        pictures += reversed(pair)
    return pictures, files, notes


def style_of(editor: Editor, path: pathlib.Path, region: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """A style photograph, [H,W,3] uint8: its region, or if none is named, all of it; and notes on what of its file is
    ignored.

    Raises:
      ImageError: it cannot be read, or does not show the region.
    """
    style, notes = photographs.read_rgb(path)
    try:
        return (editor.region_style(style, region) if region else style), notes
    except ImageError as error:
        raise ImageError(f"{path}: {error}; the whole photograph's style: --style_from=whole") from error


def restyle(
    editor: Editor, job: Job, detail: bool, whole_style: bool = False, concat: bool = False
) -> tuple[list[np.ndarray], dict[pathlib.Path, Picture | bytes], list[str], Metadata]:
    """A restyled photograph, as `draw`, and its metadata; or a strip of steps, and an animation back and forth. With
    `concat` only the pictures for display are used."""
    mask: np.ndarray | None
    if job.mask or job.strokes:
        photograph, mask, _, _, notes = read_layers(job)
        image = photograph.image
    else:
        photograph, notes = photographs.read(job.source), list(job.notes)
        image = photograph.image
        try:
            mask = editor.region(image, job.region) if job.region else None
        except ImageError as error:
            raise ImageError(f"{job.image}: {error}") from error
    styles = []
    for path in job.styles:
        style, remarks = style_of(editor, path, () if whole_style else job.region)
        styles.append(style)
        notes += remarks
    if job.steps or concat:  # else the result's own notes say it
        notes += [f"{job.image}: {note}" for note in photograph.notes_of_image]
    if job.steps:
        small = sizes.fit(image, STRIP_SIDE)
        mask = None if mask is None else arrays.resize_mask(mask, size_of(small))
        steps = editor.interpolate(small, styles, job.steps, mask, detail)
        animation = encoding.encode_gif([*steps, *steps[-2:0:-1]])
        strip = np.concatenate(steps, axis=1)
        return [strip], {job.output: strip, job.output.with_suffix(".gif"): animation}, notes, photograph.metadata
    result = editor.restyle(image, styles[0], mask, detail=detail)
    size = image.shape[1::-1]
    pictures = [image, cv2.resize(sizes.fit(styles[0], max(size)), size, interpolation=cv2.INTER_CUBIC)]
    pictures += [] if mask is None else [_black_on_white(np.uint8(1) - mask)]
    return [*pictures, result], {job.output: photograph.with_result(result)}, notes, photograph.metadata


def write(
    path: pathlib.Path, picture: Picture | bytes, metadata: Metadata | None = None, quality: int | None = None
) -> list[str]:
    """Writes a result atomically; returns a line on each thing that it does not keep of the photograph. Arguments as of
    `encoding.encode`, or the file's content."""
    notes = list(picture.notes) if isinstance(picture, Photograph) else []
    data, remarks = (picture, []) if isinstance(picture, bytes) else encoding.encode(path, picture, metadata, quality)
    try:
        files_lib.write_bytes(path, data)
    except OSError as error:  # no space, no permission, a file where a folder should be
        raise ImageError(f"{path}: expected to write a picture here, found: {cause(error)}") from error
    return [f"{path}: {note}" for note in (*notes, *remarks)]
