#!/usr/bin/env bash
# psd-tools: a picture with transparency, made a PSD by PSDImage.frompil and read again by PSDImage.open, has other
# colours where it is half transparent.
#
# frompil is documented as making a document without layers of a Pillow picture; topil and composite, as giving it as a
# Pillow picture. One would expect RGBA to come back as it went in, since the file keeps 8 bits a channel without loss.
# Photoshop's merged picture stands on white, and topil takes that white out again; but frompil does not put it in. So
# each colour between is stretched away from white, by 1 / alpha, and cut off at 0. Fully opaque pixels and the alpha
# itself are right. (Pillow reads the same file as it was meant by frompil.)
#
# Who meets it: whoever hands a colour layer, or a cut-out with soft edges, to Photoshop's format this way: edges turn
# dark and lose a channel. Instead: put it in as a layer (PSDImage.new, create_pixel_layer) and read that layer's
# composite() (its topil() leaves the mask out that holds the alpha); or set the picture on white before frompil:
# c * alpha + 255 * (1 - alpha).
#
# Seen with psd-tools 1.26.0, Linux x86-64, RGBA (200, 100, 50, 109): from frompil (126, 0, 0, 109).
# Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check psd-tools==1.26.0
"$folder/venv/bin/python" - <<'PYTHON_CODE'
import io

import numpy as np
from PIL import Image
from psd_tools import PSDImage

color = (200, 100, 50)
alphas = (36, 109, 182, 255)
layer = np.zeros((4, len(alphas), 4), np.uint8)
layer[..., :3], layer[..., 3] = color, alphas
layer = Image.fromarray(layer)


def reopened(document):
    data = io.BytesIO()
    document.save(data)
    return PSDImage.open(io.BytesIO(data.getvalue())), Image.open(io.BytesIO(data.getvalue()))


def row(picture):
    return [tuple(int(v) for v in pixel) for pixel in np.asarray(picture.convert("RGBA"))[0]]


def stretched(alpha):
    return tuple(min(255, max(0, 255 - (255 - c) * 255 / alpha)) for c in color)


merged, plain = reopened(PSDImage.frompil(layer))
whole = PSDImage.new("RGB", layer.size)
whole.create_pixel_layer(layer, name="paint")
(paint,) = reopened(whole)[0]
found = {"frompil, topil": merged.topil(), "frompil, composite": merged.composite()}
print(f"put in:                  {row(layer)}")
as_described = True
for name, picture in found.items():
    print(f"{name + ':':24} {row(picture)}")
    for (*rgb, a), alpha in zip(row(picture), alphas):
        as_described &= a == alpha and max(abs(v - w) for v, w in zip(rgb, stretched(alpha))) <= 3
others = {"frompil, Pillow": plain, "as a layer, composite": paint.composite()}
for name, picture in others.items():
    print(f"{name + ':':24} {row(picture)}")
    as_described &= row(picture) == row(layer)
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE
