"""A model for TensorFlow Serving, or for phones.

    python -m tools.export --model=sc_fegan --output=models/sc_fegan
    python -m tools.export --model=sc_fegan --format=tflite --output=sc_fegan.tflite
    python -m tools.export --model=sc_fegan --format=tflite --variant=all --output=mobile --data=photographs
    python -m tools.export --model=sc_fegan --format=onnx --output=sc_fegan.onnx
    python -m tools.export --model=sc_fegan_mobile --format=web --output=site

saved_model writes OUTPUT/VERSION, whole or not at all, and never over another. tflite writes one file, or a folder of
them. web writes a folder of static files, with which a browser edits without a server of ours. All are measured before
they get their names, on edits of --data (by default of scikit-image's portrait), and an export that differs too much
from the model is an error; of several variants the others are written, and the exit status is 1.
"""

import json
import pathlib

from absl import flags

from tfsketch import systems
from tfsketch.config import cli
from tfsketch.config.shipped import MODELS
from tfsketch.errors import ExportError
from tfsketch.export import VARIANTS, WEB_WAYS, check_onnx
from tfsketch.images import paths

_MODEL = flags.DEFINE_string("model", MODELS[0], "A shipped model's name, or a model directory.")
_FORMAT = flags.DEFINE_enum(
    "format",
    "saved_model",
    ["saved_model", "tflite", "onnx", "web"],
    "For a server, for phones, as ONNX, or as a page.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "Base folder of the versions; a .tflite file or a folder; a .onnx file; a new folder.",
    required=True,
)
_VERSION = flags.DEFINE_integer("version", None, "Of a SavedModel; by default the next one.", lower_bound=1)
_VARIANT = flags.DEFINE_enum(
    "variant",
    None,
    [*VARIANTS, "all"],
    "Of a TensorFlow Lite file: by default float16, or for --format=web of a large model weight_only.",
)
_LITERT = flags.DEFINE_string(
    "litert", "", "Folder of LiteRT.js's archives for --format=web; by default npm fetches them."
)
_DATA = flags.DEFINE_string("data", "", "Folder of photographs or shards to calibrate and to measure with.")
_MARKDOWN = flags.DEFINE_string("markdown", "", "Markdown file whose section on this model and format is replaced.")


def _version_folder() -> pathlib.Path:
    return pathlib.Path(_OUTPUT.value) / str(_VERSION.value)


def _main(argv: list[str]) -> int:
    del argv
    system = systems.experiment_of(_MODEL.value).system
    if _FORMAT.value == "web" and _VARIANT.value == "all":
        raise ExportError("variant: expected one for --format=web, found all")
    if _FORMAT.value == "web" and systems.SYSTEMS[system].way not in WEB_WAYS:
        raise ExportError(
            f"expected a model that edits, draws or restyles, such as sc_fegan_mobile, for --format=web, found {system}"
        )
    if _FORMAT.value in ("tflite", "onnx") and pathlib.Path(_OUTPUT.value).is_dir():
        if _FORMAT.value == "onnx" or _OUTPUT.value.endswith(".tflite"):
            raise ExportError(f"--output: expected a .{_FORMAT.value} file, found a folder at {_OUTPUT.value}")
    if _FORMAT.value == "onnx" and not _OUTPUT.value.endswith(".onnx"):
        raise ExportError(f"--output: expected a .onnx file, found {_OUTPUT.value}")
    if _FORMAT.value == "tflite" and not _OUTPUT.value.endswith(".tflite") and paths.is_file_name(_OUTPUT.value):
        raise ExportError(
            f"--output: expected a .tflite file or a folder, found {_OUTPUT.value}; {paths.END_OF_FOLDER}"
        )
    if _FORMAT.value == "saved_model" and _VERSION.value and (final := _version_folder()).exists():
        raise ExportError(f"expected a version that is not there yet, found {final}")
    if _DATA.value:
        paths.check_there(_DATA.value, "--data")
    if _LITERT.value and not pathlib.Path(_LITERT.value).is_dir():
        raise ExportError(f"--litert: expected a folder of LiteRT.js's archives, found none at {_LITERT.value}")
    one_file = _FORMAT.value == "onnx" or _FORMAT.value == "tflite" and _OUTPUT.value.endswith(".tflite")
    if one_file:
        paths.check_place(pathlib.Path(_OUTPUT.value).parent, "--output")
    else:
        paths.check_folder(_OUTPUT.value, "--output")
    if _MARKDOWN.value:
        paths.check_file(_MARKDOWN.value, "--markdown")
    if _FORMAT.value == "web":
        paths.check_new(_OUTPUT.value, "--output")
    if _FORMAT.value == "onnx":
        check_onnx()
    from tfsketch import zoo
    from tfsketch.evaluation import report
    from tfsketch.export import measure, mobile, onnx, saved_model

    failure, model = False, zoo.load_model(_MODEL.value)
    if _FORMAT.value == "saved_model":
        path = saved_model.export(model, systems.signatures(model), _OUTPUT.value, _VERSION.value, _DATA.value)
        metadata = json.loads((path / "assets.extra" / "metadata.json").read_text(encoding="utf-8"))
        names = ", ".join(f"`{name}`" for name in metadata["signatures"])
        text = f"Signatures {names}; largest difference from the model {metadata['difference']:.1e}."
        if paths.is_pattern(path.resolve()):
            print(
                f"{path}: tfsketch loads this SavedModel, but TensorFlow itself and TensorFlow Serving read its path "
                "as a pattern (one of *?[]{}\\) and find nothing there; move it to a folder of another name for them"
            )
    elif _FORMAT.value == "onnx":
        path = _OUTPUT.value
        difference = onnx.export(model, path, _DATA.value)
        text = f"Largest difference from the model {difference:.1e}, run by ONNX Runtime."
    elif _FORMAT.value == "web":
        from tfsketch.app import static

        name, path = pathlib.Path(_MODEL.value).name, _OUTPUT.value
        content = static.export(model, name, path, _VARIANT.value or "", _DATA.value, _LITERT.value)
        text = f"A first visit loads {static.first_load(content) / 1e6:.1f} MB as a server sends them, compressed."
    else:
        variants = VARIANTS if _VARIANT.value == "all" else (_VARIANT.value or "float16",)
        results = mobile.export(model, _OUTPUT.value, variants, _DATA.value)
        text, path = measure.table(results), _OUTPUT.value
        failure = any(one.problem() for measurements in results.values() for one in measurements)
    print(f"{text}\n{path}")
    if _MARKDOWN.value:
        report.write_section(_MARKDOWN.value, f"{pathlib.Path(_MODEL.value).name}_{_FORMAT.value}", text)
    return 1 if failure else 0


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()
