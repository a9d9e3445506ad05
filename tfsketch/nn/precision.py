"""The precision of an edit: bfloat16 if the processor has units for it, refused otherwise.

Without such units bfloat16 is emulated, which takes longer than float32. Only the network's convolutions and
activations change their type: pictures go in and come out as float32, and outside the mask the result is the input bit
for bit.
"""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf

from tfsketch.errors import TfsketchError
from tfsketch.nn.exported import ExportedNetwork, in_bfloat16
from tfsketch.nn.operations import is_accelerated

_CPU_FLAGS = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512"}
"""Linux' flag of a processor's bfloat16 instructions that oneDNN uses, the fastest first -> their name."""
_CPU_INFO = pathlib.Path("/proc/cpuinfo")
_LEAST_CAPABILITY = (8, 0)
"""Of a GPU of NVIDIA's with bfloat16 units: Ampere."""


def bfloat16_units() -> str:
    """The name of the units for bfloat16 that convolutions run on here; empty if there are none.

    GPUs are queried through TensorFlow, processors through Linux' `/proc/cpuinfo`, since TensorFlow does not tell. On
    other systems none is known. oneDNN must be in use too: TensorFlow's own 16-bit kernels add up in 16 bits.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        details: dict[str, Any] = tf.config.experimental.get_device_details(gpu)
        if details.get("compute_capability", (0, 0)) >= _LEAST_CAPABILITY:
            return str(details.get("device_name", "GPU"))
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return ""
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())
    name = next((name for flag, name in _CPU_FLAGS.items() if flag in flags), "")
    return name if name and is_accelerated(tf.bfloat16) else ""


def check_bfloat16() -> None:
    """Raises `TfsketchError` if bfloat16 would be slower than float32."""
    if not bfloat16_units():
        raise TfsketchError(
            "precision: expected float32 on this machine, found bfloat16: no units for it are known here (a processor "
            f"with {' or '.join(_CPU_FLAGS)} in {_CPU_INFO}, or a GPU of compute capability 8.0), and without them it "
            "is slower than float32"
        )


def edits_in_bfloat16(network: Any) -> ExportedNetwork:
    """A network that edits, in bfloat16.

    Raises:
      TfsketchError: see `check_bfloat16`; or the network is not a Keras model, or has another way of working.
    """
    if not isinstance(network, ExportedNetwork):
        raise TfsketchError(
            f"precision: expected float32 for {type(network).__name__}, found bfloat16: an export, a server or a "
            "function has the precision that it was made with"
        )
    if network.way != "edit":
        raise TfsketchError(
            "precision: expected float32 for a model that does not edit, found bfloat16: how far its pictures would "
            "be off is not known"
        )
    check_bfloat16()
    return in_bfloat16(network)
