#!/usr/bin/env bash
# Pillow and OpenCV: a grey TIFF whose zero is white comes out right with 8 bits and as a negative with 16; OpenCV gives
# both, the picture and its negative, of one file, by the flag it is read with.
#
# TIFF's PhotometricInterpretation says whether 0 is black (1) or white (0). Of 8 bits (and 1), both libraries turn the
# values round, so that 0 is black in what they return, and one would expect the same of 16: of Pillow's open, and of
# OpenCV's IMREAD_ANYDEPTH, which is documented as giving 16 bits where the file has them and otherwise converting to 8,
# so that it should change the depth and nothing else. With 16 bits Pillow returns what is stored, and so does OpenCV
# with IMREAD_ANYDEPTH or IMREAD_UNCHANGED; with IMREAD_GRAYSCALE or IMREAD_COLOR it turns the values round. (opencv
# pull request 9564 let such files be read as 16 bits, and left that out.) In Pillow the mode is I;16 for either kind;
# only tag_v2[262] tells them apart. (tifffile returns stored values whatever the bits.)
#
# Who meets it: whoever reads scanned drawings, masks or depth of 16 bits, from scanners and medical or microscopy
# programs. A mask marks what it should keep, a sketch is white on black, near is far; a set of mixed depth has both
# kinds. Instead: where tag 262 is 0, take 65,535 minus the values yourself.
#
# Seen with Pillow 11.3.0 (13.0.0 alike), opencv-python-headless 4.11.0.86, tifffile 2024.9.20, Linux x86-64. A quarter
# of the range is stored, so that three quarters are meant, 192 as 8 bits:
#   8 bits: all 192        16 bits: Pillow 63, IMREAD_ANYDEPTH 63, IMREAD_UNCHANGED 63, IMREAD_GRAYSCALE 192
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  pillow==11.3.0 opencv-python-headless==4.11.0.86 tifffile==2024.9.20 numpy==1.26.4
cd "$folder"
venv/bin/python - <<'PYTHON_CODE'
import cv2
import numpy as np
import PIL
import tifffile
from PIL import Image

FLAGS = ("IMREAD_GRAYSCALE", "IMREAD_COLOR", "IMREAD_ANYDEPTH", "IMREAD_UNCHANGED")
TURNED = ("IMREAD_GRAYSCALE", "IMREAD_COLOR")  # of 16 bits


def level(array):
    """The picture's one level, as 8 bits."""
    value = int(array.reshape(-1)[0])
    return value >> 8 if array.dtype == np.uint16 else value


def read(bits, kind):
    """What each reader gives of a TIFF that stores a quarter of the range."""
    values = np.full((8, 8), (1 << bits) // 4 - 1, f"uint{bits}")
    tifffile.imwrite("a.tif", values, photometric=kind)
    with Image.open("a.tif") as picture:
        found = {"Pillow": level(np.asarray(picture))}
    return found | {flag: level(cv2.imread("a.tif", getattr(cv2, flag))) for flag in FLAGS}


print(f"Pillow {PIL.__version__}, OpenCV {cv2.__version__}; expected: 63 if 0 is black, 192 if 0 is white")
as_described = True
for kind, right in (("minisblack", 63), ("miniswhite", 192)):
    for bits in (8, 16):
        found = read(bits, kind)
        print(f"  {kind}, {bits} bits: " + ", ".join(f"{key} {value}" for key, value in found.items()))
        for key, value in found.items():
            as_described &= value == (63 if bits == 16 and key not in TURNED else right)
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
