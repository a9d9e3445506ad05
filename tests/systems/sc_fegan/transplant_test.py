"""Features asked for by strokes: what is asked, and the protocol end to end on cartoon faces with labels."""

from __future__ import annotations

import collections
import json
import math

import cv2
import numpy as np
import pytest

from tfsketch.conditions import colors, features, regions, sketches
from tfsketch.config import Config, PrepareConfig, SketchConfig
from tfsketch.data import prepare
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.evaluation import donors, edit_requests
from tfsketch.images import files
from tfsketch.systems import protocols
from tfsketch.systems.sc_fegan import transplant

SIDE = 128
_CELEBAMASK = {"skin": 1, "nose": 2, "glasses": 3, "left eye": 4, "right eye": 5, "left brow": 6, "right brow": 7}
_CELEBAMASK |= {"mouth": 10, "upper lip": 11, "lower lip": 12, "hair": 13}


def _cartoon(number: int, glasses: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A face of 128 px and its labels of CelebAMask-HQ; numbers differ in features, colours and a little in place."""
    rng = np.random.default_rng(number)
    image = np.full((SIDE, SIDE, 3), rng.integers(60, 200, 3), np.uint8)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    dx, dy = (int(v) for v in rng.integers(-2, 3, 2))
    tone = np.array([205, 160, 135]) + rng.integers(-15, 16)

    def part(name: str, center: tuple[int, int], axes: tuple[int, int], color) -> None:
        for layer, value in ((image, tuple(int(c) for c in color)), (labels, _CELEBAMASK[name])):
            cv2.ellipse(layer, (center[0] + dx, center[1] + dy), axes, 0, 0, 360, value, -1)

    part("hair", (64, 55), (42 + int(rng.integers(0, 5)), 50), rng.integers(20, 110, 3))
    part("skin", (64, 68), (32, 44), tone)
    for side, x in (("left", 49), ("right", 79)):
        height = 4 + int(rng.integers(0, 2))
        if glasses:
            part("glasses", (x, 62), (13, 11), (30, 30, 30))
            part("glasses", (x, 62), (11, 9), tone)
        part(f"{side} eye", (x, 62), (8, height), (235, 235, 235))
        cv2.circle(image, (x + dx, 62 + dy), 3, (60, 40, 20), -1)
        part(f"{side} brow", (x, 51 - int(rng.integers(0, 2))), (9, 2), (70, 50, 30))
    part("nose", (64, 75), (7, 10), tone * 0.92)
    cv2.circle(image, (61 + dx, 82 + dy), 1, (60, 30, 30), -1)
    width = int(rng.integers(11, 16))
    part("upper lip", (64, 95), (width, 5), (180, 60, 70))
    if number % 2:
        part("mouth", (64, 95), (width - 4, 2), (240, 240, 235))
    noise = np.random.default_rng([number, 1]).integers(-6, 7, image.shape)
    return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8), labels


def _picture(number: int, glasses: bool = False) -> Picture:
    image, labels = _cartoon(number, glasses)
    return Picture(f"face {number}", {"image": image, "regions": regions.from_celebamask(labels)})


@pytest.fixture(name="pictures", scope="module")
def _pictures() -> list[Picture]:
    return [_picture(number, glasses=number == 3) for number in range(10)]


@pytest.fixture(name="faces", scope="module")
def _faces(pictures) -> list[donors.Face]:
    return [donors.face_of(picture) for picture in pictures]


@pytest.fixture(name="canny", scope="module")
def _canny() -> sketches.Sketcher:
    return sketches.Sketcher(SketchConfig(style="canny"))


def test_everybody_is_edited_by_others(faces):
    edits = donors.schedule(faces)
    assert len(edits) == 20 and edits == donors.schedule(faces)
    assert all(edit.donor != edit.recipient for edit in edits)
    assert len({(edit.kind, edit.recipient) for edit in edits}) == 20
    kinds = collections.Counter(edit.kind for edit in edits)
    assert set(kinds) == set(donors.KINDS) and kinds["glasses"] == 1 and kinds["mouth"] >= kinds["nose"]
    assert {edit.donor for edit in edits if edit.kind == "glasses"} == {3}
    times = collections.Counter(edit.recipient for edit in edits)
    assert all(1 <= times[n] <= 3 for n in range(10))
    # Eyes and brows behind glasses are neither asked for nor given.
    assert not any(3 in (edit.recipient, edit.donor) for edit in edits if edit.kind in ("eyes", "brows"))


def test_nobody_asks_for_what_is_not_there(faces):
    assert not any(edit.kind == "glasses" for edit in donors.schedule([faces[0], faces[1], faces[2]]))
    with pytest.raises(DataError, match="at least two of them"):
        donors.schedule(faces[:1])
    blank = Picture("wall", {"image": np.zeros((64, 64, 3), np.uint8)})
    with pytest.raises(DataError, match="wall: expected a labelled face"):
        donors.face_of(blank)


@pytest.mark.parametrize("kind", donors.KINDS)
def test_a_request_is_what_the_kind_says(kind, pictures, faces, canny):
    donor, feature = (3 if kind == "glasses" else 5), donors.KINDS[kind]
    edit = donors.Edit(kind, 0, donor)
    layers = edit_requests.request(7, edit, pictures, faces, canny)
    again = edit_requests.request(7, edit, pictures, faces, canny)
    other = edit_requests.request(8, edit, pictures, faces, canny)
    for name in ("mask", "sketch", "color", "region", "donor"):
        assert (getattr(layers, name) == getattr(again, name)).all()
    assert (layers.sketch != other.sketch).any()

    labels = pictures[0].regions
    own, mask = regions.mask_of(labels, feature.regions), layers.mask > 0
    assert set(np.unique(layers.mask)) == set(np.unique(layers.sketch)) == {0, 1}
    assert 0.005 < layers.mask.mean() < 0.6 and layers.region.any()
    # The eyes of both lie upon each other, or, where that is the feature's way, the features themselves.
    overlay = edit_requests._lay(pictures[donor], faces[donor], labels, faces[0], feature)
    places = [
        [np.argwhere(regions.mask_of(region_map, feature.regions) > 0).mean(axis=0)]
        if feature.own_position
        else regions.centers(region_map, "eyes")
        for region_map in (labels, overlay.regions)
    ]
    assert np.abs(np.subtract(*places)).max() < 0.7
    if kind != "glasses":  # whose mask is a band along the frame
        assert mask[layers.region > 0].all() and mask[own > 0].all()
        assert layers.mask.sum() > 1.2 * (layers.region | own).sum() * (1.0 if kind != "hair" else 0.85)
    else:
        assert not mask[regions.mask_of(labels, "eyes") > 0].any() and not (layers.region & own).any()
    others = [name for name in edit_requests.FEATURES if name not in feature.regions]
    rest = regions.mask_of(labels, others) & (1 - layers.region) & (1 - own)
    assert kind == "glasses" or not mask[rest > 0].any()

    # Lines run along the feature, within some pixels, and only in the mask.
    assert layers.sketch.sum() >= 8 and mask[layers.sketch > 0].all()
    margin = cv2.dilate(features.region_of(kind, overlay.regions), np.ones((9, 9), np.uint8))
    assert (layers.sketch & margin).sum() > 0.95 * layers.sketch.sum()

    strokes = layers.color[..., 3] > 0
    assert not layers.color[~strokes].any() and mask[strokes].all()
    if kind == "nose":
        assert not strokes.any()
        return
    assert strokes.any() and (strokes & (margin == 0)).sum() == 0
    flat = np.unique(layers.color[strokes], axis=0)
    assert len(flat) <= 2  # a colour for each region: lips, and teeth
    smooth = colors.color_map(overlay.image, edit_requests.SETTINGS.color)
    for name in feature.regions:
        where = regions.mask_of(overlay.regions, name) > 0
        if kind in ("mouth", "brows", "hair") and where.any():
            assert np.abs(flat[:, :3].astype(int) - np.median(smooth[where], axis=0)).max(axis=1).min() <= 3
    if kind == "eyes":
        assert flat[:, :3].max() < 130  # the iris, not the white


def test_lips_are_drawn_as_two(pictures):
    """Closed lips get a line between them, open ones the mouth's outline."""
    recipient, entry = pictures[4], pictures[5]
    assert not regions.mask_of(recipient.regions, "mouth").any() and regions.mask_of(entry.regions, "mouth").any()
    image = recipient.image.copy()
    lips = regions.mask_of(recipient.regions, "lips")
    row = round(np.argwhere(lips > 0)[:, 0].mean())
    image[row][lips[row] > 0] = 30
    line = features._between_lips(image, lips)
    rows, columns = np.nonzero(line)
    inner = (columns > columns.min() + 3) & (columns < columns.max() - 3)
    assert (np.abs(rows[inner] - row) <= 1).all() and len(set(columns)) > 0.9 * lips.any(axis=0).sum()
    region = regions.mask_of(entry.regions, ("mouth", "lips"))
    lines = features.lines_of("mouth", entry.image, entry.regions, region, np.zeros_like(region))
    assert cv2.connectedComponents(lines)[0] - 1 == 2


def test_overlap_counts_the_mask_only():
    region, mask = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    region[10:20, 10:20] = mask[8:22, 8:22] = 1
    lips, other = regions.REGIONS.index("lips"), regions.REGIONS.index("skin")
    labels = np.where(region > 0, np.uint8(lips), np.uint8(other))
    assert transplant.overlap(region, labels, mask, ("mouth", "lips")) == 1.0
    labels[30:, 30:] = lips  # elsewhere
    assert transplant.overlap(region, labels, mask, ("mouth", "lips")) == 1.0
    labels[10:20, 15:20] = other
    assert transplant.overlap(region, labels, mask, ("mouth", "lips")) == 0.5
    assert transplant.overlap(region, labels, mask, ("hair",)) == 0.0


@pytest.fixture(name="shards", scope="module")
def _shards(tmp_path_factory) -> str:
    """Shards of four labelled cartoons."""
    root = tmp_path_factory.mktemp("cartoons")
    for number in range(4):
        image, labels = _cartoon(number, glasses=number == 3)
        files.write_png(root / "images" / f"{number}.png", image)
        files.write_png(root / "masks" / f"{number}.png", labels)
    config = Config(
        image_size=SIDE, sketch=SketchConfig(style="canny"), prepare=PrepareConfig(regions="labels", duplicates=-1)
    )
    prepare.prepare([str(root / "images")], str(root / "shards"), config, labels=str(root / "masks"))
    return str(root / "shards")


@pytest.fixture(name="results", scope="module")
def _results(editing_folder, shards, tmp_path_factory):
    output = tmp_path_factory.mktemp("results")

    class Canny(sketches.Sketcher):
        """HED takes seconds a picture, and has its own tests."""

        def __init__(self, config: SketchConfig):
            super().__init__(config, "canny")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches, "Sketcher", Canny)
        report = protocols.evaluate(editing_folder, shards, output, image_size=SIDE, protocol=transplant.PROTOCOL)
    return report, output


def test_the_protocol(results):
    report, output = results
    assert report.protocol == "transplant_edits" and report.pictures == 4 and len(report.sheet) == 8
    rows = {row["method"]: row for row in report.rows}
    kinds = [kind for kind in donors.KINDS if kind in rows]
    assert "mouth" in kinds and "glasses" in kinds
    assert list(rows) == [
        *kinds,
        "all",
        *(f"{kind}, {method}" for method in ("photograph", "donor") for kind in [*kinds, "all"]),
    ]
    assert rows["all"]["edits"] == 8 == sum(rows[kind]["edits"] for kind in kinds)
    for row in report.rows:
        assert list(row) == ["method", *transplant.COLUMNS, "intervals"]
        assert all(
            value is None or math.isfinite(value) for value in row.values() if not isinstance(value, (str, dict))
        )
        for name, (low, high) in row["intervals"].items():
            assert low <= row[name] <= high
    result, photograph, donor = (rows[name] for name in ("all", "all, photograph", "all, donor"))
    # Random weights paint noise; the donor's photograph has its colours, its edges and its regions.
    assert donor["color_error"] < photograph["color_error"] < result["color_error"]
    assert donor["sketch_f1"] > 0.3 and result["seam"] > 1 and result["sharpness"] is not None
    assert photograph["seam"] is photograph["sharpness"] is donor["rim"] is None
    assert set(result["intervals"]) >= {"overlap", "color_error", "sketch_f1", "seam", "rim"}
    assert "all" in rows and math.isfinite(result["feature_distance"])

    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [line["method"] for line in lines] == list(rows) and lines[0]["image_size"] == SIDE
    details = [json.loads(line) for line in (output / "details.jsonl").read_text().splitlines()]
    assert [line["edit"] for line in details] == list(range(8))
    assert result["overlap"] == pytest.approx(np.mean([line["overlap"] for line in details]))
    assert sorted(path.name for path in output.glob("*.png")) == ["sheet_01.png", "sheet_02.png"]
    sheet = files.read_rgb(output / "sheet_01.png")
    assert sheet.shape == (16 + 5 * 260, 7 * 260, 3)
    text = (output / "results.md").read_text()
    assert text.startswith("<!-- transplant_edits:begin -->") and transplant.closing(report.rows) in text
    low, high = result["intervals"]["overlap"]
    assert f"| {result['overlap']:.3f} [{low:.3f}, {high:.3f}] |" in text


def test_what_the_protocol_refuses(editing_folder, photographs, shards, restyling_folder, tmp_path):
    with pytest.raises(DataError, match="expected a labelled face, found no region map"):
        protocols.evaluate(editing_folder, photographs, tmp_path, image_size=64, protocol="transplant_edits")
    with pytest.raises(DataError, match="sc_fegan .free_form_10_40, transplant_edits, last_stages., found 'other'"):
        protocols.evaluate(editing_folder, shards, tmp_path, protocol="other")
    with pytest.raises(DataError, match="region_edit .region_swaps., found 'transplant_edits'"):
        protocols.evaluate(restyling_folder, shards, tmp_path, protocol="transplant_edits")
    assert not list(tmp_path.iterdir())
