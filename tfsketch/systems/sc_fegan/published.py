"""Locating SC-FEGAN's published TF1 checkpoint, for `convert`, without TensorFlow."""

from __future__ import annotations

import glob
import os
import pathlib
import re

from tfsketch.errors import WeightsError


def enumeration(items: list[str]) -> str:
    """The first five, and how many more there are."""
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def find_prefix(path: str | os.PathLike) -> str:
    """The checkpoint's prefix from what people give for it.

    Args:
      path: the prefix; or one of the files, `PREFIX.index`, `PREFIX.meta`, `PREFIX.data-00000-of-00001`; or a folder
        that holds exactly one checkpoint.

    Raises:
      WeightsError: there is no checkpoint, half of one, or more than one; says which prefixes lie there, if any.
    """
    path = pathlib.Path(path)
    folder = path if path.is_dir() else path.parent
    near = sorted(str(file.with_suffix("")) for file in folder.glob("*.index")) if folder.is_dir() else []
    if path.is_dir():
        if len(near) != 1:
            raise WeightsError(
                f"{path}: expected a checkpoint's prefix, such as {path / 'SC-FEGAN.ckpt'}; found "
                f"a folder with {len(near)} checkpoints{': ' + enumeration(near) if near else ''}"
            )
        prefix = near[0]
    else:
        prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", str(path))
    if not pathlib.Path(prefix + ".index").is_file():
        hint = f"; did you mean {enumeration(near)}?" if near else ""
        actual = f"a file {prefix}, but no" if pathlib.Path(prefix).is_file() else "no"
        raise WeightsError(
            f"{path}: expected a checkpoint's prefix, with PREFIX.index and PREFIX.data-00000-of-00001 "
            f"beside each other; found {actual} {prefix}.index{hint}"
        )
    if not glob.glob(glob.escape(prefix) + ".data-*-of-*"):
        raise WeightsError(f"{prefix}: expected {prefix}.data-00000-of-00001 beside {prefix}.index, found none")
    return prefix
