"""A server of the app with three small models, and a browser."""

from __future__ import annotations

import shutil

import pytest

from tests.app.client import serving
from tfsketch.app import studio as studio_lib

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)


@pytest.fixture(scope="module")
def studio(model_dirs):
    made = studio_lib.Studio(model_dirs)
    yield made
    made.close()


@pytest.fixture(scope="module")
def port(studio):
    with serving(studio) as number:
        yield number


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, where there is one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=[*switches, "--disable-sync", "--no-first-run"])
        yield started
        started.close()
