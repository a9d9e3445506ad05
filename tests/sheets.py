"""Sheets as people save and photograph them: one drawing by many pens, masks and colours of many kinds."""

from __future__ import annotations

import io
import random

import cv2
import numpy as np
import skimage.data
from PIL import Image

SIDE = 192


def opaque(levels):
    return np.dstack([levels, np.full(levels.shape[:2], 255, np.uint8)])


def jpeg(levels, quality):
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def face(side=SIDE, width=2):
    """A face as a pen draws it: [side,side] bool."""
    lines, unit = np.zeros((side, side), np.uint8), side / 192
    at = lambda *values: tuple(round(value * unit) for value in values)  # noqa: E731
    cv2.ellipse(lines, at(96, 100), at(60, 78), 0, 0, 360, 1, width)
    for x in (72, 120):
        cv2.ellipse(lines, at(x, 88), at(14, 7), 0, 0, 360, 1, width)
        cv2.circle(lines, at(x, 88), round(4 * unit), 1, -1)
        cv2.line(lines, at(x - 14, 70), at(x + 12, 67), 1, width)
    cv2.polylines(lines, [np.array([at(96, 90), at(88, 118), at(100, 120)])], False, 1, width)
    cv2.ellipse(lines, at(96, 140), at(24, 9), 0, 0, 180, 1, width)
    cv2.line(lines, at(72, 140), at(120, 139), 1, width)
    return lines > 0


def frame(height: int, width: int, thickness: int = 3) -> np.ndarray:
    """A frame and a diagonal, {0,1}."""
    sketch = np.zeros((height, width), np.uint8)
    sketch[:thickness], sketch[-thickness:], sketch[:, :thickness], sketch[:, -thickness:] = 1, 1, 1, 1
    rows = np.arange(height)
    sketch[rows, (rows * (width - 1) / max(height - 1, 1)).astype(int)] = 1
    return sketch


def light_on(size, kind):
    """The share of light at every place, [H,W,1]."""
    rows, columns = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size), indexing="ij")
    if kind == "side":
        light = 1 - 0.64 * columns
    elif kind == "corners":
        light = 1 - ((rows - 0.5) ** 2 + (columns - 0.5) ** 2)
    else:  # a hand and its fingers
        shadow = np.zeros((size, size), np.float32)
        cv2.ellipse(
            shadow, (int(0.75 * size), int(0.85 * size)), (int(0.35 * size), int(0.3 * size)), -30, 0, 360, 1, -1
        )
        for finger in range(4):
            root = (int((0.5 + 0.08 * finger) * size), int(0.75 * size))
            tip = (int((0.38 + 0.1 * finger) * size), int((0.45 + 0.03 * finger) * size))
            cv2.line(shadow, root, tip, 1, max(3, int(0.06 * size)))
        light = 1 - 0.45 * cv2.GaussianBlur(shadow, (0, 0), size / 100)
    return light[..., None]


def sheet(lines, paper, ink, noise=0.0, light=None):
    """Lines on paper: [H,W,3] uint8; `paper` is a colour or a picture."""
    sheet = np.where(lines[..., None], np.array(ink, np.float64), np.array(paper, np.float64))
    sheet = sheet if light is None else sheet * light_on(len(lines), light)
    sheet = sheet + np.random.default_rng(0).normal(0, noise, sheet.shape)
    return np.clip(np.rint(sheet), 0, 255).astype(np.uint8)


def ruling(size, color, columns=False):
    paper = np.full((size, size, 3), 250, np.uint8)
    step = max(8, size // 20)
    paper[step::step] = color
    if columns:
        paper[:, step::step] = color
    return paper


def rim(sheet, noise):
    """A scan whose lid stood open."""
    dark = np.random.default_rng(1).normal(14, noise, sheet.shape)
    outside = np.zeros(sheet.shape[:2], bool)
    outside[:, :4], outside[-5:] = True, True
    return np.where(outside[..., None], np.clip(dark, 0, 255), sheet).astype(np.uint8)


def bar(size, width, soft, depth):
    """The share of light at every place under a slanting straight shadow, [H,W,1]: shares of the size."""
    y, x = np.mgrid[:size, :size]
    away = np.abs((x - size / 2) * np.cos(0.35) + (y - size / 2) * np.sin(0.35))
    edge = np.clip((away - width * size / 2) / (soft * size) + 0.5, 0, 1)
    return (1 - depth * (1 - edge**2 * (3 - 2 * edge)))[..., None]


def lit(lines, light, noise=3.0, quality=80, ink=(45, 45, 55)):
    """A phone's JPEG of a drawing: what noise there is, is smoothed away in places."""
    levels = sheet(lines, (238, 236, 228), ink).astype(np.float64) * light
    levels += np.random.default_rng(5).normal(0, noise, levels.shape)
    return jpeg(np.clip(np.rint(levels), 0, 255).astype(np.uint8), quality)


def sheets(lines):
    """One drawing by many pens, on many papers, in many lights: name -> [H,W,3] uint8."""
    size = len(lines)
    grey = (250, 250, 250)
    return {
        "black on white": sheet(lines, (255,) * 3, (0,) * 3),
        "white on black": sheet(lines, (0,) * 3, (255,) * 3),
        "pencil": sheet(lines, grey, (150,) * 3),
        "pencil, photographed": sheet(lines, (225,) * 3, (120,) * 3, 4, "corners"),
        "cyan": sheet(lines, (255,) * 3, (0, 190, 220)),
        "red": sheet(lines, (255,) * 3, (220, 40, 40)),
        "yellow": sheet(lines, (255,) * 3, (250, 220, 40)),
        "red on black": sheet(lines, (20,) * 3, (200, 30, 30)),
        "chalk": sheet(lines, (40, 60, 50), (190, 190, 180), 4, "corners"),
        "blue on brown": sheet(lines, (190, 150, 110), (40, 50, 120), 3),
        "dim": sheet(lines, (115,) * 3, (30,) * 3),
        "dim, photographed": sheet(lines, (105,) * 3, (25,) * 3, 5),
        "lit from a side": np.where(lines[..., None], 40, sheet(lines & False, grey, grey, 0, "side")).astype(np.uint8),
        "lit from a side, photographed": sheet(lines, grey, (50,) * 3, 4, "side"),
        "under a hand": sheet(lines, grey, (60, 60, 70), 3, "hand"),
        "JPEG": jpeg(sheet(lines, (255,) * 3, (0,) * 3), 30),
        "JPEG of a photograph": jpeg(sheet(lines, grey, (60,) * 3, 3, "side"), 30),
        "lined paper": sheet(lines, ruling(size, (205, 218, 240)), (40, 40, 60), 2),
        "strongly lined paper": sheet(lines, ruling(size, (165, 182, 222)), (40, 40, 60), 2),
        "squared paper": sheet(lines, ruling(size, (205, 218, 240), True), (40, 40, 60), 2),
        "squared paper of a program": sheet(lines, ruling(size, (205, 218, 240), True), (40, 40, 60)),
        "pencil on squared paper": sheet(lines, ruling(size, (215, 225, 243), True), (130,) * 3, 2),
        "scan with a rim": rim(sheet(lines, (252,) * 3, (30,) * 3, 2), 4),
        "under a hand, JPEG": lit(lines, light_on(size, "hand")),
        "under a telephone, JPEG": lit(lines, 1 - 0.5 * (np.mgrid[:size, :size].sum(axis=0) > 1.4 * size)[..., None]),
        "under a bar": lit(lines, bar(size, 0.1, 0.03, 0.4)),
        "scan with an even rim": rim(sheet(lines, (255,) * 3, (30,) * 3), 0),
    }


FACE = face()
SHEETS = sheets(FACE)


PORTRAIT = np.ascontiguousarray(skimage.data.astronaut()[:SIDE, 130 : 130 + SIDE])
HOLE = cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), (96, 90), (40, 25), 0, 0, 360, 255, -1)


def soft(hole, sigma):
    return np.repeat(cv2.GaussianBlur(hole, (0, 0), sigma)[..., None], 3, axis=2)


def with_alpha(levels, alpha):
    return np.dstack([np.broadcast_to(np.array(levels, np.uint8), (*alpha.shape, 3)), alpha])


def masks():
    """Name -> (sheet, part of its note or of the refusal), all of the hole `HOLE`."""
    flat = np.repeat(HOLE[..., None], 3, axis=2)
    clear_corner = opaque(flat)
    clear_corner[:3, :3] = 0
    grey = np.repeat(cv2.cvtColor(PORTRAIT, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return {
        "white on black": (opaque(flat), ""),
        "ones": (opaque(flat // 255), "0 and 1"),
        "JPEG": (opaque(jpeg(flat, 60)), "thresholded"),
        "soft": (opaque(soft(HOLE, 4)), "thresholded"),
        "white on clear": (with_alpha((255,) * 3, HOLE), "alpha channel"),
        "black on clear": (with_alpha((0,) * 3, HOLE), "alpha channel"),
        "red on clear": (with_alpha((230, 20, 30), HOLE), "alpha channel"),
        # As painting programs save a layer: where nothing is painted, it is black under its transparency.
        **{
            f"{name} strokes on clear black": (
                np.where(HOLE[..., None] > 0, np.uint8([*color, 255]), np.uint8(0)),
                "alpha",
            )
            for name, color in (("red", (230, 20, 30)), ("green", (20, 140, 20)), ("blue", (0, 80, 255)))
        },
        "red on black": (
            opaque(np.where(HOLE[..., None] > 0, np.uint8([230, 20, 30]), 0).astype(np.uint8)),
            "coloured",
        ),
        "dim green on black, JPEG": (
            opaque(jpeg(np.where(HOLE[..., None] > 0, np.uint8([60, 140, 60]), 0).astype(np.uint8), 30)),
            "coloured",
        ),
        "clear corner": (clear_corner, "transparent pixels"),
        "red on clear, 40 % opaque": (
            with_alpha((255, 0, 0), (HOLE * 0.4).astype(np.uint8)),
            "nothing of it is opaque",
        ),
        "erased": (with_alpha(PORTRAIT, 255 - HOLE), "clear part was taken for the hole"),
        "erased and black": (np.where(HOLE[..., None] > 0, 0, opaque(PORTRAIT)).astype(np.uint8), "clear part"),
        "erased, grey": (with_alpha(grey, 255 - HOLE), "clear part was taken for the hole"),
    }


def no_masks():
    red = np.where(HOLE[..., None] > 0, np.uint8([230, 20, 30]), np.uint8(255))
    scribble = np.where(HOLE[..., None] > 0, np.uint8([255, 0, 0]), PORTRAIT)
    grey = np.repeat(cv2.cvtColor(PORTRAIT, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    regions = np.zeros((SIDE, SIDE, 3), np.uint8)
    regions[40:90], regions[90:140], regions[20:40] = (204, 0, 0), (76, 153, 0), (204, 204, 0)
    numbers = np.zeros((SIDE, SIDE), np.uint8)
    numbers[40:90], numbers[90:140], numbers[20:40] = 60, 120, 180
    part = cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), (96, 70), (18, 14), 0, 0, 360, 1, -1)
    sky = np.full((SIDE, SIDE, 3), 205, np.uint8)
    sky[50:140, 40:130] = grey[50:140, 40:130]
    return {
        "a map of regions": (opaque(regions), "found several colours"),
        "a grey map of regions": (opaque(np.repeat(numbers[..., None], 3, axis=2)), "found several greys"),
        "half erased": (with_alpha(PORTRAIT, 255 - HOLE // 3), r"looks like a photograph.*fully \(.* 67% opaque\)"),
        "grey, most of it sky": (opaque(sky), "looks like a photograph"),
        "photograph": (opaque(PORTRAIT), "looks like a photograph"),
        "grey photograph": (opaque(grey), "looks like a photograph"),
        "photograph with a scribble": (opaque(scribble), "looks like a photograph"),
        "red on white": (opaque(red), "found colours"),
        "a part of a photograph on black": (
            opaque(np.where(part[..., None] > 0, PORTRAIT, np.uint8(0))),
            "found a part of a photograph on black",
        ),
        "hole in white": (with_alpha((255,) * 3, 255 - HOLE), "one colour on"),
    }


def colors():
    """Name -> sheet: a broad stroke and a darker one, by the way they are saved."""
    stroke, dark = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(stroke, (50, 60), (140, 60), 1, 9)
    cv2.line(dark, (50, 110), (140, 120), 1, 11)

    def on(paper):
        sheet = np.broadcast_to(np.uint8(paper), (SIDE, SIDE, 3)).copy()
        sheet[stroke > 0], sheet[dark > 0] = (200, 40, 60), (60, 40, 30)
        return sheet

    clear = np.where(((stroke | dark) > 0)[..., None], opaque(on(0)), 0).astype(np.uint8)
    corner = opaque(on(255))
    corner[0, 0] = 0
    return stroke + 2 * dark, {
        "black": opaque(on(0)),
        "black, JPEG": opaque(jpeg(on(0), 75)),
        "white": opaque(on(255)),
        "white, JPEG": opaque(jpeg(on(255), 75)),
        "grey-white": opaque(on(247)),
        "clear": clear,
        "clear corner": corner,
        "clear, a third opaque": (clear // np.uint8([1, 1, 1, 3])).astype(np.uint8),
    }


def pale_beside_strong():
    """Name -> (sheet, where there is paint): a stroke of nearly the paper's colour along one of quite another."""
    paint, near = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(paint, (40, 90), (150, 70), 1, 12)
    cv2.line(near, (40, 102), (150, 82), 1, 10)
    rows = {}
    for name, paper, strong, pale in (
        ("skin under lips", 255, (200, 40, 60), (250, 235, 225)),
        ("brow over skin", 0, (250, 225, 205), (30, 20, 15)),
    ):
        levels = np.full((SIDE, SIDE, 3), paper, np.uint8)
        levels[near > 0] = pale
        levels[paint > 0] = strong
        rows[name] = opaque(levels), (paint | near) > 0
    return rows


def dithered(size=480):
    """Name -> (sheet, its lines): scans of grey paper in black and white alone."""
    lines = face(size, 4)
    rows = {}
    for name, paper in (("dithered, dark paper", 215), ("dithered", 240)):
        levels = sheet(lines, (paper,) * 3, (60,) * 3, 2)
        rows[name] = np.asarray(Image.fromarray(levels).convert("1").convert("RGB")), lines
    return rows


def vignettes():
    """Name -> (sheet, its only line): photographs of a sheet with one line, some pixels of which are stronger by chance
    than the others."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    kinds = {
        "ink along": ((12, 100), (180, 100), 2, 1.3, 45),
        "ink down": ((96, 8), (97, 184), 2, 0.5, 45),
        "pencil down": ((96, 8), (97, 184), 2, 0.9, 110),
        "broad pencil along": ((12, 100), (180, 100), 4, 0.5, 110),
        "broad pencil, askew": ((12, 100), (180, 104), 4, 1.3, 110),
    }
    rows = {}
    for name, (start, end, width, strength, ink) in kinds.items():
        line = cv2.line(np.zeros((SIDE, SIDE), np.uint8), start, end, 1, width) > 0
        light = (1 - strength * (x**2 + y**2))[..., None]
        rows[name] = lit(line, light, noise=5, quality=60, ink=(ink,) * 3), line
    return rows


def odd(rng: random.Random) -> np.ndarray:
    """A layer as nobody expects it: strokes, washes, noise, ramps and clear parts, of any strength and any order."""
    height, width = rng.choice([(60, 80), (90, 33), (1, 1), (2, 50), (7, 7), (160, 160)])
    noise = np.random.default_rng(rng.randrange(2**32))
    sheet = np.empty((height, width, 4))
    sheet[:] = [rng.choice([0, 255, 128, rng.randrange(256)]) for _ in range(3)] + [255]
    for _ in range(rng.randrange(6)):
        top, left = rng.randrange(height), rng.randrange(width)
        part = sheet[
            top : top + rng.randrange(1, height + 1), left : left + rng.randrange(1, 1 + rng.choice([3, width]))
        ]
        what = rng.choice(["color", "color", "noise", "ramp", "clear", "soft", "grey"])
        if what == "color":
            part[..., :3] = [rng.randrange(256) for _ in range(3)]
        elif what == "noise":
            part[..., :3] += noise.normal(0, rng.choice([2, 20, 90]), part[..., :3].shape)
        elif what == "ramp":
            part[..., :3] *= np.linspace(1, rng.random(), part.shape[1])[:, None]
        elif what == "grey":
            part[..., :3] = rng.randrange(256)
        else:
            part[..., 3] = 0 if what == "clear" else rng.randrange(256)
    return np.clip(sheet, 0, 255).astype(np.uint8)
