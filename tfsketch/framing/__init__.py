"""Where a model looks, and how layers come to its working side and back: on arrays, and in graphs."""
