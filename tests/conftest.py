"""What the tests share: two logical devices, small shards of pictures that a package ships, and a served model."""

from __future__ import annotations

import tfsketch  # noqa: F401  (chooses what TensorFlow reads at its first import)

# isort: split
import base64
import concurrent.futures
import fcntl
import http.server
import json
import os
import pathlib
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from tests.tiny import DRAWING, EDITING, LIGHT, RESTYLING, TINY
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.data import prepare
from tfsketch.images import files, sizes
from tfsketch.nn import model_directory

# Two devices on one CPU: MirroredStrategy runs for real. Must happen before TensorFlow makes any tensor.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


SLOW = (
    "export/saved_model_test.py",
    "app/page_test.py",
    "systems/conformance_test.py",
    "systems/sc_fegan/task_test.py",
    "app/server_test.py",
    "app/static_test.py",
    "systems/region_edit/task_test.py",
    "serving_test.py",
    "systems/cali_sketch/task_test.py",
    "systems/contextual_gan/task_test.py",
    "export/mobile_test.py",
    "training/trainer_test.py",
    "benchmarks/benchmarks_test.py",
    "systems/sc_fegan/convert_test.py",
    "fuzz_test.py",
    "old_runs_test.py",
)
"""The files that take half a minute and more of a processor, the longest first: they trace and compile graphs, start
programs and open pages."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files come first, so that of two processes none is left with one at the end."""
    ranks = {pathlib.Path(__file__).parent / name: rank for rank, name in enumerate(SLOW)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def logged(folder: pathlib.Path) -> list[dict]:
    """The lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (pathlib.Path(folder) / "metrics.jsonl").read_text().splitlines()]


def same_steps(one: list[dict], two: list[dict], tolerance: float) -> None:
    """Asserts that two logs say the same of the same steps."""
    assert len(one) == len(two)
    for a, b in zip(one, two):
        assert set(a) == set(b)
        for key in set(a) - {"phase", "steps_per_second"}:
            assert a[key] == pytest.approx(b[key], abs=tolerance, rel=tolerance), (a["step"], key)


def crops(count: int, side: int) -> list[np.ndarray]:
    """`count` squares of [side,side,3] uint8 cut from scikit-image's portrait, all different."""
    picture = skimage.data.astronaut()
    rng = np.random.default_rng(0)
    corners = [rng.integers(0, s - 2 * side, count) for s in picture.shape[:2]]
    return [np.ascontiguousarray(picture[y : y + 2 * side : 2, x : x + 2 * side : 2]) for y, x in zip(*corners)]


def labelled_shards(folder: pathlib.Path, config: config_lib.Config) -> pathlib.Path:
    """Shards of four pictures for an experiment, with labels of regions where it asks for them."""
    side = config.image_size
    labels = np.repeat(np.arange(side, dtype=np.uint8)[:, None] * 4 // side, side, axis=1)
    for number, crop in enumerate(crops(4, side)):
        files.write_png(folder / "photos" / f"{number}.png", crop)
        files.write_png(folder / "labels" / f"{number}.png", labels)
    options = {"labels": str(folder / "labels")} if config.prepare.regions == "labels" else {}
    prepare.prepare([str(folder / "photos")], str(folder / "shards"), config, **options)
    return folder / "shards"


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], object]) -> pathlib.Path:
    """A folder that the first of pytest's processes to need it makes, and that the others take."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, partial = root / name, root / f"{name}.partial"
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


@pytest.fixture
def eagerly() -> Iterator[None]:
    """The trainer's step uncompiled: the same operations, and seconds for two steps, not half a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def model_dir(model: tf.keras.Model, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The model of a module's own fixture `model`, as a directory."""
    folder = tmp_path_factory.mktemp("model")
    arrays = {name: v.numpy() for name, v in model_directory.variable_names(model).items()}
    model_directory.save(folder, model.experiment, arrays, "# random\n")
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with three squares of a portrait, 64 px."""
    folder = tmp_path_factory.mktemp("photographs")
    portrait = skimage.data.astronaut()
    for i, (top, left) in enumerate([(0, 130), (30, 160), (60, 100)]):
        files.write_png(folder / f"{i}.png", sizes.center_square(portrait[top : top + 160, left : left + 160], 64))
    return str(folder)


@pytest.fixture(scope="session")
def shards_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shards of six pictures of 32 px."""

    def make(root: pathlib.Path) -> None:
        for number, crop in enumerate(crops(6, 32)):
            files.write_png(root / "photos" / f"{number}.png", crop)
        prepare.prepare(
            [str(root / "photos")],
            str(root / "shards"),
            systems.parse(
                "{image_size: 32, sketch: {min_side: 64}, prepare: {regions: none}, "
                "model: {generator: {stages: 3, kernels: [3, 3, 3]}}}"
            ),
        )

    return str(_once(tmp_path_factory, "pictures", make) / "shards")


@pytest.fixture
def tiny(shards_folder: str) -> config_lib.Config:
    """A network that trains a step in milliseconds."""
    return systems.parse(TINY, "tiny", [f"data.train={shards_folder}"])


@pytest.fixture
def tiny_file(tiny: config_lib.Config, tmp_path: pathlib.Path) -> pathlib.Path:
    """The same as a file, for binaries."""
    path = tmp_path / "tiny.yaml"
    path.write_text(config_lib.dump(tiny))
    return path


def _save(folder: pathlib.Path, settings: config_lib.Config, model: tf.keras.Model) -> None:
    """A model directory of a network as it is."""
    arrays = {name: variable.numpy() for name, variable in model_directory.variable_names(model).items()}
    model_directory.save(folder, settings, arrays, "# A card\n")


@pytest.fixture(scope="session")
def editing_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model directory of `EDITING`, with weights that draw something."""

    def make(root: pathlib.Path) -> None:
        tf.keras.utils.set_random_seed(7)
        _save(root / "tiny", EDITING, systems.build(EDITING))

    return _once(tmp_path_factory, "zoo", make) / "tiny"


@pytest.fixture(scope="session")
def served_folder(editing_folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The same, exported: the base folder of its version 1. Nobody may write there."""
    return _exported(editing_folder, tmp_path_factory)


def _exported(folder: pathlib.Path, factory: pytest.TempPathFactory) -> pathlib.Path:
    from tfsketch.export import saved_model  # seconds, which the tests of other modules need not wait for

    def make(root: pathlib.Path) -> None:
        model = zoo.load_model(folder)
        saved_model.export(model, systems.signatures(model), root / folder.name)

    return _once(factory, f"served-{folder.name}", make) / folder.name


@pytest.fixture(scope="session")
def served(served_folder: pathlib.Path) -> Mapping[str, Any]:
    """Its signatures by name, loaded."""
    return tf.saved_model.load(str(served_folder / "1")).signatures


_BATCH, _WAIT = 8, 0.005
"""Requests in a batch of the stand-in, and seconds that it waits for the next one."""


class StandIn:
    """Loads `base`/1 and answers as TensorFlow Serving would, on a free port of this machine.

    It speaks REST over HTTP and, where tensorflow-serving-api is installed, the official `PredictionService` over gRPC
    (`grpc_address`), and puts concurrent requests into one batch as `batching.config` asks for, which fails as a whole
    when one request in it is bad, as there.
    """

    def __init__(self, base: pathlib.Path, signatures: Mapping[str, Any] | None = None):
        self.signatures = signatures or tf.saved_model.load(str(base / "1")).signatures
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
                outputs = self._call("serving_default", joined)
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


@pytest.fixture(scope="session")
def stand_in(served_folder, served):
    server = StandIn(served_folder, served)
    yield server
    server.http.shutdown()


@pytest.fixture(scope="session")
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
                outputs = stand_in.predict(request.model_spec.signature_name or "serving_default", columns)
            except tf.errors.OpError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
            response = predict_pb2.PredictResponse()
            for key, value in outputs.items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
    service.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(0)


@pytest.fixture(scope="session")
def restyling_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model directory of a network that restyles, at its smallest, with random weights and a style that counts."""

    def make(root: pathlib.Path) -> None:
        tf.keras.utils.set_random_seed(5)
        settings = systems.parse(RESTYLING, "tiny", LIGHT)
        model = systems.build(settings)
        for variable in model.generator.trainable_variables:
            if "affine/kernel" in variable.name:
                variable.assign(variable * 3.0)
        _save(root / "restyles", settings, model)

    return _once(tmp_path_factory, "restyling", make) / "restyles"


@pytest.fixture(scope="session")
def served_restyling_folder(restyling_folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The same, exported: the base folder of its version 1. Nobody may write there."""
    return _exported(restyling_folder, tmp_path_factory)


@pytest.fixture(scope="session")
def model_dirs(tmp_path_factory, restyling_folder):
    """Three models with random weights: one that edits, one that draws, one that restyles."""
    folders = []
    for name, settings in (("edits", EDITING), ("draws", systems.parse(DRAWING))):
        tf.keras.utils.set_random_seed(1)
        folder = tmp_path_factory.mktemp(name)
        _save(folder, settings, systems.build(settings))
        folders.append(str(folder))
    return [*folders, str(restyling_folder)]
