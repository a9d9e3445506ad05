"""What an experiment would train: its configuration, parameters and GFLOPs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork, shapes
from tfsketch.training.task import Task


def describe(config: Config, task: Task) -> str:
    """What `--dry_run` prints: the effective configuration, parameter counts, and GFLOPs of the exported network."""
    lines = [config_lib.dump(config)]
    for name, network in (task.networks | task.trained_networks).items():
        count = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
        lines.append(f"# {name}: {network.count_params():,} parameters, {count:,} trained")
    if task.network is not None:
        work = gflops(model_directory.build(task.network, config))
        lines.append(f"# {task.exported}: {work:.1f} GFLOP a picture of {config.image_size} px")
    return "\n".join(lines)


def gflops(model: ExportedNetwork) -> float:
    """GFLOP (10^9 multiplications and additions) of one picture through the exported network, by TensorFlow's
    profiler."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = {key: tf.TensorSpec(shape) for key, shape in shapes(model, model.image_size).items()}
    return graph_gflops(convert_variables_to_constants_v2(tf.function(model).get_concrete_function(spec)).graph)


def graph_gflops(graph: tf.Graph) -> float:
    """GFLOP of a graph, by TensorFlow's profiler: of convolutions and products of matrices and their gradients, where
    shapes are known."""
    options = (
        tf.compat.v1.profiler.ProfileOptionBuilder(tf.compat.v1.profiler.ProfileOptionBuilder.float_operation())
        .with_empty_output()
        .build()
    )
    profile = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    if profile is None:
        raise ConfigError("the profiler counted no operation")
    return profile.total_float_ops / 1e9
