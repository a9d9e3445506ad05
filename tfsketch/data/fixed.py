"""Batches whose pictures and conditions never change, for grids, evaluation and exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfsketch.config import Config
from tfsketch.data.sampling import draw
from tfsketch.data.shards import Picture, Shards
from tfsketch.vocabulary import to_tensors


def center_crop(picture: Picture, side: int) -> Picture:
    """The central square of a picture that is stored at a larger size."""
    margin = (picture.image.shape[0] - side) // 2
    cut = (slice(margin, margin + side),) * 2
    return Picture(picture.name, {feature: layer[cut] for feature, layer in picture.maps.items()})


def fixed_batch(
    shards: Shards | Mapping[int, Picture], config: Config, numbers: Sequence[int], level: float | None = None
) -> dict[str, tf.Tensor]:
    """The given pictures as one batch whose conditions never change: for grids and evaluation; `level` as in `draw`."""
    examples = []
    for n in numbers:
        rng = np.random.default_rng([config.seed, 2, n])
        examples.append(draw(center_crop(shards[n], config.image_size), rng, config, training=False, level=level))
    return to_tensors({key: np.stack([example[key] for example in examples]) for key in examples[0]})
