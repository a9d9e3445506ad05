/* Grey and toned photographs stay so: `tfsketch/framing/tone.py` in the browser, by the same rule and numbers. */

import { rint } from "./raster.js";

const TOLERANCE = 6, LEAST = 0.98, ACCENT = 16, PLAIN = 0.998, ASKED = 12, KEPT = 0.5, SQUARE = 8;
const luma = (r, g, b) => (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;

function off(line, r, g, b) {
  const at = 3 * luma(r, g, b);
  return Math.max(Math.abs(r - line[at]), Math.abs(g - line[at + 1]), Math.abs(b - line[at + 2]));
}

/* The means of squares of pixels that count, RGB one after the other: of those that the mask leaves alone, or of all where
 * it leaves some, and less than half. */
function meansOf(picture, mask) {
  const side = Math.max(1, Math.min(SQUARE, Math.floor(Math.min(picture.width, picture.height) / 8))), area = side * side, means = [], all = [];
  for (let top = 0; top + side <= picture.height; top += side) {
    for (let left = 0; left + side <= picture.width; left += side) {
      const sum = [0, 0, 0];
      let hole = false;
      for (let y = top; y < top + side; y++) {
        for (let at = y * picture.width + left; at < y * picture.width + left + side; at++) {
          if (mask.data[at]) hole = true;
          for (let channel = 0; channel < 3; channel++) sum[channel] += picture.data[3 * at + channel];
        }
      }
      const mean = sum.map((total) => Math.floor((total + (area >> 1)) / area));
      all.push(...mean);
      if (!hole) means.push(...mean);
    }
  }
  return means.length && means.length < KEPT * all.length ? all : means;
}

/** The colour of each level of luma, [256 * 3], in which the hole of a photograph without colour is painted; null for a
 * photograph in colour, and where a stroke in the hole asks for colour.
 *
 * picture: a layer, RGB; mask: of one channel; color: RGBA, painted where alpha is from 128 on. */
export function toneOf(picture, mask, color) {
  const means = meansOf(picture, mask), count = new Float64Array(256), total = new Float64Array(768);
  if (!means.length) return null;
  for (let n = 0; n < means.length; n += 3) {
    const level = luma(means[n], means[n + 1], means[n + 2]);
    count[level]++;
    for (let channel = 0; channel < 3; channel++) total[3 * level + channel] += means[n + channel] - level;
  }
  const line = new Uint8Array(768);
  for (let level = 0; level < 256; level++) {
    const sum = [0, 0, 0];
    let all = 0;
    for (let other = 0; other < 256; other++) {
      if (!count[other]) continue;
      const apart = level - other, weight = Math.exp(-((apart / 4) ** 2) / 2) + 1e-4 * Math.exp(-((apart / 64) ** 2) / 2) + 1e-9;
      all += weight * count[other];
      for (let channel = 0; channel < 3; channel++) sum[channel] += weight * total[3 * other + channel];
    }
    for (let channel = 0; channel < 3; channel++) line[3 * level + channel] = Math.min(255, Math.max(0, rint(level + sum[channel] / all)));
  }
  let [near, plain] = [0, 0];
  for (let n = 0; n < means.length; n += 3) {
    const far = off(line, means[n], means[n + 1], means[n + 2]);
    if (far <= TOLERANCE) near++;
    if (far <= ACCENT) plain++;
  }
  if (near < (LEAST * means.length) / 3 || plain < (PLAIN * means.length) / 3) return null;
  for (let n = 0; n < mask.data.length; n++) {
    if (mask.data[n] && color.data[4 * n + 3] >= 128 && off(line, ...color.data.subarray(4 * n, 4 * n + 3)) > ASKED) return null;
  }
  return line;
}

/** Gives RGB levels the line's colours, in place; nothing where there is no line. */
export function recolor(levels, line) {
  for (let n = 0; line && n < levels.length; n += 3) {
    const at = 3 * luma(levels[n], levels[n + 1], levels[n + 2]);
    levels.set(line.subarray(at, at + 3), n);
  }
}
