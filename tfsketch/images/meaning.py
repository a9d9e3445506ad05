"""What a mask, a sketch or a colour file means, inferred from its content and reported in a line.

People hand in layers of every kind: ink or pencil on paper, photographed in any light; strokes on black, white or
transparent paper, as PNG or JPEG; the photograph itself with a part erased. Each function takes a decoded sheet [H,W,4]
uint8 RGBA and its name, and returns the layer and notes on how it was read; `read_mask` and the like take files. An
ambiguous sheet is refused. `ink` finds strokes on paper. `framing.meaning` repeats these rules in a graph, and a parity
test compares the two; so that they agree to the pixel, everything compared with a threshold is a whole number.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfsketch.errors import ImageError
from tfsketch.images import files, ink, openraster, texture
from tfsketch.images.layers import number
from tfsketch.images.texture import DARKEST, LIGHTEST
from tfsketch.vocabulary import size_of

CLEAR = 128
"""Alpha below this is transparent."""
HUE = 64
"""Difference in levels up to which a coloured mask's pixels, at full brightness, have one colour."""


@dataclasses.dataclass(frozen=True)
class Meaning:
    """A layer, and notes for the user on how it was read."""

    layer: np.ndarray
    """A mask or sketch [H,W] uint8 in {0,1}; colours [H,W,4] uint8 RGBA, alpha 0 or 255."""
    notes: tuple[str, ...] = ()
    """Lines that begin with the file's name; none for the simplest kind of file."""


def sketch(rgba: np.ndarray, name: str, level: float = 0.0) -> Meaning:
    """Strokes of any pen, on paper of any kind, in any light.

    Args:
      rgba: the sheet, [H,W,4] uint8.
      name: for messages.
      level: from -1, only the strongest strokes, to 1, the faintest too; see `ink.on_paper`.

    Returns:
      1 = stroke. A sheet without any gets a note: it has no effect on an edit, and callers that need a stroke refuse
      it.

    Raises:
      ImageError: a photograph instead of a sketch.
      TfsketchError: a level out of range.
    """
    number(level, "level", -1, 1, "a number from -1 to 1")
    levels, alpha = rgba[..., :3], rgba[..., 3]
    if levels.max() == 1:  # a program's 0 and 1
        levels = levels * np.uint8(255)
    opaque = alpha >= CLEAR
    notes = []
    if not opaque.all():
        if _is_layer(levels, opaque, alpha):
            strokes = ink.on_layer(alpha, level)
            note = "the strokes were read from the alpha channel" if strokes.any() else ink.NO_STROKES
            areas = (f"{name}: {ink.AREAS}",) if ink.are_areas(strokes) else ()
            return Meaning(strokes.astype(np.uint8), (f"{name}: {note}", *areas))
        levels = np.where(opaque[..., None], levels, ink.median(levels, opaque).astype(np.uint8))
        notes.append(f"{name}: transparent pixels of the sketch count as paper")

    strokes, remarks = ink.on_paper(levels, name, level)
    return Meaning(strokes.astype(np.uint8), (*notes, *remarks))


def _is_layer(levels: np.ndarray, opaque: np.ndarray, alpha: np.ndarray) -> bool:
    """Whether a sheet holds strokes on a transparent layer, not paper with a clear part: less than half of it is
    opaque, without a large area of several colours."""
    if not opaque.any():
        return True
    if 2 * opaque.sum() >= opaque.size:
        return False
    solid = ink.extreme(opaque.astype(np.uint8), ink.reach_of(size_of(opaque)), False).sum()
    return bool(2 * solid < opaque.sum() or _is_flat(levels, opaque))


def _is_flat(levels: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the pixels of the mask [H,W] bool, at least one, have one colour."""
    low, high = (f(axis=0).astype(np.int32) for f in (levels[mask].min, levels[mask].max))
    return bool((high - low <= DARKEST).all())


def _opaque(alpha: np.ndarray) -> np.ndarray:
    """Which pixels of a layer are painted, by its alpha [H,W] uint8. Paint that marks a part of a photograph, or tints
    it, may be translucent everywhere: then what is at least half as opaque as its most opaque part counts."""
    opaque: np.ndarray = alpha >= CLEAR
    return opaque if opaque.any() or alpha.max() < DARKEST else 2 * alpha.astype(np.int32) >= alpha.max()


def _is_map(grey: np.ndarray) -> bool:
    """Whether a grey sheet [H,W] uint8 has areas of several levels, two of them neither black nor white, and so numbers
    regions. A soft mask has such areas too, but of all levels between."""
    area = grey[ink.extreme(grey, 1, False) == ink.extreme(grey, 1, True)]
    count = np.bincount(area, minlength=256)
    beside = np.maximum(np.append(count[1:], 0), np.append(0, count[:-1]))
    levels = np.flatnonzero((200 * count >= grey.size) & (4 * beside <= count))
    return len(levels) >= 3 and ((levels > DARKEST) & (levels < LIGHTEST)).sum() >= 2


def mask(rgba: np.ndarray, name: str) -> Meaning:
    """The part of a photograph to be repainted.

    - White on black: pixels at least half white. Programs' 0 and 1 count as black and white.
    - One bright colour on black: the coloured pixels.
    - One colour on a transparent layer: the painted pixels, opaque or not.
    - The photograph with a part erased to transparency: that part.

    Args:
      rgba: the sheet, [H,W,4] uint8.
      name: for messages.

    Raises:
      ImageError: an opaque photograph, a part of one on black, several colours or greys, as in a map of regions, or a
        sheet of one colour less than half of which is clear.
    """
    levels, alpha = rgba[..., :3], rgba[..., 3]
    opaque, notes = _opaque(alpha), []
    if not opaque.all() and opaque.any() and texture.is_photograph(levels, opaque):
        note = "the mask is a photograph of which a part is clear; the clear part was taken for the hole"
        if 2 * opaque.sum() < opaque.size:
            note += f", {1 - opaque.mean():.0%} of the sheet; if what is left of it is meant, save that white on black"
        return Meaning((~opaque).astype(np.uint8), (f"{name}: {note}",))
    if not opaque.all():
        if not opaque.any() or _is_flat(levels, opaque):
            if 2 * opaque.sum() > opaque.size:
                raise ImageError(
                    f"{name}: expected a mask, white where the picture is repainted, found one colour on "
                    f"{opaque.mean():.0%} of a transparent layer, which may be the hole or what is kept: save the mask "
                    "as white on black"
                )
            soft = ((alpha > 0) & (alpha < 255)).any()
            how = FAINT if opaque.any() and alpha.max() < CLEAR else SOFT if soft else ""
            notes.append(f"{name}: the mask was read from the alpha channel{how}")
            return Meaning(opaque.astype(np.uint8), tuple(notes))
        levels = np.where(opaque[..., None], levels, np.uint8(0))
        notes.append(f"{name}: transparent pixels of the mask count as kept")
    elif texture.is_photograph(levels, opaque):
        fully = f", fully (its clearest pixel is {alpha.min() / 255:.0%} opaque)," if alpha.min() < 255 else ""
        raise ImageError(
            f"{name}: expected a mask, white where the picture is repainted and black elsewhere, found what looks "
            f"like a photograph; to mark a part of a photograph, erase it{fully} to transparency and save it as PNG"
        )
    if levels.max() == 1:
        levels = levels * np.uint8(255)
        notes.append(f"{name}: the mask holds 0 and 1; 1 was taken for white")
    if texture.is_photograph_on_black(levels):
        raise ImageError(
            f"{name}: expected a mask, white where the picture is repainted and black elsewhere, found a part of a "
            "photograph on black: fill that part with white"
        )
    grey, bright = texture.grey_of(levels), ink.largest(levels)
    color_mask = texture.chroma(levels) > ink.DEEP
    if 1000 * color_mask.sum() >= color_mask.size:
        white, black = (ink.largest(~levels) <= 255 - LIGHTEST).sum(), (bright <= DARKEST).sum()
        if 1000 * white >= color_mask.size or 20 * black < color_mask.size:
            raise ImageError(
                f"{name}: expected a mask, white where the picture is repainted and black elsewhere, found colours; "
                "one colour on black is a mask too"
            )
        hue = levels[color_mask].astype(np.int32) * 255 // bright[color_mask, None]
        if 20 * (np.abs(hue - ink.median(hue.astype(np.uint8)[None])) > HUE).any(axis=-1).sum() > color_mask.sum():
            raise ImageError(
                f"{name}: expected a mask, white where the picture is repainted and black elsewhere, found several "
                "colours, as in a map of regions; leave one of them on black"
            )
        grey = bright
        notes.append(f"{name}: the mask is coloured; colour on black was taken for white")
    elif _is_map(grey):
        raise ImageError(
            f"{name}: expected a mask, white where the picture is repainted and black elsewhere, found several greys, "
            "as in a map of regions; leave one of them, white on black"
        )
    if ((grey > 0) & (grey < 255)).any() and grey is not bright:
        notes.append(f"{name}: the mask has grey pixels; it was thresholded at 0.5")
    result = grey >= 128
    painted = ink.extreme((bright > DARKEST).astype(np.uint8), 2, False) > 0
    dim = int((painted & ~result).sum())
    if result.any() and dim and 4 * dim >= painted.sum():
        notes.append(f"{name}: {dim / painted.sum():.0%} of what is not black is darker than half and counts as kept")
    if 2 * result.sum() > result.size:
        notes.append(
            f"{name}: white covers {result.mean():.0%} of the mask, and is repainted; if black is meant, invert it"
        )
    return Meaning(result.astype(np.uint8), tuple(notes))


SOFT = "; it has soft edges and was thresholded at 0.5"
FAINT = "; nothing of it is opaque, and what is at least half as opaque as its most opaque part counts"


def _unmix(levels: np.ndarray, paper: np.ndarray, apart: np.ndarray, paint_mask: np.ndarray) -> np.ndarray:
    """Levels with the stroke's own colour up to its edge: within 2 px of paper, where a stroke is fainter than at its
    strongest 2 px away, the paper mixed in is removed."""
    strongest = ink.extreme(apart, 2, True)
    edge = (
        paint_mask
        & (ink.extreme(paint_mask.astype(np.uint8), 2, False) == 0)
        & (10 * apart.astype(np.uint16) < 9 * strongest.astype(np.uint16))
    )
    own = paper + (levels[edge].astype(np.int32) - paper) * strongest[edge, None] // np.maximum(apart[edge, None], 1)
    result = levels.copy()
    result[edge] = np.clip(own, 0, 255)
    return result


LEAST, RINGING = 6, 50
"""Least difference of paint from its paper, and how many times as many pixels differ at least so much as differ less,
in a file that is not lossy."""
PAPERS = ("transparent", "white", "black")


def color(rgba: np.ndarray, name: str) -> Meaning:
    """Colour strokes on transparent, white or black paper.

    The paper is the commonest of the three; the sheet's outermost pixels count as much as all of it. On opaque paper
    strokes are pixels that differ from it, their edges from half of the stroke's difference on, with the stroke's own
    colour; in a lossy file, a difference below 0.15 of the strongest within `ink.HALO` is ringing.

    Args:
      rgba: the sheet, [H,W,4] uint8.
      name: for messages.

    Returns:
      RGBA, alpha 255 where painted, and all 0 elsewhere. A sheet without paper counts as painted everywhere, with a
      note.

    Raises:
      ImageError: two of the papers are about as common.
    """
    levels, alpha = rgba[..., :3], rgba[..., 3]
    opaque = _opaque(alpha)
    white, black = opaque & (ink.largest(~levels) <= 255 - LIGHTEST), opaque & (ink.largest(levels) <= DARKEST)
    scores = []
    for paper in (~opaque, white, black):
        border = np.concatenate([paper[0], paper[-1], paper[:, 0], paper[:, -1]])
        scores.append(sum(1000 * int(part.sum()) // part.size for part in (paper, border)))
    first, second, _ = sorted(range(3), key=lambda index: -scores[index])
    if scores[first] < 100:
        paint_mask = opaque
        note = "no black, white or transparent paper was found; all of the sheet counts as paint"
    elif 10 * scores[second] >= 7 * scores[first]:
        raise ImageError(
            f"{name}: expected colour strokes on paper of one kind, found {PAPERS[first]} and {PAPERS[second]} about "
            "as common: paint on transparent paper"
        )
    elif first == 0:
        paint_mask, note = opaque, ""
        if opaque.any() and alpha.max() < CLEAR:
            note = f"the colours were read from the alpha channel{FAINT}"
        elif 4 * ((alpha > 0) & ~opaque).sum() > opaque.sum():
            note = "paint that is less than half opaque was left out"
    else:
        paper = (white, black)[first - 1]
        color = ink.median(levels, paper)
        apart = ink.difference(levels, color)
        apart = np.where(opaque, apart, np.uint8(0))
        # A lossy file has pixels of nearly the paper's colour everywhere, and beside strokes more than that.
        lossy = RINGING * ((apart > 0) & (apart < LEAST)).sum() > (apart >= LEAST).sum()
        paint_mask = ink.strong_parts(apart, LEAST, 15 if lossy else 0)
        levels = _unmix(levels, color, apart, paint_mask)
        note = f"{PAPERS[first]} was taken for paper"
        if 4 * (paint_mask & (apart < ink.FAINT)).sum() > paint_mask.sum():
            note += (
                f"; of the {paint_mask.mean():.0%} that count as paint, much is hardly another colour than the paper: "
                "of a scan or a photograph, make the paper plain, or transparent"
            )
    if not paint_mask.any():
        note = "no colour strokes were found: an empty sheet"
    return Meaning(_painted(levels, paint_mask), (f"{name}: {note}",) if note else ())


def _painted(levels: np.ndarray, paint_mask: np.ndarray) -> np.ndarray:
    """Paint [H,W,4] uint8 RGBA of the colours of `levels`, opaque where the mask [H,W] bool is set, all 0 elsewhere."""
    layer = np.dstack([levels[..., :3], np.full(paint_mask.shape, 255, np.uint8)])
    return np.where(paint_mask[..., None], layer, np.uint8(0))


def read_mask(path: str | os.PathLike, data: bytes | None = None) -> tuple[np.ndarray, list[str]]:
    """A mask's file, or the mask of a file of layers, as ([H,W] uint8 in {0,1}, notes), by `mask`; `data` as of
    `files.read_rgb`.

    Raises:
      ImageError: unreadable, or as there.
    """
    rgba, known = openraster.read_layer(path, "mask", data)
    meaning = Meaning(_opaque(rgba[..., 3]).astype(np.uint8)) if known else mask(rgba, str(path))
    return meaning.layer, list(meaning.notes)


def read_sketch(
    path: str | os.PathLike, level: float = 0.0, data: bytes | None = None, most: int = files.MAX_PIXELS
) -> tuple[np.ndarray, list[str]]:
    """A sketch's file, or the sketch of a file of layers, as ([H,W] uint8 in {0,1}, notes), by `sketch`; `data` and
    `most` as of `files.read_rgba`.

    Raises:
      ImageError: unreadable, or as there.
    """
    rgba, known = openraster.read_layer(path, "sketch", data, most)
    strokes = ink.on_layer(rgba[..., 3], level).astype(np.uint8) if known else None
    meaning = sketch(rgba, str(path), level) if strokes is None else Meaning(strokes)
    return meaning.layer, list(meaning.notes)


def read_color(path: str | os.PathLike, data: bytes | None = None) -> tuple[np.ndarray, list[str]]:
    """A colour layer's file, or the colours of a file of layers, as ([H,W,4] uint8 RGBA, alpha 0 or 255, notes), by
    `color`; `data` as of `files.read_rgb`.

    Raises:
      ImageError: unreadable, or as there.
    """
    rgba, known = openraster.read_layer(path, "color", data)
    meaning = Meaning(_painted(rgba, _opaque(rgba[..., 3]))) if known else color(rgba, str(path))
    return meaning.layer, list(meaning.notes)
