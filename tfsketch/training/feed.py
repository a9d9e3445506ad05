"""The batches of a training, distributed over its replicas, across restarts of data workers."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfsketch import errors
from tfsketch.config import Config
from tfsketch.data.batches import batches
from tfsketch.data.shards import Shards

_ATTEMPTS = 3
"""How often a stream is reopened for one batch."""


def _own_error(error: tf.errors.OpError) -> errors.TfsketchError | None:
    """Our own error in a stage of an example, if any: TensorFlow passes on its name, message and traceback."""
    match = re.search(r"(\w+Error): (.*?)\nTraceback \(most recent call last\)", error.message, re.DOTALL)
    kind = getattr(errors, match[1], None) if match else None
    return kind(match[2]) if match and isinstance(kind, type) and issubclass(kind, errors.TfsketchError) else None


class Feed:
    """An endless iterator over the batches from the current step on.

    A batch depends on its step alone (see `data.batches`). So when a data worker (`data.service`) was restarted, which
    TensorFlow reports by an error, the stream is reopened at the step, and no result changes. A job of several workers
    ends instead, since all of them would have to reopen at once; it resumes when run again.

    Args:
      strategy: the training's.
      shards: its pictures.
      config: its experiment.
      step: gives the number of the next step.
    """

    def __init__(self, strategy: tf.distribute.Strategy, shards: Shards, config: Config, step: Callable[[], int]):
        self._strategy, self._shards, self._config, self._step = strategy, shards, config, step
        self._opens_again = bool(config.data.service) and config.train.strategy != "multi_worker"
        self._stream: Any = self._open()

    def _open(self) -> Any:
        def pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
            replicas = context.num_replicas_in_sync // context.num_input_pipelines
            number, count = context.input_pipeline_id, context.num_input_pipelines
            return batches(self._shards, self._config, self._step(), replicas, number, count)

        return iter(self._strategy.distribute_datasets_from_function(pipeline))

    def __iter__(self) -> Feed:
        return self

    def __next__(self) -> Any:
        """The next step's batch.

        Raises:
          DataError: a picture cannot be read; a data worker is gone, or has other settings.
          ConfigError: its conditions cannot be sampled with these settings.
        """
        try:
            return next(self._stream)
        except tf.errors.OpError as error:
            if own := _own_error(error):
                raise own from error
            if not self._opens_again:
                raise
            failure = error
        for _ in range(_ATTEMPTS):
            print(f"data.service: {failure.message.splitlines()[0]}; going on at step {self._step()}", flush=True)
            # The old stream ends first: a restarted worker numbers its tasks as before, and the old stream would take
            # elements of the new one, which their numbers reveal.
            self._stream = None
            gc.collect()
            self._stream = self._open()
            try:
                return next(self._stream)
            except tf.errors.OpError as error:
                failure = error
        raise failure
