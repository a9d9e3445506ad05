"""A server of the app with three small models, and a browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests import build_files
from tests.app.client import gradient, png_of, serving
from tests.conftest import once
from tfsketch import zoo
from tfsketch.app import litert, static
from tfsketch.app import studio as studio_lib
from tfsketch.backends.tflite import TFLite
from tfsketch.editor.editor import Editor
from tfsketch.errors import ExportError

_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The shell first: Chromium without its own windows and menus, which cost as much as a page."""
CHROMIUM = next((path for name in _BROWSERS if (path := shutil.which(name))), "")


@pytest.fixture(scope="session")
def studio(model_dirs):
    studio = studio_lib.Studio(model_dirs)
    yield studio
    studio.close()


@pytest.fixture(scope="session")
def port(studio):
    with serving(studio) as number:
        yield number


@contextlib.contextmanager
def chromium():
    """Headless Chromium. Its driver's event loop runs in this thread as long."""
    from playwright import sync_api

    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*switches, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, where there is one."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium-headless-shell)")
    with chromium() as browser:
        yield browser


@pytest.fixture(name="photo", scope="module")
def _photo_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    path.write_bytes(png_of(gradient()))
    return path


@pytest.fixture(name="other", scope="module")
def _other_file(tmp_path_factory):
    """A photograph of another size."""
    path = tmp_path_factory.mktemp("photo") / "other.png"
    path.write_bytes(png_of(gradient(50, 90)))
    return path


@pytest.fixture(name="shots")
def _shots():
    """A folder for screenshots, where someone has asked for them."""
    return os.environ.get("TFSKETCH_SHOTS", "")


@pytest.fixture(scope="session")
def archives():
    """A folder of LiteRT.js's archives, where npm can fetch them or has."""
    try:
        litert.archives()
    except ExportError as error:
        pytest.skip(str(error))
    return litert.cache_folder()


_LOADED = (4, 14)
"""What a first visit to a shipped model's page loads, in MB."""


@pytest.fixture(scope="session")
def site(archives, tmp_path_factory):
    """A shipped model's folder, by the binary."""

    def make(root) -> None:
        command = [sys.executable, "-m", "tools.export", "--model=sc_fegan_mobile", "--format=web"]
        process = subprocess.run(
            [*command, f"--output={root / 'site'}", f"--litert={archives}"],
            cwd=build_files.ROOT,
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr[-2000:]
        assert _LOADED[0] < float(re.search(r"loads ([\d.]+) MB", process.stdout)[1]) < _LOADED[1]

    return once(tmp_path_factory, "site", make) / "site"


def _site(model: str, archives, factory):
    """Another's, by what the binary calls: importing TensorFlow again takes seconds."""

    def make(root) -> None:
        content = static.export(zoo.load_model(model), model, root / model, runtime=archives)
        assert _LOADED[0] < static.first_load(content) / 1e6 < _LOADED[1]

    return once(factory, f"site-{model}", make) / model


@pytest.fixture(scope="session")
def drawing_site(archives, tmp_path_factory):
    return _site("cali_sketch", archives, tmp_path_factory)


@pytest.fixture(scope="session")
def restyling_site(archives, tmp_path_factory):
    return _site("region_edit", archives, tmp_path_factory)


@pytest.fixture(scope="session")
def editor(site):
    """The editor of its model, in Python."""
    return Editor(TFLite(site / static._MODEL), find_faces=False, texture=0.0)
