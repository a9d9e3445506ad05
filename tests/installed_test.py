"""What is shipped: a source distribution, the wheel built from it alone, and the commands of its installation.

`TFSKETCH_INSTALLED=1` runs it, as .ci/run does: packing and unpacking the weights takes its time.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from tests.build_files import ROOT
from tfsketch.images import files

pytestmark = pytest.mark.skipif("TFSKETCH_INSTALLED" not in os.environ, reason="TFSKETCH_INSTALLED=1 runs it")
_BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def _run(*command: str, cwd: pathlib.Path, **environment: str) -> str:
    process = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """A folder that pip has installed the wheel into, built from what the source distribution holds."""
    root = tmp_path_factory.mktemp("distribution")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if "setup.py" not in listing:
        pytest.skip("not a checkout")
    for name in filter(None, listing):
        if (ROOT / name).is_file():
            (root / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / "source" / name)
    archive = _run(sys.executable, "-c", _BUILD, "build_sdist", str(root), cwd=root / "source").split()[-1]
    with tarfile.open(root / archive) as contents:
        # Newer Pythons want to be told that nothing may come out of the folder.
        contents.extractall(root / "unpacked", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    folder = next((root / "unpacked").iterdir())
    wheel = _run(sys.executable, "-c", _BUILD, "build_wheel", str(root), cwd=folder).split()[-1]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    _run(*pip, f"--target={root / 'installed'}", str(root / wheel), cwd=root)
    with zipfile.ZipFile(root / wheel) as contents:
        names = set(contents.namelist())
    return root / "installed", names


def test_the_wheel_has_what_is_imported_and_read(installation):
    _, names = installation
    sources = [path for folder in ("tfsketch", "configs", "tools") for path in (ROOT / folder).rglob("*")]
    sources = [
        path.relative_to(ROOT).as_posix() for path in sources if path.is_file() and "__pycache__" not in path.parts
    ]
    places = [name if name.startswith("tfsketch/") else f"tfsketch/{name}" for name in sources]
    missing = [name for name in places if name not in names and not name.endswith("/BUILD")]
    assert not missing, missing
    assert not [name for name in names if name.startswith(("tests", "tools", "configs")) or name.endswith("BUILD")]


@pytest.mark.parametrize("name", ["edit", "train", "export", "prepare-data", "app"])
def test_installed_commands_speak_of_themselves(installation, name):
    folder, _ = installation
    process = subprocess.run(
        [sys.executable, str(folder / "bin" / f"tfsketch-{name}"), "--help"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"tfsketch-{name}" in process.stdout and "python -m tools" not in process.stdout, process.stderr


def test_an_installation_edits_with_the_weights_that_it_ships(installation, tmp_path):
    folder, _ = installation
    photograph = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    files.write_png(tmp_path / "photo.png", photograph)
    files.write_png(tmp_path / "mask.png", mask)
    flags = ["--image=photo.png", "--mask=mask.png", "--output=edited.png", "--side=64"]
    _run(sys.executable, str(folder / "bin" / "tfsketch-edit"), *flags, cwd=tmp_path, PYTHONPATH=str(folder))
    result = files.read_rgb(tmp_path / "edited.png")
    np.testing.assert_array_equal(result[mask == 0], photograph[mask == 0])
    assert np.abs(result[mask > 0].astype(int) - photograph[mask > 0]).mean() > 1
