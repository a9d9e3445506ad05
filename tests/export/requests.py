"""Requests to an export's `serving_default`, and what is asked of every one."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from PIL import Image

from tfsketch.images import files


def strings_of(rows: list[dict[str, bytes]]) -> dict[str, tf.Tensor]:
    """The columns of rows, as the signature takes them."""
    return {key: tf.constant([row[key] for row in rows]) for key in rows[0]}


def decoders(graph: tf.Graph) -> int:
    """How many operations of a graph and its functions decode a PNG."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return sum(node.op == "DecodePng" for node in nodes)


def check_transparency(run: Callable, image: np.ndarray, row: dict[str, bytes]) -> None:
    """Asserts that a photograph's alpha comes back, and its picture as without one.

    Args:
      run: gives the pictures' files of rows.
      image: the row's photograph.
      row: a request.
    """
    alpha = np.resize(np.arange(image.shape[0] * image.shape[1]).astype(np.uint8), image.shape[:2])
    clear = files.encode_png(np.dstack([image, alpha]))
    result = np.asarray(Image.open(io.BytesIO(run([row | {"image_bytes": clear}])[0])))
    np.testing.assert_array_equal(result[..., 3], alpha)
    np.testing.assert_array_equal(result[..., :3], np.asarray(Image.open(io.BytesIO(run([row])[0]))))
