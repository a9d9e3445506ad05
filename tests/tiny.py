"""The systems at their smallest: what tests build, train, export and edit with in milliseconds."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.nn import model_directory
from tfsketch.systems.sc_fegan.config import GeneratorConfig, ScFeganConfig

TINY = """
system: sc_fegan
image_size: 32
seed: 3
model:
  generator: {width: 4, max_width: 8, stages: 3, kernels: [5, 3, 3], dilations: [2], norm: none, upsampling: nearest,
              head_width: 4}
  discriminator: {widths: [4, 4], strides: [1, 2]}
  loss: {perceptual: 0.0, style: 0.0, adversarial: 0.1}
data: {train: "", cache: true}
train:
  batch_size: 4
  strategy: default
  log_every: 1
  image_every: 0
  checkpoint_every: 4
  phases: [{name: pixels, steps: 2, loss: {adversarial: 0.0}}, {name: main, steps: 10}]
"""

# What restyling is tested with, and what makes it the light form of the small settings.
RESTYLING = """
system: region_edit
image_size: 16
model:
  encoder: {width: 4, downsamplings: 2, structure: 3, style_widths: [8], style: 6}
  generator: {head_widths: [6], widths: [8, 4]}
  discriminator: {widths: [4, 6, 8], hidden: 8}
  patches: {side: 6, size: [0.25, 0.5], count: 2, references: 3, widths: [4, 6], last: 6, features: 4, hidden: [8]}
"""
LIGHT = ["model.encoder.padding=zero", "model.encoder.blur=[]", "model.generator.upsampling=bilinear"]
LIGHT += ["model.discriminator.blur=[]", "model.patches.blur=[]", "model.encoder.structure_norm=instance"]

# What edits are tested with: the light generator at its smallest.
EDITING = config_lib.Config(
    image_size=32,
    model=ScFeganConfig(
        generator=GeneratorConfig(
            width=4,
            max_width=8,
            stages=2,
            kernels=(3, 3),
            dilations=(2,),
            norm="none",
            upsampling="nearest",
            head_width=4,
        )
    ),
)

# Both networks of Cali-Sketch, and what its exports are tested with.
CALI_SKETCH = """
system: cali_sketch
image_size: 32
model:
  scn: {width: 4, downsamplings: 1, kernel: 3, blocks: 1, norm: affine, spectral_norm: false, upsampling: nearest,
        skips: 1}
  isn: {width: 4, blocks: 1}
  d1: {widths: [4, 8, 1], strides: [2, 1, 1], kernel: 4}
  d2: {widths: [4, 8, 1], strides: [2, 1, 1], kernel: 4}
"""
DRAWING = """
system: cali_sketch
image_size: 32
model:
  scn: {width: 4, downsamplings: 1, blocks: 1, norm: affine, upsampling: nearest, spectral_norm: true}
  isn: {width: 4, downsamplings: 1, blocks: 1}
"""

CONTEXTUAL_GAN = """
system: contextual_gan
image_size: 16
model:
  latent: 6
  generator: {widths: [8, 4], kernel: 5}
  discriminator: {widths: [4, 8], kernel: 5}
"""
SPECTRAL = CONTEXTUAL_GAN.replace("[4, 8], kernel: 5", "[4, 8], norm: spectral")

FACE_PARSER = "{system: face_parser, image_size: 32, model: {width: 8, max_width: 16, stages: 3}}"

SYSTEMS = {
    "sc_fegan": """
{system: sc_fegan, image_size: 32, sketch: {style: canny}, prepare: {styles: [canny], regions: none}, model: {
 generator: {width: 4, max_width: 8, stages: 2, kernels: [3, 3], dilations: [2], norm: none, upsampling: nearest,
 head_width: 4}, discriminator: {widths: [4, 4], strides: [1, 2], kernel: 3},
 loss: {perceptual: 0.0, style: 0.0, adversarial: 0.1}}}""",
    "cali_sketch": """
{system: cali_sketch, image_size: 32, data: {maps: [canny], sketch_probability: 1.0},
 sketch: {style: canny}, prepare: {styles: [canny], regions: none}, model: {
 scn: {width: 2, downsamplings: 1, kernel: 3, blocks: 1, norm: affine, spectral_norm: false, upsampling: nearest},
 isn: {width: 2, downsamplings: 1, kernel: 3, blocks: 1}, d1: {widths: [2, 1], strides: [2, 1]},
 d2: {widths: [2, 1], strides: [2, 1]}, loss: {perceptual: 0.0, style: 0.0, calibrated: 0.5, joint: 1.0}}}""",
    "contextual_gan": """
{system: contextual_gan, image_size: 16, data: {sketch_probability: 1.0}, sketch: {style: canny},
 prepare: {styles: [canny], regions: none}, model: {latent: 3, generator: {widths: [4, 2], kernel: 3},
 discriminator: {widths: [2, 4], kernel: 3}}}""",
    "region_edit": """
{system: region_edit, image_size: 16, sketch: {style: canny}, prepare: {styles: [canny], regions: none}, model: {
 encoder: {width: 2, downsamplings: 1, structure: 2, style_widths: [4], style: 3, padding: zero, blur: []},
 generator: {head_widths: [3], widths: [2], upsampling: bilinear},
 discriminator: {widths: [2, 3, 4], hidden: 4, blur: []}, patches: {side: 6, size: [0.25, 0.5], count: 2,
 references: 2, widths: [2, 3], last: 3, features: 2, hidden: [4], blur: []}}}""",
    "face_parser": """
{system: face_parser, image_size: 16, sketch: {style: canny}, prepare: {styles: [canny], regions: labels},
 model: {width: 2, max_width: 4, stages: 2}}""",
}
"""One of each system, for `tests.systems.conformance`."""


def z_of(count: int, latent: int = 6, seed: int = 0) -> tf.Tensor:
    """Vectors for the Contextual GAN above."""
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (count, latent)), tf.float32)


def halves(count: int = 2, side: int = 32) -> dict[str, tf.Tensor]:
    """Pictures of two halves of different brightness, and their regions."""
    labels = np.zeros((count, side, side, 1), np.int32)
    labels[:, side // 2 :] = 2
    image = np.where(labels == 2, 0.8, -0.8) + np.random.default_rng(0).normal(0, 0.05, (count, side, side, 3))
    return {"image": tf.constant(image, tf.float32), "regions": tf.constant(labels)}


def save_model(
    folder: pathlib.Path,
    model: tf.keras.Model,
    settings: config_lib.Config | None = None,
    card: str = "# A card\n",
) -> pathlib.Path:
    """A model directory of a network as it is; `settings`, where it was not read with its own."""
    arrays = {name: variable.numpy() for name, variable in model_directory.variable_names(model).items()}
    model_directory.save(folder, settings or model.experiment, arrays, card)
    return folder
