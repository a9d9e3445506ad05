"""docs/results.md made again from weights and data: `make results`, or `python -m tests.results --sources=FOLDER`.

The document says of every section which command makes it; this runs those, in order, each after the preparations of its
block. A section is done with when its command, the weights and the data are those that made it last time
(`out/results/SECTION.json`), so that a call that was interrupted goes on, and one without news does nothing. Where data
is missing, that is said, the others are made, and the exit status is 1. After each, the figures are compared with those
that stood there.

Speed is measured by `--speed` alone, on an idle machine; trainings that are not shipped are told of in the document.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable

from tests import documents
from tests.documents import ROOT
from tfsketch.config.shipped import MODELS, MODELS_FOLDER

DOCUMENT = ROOT / "docs" / "results.md"
SOURCES = {
    "ffhq128": "FFHQ's thumbnails of 128 px, 00000.jpg to 69999.jpg",
    "celebamask512/images": "CelebAMask-HQ's photographs, 512 px",
    "celebamask512/masks": "CelebAMask-HQ's labels as palette PNGs of the photographs' names, 512 px",
    "celeba89x109": "CelebA's aligned photographs, at half size",
    "data/faces256": "shards of faces of 256 px, by tools.prepare_data",
}
"""What the document's commands read that is not in the repository."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the document between markers, and what makes it."""

    name: str
    command: tuple[str, ...]
    """(module of tools/, its arguments)."""
    before: tuple[tuple[str, ...], ...]
    """The preparations of its block, in the same form."""
    speed: bool

    def flags(self) -> dict[str, str]:
        return _flags(self.command)


def _flags(command: tuple[str, ...]) -> dict[str, str]:
    return dict(re.findall(r"^--(\w+)=(.*)$", "\n".join(command), re.M))


def _system(model: str) -> str:
    """The name of a model's section where none is given: its system."""
    config = (MODELS_FOLDER / model if model in MODELS else pathlib.Path(model)) / "config.yaml"
    return re.search(r"^system: (\w+)", config.read_text(encoding="utf-8"), re.M)[1]  # type: ignore[index]


def sections(document: pathlib.Path = DOCUMENT) -> list[Section]:
    """What can be made again: all but what needs a run that is not shipped."""
    result: list[Section] = []
    blocks = documents.blocks(document)
    data_sets = {
        _flags(tuple(arguments))["output"]: (tool, *arguments)
        for block in blocks
        for tool, arguments in block.tools()
        if tool == "prepare_data"
    }
    for block in blocks:
        speed = "measures speed" in block.reason
        if block.language != "shell" or block.reason and not speed and "make results" not in block.reason:
            continue
        for tool, arguments in block.tools():
            command = (tool, *arguments)
            flags = _flags(command)
            if tool in ("evaluate", "benchmark"):
                name = f"benchmark_{arguments[0]}" if tool == "benchmark" else flags.get("section", "")
                name = name or flags.get("protocol", "") or _system(flags.get("model", MODELS[0]))
                data = flags.get("data", "")
                result.append(Section(name, command, (data_sets[data],) if data in data_sets else (), speed))
    return result


def text_of(document: pathlib.Path, name: str) -> str:
    """What stands between the markers of a section; empty where they are not there."""
    text = document.read_text(encoding="utf-8")
    return text.partition(f"<!-- {name}:begin -->")[2].partition(f"<!-- {name}:end -->")[0].strip()


def difference(old: str, new: str) -> str:
    """How the figures of a section differ from those before: a sentence."""
    number = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
    rows = [[line for line in text.splitlines() if line.startswith("|")] for text in (old, new)]
    first, second = ([number.findall(line) for line in table] for table in rows)
    if [len(line) for line in first] != [len(line) for line in second]:
        return f"another table: {len(first)} lines before, {len(second)} now, or other columns"
    pairs = [(a, b) for one, two in zip(first, second) for a, b in zip(one, two)]
    apart = [(float(a), float(b)) for a, b in pairs if a != b]
    if not apart:
        return f"all {len(pairs)} figures as before"
    most = max(apart, key=lambda pair: abs(pair[0] - pair[1]) / max(abs(pair[0]), abs(pair[1])))
    return f"{len(apart)} of {len(pairs)} figures are others, by most: {most[0]:g} before, {most[1]:g} now"


def run(tool: str, arguments: list[str]) -> str:
    """Runs a binary; what went wrong, empty where nothing did."""
    command = [sys.executable, "-m", f"tools.{tool}", *arguments]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"tools.{tool} ended with {process.returncode}: {process.stderr[-1500:]}" if process.returncode else ""


class Maker:
    """Makes sections.

    Args:
      document: gets them.
      sources: where the data is that the commands read.
      work: gets shards (`data/`), evaluations (`out/`) and what was made of what.
      runner: `run`, or what takes its place.
    """

    def __init__(
        self,
        document: pathlib.Path,
        sources: pathlib.Path,
        work: pathlib.Path,
        runner: Callable[[str, list[str]], str] = run,
    ):
        self._document, self._sources, self._work, self._run = document, sources.resolve(), work.resolve(), runner

    def _place(self, name: str) -> pathlib.Path:
        """Where a file is that a command names: in the repository, among the sources, or made here."""
        rest = [folder / name for folder in (ROOT, self._sources) if (folder / name).exists()]
        return rest[0] if rest and not (self._work / name).exists() else self._work / name

    def missing(self, section: Section) -> list[str]:
        """What a section wants and is not there, in words."""
        names = []
        for command in section.before:
            flags = _flags(command)
            names += [name for key in ("input", "labels", "only") for name in flags.get(key, "").split(",") if name]
        if not section.before and "data" in section.flags():
            names.append(section.flags()["data"])
        exists = {name: self._place(name).exists() for name in names}
        return [f"{name} ({SOURCES.get(name, 'see the document')})" for name, there in exists.items() if not there]

    def _arguments(self, command: tuple[str, ...]) -> list[str]:
        """A command with the places of its files."""
        links = []
        for argument in command[1:]:
            key, equals, value = argument.partition("=")
            if key in ("--input", "--labels", "--only", "--data"):
                value = ",".join(str(self._place(name)) for name in value.split(","))
            elif key == "--output":
                value = str(self._work / value)
            elif key == "--markdown":
                value = str(self._document)
            links.append(key + equals + value)
        return links

    def _state(self, section: Section) -> dict[str, object]:
        """What a section follows from: its command, and fingerprints of weights and of the prepared data."""
        flags, prints = section.flags(), {}
        model = flags.get("model", MODELS[0])
        files = {"weights": (MODELS_FOLDER if model in MODELS else pathlib.Path()) / model / "weights.npz"}
        files["data"] = self._place(flags.get("data", "")) / "manifest.json"
        for key, path in files.items():
            prints[key] = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""
        return {"command": section.command, **prints}

    def make(self, section: Section, again: bool = False) -> str:
        """Makes a section unless it is there already; what came of it, in a sentence.

        Raises:
          RuntimeError: data is missing, or a command failed.
        """
        if missing := self.missing(section):
            raise RuntimeError(f"expected {' and '.join(missing)} in {self._sources}, found nothing")
        note = self._work / "out" / "results" / f"{section.name}.json"
        old = text_of(self._document, section.name)
        is_done = note.is_file() and json.loads(note.read_text()) == json.loads(json.dumps(self._state(section)))
        if is_done and old and not again and not section.speed:
            return "made before, of the same weights and data"
        for command in (*section.before, section.command):
            if problem := self._run(command[0], self._arguments(command)):
                raise RuntimeError(problem)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(self._state(section)))
        return difference(old, text_of(self._document, section.name)) if old else "new"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [section.name for section in sections()]
    parser.add_argument("--sources", type=pathlib.Path, default=ROOT, help="folder of ffhq128, celebamask512 and so on")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT, help="gets data/ and out/; the checkout by default")
    parser.add_argument(
        "--document", type=pathlib.Path, default=DOCUMENT, help="the Markdown file that gets the sections"
    )
    parser.add_argument("--only", nargs="+", default=names, metavar="SECTION", help=", ".join(names))
    parser.add_argument("--again", action="store_true", help="also what was made before")
    parser.add_argument("--speed", action="store_true", help="the benchmarks too")
    parser.add_argument("--list", action="store_true", help="say what would be made, and what is missing")
    arguments = parser.parse_args()
    if wrong_names := set(arguments.only) - set(names):
        parser.error(f"expected sections among {', '.join(names)}, found {', '.join(sorted(wrong_names))}")
    if not arguments.document.exists():
        arguments.document.write_bytes(DOCUMENT.read_bytes())  # a copy, to compare with
    maker, failure = Maker(arguments.document, arguments.sources, arguments.work), False
    for section in sections():
        if section.name not in arguments.only or section.speed and not arguments.speed:
            continue
        if arguments.list:
            missing = maker.missing(section)
            message = f"missing: {', '.join(missing)}" if missing else "can be made"
            print(f"{section.name}: {message}\n    python -m tools.{' '.join(section.command)}")
            continue
        try:
            print(f"{section.name}: {maker.make(section, arguments.again)}", flush=True)
        except RuntimeError as error:
            failure = True
            print(f"{section.name}: not made: {error}", file=sys.stderr, flush=True)
    raise SystemExit(failure)


if __name__ == "__main__":
    main()
