"""On which devices training runs."""

from __future__ import annotations

import functools

import tensorflow as tf


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
