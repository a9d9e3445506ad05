"""The protocol of restyling: reconstruction, swaps, and what an edit changes outside of its mask."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.systems.region_edit.restyling import Parser, grey_photo
from tfsketch.conditions import face_parser
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.images import files
from tfsketch.systems import protocols
from tfsketch.systems.region_edit import protocol as restyling


def test_the_protocol(model_dir, photographs, tmp_path):
    results = protocols.evaluate(model_dir, photographs, tmp_path / "out", image_size=32, section="x")
    rows = {row["method"]: row for row in results.rows}
    assert list(rows) == ["reconstruction", "swap", "hair", "lips", "skin", "background", "free form"]
    assert results.protocol == "region_swaps" and results.pictures == 3
    for name in ("reconstruction", "swap"):
        for key in ("edge_f1", "region_iou"):
            assert 0 <= rows[name][key] <= 1
        assert rows[name]["style_distance"] > 0 and math.isfinite(rows[name]["feature_distance"])
    assert rows["reconstruction"]["l1"] > 0 and rows["swap"]["l1"] is None
    free = rows["free form"]
    assert free["pairs"] == 3 and free["outside"] > 0 and free["outside_own"] > 0 and free["swap_outside_own"] > 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [line["outside_own"] for line in lines] == [row["outside_own"] for row in results.rows]
    assert "Outside of its mask an edit changes" in (tmp_path / "out" / "results.md").read_text()
    assert files.read_rgb(tmp_path / "out" / "sheet.png").shape == (16 + 3 * 36, 9 * 36, 3)


class Pictures:
    """Photographs of `count` people with dark hair above, each of another tint."""

    def __init__(self, count: int):
        self._images = [grey_photo(64, 64, n) for n in range(count)]
        for n, image in enumerate(self._images):
            image[: 20 + n] -= 80
            image[30:40, 10 + n : 40] -= 40
            image[..., n % 3] += 40

    def __getitem__(self, number: int) -> Picture:
        return Picture(str(number), {"image": self._images[number]})


def _rows_of(monkeypatch, network) -> dict[str, dict]:
    parser = Parser()
    monkeypatch.setattr(face_parser, "load", lambda: parser)
    return {row["method"]: row for row in restyling.measure(network, Pictures(3), 64, 3).rows}


def test_a_perfect_model_has_perfect_numbers(monkeypatch):
    def paste(batch):
        mask = batch.get("mask", tf.ones_like(batch["image"][..., :1]))
        raw = tf.where(mask > 0.5, batch["style"], batch["image"])
        return {"raw": raw, "image": raw}

    rows = _rows_of(monkeypatch, paste)
    own, swap = rows["reconstruction"], rows["swap"]
    assert own["l1"] == 0 and own["st_lpips"] == pytest.approx(0, abs=1e-6)
    assert own["edge_f1"] == own["region_iou"] == 1 and own["style_distance"] == pytest.approx(1)
    assert all(row["style_own"] == row["style_distance"] for row in rows.values())
    assert swap["style_distance"] == pytest.approx(0, abs=1e-5) and swap["edge_f1"] < 1
    for name in ("hair", "background", "free form"):
        assert rows[name]["pairs"] == 3 and rows[name]["outside"] == rows[name]["outside_own"] == 0
        assert rows[name]["style_distance"] < 0.8 and rows[name]["swap_outside_own"] > 1
    assert rows["lips"]["pairs"] == 0 and rows["lips"]["outside"] is None and rows["skin"]["style_distance"] is None


def test_what_leaks_is_counted_beside_the_models_own_reconstruction(monkeypatch):
    def leaks(batch):
        own = "mask" not in batch and bool(tf.reduce_all(batch["image"] == batch["style"]))
        raw = batch["image"] + (5 if own else 20 if "mask" in batch else 30) / 127.5
        return {"raw": raw, "image": raw}

    rows = _rows_of(monkeypatch, leaks)
    assert rows["reconstruction"]["l1"] == pytest.approx(5)
    for name in ("hair", "background", "free form"):
        values = [rows[name][key] for key in ("outside", "outside_own", "swap_outside_own")]
        assert values == pytest.approx([20, 15, 25])


def test_a_blur_that_takes_the_style_is_there_by_its_own_measure(monkeypatch):
    """A model that makes of every picture its mean colour, and of a swap the style image's."""

    def blurs(batch):
        raw = tf.reduce_mean(batch["style"], axis=[1, 2], keepdims=True) + tf.zeros_like(batch["image"])
        return {"raw": raw, "image": raw}

    rows = _rows_of(monkeypatch, blurs)
    assert rows["swap"]["style_own"] == pytest.approx(0, abs=1e-5) and rows["swap"]["style_distance"] > 0.3
    assert rows["reconstruction"]["style_own"] == pytest.approx(1)


def test_partners_are_one_cycle():
    for count in (2, 3, 50):
        partner_of, cycle = restyling.partners(count), [0]
        while partner_of[cycle[-1]] != 0:
            cycle.append(partner_of[cycle[-1]])
        assert len(cycle) == count and (partner_of == restyling.partners(count)).all()
    with pytest.raises(DataError, match="at least 2 pictures"):
        restyling.partners(1)


def test_style_is_counted_in_the_mask_alone():
    rng = np.random.default_rng(0)
    inside, mask = rng.normal(size=(1, 8, 4, 5)).astype(np.float32), np.zeros((1, 16, 16))
    mask[:, :, :8] = 1
    one, two = (np.concatenate([inside, rng.normal(size=inside.shape)], axis=2).astype(np.float32) for _ in range(2))
    grams = [restyling.grams({"a": tf.constant(x)}, mask) for x in (one, two)]
    np.testing.assert_allclose(grams[0][0], grams[1][0], rtol=1e-5)
    np.testing.assert_allclose(grams[0][0], restyling.grams({"a": tf.constant(inside)})[0], rtol=1e-5)
    flat = inside.reshape(-1, 5)
    np.testing.assert_allclose(grams[0][0][0], flat.T @ flat / len(flat), rtol=1e-4)
    whole = [restyling.grams({"a": tf.constant(x)}) for x in (one, two)]
    assert restyling.style_distance(*grams)[0] < 1e-4 < 0.05 < restyling.style_distance(*whole)[0]
    triple = restyling.grams({"a": tf.constant(one * 3**0.5)})  # G and 3 G: 2 / sqrt 3, whatever the scale of G
    np.testing.assert_allclose(restyling.style_distance(whole[0], triple), 2 / 3**0.5, rtol=1e-4)
