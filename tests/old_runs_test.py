"""Run folders that older code left must go on in today's.

`fixtures/runs.zip` holds a run of every system, made at the commit f2f42b4 (28 November 2026) with TensorFlow 2.15.1:
four pictures of 16 px, networks as small as they get, stopped after two of four steps. `whole.jsonl` is what the same
code logged when it went on itself. What must not be renamed is all in there: keys of configurations, names of weights,
paths of objects in checkpoints, features of examples.
"""

import json
import pathlib
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import crops, logged, same_steps
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.data import prepare
from tfsketch.images import files
from tfsketch.systems.tasks import make_task
from tfsketch.training import trainer

_RUNS = pathlib.Path(__file__).parent / "fixtures/runs.zip"
SYSTEMS = ("sc_fegan", "face_parser", "cali_sketch", "contextual_gan", "region_edit")


@pytest.fixture(params=SYSTEMS)
def run(request, tmp_path) -> pathlib.Path:
    with zipfile.ZipFile(_RUNS) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith(f"{request.param}/")])
    return tmp_path / request.param


def _shards(folder: pathlib.Path, config: config_lib.Config) -> pathlib.Path:
    """The shards that the runs were trained on, made anew."""
    labels = np.repeat(np.arange(16, dtype=np.uint8)[:, None] // 4, 16, axis=1)
    for number, crop in enumerate(crops(4, 16)):
        files.write_png(folder / "photos" / f"{number}.png", crop)
        files.write_png(folder / "labels" / f"{number}.png", labels)
    given = {"labels": str(folder / "labels")} if config.prepare.regions == "labels" else {}
    prepare.prepare([str(folder / "photos")], str(folder / "shards"), config, **given)
    return folder / "shards"


@pytest.fixture(name="eagerly")
def _eagerly():
    """The trainer's step uncompiled: the same operations, and seconds for two steps, not half a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eagerly")
def test_an_old_run_goes_on_as_the_old_code_did(run, tmp_path):
    model = zoo.load_model(run)  # its weights, by their names
    assert model.experiment == systems.load(run / "config.yaml")
    shards = _shards(tmp_path, model.experiment)
    config = systems.load(run / "config.yaml", [f"data.train={shards}"])
    resumed = trainer.Trainer(config, run, make_task)
    assert resumed.step == 2
    stored = {name: variable.numpy() for name, variable in zoo.variable_names(model).items()}
    for name, value in resumed.averaged_weights().items():
        np.testing.assert_array_equal(value, stored[name], err_msg=name)
    assert resumed.run() == 0
    whole = [json.loads(line) for line in (run / "whole.jsonl").read_text().splitlines()]
    assert [row["step"] for row in whole] == [1, 2, 3, 4]
    same_steps(logged(run), whole, 1e-4)
