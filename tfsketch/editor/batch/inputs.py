"""The files and folders that a command gets: which is which, where results go by default, and what was left out."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence

from tfsketch.editor.batch.jobs import LAYERS, Job
from tfsketch.errors import ImageError
from tfsketch.images import finder, openraster


def sort_files(files: Iterable[str], reserved: Sequence[str] = ()) -> dict[str, str]:
    """The roles of files that a desktop hands over, in any order.

    Args:
      files: paths. JSON, or a folder of it, holds strokes; of pictures the first is the photograph, a second its mask
        or, of a file of layers, all that it has. A folder of both is one of photographs, with a service's notes on each
        beside it, unless these are given.
      reserved: names of arguments that are given already.

    Returns:
      Keys of `find_jobs` to paths.

    Raises:
      ImageError: more files than that.
    """
    roles: dict[str, str] = {}
    for file in files:
        path = pathlib.Path(file)
        json = path.suffix.lower() == ".json"
        if path.is_dir():
            inside = list(finder.walk(path))
            json = any(name.lower().endswith(".json") for name, _ in inside)
            json &= "image" in {*roles, *reserved} or all(kind != finder.PICTURE for _, kind in inside)
        second = "image" in roles
        layers = openraster.kinds_of(path, LAYERS) if second else []
        for what in ["strokes"] if json else layers or ["mask" if second else "image"]:
            if what in roles or what in reserved:
                raise ImageError(f"{what}: expected one of them, found {file} too")
            roles[what] = file
    return roles


def default_output(source: str | os.PathLike | None, demo: bool = False) -> pathlib.Path:
    """The default place of results: beside a picture, or a folder, under its name and `_edited`.

    Raises:
      ImageError: there is no picture.
    """
    if not source or demo:
        raise ImageError("--output: expected a file or a folder, found none")
    path = pathlib.Path(os.path.abspath(source))
    return path.with_name(f"{path.stem}_edited.png" if not path.is_dir() else f"{path.name}_edited")


def unused_files(
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
