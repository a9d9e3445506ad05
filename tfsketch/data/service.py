"""Training examples from other processes and machines: tf.data service, exactly.

`data.service` names the data workers (`tools.data_worker`), each a process with its own shards and configuration. A
trainer with a service gets the same batches as one without, bit for bit, and resumes as exactly:

- The trainer decides which examples: its graph holds the range of positions from its step on, and an example is a
  function of its position (see `data`). The service makes no random choices of its own.
- Each worker is a dispatcher and the one tf.data worker behind it, because what several workers behind one dispatcher
  deliver comes in any order. The trainer opens a stream per address and takes elements from them in turn.
- An example comes with its number, which the trainer checks. So any fault on the way (a restarted worker that begins
  again, a lost message) is an error, never a different batch.
- Trainer and worker compare their fingerprints (settings, number and lengths of the records) before the first example,
  and the names of the functions contain them.

The stages in Python are the difficulty. tf.data service sends the trainer's graph to the worker, where an operation
`PyFunc` looks its function up by a token, in a table that `tf.numpy_function` fills with tokens counted from 0 in each
process. So here the worker enters its functions under names that both sides can compute (`_register`, the only use of a
private part of TensorFlow), and the trainer names them through the public `tf.raw_ops.PyFunc`.

If a worker ends, the trainer waits at the next batch until something answers at that address again, gets TensorFlow's
NotFoundError, which reports a dispatcher restart, and reopens its streams at the step that was due (see
`training.feed`). A worker outlives its trainers, and may serve several at once.

Whoever reaches a worker's ports can make it compute any TensorFlow graph: open them to trusted networks only.
"""

from __future__ import annotations

import hashlib
import json
import queue
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import script_ops

from tfsketch import config as config_lib
from tfsketch.config import Config
from tfsketch.errors import ConfigError, DataError

Fingerprint = Mapping[str, str]
"""What must be the same in trainer and worker: name -> value, as text."""
_TIMEOUT = 10.0
"""Seconds to wait for a connection, since TensorFlow itself would wait for an hour."""
_PATIENCE = 120.0
"""Seconds to wait for a worker's first answer; likewise. A busy machine took 33."""
_functions: list[Callable] = []


def fingerprint(lengths: Sequence[int], config: Config) -> Fingerprint:
    """All that examples depend on besides their position: settings by key, and the lengths of the pictures' records."""
    tree = config_lib.to_dict(config)
    for section, others in {
        "data": ("train", "validation", "cache", "workers", "service"),
        "train": set(tree["train"]) - {"batch_size", "phases"},
    }.items():
        tree[section] = {key: value for key, value in tree[section].items() if key not in others}
    tree["train"]["phases"] = [phase["steps"] for phase in tree["train"]["phases"]]
    tree["model"] = {"latent": getattr(config.model, "latent", 0)}
    del tree["prepare"]
    digest = hashlib.sha256(np.array(lengths, np.int64).tobytes()).hexdigest()[:16]
    values = {"pictures": str(len(lengths)), "records": digest}
    while tree:
        key, value = tree.popitem()
        if isinstance(value, dict):
            tree.update({f"{key}.{name}": part for name, part in value.items()})
        else:
            values[key] = json.dumps(value)
    return values


def _token(name: str, fingerprint: Fingerprint) -> str:
    digest = hashlib.sha256(json.dumps(dict(fingerprint), sort_keys=True).encode()).hexdigest()[:16]
    return f"tfsketch/{name}/{digest}"


def _register(token: str, function: Callable) -> None:
    """Makes a function callable by a given token; `tf.numpy_function` chooses its own."""
    _functions.append(function)  # the table holds weak references
    script_ops._py_funcs._funcs[token] = function


def call(
    fingerprint: Fingerprint, name: str, inputs: Sequence[tf.Tensor], types: Sequence[tf.DType]
) -> list[tf.Tensor]:
    """Like `tf.numpy_function`, for the worker's function of that name; tensors without shapes."""
    return tf.raw_ops.PyFunc(input=list(inputs), token=_token(name, fingerprint), Tout=list(types))


def _distribute(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """The dataset, computed by the worker at an address."""
    options = tf.data.Options()
    # TensorFlow takes Python functions for state that it cannot send; ours depend on their inputs alone.
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    service = tf.data.experimental.service
    return dataset.with_options(options).apply(service.distribute(service.ShardingPolicy.OFF, address))


def _identity(address: str) -> Fingerprint:
    """The fingerprint of the worker at an address that can be connected to.

    Raises:
      DataError: what is there is no data worker, or the worker gives its trainers an address that leads nowhere.
    """
    answer: queue.Queue[bytes | tf.errors.OpError] = queue.Queue()

    def ask() -> None:
        dataset = tf.data.Dataset.range(1).map(lambda _: call({}, "identity", [], [tf.string])[0])
        try:
            answer.put(next(iter(_distribute(dataset, address))).numpy())
        except tf.errors.OpError as error:
            answer.put(error)

    # In a thread that nobody waits for: a call of TensorFlow's cannot be ended.
    threading.Thread(target=ask, daemon=True).start()
    try:
        content = answer.get(timeout=_PATIENCE)
    except queue.Empty:
        raise DataError(
            f"data.service: expected a data worker at {address}, found no answer within {_PATIENCE:g} s. Is it the "
            "port that tools.data_worker was given, not the next one, and can its --host be reached from here?"
        ) from None
    if isinstance(content, tf.errors.OpError):
        raise DataError(f"data.service: expected a data worker at {address}, found: {content.message}") from content
    return json.loads(content)


def connect(addresses: str, fingerprint: Fingerprint) -> list[str]:
    """The addresses of the workers, each of which answers and has the trainer's fingerprint.

    Args:
      addresses: `data.service`.
      fingerprint: the trainer's.

    Raises:
      ConfigError: not an address.
      DataError: no worker answers, or it has other settings or pictures.
    """
    hosts = [address.strip() for address in addresses.split(",")]
    for address in hosts:
        parts = re.fullmatch(r"grpc://([^:/]+):(\d+)", address)
        if parts is None:
            raise ConfigError(f"data.service: expected addresses such as grpc://host:5000, found {address!r}")
        try:
            socket.create_connection((parts[1], int(parts[2])), _TIMEOUT).close()
        except OSError as error:
            raise DataError(
                f"data.service: expected a data worker at {address}, found none ({error}); start one there: python -m "
                f"tools.data_worker --config=CONFIG --set data.train=SHARDS --port={parts[2]}"
            ) from error
        theirs = _identity(address)
        differing = [key for key in {**fingerprint, **theirs} if fingerprint.get(key) != theirs.get(key)]
        if differing:
            raise DataError(
                f"data.service: expected the worker at {address} to have the trainer's settings and pictures, found "
                + ", ".join(f"{key} = {theirs.get(key)} instead of {fingerprint.get(key)}" for key in sorted(differing))
            )
    return hosts


def _check(number: tf.Tensor, answer: tf.Tensor, element: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The element, checked to be the one that was due."""
    text = "data.service: the worker sent another example than was due (has it been restarted?); run again to resume"
    with tf.control_dependencies([tf.debugging.assert_equal(answer, number, text)]):
        return {key: tf.identity(value) for key, value in element.items()}


def in_turn(addresses: Sequence[str], start: int, stream: Callable[[int, int], tf.data.Dataset]) -> tf.data.Dataset:
    """An endless dataset whose elements come from workers in turn.

    Args:
      addresses: of the workers, from `connect`.
      start: number of the first element.
      stream: (number of the first element, stride) -> dataset of (number, dict of tensors).

    Returns:
      A dataset of the dicts, by number. Its iterator raises `tf.errors.OpError` when a worker fails.
    """
    count = len(addresses)
    streams = [_distribute(stream(start + n, count), address) for n, address in enumerate(addresses)]
    elements = tf.data.Dataset.choose_from_datasets(streams, tf.data.Dataset.range(count).repeat())
    numbers = tf.data.Dataset.range(start, tf.int64.max)
    return tf.data.Dataset.zip((numbers, elements)).map(lambda number, element: _check(number, *element))


class Server:
    """A data worker in this process, until it ends."""

    def __init__(self, functions: Mapping[str, Callable], fingerprint: Fingerprint, port: int, host: str):
        """Args:
          functions: the stages by name, of NumPy arrays (see `call`).
          fingerprint: what trainers must share.
          port: where trainers connect; the next one serves the examples. 0 lets the system choose both.
          host: the name or address by which trainers reach this machine.

        Raises:
          DataError: a port cannot be used.
        """
        for name, function in functions.items():
            _register(_token(name, fingerprint), function)
        _register(_token("identity", {}), lambda: json.dumps(dict(fingerprint)).encode())
        service = tf.data.experimental.service
        try:
            self._dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
            self._port = int(self._dispatcher.target.rpartition(":")[2])
            self._worker = service.WorkerServer(
                service.WorkerConfig(
                    dispatcher_address=f"localhost:{self._port}",
                    worker_address=f"{host}:%port%",
                    port=port and port + 1,
                )
            )
        except tf.errors.OpError as error:
            raise DataError(f"--port: expected two free ports from {port} on, found: {error.message}") from error
        self.address = f"grpc://{host}:{self._port}"
        """What `data.service` names."""

    def join(self) -> None:
        """Serves forever. Python runs no signal handler meanwhile."""
        self._dispatcher.join()
