"""What every system must be able to do, whatever it is: a new one inherits these tests.

A test module has a class below `Conformance` with a fixture `settings`, an experiment of the system at its smallest
(`tests.tiny`); the system's record is in `systems.SYSTEMS`.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import log_rows, same_steps
from tests.pictures import crops, labelled_shards
from tests.tiny import save_model
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.backends import base
from tfsketch.backends.saved_model import SavedModel
from tfsketch.config import Config, PhaseConfig
from tfsketch.editor.editor import Editor
from tfsketch.editor.ways import WAYS
from tfsketch.errors import ConfigError, ExportError, ImageError, TfsketchError, TrainingError, WeightsError
from tfsketch.export import edits, measure, mobile, saved_model, signatures
from tfsketch.images import files
from tfsketch.nn.exported import ExportedNetwork, shapes
from tfsketch.systems import protocols
from tfsketch.training import trainer
from tfsketch.vocabulary import CHANNELS


def work(editor: Editor) -> dict[str, np.ndarray]:
    """What an editor makes by each way of working that its model has, of a photograph of 40 x 56."""
    image = crops(1, 64)[0][:40, :56]
    mask, lines = np.zeros((40, 56), np.uint8), np.zeros((40, 56), np.uint8)
    mask[8:30, 10:40] = lines[20, 12:36] = 1
    result = {}
    calls = {
        "edit": lambda: editor.edit(image, mask, lines),
        "draw": lambda: editor.draw(lines, fill=1.0).image,
        "complete": lambda: editor.complete(lines, results=1, steps=2)[0].image,
        "restyle": lambda: editor.restyle(image, image[:, ::-1], mask),
    }
    for way, call in calls.items():
        try:
            result[way] = call()
        except TfsketchError as error:
            assert str(error).startswith(f"{way}: expected a model that"), error
    for way in {"edit", "restyle"} & set(result):
        np.testing.assert_array_equal(result[way][mask == 0], image[mask == 0])
    return result


@functools.cache
def _network(settings: str) -> ExportedNetwork:
    """A network with random weights, built once for all tests of its system."""
    tf.keras.utils.set_random_seed(4)
    return systems.build(systems.parse(settings))


class Conformance:
    """The tests; see the module's docstring."""

    @pytest.fixture
    def model(self, settings: Config) -> ExportedNetwork:
        """Nobody may change it."""
        return _network(config_lib.dump(settings))

    @pytest.fixture
    def folder(self, model: ExportedNetwork, tmp_path: pathlib.Path) -> pathlib.Path:
        return save_model(tmp_path / "model", model)

    def test_its_configuration_is_read_as_it_is_written(self, settings):
        assert systems.parse(config_lib.dump(settings)) == settings
        field = dataclasses.fields(settings.model)[0].name
        with pytest.raises(ConfigError, match=f"did you mean '{field}'"):
            systems.parse(f"{{system: {settings.system}, model: {{{field}x: 1}}}}")
        assert set(settings.model.changeable) <= {one.name for one in dataclasses.fields(settings.model)}

    def test_its_network_says_what_it_is(self, model, settings):
        record = systems.SYSTEMS[settings.system]
        assert isinstance(model, record.parts().network) and isinstance(settings.model, record.section)
        assert (record.parts().network.section, model.way) == (record.section, record.way)
        assert tuple(record.parts().protocols) == record.protocols
        assert set(model.takes) <= {*CHANNELS, "z"} and (model.way in WAYS or not model.way)
        assert (model.stride, model.image_size) == (settings.model.sides()[0], settings.image_size)
        result = model({key: tf.zeros(shape) for key, shape in shapes(model, model.image_size).items()})
        assert set(model.gives) <= set(result)
        if model.way:
            assert result["image"].shape == [1, model.image_size, model.image_size, 3]

    def test_saved_and_loaded_it_is_the_same(self, model, folder):
        copy = zoo.load_model(folder)
        assert copy.experiment == model.experiment and copy.folder == folder
        inputs = {
            key: tf.random.stateless_normal(shape, [1, 2]) for key, shape in shapes(model, model.image_size).items()
        }
        for key, value in model(inputs).items():
            np.testing.assert_array_equal(copy(inputs)[key], value)

    def test_sides_that_it_cannot_take_are_refused(self, model, settings):
        odd = settings.image_size + 1
        with pytest.raises(ConfigError, match=f"found {odd}|{odd} px"):
            systems.parse(config_lib.dump(settings), overrides=[f"image_size={odd}"])
        if "z" in model.takes or model.stride == 1:
            return
        side = model.smallest + 1
        with pytest.raises(ImageError, match=f"multiples of {model.stride}"):
            model({key: tf.zeros(shape) for key, shape in shapes(model, side).items()})

    def test_it_trains_draws_grids_and_resumes_exactly(self, settings, tmp_path, eagerly):
        """Uncompiled: the same operations, and seconds instead of half a minute."""
        shards = labelled_shards(tmp_path, settings)
        settings = dataclasses.replace(
            settings,
            data=dataclasses.replace(settings.data, train=str(shards)),
            train=dataclasses.replace(
                settings.train,
                batch_size=2,
                strategy="default",
                log_every=1,
                image_every=2,
                image_count=2,
                checkpoint_every=100,
                ema=0.9,
                phases=(PhaseConfig("main", 2),),
            ),
        )
        assert trainer.Trainer(settings, tmp_path / "whole", systems.make_task).run() == 0
        trainer.Trainer(settings, tmp_path / "parts", systems.make_task).run(until=1)
        run_again = trainer.Trainer(settings, tmp_path / "parts", systems.make_task)
        assert run_again.step == 1 and run_again.run() == 0
        same_steps(log_rows(tmp_path / "parts"), log_rows(tmp_path / "whole"), 1e-6)
        one, two = (zoo.load_model(tmp_path / name) for name in ("whole", "parts"))
        for a, b in zip(one.variables, two.variables):
            np.testing.assert_allclose(a, b, atol=1e-6)
        assert files.read_rgb(tmp_path / "parts" / "grids" / "0000002.png").size
        other = dataclasses.replace(settings, seed=settings.seed + 1)
        with pytest.raises(TrainingError, match="seed"):
            trainer.Trainer(other, tmp_path / "parts", systems.make_task)

    def test_served_it_gives_what_the_network_gives(self, folder, tmp_path):
        model = zoo.load_model(folder)
        table = systems.signatures(model)
        assert "serving_default" in table  # what it does with pictures is its own tests' to say
        networks = {name: table[name] for name in (base.TENSORS, base.SIGNATURE) if name in table}
        server = saved_model.Served(model, networks)
        tf.saved_model.save(server, str(tmp_path / "1"), signatures=server.graphs)
        run = tf.saved_model.load(str(tmp_path / "1")).signatures
        assert {base.TENSORS, base.ABOUT} <= set(run)
        inputs = edits.conditions(model, edits.photographs("", model.image_size, 2))
        result = run[base.TENSORS](**{key: tf.constant(value) for key, value in inputs.items()})
        for key, value in model({key: tf.constant(value) for key, value in inputs.items()}).items():
            if value.dtype == tf.float32:
                np.testing.assert_allclose(result[key], value, atol=saved_model.MAX_DIFFERENCE)
        metadata = saved_model.describe(model, server.graphs)
        rows = [row for one in metadata["signatures"].values() for row in one["inputs"] + one["outputs"]]
        assert all(row["meaning"] == signatures.MEANINGS[row["name"]] for row in rows)
        if model.way not in base.WAYS:
            with pytest.raises(WeightsError, match="edits or draws"):
                SavedModel(tmp_path / "1")
            return
        backend = SavedModel(tmp_path / "1")
        assert (backend.way, backend.takes, backend.image_size) == (model.way, model.takes, model.image_size)
        for way, picture in work(Editor(backend)).items():
            assert np.abs(picture.astype(int) - work(Editor(model))[way]).max() <= 1

    def test_on_a_phone_it_gives_what_the_network_gives(self, folder):
        model = zoo.load_model(folder)
        if not model.gives:
            with pytest.raises(ExportError, match="use --format=saved_model"):
                mobile.convert(model, "float32")
            return
        inputs = edits.conditions(model, edits.photographs("", model.image_size, 2))
        content = mobile.convert(model, "float32")
        for one in measure.measure(model, "float32", content, content, inputs):
            assert not one.problem()

    def test_it_works_in_its_way_and_refuses_the_others(self, model, settings):
        result = work(Editor(model))
        assert list(result) == ([model.way] if model.way else [])
        for picture in result.values():
            assert picture.shape == (40, 56, 3) and picture.dtype == np.uint8

    def test_a_protocol_that_it_does_not_have_is_refused(self, folder, tmp_path):
        with pytest.raises(TfsketchError, match="protocol: expected one for a model of"):
            protocols.evaluate(folder, tmp_path, tmp_path / "out", protocol="none of these")
