"""The editor: outside the mask nothing changes, inside the model sees what it was trained on, bad input is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tests.tiny import EDITING
from tfsketch import Editor, systems
from tfsketch.errors import ImageError, TfsketchError, WeightsError
from tfsketch.framing.arrays import crop_square
from tfsketch.images import files

SIDE = EDITING.image_size


class Spy:
    """A model that draws one grey and keeps what it was given."""

    def __init__(self, level: int = 200):
        self.level, self.inputs = level, {}

    def __call__(self, batch):
        self.inputs = {key: value.numpy()[0] for key, value in batch.items()}
        raw = tf.fill(batch["image"].shape, self.level / 127.5 - 1.0)
        return {"raw": raw, "image": tf.where(batch["mask"] > 0.5, raw, batch["image"])}


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    network = systems.build(EDITING)
    network.experiment = EDITING
    return network


@pytest.fixture(scope="module")
def editor(model):
    """One for all edits by the defaults: every editor traces the network anew."""
    return Editor(model)


def _photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _mask(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


# Height and width of a picture; top, left, bottom and right of a hole.
MASKS = [
    (37, 501, 10, 200, 30, 260),
    (37, 501, 0, 0, 37, 501),
    (640, 480, 100, 90, 300, 310),
    (128, 128, 0, 0, 60, 128),
    (1000, 700, 700, 600, 1000, 700),
    (1000, 700, 0, 0, 1, 1),
    (32, 32, 8, 8, 20, 20),
    (5, 4, 1, 1, 3, 3),
    (1, 3000, 0, 5, 1, 2900),
    (301, 200, 0, 0, 301, 200),
    (200, 301, 0, 100, 200, 200),
]


@pytest.mark.parametrize("height, width, top, left, bottom, right", MASKS)
def test_outside_the_mask_the_result_is_the_input(editor, height, width, top, left, bottom, right):
    image, mask = _photo(height, width), _mask(height, width, top, left, bottom, right)
    mask[(top + bottom) // 2, : (left + right) // 2] = 0  # not only boxes
    before = image.copy()
    sketch = mask * (np.arange(height, dtype=np.uint8)[:, None] % 2)
    result = editor.edit(image, mask, sketch=sketch, color=image)
    assert result.shape == image.shape and result.dtype == np.uint8
    assert (result[mask == 0] == image[mask == 0]).all()
    assert (result[mask == 1] != image[mask == 1]).any()
    assert (image == before).all()


def test_a_seed_gives_the_same_result_every_time(model):
    image, mask = _photo(50, 60), _mask(50, 60, 10, 10, 40, 40)
    first, again, other = (Editor(model).edit(image, mask, seed=seed) for seed in (3, 3, 4))
    assert (first == again).all() and (first != other).any()


def test_at_the_working_side_it_is_the_model_itself(model):
    image, mask = _photo(SIDE, SIDE), _mask(SIDE, SIDE, 4, 4, 28, 24)
    sketch = np.eye(SIDE, dtype=np.uint8)
    noise = np.random.default_rng(5).standard_normal((1, SIDE, SIDE, 1), np.float32) * mask[None, ..., None]
    batch = {
        "image": image[None] / np.float32(127.5) - 1,
        "mask": mask[None, ..., None].astype(np.float32),
        "sketch": sketch[None, ..., None].astype(np.float32),
        "noise": noise,
        "color": np.zeros((1, SIDE, SIDE, 3), np.float32),
    }
    expected = model({key: tf.constant(value) for key, value in batch.items()})["image"].numpy()[0]
    result = Editor(model, seam=False).edit(image, mask, sketch, seed=5)
    assert np.abs(result - (expected + 1) * 127.5).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("height, width, top, left, bottom, right", MASKS)
def test_the_model_never_sees_what_was_erased(height, width, top, left, bottom, right):
    mask, image = _mask(height, width, top, left, bottom, right), _photo(height, width)
    other = np.where(mask[..., None] > 0, _photo(height, width, 1), image)
    inputs = []
    for picture in (image, other):
        spy = Spy()
        Editor(spy, side=SIDE).edit(picture, mask)
        inputs.append(spy.inputs)
    outside = 1 - inputs[0]["mask"]
    assert (inputs[0]["image"] * outside == inputs[1]["image"] * outside).all() and inputs[0]["mask"].any()


def test_strokes_reach_the_model_as_in_training():
    mask = _mask(320, 320, 40, 40, 280, 280)
    sketch, color = np.zeros_like(mask), np.zeros((320, 320, 4), np.uint8)
    sketch[100:109, 60:260] = 255  # thick
    sketch[200, 60:260] = 255  # thinner than a working pixel
    color[150:163, 60:260] = (255, 255, 0, 255)
    spy = Spy()
    Editor(spy, side=SIDE).edit(_photo(320, 320), mask, sketch, color)
    lines = spy.inputs["sketch"][..., 0]
    assert set(np.unique(lines)) == {0.0, 1.0}
    assert (lines[:, 8:24].sum(axis=0) == 2).all()  # two lines, one pixel each, unbroken
    strokes = spy.inputs["color"].any(axis=-1)
    assert strokes[15:17, 6:26].all() and strokes.sum() <= 2 * 21
    assert (spy.inputs["color"][strokes] == (1, 1, -1)).all()  # unpainted black is not mixed in
    assert (spy.inputs["noise"][spy.inputs["mask"] == 0] == 0).all() and spy.inputs["noise"].std() > 0.5


def test_colors_in_rgb_and_rgba_are_the_same(editor):
    image, mask = _photo(60, 60), _mask(60, 60, 10, 10, 50, 50)
    rgb = np.zeros_like(image)
    rgb[20:30, 20:40] = (200, 0, 40)
    rgba = np.dstack([rgb, rgb.any(axis=-1) * np.uint8(255)])
    rgba[40:50] = (9, 9, 9, 100)  # not painted: below half
    results = [editor.edit(image, mask, color=color) for color in (rgb, rgba)]
    assert (results[0] == results[1]).all()
    assert (results[0] != editor.edit(image, mask)).any()


def test_masks_of_every_kind_are_the_same(editor):
    image, mask = _photo(40, 40), _mask(40, 40, 10, 10, 30, 30)
    expected = editor.edit(image, mask)
    soft = mask * 255
    soft[9, 10:30], soft[10, 10:30] = 127, 128
    for form in (mask > 0, mask * 255, mask[..., None], (mask > 0)[..., None], soft, np.asfortranarray(mask)):
        assert (editor.edit(image, form) == expected).all()
    assert (editor.edit(image[:, ::-1][:, ::-1], mask) == expected).all()


@pytest.mark.parametrize("size", [(128, 128), (96, 128), (20, 20)])
def test_what_was_drawn_is_what_is_pasted(size):
    mask = _mask(*size, 2, 2, size[0] - 2, size[1] - 2)
    result = Editor(Spy(200), side=SIDE, feather=0).edit(np.full((*size, 3), 200, np.uint8), mask)
    assert (np.abs(result.astype(int) - 200) <= 1).all()


def test_feather_fades_in_just_inside_the_edge():
    image, mask = np.zeros((128, 128, 3), np.uint8), _mask(128, 128, 0, 30, 100, 90)
    hard, soft, wide = (Editor(Spy(), side=SIDE, feather=feather).edit(image, mask) for feather in (0, None, 10))
    assert (soft[20:90, 34:86] == hard[20:90, 34:86]).all()  # 4 times enlarged: 2 px of ramp
    assert (soft[50, 30] < hard[50, 30]).all() and (wide[50, 36] < soft[50, 36]).all()
    assert (soft[0, 40:80] == hard[0, 40:80]).all()  # the picture's border is no seam
    small = [Editor(Spy(), side=SIDE, feather=feather).edit(image[:32, :32], mask[:32, 20:52]) for feather in (0, None)]
    assert (small[0] == small[1]).all()  # nothing was enlarged


def test_the_square_holds_the_mask_and_lies_in_the_picture_where_it_can():
    rng = np.random.default_rng(0)
    for _ in range(500):
        size = tuple(int(v) for v in rng.integers(1, 1000, 2))
        box_size = tuple(int(rng.integers(1, length + 1)) for length in size)
        box = tuple(int(rng.integers(0, a - b + 1)) for a, b in zip(size, box_size)) + box_size
        for context in (None, 1.0, 1.6, math.inf):
            top, left, edge = crop_square(size, box, 128, context)
            for start, length, first, extent in zip((top, left), size, box[:2], box[2:]):
                assert start <= first and start + edge >= first + extent
                assert (start >= 0 and start + edge <= length) if edge <= length else start <= 0
            assert edge <= max(size) and edge >= min(128, min(size))


def test_the_square_of_portraits_and_scenes():
    assert crop_square((128, 128), (40, 40, 30, 30), 128) == (0, 0, 128)
    assert crop_square((640, 480), (100, 200, 90, 70), 128) == (0, 0, 480)  # a portrait: as wide as it is, at the mask
    assert crop_square((640, 480), (500, 200, 90, 70), 128) == (160, 0, 480)
    assert crop_square((3000, 4000), (1000, 1000, 200, 160), 128)[2] == 500  # one of many in a scene
    assert crop_square((400, 1600), (100, 800, 80, 100), 128)[2] == 250
    assert crop_square((400, 1600), (100, 800, 8, 10), 128)[2] == 128
    assert crop_square((640, 480), (100, 200, 90, 100), 128, context=1.6)[2] == 160
    assert crop_square((640, 480), (100, 200, 90, 100), 128, context=math.inf)[2] == 480
    assert crop_square((480, 640), (0, 0, 480, 640), 128) == (-80, 0, 640)  # erased altogether: padded


def test_the_square_of_a_found_face():
    size, face = (3000, 4000), (800.0, 1000.0, 600.0)
    assert crop_square(size, (1300, 1200, 80, 150), 128, faces=[face]) == (800, 1000, 600)  # its mouth alone
    assert crop_square(size, (1300, 1200, 80, 150), 128, context=2.0, faces=[face])[2] == 300
    assert crop_square(size, (2000, 1200, 80, 150), 128, faces=[face])[2] == 375  # a mask that is not of the face
    assert crop_square(size, (820, 960, 500, 500), 128, faces=[face]) == (800, 960, 600)  # moved, to hold the mask
    near = [(700.0, 900.0, 1600.0), face]
    assert crop_square(size, (1300, 1200, 80, 150), 128, faces=near)[2] == 600  # the smaller of two that hold it
    # At a corner of the photograph the square is moved into it; one larger than the photograph is the photograph's.
    assert crop_square(size, (10, 10, 80, 150), 128, faces=[(-90.0, -60.0, 600.0)]) == (0, 0, 600)
    assert crop_square((400, 400), (200, 200, 20, 30), 128, faces=[(-90.0, -60.0, 600.0)]) == (0, 0, 400)
    assert crop_square(size, (1300, 1200, 20, 30), 128, faces=[(1280.0, 1180.0, 90.0)])[2] == 90  # enlarged to the side
    assert crop_square(size, (1300, 1200, 20, 30), 128, faces=[(1290.0, 1190.0, 50.0)])[2] == 64  # to twice its size
    # Framed like a portrait already: what is there is not resampled for a few pixels.
    assert crop_square((512, 512), (300, 200, 80, 150), 128, faces=[(10.0, 8.0, 490.0)]) == (0, 0, 512)


def test_an_edit_looks_at_the_face_that_it_finds():
    image = skimage.data.astronaut()
    mask = _mask(512, 512, 130, 205, 150, 245)  # the mouth
    spies = [Spy(), Spy()]
    for spy, find in zip(spies, (True, False)):
        result = Editor(spy, side=64, find_faces=find).edit(image, mask)
        assert (result[mask == 0] == image[mask == 0]).all()
    shares = [spy.inputs["mask"].mean() for spy in spies]
    face, none = (20 * 40 / side**2 for side in (153, 100))  # the face's square; 2.5 times the mask's box
    assert face == pytest.approx(shares[0], rel=0.15) and none == pytest.approx(shares[1], rel=0.15)


def test_a_large_photograph(editor):
    image, mask = np.full((3000, 4000, 3), 90, np.uint8), _mask(3000, 4000, 1000, 1500, 1400, 2000)
    result = editor.edit(image, mask, sketch=mask)
    assert (result[mask == 0] == 90).all() and (result[mask == 1] != 90).any()


IMAGE, MASK = _photo(40, 30), _mask(40, 30, 5, 5, 20, 20)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"image": IMAGE.astype(np.float32)}, r"image: expected uint8 \[H,W,3\] RGB, found float32 \[40, 30, 3\]"),
        ({"image": np.where(IMAGE > 3, IMAGE, np.nan)}, "image: expected .* found float64 .* with NaN"),
        ({"image": IMAGE > 3}, "image: expected uint8 .* found bool"),
        ({"image": IMAGE[..., 0]}, r"image: expected .* found uint8 \[40, 30\]"),
        ({"image": np.dstack([IMAGE, IMAGE[..., 0]])}, r"image: expected .* found uint8 \[40, 30, 4\]"),
        ({"image": IMAGE[:0]}, "image: expected at least one pixel"),
        ({"image": None}, "image: expected .* found None"),
        ({"image": [[1, 2], [3]]}, "image: expected .* found list"),
        ({"image": np.broadcast_to(np.uint8(0), (20_000, 20_000, 3))}, "image: expected at most 100,000,000 pixels"),
        ({"mask": MASK[:-1]}, "mask: expected the picture's size, 30 x 40, found 30 x 39"),
        ({"mask": MASK.T}, "mask: expected the picture's size, 30 x 40, found 40 x 30"),
        ({"mask": MASK * 0}, "mask: expected at least one erased pixel, found an empty mask"),
        ({"mask": MASK * 100}, "mask: expected at least one erased pixel"),
        ({"mask": MASK.astype(np.float32)}, "mask: expected uint8 or bool .* found float32"),
        ({"mask": np.full((40, 30), np.nan, np.float32)}, "mask: .* with NaN"),
        ({"mask": MASK.astype(np.int64)}, "mask: .* found int64"),
        ({"mask": np.dstack([MASK] * 3)}, r"mask: .* found uint8 \[40, 30, 3\]"),
        ({"mask": np.zeros((0, 30), np.uint8)}, "mask: expected at least one pixel"),
        ({"sketch": MASK[:, :-1]}, "sketch: expected the picture's size"),
        ({"sketch": MASK.astype(np.float16)}, "sketch: expected uint8 or bool"),
        ({"color": IMAGE[:-1]}, "color: expected the picture's size"),
        ({"color": MASK}, r"color: expected uint8 \[H,W,4\] RGBA"),
        ({"color": IMAGE / 255}, "color: .* found float64"),
    ],
)
def test_bad_pictures_are_refused(changes, message):
    with pytest.raises(ImageError, match=message):
        Editor(Spy(), side=SIDE).edit(**{"image": IMAGE, "mask": MASK, **changes})


@pytest.mark.parametrize("seed", [-1, 0.5, True, "1", None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(TfsketchError, match="seed: expected a whole number from 0"):
        Editor(Spy(), side=SIDE).edit(IMAGE, MASK, seed=seed)


class Darkened:
    """A model that returns the photograph, 10 levels darker in the hole, as a network that misjudges the light."""

    def __call__(self, batch):
        return {"image": batch["image"] - batch["mask"] * 20 / 255.0}


def test_the_step_at_the_border_goes_unless_it_is_wanted():
    image = np.full((96, 96, 3), 150, np.uint8)
    mask = _mask(96, 96, 30, 30, 66, 66)
    plain = Editor(Darkened(), 96, seam=False).edit(image, mask).astype(int)
    smooth = Editor(Darkened(), 96).edit(image, mask).astype(int)
    assert abs(plain[31, 48] - image[31, 48]).max() >= 9
    assert abs(smooth[31, 48] - image[31, 48].astype(int)).max() <= 4
    assert (smooth[mask == 0] == image[mask == 0]).all()


def test_an_enlarged_edit_gets_the_photographs_texture_as_far_as_wanted():
    image = np.clip(_photo(256, 256).astype(int) // 4 + 96, 0, 255).astype(np.uint8)  # grain
    mask = _mask(256, 256, 100, 100, 150, 150)

    class Blur:
        def __call__(self, batch):
            return {"image": tf.where(batch["mask"] > 0.5, 0.0, batch["image"])}

    plain, grainy = (Editor(Blur(), 64, texture=strength).edit(image, mask) for strength in (0.0, 1.0))
    inner = (slice(110, 140), slice(110, 140))
    assert plain[inner].std() < 2.0 < 0.5 * image[inner].std() < grainy[inner].std()
    assert (grainy[mask == 0] == image[mask == 0]).all()
    at_size = [Editor(Blur(), 256, texture=strength, context=9).edit(image, mask) for strength in (0.0, 1.0)]
    np.testing.assert_array_equal(*at_size)  # nothing was enlarged: nothing is lost


def test_bad_settings_are_refused(model):
    with pytest.raises(TfsketchError, match="texture: expected a strength from 0 to 1, found 1.5"):
        Editor(model, texture=1.5)
    for side in (0, -4, 33, 2.5, 4 * files.MAX_PIXELS):
        with pytest.raises(TfsketchError, match="side: expected a positive multiple of 4"):
            Editor(model, side=side)
    with pytest.raises(TfsketchError, match="side: expected a positive multiple of 4, found '64'"):
        Editor(model, side="64")
    for context in (0.5, math.nan):
        with pytest.raises(TfsketchError, match="context: expected a factor of at least 1"):
            Editor(model, context=context)
    for feather in (-1, math.inf, math.nan):
        with pytest.raises(TfsketchError, match="feather: expected"):
            Editor(model, feather=feather)
    with pytest.raises(TfsketchError, match="side: expected one"):
        Editor(Spy())
    with pytest.raises(WeightsError, match="finite"):
        Editor(lambda batch: {"image": batch["image"] * math.nan}, side=SIDE).edit(IMAGE, MASK)
