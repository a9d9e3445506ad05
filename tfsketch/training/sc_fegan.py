"""What one training step of SC-FEGAN does (Jo & Park 2019, section 3.3).

    generator:      pixel + sigma * perceptual + gamma * style + upsilon * TV - beta * E[D(completed)]
    discriminator:  critic(D(truth), D(completed)) + epsilon * E[D(truth)^2] + theta * gradient penalty

A term of weight 0 is not computed. The generator runs once a step: the discriminator learns on its output first, then
judges it for the generator.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfsketch import losses, models
from tfsketch.config import Config, ScFeganLossConfig
from tfsketch.features import Vgg16
from tfsketch.models.discriminators import PatchDiscriminator, conditioned
from tfsketch.training.trainer import Batch, Minimize, Task, Terms

_FEATURE_TERMS = {
    "perceptual": losses.perceptual,
    "normalized_perceptual": losses.normalized_perceptual,
    "style": losses.style,
}
"""Terms on the backbone's features, by the names of their weights."""


class ScFeganTask(Task):
    """Networks `generator` and `discriminator`, each its own player."""

    exported = "generator"

    def __init__(self, config: Config):
        settings = config.model
        side = config.image_size
        generator, discriminator = models.build(config), PatchDiscriminator(settings.discriminator)
        discriminator(tf.zeros([1, side, side, 8]))
        self.networks = {"generator": generator, "discriminator": discriminator}
        # float16 cannot hold VGG's activations of 0..255 inputs; bfloat16 has the range, and a loss needs no more
        # digits.
        dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
        phases = [dataclasses.replace(settings.loss, **phase.loss) for phase in config.train.phases]
        needed = any(getattr(loss, name) for loss in phases for name in _FEATURE_TERMS)
        self._backbone = Vgg16(settings.loss.backbone, dtype) if needed else None

    def _features(self, image: tf.Tensor, loss: ScFeganLossConfig) -> dict[str, tf.Tensor]:
        return self._backbone.scaled(image, loss.perceptual_layers, loss.perceptual_scale)

    def _discriminator_terms(self, batch: Batch, image: tf.Tensor, loss: ScFeganLossConfig) -> tuple[tf.Tensor, Terms]:
        """The discriminator's loss [B] and its parts; `image` is the completed picture, cut off from the generator."""
        discriminator = self.networks["discriminator"]
        both = tf.concat([conditioned(batch["image"], batch), conditioned(image, batch)], axis=0)
        real, fake = tf.split(discriminator(both, training=True), 2)
        terms = {"critic": losses.CRITICS[loss.adversarial_loss](real, fake)}
        total = terms["critic"]
        if loss.drift:
            terms["drift"] = losses.drift(real)
            total += loss.drift * terms["drift"]
        if loss.gradient_penalty:
            between = losses.interpolate(batch["image"], image, losses.per_example_uniform(batch["seed"], salt=1))
            with tf.GradientTape() as tape:
                tape.watch(between)
                scores = discriminator(conditioned(between, batch))
                # The sum over examples has, for each example's picture, the gradient of its own mean score alone.
                score = tf.reduce_sum(tf.reduce_mean(scores, axis=[1, 2, 3]))
            terms["gradient_penalty"] = losses.gradient_penalty(tape.gradient(score, between), batch["mask"])
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
        if loss.total_variation:
            terms["total_variation"] = losses.total_variation(image, mask)
        wanted = {name: term for name, term in _FEATURE_TERMS.items() if getattr(loss, name)}
        if wanted:
            target = self._features(truth, loss)
            seen = [self._features({"raw": raw, "image": image}[key], loss) for key in loss.perceptual_on]
            terms |= {name: tf.add_n([term(features, target) for features in seen]) for name, term in wanted.items()}
        return terms

    def step(self, batch: Batch, loss: ScFeganLossConfig, minimize: Minimize) -> Terms:
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        logged: Terms = {}
        with tf.GradientTape() as tape:
            outputs = generator(batch, training=True)
        if loss.adversarial:
            with tf.GradientTape() as critic_tape:
                total, logged = self._discriminator_terms(batch, tf.stop_gradient(outputs["image"]), loss)
            minimize("discriminator", critic_tape, total)
            logged["discriminator"] = total
        with tape:  # goes on recording what the generator's output is judged by
            terms = self._generator_terms(batch, outputs["raw"], outputs["image"], loss)
            if loss.adversarial:
                judged = discriminator(conditioned(outputs["image"], batch))
                terms["adversarial"] = losses.generator_adversarial(judged)
            total = tf.add_n([getattr(loss, name) * term for name, term in terms.items()])
        minimize("generator", tape, total)
        return logged | terms | {"generator": total}
