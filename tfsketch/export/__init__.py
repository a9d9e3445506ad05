"""Models for TensorFlow Serving and for phones: see `signatures`, `saved_model` and `mobile`."""

import importlib.util

from tfsketch.errors import ExportError, install_command

VARIANTS = ("float32", "float16", "weight_only", "dynamic", "int8")
"""Kinds of TensorFlow Lite files; see `mobile`."""
WEB_WAYS = ("edit", "draw", "restyle")
"""Ways of working that a page without a server offers; see `app.static`."""
ONNX_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
"""What `onnx` needs beyond the rest: the extra `onnx`."""


def check_onnx() -> None:
    """Checks that the packages of the extra `onnx` are installed, without importing them.

    Raises:
      ExportError: they are not; the message has the command that installs them.
    """
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"expected the packages of the extra `onnx` ({install_command('onnx')}), found no {', '.join(missing)}"
        )
