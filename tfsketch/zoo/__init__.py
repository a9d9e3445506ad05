"""Shipped models, and models by name: `load_model`, `resolve`.

The folders beside this file are the shipped models, each a model directory (`nn.model_directory`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfsketch.config.shipped import MODELS as SHIPPED

if TYPE_CHECKING:
    from tfsketch.zoo.models import load_model, publish

__all__ = ["SHIPPED", "load_model", "publish"]


def __getattr__(name: str) -> object:
    """Imports names that need TensorFlow on first use: `resolve` alone does not need it."""
    if name in ("load_model", "publish"):
        from tfsketch.zoo import models

        return getattr(models, name)
    raise AttributeError(f"module 'tfsketch.zoo' has no attribute {name!r}")
