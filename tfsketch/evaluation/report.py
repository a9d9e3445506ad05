"""Results of an evaluation, as a table for the console, as Markdown between markers, and as JSON lines."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfsketch.errors import DataError
from tfsketch.images import files, paths

Row = dict[str, Any]
"""A method's or region's numbers: `method`, and a value (or None where it is undefined) per column. `intervals`, where
there, has the 95 % interval (low, high) of columns that have one."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A measure in a table."""

    better: str
    """`lower`, `higher`, or empty where neither is."""
    digits: int = 3


@dataclasses.dataclass(frozen=True)
class Results:
    """Results of a protocol."""

    protocol: str
    pictures: int
    columns: Mapping[str, Column]
    rows: Sequence[Row]
    closing: str
    """One line with the figures by which it is judged."""
    sheet: Sequence[Sequence[np.ndarray]]
    """Rows of pictures for `sheets.contact_sheet`."""
    titles: Sequence[str]
    page: int = 0
    """Rows of `sheet` on a page; 0 is all of them on one."""
    details: Sequence[Row] = ()
    """Values of single pictures or edits, for a file of their own."""

    def cells(self, with_intervals: bool = False) -> list[list[str]]:
        """The table's cells, the header first; undefined values are dashes."""

        def text(name: str, row: Row) -> str:
            value, digits = row[name], self.columns[name].digits
            if value is None:
                return "-"
            interval = row.get("intervals", {}).get(name) if with_intervals else None
            return f"{value:.{digits}f}" + (" [{:.{d}f}, {:.{d}f}]".format(*interval, d=digits) if interval else "")

        return [["method", *self.columns]] + [[r["method"], *(text(n, r) for n in self.columns)] for r in self.rows]

    def table(self) -> str:
        """The rows as an aligned table for the console."""
        cells = self.cells()
        widths = [max(map(len, column)) for column in zip(*cells)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:]))]) for line in cells
        )

    def markdown(self, origin: Mapping[str, Any], flags: str = "") -> str:
        """The rows with their intervals as a Markdown table, above it the model, data and command, below it `closing`.

        Args:
          origin: from `describe`, with `data` and `image_size`.
          flags: of the call of `tools.evaluate`, to be named above the table.
        """
        # Folders by name only: their paths on the measuring machine do not matter.
        data_name, model_name = pathlib.Path(origin["data"]).name, pathlib.Path(origin["model"]).name
        arrows = {"lower": " (↓)", "higher": " (↑)", "": ""}
        header, *lines = self.cells(with_intervals=True)
        header = [header[0], *(f"{name}{arrows[self.columns[name].better]}" for name in header[1:])]
        step = f", step {origin['step']}" if origin["step"] is not None else ""
        body = ["| " + " | ".join(line) + " |" for line in [header, ["---", *["---:"] * (len(header) - 1)], *lines]]
        return "\n".join(
            [
                f"Protocol `{self.protocol}`: {self.pictures} pictures of {origin['image_size']} px from "
                f"`{data_name}`; model `{model_name}`{step}, weights `{origin['weights_sha256']}`, "
                f"{origin['date'][:10]}. Made by `{' '.join(['python -m tools.evaluate', flags]).strip()}`.",
                "",
                *body,
                "",
                self.closing,
            ]
        )


def sheet_numbers(count: int) -> set[int]:
    """Which of `count` pictures are shown on a contact sheet: at most 24, spread evenly."""
    return set(np.linspace(0, count - 1, min(24, count)).astype(int).tolist())


def describe(name_or_dir: str | os.PathLike, folder: pathlib.Path) -> dict[str, Any]:
    """The origin of a measurement: the model's name, a checksum of its weights, the step (None if the model card has
    none, as for converted models) and the date."""
    card = folder / "README.md"
    match = re.search(r"(\d+) of \d+ steps", card.read_text(encoding="utf-8")) if card.is_file() else None
    digest = hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()
    return {
        "model": str(name_or_dir),
        "weights_sha256": digest[:12],
        "step": int(match[1]) if match else None,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def with_section(path: str | os.PathLike, system: str, text: str) -> str:
    """The content that `write_section` gives a file.

    Raises:
      DataError: the markers are not one pair in order, or the file cannot be read or written.
    """
    path = pathlib.Path(path)
    paths.check_place(path.parent, str(path))
    if path.is_dir():
        raise DataError(f"{path}: expected a Markdown file, found a folder")
    begin, end = f"<!-- {system}:begin -->", f"<!-- {system}:end -->"
    section = f"{begin}\n{text}\n{end}"
    try:
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected Markdown in UTF-8, found other bytes") from error
    if begin not in old and end not in old:
        return f"{old.rstrip()}\n\n{section}\n" if old.strip() else f"{section}\n"
    if old.count(begin) == old.count(end) == 1 and old.index(begin) < old.index(end):
        return old[: old.index(begin)] + section + old[old.index(end) + len(end) :]
    raise DataError(
        f"{path}: expected one {begin} and after it one {end}, found {old.count(begin)} and {old.count(end)}"
    )


def write_section(path: str | os.PathLike, system: str, text: str) -> None:
    """Puts text between `<!-- SYSTEM:begin -->` and `<!-- SYSTEM:end -->` of a Markdown file, the rest kept as it is.

    A file that is missing is made, one without the markers gets them at its end.

    Raises:
      DataError: the markers are not one pair in order, or the file cannot be read or written.
    """
    # The name of a folder may hold bytes that are not text.
    files.write_bytes(path, with_section(path, system, text).encode("utf-8", errors="backslashreplace"))
