"""Jobs: pictures, masks, sketches, colours, strokes and styles, matched by stem.

No input is ever overwritten, and no result is written twice.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tfsketch.conditions import regions
from tfsketch.editor.ways import WAYS
from tfsketch.errors import ImageError
from tfsketch.images import encoding, finder, openraster, paths
from tfsketch.images import files as files_lib

MOST_STEPS = 100
"""Of a strip: PNG readers refuse a picture a million pixels wide, phones and browsers one far smaller."""


@dataclasses.dataclass(frozen=True)
class Job:
    """The files of one edit, drawing, completion or restyling."""

    image: pathlib.Path | None
    output: pathlib.Path
    """A file of a format in `encoding.KINDS`."""
    way: str = "edit"
    """Its way of working, of `ways.WAYS`."""
    results: int = 1
    """Number of drawings or completions."""
    styles: tuple[pathlib.Path, ...] = ()
    """Style photographs of a restyling."""
    steps: int | None = None
    """Of a strip of restylings; None is a single one."""
    region: tuple[str, ...] = ()
    """Names of face regions to restyle, instead of a mask."""
    mask: pathlib.Path | None = None
    sketch: pathlib.Path | None = None
    color: pathlib.Path | None = None
    strokes: pathlib.Path | None = None
    """JSON; its layers are drawn over those of the other files."""
    notes: tuple[str, ...] = ()
    """Notes for the user on how the files were matched."""

    @property
    def source(self) -> pathlib.Path:
        """The file that the job is named after."""
        source = self.image or self.sketch
        assert source is not None, "a job has a photograph or a sketch"
        return source

    @property
    def inputs(self) -> list[pathlib.Path]:
        """All input files."""
        return [path for path in (self.image, self.mask, self.sketch, self.color, self.strokes, *self.styles) if path]

    @property
    def files(self) -> list[pathlib.Path]:
        """All output files; the first is written last, when the others are there."""
        if WAYS[self.way].sheet:
            return [path for pair in self.drawings for path in pair]
        return [self.output, self.output.with_suffix(".gif")] if self.steps else [self.output]

    @property
    def drawings(self) -> list[tuple[pathlib.Path, pathlib.Path]]:
        """Paths of each drawing and of its other half: for a sketch the photograph, and the redrawn lines as
        NAME_refined.png; for a photograph the sketch, and the redrawn photograph as NAME_photo.png. Of several the best
        is NAME.png, the others NAME_2.png and so on; or with the output's suffix."""
        stems = [self.output.stem] + [f"{self.output.stem}_{n}" for n in range(2, self.results + 1)]
        other = "photo" if self.image else "refined"
        return [
            (
                self.output.with_name(stem + self.output.suffix),
                self.output.with_name(f"{stem}_{other}{self.output.suffix}"),
            )
            for stem in stems
        ]


def _by_stem(folder: pathlib.Path, what: str) -> dict[str, list[pathlib.Path]]:
    """The files of a folder by their path below it, without the suffix, in Unicode's normal form C."""
    if what == "strokes":
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".json" and p.is_file())
        if not files:
            raise ImageError(f"{what}: expected strokes (.json) in {folder}, found none")
    else:
        files = finder.find_pictures(folder, what)
    by_stem: dict[str, list[pathlib.Path]] = {}
    for file in files:
        by_stem.setdefault(paths.normal_form(str(file.relative_to(folder).with_suffix(""))), []).append(file)
    return by_stem


def _output_file(image: pathlib.Path, output: str | os.PathLike, suffix: str) -> pathlib.Path:
    """Path of a single picture's result: `output` itself if it is named like a file (even of a refused kind), else in
    that folder."""
    path = pathlib.Path(output)
    Image.init()
    pictures = files_lib.SUFFIXES | files_lib.LOCKED | set(Image.registered_extensions())
    names_file = path.suffix.lower() in pictures and not os.fspath(output).endswith(os.sep)
    if not path.is_dir() and (names_file or paths.is_file_name(output)):
        try:
            encoding.kind_of(path)
        except ImageError as error:
            raise ImageError(f"{error}; {paths.END_OF_FOLDER}") from error
        return path
    if path.is_file():
        raise ImageError(f"output: expected a folder, or a file with a suffix of pictures, found a file at {path}")
    return path / f"{image.stem}{suffix}"


def _find_partners(
    stem: str,
    layer_files: Mapping[str, pathlib.Path],
    folders: Mapping[str, Mapping[str, list[pathlib.Path]]],
    all_needed: bool,
) -> tuple[dict[str, pathlib.Path], list[str], str]:
    """The partners of a picture: (files by kind, a line for each kind without one, why no job is possible or "")."""
    own: dict[str, pathlib.Path] = {}
    missing: list[str] = []
    for what, path in layer_files.items():
        matches = folders[what].get(paths.normal_form(stem), []) if what in folders else [path]
        if len(matches) > 1:
            return own, missing, f"expected one {what} file of this name, found {', '.join(p.name for p in matches)}"
        if matches:
            own[what] = matches[0]
        else:
            missing.append(f"no {what} file {stem}.* in {path}")
    enough = not missing if all_needed else "mask" in own or "strokes" in own
    return own, missing, "" if enough else "; ".join(missing)


LAYERS = ("mask", "sketch", "color")
"""The layers of an edit that are pictures."""


def _same_file(one: str | os.PathLike, other: str | os.PathLike) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _repetition(image: str | os.PathLike, layers: Mapping[str, pathlib.Path]) -> str:
    """Why one file, or one folder, cannot be the photograph and a layer; "" if none is. Strokes may lie beside the
    photographs."""
    for what, path in layers.items():
        if what in LAYERS and _same_file(path, image) and not openraster.is_openraster(path):
            if path.is_dir():
                wanted = "put its files into another one, under the photographs' names"
                return f"{what}: expected a folder of its own, found that of the photographs, {path}: {wanted}"
            wanted = "give the whole photograph, and this file with a part erased as its mask" if what == "mask" else ""
            return f"{what}: expected a file of its own, found the photograph, {path}{wanted and f': {wanted}'}"
    return ""


def check_restyling(
    image: str | os.PathLike | None,
    steps: int | None,
    styles: Sequence[str | os.PathLike],
    region: Sequence[str],
    layers: set[str],
) -> None:
    """Checks those of `find_jobs`' arguments for restyling that need no files."""
    if not styles:
        raise ImageError("style: expected a photograph whose style is taken (--style_image), found none")
    if not image:
        raise ImageError("expected a photograph to restyle, found none")
    if layers - {"mask", "strokes"}:
        raise ImageError(
            "expected a photograph, a style and a mask (or strokes, or a region), found also "
            f"{', '.join(sorted(layers - {'mask', 'strokes'}))}"
        )
    if region and layers:
        raise ImageError(f"expected a mask or a region, found {', '.join(sorted(layers))} and {', '.join(region)}")
    if steps is not None and not 2 <= steps <= MOST_STEPS:
        raise ImageError(f"steps: expected 2 to {MOST_STEPS}, found {steps}")
    if len(styles) > 1 and steps is None:
        raise ImageError(f"expected one style, or steps between styles for a strip, found {len(styles)} styles")
    regions.mask_of(np.zeros((1, 1), np.uint8), region)


def find_jobs(
    image: str | os.PathLike | None,
    output: str | os.PathLike,
    way: str = "edit",
    results: int = 1,
    styles: Sequence[str | os.PathLike] = (),
    steps: int | None = None,
    region: Sequence[str] = (),
    suffix: str = ".png",
    **partners: str | os.PathLike | None,
) -> tuple[list[Job], list[str]]:
    """Matches files for editing, drawing, completing or restyling.

    Args:
      image: a picture, or a folder of pictures; None to draw or complete sketches, a `sketch` alone then.
      output: for a picture, a file or a folder; for a folder, another folder, which gets a file per picture.
      way: of working, of `ways.WAYS`, as the model's.
      results: drawings or completions of each picture.
      styles: to restyle, photographs or folders of them, matched like partners; more than one only for a strip. A mask
        is optional then, but if given it must exist for every picture.
      steps: to restyle in a strip, its number of pictures; None is a single picture.
      region: names of face regions to restyle, instead of a mask.
      suffix: of the files in a folder.
      **partners: `mask`, `sketch`, `color` and `strokes`, each a file, for every picture, or a folder, in which a
        picture's partner has the same path except for the suffix. An edit needs a mask or strokes. A file of layers
        (`openraster`) as the picture brings those that are not given.

    Returns:
      (jobs, a line for every picture without one, because its mask is missing or its name is ambiguous). A picture
      without a partner among the optional layers gets a job, whose notes say so.

    Raises:
      ImageError: a missing input, no mask at all, a photograph as its own layer or style, a result that would overwrite
        an input or another result; for a single picture also anything that would be a line for one of several.
      DataError: an unknown region.
    """
    encoding.kind_of(f"NAME{suffix}")
    place = output
    output = pathlib.Path(output)
    layer_files = {what: pathlib.Path(path) for what, path in partners.items() if path}
    own_layers: list[str] = []
    if image and way in ("edit", "restyle"):  # a file of layers brings its own
        wanted = LAYERS if way == "edit" else () if region else ("mask",)
        own_layers = [what for what in openraster.kinds_of(image, wanted) if what not in layer_files]
        layer_files |= dict.fromkeys(own_layers, pathlib.Path(image))
    if way == "restyle":
        check_restyling(image, steps, styles, region, set(layer_files))
        layer_files |= {f"style {number}": pathlib.Path(style) for number, style in enumerate(styles, 1)}
    elif styles or region or steps:
        raise ImageError(f"expected no style, region or steps for the way {way}, found one; they are of restyle")
    if WAYS[way].sheet:
        kinds = ["photograph"] * bool(image) + sorted(layer_files)
        if kinds != ["sketch"] and (kinds != ["photograph"] or way == "draw"):
            alone = "a sketch alone" if way == "draw" else "a photograph or a sketch alone"
            raise ImageError(f"expected {alone}, found {' and '.join(kinds) or 'neither'}")
    elif not image:
        raise ImageError("expected a photograph to edit, found none")
    elif way == "edit" and not layer_files.keys() & {"mask", "strokes"}:
        raise ImageError("expected a mask or strokes, found neither; --mask=FILE or --strokes=FILE names them")
    if image and (reason := _repetition(image, layer_files)):
        raise ImageError(reason)
    unmasked = way == "restyle" and not region and not layer_files.keys() & {"mask", "strokes"}
    if image and unmasked and all(_same_file(style, image) for style in styles):
        raise ImageError(f"style: expected another photograph than the one that is restyled, found {image} again")
    leading = "image" if image else "sketch"
    source = pathlib.Path(image) if image else layer_files.pop("sketch")
    folders = {}
    for what, path in layer_files.items():
        if path.is_dir():
            folders[what] = _by_stem(path, what)
        elif not path.is_file():
            raise ImageError(f"{what}: expected a file or a folder, found nothing at {path}")
    if source.is_dir():
        pictures = _by_stem(source, leading)
        if paths.is_file_name(place):
            raise ImageError(
                f"output: expected a folder for the results of a folder, found a file's name, {place}; "
                f"{paths.END_OF_FOLDER}"
            )
        if output.exists() and not output.is_dir():
            raise ImageError(f"output: expected a folder for the results of a folder, found a file at {output}")
        if output.resolve() in {path.resolve() for path in (source, *layer_files.values())}:
            raise ImageError(f"output: expected a folder that holds no input, found {output}")
        # Results of an earlier run are no photographs, nor are layers in a folder below.
        others = {path.resolve() for path in (output, *layer_files.values())} - {source.resolve()}
        pictures = {stem: files for stem, files in pictures.items() if others.isdisjoint(files[0].resolve().parents)}
    elif source.is_file():
        pictures = {source.stem: [source]}
    else:
        raise ImageError(f"{leading}: expected a picture or a folder of pictures, found nothing at {source}")

    jobs, problems = [], []
    for stem, files in pictures.items():
        own, missing, problem = _find_partners(stem, layer_files, folders, all_needed=way == "restyle")
        if image:
            problem = problem or _repetition(files[0], own)
        if len(files) > 1:
            problem = f"expected one picture of this name, found {', '.join(p.name for p in files)}"
        if problem:
            problems.append(f"{files[0]}: skipped: {problem}")
            continue
        target = (
            (output / files[0].relative_to(source)).with_suffix(suffix)
            if source.is_dir()
            else _output_file(source, place, suffix)
        )
        notes = [f"{files[0]}: edited without: {m}" for m in missing]
        if own_layers:
            notes.append(f"{files[0]}: its {' and its '.join(own_layers)} count{'s' * (len(own_layers) == 1)}")
        style_files = tuple(own.pop(what) for what in layer_files if what.startswith("style "))
        layers: dict[str, Any] = {"image": None, leading: files[0], **own}
        jobs.append(
            Job(
                output=target,
                way=way,
                results=results,
                styles=style_files,
                steps=steps,
                region=tuple(region),
                notes=tuple(notes),
                **layers,
            )
        )
    if problems and not source.is_dir():
        raise ImageError(problems[0])
    inputs = {file.resolve() for job in jobs for file in job.inputs}
    targets: set[pathlib.Path] = set()
    for job in jobs:
        for result in job.files:
            if result.resolve() in inputs:
                raise ImageError(f"output: expected a place that overwrites no input, found {result}")
            if result.resolve() in targets:
                raise ImageError(f"output: expected a place of its own for every result, found two for {result}")
            targets.add(result.resolve())
    return jobs, problems
