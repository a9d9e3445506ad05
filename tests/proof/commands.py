"""The commands and Python blocks of README and docs, run as they are written: `python -m tests.proof.commands`.

Every document gets a copy of the checkout with small files under the names that its commands use; what they make is
there for the next ones. A block is a script of the shell, which ends at its first error. `short.py` is between the
shell and the binaries: shipped models and experiments, but two steps, four pictures. `pip install` is tried without
installing (`--dry-run`). Blocks with a mark are not run (`tests/documents.py`); `docs_test` holds that every other is.

`--fresh` runs one block alone, the README's from a folder of photographs to a served model, in a folder that holds the
wheel and those photographs, and an empty virtual environment: minutes, and 3 GB for as long.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence

from tests import documents
from tests.documents import ROOT, Block

SHORT = pathlib.Path(__file__).with_name("short.py")
RECORD = pathlib.Path(__file__).with_suffix(".json")
"""What came of every block when it was last run: document -> digest of the block's text -> the day, and behind it what
went wrong, where something did. It is kept with the code, since no machine runs all of them in a day."""
TITLE = (
    "| document | blocks | went through | failed | still to be run | with a reason why not | oldest run |\n| --- |"
    + " ---: |" * 6
)
_NAMES = """
import tfsketch
from tfsketch.images import files
image, style = files.read_rgb("photo.jpg"), files.read_rgb("you.jpg")
first, second = files.read_rgb("a.jpg"), files.read_rgb("b.jpg")
mask, sketch = files.read_rgb("mask.png")[..., 0], 255 - files.read_rgb("drawing.png")[..., 0]
color = files.read_rgba("color.png")
"""
"""What Python blocks take for given: uint8 arrays."""
_STRIPPED = ("PYTHONPATH", "VIRTUAL_ENV")


def small_data(folder: pathlib.Path, text: str) -> None:
    """The files that a document of some text names."""
    import cv2
    import numpy as np
    import skimage.data

    from tfsketch.images import files, openraster

    portrait = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])
    mask, sketch = np.zeros((256, 256), np.uint8), np.full((256, 256), 255, np.uint8)
    cv2.rectangle(mask, (90, 90), (170, 150), 255, -1)
    cv2.line(sketch, (95, 120), (165, 120), 0, 2)
    color = np.zeros((256, 256, 4), np.uint8)
    cv2.line(color, (100, 130), (160, 130), (60, 90, 160, 255), 8)
    face = np.full((256, 256), 255, np.uint8)
    cv2.ellipse(face, (128, 128), (70, 95), 0, 0, 360, 0, 2)
    cv2.circle(face, (100, 110), 9, 0, 2)
    cv2.circle(face, (156, 110), 9, 0, 2)
    for name in ("photo", "face", "me", "you", "a", "b", "036_03", "014_03"):
        shift = sum(map(ord, name)) % 23
        files.write_bytes(folder / f"{name}.jpg", cv2.imencode(".jpg", np.roll(portrait, shift, 1)[..., ::-1])[1])
    for name, layer in (("mask", mask), ("sketch", sketch), ("color", color), ("drawing", face)):
        files.write_png(folder / f"{name}.png", layer)
    sheets = {"mask": np.dstack([mask] * 4), "color": color, "image": portrait}
    stack = [openraster.Layer(openraster.NAMES[what][0], files.encode_png(sheet)) for what, sheet in sheets.items()]
    layers = openraster.encode((256, 256), stack, files.encode_png(portrait), files.encode_png(portrait), {})
    files.write_bytes(folder / "layers.ora", layers)
    strokes = (
        '{"size": [256, 256], "strokes": [{"layer": "mask", "points": [[90, 90], [170, 90], [170, 150], [90, 150]], '
        '"fill": true}, {"layer": "sketch", "points": [[95, 120], [165, 120]], "width": 2}]}'
    )
    for name in ("edits", "photo"):
        (folder / f"{name}.json").write_text(strokes)
    for number in range(2):
        for name, layer in (("photos", portrait), ("masks", mask), ("sketches", sketch), ("drawings", face)):
            files.write_png(folder / name / f"{number}.png", np.roll(layer, 3 * number, 1))
        files.write_png(folder / "people" / f"{number}.png", np.roll(portrait, 11 * number, 1))
    several = ["photographs", "others", "data/faces256"] + ([] if "--output=data/holdout" in text else ["data/holdout"])
    for shift, name in enumerate(several):
        for number in range(8):
            files.write_png(folder / name / f"{number}.png", np.roll(portrait, 17 * number + shift, (1, 0)))


def _executable(path: pathlib.Path, lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{lines}\n", encoding="utf-8")
    path.chmod(0o755)


def _commands(folder: pathlib.Path, python: str, fresh: bool) -> pathlib.Path:
    """A folder of what the documents call, for PATH: binaries by `short.py`, and where it is not a fresh environment,
    `python` and a `pip` that tries."""
    tools = sorted(path.stem for path in (ROOT / "tools").glob("*.py") if path.stem != "__init__")
    for tool in tools:
        name = f"tfsketch-{tool.replace('_', '-')}"
        _executable(folder / name, f'exec "{python}" "{SHORT}" {name if fresh else f"tools.{tool}"} "$@"')
    if not fresh:
        through = f'if [[ "$1" == -m && "$2" == tools.* ]]; then shift; exec "{python}" "{SHORT}" "$@"; fi'
        _executable(folder / "python", f'{through}\nexec "{python}" "$@"')
        quiet = "--quiet --disable-pip-version-check"
        tries = f'[ "$1" = install ] && exec "{python}" -m pip install {quiet} --dry-run "${{@:2}}"'
        _executable(folder / "pip", f'{tries}\n[ "$1" = wheel ] && exec "{python}" -m pip "$@" {quiet}')
    return folder


def _wheel(folder: pathlib.Path) -> None:
    """Makes the wheel in a folder, as the README says, of a clone that is gone then."""
    with tempfile.TemporaryDirectory(prefix="clone-") as clone:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), clone], check=True)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", clone]
        subprocess.run(command, check=True)


def _checkout(folder: pathlib.Path) -> None:
    """A copy of the checkout as it lies here: the files that git knows."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def _run(command: list[str], folder: pathlib.Path, path: str) -> str:
    """Runs a command; what went wrong, empty where nothing did."""
    environment = {key: value for key, value in os.environ.items() if key not in _STRIPPED} | {"PATH": path}
    process = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return (
        f"ended with {process.returncode}:\n{(process.stdout + process.stderr)[-2500:]}" if process.returncode else ""
    )


def _block(block: Block, before: list[str], folder: pathlib.Path, path: str) -> str:
    """Runs a block after the imports of those before it; what went wrong."""
    if block.language == "python":
        return _run(["python", "-c", "\n".join([_NAMES, *before, block.text])], folder, path)
    return _run(["bash", "-euo", "pipefail", "-c", block.text], folder, path)


def run(
    document: pathlib.Path, scratch: pathlib.Path, first: int = 0, last: int = sys.maxsize
) -> Iterator[tuple[Block, str, float]]:
    """Runs the blocks of a document that begin in these lines; (block, what went wrong, seconds)."""
    path = f"{_commands(scratch / 'bin', sys.executable, False)}:{os.environ['PATH']}"
    blocks, folder, before = documents.blocks(document), scratch / document.stem, []
    if any(not block.reason for block in blocks):
        _checkout(folder)
        small_data(folder, document.read_text(encoding="utf-8"))
        if any(".whl" in block.text and not block.reason for block in blocks):
            _wheel(folder)
    for block in blocks:
        if block.reason or not first <= block.line <= last:
            continue
        start = time.monotonic()
        problem = _block(block, before, folder, path)
        if block.language == "python":
            before += documents.imports(block.text)
        yield block, problem, time.monotonic() - start
    shutil.rmtree(folder, ignore_errors=True)


def fresh(scratch: pathlib.Path) -> bool:
    """Runs the README's block that installs and trains, a line at a time, in a folder without a clone and an
    environment of its own; whether all went well."""
    block = next(b for b in documents.blocks(ROOT / "README.md") if "pip install" in b.text and "-train " in b.text)
    folder, environment = scratch / "folder", scratch / "environment"
    _wheel(folder)
    small_data(folder, block.text)
    venv.create(environment, with_pip=True)
    commands = _commands(scratch / "bin", str(environment / "bin" / "python"), True)
    path = f"{commands}:{environment / 'bin'}:{os.environ['PATH']}"
    for line in block.text.replace("\\\n", " ").splitlines():
        start = time.monotonic()
        problem = _run(["bash", "-euo", "pipefail", "-c", line], folder, path)
        print(f"{'FAILED' if problem else 'ran'} | {time.monotonic() - start:.0f} s | {line}\n{problem}", flush=True)
        if problem:
            return False
    return True


def _digest(block: Block) -> str:
    return hashlib.sha256(block.text.encode()).hexdigest()[:16]


def _records() -> dict[str, dict[str, str]]:
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}


def record(block: Block, problem: str, document: pathlib.Path) -> None:
    """Writes down what came of a block of a document, and drops what is said of texts that it no longer has."""
    records = _records()
    there = {_digest(other) for other in documents.blocks(document)}
    days = {digest: day for digest, day in records.get(block.document, {}).items() if digest in there}
    last = problem.strip().splitlines()[-1:] or [""]
    days[_digest(block)] = f"{datetime.date.today()} {last[0]}".strip()
    text = json.dumps(records | {block.document: days}, indent=1, sort_keys=True, ensure_ascii=False)
    RECORD.write_text(text + "\n", encoding="utf-8")


def table(paths: Sequence[pathlib.Path] = documents.DOCUMENTS) -> str:
    """What came of the blocks as they are written now, a row a document."""
    records = _records()
    rows = [TITLE]
    for path in paths:
        blocks = documents.blocks(path)
        run = [block for block in blocks if not block.reason]
        days = [records.get(block.document, {}).get(_digest(block), "") for block in run]
        due, failures = days.count(""), sum(" " in day for day in days)
        numbers = (len(blocks), len(run) - failures - due, failures, due, len(blocks) - len(run))
        if blocks:
            oldest = min((day for day in days if day), default="").partition(" ")[0]
            rows.append(f"| {path.name} | {' | '.join(map(str, numbers))} | {oldest} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [path.name for path in documents.DOCUMENTS]
    parser.add_argument(
        "--only", nargs="+", default=names, metavar="NAME", help="serving.md, or its blocks of lines: serving.md:20-60"
    )
    parser.add_argument("--list", action="store_true", help="say what would be run, and why the rest is not")
    parser.add_argument("--fresh", action="store_true", help="the README's block from photographs to a served model")
    parser.add_argument("--markdown", help="document whose table of commands is replaced")
    arguments = parser.parse_args()
    chosen_lines = {name: lines for name, _, lines in (one.partition(":") for one in arguments.only)}
    if wrong_names := set(chosen_lines) - set(names):
        parser.error(f"expected documents among {', '.join(names)}, found {', '.join(sorted(wrong_names))}")
    choice = [path for path in documents.DOCUMENTS if path.name in chosen_lines]
    if arguments.list:
        for block in (block for path in choice for block in documents.blocks(path)):
            print(f"{block.place} | {block.language} | {block.reason or 'runs'}\n{block.text}")
        return
    scratch, failures = pathlib.Path(tempfile.mkdtemp(prefix="commands-")), 0
    try:
        if arguments.fresh:
            raise SystemExit(not fresh(scratch))
        for document in choice:
            ends = [int(line) for line in chosen_lines[document.name].split("-") if line]
            for block, problem, seconds in run(document, scratch, *ends):
                record(block, problem, document)
                failures += bool(problem)
                print(f"{'FAILED' if problem else 'ran'} | {block.place} | {seconds:.0f} s\n{problem}", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(table())
    if arguments.markdown:
        from tfsketch.evaluation import report

        report.write_section(arguments.markdown, "commands", table())
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
