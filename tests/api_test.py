"""The API reference is what the source gives, and leaves nothing out."""

from __future__ import annotations

import ast

import pytest

from tests import api


def test_pages_are_those_of_the_docstrings():
    there = {path.name: path.read_text(encoding="utf-8") for path in api.FOLDER.glob("*.md")}
    texts = api.pages()
    other = sorted(name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name))
    assert not other, f"make api writes {other} anew"


@pytest.mark.parametrize("module", [name for _, names in api.PAGES.values() for name in names.split()])
def test_every_public_name_has_a_docstring(module):
    tree = ast.parse(api.path_of(module).read_text(encoding="utf-8"))
    public = [
        node
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
    ]
    public += [
        part
        for node in public
        if isinstance(node, ast.ClassDef) and not any("Config" in ast.unparse(base) for base in node.bases)
        for part in node.body
        if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")
    ]
    bare = [node.name for node in public if not ast.get_docstring(node)]
    assert set(bare) <= {"call", "build", "get_config", "compute_output_shape", "problems"}, (
        bare
    )  # of Keras, and all alike
    entry_names = {entry.name.rpartition(".")[2] for entry in api.entries(module)}
    definitions = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert {name for name in definitions if not name.startswith("_")} <= entry_names


def test_a_docstring_becomes_markdown():
    text = (
        "Does it.\n\nArgs:\n  a, b: two things,\n    in all.\n  **more: others.\n\n"
        "Returns:\n  [H,W]: a thing.\n\nRaises:\n  E: no."
    )
    assert api.markdown(text) == (
        "Does it.\n\n*Args*\n\n- `a, b`: two things,\n  in all.\n- `**more`: others.\n\n"
        "*Returns*\n\n[H,W]: a thing.\n\n*Raises*\n\n- `E`: no."
    )


def test_a_signature_is_written_as_in_the_source():
    source = "def f(self, a: int, /, b: int | None = None, *, c=(), **d: str) -> list[int]: ..."
    (node,) = ast.parse(source).body
    assert api._signature(node, True) == "f(a: int, b: int | None = None, *, c=(), **d: str) -> list[int]"
