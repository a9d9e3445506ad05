"""Editing files: one picture, or folders matched by stem, and the demo. Likewise drawing from sketches, completing
sketches or photographs, and restyling photographs by others.

Every edit is a `Job` and ends in an `Outcome`. In a batch a bad file is named and the next goes on; a result gets its
final name only when it is whole; no input is ever overwritten.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from tfsketch.conditions import regions
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.editor import Editor
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.framing import arrays
from tfsketch.images import files as files_lib
from tfsketch.images import sheets, sizes

STRIP_SIDE = 512
"""Pixels that the longer side of a picture in a strip, an animation or a grid has at most."""
MOST_STEPS = 100
"""Of a strip: PNG's reader refuses a picture that is a million pixels wide, phones and browsers far less."""


@dataclasses.dataclass(frozen=True)
class Job:
    """The files of one edit, or, with a sketch or an image alone, of one drawing."""

    image: pathlib.Path | None
    output: pathlib.Path
    """A .png file."""
    results: int = 0
    """How many drawings are wanted, or with `styles` steps of a strip; 0 is an edit."""
    styles: tuple[pathlib.Path, ...] = ()
    """Photographs whose looks are wanted."""
    region: tuple[str, ...] = ()
    """Names of face regions, in a mask's place."""
    mask: pathlib.Path | None = None
    sketch: pathlib.Path | None = None
    color: pathlib.Path | None = None
    strokes: pathlib.Path | None = None
    """JSON; its layers are drawn over those of the other files."""
    notes: tuple[str, ...] = ()
    """What the user should know of how the files were matched."""

    @property
    def source(self) -> pathlib.Path:
        """The file that the job is named after."""
        return self.image or self.sketch

    @property
    def files(self) -> list[pathlib.Path]:
        """All that is written, the one that says that all are there first."""
        if self.styles:
            return [self.output, self.output.with_suffix(".gif")] if self.results else [self.output]
        return [path for pair in self.drawings for path in pair] or [self.output]

    @property
    def drawings(self) -> list[tuple[pathlib.Path, pathlib.Path]]:
        """Where drawings go, what was asked for and beside it the other half: of a sketch the photograph, and the
        redrawn lines as NAME_refined.png; of a photograph the sketch, and the redrawn photograph as NAME_photo.png.
        Of several the best is NAME.png, and the others are NAME_2.png and on."""
        stems = [self.output.stem] + [f"{self.output.stem}_{n}" for n in range(2, self.results + 1)]
        other = "photo" if self.image else "refined"
        return [
            (self.output.with_name(f"{stem}.png"), self.output.with_name(f"{stem}_{other}.png"))
            for stem in stems[: self.results]
        ]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a job: its result is at `job.output` if `error` is None, and nothing was written if it is not."""

    job: Job
    notes: tuple[str, ...] = ()
    error: TfsketchError | None = None


def _by_stem(folder: pathlib.Path, what: str) -> dict[str, list[pathlib.Path]]:
    """The files of a folder by their path below it, without the suffix."""
    if what == "strokes":
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".json" and p.is_file())
        if not files:
            raise ImageError(f"expected strokes (.json) in {folder}, found none")
    else:
        files = files_lib.find_pictures(folder)
    found: dict[str, list[pathlib.Path]] = {}
    for file in files:
        found.setdefault(str(file.relative_to(folder).with_suffix("")), []).append(file)
    return found


def _output_file(image: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """Where the result of a single picture goes."""
    if output.suffix.lower() in files_lib.SUFFIXES and not output.is_dir():
        if output.suffix.lower() != ".png":
            raise ImageError(f"output: expected a .png file or a folder, found {output}")
        return output
    return output / f"{image.stem}.png"


def _find_partners(
    stem: str,
    given: Mapping[str, pathlib.Path],
    folders: Mapping[str, Mapping[str, list[pathlib.Path]]],
    all_needed: bool,
) -> tuple[dict[str, pathlib.Path], list[str], str]:
    """The partners of a picture: (files by kind, a line for each kind without one, why there can be no job or "")."""
    own: dict[str, pathlib.Path] = {}
    missing = []
    for what, path in given.items():
        found = folders[what].get(stem, []) if what in folders else [path]
        if len(found) > 1:
            return own, missing, f"expected one {what} file of this name, found {', '.join(p.name for p in found)}"
        if found:
            own[what] = found[0]
        else:
            missing.append(f"no {what} file {stem}.* in {path}")
    enough = not missing if all_needed else "mask" in own or "strokes" in own
    return own, missing, "" if enough else "; ".join(missing)


def _check_restyling(
    image: str | os.PathLike | None,
    steps: int,
    styles: Sequence[str | os.PathLike],
    region: Sequence[str],
    given: set[str],
) -> None:
    """What can be said of `find_jobs`' arguments for restyling without looking at files."""
    if not styles:
        raise ImageError("style: expected a photograph whose looks are taken (--style_image), found none")
    if not image:
        raise ImageError("expected a photograph to restyle, found none")
    if given - {"mask", "strokes"}:
        raise ImageError(
            "expected a photograph, a style and a mask (or strokes, or a region), found also "
            f"{', '.join(sorted(given - {'mask', 'strokes'}))}"
        )
    if region and given:
        raise ImageError(f"expected a mask or a region, found {', '.join(sorted(given))} and {', '.join(region)}")
    if steps == 1 or steps > MOST_STEPS:
        raise ImageError(f"steps: expected 2 to {MOST_STEPS}, found {steps}")
    if len(styles) > 1 and not steps:
        raise ImageError(f"expected one style, or steps between styles for a strip, found {len(styles)} styles")
    regions.mask_of(np.zeros((1, 1), np.uint8), region)


def sort_files(files: Iterable[str], taken: Sequence[str] = ()) -> dict[str, str]:
    """Which file is what, of files as a desktop hands them over, in any order.

    Args:
      files: paths. JSON, or a folder of it, holds strokes; of pictures the first is the photograph, a second its mask.
      taken: what is given already, by name.

    Returns:
      Keys of `find_jobs` to paths.

    Raises:
      ImageError: more files than that.
    """
    sorted_: dict[str, str] = {}
    for file in files:
        path = pathlib.Path(file)
        json = path.suffix.lower() == ".json" or (path.is_dir() and any(path.rglob("*.json")))
        what = "strokes" if json else "mask" if "image" in sorted_ else "image"
        if what in sorted_ or what in taken:
            raise ImageError(f"{what}: expected one of them, found {file} too")
        sorted_[what] = file
    return sorted_


def default_output(source: str | os.PathLike | None, demo: bool = False) -> pathlib.Path:
    """Where results go unless told: beside a picture, or a folder, under its name and `_edited`.

    Raises:
      ImageError: there is no picture to lie beside.
    """
    if not source or demo:
        raise ImageError("--output: expected a .png file or a folder, found none")
    path = pathlib.Path(os.path.abspath(source))
    return path.with_name(f"{path.stem}_edited.png" if not path.is_dir() else f"{path.name}_edited")


def find_jobs(
    image: str | os.PathLike | None,
    output: str | os.PathLike,
    results: int = 0,
    styles: Sequence[str | os.PathLike] = (),
    region: Sequence[str] = (),
    **partners: str | os.PathLike | None,
) -> tuple[list[Job], list[str]]:
    """Matches files for editing.

    Args:
      image: a picture, or a folder of pictures; None to draw from sketches alone, a `sketch` then.
      output: for a picture, a .png file or a folder; for a folder, a folder of its own, which gets a .png per picture.
      results: drawings of each picture, for a model that completes; it wants an image or a sketch alone. 0: an edit.
        With styles, the steps of a strip.
      styles: for a model that restyles, photographs or folders of them, matched like partners; more than one only for a
        strip. A mask is optional then, but what is given must be there for every picture.
      region: names of face regions instead of a mask, for a model that restyles.
      **partners: `mask`, `sketch`, `color` and `strokes`, each a file, for every picture, or a folder, in which a
        picture's partner has the same path but for the suffix. For an image a mask or strokes are needed.

    Returns:
      (jobs, a line for every picture without one, because its mask is missing or its name is ambiguous). A picture
      without a partner among the optional layers gets a job, whose notes say so.

    Raises:
      ImageError: nothing there, no mask at all, a result that would overwrite an input or another result; for a single
        picture also whatever would have been a line.
      DataError: a region without such a name.
    """
    output = pathlib.Path(output)
    given = {what: pathlib.Path(path) for what, path in partners.items() if path}
    leading = "image" if image else "sketch"
    if styles or region:
        _check_restyling(image, results, styles, region, set(given))
        given |= {f"style {number}": pathlib.Path(style) for number, style in enumerate(styles, 1)}
    elif results and image and given:
        raise ImageError(f"expected a photograph or a sketch alone, found a photograph and {', '.join(given)}")
    if not image:
        if set(given) != {"sketch"}:
            raise ImageError(f"expected a photograph to edit, or a sketch alone, found {', '.join(given) or 'neither'}")
        source = given.pop("sketch")
        results = results or 1
    elif results or styles:
        source = pathlib.Path(image)
    elif "mask" not in given and "strokes" not in given:
        raise ImageError("expected a mask or strokes, found neither")
    else:
        source = pathlib.Path(image)
    folders = {}
    for what, path in given.items():
        if path.is_dir():
            folders[what] = _by_stem(path, what)
        elif not path.is_file():
            raise ImageError(f"{what}: expected a file or a folder, found nothing at {path}")
    if source.is_dir():
        pictures = _by_stem(source, leading)
        if output.exists() and not output.is_dir():
            raise ImageError(f"output: expected a folder for the results of a folder, found a file at {output}")
        if output.resolve() in {path.resolve() for path in (source, *given.values())}:
            raise ImageError(f"output: expected a folder that holds no input, found {output}")
        if source.resolve() in output.resolve().parents:  # results of an earlier run are no pictures to edit
            pictures = {
                stem: files for stem, files in pictures.items() if output.resolve() not in files[0].resolve().parents
            }
    elif source.is_file():
        pictures = {source.stem: [source]}
    else:
        raise ImageError(f"{leading}: expected a picture or a folder of pictures, found nothing at {source}")

    jobs, skipped = [], []
    for stem, files in pictures.items():
        own, missing, problem = _find_partners(stem, given, folders, all_needed=bool(styles))
        if len(files) > 1:
            problem = f"expected one picture of this name, found {', '.join(p.name for p in files)}"
        if problem:
            skipped.append(f"{files[0]}: skipped: {problem}")
            continue
        target = output / f"{stem}.png" if source.is_dir() else _output_file(source, output)
        notes = tuple(f"{files[0]}: edited without: {m}" for m in missing)
        looks = tuple(own.pop(what) for what in given if what.startswith("style "))
        options = {"notes": notes, "results": results, "styles": looks, "region": tuple(region)}
        jobs.append(Job(output=target, **options, **{"image": None, leading: files[0], **own}))
    if skipped and not source.is_dir():
        raise ImageError(skipped[0])
    inputs = {
        file.resolve() for job in jobs for file in (job.image, job.mask, job.sketch, job.color, *job.styles) if file
    }
    results: set[pathlib.Path] = set()
    for job in jobs:
        for result in job.files:
            if result.resolve() in inputs:
                raise ImageError(f"output: expected a place that overwrites no input, found {result}")
            if result.resolve() in results:
                raise ImageError(f"output: expected a place of its own for every result, found two for {result}")
            results.add(result.resolve())
    return jobs, skipped


def _layers(job: Job) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str], files_lib.Metadata]:
    """(image [H,W,3], mask [H,W], sketch [H,W], color [H,W,4], notes, metadata) of a job's files, of one size."""
    image, metadata = files_lib.read_photograph(job.image)
    size = image.shape[:2]
    notes = list(job.notes)
    layers = {
        "mask": np.zeros(size, np.uint8),
        "sketch": np.zeros(size, np.uint8),
        "color": np.zeros((*size, 4), np.uint8),
    }
    for what, path, read in (
        ("mask", job.mask, files_lib.read_mask),
        ("sketch", job.sketch, files_lib.read_sketch),
        ("color", job.color, lambda path: (files_lib.read_color(path), [])),
    ):
        if path is None:
            continue
        layers[what], said = read(path)
        notes += said
        if layers[what].shape[:2] != size:
            raise ImageError(
                f"{path}: expected the size of {job.image}, {size[1]} x {size[0]}, found "
                f"{layers[what].shape[1]} x {layers[what].shape[0]}"
            )
    if job.strokes is not None:
        drawn = strokes_lib.render(strokes_lib.read(job.strokes), size, str(job.strokes))
        layers["mask"] = np.maximum(layers["mask"], drawn.mask)
        layers["sketch"] = np.maximum(layers["sketch"], drawn.sketch)
        layers["color"] = np.where(drawn.color[..., 3:] > 0, drawn.color, layers["color"])
    if not layers["mask"].any():
        raise ImageError(f"{job.mask or job.strokes}: expected at least one erased pixel, found an empty mask")
    for what, drawn_at in (("sketch", layers["sketch"] > 0), ("colour", layers["color"][..., 3] > 0)):
        if drawn_at.any() and not (drawn_at & (layers["mask"] > 0)).any():
            notes.append(f"{job.image}: the {what} lies outside the mask and has no effect")
    return image, layers["mask"], layers["sketch"], layers["color"], notes, metadata


def _black_on_white(lines: np.ndarray) -> np.ndarray:
    """[H,W] uint8 in {0,1} -> [H,W,3] uint8."""
    return np.repeat(((np.uint8(1) - lines) * 255)[..., None], 3, axis=-1)


def side_by_side(
    image: np.ndarray, mask: np.ndarray, sketch: np.ndarray, color: np.ndarray, result: np.ndarray
) -> list[np.ndarray]:
    """The five pictures of an edit for the eye, [H,W,3] uint8: white mask, black lines and colours on white paper."""
    paper = np.where(color[..., 3:] > 0, color[..., :3], np.uint8(255))
    return [image, _black_on_white(np.uint8(1) - mask), _black_on_white(sketch), paper, result]


def _drawn(
    editor: Editor, job: Job, seed: int, fill: float | None
) -> tuple[list[np.ndarray], dict[pathlib.Path, np.ndarray], list[str]]:
    """The drawings of a job: (all of it side by side for the eye, file -> picture, notes)."""
    notes: list[str] = []
    given: dict[str, np.ndarray] = {}
    if job.image is None:
        given["sketch"], notes = files_lib.read_sketch(job.sketch)
        shown = [_black_on_white(given["sketch"])]
    else:
        given["image"] = files_lib.read_rgb(job.image)
        shown = [sizes.cut_square(given["image"])]
        if shown[0].shape != given["image"].shape:
            notes.append(f"{job.image}: its central square counts, and is the size of the sketches")
    if editor.completes:
        drawings = editor.complete(**given, results=job.results, seed=seed, fill=fill)
        losses = ", ".join(f"{drawing.loss:.3f}" for drawing in drawings)
        notes.append(f"{job.source}: loss {losses}")
    else:
        drawings = [editor.draw(given["sketch"], fill)]
    files: dict[pathlib.Path, np.ndarray] = {}
    for paths, drawing in zip(job.drawings, drawings):
        pair = [drawing.image, _black_on_white(drawing.refined)]
        files.update(zip(paths, pair if job.image is None else reversed(pair)))
        shown += reversed(pair)
    return shown, files, notes


def _restyled(
    editor: Editor, job: Job, detail: bool
) -> tuple[list[np.ndarray], dict[pathlib.Path, np.ndarray | bytes], list[str], files_lib.Metadata]:
    """A restyled photograph, as `_drawn`, and its metadata: or a strip of steps, and an animation there and back."""
    styles = [files_lib.read_rgb(style) for style in job.styles]
    if job.mask or job.strokes:
        image, mask, _, _, notes, metadata = _layers(job)
    else:
        (image, metadata), notes = files_lib.read_photograph(job.image), list(job.notes)
        try:
            mask = editor.region(image, job.region) if job.region else None
        except ImageError as error:
            raise ImageError(f"{job.image}: {error}") from error
    if job.results:
        small = sizes.fit(image, STRIP_SIDE)
        mask = None if mask is None else arrays.resize_mask(mask, small.shape[:2])
        steps = editor.interpolate(small, styles, job.results, mask, detail)
        animation = files_lib.encode_gif([*steps, *steps[-2:0:-1]])
        strip = np.concatenate(steps, axis=1)
        return [strip], {job.output: strip, job.output.with_suffix(".gif"): animation}, notes, metadata
    result = editor.restyle(image, styles[0], mask, detail=detail)
    size = image.shape[1::-1]
    shown = [image, cv2.resize(sizes.fit(styles[0], max(size)), size, interpolation=cv2.INTER_CUBIC)]
    shown += [] if mask is None else [_black_on_white(np.uint8(1) - mask)]
    return [*shown, result], {job.output: result}, notes, metadata


def mixing_grid(
    editor: Editor,
    image: str | os.PathLike,
    styles: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    region: Sequence[str] = (),
    detail: bool = True,
    mark: bool = True,
) -> tuple[int, int]:
    """Every photograph in every style: photographs down the side, styles along the top, as one .png.

    Args:
      editor: of a model that restyles.
      image: a photograph or a folder of them; of each the square in its middle, at most `STRIP_SIDE` pixels.
      styles: the same of those whose looks are taken.
      output: a .png file.
      region: names of face regions to restyle; the whole photographs by default.
      detail: see `Editor.restyle`.
      mark: say in the grid's metadata that it was edited.

    Returns:
      (photographs, styles).

    Raises:
      TfsketchError: a file cannot be read or a region is not found: a grid has no holes.
    """
    _check_restyling(image, 2, styles, region, set())
    output = pathlib.Path(output)
    if output.suffix.lower() != ".png" or output.is_dir():
        raise ImageError(f"output: expected a .png file for a grid, found {output}")
    sources = [_pictures_of(image, "image"), [file for style in styles for file in _pictures_of(style, "style")]]
    if output.resolve() in {file.resolve() for files in sources for file in files}:
        raise ImageError(f"output: expected a place that overwrites no input, found {output}")
    rows, columns = map(len, sources)
    most = int(files_lib.MAX_PIXELS**0.5 / STRIP_SIDE) - 1
    if max(rows, columns) > most:
        raise ImageError(f"expected at most {most} photographs and {most} styles in a grid, found {rows} and {columns}")
    squares = [[sizes.cut_square(files_lib.read_rgb(file)) for file in files] for files in sources]
    side = min(STRIP_SIDE, max(map(len, squares[0])))
    contents, looks = ([sizes.center_square(square, side) for square in one] for one in squares)
    grid = [[np.full((side, side, 3), 255, np.uint8), *looks]]
    for file, content in zip(sources[0], contents):
        try:
            mask = editor.region(content, region) if region else None
            grid.append([content, *(editor.restyle(content, look, mask, detail=detail) for look in looks)])
        except ImageError as error:
            raise ImageError(f"{file}: {error}") from error
    _write(output, sheets.contact_sheet(grid), files_lib.Metadata().marked() if mark else None)
    return rows, columns


def _pictures_of(path: str | os.PathLike, what: str) -> list[pathlib.Path]:
    path = pathlib.Path(path)
    if not path.is_dir() and not path.is_file():
        raise ImageError(f"{what}: expected a picture or a folder of pictures, found nothing at {path}")
    return files_lib.find_pictures(path) if path.is_dir() else [path]


def _write(path: pathlib.Path, picture: np.ndarray | bytes, metadata: files_lib.Metadata | None = None) -> None:
    try:
        files_lib.write_bytes(path, picture if isinstance(picture, bytes) else files_lib.encode_png(picture, metadata))
    except OSError as error:  # no space, no permission, a file where a folder should be
        raise ImageError(f"{path}: expected to write a picture here, found {type(error).__name__}: {error}") from error


def edit_files(
    editor: Editor,
    jobs: Iterable[Job],
    seed: int = 0,
    concat: bool = False,
    fill: float | None = None,
    mark: bool = True,
    detail: bool = True,
) -> Iterator[Outcome]:
    """Edits files, draws or restyles them, one at a time; a bad one ends in its outcome's `error` and the next goes on.

    Args:
      editor: what edits.
      jobs: from `find_jobs`.
      seed: of every edit.
      concat: write input, mask, sketch, colour and result side by side instead of the result alone; of a drawing, what
        was given, and the lines and photograph of every result; of a restyling, photograph, style, mask and result.
      fill: of every drawing; see `Editor.draw`.
      mark: say in the result's metadata that it was edited, or made, by a network. What the photograph's file says
        beside its pixels (EXIF, colour profile, XMP) is kept in any case.
      detail: of every restyling; see `Editor.restyle`.

    Yields:
      An outcome per job, after its results lie, whole, under their final names.
    """
    for job in jobs:
        notes: list[str] = list(job.notes)
        try:
            metadata = files_lib.Metadata()
            if job.styles:
                shown, files, notes, metadata = _restyled(editor, job, detail)
            elif job.results:
                shown, files, said = _drawn(editor, job, seed, fill)
                notes += said
            else:
                image, mask, sketch, color, notes, metadata = _layers(job)
                result = editor.edit(image, mask, sketch, color, seed)
                shown, files = [], {job.output: result}
                if concat:
                    shown = side_by_side(image, mask, sketch, color, result)
            if concat and not (job.styles and job.results):  # a strip is side by side
                files = {job.output: np.concatenate(shown, axis=1)}
            if mark:
                metadata = metadata.marked(files_lib.EDITED if job.styles or not job.results else files_lib.MADE)
            for path, picture in reversed(files.items()):  # the first is the one that says that all are there
                _write(path, picture, metadata)
        except TfsketchError as error:
            yield Outcome(job, tuple(notes), error)
        else:
            yield Outcome(job, tuple(notes))


def run(
    editor: Editor, jobs: Sequence[Job], skipped: Sequence[str], place: str | os.PathLike, single: bool, **how: object
) -> int:
    """Edits files as `edit_files` does, and says on the console what came of it.

    Args:
      editor, jobs: as of `edit_files`.
      skipped: lines of `find_jobs`, counted as failed.
      place: where the results go, for the last line.
      single: there is one picture, whose error is raised.
      **how: as of `edit_files`.

    Returns:
      The exit status: 1 if a picture failed.
    """
    for line in skipped:
        print(line, file=sys.stderr)
    failed = len(skipped)
    with tqdm(edit_files(editor, jobs, **how), total=len(jobs), unit="picture", disable=single) as progress:
        for outcome in progress:
            for note in outcome.notes:
                progress.write(note)
            if outcome.error and single:
                raise outcome.error
            if outcome.error:
                progress.write(f"{outcome.job.source}: skipped: {outcome.error}", file=sys.stderr)
                failed += 1
    print(f"{len(jobs) + len(skipped) - failed} edited into {place}, {failed} skipped")
    return 1 if failed else 0


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
    drawn = strokes_lib.render(strokes_lib.read(demo), image.shape[:2], str(demo))
    result = editor.edit(image, drawn.mask, drawn.sketch, drawn.color, seed)
    shown = side_by_side(image, drawn.mask, drawn.sketch, drawn.color, result)
    names = ("input", "mask", "sketch", "color", "result")
    pictures = {**dict(zip(names, shown)), "color": drawn.color, "sheet": sheets.contact_sheet([shown], names)}
    files = []
    for name, picture in pictures.items():
        files.append(pathlib.Path(folder) / f"{name}.png")
        _write(files[-1], picture)
    return files
