"""Folders of pictures as people name them: opened, prepared where they hold photographs, shown as a contact sheet."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from tfsketch.conditions import regions
from tfsketch.config import Config, to_dict
from tfsketch.data import prepare
from tfsketch.data.batches import features_of
from tfsketch.data.shards import Shards
from tfsketch.errors import DataError
from tfsketch.images import files, finder, paths, sheets
from tfsketch.vocabulary import STORED_MAPS, stored_map

_NO_LINES = ("style", "abstractions", "bfloat16")
"""Settings of sketches that change no line, or a few pixels at most."""


def open_pictures(folder: str | os.PathLike, config: Config, scratch: str | os.PathLike, wait: bool = False) -> Shards:
    """The pictures of folders of shards, or of a folder of photographs, whose shards are then made first.

    Args:
      folder: what `data.train` names.
      config: the experiment.
      scratch: where the shards of bare photographs go; made there already, they are used as they are.
      wait: for another process that makes the same shards.

    Raises:
      LockedError: another process is making them.
      DataError, ImageError: the folder holds neither.
    """
    # What is no folder cannot hold photographs: `Shards` says what was expected.
    named = isinstance(folder, os.PathLike)
    parts: Sequence[str | os.PathLike] = [folder] if named else paths.split(os.fspath(folder), "data.train")
    if len(parts) > 1 or not os.path.isdir(folder) or any(pathlib.Path(folder).glob("*.tfrecord")):
        shards = Shards(folder, config.stored_size, config.data.cache)
        for line in (line for part in parts for line in differences(part, config)):
            print(line, file=sys.stderr, flush=True)
        return shards
    report = prepare.prepare([str(folder)], str(scratch), config, wait=wait)
    for line in report.refused:
        print(f"refused: {line}")
    if report.others:
        print(f"no photographs: {finder.summary(report.others)}")
    return Shards(pathlib.Path(scratch), config.stored_size, config.data.cache)


def differences(folder: str | os.PathLike, config: Config) -> list[str]:
    """In which settings the sketches of a folder of shards were made otherwise than a configuration says: one line, or
    none where all agree or the folder does not say how it was made (`prepare`'s plan)."""
    folder = pathlib.Path(folder)
    plan = folder / "plan.json"
    if folder.name == "validation" and not plan.is_file():
        plan = folder.parent / "plan.json"
    try:
        stored = json.loads(plan.read_text(encoding="utf-8"))["sketch"]
        asked, style = to_dict(config)["sketch"], config.sketch.style
        if style == "hed":  # whose settings stand beside the other styles' sections
            sections = [
                {key: value for key, value in one.items() if not isinstance(value, dict)} for one in (stored, asked)
            ]
        else:
            sections = [stored[style], asked[style]]
        old, new = ({key: section[key] for key in section if key not in _NO_LINES} for section in sections)
        other = [key for key in old if key in new and old[key] != new[key]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    if not other:
        return []
    prefix = "sketch" if style == "hed" else f"sketch.{style}"
    words = ", ".join(f"{prefix}.{key} {json.dumps(old[key])} (here {json.dumps(new[key])})" for key in other)
    return [
        f"{folder}: its sketches ({style}) were made with {words}, and are used as they are; for others prepare the "
        "photographs again, in another folder"
    ]


def open_held_out(config: Config, train: Shards, scratch: str | os.PathLike) -> Shards:
    """The pictures of `data.validation`, which a run's grids show; those of `train` where it names none.

    Raises:
      DataError: nothing is there.
    """
    if not config.data.validation:
        return train
    try:
        return open_pictures(config.data.validation, config, scratch)
    except DataError as error:
        raise DataError(
            f"data.validation: {error} (with --set data.validation= the grids show pictures of data.train)"
        ) from error


def _shown(feature: str, layer: np.ndarray) -> np.ndarray:
    """A map as a picture, [S,S] or [S,S,3] uint8."""
    if feature == "regions":
        return regions.colored(layer)
    return sheets.ink(layer) if stored_map(feature).kind == "lines" else layer


def _title(feature: str) -> str:
    style = feature.partition("/")[2]
    return style or STORED_MAPS[feature].title


def sheet_of_shards(folder: str | os.PathLike, config: Config, count: int = 8) -> pathlib.Path:
    """A contact sheet of what a folder of shards holds, at most `count` pictures; returns its file."""
    shards = Shards(pathlib.Path(folder), config.stored_size, cache=False)
    pictures = [shards[n] for n in np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int)]
    columns = [feature for feature in features_of(pictures[0]) if all(feature in one.maps for one in pictures)]
    rows = [[_shown(feature, picture.maps[feature]) for feature in columns] for picture in pictures]
    path = pathlib.Path(folder) / "contact_sheet.png"
    files.write_png(path, sheets.contact_sheet(rows, [_title(feature) for feature in columns]))
    return path
