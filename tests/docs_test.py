"""The documents: commands that name existing flags, links that lead somewhere, pictures that are shown.

What they say of the package's names and files is tested in `house_test`.
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import subprocess
import sys

import pytest

import tfsketch
from tests import documents
from tests.house import ROOT
from tests.proof import commands
from tfsketch import systems
from tfsketch.config.shipped import MODELS

DOCUMENTS = documents.DOCUMENTS
CARDS = sorted((ROOT / "tfsketch" / "zoo").glob("*/README.md"))
# slim is prune's former name: it has prune's flags.
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py") if path.stem not in ("__init__", "slim"))


def _flags(tool: str) -> set[str]:
    """The flags that a binary defines, as they are written on a command line, without dashes."""
    source = (ROOT / "tools" / f"{tool}.py").read_text(encoding="utf-8")
    definitions = re.findall(r'flags\.DEFINE_(\w+)\(\s*"(\w+)"', source)
    assert definitions, tool
    return {name for _, name in definitions} | {f"no{name}" for kind, name in definitions if kind == "bool"} | {"help"}


def _commands(text: str) -> list[tuple[str, list[str]]]:
    """(tool, flags) of every command in a document. `tfsketch-lite` is a distribution."""
    lines = re.sub(r"\\\n\s*", " ", text)  # a line of the shell may go on in the next one
    parts = re.findall(r"(?:python -m tools\.|tfsketch-(?!lite\b|\d))([\w-]+)((?: [^\n`#;]*)?)", lines)
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
    bad = []
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", path.read_text(encoding="utf-8")):
        document = path.parent / target if target else path
        if not document.is_file() or anchor not in _slugs(document):
            bad.append(f"{target}#{anchor}")
    assert not bad, bad


def test_every_picture_is_shown_or_named():
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".jpg")]
    assert pictures
    orphans = [path.name for path in pictures if path.relative_to(ROOT / "docs").as_posix() not in text]
    assert not orphans, orphans


def test_blocks_are_read_from_the_documents(tmp_path):
    (tmp_path / "page.md").write_text(
        "text\n\n    tfsketch-edit --set 'a=[1, 2]' \\\n      x.png  # a\n    not-this\n\n"
        "<!-- not run: for\na reason -->\n\n```python\nimport os\n```\n\n- item\n\n      Header: value\n"
    )
    one, two, three = documents.blocks(tmp_path / "page.md")
    assert (one.line, one.language, one.reason) == (3, "shell", "")
    assert one.tools() == [("edit", ["--set", "a=[1, 2]", "x.png"])]
    assert (two.language, two.text, two.reason) == ("python", "import os\n", "for a reason")
    assert (three.language, three.text, three.reason) == ("text", "Header: value\n", "")


def test_blocks_are_run_or_it_is_said_why_not():
    """`python -m tests.proof.commands` runs the shell's and Python's."""
    blocks = documents.all_blocks()
    idle = [block.place for block in blocks if block.language not in ("shell", "python") and not block.reason]
    assert not idle, idle
    run = [block for block in blocks if not block.reason]
    tools = {tool for block in run for tool, _ in block.tools()}
    assert len(run) >= 35 and tools >= {
        *("app", "conditions", "edit", "evaluate", "export", "prepare_data", "prune", "train")
    }
    marks = sum(path.read_text(encoding="utf-8").count("<!-- not run:") for path in DOCUMENTS)
    assert marks == sum(bool(block.reason) for block in blocks), "a mark with no block below it"


def test_blocks_of_the_shell_can_be_parsed():
    text = "\n".join(f"{{\n{block.text}}}" for block in documents.all_blocks() if block.language == "shell")
    process = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert not process.returncode, process.stderr


def test_arguments_of_the_commands_are_taken():
    """Their values too: numbers, choices, what is required. One process defines one binary's flags after another."""
    calls = [(block.place, *call) for block in documents.all_blocks() for call in block.tools()]
    process = subprocess.run(
        [sys.executable, "-c", _PARSE], input=json.dumps(calls), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not process.returncode, process.stderr[-2000:]
    assert json.loads(process.stdout) == []


_PARSE = """
import importlib, json, sys
from absl import flags
wrong, calls = [], json.load(sys.stdin)
for tool in sorted({tool for _, tool, _ in calls}):
    module = importlib.import_module(f"tools.{tool}")
    for place, _, arguments in (call for call in calls if call[1] == tool):
        flags.FLAGS.unparse_flags()
        try:
            flags.FLAGS([tool, *arguments])
        except flags.Error as error:
            wrong.append(f"{place}: {tool}: {error}")
    for flag in flags.FLAGS.get_flags_for_module(module.__name__):
        delattr(flags.FLAGS, flag.name)
print(json.dumps(wrong))
"""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_configurations_of_the_commands_are_read(path):
    for block in documents.blocks(path):
        for _, arguments in block.tools() if "OPTIONS" not in block.text and "$Z" not in block.text else ():
            values = dict(re.findall(r"--(config)=(\S+)", " ".join(arguments)))
            options = [arguments[n + 1] for n, argument in enumerate(arguments) if argument == "--set"]
            options += [argument.partition("=")[2] for argument in arguments if argument.startswith("--set=")]
            if "config" in values:
                systems.load(ROOT / values["config"] if "/" in values["config"] else values["config"], options)


def test_python_of_the_documents_imports_what_there_is():
    for block in documents.all_blocks():
        if block.language != "python":
            continue
        tree = compile(block.text, block.place, "exec", ast.PyCF_ONLY_AST)
        if block.reason and "ai_edge_litert" in block.text:
            continue  # an extra
        names = {"tfsketch": tfsketch}
        exec("\n".join(documents.imports(block.text)), names)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
                assert hasattr(names[node.value.id], node.attr), f"{block.place}: {node.value.id}.{node.attr}"


def test_the_table_counts_the_blocks_as_they_are_written_now(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "RECORD", tmp_path / "record.json")
    page = tmp_path / "page.md"

    def row(commands_of_the_page: str) -> list[str]:
        page.write_text(commands_of_the_page)
        return commands.table([page]).splitlines()[-1].strip("| ").split(" | ")[:5]

    page.write_text("    make one\n\ntext\n\n    make two\n")
    one, two = documents.blocks(page)
    commands.record(one, "", page)
    commands.record(two, "ended with 2:\nno rule\n", page)
    assert " no rule" in commands.RECORD.read_text()
    assert row(page.read_text()) == ["page.md", "2", "1", "1", "0"]
    assert row("    make one\n\ntext\n\n    make three\n") == ["page.md", "2", "1", "0", "1"]
    commands.record(one, "", page)
    assert "no rule" not in commands.RECORD.read_text(), "what is said of a text that is gone"


def test_commands_name_files_that_are_there_or_were_made_before(tmp_path):
    commands.small_data(tmp_path, "")
    for path in DOCUMENTS:
        blocks, result = [block for block in documents.blocks(path) if not block.reason], set()
        for arguments in (arguments for block in blocks for _, arguments in block.tools()):
            flags = dict(re.findall(r"--(\w+)=(\S+)", "\n".join(arguments)))
            names = ("image", "mask", "sketch", "color", "strokes", "style_image", "input", "data")
            files = [flags[name] for name in names if name in flags] + [a for a in arguments if a.endswith(".jpg")]
            files += [flags["model"]] if "/" in flags.get("model", "") else []
            missing = [
                name for name in files if "=" not in name and not (tmp_path / name).exists() and name not in result
            ]
            assert not missing, (path.name, arguments, missing)
            output = flags.get("output", flags.get("model_dir", ""))
            result |= {output} | ({f"models/{m}" for m in MODELS} if "$model" in output else set())
