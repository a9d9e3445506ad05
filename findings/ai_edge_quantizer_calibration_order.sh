#!/usr/bin/env bash
# ai-edge-quantizer: static quantization does not calibrate to the extremes of the samples, but to a moving average of
# them, 0.95 of what was and 0.05 of what comes; so the order of the samples sets the ranges, and rare bright or dark
# ones are cut off.
#
# Its README says that representative samples are run to collect statistics such as min and max. TensorFlow's own
# converter takes the least and greatest value over all samples (min/max calibration), and one would expect the same of
# its successor, for which the order of the samples makes no difference. The first sample counts in full, each later one
# by a twentieth, and the model says nothing when an input falls outside: it saturates. Both calibration modes do so.
#
# Who meets it: whoever hands in a few dozen pictures, sorted or not. If the first is a dim one, white stays grey in the
# 8-bit model although the set has plenty of white. Instead: calibrate sample by sample and keep the extremes
# (qsv_utils.min_max_update, as below). To begin with a bright one is not enough: each dim one lowers the range again.
#
# Seen with ai-edge-quantizer 0.10.0 and ai-edge-litert 2.3.0, Linux x86-64. A layer that returns its input, quantized by
# static_wi8_ai8, samples from -1 to 1 and from -8 to 8; what it gives for 8, which should be about 8 each time:
#   [1, 8] 1.34     [8, 1] 7.62     ten times [1, 8] 3.29     [1, 8] with the extremes kept 7.97
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 flatbuffers==25.12.19
cat >"$folder/calibrate.py" <<'PYTHON_CODE'
import contextlib
import io
import pathlib
import warnings

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator, quantizer
from ai_edge_quantizer.utils import qsv_utils

warnings.simplefilter("ignore")  # on the memory that calibration needs
WIDTH = 16


def model():
    """A file with one FULLY_CONNECTED of [1,16] float32 by the identity."""
    graph = schema.SubGraphT()
    graph.tensors = []
    for name, shape, buffer in ((b"x", [1, WIDTH], 0), (b"w", [WIDTH, WIDTH], 1), (b"y", [1, WIDTH], 0)):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name, tensor.buffer = shape, schema.TensorType.FLOAT32, name, buffer
        graph.tensors.append(tensor)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, -1], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph.inputs, graph.outputs, graph.operators, graph.name = [0], [2], [operator], b"main"
    weights = schema.BufferT()
    weights.data = np.frombuffer(np.eye(WIDTH, dtype=np.float32).tobytes(), np.uint8)
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    signature.inputs[0].name, signature.inputs[0].tensorIndex = b"x", 0
    signature.outputs[0].name, signature.outputs[0].tensorIndex = b"y", 2
    made = schema.ModelT()
    made.version, made.operatorCodes, made.subgraphs = 3, [code], [graph]
    made.buffers, made.signatureDefs = [schema.BufferT(), weights], [signature]
    builder = flatbuffers.Builder(4096)
    builder.Finish(made.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def sample(most):
    return {"x": np.linspace(-most, most, WIDTH, dtype=np.float32)[None]}


def ready(path):
    made = quantizer.Quantizer(path)
    made.load_quantization_recipe("static_wi8_ai8")
    return made


def calibrated(path, greatest, mode):
    samples = {"serving_default": [sample(most) for most in greatest]}
    return ready(path).calibrate(samples, num_threads=1, mode=mode)


def greatest_output(path, statistics):
    """What the 8-bit layer gives for 8."""
    interpreter = Interpreter(model_content=bytes(ready(path).quantize(statistics).quantized_model), num_threads=1)
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = into["quantization"]
    levels = np.clip(np.rint(sample(8.0)["x"] / scale + zero), -128, 127)
    interpreter.set_tensor(into["index"], levels.astype(np.int8))
    interpreter.invoke()
    scale, zero = out["quantization"]
    return float((interpreter.get_tensor(out["index"]).astype(float) - zero).max() * scale)


path = pathlib.Path(__file__).with_name("float.tflite")
path.write_bytes(model())
path, as_described = str(path), True
modes = calibrator.CalibrationMode
for mode in (modes.CALIBRATION_PRESERVE_ALL_TENSORS, modes.CALIBRATION_PROFILER_BASED):
    found = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for name, order in {"[1, 8]": [1, 8], "[8, 1]": [8, 1], "ten times [1, 8]": [1, 8] * 10}.items():
            found[name] = greatest_output(path, calibrated(path, order, mode))
        dim, bright = (calibrated(path, [most], mode) for most in (1, 8))
        kept = {name: qsv_utils.min_max_update(value, bright[name]) for name, value in dim.items()}
        found["[1, 8] with the extremes kept"] = greatest_output(path, kept)
    print(mode.name)
    for name, value in found.items():
        print(f"  {name}: 8 becomes {value:.2f}")
    short, long, often, extremes = found.values()
    as_described &= 1.2 < short < 1.5 and 7.4 < long < 7.8 and 3.0 < often < 3.6 and extremes > 7.8
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
TF_CPP_MIN_LOG_LEVEL=2 "$folder/venv/bin/python" "$folder/calibrate.py"
