#!/usr/bin/env bash
# SciPy: distance_transform_edt of a mask without any background gives the distances to a pixel that does not exist.
#
# It is documented as the distance of every foreground pixel to the closest background pixel. Where there is none, one
# would expect infinity, an error, or something like the -1 of the chamfer transform of the same module. What comes is a
# smooth, finite ramp: the distance to the place (-1, 0), just above the top left corner. It looks like any other result,
# its scale is that of the picture, and `return_indices` names that place too.
#
# Who meets it: whoever feathers a mask, or weighs a loss, by the distance to the mask's edge, as soon as a mask covers
# the whole picture (erase all, or a crop inside of the hole). The weights then slope from the top left corner to the
# bottom right one. Instead: pad the mask by a pixel of background first if the border is to count as the edge, or ask
# `mask.all()` before. (OpenCV's distanceTransform gives 1e19 and more there, which at least shows.)
#
# Seen with SciPy 1.13.1 and 1.17.1, NumPy 1.26.4, Linux x86-64. Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.13.1 numpy==1.26.4
"$folder/venv/bin/python" - <<'PYTHON_CODE'
import numpy as np
import scipy
from scipy import ndimage

height, width = 4, 6
mask = np.ones((height, width), bool)
found, indices = ndimage.distance_transform_edt(mask, return_indices=True)
rows, columns = np.mgrid[:height, :width]
ramp = np.hypot(rows + 1, columns)
print(f"SciPy {scipy.__version__}: a mask of {height} x {width} without background. Expected: infinity, -1 or an error")
print(found.round(2))
print(f"the closest background pixel of all: {sorted(set(map(tuple, indices.reshape(2, -1).T.tolist())))}")
print(f"distance_transform_cdt: {np.unique(ndimage.distance_transform_cdt(mask))}")
as_described = np.allclose(found, ramp) and (indices[0] == -1).all() and (indices[1] == 0).all()
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
