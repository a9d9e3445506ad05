"""Where photographs come from: folders, zip archives and lists of files become items with unique ids.

An item's id is `folder/name`, the last two parts of its path, or `archive.zip/path/in/the/archive.jpg`. If two items
would share an id, each gets as many more leading folders as it takes to tell them apart. Items are sorted by id, so
that nothing depends on the order of the inputs or of a file system.

Every picture is accounted for. One that is unusable without being opened (a missing file of a list, a path that leads
out of its archive, a name that is not text) stays in the list with its `problem`; a file listed twice is counted in
`repeated`, and files of other kinds are in `others`. Archives are never unpacked: members are read one by one.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from tfsketch.errors import DataError, ImageError, cause
from tfsketch.images import files, finder, paths, photographs


@dataclasses.dataclass(frozen=True)
class Item:
    """A photograph that has not been opened yet."""

    id: str
    path: str
    """The file, or the archive."""
    member: str = ""
    """The name in the archive."""
    mark: int = 0
    """Bytes of the file, or the CRC-32 of the member: another value, another photograph."""
    problem: str = ""
    """Why it cannot be used, if already known."""

    @property
    def where(self) -> str:
        """Its name in messages."""
        return f"{self.path}/{self.member}" if self.member else self.path


@dataclasses.dataclass(frozen=True)
class Collection:
    """The photographs of all inputs, by id."""

    items: tuple[Item, ...]
    repeated: tuple[str, ...]
    """Ids of items that occur again, in another input or in the same one."""
    left_out: int
    """Photographs that `only` and `exclude` left out."""
    others: tuple[str, ...]
    """Paths of files that are not photographs."""
    unknown: tuple[str, ...] = ()
    """Lines of `only` and `exclude` that match no photograph."""

    @property
    def ignored(self) -> dict[str, int]:
        """Suffix -> number of files that are not photographs."""
        return dict(sorted(collections.Counter(os.path.splitext(path)[1].lower() for path in self.others).items()))


_Entry = tuple[tuple[str, ...], int, Item]
"""The whole path in parts, the least number of last parts that make the id, and the item without its id."""


def _entry(path: str, mark: int, problem: str = "") -> _Entry:
    path = os.path.abspath(path)
    return tuple(part for part in path.split(os.sep) if part), 2, Item("", path, "", mark, problem)


def _of_folder(folder: str, ignored: list[str]) -> Iterator[_Entry]:
    """Photographs below a folder, as `finder` finds them."""
    for path, kind in finder.walk(folder):
        if kind == finder.OTHER:
            ignored.append(path)
        elif kind == finder.PICTURE:
            yield _entry(path, os.path.getsize(path))
        else:
            yield _entry(path, -1, f"{path}: expected a picture, found a link to nothing")


def _of_archive(path: str, ignored: list[str]) -> Iterator[_Entry]:
    path = os.path.abspath(path)
    outside = tuple(part for part in path.split(os.sep) if part)
    with _open_archive(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        # Archives made on Windows may hold backslashes, which separate folders only there.
        names = member.filename.replace("\\", "/").split("/")
        if not finder.is_picture(names[-1]) or "__MACOSX" in names:
            ignored.append(f"{path}/{member.filename}")
            continue
        problem = ""
        if ".." in names or "" in names or ":" in names[0]:
            problem = f"{path}/{member.filename}: expected a path inside the archive, found one that leads elsewhere"
        parts = member.filename.split("/")
        yield (*outside, *parts), 1 + len(parts), Item("", path, member.filename, member.CRC, problem)


def _of_list(path: str) -> Iterator[_Entry]:
    """The files that a text file names, one per line, relative to its own folder, with any suffix."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        kind = files.describe_unread(path) or "none of them"
        raise DataError(
            f"{path}: expected a folder, a zip archive, a picture or a list of pictures in UTF-8, found {kind}"
        ) from error
    for number, line in enumerate(lines, 1):
        file = paths.on_disk(os.path.join(os.path.dirname(os.path.abspath(path)), line.strip()))
        if not line.strip():
            continue
        if os.path.isfile(file):
            yield _entry(file, os.path.getsize(file))
        else:
            yield _entry(file, -1, f"{path}, line {number}: expected a picture, found no file at {file}")


def _open_archive(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path}: expected a whole zip archive, found: {cause(error)}") from error


def _of_input(path: str, ignored: list[str]) -> Iterator[_Entry]:
    suffix = os.path.splitext(path)[1].lower()
    if os.path.isdir(path):
        yield from _of_folder(path, ignored)
    elif not os.path.isfile(path):
        raise ImageError(f"expected a folder, a zip archive or a list of pictures, found nothing at {path}")
    elif suffix == ".zip" or zipfile.is_zipfile(path):
        yield from _of_archive(path, ignored)
    elif suffix in files.SUFFIXES:
        yield _entry(path, os.path.getsize(path))
    else:
        yield from _of_list(path)


def _with_ids(entries: dict[tuple[str, ...], tuple[int, Item]]) -> list[tuple[str, Item]]:
    """(short name, item with its id) of every entry; entries that would share an id get longer ones."""
    ids = {parts: "/".join(parts[-least:]) for parts, (least, _) in entries.items()}
    short, length = dict(ids), {parts: least for parts, (least, _) in entries.items()}
    while True:
        count = collections.Counter(ids.values())
        conflicts = [parts for parts, name in ids.items() if count[name] > 1]
        if not conflicts:
            break
        for parts in conflicts:
            length[parts] = min(length[parts] + 1, len(parts))
            ids[parts] = "/".join(parts[-length[parts] :])
    return [(short[parts], dataclasses.replace(item, id=ids[parts])) for parts, (_, item) in entries.items()]


def _names(path: str) -> set[str] | None:
    """The lines of a list for `only` or `exclude`; None without one."""
    if not path:
        return None
    file = pathlib.Path(path)
    if not file.is_file():
        raise DataError(f"expected a list of pictures, found no file at {path}")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a list of pictures in UTF-8, found other bytes") from error
    return {paths.normal_form(line.strip()) for line in lines if line.strip()}


def find(inputs: Sequence[str], only: str = "", exclude: str = "") -> Collection:
    """The photographs of all inputs, minus those that a list excludes.

    Args:
      inputs: folders (searched recursively), zip archives, single pictures, or text files that name one picture per
        line, relative to the text file.
      only: a file that lists the only pictures to take, one `folder/name` per line; empty for all. Longer ids (see
        above) work too.
      exclude: a file that lists pictures to leave out.

    Raises:
      ImageError: an input is missing or holds no picture at all.
      DataError: an archive or a list cannot be read, or the lists leave nothing.
    """
    only_names, excluded_names = _names(only), _names(exclude) or set()
    ignored: list[str] = []
    entries: dict[tuple[str, ...], tuple[int, Item]] = {}
    repeats: list[tuple[str, ...]] = []
    for path in inputs:
        number, before = 0, len(ignored)
        for parts, least, item in _of_input(paths.on_disk(path), ignored):
            number += 1
            try:
                "/".join(parts).encode()
            except UnicodeEncodeError:
                parts = tuple(part.encode(errors="backslashreplace").decode() for part in parts)
                text = "/".join(parts)
                item = dataclasses.replace(item, problem=f"/{text}: expected a name in UTF-8, found other bytes")
            if parts in entries:
                repeats.append(parts)
            else:
                entries[parts] = (least, item)
        if not number:
            raise ImageError(finder.none_found_message(path, ignored[before:]))

    def is_listed(short: str, item: Item) -> bool:
        names = {paths.normal_form(short), paths.normal_form(item.id)}
        return names.isdisjoint(excluded_names) and (only_names is None or not names.isdisjoint(only_names))

    ids = dict(zip(entries, _with_ids(entries)))
    items = sorted((item for short, item in ids.values() if is_listed(short, item)), key=lambda item: item.id)
    again = sorted(ids[parts][1].id for parts in repeats if is_listed(*ids[parts]))
    if not items:
        raise DataError(f"expected pictures in {', '.join(map(str, inputs))}; the lists left none of {len(entries)}")
    there = {paths.normal_form(name) for short, item in ids.values() for name in (short, item.id)}
    unknown = [
        f"{path}: {name}"
        for path, names in ((only, only_names or set()), (exclude, excluded_names))
        for name in sorted(names - there)
    ]
    left_out = len(entries) + len(repeats) - len(items) - len(again)
    return Collection(tuple(items), tuple(again), left_out, tuple(ignored), tuple(unknown))


class Reader:
    """Reads items; keeps archives open between them."""

    def __init__(self) -> None:
        self._archives: dict[str, zipfile.ZipFile] = {}
        self.converted: list[str] = []
        """Words on what 8 bits of RGB leave out of the last item's pixels."""

    def __call__(self, item: Item) -> np.ndarray:
        """The photograph as [H,W,3] uint8 RGB, upright.

        Raises:
          ImageError: it has a `problem`, or cannot be read (see `files.read_rgb`).
          DataError: its archive is missing or damaged.
        """
        if item.problem:
            raise ImageError(item.problem)
        if not item.member:
            return self._rgb(item.path, None)
        if item.path not in self._archives:
            self._archives[item.path] = _open_archive(item.path)
        archive = self._archives[item.path]
        try:
            size = archive.getinfo(item.member).file_size
            if size > files.MAX_BYTES:  # before it is unpacked into memory
                raise ImageError(f"{item.where}: expected at most {files.MAX_BYTES:,} bytes, found {size:,}")
            data = archive.read(item.member)
        except ImageError:
            raise
        except Exception as error:  # BadZipFile, zlib.error, EOFError, RuntimeError for a password: no common base
            raise ImageError(f"{item.where}: expected a whole member of the archive, found: {cause(error)}") from error
        return self._rgb(item.where, data)

    def _rgb(self, path: str, data: bytes | None) -> np.ndarray:
        def inspect(picture: Image.Image) -> None:
            self.converted = photographs.beyond_rgb(picture, path if data is None else data)

        return files.read_rgb(path, data, inspect)
