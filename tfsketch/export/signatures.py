"""The signatures of a served model, by system, with all work on pictures inside the graph.

`serving_default` takes encoded pictures, a batch of strings each, and gives PNG; the pictures of a batch may differ in
size. It does what `editor.Editor` does by default, seed 0 and its rule for the square included, so an edit is the same
from a server (see `pictures` for how near). `tensors` is the network itself on the vocabulary, at any supported size.
`about` describes the model to those who cannot read its metadata: clients of a server. Further signatures are a
system's own.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfsketch.backends import base
from tfsketch.framing import graph
from tfsketch.framing.decoding import require
from tfsketch.nn.exported import ExportedNetwork, shapes

MEANINGS = {
    "image_bytes": "encoded picture, RGB; given as PNG or JPEG, which EXIF turns upright, returned as PNG",
    "mask_bytes": "PNG or JPEG of the picture's size, white = repaint, or restyle; thresholded at 0.5; or the "
    "picture itself as PNG with that part clear; beside style_bytes, an empty string is everywhere",
    "style_bytes": "PNG or JPEG of any size, the photograph whose style is taken; the square in its middle counts",
    "sketch_bytes": "PNG or JPEG, lines of any pen on paper of any kind, photographed too, or on transparency; where a "
    "photograph is edited, of its size, and an empty string is no sketch",
    "color_bytes": "PNG or JPEG of the picture's size, colour strokes on transparent, white or black paper; an empty "
    "string is none",
    "fill": "share of the photograph that the paper takes: 1 for a drawing framed like a portrait, about 0.6 for a "
    "face that fills its paper; 0 tries several and keeps the one that makes the surest face",
    "refined_bytes": "PNG, the lines as the model redrew them, black on white",
    "regions_bytes": "grey PNG of the picture's size, each level the number of a region",
    "image": "RGB in [-1,1] (level / 127.5 - 1)",
    "mask": "0 or 1, 1 = repaint, or restyle",
    "style": "the photograph whose style is taken, RGB in [-1,1]",
    "sketch": "0 to 1, 1 = stroke",
    "color": "RGB in [-1,1] where painted, 0 elsewhere",
    "noise": "drawn from N(0,1)",
    "z": "in [-1,1]",
    "seed": "two whole numbers from 0; the first says which of the answers that there could be is given",
    "amount": "0 to 1, how far the style goes from the photograph's own to the other's",
    "change": "what the network draws in that style less what it draws in the photograph's own, in units of [-1,1]",
    "raw": "what the network drew, RGB in [-1,1], before it is put into the mask",
    "refined": "0 to 1, the lines as the model redrew them",
    "joint": "sketch (left, paper 1, stroke -1) and photograph (right) as one picture, in [-1,1]",
    "probabilities": "share of each region, in the order of regions_of_a_face",
    "regions": "number of the likeliest region, in the order of regions_of_a_face",
    "loss": "of the search, at its end",
    "ask": "anything: an answer for each",
    "about_bytes": "JSON: system and way of working; image_size, stride and smallest of its sides; the network's "
    "signature and what that takes",
}
"""Name of an input or output -> what it is, for metadata."""

Outputs = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way of calling a served model."""

    run: Callable[..., Outputs]
    """Called with the inputs by name."""
    inputs: dict[str, tf.TensorSpec]


PICTURE = tf.TensorSpec([None], tf.string)


def to_levels(image: tf.Tensor) -> tf.Tensor:
    """[-1,1] -> whole levels of 0 to 255, float32: `vocabulary.to_uint8`."""
    finite = tf.reduce_all(tf.math.is_finite(image))
    image = require(finite, image, "expected a model that draws finite values, found NaN or infinity")
    return graph.round_levels((image + 1.0) * 127.5)


def to_png(levels: tf.Tensor) -> tf.Tensor:
    return tf.io.encode_png(tf.cast(levels, tf.uint8))


def photograph_png(levels: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """An edited photograph [H,W,3] uint8 with its original transparency [H,W] uint8; RGB if it has none."""
    return tf.cond(
        tf.reduce_all(alpha == 255),
        lambda: tf.io.encode_png(levels),
        lambda: tf.io.encode_png(tf.concat([levels, alpha[..., None]], axis=-1)),
    )


def each(function: Callable[..., tf.Tensor | Outputs], *batches: tf.Tensor, gives: Any) -> tf.Tensor | Outputs:
    """`function` of every example alone; `gives` says dtypes, and shapes where they are the same for all."""
    return tf.map_fn(lambda one: function(*one), batches, fn_output_signature=gives)


def check_batch(signature: Signature) -> Signature:
    """The signature, refusing inputs with different numbers of examples: TensorFlow would silently drop those beyond
    the first input's, or report elements of a list."""
    first = next(iter(signature.inputs))

    def run(**inputs: tf.Tensor) -> Outputs:
        count = tf.shape(inputs[first])[0]
        expected = f"{first}: expected at least 1 example, found "
        same = {first: require(count > 0, inputs[first], expected, count)}
        for key, value in inputs.items():
            if key != first:
                number = tf.shape(value)[0]
                expected = f"{key}: expected as many examples as in {first}, "
                same[key] = require(number == count, value, expected, count, ", found ", number)
        return signature.run(**same)

    return Signature(run, signature.inputs)


def network_signature(model: ExportedNetwork) -> Signature:
    """The network itself."""

    specs = {
        key: tf.TensorSpec([None, shape[1]] if len(shape) == 2 else [None, None, None, shape[-1]])
        for key, shape in shapes(model, model.smallest).items()
    }
    return Signature(lambda **inputs: model(inputs), specs)


def about(model: ExportedNetwork, names: Sequence[str]) -> Signature:
    """The description that `backends` requests from an export; `names` are those of its other signatures."""
    answer = {
        "system": model.experiment.system,
        "way": model.way,
        "image_size": model.experiment.image_size,
        "stride": model.stride,
        "smallest": model.smallest,
        "takes": list(model.takes),
        "signature": base.SIGNATURE if base.SIGNATURE in names else base.TENSORS,
    }
    return Signature(
        lambda ask: {"about_bytes": tf.fill(tf.shape(ask), json.dumps(answer))},
        {"ask": tf.TensorSpec([None], tf.string)},
    )
