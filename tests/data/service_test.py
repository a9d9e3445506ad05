"""The data service with real workers in processes of their own: the same batches, and what is said when it fails."""

import itertools
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import TINY
from tfsketch import config as config_lib
from tfsketch import systems
from tfsketch.data import batches as batches_lib
from tfsketch.data import service
from tfsketch.data.shards import Shards
from tfsketch.errors import ConfigError, DataError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start_worker(config: pathlib.Path, port: int = 0) -> tuple[subprocess.Popen, str]:
    """A worker and its address."""
    command = [sys.executable, "-m", "tools.data_worker", f"--config={config}", f"--port={port}", "--host=localhost"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)
    line = next((line for line in process.stdout if "grpc://" in line), "")
    if not line:
        process.kill()
        pytest.fail(f"the worker ended with {process.wait()}")
    return process, line.split()[-1]


@pytest.fixture(scope="module")
def settings(shards_folder):
    """Pictures stored larger, so that both stages and the layers between them matter."""
    overrides = [f"data.train={shards_folder}", "image_size=24", "data.stored_size=32", "hand.abstraction=[0.0, 1.0]"]
    return systems.parse(TINY, "tiny", overrides)


@pytest.fixture(scope="module")
def worker(settings, tmp_path_factory):
    path = tmp_path_factory.mktemp("worker") / "config.yaml"
    path.write_text(config_lib.dump(settings))
    process, address = start_worker(path)
    running = {"config": path, "process": process, "address": address}
    yield running
    running["process"].send_signal(signal.SIGINT)  # perhaps not the first one
    running["process"].communicate(timeout=60)
    assert running["process"].returncode == -signal.SIGINT


def with_service(settings, addresses, *overrides):
    return systems.parse(config_lib.dump(settings), "served", [f"data.service='{addresses}'", *overrides])


def take(shards, settings, count, *rest):
    batches = itertools.islice(batches_lib.batches(shards, settings, *rest), count)
    return [{key: value.numpy() for key, value in batch.items()} for batch in batches]


@pytest.fixture(scope="module")
def shards(settings):
    return Shards(settings.data.train, 32)


@pytest.mark.parametrize("streams", [1, 3])
def test_workers_make_the_batches_that_the_trainer_would(settings, shards, worker, streams):
    config = with_service(settings, ",".join([worker["address"]] * streams))
    for start, replicas, pipeline, pipelines in ((0, 1, 0, 1), (3, 2, 1, 2)):
        local = take(shards, settings, 3, start, replicas, pipeline, pipelines)
        remote = take(shards, config, 3, start, replicas, pipeline, pipelines)
        for ours, theirs in zip(local, remote):
            assert list(ours) == list(theirs)
            for key, value in ours.items():
                assert value.dtype == theirs[key].dtype
                np.testing.assert_array_equal(value, theirs[key])


def test_a_worker_must_have_the_trainers_settings_and_pictures(settings, shards, worker):
    config = with_service(settings, worker["address"], "mask.share=[0.2, 0.3]", "data.workers=5", "train.log_every=7")
    with pytest.raises(DataError, match=r"found mask.share = \[0.1, 0.4\] instead of \[0.2, 0.3\]$"):
        batches_lib.batches(shards, config)
    fewer = Shards(settings.data.train, 32)
    fewer._records.pop()
    with pytest.raises(DataError, match="pictures = 6 instead of 5, records = "):
        batches_lib.batches(fewer, with_service(settings, worker["address"]))


def test_somebody_must_answer(settings, shards):
    with pytest.raises(DataError, match="expected a data worker at grpc://localhost:1, found none.*tools.data_worker"):
        batches_lib.batches(shards, with_service(settings, "grpc://localhost:1"))
    with pytest.raises(ConfigError, match="expected addresses such as grpc://host:5000, found 'localhost:5000'"):
        batches_lib.batches(shards, with_service(settings, "localhost:5000"))


def test_what_is_no_data_worker_is_told_and_not_waited_for(settings, shards):
    """In a process of its own, which must end too, while TensorFlow still waits."""
    code = """
        import socket, sys
        from tfsketch.data import service
        from tfsketch.errors import DataError

        service._PATIENCE = 1.0
        with socket.create_server(("localhost", 0)) as listening:  # takes connections, and says nothing
            try:
                service.connect(f"grpc://localhost:{listening.getsockname()[1]}", {})
            except DataError as error:
                sys.exit(str(error))
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert process.returncode == 1 and "found no answer within 1 s. Is it the port that" in process.stderr


def test_another_example_than_was_due_is_refused(worker):
    def one_late(first, stride):
        return tf.data.Dataset.range(first + 1, tf.int64.max, stride).map(lambda n: (n, {"number": n}))

    examples = iter(service.in_turn([worker["address"]], 5, one_late))
    with pytest.raises(tf.errors.InvalidArgumentError, match="another example than was due"):
        next(examples)


def test_a_restarted_worker_ends_the_stream_and_serves_the_next_one(settings, shards, worker):
    config = with_service(settings, worker["address"])
    stream = iter(batches_lib.batches(shards, config))
    first = next(stream)
    worker["process"].kill()
    worker["process"].communicate()
    worker["process"], address = start_worker(worker["config"], int(worker["address"].rpartition(":")[2]))
    assert address == worker["address"]
    with pytest.raises(tf.errors.NotFoundError, match="dispatcher restart"):
        for _ in range(10_000):  # what is on its way still comes
            next(stream)
    np.testing.assert_array_equal(take(shards, config, 1)[0]["mask"], first["mask"].numpy())
