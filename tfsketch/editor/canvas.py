"""A model applied to a photograph: what it sees, and how its output is pasted.

A square larger than the working side comes back softer than the photograph around it. There the seam is feathered over
half a working pixel just inside the mask's edge, by default; the erased original shows through in that ramp only. At
the working side and below nothing is feathered. Outside the mask the result is the input bit for bit, at any size,
because no other pixel is ever written.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import cv2
import numpy as np

from tfsketch.backends.base import Backend
from tfsketch.editor.ways import Function, Network
from tfsketch.errors import TfsketchError, WeightsError, require_tensorflow
from tfsketch.framing import arrays
from tfsketch.images import faces, files
from tfsketch.images.layers import excerpt, number, truth
from tfsketch.vocabulary import to_tensors

if TYPE_CHECKING:
    from tfsketch.conditions.face_parser import FaceParser
    from tfsketch.nn.exported import Call

Value = TypeVar("Value")


def finite(output: Any) -> np.ndarray:
    """A model's result as an array.

    Raises:
      WeightsError: it holds NaN or infinity.
    """
    output = np.asarray(output)
    if not np.isfinite(output).all():
        raise WeightsError("expected a model that draws finite values, found NaN or infinity in its result")
    return output


def _check_finish(feather: float | None, seam: bool, texture: float) -> None:
    if feather is not None:
        number(feather, "feather", 0, expected="a number of pixels from 0")
    truth(seam, "seam")
    number(texture, "texture", 0, 1, "a strength from 0 to 1")


class LastPicture(Generic[Value]):
    """A cache of one value: what was computed of a picture, as long as it is asked for of that picture."""

    def __init__(self) -> None:
        self._entry: tuple[np.ndarray, Value] | None = None

    def of(self, picture: np.ndarray, compute: Callable[[], Value]) -> Value:
        """`compute()`, or its value of the call before if that was for an equal picture."""
        entry = self._entry
        if entry is None or not np.array_equal(entry[0], picture):
            entry = self._entry = picture.copy(), compute()
        return entry[1]


class Canvas:
    """A model with its settings; arguments and errors are those of `Editor`."""

    def __init__(
        self,
        model: Network | Call,
        side: int | None = None,
        context: float | None = None,
        feather: float | None = None,
        find_faces: bool = True,
        seam: bool = True,
        texture: float = 1.0,
    ):
        candidate: Any = model  # callers may pass anything
        if not callable(candidate):
            hint = "names are taken by tfsketch.Editor"
            raise TfsketchError(f"model: expected a network, found {excerpt(model)}; {hint}")
        network: Any = model if hasattr(model, "way") else Function(model)  # what it offers depends on its way
        stride, smallest, native = network.stride, network.smallest, network.image_size
        if side is None:
            if native is None:
                raise TfsketchError("side: expected one for a model that does not come from load_model, found none")
            side = native
        if network.fixed and side != native:
            raise TfsketchError(f"side: expected {native}, the only one of this model, found {side}")
        least = f" of at least {smallest}" if smallest > stride else ""
        multiple = f"a positive multiple of {stride}{least}"
        size = number(side, "side", smallest, math.sqrt(files.MAX_PIXELS), multiple)
        if size % stride:
            raise TfsketchError(f"side: expected {multiple}, found {size:g}")
        if context is not None:
            number(context, "context", 1, math.inf, "a factor of at least 1")
        truth(find_faces, "find_faces")
        _check_finish(feather, seam, texture)
        self.seam, self.texture = seam, texture
        self.model = network
        self.side, self.context, self.feather = int(size), context, feather
        # Between strokes most of the network's input stays the same.
        self.network: Call = network.incremental()
        self._parser: FaceParser | None = None
        self._find_faces = find_faces
        self._squares: LastPicture[list[tuple[float, float, float]]] = LastPicture()
        self.framing: LastPicture[tuple[float, np.ndarray, np.ndarray]] = LastPicture()
        """Of a drawing; see `editor.draw`."""

    def with_finish(self, feather: float | None, seam: bool, texture: float) -> Canvas:
        """`Editor.with_finish`."""
        _check_finish(feather, seam, texture)
        canvas = copy.copy(self)
        canvas.feather, canvas.seam, canvas.texture = feather, seam, texture
        return canvas

    def batch(self, layers: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        """`to_tensors`, as arrays for a backend: it may have no TensorFlow."""
        return to_tensors(layers, arrays=isinstance(self.model, Backend))

    def face_parser(self) -> FaceParser:
        """The shipped face parser, loaded when first needed.

        Raises:
          TfsketchError: there is no TensorFlow to run it.
        """
        if self._parser is None:
            require_tensorflow("the face parser, which finds regions, and the `fill` of a sketch where none is given")
            from tfsketch.conditions import face_parser

            self._parser = face_parser.load()
        return self._parser

    def _faces(self, image: np.ndarray) -> list[tuple[float, float, float]]:
        """`faces.squares`, if they are looked for."""
        if not self._find_faces or self.context is not None:
            return []
        return self._squares.of(image, lambda: faces.squares(image))

    def view_of(self, image: np.ndarray, mask: np.ndarray) -> arrays.View:
        """The view for a mask [H,W] that is not empty."""
        return arrays.view_of(mask, self.side, self.context, self._faces(image))

    def paste(
        self,
        image: np.ndarray,
        repaint: np.ndarray,
        mask: np.ndarray,
        view: arrays.View,
        soft: np.ndarray | None = None,
    ) -> np.ndarray:
        """A copy of the picture with `repaint`, of the box's size, in the mask; `soft` is `restyle.soft_weights`'s."""
        result = image.copy()
        hole = mask[view.window] > 0
        result[view.window][hole] = self._blend(image, repaint, mask, view.window, view.edge, soft)[hole]
        return result

    def _blend(
        self,
        image: np.ndarray,
        repaint: np.ndarray,
        mask: np.ndarray,
        window: tuple[slice, slice],
        edge: int,
        soft: np.ndarray | None = None,
    ) -> np.ndarray:
        """The new pixels of the mask's box: `repaint`, fading to the picture towards the mask's edge."""
        scale = edge / self.side
        feather = self.feather if self.feather is not None else (scale / 2 if scale > 1 else 0.0)
        if feather == 0 and soft is None:
            return repaint
        # One kept pixel around the box, if the picture has one, so that the box's own border counts as an edge there
        # and the picture's border does not.
        top, left = min(window[0].start, 1), min(window[1].start, 1)
        around = mask[window[0].start - top : window[0].stop + 1, window[1].start - left : window[1].stop + 1]
        distance = cv2.distanceTransform(np.ascontiguousarray(around), cv2.DIST_L2, 5)
        distance = distance[top : top + repaint.shape[0], left : left + repaint.shape[1]]
        weight = np.minimum(distance / (feather + 1), 1.0).astype(np.float32)
        weight = (weight if soft is None else np.maximum(weight * soft[1], soft[0]))[..., None]
        return np.rint(image[window] * (1 - weight) + repaint * weight).astype(np.uint8)
