#!/usr/bin/env bash
# OpenCV: INTER_AREA averages nothing as soon as one side grows, however little, even where the other shrinks by a lot.
#
# The documentation recommends INTER_AREA for shrinking, since it goes by areas of pixels and so gives no moire; of
# enlarging it says that it is then like the nearest neighbour. One would expect each axis to be treated by what happens
# to it. It is one decision for both: if either side grows by a single pixel, both get two-tap interpolation, and the
# side that shrinks is sampled, unfiltered. No warning, and a picture that looks plausible.
#
# Who meets it: a wide photograph, or a drawing with lines of one pixel, resized to the square of a network. Of thin
# lines some vanish and others come out several times too strong, by where they lie. Instead: resize one axis at a time
# (the one that shrinks by INTER_AREA, the other by what you like), or cut to the same proportions first.
#
# Seen with opencv-python-headless 4.11.0.86 and 5.0.0.93, Linux x86-64. 1600 x 100 pixels with stripes, one pixel white
# in each four, to 400 pixels' width, so that each result has four whole pixels to average, of mean 64:
#   to 400 x 100: all 64       to 400 x 101: all 191 or all 0, by which of the four is white
#   to 400 x 101, one axis at a time: all 64
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.11.0.86 numpy==1.26.4
"$folder/venv/bin/python" - <<'PYTHON_CODE'
import cv2
import numpy as np

def stripes(first):
    image = np.zeros((100, 1600), np.uint8)
    image[:, first::4] = 255
    return image


def area(image, width, height):
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


print(f"OpenCV {cv2.__version__}: stripes, 1 pixel in 4, resized; expected: all of level 64")
as_described = True
for first, mixed in ((1, 191), (2, 0)):  # which of the four is white, and what becomes of it
    image = stripes(first)
    found = {
        "400 x 100, one side shrinks": (area(image, 400, 100), 64),
        "400 x 99, both shrink": (area(image, 400, 99), 64),
        "400 x 101, one grows by a hundredth": (area(image, 400, 101), mixed),
        "400 x 101, one axis at a time": (area(area(image, 400, 100), 400, 101), 64),
    }
    for name, (result, described) in found.items():
        low, high = int(result.min()), int(result.max())
        print(f"  pixel {first} of four, to {name}: levels {low} to {high}")
        as_described &= abs(low - described) <= 1 and abs(high - described) <= 1
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
