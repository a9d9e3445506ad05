"""Strokes on a sheet: which pixels are ink, by any pen, on paper of any kind, in any light.

A sketch is read in one of two ways:

- A sheet that a program wrote (at least `WRITTEN` of it is one exact colour, as is nearly everything away from strokes,
  and other dark areas are flat) is compared with its paper's colour, at its full size.
- Any other is a photograph or a scan of paper. The paper's level at every pixel is a grey-scale closing of the sheet
  (an opening, if ink is the brighter of the two) by a window wider than a stroke; how far the sheet is below it, as a
  share, because light multiplies, is ink: the black top-hat of mathematical morphology (Serra 1982). A window's mean
  and deviation (Sauvola & Pietikainen 2000) would draw a line along the edge of a shadow, of a sheet on a table, of a
  scan's dark rim; a closing follows such edges. The window is the smallest that keeps nearly all of the strongest ink,
  so that a finger's shadow is wider than it. Wider dark areas that are as dark as ink and surrounded by paper are
  filled; the others are shade, as a note says. If lines are of two strengths with nothing between, the fainter ones are
  a wire's shadow, a crease or rulings, unless they are the majority; a note says which.

Both measure contrast in the channel where it is largest, so cyan and red ink are as good as black, and both keep pixels
at least half as strong as the strongest within two pixels, so that a line keeps its width whatever its contrast. The
thresholds are ours, set on free-hand drawings under simulated pens, papers, lights and JPEG. `framing.ink` repeats all
of it in a graph, to the pixel: so everything that is compared with a threshold is a whole number.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfsketch.errors import ImageError
from tfsketch.images import rulings
from tfsketch.vocabulary import size_of

WORK = 1024
"""Longest side in pixels at which a photographed sheet is read; the strokes of a larger one are enlarged."""
FAINT = 26
"""Least contrast of a stroke, of 255: a tenth."""
RULING = 90
"""Lines below this share, of 256, of the ink's contrast are left out: faint rulings."""
NOISE = 4
"""Least contrast of a stroke, as a multiple of plain paper's."""
EXACT = 2
"""Levels within which a pixel has the paper's own colour."""
WRITTEN = 0.4
"""Least share of such pixels in a sheet that a program wrote."""
EVEN, PLAIN = 97, 10
"""Least shares, in percent: of them among pixels `BESIDE` or more from a stroke, since JPEG makes the paper of a
photograph flat only in places; and of the latter in the sheet, since a dithered scan has dots everywhere."""
BESIDE = 3
DEEP = 64
"""Contrast from which an area wider than a stroke is not paper."""
COARSE = 4
"""Greatest width of a filled area, as a multiple of the widest stroke's."""
FILLED = 150
"""Contrast from which a wide area that paper surrounds is ink: shade is brighter."""
HALO = 8
"""Pixels round a stroke in which a lossy file rings: the side of a block of JPEG."""
NO_STROKES = "no strokes were found: a sheet without lines"
AREAS = "most of what counts as strokes are areas, and not lines; if it is a mask, give it as one"


def largest(levels: np.ndarray) -> np.ndarray:
    """Over the three channels of [H,W,3]; NumPy's own reduction of so short an axis is ten times slower."""
    return np.maximum(np.maximum(levels[..., 0], levels[..., 1]), levels[..., 2])


def difference(levels: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Distance of [H,W,3] uint8 to a colour [3], in the channel where it is largest: [H,W] uint8."""
    color = color.astype(np.uint8)
    return largest(np.maximum(levels, color) - np.minimum(levels, color))


def _histogram(values: np.ndarray) -> np.ndarray:
    return np.bincount(values.ravel(), minlength=256)


def median(levels: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """The lower median by channel of [H,W,C] uint8, of the pixels in `mask` [H,W] bool: [C] int32."""
    levels = levels.reshape(-1, levels.shape[-1]) if mask is None else levels[mask]
    medians = []
    for channel in levels.T:
        count = np.cumsum(_histogram(channel))
        medians.append(int((2 * count < count[-1]).sum()))
    return np.array(medians, np.int32)


def extreme(levels: np.ndarray, reach: int, largest: bool) -> np.ndarray:
    """The largest or smallest level within `reach` pixels along each axis."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return (cv2.dilate if largest else cv2.erode)(levels, kernel, borderType=cv2.BORDER_REPLICATE)


def _paper_of(levels: np.ndarray, reach: int, dark_ink: bool) -> np.ndarray:
    """The paper's level at every pixel of [H,W,3] uint8. The sheet's border is repeated, so that a rim is wide."""
    return _closing(cv2.medianBlur(levels, 3), reach, dark_ink)


def _closing(levels: np.ndarray, reach: int, dark_ink: bool) -> np.ndarray:
    frame = cv2.copyMakeBorder(levels, 2 * reach, 2 * reach, 2 * reach, 2 * reach, cv2.BORDER_REPLICATE)
    closing = extreme(extreme(frame, reach, dark_ink), reach, not dark_ink)
    return closing[2 * reach : -2 * reach, 2 * reach : -2 * reach]


def _far_paper_of(levels: np.ndarray, reach: int, dark_ink: bool) -> np.ndarray:
    """`_paper_of` by a window `COARSE` times as wide: of squares of `COARSE` pixels, each as dark as its darkest."""
    height, width = levels.shape[:2]
    levels = cv2.copyMakeBorder(levels, 0, -height % COARSE, 0, -width % COARSE, cv2.BORDER_REPLICATE)
    squares = levels.reshape(levels.shape[0] // COARSE, COARSE, -1, COARSE, 3)
    paper = _closing((squares.min if dark_ink else squares.max)(axis=(1, 3)), reach, dark_ink)
    return paper.repeat(COARSE, axis=0).repeat(COARSE, axis=1)[:height, :width]


def _contrast(levels: np.ndarray, paper: np.ndarray, dark_ink: bool) -> np.ndarray:
    """How far levels are below the paper's, as a share of it, in the channel where it is most: [H,W] uint8, 255 is
    1."""
    most = np.zeros(levels.shape[:2], np.uint8)
    for channel in range(3):
        here, there = levels[..., channel], paper[..., channel].astype(np.uint8)
        if not dark_ink:
            here, there = ~here, ~there
        # In the dark a level more or less is noise.
        share = (np.maximum(there, here) - here).astype(np.uint16) * 255 // np.maximum(there, 48)
        np.maximum(most, share.astype(np.uint8), out=most)
    return most


def ink_level(contrast: np.ndarray) -> int:
    """The contrast of the sheet's ink: the least of the strongest 1 in 2,000 pixels, at least 8."""
    least = max(8, contrast.size // 2000)
    count = np.cumsum(_histogram(contrast)[::-1])
    return 255 - int((count < least).sum())


def strong_parts(contrast: np.ndarray, floor: np.ndarray | int, share: int = 30) -> np.ndarray:
    """[H,W] bool: pixels with at least the contrast `floor`, half of the strongest within 2 px, and `share` percent of
    the strongest within `HALO`."""
    here = contrast.astype(np.uint16)
    near, around = (extreme(contrast, reach, True).astype(np.uint16) for reach in (2, HALO))
    return (here >= floor) & (2 * here >= near) & (100 * here >= share * around)


def _drop_specks(strokes: np.ndarray) -> np.ndarray:
    """Without components shorter than `speck_of` along both axes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    whole = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= speck_of(size_of(strokes))
    whole[0] = False  # the paper
    return whole[labels]


def speck_of(size: tuple[int, int]) -> int:
    """The least length in pixels of a stroke on a photographed sheet of a size."""
    return max(3, max(size) // 128)


def reach_of(size: tuple[int, int]) -> int:
    """Half the width of the widest stroke on a photographed sheet of a size, in pixels: the largest window's reach."""
    return max(4, (min(size) + 12) // 24)


def _ink_is_dark(levels: np.ndarray, paper: np.ndarray | None, reach: int) -> bool:
    """Whether the rarer levels are the darker ones: by the third moment about the paper's colour, or local means."""
    levels = levels.astype(np.int32)
    if paper is None:
        side = 4 * reach + 1
        total = cv2.boxFilter(
            levels.astype(np.uint8), cv2.CV_32S, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE
        )
        paper = (total + side * side // 2) // (side * side)
    return bool(((levels - paper).astype(np.int64) ** 3).sum() <= 0)


@dataclasses.dataclass(frozen=True)
class _Sheet:
    """An opaque sheet's properties, at its working size."""

    is_exact: bool
    dark_ink: bool
    color: np.ndarray
    """[3] int32: the paper's."""
    contrast: np.ndarray
    """[H,W] uint8, with the local paper."""
    paper: np.ndarray
    """[H,W,3] uint8: the local paper."""
    shade: np.ndarray
    """[H,W] bool: dark, and wider than a stroke."""
    rims: int
    """How many of the four sides are dark."""


def _sheet_of(levels: np.ndarray, work: np.ndarray) -> _Sheet:
    """Analyses a sheet [H,W,3] uint8, of which `work` is at the working size."""
    color, reach = median(levels), reach_of(size_of(work))
    apart = difference(levels, color)
    away = extreme((apart >= FAINT).astype(np.uint8), BESIDE, True) == 0
    is_exact = bool((apart <= EXACT).sum() >= WRITTEN * apart.size and 100 * away.sum() >= PLAIN * away.size)
    is_exact &= bool(100 * (away & (apart <= EXACT)).sum() >= EVEN * away.sum())
    dark_ink = _ink_is_dark(work, color if is_exact else None, reach)
    paper = _paper_of(work, reach, dark_ink)
    contrast = _contrast(work, paper, dark_ink)
    shade = (_contrast(work, color, dark_ink) >= DEEP) & (_contrast(paper, color, dark_ink) >= DEEP)
    rims = sum(10 * int(line.sum()) > 6 * line.size for line in (shade[0], shade[-1], shade[:, 0], shade[:, -1]))
    if is_exact and shade.any() and rims < 4:
        # A program fills areas with one colour, apart from JPEG's noise, and draws frames. A scan's gutter is noisy,
        # and it has a rim where its lid was open.
        inner = extreme(shade.astype(np.uint8), 1, False) > 0
        range_map = largest(extreme(work, 1, True) - extreme(work, 1, False))
        flat = 10 * ((range_map <= 8) & inner).sum() >= 8 * inner.sum()
        is_exact = bool(flat and not rims)
    if not is_exact:
        strong = 10 * contrast.astype(np.int32) >= 7 * ink_level(contrast)
        for smaller in (reach >> 4, reach >> 3, reach >> 2, reach >> 1):
            if smaller < 2:
                continue
            closer = _paper_of(work, smaller, dark_ink)
            there = _contrast(work, closer, dark_ink)
            if 20 * ((2 * there.astype(np.int32) >= contrast) & strong).sum() >= 19 * strong.sum():
                paper, contrast = closer, there
                break
        far = _contrast(work, _far_paper_of(work, reach, dark_ink), dark_ink)
        areas = (far >= FILLED) & (10 * far.astype(np.int32) >= 7 * ink_level(contrast))
        contrast = np.where(areas, far, contrast)
    return _Sheet(is_exact, dark_ink, color, contrast, paper, shade, rims)


def _noise(sheet: _Sheet, work: np.ndarray) -> np.ndarray:
    """The contrast of plain paper at every pixel, [H,W] int32: the same noise in levels everywhere, which is more
    contrast in less light."""
    paper, levels = sheet.paper.astype(np.int32), work.astype(np.int32)
    if not sheet.dark_ink:
        paper, levels = 255 - paper, 255 - levels
    usual = int(median(largest(np.maximum(paper - levels, 0))[..., None])[0])
    return usual * 255 // np.maximum(largest(paper), 48)


def _is_photographic(sheet: _Sheet, floor: np.ndarray) -> bool:
    """Whether what should be a drawing is something else.

    On a drawing nearly everything is ink or paper, lines are thin, and the paper changes its level only at the edges of
    shadows, its hue nowhere. A photograph has many levels between, large areas, steps everywhere, and hues; and its
    dark parts, such as the hair of a studio portrait before a grey wall, fade out where a pen's line ends.
    """
    size = sheet.shade.size
    ink = sheet.contrast >= floor
    between = (sheet.contrast >= floor // 4) & (extreme(ink.astype(np.uint8), BESIDE, True) == 0)
    wide = extreme(ink.astype(np.uint8), max(1, reach_of(size_of(ink)) // 2), False)
    level = largest(sheet.paper if sheet.dark_ink else 255 - sheet.paper).astype(np.uint8)
    step = extreme(level, 2, True).astype(np.int32) - extreme(level, 2, False)
    level = np.maximum(level, 48).astype(np.int32)
    small, steps = (int((share * step > level).sum()) for share in (20, 10))
    mean, paper = median(sheet.paper) + 8, sheet.paper.astype(np.int32) + 8
    own, usual = paper.sum(axis=-1, keepdims=True), int(mean.sum())
    hues = int(largest(25 * np.abs(paper * usual - mean * own) > own * usual).sum())  # 0.04 of a share of a channel
    edge = ink & (extreme(ink.astype(np.uint8), 1, False) == 0)
    peak, reach = extreme(sheet.contrast, 1, True), max(BESIDE, reach_of(size_of(ink)) // 7)
    ends, sharp = (
        int((part & (4 * extreme(sheet.contrast, away, False).astype(np.int32) <= peak)).sum())
        for part, away in ((ink, reach), (edge, BESIDE))
    )
    fades = 2 * ends < int(ink.sum()) and 20 * sharp < 17 * int(edge.sum())
    return (
        250 * steps * int(between.sum()) > size * size
        or (50 * int(between.sum()) > size and fades)
        or 40 * steps * int(wide.sum(dtype=np.int64)) > size * int(ink.sum())
        or 10 * steps > 3 * size
        or (10 * hues > size and 20 * small > size)
    )


def _scale(floor: np.ndarray | int, level: float) -> np.ndarray:
    return np.clip(np.rint(floor * 4.0**-level), 3, 250).astype(np.int32)


def are_areas(strokes: np.ndarray) -> bool:
    """Whether strokes [H,W] bool are wider than lines for the most part, as a mask's are."""
    reach, layer = reach_of(size_of(strokes)) // 2, strokes.astype(np.uint8)
    return bool(2 * extreme(extreme(layer, reach, False), reach, True).sum(dtype=np.int64) > strokes.sum())


def on_layer(alpha: np.ndarray, level: float = 0.0) -> np.ndarray:
    """Strokes on a transparent layer [H,W] uint8: [H,W] bool; `level` as of `on_paper`."""
    return strong_parts(alpha, _scale(max(FAINT, RULING * ink_level(alpha) // 256), level))


def on_paper(levels: np.ndarray, name: str, level: float = 0.0) -> tuple[np.ndarray, list[str]]:
    """Strokes on an opaque sheet.

    Args:
      levels: the sheet, [H,W,3] uint8.
      name: for messages.
      level: from -1, only the strongest strokes, to 1, the faintest too: thresholds are multiplied by 4 ** -level.

    Returns:
      ([H,W] bool, notes on how they were read, which begin with the name).

    Raises:
      ImageError: a photograph instead of a sketch.
    """
    notes = []
    height, width = levels.shape[:2]
    scale = WORK / max(height, width)
    work = levels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        work = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    sheet = _sheet_of(levels, work)
    contrast, noise, split, two = sheet.contrast, np.zeros((), np.int32), 0, False
    if sheet.is_exact:
        contrast = _contrast(levels, sheet.color, sheet.dark_ink)
    else:
        noise = _noise(sheet, work)
    least = np.maximum(FAINT, NOISE * noise)
    floor = np.maximum(least, RULING * ink_level(contrast) // 256 + 2 * noise)
    if not sheet.is_exact and _is_photographic(sheet, floor):
        raise ImageError(
            f"{name}: expected a sketch, lines on paper, found what looks like a photograph; if it shows a drawing on "
            "a table, crop it to the paper"
        )
    if not sheet.is_exact:
        split, two = rulings.fainter_lines(contrast, floor)
        floor = np.maximum(floor, split)
    least, floor = _scale(least, level), _scale(floor, level)
    strokes = strong_parts(contrast, floor)
    if not sheet.is_exact:
        strokes = _drop_specks(strokes)
    across, fainter = rulings.run_across(strokes), rulings.are_left_out(contrast, least, floor, strokes)
    if not sheet.is_exact and scale < 1:
        grey = cv2.resize(strokes.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_CUBIC)
        strokes = grey >= 128
    if not strokes.any():
        return strokes, [f"{name}: {NO_STROKES}"]
    if sheet.dark_ink:
        notes.append(f"{name}: dark strokes on bright paper")
    if not sheet.is_exact:
        shade = sheet.shade & (contrast < floor)
        notes.append(f"{name}: the sheet was read as a photograph or scan of paper, by local contrast")
        if sheet.rims:
            notes.append(f"{name}: a dark rim at the sheet's edge was taken for the scan's and left out")
        if 100 * shade.sum() >= shade.size:
            notes.append(f"{name}: dark areas wider than a stroke were taken for shade")
        if extreme(strokes.astype(np.uint8), max(1, reach_of(size_of(strokes)) // 4), False).any():
            notes.append(f"{name}: dark areas wider than a line were taken for strokes")
    elif sheet.rims == 4:
        notes.append(f"{name}: the frame along the sheet's edges counts as strokes")
    notes += [f"{name}: {AREAS}"] * are_areas(strokes)
    if two and split == 0:
        notes.append(f"{name}: lines of two strengths count as strokes, the fainter ones too")
    elif two or fainter:
        notes.append(f"{name}: lines much fainter than the strokes were taken for rulings or shadows and left out")
    if across:
        notes.append(f"{name}: lines straight across the sheet count as strokes; if they are its rulings, erase them")
    return strokes, notes
