"""An example's conditions, sampled afresh each time: mask, lines, colour strokes, noise.

Python, cv2 and NumPy, which mostly run without the interpreter's lock. All randomness comes from the given
generator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import cv2
import numpy as np

from tfsketch.conditions import colors, feature_strokes, features, hand, masks
from tfsketch.config import AffineConfig, Config
from tfsketch.data.augmentation import grey, warp
from tfsketch.data.occlusion import occlude
from tfsketch.data.shards import Picture
from tfsketch.errors import ConfigError, DataError
from tfsketch.vocabulary import STORED_MAPS, size_of, stored_map


def keys(config: Config) -> tuple[str, ...]:
    """The keys of an experiment's batches.

    Raises:
      ConfigError: the experiment has no section `model`, which names them.
    """
    if config.model is None:
        raise ConfigError("model: expected a system's section, found none")
    return ("image", *config.model.conditions, *(f"sketch_{style}" for style in config.data.maps), "seed")


def _is_freehand(rng: np.random.Generator, config: Config) -> bool:
    """Whether the freehand simulator draws a training example's sketch. Takes no random number if that is certain."""
    chance = config.hand.probability if config.hand.abstraction[1] > 0 else 0.0
    return chance >= 1.0 or chance > 0.0 and rng.random() < chance


def _dabs(
    rng: np.random.Generator, picture: Picture, targets: Mapping[str, np.ndarray], mask: np.ndarray, config: Config
) -> tuple[Picture, np.ndarray, np.ndarray]:
    """Dabs on the features that a mask covers: the picture, one of whose features may have been recoloured, and
    colours and strokes as of `colors.paint`."""
    names = [name for name in targets if name in features.COLORED]
    color, strokes = np.zeros_like(picture.color), np.zeros_like(mask)
    if not names or rng.random() >= config.color.probability:
        return picture, color, strokes
    parts = {
        name: features.color_regions(name, picture.image, picture.maps["regions"], targets[name]) for name in names
    }
    if config.color.recolor and rng.random() < config.color.recolor:
        part = parts[names[rng.integers(len(names))]]
        labels = np.flatnonzero(np.bincount(part.reshape(-1))[1:]) + 1  # lips or teeth, not both alike
        one = (part == labels[rng.integers(len(labels))]).astype(np.uint8)
        variant = features.recolor(rng, (picture.image, picture.color), one)
        picture = picture.having(**dict(zip(("image", "color"), variant)))
    for name in names:
        dabs, where = feature_strokes.dabs(rng, name, picture.color, parts[name] * mask, config.color)
        cv2.copyTo(dabs, where & (1 - strokes), color)
        strokes |= where
    return picture, color, strokes


def draw(
    picture: Picture,
    rng: np.random.Generator,
    config: Config,
    training: bool,
    progress: float = 1.0,
    level: float | None = None,
) -> dict[str, np.ndarray]:
    """An example with sampled conditions.

    Args:
      picture: of the experiment's `image_size`.
      rng: the only source of randomness.
      config: sections `data`, `mask`, `sketch`, `hand` and `color`.
      training: if off, nothing is moved or left out, every example has colour strokes, and lines are drawn exactly.
      progress: share of the training that is done, for schedules.
      level: of the freehand simulator, instead of a random one in training and of exact lines otherwise.

    Returns:
      What `vocabulary.to_tensors` takes, for the keys of `keys(config)`: `image` and `color` [H,W,3] uint8; `mask`,
      `sketch`, `refined`, `painted`, `regions` and `sketch_STYLE` [H,W] uint8; `noise` [H,W] float32; `z` [Z] float32,
      uniform in [-1,1]; `seed` [2] int32.

    Raises:
      DataError: the shards lack a style or the regions that the experiment needs.
    """
    outputs = keys(config)
    map_keys = [key for key in outputs if key in STORED_MAPS and not STORED_MAPS[key].styled]
    styles = (*config.sketch.drawings(), *config.data.maps) if "sketch" in outputs or config.data.maps else ()
    for feature in (*map_keys, *(f"sketch/{style}" for style in styles)):
        if feature not in picture.maps:
            raise DataError(
                f"{picture.name}: expected {stored_map(feature).title} ({feature}), found {', '.join(picture.maps)}; "
                f"see {stored_map(feature).source} and run tools.prepare_data again"
            )
    if training and config.data.affine != AffineConfig():
        picture = warp(picture, rng, config.data.affine, config.sketch)
    if training and rng.random() < config.data.occlusion_probability:
        picture = occlude(picture, rng)
    # Takes no random number if the probability is 0, so that runs from before this setting continue unchanged.
    if training and config.data.grey_probability and rng.random() < config.data.grey_probability:
        picture = grey(picture)
    size = size_of(picture.image)
    example: dict[str, np.ndarray] = {"image": picture.image}
    if "mask" in outputs:
        example["mask"] = masks.free_form(rng, size, config.mask, picture.regions, progress)
    # User input is simulated in training, and in grids that show what a system is trained for.
    targets: Mapping[str, np.ndarray] | None = {}
    freehand = (config.color.features or config.hand.features) and (training or level is not None)
    if freehand and picture.regions is not None:  # without a mask, the whole face
        targets = features.features_in(picture.regions, example["mask"]) if "mask" in outputs else None
    if "color" in outputs and targets and config.color.features and rng.random() < config.color.features:
        picture, example["color"], example["painted"] = _dabs(rng, picture, targets, example["mask"], config)
        example["image"] = picture.image
    elif "color" in outputs:
        color_config = config.color if training else dataclasses.replace(config.color, probability=1.0)
        example["color"], example["painted"] = colors.paint(rng, picture.color, color_config, picture.regions)
    if "sketch" in outputs:
        drawings = config.sketch.drawings()
        several = training and len(drawings) > 1
        lines = picture.sketches[drawings[rng.integers(len(drawings))] if several else drawings[0]]
        example["refined"] = lines
        if training and rng.random() >= config.data.sketch_probability:
            lines = np.zeros_like(lines)
        elif targets != {} and config.hand.features and rng.random() < config.hand.features:
            level = rng.uniform(*config.hand.abstraction) if level is None else level
            face = (picture.image, picture.maps["regions"], lines)
            lines = feature_strokes.drawing(rng, *face, targets, level, config.hand)
        elif level is not None or training and _is_freehand(rng, config):
            level = rng.uniform(*config.hand.abstraction) if level is None else level
            lines = hand.simulate(rng, lines, level, config.hand, picture.regions)
        example["sketch"] = lines
    for style in config.data.maps:
        example[f"sketch_{style}"] = picture.sketches[style]
    example |= {key: picture.maps[key] for key in map_keys if key not in example}
    if "noise" in outputs:
        example["noise"] = rng.standard_normal(size, np.float32)
    if "z" in outputs:
        example["z"] = rng.uniform(-1.0, 1.0, getattr(config.model, "latent")).astype(np.float32)
    example["seed"] = rng.integers(0, 2**31 - 1, 2).astype(np.int32)
    return {key: example[key] for key in (*outputs, *(["painted"] if "painted" in example else []))}
