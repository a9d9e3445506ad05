"""Losses: known values, one per example, gradients against finite differences, and the traps of public
reimplementations."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tfsketch.nn import adversarial, feature_losses, line_losses, losses
from tfsketch.systems.region_edit import losses as region_losses


def _pictures(seed=0, shape=(2, 6, 5, 3)):
    rng = np.random.default_rng(seed)
    return (
        tf.constant(rng.uniform(-1, 1, shape), tf.float32),
        tf.constant(rng.uniform(-1, 1, shape), tf.float32),
        tf.constant(rng.random((*shape[:3], 1)) < 0.4, tf.float32),
    )


def _features(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "a": tf.constant(rng.random((2, 4, 4, 3)), tf.float32),
        "b": tf.constant(rng.random((2, 2, 2, 5)), tf.float32),
    }


def test_pixel_weighs_erased_pixels_alpha_times():
    raw, truth, mask = _pictures()
    error, hole = np.abs(raw - truth), mask.numpy()
    expected = (error * hole).mean((1, 2, 3)) * 6 + (error * (1 - hole)).mean((1, 2, 3))
    np.testing.assert_allclose(losses.pixel(raw, truth, mask, 6.0), expected, rtol=1e-5)


def test_perceptual_and_style_are_the_printed_sums():
    features, truth = _features(0), _features(1)
    expected_p, expected_s = np.zeros(2), np.zeros(2)
    for name in features:
        f, t = features[name].numpy(), truth[name].numpy()
        n, channels = f[0].size, f.shape[-1]
        for i in range(2):
            expected_p[i] += np.abs(f[i] - t[i]).sum() / n
            gram = [m[i].reshape(-1, channels).T @ m[i].reshape(-1, channels) for m in (f, t)]
            expected_s[i] += (np.abs(gram[0] - gram[1]) / n).sum() / channels**2
    np.testing.assert_allclose(feature_losses.perceptual(features, truth), expected_p, rtol=1e-5)
    np.testing.assert_allclose(feature_losses.style(features, truth), expected_s, rtol=1e-4)


def test_normalized_perceptual_compares_directions_not_sizes():
    features, truth = _features(0), _features(1)
    expected = np.zeros(2)
    for name in features:
        f, t = (
            x[name].numpy() / np.sqrt(np.square(x[name].numpy()).sum(-1, keepdims=True) + 1e-3)
            for x in (features, truth)
        )
        expected += np.square(f - t).sum(-1).mean((1, 2))
    np.testing.assert_allclose(feature_losses.normalized_perceptual(features, truth), expected, rtol=1e-4)
    brighter = {name: 3.0 * f for name, f in features.items()}
    assert (feature_losses.normalized_perceptual(brighter, features).numpy() < 1e-3).all()


def test_total_variation_counts_neighbours_of_the_hole_only():
    picture = np.zeros((1, 4, 4, 3), np.float32)
    picture[:, :, 2:] = 1.0
    mask = np.zeros((1, 4, 4, 1), np.float32)
    assert float(losses.total_variation(tf.constant(picture), tf.constant(mask))[0]) == 0.0
    mask[:, 1, 2] = 1.0  # touches the jump in its own row only
    assert float(losses.total_variation(tf.constant(picture), tf.constant(mask))[0]) == pytest.approx(3 / 48)


def test_the_rim_fades_with_the_distance_from_what_is_kept():
    rng = np.random.default_rng(1)
    mask = np.ones((2, 48, 40, 1), np.float32)
    mask[0, 5, 7], mask[0, 30:, 30:] = 0, 0
    mask[1] = rng.random((48, 40, 1)) < 0.99
    distance = np.stack([scipy.ndimage.distance_transform_cdt(m[..., 0], "chessboard") for m in mask])
    weight = sum(0.25 * ((distance > 0) & (distance <= radius)) for radius in (1, 2, 4, 8))
    error = rng.random((2, 48, 40, 3)).astype(np.float32)
    expected = (error * weight[..., None]).sum(axis=(1, 2, 3)) / (3 * weight.sum(axis=(1, 2)))
    np.testing.assert_allclose(losses.rim(error, np.zeros_like(error), tf.constant(mask)), expected, rtol=1e-5)


@pytest.mark.parametrize("side", [1, 3, 40])
def test_the_low_pass_of_a_small_hole_is_that_of_a_large_one(side):
    mask = np.zeros((1, 64, 64, 1), np.float32)
    mask[:, 11 : 11 + side, 20 : 20 + side] = 1
    truth = np.zeros((1, 64, 64, 3), np.float32)
    assert losses.low_pass(truth + 0.5 * mask, truth, mask).numpy() == pytest.approx([0.5], rel=1e-5)
    assert losses.stroke_color(truth + mask, truth + 0.5 * mask, mask).numpy() == pytest.approx([0.5], rel=1e-5)


def test_the_low_pass_compares_means_over_windows_that_overlap_by_half():
    rng = np.random.default_rng(2)
    difference = rng.uniform(-1, 1, (2, 64, 96, 3)).astype(np.float32)
    mask = np.zeros((2, 64, 96, 1), np.float32)
    mask[0, 3:30, 40:90], mask[1, 50:, :20] = 1, 1
    expected = 0.0
    for size in (8, 32):
        share, means = (tf.nn.avg_pool2d(x, size, size // 2, "SAME").numpy() for x in (mask, difference * mask))
        means = np.abs(means / np.maximum(share, 1 / size**2))
        expected += 0.5 * (means * share).sum(axis=(1, 2, 3)) / (3 * share.sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(losses.low_pass(difference, np.zeros_like(difference), mask), expected, rtol=1e-5)


def test_a_stroke_asks_for_its_own_colour_and_nothing_else():
    rng = np.random.default_rng(0)
    mask, strokes = np.zeros((1, 32, 32, 1), np.float32), np.zeros((1, 32, 32, 1), np.float32)
    mask[:, 8:24, 8:24], strokes[:, 12:20, 12:30] = 1, 1
    color = np.float32([0.5, -0.25, 0.125]) * strokes
    inside = (mask * strokes)[..., 0] > 0
    output = rng.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    output[inside] = color[inside]
    assert losses.stroke_color(output, color, mask).numpy() == pytest.approx([0.0], abs=1e-6)
    # Texture of mean 0 within a cell is free, a cast is not.
    checks = np.where(np.indices((32, 32)).sum(axis=0) % 2, 0.2, -0.2)[None, ..., None].astype(np.float32)
    assert losses.stroke_color(output + checks, color, mask).numpy() == pytest.approx([0.0], abs=1e-6)
    assert losses.stroke_color(output + 0.25, color, mask).numpy() == pytest.approx([0.25], abs=1e-5)
    variable = tf.Variable(output + 0.25)
    with tf.GradientTape() as tape:
        value = losses.stroke_color(variable, color, mask)
    copy = np.asarray(tape.gradient(value, variable))[..., 0] != 0
    np.testing.assert_array_equal(copy, inside)
    assert losses.stroke_color(output, np.zeros_like(color), mask).numpy() == [0.0]


@pytest.mark.parametrize("box", [(0, 5, 3, 9), (20, 40, 30, 47), (2, 46, 7, 8), (0, 48, 0, 48)])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_a_window_holds_the_hole_where_it_can(box, chance):
    top, bottom, left, right = box
    mask = np.zeros((1, 48, 48, 1), np.float32)
    mask[0, top:bottom, left:right] = 1
    rows, columns = (np.asarray(x)[0] for x in feature_losses.window(tf.constant(mask), 20, tf.fill((1, 2), chance)))
    for places, first, last in ((rows, top, bottom), (columns, left, right)):
        assert len(places) == 20 and places[0] >= 0 and places[-1] < 48 and (np.diff(places) == 1).all()
        if last - first <= 20:
            assert places[0] <= first and places[-1] >= last - 1
        else:
            assert first <= places[0] and places[-1] < last


def test_nothing_is_negative_where_an_error_is_negative():
    raw, truth, mask = _pictures()
    for sign in (1, -1):
        difference = sign * tf.abs(raw - truth)
        assert (losses.pixel(truth + difference, truth, mask, 6.0).numpy() > 0).all()
        assert (losses.total_variation(sign * raw, mask).numpy() >= 0).all()
        assert (
            feature_losses.style({"a": _features(0)["a"] * (1 + sign * 0.3)}, {"a": _features(0)["a"]}).numpy() > 0
        ).all()


def test_every_loss_is_one_value_per_example():
    raw, truth, mask = _pictures()
    maps = tf.random.normal([2, 3, 3, 4])
    values = [
        losses.pixel(raw, truth, mask, 6.0),
        losses.total_variation(raw, mask),
        adversarial.drift(maps),
        feature_losses.perceptual(_features(0), _features(1)),
        feature_losses.style(_features(0), _features(1)),
        adversarial.generator_adversarial(maps),
        adversarial.gradient_penalty(raw, mask),
        *(critic(maps, -maps) for critic in adversarial.CRITICS.values()),
    ]
    assert all(value.shape == (2,) and value.dtype == tf.float32 for value in values)
    alone = losses.pixel(raw[1:], truth[1:], mask[1:], 6.0)
    np.testing.assert_allclose(values[0][1:], alone, rtol=1e-6)


def test_critics():
    real, fake = tf.fill([1, 2, 2, 1], 3.0), tf.fill([1, 2, 2, 1], -0.5)
    assert float(adversarial.critic_wgan(real, fake)[0]) == pytest.approx((1 - 3) + (1 - 0.5))  # no ReLU
    assert float(adversarial.critic_hinge(real, fake)[0]) == pytest.approx(0.5)
    assert float(adversarial.generator_adversarial(fake)[0]) == pytest.approx(0.5)


def test_drift_is_the_mean_of_squares():
    assert float(adversarial.drift(tf.constant([[[[1.0], [-1.0]]]]))[0]) == pytest.approx(1.0)


def test_gradient_penalty_is_per_example_and_masked():
    gradient = np.zeros((2, 2, 2, 3), np.float32)
    gradient[0, 0, 0] = [3.0, 0.0, 4.0]
    gradient[1, 1, 1, 0] = 1.0
    mask = np.zeros((2, 2, 2, 1), np.float32)
    mask[0, 0, 0] = mask[1, 1, 1] = 1.0
    np.testing.assert_allclose(
        adversarial.gradient_penalty(tf.constant(gradient), tf.constant(mask)), [16.0, 0.0], atol=1e-5
    )
    np.testing.assert_allclose(
        adversarial.gradient_penalty(tf.constant(gradient), tf.constant(1 - mask)), [1.0, 1.0], atol=1e-4
    )


def test_interpolation_is_uniform_one_draw_per_example():
    seeds = tf.stack([tf.range(500), tf.range(500) * 7], axis=1)
    draws = adversarial.per_example_uniform(seeds, salt=1).numpy()
    assert 0 <= draws.min() and draws.max() < 1 and abs(draws.mean() - 0.5) < 0.05 and abs(draws.var() - 1 / 12) < 0.01
    np.testing.assert_array_equal(draws[:250], adversarial.per_example_uniform(seeds[:250], salt=1))
    assert not np.array_equal(draws, adversarial.per_example_uniform(seeds, salt=2).numpy())
    between = adversarial.interpolate(tf.ones([2, 1, 1, 3]), tf.zeros([2, 1, 1, 3]), tf.constant([0.25, 1.0]))
    np.testing.assert_allclose(between[:, 0, 0, 0], [0.25, 1.0])


@pytest.mark.parametrize(
    "name",
    [
        "pixel",
        "total_variation",
        "perceptual",
        "normalized_perceptual",
        "style",
        "gradient_penalty",
        "hinge",
        "wgan",
        "drift",
    ],
)
def test_gradients_agree_with_finite_differences(name):
    raw, truth, mask = _pictures()
    function = {
        "pixel": lambda x: losses.pixel(x, truth, mask, 6.0),
        "total_variation": lambda x: losses.total_variation(x, mask),
        "perceptual": lambda x: feature_losses.perceptual({"q": x}, {"q": truth}),
        "normalized_perceptual": lambda x: feature_losses.normalized_perceptual({"q": x}, {"q": truth}),
        "style": lambda x: feature_losses.style({"q": x}, {"q": truth}),
        "gradient_penalty": lambda x: adversarial.gradient_penalty(x, mask),
        "hinge": lambda x: adversarial.critic_hinge(x, 0.5 * x),
        "wgan": lambda x: adversarial.critic_wgan(x, 0.5 * x),
        "drift": adversarial.drift,
    }[name]
    direction = tf.constant(np.random.default_rng(5).standard_normal(raw.shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        value = tf.reduce_sum(function(raw))
    slope = float(tf.reduce_sum(tape.gradient(value, raw) * direction))
    step = 1e-3
    numeric = float(
        tf.reduce_sum(function(raw + step * direction)) - tf.reduce_sum(function(raw - step * direction))
    ) / (2 * step)
    assert slope == pytest.approx(numeric, rel=3e-2, abs=2e-3)


def _drawing(column: int) -> np.ndarray:
    lines = np.zeros((1, 32, 32, 1), np.float32)
    lines[:, :, column] = 1.0
    return lines


def test_soft_chamfer_is_a_distance_in_pixels():
    true = _drawing(10)

    def distance(prediction, truth=true):
        return float(line_losses.soft_chamfer(tf.constant(prediction), tf.constant(truth))[0])

    # A shift by n columns is n pixels both ways, where n is a step of its radii. Not to the digit: the ends of a stroke
    # have one neighbour and count for less, and one pixel is added to the sums (32 to 33).
    assert distance(true) < 0.05
    for columns in (1, 2, 4, 8):
        assert distance(_drawing(10 + columns)) == pytest.approx(columns * 32 / 33, abs=0.3)
    # Nothing drawn: only the true lines are far, at the end of the radii.
    assert distance(np.zeros_like(true)) == pytest.approx(16 / 2 * 32 / 33)
    # A line more, 8 off: half of the drawn pixels are far. A faint one counts by its strength.
    two = np.maximum(true, _drawing(18))
    assert distance(two) == pytest.approx(0.5 * 8 * 32 / 65, abs=0.05)
    assert distance(np.maximum(true, 0.25 * _drawing(18))) == pytest.approx(0.5 * 8 * 0.25 * 32 / 41, abs=0.05)
    # Dots on every true pixel's way bring nothing nearer, though none is far from them.
    dots = np.zeros_like(true)
    dots[:, ::4, ::4] = 1.0
    assert distance(dots) > distance(np.zeros_like(true)) > distance(_drawing(14))
    prediction = tf.random.stateless_uniform([1, 8, 8, 1], [1, 2])
    truth = tf.constant(true[:, :8, 8:16])
    theory, numeric = tf.test.compute_gradient(lambda x: line_losses.soft_chamfer(x, truth), [prediction], delta=1e-4)
    np.testing.assert_allclose(theory[0], numeric[0], atol=5e-3)


def test_soft_chamfer_draws_lines_where_they_belong():
    """Downhill, a faint line in its place grows, beside a strong one that is off; one that belongs nowhere fades."""
    prediction = tf.constant(0.05 + 0.1 * _drawing(10) + 0.8 * _drawing(12) + 0.5 * _drawing(30))
    with tf.GradientTape() as tape:
        tape.watch(prediction)
        loss = line_losses.soft_chamfer(prediction, tf.constant(_drawing(10)))
    slope = tape.gradient(loss, prediction).numpy()[0, :, :, 0].mean(axis=0)
    assert slope[10] < 0 < slope[30]


def test_stroke_density_asks_how_much_line_is_where_and_not_on_which_pixel():
    true = _drawing(10)

    def density(prediction):
        return float(line_losses.stroke_density(tf.constant(prediction), tf.constant(true))[0])

    nothing = density(np.zeros_like(true))
    # The stroke is an eighth of the pixels of two in eight columns of windows of 8, and 1/24 of those of 32, of which
    # 24 columns lie in the picture.
    per_window = [(10 / 8) ** 2 * 2 / 8, (10 / 24) ** 2]
    assert nothing == pytest.approx(np.mean(per_window), rel=1e-3)
    assert density(true) < density(_drawing(11)) + 1e-6 < 0.5 * nothing < density(_drawing(25))
    grey, dots = np.full_like(true, 1 / 32), np.zeros_like(true)
    dots[:, ::4, ::8] = 1.0
    assert density(grey) == pytest.approx(nothing, rel=0.05) and density(dots) == pytest.approx(nothing)
    prediction = tf.random.stateless_uniform([1, 8, 8, 1], [1, 2])
    truth = tf.constant(true[:, :8, 8:16])
    theory, numeric = tf.test.compute_gradient(lambda x: line_losses.stroke_density(x, truth), [prediction], delta=1e-3)
    np.testing.assert_allclose(theory[0], numeric[0], atol=5e-3)


def test_line_cross_entropy_weighs_lines_and_never_goes_flat():
    prediction, true = tf.constant([[[[0.8]], [[0.3]]]]), tf.constant([[[[1.0]], [[0.0]]]])
    expected = -(4.0 * np.log(0.8) + np.log(0.7)) / 2
    np.testing.assert_allclose(line_losses.line_cross_entropy(prediction, true, 4.0), [expected], rtol=1e-4)
    logits = tf.constant([[[[-8.0]], [[8.0]]]])  # a line missed and one invented, both confidently
    theory, numeric = tf.test.compute_gradient(
        lambda x: line_losses.line_cross_entropy(tf.sigmoid(x), true, 4.0), [logits], delta=1e-2
    )
    np.testing.assert_allclose(theory[0], numeric[0], atol=5e-3)
    np.testing.assert_allclose(theory[0], [[-2.0, 0.5]], atol=0.01)


def test_code_consistency_weighs_codes_of_any_width_alike_and_holds_its_targets():
    rng = np.random.default_rng(0)

    def unit(*shape):
        code = rng.standard_normal(shape)
        return tf.constant(code / np.linalg.norm(code, axis=-1, keepdims=True), tf.float32)

    c, c2, s, s2 = unit(2, 3, 3, 8), unit(2, 3, 3, 8), unit(2, 512), unit(2, 512)
    expected_c = np.abs(c - c2).sum(-1).mean((1, 2)) / 8**0.5
    expected_s = np.abs(s - s2).sum(-1) / 512**0.5
    np.testing.assert_allclose(
        region_losses.code_consistency(c, s, c2, s2, 0.5), expected_c + 0.5 * expected_s, rtol=1e-4
    )
    assert expected_s.mean() == pytest.approx(expected_c.mean(), rel=0.3)
    with tf.GradientTape() as tape:
        tape.watch([c, s, c2, s2])
        value = region_losses.code_consistency(c, s, c2, s2, 0.5)
    gradients = tape.gradient(value, [c, s, c2, s2])
    assert gradients[2] is None and gradients[3] is None and all(np.abs(g).max() > 0 for g in gradients[:2])


def test_content_alignment_is_the_swap_inside_and_the_photograph_outside():
    swap, image, mask = _pictures()
    composite = swap * mask + image * (1.0 - mask)
    np.testing.assert_allclose(region_losses.content_alignment(composite, swap, image, mask), 0.0, atol=1e-6)
    off = region_losses.content_alignment(composite + 0.5 * mask, swap, image, mask)
    np.testing.assert_allclose(off, 0.5 * mask.numpy().mean((1, 2, 3)), rtol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch([swap, image])
        value = region_losses.content_alignment(tf.zeros_like(swap), swap, image, mask)
    assert tape.gradient(value, [swap, image], unconnected_gradients="none") == [None, None]


def test_r1_is_half_the_squared_slope():
    slope = tf.constant([[[3.0], [4.0]], [[0.0], [2.0]]])
    np.testing.assert_allclose(adversarial.r1(slope), [12.5, 2.0])
