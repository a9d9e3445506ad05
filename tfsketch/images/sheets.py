"""Contact sheets: pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tfsketch.vocabulary import to_uint8

if TYPE_CHECKING:
    import tensorflow as tf


def ink(lines: tf.Tensor | np.ndarray) -> np.ndarray:
    """Lines in [0,1], 1 = stroke, of any shape -> black on white paper, uint8."""
    return 255 - to_uint8(2.0 * np.asarray(lines) - 1.0)


def layer_rows(batch: Mapping[str, tf.Tensor], **columns: np.ndarray) -> tuple[list[list[np.ndarray]], list[str]]:
    """A row of pictures per example, and the columns' titles, for `contact_sheet`.

    Args:
      batch: of the vocabulary: the photograph with its mask, which comes first as `input`, then those of `mask`,
        `sketch` and `color` that are present.
      columns: shown between them and the photograph itself, `truth`: title -> [B,H,W,3] uint8.
    """
    image = to_uint8(batch["image"])
    mask = np.asarray(batch["mask"]) > 0.5 if "mask" in batch else np.ones((*image.shape[:3], 1), bool)
    pictures = {"input": image}
    if "mask" in batch:
        pictures |= {"input": np.where(mask, np.uint8(255), image), "mask": (mask[..., 0] * 255).astype(np.uint8)}
    if "sketch" in batch:
        pictures["sketch"] = (255 * (1 - np.asarray(batch["sketch"]) * mask)[..., 0]).astype(np.uint8)
    if "color" in batch:
        paint_mask = np.any(np.asarray(batch["color"]) != 0, axis=-1, keepdims=True) & mask
        pictures["color"] = np.where(paint_mask, to_uint8(batch["color"]), np.uint8(255))
    pictures |= columns | {"truth": image}
    return [[layer[i] for layer in pictures.values()] for i in range(len(image))], list(pictures)


def contact_sheet(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str] = (), pad: int = 2) -> np.ndarray:
    """Pictures in rows.

    Args:
      rows: each a sequence of [H,W,3], [H,W] uint8 pictures of one size.
      titles: names of the columns, drawn above them, smaller where a column is narrow.
      pad: white pixels between pictures.

    Returns:
      [H',W',3] uint8 RGB.
    """

    def to_rgb(picture: np.ndarray) -> np.ndarray:
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        return cv2.copyMakeBorder(picture[..., :3], pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(255, 255, 255))

    lines = [np.concatenate([to_rgb(p) for p in row], axis=1) for row in rows]
    if titles:
        header = np.full((16, lines[0].shape[1], 3), 255, np.uint8)
        step = lines[0].shape[1] // len(rows[0])
        widest = max(cv2.getTextSize(title, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0] for title in titles)
        size = 0.4 * min(1.0, (step - 6) / widest)
        for column, title in enumerate(titles):
            place = (column * step + 3, 12)
            cv2.putText(header, title, place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 1, cv2.LINE_AA)
        lines.insert(0, header)
    return np.concatenate(lines, axis=0)
