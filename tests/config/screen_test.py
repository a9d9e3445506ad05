"""What a command's screen shows of what libraries write there: nothing of their own business, and all errors."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

from tfsketch.config import screen

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795910681.781441    9109 device_compiler.h:186] Compiled cluster using XLA!",
    "I1129 00:06:04.969701 140194216987520 fingerprinting_utils.py:49] Writing fingerprint to models/fingerprint.pb",
    "2026-11-28 23:28:28.529727: I tensorflow/core/platform/cpu_feature_guard.cc:182] This TensorFlow binary is",
    "To enable the following instructions: AVX2 AVX512F, in other operations, rebuild TensorFlow",
    "2026-11-28 23:30:40.914037: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not",
    "2026-11-28 23:30:26.090366: E external/local_xla/cuda_dnn.cc:9261] Unable to register cuDNN factory: Attempting",
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "E0000 00:00:1764288681.1 17 cuda_executor.cc:1228] INTERNAL: CUDA Runtime error: failed call to cuInit: 303",
    "Summary on the non-converted ops:\n---------------------------------\n * Accepted dialects: tfl, builtin, func",
    " * Non-Converted Ops: 48, Total Ops 119, % non-converted = 40.34 %\n * 48 ARITH ops\n\n",
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "- arith.constant:   48 occurrences  (f16: 44, i32: 4)\n\n\n  (f32: 5)",
    "  (f32: 107, i32: 1)",
]
SAID = [
    "python -m tools.edit: photo.jpg: expected a readable picture",
    "Traceback (most recent call last):",
    "2026-11-28 23:28:28.529727: F tensorflow/core/platform/x.cc:1] Check failed: it is not",
    "2026-11-28 23:28:28.529727: E tensorflow/core/framework/op_kernel.cc:1] RESOURCE_EXHAUSTED: OOM",
    "- a note: of two parts",
    "written: 100%|####| 12/12",
    "",
]


def test_noise_is_left_out_and_what_is_said_stays():
    assert screen.quiet("\n".join([*NOISE, ""]).encode())[0] == b""
    message = "\n".join([*SAID, ""]).encode()
    assert screen.quiet(message) == (message, False)
    mixture = "".join(f"{noise}\n{line}\n" for noise, line in zip(NOISE, SAID) if line).encode()
    assert screen.quiet(mixture)[0].decode().splitlines() == [line for line in SAID if line]


@pytest.mark.parametrize("end", ["sys.exit(3)", "os.abort()"])
def test_a_command_writes_only_what_is_for_people(end):
    code = f"""
        import os, sys, time
        from tfsketch.config.screen import hush
        hush()
        os.write(2, {NOISE[1].encode()!r}[:9])
        os.write(2, {NOISE[1].encode()!r}[9:] + b"\\n")
        print("said", file=sys.stderr)
        os.write(2, b"Overwrite? ")
        time.sleep(0.5)
        os.write(2, b"yes\\n" + {NOISE[3].encode()!r} + b"\\nlast words")
        {end}
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.stderr == "said\nOverwrite? yes\nlast words"
    assert process.returncode == (3 if end.startswith("sys") else -6)
