"""The notebook in docs: its cells run, in order, with the shipped model."""

from __future__ import annotations

import json
import pathlib

import numpy as np

from tfsketch.images import files

NOTEBOOK = pathlib.Path(__file__).resolve().parents[1] / "docs" / "editor.ipynb"


def test_the_cells_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    names: dict = {}
    for number, cell in enumerate(cells):
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    assert len(cells) == 5
    output = files.read_rgb(tmp_path / "edited.png")
    assert (
        (output == names["result"]).all() and names["changed"].any() and not np.array_equal(output, names["photograph"])
    )
