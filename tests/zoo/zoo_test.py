"""Model directories."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import save_model
from tfsketch import systems, zoo
from tfsketch.config import shipped
from tfsketch.errors import ConfigError, WeightsError
from tfsketch.nn import model_directory


@pytest.fixture
def model_and_folder(tiny, tmp_path):
    model = systems.build(tiny)
    return model, save_model(tmp_path / "model", model, tiny, "# card\n")


def _inputs():
    return {"image": tf.random.stateless_uniform([1, 32, 32, 3], [1, 2], -1, 1), "mask": tf.ones([1, 32, 32, 1])}


def test_a_saved_model_loads_the_same(model_and_folder, tiny):
    model, folder = model_and_folder
    copy = zoo.load_model(folder)
    assert copy.experiment == tiny
    np.testing.assert_array_equal(copy(_inputs())["image"], model(_inputs())["image"])
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "config.yaml", "weights.npz"]


def test_publishing_keeps_the_model_and_drops_the_machines_paths(model_and_folder, tmp_path):
    model, folder = model_and_folder
    zoo.publish(folder, tmp_path / "published", "# card\n")
    config = systems.experiment_of(tmp_path / "published")
    assert config.data.train == "" and config.model == systems.experiment_of(folder).model
    difference = zoo.load_model(tmp_path / "published")(_inputs())["image"] - model(_inputs())["image"]
    assert float(tf.reduce_max(tf.abs(difference))) < 2 / 255


def test_half_precision_moves_a_picture_by_less_than_a_grey_level(model_and_folder, tiny, tmp_path):
    model, _ = model_and_folder
    model_directory.save(
        tmp_path / "half",
        tiny,
        {n: v.numpy() for n, v in model_directory.variable_names(model).items()},
        "",
        np.float16,
    )
    difference = zoo.load_model(tmp_path / "half")(_inputs())["image"] - model(_inputs())["image"]
    assert float(tf.reduce_max(tf.abs(difference))) < 2 / 255
    assert (tmp_path / "half/weights.npz").stat().st_size < (tmp_path / "model/weights.npz").stat().st_size


def test_the_shipped_model_loads_is_small_and_repaints():
    for name in zoo.SHIPPED:
        folder = shipped.model_folder(name)
        assert (folder / "weights.npz").stat().st_size <= 16 * 2**20
        assert "licence" in (folder / "README.md").read_text().lower()
    model = zoo.load_model()
    side = model.experiment.image_size
    outputs = model({"image": tf.zeros([1, side, side, 3]), "mask": tf.ones([1, side, side, 1])})
    assert np.isfinite(outputs["image"].numpy()).all()


def test_mistakes_are_named(model_and_folder, tmp_path):
    _, folder = model_and_folder
    with pytest.raises(WeightsError, match="sc_fegan"):
        zoo.load_model(tmp_path / "nowhere")
    with np.load(folder / "weights.npz") as file:
        arrays = dict(file)
    name = "generator/gconv1_ds/kernel"

    def reload(arrays):
        np.savez(folder / "weights.npz", **arrays)
        return zoo.load_model(folder)

    with pytest.raises(WeightsError, match=f"missing: {name}"):
        reload({k: v for k, v in arrays.items() if k != name})
    with pytest.raises(WeightsError, match="unknown: extra"):
        reload(arrays | {"extra": np.zeros(1)})
    with pytest.raises(WeightsError, match="expected the shape"):
        reload(arrays | {name: arrays[name][:1]})
    with pytest.raises(WeightsError, match="NaN"):
        reload(arrays | {name: np.full_like(arrays[name], np.nan)})
    whole = (folder / "weights.npz").read_bytes()
    (folder / "weights.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="weights.npz"):
        zoo.load_model(folder)
    (folder / "config.yaml").write_text("modle: 1")
    with pytest.raises(ConfigError, match="did you mean 'model'"):
        zoo.load_model(folder)
