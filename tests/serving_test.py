"""The client, against a stand-in for TensorFlow Serving: the real server does not run here.

The stand-in speaks its two protocols, REST over HTTP and, where tensorflow-serving-api is installed, the official
`PredictionService` over gRPC; loads a SavedModel; and puts concurrent requests into one batch as `batching.config` asks
for, which fails as a whole when one request in it is bad, as there. What it does not do is told by what is not here.
"""

import base64
import concurrent.futures
import http.server
import json
import pathlib
import queue
import re
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from tests.export_test import EDITS, _encoded
from tfsketch import images, models, serving, zoo
from tfsketch.editor import Editor
from tfsketch.errors import ImageError, ServingError
from tfsketch.export import saved_model

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs" / "serving"
_BATCH, _WAIT = 8, 0.005


class StandIn:
    """Loads `base`/1 and answers as TensorFlow Serving would, on two free ports of this machine."""

    def __init__(self, base: pathlib.Path):
        self.signatures = tf.saved_model.load(str(base / "1")).signatures
        self.requests: queue.Queue = queue.Queue()
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
            while len(waiting) < _BATCH:
                try:
                    waiting.append(self.requests.get(timeout=_WAIT))
                except queue.Empty:
                    break
            sizes = [len(next(iter(columns.values()))) for columns, _ in waiting]
            self.batches.append(sum(sizes))
            try:
                joined = {key: np.concatenate([columns[key] for columns, _ in waiting]) for key in waiting[0][0]}
                found = self._call("serving_default", joined)
                ends = np.cumsum(sizes)
                for (_, answer), end, size in zip(waiting, ends, sizes):
                    answer.set_result({key: value[end - size : end] for key, value in found.items()})
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
                wanted = set(stand_in.signatures[signature].structured_input_signature[1])
                if set(columns) != wanted:
                    missing = sorted(wanted ^ set(columns))
                    self._answer(400, {"error": f"Missing inputs or unknown ones: {missing}"})
                    return
                arrays = {
                    key: np.array(value, object if isinstance(value[0], bytes) else np.float32)
                    for key, value in columns.items()
                }
                try:
                    found = stand_in.predict(signature, arrays)
                except tf.errors.OpError as error:
                    self._answer(400, {"error": error.message})
                    return

                def json_of(key: str, value) -> object:
                    # The server's rule: what the suffix _bytes marks is base64.
                    return {"b64": base64.b64encode(value).decode()} if key.endswith("_bytes") else value.tolist()

                rows = [
                    {key: json_of(key, column[i]) for key, column in found.items()}
                    for i in range(len(column_of(found)))
                ]
                single = len(found) == 1
                self._answer(200, {"predictions": [next(iter(row.values())) for row in rows] if single else rows})

        def column_of(found: dict[str, np.ndarray]) -> np.ndarray:
            return next(iter(found.values()))

        return Handler


@pytest.fixture(scope="module")
def stand_in(served_folder):
    server = StandIn(served_folder)
    yield server
    server.http.shutdown()


@pytest.fixture(scope="module")
def grpc_address(stand_in):
    """The same model over gRPC, by the official service."""
    grpc = pytest.importorskip("grpc")
    service = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")

    class Service(service.PredictionServiceServicer):
        def Predict(self, request, context):
            if request.model_spec.name != "tiny":
                context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request.model_spec.name}")
            columns = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            try:
                found = stand_in.predict(request.model_spec.signature_name or "serving_default", columns)
            except tf.errors.OpError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
            response = predict_pb2.PredictResponse()
            for key, value in found.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
    service.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(0)


@pytest.fixture(params=["rest", "grpc"])
def client(request, stand_in):
    address = stand_in.rest if request.param == "rest" else request.getfixturevalue("grpc_address")
    return serving.Client(address, "tiny")


def test_an_edit_over_the_wire_is_the_editors(client, editing_folder):
    edit = Editor(zoo.load_model(editing_folder)).edit
    for given in (EDITS[0], EDITS[1], (*EDITS[2][:2], None, None)):
        found, hole = client.edit(*given), given[1] > 0
        np.testing.assert_array_equal(found[~hole], given[0][~hole])
        assert np.abs(found.astype(int) - edit(*given)).max() <= 2


def test_restyling_over_the_wire_is_the_editors(restyling_folder, tmp_path):
    saved_model.export(restyling_folder, tmp_path / "restyles")
    server = StandIn(tmp_path / "restyles")
    try:
        client, editor = serving.Client(server.rest, "restyles"), Editor(zoo.load_model(restyling_folder))
        image, mask, style = EDITS[1][0], EDITS[1][1], EDITS[2][0]
        for where in (mask, None):
            found = client.restyle(image, style, where)
            assert np.abs(found.astype(int) - editor.restyle(image, style, where)).max() <= 2
        with pytest.raises(ImageError, match="at least one pixel to restyle"):
            client.restyle(image, style, np.zeros_like(mask))
    finally:
        server.http.shutdown()


def test_mixed_sizes_travel_in_one_request(client):
    found = client.predict([_encoded(one) for one in EDITS])
    for (image, mask, *_), row in zip(EDITS, found):
        assert list(row) == ["image_bytes"] and row["image_bytes"].startswith(b"\x89PNG")
        np.testing.assert_array_equal(images.read_rgb("found", row["image_bytes"])[mask == 0], image[mask == 0])


def test_a_bad_request_names_its_field(client):
    good = _encoded(EDITS[0])
    once = serving.Client(client._base, "tiny", retries=0)
    for field, value, text in (
        (
            "mask_bytes",
            _encoded(EDITS[1])["mask_bytes"],
            "mask_bytes: expected the size of the picture, 32 x 32, found",
        ),
        ("image_bytes", b"no picture", "image_bytes: expected a PNG or JPEG picture"),
        ("sketch_bytes", good["sketch_bytes"][:-20], "sketch_bytes"),
    ):
        with pytest.raises(ServingError, match=text):
            once.predict([good | {field: value}])
    with pytest.raises(ServingError, match="Servable not found"):
        serving.Client(client._base, "other").edit(*EDITS[0])


def test_what_is_wrong_is_found_before_it_is_sent():
    client = serving.Client("http://127.0.0.1:1", "tiny", retries=0)  # nobody there
    image, mask, lines, color = EDITS[0]
    for given, text in (
        ((image, np.zeros_like(mask)), "mask: expected at least one erased pixel"),
        ((image, mask[1:]), "mask: expected the picture's size"),
        ((image, mask, lines, color[:, 1:]), "color: expected the picture's size"),
        ((image.astype(np.float32), mask), "image: expected uint8"),
    ):
        with pytest.raises(ImageError, match=text):
            client.edit(*given)
    with pytest.raises(ImageError, match="empty sheet"):
        client.draw(np.zeros((4, 4), np.uint8))
    with pytest.raises(ServingError, match="127.0.0.1:1: tiny: cannot be reached"):
        client.edit(image, mask)
    for address in ("localhost:8501", "ftp://localhost", "http://"):
        with pytest.raises(ServingError, match="expected http://HOST:PORT"):
            serving.Client(address)


def test_two_hundred_at_once_lose_none_beside_bad_ones(stand_in):
    """Bad requests fail the batches that they fall into; who asked for what is right is answered all the same."""
    client = serving.Client(stand_in.rest, "tiny", "stable", retries=12)
    bad = json.dumps(
        {"instances": [{key: {"b64": base64.b64encode(b"bad").decode()} for key in _encoded(EDITS[0])}]}
    ).encode()
    refused = []

    def spoil() -> None:
        try:
            urllib.request.urlopen(f"{stand_in.rest}/v1/models/tiny:predict", bad)
        except urllib.error.HTTPError as error:
            refused.append((error.code, json.load(error)["error"]))

    def edit(number: int) -> bool:
        if number % 40 == 7:
            spoil()
        image, mask, lines, color = EDITS[number % len(EDITS)]
        image = np.roll(image, number, axis=1)
        return np.array_equal(client.edit(image, mask, lines, color)[mask == 0], image[mask == 0])

    before = len(stand_in.batches)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(edit, range(200))) == 200
    assert len(refused) == 5 and all(code == 400 and "image_bytes" in text for code, text in refused)
    assert max(stand_in.batches[before:]) > 1


def test_the_servers_settings_name_the_shipped_models():
    """Written for the real server, which did not run here: at least they are whole and name what there is."""
    text = (CONFIGS / "models.config").read_text()
    assert text.count("{") == text.count("}")
    names = re.findall(r'name: "(\w+)"', text)
    assert set(zoo.SHIPPED) <= set(names) <= set(models.EXPORTED)
    assert [f"/models/{n}" for n in names] == re.findall(r'base_path: "(.*)"', text)
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    parsed = text_format.Parse(text, config.ModelServerConfig())
    assert [one.name for one in parsed.model_config_list.config] == names
    monitoring = pytest.importorskip("tensorflow_serving.config.monitoring_config_pb2")
    parsed = text_format.Parse((CONFIGS / "monitoring.config").read_text(), monitoring.MonitoringConfig())
    assert parsed.prometheus_config.enable
