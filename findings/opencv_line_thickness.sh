#!/usr/bin/env bash
# OpenCV: a line drawn with thickness 2 is 3 pixels wide, with 3 or 4 it is 5, with 5 or 6 it is 7; diagonal lines have
# other widths again, and there 3 is no thicker than 2.
#
# `thickness` is documented as the line's thickness, and one would expect that many pixels across, at least where the
# line is horizontal or vertical and the number is odd. Only 1 is right. So the widths 2, 4 and 6 pixels do not exist,
# and a line along the axes is up to two pixels too wide. polylines, rectangle, circle and ellipse do the same, as do
# coordinates with fractional bits (`shift`).
#
# Who meets it: strokes and free-form masks made by cv2.line for training have another width, and so a larger area, than
# the one drawn from the distribution, and than those that a browser or Pillow draws of the same numbers; masks of 3 px
# by the text of a paper are of 5. Instead: measure the width that comes out, or draw the polygon of the outline by
# fillPoly, or larger and average down.
#
# Seen with opencv-python-headless 4.11.0.86, and the same with 4.10.0.84 and 5.0.0.93, Linux x86-64:
#   thickness             1  2  3  4  5  6  7
#   pixels across         1  3  5  5  7  7  9
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.11.0.86 numpy==1.26.4
"$folder/venv/bin/python" - <<'PYTHON_CODE'
import cv2
import numpy as np

DESCRIBED = {1: 1, 2: 3, 3: 5, 4: 5, 5: 7, 6: 7, 7: 9}


def across(draw):
    """Pixels set in the middle column, above the middle row or throughout."""
    image = np.zeros((121, 121), np.uint8)
    draw(image)
    return int(np.count_nonzero(image[:60, 60]))


as_described = True
print(f"OpenCV {cv2.__version__}; pixels across, which should be the thickness:")
print("thickness: line, polylines with shift, rectangle, circle; a diagonal's area by its length")
for thickness, expected in DESCRIBED.items():
    points = np.array([[10, 30], [110, 30]], np.int32) * 16
    widths = [
        across(lambda image: cv2.line(image, (10, 30), (110, 30), 255, thickness)),
        across(lambda image: cv2.polylines(image, [points], False, 255, thickness, cv2.LINE_8, 4)),
        across(lambda image: cv2.rectangle(image, (10, 30), (110, 90), 255, thickness)),
        across(lambda image: cv2.circle(image, (60, 60), 30, 255, thickness)),
    ]
    diagonal = np.zeros((401, 401), np.uint8)
    cv2.line(diagonal, (20, 20), (380, 380), 255, thickness)
    share = np.count_nonzero(diagonal) / (360 * np.sqrt(2))
    print(f"{thickness}: {widths}; {share:.2f}")
    as_described &= all(width == expected for width in widths)
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
