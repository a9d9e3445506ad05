/* Masks as strokes: grown, shrunk or inverted, and their outlines as polygons, as `tfsketch/app/masks.py` makes them.
 *
 * Borders are followed as Suzuki & Abe do (1985), outer ones and those of holes; a hole is reached by a cut, so that an
 * area is one polygon; and points that lie within `ERROR` pixels of the line of others are left out (Douglas & Peucker
 * 1973). */

import { distances } from "./framing.js";
import { partsOf } from "./parts.js";

const SPECK = 6; // pixels; smaller parts of a mask are left out
const ERROR = 0.6;
const AROUND = [[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]]; // clockwise on a screen

/** A mask, a layer of one channel, grown by pixels, or shrunk by less than 0, and then inverted if asked for. */
export function changeMask({ data, width, height }, grow, invert) {
  let mask = Uint8Array.from(data);
  if (grow && mask.includes(1) && mask.includes(0)) {
    // The picture's border is no edge: what reaches it does not shrink there.
    const away = distances({ data: grow > 0 ? mask.map((value) => 1 - value) : mask, width, height });
    mask = Uint8Array.from(away, (distance) => ((grow > 0 ? distance <= grow : distance > -grow) ? 1 : 0));
  }
  return { data: invert ? mask.map((value) => 1 - value) : mask, width, height, channels: 1 };
}

/* The parts of a mask, as numbers from 2 on in a grid with a border of 0. */
function gridOf(mask) {
  const { width, height } = mask, wide = width + 2, grid = new Int32Array(wide * (height + 2)), offsets = AROUND.map(([x, y]) => y * wide + x);
  for (const [number, part] of partsOf(mask).entries()) {
    if (part.length >= SPECK) for (const at of part) grid[(Math.floor(at / width) + 1) * wide + (at % width) + 1] = number + 2;
  }
  return { grid, wide, offsets };
}

/* The borders of a mask's parts: {part, hole, points}, places [x, y] of pixels. */
function bordersOf(mask) {
  const { grid, wide, offsets } = gridOf(mask), state = Int8Array.from(grid, (part) => (part ? 1 : 0)), borders = [];
  const point = (at) => [(at % wide) - 1, Math.floor(at / wide) - 1];
  const follow = (start, from) => { // state: 1 not seen yet, 2 seen, -2 seen with nothing to its right
    let first = -1;
    for (let n = 0; n < 8 && first < 0; n++) if (state[start + offsets[(from + n) % 8]]) first = (from + n) % 8;
    if (first < 0) { state[start] = -2; return [point(start)]; }
    const points = [], end = start + offsets[first];
    let at = start, back = first;
    for (;;) {
      let right = false, next = -1;
      for (let n = 1; n <= 8 && next < 0; n++) {
        const way = (back - n + 16) % 8;
        if (state[at + offsets[way]]) next = way;
        else if (way === 0) right = true;
      }
      if (right) state[at] = -2;
      else if (state[at] === 1) state[at] = 2;
      points.push(point(at));
      const to = at + offsets[next];
      if (to === start && at === end) return points;
      at = to;
      back = (next + 4) % 8;
    }
  };
  for (let at = 0; at < state.length; at++) {
    if (state[at] === 1 && !state[at - 1]) borders.push({ part: grid[at], hole: false, points: follow(at, 4) });
    if (state[at] > 0 && !state[at + 1]) borders.push({ part: grid[at], hole: true, points: follow(at, 0) });
  }
  return borders;
}

const apart = ([a, b], [x, y]) => (a - x) ** 2 + (b - y) ** 2;

/* A closed line without the points that it does not need. */
function simple(points) {
  const keep = new Set([0]), far = points.reduce((best, one, n) => (apart(one, points[0]) > apart(points[best], points[0]) ? n : best), 0);
  const ring = [...points, points[0]], stack = [[0, far], [far, points.length]];
  keep.add(far);
  while (stack.length) {
    const [from, to] = stack.pop(), [[ax, ay], [bx, by]] = [ring[from], ring[to]], length = Math.hypot(bx - ax, by - ay);
    let most = ERROR, middle = -1;
    for (let n = from + 1; n < to; n++) {
      const [x, y] = ring[n], off = length ? Math.abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length : Math.hypot(x - ax, y - ay);
      if (off > most) [most, middle] = [off, n];
    }
    if (middle < 0) continue;
    keep.add(middle);
    stack.push([from, middle], [middle, to]);
  }
  return points.filter((_, n) => keep.has(n));
}

function join(outline, inner) {
  let best = [Infinity, 0, 0];
  for (const [near, one] of outline.entries()) for (const [far, other] of inner.entries()) if (apart(one, other) < best[0]) best = [apart(one, other), near, far];
  const [, near, far] = best;
  return [...outline.slice(0, near + 1), ...inner.slice(far), ...inner.slice(0, far + 1), ...outline.slice(near)];
}

/** The strokes of a photograph of [width, height] that cover a mask, a layer of the preview's size: a tree. */
export function strokesOf(mask, size) {
  const areas = new Map();
  for (const { part, hole, points } of bordersOf(mask)) {
    const line = simple(points);
    if (!hole) areas.set(part, line);
    else if (line.length >= 3) areas.set(part, join(areas.get(part), line));
  }
  const scale = [size[0] / mask.width, size[1] / mask.height], tenth = (value) => Math.round(value * 10) / 10;
  // Outlines go through the middle of the mask's outermost pixels: a line of one pixel's width takes in the rest.
  const width = tenth(Math.sqrt(scale[0] * scale[1]));
  const strokes = [...areas.values()].filter((line) => line.length >= 3).map((line) => ({
    layer: "mask", points: line.map((point) => point.map((value, axis) => tenth((value + 0.5) * scale[axis]))), width, fill: true,
  }));
  if (!strokes.length) throw new Error("mask: expected something to be left of it, found nothing.");
  return { size, strokes };
}
