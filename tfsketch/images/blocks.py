"""A JPEG with some of its blocks exchanged, and the others left as they are, without being decoded and encoded again.

A JPEG's pixels lie in blocks of 8 x 8 coefficients, of the colours often for 16 x 16 pixels. The edit is encoded with
the photograph's own tables and sampling, and of its coefficients those blocks are taken in which a pixel has changed.
By jpeglib, which gives and takes coefficients (extra `jpeg`). Its library, libjpeg, ends the process on what it does
not like, so it runs in one of its own.

Pixels beside an exchanged block may change in the last bits: where colours are stored at half the resolution, decoders
interpolate them across the border.
"""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from tfsketch.errors import install_command

_BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> how an upright picture becomes as its file has it."""
_SECONDS = 120


def merge(
    original: str | os.PathLike, edit: np.ndarray, changed: np.ndarray, orientation: int = 1
) -> tuple[bytes | None, str]:
    """The original with the edit's blocks where something changed.

    Args:
      original: a JPEG.
      edit: [H,W,3] or [H,W] uint8, upright.
      changed: [H,W] bool, upright.
      orientation: of the original, in which the result stays.

    Returns:
      (the JPEG, or None where there is none, a line that says what became of the blocks, or why there is none).
    """
    with Image.open(original, formats=("JPEG", "MPO")) as picture:
        tables, sampling = getattr(picture, "quantization"), _sampling(picture)  # noqa: B009 (only a JPEG has them)
        size, mode, rgb = picture.size, picture.mode, _is_rgb(picture)
    turn = _BACK.get(orientation)
    made, mask = Image.fromarray(edit), Image.fromarray(changed.astype(np.uint8) * 255)
    if turn is not None:
        made, mask = made.transpose(turn), mask.transpose(turn)
    if made.size != size or made.mode != mode:
        return None, f"the photograph's blocks are not those of the result ({mode}, {made.mode})"
    if sampling is None:
        return None, "the photograph stores its colours at a resolution that Pillow does not write"
    buffer = io.BytesIO()
    made.save(buffer, "JPEG", qtables=tables, subsampling=sampling, keep_rgb=rgb)
    with Image.open(buffer) as written:  # Pillow before 10.2 does not know the last option
        if _is_rgb(written) != rgb:
            return None, "the photograph stores red, green and blue, which this Pillow does not write"
    with tempfile.TemporaryDirectory(prefix="tfsketch-jpeg-") as folder:
        names = ("original.jpg", "edit.jpg", "changed.npy", "merged.jpg")
        copy, edited, areas, merged = (os.path.join(folder, name) for name in names)
        shutil.copyfile(original, copy)  # under a name that any library can open
        pathlib.Path(edited).write_bytes(buffer.getvalue())
        np.save(areas, np.asarray(mask) > 0)
        command = [sys.executable, __file__, copy, edited, areas, merged]
        # This very package, be it installed or not.
        places = [str(pathlib.Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environment
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, f"jpeglib failed ({type(error).__name__})"
        if done.returncode or not os.path.isfile(merged):
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            hint = f"{install_command('jpeg')} keeps untouched blocks" if "No module named 'jpeglib'" in last else last
            return None, hint
        return pathlib.Path(merged).read_bytes(), done.stdout.strip()


def _sampling(picture: Image.Image) -> int | None:
    """Pillow's number of a JPEG's sampling of colours; None for one that it does not write."""
    layers = getattr(picture, "layer", [])
    factors = tuple(value for layer in layers for value in layer[1:3])
    return {(1, 1): 0, (1, 1) * 3: 0, (2, 1, 1, 1, 1, 1): 1, (2, 2, 1, 1, 1, 1): 2}.get(factors)


def _is_rgb(picture: Image.Image) -> bool:
    """Whether a JPEG's three components are red, green and blue, by libjpeg's own rule."""
    if "jfif" in picture.info:
        return False
    names = bytes(layer[0] for layer in getattr(picture, "layer", []))
    return picture.info["adobe_transform"] == 0 if "adobe" in picture.info else names == b"RGB"


def _exchange(original: str, edited: str, areas: str, merged: str) -> None:
    """In a process of its own: writes `merged`, and says how many blocks were exchanged."""
    import jpeglib

    there, new = jpeglib.read_dct(original), jpeglib.read_dct(edited)
    down, across = np.nonzero(np.load(areas))
    names = ["Y"] if there.Cb is None else ["Y", "Cb", "Cr"]
    exchanged = total = 0
    factors = np.asarray(there.samp_factor)
    for number, name in enumerate(names):
        own, other = getattr(there, name), getattr(new, name)
        if own.shape != other.shape:
            raise SystemExit(f"blocks of another shape, {own.shape} and {other.shape}")
        rows, columns = (int(factor) for factor in factors[0] // factors[number])
        touched = np.zeros(own.shape[:2], bool)
        touched[down // (8 * rows), across // (8 * columns)] = True
        own[touched] = other[touched]
        setattr(there, name, own)
        exchanged, total = exchanged + int(touched.sum()), total + touched.size
    if not all((there.qt[a] == new.qt[b]).all() for a, b in zip(there.quant_tbl_no, new.quant_tbl_no)):
        raise SystemExit("other tables of quantisation")
    there.write_dct(merged)
    print(f"{exchanged} of {total} blocks are re-encoded, the others are the photograph's own")


if __name__ == "__main__":
    _exchange(*sys.argv[1:])
