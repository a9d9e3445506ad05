"""What the package ships by name: models, and the experiments of `configs/`. Nothing here needs TensorFlow, so that a
binary can check its flags before it waits for that."""

from __future__ import annotations

import difflib
import os
import pathlib

from tfsketch.errors import ConfigError, WeightsError

MODELS = ("sc_fegan", "sc_fegan_mobile", "cali_sketch", "contextual_gan", "region_edit", "face_parser")
"""Models in this package, the default first."""
PRECISIONS = ("float32", "bfloat16")
"""What a network can compute an edit in, the default first."""
_PACKAGE = pathlib.Path(__file__).parents[1]
MODELS_FOLDER = _PACKAGE / "zoo"
"""Where their directories are."""


def configs_folder() -> pathlib.Path:
    """Where the experiments are: inside the installed package, or at the top of a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def configuration(name_or_path: str | os.PathLike) -> pathlib.Path:
    """The file of an experiment: a path, or the name of one that is shipped, such as `sc_fegan_smoke_64`.

    Raises:
      ConfigError: there is no such file; the message names the nearest shipped one.
    """
    path = pathlib.Path(name_or_path)
    if path.is_file():
        return path
    names = sorted(file.stem for file in configs_folder().glob("*.yaml"))
    stem = path.name.removesuffix(".yaml")
    if stem in names and (path.name == str(name_or_path) or path.parent.name == "configs"):
        return configs_folder() / f"{stem}.yaml"
    close = difflib.get_close_matches(stem, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f" (shipped: {', '.join(names)})"
    raise ConfigError(f"expected a configuration file, or the name of a shipped one, found none at {path}{hint}")


def check_model(name: str | os.PathLike) -> None:
    """Raises `WeightsError` where a name can be no model: none that is shipped, no address of a server, and nothing on
    the disk. What it is, is found out when it is loaded."""
    if str(name) in MODELS or "://" in str(name) or os.path.exists(name):
        return
    raise WeightsError(
        f"expected a model directory or one of the shipped models {', '.join(MODELS)}, a SavedModel's folder, a "
        f".tflite file or a server's address, found nothing at {name}{_hint(str(name))}"
    )


def _hint(name: str) -> str:
    """The nearest shipped name, for a message; empty where none is near."""
    close = difflib.get_close_matches(name, MODELS, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def model_folder(name_or_dir: str | os.PathLike) -> pathlib.Path:
    """The directory of a shipped model's name, or of a path.

    Raises:
      WeightsError: neither a shipped name nor a directory with a `config.yaml` and a `weights.npz`; or a shipped name
        in `tfsketch-lite`, which comes without weights.
    """
    if not isinstance(name_or_dir, (str, os.PathLike)):
        raise WeightsError(f"expected a model's name or a model directory, found {name_or_dir!r:.60}")
    if str(name_or_dir) in MODELS:
        folder = MODELS_FOLDER / str(name_or_dir)
        if not (folder / "weights.npz").is_file():
            raise WeightsError(
                f"{name_or_dir}: expected its weights in {folder}, found none: tfsketch-lite comes without, and edits "
                "with --model=FILE.tflite, which tfsketch-export --format=tflite makes where tfsketch is installed"
            )
        return folder
    path = pathlib.Path(name_or_dir)
    missing = [name for name in ("config.yaml", "weights.npz") if not (path / name).is_file()]
    if missing:
        hint = "" if path.exists() else _hint(str(name_or_dir))
        raise WeightsError(
            f"expected a model directory or one of the shipped models {', '.join(MODELS)}; found no "
            f"{' and no '.join(missing)} in {path}{hint}"
        )
    return path


def check_free(folder: str | os.PathLike) -> None:
    """Raises `WeightsError` where a model directory cannot be written without losing something: it is a file, or holds
    weights."""
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise WeightsError(f"{folder}: expected a folder to write the model to, found a file")
    if (folder / "weights.npz").exists():
        raise WeightsError(
            f"{folder}: expected a folder without weights, found {folder / 'weights.npz'}, which is "
            "never overwritten; give another --output, or delete it"
        )
