/* `tfsketch/framing/membrane.py` in the browser: the step in light and colour at a mask's border, measured there and
 * spread over the hole by Laplace's equation, coarse to fine, is taken out of the repaint. */

import { rint } from "./raster.js";

const BAND = 1, OUTLINE = 24, COARSEST = 16, REST = 200, SWEEPS = 6400;

/* The lower median of some numbers. */
function median(values) {
  values.sort((a, b) => a - b);
  return values[(values.length - 1) >> 1];
}

/* What is to be added at the hole's border, where a known pixel lies beside it: {step, border}, 0 elsewhere. */
function stepsOf(image, repaint, hole, width, height) {
  const step = new Float32Array(3 * width * height), border = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x, known = (dx, dy) => x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height && !hole[at + dy * width + dx];
      if (!hole[at] || !(known(-1, 0) || known(1, 0) || known(0, -1) || known(0, 1))) continue;
      const change = [0, 1, 2].map((channel) => {
        const sides = [[], []];
        for (let v = Math.max(y - BAND, 0); v <= Math.min(y + BAND, height - 1); v++) {
          for (let u = Math.max(x - BAND, 0); u <= Math.min(x + BAND, width - 1); u++) {
            const place = v * width + u;
            if (hole[place]) sides[1].push(repaint[3 * place + channel]);
            else sides[0].push(image[3 * place + channel]);
          }
        }
        return median(sides[0]) - median(sides[1]);
      });
      const size = Math.max(...change.map(Math.abs)) / OUTLINE;
      change.forEach((value, channel) => { step[3 * at + channel] = value / (1 + size * size); });
      border[at] = 1;
    }
  }
  return { step, border };
}

/* Sums over squares of 2 x 2 pixels. */
function halve(layer, width, height, channels) {
  const wide = (width + 1) >> 1, result = new Float32Array(wide * ((height + 1) >> 1) * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = ((y >> 1) * wide + (x >> 1)) * channels, from = (y * width + x) * channels;
      for (let n = 0; n < channels; n++) result[to + n] += layer[from + n];
    }
  }
  return result;
}

/* Sums over the four neighbours times a share, plus what is held: one sweep of `from` into `to`. */
function sweep(from, to, { held, share, width, height }) {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const place = y * width + x, part = share[place];
      for (let n = 3 * place; n < 3 * place + 3; n++) {
        let sum = 0;
        if (part) {
          if (y) sum += from[n - 3 * width];
          if (y < height - 1) sum += from[n + 3 * width];
          if (x) sum += from[n - 3];
          if (x < width - 1) sum += from[n + 3];
        }
        to[n] = sum * part + held[n];
      }
    }
  }
}

/* Laplace's equation in the hole, with values held at its border. */
function harmonic(step, border, hole, width, height) {
  const levels = [{ held: step, fixed: border, inside: Float32Array.from(hole), width, height }];
  while (Math.max(levels[0].width, levels[0].height) > COARSEST) {
    const { held, fixed, inside, width: w, height: h } = levels[0];
    const [sums, counts, domain] = [halve(held, w, h, 3), halve(fixed, w, h, 1), halve(inside, w, h, 1)];
    levels.unshift({
      held: sums.map((value, n) => value / Math.max(counts[Math.floor(n / 3)], 1)),
      fixed: counts.map((value) => Math.min(value, 1)), inside: domain.map((value) => Math.min(value, 1)),
      width: (w + 1) >> 1, height: (h + 1) >> 1,
    });
  }
  let result = null, wide = 0;
  for (const level of levels) {
    const { held, fixed, inside, width: w, height: h } = level, start = new Float32Array(held.length);
    level.share = inside.map((value, place) => {
      const [x, y] = [place % w, Math.floor(place / w)];
      const around = (x ? inside[place - 1] : 0) + (x < w - 1 ? inside[place + 1] : 0) + (y ? inside[place - w] : 0) + (y < h - 1 ? inside[place + w] : 0);
      return around > 0 ? (value * (1 - fixed[place])) / around : 0;
    });
    for (let n = 0; n < held.length; n++) {
      const place = Math.floor(n / 3), [x, y] = [place % w, Math.floor(place / w)];
      start[n] = (result ? result[3 * ((y >> 1) * wide + (x >> 1)) + (n % 3)] : 0) * inside[place] * (1 - fixed[place]) + held[n];
    }
    let [from, to] = [start, new Float32Array(held.length)];
    for (let n = result ? Math.floor(SWEEPS / Math.max(w, h)) : REST; n > 0; n--) {
      sweep(from, to, level);
      [from, to] = [to, from];
    }
    [result, wide] = [from, w];
  }
  return result;
}

/** Takes the step at the border out of a repaint, in place. image, repaint: RGB levels; mask: 1 = erased; of one size. */
export function membrane(image, repaint, mask, { left, top, width, height }, wide, high) {
  if (!mask.some((value) => !value)) return;
  // The hole's box and what the medians look at of the known side.
  const [x0, y0] = [Math.max(left - BAND, 0), Math.max(top - BAND, 0)];
  const [w, h] = [Math.min(left + width + BAND, wide) - x0, Math.min(top + height + BAND, high) - y0];
  const part = (layer, channels) => {
    const result = new Uint8Array(w * h * channels);
    for (let y = 0; y < h; y++) result.set(layer.subarray(((y0 + y) * wide + x0) * channels, ((y0 + y) * wide + x0 + w) * channels), y * w * channels);
    return result;
  };
  const hole = part(mask, 1), levels = part(repaint, 3);
  const { step, border } = stepsOf(part(image, 3), levels, hole, w, h);
  const change = harmonic(step, border, hole, w, h);
  for (let place = 0; place < w * h; place++) {
    if (!hole[place]) continue;
    const at = 3 * ((y0 + Math.floor(place / w)) * wide + x0 + (place % w));
    for (let n = 0; n < 3; n++) repaint[at + n] = Math.min(255, Math.max(0, rint(Math.fround(levels[3 * place + n] + change[3 * place + n]))));
  }
}
