"""Checks of requests, that is of layers (arrays of uint8) and numbers; and `Drawing`, the result of a drawing.

The editor, the page's server and a server's client alike report errors from here, before anything is computed or sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images import files


def excerpt(value: Any) -> str:
    """A value for an error message, shortened: hostile files hold long ones."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a huge number"  # Python refuses to write one of thousands of digits
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def number(value: Any, what: str, low: float, high: float = sys.float_info.max, expected: str = "") -> float:
    """A number of a request: Python's or NumPy's, not text, a bool or NaN.

    Args:
      value: as received.
      what: its name, for the message.
      low, high: the range, ends included.
      expected: the range in words, by default in numbers.

    Raises:
      TfsketchError: anything else, or a number out of range.
    """
    amount = math.nan
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # a whole number of hundreds of digits
            amount = float(value)
    if not low <= amount <= high:
        raise TfsketchError(
            f"{what}: expected {expected or f'a number of {low:g} to {high:g}'}, found {excerpt(value)}"
        )
    return amount


def whole(value: Any, what: str, low: int, high: int | None = None) -> int:
    """A whole number of a request; see `number`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, np.integer))
        or value < low
        or (high is not None and value > high)
    ):
        ends = f"from {low}" if high is None else f"of {low} to {high}"
        raise TfsketchError(f"{what}: expected a whole number {ends}, found {excerpt(value)}")
    return int(value)


def truth(value: Any, what: str) -> bool:
    """A switch of a request: true or false, not a number or text that stands for it.

    Raises:
      TfsketchError: anything else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TfsketchError(f"{what}: expected true or false, found {excerpt(value)}")
    return bool(value)


def check_array(value: Any, what: str, channels: tuple[int, ...], expected: str, bools: bool = False) -> np.ndarray:
    """An array of [H,W] (channels 0) or [H,W,C], uint8 (or bool), within the limits of size."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ImageError(f"{what}: expected {expected}, found {type(value).__name__} ({error})") from error
    if isinstance(value, (str, bytes, os.PathLike)):
        raise ImageError(f"{what}: expected {expected}, found {excerpt(value)}: read the file first")
    if array.dtype.kind not in "biufc":
        raise ImageError(f"{what}: expected {expected}, found {excerpt(value)}")
    actual = f"{array.dtype} {list(array.shape)}"
    if array.dtype.kind == "f" and np.isnan(array).any():
        actual += " with NaN"
    if (
        array.dtype != np.uint8
        and not (bools and array.dtype == bool)
        or array.ndim not in (2, 3)
        or (array.shape[2] if array.ndim == 3 else 0) not in channels
    ):
        raise ImageError(f"{what}: expected {expected}, found {actual}")
    height, width = array.shape[:2]
    if array.size == 0:
        raise ImageError(f"{what}: expected at least one pixel, found {actual}")
    if height * width > files.MAX_PIXELS:
        raise ImageError(f"{what}: expected at most {files.MAX_PIXELS:,} pixels, found {width} x {height}")
    return array


def _binary(value: Any, what: str) -> np.ndarray:
    """A mask or sketch as [H,W] uint8 in {0,1}."""
    array = check_array(value, what, (0, 1), "uint8 or bool [H,W] or [H,W,1]", bools=True)
    array = array.reshape(array.shape[:2])
    # {0,1} and {0,255} are both common; with larger values present, 1 is the darkest grey, not white.
    return (array >= (128 if array.dtype == np.uint8 and array.max() > 1 else 1)).astype(np.uint8)


MOST_INK, LEAST_SIDE = 0.7, 32
"""Share of an array above which it is no drawing but one whose paper is white, as files have it; and the least side of
such an array, in pixels: of a few, all may be a stroke."""


def _strokes(value: Any) -> np.ndarray:
    """A sketch as [H,W] uint8 in {0,1}."""
    sketch = _binary(value, "sketch")
    if min(sketch.shape) >= LEAST_SIDE and (share := float(sketch.mean())) > MOST_INK:
        hint = "black lines on white paper are 255 - sketch here"
        raise ImageError(f"sketch: expected strokes as nonzero pixels on empty paper, found {share:.0%} set; {hint}")
    return sketch


def _rgba(value: Any) -> np.ndarray:
    """Colour strokes as [H,W,4] uint8."""
    array = check_array(
        value, "color", (3, 4), "uint8 [H,W,4] RGBA, or [H,W,3] RGB with black where nothing is painted"
    )
    if array.shape[2] == 4:
        return array
    if min(array.shape[:2]) >= LEAST_SIDE and (share := float((array == 255).all(axis=-1).mean())) > MOST_INK:
        raise ImageError(
            f"color: expected black where nothing is painted, found white on {share:.0%}: make it black, or give RGBA"
        )
    return np.dstack([array, np.where(array.any(axis=-1), np.uint8(255), np.uint8(0))])


def check_layers(
    image: Any, mask: Any, sketch: Any = None, color: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """What `Editor.edit` takes, checked: image, mask and sketch [H,W] uint8 in {0,1}, colour [H,W,4] uint8 or None.

    Raises:
      ImageError: see `Editor.edit`.
    """
    image = check_array(image, "image", (3,), "uint8 [H,W,3] RGB")
    mask = _binary(mask, "mask")
    size = image.shape[:2]
    sketch = None if sketch is None else _strokes(sketch)
    color = None if color is None else _rgba(color)
    for what, layer in (("mask", mask), ("sketch", sketch), ("color", color)):
        if layer is not None and layer.shape[:2] != size:
            raise ImageError(
                f"{what}: expected the picture's size, {size[1]} x {size[0]}, found {layer.shape[1]} x {layer.shape[0]}"
            )
    if not mask.any():
        raise ImageError("mask: expected at least one erased pixel, found an empty mask")
    return image, mask, sketch, color


def without_effect(mask: np.ndarray, sketch: np.ndarray, color: np.ndarray) -> list[str]:
    """Names of the layers, [H,W] and colour [H,W,4], that are not empty but are empty within the mask."""
    there = {"sketch": sketch > 0, "colour": color[..., 3] > 0}
    return [what for what, layer in there.items() if layer.any() and not (layer & (mask > 0)).any()]


def check_restyling(
    image: Any, styles: Iterable[Any], mask: Any = None
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray | None]:
    """What `Editor.restyle` takes, checked: image and styles, and the mask [H,W] uint8 in {0,1} or None.

    Raises:
      ImageError: see `Editor.restyle`.
    """
    image = check_array(image, "image", (3,), "uint8 [H,W,3] RGB")
    styles = [check_array(style, "style", (3,), "uint8 [H,W,3] RGB") for style in styles]
    if mask is not None:
        mask, size = _binary(mask, "mask"), image.shape[:2]
        if mask.shape != size:
            raise ImageError(
                f"mask: expected the picture's size, {size[1]} x {size[0]}, found {mask.shape[1]} x {mask.shape[0]}"
            )
        if not mask.any():
            raise ImageError("mask: expected at least one pixel to restyle, found an empty mask")
    return image, styles, mask


def check_fill(fill: Any) -> None:
    """Checks a `fill`, see `Editor.draw`; None leaves the choice to the editor.

    Raises:
      TfsketchError: anything but a share.
    """
    if fill is not None:
        number(fill, "fill", sys.float_info.min, 1.0, "a share above 0 and at most 1")


def check_sketch(sketch: Any, fill: float | None) -> np.ndarray:
    """What `Editor.draw` takes, checked: [H,W] uint8 in {0,1}.

    Raises:
      ImageError, TfsketchError: see `Editor.draw`.
    """
    sketch = _strokes(sketch)
    if not sketch.any():
        raise ImageError("sketch: expected at least one stroke, found an empty sheet")
    check_fill(fill)
    return sketch


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A model's result from a sketch alone, or from a photograph alone, at its size."""

    refined: np.ndarray
    """[H,W] uint8 in {0,1}, 1 = stroke: the lines as the model redrew them."""
    image: np.ndarray
    """[H,W,3] uint8 RGB: the photograph."""
    loss: float | None = None
    """Of a search: the distance of its result from the input, the lower the better; see `projection`."""
