"""SC-FEGAN's generator: the published counts, ranges, and the composite."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfsketch import systems
from tfsketch.errors import ImageError
from tfsketch.systems.sc_fegan import network as sc_fegan
from tfsketch.systems.sc_fegan.config import GeneratorConfig, ScFeganConfig


def _inputs(side=32, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    mask = (rng.random((batch, side, side, 1)) < 0.3).astype(np.float32)
    return {
        "image": tf.constant(rng.uniform(-1, 1, (batch, side, side, 3)), tf.float32),
        "mask": tf.constant(mask),
        "sketch": tf.constant(rng.random((batch, side, side, 1)) < 0.1, tf.float32),
        "color": tf.constant(
            rng.uniform(-1, 1, (batch, side, side, 3)) * (rng.random((batch, side, side, 1)) < 0.2), tf.float32
        ),
        "noise": tf.constant(rng.standard_normal((batch, side, side, 1)) * mask, tf.float32),
    }


def test_the_published_network_has_the_published_number_of_parameters():
    model = systems.build(systems.parse("image_size: 128"))
    assert model.count_params() == 92_886_100
    dead = sum(int(tf.size(v)) for v in model.non_trainable_variables)
    assert dead == 512 * 3 + 256 + 128 + 64 + 3  # biases2 of the seven deconvolutions, which nothing reads


@pytest.mark.parametrize("norm", ["lrn", "instance", "none"])
@pytest.mark.parametrize("upsampling, head", [("published", 0), ("gated", 0), ("nearest", 0), ("nearest", 6)])
def test_every_variant_composites_bit_for_bit(norm, upsampling, head):
    generator = GeneratorConfig(
        width=4,
        max_width=8,
        stages=3,
        kernels=(5, 3, 3),
        dilations=(2, 4),
        norm=norm,
        upsampling=upsampling,
        head_width=head,
    )
    model = sc_fegan.Generator(ScFeganConfig(generator=generator))
    inputs = _inputs()
    outputs = model(inputs)
    assert set(outputs) == {"raw", "image"} and outputs["raw"].shape == (2, 32, 32, 3)
    assert float(tf.reduce_max(tf.abs(outputs["raw"]))) <= 1.0
    keep = np.broadcast_to(inputs["mask"].numpy() == 0, outputs["image"].shape)
    np.testing.assert_array_equal(outputs["image"].numpy()[keep], inputs["image"].numpy()[keep])
    np.testing.assert_array_equal(outputs["image"].numpy()[~keep], outputs["raw"].numpy()[~keep])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(inputs)["image"]))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(g is not None and np.isfinite(g.numpy()).all() for g in gradients)


def test_conditions_count_inside_the_mask_only():
    tiny = GeneratorConfig(width=4, max_width=8, stages=2, kernels=(3, 3), dilations=(), norm="none")
    model = sc_fegan.Generator(ScFeganConfig(generator=tiny))
    inputs = _inputs()
    outside = 1.0 - inputs["mask"]
    other = inputs | {
        "sketch": inputs["sketch"] * (1 - outside) + outside * (1 - inputs["sketch"]),
        "color": inputs["color"] + outside,
        "noise": inputs["noise"] + outside,
        "image": inputs["image"] + inputs["mask"],
    }
    np.testing.assert_array_equal(model(inputs)["raw"], model(other)["raw"])
    for key in ("sketch", "color", "noise"):  # and there they do
        variant = model(inputs | {key: inputs[key] + inputs["mask"]})["raw"]
        assert not np.array_equal(model(inputs)["raw"], variant)


def test_missing_conditions_are_zeros():
    model = sc_fegan.Generator(ScFeganConfig(generator=GeneratorConfig(4, 8, 2, (3, 3), ())))
    inputs = _inputs()
    zeros = inputs | {k: tf.zeros_like(inputs[k]) for k in ("sketch", "color", "noise")}
    few = {k: inputs[k] for k in ("image", "mask")}
    np.testing.assert_array_equal(model(zeros)["raw"], model(few)["raw"])


def test_packing_order_and_the_empty_colour():
    inputs = _inputs()
    stack = sc_fegan.pack(inputs).numpy()
    mask, color = inputs["mask"].numpy(), inputs["color"].numpy()
    np.testing.assert_allclose(
        stack,
        np.concatenate(
            [inputs["image"] * (1 - mask), inputs["sketch"] * mask, color * mask, mask, inputs["noise"] * mask], -1
        ),
    )
    other = sc_fegan.pack(inputs, empty_color=-1.0).numpy()
    empty = (color == 0).all(-1) & (mask[..., 0] == 1)
    assert (other[..., 4:7][empty] == -1).all() and (other[..., 4:7][mask[..., 0] == 0] == 0).all()
    strokes = (color != 0).any(-1)
    np.testing.assert_array_equal(other[..., 4:7][strokes], stack[..., 4:7][strokes])


def test_any_batch_and_size_in_one_graph():
    model = sc_fegan.Generator(ScFeganConfig(generator=GeneratorConfig(4, 8, 2, (3, 3), (2,))))
    call = tf.function(
        model,
        input_signature=[{"image": tf.TensorSpec([None, None, None, 3]), "mask": tf.TensorSpec([None, None, None, 1])}],
    )
    for batch, height, width in ((1, 8, 16), (3, 20, 4)):
        assert call({"image": tf.zeros([batch, height, width, 3]), "mask": tf.ones([batch, height, width, 1])})[
            "image"
        ].shape == (batch, height, width, 3)


def test_a_wrong_size_is_named():
    model = sc_fegan.Generator(ScFeganConfig(generator=GeneratorConfig(4, 8, 3, (3, 3, 3), ())))
    with pytest.raises(ImageError, match="multiples of 8, found 30 x 32"):
        model({"image": tf.zeros([1, 30, 32, 3]), "mask": tf.zeros([1, 30, 32, 1])})


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_sixteen_bits_keep_the_picture_outside_the_mask(policy):
    tiny = GeneratorConfig(
        width=4, max_width=8, stages=2, kernels=(3, 3), dilations=(2,), norm="lrn", upsampling="nearest"
    )
    settings = ScFeganConfig(generator=tiny)
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = sc_fegan.Generator(settings)
        inputs = _inputs()
        outputs = model(inputs)
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert outputs["image"].dtype == tf.float32
    keep = np.broadcast_to(inputs["mask"].numpy() == 0, outputs["image"].shape)
    np.testing.assert_array_equal(outputs["image"].numpy()[keep], inputs["image"].numpy()[keep])


def test_the_light_configuration_is_small():
    from tfsketch.training.describe import gflops

    light = systems.load("configs/sc_fegan_light_faces_128.yaml")
    model = systems.build(light)
    assert model.count_params() * 2 < 16e6  # float16 bytes
    small, large = (gflops(systems.build(dataclasses.replace(light, image_size=side))) for side in (128, 256))
    assert small < 3.5 and large == pytest.approx(4 * small, rel=0.01)
