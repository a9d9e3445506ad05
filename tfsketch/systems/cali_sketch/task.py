"""One training step of Cali-Sketch (Xia, Yang & Xue, arXiv 1911.00426; see `network`).

    D1:   least squares between the true lines and SCN's
    SCN:  scn_adversarial * GAN + global_contour * FM(E_gc) + local_detail * FM(E_ld)
          + line cross entropy + chamfer + stroke density  [+ joint * ISN's loss]
    D2:   least squares between the photograph and ISN's
    ISN:  pixel + perceptual + style + isn_adversarial * GAN + total variation

FM is feature matching on D1's maps: the calibration loss. E_gc, the global contours, are the clean lines of
`sketch.style` (HED, the batch's `refined`); E_ld, the local details, those of the first of `data.maps` (Canny). What
D1 takes for real, and what ISN is trained on before SCN serves it, is not known from the paper: here both are the two
kinds of lines together, max(E_gc, E_ld). With `reach`, SCN and D1 are shown those of them that lie near the sketch's.

A term of weight 0 is not computed, and a network none of whose terms has a weight is neither stepped nor, where nobody
needs its output, run. So stages are phases with other weights: SCN alone (ISN's weights 0), ISN on the true lines
(SCN's weights 0), ISN on SCN's output (`calibrated: 1`, which stops the gradient there), both together (`joint`). ISN
on the poor sketches themselves (`uncalibrated: 1`) is the network without SCN, to compare with.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfsketch.config import Config
from tfsketch.errors import ConfigError
from tfsketch.images import sheets
from tfsketch.nn import adversarial, efficientnet, feature_losses, model_directory, projected
from tfsketch.nn.discriminators import FeatureDiscriminator
from tfsketch.nn.features import Vgg16
from tfsketch.systems.cali_sketch import terms as terms_lib
from tfsketch.systems.cali_sketch.config import CaliSketchConfig, CaliSketchLossConfig
from tfsketch.systems.cali_sketch.network import CaliSketch
from tfsketch.systems.cali_sketch.palette import palette_of
from tfsketch.training.task import Batch, Minimize, Task, Terms, weighted_sum
from tfsketch.vocabulary import to_uint8

_ON_TRUNK = ("trunk", "projected")


def _moves(loss: CaliSketchLossConfig, names: Iterable[str]) -> bool:
    return any(getattr(loss, name) for name in names)


class CaliSketchTask(Task):
    """Trains `scn`, `isn`, `d1`, `d2`; the exported network `cali_sketch` is the first two."""

    exported = "cali_sketch"
    network = CaliSketch
    terms = (*terms_lib.SCN_TERMS, *terms_lib.ISN_TERMS)

    def __init__(self, config: Config):
        """Raises ConfigError where a phase weighs local details and the data has none."""
        self._settings = settings = config.section(CaliSketchConfig)
        side = config.image_size
        d1, d2 = FeatureDiscriminator(settings.d1, name="d1"), FeatureDiscriminator(settings.d2, name="d2")
        d1(tf.zeros([1, side, side, 1]))
        d2(tf.zeros([1, side, side, 3]))
        self.networks = {"cali_sketch": model_directory.build(CaliSketch, config), "d1": d1, "d2": d2}
        phases = [phase.apply(settings.loss) for phase in config.train.phases]
        self.details = f"sketch_{config.data.maps[0]}" if config.data.maps else ""
        if not self.details and any(loss.local_detail for loss in phases):
            raise ConfigError(
                "data.maps: expected the sketch style of the local details, such as [canny], found none; or set "
                "model.loss.local_detail to 0"
            )
        # As for SC-FEGAN: float16 cannot hold the features of grey levels; a loss needs no more digits than bfloat16.
        dtype = tf.bfloat16 if config.train.precision == "mixed_bfloat16" else tf.float32
        is_needed = any(_moves(loss, terms_lib.FEATURE_TERMS) for loss in phases)
        self._backbone = Vgg16(settings.loss.backbone, dtype) if is_needed else None
        is_needed = any(_moves(loss, _ON_TRUNK) for loss in phases)
        self._trunk = efficientnet.EfficientNetLite1(dtype) if is_needed else None
        self._augment = settings.projected.augment
        if any(loss.projected for loss in phases):
            assert self._trunk is not None
            self.networks["projected"] = projected.build(settings.projected, self._trunk, side, side)

    @property
    def trained_networks(self) -> dict[str, tf.keras.Model]:
        both = self.networks["cali_sketch"]
        return {
            "scn": both.scn,
            "isn": both.isn,
            **{name: self.networks[name] for name in self.networks if name != self.exported},
        }

    def grow(self, folder: pathlib.Path, other: Config) -> bool:
        """From a model that is the same but for `TranslatorConfig.halved` and the fine level."""
        ours, theirs = self._settings, other.section(CaliSketchConfig)
        pairs = [("scn", ours.scn, theirs.scn), ("isn", ours.isn, theirs.isn)]
        if all((here.halved, here.fine_width) == (there.halved, there.fine_width) for _, here, there in pairs):
            return False
        for name, here, there in pairs:
            if here.unhalved() != there.unhalved():
                raise ConfigError(
                    f"train.init: expected model.{name} of {folder} to be {here.unhalved()}, but for the size that it "
                    f"works at, found {there.unhalved()}"
                )
        start = model_directory.load(folder, {self.exported: CaliSketch})
        for name in ("scn", "isn"):
            self.trained_networks[name].take_over(getattr(start, name))
        return True

    def lines(self, batch: Batch) -> tf.Tensor:
        """The true lines, contours and details together: [B,H,W,1]."""
        return tf.maximum(batch["refined"], batch[self.details]) if self.details else batch["refined"]

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

    def features(self, image: tf.Tensor, layers: tuple[str, ...], loss: CaliSketchLossConfig) -> dict[str, tf.Tensor]:
        """The backbone's layers of pictures, as the terms on features take them."""
        assert self._backbone is not None  # a term needs it
        return self._backbone.scaled_features(image, layers, loss.perceptual_scale)

    def _palette(self, batch: Batch) -> Batch:
        """ISN's inputs besides the lines: the true photographs' palettes, if it takes any."""
        return {"palette": palette_of(batch["image"], batch["regions"])} if "regions" in batch else {}

    def _views(
        self, batch: Batch, lines: tf.Tensor, raw: tf.Tensor, loss: CaliSketchLossConfig
    ) -> list[projected.View]:
        """The photographs and ISN's through the trunk. All of a picture is the hole, and colours are not judged beside
        it: whether they are right, `low_pass` says."""
        assert self._trunk is not None  # a term needs it
        layers = {"mask": tf.ones_like(lines), "sketch": tf.stop_gradient(lines), "color": tf.zeros_like(raw)}
        layers |= {"image": batch["image"], "other": raw}
        window, side = loss.window, raw.shape[1]
        if window not in (0, side):
            chance = adversarial.per_example_uniform(batch["seed"], salt=3, shape=(2,))
            if loss.central:
                is_central = adversarial.per_example_uniform(batch["seed"], salt=6) < loss.central
                chance = tf.where(is_central[:, None], (1.0 + chance) / 3.0, chance)
            near = feature_losses.near_hole(layers, window, chance)
            if loss.overview:
                is_whole = adversarial.per_example_uniform(batch["seed"], salt=5) < loss.overview
                whole = {key: tf.nn.avg_pool2d(x, side // window, side // window, "VALID") for key, x in layers.items()}
                near = {key: tf.where(is_whole[:, None, None, None], whole[key], near[key]) for key in near}
            layers = near
        layers["seed"] = batch["seed"]
        return [projected.view(self._trunk, layers[key], layers, self._augment) for key in ("image", "other")]

    def step(self, batch: Batch, loss: CaliSketchLossConfig, minimize: Minimize) -> Terms:
        scn, isn = self.trained_networks["scn"], self.trained_networks["isn"]
        synthesizes = _moves(loss, terms_lib.ISN_TERMS)
        joint = synthesizes and loss.calibrated > 0 and loss.joint > 0
        calibrates = _moves(loss, terms_lib.SCN_TERMS) or joint
        lines = self.lines(batch)
        values: Terms = {}
        scn_tape, isn_tape = tf.GradientTape(), tf.GradientTape()
        scn_total = tf.zeros_like(lines[:, 0, 0, 0])

        if calibrates or (synthesizes and loss.calibrated > 0):
            with scn_tape if calibrates else contextlib.nullcontext():
                refined = scn(batch, training=calibrates)["refined"]
            values["line_error"] = tf.reduce_mean(tf.abs(refined - lines), axis=[1, 2, 3])
        if _moves(loss, terms_lib.SCN_TERMS):
            inputs = terms_lib.LineInputs(self, batch, refined, loss)
            values |= self._criticize("d1", inputs.truth, refined, loss, minimize)
            with scn_tape:
                terms = {name: term(inputs) for name, term in terms_lib.SCN_TERMS.items() if getattr(loss, name)}
                scn_total = weighted_sum(loss, terms)
            values |= terms

        if synthesizes:
            isn_lines, distances = lines, 1.0
            if loss.calibrated > 0 or loss.uncalibrated > 0:
                # Not `projected.view`'s salt 2: the light that its discriminator sees would tell whose lines they are.
                # Without it, 2 is what runs began with.
                salt = 4 if loss.projected else 2
                chance = tf.reshape(adversarial.per_example_uniform(batch["seed"], salt=salt), [-1, 1, 1, 1])
                isn_lines = tf.where(chance < 1.0 - loss.uncalibrated, lines, batch["sketch"])
                is_calibrated = (chance >= loss.calibrated) & (chance < 1.0 - loss.uncalibrated)
                distances = tf.where(is_calibrated[:, 0, 0, 0], 1.0, loss.misaligned)
            if loss.calibrated > 0:
                with scn_tape if joint else contextlib.nullcontext():
                    sketch = refined if joint else tf.stop_gradient(refined)
                    isn_lines = tf.where(chance < loss.calibrated, sketch, isn_lines)
            palette = self._palette(batch)
            with contextlib.ExitStack() as recording:
                for tape in (scn_tape, isn_tape) if joint else (isn_tape,):
                    recording.enter_context(tape)
                raw = isn({"refined": isn_lines} | palette, training=True)["raw"]
                views = self._views(batch, isn_lines, raw, loss) if _moves(loss, _ON_TRUNK) else []
            if isn.palette is not None:
                isn.palette.remember(palette["palette"])
            if loss.isn_adversarial:
                values |= self._criticize("d2", batch["image"], raw, loss, minimize)
            if loss.projected:
                with tf.GradientTape() as tape:
                    total, parts = projected.critic_terms(self.networks["projected"], *views)
                minimize("projected", tape, total)
                values |= parts | {"projected_critic": total}
            with contextlib.ExitStack() as recording:
                for tape in (scn_tape, isn_tape) if joint else (isn_tape,):
                    recording.enter_context(tape)
                photograph_inputs = terms_lib.PhotographInputs(self, batch, raw, views, loss)
                terms = {
                    name: term(photograph_inputs) for name, term in terms_lib.ISN_TERMS.items() if getattr(loss, name)
                }
                values |= terms
                terms |= {name: distances * terms[name] for name in terms_lib.DISTANCES if name in terms}
                isn_total = weighted_sum(loss, terms)
                if joint:
                    scn_total += loss.joint * isn_total
            minimize("isn", isn_tape, isn_total)
            values["isn"] = isn_total

        if calibrates:
            minimize("scn", scn_tape, scn_total)
            values["scn"] = scn_total
        return values

    def draw(self, network: tf.keras.Model, batch: Batch) -> Batch:
        """With the true photographs' palettes and, if it takes palettes, with one that it remembers."""
        outputs = network(batch | self._palette(batch))
        if "regions" in batch:
            outputs["another"] = network(batch)["image"]
        return outputs

    def sheet(self, batch: Batch, outputs: Batch) -> tuple[list[list[np.ndarray]], list[str]]:
        columns = [sheets.ink(lines)[..., 0] for lines in (batch["sketch"], outputs["refined"], self.lines(batch))]
        columns += [to_uint8(outputs["image"]), to_uint8(batch["image"])]
        titles = ["sketch", "refined", "true lines", "output", "truth"]
        if "another" in outputs:
            columns.insert(4, to_uint8(outputs["another"]))
            titles.insert(4, "another palette")
        return [list(row) for row in zip(*columns)], titles
