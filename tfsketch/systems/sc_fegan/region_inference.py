"""Exact region inference: SC-FEGAN's network, computed only where an edit can see it.

In: the vocabulary's dict, as the network itself takes it. Out: `image`, the same as the network's to rounding.

Only pixels inside the mask are kept of the network's output, and between two strokes most of its input stays
the same. So two things need not be computed:

- **The decoder outside of the mask's box.** Its upper levels hold most of the arithmetic and each pixel of them looks
  at a few of the level below. From the mask's box the windows go down the levels: the receptive field of a
  convolution's output (`source_window`), what a doubling's output comes from (`reaches`, because a doubling is a
  strided convolution's adjoint). Going back up, each layer is computed on its window alone.
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
itself, split in two graphs. An instance norm depends on the whole map, so a network with one is never cropped.

Box arithmetic is the same on Python's numbers and on tensors: one graph serves every box. `edited` is the first
shortcut for an export, in one graph that finds the box, decides, and keeps nothing.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from tfsketch.systems.sc_fegan.windows import (
    Number,
    Window,
    box_of,
    clip,
    convolve,
    crop,
    decode_box,
    decoder_share,
    encoder_share,
    encoder_windows,
    source_window,
    window_of,
)
from tfsketch.vocabulary import composite

if TYPE_CHECKING:
    from tfsketch.systems.sc_fegan.network import Generator

_graph = functools.partial(tf.function, autograph=False)  # nothing here is decided in the graph: a third less to trace

WORTHWHILE = 0.8
"""Share of the whole arithmetic up to which a part is computed by windows."""


def _to_picture(x: tf.Tensor) -> tf.Tensor:
    """A decoder's output as a picture."""
    return tf.tanh(tf.cast(x, tf.float32))


def _box_to_picture(
    model: Generator, x: tf.Tensor, skips: Sequence[tf.Tensor], box: Window, size: Sequence[Number]
) -> tf.Tensor:
    """`decode_box` as a picture, on zeros of the whole one's size."""
    around = [(start, side - stop) for (start, stop), side in zip(box, size)]
    return tf.pad(_to_picture(decode_box(model, x, skips, box, size)), [(0, 0), *around, (0, 0)])


def edit(model: Generator, inputs: Mapping[str, tf.Tensor], worthwhile: float = WORTHWHILE) -> tf.Tensor:
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
        return _to_picture(model.decode(x, skips))

    if model.config.norm == "instance":
        return composite(whole(), image, mask)
    static, shape = image.shape[1:3], tf.shape(image)
    size = [shape[axis + 1] if side is None else side for axis, side in enumerate(static)]
    # At least a pixel, where nothing is erased.
    rows, columns = ((start, tf.maximum(stop, start + 1)) for start, stop in window_of(tf.unstack(box_of(mask > 0.5))))
    box = rows, columns
    repaint = tf.cond(
        decoder_share(model, box, size) <= worthwhile,
        lambda: tf.ensure_shape(_box_to_picture(model, x, skips, box, size), image.shape),
        whole,
    )
    return composite(repaint, image, mask)


class _Cache:
    """The encoder's maps of the last picture, and the graphs that make and use them, for one shape of pictures."""

    def __init__(self, model: Generator, stack: tf.Tensor):
        self.shape, self._model = tuple(stack.shape), model
        self.size = self.shape[1:3]
        self._maps = [tf.Variable(stack, trainable=False)]
        for stage, layer in enumerate(model.encoder, 1):
            shape = [self.shape[0], *(side >> stage for side in self.size), layer.filters]
            self._maps.append(tf.Variable(tf.zeros(shape, layer.compute_dtype), trainable=False))

    @_graph
    def change_box(self, stack: tf.Tensor) -> tf.Tensor:
        """The box of what differs from the last input."""
        return box_of(stack != self._maps[0])

    @_graph
    def encode(self, stack: tf.Tensor) -> None:
        for variable, x in zip(self._maps, self._model.encode(stack)):
            variable.assign(x)

    @_graph
    def update(self, stack: tf.Tensor, box: tf.Tensor) -> None:
        """`encode`, of an input that differs from the last one in a box."""
        self._maps[0].assign(stack)
        sizes = [self.size, *(variable.shape[1:3] for variable in self._maps[1:])]
        windows = encoder_windows(self._model, window_of(tf.unstack(box)), self.size)
        for stage, (layer, window) in enumerate(zip(self._model.encoder, windows)):
            source = clip(source_window(layer, window), sizes[stage])
            part = convolve(layer, crop(self._maps[stage], source), window, sizes[stage])
            (top, bottom), (left, right) = window
            self._maps[stage + 1][:, top:bottom, left:right].assign(part)

    @_graph
    def decode(self) -> tf.Tensor:
        """The whole picture, as drawn."""
        maps = [tf.convert_to_tensor(variable) for variable in self._maps]
        return _to_picture(self._model.decode(self._model.dilate(maps[-1]), maps[:-1]))

    @_graph
    def decode_box(self, box: tf.Tensor) -> tf.Tensor:
        """A box of the picture, as drawn, on a picture of zeros."""
        maps = [tf.convert_to_tensor(variable) for variable in self._maps]
        window = window_of(tf.unstack(box))
        picture = _box_to_picture(self._model, self._model.dilate(maps[-1]), maps[:-1], window, self.size)
        return tf.ensure_shape(picture, [*self.shape[:3], 3])


class RegionInference:
    """Stands for a network whose weights no longer change: called with the vocabulary's dict it returns `image`.

    Made for a picture that is edited stroke by stroke: it keeps the last call's maps (35 MB for the published network
    at 512 px), and finds out by itself what changed. Threads take turns.

    Args:
      model: the network.
      worthwhile: see the module's constant; 0 always computes all, 1 never.
    """

    def __init__(self, model: Generator, worthwhile: float = WORTHWHILE):
        self._model = model
        self._cache: _Cache | None = None
        self._lock = threading.Lock()
        self._worthwhile = 0.0 if model.config.norm == "instance" else worthwhile
        # A small network is done in the time that counting takes, and a next stroke has the same hole.
        self._share_of = functools.lru_cache(64)(lambda share, box, size: share(model, window_of(box), size))
        self._pack = _graph(lambda inputs: (model.pack(inputs), box_of(inputs["mask"] > 0.5)))

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The dict of `Generator`, with `image` alone; a batch shares one box, that of all its masks.

        Raises:
          ImageError: H or W is no multiple of the network's stride.
        """
        inputs = {key: tf.convert_to_tensor(value) for key, value in inputs.items()}
        self._model.check_size(inputs["image"].shape)
        stack, box = self._pack(inputs)
        with self._lock:
            try:
                repaint = self._draw(stack, box)
            except BaseException:  # maps of two pictures must not be mixed
                self._cache = None
                raise
        return {"image": composite(repaint, inputs["image"], inputs["mask"])}

    def _draw(self, stack: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
        """The network's picture inside the box, [B,H,W,3]; undefined outside it."""
        if self._cache is None or self._cache.shape != tuple(stack.shape):
            self._cache = _Cache(self._model, stack)
            self._cache.encode(stack)
        else:
            region = self._cache.change_box(stack)
            if int(region[1]) and self._share(encoder_share, region) > self._worthwhile:
                self._cache.encode(stack)
            elif int(region[1]):
                self._cache.update(stack, region)
        whole = self._share(decoder_share, box) > self._worthwhile
        return self._cache.decode() if whole else self._cache.decode_box(box)

    def _share(self, share: Callable[[Generator, Window, Sequence[int]], float], box: tf.Tensor) -> float:
        assert self._cache is not None  # what `_draw` makes first
        return self._share_of(share, tuple(box.numpy().tolist()), self._cache.size)
