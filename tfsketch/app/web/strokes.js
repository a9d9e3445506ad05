/* Strokes as `tfsketch/conditions/strokes.py` reads them from files, and the geometry on them: pure functions. */

/** Coordinates are kept to a tenth of a pixel. */
export const round = (value) => Math.round(value * 10) / 10;
export const rgbOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** The width of a pen's stroke: the brush's at half of the pressure, in steps that are just seen. */
export function widthAt(width, pressure) {
  const step = 1.12;
  const factor = Math.min(1.75, Math.max(0.25, 0.25 + 1.5 * pressure));
  return Math.max(0.1, round(width * step ** Math.round(Math.log(factor) / Math.log(step))));
}
/** How many strokes a hand drew: a pen's pieces, each of which goes on where the one before ends, are one. */
export function countOf(strokes) {
  const goesOn = (a, b) => a && !a.fill && !b.fill && a.width !== b.width && distance(a.points.at(-1), b.points[0]) === 0;
  return strokes.filter((stroke, i) => !goesOn(strokes[i - 1], stroke)).length;
}

/** Whether nothing of a stroke lies in a picture of [width, height]; its box decides. */
export function isBeside({ points, width = 0 }, size) {
  return [0, 1].some((axis) => {
    const places = points.map((point) => point[axis]);
    return Math.max(...places) + width / 2 <= 0 || Math.min(...places) - width / 2 >= size[axis];
  });
}

/* What a file may hold, as `tfsketch/conditions/strokes.py` has it. */
const MAX_POINTS = 100000, MAX_COORDINATE = 1e6, FIELDS = ["layer", "points", "width", "color", "fill"];
export const LAYERS = ["mask", "sketch", "color"];
const isNumber = (value, low, high) => typeof value === "number" && value >= low && value <= high;
const isWhole = (value, low, high) => Number.isInteger(value) && isNumber(value, low, high);
const isMapping = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Checks strokes as they come from files: a tree of `size` and `strokes`, and nothing else.
 *
 * Throws an Error that says where in `name` what is wrong. */
export function checkStrokes(tree, name = "strokes") {
  const refuse = (where, expected, found) => {
    throw new Error(`${name}: ${where}expected ${expected}, found ${found === undefined ? "none" : JSON.stringify(found).slice(0, 40)}.`);
  };
  if (!isMapping(tree) || Object.keys(tree).sort().join() !== "size,strokes") refuse("", "strokes saved by tfsketch, a mapping of size and strokes", isMapping(tree) ? Object.keys(tree) : tree);
  const { size, strokes } = tree;
  if (!Array.isArray(size) || size.length !== 2 || !size.every((side) => isWhole(side, 1, MAX_COORDINATE))) refuse("size: ", "whole numbers [width, height]", size);
  if (!Array.isArray(strokes)) refuse("strokes: ", "a list", strokes);
  const place = (point) => Array.isArray(point) && point.length === 2 && point.every((value) => isNumber(value, -MAX_COORDINATE, MAX_COORDINATE));
  let total = 0;
  for (const [n, stroke] of strokes.entries()) {
    if (!isMapping(stroke)) refuse(`strokes[${n}]: `, `a mapping of ${FIELDS.join(", ")}`, stroke);
    const { layer, points, width, color = null, fill = false } = stroke, at = (field) => `strokes[${n}].${field}: `;
    for (const key of Object.keys(stroke)) if (!FIELDS.includes(key)) refuse(at(key), `no other fields than ${FIELDS.join(", ")}`, stroke[key]);
    if (!LAYERS.includes(layer)) refuse(at("layer"), `one of ${LAYERS.join(", ")}`, layer);
    if (typeof fill !== "boolean") refuse(at("fill"), "true or false", fill);
    if (!Array.isArray(points) || points.length < (fill ? 3 : 1)) refuse(at("points"), `a list of at least ${fill ? 3 : 1} [x, y]`, points);
    const wrong = points.findIndex((point) => !place(point));
    if (wrong >= 0) refuse(`strokes[${n}].points[${wrong}]: `, "numbers [x, y]", points[wrong]);
    if ((total += points.length) > MAX_POINTS) refuse(at("points"), `at most ${MAX_POINTS} points in all strokes`, total);
    if (!(fill && width === undefined) && !isNumber(width, fill ? 0 : Number.MIN_VALUE, MAX_COORDINATE)) refuse(at("width"), "a number above 0", width);
    if (layer !== "color" && color !== null) refuse(at("color"), `none on the layer ${layer}`, color);
    if (layer === "color" && !(Array.isArray(color) && color.length === 3 && color.every((level) => isWhole(level, 0, 255)))) refuse(at("color"), "three whole numbers of 0 to 255", stroke.color);
  }
}

function inside(points, [x, y]) {
  let turns = 0;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [points[i], points[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) turns += yi > y ? 1 : -1;
  }
  return turns !== 0;
}

/** Takes what lies under the eraser out of the layer's strokes; lines are cut in two, outlines go as a whole. */
export function erase(strokes, layer, at, radius) {
  let touches = false;
  const left = [];
  for (const stroke of strokes) {
    const reach = radius + (stroke.width || 0) / 4;
    if (stroke.layer !== layer) { left.push(stroke); continue; }
    if (stroke.fill) {
      if (inside(stroke.points, at) || stroke.points.some((p) => distance(p, at) < reach)) touches = true;
      else left.push(stroke);
      continue;
    }
    const dense = [stroke.points[0]];
    for (let i = 1; i < stroke.points.length; i++) {
      const [a, b] = [stroke.points[i - 1], stroke.points[i]];
      const parts = Math.max(1, Math.ceil(distance(a, b) / Math.max(reach / 3, 0.5)));
      for (let k = 1; k <= parts; k++) dense.push([round(a[0] + ((b[0] - a[0]) * k) / parts), round(a[1] + ((b[1] - a[1]) * k) / parts)]);
    }
    if (!dense.some((p) => distance(p, at) < reach)) { left.push(stroke); continue; }
    touches = true;
    let piece = [];
    for (const point of [...dense, null]) {
      if (point && distance(point, at) >= reach) piece.push(point);
      else if (piece.length) { left.push({ ...stroke, points: piece }); piece = []; }
    }
  }
  return touches ? left : strokes;
}

/** Strokes for a picture of another size, `move` and `scale` by axis; as they are where nothing changes. */
export function transform(strokes, scale, move = [0, 0]) {
  if (scale.every((by) => by === 1) && move.every((by) => by === 0)) return strokes;
  const along = ([x, y]) => [round(move[0] + scale[0] * x), round(move[1] + scale[1] * y)];
  return strokes.map((stroke) => ({
    ...stroke, points: stroke.points.map(along),
    ...(stroke.width ? { width: Math.max(0.1, round(stroke.width * Math.sqrt(scale[0] * scale[1]))) } : {}),
  }));
}
