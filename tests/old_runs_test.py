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

from tests.conftest import log_rows, same_steps
from tests.pictures import labelled_shards
from tfsketch import systems, zoo
from tfsketch.nn import model_directory
from tfsketch.systems import make_task
from tfsketch.training import trainer

_RUNS = pathlib.Path(__file__).parent / "fixtures/runs.zip"


@pytest.fixture(params=sorted(systems.SYSTEMS))
def run(request, tmp_path) -> pathlib.Path:
    with zipfile.ZipFile(_RUNS) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith(f"{request.param}/")])
    return tmp_path / request.param


@pytest.mark.usefixtures("eagerly")
def test_an_old_run_goes_on_as_the_old_code_did(run, tmp_path):
    model = zoo.load_model(run)  # its weights, by their names
    assert model.experiment == systems.load(run / "config.yaml")
    shards = labelled_shards(tmp_path, model.experiment)
    config = systems.load(run / "config.yaml", [f"data.train={shards}"])
    run_again = trainer.Trainer(config, run, make_task)
    assert run_again.step == 2
    arrays = {name: variable.numpy() for name, variable in model_directory.variable_names(model).items()}
    for name, value in run_again.averaged_weights().items():
        np.testing.assert_array_equal(value, arrays[name], err_msg=name)
    assert run_again.run() == 0
    whole = [json.loads(line) for line in (run / "whole.jsonl").read_text().splitlines()]
    assert [row["step"] for row in whole] == [1, 2, 3, 4]
    same_steps(log_rows(run), whole, 1e-4)
