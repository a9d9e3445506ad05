"""The errors that tfsketch raises for people.

Every one says what was expected, what was found, and in which file or key. They are `ValueError`s, so a caller
that knows nothing of tfsketch still catches them; the binaries turn them into one line and exit status 2.
"""

from __future__ import annotations

import importlib.util
import pathlib


class TfsketchError(ValueError):
    """Something a user gave cannot be used."""


class ConfigError(TfsketchError):
    """A configuration file or `--set` names an unknown key or a value of the wrong type."""


class ImageError(TfsketchError):
    """A picture, mask, sketch or colour file cannot be used."""


class DataError(TfsketchError):
    """A folder or a TFRecord shard holds nothing usable, or is damaged."""


class LockedError(TfsketchError):
    """A folder that one process at a time may write to is another one's."""


class WeightsError(TfsketchError):
    """Weights or a checkpoint are missing, or do not fit the model."""


class TrainingError(TfsketchError):
    """Training cannot go on: a loss or a gradient is not finite, or the run folder is another experiment's."""


class ExportError(TfsketchError):
    """A model cannot be exported so, or its export differs too much from it."""


class ServingError(TfsketchError):
    """A server cannot be reached, or refused a request."""


def cause(error: BaseException) -> str:
    """The message of another library's or the system's error, for quoting: without the error's class, its number, or
    the file, which our message names itself. The class is used if there is no message."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or str(error) or type(error).__name__


def require_tensorflow(what: str) -> None:
    """Raises `TfsketchError` where TensorFlow is not installed: `tfsketch-lite` comes without.

    Args:
      what: what needs it.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise TfsketchError(
            f"{what}: expected TensorFlow, which runs it, found none: a .tflite file alone runs without; instead of "
            "tfsketch-lite, install tfsketch"
        )


def install_command(extra: str) -> str:
    """The command that installs an extra here: of a checkout with its pins, or of the installed package."""
    root = pathlib.Path(__file__).parents[1]
    if (root / "constraints.txt").is_file():
        return f"pip install -c constraints.txt -e '.[{extra}]'"
    return f"pip install 'tfsketch[{extra}]'"
