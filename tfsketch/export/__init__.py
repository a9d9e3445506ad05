"""Models for TensorFlow Serving and for phones: see `signatures`, `saved_model` and `mobile`."""
