"""The terms of Cali-Sketch's losses, and what they look at. Which are the paper's: `config.CaliSketchLossConfig`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from tfsketch.nn import adversarial, feature_losses, line_losses, losses, projected
from tfsketch.systems.cali_sketch.config import CaliSketchLossConfig
from tfsketch.systems.cali_sketch.losses import feature_matching, total_variation_printed
from tfsketch.systems.cali_sketch.network import spread
from tfsketch.training.task import Batch

if TYPE_CHECKING:
    from tfsketch.systems.cali_sketch.task import CaliSketchTask


def lines_near(lines: tf.Tensor, sketch: tf.Tensor, reach: float) -> tf.Tensor:
    """The true lines [B,H,W,1] near a sketch [B,H,W,1]: those within `CaliSketchLossConfig.reach` of its own."""
    if not reach:
        return lines
    return lines * tf.cast(spread(sketch, round(reach * sketch.shape[1])) > 0.5, lines.dtype)


class LineInputs:
    """Inputs of SCN's terms: its lines, the true ones that it must draw, and D1's maps of both."""

    def __init__(self, task: CaliSketchTask, batch: Batch, refined: tf.Tensor, loss: CaliSketchLossConfig):
        self._task, self._batch, self.refined, self.loss = task, batch, refined, loss
        self.truth = lines_near(task.lines(batch), batch["sketch"], loss.reach)

    @functools.cached_property
    def d1_maps(self) -> dict[str, tf.Tensor]:
        """D1's maps of SCN's lines."""
        return self._task.networks["d1"](self.refined)

    def matching(self, key: str) -> tf.Tensor:
        """Feature matching with the lines `key` of the batch."""
        lines = lines_near(self._batch[key], self._batch["sketch"], self.loss.reach)
        return feature_matching(self.d1_maps, self._task.networks["d1"](lines))

    def local_detail(self) -> tf.Tensor:
        """Feature matching with the details."""
        return self.matching(self._task.details)


class PhotographInputs:
    """Inputs of ISN's terms: its photograph, the true one, and the maps of both by D2, the backbone and the trunk."""

    def __init__(
        self,
        task: CaliSketchTask,
        batch: Batch,
        raw: tf.Tensor,
        views: list[projected.View],
        loss: CaliSketchLossConfig,
    ):
        self._task, self.raw, self.truth, self._views, self.loss = task, raw, batch["image"], views, loss
        self.everywhere = tf.ones_like(raw[..., :1])

    def adversarial(self) -> tf.Tensor:
        """D2's judgement."""
        score = self._task.networks["d2"](self.raw)["score"]
        return adversarial.generator_least_squares(score, self.loss.wanted_label)

    def total_variation(self) -> tf.Tensor:
        """Of all pixels; see `CaliSketchLossConfig.total_variation_printed`."""
        if self.loss.total_variation_printed:
            return total_variation_printed(self.raw)
        return losses.total_variation(self.raw, self.everywhere)

    def projected(self) -> tf.Tensor:
        """The projected discriminator's judgement."""
        return projected.generator_term(self._task.networks["projected"], self._views[1])

    def trunk(self) -> tf.Tensor:
        """The distance on the trunk's features."""
        return projected.trunk_distance(self._views[1], self._views[0])

    def on_features(self, name: str) -> tf.Tensor:
        """A term on the backbone's features, one of `FEATURE_TERMS`."""
        term, setting = FEATURE_TERMS[name]
        features, target = self._features
        return term(features, {layer: target[layer] for layer in getattr(self.loss, setting)})

    @functools.cached_property
    def _features(self) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """The backbone's layers of either photograph that any term of weight looks at."""
        settings = [setting for name, (_, setting) in FEATURE_TERMS.items() if getattr(self.loss, name)]
        names = tuple(dict.fromkeys(layer for setting in settings for layer in getattr(self.loss, setting)))
        return self._task.features(self.raw, names, self.loss), self._task.features(self.truth, names, self.loss)


SCN_TERMS: dict[str, Callable[[LineInputs], tf.Tensor]] = {
    "scn_adversarial": lambda s: adversarial.generator_least_squares(s.d1_maps["score"], s.loss.wanted_label),
    "global_contour": lambda s: s.matching("refined"),
    "local_detail": LineInputs.local_detail,
    "line_cross_entropy": lambda s: line_losses.line_cross_entropy(s.refined, s.truth, s.loss.line_weight),
    "chamfer": lambda s: line_losses.soft_chamfer(s.refined, s.truth),
    "stroke_density": lambda s: line_losses.stroke_density(s.refined, s.truth),
}
"""Weight -> SCN's term [B], unweighted."""
FEATURE_TERMS: dict[str, tuple[Callable[..., tf.Tensor], str]] = {
    "perceptual": (feature_losses.perceptual, "perceptual_layers"),
    "normalized_perceptual": (feature_losses.normalized_perceptual, "perceptual_layers"),
    "style": (feature_losses.style, "style_layers"),
}
"""Weight of a term on the backbone's features -> the term, and the setting that names its layers."""
ISN_TERMS: dict[str, Callable[[PhotographInputs], tf.Tensor]] = {
    "pixel": lambda s: losses.pixel(s.raw, s.truth, tf.zeros_like(s.raw[..., :1]), 1.0),
    "isn_adversarial": PhotographInputs.adversarial,
    "total_variation": PhotographInputs.total_variation,
    "perceptual": lambda s: s.on_features("perceptual"),
    "normalized_perceptual": lambda s: s.on_features("normalized_perceptual"),
    "style": lambda s: s.on_features("style"),
    "low_pass": lambda s: losses.low_pass(s.raw, s.truth, s.everywhere),
    "trunk": PhotographInputs.trunk,
    "projected": PhotographInputs.projected,
}
"""Weight -> ISN's term [B], unweighted."""
DISTANCES = ("pixel", "perceptual", "normalized_perceptual", "trunk")
"""Those of them that compare with the photograph place by place."""
