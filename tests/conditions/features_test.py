"""Features as a person draws them, on a face of flat colours."""

import dataclasses

import cv2
import numpy as np
import pytest

from tfsketch.conditions import colors, feature_strokes, features, masks, regions
from tfsketch.config import ColorConfig, HandConfig, StrokeConfig
from tfsketch.data.sampling import draw
from tfsketch.data.shards import Picture

SIDE = 128
COLORS = {"skin": (205, 165, 140), "eyes": (235, 235, 232), "lips": (180, 70, 80), "nose": (200, 155, 130)}
IRIS = (70, 50, 30)


def _face() -> Picture:
    """A face with its region map; the irises, which no map shows, are brown."""
    labels, image = np.zeros((SIDE, SIDE), np.uint8), np.full((SIDE, SIDE, 3), 90, np.uint8)

    def part(name: str, center: tuple[int, int], axes: tuple[int, int]) -> None:
        cv2.ellipse(image, center, axes, 0, 0, 360, COLORS[name], -1)
        cv2.ellipse(labels, center, axes, 0, 0, 360, (regions.REGIONS.index(name),), -1)

    part("skin", (64, 68), (34, 46))
    for x in (48, 80):
        part("eyes", (x, 60), (9, 5))
        cv2.circle(image, (x, 60), 4, IRIS, -1)
    part("nose", (64, 76), (7, 10))
    part("lips", (64, 96), (14, 6))
    lines = np.zeros((SIDE, SIDE), np.uint8)
    lines[64] = 1
    return Picture("face", {"image": image, "color": image, "regions": labels, "sketch/hed": lines})


FACE = _face()
EYES = masks.grow(regions.mask_of(FACE.regions, "eyes"), 6)


def test_a_feature_is_covered_from_half_of_it_on():
    assert set(features.features_in(FACE.regions, EYES)) == {"eyes"}
    one = EYES.copy()
    one[:, :60] = 0
    one[60:] = 0  # the upper half of one eye
    assert not features.features_in(FACE.regions, one)
    assert set(features.features_in(FACE.regions, np.ones_like(EYES))) == {"eyes", "nose", "mouth"}
    assert not features.features_in(FACE.regions, np.zeros_like(EYES))


def test_lines_are_of_what_is_covered_and_not_the_detectors():
    coverage = features.features_in(FACE.regions, EYES)

    def lines(around: float) -> np.ndarray:
        rng, config = np.random.default_rng(0), HandConfig(around=around)
        return feature_strokes.drawing(rng, FACE.image, FACE.regions, FACE.sketches["hed"], coverage, 0.0, config)

    alone, both = lines(0.0), lines(1.0)
    assert alone.any() and not (alone & (1 - EYES)).any() and not alone[64, 56:72].any()
    # The lid's outline and the iris' in it.
    assert cv2.connectedComponents(alone)[0] - 1 >= 2
    # Beside the features, and not through them, the detector's.
    eyes = features.region_of("eyes", FACE.regions) > 0
    assert both[64, :30].all() and both[64, 100:].all() and np.array_equal(both[eyes], alone[eyes])


def test_eyes_are_dabbed_with_the_iris():
    eyes = features.region_of("eyes", FACE.regions)
    parts = features.color_regions("eyes", FACE.image, FACE.regions, eyes)
    color, strokes = feature_strokes.dabs(np.random.default_rng(0), "eyes", FACE.image, parts, ColorConfig())
    assert strokes.any() and np.unique(color[strokes > 0], axis=0).tolist() == [list(IRIS)]
    assert not color[strokes == 0].any()


def test_another_colour_stays_in_its_part_and_keeps_its_shades():
    lips = regions.mask_of(FACE.regions, "lips")
    shadow = FACE.image.copy()
    shadow[96:] = np.clip(shadow[96:] * 0.8, 0, 255)
    picture = FACE.having(image=shadow)
    image, color = features.recolor(np.random.default_rng(1), (picture.image, picture.color), lips)
    near = masks.grow(lips, 6) > 0
    assert np.array_equal(image[~near], picture.image[~near])
    core = cv2.erode(lips, np.ones((5, 5), np.uint8)) > 0
    assert np.abs(image[core].astype(int) - picture.image[core]).mean() > 5
    # The photograph and its colour map move alike, and the lower half stays the darker one.
    assert np.array_equal(image[:95], color[:95])
    luma = image.sum(axis=-1)
    assert luma[92:95][core[92:95]].mean() > luma[97:100][core[97:100]].mean()


@pytest.fixture(name="config")
def _config(tiny):
    """Eyes erased, their lines and dabs always given, always in another colour."""
    return dataclasses.replace(
        tiny,
        image_size=SIDE,
        mask=dataclasses.replace(tiny.mask, compact_probability=1.0, compact=("eyes",)),
        sketch=dataclasses.replace(tiny.sketch, style="hed"),
        hand=HandConfig(features=1.0, around=0.0),
        color=ColorConfig(probability=1.0, features=1.0, recolor=1.0),
    )


def test_an_example_is_asked_for_as_a_person_asks(config):
    """The strokes' colour is the iris' new one, so only they tell it: the surroundings are as they were."""
    for seed in range(4):
        example = draw(FACE, np.random.default_rng(seed), config, training=True)
        mask, strokes = example["mask"] > 0, example["painted"] > 0
        assert strokes.any() and mask[strokes].all()
        irises = features.irises_of(FACE.image, features.region_of("eyes", FACE.regions)) > 0
        assert irises[strokes].all()
        colors = np.unique(example["color"][strokes], axis=0)
        assert len(colors) == 1 and np.abs(colors[0].astype(int) - IRIS).max() > 3
        assert np.abs(example["image"][strokes].astype(int) - colors[0]).mean() < 12
        far = masks.grow(irises.astype(np.uint8), 6) == 0
        assert np.array_equal(example["image"][far], FACE.image[far])
        assert not (example["sketch"] & (1 - EYES)).any()


def test_an_evaluation_is_not_touched(config):
    plain = dataclasses.replace(
        config,
        hand=dataclasses.replace(config.hand, features=0.0),
        color=dataclasses.replace(config.color, features=0.0, recolor=0.0),
    )
    one, two = (draw(FACE, np.random.default_rng(5), c, training=False) for c in (config, plain))
    assert all(np.array_equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("seed", range(20))
def test_pinholes_are_filled_wherever_they_are(seed):
    region = np.zeros((61, 94), np.uint8)
    rng = np.random.default_rng(seed)
    for ring in (14, 5):  # two rings, perhaps cut by the border, and holes in them
        middle = rng.integers(0, (94, 61)).tolist()
        cv2.circle(region, middle, ring, (1,), -1)
        cv2.circle(region, middle, ring // 2, (0,), -1)
        region[tuple(rng.integers(0, region.shape, (9, 2)).T)] = 0
    holes = [hole for hole in masks.parts_of(1 - region) if hole.sum() < 0.01 * hole.size]
    np.testing.assert_array_equal(features._without_pinholes(region), np.maximum.reduce([region, *holes]))


@pytest.mark.parametrize("name", ["eyes", "mouth"])
def test_dabs_are_paints_strokes(name):
    """`colors.paint` does the same in a long way, and draws the same random numbers."""
    image, labels, smooth = FACE.image, FACE.maps["regions"], FACE.color
    parts = features.color_regions(name, image, labels, features.region_of(name, labels))
    rng, other = np.random.default_rng(4), np.random.default_rng(4)
    layer, strokes = feature_strokes.dabs(rng, name, smooth, parts, ColorConfig())
    label = {"eyes": "eyes", "mouth": "lips"}[name]
    whole, index = regions.mask_of(parts, label), np.uint8(regions.REGIONS.index(label))
    expected, side = np.zeros_like(whole), min(whole.shape)
    for part in masks.parts_of(whole):
        distance = cv2.distanceTransform(np.pad(part, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        thickness, extent = 2 * float(distance.max()) / side, max(cv2.boundingRect(part)[2:]) / side
        width, length = (min(0.3 * thickness, 0.04), min(0.7 * thickness, 0.08)), (0.1 * extent, 0.3 * extent)
        stroke = StrokeConfig(vertices=(2, 4), angle=40.0, length=length, width=width, curved=1.0, taper=0.4, gap=0.0)
        how = {"probability": 1.0, "flat": 1.0, "overshoot": 0.0, "regions": (label,), "flatten": (1.0, 1.0)}
        share = float(part.mean())
        config = dataclasses.replace(ColorConfig(), share=(0.4 * share, 0.7 * share), stroke=stroke, **how)
        expected |= colors.paint(other, smooth, config, part * index)[1]
    np.testing.assert_array_equal(strokes, expected)
    np.testing.assert_array_equal(layer, colors.flatten(smooth, whole * index) * expected[..., None])
    assert 0 < expected.sum() < whole.sum() and rng.random() == other.random()


def _portrait(level: float, seed: int = 0, **hand: float) -> np.ndarray:
    config = HandConfig(**{"width": 0.0, "around": 0.0} | hand)
    lines = FACE.sketches["hed"]
    return feature_strokes.drawing(np.random.default_rng(seed), FACE.image, FACE.regions, lines, None, level, config)


def test_a_portrait_is_the_contour_and_every_feature_in_lines_of_one_pixel():
    portrait, contour = _portrait(0.0), features.contour_of(FACE.regions)
    band = masks.grow(contour, 2)
    assert np.mean(portrait[contour > 0]) > 0.5 and not (portrait & ~band & 1)[:, :20].any()
    for name in ("eyes", "lips"):
        near = masks.grow(regions.mask_of(FACE.regions, name), 3)
        inside = portrait & near & (1 - band)
        assert inside.any() and inside.sum() < 0.5 * near.sum(), name
    assert not cv2.erode(portrait, np.ones((3, 3), np.uint8)).any()  # no blot
    assert _portrait(0.0, around=1.0)[64, 2:20].all()  # the detector's line, beside the face
    np.testing.assert_array_equal(portrait, _portrait(0.0))


def test_a_portrait_has_one_pen_and_large_eyes_at_a_poor_level():
    ink = [[_portrait(level, seed, width=width).sum() for seed in range(12)] for level, width in ((0, 0), (0, 0.06))]
    assert np.mean(ink[1]) > 1.8 * np.mean(ink[0])
    inside = cv2.erode(regions.mask_of(FACE.regions, "face"), masks.disc(6)) & (np.arange(SIDE) < 72)[:, None]
    heights = [
        [np.ptp(np.flatnonzero((_portrait(level, seed) & inside)[50:71].any(axis=1))) for seed in range(12)]
        for level in (0.0, 1.0)
    ]
    assert np.mean(heights[1]) > 1.1 * np.mean(heights[0])


def test_a_feature_is_drawn_larger_and_in_another_place():
    lips = features.region_of("mouth", FACE.regions)
    lines = features.lines_of("mouth", FACE.image, FACE.regions, lips, np.zeros_like(lips))
    boxes = [
        cv2.boundingRect(
            feature_strokes.freehand(np.random.default_rng(0), lines, FACE.regions, lips, 0.0, HandConfig(), *how)
        )
        for how in ((), (1.5,), (1.0, (5, -8)))
    ]
    (left, top, width, height), (_, _, *larger), place = boxes
    np.testing.assert_allclose(larger, [1.5 * width, 1.5 * height], atol=2)
    np.testing.assert_allclose(place, (left - 8, top + 5, width, height), atol=1)


@pytest.mark.parametrize("how", [{"feature_scale": 0.4}, {"feature_shift": 0.05}])
def test_a_poor_portrait_has_features_of_other_sizes_and_in_other_places(how):
    lips = masks.grow(regions.mask_of(FACE.regions, "lips"), 2)

    def spread(**how: float) -> float:
        return float(np.mean([(_portrait(0.6, seed, **how) & (1 - lips))[85:105, 50:78].sum() for seed in range(8)]))

    assert spread(**how) > 1.2 * spread()


def test_no_face_has_no_portrait():
    nothing = np.zeros_like(FACE.regions)
    assert not feature_strokes.drawing(
        np.random.default_rng(0), FACE.image, nothing, FACE.sketches["hed"], None, 0.5, HandConfig()
    ).any()


def test_brows_and_noses_are_drawn_in_one_stroke():
    region = np.zeros((32, 32), np.uint8)
    cv2.ellipse(region, (16, 16), (10, 6), 0, 0, 360, (1,), -1)
    line = features.midline_of(region)
    assert line[16, 7:26].all() and line.sum() == line[16].sum()
    left, right = features.bridge_of(region, False), features.bridge_of(region, True)
    assert left[:, :16].any() and not left[:, 16:].any() and right[:, 16:].any() and not right[:, :16].any()


def test_without_a_mask_all_of_the_face_is_drawn(config):
    model = dataclasses.make_dataclass("Model", [])()
    type(model).conditions = ("sketch", "refined", "regions")
    config = dataclasses.replace(
        config,
        model=model,
        data=dataclasses.replace(config.data, sketch_probability=1.0),
        hand=HandConfig(features=1.0, around=0.0, abstraction=(0.2, 0.2)),
    )
    example = draw(FACE, np.random.default_rng(3), config, training=True)
    eyes = masks.grow(regions.mask_of(FACE.regions, "eyes"), 8)
    assert (example["sketch"] & eyes).any() and not example["sketch"][64, :20].any()
    np.testing.assert_array_equal(example["refined"], FACE.sketches["hed"])  # what it is to become
    plain = dataclasses.replace(config, hand=dataclasses.replace(config.hand, features=0.0))
    assert draw(FACE, np.random.default_rng(3), plain, training=True)["sketch"][60:69, 5:60].any()
