"""Assignments to a configuration's plain tree, for `--set a.b.c=value`."""

from __future__ import annotations

import re
from typing import Any

from tfsketch.config import document
from tfsketch.errors import ConfigError


def _plain(text: str, old: Any, path: str) -> Any:
    """The value of an assignment over `old`: YAML, but plain text if `old` is text, since in YAML `[1]`, `p #2` and
    `2024` are not names of folders. Quotes around it are removed."""
    if isinstance(old, str) and not (len(text) > 1 and text[0] == text[-1] and text[0] in "'\""):
        return text
    return document.read(text, f"--set {path}={text}")


def _index(key: str, values: list[Any], path: str) -> int:
    """The index in a list that a part of a path means."""
    if not key.isdecimal() or int(key) >= len(values):
        before = path.split(f".{key}")[0]
        raise ConfigError(
            f"--set {path}: expected an index below {len(values)}, found {key!r}; {before} is a list: the first is "
            f"{before}.0"
        )
    return int(key)


def override(tree: dict[str, Any], assignment: str) -> None:
    """Assigns one `a.b.c=value` in the plain tree; list elements are addressed by their index."""
    path, sep, text = assignment.partition("=")
    path = re.sub(r"\[(\d+)\]", r".\1", path)  # lists are also written with brackets
    if not sep or not path:
        raise ConfigError(f"--set: expected key=value such as train.batch_size=4, found {assignment!r}")
    node: Any = tree
    *parents, last = path.split(".")
    for key in parents:
        if isinstance(node, list):
            node = node[_index(key, node, path)]
        else:
            node = node.setdefault(key, {})
        if not isinstance(node, (dict, list)):
            raise ConfigError(f"--set {path}: {key!r} is a value, not a section")
    if isinstance(node, list):
        index = _index(last, node, path)
        node[index] = _plain(text, node[index], path)
    else:
        node[last] = _plain(text, node.get(last), path)
