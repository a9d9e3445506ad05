"""One training step of Contextual GAN (Lu, Wu, Tai & Tang, ECCV 2018; see `network`).

    discriminator, once:              -log D(joint) - log(1 - D(G(z)))
    generator, `generator_steps`:     -log D(G(z)), each time with another z + the terms of guesses

With `projected` a weight, a second discriminator judges the same pictures through a pretrained trunk, by the hinge loss
(Sauer et al., NeurIPS 2021; ours here).

With an encoder (ours), z is its guess E(sketch) for half of the examples, drawn by lot, and what the generator draws of
a guess is held to the example's pair; so the generator draws the pairs that there are, and a sketch has a z that a
search can start from. For the other examples the encoder learns to find the z that a sketch was drawn from. The numbers
of its guesses are kept from following each other (`decorrelation`).

D sees a real pair as one joint picture, the sketch of the example's photograph beside it. With `adversarial_loss: wgan`
the two losses are Wasserstein's, plus gradient_penalty * (|dD/dx| - 1)^2 on the lines between pairs.

Batch norm: D judges real and generated pictures in batches of their own, each by its own statistics, as DCGAN does. The
moving statistics, which judge when the network is used, are of the generated pictures alone: only such it judges then.
Statistics are of the global batch, so one and many replicas take the same steps.

The moving average follows the generator, with its moving statistics (those of a few batches alone are noisy). The
discriminator is exported as it stands: it is of the last generator, and its average would be of none.
"""

from __future__ import annotations

import contextlib
import pathlib

import numpy as np
import tensorflow as tf

from tfsketch.config import Config
from tfsketch.images import sheets
from tfsketch.nn import adversarial, efficientnet, line_losses, model_directory, projected
from tfsketch.systems.contextual_gan import growth
from tfsketch.systems.contextual_gan.config import GUESSED, ContextualGanConfig, ContextualGanLossConfig
from tfsketch.systems.contextual_gan.joint import join, split
from tfsketch.systems.contextual_gan.network import ContextualGan
from tfsketch.training.task import Batch, Minimize, Task, Terms, weighted_sum
from tfsketch.vocabulary import to_uint8


def augment(joint: tf.Tensor, seed: tf.Tensor, salt: int) -> tf.Tensor:
    """DiffAugment (Zhao et al., NeurIPS 2020) of joint pictures [B,H,2H,3], differentiable: another brightness,
    saturation and contrast of the photograph, a shift by up to an eighth of the side, and a square of half the side cut
    out, the last two of both halves at the same place. What is moved in or cut is 0, as there.

    Args:
      joint: pictures in [-1,1].
      seed: [B,2] int32.
      salt: tells apart the uses of one seed.
    """
    side, reach = joint.shape[1], joint.shape[1] // 8
    chances = adversarial.per_example_uniform(seed, salt, [7])[:, :, None, None]
    sketch, image = tf.split(joint, 2, axis=2)
    image += chances[:, 0:1] - 0.5
    grey = tf.reduce_mean(image, axis=-1, keepdims=True)
    image = grey + (image - grey) * 2.0 * chances[:, 1:2]
    mean = tf.reduce_mean(image, axis=[1, 2, 3], keepdims=True)
    image = mean + (image - mean) * (0.5 + chances[:, 2:3])
    both = tf.concat([sketch, image], axis=-1)
    # By products with shifted unit matrices, not by tf.gather, whose gradient is slow.
    shifts = tf.round((2.0 * chances[:, 3:5, 0, 0] - 1.0) * reach)
    places = tf.range(side, dtype=tf.float32)
    down, right = (tf.cast(places[:, None] + shifts[:, axis, None, None] == places, tf.float32) for axis in (0, 1))
    both = tf.einsum("bij,bjkc,blk->bilc", down, both, right)
    # The square's centre is anywhere in the picture, so part of it may lie outside.
    away = [tf.abs(tf.range(side, dtype=tf.float32) + 0.5 - side * chances[:, n, :, 0]) for n in (5, 6)]
    cut = (away[0][:, :, None] < side / 4) & (away[1][:, None] < side / 4)
    both = tf.where(cut[..., None], 0.0, both)
    return tf.concat(tf.split(both, 2, axis=-1), axis=2)


def decorrelation(z: tf.Tensor) -> tf.Tensor:
    """What the numbers of guesses have in common over the global batch: the sum of their squared covariances, over how
    many numbers there are (VICReg's covariance term, Bardes, Ponce & LeCun, ICLR 2022, eq. 3).

    Measured on 8,945 faces after 300 steps without: of z's 100 directions the guesses of 128 sketches used 1.2 (the
    participation ratio of the correlation's eigenvalues; 54 before the first step).

    Args:
      z: [B,Z], of mean 0 and the variance 1/3 of numbers that are uniform in [-1,1], as the encoder's norm leaves them.

    Returns:
      [B]: each example's share, whose mean over the global batch is that sum.
    """
    unit = z * np.float32(np.sqrt(3.0))
    constant = tf.stop_gradient(unit)
    covariance = tf.matmul(constant, constant, transpose_a=True) / tf.cast(tf.shape(z)[0], tf.float32)
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync > 1:
        covariance = replica.all_reduce(tf.distribute.ReduceOp.MEAN, covariance)
    between = tf.linalg.set_diag(covariance, tf.zeros_like(covariance[0]))
    share = tf.einsum("bi,ij,bj->b", unit, between, unit) / z.shape[-1]
    return 2.0 * share - tf.stop_gradient(share)  # the covariance, held still, is the other half of the gradient


class ContextualGanTask(Task):
    """Trains `generator` and `discriminator`; the exported network `contextual_gan` is both."""

    exported = "contextual_gan"
    network = ContextualGan
    terms = ("gradient_penalty", "r1", "projected", *GUESSED)

    def __init__(self, config: Config):
        self.networks = {"contextual_gan": model_directory.build(ContextualGan, config)}
        settings = config.section(ContextualGanConfig)
        phases = [phase.apply(settings.loss) for phase in config.train.phases]
        if any(phase.projected or phase.trunk for phase in phases):
            dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
            self._trunk = efficientnet.EfficientNetLite1(dtype)
        if any(phase.projected for phase in phases):
            size = settings.side, 2 * settings.side
            self.networks["projected"] = projected.build(settings.projected, self._trunk, *size)

    @property
    def trained_networks(self) -> dict[str, tf.keras.Model]:
        both = self.networks["contextual_gan"]
        critics = {name: network for name, network in self.networks.items() if name != self.exported}
        return {"generator": both.generator, "discriminator": both.discriminator, **critics}

    @property
    def averaged_variables(self) -> list[tf.Variable]:
        return self.trained_networks["generator"].variables

    def grow(self, folder: pathlib.Path, other: Config) -> bool:
        """From a model for half the side: see `growth`."""
        network = self.networks["contextual_gan"]
        if network.side != 2 * other.section(ContextualGanConfig).side:
            return False
        growth.grow(network, model_directory.load(folder, {"contextual_gan": ContextualGan}))
        return True

    def _view(self, joint: tf.Tensor, loss: ContextualGanLossConfig) -> projected.View:
        """Joint pictures, augmented where they are at all, through the trunk; all of a picture is to be judged."""
        image, sketch = joint, tf.zeros_like(joint[..., :1])
        if loss.trunk_sees == "photograph":
            halves = split(joint)
            image, sketch = halves["image"], halves["sketch"]
        inputs = {"mask": tf.ones_like(sketch), "sketch": sketch, "color": tf.zeros_like(image)}
        return projected.view(self._trunk, image, inputs, share=0.0)

    def _discriminator_terms(
        self, batch: Batch, real: tf.Tensor, fake: tf.Tensor, loss: ContextualGanLossConfig
    ) -> tuple[tf.Tensor, Terms]:
        """The discriminator's loss [B] and its parts, of joint pictures as it is shown them; `fake` is cut off from the
        generator."""
        discriminator = self.trained_networks["discriminator"]
        on_fake = discriminator(fake, training=True)  # first, since it moves what is kept
        with tf.GradientTape() if loss.r1 else contextlib.nullcontext() as tape:
            if tape is not None:
                tape.watch(real)
            on_real = discriminator(real, training=True, update=False)
            # The sum over examples has, for each example's picture, the gradient of its own score alone.
            score = tf.reduce_sum(on_real)
        total = adversarial.CRITICS[loss.adversarial_loss](on_real, on_fake)
        terms = {"d_real": on_real, "d_fake": on_fake}
        if tape is not None:
            terms["r1"] = adversarial.r1(tape.gradient(score, real))
            total += loss.r1 * terms["r1"]
        if loss.adversarial_loss == "wgan" and loss.gradient_penalty:
            between = adversarial.interpolate(real, fake, adversarial.per_example_uniform(batch["seed"], salt=1))
            with tf.GradientTape() as tape:
                tape.watch(between)
                # The sum over examples has, for each example's picture, the gradient of its own score alone.
                score = tf.reduce_sum(discriminator(between))
            slope = tape.gradient(score, between)
            terms["gradient_penalty"] = adversarial.gradient_penalty(slope, tf.ones_like(slope[..., :1]))
            total += loss.gradient_penalty * terms["gradient_penalty"]
        return total, terms | {"discriminator": total}

    def _guesses(self, sketch: tf.Tensor, seed: tf.Tensor) -> Batch:
        """The encoder's guesses from the examples' softened sketches: `z` [B,Z], and whether each `counts` [B] (0 or
        1)."""
        counts = tf.cast(adversarial.per_example_uniform(seed, 20) < 0.5, tf.float32)
        return {"counts": counts, "z": self.networks["contextual_gan"].encoder(sketch, training=True)}

    def _guess_terms(
        self, known: tf.Tensor, guesses: Batch, z: tf.Tensor, fake: tf.Tensor, loss: ContextualGanLossConfig
    ) -> Terms:
        """The terms [B] of guesses but for the trunk's. `fake` are the joint pictures that were drawn of `z`, `known`
        the examples' softened sketches, `guesses` the encoder's of those."""
        sketch, counts = split(fake)["sketch"], guesses["counts"]
        terms: Terms = {}
        if loss.contextual:
            terms["contextual"] = counts * line_losses.kl_divergence(known, sketch)
        if loss.inversion:
            encoder = self.networks["contextual_gan"].encoder
            error = encoder(tf.stop_gradient(sketch), training=True, update=False) - tf.stop_gradient(z)
            terms["inversion"] = (1.0 - counts) * tf.reduce_mean(tf.square(error), axis=-1)
        if loss.decorrelation:
            terms["decorrelation"] = decorrelation(guesses["z"])
        return terms

    def step(self, batch: Batch, loss: ContextualGanLossConfig, minimize: Minimize) -> Terms:
        generator, discriminator = self.trained_networks["generator"], self.trained_networks["discriminator"]
        guessing, viewing = any(getattr(loss, name) for name in GUESSED), bool(loss.projected or loss.trunk)
        sketch = self.networks["contextual_gan"].soften(batch["sketch"])
        values: Terms = {}
        for turn in range(loss.generator_steps):
            z = batch["z"]
            if turn:
                z = 2.0 * adversarial.per_example_uniform(batch["seed"], 1 + turn, z.shape[1:]) - 1.0
            with tf.GradientTape() as tape:
                if guessing:
                    guesses = self._guesses(sketch, batch["seed"])
                    z = tf.where(guesses["counts"][:, None] > 0.0, guesses["z"], z)
                fake = generator(z, training=True)
                # As its pair was, where the two are compared.
                pictures = augment(fake, batch["seed"], 8 if guessing else 10 + turn) if loss.augment else fake
                view = self._view(pictures, loss) if viewing else None
            if not turn:
                real = join(sketch, batch["image"])
                real = augment(real, batch["seed"], 8) if loss.augment else real
                truth = self._view(real, loss) if viewing else None
                with tf.GradientTape() as critic_tape:
                    total, values = self._discriminator_terms(batch, real, tf.stop_gradient(pictures), loss)
                minimize("discriminator", critic_tape, total)
                if loss.projected and truth and view:
                    with tf.GradientTape() as critic_tape:
                        total, parts = projected.critic_terms(self.networks["projected"], truth, view)
                    minimize("projected", critic_tape, total)
                    values |= parts | {"projected_critic": total}
            with tape:  # goes on recording what the generator's output is judged by
                scores = discriminator(pictures, training=True, update=False)
                total = adversarial.GENERATORS[loss.adversarial_loss](scores)
                terms = self._guess_terms(sketch, guesses, z, fake, loss) if guessing else {}
                if loss.trunk and truth and view:
                    terms["trunk"] = guesses["counts"] * projected.trunk_distance(view, truth)
                if loss.projected and view:
                    terms["projected"] = projected.generator_term(self.networks["projected"], view)
                if terms:
                    total += weighted_sum(loss, terms)
                values |= terms
            minimize("generator", tape, total)
        return values | {"generator": total}

    def draw(self, network: tf.keras.Model, batch: Batch) -> Batch:
        """What the vectors give; with an encoder also what its guesses from the examples' sketches give, `guess_image`
        and `guess_sketch`."""
        outputs = dict(network(batch))
        if network.encoder is not None:
            guess = network.encoder(network.soften(batch["sketch"]))
            outputs |= {f"guess_{key}": half for key, half in network({"z": guess}).items()}
        return outputs

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        """What the same vectors give every time, halves side by side, and for comparison a real pair; with an encoder
        also the pair that it guesses from the real one's sketch."""
        pairs = {("sketch", "photo"): outputs, ("true s.", "true p."): batch}
        if "guess_image" in outputs:
            pairs["guess s.", "guess p."] = {key: outputs[f"guess_{key}"] for key in ("sketch", "image")}
        columns = []
        for pair in pairs.values():
            columns += [np.repeat(sheets.ink(pair["sketch"]), 3, axis=-1), to_uint8(pair["image"])]
        return [list(row) for row in zip(*columns)], [title for titles in pairs for title in titles]
