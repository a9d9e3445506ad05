"""Problems of a configuration's section: values out of range or in contradiction."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

Problems = Iterator[tuple[str, str, Any]]
"""(key within the section, what was expected, what was found), the first of which is shown."""


def one_of(key: str, value: str, valid: Sequence[str]) -> Problems:
    """A problem if a value is not among the valid ones."""
    if value not in valid:
        yield key, f"one of {', '.join(valid)}", value


def increasing(key: str, value: tuple[float, float], highest: float = 1.0) -> Problems:
    """A problem if a range is not increasing within 0 and `highest`."""
    low, high = value
    if not 0 <= low <= high <= highest:
        yield key, f"0 <= low <= high <= {highest:g}", value


def at_least(key: str, value: float, lowest: float) -> Problems:
    """A problem if a value is too small."""
    if value < lowest:
        yield key, f"at least {lowest:g}", value


def within(key: str, value: float, lowest: float = 0.0, highest: float = 1.0) -> Problems:
    """A problem if a value is outside a range, by default that of shares and probabilities."""
    if not lowest <= value <= highest:
        yield key, f"{lowest:g} to {highest:g}", value


def not_negative(where: str, section: Any) -> Problems:
    """Problems if a number of a section is below 0, which no length, width, sigma or count can be; `where` is the
    prefix of the section's keys, such as `canny.`."""
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if type(value) in (int, float):
            yield from at_least(f"{where}{field.name}", value, 0)


def positive(where: str, section: Any, zero: Sequence[str] = ()) -> Problems:
    """Problems where a whole number of a network's section, or one in a list of them, is below 1: there is no layer of
    0 channels, and no kernel, stride or dilation of 0.

    Args:
      where: what stands before the section's keys, such as `generator.`.
      section: the section.
      zero: keys that may be 0.
    """
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        numbers = [n for n in (value if isinstance(value, tuple) else (value,)) if type(n) is int]  # no bool
        least = 0 if field.name in zero else 1
        if numbers and min(numbers) < least:
            yield f"{where}{field.name}", f"at least {least}", list(value) if isinstance(value, tuple) else value


def as_many(key: str, values: Sequence[Any], other: str, count: int) -> Problems:
    """A problem where a list has not as many values as something else."""
    if len(values) != count:
        yield key, f"{count} values, one for each of {other}", list(values)
