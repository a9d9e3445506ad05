"""What one training step of SC-FEGAN does.

Published (Jo & Park 2019, section 3.3):

    generator:      pixel + sigma * perceptual + gamma * style + upsilon * TV - beta * E[D(completed)]
    discriminator:  critic(D(truth), D(completed)) + epsilon * E[D(truth)^2] + theta * gradient penalty

Beside it, for sharp pictures from few hours (ours, after LaMa and Projected GAN): no pixelwise term deep in the hole
but one on its means (`known`, `rim`, `low_pass`), a second discriminator that sees through a pretrained trunk
(`projected`), and perceptual terms on that trunk (`trunk`) and on the first discriminator (`feature_matching`).

A term of weight 0 is not computed. The generator runs once a step: the discriminators learn on its output first, then
judge it for the generator. The trunk sees each picture once a step, for both purposes.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from tfsketch.config import Config
from tfsketch.nn import adversarial, efficientnet, losses, model_directory, projected
from tfsketch.nn.discriminators import PatchDiscriminator, conditioned
from tfsketch.nn.features import Vgg16
from tfsketch.systems.sc_fegan.config import ScFeganConfig, ScFeganLossConfig
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.training.task import Batch, Minimize, Task, Terms

_FEATURE_TERMS = {
    "perceptual": losses.perceptual,
    "normalized_perceptual": losses.normalized_perceptual,
    "style": losses.style,
}
"""Terms on the backbone's features, by the names of their weights."""

_PIXEL_TERMS = {"known": losses.known, "rim": losses.rim, "low_pass": losses.low_pass}
"""Terms on (raw, truth, mask), by the names of their weights."""

_TRUNK_MAPS = ("stride2", *efficientnet.SCALES)

View = tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]
"""A picture as the trunk sees it: augmented, with its conditions, and its features by name."""


class ScFeganTask(Task):
    """Networks `generator`, `discriminator`, and `projected` where a phase has weight on it: each its own player."""

    exported = "generator"
    network = Generator

    def __init__(self, config: Config):
        settings = config.section(ScFeganConfig)
        side = config.image_size
        generator, discriminator = model_directory.build(Generator, config), PatchDiscriminator(settings.discriminator)
        discriminator(tf.zeros([1, side, side, 8]))
        self.networks = {"generator": generator, "discriminator": discriminator}
        # float16 cannot hold VGG's activations of 0..255 inputs; bfloat16 has the range, and a loss needs no more
        # digits.
        dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
        weights: Any = settings.loss  # whose numbers a phase names
        phases = [dataclasses.replace(weights, **phase.loss) for phase in config.train.phases]

        def needed(*names: str) -> bool:
            return any(getattr(loss, name) for loss in phases for name in names)

        self._backbone = Vgg16(settings.loss.backbone, dtype) if needed(*_FEATURE_TERMS) else None
        self._trunk = efficientnet.EfficientNetLite1(dtype) if needed("trunk", "projected") else None
        self._augment = settings.projected.augment
        if needed("projected"):
            network = projected.ProjectedDiscriminator(settings.projected)
            blank = tf.zeros([1, side, side, 3])
            conditions = {"mask": blank[..., :1], "sketch": blank[..., :1], "color": blank}
            assert self._trunk is not None
            network(self._trunk(blank), conditions)
            self.networks["projected"] = network

    def _features(self, image: tf.Tensor, loss: ScFeganLossConfig) -> dict[str, tf.Tensor]:
        assert self._backbone is not None  # a term needs it
        return self._backbone.scaled(image, loss.perceptual_layers, loss.perceptual_scale)

    def _view(self, image: tf.Tensor, batch: Batch) -> View:
        """A picture through the trunk; the photograph and the composite of an example are augmented alike."""
        seen, conditions = image, {key: batch[key] for key in ("mask", "sketch", "color")}
        if self._augment:
            seen, conditions = projected.augmented(image, batch, batch["seed"], salt=2, share=self._augment)
        assert self._trunk is not None  # a term needs it
        return seen, conditions, self._trunk(seen, _TRUNK_MAPS)

    def _projected_terms(self, truth: View, fake: View) -> tuple[tf.Tensor, Terms]:
        """The projected discriminator's loss [B], and what it says on average of either picture."""
        network, (_, conditions, features) = self.networks["projected"], fake
        mask = conditions["mask"]
        # One call on both: the power iterations move once, and a convolution of twice the batch is the faster one.
        both = {key: tf.concat([truth[2][key], tf.stop_gradient(features[key])], axis=0) for key in efficientnet.SCALES}
        twice = {key: tf.concat([value, value], axis=0) for key, value in conditions.items()}
        scores = [tf.split(score, 2) for score in network(both, twice, training=True)]
        real, fake_scores = [score[0] for score in scores], [score[1] for score in scores]
        total = adversarial.critic_hinge_hole(real, fake_scores, mask)
        return total, {
            "p_real": -adversarial.generator_hinge_hole(real, mask),
            "p_fake": -adversarial.generator_hinge_hole(fake_scores, mask),
        }

    def _critic(self, real: tf.Tensor, fake: tf.Tensor, batch: Batch, loss: ScFeganLossConfig) -> tf.Tensor:
        if loss.adversarial_loss == "hinge_hole":
            return adversarial.critic_hinge_hole([real], [fake], batch["mask"])
        return adversarial.CRITICS[loss.adversarial_loss](real, fake)

    def _discriminator_terms(self, batch: Batch, image: tf.Tensor, loss: ScFeganLossConfig) -> tuple[tf.Tensor, Terms]:
        """The discriminator's loss [B] and its parts; `image` is the completed picture, cut off from the generator."""
        discriminator = self.networks["discriminator"]
        both = tf.concat([conditioned(batch["image"], batch), conditioned(image, batch)], axis=0)
        real, fake = tf.split(discriminator(both, training=True), 2)
        terms = {"critic": self._critic(real, fake, batch, loss)}
        total = terms["critic"]
        if loss.drift:
            terms["drift"] = adversarial.drift(real)
            total += loss.drift * terms["drift"]
        if loss.gradient_penalty:
            between = adversarial.interpolate(
                batch["image"], image, adversarial.per_example_uniform(batch["seed"], salt=1)
            )
            with tf.GradientTape() as tape:
                tape.watch(between)
                scores = discriminator(conditioned(between, batch))
                # The sum over examples has, for each example's picture, the gradient of its own mean score alone.
                score = tf.reduce_sum(tf.reduce_mean(scores, axis=[1, 2, 3]))
            terms["gradient_penalty"] = adversarial.gradient_penalty(tape.gradient(score, between), batch["mask"])
            total += loss.gradient_penalty * terms["gradient_penalty"]
        return total, terms | {
            "d_real": tf.reduce_mean(real, axis=[1, 2, 3]),
            "d_fake": tf.reduce_mean(fake, axis=[1, 2, 3]),
        }

    def _generator_terms(self, batch: Batch, raw: tf.Tensor, image: tf.Tensor, loss: ScFeganLossConfig) -> Terms:
        """The generator's terms [B] that look at the picture alone, unweighted, under their weights' names."""
        truth, mask = batch["image"], batch["mask"]
        terms: Terms = {}
        if loss.pixel:
            terms["pixel"] = losses.pixel(raw, truth, mask, loss.alpha)
        terms |= {name: term(raw, truth, mask) for name, term in _PIXEL_TERMS.items() if getattr(loss, name)}
        if loss.total_variation:
            terms["total_variation"] = losses.total_variation(image, mask)
        wanted = {name: term for name, term in _FEATURE_TERMS.items() if getattr(loss, name)}
        if wanted:
            target = self._features(truth, loss)
            seen = [self._features({"raw": raw, "image": image}[key], loss) for key in loss.perceptual_on]
            terms |= {name: tf.add_n([term(features, target) for features in seen]) for name, term in wanted.items()}
        return terms

    def _judged(self, batch: Batch, image: tf.Tensor, loss: ScFeganLossConfig) -> Terms:
        """The generator's terms [B] that the first discriminator gives."""
        network, mask = self.networks["discriminator"], batch["mask"]
        *hidden, score = network.maps(conditioned(image, batch))
        score = tf.cast(score, tf.float32)
        terms: Terms = {}
        if loss.adversarial:
            whole = loss.adversarial_loss != "hinge_hole"
            terms["adversarial"] = (
                adversarial.generator_adversarial(score) if whole else adversarial.generator_hinge_hole([score], mask)
            )
        if loss.feature_matching:
            target = [tf.stop_gradient(x) for x in network.maps(conditioned(batch["image"], batch))[:-1]]
            terms["feature_matching"] = losses.hole_perceptual(hidden, target, mask)
        return terms

    def step(self, batch: Batch, loss: ScFeganLossConfig, minimize: Minimize) -> Terms:
        generator = self.networks["generator"]
        logged: Terms = {}
        views: list[View] = []
        with tf.GradientTape() as tape:
            outputs = generator(batch, training=True)
            if loss.trunk or loss.projected:
                views = [self._view(batch["image"], batch), self._view(outputs["image"], batch)]
        if loss.adversarial or loss.feature_matching:
            with tf.GradientTape() as critic_tape:
                total, parts = self._discriminator_terms(batch, tf.stop_gradient(outputs["image"]), loss)
            minimize("discriminator", critic_tape, total)
            logged |= parts | {"discriminator": total}
        if loss.projected:
            with tf.GradientTape() as critic_tape:
                total, parts = self._projected_terms(*views)
            minimize("projected", critic_tape, total)
            logged |= parts | {"projected_critic": total}
        with tape:  # goes on recording what the generator's output is judged by
            terms = self._generator_terms(batch, outputs["raw"], outputs["image"], loss)
            if loss.adversarial or loss.feature_matching:
                terms |= self._judged(batch, outputs["image"], loss)
            if loss.projected:
                _, conditions, features = views[1]
                scores = self.networks["projected"](features, conditions)
                terms["projected"] = adversarial.generator_hinge_hole(scores, conditions["mask"])
            if loss.trunk:
                (_, conditions, features), target = views[1], views[0][2]
                pairs = [features[key] for key in _TRUNK_MAPS], [target[key] for key in _TRUNK_MAPS]
                terms["trunk"] = losses.hole_perceptual(*pairs, conditions["mask"])
            total = tf.add_n([getattr(loss, name) * term for name, term in terms.items()])
        minimize("generator", tape, total)
        return logged | terms | {"generator": total}
