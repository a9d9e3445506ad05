"""Models for TensorFlow Serving and for phones: see `signatures`, `saved_model` and `mobile`."""

VARIANTS = ("float32", "float16", "dynamic", "int8")
"""Kinds of TensorFlow Lite files; see `mobile`."""
