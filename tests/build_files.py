"""Writes the BUILD files of modules from what the modules import: `python -m tests.build_files`, or `make build-files`.

What a rule is called and depends on:

- `tfsketch/a/b.py` is `//tfsketch/a:b`, a py_library; `tfsketch/a/__init__.py` is `//tfsketch/a`.
- `tfsketch/__init__.py` imports its API lazily, while every module imports it first. So its file is `//tfsketch:init`,
  which everything depends on, and the API is `//tfsketch`, which depends on what the API names. (One rule for both
  would be a cycle.)
- `tools/x.py` is the py_binary `//tools:x`.
- `tests/a/x_test.py` is the py_test `//tests/a:x_test`. pytest_main.py runs it, since Bazel runs a file and pytest
  collects one. A test that names "tools.x" starts that binary, so it depends on it; one that names "configs" reads
  those.
- The empty `__init__.py` files of the tests have no rule: Bazel makes them itself.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterable

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("tfsketch", "tools", "tests")
API, INIT = "//tfsketch", "//tfsketch:init"
RUNNER = "pytest_main.py"
_TYPING = "TYPE_CHECKING"
_TITLE = "TensorFlow and the other external packages come from the environment (pip), not from Bazel."
_TITLES = {"tfsketch": "The library.", "tools": "The binaries.", "tests": "The tests."}
_EXTRA = {
    "tfsketch.editor.batch.demo": ['    data = glob(["demo/*.json"]),'],
    "tfsketch.config.shipped": ['    data = ["//configs"],'],
    "tfsketch.app.examples": ['    data = glob(["web/**"]),'],
    "tfsketch.zoo": [
        "    data = glob(",
        "        [",
        '            "*/config.yaml",',
        '            "*/weights.npz",',
        '            "*/README.md",',
        "        ],",
        "        allow_empty = True,",
        "    ),",
    ],
    "tests.build_test": ["    # It reads the checkout itself, which its file links to.", '    tags = ["local"],'],
}
"""Lines that no import tells, by module."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A Python rule of a BUILD file."""

    kind: str
    """py_library, py_binary or py_test."""
    srcs: tuple[str, ...]
    deps: tuple[str, ...]
    """Sorted labels."""
    lines: tuple[str, ...] = ()
    """What else it says, as it is written."""


def modules(root: pathlib.Path = ROOT) -> dict[str, pathlib.Path]:
    """Every module of the repository by dotted name, a package by its own; paths are relative to `root`."""
    paths = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            relative = path.relative_to(root)
            if package == "tests" and path.name == "__init__.py":
                continue
            parts = relative.parent.parts if path.stem == "__init__" else relative.with_suffix("").parts
            paths[".".join(parts)] = relative
    return paths


def label(name: str, path: pathlib.Path) -> str:
    """The label of a module's rule, such as `//tfsketch:config`."""
    package = path.parent.as_posix()
    if path.name != "__init__.py":
        return f"//{package}:{path.stem}"
    return INIT if name == "tfsketch" else f"//{package}"


def imports(name: str, root: pathlib.Path, paths: dict[str, pathlib.Path]) -> set[str]:
    """Names of the repository's modules that a module imports, anywhere in it, but for type checkers alone (the API's
    names are its imports); a test also what it starts."""
    names = set()
    tree = ast.parse((root / paths[name]).read_text(encoding="utf-8"))
    if name != "tfsketch":
        tree.body = [one for one in tree.body if not (isinstance(one, ast.If) and ast.unparse(one.test) == _TYPING)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if submodule in paths else node.module)
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{paths[name]}:{node.lineno}: relative import; name the module in full")
        elif name.startswith("tests.") and isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= set(re.findall(r"(?<![\w.])tools\.[a-z_]+", node.value)) & set(paths)
    return (names & set(paths)) - {name}


@functools.cache
def rules(root: pathlib.Path = ROOT) -> dict[str, Rule]:
    """Every rule that must be, by label."""
    paths = modules(root)
    table = {}
    for name, path in paths.items():
        used = imports(name, root, paths)
        lines = []
        if name == "tfsketch":
            table[INIT] = Rule("py_library", (path.name,), ())
            deps = {INIT} | {label(module, paths[module]) for module in used}
            table[API] = Rule("py_library", (), tuple(sorted(deps)))
            continue
        deps = {API if module == "tfsketch" else label(module, paths[module]) for module in used}
        if name.startswith("tfsketch."):
            deps.add(INIT)
        kind, srcs = "py_library", [path.name]
        if path.parent.name == "tools" and path.name != "__init__.py":
            kind = "py_binary"
            deps.add("//tools")  # the package runs before the module itself, as the fixtures do before a test
        elif path.stem.endswith("_test"):
            kind, runner = "py_test", RUNNER if path.parent.name == "tests" else f"//tests:{RUNNER}"
            srcs.append(runner)
            lines.append(f'    args = ["$(location {path.name})"],')
            if re.search(r"""["']configs\b""", (root / path).read_text(encoding="utf-8")):
                lines.append('    data = ["//configs"],')
            lines.append(f'    main = "{runner}",')
            folders = [parent for parent in path.parents if (root / parent / "conftest.py").is_file()]
            deps |= {f"//{parent.as_posix()}:conftest" for parent in folders}
        elif path.name == RUNNER:
            continue
        lines += _EXTRA.get(name, ())
        table[label(name, path)] = Rule(kind, tuple(srcs), tuple(sorted(deps)), tuple(lines))
    return table


def _list(name: str, values: Iterable[str]) -> list[str]:
    values = list(values)
    if len(values) < 2:
        return [f'    {name} = ["{value}"],' for value in values]
    return [f"    {name} = [", *(f'        "{value}",' for value in values), "    ],"]


def text(folder: str, table: dict[str, Rule]) -> str:
    """The BUILD file of a folder."""
    here = f"//{folder}"
    own = {
        (name.rpartition(":")[2] if ":" in name else folder.rpartition("/")[2]): rule
        for name, rule in table.items()
        if name.partition(":")[0] == here
    }
    parts = [f"# {_TITLES[folder.partition('/')[0]]} {_TITLE}", 'package(default_visibility = ["//visibility:public"])']
    if folder == "tests":
        parts.append(f'exports_files(["{RUNNER}"])')
    for name, rule in sorted(own.items()):
        deps = [f":{dep.partition(':')[2]}" if dep.startswith(f"{here}:") else dep for dep in rule.deps]
        deps = [f":{folder.rpartition('/')[2]}" if dep == here else dep for dep in deps]
        lines = [f"{rule.kind}(", f'    name = "{name}",', *_list("srcs", rule.srcs), *rule.lines]
        parts.append("\n".join([*lines, *_list("deps", sorted(deps, key=lambda dep: dep.replace(":", " "))), ")"]))
    return "\n\n".join(parts) + "\n"


def files(root: pathlib.Path = ROOT) -> dict[str, str]:
    """What every BUILD file of modules must say, by its path below `root`."""
    table = rules(root)
    return {f"{name}/BUILD": text(name, table) for name in sorted({label.partition(":")[0][2:] for label in table})}


def main() -> None:
    texts = files()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("BUILD"):
            if path.relative_to(ROOT).as_posix() not in texts:
                path.unlink()
    for name, content in texts.items():
        (ROOT / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
