"""Weights in 8 bits, arithmetic in float32: a TensorFlow Lite file of a quarter of the size that computes as `float32`.

TensorFlow's converter quantises weights only together with activations (`dynamic`, `int8`), whose rounding costs most
of the picture's precision. Here the kernels of a `float32` file are rewritten in place: each becomes whole numbers of
-127 to 127 with one scale for each output channel (TensorFlow Lite's 8-bit specification for weights), and an operation
before all others widens it. XNNPACK does so once, when it loads the file, if the bias beside the kernel needs no
widening of its own; with a bias in 16 bits a call of `cali_sketch` takes 2.5 times as long (LiteRT 2.3.0). So biases,
and all that is no kernel, stay in 32 bits.
"""

from __future__ import annotations

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils


def to_int8(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A kernel [filters, ...] as whole numbers: (int8 of its shape, scales [filters] float32), symmetric."""
    most = np.abs(kernel).reshape(len(kernel), -1).max(axis=1)
    scales = np.where(most > 0, most / 127, 1).astype(np.float32)
    return np.rint(kernel / scales.reshape(-1, *[1] * (kernel.ndim - 1))).astype(np.int8), scales


def _operation(model: schema.ModelT, builtin: int) -> int:
    """The index of a built-in operation's code, which is added if the model has none."""
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 2  # of int8 inputs
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _dequantize(model: schema.ModelT, subgraph: schema.SubGraphT, index: int, dequantize: int) -> schema.OperatorT:
    """Replaces a constant tensor of a subgraph by the result of an operation on its 8-bit version; returns the
    operation."""
    tensor = subgraph.tensors[index]
    kernel = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), np.float32)
    numbers, scales = to_int8(kernel.reshape(tensor.shape))
    buffer, small = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(numbers.tobytes(), np.uint8)
    model.buffers.append(buffer)
    small.name, small.shape, small.type = bytes(tensor.name) + b"/int8", tensor.shape, schema.TensorType.INT8
    small.buffer, small.hasRank = len(model.buffers) - 1, True
    small.quantization = schema.QuantizationParametersT()
    small.quantization.scale, small.quantization.zeroPoint = scales, np.zeros(len(scales), np.int64)
    small.quantization.quantizedDimension = 0
    subgraph.tensors.append(small)
    # Its own empty buffer, like those of activations: another tensor may share the old one.
    model.buffers.append(schema.BufferT())
    tensor.buffer = len(model.buffers) - 1
    operation = schema.OperatorT()
    operation.opcodeIndex, operation.inputs, operation.outputs = dequantize, [len(subgraph.tensors) - 1], [index]
    operation.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operation.builtinOptions = schema.DequantizeOptionsT()
    return operation


def in_8_bits(content: bytes) -> bytes:
    """A `float32` flatbuffer with its kernels in 8 bits."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    dequantize = _operation(model, schema.BuiltinOperator.DEQUANTIZE)
    for subgraph in model.subgraphs:
        kernels = dict.fromkeys(
            int(operator.inputs[1])
            for operator in subgraph.operators
            if codes[operator.opcodeIndex] == schema.BuiltinOperator.CONV_2D
        )
        constant = [k for k in kernels if model.buffers[subgraph.tensors[k].buffer].data is not None]
        subgraph.operators = [
            *(_dequantize(model, subgraph, index, dequantize) for index in constant),
            *subgraph.operators,
        ]
    buffers = {tensor.buffer for subgraph in model.subgraphs for tensor in subgraph.tensors}
    buffers |= {entry.buffer for entry in model.metadata or ()}
    for number, buffer in enumerate(model.buffers):
        if number not in buffers:
            buffer.data = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
