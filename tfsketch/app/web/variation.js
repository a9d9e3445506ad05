/* Several results of one drawing that differ to be seen.
 *
 * The shipped network hardly looks at its noise: results of other seeds are 2 to 5 levels of 255 apart in the hole, and
 * louder noise only adds grain. So a variation changes what the network does look at: the lines are moved a little, all
 * by one smooth field, so that lines that meet still meet, and the colours become lighter, darker or turn; where no
 * colour is drawn, the one that the network itself has painted is, and laid in. A variation is strokes like any others: it can be
 * looked at, changed and saved, and gives the same picture again. */

import { round } from "./strokes.js";

const MOVE = 0.035; // of the hole's size, by which each of a few waves moves the lines
const WITHIN = 0.1; // of the mask's brush, which limits that: lines outside of the hole are lost
const BARE = 0.6; // of the change of a colour, where the network chose it: skin is soon no skin any more
const SAMPLES = 200; // places at which the colour of a result is looked at
const SHRINK = 0.6; // of the hole's size that a colour that is laid in has

function random(seed) { // mulberry32, public domain: the same numbers in every browser
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The box [left, top, right, bottom] that strokes cover. */
export function boxOf(strokes) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { points, width = 0 } of strokes) {
    for (const [x, y] of points) {
      box[0] = Math.min(box[0], x - width / 2);
      box[1] = Math.min(box[1], y - width / 2);
      box[2] = Math.max(box[2], x + width / 2);
      box[3] = Math.max(box[3], y + width / 2);
    }
  }
  return box;
}

function toHsl([r, g, b]) {
  const [most, least] = [Math.max(r, g, b) / 255, Math.min(r, g, b) / 255], spread = most - least, l = (most + least) / 2;
  if (!spread) return [0, 0, l];
  const s = spread / (1 - Math.abs(2 * l - 1));
  const h = most === r / 255 ? ((g - b) / 255 / spread) % 6 : most === g / 255 ? (b - r) / 255 / spread + 2 : (r - g) / 255 / spread + 4;
  return [h * 60, s, l];
}
function toRgb(h, s, l) {
  const limit = (value) => Math.min(1, Math.max(0, value));
  const [sat, light] = [limit(s), limit(l)], a = sat * Math.min(light, 1 - light);
  const channel = (n) => { const k = (((n + h / 30) % 12) + 12) % 12; return Math.round(255 * (light - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)))); };
  return [channel(0), channel(8), channel(4)];
}

/* Lighter, darker (or much lighter, where it is dark already), turned to another hue; `much` of it. */
function recolor(rgb, number, chance, much = 1) {
  const [h, s, l] = toHsl(rgb), kind = number % 3, dark = l < 0.25;
  if (kind === 1) return toRgb(h, s, l + much * ((l > 0.8 ? -0.3 : dark ? 0.08 : 0.13) + 0.03 * chance));
  if (kind === 2) return toRgb(h, s, l + much * ((dark ? 0.2 : -0.13) - 0.03 * chance));
  return toRgb(h + much * (chance < 0.5 ? 25 : -25), Math.max(s, 0.15) * (1 + 0.25 * much), l + much * (l < 0.5 ? 0.05 : -0.06));
}

/** What a result shows in the hole, as the mean of its colours. */
export function paintedIn(canvas, size, strokes) {
  const context = canvas.getContext("2d"), scale = canvas.width / size[0], places = [];
  for (const { layer, fill, points } of strokes) {
    if (layer !== "mask") continue;
    const middle = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
    for (const point of points) places.push(fill ? point.map((value, axis) => (value + middle[axis]) / 2) : point);
  }
  const every = Math.ceil(places.length / SAMPLES), sum = [0, 0, 0];
  let count = 0;
  for (let n = 0; n < places.length; n += every) {
    const [x, y] = places[n].map((value) => Math.floor(value * scale));
    if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) continue;
    const { data } = context.getImageData(x, y, 1, 1);
    for (let channel = 0; channel < 3; channel++) sum[channel] += data[channel];
    count++;
  }
  return sum.map((value) => Math.round(value / Math.max(1, count)));
}

/* What a mask is, smaller and in a colour. */
function laidIn(stroke, color) {
  if (!stroke.fill) return { ...stroke, layer: "color", color, width: Math.max(1, round(SHRINK * stroke.width)) };
  const count = stroke.points.length, middle = [0, 1].map((axis) => stroke.points.reduce((sum, point) => sum + point[axis], 0) / count);
  const points = stroke.points.map((point) => point.map((value, axis) => round(middle[axis] + SHRINK * (value - middle[axis]))));
  return { layer: "color", color, points, fill: true };
}

/** The strokes of a variation. Number 0 is what was drawn.
 *
 * painted: what the result of number 0 shows in the hole, see `paintedIn`. */
export function varyStrokes(strokes, number, seed, painted) {
  if (number === 0) return strokes;
  const next = random(seed * 1009 + number), holes = strokes.filter((stroke) => stroke.layer === "mask");
  const box = boxOf(holes), unit = Math.sqrt(Math.max(1, (box[2] - box[0]) * (box[3] - box[1])));
  const brushes = holes.filter((hole) => !hole.fill).map((hole) => hole.width);
  const most = Math.min(MOVE * unit, ...brushes.map((width) => WITHIN * width));
  const waves = Array.from({ length: 6 }, () => ({
    axis: next() < 0.5 ? 0 : 1, angle: 2 * Math.PI * next(), phase: 2 * Math.PI * next(), length: unit * (0.5 + next()), much: most * (0.5 + next()),
  }));
  const move = ([x, y]) => {
    const at = [x, y];
    for (const { axis, angle, phase, length, much } of waves) {
      at[axis] += much * Math.sin((2 * Math.PI * (x * Math.cos(angle) + y * Math.sin(angle))) / length + phase);
    }
    return at.map(round);
  };
  const chance = next();
  const movedStrokes = strokes.map((stroke) => (stroke.layer === "mask" ? stroke : {
    ...stroke, points: stroke.points.map(move), ...(stroke.color ? { color: recolor(stroke.color, number, chance) } : {}),
  }));
  if (strokes.some((stroke) => stroke.layer === "color")) return movedStrokes;
  return [...movedStrokes, ...holes.map((hole) => laidIn(hole, recolor(painted, number, chance, BARE)))];
}
