#!/usr/bin/env bash
# scikit-image: skeletonize(method="zhang") is not the algorithm of Zhang and Suen that its documentation cites.
#
# The method is documented as Zhang's algorithm, with the paper of 1984 as the reference, so one would expect the same
# pixels as from any other implementation of that paper. It works by a table of the 256 neighbourhoods, and two dozen
# of them are decided otherwise. A dot of 2 x 2 pixels, which the paper's rules delete, leaves two pixels; a diagonal of
# two pixels' width, which they shrink to a stub, stays a line; bends and junctions differ. OpenCV's
# thinning(THINNING_ZHANGSUEN) and the twenty lines below agree with the paper and with one another.
#
# (For lines that are drawn the table is the better choice. The point is that it is another one.)
#
# Who meets it: whoever thins sketches by scikit-image for training, and by OpenCV, by a graph of their own, or by
# JavaScript from the paper when the network is used: the lines that the network gets are not those that it learned.
# Instead: use one implementation on both sides, or port its table.
#
# Seen with scikit-image 0.26.0 and opencv-contrib-python-headless 4.11.0.86, Linux x86-64.
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  scikit-image==0.26.0 opencv-contrib-python-headless==4.11.0.86 numpy==1.26.4
"$folder/venv/bin/python" - <<'PYTHON_CODE'
import cv2
import numpy as np
import skimage
from skimage.morphology import skeletonize

AROUND = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))  # from above, clockwise


def by_the_paper(lines):
    """Zhang and Suen (1984): [H,W] bool with an empty border -> bool."""
    lines, changed = lines.copy(), True
    while changed:
        changed = False
        for half in (0, 1):
            around = [np.roll(lines, shift, (0, 1)) for shift in AROUND]
            up, right, down, left = around[::2]
            count = sum(a.astype(int) for a in around)
            rises = sum((~a & b).astype(int) for a, b in zip(around, around[1:] + around[:1]))
            if half == 0:
                free = ~(up & right & down) & ~(right & down & left)
            else:
                free = ~(up & right & left) & ~(up & down & left)
            gone = lines & (count >= 2) & (count <= 6) & (rises == 1) & free
            lines &= ~gone
            changed |= bool(gone.any())
    return lines


def by_opencv(lines):
    return cv2.ximgproc.thinning(lines.astype(np.uint8) * 255, thinningType=cv2.ximgproc.THINNING_ZHANGSUEN) > 0


dot, diagonal = np.zeros((6, 6), bool), np.zeros((14, 14), bool)
dot[2:4, 2:4] = True
for i in range(2, 12):
    diagonal[i, i - 1 : i + 1] = True
random, drawings = np.random.default_rng(0), []
for _ in range(40):
    drawing = np.zeros((72, 72), np.uint8)
    for _ in range(4):
        start, end = (tuple(int(v) for v in random.integers(6, 66, 2)) for _ in range(2))
        cv2.line(drawing, start, end, 1, int(random.integers(1, 4)))
    drawings.append(drawing > 0)
print(f"scikit-image {skimage.__version__}, OpenCV {cv2.__version__}; pixels that stay")
totals = {}
for name, shapes in {"a dot of 2 x 2": [dot], "a diagonal of 2 pixels": [diagonal], "40 drawings": drawings}.items():
    papers = [by_the_paper(shape) for shape in shapes]
    theirs = [skeletonize(shape, method="zhang") for shape in shapes]
    opencvs = [by_opencv(shape) for shape in shapes]
    unlike = [sum(int((a != b).sum()) for a, b in zip(papers, others)) for others in (theirs, opencvs)]
    stay = [sum(int(s.sum()) for s in group) for group in (papers, theirs, opencvs)]
    print(f"  {name}: the paper {stay[0]}, scikit-image {stay[1]}, of which otherwise {unlike[0]}", end="; ")
    print(f"OpenCV {stay[2]}, otherwise {unlike[1]}")
    totals[name] = (*stay, *unlike)
as_described = totals["a dot of 2 x 2"][:2] == (0, 2)
as_described &= totals["a diagonal of 2 pixels"][0] <= 2 and totals["a diagonal of 2 pixels"][1] >= 6
as_described &= totals["40 drawings"][3] > 0.05 * totals["40 drawings"][0] and totals["40 drawings"][4] == 0
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
