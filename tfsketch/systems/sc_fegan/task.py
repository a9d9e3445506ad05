"""One training step of SC-FEGAN.

Published (Jo & Park 2019, section 3.3):

    generator:      pixel + sigma * perceptual + gamma * style + upsilon * TV - beta * E[D(completed)]
    discriminator:  critic(D(truth), D(completed)) + epsilon * E[D(truth)^2] + theta * gradient penalty

Beside it, for sharp pictures from few hours (ours, after LaMa and Projected GAN): no pixelwise term deep in the hole
but one on its means (`known`, `rim`, `low_pass`), a second discriminator that sees through a pretrained trunk
(`projected`), a head on that trunk that reads the lines (`lines`), and perceptual terms on that trunk (`trunk`) and on
the first discriminator (`feature_matching`).

A term of weight 0 is not computed. The generator runs once a step: the discriminators learn on its output first, then
judge it for the generator. The trunk sees each picture once a step, for both purposes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.nn import adversarial, efficientnet, feature_losses, line_reader, losses, model_directory, projected
from tfsketch.nn.discriminators import PatchDiscriminator, with_conditions
from tfsketch.nn.features import Vgg16
from tfsketch.systems.sc_fegan.config import ScFeganConfig, ScFeganLossConfig
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.training.task import Batch, Minimize, Task, Terms, weighted_sum

Features = dict[str, tf.Tensor]
"""Maps of a pretrained network by layer."""


class GeneratorInputs:
    """Inputs of the generator's terms. Each part is computed when a term first needs it, on the recording tape.

    Args:
      task: its discriminators, backbone and trunk.
      batch, outputs: the examples, and what the generator made of them.
      near: the examples and the composites where the discriminators look (`ScFeganLossConfig.window`).
      views: the photographs and the composites through the trunk, where a term needs them.
      loss: the weights of this step.
    """

    def __init__(
        self,
        task: ScFeganTask,
        batch: Batch,
        outputs: Batch,
        near: tuple[Batch, tf.Tensor],
        views: list[projected.View],
        loss: ScFeganLossConfig,
    ):
        self._task, self._near, self._views, self.loss = task, near, views, loss
        self.raw, self.image, self.truth, self.mask = outputs["raw"], outputs["image"], batch["image"], batch["mask"]
        self.color = batch["color"]

    def on_features(self, term: Callable[[Features, Features], tf.Tensor]) -> tf.Tensor:
        """A term on the backbone's features, added up over the pictures that it is asked on."""
        target, feature_sets = self._features
        return tf.add_n([term(features, target) for features in feature_sets])

    @functools.cached_property
    def _features(self) -> tuple[Features, list[Features]]:
        target = self._task.features(self.truth, self.loss)
        return target, [self._task.features(getattr(self, name), self.loss) for name in self.loss.perceptual_on]

    @functools.cached_property
    def _maps(self) -> list[tf.Tensor]:
        """The first discriminator's maps of the composite, its score last."""
        batch, image = self._near
        return self._task.networks["discriminator"].maps(with_conditions(image, batch))

    def adversarial(self) -> tf.Tensor:
        """The first discriminator's judgement."""
        score = tf.cast(self._maps[-1], tf.float32)
        if self.loss.adversarial_loss == "hinge_hole":
            return adversarial.generator_hinge_hole([score], self._near[0]["mask"])
        return adversarial.generator_adversarial(score)

    def feature_matching(self) -> tf.Tensor:
        """The distance on the first discriminator's hidden layers."""
        batch = self._near[0]
        maps = self._task.networks["discriminator"].maps(with_conditions(batch["image"], batch))
        return feature_losses.hole_perceptual(self._maps[:-1], [tf.stop_gradient(x) for x in maps[:-1]], batch["mask"])

    def projected(self) -> tf.Tensor:
        """The projected discriminator's judgement."""
        return projected.generator_term(self._task.networks["projected"], self._views[1])

    def lines(self) -> tf.Tensor:
        """The loss of lines that cannot be read."""
        return line_reader.generator_term(self._task.networks["line_reader"], self._views[1])

    def trunk(self) -> tf.Tensor:
        """The distance on the trunk's features."""
        return projected.trunk_distance(self._views[1], self._views[0])


TERMS: dict[str, Callable[[GeneratorInputs], tf.Tensor]] = {
    "pixel": lambda x: losses.pixel(x.raw, x.truth, x.mask, x.loss.alpha),
    "known": lambda x: losses.known(x.raw, x.truth, x.mask),
    "rim": lambda x: losses.rim(x.raw, x.truth, x.mask),
    "low_pass": lambda x: losses.low_pass(x.raw, x.truth, x.mask),
    "stroke_color": lambda x: losses.stroke_color(x.raw, x.color, x.mask),
    "total_variation": lambda x: losses.total_variation(x.image, x.mask),
    "perceptual": lambda x: x.on_features(feature_losses.perceptual),
    "normalized_perceptual": lambda x: x.on_features(feature_losses.normalized_perceptual),
    "style": lambda x: x.on_features(feature_losses.style),
    "adversarial": GeneratorInputs.adversarial,
    "feature_matching": GeneratorInputs.feature_matching,
    "projected": GeneratorInputs.projected,
    "lines": GeneratorInputs.lines,
    "trunk": GeneratorInputs.trunk,
}
"""Weight -> the generator's term [B], unweighted."""
CRITIC_TERMS = ("drift", "gradient_penalty")
"""Weights of what the first discriminator's loss has beside the critic."""
ON_BACKBONE = ("perceptual", "normalized_perceptual", "style")
ON_DISCRIMINATOR = ("adversarial", "feature_matching")
ON_TRUNK = ("trunk", "projected", "lines")
"""The terms that need each part; it is neither built nor run if none of them has a weight."""


def _has_weight(phases: Sequence[ScFeganLossConfig], names: Sequence[str]) -> bool:
    """Whether any of the terms has a weight in any of the phases."""
    return any(getattr(loss, name) for loss in phases for name in names)


class ScFeganTask(Task):
    """Networks `generator`, `discriminator`, and where a phase has weight on them `projected` and `line_reader`."""

    exported = "generator"
    network = Generator
    terms = (*TERMS, *CRITIC_TERMS)

    def __init__(self, config: Config):
        settings = config.section(ScFeganConfig)
        self._side = side = config.image_size
        generator, discriminator = model_directory.build(Generator, config), PatchDiscriminator(settings.discriminator)
        discriminator(tf.zeros([1, side, side, 8]))
        self.networks = {"generator": generator, "discriminator": discriminator}
        # float16 cannot hold VGG's activations of 0..255 inputs; bfloat16 has the range, and a loss needs no more
        # digits.
        dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
        phases = [phase.apply(settings.loss) for phase in config.train.phases]
        self._backbone = Vgg16(settings.loss.backbone, dtype) if _has_weight(phases, ON_BACKBONE) else None
        self._trunk = efficientnet.EfficientNetLite1(dtype) if _has_weight(phases, ON_TRUNK) else None
        self._augment = settings.projected.augment
        if _has_weight(phases, ["projected"]):
            assert self._trunk is not None
            self.networks["projected"] = projected.build(settings.projected, self._trunk, side, side)
        self._lines = f"sketch_{config.sketch.style}"
        if _has_weight(phases, ["lines"]):
            assert self._trunk is not None
            if (style := config.sketch.style) not in config.data.maps:
                problem = f"expected {style}, the photographs' own lines, for the weight of lines"
                raise ConfigError(f"data.maps: {problem}, found {list(config.data.maps)}")
            self.networks["line_reader"] = line_reader.build(self._trunk)

    def features(self, image: tf.Tensor, loss: ScFeganLossConfig) -> Features:
        """The backbone's features of pictures, as the perceptual and style terms take them."""
        assert self._backbone is not None  # a term needs it
        return self._backbone.scaled_features(image, loss.perceptual_layers, loss.perceptual_scale)

    def _view(self, image: tf.Tensor, batch: Batch) -> projected.View:
        """A picture through the trunk; the photograph and the composite of an example are augmented alike."""
        assert self._trunk is not None  # a term needs it
        return projected.view(self._trunk, image, batch, self._augment)

    def _critic(self, real: tf.Tensor, fake: tf.Tensor, batch: Batch, loss: ScFeganLossConfig) -> tf.Tensor:
        if loss.adversarial_loss == "hinge_hole":
            return adversarial.critic_hinge_hole([real], [fake], batch["mask"])
        return adversarial.CRITICS[loss.adversarial_loss](real, fake)

    def _discriminator_terms(self, batch: Batch, image: tf.Tensor, loss: ScFeganLossConfig) -> tuple[tf.Tensor, Terms]:
        """The discriminator's loss [B] and its parts; `image` is the completed picture, cut off from the generator."""
        discriminator = self.networks["discriminator"]
        both = tf.concat([with_conditions(batch["image"], batch), with_conditions(image, batch)], axis=0)
        real, fake = tf.split(discriminator(both, training=True), 2)
        terms = {"critic": self._critic(real, fake, batch, loss)}
        total = terms["critic"]
        if loss.drift:
            terms["drift"] = adversarial.drift(real)
            total += loss.drift * terms["drift"]
        if loss.gradient_penalty:
            share = adversarial.per_example_uniform(batch["seed"], salt=1)
            between = adversarial.interpolate(batch["image"], image, share)
            with tf.GradientTape() as tape:
                tape.watch(between)
                scores = discriminator(with_conditions(between, batch))
                # The sum over examples has, for each example's picture, the gradient of its own mean score alone.
                score = tf.reduce_sum(tf.reduce_mean(scores, axis=[1, 2, 3]))
            terms["gradient_penalty"] = adversarial.gradient_penalty(tape.gradient(score, between), batch["mask"])
            total += loss.gradient_penalty * terms["gradient_penalty"]
        return total, terms | {
            "d_real": tf.reduce_mean(real, axis=[1, 2, 3]),
            "d_fake": tf.reduce_mean(fake, axis=[1, 2, 3]),
        }

    def _near(self, batch: Batch, image: tf.Tensor, side: int, close_up: float = 0.0) -> tuple[Batch, tf.Tensor]:
        """The examples and a picture of each, cut to the window on the hole; the photographs' own lines are `lines`.
        A share of the examples, `close_up`, is seen from half as far."""
        if self._lines in batch:
            batch = batch | {"lines": batch[self._lines]}
        if side in (0, self._side):
            return batch, image
        chance = adversarial.per_example_uniform(batch["seed"], salt=3, shape=(2,))
        keys = [key for key in ("image", "mask", "sketch", "color", "lines") if key in batch]
        layers = {key: batch[key] for key in keys} | {"other": image}
        near = feature_losses.near_hole(layers, side, chance)
        if close_up:
            closer = feature_losses.close_up(layers, side, chance, ("image", "other"))
            is_close = adversarial.per_example_uniform(batch["seed"], salt=4) < close_up
            near = {key: tf.where(is_close[:, None, None, None], closer[key], near[key]) for key in near}
        near["seed"] = batch["seed"]
        return near, near.pop("other")

    def step(self, batch: Batch, loss: ScFeganLossConfig, minimize: Minimize) -> Terms:
        generator = self.networks["generator"]
        values: Terms = {}
        views: list[projected.View] = []
        with tf.GradientTape() as tape:
            outputs = generator(batch, training=True)
            near, image = self._near(batch, outputs["image"], loss.window, loss.close_up)
            if _has_weight([loss], ON_TRUNK):
                views = [self._view(near["image"], near), self._view(image, near)]
        if _has_weight([loss], ON_DISCRIMINATOR):
            with tf.GradientTape() as critic_tape:
                total, parts = self._discriminator_terms(near, tf.stop_gradient(image), loss)
            minimize("discriminator", critic_tape, total)
            values |= parts | {"discriminator": total}
        if loss.projected:
            with tf.GradientTape() as critic_tape:
                total, parts = projected.critic_terms(self.networks["projected"], *views)
            minimize("projected", critic_tape, total)
            values |= parts | {"projected_critic": total}
        if loss.lines:
            with tf.GradientTape() as reader_tape:
                total = line_reader.learning_term(self.networks["line_reader"], views[0])
            minimize("line_reader", reader_tape, total)
            values["line_reader"] = total
        with tape:  # goes on recording what the generator's output is judged by
            inputs = GeneratorInputs(self, batch, outputs, (near, image), views, loss)
            terms = {name: term(inputs) for name, term in TERMS.items() if getattr(loss, name)}
            total = weighted_sum(loss, terms)
        minimize("generator", tape, total)
        return values | terms | {"generator": total}
