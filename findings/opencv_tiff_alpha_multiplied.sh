#!/usr/bin/env bash
# OpenCV: of a TIFF with 8 bits a channel and transparency, imread multiplies the colours by the alpha, and still gives
# the alpha beside them; of the same picture as PNG it does not, and as TIFF with 16 bits only for IMREAD_COLOR.
#
# IMREAD_UNCHANGED is documented as giving the loaded image as it is, IMREAD_COLOR as a BGR image. The file states
# unassociated alpha (ExtraSamples 2), whose colours are whole. OpenCV reads 8 bits through libtiff's RGBA interface,
# which makes them associated, and says nothing of it. So a layer of half-transparent paint comes out darker, gets
# darker again with each step that takes it for unassociated (OpenCV's own imwrite included), and the colour under full
# transparency is lost. A file that OpenCV itself has written is harmless: it has no ExtraSamples.
#
# Who meets it: layers, masks and colour strokes handed in as TIFF by a paint program. Instead: read such files with
# Pillow or tifffile, or divide by the alpha where the file is a TIFF of 8 bits.
#
# Seen with opencv-python-headless 4.11.0.86 and tifffile 2024.9.20, Linux x86-64; RGBA (200, 100, 50, 109):
#   PNG 8 bits  (200, 100, 50, 109)    TIFF 8 bits  (85, 43, 21, 109)    TIFF 16 bits  (200, 100, 50, 109)
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  opencv-python-headless==4.11.0.86 tifffile==2024.9.20 numpy==1.26.4
cd "$folder"
venv/bin/python - <<'PYTHON_CODE'
import cv2
import numpy as np
import tifffile

color = (200, 100, 50, 109)
layer = np.full((8, 8, 4), color, np.uint8)
deep = layer.astype(np.uint16) * 257
tifffile.imwrite("layer.tif", layer, photometric="rgb", extrasamples=["unassalpha"])
tifffile.imwrite("deep.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
cv2.imwrite("layer.png", cv2.cvtColor(layer, cv2.COLOR_RGBA2BGRA))


def read(name, how):
    b, g, r, *alpha = (int(v) for v in cv2.imread(name, how)[0, 0])
    return tuple(v // 257 if v > 255 else v for v in (r, g, b, *alpha))


multiplied = tuple(round(v * color[3] / 255) for v in color[:3])
print(f"OpenCV {cv2.__version__}, written: {color}; expected from each file: the same")
as_described = tuple(tifffile.imread("layer.tif")[0, 0]) == color
for name in ("layer.png", "layer.tif", "deep.tif"):
    whole, plain = read(name, cv2.IMREAD_UNCHANGED), read(name, cv2.IMREAD_COLOR)
    print(f"  {name}: IMREAD_UNCHANGED {whole}, IMREAD_COLOR {plain}")
    as_described &= whole == ((*multiplied, color[3]) if name == "layer.tif" else color)
    as_described &= plain == (color[:3] if name == "layer.png" else multiplied)
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
