/* A photograph, or a part of it, in the style of another: `tfsketch/editor/restyle.py` in the browser.
 *
 * The model gives what the other style changes, at its own side; here that becomes lines of the photograph's luma (the
 * fast guided filter: He, Sun & Tang 2013, He & Sun 2015), which are enlarged in its place, so that edges are the
 * photograph's own. The reasons are in the program's text. */

import { boxOf, finite, paste, unit, viewOf } from "./framing.js";
import { rint } from "./raster.js";
import { cut, layerOf, pad, resample, resize, resizeMask } from "./resizing.js";

const REACH = 2, FLAT = 50, SEAM = 5; // see `framing/arrays.py`
const LUMA = [0.299, 0.587, 0.114].map(Math.fround);

const lumaAt = (data, at) => Math.fround(Math.fround(Math.fround(LUMA[0] * data[at]) + Math.fround(LUMA[1] * data[at + 1])) + Math.fround(LUMA[2] * data[at + 2]));

/* Means over squares of pixels that count: `values` has one for each pixel; 0 where none counts. */
function means(values, counts, width, height) {
  const result = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [sum, count] = [0, 0];
      for (let v = Math.max(0, y - REACH); v <= Math.min(height - 1, y + REACH); v++) {
        for (let at = v * width + Math.max(0, x - REACH); at <= v * width + Math.min(width - 1, x + REACH); at++) {
          if (counts[at]) { sum += values[at]; count++; }
        }
      }
      if (count) result[y * width + x] = sum / count;
    }
  }
  return result;
}

/** A change of a small picture as straight lines of its luma: [slope, offset], each a layer of one channel.
 *
 * change: levels, one for each pixel; photograph: a layer, RGB; counts: of 0 and 1, where the change counts. */
export function linesOf(change, photograph, counts) {
  const { data, width, height } = photograph, guide = Float64Array.from(change, (_, n) => lumaAt(data, 3 * n)), mean = (values) => means(values, counts, width, height);
  const [own, square, changes, product] = [guide, guide.map((value) => value * value), change, guide.map((value, n) => value * change[n])].map(mean);
  const slope = own.map((value, n) => (product[n] - value * changes[n]) / (Math.max(square[n] - value * value, 0) + FLAT));
  const offset = changes.map((value, n) => value - slope[n] * own[n]);
  return [slope, offset].map((values) => layerOf(mean(values), width, height, 1));
}

/* Where the middle of a mask is: 0 at its edge, 1 from `SEAM` pixels on or, in a thin mask, where they are most. */
function middleOf({ data, width, height }) {
  const distance = Float64Array.from(data, (value, n) => {
    if (!value) return 0;
    const [x, y] = [n % width, Math.floor(n / width)];
    let least = SEAM * SEAM;
    for (let v = Math.max(0, y - SEAM); v <= Math.min(height - 1, y + SEAM); v++) {
      for (let u = Math.max(0, x - SEAM); u <= Math.min(width - 1, x + SEAM); u++) {
        if (!data[v * width + u]) least = Math.min(least, (u - x) ** 2 + (v - y) ** 2);
      }
    }
    return Math.sqrt(least);
  });
  const most = distance.reduce((a, b) => Math.max(a, b), 0);
  return layerOf(most > 1 ? distance.map((value) => Math.min(1, Math.max(0, (value - 1) / (most - 1)))) : Float64Array.from(data), width, height, 1);
}

/** The square in the middle of a picture, at a side. */
export function centerSquare(layer, side) {
  const edge = Math.min(layer.width, layer.height);
  return resize(cut(layer, Math.floor((layer.width - edge) / 2), Math.floor((layer.height - edge) / 2), edge, edge), side, side);
}

/** Restyles a picture.
 *
 * picture, style: layers, RGB; drawn: the mask, of 0 and 1, or null for everywhere; amount: 0 to 1, from the picture's own
 * style to the other's; feather: as of `framing.edit`; network: as there. Gives {box, data} as `framing.edit`. */
export async function restyle(picture, style, drawn, { amount = 1, feather = null }, { side, run }) {
  const { width, height } = picture, mask = drawn || layerOf(new Uint8Array(width * height).fill(1), width, height, 1), box = boxOf(mask);
  if (!box) throw new Error("mask: expected at least one pixel to restyle, found an empty mask.");
  const { square, work, edge } = viewOf(picture, box, side), within = (layer) => cut(layer, square.left, square.top, square.width, square.height);
  const view = resize(within(picture), ...work), counts = resizeMask(within(mask), ...work), place = pad(view, side);
  const { change } = await run({
    image: Float32Array.from(place.layer.data, unit), style: Float32Array.from(centerSquare(style, side).data, unit),
    mask: Float32Array.from(pad(counts, side).layer.data), amount: new Float32Array([amount]),
  });
  const levels = cut(layerOf(Float32Array.from(change, (value) => 127.5 * finite(value)), side, side, 3), place.left, place.top, ...work).data;
  const enlarge = (layer) => cut(layerOf(resample(layer, square.width, square.height), square.width, square.height, 1), box.left - square.left, box.top - square.top, box.width, box.height).data;
  const under = cut(picture, box.left, box.top, box.width, box.height), luma = Float32Array.from({ length: box.width * box.height }, (_, n) => lumaAt(under.data, 3 * n));
  const repaint = layerOf(new Uint8Array(under.data.length), box.width, box.height, 3);
  for (let channel = 0; channel < 3; channel++) {
    const [slope, offset] = linesOf(Float64Array.from({ length: work[0] * work[1] }, (_, n) => levels[3 * n + channel]), view, counts.data).map(enlarge);
    for (let n = 0; n < luma.length; n++) repaint.data[3 * n + channel] = Math.min(255, Math.max(0, rint(Math.fround(under.data[3 * n + channel] + slope[n] * luma[n] + offset[n]))));
  }
  let soft = null;
  if (drawn && feather === null) {
    const share = resample(layerOf(Float32Array.from(within(mask).data), square.width, square.height, 1), ...work);
    const [slope, offset] = linesOf(share, view, new Uint8Array(share.length).fill(1)).map(enlarge);
    const clamp = (value) => Math.min(1, Math.max(0, value));
    soft = { weight: luma.map((value, n) => clamp(2 * (slope[n] * value + offset[n]) - 1)), middle: enlarge(middleOf(counts)).map(clamp) };
  }
  return { box, data: paste(picture, repaint, mask, box, edge / side, feather, soft) };
}
