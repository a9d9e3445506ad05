"""Runs code as where `tfsketch-lite` is installed: what that does not bring cannot be imported.

    python -m tests.bare MODULE [ARGUMENT ...]

runs a module as `python -m` does, with everything in `MISSING` forbidden: the import of one is an error, whoever asks.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import runpy
import sys
import types
from collections.abc import Sequence

MISSING = ("tensorflow", "tf_keras", "keras", "keras_cv", "tensorflow_addons", "h5py", "skimage", "scipy")
"""Packages that an installation in full brings, and `tfsketch-lite` does not."""


class Forbidden(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the packages in `MISSING`, whether they are installed or not, and loads none."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name.partition(".")[0] in MISSING else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        raise AssertionError(f"expected nothing of {module.__name__}, found an import of it")


def forbid() -> None:
    """From here on this process imports nothing of `MISSING`."""
    sys.meta_path.insert(0, Forbidden())


if __name__ == "__main__":
    forbid()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
