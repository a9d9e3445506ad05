"""Edits photographs by mask, sketch and colour strokes, draws them from sketches alone, or restyles them by others.

    python -m tools.edit --image=photo.jpg --mask=mask.png --sketch=sketch.png --color=color.png --output=edited.png
    python -m tools.edit --image=photo.jpg --strokes=edits.json --output=edited.png
    python -m tools.edit photo.jpg edits.json                   # the same, into photo_edited.png
    python -m tools.edit layers.ora                             # an OpenRaster file of the page, or of a paint program
    python -m tools.edit --image=photos --mask=masks --sketch=sketches --output=edited
    python -m tools.edit --model=cali_sketch --sketch=drawing.png --output=drawn.png
    python -m tools.edit --model=contextual_gan --sketch=drawing.png --results=4 --output=drawn.png
    python -m tools.edit --model=contextual_gan --image=face.jpg --output=sketch.png
    python -m tools.edit --model=region_edit --image=me.jpg --style_image=you.jpg --region=hair --output=restyled.png
    python -m tools.edit --demo --output=out/demo

Masks are white where the picture is to be repainted. An OpenRaster file's layers are named Photograph, Mask, Sketch and
Colours, and on the last three what is painted counts. In folders, files belong together that have the same name but for
the suffix. A picture that cannot be edited is named and skipped; the exit status is then 1. A drawing leaves its
redrawn lines beside it, as NAME_refined.png. contextual_gan completes a sketch or a photograph, several times, the best
first: NAME.png, NAME_2.png and on. region_edit restyles the mask, a region or all; --steps makes a strip and a GIF from
the photograph's own style to the other's, or between several; --grid shows every photograph in every style. Results
keep the photograph's metadata, and say that they were edited.
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import TYPE_CHECKING

import numpy as np
from absl import app, flags

from tfsketch.conditions import regions
from tfsketch.config import cli
from tfsketch.config.shipped import MODELS, PRECISIONS, check_model
from tfsketch.editor.batch.inputs import default_output, sort_files, unused_files
from tfsketch.editor.batch.jobs import Job, find_jobs
from tfsketch.editor.ways import WAYS
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images import paths
from tfsketch.images.layers import check_fill
from tfsketch.systems import way_of

if TYPE_CHECKING:
    from tfsketch.zoo.resolve import Editor

_IMAGE = flags.DEFINE_string("image", None, "Photograph, or a folder of them.")
_MASK = flags.DEFINE_string("mask", None, "Mask, white = repaint, or the photograph with that part clear; or a folder.")
_SKETCH = flags.DEFINE_string(
    "sketch", None, "Lines of any pen on any paper, scanned or photographed too; or a folder."
)
_LEVEL = flags.DEFINE_float(
    "level", 0.0, "Of a sketch's lines: above 0 fainter ones count too, below 0 only stronger ones.", -1.0, 1.0
)
_COLOR = flags.DEFINE_string("color", None, "Colour strokes on transparent, white or black paper; or a folder.")
_STROKES = flags.DEFINE_string("strokes", None, "Strokes as JSON, over the layers above; or a folder.")
_STYLE = flags.DEFINE_multi_string("style_image", [], "Style photograph, or a folder; for a strip, more")
_REGION = flags.DEFINE_list("region", [], "Instead of a mask to restyle: hair, lips, skin, background, face and so on.")
_STYLE_FROM = flags.DEFINE_enum(
    "style_from",
    "region",
    ["region", "whole"],
    "With --region: take the style of the same region of the other photograph, or of all of it.",
)
_STEPS = flags.DEFINE_integer("steps", 0, "Restyle in this many steps, at least 2: a strip, and a GIF beside it.", 0)
_GRID = flags.DEFINE_bool("grid", False, "Restyle every photograph by every style, into one picture.")
_DETAIL = flags.DEFINE_bool(
    "detail", True, "Restyle: add the model's change to the photograph; else paste its drawing."
)
_MODEL = flags.DEFINE_string(
    "model",
    MODELS[0],
    "A shipped model's name, a model directory, an exported SavedModel's folder, a .tflite file, or a server's address "
    "such as http://localhost:8501/v1/models/sc_fegan.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "A file (.png, .jpg, .webp, .tif, .avif) or a folder; a folder for folders. By default beside the photograph, as "
    "NAME_edited.png.",
)
_FORMAT = flags.DEFINE_string("format", "png", "Suffix of the files in a folder: png, jpg, webp, tif and so on.")
_QUALITY = flags.DEFINE_integer(
    "quality",
    None,
    "Of JPEG, WebP and AVIF. By default WebP loses nothing and a JPEG keeps its untouched blocks (extra `jpeg`).",
    1,
    100,
)
_SIDE = flags.DEFINE_integer(
    "side", None, "Working side in pixels; by default the model's own. A larger one is sharper, and less reliable."
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    PRECISIONS[0],
    PRECISIONS,
    "Precision of the model's arithmetic. bfloat16 is faster on processors with units for it, and refused on others; "
    "for models that edit.",
)
_SEAM = flags.DEFINE_bool("seam", True, "Remove the step in light and colour at the mask's border.")
_TEXTURE = flags.DEFINE_float(
    "texture",
    1.0,
    "How much of the photograph's own fine detail an enlarged edit gets, 0 to 1. Should a pattern be repeated: less.",
    0.0,
    1.0,
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the noise, of the search, or of a drawing's colours.", lower_bound=0)
_FILL = flags.DEFINE_float(
    "fill",
    None,
    "For sketches alone: share of the photograph that the paper takes, 1 for a drawing framed like a portrait, about "
    "0.6 for a face that fills its paper; by default what suits the drawing best.",
)
_RESULTS = flags.DEFINE_integer(
    "results",
    None,
    "Number of different photographs of a sketch, or sketches of a photograph: by default 4 for contextual_gan, 1 for "
    "cali_sketch.",
    1,
)
_CONCAT = flags.DEFINE_bool("concat", False, "Write input, mask, sketch, colour (or lines) and result side by side.")
_DEMO = flags.DEFINE_bool("demo", False, "Edit scikit-image's portrait by prepared strokes into the folder --output.")
_MARK = flags.DEFINE_bool(
    "mark", True, "Record in the result's metadata (IPTC's, in XMP) that it was edited; a GIF has none."
)


def _editor() -> Editor:
    from tfsketch.zoo import resolve

    finish = {"seam": _SEAM.value, "texture": _TEXTURE.value}
    return resolve.Editor(_MODEL.value, _SIDE.value, precision=_PRECISION.value, **finish)


def _jobs(way: str, output: str | os.PathLike, partners: dict[str, str | None]) -> tuple[list[Job], list[str]]:
    """`find_jobs` of the flags, for a model of a way of working."""
    if way in ("edit", "restyle") and not _IMAGE.value:
        raise TfsketchError(f"--image: expected a photograph, which this model {WAYS[way].verb}, found none")
    if way == "draw" and _IMAGE.value:
        raise TfsketchError("--image: expected none, but --sketch alone, of which this model draws")
    if way != "restyle" and (_STYLE.value or _REGION.value):
        flag = "style_image" if _STYLE.value else "region"
        raise TfsketchError(f"--{flag}: expected a model that restyles, such as {WAYS['restyle'].example}")
    if way == "restyle" and not _STYLE.value:
        raise TfsketchError("--style_image: expected a photograph whose style is taken, found none")
    if _RESULTS.value and not WAYS[way].sheet:
        raise TfsketchError("--results: expected a model that draws or completes; of an edit, each --seed is a result")
    results = _RESULTS.value or (4 if way == "complete" else 1)
    suffix = f".{_FORMAT.value.lower().lstrip('.')}"
    return find_jobs(
        _IMAGE.value,
        output,
        way,
        results,
        styles=_STYLE.value,
        steps=_STEPS.value or None,
        region=_REGION.value,
        suffix=suffix,
        **partners,
    )


def _main(argv: list[str]) -> int:
    single = (_IMAGE, _MASK, _SKETCH, _COLOR, _STROKES)
    for name, path in sort_files(argv[1:], [flag.name for flag in single if flag.value]).items():
        flags.FLAGS[name].value = path
    for flag in single:
        flags.FLAGS[flag.name].value = flag.value and paths.on_disk(flag.value)
    flags.FLAGS[_STYLE.name].value = [paths.on_disk(style) for style in _STYLE.value]
    source = _IMAGE.value or _SKETCH.value
    if not (_DEMO.value or source):
        raise app.UsageError("--image: expected a photograph, a folder of them, --sketch alone or --demo, found none")
    output = _OUTPUT.value or default_output(source, _DEMO.value)
    partners = {f.name: f.value for f in (_MASK, _SKETCH, _COLOR, _STROKES)}
    layers = [("image", _IMAGE.value), *partners.items(), *(("style_image", style) for style in _STYLE.value)]
    folders = [(what, path) for what, path in layers if path]
    if _DEMO.value and (_IMAGE.value or _STYLE.value or any(partners.values())):
        raise TfsketchError("--demo: expected no other picture, found one in --image, --mask, --sketch or another flag")
    if _DEMO.value:
        paths.check_folder(output, "--output")
    for what, path in folders:
        if not os.path.exists(path):
            raise ImageError(f"--{what}: expected a file or a folder, found nothing at {path}")
    if not _DEMO.value:
        paths.check_place(output if os.path.isdir(output) else os.path.dirname(output) or ".", "--output")
    check_model(_MODEL.value)
    if _STEPS.value and (_GRID.value or not _STYLE.value):
        raise TfsketchError("--steps: expected --style_image and no --grid beside it")
    if _GRID.value and any(partners.values()):
        raise TfsketchError("--grid: expected photographs and styles alone, found --mask or another layer")
    regions.mask_of(np.zeros((1, 1), np.uint8), _REGION.value)
    check_fill(_FILL.value)
    # An export says only when it is loaded what it does.
    way, model = way_of(_MODEL.value), None
    if way is None:
        model = _editor()
        way = model.way
    jobs, problems = ([], []) if _DEMO.value or _GRID.value else _jobs(way, output, partners)
    from tfsketch.editor.batch.demo import edit_demo
    from tfsketch.editor.batch.grid import mixing_grid
    from tfsketch.editor.batch.run import run

    model = model or _editor()
    if _DEMO.value:
        print(*edit_demo(model, output, _SEED.value), sep="\n")
        return 0
    if _GRID.value:
        print("".join(f"{line}\n" for line in unused_files(folders, output)), end="", file=sys.stderr)
        marks = (_MARK.value, _QUALITY.value, _STYLE_FROM.value == "whole")
        rows, columns, notes = mixing_grid(
            model, _IMAGE.value, _STYLE.value, output, _REGION.value, _DETAIL.value, *marks
        )
        print(*notes, f"{rows} photographs in {columns} styles: {output}", sep="\n")
        return 0
    alone = not pathlib.Path(source).is_dir()
    others = unused_files(folders, output, None if alone else jobs)
    print("".join(f"{line}\n" for line in others), end="", file=sys.stderr)
    place = jobs[0].output if alone else output
    how = {"seed": _SEED.value, "concat": _CONCAT.value, "fill": _FILL.value, "detail": _DETAIL.value}
    how |= {"mark": _MARK.value, "level": _LEVEL.value, "quality": _QUALITY.value}
    how["whole_style"] = _STYLE_FROM.value == "whole"
    return run(model, jobs, problems, place, alone, **how)


def main() -> None:
    cli.run(_main, arguments=2)


if __name__ == "__main__":
    main()
