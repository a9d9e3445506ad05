"""docs/cali_sketch.md's picture, and the README's of drawing, by the shipped model:

    python -m tests.editor.drawn_faces SHEET docs

SHEET is sText2Image's face_handdraw.png, nine freehand faces in three rows.
"""

from __future__ import annotations

import argparse
import pathlib

import numpy as np
from PIL import Image

import tfsketch
from tests.editor.restyled import save

_ROW = 3
_TITLES = ("sketch", "redrawn", "seed 0", "seed 1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=pathlib.Path)
    parser.add_argument("docs", type=pathlib.Path)
    parser.add_argument("--model", default="cali_sketch", help="a run's folder, to look at before it ships")
    flags = parser.parse_args()
    paper = np.asarray(Image.open(flags.sheet).convert("L"))
    side = paper.shape[0] // _ROW
    editor = tfsketch.Editor(tfsketch.load_model(flags.model))
    faces, short = [], []
    for top in range(0, _ROW * side, side):
        row = []
        for left in range(0, _ROW * side, side):
            sketch = paper[top : top + side, left : left + side]
            first, second = (editor.draw(255 - sketch, seed=seed) for seed in (0, 1))
            row += [sketch, 255 - 255 * (first.refined > 0).astype(np.uint8), first.image, second.image]
            short += [sketch, first.image] if not top else []
        faces.append(row)
    save(flags.docs / "cali_sketch" / "freehand.jpg", faces, 216, _ROW * _TITLES)
    save(flags.docs / "readme" / "draw.jpg", [short], 192)


if __name__ == "__main__":
    main()
