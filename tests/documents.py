"""The code blocks of README and docs, and why some of them are not run.

A block is indented by four spaces after a blank line, or fenced. `python -m tests.proof.commands` runs the shell's and
Python's; one that it cannot run has a mark above it, `<!-- not run: REASON -->`, which a page does not show.
`docs_test` looks at all of them: that nothing is neither, that flags, configurations and files exist, that Python
imports.
"""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:python|tfsketch-|make|pip|docker|curl|for|cp|bash)\b")
_MARK = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.S)


@dataclasses.dataclass(frozen=True)
class Block:
    """A code block of a document."""

    document: str
    """Its path in the repository."""
    line: int
    """Of its first line."""
    language: str
    """`shell`, `python` or `text`."""
    text: str
    """Without indentation and fence."""
    reason: str
    """Why it is not run; empty where it is."""

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    def commands(self) -> list[list[str]]:
        """The words of each call of a binary in a shell block: what it is called, then its arguments."""
        text = re.sub(r"\\\n\s*", " ", self.text)
        calls = re.findall(r"^\s*(?:python -m (tools\.\w+)|(tfsketch-(?!lite\b)[\w-]+))(.*)$", text, re.M)
        return [[module or script, *_words(rest)] for module, script, rest in calls]

    def tools(self) -> list[tuple[str, list[str]]]:
        """(module of tools/, arguments) of each call of a binary."""
        return [
            (name.removeprefix("tools.").removeprefix("tfsketch-").replace("-", "_"), arguments)
            for name, *arguments in self.commands()
        ]


def _words(text: str) -> list[str]:
    """The words of a shell's line up to a comment; quotes hold words together."""
    words = re.findall(r"""(?:[^\s"'#]|"[^"]*"|'[^']*'|(?<=\S)#)+|#.*""", text)
    return [re.sub(r"""["']""", "", word) for word in words if not word.startswith("#")]


def blocks(path: pathlib.Path) -> list[Block]:
    """The code blocks of a document, in order."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    lines, number, result, before = path.read_text(encoding="utf-8").splitlines(), 0, [], ""
    while number < len(lines):
        line, start = lines[number], number
        if fence := re.match(r"( *)```(\w*)", line):
            number += 1
            while not lines[number].strip().startswith("```"):
                number += 1
            body, language = lines[start + 1 : number], {"bash": "shell", "sh": "shell"}.get(fence[2], fence[2])
            number, start = number + 1, start + 1
        elif line.startswith("    ") and (not start or not lines[start - 1].strip()):
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                number += 1
            body = lines[start:number]
            while not body[-1].strip():
                body.pop()
            language = "shell" if _COMMAND.match(body[0].strip()) else "text"
        else:
            before += line + "\n"
            number += 1
            continue
        margin = min(len(line) - len(line.lstrip()) for line in body if line.strip())
        mark = _MARK.search(before)
        text = "\n".join(line[margin:] for line in body) + "\n"
        result.append(Block(name, start + 1, language or "text", text, " ".join(mark[1].split()) if mark else ""))
        before = ""
    return result


def all_blocks() -> list[Block]:
    """Those of README and of every document."""
    return [block for path in DOCUMENTS for block in blocks(path)]


def imports(text: str) -> list[str]:
    """The import statements at the top of a Python block, as they are written."""
    return [ast.unparse(node) for node in ast.parse(text).body if isinstance(node, (ast.Import, ast.ImportFrom))]
