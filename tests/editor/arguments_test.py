"""What nobody should hand to an editor or to a client of a server, of every type: refused in words, the argument's name
first."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import tfsketch
from tfsketch import serving
from tfsketch.backends import wire
from tfsketch.editor.editor import Editor
from tfsketch.editor.ways import Function
from tfsketch.errors import TfsketchError
from tfsketch.images import meaning
from tfsketch.zoo import resolve

IMAGE = np.zeros((12, 10, 3), np.uint8)
LAYER = np.eye(12, 10, dtype=np.uint8)

WRONG: Mapping[str, tuple[Any, ...]] = {
    "number": ("1", "much", b"1", True, [1], {}, (), math.nan, 1j, object(), LAYER, np.array([1.0]), 10**400),
    "whole": ("1", "much", True, [1], {}, math.nan, 1.5, 2.0, object(), LAYER, -1),
    "truth": ("yes", "false", 1, 0, None, [], math.nan, LAYER),
    "picture": ("photo.jpg", pathlib.Path("photo.jpg"), b"\x89PNG", 5, True, {}, [], [[1, 2], [3]], object(), 1j),
}
"""Values of every type, wrong ones for each kind of argument."""


class _Network(Function):
    """A network of another way, of which nothing is computed."""

    candidates = 8
    takes = ("sketch", "seed")

    def __init__(self, way: str):
        super().__init__(lambda inputs: pytest.fail("wrong arguments reached the network"))
        self.way = way  # type: ignore[misc]


def _editor(**settings: Any) -> Editor:
    return Editor(_Network("edit"), **{"side": 8, **settings})


def _method(way: str, name: str, **right: Any) -> Callable[..., Any]:
    return lambda **wrong: getattr(Editor(_Network(way), 8), name)(**{**right, **wrong})


_client = serving.Client("http://127.0.0.1:1", "tiny", retries=0)  # nobody there
_edit = _method("edit", "edit", image=IMAGE, mask=LAYER)
_draw = _method("draw", "draw", sketch=LAYER)
_complete = _method("complete", "complete", sketch=LAYER)
_restyle = _method("restyle", "restyle", image=IMAGE, style=IMAGE)
_interpolate = _method("restyle", "interpolate", image=IMAGE, styles=[IMAGE])

ARGUMENTS: list[tuple[Callable[..., Any], str, str]] = [
    *[(_editor, name, "number") for name in ("side", "context", "feather", "texture")],
    *[(_editor, name, "truth") for name in ("seam", "find_faces")],
    *[(_edit, name, "picture") for name in ("image", "mask", "sketch", "color")],
    *[(call, "seed", "whole") for call in (_edit, _draw, _complete)],
    *[(call, "sketch", "picture") for call in (_draw, _complete)],
    *[(call, "fill", "number") for call in (_draw, _complete)],
    *[(_complete, name, "whole") for name in ("results", "steps")],
    *[(_restyle, name, "picture") for name in ("image", "style", "mask")],
    (_restyle, "amount", "number"),
    (_restyle, "detail", "truth"),
    (_interpolate, "steps", "whole"),
    (_interpolate, "detail", "truth"),
    *[
        (lambda **w: _client.edit(**{"image": IMAGE, "mask": LAYER, **w}), name, "picture")
        for name in ("image", "mask")
    ],
    (lambda **wrong: _client.draw(**{"sketch": LAYER, **wrong}), "fill", "number"),
    (lambda **wrong: _client.draw(**wrong), "sketch", "picture"),
    (lambda **wrong: _client.parse(**wrong), "image", "picture"),
    (lambda **wrong: wire.Caller("http://x", **wrong), "timeout", "number"),
    (lambda **wrong: wire.Caller("http://x", **wrong), "retries", "whole"),
    (lambda **wrong: meaning.sketch(np.zeros((4, 4, 4), np.uint8), "the drawing", **wrong), "level", "number"),
]


@pytest.mark.parametrize(("call", "name", "kind"), ARGUMENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_values_of_another_type_are_refused_by_their_argument(call, name, kind):
    for value in WRONG[kind]:
        with pytest.raises(TfsketchError, match=rf"^{name}: expected .*, found ") as refusal:
            call(**{name: value})
        assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("value", [None, 5, "hair, skin", [5], ["hair", None], {}, [], b"hair", [["hair"]]])
def test_regions_that_are_none_are_refused(value):
    with pytest.raises(TfsketchError, match="^region: expected "):
        Editor(_Network("restyle"), 8).region(IMAGE, value)


@pytest.mark.parametrize("value", [None, 5, "photo.jpg", IMAGE, {}, [], [None], ["photo.jpg"], [[1, 2]]])
def test_styles_that_are_none_are_refused(value):
    with pytest.raises(TfsketchError, match="^styles?: expected .*photograph|^style: expected uint8"):
        _interpolate(styles=value)


def test_names_that_are_none_are_refused():
    for value in (5, None, 1.5, ["sc_fegan"], b"sc_fegan", {}, LAYER):
        for call in (tfsketch.load_model, resolve.load, tfsketch.Editor):
            with pytest.raises(TfsketchError, match="expected a .*, found "):
                call(value)
        for name in ("address", "model", "version"):
            if (name, type(value)) != ("version", int):
                with pytest.raises(TfsketchError, match=f"^{name}: expected .*, found "):
                    wire.Caller(**{"address": "http://localhost", name: value})
    with pytest.raises(TfsketchError, match="^watch: expected a function, found 5"):
        _complete(watch=5)


def test_numbers_of_numpy_are_numbers():
    editor = _editor(side=np.int64(8), context=np.float32(1.5), feather=np.int32(0), texture=np.float64(0.5))
    editor = editor.with_finish(np.float32(2), np.True_, np.int8(1))
    assert editor._canvas.side == 8 and editor._canvas.texture == 1
