"""What masks, sketches and colour sheets mean, as people save and photograph them."""

from __future__ import annotations

import io
import pathlib

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from tests import sheets
from tfsketch.errors import ImageError, TfsketchError
from tfsketch.images import meaning

DRAWINGS = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "handdrawn"


def _overlap(one_layer, other_layer, slack=1):
    """Intersection over union, where a pixel may lie `slack` beside."""
    kernel = np.ones((2 * slack + 1,) * 2, np.uint8)
    one_layer, other_layer = (np.asarray(one).astype(np.uint8) for one in (one_layer, other_layer))
    near = [cv2.dilate(one, kernel) for one in (one_layer, other_layer)]
    hits = (one_layer & near[1]).sum(dtype=np.int64) + (other_layer & near[0]).sum(dtype=np.int64)
    return hits / max(1, int(one_layer.sum()) + int(other_layer.sum()))


@pytest.mark.parametrize("name", sheets.SHEETS)
def test_a_drawing_by_any_pen_on_any_paper_in_any_light_is_one_drawing(name):
    sketch = meaning.sketch(sheets.opaque(sheets.SHEETS[name]), "s.png")
    assert _overlap(sketch.layer, sheets.FACE) >= 0.95
    width = sketch.layer.sum() / sheets.FACE.sum()
    assert 0.85 <= width <= 1.2  # lines keep their width
    assert all(note.startswith("s.png: ") for note in sketch.notes)


@pytest.mark.parametrize("width", [1, 3, 9])
def test_lines_of_any_width(width):
    for name in ("pencil", "lit from a side, photographed", "JPEG of a photograph"):
        lines = sheets.face(width=width)
        strokes = meaning.sketch(sheets.opaque(sheets.sheets(lines)[name]), name).layer
        assert _overlap(strokes, lines) >= 0.93, name


def test_a_large_photograph_of_a_drawing():
    lines = sheets.face(1500, 14)
    sketch = meaning.sketch(sheets.opaque(sheets.sheet(lines, (250,) * 3, (60, 60, 70), 12, "hand")), "s.jpg")
    assert _overlap(sketch.layer, lines, 2) >= 0.97 and "photograph or scan" in " ".join(sketch.notes)


def test_a_sheet_on_a_table_photographed_at_an_angle():
    size, lines = 600, sheets.face(500, 5)
    rng = np.random.default_rng(2)
    table = np.full((size, size, 3), (96, 66, 42), np.float64) + 6 * np.sin(np.arange(size) / 9)[:, None, None]
    corners = np.float32([[70, 60], [540, 110], [560, 560], [30, 510]])
    turn = cv2.getPerspectiveTransform(np.float32([[0, 0], [500, 0], [500, 500], [0, 500]]), corners)
    paper = sheets.sheet(lines, (240, 238, 230), (50, 50, 60))
    there = cv2.warpPerspective(np.ones((500, 500), np.uint8), turn, (size, size)) > 0
    shot = np.where(there[..., None], cv2.warpPerspective(paper, turn, (size, size), flags=cv2.INTER_AREA), table)
    shot = np.clip(shot * sheets.light_on(size, "side") ** 0.5 + rng.normal(0, 3, shot.shape), 0, 255).astype(np.uint8)
    expected = cv2.warpPerspective(lines.astype(np.uint8) * 255, turn, (size, size), flags=cv2.INTER_AREA) > 127
    sketch = meaning.sketch(sheets.opaque(sheets.jpeg(shot, 80)), "s.jpg")
    assert _overlap(sketch.layer, expected, 2) >= 0.9
    assert "shade" in " ".join(sketch.notes)  # the table


def test_filled_areas_of_a_program_are_strokes():
    lines = sheets.FACE.copy()
    lines[:60, 40:150] |= cv2.ellipse(np.zeros((60, 110), np.uint8), (55, 60), (52, 45), 0, 180, 360, 1, -1) > 0
    for name in ("black on white", "white on black", "red", "JPEG"):
        assert _overlap(meaning.sketch(sheets.opaque(sheets.sheets(lines)[name]), name).layer, lines) >= 0.98, name


@pytest.mark.parametrize("name", sheets.dithered())
def test_the_dots_of_a_scan_in_black_and_white_are_no_strokes(name):
    sheet, lines = sheets.dithered()[name]
    assert _overlap(meaning.sketch(sheets.opaque(sheet), "s.tif").layer, lines, 2) >= 0.9


@pytest.mark.parametrize("name", sheets.vignettes())
def test_a_lone_line_in_a_vignette_is_no_ruling(name):
    sheet, line = sheets.vignettes()[name]
    sketch = meaning.sketch(sheets.opaque(sheet), "s")
    assert _overlap(sketch.layer, line) >= 0.9
    assert "rulings" not in " ".join(sketch.notes)  # and none is told of


def test_a_mask_in_a_sketchs_place_is_told_of():
    warning = "s: most of what counts as strokes are areas, and not lines; if it is a mask, give it as one"
    for name in ("white on black", "red on black", "clear corner", "white on clear"):
        assert warning in meaning.sketch(sheets.masks()[name][0], "s").notes, name
    for name, sheet in sheets.SHEETS.items():
        assert warning not in meaning.sketch(sheets.opaque(sheet), "s").notes, name


def test_the_level_takes_fainter_lines_and_leaves_them():
    sheet = sheets.opaque(sheets.SHEETS["squared paper of a program"])
    usual = meaning.sketch(sheet, "s")
    assert "rulings or shadows" in " ".join(usual.notes)
    more, fewer = (meaning.sketch(sheet, "s", level) for level in (0.7, -1))
    assert "rulings or shadows" not in " ".join(more.notes) and "if they are its rulings" in " ".join(more.notes)
    more, fewer = more.layer, fewer.layer
    assert more.sum() > 1.5 * usual.layer.sum() and not (usual.layer & ~more & 1).any()
    assert not (fewer & ~usual.layer & 1).any()
    with pytest.raises(TfsketchError, match="level: expected a number from -1 to 1, found 2"):
        meaning.sketch(sheet, "s", 2)


def test_specks_are_no_strokes():
    sheet = sheets.SHEETS["lit from a side, photographed"].copy()
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(0, sheets.SIDE, (2, 60))
    far = cv2.distanceTransform((~sheets.FACE).astype(np.uint8), cv2.DIST_C, 3)[rows, columns] > 3
    sheet[rows[far], columns[far]] = 20
    strokes = meaning.sketch(sheets.opaque(sheet), "s").layer
    assert _overlap(strokes, sheets.FACE) >= 0.95 and not strokes[rows[far], columns[far]].mean() > 0.1


@pytest.mark.parametrize("color", [(255,) * 3, (0,) * 3, (180, 170, 160)])
def test_a_sheet_without_lines_is_said(color):
    sketch = meaning.sketch(sheets.opaque(sheets.sheet(sheets.FACE & False, color, color)), "s.png")
    assert not sketch.layer.any() and sketch.notes == ("s.png: no strokes were found: a sheet without lines",)
    noisy = meaning.sketch(sheets.opaque(sheets.sheet(sheets.FACE & False, (200,) * 3, color, 4, "side")), "s.png")
    assert not noisy.layer.any() and "no strokes" in noisy.notes[-1]


@pytest.mark.parametrize("name", ["astronaut", "camera", "cat", "coffee"])
@pytest.mark.parametrize("tone", ["colour", "grey", "JPEG"])
def test_a_photograph_is_neither_sketch_nor_mask(name, tone):
    picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    picture.thumbnail((384, 384))
    levels = np.asarray(picture.convert("L").convert("RGB") if tone == "grey" else picture)
    levels = sheets.jpeg(levels, 30) if tone == "JPEG" else levels
    with pytest.raises(
        ImageError, match="p.jpg: expected a sketch, lines on paper, found what looks like a photograph"
    ):
        meaning.sketch(sheets.opaque(levels), "p.jpg")
    with pytest.raises(ImageError, match="p.jpg: expected a mask, .* looks like a photograph"):
        meaning.mask(sheets.opaque(levels), "p.jpg")


@pytest.mark.skipif(not DRAWINGS.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    "folder, least", [("birds", 17), ("cars128", 19), ("faces/ffhq128", 19), ("faces/webmorph512", 18)]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_photographs_are_neither_sketches_nor_masks(folder, least, mode):
    files = sorted((DRAWINGS.parent / folder).rglob("*.jpg"))
    files, errors = files[3 :: len(files) // 20][:20], {"sketch": 0, "mask": 0}
    for file in files:
        picture = Image.open(file).convert(mode).convert("RGB")
        picture.thumbnail((512, 512))
        levels = np.asarray(picture)
        for kind in errors:
            try:
                getattr(meaning, kind)(sheets.opaque(levels), "p")
            except ImageError:
                errors[kind] += 1
    assert min(errors.values()) >= least, errors


@pytest.mark.parametrize("thickness", [1, 3, 6])
def test_a_frame_along_the_edges_is_drawn_and_a_rim_is_the_scanners(thickness):
    lines = sheets.FACE.copy()
    lines[:thickness], lines[-thickness:], lines[:, :thickness], lines[:, -thickness:] = (True,) * 4
    for name in ("black on white", "red", "white on black", "JPEG"):
        result = meaning.sketch(sheets.opaque(sheets.sheets(lines)[name]), name)
        assert _overlap(result.layer, lines) >= 0.95, name
        assert f"{name}: the frame along the sheet's edges counts as strokes" in result.notes
    scan = meaning.sketch(sheets.opaque(sheets.SHEETS["scan with a rim"]), "s")
    assert "s: a dark rim at the sheet's edge was taken for the scan's and left out" in scan.notes


@pytest.mark.parametrize("width, soft, depth", [(0.02, 0.004, 0.4), (0.02, 0.004, 0.55), (0.03, 0.015, 0.4)])
def test_a_narrow_shadow_is_left_out_and_that_is_said(width, soft, depth):
    lines = sheets.face(480, 6)
    result = meaning.sketch(sheets.opaque(sheets.lit(lines, sheets.bar(480, width, soft, depth))), "s.jpg")
    assert _overlap(result.layer, lines) >= 0.97
    if width < 0.03:  # else it is wider than the window in which lines are looked for
        assert "lines much fainter than the strokes were taken for rulings or shadows" in " ".join(result.notes)


def test_a_pencil_drawing_with_eyes_in_ink_keeps_its_pencil():
    lines = sheets.face(480, 4)
    eyes = np.zeros_like(lines)
    eyes[200:240, 150:210] = lines[200:240, 150:210]
    drawing = sheets.sheet(lines, (238, 236, 228), (150, 150, 152), 2)
    drawing[eyes] = (30, 30, 40)
    result = meaning.sketch(sheets.opaque(sheets.jpeg(drawing, 85)), "s.jpg")
    assert _overlap(result.layer, lines) >= 0.97
    assert "s.jpg: lines of two strengths count as strokes, the fainter ones too" in result.notes


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("turn", [0.0, 1.0])
def test_rulings_as_dark_as_the_pencil_are_told_of(columns, turn):
    message = "lines straight across the sheet count as strokes; if they are its rulings, erase them"
    lines = sheets.face(480, 4)
    for paper, expected in ((sheets.ruling(480, (150, 150, 152), columns), True), ((238, 236, 228), False)):
        levels = sheets.sheet(lines, paper, (150, 150, 152), 2)
        askew = cv2.getRotationMatrix2D((240, 240), turn, 1.0)
        levels = cv2.warpAffine(levels, askew, (480, 480), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        sketch = meaning.sketch(sheets.opaque(sheets.jpeg(levels, 85)), "s.jpg")
        assert (message in " ".join(sketch.notes)) == expected, sketch.notes


def test_a_mask_that_is_mostly_white_says_so():
    inverse = np.repeat((255 - sheets.HOLE)[..., None], 3, axis=2)
    result = meaning.mask(sheets.opaque(inverse), "m.png")
    assert (result.layer == (sheets.HOLE == 0)).all()
    assert result.notes == ("m.png: white covers 91% of the mask, and is repainted; if black is meant, invert it",)


def test_transparency_round_and_under_strokes():
    ink = np.zeros((sheets.SIDE, sheets.SIDE, 4), np.uint8)
    ink[sheets.FACE] = (30, 60, 200, 255)
    page = sheets.opaque(sheets.SHEETS["black on white"])
    corner, cut = page.copy(), page.copy()
    corner[0, 0] = 0
    cut[:9], cut[:, -20:] = 0, 0
    faint = ink.copy()
    faint[sheets.FACE, 3] = 90
    for name, sheet in {"ink": ink, "corner": corner, "cut": cut, "faint": faint}.items():
        sketch = meaning.sketch(sheet, "s.png")
        assert _overlap(sketch.layer, sheets.FACE) >= 0.99, name
        assert "paper" in sketch.notes[0] if name in ("corner", "cut") else "alpha channel" in sketch.notes[0]


@pytest.mark.skipif(not DRAWINGS.is_dir(), reason="needs ../shared/data/handdrawn")
def test_real_drawings():
    sheet = np.asarray(Image.open(DRAWINGS / "stext2image" / "face_handdraw.png").convert("L"))
    pairs = [sheet[top : top + 256, left : left + 256] for top in (0, 256, 512) for left in (0, 256, 512)]
    pairs += [np.asarray(Image.open(DRAWINGS / "deepps_edit" / f"{n}.png").convert("L"))[:, 256:512] for n in (1, 2, 3)]
    for number, drawing in enumerate(pairs):
        lines = drawing < 128
        for name, sheet in sheets.sheets(lines).items():
            strokes = meaning.sketch(sheets.opaque(sheet), name).layer
            assert _overlap(strokes, lines) >= 0.9, (number, name)


# Masks and colours.


@pytest.mark.parametrize("name", sheets.masks())
def test_a_mask_of_every_kind(name):
    sheet, text = sheets.masks()[name]
    mask = meaning.mask(sheet, "m.png")
    wrong = (mask.layer != (sheets.HOLE >= 128)).mean()
    assert wrong < (0.01 if "JPEG" in name or name == "soft" else 1e-9)
    assert (len(mask.notes) == 1 and text in mask.notes[0] and "m.png: " in mask.notes[0]) if text else not mask.notes


@pytest.mark.parametrize("name", sheets.no_masks())
def test_what_may_be_no_mask_is_refused(name):
    sheet, text = sheets.no_masks()[name]
    with pytest.raises(ImageError, match=f"m.png: expected a mask, .*{text}"):
        meaning.mask(sheet, "m.png")


@pytest.mark.parametrize("name", sheets.colors()[1])
def test_colors_on_any_paper_are_one_result(name):
    strokes, kinds = sheets.colors()
    color = meaning.color(kinds[name], "c.png")
    paint_mask = color.layer[..., 3] > 0
    assert _overlap(paint_mask, strokes > 0) >= (0.95 if "JPEG" in name else 0.999)
    assert abs(paint_mask.sum() / (strokes > 0).sum() - 1) < 0.1
    assert not color.layer[~paint_mask].any()
    for stroke, paint in ((1, (200, 40, 60)), (2, (60, 40, 30))):
        mean = color.layer[paint_mask & (strokes == stroke)][:, :3].mean(axis=0)
        assert np.abs(mean - paint).max() < (12 if "JPEG" in name else 1), (stroke, mean)
    paper = "" if name == "clear" else "black was taken for paper" if "black" in name else "white was taken for paper"
    paper = f"the colours were read from the alpha channel{meaning.FAINT}" if name.endswith("opaque") else paper
    assert [note.removeprefix("c.png: ") for note in color.notes] == ([paper] if paper else [])


def test_faint_paint_beside_opaque_paint_is_left_out_and_that_is_said():
    sheet = sheets.colors()[1]["clear"].copy()
    sheet[60:, :, 3] //= 3
    color = meaning.color(sheet, "c.png")
    assert color.layer[:60, :, 3].any() and not color.layer[60:, :, 3].any()
    assert color.notes == ("c.png: paint that is less than half opaque was left out",)


@pytest.mark.parametrize("name", sheets.pale_beside_strong())
def test_paint_of_nearly_the_papers_colour_counts_beside_strong_paint(name):
    sheet, paint = sheets.pale_beside_strong()[name]
    assert _overlap(meaning.color(sheet, "c.png").layer[..., 3] > 0, paint, 2) >= 0.99


def test_a_mask_much_of_which_is_dark_says_so():
    dim = np.repeat((sheets.HOLE // 255 * 90)[..., None], 3, axis=2)
    dim[60:90][dim[60:90] > 0] = 255
    result = meaning.mask(sheets.opaque(dim), "m.png")
    assert result.layer[70, 96] == 1 and result.layer[100, 96] == 0
    assert "of what is not black is darker than half and counts as kept" in result.notes[-1]


def test_a_cut_out_as_a_mask_says_how_much_is_repainted():
    cut_out = meaning.mask(sheets.with_alpha(sheets.PORTRAIT, sheets.HOLE), "m.png")
    assert (cut_out.layer == (sheets.HOLE == 0)).all() and " hole, 91% of the sheet; if " in cut_out.notes[0]


def test_colors_without_paper_and_between_papers():
    everywhere = meaning.color(sheets.opaque(sheets.PORTRAIT // 2 + np.uint8(60)), "c.png")
    assert (everywhere.layer[..., 3] == 255).all() and "all of the sheet counts as paint" in everywhere.notes[0]
    halves = np.zeros((sheets.SIDE, sheets.SIDE, 3), np.uint8)
    halves[:, sheets.SIDE // 2 :] = 255
    with pytest.raises(ImageError, match="c.png: expected colour strokes on paper of one kind, found white and black"):
        meaning.color(sheets.opaque(halves), "c.png")
    empty = meaning.color(sheets.opaque(np.zeros((9, 9, 3), np.uint8)), "c.png")
    assert not empty.layer.any() and "no colour strokes" in empty.notes[0]


@pytest.mark.parametrize("noise, shade, warns", [(0, False, False), (8, False, True), (3, True, True)])
def test_paper_that_is_not_plain_and_so_counts_as_paint_is_said(noise, shade, warns):
    sheet = np.full((200, 200, 3), 255, np.float32)
    cv2.line(sheet, (40, 60), (160, 70), (200, 40, 40), 9)
    if shade:
        sheet *= np.linspace(0.75, 1, 200)[:, None, None]
    sheet = np.clip(sheet + np.random.default_rng(0).normal(0, 1, sheet.shape) * noise, 0, 255).astype(np.uint8)
    for quality in (60, 95) if not warns else (95,):
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "JPEG", quality=quality)
        result, notes = meaning.read_color("color.jpg", buffer.getvalue())
        assert ("hardly another colour than the paper" in notes[0]) is warns
        assert warns or (result[..., 3] > 0).mean() < 0.06
