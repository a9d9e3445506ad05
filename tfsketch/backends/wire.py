"""Calls of a model on a TensorFlow Serving, over REST or gRPC: examples in, examples out, nothing about pictures.

    caller = wire.Caller("http://localhost:8501", "sc_fegan")
    caller = wire.at("grpc://localhost:8500/v1/models/sc_fegan/labels/stable")
    rows = caller.predict([{"image_bytes": png, ...}])

A server puts requests of different clients into one batch, and refuses the whole batch if one of them is bad. A request
that is refused as invalid is therefore sent again, `retries` times, as is one that met an unavailable server or a full
queue. Check requests before sending: see `serving` and `backends`.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import random
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np

from tfsketch.errors import ServingError, install_command
from tfsketch.images.layers import excerpt, number, whole

_AGAIN_HTTP = {400, 429, 503, 504}
_AGAIN_GRPC = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}
_MAX_MESSAGE = 256 << 20
"""Bytes of a gRPC message; its default of 4 MB would refuse a photograph."""
_ADDRESS = re.compile(r"((?:https?|grpc)://[^/]+.*?)/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?/?")

Row = Mapping[str, Union[bytes, float, np.ndarray]]
"""An example: encoded pictures as bytes (their names end in `_bytes`), numbers, and arrays of numbers, by name."""


@dataclasses.dataclass(frozen=True)
class _RefusalError(Exception):
    """A server's refusal, or an answer that cannot be read."""

    text: str
    again: bool


class Caller:
    """Calls one served model.

    Args:
      address: `http://HOST:PORT` or `https://...` (REST) or `grpc://HOST:PORT`.
      model: its name on the server.
      version: of the model, by default the server's choice; or a label such as `stable`.
      timeout: seconds for one request.
      retries: how often a request is sent again that may have been refused for another one's fault.

    Raises:
      ServingError: a malformed address, model or version, or gRPC without the extra.
      TfsketchError: a timeout or a number of retries out of range.
    """

    def __init__(
        self, address: str, model: str = "sc_fegan", version: int | str = "", timeout: float = 60.0, retries: int = 4
    ):
        parts = urllib.parse.urlsplit(address if isinstance(address, str) else "")
        if parts.scheme not in ("http", "https", "grpc") or not parts.netloc:
            raise ServingError(f"address: expected http://HOST:PORT or grpc://HOST:PORT, found {excerpt(address)}")
        if not isinstance(model, str) or not model:
            raise ServingError(f"model: expected the name under which it is served, found {excerpt(model)}")
        if isinstance(version, bool) or not isinstance(version, (int, str)):
            raise ServingError(f"version: expected a whole number or a label, found {excerpt(version)}")
        timeout = number(timeout, "timeout", sys.float_info.min, expected="a number of seconds above 0")
        retries = whole(retries, "retries", 0)
        self._base, self._model, self._version = address.rstrip("/"), model, version
        self._timeout, self._retries = timeout, retries
        self._outputs: dict[str, str] = {}
        self._call = _Grpc(parts.netloc, model, version, timeout) if parts.scheme == "grpc" else self._rest

    def predict(self, rows: Sequence[Row], signature: str = "serving_default") -> list[dict[str, Any]]:
        """Examples through a signature, in one request.

        Args:
          rows: the examples. Encoded pictures of different examples may differ in size.
          signature: the signature's name.

        Returns:
          An example's outputs by name, `*_bytes` as bytes, for each; numbers as lists (REST) or arrays (gRPC).

        Raises:
          ServingError: the server cannot be reached or refused; the message is its own.
        """
        for attempt in range(self._retries + 1):
            try:
                return self._call(signature, rows)
            except _RefusalError as refused:
                if not refused.again or attempt == self._retries:
                    raise ServingError(f"{self._base}: {self._model}: {refused.text}") from refused
                # Not all at once: the clients of a refused batch would meet again.
                time.sleep(random.uniform(0.0, 0.05 * 2**attempt))
        raise AssertionError("not reached")

    def _rest(self, signature: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
        def json_of(value: bytes | float | np.ndarray) -> Any:
            if isinstance(value, bytes):
                return {"b64": base64.b64encode(value).decode()}
            return np.asarray(value, np.float32).tolist()

        instances = [{key: json_of(value) for key, value in row.items()} for row in rows]
        answer = self._json(":predict", {"signature_name": signature, "instances": instances})
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(predictions, list) or len(predictions) != len(rows):
            raise _RefusalError(f"expected {len(rows)} predictions, found {str(answer)[:100]}", False)
        if predictions and (not isinstance(predictions[0], dict) or "b64" in predictions[0]):
            # Of a signature with one output, an answer gives values without their name.
            if signature not in self._outputs:
                signatures = self._json("/metadata")["metadata"]["signature_def"]["signature_def"]
                self._outputs[signature] = next(iter(signatures[signature]["outputs"]))
            predictions = [{self._outputs[signature]: value} for value in predictions]
        return [
            {key: base64.b64decode(value["b64"]) if isinstance(value, dict) else value for key, value in row.items()}
            for row in predictions
        ]

    def _json(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the server answers at a path of the model."""
        version = self._version
        where = f"/versions/{version}" if isinstance(version, int) else f"/labels/{version}" if version else ""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self._base}/v1/models/{self._model}{where}{path}", data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            with contextlib.suppress(ValueError, TypeError, KeyError):
                text = json.loads(text)["error"]
            raise _RefusalError(f"{error.code}: {text[:1000]}", error.code in _AGAIN_HTTP) from error
        except (OSError, http.client.HTTPException) as error:
            raise _RefusalError(f"cannot be reached ({error})", True) from error
        except ValueError as error:
            raise _RefusalError(f"expected an answer in JSON, found another ({error})", False) from error


def at(address: str, **how: Any) -> Caller:
    """The model at an address in REST's notation, also for gRPC: `http://HOST:PORT/v1/models/NAME`, optionally followed
    by `/versions/NUMBER` or `/labels/LABEL`.

    Args:
      address: the address.
      **how: of `Caller`.

    Raises:
      ServingError: an address of another kind.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ServingError(
            "address: expected http://HOST:PORT/v1/models/NAME, or grpc://, with /versions/NUMBER or /labels/LABEL "
            f"behind it where one is meant, found {address!r}"
        )
    base, model, number, label = match.groups()
    return Caller(base, model, int(number) if number else label or "", **how)


class _Grpc:
    """The same call over gRPC."""

    def __init__(self, target: str, model: str, version: int | str, timeout: float):
        try:
            import grpc
            import tensorflow as tf
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError as error:
            raise ServingError(
                f"gRPC: expected the packages of the extra `serving` ({install_command('serving')}), "
                f"found none ({error}); REST needs nothing"
            ) from error
        limits = [("grpc.max_send_message_length", _MAX_MESSAGE), ("grpc.max_receive_message_length", _MAX_MESSAGE)]
        self._model, self._version, self._timeout = model, version, timeout
        self._error, self._predict_pb2, self._tf = grpc.RpcError, predict_pb2, tf
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(target, options=limits))

    def __call__(self, signature: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
        request = self._predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model, signature
        if isinstance(self._version, int):
            request.model_spec.version.value = self._version
        elif self._version:
            request.model_spec.version_label = self._version
        for key in rows[0]:
            values = [row[key] for row in rows]
            kind = object if isinstance(values[0], bytes) else np.float32
            request.inputs[key].CopyFrom(self._tf.make_tensor_proto(np.array(values, kind)))
        try:
            response = self._stub.Predict(request, self._timeout)
        except self._error as error:
            code = error.code().name
            raise _RefusalError(f"{code}: {error.details()}", code in _AGAIN_GRPC) from error
        columns = {key: self._tf.make_ndarray(value) for key, value in response.outputs.items()}
        return [{key: column[row] for key, column in columns.items()} for row in range(len(rows))]
