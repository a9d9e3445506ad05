"""The requests that a server replays before it takes others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.export import edits
from tfsketch.images import files


def _field(number: int, data: bytes | str) -> bytes:
    """A field of a protocol buffer that holds a string, bytes or a message."""

    def varint(value: int) -> bytes:
        return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])

    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(data)) + data


def warmup_log(name: str, signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """A serialised `tensorflow.serving.PredictionLog` of one request, for a server to replay before it takes others;
    written without the package that defines the message, which is an extra.

    Args:
      name: the model's.
      signature: the signature's.
      inputs: its inputs.
    """
    request = _field(1, _field(1, name) + _field(3, signature))
    for key, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString(deterministic=True)
        request += _field(2, _field(1, key) + _field(2, tensor))
    return _field(6, _field(1, request))


def example_request(inputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Two pictures, of two sizes, for a `serving_default` with these inputs."""
    rows: list[dict[str, Any]] = []
    for side in (256, 192):
        mask, lines = np.zeros((side, side), np.uint8), np.full((side, side), 255, np.uint8)
        mask[side // 3 : side // 2, side // 4 : 3 * side // 4] = 255
        lines[2 * side // 5, side // 4 : 3 * side // 4] = 0
        rows.append(
            {
                "image_bytes": files.encode_png(edits.photographs("", side, 1)[0]),
                "mask_bytes": files.encode_png(mask),
                "sketch_bytes": files.encode_png(lines),
                "color_bytes": b"",
                "style_bytes": files.encode_png(edits.photographs("", side, 2)[1]),
                "fill": np.float32(0.0),
            }
        )
    return {key: np.array([row[key] for row in rows], np.float32 if key == "fill" else object) for key in inputs}
