"""Literal paths, whatever a library would read as a pattern, a list or an option.

TensorFlow finds checkpoints with `GetMatchingPaths`, to which brackets, stars, question marks and backslashes are a
pattern: it finds nothing in a folder `run [1]`, and in one called `a*b` it deletes old checkpoints of `aXb` too. So it
gets a link to the folder, under a name without them (`literal`).
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
"""Characters that make a path a pattern to TensorFlow or Python's glob."""
_SUFFIX = re.compile(r"\.(?!v\d)[a-z][a-z0-9]{1,4}", re.IGNORECASE)
END_OF_FOLDER = f"for a folder of this name, end it with {os.sep}"
"""A hint for a path that is taken for a file's."""


def is_pattern(path: str | os.PathLike) -> bool:
    """Whether TensorFlow might read a path as a pattern."""
    return not _PATTERN.isdisjoint(os.fspath(path))


@functools.lru_cache(maxsize=None)
def _links() -> pathlib.Path:
    """This process's folder of links, removed when it ends."""
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
    """A path to the same folder, existing or not, that TensorFlow cannot take for a pattern: the path itself, or a link
    that is valid until this process ends."""
    return _link(os.path.abspath(folder)) if is_pattern(os.path.abspath(folder)) else os.fspath(folder)


def literal_prefix(prefix: str | os.PathLike) -> str:
    """The same for a checkpoint's prefix, whose files must exist."""
    folder, name = os.path.split(os.path.abspath(prefix))
    if not is_pattern(name):
        return os.path.join(literal(folder), name)
    links = pathlib.Path(tempfile.mkdtemp(dir=_links()))
    for file in pathlib.Path(folder).iterdir():
        if file.name.startswith(f"{name}."):
            (links / f"checkpoint.{file.name[len(name) + 1 :]}").symlink_to(file)
    return str(links / "checkpoint")


def split(text: str, what: str) -> list[str]:
    """The paths of a list separated by commas, some of which may be part of a name.

    If there is exactly one way to join the pieces to existing paths (as `on_disk` finds them), it is that one; if there
    is none, the text is split at every comma, and whoever opens the paths reports those that are missing.

    Args:
      text: paths, separated by commas; spaces around one count only if a path with them exists.
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
            path = on_disk(path if os.path.exists(path) else path.strip())
            if path and os.path.exists(path):
                ways += [[path, *rest] for rest in readings(pieces[end:])]
            if len(ways) > 1:
                break
        return ways

    if "," not in text or len(text) > 10_000:
        return [on_disk(text)] if "," not in text else [piece.strip() for piece in text.split(",")]
    ways = readings(text.split(","))
    if len(ways) > 1:
        raise DataError(
            f"{what}: expected one way to read {text!r}, found {' + '.join(map(repr, ways[0]))} and "
            f"{' + '.join(map(repr, ways[1]))}, which are all there; rename one of them"
        )
    return ways[0] if ways else [piece.strip() for piece in text.split(",")]


def normal_form(name: str) -> str:
    """A name in Unicode's normal form C, for comparing files of different systems: some write an accent as a character
    of its own, some as part of its letter."""
    return unicodedata.normalize("NFC", name)


def on_disk(path: str | os.PathLike) -> str:
    """A path as it is on disk, where its accents may be encoded differently; unchanged if there is no such file, or
    more than one."""
    path = os.fspath(path)
    if os.path.lexists(path):
        return path
    folder, name = os.path.split(path.rstrip(os.sep))
    if not name or normal_form(name) == name and name.isascii() and os.path.isdir(folder or "."):
        return path
    folder = on_disk(folder) if folder else ""
    try:
        same = [other for other in os.listdir(folder or ".") if normal_form(other) == normal_form(name)]
    except OSError:
        return path
    return os.path.join(folder, same[0]) if len(same) == 1 else path


def check_there(text: str, what: str, hint: str = "") -> None:
    """Raises `DataError` if one of the paths of a list, of folders with shards or photographs, does not exist, or is an
    empty folder.

    Args:
      text, what: see `split`.
      hint: what the message ends with.
    """
    for path in split(text, what):
        is_empty = bool(path) and os.path.isdir(path) and not os.listdir(path)
        if is_empty or not path or not os.path.exists(path):
            where = f"{'an empty one' if is_empty else 'nothing'} at {path}" if path else "none named"
            raise DataError(f"{what}: expected a folder of shards or of photographs, found {where}{hint}")


def is_file_name(path: str | os.PathLike) -> bool:
    """Whether a path that does not exist yet is named like a file: with a suffix such as .jxl, not part of a version or
    a date, and without a separator at its end."""
    text = os.fspath(path)
    suffix = pathlib.PurePath(text).suffix
    return not text.endswith(os.sep) and bool(_SUFFIX.fullmatch(suffix)) and not os.path.lexists(text)


def check_folder(folder: str | os.PathLike, what: str) -> None:
    """Raises `DataError`, before any work, if a path cannot be a folder to write to: as `check_place`, and it must not
    be named like a file.

    Args:
      folder: its path.
      what: what messages call it, such as the name of a flag.
    """
    if is_file_name(folder):
        raise DataError(f"{what}: expected a folder, found a file's name, {folder}; {END_OF_FOLDER}")
    check_place(folder, what)


def check_place(folder: str | os.PathLike, what: str) -> None:
    """Raises `DataError` if a folder, existing or not, cannot be written to: a file has its name or that of a folder
    above it, or it is read-only.

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


def check_new(folder: str | os.PathLike, what: str) -> None:
    """Raises `DataError` if a folder that is to be written as a whole holds something; `what` as in `check_place`."""
    if os.path.isdir(folder) and os.listdir(folder):
        raise DataError(
            f"{what}: expected a new or an empty folder, found something in {folder}; nothing is overwritten"
        )
    check_place(folder, what)


def check_file(path: str | os.PathLike, what: str) -> None:
    """Raises `DataError`, before any work, if a file cannot be written: it is a folder, or its own folder is no place
    to write to; `what` as in `check_place`."""
    if os.path.isdir(path):
        raise DataError(f"{what}: expected a file, found a folder at {path}")
    check_place(os.path.dirname(path) or ".", what)
