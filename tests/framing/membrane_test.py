"""The membrane: steps at a mask's border go, everything else stays; the same in a graph."""

import cv2
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tfsketch.framing import membrane, membrane_graph


def _case(size=(120, 150)):
    """A photograph, a mask that reaches the picture's border, and a repaint that is too dark and too red."""
    image = np.ascontiguousarray(skimage.data.astronaut()[: size[0], 100 : 100 + size[1]])
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (size[1] // 2, size[0] // 2), (size[1] // 3, size[0] // 4), 20, 0, 360, 1, -1)
    cv2.line(mask, (0, 10), (30, 60), 1, 9)
    wrong = np.clip(image + np.array([4.0, -12.0, -9.0]), 0, 255).astype(np.uint8)
    return image, np.where(mask[..., None] > 0, wrong, image), mask


def test_a_constant_step_goes_and_the_known_side_stays():
    flat = np.full((90, 70, 3), 120, np.uint8)
    mask = np.zeros((90, 70), np.uint8)
    cv2.circle(mask, (30, 45), 22, 1, -1)
    repaint = np.where(mask[..., None] > 0, flat + np.array([6, 3, 8], np.uint8), flat)
    blend = membrane.membrane(flat, repaint, mask)
    # Of a small step a twelfth is taken for an outline at most.
    assert np.abs(blend.astype(int) - flat).max() <= 1
    np.testing.assert_array_equal(blend[mask == 0], flat[mask == 0])
    half = membrane.membrane(flat, repaint, mask, strength=0.5)
    assert np.abs(half.astype(int)[mask > 0] - [123, 121.5, 124]).max() <= 1.5


def test_a_photographs_seam_becomes_smaller():
    image, repaint, mask = _case()
    blend = membrane.membrane(image, repaint, mask)
    np.testing.assert_array_equal(blend[mask == 0], repaint[mask == 0])

    def error(picture):
        return np.abs(picture[mask > 0].astype(float) - image[mask > 0]).mean()

    assert error(blend) < 0.6 * error(repaint)


def test_nothing_changes_without_a_known_border_or_a_step():
    image, repaint, mask = _case()
    whole = np.ones_like(mask)
    np.testing.assert_array_equal(membrane.membrane(image, repaint, whole), repaint)
    np.testing.assert_array_equal(membrane.membrane(image, repaint, 0 * whole), repaint)
    np.testing.assert_array_equal(membrane.membrane(image, repaint, mask, strength=0.0), repaint)


def test_one_hair_across_the_border_does_not_streak():
    image = np.full((80, 80, 3), 150, np.uint8)
    mask = np.zeros((80, 80), np.uint8)
    mask[20:60, 20:60] = 1
    hair = image.copy()
    hair[:20, 40] = 20
    blend = membrane.membrane(hair, np.where(mask[..., None] > 0, image, hair), mask)
    np.testing.assert_array_equal(blend[mask > 0], image[mask > 0])


def test_an_outline_along_the_border_is_no_step():
    image = np.full((80, 80, 3), 30, np.uint8)
    mask = np.zeros((80, 80), np.uint8)
    mask[20:60, 20:60] = 1
    repaint = np.where(mask[..., None] > 0, np.uint8(200), image)
    assert np.abs(membrane.membrane(image, repaint, mask).astype(int) - repaint).max() <= 4


def test_a_reach_keeps_the_middle():
    flat = np.full((100, 100, 3), 120, np.uint8)
    mask = np.zeros((100, 100), np.uint8)
    mask[10:90, 10:90] = 1
    repaint = np.where(mask[..., None] > 0, np.uint8(130), flat)
    blend = membrane.membrane(flat, repaint, mask, reach=6.0)
    assert (blend[45:55, 45:55] == 130).all()
    assert (blend[10, 40:60] <= 122).all()


def test_the_equation_is_solved():
    # Between two plates the potential is linear; and its mean value is every pixel's neighbours'.
    domain = np.ones((200, 70), np.uint8)
    border = np.zeros_like(domain)
    border[0], border[-1] = 1, 1
    values = np.zeros((200, 70, 1), np.float32)
    values[-1] = 50.0
    solution = membrane.harmonic(values, border, domain)[..., 0]
    np.testing.assert_allclose(solution, np.linspace(0, 50, 200)[:, None].repeat(70, 1), atol=1.0)


@pytest.mark.parametrize(("reach", "longest"), [(None, 300), (7.0, 1 << 16)])
def test_the_graph_is_the_same(reach, longest):
    def run(*tensors):
        return membrane_graph.membrane(*tensors, strength=0.9, reach=reach, longest=longest)

    spec = [tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, None, 3]), tf.TensorSpec([None, None], tf.bool)]
    run = tf.function(run, input_signature=spec)
    for size in ((120, 150), (61, 47), (12, 15), (300, 260)):
        image, repaint, mask = _case(size)
        for layer in (mask, np.ones_like(mask)):
            tensors = (tf.cast(image, tf.float32), tf.cast(repaint, tf.float32), tf.constant(layer > 0))
            blend, expected = run(*tensors).numpy(), membrane.membrane(image, repaint, layer, 0.9, reach)
            assert np.abs(blend - expected).max() <= 1
            assert (blend != expected).mean() < 0.01
