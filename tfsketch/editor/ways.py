"""The ways of working on a photograph, a row each: its layers, its starting point, what makes results differ.

A network's attribute `way` names its own; code that shows, reads or serves layers consults the row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional, Protocol

from tfsketch.errors import TfsketchError

if TYPE_CHECKING:
    from tfsketch.nn.exported import Call


@dataclasses.dataclass(frozen=True)
class Way:
    """A way of working."""

    needs: str
    """What its models do, to finish "expected a model that"."""
    verb: str
    """The same in a word, to finish "this one only"."""
    example: str
    """A shipped model of this way."""
    layers: tuple[str, ...]
    """The layers that can be drawn, in order."""
    sheet: bool = False
    """Whether it starts from a blank sheet instead of a photograph."""
    seeded: bool = False
    """Whether seeds make a difference, so that several results can be requested."""
    styled: bool = False
    """Whether it takes the style of a second photograph."""


WAYS: dict[str, Way] = {
    "edit": Way("repaints a mask", "edits", "sc_fegan", ("mask", "sketch", "color"), seeded=True),
    "draw": Way("takes a sketch alone", "draws", "cali_sketch", ("sketch",), sheet=True, seeded=True),
    "complete": Way("draws sketch and photograph", "completes", "contextual_gan", ("sketch",), sheet=True, seeded=True),
    "restyle": Way("takes a style", "restyles", "region_edit", ("mask",), styled=True),
}
"""The ways by name."""


class Network(Protocol):
    """The editor's view of a network: an `nn.exported.ExportedNetwork`, a `backends.base.Backend` or a `Function`.
    Further methods (`encode`, `project`) depend on its way."""

    way: str
    takes: tuple[str, ...]
    stride: int
    smallest: int
    fixed: bool

    @property
    def image_size(self) -> Optional[int]:
        """Side of the pictures that it was trained on, in pixels, if known."""

    def __call__(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The vocabulary's dict in, another out."""

    def incremental(self) -> Call:
        """See `ExportedNetwork.incremental`."""


class Function:
    """A bare function of the vocabulary's dict as a network that edits, at any size; a subclass may have another
    way."""

    way = "edit"
    takes: tuple[str, ...] = ("image", "mask", "sketch", "color", "noise")
    stride, smallest, fixed, image_size = 1, 1, False, None

    def __init__(self, run: Call):
        self._run = run

    def __call__(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._run(inputs)

    def incremental(self) -> Call:
        """The function: it keeps nothing between two calls."""
        return self._run


def expect(way: str, network: Network) -> None:
    """Raises `TfsketchError` if a network's way is not the given one."""
    if network.way != way:
        only = f"only {WAYS[network.way].verb}" if network.way in WAYS else "makes no picture"
        row = WAYS[way]
        raise TfsketchError(f"{way}: expected a model that {row.needs}, such as {row.example}; this one {only}")
