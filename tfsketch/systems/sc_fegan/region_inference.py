"""Exact region inference: SC-FEGAN's network, computed only where an edit can see it.

In: the vocabulary's dict, as the network itself takes it. Out: `image`, the same as the network's to rounding.

Only pixels inside the mask are kept of what the network draws, and between two strokes most of what it looks at stays
the same. So two things need not be computed:

- **The decoder outside of the mask's box.** Its upper levels hold most of the arithmetic and each pixel of them looks
  at a few of the level below. From the mask's box the windows go down the levels: what a convolution's output looks at
  (`looks_at`), what a doubling's output comes from (`reaches`, because a doubling is a strided convolution's adjoint).
  Going back up, each layer is computed on its window alone.
- **The encoder where nothing changed.** Its maps are kept from one call to the next. What changed in the packed input
  has a box; the windows go up the levels with what each convolution carries it to (`reaches`), and only these parts of
  the maps are computed again, in place.

Windows come from the layers' own kernels, strides and dilations, on each axis, so any configuration is right. A window
is cut at the map's true border, where the network pads with zeros, and only there are zeros added; inside, the halo is
real. Norms across channels and activations are pixel by pixel. The bottleneck with its dilated layers is computed
whole: a dilated kernel reaches across it whatever the box, and it is a thousandth of the published network's arithmetic
(a fifth of the light one's at 128 px).

Both shortcuts stand alone, and each is taken only where its share of the arithmetic is small enough (`WORTHWHILE`):
windows cost some copying, and convolutions of small maps run slower. Where neither is taken, this is the network
itself, split in two graphs. An instance norm looks at the whole map, so a network with one is never cut.

Box arithmetic is the same on Python's numbers and on tensors: one graph serves every box. `edited` is the first
shortcut for an export, in one graph that finds the box, decides, and keeps nothing.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import tensorflow as tf

from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.vocabulary import composite

WORTHWHILE = 0.8
"""Share of the whole arithmetic up to which a part is computed by windows."""

Number = Union[int, tf.Tensor]
Span = tuple[Number, Number]
"""(start, stop) on one axis."""
Window = tuple[Span, Span]
"""Of rows and of columns."""


def _along(value: Any) -> int:
    """A layer's kernel, stride or dilation, the same on both axes."""
    return value if isinstance(value, int) else value[0]


class Stencil:
    """How a layer's smaller map stands to its larger one: place j of the smaller one has to do with places
    j * stride - before to j * stride - before + extent - 1 of the larger one.

    Of a convolution the larger map is the input, of a doubling the output. Padding is TensorFlow's SAME: half of what
    lacks comes before, and the odd one after. The larger map's sides must be multiples of the stride, as all of a
    `Generator`'s are; what lacks is then the same at any size.
    """

    def __init__(self, layer: tf.keras.layers.Layer):
        if isinstance(layer, tf.keras.layers.UpSampling2D):
            self.stride = self.extent = _along(layer.size)
        else:
            dilation = getattr(layer, "dilation", 1)
            self.stride = _along(getattr(layer, "strides", 2))  # a gated doubling has none of its own
            self.extent = (_along(layer.kernel_size) - 1) * dilation + 1
        self.before = max(self.extent - self.stride, 0) // 2

    def looks_at(self, span: Span) -> Span:
        """Places of the larger map for a span of the smaller one, not cut at the border."""
        start, stop = span
        return start * self.stride - self.before, (stop - 1) * self.stride - self.before + self.extent

    def reaches(self, span: Span) -> Span:
        """Places of the smaller map for a span of the larger one, not cut at the border."""
        start, stop = span
        return -((self.extent - 1 - self.before - start) // self.stride), (stop - 1 + self.before) // self.stride + 1


def _clip(value: Number, high: int) -> Number:
    if tf.is_tensor(value) or tf.is_tensor(high):
        return tf.clip_by_value(value, 0, high)
    return min(max(value, 0), high)


def _clipped(window: Window, size: Sequence[int]) -> Window:
    return tuple((_clip(start, side), _clip(stop, side)) for (start, stop), side in zip(window, size))


def _looks_at(layer: tf.keras.layers.Layer, window: Window) -> Window:
    return tuple(Stencil(layer).looks_at(span) for span in window)


def _reaches(layer: tf.keras.layers.Layer, window: Window) -> Window:
    return tuple(Stencil(layer).reaches(span) for span in window)


def _cut(x: tf.Tensor, window: Window, origin: Window = ((0, 0), (0, 0))) -> tf.Tensor:
    """The window of a map, of which `x` is what starts at the start of `origin`."""
    (top, bottom), (left, right) = window
    (y, _), (x0, _) = origin
    return x[:, top - y : bottom - y, left - x0 : right - x0]


def _convolved(layer: tf.keras.layers.Layer, x: tf.Tensor, window: Window, size: Sequence[int]) -> tf.Tensor:
    """A convolution's output on a window.

    Args:
      layer: a `GatedConv2D`, or the plain convolution to RGB.
      x: what the window looks at of the input, cut at the border.
      window: of the output.
      size: (height, width) of the input.
    """
    wanted = _looks_at(layer, window)
    pads = [(inner[0] - outer[0], outer[1] - inner[1]) for outer, inner in zip(wanted, _clipped(wanted, size))]
    x = tf.pad(x, [(0, 0), *pads, (0, 0)])
    if isinstance(layer, tf.keras.layers.Conv2D):
        x, kernel, bias = (tf.cast(value, layer.compute_dtype) for value in (x, layer.kernel, layer.bias))
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, layer.strides, "VALID"), bias)
    return layer(x, padding="VALID")


def _doubled(layer: tf.keras.layers.Layer, x: tf.Tensor, origin: Window, window: Window) -> tf.Tensor:
    """A doubling's output on a window.

    Args:
      layer: a `GatedDeconv2D` or the nearest-neighbour upsampling.
      x: what the window comes from of the input, cut at the border.
      origin: x's own window.
      window: of the output.
    """
    x = layer(x) if isinstance(layer, tf.keras.layers.UpSampling2D) else layer(x, padding="VALID")
    return _cut(x, window, _looks_at(layer, origin))


def _weights(layer: tf.keras.layers.Layer) -> int:
    """Multiplications of a layer for a place of its smaller map (a convolution's output, a doubling's input)."""
    return sum(variable.shape.num_elements() for variable in layer.trainable_variables if variable.shape.rank == 4)


def _area(window: Window) -> Number:
    """Places of a window; as a tensor float32, since what they cost is more than 32 bits count."""
    area = (window[0][1] - window[0][0]) * (window[1][1] - window[1][0])
    return tf.cast(area, tf.float32) if tf.is_tensor(area) else area


def _doubling(model: Generator, stage: int) -> tf.keras.layers.Layer:
    return model.deconvs[stage] if model.deconvs else model.upsample


def _sizes(model: Generator, size: Sequence[Number]) -> list[tuple[Number, Number]]:
    """(height, width) of the maps that the decoder's stages make."""
    stages = len(model.mixers)
    return [tuple(side // 2 ** (stages - 1 - stage) for side in size) for stage in range(stages)]


def decoder_windows(model: Generator, box: Window, size: Sequence[Number]) -> list[tuple[Window, Window, Window]]:
    """What the decoder must compute for a box of the picture.

    Args:
      model: the network.
      box: the window of the picture.
      size: (height, width) of the picture.

    Returns:
      For every stage the windows of (its input, its doubled input, its output), cut at the border.
    """
    wanted = box if model.to_rgb is None else _clipped(_looks_at(model.to_rgb, box), size)
    windows = []
    for stage, (mixer, larger) in reversed(list(enumerate(zip(model.mixers, _sizes(model, size))))):
        doubled = _clipped(_looks_at(mixer, wanted), larger)
        smaller = [side // 2 for side in larger]
        given = _clipped(_reaches(_doubling(model, stage), doubled), smaller)
        windows.append((given, doubled, wanted))
        wanted = given
    return windows[::-1]


def decode_box(
    model: Generator, x: tf.Tensor, skips: Sequence[tf.Tensor], box: Window, size: Sequence[Number]
) -> tf.Tensor:
    """`Generator.decode` on a box of the picture.

    Args:
      model: the network.
      x: what `Generator.dilate` gave.
      skips: what `Generator.encode` gave, without its last.
      box: the window of the picture; numbers or int32 scalars.
      size: (height, width) of the picture; the same.

    Returns:
      [B, height, width of the box, 3], before the tanh.
    """
    origin = ((0, 0), (0, 0))
    plan = zip(decoder_windows(model, box, size), model.mixers, _sizes(model, size))
    for stage, ((given, doubled, mixed), mixer, larger) in enumerate(plan):
        x = _doubled(_doubling(model, stage), _cut(x, given, origin), given, doubled)
        skip = tf.cast(_cut(skips[-1 - stage], doubled), x.dtype)
        x = _convolved(mixer, tf.concat([skip, x], axis=-1), mixed, larger)
        origin = mixed
    return x if model.to_rgb is None else _convolved(model.to_rgb, x, box, size)


def decoder_share(model: Generator, box: Window, size: Sequence[Number]) -> float | tf.Tensor:
    """The arithmetic of `decode_box` as a share of the whole decoder's."""

    def cost(box: Window) -> Number:
        head = 0 if model.to_rgb is None else _area(box) * _weights(model.to_rgb)
        plan = enumerate(zip(decoder_windows(model, box, size), model.mixers))
        return head + sum(
            _area(given) * _weights(_doubling(model, stage)) + _area(mixed) * _weights(mixer)
            for stage, ((given, _, mixed), mixer) in plan
        )

    return cost(box) / cost(tuple((0, side) for side in size))


def encoder_windows(model: Generator, changed: Window, size: Sequence[int]) -> list[Window]:
    """What changes in the encoder's maps with a box of its input: a window a stage, cut at the border."""
    windows = []
    for layer in model.encoder:
        size = [side // 2 for side in size]
        changed = _clipped(_reaches(layer, changed), size)
        windows.append(changed)
    return windows


def encoder_share(model: Generator, changed: Window, size: Sequence[int]) -> float:
    """The arithmetic of encoding a change again as a share of encoding all; numbers. The bottleneck counts in both."""

    def cost(changed: Window) -> int:
        windows = encoder_windows(model, changed, size)
        least = _area(tuple((0, side // model.stride) for side in size)) * sum(_weights(x) for x in model.dilated)
        return least + sum(_area(window) * _weights(layer) for window, layer in zip(windows, model.encoder))

    return cost(changed) / cost(tuple((0, side) for side in size))


def box_of(where: tf.Tensor) -> tf.Tensor:
    """(top, bottom, left, right) of what is true in [B,H,W,C], int32; all 0 where nothing is."""
    spans = []
    for others in ([0, 2, 3], [0, 1, 3]):
        places = tf.where(tf.reduce_any(where, axis=others))
        # Of no place at all these are the type's extremes.
        start, stop = tf.reduce_min(places), tf.reduce_max(places) + 1
        spans += [tf.where(start < stop, value, tf.zeros_like(value)) for value in (start, stop)]
    return tf.cast(tf.stack(spans), tf.int32)


def window_of(box: Sequence[Number]) -> Window:
    """`box_of`'s result, or its numbers, as a window."""
    return (box[0], box[1]), (box[2], box[3])


def _drawn(x: tf.Tensor) -> tf.Tensor:
    """What a decoder gave, as a picture."""
    return tf.tanh(tf.cast(x, tf.float32))


def _drawn_box(
    model: Generator, x: tf.Tensor, skips: Sequence[tf.Tensor], box: Window, size: Sequence[Number]
) -> tf.Tensor:
    """`decode_box` as a picture, on zeros of the whole one's size."""
    around = [(start, side - stop) for (start, stop), side in zip(box, size)]
    return tf.pad(_drawn(decode_box(model, x, skips, box, size)), [(0, 0), *around, (0, 0)])


def edited(model: Generator, inputs: Mapping[str, tf.Tensor], worthwhile: float = WORTHWHILE) -> tf.Tensor:
    """The network's `image` from one graph that keeps nothing, for an export: the decoder on the mask's box, or on all
    of the picture, as the graph finds worthwhile.

    A batch shares the box of all its masks. Boxes of their own would mean a loop over the examples, and convolutions of
    one example after the other run slower than those of a batch; who edits one picture has its own box anyway.

    Args:
      model: the network.
      inputs: the vocabulary's dict, [B,H,W,C] of any sizes, known or not.
      worthwhile: see the module's constant.
    """
    model.check_size(inputs["image"].shape)
    image, mask = inputs["image"], inputs["mask"]
    maps = model.encode(model.pack(inputs))
    x, skips = model.dilate(maps[-1]), maps[:-1]

    def whole() -> tf.Tensor:
        return _drawn(model.decode(x, skips))

    if model.config.norm == "instance":
        return composite(whole(), image, mask)
    known, shape = image.shape[1:3], tf.shape(image)
    size = [shape[axis + 1] if side is None else side for axis, side in enumerate(known)]
    # At least a pixel, where nothing is erased.
    box = tuple((start, tf.maximum(stop, start + 1)) for start, stop in window_of(tf.unstack(box_of(mask > 0.5))))
    drawn = tf.cond(
        decoder_share(model, box, size) <= worthwhile,
        lambda: tf.ensure_shape(_drawn_box(model, x, skips, box, size), image.shape),
        whole,
    )
    return composite(drawn, image, mask)


class _Kept:
    """The encoder's maps of the last picture, and the graphs that make and use them, for one shape of pictures."""

    def __init__(self, model: Generator, packed: tf.Tensor):
        self.shape, self._model = tuple(packed.shape), model
        self.size = self.shape[1:3]
        self._maps = [tf.Variable(packed, trainable=False)]
        for stage, layer in enumerate(model.encoder, 1):
            shape = [self.shape[0], *(side >> stage for side in self.size), layer.filters]
            self._maps.append(tf.Variable(tf.zeros(shape, layer.compute_dtype), trainable=False))

    @tf.function
    def changed(self, packed: tf.Tensor) -> tf.Tensor:
        """The box of what differs from the last input."""
        return box_of(packed != self._maps[0])

    @tf.function
    def encode(self, packed: tf.Tensor) -> None:
        for kept, x in zip(self._maps, self._model.encode(packed)):
            kept.assign(x)

    @tf.function
    def update(self, packed: tf.Tensor, box: tf.Tensor) -> None:
        """`encode`, of an input that differs from the last one in a box."""
        self._maps[0].assign(packed)
        sizes = [self.size, *(kept.shape[1:3] for kept in self._maps[1:])]
        windows = encoder_windows(self._model, window_of(tf.unstack(box)), self.size)
        for stage, (layer, window) in enumerate(zip(self._model.encoder, windows)):
            seen = _clipped(_looks_at(layer, window), sizes[stage])
            part = _convolved(layer, _cut(self._maps[stage], seen), window, sizes[stage])
            (top, bottom), (left, right) = window
            self._maps[stage + 1][:, top:bottom, left:right].assign(part)

    @tf.function
    def decode(self) -> tf.Tensor:
        """The whole picture, as drawn."""
        maps = [tf.convert_to_tensor(kept) for kept in self._maps]
        return _drawn(self._model.decode(self._model.dilate(maps[-1]), maps[:-1]))

    @tf.function
    def decode_box(self, box: tf.Tensor) -> tf.Tensor:
        """A box of the picture, as drawn, on a picture of zeros."""
        maps = [tf.convert_to_tensor(kept) for kept in self._maps]
        window = window_of(tf.unstack(box))
        drawn = _drawn_box(self._model, self._model.dilate(maps[-1]), maps[:-1], window, self.size)
        return tf.ensure_shape(drawn, [*self.shape[:3], 3])


class RegionInference:
    """Stands for a network whose weights no longer change: called with the vocabulary's dict it returns `image`.

    Made for a picture that is edited stroke by stroke: it keeps the last call's maps (35 MB for the published network
    at 512 px), and finds out by itself what changed. Threads take turns.

    Args:
      model: the network.
      worthwhile: see the module's constant; 0 always computes all, 1 never.
    """

    def __init__(self, model: Generator, worthwhile: float = WORTHWHILE):
        self._model, self._kept = model, None
        self._lock = threading.Lock()
        self._worthwhile = 0.0 if model.config.norm == "instance" else worthwhile
        # A small network is done in the time that counting takes, and a next stroke has the same hole.
        self._counted = functools.lru_cache(64)(lambda share, box, size: share(model, window_of(box), size))
        self._pack = tf.function(lambda inputs: (model.pack(inputs), box_of(inputs["mask"] > 0.5)))

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The dict of `Generator`, with `image` alone; a batch shares one box, that of all its masks.

        Raises:
          ImageError: H or W is no multiple of the network's stride.
        """
        inputs = {key: tf.convert_to_tensor(value) for key, value in inputs.items()}
        self._model.check_size(inputs["image"].shape)
        packed, box = self._pack(inputs)
        with self._lock:
            try:
                drawn = self._draw(packed, box)
            except BaseException:  # maps of two pictures must not be mixed
                self._kept = None
                raise
        return {"image": composite(drawn, inputs["image"], inputs["mask"])}

    def _draw(self, packed: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
        """What the network draws in the box, [B,H,W,3]; anything outside of it."""
        if self._kept is None or self._kept.shape != tuple(packed.shape):
            self._kept = _Kept(self._model, packed)
            self._kept.encode(packed)
        else:
            changed = self._kept.changed(packed)
            if int(changed[1]) and self._share(encoder_share, changed) > self._worthwhile:
                self._kept.encode(packed)
            elif int(changed[1]):
                self._kept.update(packed, changed)
        whole = self._share(decoder_share, box) > self._worthwhile
        return self._kept.decode() if whole else self._kept.decode_box(box)

    def _share(self, share: Callable[[Generator, Window, Sequence[int]], float], box: tf.Tensor) -> float:
        return self._counted(share, tuple(box.numpy().tolist()), self._kept.size)
