"""tfsketch: making and editing photographs, faces first, by sketching on them.

model = tfsketch.load_model("sc_fegan")
result = tfsketch.Editor(model).edit(image, mask, sketch, color)
"""

import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfsketch.version import __version__
    from tfsketch.zoo import load_model
    from tfsketch.zoo.resolve import Editor

# Both lanes use the Keras 2 API: it is TensorFlow's own up to 2.15, and the package tf_keras from 2.16 on, which
# TensorFlow only picks if this is set before its first import of Keras.
if importlib.util.find_spec("tf_keras") is not None:
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

# TensorFlow turns oneDNN off on processors without AVX-512, though it is twice as fast there; and without it bfloat16
# adds up in bfloat16, so that some gradients are far off. Read once, at TensorFlow's first import.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__all__ = ["Editor", "__version__", "load_model"]


def __getattr__(name: str) -> object:
    """The names of the API, imported when they are asked for: `import tfsketch` alone stays instant."""
    if name == "__version__":
        from tfsketch.version import __version__

        return __version__
    if name == "load_model":
        from tfsketch.zoo import load_model

        return load_model
    if name == "Editor":
        from tfsketch.zoo.resolve import Editor

        return Editor
    raise AttributeError(f"module 'tfsketch' has no attribute {name!r}")
