"""The conversion of SC-FEGAN's published checkpoint: the pictures it gives, what it says of those that do not fit.

The reference is a plain-TensorFlow rendering of the published graph, straight from the notes' tables: it shares no code
with the package's layers, reads the checkpoint by the published names, and works in BGR as the release does.
"""

from __future__ import annotations

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfsketch
from tfsketch.errors import WeightsError
from tfsketch.nn import model_directory
from tfsketch.systems.sc_fegan import convert, published
from tfsketch.systems.sc_fegan.config import GeneratorConfig

FULL = {"widths": (64, 128, 256, 512, 512, 512, 512), "kernels": (7, 5, 5, 3, 3, 3, 3), "dilations": (2, 4, 8, 16)}
NARROW = FULL | {"widths": (16, 32, 64, 128, 128, 128, 128)}
NARROW_GENERATOR = GeneratorConfig(width=16, max_width=128)
TINY = {"widths": (4, 8), "kernels": (7, 5), "dilations": (2,)}
_DECONV_GAIN = 8.0
TINY_GENERATOR = GeneratorConfig(width=4, max_width=8, stages=2, kernels=(7, 5), dilations=(2,))


def _published_shapes(
    widths: tuple[int, ...], kernels: tuple[int, ...], dilations: tuple[int, ...]
) -> dict[str, tuple]:
    """Name -> shape of every variable of the published generator, in its own size or a smaller one."""
    convolutions, deconvs, depth = {}, {}, len(widths)
    inputs = (9, *widths[:-1])
    for i in range(depth):
        convolutions[f"gconv{i + 1}_ds"] = (kernels[i], kernels[i], inputs[i], widths[i])
    for i in range(len(dilations)):
        convolutions[f"co_conv{i + 1}_dlt"] = (3, 3, widths[-1], widths[-1])
    channels = widths[-1]
    for i, skip in enumerate(reversed(inputs)):
        outputs = 3 if i == depth - 1 else skip
        deconvs[f"deconv{i + 1}"] = (5, 5, outputs, channels)
        convolutions[f"gconv{depth + 1 + i}"] = (3, 3, skip + outputs, outputs)
        channels = outputs
    shapes = {}
    for scope, shape in convolutions.items():
        for gate in ("", "_g"):
            shapes[f"generator/{scope}{gate}/kernel"] = shape
            shapes[f"generator/{scope}{gate}/bias"] = shape[-1:]
    for scope, shape in deconvs.items():
        shapes |= {
            f"generator/{scope}/w": shape,
            f"generator/{scope}/biases1": (shape[2],),
            f"generator/{scope}/biases2": (shape[2],),
        }
    return shapes


def _random_values(shapes: dict[str, tuple], seed: int = 3) -> dict[str, np.ndarray]:
    """Random values under which every part of the network shows in the picture.

    Kernels have He's scale, gates that of N(0,1), biases matter (the dead one too: nothing may read it), but:
      - the features that enter an LRN are small, so that its bias of 5e-5 is felt;
      - the deconvolutions are strong, so that what comes from the depth is not drowned by the skips at seven mixers.
    Large kernels repeat a prime number of values, because random ones take half a minute to compress.
    """
    rng = np.random.default_rng(seed)
    last = max(int(name.split("gconv")[1].split("/")[0]) for name in shapes if "gconv" in name and "_" not in name)
    plain = ("generator/gconv1_ds/", f"generator/gconv{last}/")  # the two layers without an LRN
    values = {}
    for name, shape in shapes.items():
        small = 0.05 if not name.startswith(plain) and "_g/" not in name and "deconv" not in name else 1.0
        if len(shape) == 1:
            scale = 0.1 * small
        elif name.endswith("/w"):
            scale = _DECONV_GAIN / np.sqrt(shape[0] * shape[1] * shape[3] / 4)  # a quarter of the taps meet at a pixel
        else:
            scale = small * np.sqrt((1.0 if "_g/" in name else 2.0) / np.prod(shape[:3]))
        size = int(np.prod(shape))
        numbers = rng.standard_normal(7919 if size > 100_000 else size, np.float32) * np.float32(scale)
        values[name] = np.resize(numbers, shape)
    return values


def _write(prefix: pathlib.Path, values: dict[str, np.ndarray]) -> str:
    """A checkpoint of TF1's Saver (format V2: .index and .data, and here no .meta, as published)."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = []
        for name, value in values.items():
            placeholder = tf.compat.v1.placeholder(value.dtype, value.shape)  # no 370 MB of constants in the graph
            variable = tf.compat.v1.get_variable(name, initializer=placeholder, use_resource=False)
            session.run(variable.initializer, {placeholder: value})
            variables.append(variable)
        tf.compat.v1.train.Saver(variables).save(session, str(prefix), write_meta_graph=False, write_state=False)
    return str(prefix)


def _render(prefix: str, stack: np.ndarray, rates: tuple[int, ...] = (2, 4, 8, 16)) -> np.ndarray:
    """The published graph (the notes, 1.2 and 1.3): BGR input [1,512,512,9] -> BGR picture [1,512,512,3]."""
    reader = tf.train.load_checkpoint(prefix)

    def get(name: str) -> tf.Tensor:
        return tf.constant(reader.get_tensor("generator/" + name))

    def lrn(x: tf.Tensor) -> tf.Tensor:  # by its definition, over 11 neighbouring channels
        depth = x.shape[-1]
        squares = tf.pad(x * x, [[0, 0], [0, 0], [0, 0], [5, 5]])
        return x / tf.sqrt(5e-5 + tf.add_n([squares[..., i : i + depth] for i in range(11)]))

    def conv(x: tf.Tensor, scope: str, stride: int, rate: int) -> tf.Tensor:
        kernel, bias = get(scope + "/kernel"), get(scope + "/bias")
        if rate > 1:
            return tf.nn.bias_add(tf.nn.atrous_conv2d(x, kernel, rate, "SAME"), bias)
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME"), bias)

    def gate_conv(
        x: tf.Tensor, scope: str, stride: int = 1, rate: int = 1, norm: bool = True, act: bool = True
    ) -> tf.Tensor:
        feature = conv(x, scope, stride, rate)
        if norm:
            feature = lrn(feature)
        if act:
            feature = tf.maximum(feature, 0.2 * feature)
        return feature / (1.0 + tf.exp(-conv(x, scope + "_g", stride, rate)))

    def gate_deconv(x: tf.Tensor, scope: str) -> tf.Tensor:
        w = get(scope + "/w")
        h = tf.nn.conv2d_transpose(x, w, [1, 2 * x.shape[1], 2 * x.shape[2], w.shape[2]], [1, 2, 2, 1], "SAME")
        h = tf.nn.bias_add(h, get(scope + "/biases1"))
        h = tf.maximum(h, 0.2 * h)
        return h / (1.0 + tf.exp(-h))  # the gate with biases2 is computed and thrown away in the release

    x0 = tf.constant(stack)
    x1 = gate_conv(x0, "gconv1_ds", 2, norm=False)
    x2 = gate_conv(x1, "gconv2_ds", 2)
    x3 = gate_conv(x2, "gconv3_ds", 2)
    x4 = gate_conv(x3, "gconv4_ds", 2)
    x5 = gate_conv(x4, "gconv5_ds", 2)
    x6 = gate_conv(x5, "gconv6_ds", 2)
    x = gate_conv(x6, "gconv7_ds", 2)
    for i, rate in enumerate(rates):
        x = gate_conv(x, f"co_conv{i + 1}_dlt", rate=rate)
    for i, skip in enumerate((x6, x5, x4, x3, x2, x1)):
        x = gate_conv(tf.concat([skip, gate_deconv(x, f"deconv{i + 1}")], 3), f"gconv{i + 8}")
    x = gate_conv(tf.concat([x0, gate_deconv(x, "deconv7")], 3), "gconv14", norm=False, act=False)
    return tf.tanh(x).numpy()


def _inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A picture, a mask of two holes, a sketch, two colour strokes and noise: the package's vocabulary, at 512 px."""
    image = rng.integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    image = np.kron(image, np.ones((1, 64, 64, 1), np.float32)) + rng.integers(-20, 21, (1, 512, 512, 3))
    mask = np.zeros((1, 512, 512, 1), np.float32)
    mask[:, 60:300, 100:250] = mask[:, 350:450, 200:500] = 1
    sketch = (rng.random((1, 512, 512, 1)) < 0.05).astype(np.float32)
    color = np.zeros((1, 512, 512, 3), np.float32)
    color[:, 30:200, 120:180] = np.array([200, 90, 30]) / 127.5 - 1  # reaches out of the hole, as a hand's stroke does
    color[:, 380:400, 150:400] = np.array([20, 60, 250]) / 127.5 - 1
    image = np.clip(image, 0, 255).astype(np.float32) / 127.5 - 1
    noise = rng.standard_normal((1, 512, 512, 1), np.float32)
    return {"image": image, "mask": mask, "sketch": sketch, "color": color, "noise": noise}


def _released_input(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What the release's demo would feed for the same edit: BGR, -1 where the hole has no colour, masked."""
    bgr, mask, strokes = inputs["image"][..., ::-1], inputs["mask"], inputs["color"][..., ::-1]
    paint_mask = np.abs(strokes).max(axis=3, keepdims=True) > 0
    color = np.where(paint_mask, strokes, np.float32(-1))
    return np.concatenate([bgr * (1 - mask), inputs["sketch"] * mask, color * mask, mask, inputs["noise"] * mask], 3)


def test_the_released_networks_checkpoint_is_asked_for(tiny, tmp_path, monkeypatch):
    """Every name and shape at full size, which is the default's."""
    shapes, requests = _published_shapes(**FULL), {}
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 92_886_100  # the published table's

    def read(prefix, names, last):
        requests.update({convert.published_name(name): shape for name, shape in names.items()}, last=last)
        raise WeightsError("far enough")

    monkeypatch.setattr(convert, "read_sc_fegan", read)
    with pytest.raises(WeightsError, match="far enough"):
        convert.convert_sc_fegan(_write(tmp_path / "a.ckpt", tiny), tmp_path / "model")
    assert requests == {**shapes, "last": "gconv14"}


def test_a_checkpoint_draws_the_published_graphs_picture(tmp_path):
    """All of the published layers, at 512 px, with a quarter of their channels."""
    shapes = _published_shapes(**NARROW)
    parameters = sum(int(np.prod(shape)) for shape in shapes.values())
    values = _random_values(shapes)
    try:
        prefix = _write(tmp_path / "ckpt" / "SC-FEGAN.ckpt", values)
        report = convert.convert_sc_fegan(prefix, tmp_path / "model", NARROW_GENERATOR)
        assert (report.converted, report.parameters, report.ignored) == (len(shapes), parameters, 0)
        inputs = _inputs(np.random.default_rng(5))
        stack = _released_input(inputs)
        reference = _render(prefix, stack)[..., ::-1]
        wrong_rates = _render(prefix, stack, (1, 4, 8, 16))[..., ::-1]
        expected = reference * inputs["mask"] + inputs["image"] * (1 - inputs["mask"])
        model = tfsketch.load_model(tmp_path / "model")
        outputs = model({key: tf.constant(value) for key, value in inputs.items()})
    finally:  # pytest keeps its last three folders
        shutil.rmtree(tmp_path)

    # A picture that hangs on little would agree with much: this one is not flat, saturated or grey, and the first layer
    # of the bottleneck, the one farthest from it, moves it.
    assert reference.std() > 0.2 and np.mean(np.abs(reference) > 0.999) < 0.05
    assert all(np.abs(reference[..., i] - reference[..., j]).mean() > 0.1 for i, j in ((0, 1), (0, 2), (1, 2)))
    assert np.abs(reference - wrong_rates).max() > 1e-3
    differences = {
        "raw": np.abs(outputs["raw"].numpy() - reference).max(),
        "image": np.abs(outputs["image"].numpy() - expected).max(),
    }
    print("largest differences", differences, "deviation", reference.std())
    assert max(differences.values()) <= 1e-4
    assert model.experiment.model.empty_color == -1.0 and model.experiment.model.generator == NARROW_GENERATOR
    ours = model_directory.variable_names(model)
    assert len(ours) == len(shapes)
    for i in range(1, 8):
        name = f"generator/deconv{i}/biases2"
        np.testing.assert_array_equal(ours[name].numpy(), values[name])


@pytest.fixture
def tiny() -> dict[str, np.ndarray]:
    """The values of a whole checkpoint of the published graph in a small size."""
    return _random_values(_published_shapes(**TINY))


def _convert(prefix: str | pathlib.Path, output: pathlib.Path) -> convert.Report:
    return convert.convert_sc_fegan(prefix, output, TINY_GENERATOR)


def test_every_variable_is_assigned_and_only_colour_channels_move(tiny, tmp_path):
    _convert(_write(tmp_path / "a.ckpt", tiny), tmp_path / "model")
    model = tfsketch.load_model(tmp_path / "model")
    ours = {name: variable.numpy() for name, variable in model_directory.variable_names(model).items()}
    assert len(ours) == len(tiny)
    order = [2, 1, 0, 3, 6, 5, 4, 7, 8]
    for name, array in ours.items():
        theirs = tiny[name.replace("/gate_", "_g/")]
        if "/gconv1_ds/" in name and "kernel" in name:
            theirs = theirs[:, :, order]
        if "/gconv4/" in name:  # the last layer of this small network
            theirs = theirs[:, :, [*order, 9, 10, 11]] if "kernel" in name else theirs
            theirs = theirs[..., ::-1]
        np.testing.assert_array_equal(array, theirs, err_msg=name)


def test_optimiser_and_discriminator_are_ignored_and_counted(tiny, tmp_path):
    extra = {"discriminator/conv1/kernel": np.ones((3, 3, 8, 4), np.float32), "beta1_power": np.float32([0.5])}
    extra |= {f"{name}/{slot}": value for name, value in tiny.items() for slot in ("Adam", "Adam_1")}
    report = _convert(_write(tmp_path / "a.ckpt", tiny | extra), tmp_path / "model")
    assert report.ignored == len(extra) and report.converted == len(tiny)


def test_the_card_says_what_it_is(tiny, tmp_path):
    _convert(_write(tmp_path / "SC-FEGAN.ckpt", tiny), tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    for text in ("`SC-FEGAN.ckpt`", "CC BY-NC 4.0", "RGB", "1 = regenerate", "empty_color: -1.0", "0.16"):
        assert text in card
    assert str(tmp_path) not in card


@pytest.mark.parametrize("name", ["a.ckpt", "a.ckpt.index", "a.ckpt.data-00000-of-00001", ""])
def test_what_people_give_for_a_prefix(tiny, tmp_path, name):
    prefix = _write(tmp_path / "ckpt" / "a.ckpt", tiny)
    assert published.find_prefix(tmp_path / "ckpt" / name) == prefix


def test_no_such_prefix_names_the_near_ones(tiny, tmp_path):
    _write(tmp_path / "a.ckpt", tiny)
    with pytest.raises(WeightsError, match=r"b\.ckpt\.index.*did you mean .*a\.ckpt\?"):
        _convert(tmp_path / "b.ckpt", tmp_path / "model")
    with pytest.raises(WeightsError, match=r"found no .*x\.ckpt\.index$"):
        _convert(tmp_path / "nowhere" / "x.ckpt", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("names", [[], ["a.ckpt", "b.ckpt"]])
def test_a_folder_without_exactly_one_checkpoint(tiny, tmp_path, names):
    (tmp_path / "ckpt").mkdir()
    for name in names:
        _write(tmp_path / "ckpt" / name, tiny)
    with pytest.raises(WeightsError, match=f"a folder with {len(names)} checkpoints" + ".*".join(["", *names])):
        _convert(tmp_path / "ckpt", tmp_path / "model")


def test_half_a_checkpoint(tiny, tmp_path):
    prefix = _write(tmp_path / "a.ckpt", tiny)
    data = tmp_path / "a.ckpt.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="expected a whole TensorFlow checkpoint"):
        _convert(prefix, tmp_path / "model")
    data.unlink()
    with pytest.raises(WeightsError, match="data-00000-of-00001 beside"):
        _convert(prefix, tmp_path / "model")
    (tmp_path / "a.ckpt.index").write_bytes(b"<html>quota exceeded</html>" * 9)
    data.write_bytes(whole)
    with pytest.raises(WeightsError, match="expected a whole TensorFlow checkpoint"):
        _convert(prefix, tmp_path / "model")


def test_missing_variables_are_named(tiny, tmp_path):
    missing = ["generator/deconv1/biases2", "generator/gconv1_ds_g/kernel"]
    prefix = _write(tmp_path / "a.ckpt", {name: value for name, value in tiny.items() if name not in missing})
    with pytest.raises(WeightsError, match=f"missing: {', '.join(missing)}$"):
        _convert(prefix, tmp_path / "model")


def test_another_networks_checkpoint_says_what_it_holds(tmp_path):
    prefix = _write(tmp_path / "a.ckpt", {"inpaint_net/conv1/kernel": np.ones((5, 5, 5, 4), np.float32)})
    with pytest.raises(WeightsError, match=r"found 0 of them.*and \d+ more.*holds inpaint_net/conv1/kernel"):
        _convert(prefix, tmp_path / "model")


def test_misshapen_variables_are_named_with_both_shapes(tiny, tmp_path):
    tiny["generator/gconv2_ds_g/kernel"] = np.ones((3, 3, 4, 8), np.float32)
    with pytest.raises(WeightsError, match=r"gconv2_ds_g/kernel: expected \(5, 5, 4, 8\), found \(3, 3, 4, 8\)"):
        _convert(_write(tmp_path / "a.ckpt", tiny), tmp_path / "model")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named(tiny, tmp_path, bad):
    tiny["generator/gconv3_g/bias"][1] = bad
    with pytest.raises(WeightsError, match="NaN or infinity in generator/gconv3_g/bias"):
        _convert(_write(tmp_path / "a.ckpt", tiny), tmp_path / "model")


def test_weights_are_never_overwritten(tiny, tmp_path):
    prefix = _write(tmp_path / "a.ckpt", tiny)
    _convert(prefix, tmp_path / "model")
    before = (tmp_path / "model" / "weights.npz").read_bytes()
    with pytest.raises(WeightsError, match="never overwritten"):
        _convert(prefix, tmp_path / "model")
    assert (tmp_path / "model" / "weights.npz").read_bytes() == before
    with pytest.raises(WeightsError, match="found a file"):
        _convert(prefix, tmp_path / "a.ckpt.index")
