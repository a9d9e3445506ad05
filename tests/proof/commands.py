"""The commands of README and docs, run as they are written: `python -m tests.proof.commands`.

Every document gets a folder of its own with small files under the names that its commands use; what they make is there
for the next ones. Binaries run with the shipped models and the shipped experiments, trainings for two steps. `NOT_RUN`
says of every other command why it is not run; `docs_test` holds that no command is in neither.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_COMMAND = re.compile(
    r"(?:python -m (?:tools|tests|http)|tfsketch-|make |pip |docker |curl |for |cp |[A-Z_]+=\S+ pytest)"
)
NOT_RUN = {
    r"^(make|pip) ": "installs or checks all of it; .ci/run and tests/installed_test.py do",
    r"^(docker|curl) ": "TensorFlow Serving is not here; tests/serving_test.py sends the same to a stand-in",
    r"^python -m tests\.proof": "an hour; it is what docs/reliability.md shows the tables of",
    r"^python -m http\.server": "Python's own server of what the command before it has written",
    r"--format=web": "fetches LiteRT.js by npm; tests/app/static_test.py makes a page",
    r"^python -m tools\.benchmark": "measures speed on an idle machine; tests/benchmarks runs each at a small size",
    r"--markdown=|holdout(?:\d+|\.txt)": "data sets that are not ours to ship; the systems' tests run every protocol",
    r"\bRUN\b|\bSMALLER\b|\bCONFIG\b|\bTHIS_MACHINE\b| \.\.\.": "a pattern that names no files",
    r"^cp -r runs/cali128|runs/cali128_direct": "of an ablation; needs the run of the shipped weights",
    r"convert_sc_fegan": "the authors' checkpoint is not ours to ship; its tests convert one that they make",
    r"^for model": "the commands before it, for every model; tests/export runs each at a small size",
    r"portrait\.jpg fringe\.json|03[0-9]_03\.jpg|drawings --output=out/": "other people's portraits and drawings",
}
"""Pattern of a command -> why it is not run."""


def commands(path: pathlib.Path) -> list[str]:
    """The commands of a document that stand on lines of their own, without comments."""
    text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
    text = re.sub(r"^```python.*?^```", "", text, flags=re.S | re.M)
    text = re.sub(r"^(    |)(for .*)\n(?:.*\n)*?\s*done$", r"    \2", text, flags=re.M)
    lines = re.findall(r"^ {4}(\S.*)$", text, re.M) + re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.S | re.M)
    commands = [line for block in lines for line in block.splitlines() if _COMMAND.match(line)]
    return [re.sub(r"\s+#\s.*$", "", line) for line in commands]


def reason(command: str) -> str:
    """Why a command is not run; empty where it is."""
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), "")


def small_data(folder: pathlib.Path) -> None:
    """The files that the documents name."""
    import cv2
    import numpy as np
    import skimage.data

    from tfsketch.images import files

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
    for name in ("photo", "face", "me", "you", "a", "b"):
        shift = sum(map(ord, name)) % 23
        files.write_bytes(folder / f"{name}.jpg", cv2.imencode(".jpg", np.roll(portrait, shift, 1)[..., ::-1])[1])
    for name, layer in (("mask", mask), ("sketch", sketch), ("color", color), ("drawing", face)):
        files.write_png(folder / f"{name}.png", layer)
    strokes = (
        '{"size": [256, 256], "strokes": [{"layer": "mask", "points": [[90, 90], [170, 90], [170, 150], [90, 150]], '
        '"fill": true}, {"layer": "sketch", "points": [[95, 120], [165, 120]], "width": 2}]}'
    )
    for name in ("edits", "photo"):
        (folder / f"{name}.json").write_text(strokes)
    for number in range(2):
        for name, layer in (("photos", portrait), ("masks", mask), ("sketches", sketch), ("drawings", face)):
            files.write_png(folder / name / f"{number}.png", np.roll(layer, 3 * number, 1))
        for name in ("people", "others"):
            files.write_png(folder / name / f"{number}.png", np.roll(portrait, 11 * number, 1))
    for number in range(8):
        files.write_png(folder / "photographs" / f"{number}.png", np.roll(portrait, 17 * number, 1))
    (folder / "configs").symlink_to(ROOT / "configs")


def _run(lab, folder: pathlib.Path, command: str) -> str:
    """Runs a command in a folder; what went wrong, empty where nothing did."""
    words = shlex.split(command)
    tool = words[2].partition(".")[2] if words[0] == "python" else words[0].removeprefix("tfsketch-").replace("-", "_")
    flags = words[3:] if words[0] == "python" else words[1:]
    if tool == "app":
        flags = [*flags, "--nobrowser", "--port=0"]
    if tool == "evaluate":
        flags = [*flags, "--count=4"]

    def patch() -> None:
        from tests.proof.faults import _until

        os.chdir(folder)
        if tool == "train":
            _until(2)

    process = lab.run(tool, *flags, patch=patch)
    if tool == "app":
        process.send_when(lambda: "The editor is at" in process.output, signal.SIGTERM)
    status = process.wait()
    expected = (0, -signal.SIGTERM) if tool == "app" else (0,)
    return "" if status in expected else f"ended with {status}: {process.output[-1500:]}"


def run_all(documents: list[pathlib.Path], scratch: pathlib.Path) -> Iterator[str]:
    """Runs every command once; a line each."""
    from tests.proof.lab import Lab

    lab = Lab.__new__(Lab)  # its own folders and trainings are not needed
    lab.root, lab._number = scratch, 0
    done: set[str] = set()
    for path in documents:
        folder = scratch / path.stem
        small_data(folder)
        for command in commands(path):
            if command in done or reason(command):
                continue
            done.add(command)
            if "--data=data/holdout" in command and not (folder / "data" / "holdout").exists():
                shutil.copytree(folder / "data" / "mine", folder / "data" / "holdout")
            begun = time.monotonic()
            problem = _run(lab, folder, command)
            what = f"LOST {problem}" if problem else "ran"
            yield f"{what} | {path.name} | {command} | {time.monotonic() - begun:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[path.name for path in DOCUMENTS], help="names of documents")
    parser.add_argument("--list", action="store_true", help="say what would be run, and why the rest is not")
    arguments = parser.parse_args()
    documents = [path for path in DOCUMENTS if path.name in arguments.only]
    if arguments.list:
        for path in documents:
            for command in commands(path):
                print(f"{path.name} | {command} | {reason(command) or 'runs'}")
        return
    scratch, failed = pathlib.Path(tempfile.mkdtemp(prefix="commands-")), False
    try:
        for line in run_all(documents, scratch):
            failed |= line.startswith("LOST")
            print(line, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
