"""What the tests share: two logical devices, small shards of pictures that a package ships, and a served model."""

from __future__ import annotations

import os

# One thread for an operation, in the programs that tests start as well: the operations are small, of several threads
# most of the time goes into waking and waiting, and other tests run meanwhile.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tfsketch  # noqa: F401  (chooses what TensorFlow reads at its first import)

# isort: split
import concurrent.futures
import fcntl
import gc
import importlib
import json
import pathlib
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import skimage.data
import tensorflow as tf

from tests.pictures import crops
from tests.stand_in import StandIn
from tests.tiny import DRAWING, EDITING, LIGHT, RESTYLING, TINY, save_model
from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.data import prepare
from tfsketch.images import files, sizes

# Two devices on one CPU: MirroredStrategy runs for real. Must happen before TensorFlow makes any tensor.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# A test runs most of its graphs once: TensorFlow's graph optimiser, Grappler, takes longer than it saves. Where it may
# change a number there is the fixture `grappler`, and programs that tests start have it.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
# Every graph that is traced makes so many objects that Python's garbage collector walks all that there are again and
# again: an eighth of the tracing's time. It comes more seldom here, and what was imported is never walked.
gc.set_threshold(50_000, 20, 50)

SLOW = (
    "export/saved_model_test.py",
    "systems/conformance_test.py",
    "app/drawing_site_test.py",
    "app/results_test.py",
    "systems/sc_fegan/task_test.py",
    "benchmarks/benchmarks_test.py",
    "app/restyling_site_test.py",
    "app/page_test.py",
    "data/prepare_test.py",
    "systems/region_edit/task_test.py",
    "training/resume_test.py",
    "systems/cali_sketch/task_test.py",
    "app/browser_test.py",
    "export/mobile_test.py",
    "app/editing_test.py",
    "app/static_test.py",
    "backends/backends_test.py",
    "app/pointer_test.py",
    "training/trainer_test.py",
    "export/restyling_test.py",
    "nn/sums_test.py",
    "systems/contextual_gan/task_test.py",
    "systems/region_edit/protocol_test.py",
    "data/service_test.py",
    "app/overlap_test.py",
    "app/offline_test.py",
    "app/server_test.py",
    "serving_test.py",
    "framing/meaning_test.py",
    "editor/batch/batch_test.py",
)
"""The files that take ten seconds and more of a processor, their browser's included, the longest first: they trace and
compile graphs, start programs and open pages."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files come first, so that no process is left with one at the end."""
    ranks = {pathlib.Path(__file__).parent / name: rank for rank, name in enumerate(SLOW)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


_BACKEND = importlib.import_module(tf.keras.initializers.Initializer.__module__.split(".initializers")[0] + ".backend")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Layers draw the same weights in a test alone and beside others, before its fixtures are made as well: a bound on
    rounding holds for them or does not, and never by luck. Not by `tf.keras.utils.set_random_seed`: TensorFlow's own
    seed clears every kernel and function that was made, and a suite takes twice as long."""
    _BACKEND._SEED_GENERATOR.generator = random.Random(1)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def log_rows(folder: pathlib.Path) -> list[dict]:
    """The lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (pathlib.Path(folder) / "metrics.jsonl").read_text().splitlines()]


def same_steps(one: list[dict], two: list[dict], tolerance: float) -> None:
    """Asserts that two logs say the same of the same steps."""
    assert len(one) == len(two)
    for a, b in zip(one, two):
        assert set(a) == set(b)
        for key in set(a) - {"phase", "steps_per_second"}:
            assert a[key] == pytest.approx(b[key], abs=tolerance, rel=tolerance), (a["step"], key)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], object]) -> pathlib.Path:
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


@pytest.fixture
def grappler() -> Iterator[None]:
    """Graphs as TensorFlow optimises them elsewhere: in training, on a server."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(scope="module")
def model_dir(model: tf.keras.Model, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The model of a module's own fixture `model`, as a directory."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, model)
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

    return str(once(tmp_path_factory, "pictures", make) / "shards")


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


@pytest.fixture(scope="session")
def editing_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model directory of `EDITING`, with weights that draw something."""

    def make(root: pathlib.Path) -> None:
        tf.keras.utils.set_random_seed(7)
        save_model(root / "tiny", systems.build(EDITING), EDITING)

    return once(tmp_path_factory, "zoo", make) / "tiny"


@pytest.fixture(scope="session")
def served_folder(editing_folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The same, exported: the base folder of its version 1. Nobody may write there."""
    return _export(editing_folder, tmp_path_factory)


def _export(folder: pathlib.Path, factory: pytest.TempPathFactory) -> pathlib.Path:
    from tfsketch.export import saved_model  # seconds, which the tests of other modules need not wait for

    def make(root: pathlib.Path) -> None:
        model = zoo.load_model(folder)
        saved_model.export(model, systems.signatures(model), root / folder.name)

    return once(factory, f"served-{folder.name}", make) / folder.name


@pytest.fixture(scope="session")
def served_signatures(served_folder: pathlib.Path) -> Mapping[str, Any]:
    """Its signatures by name, loaded."""
    return tf.saved_model.load(str(served_folder / "1")).signatures


@pytest.fixture(scope="session")
def stand_in(served_folder, served_signatures):
    server = StandIn(served_folder, served_signatures)
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
        save_model(root / "restyles", model, settings)

    return once(tmp_path_factory, "restyling", make) / "restyles"


@pytest.fixture(scope="session")
def served_restyling_folder(restyling_folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The same, exported: the base folder of its version 1. Nobody may write there."""
    return _export(restyling_folder, tmp_path_factory)


@pytest.fixture(scope="session")
def model_dirs(tmp_path_factory, restyling_folder):
    """Three models with random weights: one that edits, one that draws, one that restyles."""
    folders = []
    for name, settings in (("edits", EDITING), ("draws", systems.parse(DRAWING))):
        tf.keras.utils.set_random_seed(1)
        folder = tmp_path_factory.mktemp(name)
        save_model(folder, systems.build(settings), settings)
        folders.append(str(folder))
    return [*folders, str(restyling_folder)]
