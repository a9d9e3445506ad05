"""Learning-rate schedules."""

from __future__ import annotations

import math

from tfsketch.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, total: int, phase_factor: float) -> float:
    """The rate at a step (counted from 0) of `total`; see `OptimizerConfig.schedule`."""
    progress = step / max(total, 1)
    factor = 1.0
    if config.schedule == "cosine":
        factor = config.final + (1.0 - config.final) * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))
    elif config.schedule == "step" and progress >= config.step_at:
        factor = config.final
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return config.learning_rate * phase_factor * factor * warmup
