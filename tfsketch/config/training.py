"""Section `train`: the trainer, its phases and its optimisers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, TypeVar

from tfsketch.config.problems import Problems, at_least, one_of, within


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam for one network, and its learning-rate schedule."""

    learning_rate: float = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    schedule: str = "constant"
    """`constant`, `cosine` (to `final` of the rate over all steps) or `step` (to `final` of it at `step_at`)."""
    final: float = 0.1
    """What the schedule multiplies the rate by at its end."""
    step_at: float = 0.7
    """Share of all steps after which the schedule `step` drops the rate."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly from 0."""
    clip_norm: float = 0.0
    """Gradients are scaled down to this global norm; 0 leaves them."""

    def problems(self, name: str) -> Problems:
        """Problems of one network's optimizer."""
        yield from one_of(f"optimizers.{name}.schedule", self.schedule, ("constant", "cosine", "step"))
        for key in ("learning_rate", "final", "warmup_steps", "clip_norm"):
            yield from at_least(f"optimizers.{name}.{key}", getattr(self, key), 0)
        for key in ("beta_1", "beta_2"):
            yield from within(f"optimizers.{name}.{key}", getattr(self, key), highest=0.999999)
        yield from within(f"optimizers.{name}.step_at", self.step_at)


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Base of the systems' loss sections: every field is the weight of a term, except those in `settings`. A term of
    weight 0 is not computed."""

    settings: ClassVar[tuple[str, ...]] = ()
    """Fields that are parameters of terms, not weights."""

    def weights(self) -> tuple[str, ...]:
        """Names of the weights; a task must have a term for each (`Task.terms`)."""
        return tuple(field.name for field in dataclasses.fields(self) if field.name not in self.settings)

    def problems(self) -> Problems:
        """Weights below 0, which would reward what the term is to punish."""
        for name in self.weights():
            yield from at_least(f"loss.{name}", getattr(self, name), 0)

    def at(self, step: int) -> LossConfig:
        """The weights of a step (counted from 0); differs from `self` if some terms are computed at some steps only."""
        del step
        return self


LossT = TypeVar("LossT", bound=LossConfig)


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """A stretch of training with its own loss weights."""

    name: str = "main"
    steps: int = 100_000
    loss: dict[str, float] = dataclasses.field(default_factory=dict)
    """Loss weights, and settings that are numbers, that differ from `model.loss` in this phase; a term of weight 0 is
    not computed at all."""
    learning_rate: float = 1.0
    """Multiplies every network's learning rate in this phase."""

    def apply(self, loss: LossT) -> LossT:
        """`model.loss` in this phase."""
        # YAML's whole numbers have become floats here.
        return dataclasses.replace(loss, **{key: type(getattr(loss, key))(value) for key, value in self.loss.items()})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The trainer; see `training.trainer`."""

    batch_size: int = 8
    """Examples per step, over all replicas of all workers."""
    phases: tuple[PhaseConfig, ...] = (PhaseConfig(),)
    optimizers: dict[str, OptimizerConfig] = dataclasses.field(default_factory=dict)
    """By network (`generator`, `discriminator`); a network without an entry gets `OptimizerConfig()`."""
    ema: float = 0.999
    """Decay of the moving average of the exported networks' weights; 0 is none. Warms up as (1+t)/(10+t)."""
    precision: str = "float32"
    """`float32`, `mixed_float16` or `mixed_bfloat16`."""
    jit_compile: bool = False
    """Compile the step with XLA."""
    strategy: str = "mirrored"
    """`mirrored` (all local GPUs), `multi_worker` (from TF_CONFIG) or `default` (one device)."""
    log_every: int = 50
    image_every: int = 500
    """Steps between grids of the same examples; 0 draws none."""
    image_count: int = 8
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    init: str = ""
    """A model directory or shipped model whose weights start the run. Contextual GAN also grows from one that was made
    for half its `image_size`."""
    init_networks: tuple[str, ...] = ()
    """Networks within the exported one that take their weights from `init`, such as Cali-Sketch's `scn`; empty: all.
    The others start from new weights."""

    def problems(self, image_size: int) -> Problems:
        del image_size
        yield from one_of("precision", self.precision, ("float32", "mixed_float16", "mixed_bfloat16"))
        yield from one_of("strategy", self.strategy, ("mirrored", "multi_worker", "default"))
        for name, optimizer in self.optimizers.items():
            yield from optimizer.problems(name)
        for key in ("batch_size", "log_every", "checkpoint_every", "keep_checkpoints"):
            yield from at_least(key, getattr(self, key), 1)
        yield from at_least("image_every", self.image_every, 0)
        yield from at_least("image_count", self.image_count, 1 if self.image_every else 0)
        yield from within("ema", self.ema)
        if not self.phases or any(phase.steps < 1 for phase in self.phases):
            yield "phases", "at least one, of at least 1 step each", [phase.steps for phase in self.phases]
        for number, phase in enumerate(self.phases):
            yield from at_least(f"phases[{number}].learning_rate", phase.learning_rate, 0)
