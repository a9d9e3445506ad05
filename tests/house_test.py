"""The figures of the house that are reached stay reached."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from tests import build_files, house

DOCUMENTS = sorted([house.ROOT / "README.md", *(house.ROOT / "docs").glob("*.md"), house.ROOT / "docs/editor.ipynb"])


def test_no_file_is_too_long():
    counts = house.lines()
    assert max(counts.values()) <= 350, next(iter(counts.items()))
    assert sum(count > 300 for count in counts.values()) <= 8


def test_every_entry_has_its_place_and_a_sentence():
    names = {entry.removesuffix(".py") for entry in house.entries()}
    assert names == set(house.FLOORS) and len(names) <= 20
    readme = (house.ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in names - {"projection"} if not re.search(rf"`{name}(/|\.py)`", readme)] == []


def test_a_client_of_a_server_reaches_little():
    assert len(house.modules_of("tfsketch.serving")) <= 8


def test_a_pixel_passes_little_code():
    counts = house.lines()
    assert sum(counts[name] for name in house.PIXEL_PATH) <= 1200


def test_no_test_module_imports_another():
    assert house.crossing() == []


def test_public_names_stay():
    code = (
        "import tfsketch; tfsketch.load_model; tfsketch.Editor; tfsketch.__version__\n"
        "from tfsketch import serving; serving.Client\n"
        "import tfsketch.projection; tfsketch.projection.project\n"
        "from tfsketch.projection import project\n"
        "from tfsketch.systems.contextual_gan import projection; assert projection.project is project\n"
        "from tfsketch.zoo import load_model; assert load_model is tfsketch.load_model"
    )
    subprocess.run([sys.executable, "-c", code], cwd=house.ROOT, check=True)


def _dotted_names() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    names = {name for text in texts for name in re.findall(r"(?<![\w./])tfsketch(?:\.[A-Za-z_]\w*)+", text)}
    names |= {f"{a}.{b}" for text in texts for a, b in re.findall(r"from (tfsketch[\w.]*) import (\w+)", text)}
    return names


@pytest.mark.parametrize("name", sorted(_dotted_names()))
def test_dotted_names_of_the_documents_exist(name):
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            value = getattr(value, part)
        return
    raise AssertionError(f"{name}: no such module")


def test_paths_of_the_documents_exist():
    missing = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"(?<![\w/.-])((?:tfsketch|tools|configs|tests)/[\w./-]*\w/?)", text):
            if "*" not in name and not (house.ROOT / name).exists():
                missing.append(f"{path.name}: {name}")
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
            if path.suffix == ".md" and not (path.parent / link).exists():
                missing.append(f"{path.name}: {link}")
    assert not missing, missing


def test_what_continuous_integration_names_exists():
    scripts = sorted((house.ROOT / ".ci").glob("*"))
    if not scripts:
        pytest.skip("not a checkout")
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        subprocess.run(["bash", "-n", str(script)], check=True)
        missing = [name for name in re.findall(r"(?<!\w)tests/[\w/.]+", text) if not (house.ROOT / name).exists()]
        assert not missing, (script.name, missing)


def test_binaries_and_targets_of_the_documents_exist():
    """The flags of commands are looked at in `docs_test`."""
    targets = re.findall(r"^([a-z-]+):", (house.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    missing = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        modules = re.findall(r"(?<![\w./])(?:tools|tests)(?:\.[a-z_]+)+\b", text)
        missing += [f"{path.name}: {name}" for name in modules if name not in build_files.modules()]
        result = re.findall(r"(?:`|^ {4})make ([a-z-]+)", text, re.MULTILINE)
        missing += [f"{path.name}: make {name}" for name in result if name not in targets]
    assert not missing, missing
