"""Jobs: pictures, masks, sketches, colours, strokes and styles, matched by stem.

No input is ever overwritten, and no result is written twice.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tfsketch.conditions import regions
from tfsketch.errors import ImageError
from tfsketch.images import encoding, finder, paths
from tfsketch.images import files as files_lib

MOST_STEPS = 100
"""Of a strip: PNG readers refuse a picture a million pixels wide, phones and browsers one far smaller."""


@dataclasses.dataclass(frozen=True)
class Job:
    """The files of one edit, or, with a sketch or an image alone, of one drawing."""

    image: pathlib.Path | None
    output: pathlib.Path
    """A file of a format in `encoding.KINDS`."""
    results: int = 0
    """Number of drawings, or with `styles` steps of a strip; 0 is an edit."""
    styles: tuple[pathlib.Path, ...] = ()
    """Style photographs."""
    region: tuple[str, ...] = ()
    """Names of face regions, instead of a mask."""
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
        if self.styles:
            return [self.output, self.output.with_suffix(".gif")] if self.results else [self.output]
        return [path for pair in self.drawings for path in pair] or [self.output]

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
            for stem in stems[: self.results]
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


def check_restyling(
    image: str | os.PathLike | None,
    steps: int,
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
    if steps == 1 or steps > MOST_STEPS:
        raise ImageError(f"steps: expected 2 to {MOST_STEPS}, found {steps}")
    if len(styles) > 1 and not steps:
        raise ImageError(f"expected one style, or steps between styles for a strip, found {len(styles)} styles")
    regions.mask_of(np.zeros((1, 1), np.uint8), region)


def sort_files(files: Iterable[str], reserved: Sequence[str] = ()) -> dict[str, str]:
    """The roles of files that a desktop hands over, in any order.

    Args:
      files: paths. JSON, or a folder of it, holds strokes; of pictures the first is the photograph, a second its mask.
        A folder of both is one of photographs, with a service's notes on each beside it, unless these are given.
      reserved: names of arguments that are given already.

    Returns:
      Keys of `find_jobs` to paths.

    Raises:
      ImageError: more files than that.
    """
    sorted_: dict[str, str] = {}
    for file in files:
        path = pathlib.Path(file)
        json = path.suffix.lower() == ".json"
        if path.is_dir():
            inside = list(finder.walk(path))
            json = any(name.lower().endswith(".json") for name, _ in inside)
            json &= "image" in {*sorted_, *reserved} or all(kind != finder.PICTURE for _, kind in inside)
        what = "strokes" if json else "mask" if "image" in sorted_ else "image"
        if what in sorted_ or what in reserved:
            raise ImageError(f"{what}: expected one of them, found {file} too")
        sorted_[what] = file
    return sorted_


def default_output(source: str | os.PathLike | None, demo: bool = False) -> pathlib.Path:
    """The default place of results: beside a picture, or a folder, under its name and `_edited`.

    Raises:
      ImageError: there is no picture.
    """
    if not source or demo:
        raise ImageError("--output: expected a file or a folder, found none")
    path = pathlib.Path(os.path.abspath(source))
    return path.with_name(f"{path.stem}_edited.png" if not path.is_dir() else f"{path.name}_edited")


def left_out(
    folders: Iterable[tuple[str, str | os.PathLike | None]],
    output: str | os.PathLike,
    jobs: Sequence[Job] | None = None,
) -> list[str]:
    """The files in the given folders that belong to no job: a line for each folder and reason.

    Args:
      folders: (what it holds, the folder; other paths are skipped). The first holds the pictures that jobs are named
        after: `find_jobs` reports those without a job.
      output: the place of results; files of an earlier run there are not inputs.
      jobs: from `find_jobs`; None if every picture is used.
    """
    inputs = {path for job in jobs or () for path in job.inputs}
    target = pathlib.Path(output).resolve()
    lines = []
    for number, (what, folder) in enumerate(folders):
        if not folder or not os.path.isdir(folder):
            continue
        reasons: dict[str, list[str]] = {}
        for entry, kind in finder.walk(folder):
            path = pathlib.Path(entry)
            is_input = path.suffix.lower() == ".json" if what == "strokes" else kind == finder.PICTURE
            if target in path.resolve().parents and target != pathlib.Path(folder).resolve():
                reason = f"of an earlier run, in {output}"
            elif not is_input:
                reason = "no strokes (.json)" if what == "strokes" else "no picture"
            elif number and jobs is not None and path not in inputs:
                reason = "without a picture of its name"
            else:
                continue
            reasons.setdefault(reason, []).append(str(path.relative_to(folder)))
        lines += [f"{what}: {folder}: left out, {reason}: {finder.summary(names)}" for reason, names in reasons.items()]
    return lines


def find_jobs(
    image: str | os.PathLike | None,
    output: str | os.PathLike,
    results: int = 0,
    styles: Sequence[str | os.PathLike] = (),
    region: Sequence[str] = (),
    suffix: str = ".png",
    **partners: str | os.PathLike | None,
) -> tuple[list[Job], list[str]]:
    """Matches files for editing.

    Args:
      image: a picture, or a folder of pictures; None to draw from sketches alone, a `sketch` then.
      output: for a picture, a file or a folder; for a folder, another folder, which gets a file per picture.
      results: drawings of each picture, for a model that completes, from an image or a sketch alone. 0: an edit. With
        styles, the steps of a strip.
      styles: for a model that restyles, photographs or folders of them, matched like partners; more than one only for a
        strip. A mask is optional then, but if given it must exist for every picture.
      region: names of face regions instead of a mask, for a model that restyles.
      suffix: of the files in a folder.
      **partners: `mask`, `sketch`, `color` and `strokes`, each a file, for every picture, or a folder, in which a
        picture's partner has the same path except for the suffix. An image needs a mask or strokes.

    Returns:
      (jobs, a line for every picture without one, because its mask is missing or its name is ambiguous). A picture
      without a partner among the optional layers gets a job, whose notes say so.

    Raises:
      ImageError: a missing input, no mask at all, a result that would overwrite an input or another result; for a
        single picture also anything that would be a line for one of several.
      DataError: an unknown region.
    """
    encoding.kind_of(f"NAME{suffix}")
    place = output
    output = pathlib.Path(output)
    layer_files = {what: pathlib.Path(path) for what, path in partners.items() if path}
    leading = "image" if image else "sketch"
    if styles or region:
        check_restyling(image, results, styles, region, set(layer_files))
        layer_files |= {f"style {number}": pathlib.Path(style) for number, style in enumerate(styles, 1)}
    elif results and image and layer_files:
        raise ImageError(f"expected a photograph or a sketch alone, found a photograph and {', '.join(layer_files)}")
    if not image:
        if set(layer_files) != {"sketch"}:
            raise ImageError(
                f"expected a photograph to edit, or a sketch alone, found {', '.join(layer_files) or 'neither'}"
            )
        source = layer_files.pop("sketch")
        results = results or 1
    elif results or styles:
        source = pathlib.Path(image)
    elif "mask" not in layer_files and "strokes" not in layer_files:
        raise ImageError("expected a mask or strokes, found neither; --mask=FILE or --strokes=FILE names them")
    else:
        source = pathlib.Path(image)
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
        if source.resolve() in output.resolve().parents:  # results of an earlier run are not inputs
            pictures = {
                stem: files for stem, files in pictures.items() if output.resolve() not in files[0].resolve().parents
            }
    elif source.is_file():
        pictures = {source.stem: [source]}
    else:
        raise ImageError(f"{leading}: expected a picture or a folder of pictures, found nothing at {source}")

    jobs, problems = [], []
    for stem, files in pictures.items():
        own, missing, problem = _find_partners(stem, layer_files, folders, all_needed=bool(styles))
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
        notes = tuple(f"{files[0]}: edited without: {m}" for m in missing)
        style_files = tuple(own.pop(what) for what in layer_files if what.startswith("style "))
        layers: dict[str, Any] = {"image": None, leading: files[0], **own}
        jobs.append(
            Job(output=target, results=results, styles=style_files, region=tuple(region), notes=notes, **layers)
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
