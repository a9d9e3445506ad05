"""Losses of region-wise manipulation (You et al., ACM MM 2021): one value per example [B]; see `nn.losses`."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfsketch.nn.losses import mean


def l1(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean |x - target|: region-wise manipulation's reconstruction."""
    return mean(tf.abs(tf.cast(x, tf.float32) - tf.cast(target, tf.float32)))


def code_distance(code: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean over positions of ||code - target||_1 / sqrt(C), codes of unit length along their last axis, C numbers.

    L1 as in You et al. 2021; what it is divided by is not published. A unit vector's L1 norm grows with sqrt(C): so
    codes of any width count alike, and the seed's lambda weighs a structure code of 8 against a style code of 2048."""
    return l1(code, target) * float(code.shape[-1]) ** 0.5


def code_consistency(
    structure: tf.Tensor,
    style: tf.Tensor,
    target_structure: tf.Tensor,
    target_style: tf.Tensor,
    style_weight: float,
) -> tf.Tensor:
    """L1(C_g, C_A) + lambda * L1(S_g, S_B): a swap, encoded again, has the codes that it was made from (You et al.
    2021). The targets are constants: it is the picture that is to agree with them.

    Args:
      structure, style: the codes of the swap, [B,h,w,c] and [B,S].
      target_structure: of the photograph that gave the structure.
      target_style: of the one that gave the style.
      style_weight: lambda.
    """
    distance = code_distance(structure, tf.stop_gradient(target_structure))
    return distance + style_weight * code_distance(style, tf.stop_gradient(target_style))


def content_alignment(features: tf.Tensor, swap: tf.Tensor, image: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """L1(I_h * M, I_g * M) + L1(I_h * (1 - M), I_A * (1 - M)): a picture that is restyled in a region is the restyled
    picture there, and the photograph elsewhere (You et al. 2021). Both are constants.

    Args:
      features: I_h [B,H,W,3].
      swap: I_g, all of it restyled.
      image: I_A, the photograph.
      mask: M [B,H,W,1], 1 = the region.
    """
    inside = l1(features * mask, tf.stop_gradient(swap) * mask)
    return inside + l1(features * (1.0 - mask), tf.stop_gradient(image) * (1.0 - mask))


def statistics(features: Mapping[str, tf.Tensor], target: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Mean over maps of L1(mean(f), mean(t)) + L1(deviation(f), deviation(t)), a channel's over its positions: a swap
    has the other photograph's statistics, wherever that has what.

    Huang & Belongie (ICCV 2017, equation 13) have squares of these, on VGG; the paper has no such term. The target is
    constant.

    Args:
      features: of the swap, name -> [B,h,w,C], of about the size 1.
      target: of the photograph that gave the style.
    """

    def distance(name: str) -> tf.Tensor:
        ours, theirs = (tf.nn.moments(tf.cast(maps[name], tf.float32), axes=[1, 2]) for maps in (features, target))
        # A flat map's deviation has no slope.
        ours, theirs = ((centre, tf.sqrt(variance + 1e-4)) for centre, variance in (ours, theirs))
        return tf.add_n([l1(value, tf.stop_gradient(goal)) for value, goal in zip(ours, theirs)])

    return tf.add_n([distance(name) for name in target]) / float(len(target))
