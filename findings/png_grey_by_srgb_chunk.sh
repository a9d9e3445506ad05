#!/usr/bin/env bash
# TensorFlow and OpenCV: a colour PNG read as grey comes out up to some 70 of 255 levels lighter if the file says it is
# sRGB (a chunk sRGB or gAMA) than the same pixels without that chunk; read as colour, the two are the same.
#
# decode_png and decode_image document channels=1 as giving a grey image, without a word on chunks. TensorFlow's other
# ways to grey, rgb_to_grayscale and decode_jpeg, weigh the stored values (0.299, 0.587, 0.114: 76 for red). One would
# expect the same here, since no decoder of either library applies a PNG's gamma to colour. But the conversion is
# libpng's png_set_rgb_to_gray, which weighs in linear light as soon as the file says what its gamma is, and otherwise
# the stored values. OpenCV does the same for IMREAD_GRAYSCALE. (Its documentation has the codec's own conversion differ
# from cvtColor's, not one PNG's from another's; opencv issue 12696 speaks of one level.) Greys and white are the same
# both ways, so that a test with a drawing in black does not show it.
#
# Who meets it: whoever reads coloured lines, or photographs, as grey: image_dataset_from_directory(
# color_mode="grayscale") of Keras goes by decode_image, load_img(color_mode="grayscale") by Pillow, which does not do
# it. So a network trained by the one and served by the other gets other tones, and in a set of mixed origin a blue
# stroke is 29 in one file and 95 in the next, on the two sides of many a threshold. Instead: read three channels and
# convert them yourself (rgb_to_grayscale, cvtColor), in training and in use.
#
# Seen with TensorFlow 2.15.1 and opencv-python-headless 4.11.0.86 (4.10.0.84 and 5.0.0.93 alike), Linux x86-64:
#                    red  green  blue  (200, 100, 50)
#   without chunks    76   149    29    124             sRGB, or gAMA 1 / 2.2    147   200    95    137
# PYTHON=... names an interpreter that has TensorFlow, OpenCV and Pillow; by default one is installed.
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "${PYTHON:-}" ]; then
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile \
    tensorflow-cpu==2.15.1 opencv-python-headless==4.11.0.86 pillow==11.3.0 numpy==1.26.4
  PYTHON="$folder/venv/bin/python"
fi
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$PYTHON" - <<'PYTHON_CODE'
import contextlib
import io
import pathlib
import struct
import zlib

import cv2
import numpy as np
import tensorflow as tf

COLORS = {(255, 0, 0): (76, 147), (0, 255, 0): (149, 200), (0, 0, 255): (29, 95), (200, 100, 50): (124, 137)}
COLORS |= {(100, 100, 100): (100, 100), (255, 255, 255): (255, 255)}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


CHUNKS = {"none": b"", "gAMA": chunk(b"gAMA", struct.pack(">I", 45_455)), "sRGB": chunk(b"sRGB", b"\0")}
HEAD = 33  # bytes of the signature and IHDR, after which both chunks may stand
folder = pathlib.Path("pictures")
folder.mkdir()


def data_set(path):  # the pixel of the one picture in a folder
    with contextlib.redirect_stdout(io.StringIO()):  # it says how many files it found
        pictures = tf.keras.utils.image_dataset_from_directory(
            path, labels=None, color_mode="grayscale", image_size=(16, 16)
        )
    return round(float(next(iter(pictures))[0, 8, 8, 0]))


print(f"TensorFlow {tf.__version__}, OpenCV {cv2.__version__}; expected: no difference by the chunk")
as_described = True
for color, described in COLORS.items():
    pixels = np.full((16, 16, 3), color, np.uint8)
    png = tf.io.encode_png(pixels).numpy()
    jpeg = tf.io.encode_jpeg(pixels, quality=100, chroma_downsampling=False)
    plain = int(tf.io.decode_jpeg(jpeg, channels=1)[8, 8, 0])
    weighed = int(tf.image.rgb_to_grayscale(pixels)[8, 8, 0])
    print(f"  {color}: decode_jpeg {plain}, rgb_to_grayscale {weighed}")
    as_described &= abs(plain - described[0]) <= 1 and abs(weighed - described[0]) <= 1
    for name, extra in CHUNKS.items():
        data = png[:HEAD] + extra + png[HEAD:]
        path = folder / "a.png"
        path.write_bytes(data)
        array = np.frombuffer(data, np.uint8)
        found = {
            "decode_png": int(tf.io.decode_png(data, channels=1)[8, 8, 0]),
            "decode_image": int(tf.io.decode_image(data, channels=1)[8, 8, 0]),
            "image_dataset_from_directory": data_set(folder),
            "IMREAD_GRAYSCALE": int(cv2.imdecode(array, cv2.IMREAD_GRAYSCALE)[8, 8]),
        }
        pillow = tf.keras.utils.load_img(path, color_mode="grayscale").getpixel((8, 8))
        print(f"    chunk {name}: " + ", ".join(f"{key} {value}" for key, value in found.items()), end="")
        print(f"; load_img {pillow}")
        as_described &= all(abs(v - described[name != "none"]) <= 1 for v in found.values())
        as_described &= abs(pillow - described[0]) <= 1
        as_described &= (tf.io.decode_png(data, channels=3).numpy() == pixels).all()
        as_described &= (cv2.imdecode(array, cv2.IMREAD_COLOR)[..., ::-1] == pixels).all()
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
