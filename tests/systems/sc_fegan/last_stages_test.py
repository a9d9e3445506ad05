"""The protocol of the last stages, on smooth photographs with grain, of which a tiny model repaints parts."""

import numpy as np
import pytest

from tests.pictures import crops
from tfsketch.conditions import sketches
from tfsketch.config import SketchConfig
from tfsketch.errors import DataError
from tfsketch.images import files
from tfsketch.systems import protocols
from tfsketch.systems.sc_fegan import last_stages

SIDE = 64


@pytest.fixture(name="photographs", scope="module")
def _photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    for number, picture in enumerate(crops(3, SIDE)):
        grain = np.random.default_rng(number).normal(0, 12, picture.shape)
        files.write_png(folder / f"{number}.png", np.clip(picture + grain, 0, 255).astype(np.uint8))
    return folder


def test_the_stages_are_measured_alone_and_together(editing_folder, photographs, tmp_path, monkeypatch):
    class Canny(sketches.Sketcher):
        """HED takes seconds a picture, and has its own tests."""

        def __init__(self, config: SketchConfig, style: str = ""):
            del style
            super().__init__(config, "canny")

    monkeypatch.setattr(sketches, "Sketcher", Canny)
    results = protocols.evaluate(editing_folder, photographs, tmp_path, image_size=SIDE, protocol="last_stages")
    rows = {row["method"]: row for row in results.rows}
    assert list(rows) == list(last_stages.STAGES) and len(results.sheet) == 3 and len(results.titles) == 6
    none, seam, texture, both = rows.values()
    assert (none["ratio"], none["worse"]) == (1.0, 0.0)
    for row in rows.values():
        assert row["ratio"] == pytest.approx(row["st_lpips_hole"] / none["st_lpips_hole"])
        low, high = row["intervals"]["st_lpips_hole"]
        assert low <= row["st_lpips_hole"] <= high and 0 <= row["worse"] <= 1
    # Random weights leave a step and no grain; each stage mends its own.
    assert seam["seam"] < none["seam"] and seam["sharpness"] != none["sharpness"]
    assert texture["sharpness"] > none["sharpness"] and both["seam"] < texture["seam"]
    assert last_stages.closing(results.rows) in (tmp_path / "results.md").read_text()


def test_pictures_that_are_not_enlarged_are_refused(editing_folder, photographs, tmp_path):
    with pytest.raises(DataError, match="last_stages: expected pictures larger than the model's 32 px.*found 32"):
        protocols.evaluate(editing_folder, photographs, tmp_path, image_size=32, protocol="last_stages")
