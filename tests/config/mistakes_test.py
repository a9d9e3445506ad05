"""What configurations say to mistakes: (YAML, overrides, a part of the message)."""

from __future__ import annotations

import re

import pytest

from tfsketch import systems
from tfsketch.errors import ConfigError

KEYS: list[tuple[str, list[str], str]] = [
    ("trian: {}", [], "did you mean 'train'"),
    ("train: {batch_sise: 4}", [], "did you mean 'batch_size'"),
    ("", ["model.generator.widht=3"], "did you mean 'width'"),
    ("system: sc_fegam", [], "did you mean 'sc_fegan'"),
    ("train: {phases: [{loss: {pixl: 1.0}}]}", [], "did you mean 'pixel'"),
    ("image_size: large", [], "expected int, found 'large'"),
    ("train: {jit_compile: 1}", [], "expected bool"),
    ("mask: {share: [0.1]}", [], "expected 2 values"),
    ("mask: {share: [0.4, 0.1]}", [], "0 <= low <= high <= 0.999"),
    ("image_size: 100", [], "multiple of 128"),
    ("model: {generator: {stages: 5}}", [], "expected 5 values"),
    ("train: {precision: float8}", [], "train.precision: expected one of float32"),
    ("hand: {abstraction: [0.5, 1.5]}", [], "hand.abstraction: expected 0 <= low <= high <= 1"),
    ("data: {stored_size: 600}", [], "data.stored_size: expected 0, or from image_size"),
    ("prepare: {styles: [hed, xdgo]}", [], "prepare.styles: expected one of hed, canny"),
    ("mask: {large: [hole]}", [], "mask.large: expected one of half"),
    (
        "model: {loss: {window: 48}}",
        [],
        "loss.window: expected 0 or a multiple of 32 up to image_size=256, found 48",
    ),
    ("system: face_parser\nimage_size: 100", [], "multiple of 32"),
    ("a: [", [], "expected YAML"),
    ("- 1", [], "expected a mapping"),
    ("", ["train.batch_size"], "expected key=value"),
    ("", ["train.phases.9.steps=1"], "index below 1"),
]
"""Misspelt keys, and values of another kind."""

TREE: list[tuple[str, list[str], str]] = [
    ("", ["train.steps=9"], "did you mean 'train.phases.0.steps'"),
    ("", ["epochs=9"], "did you mean 'train.phases.0.steps'"),
    ("", ["batch_size=9"], "did you mean 'train.batch_size'"),
    ("", ["train.lr=1e-4"], "did you mean 'train.optimizers.generator.learning_rate'"),
    (
        "",
        ["learning_rate=1e-4"],
        "did you mean 'train.optimizers.generator.learning_rate' or 'train.phases.0.learn",
    ),
    (
        "{system: cali_sketch, train: {optimizers: {scn: {}, isn: {}}}}",
        ["train.lr=1e-4"],
        "did you mean 'train.optimizers.scn.learning_rate' or 'train.optimizers.isn.learning_rate'",
    ),
    ("{system: cali_sketch, train: {optimizers: 3, lr: 4}}", [], "unknown key 'lr'"),
    ("", ["train.data=x"], "did you mean 'data.train'"),
    ("", ["data.path=x"], "did you mean 'data.train'"),
    ("", ["train.save_every=9"], "did you mean 'train.checkpoint_every'"),
    ("", ["generator.width=9"], "did you mean 'model.generator'"),
    ("", ["train.phases.steps=9"], "train.phases is a list: the first is train.phases.0"),
    ("align: ffhq", [], "did you mean 'prepare.align'"),
]
"""What people try who have not read the tree."""

YAML: list[tuple[str, list[str], str]] = [
    ("train: {batch_size: 4}\nseed: 2\ntrain: {ema: 0.5}", [], "line 3, column 1"),
    ("train:\n  batch_size: 4\n  batch_size: 8", [], "found the key 'batch_size' twice"),
    ("", ["train.phases=[{steps: 1, steps: 2}]"], "--set train.phases=.*found the key 'steps' twice"),
    ("seed: 010", [], "seed: expected int, found '010'"),
    ("", ["train.phases.0.steps=1:30"], "steps: expected int, found '1:30'"),
    ("seed: !!int x", [], "expected YAML"),
    ("a: " + "[" * 3000, [], "brackets too deep"),
    ("system: [sc_fegan]", [], "system: unknown key"),
    ("", ["system=cali_sketch"], "--set system: expected sc_fegan, whose networks file.yaml describes"),
    ("", ["train.phases.².steps=1"], "index below 1"),
]
"""What YAML would read otherwise than it looks, or silently."""

VALUES: list[tuple[str, list[str], str]] = [
    ("train: {ema: .nan}", [], "file.yaml.train.ema: expected a finite number, found nan"),
    ("", ["train.ema=99.9"], "--set train.ema: expected 0 to 1, found 99.9"),
    ("train: {batch_size: 0}", ["train.ema=0.9"], "file.yaml.train.batch_size: expected at least 1, found 0"),
    ("", ["train.optimizers.net.learning_rate=1e400"], "learning_rate: expected a finite number, found inf"),
    ("", ["train.optimizers.net.clip_norm=-1"], "optimizers.net.clip_norm: expected at least 0, found -1.0"),
    ("", ["train.optimizers.net.warmup_steps=-5"], "warmup_steps: expected at least 0, found -5"),
    ("", ["train.optimizers.net.beta_1=1.0"], "beta_1: expected 0 to 0.999999, found 1.0"),
    ("", ["train.phases.0.learning_rate=-1"], "phases[0].learning_rate: expected at least 0"),
    ("", ["train.checkpoint_every=0"], "checkpoint_every: expected at least 1, found 0"),
    ("", ["train.log_every=0"], "log_every: expected at least 1, found 0"),
    ("", ["train.keep_checkpoints=0"], "keep_checkpoints: expected at least 1, found 0"),
    ("", ["train.image_count=0"], "image_count: expected at least 1, found 0"),
    ("", ["seed=-1"], "--set seed: expected 0 to 2^32 - 1, found -1"),
    ("", ["data.workers=0"], "data.workers: expected at least 1"),
    ("", ["data.affine.zoom=-2"], "data.affine.zoom: expected at least 0"),
    ("", ["data.grey_probability=5"], "data.grey_probability: expected 0 to 1"),
    ("mask: {eye_probability: 50}", [], "mask.eye_probability: expected 0 to 1, found 50.0"),
    ("mask: {large_probability: 1, large: []}", [], "mask.large: expected at least one kind"),
    ("mask: {stroke: {vertices: [12, 4]}}", [], "mask.stroke.vertices: expected 1 <= fewest <= most"),
    ("color: {stroke: {width: [0.3, 0.1]}}", [], "color.stroke.width: expected 0 <= low <= high"),
    ("hand: {features: 2}", [], "hand.features: expected 0 to 1"),
    ("hand: {warp: -0.1}", [], "hand.warp: expected at least 0"),
    ("hand: {feature_weight: 0}", [], "hand.feature_weight: expected at least 0.01"),
    ("mask: {eyes: []}", [], "mask.eyes: expected at least one place"),
    ("mask: {region_dilation: -1}", [], "mask.region_dilation: expected at least 0"),
    ("color: {overshoot: -0.5}", [], "color.overshoot: expected at least 0"),
    ("sketch: {canny: {quantile: 85}}", [], "sketch.canny.quantile: expected 0 to 1, found 85"),
    ("sketch: {photocopy: {softness: 0}}", [], "sketch.photocopy.softness: expected at least 0.001"),
    ("sketch: {simplified: {iterations: 0}}", [], "sketch.simplified.iterations: expected at least 1"),
    ("sketch: {xdog: {flatten: 2}}", [], "sketch.xdog.flatten: expected 0 to 1"),
    ("sketch: {threshold: -1}", [], "sketch.threshold: expected at least 0"),
]
"""Values that cannot be meant, the file's or those of the command line."""

NETWORKS: list[tuple[str, list[str], str]] = [
    ("", ["model.generator.width=0"], "--set model.generator.width: expected at least 1, found 0"),
    ("", ["model.generator.dilations=[2, -1]"], "model.generator.dilations: expected at least 1, found [2, -1]"),
    ("", ["model.discriminator.widths=[]"], "model.discriminator.widths: expected at least one layer"),
    ("", ["model.projected.augment=-1"], "model.projected.augment: expected at least 0"),
    ("", ["model.loss.perceptual_on=[result]"], "loss.perceptual_on: expected raw, image or both"),
    ("", ["model.loss.perceptual_layers=[]"], "loss.perceptual_layers: expected at least one"),
    ("", ["model.loss.pixel=-1"], "model.loss.pixel: expected at least 0, found -1.0"),
    (
        "{image_size: 36, model: {generator: {stages: 2, kernels: [3, 3]}, loss: {lines: 1.0}}}",
        [],
        "loss.lines: expected 0 for a picture or a loss.window of 36 px",
    ),
    ("{system: face_parser, model: {stages: 0}}", [], "model.stages: expected at least 1"),
    ("{system: contextual_gan, image_size: 64, model: {latent: 0}}", [], "model.latent: expected at least 1"),
    ("{system: region_edit, model: {patches: {count: 0}}}", [], "model.patches.count: expected at least 1"),
    ("{system: cali_sketch, model: {loss: {style_layers: []}}}", [], "loss.style_layers: expected at least one"),
    (
        "{system: cali_sketch, image_size: 12}",
        [],
        "model.d1.strides: expected few enough halvings for image_size=12",
    ),
    ("", ["model.loss.alpha=-6"], "model.loss.alpha: expected at least 0"),
    (
        "{system: cali_sketch, model: {loss: {calibrated: -0.2, uncalibrated: 0.5}}}",
        [],
        "model.loss.calibrated: expected 0 to 1, found -0.2",
    ),
]
"""Networks that nobody could build, and losses that no step could take."""

PHASES: list[tuple[str, list[str], str]] = [
    ("", ["train.phases.0.loss={window: 48}"], "loss.window: expected 0 or a .*found 48, in the phase 'main' of"),
    ("", ["train.phases.0.loss={window: 6.5}"], "phases[main].loss.window: expected a whole number, found 6.5"),
    ("", ["train.phases.0.loss={backbone: 1}"], "loss.backbone: expected none, since it is no number, found 1"),
    ("", ["train.phases.0.loss={style: -1}"], "model.loss.style: expected at least 0, found -1.0"),
    (
        "{system: contextual_gan, image_size: 64, train: {phases: [{loss: {trunk: 1}}]}}",
        [],
        "model.encoder.widths: expected an encoder for the weights of .*in the phase 'main'",
    ),
]
"""What a phase changes."""


@pytest.mark.parametrize("text, overrides, expected", [*KEYS, *TREE, *YAML, *VALUES, *NETWORKS, *PHASES])
def test_mistakes_are_named(text, overrides, expected):
    with pytest.raises(ConfigError, match="(?s)" + re.sub(r"([\[\]({^])", r"\\\1", expected)):
        systems.parse(text, "file.yaml", overrides)
