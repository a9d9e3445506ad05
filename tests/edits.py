"""Edits to make: photographs with their layers, the same as an export takes them, and `tools.edit` on files."""

from __future__ import annotations

import pathlib

import numpy as np
from absl import flags
from absl.testing import flagsaver

from tests.pictures import crops
from tfsketch.images import files, sizes
from tools import edit


def _edit(size, box):
    """A photograph and an edit of it."""
    image = sizes.center_square(crops(1, 64)[0], max(size))[: size[0], : size[1]]
    mask, lines, color = np.zeros(size, np.uint8), np.zeros(size, np.uint8), np.zeros((*size, 4), np.uint8)
    top, left, height, width = box
    mask[top : top + height, left : left + width] = 255
    mask[top, left] = 0
    lines[top + height // 2, left : left + width] = 1
    color[top : top + height // 2, left : left + width // 2] = (200, 40, 30, 255)
    return image, mask, lines, color


EDITS = [  # (image, mask, lines, color)
    _edit((32, 32), (8, 8, 16, 16)),
    _edit((100, 76), (20, 10, 50, 40)),  # enlarged, with a seam that fades
    _edit((20, 45), (4, 20, 10, 12)),
    _edit((90, 30), (60, 5, 6, 9)),
]


def encoded_of(edit):
    """The same as the strings that `serving_default` takes."""
    image, mask, lines, color = edit
    return {
        "image_bytes": files.encode_png(image),
        "mask_bytes": files.encode_png(mask),
        "sketch_bytes": files.encode_png(255 * (1 - lines)),
        "color_bytes": files.encode_png(color),
    }


def run_edit(model: pathlib.Path, *arguments: str) -> int:
    """The binary's main with its flags, in this process: importing TensorFlow again and again would take minutes."""
    with flagsaver.flagsaver():
        return edit._main(flags.FLAGS(["edit", f"--model={model}", *map(str, arguments)]))
