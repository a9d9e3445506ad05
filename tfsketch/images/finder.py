"""The pictures in a folder: the one finder for edits, grids and the preparation of data.

By name alone, in any case: by suffix, except `._NAME`, which macOS leaves beside NAME on other file systems and which
holds no picture. Links to files are followed, links to folders are not. Other files are named and counted.
"""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Iterable, Iterator

from tfsketch.errors import ImageError
from tfsketch.images import files

PICTURE, BROKEN, OTHER = "picture", "broken", "other"
"""Kinds of files that `walk` yields: a picture, a broken link with a picture's name, and everything else."""
_NAMED = 50
"""Names listed in a message; more are counted."""


def is_picture(name: str) -> bool:
    """Whether a file's name, without its folder, is one of a picture."""
    return os.path.splitext(name)[1].lower() in files.SUFFIXES and not name.startswith("._")


def walk(folder: str | os.PathLike) -> Iterator[tuple[str, str]]:
    """(path, kind) of everything below a folder, by name, in an order that no file system changes.

    Raises:
      ImageError: the folder, or one below it, cannot be read.
    """

    def fail(error: OSError) -> None:
        raise ImageError(f"{error.filename}: expected a readable folder, found {error.strerror}")

    for root, folders, names in os.walk(os.fspath(folder), onerror=fail):
        links = {name for name in folders if os.path.islink(os.path.join(root, name))}
        folders[:] = sorted(set(folders) - links)
        for name in sorted([*names, *links]):
            path = os.path.join(root, name)
            if name in links or not is_picture(name) or not (os.path.isfile(path) or os.path.islink(path)):
                yield path, OTHER
            else:
                yield path, PICTURE if os.path.isfile(path) else BROKEN


def find_pictures(folder: str | os.PathLike, what: str = "") -> list[pathlib.Path]:
    """All picture files below a folder, by name; error messages begin with `what`.

    Raises:
      ImageError: no such folder, or no picture in it.
    """
    prefix = f"{what}: " if what else ""
    if not os.path.isdir(folder):
        raise ImageError(f"{prefix}expected a folder of pictures, found no folder at {folder}")
    entries = list(walk(folder))
    pictures = sorted(pathlib.Path(path) for path, kind in entries if kind == PICTURE)
    if not pictures:
        raise ImageError(f"{prefix}{none_found_message(folder, (path for path, _ in entries))}")
    return pictures


def none_found_message(place: str | os.PathLike, names: Iterable[str]) -> str:
    """The error message for a place without pictures, in which there are files of these names."""
    return f"expected pictures ({', '.join(sorted(files.SUFFIXES))}) in {place}, found none{_extra_hint(names)}"


def _extra_hint(names: Iterable[str]) -> str:
    """The end of a message: the extra that reads some of the files, or nothing."""
    suffixes = sorted(files.LOCKED & {os.path.splitext(name)[1].lower() for name in names})
    return f"; {', '.join(suffixes)}: {files.UNLOCK}" if suffixes else ""


def summary(names: Iterable[str]) -> str:
    """A line on files that are left out: how many, which, and what would open them."""
    names = list(names)
    text = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        rest = collections.Counter(os.path.splitext(name)[1].lower() for name in names[_NAMED:])
        kinds = ", ".join(f"{number} {suffix or 'without a suffix'}" for suffix, number in sorted(rest.items()))
        text += f" and {len(names) - _NAMED} more ({kinds})"
    return f"{len(names)} file{'s' * (len(names) != 1)}: {text}{_extra_hint(names)}"
