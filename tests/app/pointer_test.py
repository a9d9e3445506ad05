"""Drawing on the page by mouse, pen and fingers, freehand and in shapes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.browsing import (
    Hand,
    draw,
    everywhere,
    in_both_layouts,
    look,
    on_the_tablet,
    open_photo,
    overhangs,
    page_of,
    press_run,
    small_targets,
    stroke_counts,
    strokes_of,
)


@on_the_tablet
def test_a_pen_draws_and_the_palm_does_not(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        open_photo(page, photo)
        page.click("[data-tool=mask]")
        hand = Hand(page)
        hand.swipe((0.4, 0.4), (0.6, 0.5))  # no pen yet: a finger paints
        assert stroke_counts(page)[0] == "1 stroke"
        page.click("#undo")

        hand.touch("Start", (0.8, 0.8))  # a palm lies there before the pen comes
        hand.touch("Move", (0.82, 0.82))
        hand.pen("pressed", (0.3, 0.5))
        for step in range(1, 6):
            hand.pen("moved", (0.3 + 0.06 * step, 0.5))
        hand.touch("Move", (0.7, 0.8))
        hand.touch("End")
        hand.touch("Start", (0.75, 0.75))  # and again, while the pen draws
        hand.touch("Move", (0.7, 0.7))
        for step in range(6, 9):
            hand.pen("moved", (0.3 + 0.06 * step, 0.5))
        hand.touch("Cancel")
        hand.pen("released", (0.78, 0.5))
        assert stroke_counts(page)[0] == "1 stroke"
        (stroke,) = strokes_of(page)
        assert len(stroke["points"]) >= 8

        zoom = page.inner_text("#zoom-real")
        hand.swipe((0.4, 0.4), (0.5, 0.5))  # from now on a finger moves the picture
        assert stroke_counts(page)[0] == "1 stroke" and page.inner_text("#zoom-real") == zoom
        hand.pen_line((0.4, 0.6), (0.6, 0.6))
        copy = strokes_of(page)[-1]["points"][0]
        before = hand.at(0.4, 0.6)
        hand.swipe((0.5, 0.5), (0.4, 0.4))
        hand.pen("pressed", (0.4, 0.6))
        hand.pen("moved", (0.45, 0.6))
        hand.pen("released", (0.45, 0.6))
        assert before == hand.at(0.4, 0.6) and strokes_of(page)[-1]["points"][0][0] > copy[0] + 1
        hand.touch("Start", (0.4, 0.5), (0.6, 0.5))
        hand.touch("Move", (0.35, 0.5), (0.65, 0.5))
        hand.touch("Move", (0.2, 0.5), (0.8, 0.5))
        hand.touch("End")
        assert page.inner_text("#zoom-real") != zoom and stroke_counts(page)[0] == "3 strokes"
        look(page, shots, f"pen-{viewport['width']}")


@everywhere
def test_every_layer_by_mouse_pen_and_finger(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True, is_mobile=True) as page:
        open_photo(page, photo)
        hand = Hand(page)
        for tool in ("mask", "sketch", "color"):
            page.click(f"[data-tool={tool}]")
            hand.swipe((0.4, 0.4), (0.6, 0.45))
            draw(page, hand, (0.4, 0.5), (0.6, 0.55))
        for tool in ("mask", "sketch", "color"):  # after the fingers, which only move the picture once there was a pen
            page.click(f"[data-tool={tool}]")
            page.wait_for_selector(f"[data-tool={tool}][aria-pressed=true]")
            hand.pen_line((0.4, 0.55), (0.6, 0.6))
        assert stroke_counts(page) == ["3 strokes"] * 3
        page.click("#undo")
        page.click("#redo")
        press_run(page)
        for view in ("compare", "beside", "result", "draw"):
            page.click(f"[data-view={view}]")
            page.wait_for_selector(f"[data-view={view}][aria-pressed=true]")
            look(page, shots, f"every-{view}-{viewport['width']}")
            assert overhangs(page, "header *, #tools *, #views *, #zoom *, #panel :not(#swatches *), #history") == [], (
                view
            )
        assert small_targets(page) == []


@on_the_tablet
def test_a_pens_pressure_is_its_width(browser, port, photo, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        open_photo(page, photo)
        page.click("[data-tool=sketch]")
        page.locator("#width").fill("70")
        hand = Hand(page)
        hand.pen_line((0.35, 0.5), (0.65, 0.5), np.linspace(0.05, 1.0, 24).tolist())
        assert stroke_counts(page)[1] == "1 stroke"
        pieces = strokes_of(page)
        widths = [piece["width"] for piece in pieces]
        assert len(pieces) > 5 and widths == sorted(widths) and widths[-1] > 3 * widths[0]
        for one, two in zip(pieces, pieces[1:]):
            assert one["points"][-1] == two["points"][0]
        page.keyboard.press("Control+z")  # one stroke, one step back
        assert stroke_counts(page)[1] == "empty" and page.is_disabled("#undo")
        page.mouse.move(*hand.at(0.4, 0.5))
        page.mouse.down()
        page.mouse.move(*hand.at(0.6, 0.5), steps=9)
        page.mouse.up()
        assert len(strokes_of(page)) == 1  # a mouse has no pressure


@in_both_layouts
def test_shapes_and_the_mirror(browser, port, photo, shots, viewport):
    with page_of(browser, port, viewport=viewport, has_touch=True) as page:
        open_photo(page, photo)
        hand = Hand(page)
        page.click("[data-tool=sketch]")
        page.keyboard.down("Shift")
        draw(page, hand, (0.4, 0.5), (0.5, 0.35), (0.6, 0.5))  # freehand, but for Shift
        page.keyboard.up("Shift")
        (line,) = strokes_of(page)
        assert len(line["points"]) == 2
        page.click("[data-shape=rectangle]")
        draw(page, hand, (0.35, 0.4), (0.45, 0.5))
        rectangle = strokes_of(page)[-1]["points"]
        assert len(rectangle) == 5 and rectangle[0] == rectangle[-1] and "fill" not in strokes_of(page)[-1]
        page.click("[data-tool=mask]")
        page.click("[data-shape=ellipse]")
        page.keyboard.down("Shift")
        draw(page, hand, (0.4, 0.4), (0.5, 0.43))
        page.keyboard.up("Shift")
        circle = strokes_of(page)[-1]
        spans = np.ptp(np.array(circle["points"]), axis=0)
        assert circle["fill"] and spans[0] == pytest.approx(spans[1], abs=0.3) and spans[0] > 2
        page.mouse.click(*hand.at(0.5, 0.5))  # a click is no shape
        assert stroke_counts(page)[0] == "1 stroke"
        page.click("#undo")
        page.click("#mirror")
        draw(page, hand, (0.35, 0.45), (0.42, 0.5))
        look(page, shots, f"shapes-{viewport['width']}")
        one, two = (np.array(stroke["points"]) for stroke in strokes_of(page)[-2:])
        assert np.allclose(80 - one[:, 0], two[:, 0], atol=0.11) and (one[:, 1] == two[:, 1]).all()
        assert stroke_counts(page)[0] == "2 strokes"
        page.click("#undo")  # both at once
        assert stroke_counts(page)[0] == "empty"
        page.click("[data-shape=line]")
        hand.swipe((0.4, 0.4), (0.5, 0.5))  # by a finger, too
        assert len(strokes_of(page)[-1]["points"]) == 2 and stroke_counts(page)[0] == "2 strokes"
