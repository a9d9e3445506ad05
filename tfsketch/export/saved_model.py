"""A model as a SavedModel for TensorFlow Serving.

    OUTPUT/<version>/saved_model.pb, variables/
    OUTPUT/<version>/assets.extra/   tf_serving_warmup_requests, metadata.json, config.yaml, README.md (the model card)
    OUTPUT/metadata.json, README.md  those of the version written last, for people

A server picks up every folder of OUTPUT whose name is a number, at any moment. So a version is written under another
name, checked, and then renamed, which is atomic on one file system; an existing version is never touched. A killed
export leaves a folder `.partial-*`, which servers ignore. Weights are those of `zoo.load_model`: the moving average, in
float32 whatever the training's precision. The saved object is a `tf.Module` of variables and signatures, not a Keras
object: loading it needs neither Keras nor tfsketch.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.backends import base
from tfsketch.conditions.regions import REGIONS
from tfsketch.errors import ExportError
from tfsketch.evaluation import report
from tfsketch.export import edits, signatures
from tfsketch.export.signatures import Signature
from tfsketch.export.warmup import example_request, warmup_log
from tfsketch.images import files, paths
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.version import __version__

MAX_DIFFERENCE = 1e-5
"""Largest difference between a network called here and the signatures `tensors` and `edit` of its SavedModel, on real
edits."""
_EXTRA = "assets.extra"
# Loads with nothing but TensorFlow, so that anything missing from the file is noticed.
_RUN = """
import sys
import numpy as np
import tensorflow as tf

folder, inputs_file, outputs_file, *names = sys.argv[1:]
signatures = tf.saved_model.load(folder).signatures
with np.load(inputs_file) as file:
    inputs = {key: tf.constant(file[key]) for key in file.files}
answers = {name: signatures[name](**inputs) for name in names}
np.savez(outputs_file, **{f"{name}/{key}": value for name in names for key, value in answers[name].items()})
"""


class Served(tf.Module):
    """A model's signatures and their variables.

    Args:
      model: as `zoo.load_model` gives it.
      described: its signatures; they may hold networks beside the model.
    """

    def __init__(self, model: ExportedNetwork, named_signatures: Mapping[str, Signature]):
        super().__init__(name="served")
        self.graphs = {}
        named_signatures = {**named_signatures, base.ABOUT: signatures.about(model, list(named_signatures))}
        for name, signature in named_signatures.items():
            specs = {key: tf.TensorSpec(s.shape, s.dtype, key) for key, s in signature.inputs.items()}
            run = signatures.check_batch(signature).run
            self.graphs[name] = tf.function(run, autograph=False).get_concrete_function(**specs)
        self.weights = list({id(v): v for graph in self.graphs.values() for v in graph.variables}.values())


def inputs_of(graph: Any) -> dict[str, tf.TensorSpec]:
    """Inputs of a concrete function, by name."""
    return {spec.name: spec for spec in tf.nest.flatten(graph.structured_input_signature)}


def _directory(model: ExportedNetwork) -> pathlib.Path:
    """The model directory that a model was read from.

    Raises:
      ExportError: it was built in another way, so that the origin of its weights is unknown.
    """
    if model.folder is None:
        raise ExportError("expected a model from a model directory, found one that load_model did not read")
    return model.folder


def card(model: ExportedNetwork) -> dict[str, str]:
    """The model card, as the text of a file by name; empty if the model directory has none."""
    path = _directory(model) / "README.md"
    return {path.name: path.read_text(encoding="utf-8")} if path.is_file() else {}


@dataclasses.dataclass(frozen=True)
class Origin:
    """The state of a model's directory when an export begins. A training that continues there may write other weights
    before the export, which has read these, ends."""

    report: Mapping[str, Any]
    """Of `report.describe`."""
    card: Mapping[str, str]
    config: bytes

    @staticmethod
    def of(model: ExportedNetwork) -> Origin:
        """That of a model just loaded by `zoo.load_model`."""
        folder = _directory(model)
        return Origin(report.describe(folder.name, folder), card(model), (folder / "config.yaml").read_bytes())


def describe(model: ExportedNetwork, graphs: Mapping[str, Any], origin: Origin | None = None) -> dict[str, Any]:
    """The description that a program, or a person, needs to call an export.

    Args:
      model: as `zoo.load_model` gives it.
      graphs: concrete functions by the name of their signature.
      origin: of the model, by default the present state of its directory.

    Returns:
      The content of `metadata.json`: the model's origin and, for every signature, each input's and output's dtype,
      shape (null = any) and meaning.
    """
    source = (origin or Origin.of(model)).report

    def table(specs: Mapping[str, tf.TensorSpec | tf.Tensor]) -> list[dict[str, Any]]:
        return [
            {
                "name": key,
                "dtype": spec.dtype.name,
                "shape": spec.shape.as_list(),
                "meaning": signatures.MEANINGS[key],
            }
            for key, spec in specs.items()
        ]

    return {
        "model": source["model"],
        "system": model.experiment.system,
        "way": model.way,
        "image_size": model.experiment.image_size,
        "weights_sha256": source["weights_sha256"],
        "tfsketch": __version__,
        "tensorflow": tf.__version__,
        "exported": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "signatures": {
            name: {
                "inputs": table(inputs_of(graph)),
                "outputs": table(graph.structured_outputs),
            }
            for name, graph in graphs.items()
        },
        "regions_of_a_face": list(REGIONS) if model.experiment.system == "face_parser" else None,
    }


def run_elsewhere(
    folder: str | os.PathLike, names: Sequence[str], inputs: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
    """Outputs of signatures of a SavedModel for the same inputs, loaded by TensorFlow alone in a process of its own.

    Returns:
      Signature -> output -> array.

    Raises:
      ExportError: the process failed; the message is the end of its output.
    """
    with tempfile.TemporaryDirectory(prefix="tfsketch-run-") as scratch:
        inputs_file, outputs_file = (str(pathlib.Path(scratch) / f"{name}.npz") for name in ("inputs", "outputs"))
        arrays: dict[str, Any] = dict(inputs)
        np.savez(inputs_file, **arrays)
        process = subprocess.run(
            [sys.executable, "-c", _RUN, paths.literal(os.path.abspath(folder)), inputs_file, outputs_file, *names],
            capture_output=True,
            text=True,
            cwd=scratch,
            check=False,
        )
        if process.returncode:
            raise ExportError(f"{folder}: expected a SavedModel that runs, found: {process.stderr.strip()[-2000:]}")
        outputs: dict[str, dict[str, np.ndarray]] = {name: {} for name in names}
        with np.load(outputs_file) as file:
            for path in file.files:
                name, _, key = path.partition("/")
                outputs[name][key] = file[path]
        return outputs


def difference(
    model: ExportedNetwork,
    folder: str | os.PathLike,
    inputs: Mapping[str, np.ndarray],
    names: Sequence[str] = (base.TENSORS,),
) -> float:
    """The largest difference in any output between a network and its SavedModel, in a process of its own; NaN if there
    is a NaN.

    Args:
      model: the network, as `zoo.load_model` gives it.
      folder: the SavedModel's.
      inputs: what it takes of the vocabulary, as `edits.conditions` gives it.
      names: of the signatures: `tensors`, which gives all of the network's outputs, or `edit`, which gives `image`.

    Raises:
      ExportError: outputs are missing.
    """
    whole = {key: value.numpy() for key, value in model({k: tf.constant(v) for k, v in inputs.items()}).items()}
    differences = []
    for name, outputs in run_elsewhere(folder, names, inputs).items():
        expected = {"image": whole["image"]} if name == base.SIGNATURE else whole
        if set(outputs) != set(expected):
            raise ExportError(f"{folder}: expected the outputs {sorted(expected)} of {name}, found {sorted(outputs)}")
        # Indices of regions are not compared: of two equally likely ones, either is right.
        differences += [
            np.abs(expected[key] - outputs[key]).max() for key in expected if expected[key].dtype == np.float32
        ]
    return float(np.max(differences))


def next_version(output: str | os.PathLike) -> int:
    """One more than the highest version in a folder."""
    folder = pathlib.Path(output)
    there = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
    return max(there, default=0) + 1


def export(
    model: ExportedNetwork,
    named_signatures: Mapping[str, Signature],
    output: str | os.PathLike,
    version: int | None = None,
    folder: str | os.PathLike = "",
) -> pathlib.Path:
    """Writes a model as a version for TensorFlow Serving, and checks it in a process of its own.

    Args:
      model: as `zoo.load_model` gives it.
      named_signatures: its signatures, by its system's record.
      output: the model's base folder, whose last part is the name that warmup requests carry.
      version: a whole number from 1; the next one by default.
      folder: photographs or shards to check it with (`edits.photographs`).

    Returns:
      `output`/`version`; `difference` in its metadata is what the check found.

    Raises:
      ExportError: the version exists or is no version, or what was written differs by more than `MAX_DIFFERENCE`.
      WeightsError, ConfigError: the model cannot be read.
      DataError: nothing can be written to `output`.
    """
    origin, output = Origin.of(model), pathlib.Path(output)
    paths.check_folder(output, "output")
    version = next_version(output) if version is None else version
    if version < 1:
        raise ExportError(f"version: expected a whole number from 1, found {version}")
    final = output / str(version)
    if final.exists():
        raise ExportError(f"expected a version that is not there yet, found {final}")
    inputs = edits.conditions(model, edits.photographs(folder, model.experiment.image_size, edits.COUNT))
    module = Served(model, named_signatures)
    output.mkdir(parents=True, exist_ok=True)
    partial = output / f".partial-{secrets.token_hex(8)}"
    partial.mkdir()  # not `tempfile`'s, which is private: the server runs as another user
    try:
        tf.saved_model.save(module, paths.literal(partial), signatures=module.graphs)
        networks = [name for name in module.graphs if name in (base.TENSORS, base.SIGNATURE)]
        apart = difference(model, partial, inputs, networks)
        if not apart <= MAX_DIFFERENCE:
            raise ExportError(f"{final}: expected a difference of at most {MAX_DIFFERENCE:g}, found {apart:g}")
        metadata = describe(model, module.graphs, origin) | {"version": version, "difference": apart}
        request = example_request(tuple(inputs_of(module.graphs["serving_default"])))
        extra = partial / _EXTRA
        extra.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
            writer.write(warmup_log(output.resolve().name, "serving_default", request))
        texts = {"metadata.json": json.dumps(metadata, indent=2) + "\n", **origin.card}
        for name, text in texts.items():
            (extra / name).write_text(text, encoding="utf-8")
        (extra / "config.yaml").write_bytes(origin.config)
        try:
            os.rename(partial, final)
        except OSError as error:
            raise ExportError(f"expected a version that is not there yet, found {final} ({error})") from error
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, tf.errors.OpError):
            raise ExportError(f"{final}: expected room and permission to write, found: {error.message}") from error
        raise
    for name, text in texts.items():
        files.write_bytes(output / name, text.encode())
    return final
