"""What the house measures: `python -m tests.house`, or `make house`.

Entries at the top of `tfsketch/`, lines of its files and of a pixel's path, and what a client of a server imports. The
order of the floors is in `.importlinter`. `house_test` holds the figures that are reached.
"""

from __future__ import annotations

import configparser
import subprocess
import sys

from tests import build_files

ROOT = build_files.ROOT
_ORDER = configparser.ConfigParser()
_ORDER.read(ROOT / ".importlinter", encoding="utf-8")
FLOORS = _ORDER["importlinter:contract:floors"]["layers"].split()[::-1]
"""Entries at the top of `tfsketch/`, from the ground up; imports go down, which `make lint` checks. (Nothing imports
`serving`, a client for other programs, and `projection`, a public name.)"""


def entries() -> list[str]:
    """The modules and folders at the top of `tfsketch/`."""
    return sorted(
        path.name
        for path in (ROOT / "tfsketch").iterdir()
        if path.suffix == ".py" and path.stem != "__init__" or any(path.glob("*.py"))
    )


def lines() -> dict[str, int]:
    """Lines of every Python file of `tfsketch/`, the longest first."""
    paths = (ROOT / "tfsketch").rglob("*.py")
    counts = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


PIXEL_PATH = (
    *(f"tfsketch/data/{name}.py" for name in ("shards", "augmentation", "sampling", "batches")),
    "tfsketch/vocabulary.py",
    *(f"tfsketch/systems/sc_fegan/{name}.py" for name in ("network", "task")),
    "tfsketch/nn/losses.py",
)
"""The files that a pixel passes from a shard to SC-FEGAN's loss."""


def crossing() -> list[str]:
    """Test modules that import another one: what is shared lies in modules of its own or in a conftest."""
    paths = build_files.modules()
    tests = {name for name in paths if name.startswith("tests.") and name.endswith("_test")}
    used = {name: build_files.imports(name, ROOT, paths) & tests for name in sorted(tests)}
    return [f"{name} imports {other}" for name, others in used.items() for other in sorted(others)]


def modules_of(module: str) -> list[str]:
    """The modules of tfsketch that importing one loads, in a fresh process; itself and packages included."""
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if m.split('.')[0] == 'tfsketch'))"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return process.stdout.split()


def main() -> None:
    counts = lines()
    long = {name: count for name, count in counts.items() if count > 300}
    print(f"entries at the top of tfsketch/: {len(entries())} ({', '.join(entries())})")
    print(f"largest file: {next(iter(counts.values()))} lines; over 300: {len(long)}")
    for name, count in long.items():
        print(f"  {count} {name}")
    print(f"test modules that import another: {len(crossing())}")
    path = sum(counts[name] for name in PIXEL_PATH)
    print(f"a pixel's path, from data to SC-FEGAN's loss: {len(PIXEL_PATH)} files, {path} lines")
    client = modules_of("tfsketch.serving")
    print(f"modules that import tfsketch.serving reaches: {len(client)} ({', '.join(client)})")


if __name__ == "__main__":
    main()
