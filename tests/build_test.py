"""The BUILD files are true: every module has its rule, and the rule's deps are what the module imports.

BUILD files are Starlark, a subset of Python, so Python's `ast` reads them. What is expected:

- `tfsketch/a/b.py` is `//tfsketch/a:b`, a py_library; `tfsketch/a/__init__.py` is `//tfsketch/a`.
- `tfsketch/__init__.py` imports its API lazily, while every module imports it first. So its file is `//tfsketch:init`,
  which everything depends on, and the API is `//tfsketch`, which depends on what the API names. (One rule for both
  would be a cycle.)
- `tools/x.py` is the py_binary `//tools:x`.
- `tests/x_test.py` is the py_test `//tests:x_test`. pytest_main.py runs it, since Bazel runs a file and pytest collects
  one. A test that names "tools.x" starts that binary, so it depends on it.
"""

from __future__ import annotations

import ast
import pathlib
import re
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("tfsketch", "tools", "tests")
RULES = ("py_library", "py_binary", "py_test")
API, INIT = "//tfsketch", "//tfsketch:init"
RUNNER = "pytest_main.py"


def modules(root: pathlib.Path = ROOT) -> dict[str, pathlib.Path]:
    """Every module of the repository by dotted name, a package by its own; paths are relative to `root`."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            relative = path.relative_to(root)
            parts = relative.parent.parts if path.stem == "__init__" else relative.with_suffix("").parts
            found[".".join(parts)] = relative
    return found


def label(name: str, path: pathlib.Path) -> str:
    """The label of a module's rule, such as `//tfsketch:config`."""
    package = path.parent.as_posix()
    if path.name != "__init__.py":
        return f"//{package}:{path.stem}"
    return INIT if name == "tfsketch" else f"//{package}"


def imports(name: str, root: pathlib.Path, known: dict[str, pathlib.Path]) -> set[str]:
    """Names of the repository's modules that a module imports, anywhere in it; a test also what it starts."""
    found = set()
    for node in ast.walk(ast.parse((root / known[name]).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if submodule in known else node.module)
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{known[name]}:{node.lineno}: relative import; name the module in full")
        elif name.startswith("tests.") and isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"(?<![\w.])tools\.[a-z_]+", node.value)) & set(known)
    return (found & set(known)) - {name}


def expected(root: pathlib.Path = ROOT) -> dict[str, dict[str, Any]]:
    """Every rule that must be, by label: its kind, srcs and the sorted labels of its deps."""
    known = modules(root)
    rules = {}
    for name, path in known.items():
        used = imports(name, root, known)
        if name == "tfsketch":
            rules[INIT] = {"kind": "py_library", "srcs": [path.name], "deps": []}
            deps = {INIT} | {label(module, known[module]) for module in used}
            rules[API] = {"kind": "py_library", "srcs": [], "deps": sorted(deps)}
            continue
        deps = {API if module == "tfsketch" else label(module, known[module]) for module in used}
        if name.startswith("tfsketch."):
            deps.add(INIT)
        # What runs before the module itself: the package of the binaries, the fixtures of the tests.
        before = {"tools": "//tools", "tests": "//tests:conftest"}.get(name.split(".")[0])
        kind, srcs = "py_library", [path.name]
        if path.parent.name == "tools" and path.name != "__init__.py":
            kind = "py_binary"
            deps.add(before)
        elif path.stem.endswith("_test"):
            kind = "py_test"
            srcs.append(RUNNER)
            if "tests.conftest" in known:
                deps.add(before)
        elif path.name == RUNNER:
            continue
        rules[label(name, path)] = {"kind": kind, "srcs": srcs, "deps": sorted(deps)}
    return rules


def _absolute(dep: str, package: str) -> str:
    """`:b` in package `tfsketch/a` -> `//tfsketch/a:b`; `//x/y:y` -> `//x/y`."""
    full = f"//{package}{dep}" if dep.startswith(":") else dep
    where, _, name = full.partition(":")
    return where if name in ("", where.rsplit("/", 1)[-1]) else full


def actual(root: pathlib.Path = ROOT) -> list[tuple[str, dict[str, Any]]]:
    """Every Python rule of the BUILD files, with its label: kind, srcs and deps as above."""
    rules = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("BUILD")):
            folder = path.parent.relative_to(root).as_posix()
            for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
                    continue
                call = statement.value
                if not (isinstance(call.func, ast.Name) and call.func.id in RULES):
                    continue
                given = {
                    word.arg: ast.literal_eval(word.value)
                    for word in call.keywords
                    if word.arg in ("name", "srcs", "deps")
                }
                rules.append(
                    (
                        _absolute(f":{given['name']}", folder),
                        {
                            "kind": call.func.id,
                            "srcs": given.get("srcs", []),
                            "deps": sorted(_absolute(dep, folder) for dep in given.get("deps", [])),
                        },
                    )
                )
    return rules


def test_every_module_has_one_true_rule():
    found, wanted = actual(), expected()
    labels = [name for name, _ in found]
    assert len(labels) == len(set(labels)), "a label is used twice"
    wrong = [
        f"{name}: expected {wanted.get(name, 'no such rule')}, found {rule}"
        for name, rule in found
        if rule != wanted.get(name)
    ]
    wrong += [f"{name}: missing; expected {wanted[name]}" for name in sorted(set(wanted) - set(labels))]
    assert not wrong, "BUILD files and modules differ:\n" + "\n".join(wrong)


def test_every_folder_of_modules_is_a_package():
    """Else `setup.py` would leave it out of what is installed."""
    folders = {path.parent for path in modules().values() if path.parts[0] != "tests"}
    assert not [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()]


def test_no_module_depends_on_itself():
    """Bazel refuses cycles; this names one without Bazel."""
    rules = expected()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for dep in rules[name]["deps"]:
                visit(dep, (*path, name))
            done.add(name)

    done: set[str] = set()
    for name in rules:
        visit(name, ())


def test_a_lie_is_found(tmp_path):
    for folder in PACKAGES:
        (tmp_path / folder).mkdir()
    (tmp_path / "tfsketch/__init__.py").write_text("")
    (tmp_path / "tfsketch/errors.py").write_text("")
    (tmp_path / "tfsketch/images.py").write_text("def f():\n    from tfsketch.errors import X\n")
    (tmp_path / "tfsketch/BUILD").write_text('py_library(name = "images", srcs = ["images.py"], deps = [":init"])\n')
    assert expected(tmp_path)["//tfsketch:images"]["deps"] == ["//tfsketch:errors", "//tfsketch:init"]
    assert actual(tmp_path) == [
        ("//tfsketch:images", {"kind": "py_library", "srcs": ["images.py"], "deps": ["//tfsketch:init"]})
    ]


def _setup_lists() -> dict[str, list[str]]:
    """The lists of strings that setup.py assigns to names."""
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.List)
    }


def _lines(name: str) -> set[str]:
    lines = (line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("#")}


def test_both_lists_of_the_current_lane_agree():
    wanted = _setup_lists()
    missing = set(wanted["CURRENT_LANE"] + wanted["BOTH_LANES"]) - _lines("requirements-current.txt")
    assert not missing, f"in setup.py, not in requirements-current.txt: {sorted(missing)}"


def test_constraints_agree_with_the_pinned_set():
    lists = _setup_lists()
    for line in _lines("constraints.txt"):
        pin, _, marker = line.partition("; ")
        name = re.split(r"[=<>]", pin)[0]
        for lane, other in (("FIRST_LANE", ">="), ("CURRENT_LANE", "<")):
            if f"python_version {other} " not in marker:
                stated = [r for r in lists[lane] if re.split(r"[=<>]", r)[0] == name]
                assert stated in ([], [pin]), f"{lane}: {stated}, constraints.txt: {line}"


def _package_data() -> dict[str, list[str]]:
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "package_data":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py: no package_data")


def test_every_data_file_is_installed():
    """A model or a picture that only a checkout has would work for us and for nobody else."""
    shipped = {
        path
        for package, patterns in _package_data().items()
        if package != "tfsketch.configs"
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    shipped |= {path for pattern in _package_data()["tfsketch.configs"] for path in (ROOT / "configs").glob(pattern)}
    there = {
        path
        for folder in ("tfsketch", "configs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and path.name != "BUILD"
    }
    assert not [str(path.relative_to(ROOT)) for path in sorted(there - shipped)]


@pytest.mark.parametrize("binary", _setup_lists()["BINARIES"])
def test_installed_commands_exist(binary):
    tree = ast.parse((ROOT / "tools" / f"{binary}.py").read_text(encoding="utf-8"))
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
