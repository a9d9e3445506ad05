"""A JPEG with some of its blocks replaced, and the others left as they are, without being decoded and encoded again.

A JPEG stores pixels as blocks of 8 x 8 coefficients; a block of colour often covers 16 x 16 pixels. The edit is encoded
with the photograph's own tables and sampling, and the blocks in which a pixel has changed are copied from it. jpeglib
reads and writes the coefficients (extra `jpeg`). Its library, libjpeg, ends the process on an error, so it runs in a
process of its own.

Pixels beside a replaced block may change in the last bits: where colours are stored at half the resolution, decoders
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
"""EXIF orientation -> the transpose of an upright picture to the orientation of its file."""
_SECONDS = 120


def merge(
    original: str | os.PathLike, edit: np.ndarray, mask: np.ndarray, orientation: int = 1
) -> tuple[bytes | None, str]:
    """The original with the edit's blocks wherever a pixel changed.

    Args:
      original: a JPEG.
      edit: [H,W,3] or [H,W] uint8, upright.
      mask: [H,W] bool, upright.
      orientation: of the original, kept by the result.

    Returns:
      (the JPEG, or None if it cannot be merged; a line on how many blocks were replaced, or why none could be).
    """
    with Image.open(original, formats=("JPEG", "MPO")) as picture:
        tables, sampling = getattr(picture, "quantization"), _sampling(picture)  # noqa: B009 (only a JPEG has them)
        size, mode, rgb = picture.size, picture.mode, _is_rgb(picture)
    turn = _BACK.get(orientation)
    result, region_image = Image.fromarray(edit), Image.fromarray(mask.astype(np.uint8) * 255)
    if turn is not None:
        result, region_image = result.transpose(turn), region_image.transpose(turn)
    if result.size != size or result.mode != mode:
        return None, f"the photograph's blocks are not those of the result ({mode}, {result.mode})"
    if sampling is None:
        return None, "the photograph stores its colours at a resolution that Pillow does not write"
    buffer = io.BytesIO()
    result.save(buffer, "JPEG", qtables=tables, subsampling=sampling, keep_rgb=rgb)
    with Image.open(buffer) as sample:  # Pillow before 10.2 does not know the last option
        if _is_rgb(sample) != rgb:
            return None, "the photograph stores red, green and blue, which this Pillow does not write"
    with tempfile.TemporaryDirectory(prefix="tfsketch-jpeg-") as folder:
        names = ("original.jpg", "edit.jpg", "changed.npy", "merged.jpg")
        original_path, edit_path, region_path, merged_path = (os.path.join(folder, name) for name in names)
        shutil.copyfile(original, original_path)  # under a name that any library can open
        pathlib.Path(edit_path).write_bytes(buffer.getvalue())
        np.save(region_path, np.asarray(region_image) > 0)
        command = [sys.executable, __file__, original_path, edit_path, region_path, merged_path]
        # The process must import this very package, installed or not.
        places = [str(pathlib.Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
        try:
            process = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environment
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, f"jpeglib failed ({type(error).__name__})"
        if process.returncode or not os.path.isfile(merged_path):
            last = (process.stderr.strip().splitlines() or ["no reason given"])[-1]
            hint = f"{install_command('jpeg')} keeps untouched blocks" if "No module named 'jpeglib'" in last else last
            return None, hint
        return pathlib.Path(merged_path).read_bytes(), process.stdout.strip()


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


def _exchange(original: str, edit: str, areas: str, output: str) -> None:
    """In a process of its own: writes `output`, and says how many blocks were exchanged."""
    import jpeglib

    there, new = jpeglib.read_dct(original), jpeglib.read_dct(edit)
    down, across = np.nonzero(np.load(areas))
    names = ["Y"] if there.Cb is None else ["Y", "Cb", "Cr"]
    count = total = 0
    factors = np.asarray(there.samp_factor)
    for number, name in enumerate(names):
        own, other = getattr(there, name), getattr(new, name)
        if own.shape != other.shape:
            raise SystemExit(f"blocks of another shape, {own.shape} and {other.shape}")
        rows, columns = (int(factor) for factor in factors[0] // factors[number])
        blocks = np.zeros(own.shape[:2], bool)
        blocks[down // (8 * rows), across // (8 * columns)] = True
        own[blocks] = other[blocks]
        setattr(there, name, own)
        count, total = count + int(blocks.sum()), total + blocks.size
    if not all((there.qt[a] == new.qt[b]).all() for a, b in zip(there.quant_tbl_no, new.quant_tbl_no)):
        raise SystemExit("other tables of quantisation")
    there.write_dct(output)
    print(f"{count} of {total} blocks are re-encoded, the others are the photograph's own")


if __name__ == "__main__":
    _exchange(*sys.argv[1:])
