"""Models for TensorFlow Serving and for phones: see `signatures`, `saved_model` and `mobile`."""

VARIANTS = ("float32", "float16", "weight_only", "dynamic", "int8")
"""Kinds of TensorFlow Lite files; see `mobile`."""
WEB_WAYS = ("edit", "draw", "restyle")
"""Ways of working that a page without a server offers; see `app.static`."""
