"""Which photographs of a set are used, and where they go: the part of `prepare` that depends on the findings alone.

Of duplicates the first by id stays; a hash of the content decides between training and validation. `Report` accounts
for every photograph.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

from tfsketch import config as config_lib
from tfsketch.data import examples, sources
from tfsketch.images import finder

_HASH_BITS = 256
"""Length of `examples.dhash_of`."""


@dataclasses.dataclass(frozen=True)
class Duplicate:
    """A photograph that was dropped as a duplicate of one that stays."""

    id: str
    twin: str
    kind: str
    """`file`: the same file, twice; `content`: the same pixels; `near`: nearly the same."""
    bits: int = 0
    """How many of the 256 bits of the difference hash differ."""

    def __str__(self) -> str:
        if self.kind == "file":
            return f"{self.id}: given twice"
        near = f"nearly the same as {self.twin} ({self.bits} of {_HASH_BITS} bits differ)"
        return f"{self.id}: {near if self.kind == 'near' else f'the same pixels as {self.twin}'}"


@dataclasses.dataclass(frozen=True)
class Report:
    """Accounts for the photographs: `photographs` = `written` + refused ones + duplicates."""

    photographs: int
    """Those in the inputs that the lists did not leave out."""
    written: int
    validation: int
    """How many of those written are in OUTPUT/validation."""
    refused: tuple[str, ...]
    """A line each: which file, what was expected, what was found."""
    duplicates: tuple[Duplicate, ...]
    faceless: tuple[str, ...]
    """Ids of those written that were cropped at their centre, because `prepare.align: ffhq` found no face."""
    left_out: int
    """Photographs that the lists left out."""
    ignored: Mapping[str, int]
    """Suffix -> number of files that are not photographs."""
    others: tuple[str, ...] = ()
    """Their paths; in archives, the archive's and the member's."""
    converted: tuple[str, ...] = ()
    """A line for each of those written whose pixels 8 bits of RGB cannot hold, such as those with transparency."""
    unknown: tuple[str, ...] = ()
    """Lines of the lists that match no photograph, after the list's name: mistyped, perhaps, or of another set."""

    def __str__(self) -> str:
        return self.text()

    def text(self, short: bool = False) -> str:
        """As text; `short` names only some of the other files and of the lists' unknown lines."""
        lines = [
            f"{self.photographs} photographs found: {self.written} written, {self.validation} of them for validation; "
            f"{len(self.refused)} refused, {len(self.duplicates)} dropped as duplicates",
            *([f"{len(self.faceless)} of those written have no face that could be aligned"] if self.faceless else []),
            *([f"{len(self.converted)} of those written are not as in their files"] if self.converted else []),
            *([f"{self.left_out} photographs left out by the lists"] if self.left_out else []),
            *([f"{len(self.unknown)} lines of the lists are no photograph's"] if self.unknown else []),
        ]
        if count := sum(self.ignored.values()):
            kinds = (f"{number} {suffix or 'without a suffix'}" for suffix, number in self.ignored.items())
            lines.append(f"{count} other {'file' if count == 1 else 'files'} ignored: {', '.join(kinds)}")
        for title, entries in (
            ("Refused:", self.refused),
            ("Duplicates:", self.duplicates),
            ("Written as 8-bit RGB, without:", self.converted),
            ("Without a face, cropped at the centre:", self.faceless),
            ("Lines of the lists that are no photograph's folder/name:", self.unknown[: 5 if short else None]),
            ("Other files, no photographs:", [finder.summary(self.others)] if self.others and short else self.others),
        ):
            lines += ["", title, *(f"  {entry}" for entry in entries)] if entries else []
        return "\n".join(lines) + "\n"


Photograph = tuple[sources.Item, examples.Finding]


def without_duplicates(pictures: Sequence[Photograph], distance: int) -> tuple[list[Photograph], list[Duplicate]]:
    """Drops every picture that duplicates an earlier one.

    Args:
      pictures: in the order of their ids.
      distance: 0 drops the same content only, more also pictures that differ in up to as many bits of the difference
        hash.
    """
    unique: list[Photograph] = []
    duplicates: list[Duplicate] = []
    by_content: dict[str, str] = {}
    # Two hashes that differ in n bits agree in at least one of n + 1 parts: only those are compared.
    edges = [_HASH_BITS * part // (distance + 1) for part in range(distance + 2)] if distance else [0]
    tables: list[dict[int, list[int]]] = [{} for _ in edges[1:]]
    for item, finding in pictures:
        twin = by_content.get(finding.content)
        if twin:
            duplicates.append(Duplicate(item.id, twin, "content"))
            continue
        parts = (
            [finding.dhash >> low & (1 << high - low) - 1 for low, high in zip(edges, edges[1:])] if distance else []
        )
        for other in sorted({number for table, part in zip(tables, parts) for number in table.get(part, ())}):
            bits = bin(finding.dhash ^ unique[other][1].dhash).count("1")
            if bits <= distance:
                duplicates.append(Duplicate(item.id, unique[other][0].id, "near", bits))
                break
        else:
            for table, part in zip(tables, parts):
                table.setdefault(part, []).append(len(unique))
            by_content[finding.content] = item.id
            unique.append((item, finding))
    return unique, duplicates


def make_plan(
    collection: sources.Collection, findings: Sequence[examples.Finding], config: config_lib.Config
) -> tuple[dict[str, list[Photograph]], Report]:
    """What is written where, and what is not: (folder below the output -> its pictures, report)."""
    pictures = [(item, finding) for item, finding in zip(collection.items, findings) if not finding.refused]
    duplicates = [Duplicate(name, name, "file") for name in collection.repeated]
    if config.prepare.duplicates >= 0:
        pictures, others = without_duplicates(pictures, config.prepare.duplicates)
        duplicates += others
    sides: dict[str, list[Photograph]] = {"": [], "validation": []}
    for item, finding in pictures:
        # By content alone: a picture is on the same side in every set and under every name.
        is_validation = int(finding.content[:16], 16) < config.prepare.validation_share * 2**64
        sides["validation" if is_validation else ""].append((item, finding))
    report = Report(
        photographs=len(collection.items) + len(collection.repeated),
        written=len(pictures),
        validation=len(sides["validation"]),
        refused=tuple(finding.refused for finding in findings if finding.refused),
        duplicates=tuple(sorted(duplicates, key=lambda duplicate: duplicate.id)),
        faceless=tuple(i.id for i, f in pictures if config.prepare.align == "ffhq" and not f.quad),
        left_out=collection.left_out,
        ignored=collection.ignored,
        others=collection.others,
        unknown=collection.unknown,
        converted=tuple(f"{i.id}: {', '.join(f.converted)}" for i, f in pictures if f.converted),
    )
    return sides, report


def read_report(folder: pathlib.Path) -> Report:
    """The report that `prepare` wrote to a folder; older ones call the key `photographs` `found`."""
    tree = json.loads((folder / "report.json").read_text())
    if "found" in tree:
        tree["photographs"] = tree.pop("found")
    duplicates = tuple(Duplicate(**duplicate) for duplicate in tree.pop("duplicates"))
    tree |= {key: tuple(tree.get(key, ())) for key in ("refused", "faceless", "others", "converted", "unknown")}
    return Report(duplicates=duplicates, **tree)
