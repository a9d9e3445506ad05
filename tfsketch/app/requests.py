"""Requests for pictures, as sent by the page, checked before anything is computed.

A request is a mapping of `model`; `picture`, a name, unless the model's mode starts from a sheet; `strokes`, as in a
strokes file; if the mode takes a style, `style`, the name of its photograph, and optionally `region`, one of `PLACES`,
`style_from`, `region` (the same region of that photograph, the default) or `whole`, and `amount`, 0 to 1; and
optionally `seed`, `count`, `side`, `fill`, `feather`, the last stages of an edit, `seam`, true or false, and `texture`,
0 to 1, as of `Editor`, and `pick`, the index of the result if one is wanted. Further keys of a request for a file or a
part of a result (`BESIDES`) are checked where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tfsketch.app.modes import MODES, PLACES, Request
from tfsketch.app.pictures import Picture
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images.layers import excerpt, number, truth, whole

MAX_SHEET = 2048
"""Longest side of a blank sheet."""
SIDES = (128, 192, 256, 384)
"""Working sides that a request may ask for."""
MAX_RESULTS = 4
"""Seeds of one request."""
MAX_FEATHER = 1000
"""Pixels."""
MADE_BY = (
    "model",
    "picture",
    "style",
    "region",
    "style_from",
    "amount",
    "strokes",
    "seed",
    "count",
    "pick",
    "side",
    "fill",
    "feather",
    "seam",
    "texture",
)
"""The keys that a result depends on."""
BESIDES = ("mark", "format", "quality", "box")


def _share(value: Any, what: str) -> float:
    return number(value, what, 0, 1, "a share of 0 to 1")


def check(
    tree: Any,
    modes: Mapping[str, str],
    picture_of: Callable[..., Picture],
    watch: Callable[[float], None] = lambda share: None,
) -> Request:
    """Checks a request.

    Args:
      tree: see the module's docstring.
      modes: mode by model.
      picture_of: returns the photograph of a name; its second argument is the key for messages.
      watch: see `Request.watch`.

    Raises:
      TfsketchError: anything else; the message names the key.
    """
    keys = (*MADE_BY, *BESIDES)
    if not isinstance(tree, Mapping) or not set(tree) <= set(keys):
        raise TfsketchError(f"expected a mapping of {', '.join(keys)}, found something else")
    model = tree.get("model")
    if not isinstance(model, str) or model not in modes:
        raise TfsketchError(f"model: expected one of {', '.join(modes)}, found {excerpt(model)}")
    strokes = strokes_lib.parse(tree.get("strokes"))
    picture, style, mode = None, None, MODES[modes[model]]
    if mode.way.styled:
        if tree.get("style") is None:
            raise ImageError("style: expected a second photograph, whose style is taken, found none")
        style = picture_of(tree["style"], "style")
    region, amount = tree.get("region", "everywhere"), _share(tree.get("amount", 1.0), "amount")
    if region not in PLACES:
        raise TfsketchError(f"region: expected one of {', '.join(PLACES)}, found {excerpt(region)}")
    style_from = tree.get("style_from", "region")
    if style_from not in ("region", "whole"):
        raise TfsketchError(f"style_from: expected region or whole, found {excerpt(style_from)}")
    if not mode.way.sheet:
        picture = picture_of(tree.get("picture"))
    elif max(strokes.size) > MAX_SHEET:
        raise ImageError(
            f"strokes: size: expected a sheet of at most {MAX_SHEET} pixels a side, found "
            f"{strokes.size[0]} x {strokes.size[1]}"
        )
    seed = whole(tree.get("seed", 0), "seed", 0, 2**31 - 1)
    count = whole(tree.get("count", 1), "count", 1, MAX_RESULTS)
    pick = whole(tree.get("pick", 0), "pick", 0, count - 1)
    side, fill = tree.get("side"), tree.get("fill")
    if side is not None and (isinstance(side, bool) or side not in SIDES):
        raise TfsketchError(f"side: expected one of {', '.join(map(str, SIDES))}, found {excerpt(side)}")
    fill = None if fill is None else _share(fill, "fill")
    feather = tree.get("feather")
    feather = None if feather is None else number(feather, "feather", 0, MAX_FEATHER)
    seam, texture = truth(tree.get("seam", True), "seam"), _share(tree.get("texture", 1.0), "texture")
    return Request(
        model=model,
        picture=picture,
        strokes=strokes,
        seeds=tuple(range(seed, seed + count)),
        side=side,
        fill=fill,
        pick=pick,
        style=style,
        region=region,
        whole_style=style_from == "whole",
        amount=amount,
        feather=feather,
        seam=seam,
        texture=texture,
        watch=watch,
    )
