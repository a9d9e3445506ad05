"""docs/results.md can be made again: what the document says, and a small document made twice."""

from __future__ import annotations

import re
import shutil

import pytest
import tensorflow as tf

from tests import results
from tests.pictures import labelled_shards
from tests.tiny import FACE_PARSER, save_model
from tfsketch import systems
from tfsketch.evaluation import report
from tfsketch.systems import protocols

_PAGE = """# Small

<!-- not run: `make results` runs it -->

    python -m tools.evaluate --model={model} --data=data/small --output=out/parser --markdown=docs/results.md

Before <!-- face_parser:begin -->
<!-- face_parser:end --> and after.

<!-- not run: from a run that is not shipped -->

    python -m tools.evaluate --model=RUN --data=data/small --output=out/run --markdown=docs/results.md
"""


def test_every_section_of_the_document_has_its_command():
    result = {section.name: section for section in results.sections()}
    assert len(result) >= 12
    text = results.DOCUMENT.read_text(encoding="utf-8")
    there = set(re.findall(r"<!-- (\w+):begin -->", text))
    assert set(result) <= there
    assert result["face_parser"].before[0][0] == "prepare_data" and result["benchmark_pipeline"].speed
    # The others say that they cannot be made from what is shipped.
    other = {name for name in there - set(result) if not name.startswith("region_edit_")}
    former = {"transplant_sc_fegan_before", *(f"cali_sketch_{name}" for name in ("128", "before", "direct", "doubled"))}
    assert other == {"sc_fegan", "sc_fegan_at_256", *former}


def test_sections_that_can_be_made_are_of_the_shipped_weights():
    """Who ships others without making the section again is told here, and sees to the text around the table."""
    stale = {}
    for section in results.sections():
        model = section.flags().get("model", results.MODELS[0])
        if section.command[0] == "evaluate":
            weights = report.describe(model, results.MODELS_FOLDER / model)["weights_sha256"]
            values = re.search(r"model `(\w+)`, weights `(\w+)`", results.text_of(results.DOCUMENT, section.name))
            if not values or values[1] != model or values[2] != weights:
                stale[section.name] = values and values[0]
    assert not stale, f"expected sections of the shipped weights, found others: {stale}"


def test_differences_of_figures_are_counted():
    table = "Weights `ab12`, 2026-11-28.\n\n| a | 1.00 [0.50, 2.00] |\n| sc_fegan 0.3 | -2.5 |"
    assert results.difference(table, table.replace("2026-11-28", "2027-01-01")) == "all 5 figures as before"
    assert "1 of 5" in results.difference(table, table.replace("-2.5", "-2.6"))
    assert "another table" in results.difference(table, table + "\n| b | 1 |")


@pytest.fixture
def small(tmp_path):
    """A document of one section, its model and its data."""
    settings = systems.parse(FACE_PARSER, "parser", ["prepare.regions=labels"])
    tf.keras.utils.set_random_seed(3)
    model = systems.build(settings)
    save_model(tmp_path / "model", model, settings)
    shutil.copytree(labelled_shards(tmp_path, settings), tmp_path / "work" / "data" / "small")
    page = tmp_path / "page.md"
    page.write_text(_PAGE.format(model=tmp_path / "model"))
    return page


def _evaluate(tool, arguments):
    """`tools.evaluate` in this process."""
    assert tool == "evaluate"
    flags = results._flags((tool, *arguments))
    protocols.evaluate(flags["model"], flags["data"], flags["output"], markdown=flags["markdown"])
    return ""


def test_a_document_is_made_twice_to_the_same_figures_and_goes_on_where_it_stopped(small, tmp_path):
    (section,) = results.sections(small)
    maker = results.Maker(small, tmp_path / "nowhere", tmp_path / "work", _evaluate)
    assert maker.make(section) == "new"
    first = small.read_text()
    assert first.startswith("# Small") and first.count("--data=small`") == 1 and "and after." in first
    assert re.search(r"\| skin \| 0\.\d+ \[0\.\d+, 0\.\d+\] \|", first), first  # with its interval
    assert "made before" in maker.make(section)
    assert re.fullmatch(r"all \d\d+ figures as before", maker.make(section, again=True))
    with open(tmp_path / "model" / "weights.npz", "ab") as weights:
        weights.write(b"\0")  # other weights, as far as their fingerprint goes
    assert "figures as before" in maker.make(section)


def test_missing_data_and_errors_are_said(small, tmp_path):
    (section,) = results.sections(small)
    with pytest.raises(RuntimeError, match=r"expected data/small .* in .*nowhere, found nothing"):
        results.Maker(small, tmp_path / "nowhere", tmp_path / "elsewhere", _evaluate).make(section)
    failing = results.Maker(small, tmp_path, tmp_path / "work", lambda tool, arguments: f"tools.{tool} ended with 2")
    with pytest.raises(RuntimeError, match=r"tools.evaluate ended with 2"):
        failing.make(section)
    assert not (tmp_path / "work" / "out" / "results").exists()
