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


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes: the chief of several workers, or the first where none is called so;
    and one that is alone."""
    resolver = strategy.cluster_resolver
    kind = getattr(resolver, "task_type", None)
    if kind in (None, "", "chief"):
        return True
    return kind == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict()


def explained(error: tf.errors.OpError, strategy: str, checkpoint: str) -> TrainingError | None:
    """What is said of an error of TensorFlow's that is no fault of the program: a full disk, or, under `multi_worker`,
    another process that has ended or no longer answers. None for all others."""
    reason = error.message.strip().splitlines()[-1 if "events file" in error.message else 0].strip(" \t.")
    going_on = f"training goes on from {checkpoint or 'its beginning'}"
    if "events file" in error.message or "No space left" in error.message:
        return TrainingError(
            f"expected room to write, found: {reason}. Make room and run the same command again: {going_on}"
        )
    if strategy == "multi_worker":
        return TrainingError(
            f"expected all workers of TF_CONFIG to go on, found: {reason}. Start all of them again: {going_on}"
        )
    return None
