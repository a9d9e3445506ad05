"""On which devices training runs."""

from __future__ import annotations

import functools

import tensorflow as tf

from tfsketch.errors import TrainingError


@functools.lru_cache(maxsize=None)
def mirrored(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """The MirroredStrategy of some devices, one a process.

    Two of them on the same devices would number their collective operations alike, and TensorFlow mix up their tensors.
    """
    return tf.distribute.MirroredStrategy(list(devices))


def make_strategy(name: str) -> tf.distribute.Strategy:
    """`mirrored` over all local GPUs (or the CPU), `multi_worker` from TF_CONFIG, or `default`."""
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored":
        # Logical CPU devices count too: that is how several replicas are tested on a machine without a GPU.
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return mirrored(tuple(device.name for device in devices))
    return tf.distribute.get_strategy()


def worker_lost(error: tf.errors.OpError, checkpoint: str) -> TrainingError:
    """What is said where another process of a `multi_worker` job has ended, or no longer answers."""
    return TrainingError(
        f"expected all workers of TF_CONFIG to go on, found: {error.message.splitlines()[0].rstrip('.')}. Start all of "
        f"them again, and training goes on from {checkpoint or 'its beginning'}"
    )
