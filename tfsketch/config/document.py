"""Strict YAML for configurations, since a line that does not mean what it seems to costs a training run.

PyYAML silently takes the last of two equal keys, and reads YAML 1.1, in which `010` is 8, `1:30` is 90 and
`2026-11-30` a date. Here a key stands once in its mapping, whole numbers are decimal, and the others of these are text,
which a setting that is a number refuses by name. Whatever YAML's writers leave without quotes reads as it was.
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

import yaml

from tfsketch.errors import ConfigError

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_OTHERWISE = {_INT, _FLOAT, "tag:yaml.org,2002:timestamp"}
"""Types that are recognised by other patterns here, or not at all."""
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """PyYAML's, without surprises."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OTHERWISE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        there: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if key.value in there:
                raise yaml.MarkedYAMLError(
                    "while reading a mapping", node.start_mark, f"found the key {key.value!r} twice", key.start_mark
                )
            there.add(key.value)
        return node


_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def read(text: str, where: str) -> Any:
    """The plain tree of YAML text.

    Args:
      text: the YAML.
      where: its name in messages.

    Raises:
      ConfigError: it is not YAML, or a key stands twice.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:  # a ValueError of a value whose type is written beside it
        raise ConfigError(f"{where}: expected YAML, found: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: expected YAML, found brackets too deep to read") from error


def text_of(path: pathlib.Path) -> str:
    """The text of a file.

    Raises:
      ConfigError: it is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected text in UTF-8, found other bytes ({error.reason})") from error
