"""What one training step of Cali-Sketch does (Xia, Yang & Xue, arXiv 1911.00426; see `network`).

    D1:   least squares between the true lines and SCN's
    SCN:  scn_adversarial * GAN + global_contour * FM(E_gc) + local_detail * FM(E_ld)
          + line cross entropy + chamfer + stroke density  [+ joint * ISN's loss]
    D2:   least squares between the photograph and ISN's
    ISN:  pixel + perceptual + style + isn_adversarial * GAN + total variation

FM is feature matching on D1's maps: the calibration loss. E_gc, the global contours, are the clean lines of
`sketch.style` (HED, the batch's `refined`); E_ld, the local details, those of the first of `data.maps` (Canny). What
D1 takes for real, and what ISN is trained on before SCN serves it, is not known from the paper: here both are the two
kinds of lines together, max(E_gc, E_ld).

A term of weight 0 is not computed, and a network none of whose terms has a weight is neither stepped nor, where nobody
needs its output, run. So stages are phases with other weights: SCN alone (ISN's weights 0), ISN on the true lines
(SCN's weights 0), ISN on SCN's output (`calibrated: 1`, which stops the gradient there), both together (`joint`). ISN
on the poor sketches themselves (`uncalibrated: 1`) is the network without SCN, to compare with.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.nn import adversarial, line_losses, losses, model_directory
from tfsketch.nn.discriminators import FeatureDiscriminator
from tfsketch.nn.features import Vgg16
from tfsketch.systems.cali_sketch.config import CaliSketchConfig, CaliSketchLossConfig
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.training.task import Batch, Minimize, Task, Terms
from tfsketch.vocabulary import ink, to_uint8

_SCN_TERMS = ("scn_adversarial", "global_contour", "local_detail", "line_cross_entropy", "chamfer", "stroke_density")
_FEATURE_TERMS = ("perceptual", "normalized_perceptual", "style")
_ISN_TERMS = ("pixel", "isn_adversarial", "total_variation", *_FEATURE_TERMS)


def _moves(loss: CaliSketchLossConfig, names: tuple[str, ...]) -> bool:
    return any(getattr(loss, name) for name in names)


class CaliSketchTask(Task):
    """Players `scn`, `isn`, `d1`, `d2`; the exported network `cali_sketch` is the first two."""

    exported = "cali_sketch"
    network = CaliSketch

    def __init__(self, config: Config):
        """Raises ConfigError where a phase weighs local details and the data has none."""
        settings, side = config.section(CaliSketchConfig), config.image_size
        d1, d2 = FeatureDiscriminator(settings.d1, name="d1"), FeatureDiscriminator(settings.d2, name="d2")
        d1(tf.zeros([1, side, side, 1]))
        d2(tf.zeros([1, side, side, 3]))
        self.networks = {"cali_sketch": model_directory.build(CaliSketch, config), "d1": d1, "d2": d2}
        weights: Any = settings.loss  # whose numbers a phase names
        phases = [dataclasses.replace(weights, **phase.loss) for phase in config.train.phases]
        self._details = f"sketch_{config.data.maps[0]}" if config.data.maps else ""
        if not self._details and any(loss.local_detail for loss in phases):
            raise ConfigError(
                "data.maps: expected the sketch style of the local details, such as [canny], found none; or set "
                "model.loss.local_detail to 0"
            )
        # As for SC-FEGAN: float16 cannot hold the features of grey levels; a loss needs no more digits than bfloat16.
        dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
        needed = any(_moves(loss, _FEATURE_TERMS) for loss in phases)
        self._backbone = Vgg16(settings.loss.backbone, dtype) if needed else None

    @property
    def players(self) -> dict[str, tf.keras.Model]:
        both = self.networks["cali_sketch"]
        return {"scn": both.scn, "isn": both.isn, "d1": self.networks["d1"], "d2": self.networks["d2"]}

    def _lines(self, batch: Batch) -> tf.Tensor:
        """The true lines, contours and details together: [B,H,W,1]."""
        return tf.maximum(batch["refined"], batch[self._details]) if self._details else batch["refined"]

    def _criticize(
        self, name: str, real: tf.Tensor, fake: tf.Tensor, loss: CaliSketchLossConfig, minimize: Minimize
    ) -> Terms:
        """A step of a discriminator; `fake` is cut off from its generator."""
        with tf.GradientTape() as tape:
            maps = self.networks[name](tf.concat([real, tf.stop_gradient(fake)], axis=0), training=True)
            on_real, on_fake = tf.split(maps["score"], 2)
            total = adversarial.critic_least_squares(on_real, on_fake, loss.fake_label, loss.real_label)
        minimize(name, tape, total)
        return {
            name: total,
            f"{name}_real": tf.reduce_mean(on_real, axis=[1, 2, 3]),
            f"{name}_fake": tf.reduce_mean(on_fake, axis=[1, 2, 3]),
        }

    def _scn_terms(self, batch: Batch, refined: tf.Tensor, loss: CaliSketchLossConfig) -> Terms:
        """SCN's terms [B], unweighted, under their weights' names."""
        d1, terms = self.networks["d1"], {}
        judged = d1(refined)
        if loss.scn_adversarial:
            terms["scn_adversarial"] = adversarial.generator_least_squares(judged["score"], loss.wanted_label)
        if loss.global_contour:
            terms["global_contour"] = losses.feature_matching(judged, d1(batch["refined"]))
        if loss.local_detail:
            terms["local_detail"] = losses.feature_matching(judged, d1(batch[self._details]))
        if loss.line_cross_entropy:
            terms["line_cross_entropy"] = line_losses.line_cross_entropy(refined, self._lines(batch), loss.line_weight)
        if loss.chamfer:
            terms["chamfer"] = line_losses.soft_chamfer(refined, self._lines(batch))
        if loss.stroke_density:
            terms["stroke_density"] = line_losses.stroke_density(refined, self._lines(batch))
        return terms

    def _isn_terms(self, batch: Batch, raw: tf.Tensor, loss: CaliSketchLossConfig) -> Terms:
        """ISN's terms [B], unweighted, under their weights' names."""
        truth, terms = batch["image"], {}
        if loss.pixel:
            terms["pixel"] = losses.pixel(raw, truth, tf.zeros_like(raw[..., :1]), 1.0)
        if loss.isn_adversarial:
            score = self.networks["d2"](raw)["score"]
            terms["isn_adversarial"] = adversarial.generator_least_squares(score, loss.wanted_label)
        if loss.total_variation:
            terms["total_variation"] = (
                losses.total_variation_printed(raw)
                if loss.total_variation_printed
                else losses.total_variation(raw, tf.ones_like(raw[..., :1]))
            )
        if _moves(loss, _FEATURE_TERMS):
            names = {
                "perceptual": loss.perceptual_layers,
                "normalized_perceptual": loss.perceptual_layers,
                "style": loss.style_layers,
            }
            names = {term: layers for term, layers in names.items() if getattr(loss, term)}
            union = tuple(dict.fromkeys(layer for layers in names.values() for layer in layers))
            assert self._backbone is not None  # a term needs it
            found, target = (self._backbone.scaled(image, union, loss.perceptual_scale) for image in (raw, truth))
            for term, layers in names.items():
                terms[term] = getattr(losses, term)(found, {layer: target[layer] for layer in layers})
        return terms

    def step(self, batch: Batch, loss: CaliSketchLossConfig, minimize: Minimize) -> Terms:
        scn, isn = self.players["scn"], self.players["isn"]
        synthesizes = _moves(loss, _ISN_TERMS)
        joint = synthesizes and loss.calibrated > 0 and loss.joint > 0
        calibrates = _moves(loss, _SCN_TERMS) or joint
        lines = self._lines(batch)
        logged: Terms = {}
        scn_tape, isn_tape = tf.GradientTape(), tf.GradientTape()
        scn_total = tf.zeros_like(lines[:, 0, 0, 0])

        if calibrates or (synthesizes and loss.calibrated > 0):
            with scn_tape if calibrates else contextlib.nullcontext():
                refined = scn(batch, training=calibrates)["refined"]
            logged["line_error"] = tf.reduce_mean(tf.abs(refined - lines), axis=[1, 2, 3])
        if _moves(loss, _SCN_TERMS):
            logged |= self._criticize("d1", lines, refined, loss, minimize)
            with scn_tape:
                terms = self._scn_terms(batch, refined, loss)
                scn_total = tf.add_n([getattr(loss, name) * term for name, term in terms.items()])
            logged |= terms

        if synthesizes:
            seen = lines
            if loss.calibrated > 0 or loss.uncalibrated > 0:
                chance = tf.reshape(adversarial.per_example_uniform(batch["seed"], salt=2), [-1, 1, 1, 1])
                seen = tf.where(chance < 1.0 - loss.uncalibrated, lines, batch["sketch"])
            if loss.calibrated > 0:
                with scn_tape if joint else contextlib.nullcontext():
                    served = refined if joint else tf.stop_gradient(refined)
                    seen = tf.where(chance < loss.calibrated, served, seen)
            with contextlib.ExitStack() as recording:
                for tape in (scn_tape, isn_tape) if joint else (isn_tape,):
                    recording.enter_context(tape)
                raw = isn({"refined": seen}, training=True)["raw"]
            if loss.isn_adversarial:
                logged |= self._criticize("d2", batch["image"], raw, loss, minimize)
            with contextlib.ExitStack() as recording:
                for tape in (scn_tape, isn_tape) if joint else (isn_tape,):
                    recording.enter_context(tape)
                terms = self._isn_terms(batch, raw, loss)
                isn_total = tf.add_n([getattr(loss, name) * term for name, term in terms.items()])
                if joint:
                    scn_total += loss.joint * isn_total
            minimize("isn", isn_tape, isn_total)
            logged |= terms | {"isn": isn_total}

        if calibrates:
            minimize("scn", scn_tape, scn_total)
            logged["scn"] = scn_total
        return logged

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        columns = [ink(lines)[..., 0] for lines in (batch["sketch"], outputs["refined"], self._lines(batch))]
        columns += [to_uint8(outputs["image"]), to_uint8(batch["image"])]
        return [list(row) for row in zip(*columns)], ["sketch", "refined", "true lines", "output", "truth"]
