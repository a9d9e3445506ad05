/* Layers at other sizes, as `tfsketch/vocabulary.resize` and `tfsketch/framing/arrays.py` make them with OpenCV: averages
 * over areas where they shrink, the cubic kernel (A = -0.75) where they grow.
 *
 * A layer is {data, width, height, channels}, its data row by row. */

import { rint } from "./raster.js";

export const layerOf = (data, width, height, channels) => ({ data, width, height, channels });
const LEAST = 1e-3; // a share of an area below which it is left out, as OpenCV does
const SHARE = 1e-6; // and of a weight in a mask, as `arrays.resize_mask` has it
const clip = (value) => Math.min(255, Math.max(0, value));

/** A part of a layer. */
export function cut(layer, left, top, width, height) {
  const { channels } = layer, data = new layer.data.constructor(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * layer.width + left) * channels;
    data.set(layer.data.subarray(from, from + width * channels), y * width * channels);
  }
  return layerOf(data, width, height, channels);
}

/* For each place of `to`: where in `from` it begins and the weights from there on. */
function areas(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, n) => {
    const start = n * scale, end = start + scale, size = Math.min(scale, from - start);
    let last = Math.min(Math.floor(end), from - 1);
    const first = Math.min(Math.ceil(start), last), weights = [];
    const before = first - start > LEAST;
    if (before) weights.push((first - start) / size);
    for (let at = first; at < last; at++) weights.push(1 / size);
    if (end - last > LEAST) weights.push(Math.min(end - last, 1, size) / size);
    return { at: before ? first - 1 : first, weights };
  });
}
function cubic(from, to) {
  const scale = from / to, A = -0.75;
  return Array.from({ length: to }, (_, n) => {
    const place = Math.fround((n + 0.5) * scale - 0.5), at = Math.floor(place), x = Math.fround(place - at);
    const near = (t) => ((A + 2) * t - (A + 3)) * t * t + 1;
    const first = ((A * (x + 1) - 5 * A) * (x + 1) + 8 * A) * (x + 1) - 4 * A, weights = [first, near(x), near(1 - x)];
    weights.push(1 - weights[0] - weights[1] - weights[2]);
    return { at: at - 1, weights };
  });
}

/* Rows and columns, weighted one after the other; beyond the layer its border goes on. Float64Array. */
function weigh({ data, width, height, channels }, columns, rows) {
  const half = new Float64Array(columns.length * height * channels), whole = new Float64Array(columns.length * rows.length * channels);
  const within = (at, length) => Math.min(length - 1, Math.max(0, at)), wide = columns.length * channels;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < columns.length; x++) {
      const { at, weights } = columns[x];
      for (let n = 0; n < weights.length; n++) {
        const from = (y * width + within(at + n, width)) * channels, to = y * wide + x * channels;
        for (let channel = 0; channel < channels; channel++) half[to + channel] += weights[n] * data[from + channel];
      }
    }
  }
  for (let y = 0; y < rows.length; y++) {
    const { at, weights } = rows[y];
    for (let n = 0; n < weights.length; n++) {
      const from = within(at + n, height) * wide;
      for (let k = 0; k < wide; k++) whole[y * wide + k] += weights[n] * half[from + k];
    }
  }
  return whole;
}
const shrinks = (layer, width, height) => layer.width > width || layer.height > height;
const exact = (weights) => weights.map(({ at, weights: w }) => ({ at, weights: w.map((one) => rint(one * 2048) / 2048) })); // of uint8

/** A picture of uint8 at another size that is larger, or smaller, both ways. */
export function resize(layer, width, height) {
  if (layer.width === width && layer.height === height) return layer;
  const small = shrinks(layer, width, height), by = small ? areas : (from, to) => exact(cubic(from, to));
  const values = weigh(layer, by(layer.width, width), by(layer.height, height)), data = new Uint8Array(values.length);
  // Squares of two pixels have a way of their own there, that rounds a half up.
  const halves = layer.width === 2 * width && layer.height === 2 * height;
  for (let n = 0; n < data.length; n++) data[n] = clip(halves || !small ? Math.floor(values[n] + 0.5) : rint(Math.fround(values[n])));
  return layerOf(data, width, height, layer.channels);
}

/** A layer of fractions at another size, by the filter of pictures, not rounded. Float64Array. */
export function resample(layer, width, height) {
  if (layer.width === width && layer.height === height) return Float64Array.from(layer.data);
  const by = shrinks(layer, width, height) ? areas : cubic;
  return weigh(layer, by(layer.width, width), by(layer.height, height));
}

/** A mask of 0 and 1: 1 where an erased pixel has any share. */
export function resizeMask(mask, width, height) {
  if (mask.width === width && mask.height === height) return mask;
  return layerOf(Uint8Array.from(resample(mask, width, height), (value) => (Math.abs(value) > SHARE ? 1 : 0)), width, height, 1);
}

/** Means over the pixels' areas where a layer shrinks, the nearest pixel where it grows. */
export function meanOf(layer, width, height) {
  if (layer.width === width && layer.height === height) return Float64Array.from(layer.data);
  const nearest = (from, to) => Array.from({ length: to }, (_, n) => ({ at: Math.min(from - 1, Math.floor(n * (from / to))), weights: [1] }));
  const by = shrinks(layer, width, height) ? areas : nearest;
  return weigh(layer, by(layer.width, width), by(layer.height, height));
}

/** Colours, RGBA, painted where alpha is from 128 on: {color, RGB, and painted, of 0 and 1}, means over what is painted. */
export function resizeColor(color, width, height) {
  const size = color.width * color.height, painted = new Uint8Array(size), levels = new Uint8Array(3 * size);
  for (let n = 0; n < size; n++) {
    if (color.data[4 * n + 3] < 128) continue;
    painted[n] = 1;
    for (let channel = 0; channel < 3; channel++) levels[3 * n + channel] = color.data[4 * n + channel];
  }
  const share = meanOf(layerOf(painted, color.width, color.height, 1), width, height);
  const total = meanOf(layerOf(levels, color.width, color.height, 3), width, height), data = new Uint8Array(3 * width * height);
  for (let n = 0; n < share.length; n++) {
    if (share[n] > 0) for (let channel = 0; channel < 3; channel++) data[3 * n + channel] = clip(rint(total[3 * n + channel] / share[n]));
  }
  return { color: layerOf(data, width, height, 3), painted: layerOf(Uint8Array.from(share, (value) => (value > 0 ? 1 : 0)), width, height, 1) };
}

/** A layer in the middle of a square, reflected on all sides about its border: {layer, left, top}. */
export function pad(layer, side) {
  const [left, top] = [layer.width, layer.height].map((length) => Math.floor((side - length) / 2)), { channels } = layer;
  const reflect = (start, length) => Array.from({ length: side }, (_, n) => {
    let at = n - start;
    while (length > 1 && (at < 0 || at >= length)) at = at < 0 ? -at : 2 * length - 2 - at;
    return length > 1 ? at : 0;
  });
  const columns = reflect(left, layer.width), rows = reflect(top, layer.height), data = new layer.data.constructor(side * side * channels);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (let channel = 0; channel < channels; channel++) {
        data[(y * side + x) * channels + channel] = layer.data[(rows[y] * layer.width + columns[x]) * channels + channel];
      }
    }
  }
  return { layer: layerOf(data, side, side, channels), left, top };
}
