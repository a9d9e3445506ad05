"""Writes the API reference from the docstrings: `python -m tests.api`, or `make api`.

`docs/api/` has a page for each row of `PAGES`, with every public name of its modules: signature and docstring, and of
settings every key with its default. It reads the source and imports nothing, so that it needs nothing but Python.
`api_test` holds that the pages are those that the source gives. (Site generators such as pdoc import the package, and
with it TensorFlow, and make HTML, which a reader of the repository does not see.)
"""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "api"
PAGES = {
    "editing": (
        "Editing, drawing, completing, restyling",
        "zoo.resolve zoo.models editor.editor editor.complete editor.draw editor.ways "
        "systems.contextual_gan.projection serving backends.wire errors version",
    ),
    "configuration": (
        "Configuration: every key of an experiment",
        "config.experiment config.data config.conditions config.sketches config.discriminators "
        "config.training systems.sc_fegan.config systems.cali_sketch.config systems.contextual_gan.config "
        "systems.region_edit.config systems.face_parser",
    ),
    "training": (
        "Data, training, evaluation, export",
        "systems systems.record systems.protocols data.prepare data.shards data.batches data.lock "
        "training.trainer training.task training.schedule evaluation.report evaluation.metrics "
        "evaluation.intervals evaluation.holes export.saved_model export.mobile export.onnx "
        "nn.model_directory",
    ),
    "networks": (
        "Layers, losses, discriminators, networks",
        "nn.exported nn.gated nn.norms nn.spectral nn.plain nn.operations nn.stylegan2 nn.losses "
        "nn.line_losses nn.feature_losses nn.adversarial nn.discriminators nn.projected nn.features "
        "nn.efficientnet systems.sc_fegan.network systems.cali_sketch.network systems.contextual_gan.network "
        "systems.region_edit.network",
    ),
    "conditions": (
        "Masks, sketches, colours, regions, pictures",
        "vocabulary conditions.masks conditions.sketches conditions.hand conditions.colors conditions.regions "
        "conditions.strokes conditions.features conditions.face_parser images.files images.meaning "
        "images.faces",
    ),
}
"""Page -> (title, modules of tfsketch). A module that is not there any more is an error."""
SHORT = {
    "tfsketch.zoo.resolve.Editor": "tfsketch.Editor",
    "tfsketch.zoo.models.load_model": "tfsketch.load_model",
    "tfsketch.systems.contextual_gan.projection.project": "tfsketch.projection.project",
}
"""Names that have a shorter one, which programs import."""
_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Attributes):$")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A public name."""

    name: str
    """Dotted, from `tfsketch` on."""
    text: str
    """Its part of the page."""


def path_of(module: str) -> pathlib.Path:
    """The file of a module of tfsketch, such as `nn.layers`.

    Raises:
      FileNotFoundError: there is none.
    """
    stem = ROOT / "tfsketch" / module.replace(".", "/")
    path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    if not path.is_file():
        raise FileNotFoundError(f"tests/api.py: expected a module tfsketch.{module}, found no file at {path}")
    return path


def markdown(docstring: str | None) -> str:
    """A docstring as Markdown: its sections are lists, and what it indents stays a block."""
    result, section = [], ""
    for line in (docstring or "").splitlines():
        if match := _SECTION.match(line):
            section = match[1]
            result += [f"*{section}*", ""]
            continue
        if line and not line.startswith(" "):
            section = ""
        line = line[2:] if section else line
        item = re.match(r"([\w*][\w*., ]*): (.*)", line)
        is_item = item and section not in ("", "Returns", "Yields")
        result.append(f"- `{item[1]}`: {item[2]}" if item and is_item else line)
    return "\n".join(result).strip()


def _parameters(arguments: ast.arguments, bound: bool) -> str:
    """The parameters of a function as they are written, without what is bound."""

    def one(argument: ast.arg, default: ast.expr | None, star: str = "") -> str:
        annotation = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
        equals = " = " if annotation else "="
        return f"{star}{argument.arg}{annotation}" + (f"{equals}{ast.unparse(default)}" if default else "")

    usual = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(usual) - len(arguments.defaults)), *arguments.defaults]
    texts = [one(*pair) for pair in zip(usual, defaults)][bound:]
    if arguments.vararg:
        texts.append(one(arguments.vararg, None, "*"))
    elif arguments.kwonlyargs:
        texts.append("*")
    texts += [one(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return ", ".join([*texts, *([one(arguments.kwarg, None, "**")] if arguments.kwarg else [])])


def _signature(node: ast.FunctionDef, bound: bool) -> str:
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({_parameters(node.args, bound)}){result}"


def _decorators(node: ast.ClassDef | ast.FunctionDef) -> set[str]:
    return {ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list}


def _fence(code: str) -> str:
    return f"```python\n{code}\n```"


def _fields(body: list[ast.stmt]) -> list[str]:
    """The annotated fields of a class, each with its default and the docstring below it."""
    lines = []
    for node, after in zip(body, [*body[1:], None]):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            default = f" = {ast.unparse(node.value)}" if node.value else ""
            default = re.sub(r"dataclasses\.field\(default_factory=(.*)\)", r"\1", default)
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            text = " ".join(str(text).split())
            lines.append(f"- `{node.target.id}: {ast.unparse(node.annotation)}{default}`{': ' if text else ''}{text}")
    return lines


def _function(node: ast.FunctionDef, level: int, name: str, bound: bool = False) -> str:
    kind = "property" if _decorators(node) & {"property", "cached_property"} else ""
    code = f"{node.name}: {ast.unparse(node.returns)}" if kind and node.returns else _signature(node, bound)
    parts = [f"{'#' * level} `{name}`", _fence(code), markdown(ast.get_docstring(node))]
    return "\n\n".join(part for part in parts if part)


def _class(node: ast.ClassDef, name: str) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    result = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    code = f"class {node.name}({bases})" if bases else f"class {node.name}"
    if result:
        code += f"\n\n{node.name}({_parameters(result.args, True)})"
    fields = _fields(node.body)
    parts = [f"### `{name}`", _fence(code), markdown(ast.get_docstring(node)), "\n".join(fields)]
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and not one.name.startswith("_") and ast.get_docstring(one):
            parts.append(_function(one, 4, f"{node.name}.{one.name}", "staticmethod" not in _decorators(one)))
    return "\n\n".join(part for part in parts if part)


def entries(module: str) -> list[Entry]:
    """The public names of a module in the order of its source: classes, functions, and constants with a docstring."""
    body, result = ast.parse(path_of(module).read_text(encoding="utf-8")).body, []
    for node, after in zip(body, [*body[1:], None]):
        name = getattr(node, "name", "")
        target = getattr(node, "target", None) or (getattr(node, "targets", None) or [None])[0]
        if isinstance(target, ast.Name):
            name = target.id
        full = f"tfsketch.{module}.{name}"
        if not name or name.startswith("_"):
            continue
        label = SHORT.get(full, full)
        if isinstance(node, ast.ClassDef):
            result.append(Entry(full, _class(node, label)))
        elif isinstance(node, ast.FunctionDef):
            result.append(Entry(full, _function(node, 3, label)))
        elif (
            isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        ):
            result.append(Entry(full, f"### `{label}`\n\n{markdown(after.value.value)}"))
    return result


def pages() -> dict[str, str]:
    """The text of every page, by file name."""
    texts, index = {}, []
    for page, (title, modules) in PAGES.items():
        parts = [f"# {title}\n\nWritten by `make api` from the docstrings. [All pages](README.md)"]
        names = []
        for module in modules.split():
            tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
            public = entries(module)
            parts.append(f"## `tfsketch.{module}`\n\n{markdown(ast.get_docstring(tree, clean=False))}".strip())
            parts += [entry.text for entry in public]
            names += [f"`{SHORT.get(entry.name, entry.name)[len('tfsketch.') :]}`" for entry in public]
        texts[f"{page}.md"] = "\n\n".join(parts) + "\n"
        index.append(f"## [{title}]({page}.md)\n\n{', '.join(names)}")
    head = (
        "# API reference\n\n"
        "Written by `make api` from the docstrings; `api_test` holds it up to date. What other programs import are\n"
        "`tfsketch.Editor`, `tfsketch.load_model`, `tfsketch.serving` and `tfsketch.projection`, which keep their\n"
        "names; the others may change with a version. Shapes, ranges and errors are told at each name."
    )
    texts["README.md"] = "\n\n".join([head, *index]) + "\n"
    return texts


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
