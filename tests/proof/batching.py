"""Whether batches pay: `python -m tests.proof.batching`.

The graph of `sc_fegan_mobile` behind the tests' stand-in for TensorFlow Serving, which puts at most one, two, four or
eight requests into a batch. Sixteen clients send photographs of four sizes over REST, so that batches are of mixed
sizes. The four servers take turns in every round, and each round's figures are divided by those of the server without
batches in the same one. CPU time is this process', clients included. The table goes between its marks in a document.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import json
import os
import pathlib
import tempfile
import time

import numpy as np
import skimage.data
import tensorflow as tf

from tests.app.client import png_of
from tests.proof.crowd import Client, crowd
from tests.stand_in import StandIn
from tfsketch import systems, zoo
from tfsketch.benchmarks.measures import Spread, table
from tfsketch.evaluation import report
from tfsketch.export import saved_model

MODEL, CLIENTS, BATCHES = "sc_fegan_mobile", 16, (1, 2, 4, 8)
SIZES = (200, 350), (256, 256), (300, 200), (384, 300)
"""Heights and widths of the photographs."""


def bodies() -> list[bytes]:
    """A request for each size: an edit of a portrait, with a line and without colours."""
    rows = []
    for height, width in SIZES:
        mask = np.zeros((height, width), np.uint8)
        mask[height // 3 : height // 2, width // 3 : 2 * width // 3] = 255
        sketch = np.zeros_like(mask)
        sketch[5 * height // 12, width // 3 : 2 * width // 3] = 255
        layers = {"image": skimage.data.astronaut()[:height, :width], "mask": mask, "sketch": sketch}
        row = {f"{key}_bytes": png_of(layer) for key, layer in layers.items()} | {"color_bytes": b""}
        rows.append({key: {"b64": base64.b64encode(value).decode()} for key, value in row.items()})
    return [json.dumps({"instances": [row]}).encode() for row in rows]


def measure(server: StandIn, base: str, requests: int) -> tuple[float, float, float, float]:
    """(requests a second, CPU seconds a request, median seconds until the answer, mean size of a batch).

    Raises:
      RuntimeError: a request was refused or not answered.
    """
    contents, clients = bodies(), [Client(server.http.server_port, 600) for _ in range(CLIENTS)]

    def work(client: int, number: int) -> tuple[int, float]:
        return clients[client].ask(f"/v1/models/{base}:predict", contents[number % len(contents)])[::2]

    crowd(1, len(SIZES), work)
    before = len(server.batches)
    start, cpu = time.perf_counter(), time.process_time()
    statuses, seconds = crowd(CLIENTS, requests, work)
    whole, cpu = time.perf_counter() - start, time.process_time() - cpu
    if statuses != {200: requests}:
        raise RuntimeError(f"expected {requests} answers of status 200, found {statuses}")
    return requests / whole, cpu / requests, float(np.median(seconds)), float(np.mean(server.batches[before:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=32, help="to each server in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", default="", help="where the table goes, such as docs/serving.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batching-") as scratch:
        base, network = pathlib.Path(scratch) / MODEL, zoo.load_model(MODEL)
        saved_model.export(network, systems.signatures(network), base)
        signatures = tf.saved_model.load(str(base / "1")).signatures
        servers = {batch: StandIn(base, signatures, batch) for batch in BATCHES}
        results: dict[int, list[tuple[float, ...]]] = {batch: [] for batch in BATCHES}
        for _ in range(arguments.rounds):
            for batch, server in servers.items():
                results[batch].append(measure(server, MODEL, arguments.requests))
    floor, rows = np.array(results[BATCHES[0]]), []
    for batch, values in results.items():
        rate, cpu, wait = (Spread.of(list(column)) for column in (np.array(values) / floor).T[:3])
        mean = float(np.mean(values, axis=0)[3])
        rows.append([str(batch), f"{mean:.1f}", *rate.cells(2), *cpu.cells(2), f"{wait.median:.2f}"])
    rate, cpu, wait, _ = np.median(floor, axis=0)
    lines = [
        f"{MODEL} at {network.image_size} px, {os.cpu_count()} processor cores, TensorFlow {tf.__version__}, "
        f"{datetime.date.today().isoformat()}; {arguments.rounds} rounds of {arguments.requests} requests by {CLIENTS} "
        f"clients, as ratios to batches of one in the same round ({rate:.2f} requests a second, {cpu:.2f} s of CPU "
        f"time each, {wait:.1f} s until the answer). Made by `python -m tests.proof.batching`.",
        "",
        *table(
            ["at most in a batch", "on average", "requests a second", "10 % - 90 %", "CPU time", "10 % - 90 %", "wait"],
            rows,
        ),
    ]
    print("\n".join(lines))
    if arguments.markdown:
        report.write_section(arguments.markdown, "batching", "\n".join(lines))


if __name__ == "__main__":
    main()
