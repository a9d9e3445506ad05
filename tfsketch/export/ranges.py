"""What `int8` is calibrated to: the ranges of the values between a network's operations.

TensorFlow's converter keeps the extremes of all samples. Where one edit in thirty-two reaches much further than the
others, that makes the steps of 8 bits coarser for all of them. Here each end of a range can be a quantile of the
samples' own extremes, which cuts such outliers off. Whether that pays depends on the network: on a hold-out,
`sc_fegan_mobile` has 33.8 dB with the extremes and 36.9 with a tenth of them cut off at each end (its worst edit: 30.6
and 34.2), but `region_edit` 42.7 and 42.2 (40.9 and 34.9). So the converter tries `SHARES` and takes what is nearer to
the network on the edits that it calibrates on. Of more of them it would take too small ones: cutting a half off is
best on those edits (36.5 dB, a tenth 36.2), and worse than a tenth on others (35.9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.optimize.calibrator import Calibrator
from tensorflow.lite.tools import flatbuffer_utils

from tfsketch.backends.base import SIGNATURE

SHARES = (1.0, 0.9)
"""Shares of the samples whose lowest value, and of those whose highest, a range holds; 1: the extremes of all."""

Ranges = Mapping[int, np.ndarray]
"""Tensor's index -> [N,2] float64: the lowest and the highest value in each of N samples."""


def _extremes(content: bytes) -> dict[int, tuple[float, float]]:
    """Tensor's index -> its range, of those that have one."""
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    parameters = ((index, graph.Tensors(index).Quantization()) for index in range(graph.TensorsLength()))
    return {index: (one.Min(0), one.Max(0)) for index, one in parameters if one is not None and one.MinLength()}


def of_samples(calibrated: bytes, samples: Sequence[Mapping[str, np.ndarray]]) -> Ranges:
    """The range of every value in each sample.

    Args:
      calibrated: a float32 flatbuffer of one graph with the extremes of some samples, from the converter.
      samples: inputs by name, [1,...] each.
    """
    rows = [_extremes(bytes(Calibrator(calibrated).calibrate(lambda: iter([(SIGNATURE, one)])))) for one in samples]
    return {index: np.array([row[index] for row in rows]) for index in _extremes(calibrated)}


def with_share(calibrated: bytes, ranges: Ranges, share: float) -> bytes:
    """The flatbuffer with ranges that hold the lowest, and the highest, values of a share of the samples."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(calibrated))
    for index, extremes in ranges.items():
        parameters = model.subgraphs[0].tensors[index].quantization
        parameters.min = [float(np.quantile(extremes[:, 0], 1 - share))]
        parameters.max = [float(np.quantile(extremes[:, 1], share))]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
