"""What the house measures: `python -m tests.house`, or `make house`.

Entries at the top of `tfsketch/`, lines of its files, what a client of a server imports, and imports against the order
of the floors. `house_test` holds the figures that are reached.
"""

from __future__ import annotations

import subprocess
import sys

from tests import build_files

ROOT = build_files.ROOT
FLOORS = (
    "errors version vocabulary cli config images nn conditions framing data training evaluation backends editor export "
    "systems zoo batch app benchmarks serving projection"
).split()
"""Entries at the top of `tfsketch/`, from the ground up; an import goes down. (Of `serving`, a client for other
programs, and `projection`, a public name, nothing is imported.)"""
KNOWN_UPWARD = {
    # The face parser is a system, and what prepares photographs, restyles regions or judges drawings asks for it by
    # name; the same of the model that a name stands for.
    ("backends", "zoo"),
    ("data", "systems"),
    ("data", "zoo"),
    ("editor", "systems"),
    ("editor", "zoo"),
    ("export", "systems"),
    ("export", "zoo"),
    ("systems", "zoo"),
    ("training", "systems"),
    ("training", "zoo"),
}
"""Pairs of floors between which imports still go up: what the one record a system is to turn round."""


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


def reached(module: str) -> list[str]:
    """The modules of tfsketch that importing one loads, in a fresh process; itself and packages included."""
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if m.split('.')[0] == 'tfsketch'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def upward() -> set[tuple[str, str, str, str]]:
    """Imports against the order: (floor, floor above it, module, module that it imports)."""
    known = build_files.modules()
    found = set()
    for name in known:
        if not name.startswith("tfsketch."):
            continue
        for other in build_files.imports(name, ROOT, known) - {"tfsketch"}:
            here, there = name.split(".")[1], other.split(".")[1]
            if other.startswith("tfsketch.") and FLOORS.index(there) > FLOORS.index(here):
                found.add((here, there, name, other))
    return found


def main() -> None:
    counts, up = lines(), upward()
    long = {name: count for name, count in counts.items() if count > 300}
    print(f"entries at the top of tfsketch/: {len(entries())} ({', '.join(entries())})")
    print(f"largest file: {next(iter(counts.values()))} lines; over 300: {len(long)}")
    for name, count in long.items():
        print(f"  {count} {name}")
    client = reached("tfsketch.serving")
    print(f"modules that import tfsketch.serving reaches: {len(client)} ({', '.join(client)})")
    print(f"imports against the order of floors: {len(up)}, between {len({pair[:2] for pair in up})} pairs of floors")
    for _, _, name, other in sorted(up):
        print(f"  {name} -> {other}")


if __name__ == "__main__":
    main()
