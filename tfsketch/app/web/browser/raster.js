/* Strokes as layers of pixels, to the pixel those of `tfsketch/conditions/strokes.py`.
 *
 * What is painted is the picture's own pixels or nothing, so that a mask that is off by one pixel would change a pixel
 * that was to be kept. So lines, round brushes and polygons are drawn by the integer arithmetic of OpenCV (lines of 8
 * neighbours, coordinates in 1/16 pixels, 16 fractional bits within): a test compares the two over random strokes. */

const SHIFT = 4, ONE = 65536, HALF = 32768, UP = ONE >> SHIFT;
const LIMIT = 2 ** 30, MAX_THICKNESS = 32767, MAX_ASPECT_ERROR = 0.05;

/** To the nearest whole number, halves to the even one, as NumPy and C round. */
export function rint(value) {
  const floor = Math.floor(value), rest = value - floor;
  return rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 ? floor + 1 : floor;
}
/* a * b / c of whole numbers, cut towards 0; exact for any size. */
function mulDiv(a, b, c) {
  const product = a * b;
  return Math.abs(product) < Number.MAX_SAFE_INTEGER ? Math.trunc(product / c) : Number((BigInt(a) * BigInt(b)) / BigInt(c));
}
const whole = (value) => Math.floor(value / ONE);

/* What is set: row by row, from one column to another, within the picture. */
class Ink {
  constructor(width, height, paint) { Object.assign(this, { width, height, paint }); }
  span(y, from, to) {
    if (y < 0 || y >= this.height) return;
    const left = Math.max(0, from), right = Math.min(this.width - 1, to);
    if (left <= right) this.paint(y * this.width + left, y * this.width + right + 1);
  }
  dot(x, y) { if (x >= 0 && x < this.width && y >= 0 && y < this.height) this.paint(y * this.width + x, y * this.width + x + 1); }
}

/* Cuts a line [x1, y1, x2, y2] to [0, right] x [0, bottom]; null where nothing is left. */
function clip([x1, y1, x2, y2], right, bottom) {
  const side = (x, y) => (x < 0) + 2 * (x > right) + 4 * (y < 0) + 8 * (y > bottom);
  let a = side(x1, y1), b = side(x2, y2);
  if (!(a & b) && a | b) {
    if (a & 12) { const to = a < 8 ? 0 : bottom; x1 += mulDiv(to - y1, x2 - x1, y2 - y1); y1 = to; a = (x1 < 0) + 2 * (x1 > right); }
    if (b & 12) { const to = b < 8 ? 0 : bottom; x2 += mulDiv(to - y2, x2 - x1, y2 - y1); y2 = to; b = (x2 < 0) + 2 * (x2 > right); }
    if (!(a & b) && a | b) {
      if (a) { const to = a === 1 ? 0 : right; y1 += mulDiv(to - x1, y2 - y1, x2 - x1); x1 = to; a = 0; }
      if (b) { const to = b === 1 ? 0 : right; y2 += mulDiv(to - x2, y2 - y1, x2 - x1); x2 = to; b = 0; }
    }
  }
  return { line: [x1, y1, x2, y2], inside: !(a | b) };
}

/* A line between whole pixels (Bresenham's). */
function pixelLine(ink, from) {
  const cut = clip(from, ink.width - 1, ink.height - 1);
  if (!cut.inside) return;
  let [x1, y1, x2, y2] = cut.line;
  if (x2 < x1) [x1, y1, x2, y2] = [x2, y2, x1, y1];
  const wide = x2 - x1, high = Math.abs(y2 - y1), down = y2 < y1 ? -1 : 1, steep = high > wide;
  const [long, short] = steep ? [high, wide] : [wide, high];
  let error = long - 2 * short, x = x1, y = y1;
  for (let n = 0; n <= long; n++) {
    ink.dot(x, y);
    const turn = error < 0;
    error += -2 * short + (turn ? 2 * long : 0);
    if (steep) { y += down; if (turn) x++; } else { x++; if (turn) y += down; }
  }
}

/* A line between places in 1/65536 pixels. */
function fineLine(ink, from) {
  const cut = clip(from, ink.width * ONE - 1, ink.height * ONE - 1);
  if (!cut.inside) return;
  let [x1, y1, x2, y2] = cut.line;
  let wide = x2 - x1, high = y2 - y1;
  const [across, down] = [Math.abs(wide), Math.abs(high)];
  const flat = across > down;
  if (flat ? wide < 0 : high < 0) { [x1, y1, x2, y2] = [x2, y2, x1, y1]; [wide, high] = [-wide, -high]; }
  const step = flat ? Math.trunc((high * ONE) / (across | 1)) : Math.trunc((wide * ONE) / (down | 1));
  const count = whole(flat ? x2 - x1 : y2 - y1);
  ink.dot(whole(x2 + HALF), whole(y2 + HALF));
  let [major, minor] = flat ? [whole(x1 + HALF), y1 + HALF] : [whole(y1 + HALF), x1 + HALF];
  for (let n = 0; n <= count; n++, major++, minor += step) {
    if (flat) ink.dot(major, whole(minor)); else ink.dot(whole(minor), major);
  }
}

/* A convex polygon of places [x, y] in 1/65536 pixels, with its outline. */
function convex(ink, points) {
  const count = points.length, row = (n) => whole(points[n][1] + HALF);
  points.forEach((point, n) => fineLine(ink, [...points[(n || count) - 1], ...point]));
  const rows = points.map((_, n) => row(n)), columns = points.map(([x]) => whole(x + HALF));
  const top = Math.min(...rows), bottom = Math.min(Math.max(...rows), ink.height - 1);
  if (Math.max(...columns) < 0 || bottom < 0 || Math.min(...columns) >= ink.width || top >= ink.height) return;
  let first = 0, left = count;
  for (let n = 1; n < count; n++) if (points[n][1] < points[first][1]) first = n;
  const edges = [1, count - 1].map((turn) => ({ at: first, turn, x: -ONE, step: 0, end: top }));
  for (let y = top; y <= bottom; y++) {
    for (const edge of edges) {
      if (y < edge.end) continue;
      let at = edge.at, next = (at + edge.turn) % count;
      while (left-- > 0) {
        const end = row(next);
        if (end > y) {
          const [from, to] = [points[at][0], points[next][0]];
          Object.assign(edge, { end, step: Math.trunc((2 * (to - from) + (end - y)) / (2 * (end - y))), x: from, at: next });
          break;
        }
        at = next;
        next = (next + edge.turn) % count;
      }
    }
    if (left < 0) return;
    const [a, b] = [edges[0].x, edges[1].x];
    ink.span(y, whole(Math.min(a, b) + HALF), whole(Math.max(a, b) + HALF));
    for (const edge of edges) edge.x += edge.step;
  }
}

/* A round brush's mark at a pixel. */
function disc(ink, x, y, radius) {
  let error = 0, dx = radius, dy = 0, plus = 1, minus = 2 * radius - 1;
  while (dx >= dy) {
    for (const [rise, reach] of [[dy, dx], [dx, dy]]) for (const way of [-1, 1]) ink.span(y + way * rise, x - reach, x + reach);
    dy++;
    error += plus;
    plus += 2;
    if (error > 0) { error -= minus; dx--; minus -= 2; }
  }
}

/* A segment of a stroke between places in 1/65536 pixels, with round ends. */
function segment(ink, [x0, y0], [x1, y1], thickness, both) {
  if (thickness <= 1) { fineLine(ink, [x0, y0, x1, y1]); return; }
  const dx = (x0 - x1) / ONE, dy = (y1 - y0) / ONE, square = dx * dx + dy * dy, half = thickness * HALF;
  if (square > 2 ** -52) {
    const by = (half + (thickness % 2) * ONE * 0.5) / Math.sqrt(square), [u, v] = [rint(dy * by), rint(dx * by)];
    convex(ink, [[x0 + u, y0 + v], [x0 - u, y0 - v], [x1 - u, y1 - v], [x1 + u, y1 + v]]);
  }
  for (const [x, y] of both ? [[x0, y0], [x1, y1]] : [[x1, y1]]) disc(ink, whole(x + HALF), whole(y + HALF), whole(half + HALF));
}

/* What a polygon, of places in 1/16 pixels, goes round an even number of times, but not none. */
function circledAgain(ink, points) {
  const corners = points.map(([x, y]) => [x / 16, Math.floor((y + 8) / 16)]), clamp = (value, most) => Math.min(most, Math.max(0, value));
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of corners) [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  [left, right] = [left, right].map((x) => clamp(Math.ceil(x), ink.width));
  [top, bottom] = [top, bottom].map((y) => clamp(y, ink.height));
  const wide = right - left + 1, turns = new Int32Array(wide * (bottom - top));
  corners.forEach(([x, y], n) => {
    const [nextX, nextY] = corners[(n + 1) % corners.length], end = Math.min(bottom, Math.max(y, nextY));
    for (let row = Math.max(top, Math.min(y, nextY)); row < end; row++) {
      const place = Math.ceil(x + (row - y) * ((nextX - x) / (nextY - y)));
      turns[(row - top) * wide + Math.min(right, Math.max(left, place)) - left] += y < nextY ? 1 : -1;
    }
  });
  for (let row = top; row < bottom; row++) {
    for (let column = left, sum = 0; column < right; column++) {
      sum += turns[(row - top) * wide + column - left];
      if (sum && sum % 2 === 0) ink.dot(column, row);
    }
  }
}

/* Any polygon, of places in 1/16 pixels, filled by the even-odd rule, with its outline. */
function polygon(ink, points) {
  const edges = [], out = (x, y) => x < 0 || x >= ink.width || y < 0 || y >= ink.height;
  points.forEach((point, n) => {
    const [before, after] = [points[(n || points.length) - 1], point].map(([x, y]) => [x * UP, Math.floor((y + 8) / 16)]);
    const line = [whole(before[0] + HALF), before[1], whole(after[0] + HALF), after[1]];
    pixelLine(ink, line);
    let [from, to] = [[...before], [...after]];
    if (out(line[0], line[1]) || out(line[2], line[3])) {
      const [x1, y1, x2, y2] = clip(line, ink.width - 1, ink.height - 1).line;
      [from, to] = [[x1 * ONE, from[1]], [x2 * ONE, to[1]]];
      if (y1 !== y2) [from[1], to[1]] = [y1, y2];
    }
    if (before[1] === after[1]) return;
    const step = Math.trunc((to[0] - from[0]) / (to[1] - from[1])), [top, end, start] = before[1] < after[1] ? [before[1], after[1], from] : [after[1], before[1], to];
    edges.push({ top, end, x: start[0] + (top - start[1]) * step, step });
  });
  if (edges.length < 2) return;
  edges.sort((a, b) => a.top - b.top);
  const last = Math.min(ink.height, Math.max(...edges.map((edge) => edge.end)));
  let next = 0, active = [];
  for (let y = edges[0].top; y < last; y++) {
    active = active.filter((edge) => edge.end !== y);
    while (next < edges.length && edges[next].top === y) active.push(edges[next++]);
    active.sort((a, b) => a.x - b.x);
    for (let n = 0; n + 1 < active.length; n += 2) ink.span(y, whole(active[n].x + ONE - 1), whole(active[n + 1].x));
    for (const edge of active) edge.x += edge.step;
  }
}

function draw(ink, stroke, [sx, sy]) {
  const clamp = (value) => Math.min(LIMIT, Math.max(-LIMIT, value));
  const points = stroke.points.map(([x, y]) => [clamp(rint((x * sx - 0.5) * 16)), clamp(rint((y * sy - 0.5) * 16))]);
  if (stroke.fill) {
    polygon(ink, points);
    circledAgain(ink, points); // all that a hand goes round is filled (the non-zero winding rule)
  }
  if (!(stroke.width > 0)) return;
  const most = Math.min(2 * Math.max(ink.width, ink.height), MAX_THICKNESS);
  const thickness = Math.min(most, Math.max(1, rint(stroke.width * Math.sqrt(sx * sy))));
  const places = points.map(([x, y]) => [x * UP, y * UP]);
  if (places.length === 1) places.push(places[0]);
  let before = stroke.fill ? places.at(-1) : places[0];
  for (let n = stroke.fill ? 0 : 1; n < places.length; n++) {
    segment(ink, before, places[n], thickness, !stroke.fill && n === 1);
    before = places[n];
  }
}

/** Draws strokes for a picture of [width, height]: {mask, sketch}, Uint8Arrays of 0 and 1, and `color`, RGBA, clear where
 * nothing is painted. */
export function render({ size, strokes }, [width, height]) {
  const scale = [width / size[0], height / size[1]];
  if (Math.abs(Math.log(scale[0] / scale[1])) > Math.log1p(MAX_ASPECT_ERROR)) {
    throw new Error(`strokes: expected a picture of the aspect ${size.join(" x ")}, found ${width} x ${height}.`);
  }
  const layers = { mask: new Uint8Array(width * height), sketch: new Uint8Array(width * height), color: new Uint8Array(4 * width * height) };
  const words = new Uint32Array(layers.color.buffer);
  for (const stroke of strokes) {
    const { layer } = stroke;
    const value = layer === "color" ? new Uint32Array(new Uint8Array([...stroke.color, 255]).buffer)[0] : 1;
    const target = layer === "color" ? words : layers[layer];
    draw(new Ink(width, height, (from, to) => target.fill(value, from, to)), stroke, scale);
  }
  return layers;
}
