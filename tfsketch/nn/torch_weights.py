"""Reads weights that packages carry in PyTorch's old format, without PyTorch."""

from __future__ import annotations

import collections
import importlib.util
import pathlib
import pickle
from typing import Any, BinaryIO

import numpy as np

from tfsketch.errors import WeightsError

_DTYPES: dict[str, np.dtype] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def package_file(package: str, file: str, hint: str) -> pathlib.Path:
    """Path of a file of weights in an installed package, which is located and not imported: its own code needs PyTorch.

    Args:
      package: the package's import name.
      file: the file's path below the package.
      hint: how to install it.

    Raises:
      WeightsError: the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"expected the package {package} with weights, which is not installed; {hint}")
    path = pathlib.Path(spec.submodule_search_locations[0], file)
    if not path.is_file():
        raise WeightsError(f"expected the weights {path}, found no such file; {hint}")
    return path


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict in PyTorch's format before 1.6.

    Such a file is five pickles (magic number, protocol version, system, state dict, keys of the storages) and then, per
    key, the count of its values and the values. Tensors in the state dict are calls of `_rebuild_tensor_v2` on
    persistent ids of storages. The unpickler knows the few names that this needs and refuses any other, so a file
    cannot run code.

    Args:
      path: the file.

    Returns:
      Arrays of float32 or int64 by name, in PyTorch's layouts.

    Raises:
      WeightsError: another format, a name that is not allowed, or a truncated file.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            classes = {
                ("collections", "OrderedDict"): collections.OrderedDict,
                ("torch._utils", "_rebuild_tensor_v2"): lambda *arguments: arguments[:4],
                **{("torch", storage): storage for storage in _DTYPES},
            }
            if (module, name) not in classes:
                raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
            return classes[module, name]

        def persistent_load(self, pid: tuple) -> str:
            kind, dtype, key, _, _, _ = pid
            if kind != "storage" or dtype not in _DTYPES:
                raise pickle.UnpicklingError(f"storage of {dtype} is not allowed")
            dtypes[key] = _DTYPES[dtype]
            return key

    def tensors_of(file: BinaryIO) -> dict[str, np.ndarray]:
        if Unpickler(file).load() != 0x1950A86A20F9469CFC6C:
            raise pickle.UnpicklingError("another magic number")
        Unpickler(file).load(), Unpickler(file).load()
        tensors, keys = Unpickler(file).load(), Unpickler(file).load()
        storages = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(file.read(dtypes[key].itemsize * count), dtypes[key], count)
        arrays = {}
        for name, (key, offset, shape, strides) in tensors.items():
            # A tensor may be a transposed view of its storage; the file's own numbers must not lead outside of it.
            last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides))
            if min((offset, *shape, *strides), default=0) < 0 or not last < len(storages[key]):
                raise pickle.UnpicklingError(f"{name} reaches outside of its storage")
            values = storages[key][offset:]
            view = np.lib.stride_tricks.as_strided(values, shape, [s * values.itemsize for s in strides])
            arrays[name] = np.ascontiguousarray(view).reshape(shape)
        return arrays

    dtypes: dict[str, np.dtype] = {}
    try:
        with open(path, "rb") as file:
            return tensors_of(file)
    except (OSError, pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path}: expected weights in PyTorch's format before 1.6, found {type(error).__name__}: {error}"
        ) from error
