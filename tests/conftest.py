"""What the tests share: two logical devices, and small shards of pictures that a package ships."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

import tfsketch  # noqa: F401  (chooses the Keras API before TensorFlow is imported)
from tfsketch import config as config_lib
from tfsketch import images, models, prepare, zoo

# Two devices on one CPU: MirroredStrategy runs for real. Must happen before TensorFlow makes any tensor.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

TINY = """
system: sc_fegan
image_size: 32
seed: 3
model:
  generator: {width: 4, max_width: 8, stages: 3, kernels: [5, 3, 3], dilations: [2], norm: none, upsampling: nearest,
              head_width: 4}
  discriminator: {widths: [4, 4], strides: [1, 2]}
  loss: {perceptual: 0.0, style: 0.0, adversarial: 0.1}
data: {train: "", cache: true}
train:
  batch_size: 4
  strategy: default
  log_every: 1
  image_every: 0
  checkpoint_every: 4
  phases: [{name: pixels, steps: 2, loss: {adversarial: 0.0}}, {name: main, steps: 10}]
"""

# What restyling is tested with, and what makes it the light form of the small settings.
RESTYLING = """
system: region_edit
image_size: 16
model:
  encoder: {width: 4, downsamplings: 2, structure: 3, style_widths: [8], style: 6}
  generator: {head_widths: [6], widths: [8, 4]}
  discriminator: {widths: [4, 6, 8], hidden: 8}
  patches: {side: 6, size: [0.25, 0.5], count: 2, references: 3, widths: [4, 6], last: 6, features: 4, hidden: [8]}
"""
LIGHT = ["model.encoder.padding=zero", "model.encoder.blur=[]", "model.generator.upsampling=bilinear"]
LIGHT += ["model.discriminator.blur=[]", "model.patches.blur=[]"]

# What edits are tested with: the light generator at its smallest.
EDITING = config_lib.Config(
    image_size=32,
    model=config_lib.ScFeganConfig(
        generator=config_lib.GeneratorConfig(
            width=4,
            max_width=8,
            stages=2,
            kernels=(3, 3),
            dilations=(2,),
            norm="none",
            upsampling="nearest",
            head_width=4,
        )
    ),
)


def logged(folder: pathlib.Path) -> list[dict]:
    """The lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (pathlib.Path(folder) / "metrics.jsonl").read_text().splitlines()]


def same_steps(one: list[dict], two: list[dict], tolerance: float) -> None:
    """Asserts that two logs say the same of the same steps."""
    assert len(one) == len(two)
    for a, b in zip(one, two):
        assert set(a) == set(b)
        for key in set(a) - {"phase", "steps_per_second"}:
            assert a[key] == pytest.approx(b[key], abs=tolerance, rel=tolerance), (a["step"], key)


def crops(count: int, side: int) -> list[np.ndarray]:
    """`count` squares of [side,side,3] uint8 cut from scikit-image's portrait, all different."""
    picture = skimage.data.astronaut()
    rng = np.random.default_rng(0)
    corners = [rng.integers(0, s - 2 * side, count) for s in picture.shape[:2]]
    return [np.ascontiguousarray(picture[y : y + 2 * side : 2, x : x + 2 * side : 2]) for y, x in zip(*corners)]


@pytest.fixture(scope="module")
def model_dir(model: tf.keras.Model, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The model of a module's own fixture `model`, as a directory."""
    folder = tmp_path_factory.mktemp("model")
    arrays = {name: v.numpy() for name, v in zoo.variable_names(model).items()}
    zoo.save_model(folder, model.experiment, arrays, "# random\n")
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with three squares of a portrait, 64 px."""
    folder = tmp_path_factory.mktemp("photographs")
    portrait = skimage.data.astronaut()
    for i, (top, left) in enumerate([(0, 130), (30, 160), (60, 100)]):
        images.write_png(folder / f"{i}.png", images.center_square(portrait[top : top + 160, left : left + 160], 64))
    return str(folder)


@pytest.fixture(scope="session")
def shards_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shards of six pictures of 32 px."""
    root = tmp_path_factory.mktemp("pictures")
    for number, crop in enumerate(crops(6, 32)):
        images.write_png(root / "photos" / f"{number}.png", crop)
    output = root / "shards"
    prepare.prepare(
        [str(root / "photos")],
        str(output),
        config_lib.parse(
            "{image_size: 32, sketch: {min_side: 64}, prepare: {regions: none}, "
            "model: {generator: {stages: 3, kernels: [3, 3, 3]}}}"
        ),
    )
    return str(output)


@pytest.fixture
def tiny(shards_folder: str) -> config_lib.Config:
    """A network that trains a step in milliseconds."""
    return config_lib.parse(TINY, "tiny", [f"data.train={shards_folder}"])


@pytest.fixture
def tiny_file(tiny: config_lib.Config, tmp_path: pathlib.Path) -> pathlib.Path:
    """The same as a file, for binaries."""
    path = tmp_path / "tiny.yaml"
    path.write_text(config_lib.dump(tiny))
    return path


@pytest.fixture(scope="session")
def editing_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model directory of `EDITING`, with weights that draw something."""
    tf.keras.utils.set_random_seed(7)
    model = models.build(EDITING)
    arrays = {name: variable.numpy() for name, variable in zoo.variable_names(model).items()}
    folder = tmp_path_factory.mktemp("zoo") / "tiny"
    zoo.save_model(folder, EDITING, arrays, "# A card\n")
    return folder


@pytest.fixture(scope="session")
def served_folder(editing_folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The same, exported: the base folder of its version 1."""
    from tfsketch.export import saved_model  # seconds, which the tests of other modules need not wait for

    base = tmp_path_factory.mktemp("models") / "tiny"
    saved_model.export(editing_folder, base)
    return base


@pytest.fixture(scope="session")
def restyling_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model directory of a network that restyles, at its smallest, with random weights and a style that counts."""
    tf.keras.utils.set_random_seed(5)
    settings = config_lib.parse(RESTYLING, "tiny", LIGHT)
    model = models.build(settings)
    for variable in model.generator.trainable_variables:
        if "affine/kernel" in variable.name:
            variable.assign(variable * 3.0)
    folder = tmp_path_factory.mktemp("restyling") / "restyles"
    arrays = {name: variable.numpy() for name, variable in zoo.variable_names(model).items()}
    zoo.save_model(folder, settings, arrays, "# A card\n")
    return folder
