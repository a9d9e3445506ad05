"""What a served model answers to: the named signatures of each system, with all work on pictures inside the graph.

`serving_default` takes encoded pictures, a batch of strings each, and gives PNG; the pictures of a batch may differ in
size. It does what `editor.Editor` does by default, seed 0 and its rule for the square included, so an edit is the same
from a server (see `pictures` for how near). `tensors` is the network itself on the vocabulary, at any size that it
takes. `about` says what the model is, to who cannot read its metadata: a client of a server. Further signatures are a
system's own.

A new system costs one function here and its line in `SYSTEMS`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfsketch import zoo
from tfsketch.backends import base
from tfsketch.conditions.regions import REGIONS
from tfsketch.editor import FILLS, PORTRAIT
from tfsketch.framing import arrays, graph
from tfsketch.systems.cali_sketch import network as cali_sketch
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.sc_fegan import region_inference
from tfsketch.vocabulary import CHANNELS, to_unit

CANDIDATES = 30
"""Vectors from which the search of a Contextual GAN starts with the best: as many as in `projection.project`."""
SEARCH_STEPS = 200
"""Its steps. Ours: a server's answer cannot wait for 500, and what the last 300 gain is small."""

MEANINGS = {
    "image_bytes": "encoded picture, RGB; given as PNG or JPEG, returned as PNG",
    "mask_bytes": "PNG or JPEG of the picture's size, white = draw anew, or restyle; thresholded at 0.5; beside "
    "style_bytes, an empty string is everywhere",
    "style_bytes": "PNG or JPEG of any size, the photograph whose looks are taken; the square in its middle counts",
    "sketch_bytes": "PNG or JPEG, lines white on black, black on white or on transparency; where a photograph is "
    "edited, of its size, and an empty string is no sketch",
    "color_bytes": "PNG of the picture's size, colour strokes on transparent or black paper; an empty string is none",
    "fill": "share of the photograph that the paper takes: 1 for a drawing framed like a portrait, about 0.6 for a "
    "face that fills its paper; 0 tries several and keeps the one that makes the surest face",
    "refined_bytes": "PNG, the lines as the model redrew them, black on white",
    "regions_bytes": "grey PNG of the picture's size, each level the number of a region",
    "image": "RGB in [-1,1] (level / 127.5 - 1)",
    "mask": "0 or 1, 1 = draw anew, or restyle",
    "style": "the photograph whose looks are taken, RGB in [-1,1]",
    "sketch": "0 to 1, 1 = stroke",
    "color": "RGB in [-1,1] where painted, 0 elsewhere",
    "noise": "drawn from N(0,1)",
    "z": "in [-1,1]",
    "raw": "what the network drew, RGB in [-1,1], before it is put into the mask",
    "refined": "0 to 1, the lines as the model redrew them",
    "joint": "sketch (left, paper 1, stroke -1) and photograph (right) as one picture, in [-1,1]",
    "probabilities": "share of each region, in the order of regions_of_a_face",
    "regions": "number of the likeliest region, in the order of regions_of_a_face",
    "loss": "of the search, at its end",
    "ask": "anything: an answer for each",
    "about_bytes": "JSON: system; image_size, stride and smallest of its sides; the network's signature and what that "
    "takes",
}
"""Name of an input or output -> what it is, for metadata."""

Outputs = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way of calling a served model."""

    run: Callable[..., Outputs]
    """Called with the inputs by name."""
    inputs: dict[str, tf.TensorSpec]


_PICTURE = tf.TensorSpec([None], tf.string)


def _levels(image: tf.Tensor) -> tf.Tensor:
    """[-1,1] -> whole levels of 0 to 255, float32: `vocabulary.to_uint8`."""
    finite = tf.reduce_all(tf.math.is_finite(image))
    image = graph.require(finite, image, "expected a model that draws finite values, found NaN or infinity")
    return graph.rounded((image + 1.0) * 127.5)


def _png(levels: tf.Tensor) -> tf.Tensor:
    return tf.io.encode_png(tf.cast(levels, tf.uint8))


def _each(function: Callable[..., tf.Tensor | Outputs], *batches: tf.Tensor, gives) -> tf.Tensor | Outputs:
    """`function` of every example alone; `gives` says dtypes, and shapes where they are the same for all."""
    return tf.map_fn(lambda one: function(*one), batches, fn_output_signature=gives)


def _tensors(model: tf.keras.Model) -> Signature:
    """The network itself."""

    def spec(key: str) -> tf.TensorSpec:
        return tf.TensorSpec([None, model.latent] if key == "z" else [None, None, None, CHANNELS[key]])

    return Signature(lambda **inputs: model(inputs), {key: spec(key) for key in model.takes})


def about(model: tf.keras.Model, names: Sequence[str]) -> Signature:
    """What `backends` asks an export for; `names` are those of its other signatures."""
    said = {
        "system": model.experiment.system,
        "image_size": model.experiment.image_size,
        "stride": model.stride,
        "smallest": getattr(model, "smallest", model.stride),
        "takes": list(model.takes),
        "signature": base.SIGNATURE if base.SIGNATURE in names else base.TENSORS,
    }
    return Signature(
        lambda ask: {"about_bytes": tf.fill(tf.shape(ask), json.dumps(said))}, {"ask": tf.TensorSpec([None], tf.string)}
    )


def sc_fegan(model: tf.keras.Model) -> dict[str, Signature]:
    """Edits as `Editor.edit` does; `edit` is `tensors` without what the network draws outside of the mask, which it
    does not compute (`region_inference`). `serving_default` runs that too."""
    side = model.experiment.image_size
    noise = np.random.default_rng(0).standard_normal((side, side), np.float32)[..., None]

    def optional(field: str, data: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A layer [H,W,4] uint8 of the picture's size, all transparent black where the string is empty."""

        def given() -> tuple[tf.Tensor, tf.Tensor]:
            rgba, transparent = graph.decode(field, data)
            return graph.same_size(field, rgba, image), transparent

        return tf.cond(tf.strings.length(data) == 0, lambda: (tf.zeros_like(image), tf.constant(True)), given)

    def read(image_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The photograph [H,W,4] uint8 and its mask [H,W] bool."""
        image, rgba = graph.decode("image_bytes", image_bytes)[0], graph.decode("mask_bytes", mask_bytes)[0]
        mask = graph.mask_of(graph.same_size("mask_bytes", rgba, image))
        expected = "mask_bytes: expected at least one erased pixel, found an empty mask"
        return image, graph.require(tf.reduce_any(mask), mask, expected)

    def before(
        image_bytes: tf.Tensor, mask_bytes: tf.Tensor, sketch_bytes: tf.Tensor, color_bytes: tf.Tensor
    ) -> Outputs:
        image, mask = read(image_bytes, mask_bytes)
        sketch = graph.sketch_of(optional("sketch_bytes", sketch_bytes, image)[0])
        color, transparent = optional("color_bytes", color_bytes, image)
        painted = graph.color_of(color, transparent)
        square = graph.Square(mask, side)
        cut, work = square.cut, square.work
        levels, erased = square.shrunk(image[..., :3]), square.shrunk_mask()[..., None]
        lines = graph.thin(graph.resize_sketch(cut(sketch), work)[None])[0, ..., None]
        paint = graph.resize_color(tf.cast(cut(color)[..., :3], tf.float32), cut(painted), work)
        layers = graph.pad(tf.concat([levels, erased, lines, paint], axis=-1), side)
        levels, erased, lines, paint, alpha = tf.split(layers, [3, 1, 1, 3, 1], axis=-1)
        return {
            "image": to_unit(levels),
            "mask": erased,
            "sketch": lines,
            "color": to_unit(paint) * alpha,
            "noise": noise * erased,
        }

    def after(image_bytes: tf.Tensor, mask_bytes: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        image, mask = read(image_bytes, mask_bytes)
        square = graph.Square(mask, side)
        return tf.io.encode_png(square.pasted(image[..., :3], graph.rounded(square.enlarged(square.unpadded(drawn)))))

    def edit(image_bytes: tf.Tensor, mask_bytes: tf.Tensor, sketch_bytes: tf.Tensor, color_bytes: tf.Tensor) -> Outputs:
        layers = {key: tf.TensorSpec([side, side, CHANNELS[key]]) for key in model.takes}
        seen = _each(before, image_bytes, mask_bytes, sketch_bytes, color_bytes, gives=layers)
        drawn = _levels(region_inference.edited(model, seen))
        return {"image_bytes": _each(after, image_bytes, mask_bytes, drawn, gives=tf.TensorSpec([], tf.string))}

    inputs = dict.fromkeys(("image_bytes", "mask_bytes", "sketch_bytes", "color_bytes"), _PICTURE)
    tensors = _tensors(model)
    part = Signature(lambda **inputs: {"image": region_inference.edited(model, inputs)}, tensors.inputs)
    return {"serving_default": Signature(edit, inputs), base.TENSORS: tensors, base.SIGNATURE: part}


def _read_sketch(sketch_bytes: tf.Tensor) -> tf.Tensor:
    """A sheet with at least one stroke: [H,W] bool."""
    sketch = graph.sketch_of(graph.decode("sketch_bytes", sketch_bytes)[0])
    expected = "sketch_bytes: expected at least one stroke, found an empty sheet"
    return graph.require(tf.reduce_any(sketch), sketch, expected)


def _place(size: tf.Tensor, side: int, fill: tf.Tensor) -> list[tf.Tensor]:
    """`framing.place`: [top, left, height, width] int32."""
    scale = tf.cast(fill, tf.float64) * side / tf.cast(tf.reduce_max(size), tf.float64)
    height, width = tf.unstack(tf.maximum(tf.cast(tf.round(tf.cast(size, tf.float64) * scale), tf.int32), 1), num=2)
    top = tf.cast(tf.round(tf.cast(side - height, tf.float64) * arrays.LOW), tf.int32)
    return [top, (side - width) // 2, height, width]


def _framing(sketch: tf.Tensor) -> tf.Tensor:
    """`framing.usual_fill` of [H,W] bool, float32."""
    longest, box = (tf.cast(tf.reduce_max(one), tf.float32) for one in (tf.shape(sketch), graph.box_of(sketch)[1]))
    return tf.minimum(1.0, arrays.FREE_HAND * longest / box)


def _placed(sketch: tf.Tensor, side: int, fill: tf.Tensor, ink: bool = False) -> tf.Tensor:
    """A sheet [H,W] bool in the square that a model sees, [side,side,1] float32 in {0,1}: lines of one pixel, or
    `ink` of `framing.PEN` pixels."""
    top, left, height, width = _place(tf.shape(sketch), side, fill)
    size = tf.stack([height, width])
    lines = graph.resize_ink(sketch, size) if ink else graph.thin(graph.resize_sketch(sketch, size)[None])[0]
    lines = tf.pad(lines, [[top, side - height - top], [left, side - width - left]])
    return tf.ensure_shape(lines[..., None], [side, side, 1])


def _sheet_of(layer: tf.Tensor, size: tf.Tensor, fill: tf.Tensor) -> tf.Tensor:
    """What a square [side,side,C] shows in the place of a sheet, at the sheet's size, not rounded."""
    top, left, height, width = _place(size, layer.shape[0], fill)
    return graph.resize(layer[top : top + height, left : left + width], size)


def _surest_face(parser: tf.keras.Model, photographs: tf.Tensor) -> tf.Tensor:
    """`Editor._surest_face` of [B,K,S,S,3] levels: [B] int32."""
    side = parser.experiment.image_size
    size = tf.shape(photographs)
    flat = tf.reshape(photographs, [-1, *photographs.shape[2:]])
    small = _each(lambda one: _for_parser(one, side), flat, gives=tf.TensorSpec([side, side, 3]))
    shares = parser({"image": small})["probabilities"]
    found = [tf.reduce_mean(sum(shares[..., REGIONS.index(name)] for name in names), axis=[1, 2]) for names in PORTRAIT]
    score = sum(tf.minimum(one, usual) / usual for one, usual in zip(found, PORTRAIT.values()))
    return tf.argmax(tf.reshape(score, size[:2]), axis=1, output_type=tf.int32)


def _for_parser(levels: tf.Tensor, side: int) -> tf.Tensor:
    """A photograph [H,W,3] as `face_parser.shares` shows it to the network: [side,side,3] in [-1,1]."""
    return tf.ensure_shape(to_unit(graph.rounded(graph.fit(levels, side))), [side, side, 3])


def drawing(model: tf.keras.Model) -> dict[str, Signature]:
    """Draws as `Editor.draw` does, the face parser included."""
    side, parser = model.experiment.image_size, zoo.load_model("face_parser")
    fills = tf.constant(FILLS)

    def draw(sketch_bytes: tf.Tensor, fill: tf.Tensor) -> Outputs:
        valid = tf.reduce_all((fill >= 0.0) & (fill <= 1.0))
        found = tf.strings.reduce_join(tf.strings.as_string(fill), separator=", ")
        fill = graph.require(valid, fill, "fill: expected shares of 0 to 1, found ", found)
        open_ = fill == 0.0
        tries = tf.where(tf.reduce_any(open_), len(FILLS), 1)
        # Pictures whose place is given take all tries at that place, where others of the batch need them.
        tried = tf.where(open_[:, None], fills[None], fill[:, None])[:, :tries]

        def before(data: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
            sketch = _read_sketch(data)
            return _each(lambda share: _placed(sketch, side, share), shares, gives=tf.TensorSpec([side, side, 1]))

        seen = _each(before, sketch_bytes, tried, gives=tf.TensorSpec([None, side, side, 1]))
        made = model({"sketch": tf.reshape(seen, [-1, side, side, 1])})
        image = tf.reshape(_levels(made["image"]), [-1, tries, side, side, 3])
        image = tf.ensure_shape(image, [None, None, side, side, 3])
        best = tf.cond(tries > 1, lambda: _surest_face(parser, image), lambda: tf.zeros_like(fill, tf.int32))
        image, share = tf.gather(image, best, batch_dims=1), tf.gather(tried, best, batch_dims=1)
        refined = tf.gather(tf.reshape(made["refined"], [-1, tries, side, side]), best, batch_dims=1)
        kept = graph.drop_short(refined >= cali_sketch.LINE, cali_sketch.SPECK)
        refined = (refined * tf.cast(kept, tf.float32))[..., None]

        def after(data: tf.Tensor, image: tf.Tensor, refined: tf.Tensor, share: tf.Tensor) -> Outputs:
            size = tf.shape(graph.decode("sketch_bytes", data)[0])[:2]
            lines = tf.cast(_sheet_of(refined, size, share) < cali_sketch.LINE, tf.float32)
            photograph = graph.rounded(_sheet_of(image, size, share))
            return {"image_bytes": _png(photograph), "refined_bytes": _png(255.0 * lines)}

        encoded = dict.fromkeys(("image_bytes", "refined_bytes"), tf.TensorSpec([], tf.string))
        return _each(after, sketch_bytes, image, refined, share, gives=encoded)

    inputs = {"sketch_bytes": _PICTURE, "fill": tf.TensorSpec([None])}
    return {"serving_default": Signature(draw, inputs), base.TENSORS: _tensors(model)}


def face_parser(model: tf.keras.Model) -> dict[str, Signature]:
    """Parses as `models.face_parser.parse` does."""
    side = model.experiment.image_size

    def before(data: tf.Tensor) -> tf.Tensor:
        return _for_parser(tf.cast(graph.decode("image_bytes", data)[0][..., :3], tf.float32), side)

    def after(data: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        size = tf.shape(graph.decode("image_bytes", data)[0])[:2]
        return _png(tf.argmax(tf.image.resize(shares, size, antialias=True), axis=-1)[..., None])

    def parse(image_bytes: tf.Tensor) -> Outputs:
        shares = model({"image": _each(before, image_bytes, gives=tf.TensorSpec([side, side, 3]))})["probabilities"]
        return {"regions_bytes": _each(after, image_bytes, shares, gives=tf.TensorSpec([], tf.string))}

    return {"serving_default": Signature(parse, {"image_bytes": _PICTURE}), base.TENSORS: _tensors(model)}


def contextual_gan(model: tf.keras.Model) -> dict[str, Signature]:
    """Completes sketches, placed and drawn anew as by `Editor.complete`, by searching for z, a fixed number of steps,
    from the same candidates for every sketch: those of `projection.project` follow from a hash of its pixels, which a
    graph cannot compute. `search` and `search_image` take tensors and candidates."""
    side = model.side
    drawn = np.random.default_rng(0).uniform(-1.0, 1.0, (CANDIDATES, model.latent)).astype(np.float32)

    def search(half: str) -> Callable[..., Outputs]:
        def run(**inputs: tf.Tensor) -> Outputs:
            found = projection.search(model, half, inputs[half], inputs["z"], steps=SEARCH_STEPS)
            return {"image" if half == "sketch" else "sketch": found["image" if half == "sketch" else "sketch"]} | {
                "loss": found["loss"]
            }

        return run

    def before(data: tf.Tensor) -> tf.Tensor:
        sketch = _read_sketch(data)
        return _placed(sketch, side, _framing(sketch), ink=True)

    def after(data: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        sketch = _read_sketch(data)
        return _png(graph.rounded(_sheet_of(image, tf.shape(sketch), _framing(sketch))))

    def draw(sketch_bytes: tf.Tensor) -> Outputs:
        known = _each(before, sketch_bytes, gives=tf.TensorSpec([side, side, 1]))
        found = search("sketch")(sketch=known, z=tf.repeat(drawn[None], tf.shape(known)[0], axis=0))
        image = _each(after, sketch_bytes, _levels(found["image"]), gives=tf.TensorSpec([], tf.string))
        return {"image_bytes": image, "loss": found["loss"]}

    candidates = tf.TensorSpec([None, None, model.latent])
    return {
        "serving_default": Signature(draw, {"sketch_bytes": _PICTURE}),
        base.TENSORS: _tensors(model),
        "search": Signature(search("sketch"), {"sketch": tf.TensorSpec([None, side, side, 1]), "z": candidates}),
        "search_image": Signature(search("image"), {"image": tf.TensorSpec([None, side, side, 3]), "z": candidates}),
    }


def region_edit(model: tf.keras.Model) -> dict[str, Signature]:
    """Restyles as `Editor.restyle` does by default. Its network's sizes are static: `tensors` is of its own side."""
    side = model.experiment.image_size

    def read(image_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The photograph [H,W,3] uint8 and where to restyle it [H,W] bool."""
        image = graph.decode("image_bytes", image_bytes)[0]

        def given() -> tf.Tensor:
            rgba = graph.decode("mask_bytes", mask_bytes)[0]
            mask = graph.mask_of(graph.same_size("mask_bytes", rgba, image))
            expected = "mask_bytes: expected at least one pixel to restyle, found an empty mask"
            return graph.require(tf.reduce_any(mask), mask, expected)

        everywhere = tf.fill(tf.shape(image)[:2], True)
        return image[..., :3], tf.cond(tf.strings.length(mask_bytes) == 0, lambda: everywhere, given)

    def before(image_bytes: tf.Tensor, style_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> Outputs:
        image, mask = read(image_bytes, mask_bytes)
        square = graph.Square(mask, side)
        seen = tf.concat([square.shrunk(image), square.shrunk_mask()[..., None]], axis=-1)
        levels, wanted = tf.split(graph.pad(seen, side), [3, 1], axis=-1)
        style = tf.cast(graph.decode("style_bytes", style_bytes)[0][..., :3], tf.float32)
        return {"image": to_unit(levels), "style": to_unit(graph.center_square(style, side)), "mask": wanted}

    def change_of(seen: Outputs, whole: tf.Tensor) -> tf.Tensor:
        """In levels, what the other style changes beside the photograph's own: [B,S,S,3]. Rows that are `whole` are
        drawn as without a mask."""
        features, other = model.encoder.features(seen["image"]), model.encode(seen["style"])[1]
        structure, own = model.encoder.structure(model.encoder.content(features)), model.encoder.style(features)

        def drawn(style: tf.Tensor) -> tf.Tensor:
            swap = model.decode(structure, style)

            def merged() -> tf.Tensor:
                found = model.merged(features, own, style, seen["mask"], swap)
                return tf.where(whole[:, None, None, None], swap, found)

            return tf.cond(tf.reduce_all(whole), lambda: swap, merged)

        change = 127.5 * (drawn(other) - drawn(own))
        finite = tf.reduce_all(tf.math.is_finite(change))
        return graph.require(finite, change, "expected a model that draws finite values, found NaN or infinity")

    def after(image_bytes: tf.Tensor, mask_bytes: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
        image, mask = read(image_bytes, mask_bytes)
        square = graph.Square(mask, side)
        lines = graph.lines_of(square.unpadded(change), square.shrunk(image), square.shrunk_mask())
        slope, offset = tf.split(square.enlarged(lines), 2, axis=-1)
        under = tf.cast(square.window(image), tf.float32)
        drawn = graph.rounded(under + (slope * graph.luma(under) + offset))
        return tf.io.encode_png(square.pasted(image, drawn, square.softened(image)))

    def restyle(image_bytes: tf.Tensor, style_bytes: tf.Tensor, mask_bytes: tf.Tensor) -> Outputs:
        layers = {key: tf.TensorSpec([side, side, CHANNELS[key]]) for key in model.takes}
        seen = _each(before, image_bytes, style_bytes, mask_bytes, gives=layers)
        change = change_of(seen, tf.strings.length(mask_bytes) == 0)
        return {"image_bytes": _each(after, image_bytes, mask_bytes, change, gives=tf.TensorSpec([], tf.string))}

    inputs = dict.fromkeys(("image_bytes", "style_bytes", "mask_bytes"), _PICTURE)
    static = {key: tf.TensorSpec([None, side, side, CHANNELS[key]]) for key in model.takes}
    return {
        "serving_default": Signature(restyle, inputs),
        base.TENSORS: dataclasses.replace(_tensors(model), inputs=static),
    }


SYSTEMS: dict[str, Callable[[tf.keras.Model], dict[str, Signature]]] = {
    "sc_fegan": sc_fegan,
    "face_parser": face_parser,
    "cali_sketch": drawing,
    "contextual_gan": contextual_gan,
    "region_edit": region_edit,
}
"""System -> its signatures, of a model as `zoo.load_model` gives it."""
