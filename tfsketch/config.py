"""Configurations: frozen dataclasses, YAML over them, `--set key=value` over that.

A configuration is one tree of frozen dataclasses. What a YAML file does not name keeps its default; what it names and
the tree does not know is refused with the nearest valid name, because a mistyped key that is silently ignored costs a
training run. The key `system` chooses the class of the section `model`; everything else is common to all systems.

Lengths of masks and strokes are shares of the picture's shorter side, so that one setting serves every size.
"""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import types
import typing
from typing import Any

import yaml

from tfsketch.errors import ConfigError

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class StrokeConfig:
    """A zig-zag stroke (SC-FEGAN's algorithm 1; the numbers are ours, the paper gives none)."""

    vertices: tuple[int, int] = (4, 12)
    """Fewest and most vertices of a stroke, both included."""
    angle: float = 60.0
    """Largest turn at a vertex, in degrees; every second vertex also turns by 180."""
    length: Range = (0.05, 0.35)
    """Length of a line, as a share of the side."""
    width: Range = (0.05, 0.15)
    """Width of the brush, as a share of the side."""


@dataclasses.dataclass(frozen=True)
class MaskConfig:
    """Free-form masks; see `conditions.masks`."""

    share: Range = (0.1, 0.4)
    """The covered share of the picture lies in this range, exactly."""
    stroke: StrokeConfig = StrokeConfig()
    eye_probability: float = 0.5
    """Chance that the first strokes start at one or both eyes."""
    eyes: tuple[Range, ...] = ((0.385, 0.475), (0.615, 0.475))
    """Where the eyes are, as shares of (width, height): the default is where FFHQ's alignment puts them."""
    eye_jitter: float = 0.03
    """Largest shift of an eye stroke's start, as a share of the side."""
    box_probability: float = 0.2
    """Chance of a rectangle in the mask."""
    box: Range = (0.15, 0.5)
    """Sides of the rectangle, as shares of the picture's."""
    region_probability: float = 0.3
    """Chance of adding the region mask (hair), for examples that carry one."""


@dataclasses.dataclass(frozen=True)
class SketchConfig:
    """HED sketches with clean-up; see `conditions.sketches`."""

    min_side: int = 192
    """Smaller pictures are enlarged to this side for the detector."""
    clahe: float = 2.0
    """Clip limit of the histogram equalisation before the detector; 0 is none."""
    side_share: float = 0.5
    """Share of HED's side output 2 in the mix with the fused map."""
    threshold: float = 0.5
    """Edges above this share of the map's maximum become lines."""
    min_component: int = 6
    """Connected lines with fewer pixels are dropped."""
    bfloat16: bool = False
    """Run the detector in bfloat16: twice as fast on CPUs with AMX, and a few pixels differ."""


@dataclasses.dataclass(frozen=True)
class ColorConfig:
    """Colour maps and strokes; see `conditions.colors`."""

    median: int = 7
    """Median filter, in pixels at a side of 128."""
    bilateral_passes: int = 3
    """Number of bilateral filters (the paper: 20, at 512 px)."""
    bilateral_diameter: float = 5.0
    """Diameter of the bilateral filter, in pixels at a side of 128."""
    bilateral_sigma: float = 30.0
    """Sigma of the bilateral filter, in colour levels and in pixels."""
    probability: float = 0.8
    """Chance that a training example carries colour strokes at all."""
    share: Range = (0.02, 0.2)
    """Share of the picture under colour strokes, before the mask cuts them: a few dabs, as a user gives them."""
    stroke: StrokeConfig = StrokeConfig(width=(0.03, 0.1))
    """The colour brush."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where pictures come from and how they become batches; see `data`."""

    train: str = ""
    """Folder of TFRecord shards made by `tools.prepare_data`."""
    validation: str = ""
    """Shards whose pictures fill the grid; empty: the first examples of `train`."""
    flip: bool = True
    """Mirror half of the examples."""
    sketch_probability: float = 0.95
    """Chance that an example keeps its sketch; the rest learn to fill without one."""
    cache: bool = True
    """Keep decoded pictures in memory (about 115 KB each at 128 px)."""
    workers: int = 2
    """Examples drawn in parallel."""


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam for one player, and its learning-rate schedule."""

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


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """A stretch of training with its own loss weights."""

    name: str = "main"
    steps: int = 100_000
    loss: dict[str, float] = dataclasses.field(default_factory=dict)
    """Loss weights that differ from `model.loss` in this phase; a term of weight 0 is not computed at all."""
    learning_rate: float = 1.0
    """Multiplies every player's learning rate in this phase."""


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The trainer; see `training.trainer`."""

    batch_size: int = 8
    """Examples per step, over all replicas of all workers."""
    phases: tuple[PhaseConfig, ...] = (PhaseConfig(),)
    optimizers: dict[str, OptimizerConfig] = dataclasses.field(default_factory=dict)
    """Per player (`generator`, `discriminator`); a player without one gets `OptimizerConfig()`."""
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
    """Steps between grids of the same examples."""
    image_count: int = 8
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    init: str = ""
    """A model directory or shipped model whose weights start the run."""


@dataclasses.dataclass(frozen=True)
class GeneratorConfig:
    """SC-FEGAN's gated U-Net; the defaults are the published network (see `models.sc_fegan`)."""

    width: int = 64
    """Channels of the first stage; every stage doubles them up to `max_width`."""
    max_width: int = 512
    stages: int = 7
    """Halvings. The picture's side must be a multiple of 2 ** stages."""
    kernels: tuple[int, ...] = (7, 5, 5, 3, 3, 3, 3)
    """Kernel of every encoder stage."""
    dilations: tuple[int, ...] = (2, 4, 8, 16)
    """Dilated layers at the bottleneck."""
    norm: str = "lrn"
    """`lrn` (published), `instance` or `none`."""
    upsampling: str = "published"
    """`published` (5x5 transposed convolution gated by itself), `gated` (the same with a gate of its own), or
    `nearest` (no layer: the gated convolution that follows mixes; no chequerboard and a third of the cost)."""
    head_width: int = 0
    """Channels of a last gated layer at full size before the plain 3x3 to RGB; 0 is the published head, whose last
    gated layer makes RGB itself."""


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """SN-PatchGAN (see `models.discriminators`)."""

    widths: tuple[int, ...] = (64, 128, 256, 256, 256, 256)
    strides: tuple[int, ...] = (1, 2, 2, 2, 2, 2)
    kernel: int = 3


@dataclasses.dataclass(frozen=True)
class ScFeganLossConfig:
    """Weights of SC-FEGAN's loss terms; the defaults are the paper's where it gives one (see `losses`)."""

    pixel: float = 1.0
    alpha: float = 6.0
    """How much more an erased pixel counts than a kept one. Not published; 6 is PartialConv's."""
    perceptual: float = 0.05
    """sigma"""
    normalized_perceptual: float = 0.0
    """Not in the paper: the perceptual distance on features of unit length (see `losses.normalized_perceptual`)."""
    style: float = 120.0
    """gamma"""
    total_variation: float = 0.1
    """upsilon"""
    adversarial: float = 0.001
    """beta"""
    drift: float = 0.001
    """epsilon, on the discriminator, where it has a gradient"""
    gradient_penalty: float = 10.0
    """theta"""
    adversarial_loss: str = "wgan"
    """`wgan` (published: the critic's plain mean) or `hinge` (DeepFill v2's)."""
    perceptual_layers: tuple[str, ...] = ("pool1", "pool2", "pool3")
    perceptual_scale: float = 1.0 / 57.6
    """Multiplies the backbone's features in the perceptual and style terms. sigma and gamma are PartialConv's, made for
    features of inputs divided by ImageNet's deviation (255 * 0.226 = 57.6 grey levels); our backbone takes grey levels,
    and a stack of convolutions and ReLUs is nearly homogeneous. The paper does not say; this scale is ours."""
    perceptual_on: tuple[str, ...] = ("raw", "image")
    """Which pictures the perceptual and style terms look at; `image` alone halves their cost."""
    backbone: str = "hed"
    """`hed`, `imagenet` or an HDF5 file (see `features`)."""


@dataclasses.dataclass(frozen=True)
class ScFeganConfig:
    """Section `model` of the system `sc_fegan`."""

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    loss: ScFeganLossConfig = ScFeganLossConfig()
    empty_color: float = 0.0
    """What the network sees in the hole where no colour was given. Ours: 0. The released checkpoint expects -1."""


SYSTEMS: dict[str, type] = {"sc_fegan": ScFeganConfig}


@dataclasses.dataclass(frozen=True)
class Config:
    """An experiment."""

    system: str = "sc_fegan"
    image_size: int = 256
    """Side of the square training pictures, in pixels."""
    seed: int = 1
    model: Any = ScFeganConfig()
    """The system's own section; see `SYSTEMS`."""
    data: DataConfig = DataConfig()
    mask: MaskConfig = MaskConfig()
    sketch: SketchConfig = SketchConfig()
    color: ColorConfig = ColorConfig()
    train: TrainConfig = TrainConfig()


def _nearest(key: str, valid: list[str], where: str) -> ConfigError:
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.0)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return ConfigError(f"{where}: unknown key {key!r}{hint} (valid here: {', '.join(valid)})")


def _convert(value: Any, kind: Any, where: str) -> Any:
    """Turns a plain YAML value into `kind`, or says what was expected."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return value if isinstance(value, kind) else _build(kind, value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where}: expected a list, found {value!r}")
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(value):
            raise ConfigError(f"{where}: expected {len(kinds)} values, found {len(value)}: {value!r}")
        return tuple(_convert(v, k, f"{where}[{i}]") for i, (v, k) in enumerate(zip(value, kinds)))
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a mapping, found {value!r}")
        return {str(k): _convert(v, arguments[1], f"{where}.{k}") for k, v in value.items()}
    if kind is float and isinstance(value, str):  # YAML 1.1 reads 1e-4 as a string
        try:
            return float(value)
        except ValueError:
            pass
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{where}: expected {kind.__name__}, found {value!r} ({type(value).__name__})")


def _build(kind: type, values: Any, where: str) -> Any:
    """An instance of the dataclass `kind` from a mapping; unknown keys are refused."""
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected a mapping of keys, found {values!r}")
    hints = typing.get_type_hints(kind)
    if kind is Config:
        system = values.get("system", Config.system)
        if system not in SYSTEMS:
            raise _nearest(str(system), sorted(SYSTEMS), f"{where}.system")
        hints["model"] = SYSTEMS[system]
    for key in values:
        if key not in hints:
            raise _nearest(str(key), sorted(hints), where)
    given = {key: _convert(value, hints[key], f"{where}.{key}") for key, value in values.items()}
    if kind is Config and "model" not in given:
        given["model"] = hints["model"]()
    return kind(**given)


def _check(config: Config, where: str) -> Config:
    """Checks what no type can say."""
    train = config.train
    choices = {
        "train.precision": (train.precision, ("float32", "mixed_float16", "mixed_bfloat16")),
        "train.strategy": (train.strategy, ("mirrored", "multi_worker", "default")),
    }
    choices |= {
        f"train.optimizers.{name}.schedule": (o.schedule, ("constant", "cosine", "step"))
        for name, o in train.optimizers.items()
    }
    if isinstance(config.model, ScFeganConfig):
        model = config.model
        choices |= {
            "model.generator.norm": (model.generator.norm, ("lrn", "instance", "none")),
            "model.generator.upsampling": (model.generator.upsampling, ("published", "gated", "nearest")),
            "model.loss.adversarial_loss": (model.loss.adversarial_loss, ("wgan", "hinge")),
        }
        stride = 2**model.generator.stages
        if config.image_size % stride:
            raise ConfigError(
                f"{where}.image_size: expected a multiple of {stride} (2 ** model.generator.stages), "
                f"found {config.image_size}"
            )
        if len(model.generator.kernels) != model.generator.stages:
            raise ConfigError(
                f"{where}.model.generator.kernels: expected {model.generator.stages} values, one a stage, "
                f"found {len(model.generator.kernels)}"
            )
        if len(model.discriminator.widths) != len(model.discriminator.strides):
            raise ConfigError(
                f"{where}.model.discriminator.strides: expected as many values as widths "
                f"({len(model.discriminator.widths)}), found {len(model.discriminator.strides)}"
            )
        known = {f.name for f in dataclasses.fields(model.loss)}
        for phase in train.phases:
            for key in phase.loss:
                if key not in known:
                    raise _nearest(key, sorted(known), f"{where}.train.phases[{phase.name}].loss")
    for key, (value, valid) in choices.items():
        if value not in valid:
            raise ConfigError(f"{where}.{key}: expected one of {', '.join(valid)}, found {value!r}")
    for key, (low, high) in {"mask.share": config.mask.share, "color.share": config.color.share}.items():
        if not 0 <= low <= high < 1:
            raise ConfigError(f"{where}.{key}: expected 0 <= low <= high < 1, found ({low}, {high})")
    if train.batch_size < 1 or not train.phases or any(p.steps < 1 for p in train.phases):
        raise ConfigError(f"{where}.train: expected a batch size and phases of at least 1")
    return config


def _override(tree: dict[str, Any], assignment: str) -> None:
    """Puts one `a.b.c=value` into the plain tree; list elements are addressed by their index."""
    path, sep, text = assignment.partition("=")
    if not sep or not path:
        raise ConfigError(f"--set: expected key=value such as train.batch_size=4, found {assignment!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {path}: expected a YAML value, found {text!r}: {error}") from error
    node: Any = tree
    *parents, last = path.split(".")
    for key in parents:
        if isinstance(node, list):
            if not key.isdigit() or int(key) >= len(node):
                raise ConfigError(f"--set {path}: expected an index below {len(node)}, found {key!r}")
            node = node[int(key)]
        else:
            node = node.setdefault(key, {})
        if not isinstance(node, (dict, list)):
            raise ConfigError(f"--set {path}: {key!r} is a value, not a section")
    if isinstance(node, list):
        if not last.isdigit() or int(last) >= len(node):
            raise ConfigError(f"--set {path}: expected an index below {len(node)}, found {last!r}")
        node[int(last)] = value
    else:
        node[last] = value


def parse(text: str, where: str = "config", overrides: typing.Sequence[str] = ()) -> Config:
    """A configuration from YAML text.

    Args:
      text: YAML; empty for all defaults.
      where: what error messages call the source, usually the file's name.
      overrides: `key=value` assignments, the values in YAML.

    Raises:
      ConfigError: not YAML, an unknown key, a value of the wrong type, or one that contradicts another.
    """
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: expected YAML, found: {error}") from error
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: expected a mapping of keys, found {type(tree).__name__}")
    if overrides:  # over the effective tree, so that elements of a default list can be addressed too
        tree = to_dict(_build(Config, tree, where))
        for assignment in overrides:
            _override(tree, assignment)
    return _check(_build(Config, tree, where), where)


def load(path: str | pathlib.Path, overrides: typing.Sequence[str] = ()) -> Config:
    """A configuration from a YAML file; see `parse`."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise ConfigError(f"expected a configuration file, found none at {path}")
    return parse(path.read_text(encoding="utf-8"), str(path), overrides)


def to_dict(config: Any) -> Any:
    """The plain tree of a configuration: what `dump` writes and `parse` reads."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, (list, tuple)):
        return [to_dict(item) for item in config]
    if isinstance(config, (dict, types.MappingProxyType)):
        return {key: to_dict(value) for key, value in config.items()}
    return config


def dump(config: Config) -> str:
    """The effective configuration as YAML; `parse(dump(c)) == c`."""
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)
