"""The common vocabulary of the package: a batch is a dict with these keys, shapes and ranges.

| key | shape | range | meaning |
|---|---|---|---|
| `image` | [B,H,W,3] float32 | [-1,1] RGB | the photograph |
| `mask` | [B,H,W,1] float32 | {0,1} | 1 = regenerate this pixel |
| `sketch` | [B,H,W,1] float32 | {0,1} | 1 = stroke |
| `color` | [B,H,W,3] float32 | [-1,1] RGB | colour strokes; 0 where none |
| `noise` | [B,H,W,1] float32 | N(0,1) | inside the mask |
| `style` | [B,H,W,3] float32 | [-1,1] RGB | a photograph whose style is taken |
| `refined` | [B,H,W,1] float32 | [0,1] | the lines as a model redrew them, 1 = stroke |
| `regions` | [B,H,W,1] int32 | | indices into `conditions.regions.REGIONS` |
| `z` | [B,Z] float32 | [-1,1] | where a search starts, or what a generator draws |
| `seed` | [B,2] int32 | | of what is random within a training step, or in a network's answer |
| `palette` | [B,P,3] float32 | [-1,1] RGB | mean colours of parts of a photograph (`systems.cali_sketch.palette`) |

A network returns a dict too: `raw` (what it drew), `image` (composited: `raw` inside the mask, the input, bit for bit,
outside), and extras of its own. On the side of files and users, pictures are uint8 RGB; `to_tensors` and `to_uint8` are
the way there and back.

Nothing of the package lies below this module but its errors. TensorFlow is imported where tensors are made, only there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tfsketch.errors import ImageError

if TYPE_CHECKING:
    import tensorflow as tf

CHANNELS = {"image": 3, "mask": 1, "sketch": 1, "color": 3, "noise": 1, "style": 3}
"""Keys of a network's possible inputs that are pictures, and their channels."""


@dataclasses.dataclass(frozen=True)
class StoredMap:
    """A map of a photograph in the shards: one plane or three, as a PNG of [S,S] or [S,S,3] uint8."""

    title: str
    """In words, for messages and sheets."""
    kind: str
    """How it is moved. `picture`: interpolated. `labels`: by the nearest pixel, for a mean of two labels is a third.
    `lines`: {0,1}, stored as 0 and 255; interpolated, and one pixel wide again, but for styles with more ink."""
    channels: int = 1
    required: bool = True
    """Whether every example must have it."""
    unknown: int = 0
    """Stands for a map that an example lacks, and for what labels turn into where nothing is known."""
    styled: bool = False
    """Whether there are several by name, `sketch/STYLE`; all examples of a set have the same."""
    source: str = "data.examples.MAKERS"
    """Its maker, for messages."""


STORED_MAPS = {
    "image": StoredMap("photograph", "picture", 3),
    "color": StoredMap("color map", "picture", 3),
    "regions": StoredMap("face regions", "labels", required=False, unknown=255, source="prepare.regions"),
    "sketch": StoredMap("a sketch", "lines", styled=True, source="prepare.styles (STYLE@n: sketch.abstractions)"),
}
"""Feature of a shard -> what it is. Reading, moving, stacking and writing follow this table, in which a new map is a
row; `data.examples.MAKERS` has what makes it of photographs."""


def stored_map(feature: str) -> StoredMap:
    """The row of a feature of a shard, such as `regions` or `sketch/hed`."""
    return STORED_MAPS[feature.partition("/")[0]]


def size_of(layer: np.ndarray) -> tuple[int, int]:
    """Height and width of a layer [H,W] or [H,W,C]."""
    height, width = layer.shape[:2]
    return height, width


def check_sides(shape: tf.TensorShape, stride: int, smallest: int = 0) -> None:
    """Checks the sides of [B,H,W,C] as far as they are known.

    Raises:
      ImageError: one is no multiple of `stride`, or below `smallest`.
    """
    height, width = shape[1:3]
    if any(side is not None and (side % stride or side < smallest) for side in (height, width)):
        least = f" and at least {smallest}" if smallest else ""
        raise ImageError(f"expected a height and width that are multiples of {stride}{least}, found {height} x {width}")


def to_unit(levels: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Levels of 0 to 255 -> [-1,1] float32."""
    import tensorflow as tf

    return tf.cast(levels, tf.float32) / 127.5 - 1.0


def to_uint8(image: tf.Tensor | np.ndarray) -> np.ndarray:
    """[-1,1] -> uint8, rounded; the exact inverse of `to_unit`."""
    return np.clip(np.rint((np.asarray(image, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def to_tensors(layers: Mapping[str, tf.Tensor | np.ndarray], arrays: bool = False) -> dict[str, Any]:
    """Layers as arrays, of one example or a batch, as the vocabulary's dict.

    Args:
      layers: `image`, `style` and `color` [...,H,W,3] uint8; `painted`, which `color` needs, `mask`, `sketch` and other
        maps of one channel [...,H,W]; `noise` [...,H,W] float32, which needs `mask`; `z` and `seed`.
      arrays: give NumPy's, the same bit for bit, without TensorFlow.

    Returns:
      float32 tensors, stored pictures in [-1,1]; labels [...,H,W,1] and `seed` int32, `z` as it is.
    """
    cast = as_is = np.asarray
    if not arrays:
        import tensorflow as tf

        cast, as_is = tf.cast, tf.convert_to_tensor

    def plane(key: str, dtype: str = "float32") -> Any:
        return cast(layers[key], dtype)[..., None]

    example: dict[str, Any] = {}
    for key in layers:
        row = STORED_MAPS.get(key)
        if key == "style" or row and row.kind == "picture":
            levels = layers[key] if row is None or row.channels > 1 else layers[key][..., None]
            example[key] = cast(levels, "float32") / 127.5 - 1.0
            if key == "color":
                example[key] *= plane("painted")
        elif key == "noise":
            example[key] = plane(key) * plane("mask")
        elif key in ("seed", "z"):
            example[key] = as_is(layers[key])
        elif key != "painted":
            example[key] = plane(key, "int32" if row and row.kind == "labels" else "float32")
    return example


def composite(raw: tf.Tensor, image: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`raw` inside the mask and `image`, bit for bit, outside: a choice, not a sum, so that no rounding reaches it."""
    import tensorflow as tf

    return tf.where(mask > 0.5, raw, image)


def resize(layer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A [H,W] or [H,W,C] layer at a size that is larger, or smaller, both ways: the filter of pictures and masks.

    Area averages where it shrinks, OpenCV's cubic kernel where it grows."""
    if layer.shape[:2] == size:
        return layer
    shrinks = layer.shape[0] > size[0] or layer.shape[1] > size[1]
    return cv2.resize(layer, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
