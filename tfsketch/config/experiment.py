"""An experiment: the root of a configuration's tree, with its parser and writer.

Keys that a YAML file leaves out keep their defaults; unknown keys are refused with the nearest valid name, because a
mistyped key that is silently ignored costs a training run. The key `system` chooses the class of the section `model`,
among the given ones (`systems.networks` knows every system's); everything else is common to all systems. A section with
rules of its own has a method `problems`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import pathlib
import types
import typing
from typing import Any

import yaml

from tfsketch.config import document, shipped
from tfsketch.config import overrides as overrides_lib
from tfsketch.config.conditions import ColorConfig, HandConfig, MaskConfig
from tfsketch.config.data import DataConfig, PrepareConfig
from tfsketch.config.keys import UnknownKeyError
from tfsketch.config.sketches import SketchConfig
from tfsketch.config.training import LossConfig, TrainConfig
from tfsketch.errors import ConfigError


class Section(typing.Protocol):
    """The common part of the sections `model` of all systems; a system's own code gets its class by
    `Config.section`."""

    changeable: typing.ClassVar[tuple[str, ...]]
    """Names of its settings that may differ when a run is resumed: what has no weights of its own."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Keys of its batches besides `image` and `seed`. Others are not sampled."""

    @property
    def loss(self) -> LossConfig:
        """The loss weights; a phase of the training may set others."""

    def sides(self) -> tuple[int, int]:
        """(multiple, smallest) of a picture's side, in pixels."""


SectionT = typing.TypeVar("SectionT")
Sections = typing.Mapping[str, type[Section]]
"""System -> class of its section `model`."""


@dataclasses.dataclass(frozen=True)
class Config:
    """An experiment."""

    system: str = "sc_fegan"
    image_size: int = 256
    """Side of the square training pictures, in pixels."""
    seed: int = 1
    model: typing.Optional[Section] = None
    """The system's own section (see its `config`); None if nothing is built or trained."""
    data: DataConfig = DataConfig()
    prepare: PrepareConfig = PrepareConfig()
    mask: MaskConfig = MaskConfig()
    sketch: SketchConfig = SketchConfig()
    hand: HandConfig = HandConfig()
    color: ColorConfig = ColorConfig()
    train: TrainConfig = TrainConfig()

    def section(self, kind: type[SectionT]) -> SectionT:
        """`model` as the class of a system.

        Raises:
          ConfigError: it is another system's, or None.
        """
        if not isinstance(self.model, kind):
            raise ConfigError(f"model: expected a {kind.__name__}, found {type(self.model).__name__} of {self.system}")
        return self.model

    @property
    def stored_size(self) -> int:
        """Side of the pictures in the experiment's shards, in pixels."""
        return self.data.stored_size or self.image_size


def _convert(value: Any, kind: Any, where: str, default: Any = None) -> Any:
    """Converts a plain YAML value to `kind`, or reports what was expected. Keys that a section leaves out keep
    `default`'s values."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return value if isinstance(value, kind) else _build(kind, value, where, default)
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
        return {str(k): _convert(v, arguments[1], _at(where, k)) for k, v in value.items()}
    if kind is float and isinstance(value, str):  # YAML 1.1 reads 1e-4 as a string
        try:
            value = float(value)
        except ValueError:
            pass
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is float and isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}: expected a finite number, found {value}")
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ConfigError(f"{where}: expected {kind.__name__}, found {value!r} ({type(value).__name__})")


_SET = "--set "
"""Location of a value from the command line."""


def _at(where: str, key: str) -> str:
    """Location of a key: `FILE.train`, or `--set train`."""
    return f"{where}{key}" if where == _SET else f"{where}.{key}"


FORMER_KEYS = {"init_players": "init_networks"}
"""Keys in configurations and run folders of before December 2026 -> their names now."""


def _build(kind: type[Any], values: Any, where: str, default: Any = None, sections: Sections | None = None) -> Any:
    """`default`, or the defaults of the dataclass `kind`, with the values of a mapping; unknown keys are refused. An
    experiment's `sections` say what its `model` may be."""
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected a mapping of keys, found {values!r}")
    values = {FORMER_KEYS.get(key, key): value for key, value in values.items()}
    every = typing.get_type_hints(kind)
    hints = {field.name: every[field.name] for field in dataclasses.fields(kind)}
    if sections is not None:
        system = values.get("system", kind.system)
        if not isinstance(system, str) or system not in sections:
            raise UnknownKeyError(str(system), sorted(sections), _at(where, "system"))
        hints["model"] = sections[system]
        default = kind(model=sections[system]())
    # Not the class's own defaults: the brush `color.stroke` has other widths than `StrokeConfig()`.
    default = kind() if default is None else default
    for key in values:
        if key not in hints:
            raise UnknownKeyError(str(key), sorted(hints), where)
    fields = {key: _convert(value, hints[key], _at(where, key), getattr(default, key)) for key, value in values.items()}
    return dataclasses.replace(default, **fields)


def check_section(config: Config, name: str, where: str) -> None:
    """Raises ConfigError for the first problem that a section of an experiment has (`problems.Problems`)."""
    for key, expected, value in getattr(getattr(config, name), "problems", lambda _: ())(config.image_size):
        raise ConfigError(f"{_at(where, name)}.{key}: expected {expected}, found {value!r}")


def _check_phases(config: Config, model: Section, where: str) -> None:
    """Checks the loss of every phase, and the section `model` with it."""
    names = {f.name for f in dataclasses.fields(model.loss)}
    for phase in config.train.phases:
        place = f"{_at(where, 'train')}.phases[{phase.name}].loss"
        for key, value in phase.loss.items():
            if key not in names:
                raise UnknownKeyError(key, sorted(names), place)
            kind = type(getattr(model.loss, key))
            if kind not in (float, int, bool) or kind(value) != value:
                expected = {int: "a whole number", bool: "0 or 1"}.get(kind, "none, since it is no number")
                raise ConfigError(f"{place}.{key}: expected {expected}, found {value:g}")
        loss = phase.apply(model.loss)
        for problem, expected, value in loss.problems():
            raise ConfigError(f"{_at(where, 'model')}.{problem}: expected {expected}, found {value!r}")
        section: typing.Any = model  # a dataclass, whichever it is
        try:
            check_section(dataclasses.replace(config, model=dataclasses.replace(section, loss=loss)), "model", where)
        except ConfigError as error:
            raise ConfigError(f"{error}, in the phase {phase.name!r} of train.phases") from error


def _check(config: Config, where: str) -> Config:
    """Checks rules beyond types."""
    if not 0 <= config.seed < 2**32:  # the common range of TensorFlow and NumPy
        raise ConfigError(f"{_at(where, 'seed')}: expected 0 to 2^32 - 1, found {config.seed}")
    for field in dataclasses.fields(config):
        check_section(config, field.name, where)
    assert config.model is not None  # which `_build` makes of the sections
    _check_phases(config, config.model, where)
    multiple, smallest = config.model.sides()
    if config.image_size % multiple or config.image_size < smallest:
        raise ConfigError(
            f"{_at(where, 'image_size')}: expected a multiple of {multiple}, at least {smallest} (see `model`), "
            f"found {config.image_size}"
        )
    return config


def parse(text: str, sections: Sections, where: str = "config", overrides: typing.Sequence[str] = ()) -> Config:
    """A configuration from YAML text.

    Args:
      text: YAML; empty for all defaults.
      sections: of the possible systems.
      where: name of the source in error messages, usually the file's.
      overrides: `key=value` assignments, the values in YAML.

    Raises:
      ConfigError: not YAML, an unknown key, a value of the wrong type, or one that contradicts another.
    """
    tree = document.read(text, where)
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: expected a mapping of keys, found {type(tree).__name__}")
    try:
        config = _build(Config, tree, where, sections=sections)
        if overrides:  # over the effective tree, so that elements of a default list can be addressed too
            tree = to_dict(config)
            for assignment in overrides:
                overrides_lib.override(tree, assignment)
            if tree["system"] != config.system and tree["system"] in list(sections):
                raise ConfigError(
                    f"--set system: expected {config.system}, whose networks {where} describes, found "
                    f"{tree['system']}; take a configuration of that system"
                )
            alone, config = config, _build(Config, tree, _SET, sections=sections)  # the file's types have passed
            with contextlib.suppress(ConfigError):  # else it is the file's fault, as far as anybody can say
                _check(alone, where)
                where = _SET
    except UnknownKeyError as error:
        system = str(tree.get("system", Config.system))
        if system not in sections:
            raise
        default = to_dict(_build(Config, {"system": system}, where, sections=sections))
        train = tree.get("train")
        optimizers = train.get("optimizers") if isinstance(train, dict) else None
        default["train"]["optimizers"] = optimizers if isinstance(optimizers, dict) else {}
        raise error.among(default) from error
    return _check(config, where)


def load(path: str | pathlib.Path, sections: Sections, overrides: typing.Sequence[str] = ()) -> Config:
    """A configuration from a YAML file, or of a shipped name (`shipped.configuration`); see `parse`."""
    path = shipped.configuration(path)
    return parse(document.text_of(path), sections, str(path), overrides)


def to_dict(config: Any) -> Any:
    """The plain tree of a configuration, as `dump` writes and `parse` reads it."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, (list, tuple)):
        return [to_dict(item) for item in config]
    if isinstance(config, (dict, types.MappingProxyType)):
        return {key: to_dict(value) for key, value in config.items()}
    return config


def dump(config: Config) -> str:
    """The effective configuration as YAML; `parse(dump(c), sections) == c`."""
    return yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True)
