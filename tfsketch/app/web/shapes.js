/* Straight lines, rectangles, ellipses and mirrored strokes: pure functions. */

import { round } from "./strokes.js";

const SIDES = 48; // of the polygon that an ellipse is
const TURN = Math.PI / 12; // to which a straight line snaps

/** The points of a shape from one place to another; `even` asks for a square, a circle, or a line of 15 degrees' steps. */
export function shapeOf(kind, [x, y], [u, v], even) {
  let [w, h] = [u - x, v - y];
  if (kind === "line") {
    if (even) {
      const length = Math.hypot(w, h), angle = Math.round(Math.atan2(h, w) / TURN) * TURN;
      [w, h] = [length * Math.cos(angle), length * Math.sin(angle)];
    }
    return [[x, y], [round(x + w), round(y + h)]];
  }
  if (even) {
    const side = Math.max(Math.abs(w), Math.abs(h));
    [w, h] = [Math.sign(w || 1) * side, Math.sign(h || 1) * side];
  }
  if (kind === "rectangle") return [[x, y], [x + w, y], [x + w, y + h], [x, y + h], [x, y]].map((point) => point.map(round));
  return Array.from({ length: SIDES + 1 }, (_, n) => {
    const angle = (2 * Math.PI * n) / SIDES;
    return [round(x + w / 2 + (w / 2) * Math.cos(angle)), round(y + h / 2 + (h / 2) * Math.sin(angle))];
  });
}

/** Strokes and what a mirror in the middle of a picture of this width makes of them. */
export function mirror(strokes, width) {
  const other = ([x, y]) => [round(width - x), y];
  return [...strokes, ...strokes.map((stroke) => ({ ...stroke, points: stroke.points.map(other) }))];
}
