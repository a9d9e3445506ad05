"""An experiment for the dummy task."""

from __future__ import annotations

import pytest

from tests.training.dummy import training
from tfsketch import config as config_lib


@pytest.fixture
def dummy(tiny):
    optimizer = config_lib.OptimizerConfig(learning_rate=0.01)
    return training(tiny, optimizers={"net": optimizer}, phases=(config_lib.PhaseConfig("main", 12),))
