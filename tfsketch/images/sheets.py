"""Pictures side by side, for the eye."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf

from tfsketch.vocabulary import to_uint8

SHEET_TITLES = ("input", "mask", "sketch", "color")


def rows_of(batch: dict[str, tf.Tensor], *extra: np.ndarray) -> list[list[np.ndarray]]:
    """A row of pictures per example for `contact_sheet`: input, mask, sketch, colour, then `extra`, then truth.

    Args:
      batch: of the vocabulary.
      extra: each [B,H,W,3] uint8.
    """
    image, mask = to_uint8(batch["image"]), batch["mask"].numpy()
    hole = np.where(mask > 0.5, np.uint8(255), image)
    sketch = (255 * (1 - batch["sketch"].numpy()[..., 0] * mask[..., 0])).astype(np.uint8)
    color = np.where(
        np.any(batch["color"].numpy() != 0, axis=-1, keepdims=True) & (mask > 0.5),
        to_uint8(batch["color"]),
        np.uint8(255),
    )
    masks_ = (mask[..., 0] * 255).astype(np.uint8)
    return [[hole[i], masks_[i], sketch[i], color[i], *(e[i] for e in extra), image[i]] for i in range(len(image))]


def contact_sheet(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str] = (), pad: int = 2) -> np.ndarray:
    """Pictures in rows, for the eye.

    Args:
      rows: each a sequence of [H,W,3], [H,W] uint8 pictures of one size.
      titles: names of the columns, drawn above them.
      pad: white pixels between pictures.

    Returns:
      [H',W',3] uint8 RGB.
    """

    def colored(picture: np.ndarray) -> np.ndarray:
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        return cv2.copyMakeBorder(picture[..., :3], pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(255, 255, 255))

    lines = [np.concatenate([colored(p) for p in row], axis=1) for row in rows]
    if titles:
        header = np.full((16, lines[0].shape[1], 3), 255, np.uint8)
        step = lines[0].shape[1] // len(rows[0])
        for column, title in enumerate(titles):
            place = (column * step + 3, 12)
            cv2.putText(header, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        lines.insert(0, header)
    return np.concatenate(lines, axis=0)
