"""Distribution strategies: the devices that training runs on."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfsketch.errors import TrainingError


@functools.lru_cache(maxsize=None)
def mirrored_strategy(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """The MirroredStrategy of some devices, one per process.

    Two of them on the same devices would number their collective operations alike, and TensorFlow would mix up their
    tensors.
    """
    return tf.distribute.MirroredStrategy(list(devices))


def make_strategy(name: str) -> tf.distribute.Strategy:
    """`mirrored` over all local GPUs (or the CPU), `multi_worker` from TF_CONFIG, or `default`.

    Raises:
      TrainingError: TF_CONFIG describes no cluster.
    """
    if name == "multi_worker":
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # of whatever shape its JSON may be
            raise TrainingError(
                'TF_CONFIG: expected JSON such as {"cluster": {"worker": ["a:5000", "b:5000"]}, "task": {"type": '
                f'"worker", "index": 0}}}}, found {os.environ.get("TF_CONFIG", "")[:200]!r} ({error})'
            ) from error
    if name == "mirrored":
        # Logical CPU devices count too: so several replicas can be tested on a machine without a GPU.
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return mirrored_strategy(tuple(device.name for device in devices))
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes: the chief of several workers, or the first if none has that role, or
    a single process."""
    resolver = strategy.cluster_resolver
    kind = getattr(resolver, "task_type", None)
    if kind in (None, "", "chief"):
        return True
    return kind == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().as_dict()


def sum_over_workers(strategy: tf.distribute.Strategy) -> Callable[[Sequence[float]], Sequence[float]]:
    """A function that sums numbers over the processes of a job, all of which call it; a single process gets its own
    back, at no cost."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return lambda values: values

    @tf.function(autograph=False)
    def total(values: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(tf.identity, args=(values,)), axis=None)

    return lambda values: total(tf.constant(values, tf.float32)).numpy().tolist()


def explain(error: tf.errors.OpError, strategy: str, checkpoint: str) -> TrainingError | None:
    """A message for an error of TensorFlow's with an external cause: a full disk, or, under `multi_worker`, another
    process that has ended or no longer answers; and for too little memory. None for all others."""
    reason = error.message.strip().splitlines()[-1 if "events file" in error.message else 0].strip(" \t.")
    going_on = f"training goes on from {checkpoint or 'its beginning'}"
    if "events file" in error.message or "No space left" in error.message:
        return TrainingError(
            f"expected room to write, found: {reason}. Make room and run the same command again: {going_on}"
        )
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return TrainingError(
            f"expected memory for a step, found: {reason}. A run takes fewer examples at a time (train.batch_size) or "
            "smaller pictures in another --model_dir alone; in this one, try --set train.precision=mixed_float16 (or "
            f"mixed_bfloat16 on a processor that has it), or a machine with more memory: {going_on}"
        )
    if strategy == "multi_worker":
        return TrainingError(
            f"expected all workers of TF_CONFIG to go on, found: {reason}. Start all of them again: {going_on}"
        )
    return None
