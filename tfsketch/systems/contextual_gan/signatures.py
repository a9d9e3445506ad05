"""The signatures of a served Contextual GAN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfsketch.backends import base
from tfsketch.export.signatures import PICTURE, Outputs, Signature, each, network_signature, to_levels, to_png
from tfsketch.framing import graph
from tfsketch.framing.graph import place_sketch, sheet_of, usual_fill
from tfsketch.framing.meaning import read_sketch
from tfsketch.systems.contextual_gan import search as search_lib

SEARCH_STEPS = 200
"""Its steps. Ours: a server's answer cannot wait for 500, and what the last 300 gain is small."""


def signatures(model: tf.keras.Model) -> dict[str, Signature]:
    """Completes sketches, placed and redrawn as by `Editor.complete`, by searching for z, a fixed number of steps,
    from the same candidates for every sketch: those of `projection.project` follow from a hash of its pixels, which a
    graph cannot compute. `search` and `search_image` take tensors and candidates."""
    side = model.side
    starts = np.random.default_rng(0).uniform(-1.0, 1.0, (model.candidates, model.latent)).astype(np.float32)

    def search(half: str) -> Callable[..., Outputs]:
        def run(**inputs: tf.Tensor) -> Outputs:
            result = search_lib.search(
                model, half, inputs[half], inputs["z"], steps=min(SEARCH_STEPS, model.search_steps)
            )
            return {"image" if half == "sketch" else "sketch": result["image" if half == "sketch" else "sketch"]} | {
                "loss": result["loss"]
            }

        return run

    def before(data: tf.Tensor) -> Outputs:
        sketch = read_sketch(data)
        fill = usual_fill(sketch)
        return {"sketch": place_sketch(sketch, side, fill, ink=True), "size": tf.shape(sketch), "fill": fill}

    def after(size: tf.Tensor, fill: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        return to_png(graph.round_levels(sheet_of(image, size, fill)))

    def draw(sketch_bytes: tf.Tensor) -> Outputs:
        layers = {"sketch": tf.TensorSpec([side, side, 1]), "size": tf.TensorSpec([2], tf.int32)}
        targets = each(before, sketch_bytes, gives=layers | {"fill": tf.TensorSpec([])})
        z = tf.repeat(starts[None], tf.shape(sketch_bytes)[0], axis=0)
        result = search("sketch")(sketch=targets["sketch"], z=z)
        levels = to_levels(result["image"])
        image = each(after, targets["size"], targets["fill"], levels, gives=tf.TensorSpec([], tf.string))
        return {"image_bytes": image, "loss": result["loss"]}

    candidates = tf.TensorSpec([None, None, model.latent])
    return {
        "serving_default": Signature(draw, {"sketch_bytes": PICTURE}),
        base.TENSORS: network_signature(model),
        "search": Signature(search("sketch"), {"sketch": tf.TensorSpec([None, side, side, 1]), "z": candidates}),
        "search_image": Signature(search("image"), {"image": tf.TensorSpec([None, side, side, 3]), "z": candidates}),
    }
