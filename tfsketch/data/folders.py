"""Folders of pictures as users name them: opened, prepared if they hold photographs, shown as a contact sheet."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfsketch.conditions import regions
from tfsketch.config import Config, to_dict
from tfsketch.data import prepare as prepare_lib
from tfsketch.data import sampling
from tfsketch.data.batches import features_of
from tfsketch.data.shards import Shards
from tfsketch.errors import DataError
from tfsketch.images import files, finder, paths, sheets
from tfsketch.vocabulary import STORED_MAPS, stored_map

_NO_LINES = ("style", "abstractions", "bfloat16")
"""Settings of sketches that change no lines, or a few pixels at most."""


def open_pictures(folder: str | os.PathLike, config: Config, scratch: str | os.PathLike, wait: bool = False) -> Shards:
    """The pictures of folders of shards, or of a folder of photographs, whose shards are made first.

    Args:
      folder: what `data.train` names.
      config: the experiment.
      scratch: where the shards of bare photographs go; if they are there already, they are used as they are.
      wait: for another process that makes the same shards.

    Raises:
      LockedError: another process is making them.
      DataError, ImageError: the folder holds neither.
    """
    # If it is not a folder, `Shards` reports what was expected.
    is_one = isinstance(folder, os.PathLike)
    parts: Sequence[str | os.PathLike] = [folder] if is_one else paths.split(os.fspath(folder), "data.train")
    folder = parts[0] if len(parts) == 1 else folder
    if len(parts) > 1 or not os.path.isdir(folder) or any(pathlib.Path(folder).glob("*.tfrecord")):
        shards = Shards(folder, config.stored_size, config.data.cache)
        for line in (line for part in parts for line in differences(part, config)):
            print(line, file=sys.stderr, flush=True)
        return shards
    report = prepare_lib.prepare([str(folder)], str(scratch), config, wait=wait)
    for line in report.refused:
        print(f"refused: {line}")
    if report.others:
        print(f"no photographs: {finder.summary(report.others)}")
    return Shards(pathlib.Path(scratch), config.stored_size, config.data.cache)


def _settings_of(tree: Mapping[str, Any], styles: Sequence[str], has_colors: bool) -> dict[str, Any]:
    """Key -> value of the settings, in the tree of a plan or a configuration, on which a batch depends: those of its
    sketches, its colour maps, its squares and its face regions."""
    sketch = tree.get("sketch", {})
    prepare = {"windows": 0, **tree.get("prepare", {})}  # a plan without windows does not name them
    files = {}
    for style in styles:
        is_hed = style == "hed"  # its settings are beside the other styles' sections
        section, prefix = (sketch, "sketch") if is_hed else (sketch.get(style, {}), f"sketch.{style}")
        values = {key: value for key, value in section.items() if not isinstance(value, dict)}
        files.update({f"{prefix}.{key}": value for key, value in values.items() if key not in _NO_LINES})
    if has_colors:
        color = tree.get("color", {}).items()
        files.update({f"color.{key}": value for key, value in color if key.startswith(prepare_lib.FILTERS)})
    squares = ("align", "windows", "regions", *(["faceless"] if prepare.get("align") == "ffhq" else []))
    return files | {f"prepare.{key}": prepare[key] for key in squares if key in prepare}


def differences(folder: str | os.PathLike, config: Config) -> list[str]:
    """The settings in which the shards of a folder differ from a configuration: one line, or none.

    Only settings on which a batch depends are compared: those of the sketches and colour maps that the system takes, of
    squares and of face regions; not those that select photographs (`prepare.duplicates`, `prepare.validation_share`).
    None as well if the folder has no record of its settings (`prepare`'s plan), or if the configuration has no model,
    and only the photographs are used.
    """
    if config.model is None:
        return []
    folder, batch = pathlib.Path(folder), sampling.keys(config)
    plan = folder / "plan.json"
    if folder.name == "validation" and not plan.is_file():
        plan = folder.parent / "plan.json"
    styles = tuple(dict.fromkeys(([config.sketch.style] if "sketch" in batch else []) + list(config.data.maps)))
    try:
        trees = (json.loads(plan.read_text(encoding="utf-8")), to_dict(config))
        old, new = (_settings_of(tree, styles, "color" in batch) for tree in trees)
    except (OSError, ValueError, TypeError, AttributeError):
        return []
    other = [key for key in old if key in new and old[key] != new[key]]
    if not other:
        return []
    words = ", ".join(f"{key} {json.dumps(old[key])} (here {json.dumps(new[key])})" for key in other)
    return [
        f"{folder}: its shards were made with {words}, and are used as they are; for others prepare the photographs "
        "again, in another folder"
    ]


def open_held_out(config: Config, train: Shards, scratch: str | os.PathLike) -> Shards:
    """The pictures of `data.validation`, for a run's grids; those of `train` if it is empty.

    Raises:
      DataError: the folder is missing or empty.
    """
    if not config.data.validation:
        return train
    try:
        return open_pictures(config.data.validation, config, scratch)
    except DataError as error:
        raise DataError(
            f"data.validation: {error} (with --set data.validation= the grids show pictures of data.train)"
        ) from error


def _picture_of(feature: str, layer: np.ndarray) -> np.ndarray:
    """A map as a picture, [S,S] or [S,S,3] uint8."""
    if feature == "regions":
        return regions.to_rgb(layer)
    return sheets.ink(layer) if stored_map(feature).kind == "lines" else layer


def _title(feature: str) -> str:
    style = feature.partition("/")[2]
    return style or STORED_MAPS[feature].title


def sheet_of_shards(folder: str | os.PathLike, config: Config, count: int = 8) -> pathlib.Path:
    """Writes a contact sheet of a folder of shards, of at most `count` pictures; returns its file."""
    shards = Shards(pathlib.Path(folder), config.stored_size, cache=False)
    pictures = [shards[n] for n in np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int)]
    columns = [feature for feature in features_of(pictures[0]) if all(feature in one.maps for one in pictures)]
    rows = [[_picture_of(feature, picture.maps[feature]) for feature in columns] for picture in pictures]
    path = pathlib.Path(folder) / "contact_sheet.png"
    files.write_png(path, sheets.contact_sheet(rows, [_title(feature) for feature in columns]))
    return path
