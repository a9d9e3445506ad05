/* A photograph of a drawing alone: where a sheet of paper lies in the square that the model sees, and how what it made
 * comes back, as `tfsketch/editor/draw.py` and `tfsketch/framing/arrays.py` have it.
 *
 * What differs from the program, and is said: where no framing is chosen, the program tries five and takes the one in
 * whose photograph the face parser sees the surest face. Here there is no parser, and the strokes' size decides, by the
 * rule that the program has for searches (`arrays.usual_fill`). */

import { boxOf, finite, levelsOf } from "./framing.js";
import { partsOf } from "./parts.js";
import { rint } from "./raster.js";
import { cut, layerOf, meanOf, resample, resize } from "./resizing.js";
import { thin } from "./thinning.js";

const LOW = 0.85, FREE_HAND = 0.8; // see `arrays.place` and `arrays.usual_fill`
const LINE = 0.25, SPECK = 6; // what counts as a redrawn line, and how long it must be at least
const SEEDS = 2 ** 24; // from here on seeds begin again: the model takes them as float32

/** The share of the square that a sheet takes, by its strokes: `sketch` is a layer of 0 and 1, not empty. */
export function usualFill(sketch) {
  const box = boxOf(sketch);
  return Math.min(1, (FREE_HAND * Math.max(sketch.width, sketch.height)) / Math.max(box.width, box.height));
}

/** Where a sheet of [width, height] lies in the square: {left, top, width, height}. */
export function placeOf([width, height], side, fill) {
  const scale = (fill * side) / Math.max(width, height);
  const [wide, high] = [width, height].map((length) => Math.max(1, rint(length * scale)));
  return { left: Math.floor((side - wide) / 2), top: rint((side - high) * LOW), width: wide, height: high };
}

/* Takes out strokes that are short, in place. */
function dropShort(lineSheet, width, height) {
  const lines = layerOf(Uint8Array.from(lineSheet, (value) => (finite(value) >= LINE ? 1 : 0)), width, height, 1);
  for (const part of partsOf(lines)) {
    const [columns, rows] = [part.map((at) => at % width), part.map((at) => Math.floor(at / width))];
    const extent = ([least, most]) => most - least + 1, range = (values) => values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
    if (Math.max(extent(range(columns)), extent(range(rows))) < SPECK) for (const at of part) lines.data[at] = 0;
  }
  return lineSheet.map((value, at) => (lines.data[at] ? value : 0));
}

/** Makes a photograph of a sketch.
 *
 * sketch: a layer of 0 and 1; fill: the share of the square that the sheet takes, or null; network: as of
 * `framing.edit`. Gives {image, lines, fill}: the photograph, a layer of the sketch's size, RGB, the lines as the model
 * redrew them, of 0 and 1, and the share that was taken. */
export async function draw(sketch, { seed = 0, fill = null }, { side, run }) {
  const { width, height } = sketch;
  if (!sketch.data.includes(1)) throw new Error("sketch: expected at least one stroke, found an empty sheet.");
  if (fill !== null && !(fill > 0 && fill <= 1)) throw new Error(`fill: expected a share above 0 and at most 1, found ${fill}.`);
  const share = fill === null ? usualFill(sketch) : fill, place = placeOf([width, height], side, share);
  const means = meanOf(sketch, place.width, place.height), square = new Float32Array(side * side);
  const lines = thin(Uint8Array.from(means, (value) => (value > 0 ? 1 : 0)), place.width, place.height);
  for (let y = 0; y < place.height; y++) square.set(lines.subarray(y * place.width, (y + 1) * place.width), (place.top + y) * side + place.left);
  const outputs = await run({ sketch: square, seed: new Float32Array([seed % SEEDS, 0]) });
  const sheet = (layer) => cut(layer, place.left, place.top, place.width, place.height);
  const lineSheet = sheet(layerOf(dropShort(outputs.refined, side, side), side, side, 1));
  return {
    image: resize(sheet(layerOf(levelsOf(outputs.image), side, side, 3)), width, height),
    lines: layerOf(Uint8Array.from(resample(lineSheet, width, height), (value) => (value >= LINE ? 1 : 0)), width, height, 1),
    fill: share,
  };
}
