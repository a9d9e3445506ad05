"""A sixth system costs a folder and a line: the toy does what every system must, and no other file knows of it."""

import pathlib
import subprocess

import pytest

from tests.systems.conformance import Conformance
from tests.toy import TOY, ToyTask
from tfsketch import systems
from tfsketch.errors import TrainingError
from tfsketch.training.task import check_terms

ROOT = pathlib.Path(__file__).resolve().parents[2]
_SETTINGS = "{system: toy, image_size: 16, sketch: {style: canny}, prepare: {styles: [canny], regions: none}}"


class TestToy(Conformance):
    """With its line in the table."""

    @pytest.fixture
    def settings(self, monkeypatch):
        monkeypatch.setitem(systems.SYSTEMS, "toy", TOY)
        return systems.parse(_SETTINGS)

    def test_a_weight_without_a_term_is_refused(self, settings, monkeypatch):
        check_terms(settings, ToyTask(settings))
        monkeypatch.setattr(ToyTask, "terms", ())
        with pytest.raises(TrainingError, match="ToyLossConfig: expected a term of ToyTask .* none for pixel"):
            check_terms(settings, ToyTask(settings))


def test_no_other_file_knows_of_it():
    listing = subprocess.run(
        ["git", "grep", "-liw", "toy", "--", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a checkout")
    # The faults are tried on the smallest system that there is.
    assert [name for name in listing.stdout.split() if not name.startswith(("tests/toy/", "tests/proof/"))] == []
