"""The square that a model sees, and how layers are scaled to its working side and back: on arrays, and in graphs."""
