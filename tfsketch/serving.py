"""A client of a TensorFlow Serving that serves our exports (see `export`), over REST or gRPC.

    client = serving.Client("http://localhost:8501", "sc_fegan")          # REST, nothing but Python
    client = serving.Client("grpc://localhost:8500", "sc_fegan")          # gRPC, with the extra `serving`
    edited = client.edit(image, mask, sketch, color)                      # uint8 RGB arrays, as of `Editor.edit`

In and out are arrays, as the editor takes them. They travel as PNG, which loses nothing. What is wrong with a picture
is found here, before it is sent, by the editor's own checks; a server finds it too, and names the field.

A server puts requests of different clients into one batch, and when one of them is bad it refuses the whole batch. A
request that was checked here and is refused as invalid is therefore sent again, `retries` times, as is one that found
the server unavailable or its queue full.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch import editor, images
from tfsketch.errors import ImageError, ServingError

_AGAIN_HTTP = {400, 429, 503, 504}
_AGAIN_GRPC = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE"}
_MAX_MESSAGE = 256 << 20
"""Bytes of a gRPC message; its default of 4 MB would refuse a photograph."""


@dataclasses.dataclass(frozen=True)
class _Refused(Exception):
    """A server's answer that is none."""

    text: str
    again: bool


class Client:
    """Calls one served model.

    Args:
      address: `http://HOST:PORT` or `https://...` (REST) or `grpc://HOST:PORT`.
      model: the name under which it is served.
      version: of the model, by default the server's choice; or a label such as `stable`.
      timeout: seconds for one request.
      retries: how often a request that was refused for no fault of its own is sent again.

    Raises:
      ServingError: an address of another kind, or gRPC without the extra.
    """

    def __init__(
        self, address: str, model: str = "sc_fegan", version: int | str = "", timeout: float = 60.0, retries: int = 4
    ):
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https", "grpc") or not parts.netloc:
            raise ServingError(f"address: expected http://HOST:PORT or grpc://HOST:PORT, found {address!r}")
        self._base, self._model, self._version = address.rstrip("/"), model, version
        self._timeout, self._retries = timeout, retries
        self._outputs: dict[str, str] = {}
        self._call = _Grpc(parts.netloc, model, version, timeout) if parts.scheme == "grpc" else self._rest

    def edit(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        sketch: np.ndarray | None = None,
        color: np.ndarray | None = None,
    ) -> np.ndarray:
        """`Editor.edit` with its default settings, on the server.

        Args:
          image, mask, sketch, color: as there.

        Returns:
          [H,W,3] uint8 RGB; outside the mask the input, bit for bit.

        Raises:
          ImageError: as there.
          ServingError: the server cannot be reached or refused; the message is its own.
        """
        image, mask, sketch, color = editor.checked_layers(image, mask, sketch, color)
        fields = {"image_bytes": image, "mask_bytes": mask * np.uint8(255)}
        encoded = {key: images.encode_png(value) for key, value in fields.items()}
        encoded["sketch_bytes"] = b"" if sketch is None else _sheet(sketch)
        encoded["color_bytes"] = b"" if color is None else images.encode_png(color)
        return images.read_rgb("the server's picture", self.predict([encoded])[0]["image_bytes"])

    def restyle(self, image: np.ndarray, style: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """`Editor.restyle` with its default settings, on the server; arguments, result and errors as there, and
        `ServingError`."""
        image, (style,), mask = editor.checked_restyling(image, [style], mask)
        encoded = {"image_bytes": images.encode_png(image), "style_bytes": images.encode_png(style)}
        encoded["mask_bytes"] = b"" if mask is None else images.encode_png(mask * np.uint8(255))
        return images.read_rgb("the server's picture", self.predict([encoded])[0]["image_bytes"])

    def draw(self, sketch: np.ndarray, fill: float | None = None) -> editor.Drawing:
        """`Editor.draw` on the server; arguments, result and errors as there, and `ServingError`."""
        sketch = editor.checked_sketch(sketch, fill)
        found = self.predict([{"sketch_bytes": _sheet(sketch), "fill": 0.0 if fill is None else fill}])[0]
        refined = images.read_rgb("the server's lines", found["refined_bytes"])[..., 0] < 128
        return editor.Drawing(refined.astype(np.uint8), images.read_rgb("the server's picture", found["image_bytes"]))

    def parse(self, image: np.ndarray) -> np.ndarray:
        """`models.face_parser.parse` of one photograph [H,W,3] uint8 on the server: [H,W] uint8."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ImageError(f"image: expected uint8 [H,W,3] RGB, found {image.dtype} {list(image.shape)}")
        found = self.predict([{"image_bytes": images.encode_png(image)}])[0]["regions_bytes"]
        return images.read_rgb("the server's regions", found)[..., 0]

    def predict(
        self, rows: Sequence[Mapping[str, bytes | float]], signature: str = "serving_default"
    ) -> list[dict[str, Any]]:
        """Examples through a signature, in one request.

        Args:
          rows: an example each: encoded pictures as bytes (their names end in `_bytes`) and numbers, by name. Pictures
            of different examples may differ in size.
          signature: the signature's name.

        Returns:
          An example's outputs by name, `*_bytes` as bytes, for each.

        Raises:
          ServingError: see `edit`.
        """
        for attempt in range(self._retries + 1):
            try:
                return self._call(signature, rows)
            except _Refused as refused:
                if not refused.again or attempt == self._retries:
                    raise ServingError(f"{self._base}: {self._model}: {refused.text}") from refused
                # Not all at once: the clients of a refused batch would meet again.
                time.sleep(random.uniform(0.0, 0.05 * 2**attempt))
        raise AssertionError("not reached")

    def _rest(self, signature: str, rows: Sequence[Mapping[str, bytes | float]]) -> list[dict[str, Any]]:
        def json_of(value: bytes | float) -> Any:
            return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else float(value)

        instances = [{key: json_of(value) for key, value in row.items()} for row in rows]
        found = self._json(":predict", {"signature_name": signature, "instances": instances})["predictions"]
        if found and (not isinstance(found[0], dict) or "b64" in found[0]):
            # Of a signature with one output, an answer gives values without their name.
            if signature not in self._outputs:
                signatures = self._json("/metadata")["metadata"]["signature_def"]["signature_def"]
                self._outputs[signature] = next(iter(signatures[signature]["outputs"]))
            found = [{self._outputs[signature]: value} for value in found]
        return [
            {key: base64.b64decode(value["b64"]) if isinstance(value, dict) else value for key, value in row.items()}
            for row in found
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
            raise _Refused(f"{error.code}: {text[:1000]}", error.code in _AGAIN_HTTP) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Refused(f"cannot be reached ({error})", True) from error
        except ValueError as error:
            raise _Refused(f"expected an answer in JSON, found another ({error})", False) from error


def _sheet(sketch: np.ndarray) -> bytes:
    """[H,W] uint8 in {0,1} as strokes on a transparent sheet, the form in which no share of strokes misleads."""
    layer = np.zeros((*sketch.shape, 4), np.uint8)
    layer[..., 3] = 255 * sketch
    return images.encode_png(layer)


class _Grpc:
    """The same call over gRPC."""

    def __init__(self, target: str, model: str, version: int | str, timeout: float):
        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError as error:
            raise ServingError(
                f"gRPC: expected the packages of the extra `serving` (pip install -c constraints.txt "
                f"'.[serving]'), found none ({error}); REST needs nothing"
            ) from error
        limits = [("grpc.max_send_message_length", _MAX_MESSAGE), ("grpc.max_receive_message_length", _MAX_MESSAGE)]
        self._model, self._version, self._timeout = model, version, timeout
        self._error, self._predict_pb2 = grpc.RpcError, predict_pb2
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(target, options=limits))

    def __call__(self, signature: str, rows: Sequence[Mapping[str, bytes | float]]) -> list[dict[str, Any]]:
        request = self._predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model, signature
        if isinstance(self._version, int):
            request.model_spec.version.value = self._version
        elif self._version:
            request.model_spec.version_label = self._version
        for key in rows[0]:
            values = [row[key] for row in rows]
            kind = object if isinstance(values[0], bytes) else np.float32
            request.inputs[key].CopyFrom(tf.make_tensor_proto(np.array(values, kind)))
        try:
            response = self._stub.Predict(request, self._timeout)
        except self._error as error:
            code = error.code().name
            raise _Refused(f"{code}: {error.details()}", code in _AGAIN_GRPC) from error
        columns = {key: tf.make_ndarray(value) for key, value in response.outputs.items()}
        return [{key: column[row] for key, column in columns.items()} for row in range(len(rows))]
