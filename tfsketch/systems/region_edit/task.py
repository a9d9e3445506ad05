"""One training step of region-wise manipulation (You et al., ACM MM 2021, on Park et al., NeurIPS 2020; see
`network`).

Every example A has a partner B in the batch, whose style it takes. I_g = G(C_A, S_B) is the swap, A' = G(C_A, S_A) the
reconstruction, I_h what content alignment's mask merges (`network.RegionEdit.merged`).

    discriminator:        softplus(-D(A)) + 1/2 softplus(D(A')) + 1/2 softplus(D(I_g))      [+ R1]
    patch_discriminator:  softplus(-D_co(patches of B)) + softplus(D_co(patches of I_g))    [+ R1]
    region_edit:          reconstruction + gan_reconstruction * softplus(-D(A')) + gan_swap * softplus(-D(I_g))
                          + patches * softplus(-D_co(patches of I_g))
                          + statistics * statistics(I_g, B)
                          [+ code consistency] [+ content alignment]

D_co judges patches beside others of B, the mean of whose features it sees. What is in brackets comes every few steps,
weighted as many times (`config.RegionEditLossConfig.at`), as R1 does in StyleGAN2 and code consistency in You et al.;
content alignment may. Without the last two it is a Swapping Autoencoder; where reconstruction is the only term left,
nothing is swapped, and every example is reconstructed.

Partners are neighbours, the first and the second, the third and the fourth, so that replicas with an even share pair as
one does; the last of an odd number takes the first's style. As in the public code only every second example is
reconstructed, where the rest could be; its terms stand for both.

Code consistency takes the encoder that judges the swap, and its targets, as given: You et al. assume an encoder that is
near its optimum, and one that learned from this term could make all styles alike, which satisfies it (after 200 steps
at 64 px they were). So it moves the generator, and the encoder only through the codes that the swap is made from.
Content alignment's I_g goes into the encoder as a constant picture.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch.config import Config
from tfsketch.nn import adversarial, efficientnet, model_directory
from tfsketch.systems.region_edit import losses
from tfsketch.systems.region_edit.config import RegionEditConfig, RegionEditLossConfig
from tfsketch.systems.region_edit.discriminators import PatchCooccurrence, ResidualDiscriminator, cut_patches
from tfsketch.systems.region_edit.network import RegionEdit
from tfsketch.training.task import Batch, Minimize, Task, Terms, weighted_sum
from tfsketch.vocabulary import to_uint8

_LOOKS = ("stride2", "stride4", "stride8")
"""The trunk's maps whose statistics are compared: those of colours and fine texture. What is coarser knows eyes."""


def partners(count: tf.Tensor) -> tf.Tensor:
    """[B] int32: the number of each example's partner."""
    return tf.bitwise.bitwise_xor(tf.range(count), 1) % count


def _for_both(values: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Values of every second example [ceil(B/2)] -> [B], each for its neighbour too."""
    return tf.repeat(values, 2)[:count]


def _as_judged(picture: tf.Tensor, value: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """`value` [B] as a function of `picture` alone, whose gradient there is `slope` [B,H,W,3]."""
    along = tf.reduce_sum(picture * tf.stop_gradient(slope), axis=[1, 2, 3])
    return tf.stop_gradient(value - along) + along


class RegionEditTask(Task):
    """Trains `region_edit`, the exported network, `discriminator` and `patch_discriminator`."""

    exported = "region_edit"
    network = RegionEdit
    terms = (
        "reconstruction",
        "gan_reconstruction",
        "gan_swap",
        "patches",
        "code_consistency",
        "content_alignment",
        "statistics",
        "r1",
        "patch_r1",
    )

    def __init__(self, config: Config):
        settings, side = config.section(RegionEditConfig), config.image_size
        self._patches = settings.patches
        if any(phase.apply(settings.loss).statistics for phase in config.train.phases):
            dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
            self._trunk = efficientnet.EfficientNetLite1(dtype)
        discriminator = ResidualDiscriminator(settings.discriminator)
        discriminator(tf.zeros([1, side, side, 3]))
        patch_discriminator = PatchCooccurrence(settings.patches)
        patch = tf.zeros([1, 1, settings.patches.side, settings.patches.side, 3])
        patch_discriminator(patch, patch)
        self.networks = {
            "region_edit": model_directory.build(RegionEdit, config),
            "discriminator": discriminator,
            "patch_discriminator": patch_discriminator,
        }

    def _crop(self, image: tf.Tensor, seed: tf.Tensor, salt: int, count: int) -> tf.Tensor:
        """`count` random patches of every picture [B,count,P,P,3]; `salt` tells apart what is cut."""
        return cut_patches(image, adversarial.per_example_uniform(seed, salt, [count, 5]), self._patches)

    def _criticize(
        self, image: tf.Tensor, reconstruction: tf.Tensor, swap: tf.Tensor, loss: RegionEditLossConfig
    ) -> Terms:
        """The discriminator's loss [B] and its parts; the pictures are cut off from the generator."""
        discriminator, count = self.networks["discriminator"], tf.shape(image)[0]
        if loss.r1:
            with tf.GradientTape() as tape:
                tape.watch(image)
                real = discriminator(image)
                # The sum over examples has, for each example's picture, the gradient of its own score alone.
                score = tf.reduce_sum(real)
            slope = tape.gradient(score, image)
        else:
            real = discriminator(image)
        scores = discriminator(tf.concat([reconstruction, swap], axis=0))
        again, swap_scores = _for_both(scores[:-count], count), scores[-count:]
        total = tf.nn.softplus(-real) + 0.5 * tf.nn.softplus(again) + 0.5 * tf.nn.softplus(swap_scores)
        terms = {"d_real": real, "d_swap": swap_scores}
        if loss.r1:
            terms["r1"] = adversarial.r1(slope)
            total += loss.r1 * terms["r1"]
        return terms | {"discriminator": total}

    def _criticize_patches(
        self, real: tf.Tensor, references: tf.Tensor, fake: tf.Tensor, loss: RegionEditLossConfig
    ) -> Terms:
        """The patch discriminator's loss [B] and its parts; `fake` is cut off from the generator."""
        critic, terms = self.networks["patch_discriminator"], {}
        if loss.patch_r1:
            with tf.GradientTape() as tape:
                tape.watch([real, references])
                beside = critic.features(references)
                on_real = critic.judge(critic.features(real), beside)
                score = tf.reduce_sum(on_real)
            slopes = tape.gradient(score, [real, references])
            terms["patch_r1"] = tf.add_n([adversarial.r1(slope) for slope in slopes])
            on_fake = critic.judge(critic.features(fake), beside)
        else:
            maps = critic.features(tf.concat([references, real, fake], axis=1))
            beside, of_real, of_fake = tf.split(maps, [references.shape[1], real.shape[1], fake.shape[1]], axis=1)
            on_real, on_fake = critic.judge(of_real, beside), critic.judge(of_fake, beside)
        total = adversarial.critic_logistic(on_real, on_fake)
        if loss.patch_r1:
            total += loss.patch_r1 * terms["patch_r1"]
        return terms | {"patch_discriminator": total}

    def _reconstruct(self, image: tf.Tensor, loss: RegionEditLossConfig, minimize: Minimize) -> Terms:
        """The step where nothing else is asked for: every example is reconstructed, nothing is swapped."""
        network = self.networks["region_edit"]
        with tf.GradientTape() as tape:
            reconstruction = losses.l1(network.decode(*network.encode(image)), image)
            total = loss.reconstruction * reconstruction
        minimize("region_edit", tape, total)
        return {"reconstruction": reconstruction, "region_edit": total}

    def step(self, batch: Batch, loss: RegionEditLossConfig, minimize: Minimize) -> Terms:
        network, image, seed = self.networks["region_edit"], batch["image"], batch["seed"]
        count = tf.shape(image)[0]
        partner = partners(count)
        values: Terms = {}
        judges = bool(loss.gan_reconstruction or loss.gan_swap)
        if not (judges or loss.patches or loss.code_consistency or loss.content_alignment or loss.statistics):
            return self._reconstruct(image, loss, minimize)
        with tf.GradientTape() as tape:
            features = network.encoder.features(image)
            content, style = network.encoder.content(features), network.encoder.style(features)
            structure = network.encoder.structure(content)
            other = tf.gather(style, partner)
            pictures = network.decode(tf.concat([structure[::2], structure], 0), tf.concat([style[::2], other], 0))
            reconstruction, swap = pictures[:-count], pictures[-count:]

        if judges:
            with tf.GradientTape() as critic_tape:
                critic_terms = self._criticize(image, tf.stop_gradient(reconstruction), tf.stop_gradient(swap), loss)
            minimize("discriminator", critic_tape, critic_terms["discriminator"])
            values |= critic_terms
        if loss.patches:
            target = tf.gather(image, partner)
            real = self._crop(target, seed, 1, self._patches.count)
            references = self._crop(target, seed, 2, self._patches.references)
            with tape:
                fake = self._crop(swap, seed, 3, self._patches.count)
            with tf.GradientTape() as critic_tape:
                critic_terms = self._criticize_patches(real, references, tf.stop_gradient(fake), loss)
            minimize("patch_discriminator", critic_tape, critic_terms["patch_discriminator"])
            values |= critic_terms

        if loss.code_consistency:
            with tf.GradientTape(watch_accessed_variables=False) as judging:
                judging.watch(swap)
                code, look = network.encoder(swap)
                consistency = losses.code_consistency(code, look, structure, other, loss.style_consistency)
            consistency_slope = judging.gradient(consistency, swap)

        terms: Terms = {}
        with tape:  # goes on recording what the pictures are judged by
            terms["reconstruction"] = _for_both(losses.l1(reconstruction, image[::2]), count)
            if judges:
                scores = self.networks["discriminator"](pictures)
                terms["gan_reconstruction"] = _for_both(adversarial.generator_logistic(scores[:-count]), count)
                terms["gan_swap"] = adversarial.generator_logistic(scores[-count:])
            if loss.patches:
                terms["patches"] = adversarial.generator_logistic(
                    self.networks["patch_discriminator"](fake, references)
                )
            if loss.code_consistency:
                terms["code_consistency"] = _as_judged(swap, consistency, consistency_slope)
            if loss.statistics:
                truth = self._trunk(tf.gather(image, partner), _LOOKS)
                terms["statistics"] = losses.statistics(self._trunk(swap, _LOOKS), truth)
            if loss.content_alignment:
                mixture = network.merge(features, style, other, batch["mask"], tf.stop_gradient(swap))
                terms["content_alignment"] = losses.content_alignment(mixture, swap, image, batch["mask"])
            total = weighted_sum(loss, terms)
        minimize("region_edit", tape, total)
        return values | terms | {"region_edit": total}

    def draw(self, network: tf.keras.Model, batch: Batch) -> Batch:
        """Pictures of the sheet: every example's reconstruction, swap and region."""
        image = batch["image"]
        style = tf.gather(image, partners(tf.shape(image)[0]))
        outputs = network({"image": image, "style": style, "mask": batch["mask"]})
        return {
            "style": style,
            "reconstruction": network({"image": image, "style": image})["image"],
            "swap": network({"image": image, "style": style})["image"],
            "raw": outputs["raw"],
            "image": outputs["image"],
        }

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        columns = [
            to_uint8(batch["image"]),
            *(to_uint8(outputs[key]) for key in ("style", "reconstruction", "swap")),
            (batch["mask"].numpy()[..., 0] * 255).astype(np.uint8),
            *(to_uint8(outputs[key]) for key in ("raw", "image")),
        ]
        titles = ["content", "style", "reconstr.", "swap", "mask", "raw", "region"]
        return [list(row) for row in zip(*columns)], titles
