"""Aligning faces: FFHQ's square, checked against drawn faces, Pillow and a real photograph."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tfsketch.config import MaskConfig
from tfsketch.errors import DataError
from tfsketch.images import faces

_HAS_DLIB = all(importlib.util.find_spec(name) for name in ("dlib", "face_recognition_models"))


def _landmarks(left_eye, right_eye, mouth):
    """68 points that hold only what the recipe reads: eyes of six points, the corners of the mouth."""
    points = np.zeros((68, 2))
    ring = np.array([(np.cos(a), np.sin(a)) for a in np.arange(6) * np.pi / 3])
    points[36:42], points[42:48] = np.array(left_eye) + 3 * ring, np.array(right_eye) + 3 * ring
    across = (np.array(right_eye, float) - left_eye) / 4
    points[48], points[54] = mouth - across, mouth + across
    return points


def _rotate(points, degrees, center):
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (np.asarray(points, float) - center) @ matrix.T + center


def test_the_square_is_the_recipes():
    # Eyes 40 apart, mouth 50 below: half a side is max(2 * 40, 1.8 * 50) = 90 and the centre lies 5 below the eyes.
    quad = faces.quad_of(_landmarks((80, 100), (120, 100), (100, 150)))
    np.testing.assert_allclose(quad, [(10, 15), (10, 195), (190, 195), (190, 15)], atol=1e-9)
    assert faces.side_of(quad) == pytest.approx(180)
    # It turns, moves and grows with the face.
    rotation = faces.quad_of(_rotate(_landmarks((80, 100), (120, 100), (100, 150)), 30, (100, 100)) * 2 + 7)
    np.testing.assert_allclose(rotation, _rotate(quad, 30, (100, 100)) * 2 + 7, atol=1e-9)


def _spots(height, width, points):
    """A smooth picture with a red spot at every point."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([0 * x + 30, 60 + 60 * x / width, 60 + 60 * y / height], axis=-1)
    for px, py in points:
        image[..., 0] += 225 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18)
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("degrees, side", [(0, 128), (35, 64), (-80, 200), (180, 32)])
def test_eyes_land_where_masks_expect_them(degrees, side):
    eyes = _rotate([(180, 190), (240, 190)], degrees, (210, 220))
    mouth = _rotate([(210, 255)], degrees, (210, 220))[0]
    face = faces.align(_spots(420, 430, eyes), faces.quad_of(_landmarks(*eyes, mouth)), side)
    assert face.shape == (side, side, 3) and face.dtype == np.uint8
    red = face[..., 0].astype(float) - 40
    for half, (x, y) in zip((np.s_[:, : side // 2], np.s_[:, side // 2 :]), MaskConfig().eyes):
        spot = np.clip(red, 0, None)
        weights = np.zeros_like(spot)
        weights[half] = spot[half]
        rows, columns = np.mgrid[:side, :side]
        center = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum() / side
        np.testing.assert_allclose(center, (x, y), atol=0.03)


def test_the_square_is_cut_where_pillow_cuts_it():
    image = skimage.data.astronaut()
    quad = _rotate(np.array([(130, 40), (130, 296), (386, 296), (386, 40)]), 17, (258, 168))
    face = faces.align(image, quad, 256)
    # Pillow counts from the edges of pixels, not from their centres.
    corners = tuple((quad + 0.5).flatten())
    other = Image.fromarray(image).transform((256, 256), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    assert np.abs(face.astype(int) - np.asarray(other)).mean() < 0.5
    # An upright square of the wanted side is a crop; a shrunk one is its mean.
    upright = np.array([(127.5, 127.5), (127.5, 383.5), (383.5, 383.5), (383.5, 127.5)])
    np.testing.assert_array_equal(faces.align(image, upright, 256), image[128:384, 128:384])
    small = image[128:384, 128:384].reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(faces.align(image, upright, 64) - small).mean() < 1


def test_what_is_outside_is_reflected_blurred_and_fades():
    image = skimage.data.astronaut()[:200, 150:350]
    quad = np.array([(-100, -100), (-100, 200), (200, 200), (200, -100)]) - 0.5
    face = faces.align(image, quad, 300).astype(int)
    np.testing.assert_array_equal(face[150:260, 150:260], image[50:160, 50:160])  # the blur starts near the border
    mirror = np.pad(image, [(100, 0), (100, 0), (0, 0)], mode="reflect")
    assert (face[:40, :40].std(axis=(0, 1)) < 0.3 * mirror[:40, :40].std(axis=(0, 1))).all()
    # Beyond the border it goes on without a step.
    assert np.abs(face[:, 100] - face[:, 99]).mean() < 6


def test_labels_go_through_the_same_square_and_stay_labels():
    y, x = np.mgrid[:400, :300]
    labels = ((x > 150) * 1 + (y > 180) * 10).astype(np.uint8)
    quad = _rotate([(60, 90), (60, 270), (240, 270), (240, 90)], 25, (150, 180))
    picture = faces.align(np.repeat(labels[..., None] * 20, 3, axis=2), quad, 90)[..., 0]
    for scale in (1, 2):  # the label picture may be smaller than the photograph
        square = faces.align_labels(labels[::scale, ::scale], quad, labels.shape, 90)
        assert set(np.unique(square)) == {0, 1, 10, 11}
        assert (np.abs(square * 20.0 - picture) > 10).mean() < 0.03 * scale


def test_without_dlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dlib", None)
    with pytest.raises(DataError, match=r"extra `faces`.*non-commercial.*prepare.align=center"):
        faces.require()


@pytest.mark.skipif(not _HAS_DLIB, reason="needs the extra `faces`")
def test_a_photographed_face_is_found_and_squared():
    image = skimage.data.astronaut()
    finder = faces.Finder()
    landmarks = finder(image)
    quad = faces.quad_of(landmarks)
    points = finder(faces.align(image, quad, 256))
    for side, (x, y) in zip((slice(36, 42), slice(42, 48)), MaskConfig().eyes):
        np.testing.assert_allclose(points[side].mean(axis=0) / 256, (x, y), atol=0.02)
    # Turned, smaller and beside a smaller face, it is the same face.
    wide = np.zeros((512, 900, 3), np.uint8)
    wide[:, 300:812] = image
    wide[:128, :128] = image[::4, ::4]
    np.testing.assert_allclose(faces.quad_of(finder(wide)) - (300, 0), quad, atol=6)
    assert finder(np.full((300, 300, 3), 128, np.uint8)) is None


def test_the_squares_of_faces_in_a_photograph():
    astronaut = skimage.data.astronaut()
    ((top, left, side),) = faces.squares(astronaut)
    # Her eyes are at (205, 105) and (245, 105), her mouth at (224, 143): the recipe's square is 160 wide.
    assert abs(side - 160) < 20 and abs(left + side / 2 - 225) < 10 and abs(top + side / 2 - 109) < 12
    two = np.concatenate([np.zeros_like(astronaut[:, :100]), astronaut, astronaut[:, ::-1]], axis=1)
    assert len(faces.squares(two)) == 2
    large = np.repeat(np.repeat(astronaut, 3, axis=0), 3, axis=1)
    np.testing.assert_allclose(faces.squares(large), [(3 * top, 3 * left, 3 * side)], rtol=0.05)
    assert faces.squares(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)) == []
    assert faces.squares(np.zeros((1, 1, 3), np.uint8)) == [] == faces.squares(np.zeros((3, 2000, 3), np.uint8))
