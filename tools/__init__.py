"""The binaries: flags, one library call each."""

import glob
import os

import tfsketch  # noqa: F401  (chooses what TensorFlow reads at its first import)

# TensorFlow's start-up log speaks of GPU libraries that a machine without a GPU has no use for.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if glob.glob("/dev/nvidia*") else "3")
