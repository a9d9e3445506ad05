"""Editing files: one picture, or folders matched by stem. Also drawing from sketches, completing sketches or
photographs, and restyling photographs by others.

Every edit is a `Job` and ends in an `Outcome`. In a batch a bad file is reported and the next one follows; results are
written atomically; no input is ever overwritten.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from tfsketch.editor.batch.jobs import Job
from tfsketch.editor.batch.results import draw, read_layers, restyle, side_by_side, write
from tfsketch.editor.editor import Editor
from tfsketch.editor.ways import WAYS
from tfsketch.errors import TfsketchError
from tfsketch.framing import tone
from tfsketch.images.encoding import Picture
from tfsketch.images.metadata import Metadata
from tfsketch.images.photographs import Photograph
from tfsketch.images.xmp import EDITED, MADE


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a job: its result is at `job.output` if `error` is None; otherwise nothing was written."""

    job: Job
    notes: tuple[str, ...] = ()
    error: TfsketchError | None = None


def edit_files(
    editor: Editor,
    jobs: Iterable[Job],
    seed: int = 0,
    concat: bool = False,
    fill: float | None = None,
    mark: bool = True,
    detail: bool = True,
    level: float = 0.0,
    whole_style: bool = False,
    quality: int | None = None,
    watch: Callable[[float], None] | None = None,
) -> Iterator[Outcome]:
    """Edits files, draws or restyles them, one at a time; a bad one ends in its outcome's `error`, and the next
    follows.

    Args:
      editor: the editor.
      jobs: from `find_jobs`.
      seed: of every edit.
      concat: write input, mask, sketch, colour and result side by side instead of the result alone; of a drawing, its
        input, and the lines and photograph of every result; of a restyling, photograph, style, mask and result.
      fill: of every drawing; see `Editor.draw`.
      mark: record in the result's metadata that it was edited, or made, by a network. The photograph's own metadata is
        kept in any case, or reported in the outcome's notes.
      detail: of every restyling; see `Editor.restyle`.
      level: of every sketch's file, -1 to 1; see `meaning.sketch`.
      whole_style: of every restyling of a region: take the style of the whole other photograph, not of the same region.
      quality: of formats that have one; see `encoding.encode`.
      watch: of every search; see `Editor.complete`.

    Yields:
      An outcome per job, after its results are complete under their final names.
    """
    for job in jobs:
        notes: list[str] = list(job.notes)
        try:
            metadata = Metadata()
            pictures: list[np.ndarray] = []
            files: dict[pathlib.Path, Picture | bytes]
            if job.way == "restyle":
                pictures, files, notes, metadata = restyle(editor, job, detail, whole_style, concat)
            elif WAYS[job.way].sheet:
                pictures, files, remarks = draw(editor, job, seed, fill, level, watch)
                notes += remarks
            else:
                photograph, mask, sketch, color, notes = read_layers(job, level)
                image, metadata = photograph.image, photograph.metadata
                result = editor.edit(image, mask, sketch, color, seed)
                if tone.tone_of(image, mask, color) is not None:
                    notes.append(f"{job.image}: it is of one tone and stays so; a colour stroke asks for colour")
                files = {job.output: photograph.with_result(result)}
                if concat:
                    pictures = side_by_side(image, mask, sketch, color, result)
                    notes += [f"{job.image}: {note}" for note in photograph.notes_of_image]
            if concat and not job.steps:  # a strip is side by side
                files = {job.output: np.concatenate(pictures, axis=1)}
            for path, picture in reversed(files.items()):  # the first last: it marks that all are there
                own = picture.metadata if isinstance(picture, Photograph) else metadata
                if mark:
                    own = own.with_source_type(MADE if WAYS[job.way].sheet else EDITED)
                notes += write(path, picture, own, quality)
        except TfsketchError as error:
            yield Outcome(job, tuple(notes), error)
        else:
            yield Outcome(job, tuple(notes))


def run(
    editor: Editor, jobs: Sequence[Job], problems: Sequence[str], place: str | os.PathLike, single: bool, **how: Any
) -> int:
    """Edits files as `edit_files` does, and reports on the console.

    Args:
      editor, jobs: as of `edit_files`.
      problems: lines of `find_jobs`, counted as failed.
      place: where the results go, for the last line.
      single: there is only one picture; its error is raised.
      **how: as of `edit_files`.

    Returns:
      The exit status: 1 if a picture failed.
    """
    for line in problems:
        print(line, file=sys.stderr)
    failures = len(problems)
    # A search takes long: its share of a picture moves the bar, that of a single picture too.
    search = editor.completes and (sys.stderr.isatty() or not single)
    bar = {"disable": single and not search, "bar_format": "{l_bar}{bar}| {elapsed}<{remaining}" if search else None}
    with tqdm(total=len(jobs), unit="picture", **bar) as progress:

        def watch(share: float) -> None:
            progress.update(finished + share - progress.n)

        finished = 0
        for outcome in edit_files(editor, jobs, watch=watch if search else None, **how):
            finished += 1
            progress.update(finished - progress.n)
            for note in outcome.notes:
                progress.write(note)
            if outcome.error and single:
                raise outcome.error
            if outcome.error:
                progress.write(f"{outcome.job.source}: skipped: {outcome.error}", file=sys.stderr)
                failures += 1
    verb = "made" if jobs and all(WAYS[job.way].sheet for job in jobs) else "edited"
    print(f"{len(jobs) + len(problems) - failures} {verb} into {place}, {failures} skipped")
    return 1 if failures else 0
