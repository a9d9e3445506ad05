"""Paths are paths: nothing that a library would read as a pattern, a list or an option changes what one means.

TensorFlow looks for checkpoints with `GetMatchingPaths`, to which brackets, stars, question marks and backslashes are a
pattern: it does not find what lies in a folder `run [1]`, and in one called `a*b` it deletes old checkpoints of `aXb`
too. What it is handed is therefore a link to the folder, under a name without them (`literal`).
"""

from __future__ import annotations

import atexit
import functools
import os
import pathlib
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence

from tfsketch.errors import DataError

_PATTERN = frozenset("*?[]{}\\")
"""Characters by which TensorFlow, or Python's glob, takes a path for a pattern."""
_SUFFIX = re.compile(r"\.(?!v\d)[a-z][a-z0-9]{1,4}", re.IGNORECASE)
END_OF_FOLDER = f"for a folder of this name, end it with {os.sep}"
"""What is said beside a path that is taken for a file's."""


def is_pattern(path: str | os.PathLike) -> bool:
    """Whether TensorFlow might read a path as a pattern."""
    return not _PATTERN.isdisjoint(os.fspath(path))


@functools.lru_cache(maxsize=None)
def _links() -> pathlib.Path:
    """This process's folder of links, which goes when it ends."""
    places = [place for place in (tempfile.gettempdir(), "/tmp", "/var/tmp") if not is_pattern(place)]
    folder = tempfile.mkdtemp(prefix="tfsketch-links-", dir=places[0])
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


@functools.lru_cache(maxsize=None)
def _link(folder: str) -> str:
    link = _links() / str(len(os.listdir(_links())))
    link.symlink_to(folder, target_is_directory=True)
    return str(link)


def literal(folder: str | os.PathLike) -> str:
    """A path to the same folder, there or not yet, that TensorFlow cannot take for a pattern: the path itself, or a
    link that is valid until this process ends."""
    return _link(os.path.abspath(folder)) if is_pattern(os.path.abspath(folder)) else os.fspath(folder)


def literal_prefix(prefix: str | os.PathLike) -> str:
    """The same of a checkpoint's prefix, whose files must be there."""
    folder, name = os.path.split(os.path.abspath(prefix))
    if not is_pattern(name):
        return os.path.join(literal(folder), name)
    links = pathlib.Path(tempfile.mkdtemp(dir=_links()))
    for file in pathlib.Path(folder).iterdir():
        if file.name.startswith(f"{name}."):
            (links / f"checkpoint.{file.name[len(name) + 1 :]}").symlink_to(file)
    return str(links / "checkpoint")


def split(text: str, what: str) -> list[str]:
    """The paths of a list that is separated by commas, some of which may be part of a name.

    Where the pieces can be put together to things that are there, in one way, that is what is meant; what is not there
    at all is split at every comma, and whoever opens it says so.

    Args:
      text: paths, separated by commas; blanks around one count only where it is there with them.
      what: what messages call the list, such as the name of a flag.

    Raises:
      DataError: it can be read in two ways.
    """

    def readings(pieces: Sequence[str]) -> list[list[str]]:
        if not pieces:
            return [[]]
        ways = []
        for end in range(1, len(pieces) + 1):
            path = ",".join(pieces[:end])
            path = path if os.path.exists(path) else path.strip()
            if path and os.path.exists(path):
                ways += [[path, *rest] for rest in readings(pieces[end:])]
            if len(ways) > 1:
                break
        return ways

    if "," not in text or len(text) > 10_000:
        return [text] if "," not in text else [piece.strip() for piece in text.split(",")]
    ways = readings(text.split(","))
    if len(ways) > 1:
        raise DataError(
            f"{what}: expected one way to read {text!r}, found {' + '.join(map(repr, ways[0]))} and "
            f"{' + '.join(map(repr, ways[1]))}, which are all there; rename one of them"
        )
    return ways[0] if ways else [piece.strip() for piece in text.split(",")]


def composed(name: str) -> str:
    """A name by which files of different systems are compared: macOS and others write an accent as a character of its
    own or as part of its letter (Unicode's normal form C)."""
    return unicodedata.normalize("NFC", name)


def on_disk(path: str | os.PathLike) -> str:
    """A path as it is on disk, where its accents may be written in another way; as it was given, if there is no such
    file, or more than one."""
    path = os.fspath(path)
    if os.path.lexists(path):
        return path
    folder, name = os.path.split(path.rstrip(os.sep))
    if not name or composed(name) == name and name.isascii() and os.path.isdir(folder or "."):
        return path
    folder = on_disk(folder) if folder else ""
    try:
        same = [other for other in os.listdir(folder or ".") if composed(other) == composed(name)]
    except OSError:
        return path
    return os.path.join(folder, same[0]) if len(same) == 1 else path


def check_there(text: str, what: str, hint: str = "") -> None:
    """Raises `DataError` where there is nothing at one of the paths of a list, of folders with shards or photographs.

    Args:
      text, what: see `split`.
      hint: what the message ends with.
    """
    for path in split(text, what):
        if not path or not os.path.exists(path):
            where = f"nothing at {path}" if path else "none named"
            raise DataError(f"{what}: expected a folder of shards or of photographs, found {where}{hint}")


def is_file_name(path: str | os.PathLike) -> bool:
    """Whether a path at which nothing is yet is named as files are: with a suffix such as .jxl, which is no version's
    or date's, and without a separator at its end."""
    text = os.fspath(path)
    suffix = pathlib.PurePath(text).suffix
    return not text.endswith(os.sep) and bool(_SUFFIX.fullmatch(suffix)) and not os.path.lexists(text)


def check_folder(folder: str | os.PathLike, what: str) -> None:
    """Raises `DataError` where a path is no folder's, there or not yet, or nothing can be written to it: as
    `check_place`, and it must not be named as a file is. So it is said before the work.

    Args:
      folder: its path.
      what: what messages call it, such as the name of a flag.
    """
    if is_file_name(folder):
        raise DataError(f"{what}: expected a folder, found a file's name, {folder}; {END_OF_FOLDER}")
    check_place(folder, what)


def check_place(folder: str | os.PathLike, what: str) -> None:
    """Raises `DataError` where nothing can be written to a folder, there or not yet: a file is in its place or in that
    of one above it, or it is read-only.

    Args:
      folder: its path.
      what: what messages call it, such as the name of a flag.
    """
    path = pathlib.Path(os.path.abspath(folder))
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise DataError(f"{what}: expected a folder, or a place for one, at {folder}, found a file at {there}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(f"{what}: expected a folder to write to at {folder}, found {there} to be read-only")
