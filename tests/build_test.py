"""The BUILD files are what `build_files` writes from the imports, and what setup.py installs is all that there is."""

from __future__ import annotations

import ast
import re

import pytest

from tests import build_files

ROOT = build_files.ROOT


def test_the_build_files_are_what_the_modules_import():
    expected = build_files.files()
    paths = [path for package in build_files.PACKAGES for path in (ROOT / package).rglob("BUILD")]
    actual = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    wrong = sorted(name for name in {*expected, *actual} if expected.get(name) != actual.get(name))
    assert not wrong, f"{', '.join(wrong)}: other than the imports; run: make build-files"


def test_every_folder_of_modules_is_a_package():
    """Else `setup.py` would leave it out of what is installed."""
    folders = {path.parent for path in build_files.modules().values() if path.parts[0] != "tests"}
    assert not [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()]


def test_no_module_depends_on_itself():
    """Bazel refuses cycles; this names one without Bazel."""
    rules = build_files.rules()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in visits:
            for dep in rules[name].deps:
                visit(dep, (*path, name))
            visits.add(name)

    visits: set[str] = set()
    for name in rules:
        visit(name, ())


def test_rules_follow_the_imports(tmp_path):
    for folder in build_files.PACKAGES:
        (tmp_path / folder).mkdir()
    (tmp_path / "tfsketch/__init__.py").write_text("def f():\n    from tfsketch.images import f\n")
    (tmp_path / "tfsketch/errors.py").write_text("")
    (tmp_path / "tfsketch/images.py").write_text("def f():\n    from tfsketch.errors import X\n")
    (tmp_path / "tests/images_test.py").write_text("import tfsketch.images\n")
    assert build_files.rules(tmp_path) == {
        "//tfsketch": build_files.Rule("py_library", (), ("//tfsketch:images", "//tfsketch:init")),
        "//tfsketch:init": build_files.Rule("py_library", ("__init__.py",), ()),
        "//tfsketch:errors": build_files.Rule("py_library", ("errors.py",), ("//tfsketch:init",)),
        "//tfsketch:images": build_files.Rule("py_library", ("images.py",), ("//tfsketch:errors", "//tfsketch:init")),
        "//tests:images_test": build_files.Rule(
            "py_test",
            ("images_test.py", "pytest_main.py"),
            ("//tfsketch:images",),
            ('    args = ["$(location images_test.py)"],', '    main = "pytest_main.py",'),
        ),
    }
    assert build_files.text("tfsketch", build_files.rules(tmp_path)).endswith(
        'py_library(\n    name = "tfsketch",\n    deps = [\n        ":images",\n        ":init",\n    ],\n)\n'
    )


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
    lists = _setup_lists()
    missing = set(lists["CURRENT_LANE"] + lists["BOTH_LANES"]) - _lines("requirements-current.txt")
    assert not missing, f"in setup.py, not in requirements-current.txt: {sorted(missing)}"


def test_constraints_agree_with_the_pinned_set():
    lists = _setup_lists()
    for line in _lines("constraints.txt"):
        pin, _, marker = line.partition("; ")
        name = re.split(r"[=<>]", pin)[0]
        for lane, other in (("FIRST_LANE", ">="), ("CURRENT_LANE", "<")):
            if f"python_version {other} " not in marker:
                pins = [r for r in lists[lane] if re.split(r"[=<>]", r)[0] == name]
                assert pins in ([], [pin]), f"{lane}: {pins}, constraints.txt: {line}"


def _package_data() -> dict[str, list[str]]:
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "package_data":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py: no package_data")


def test_every_data_file_is_installed():
    """A model or a picture that only a checkout has would work for us and for nobody else."""
    data = {
        path
        for package, patterns in _package_data().items()
        if package != "tfsketch.configs"
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    data |= {path for pattern in _package_data()["tfsketch.configs"] for path in (ROOT / "configs").glob(pattern)}
    there = {
        path
        for folder in ("tfsketch", "configs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and path.name != "BUILD"
    }
    assert not [str(path.relative_to(ROOT)) for path in sorted(there - data)]


@pytest.mark.parametrize("binary", _setup_lists()["BINARIES"])
def test_installed_commands_exist(binary):
    tree = ast.parse((ROOT / "tools" / f"{binary}.py").read_text(encoding="utf-8"))
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
