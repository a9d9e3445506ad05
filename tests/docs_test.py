"""The documents: commands that name existing flags, links that lead somewhere, pictures that are shown.

What they say of the package's names and files is tested in `house_test`.
"""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.house import ROOT
from tests.proof import commands

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CARDS = sorted((ROOT / "tfsketch" / "zoo").glob("*/README.md"))
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py") if path.stem != "__init__")


def _flags(tool: str) -> set[str]:
    """The flags that a binary defines, as they are written on a command line, without dashes."""
    source = (ROOT / "tools" / f"{tool}.py").read_text(encoding="utf-8")
    defined = re.findall(r'flags\.DEFINE_(\w+)\(\s*"(\w+)"', source)
    assert defined, tool
    return {name for _, name in defined} | {f"no{name}" for kind, name in defined if kind == "bool"} | {"help"}


def _commands(text: str) -> list[tuple[str, list[str]]]:
    """(tool, flags) of every command in a document. `tfsketch-lite` is a distribution."""
    joined = re.sub(r"\\\n\s*", " ", text)  # a line of the shell may go on in the next one
    parts = re.findall(r"(?:python -m tools\.|tfsketch-(?!lite\b))([\w-]+)((?: [^\n`#;]*)?)", joined)
    return [(tool.replace("-", "_"), re.findall(r"(?<=\s)--(\w+)", rest)) for tool, rest in parts]


def _slugs(path: pathlib.Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", prose, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200


def test_commands_are_read_from_the_documents():
    assert _commands("    tfsketch-edit --image=a.png \\\n      --steps=2  # --not") == [("edit", ["image", "steps"])]
    assert sum(len(_commands(path.read_text(encoding="utf-8"))) for path in DOCUMENTS) > 60


@pytest.mark.parametrize("path", [*DOCUMENTS, *CARDS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_name_existing_flags(path):
    text = path.read_text(encoding="utf-8")
    wrong = []
    for tool, flags in _commands(text):
        if tool not in TOOLS:
            wrong.append(tool)
        else:
            wrong += [f"{tool} --{flag}" for flag in flags if flag not in _flags(tool)]
    all_flags = set().union(*map(_flags, TOOLS))
    wrong += [f"--{flag}" for flag in re.findall(r"`--(\w+)[^`]*`", text) if flag not in all_flags]
    assert not wrong, wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_a_heading(path):
    broken = []
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", path.read_text(encoding="utf-8")):
        document = path.parent / target if target else path
        if not document.is_file() or anchor not in _slugs(document):
            broken.append(f"{target}#{anchor}")
    assert not broken, broken


def test_every_picture_is_shown_or_named():
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".jpg")]
    assert pictures
    unused = [path.name for path in pictures if path.relative_to(ROOT / "docs").as_posix() not in text]
    assert not unused, unused


def test_commands_are_run_or_it_is_said_why_not():
    """`python -m tests.proof.commands` runs them; here, that it finds them and that no reason is left over."""
    listed = [command for path in DOCUMENTS for command in commands.commands(path)]
    run = [command for command in listed if not commands.reason(command)]
    assert len(set(run)) >= 30 and {command.split()[2] for command in run} >= {
        f"tools.{name}" for name in ("app", "conditions", "edit", "evaluate", "export", "prepare_data", "train")
    }
    idle = [pattern for pattern in commands.NOT_RUN if not any(re.search(pattern, command) for command in listed)]
    assert not idle, idle


def test_commands_name_files_that_are_there_or_were_made_before(tmp_path):
    for path in DOCUMENTS:
        folder = tmp_path / path.stem
        commands.small_data(folder)
        made = {"data/holdout"}  # of the photographs that the document prepares
        for command in commands.commands(path):
            if commands.reason(command):
                continue
            flags = dict(re.findall(r"--(\w+)=(\S+)", command))
            read = [
                flags[key]
                for key in ("image", "mask", "sketch", "color", "strokes", "style_image", "input", "data")
                if key in flags
            ]
            missing = [name for name in read if not (folder / name).exists() and name not in made]
            assert not missing, (path.name, command, missing)
            made.add(flags.get("output", ""))
