"""A stand-in for TensorFlow Serving, which does not run here."""

from __future__ import annotations

import tfsketch  # noqa: F401  (chooses what TensorFlow reads at its first import)

# isort: split
import base64
import concurrent.futures
import http.server
import json
import pathlib
import queue
import re
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

_BATCH, _WAIT = 8, 0.005
"""Requests in a batch of the stand-in by default, and seconds that it waits for the next one."""


class StandIn:
    """Loads `base`/1 and answers as TensorFlow Serving would, on a free port of this machine.

    It speaks REST over HTTP and, where tensorflow-serving-api is installed, the official `PredictionService` over gRPC
    (`grpc_address`), and puts concurrent requests into one batch as `batching.config` asks for, which fails as a whole
    when one request in it is bad, as there.
    """

    def __init__(self, base: pathlib.Path, signatures: Mapping[str, Any] | None = None, batch: int = _BATCH):
        self.signatures = signatures or tf.saved_model.load(str(base / "1")).signatures
        self.requests: queue.Queue = queue.Queue()
        self.batch = batch
        """The most requests in a batch."""
        self.batches: list[int] = []
        """Examples in every batch that was run."""
        threading.Thread(target=self._run_batches, daemon=True).start()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(base.name))
        self.http.daemon_threads, self.http.request_queue_size = True, 256
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.rest = f"http://127.0.0.1:{self.http.server_port}"

    def predict(self, signature: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the signature gives, computed in one batch with other requests. Raises what TensorFlow raises."""
        if signature != "serving_default":
            return self._call(signature, columns)
        answer: concurrent.futures.Future = concurrent.futures.Future()
        self.requests.put((columns, answer))
        return answer.result(120)

    def _call(self, signature: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = self.signatures[signature](**{key: tf.constant(value) for key, value in columns.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    def _run_batches(self) -> None:
        while True:
            waiting = [self.requests.get()]
            while len(waiting) < self.batch:
                try:
                    waiting.append(self.requests.get(timeout=_WAIT))
                except queue.Empty:
                    break
            sizes = [len(next(iter(columns.values()))) for columns, _ in waiting]
            self.batches.append(sum(sizes))
            try:
                batch = {key: np.concatenate([columns[key] for columns, _ in waiting]) for key in waiting[0][0]}
                outputs = self._call("serving_default", batch)
                ends = np.cumsum(sizes)
                for (_, answer), end, size in zip(waiting, ends, sizes):
                    answer.set_result({key: value[end - size : end] for key, value in outputs.items()})
            except Exception as error:  # for every request of the batch, whoever is to blame
                for _, answer in waiting:
                    answer.set_exception(error)

    def _handler(self, name: str) -> type:
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_) -> None:
                pass

            def _answer(self, status: int, content: dict) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _model_of(self, action: str) -> bool:
                where = rf"/v1/models/{name}(/versions/1|/labels/stable)?{action}"
                if not re.fullmatch(where, self.path):
                    self._answer(404, {"error": f"Servable not found for request: {self.path}"})
                    return False
                return True

            def do_GET(self) -> None:
                if self._model_of("/metadata"):
                    table = {
                        key: {"outputs": {output: {} for output in graph.structured_outputs}}
                        for key, graph in stand_in.signatures.items()
                    }
                    self._answer(200, {"metadata": {"signature_def": {"signature_def": table}}})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self._model_of(":predict"):
                    return
                columns: dict[str, list] = {}
                for row in body["instances"]:
                    for key, value in row.items():
                        binary = isinstance(value, dict)
                        columns.setdefault(key, []).append(base64.b64decode(value["b64"]) if binary else value)
                signature = body.get("signature_name", "serving_default")
                if signature not in stand_in.signatures:
                    self._answer(400, {"error": f'Serving signature name: "{signature}" not found in signature def'})
                    return
                expected = set(stand_in.signatures[signature].structured_input_signature[1])
                if set(columns) != expected:
                    missing = sorted(expected ^ set(columns))
                    self._answer(400, {"error": f"Missing inputs or unknown ones: {missing}"})
                    return
                arrays = {
                    key: np.array(value, object if isinstance(value[0], bytes) else np.float32)
                    for key, value in columns.items()
                }
                try:
                    outputs = stand_in.predict(signature, arrays)
                except tf.errors.OpError as error:
                    self._answer(400, {"error": error.message})
                    return

                def json_of(key: str, value) -> object:
                    # The server's rule: what the suffix _bytes marks is base64.
                    return {"b64": base64.b64encode(value).decode()} if key.endswith("_bytes") else value.tolist()

                rows = [
                    {key: json_of(key, column[i]) for key, column in outputs.items()}
                    for i in range(len(column_of(outputs)))
                ]
                single = len(outputs) == 1
                self._answer(200, {"predictions": [next(iter(row.values())) for row in rows] if single else rows})

        def column_of(outputs: dict[str, np.ndarray]) -> np.ndarray:
            return next(iter(outputs.values()))

        return Handler
