/* Where in a photograph the model looks, and how what it painted comes back: `tfsketch/framing/arrays.py` and
 * `tfsketch/editor/{canvas,edit}.py` in the browser, for edits.
 *
 * What differs from the program's editor, and is meant to: faces are not looked for (its finder is OpenCV's), so that a
 * photograph is framed by the rules for portraits and scenes alone, as an export's `serving_default` frames it; and an
 * enlarged repaint gets no detail of the photograph's own, whose search takes seconds on a phone. */

import { rint } from "./raster.js";
import { cut, layerOf, pad, resize, resizeColor, resizeMask, meanOf } from "./resizing.js";
import { membrane } from "./membrane.js";
import { standardNormal } from "./noise.js";
import { thin } from "./thinning.js";
import { recolor, toneOf } from "./tone.js";

const PORTRAIT_ASPECT = 1.5, PORTRAIT_SHARE = 1 / 8, CONTEXT = 2.5, MARGIN = 1.1;

/** {left, top, width, height} of what is not 0 in a layer of one channel; null where there is nothing. */
export function boxOf({ data, width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width), first = row.findIndex((value) => value);
    if (first < 0) continue;
    let last = width - 1;
    while (!row[last]) last--;
    [left, right, bottom] = [Math.min(left, first), Math.max(right, last), y];
    if (top === height) top = y;
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Where to look for a mask's box in a picture: `square`, the part of the picture that the model sees, `work`, its size
 * at the working side, and `edge`, the square's side in pixels of the picture, which may reach out of it. */
export function viewOf({ width, height }, box, side) {
  const [shorter, longer] = [Math.min(width, height), Math.max(width, height)], extent = Math.max(box.width, box.height);
  const portrait = longer <= PORTRAIT_ASPECT * shorter && extent >= PORTRAIT_SHARE * shorter;
  const target = portrait ? shorter : Math.max(extent * CONTEXT, side);
  const edge = Math.ceil(Math.max(Math.min(target, shorter), Math.min(extent * MARGIN, longer)));
  const start = (length, first, part) => {
    const at = Math.min(Math.max(Math.floor(first + part / 2 - edge / 2), first + part - edge), first);
    return edge <= length ? Math.min(Math.max(at, 0), length - edge) : Math.floor((length - edge) / 2);
  };
  const [left, top] = [start(width, box.left, box.width), start(height, box.top, box.height)];
  const square = { left: Math.max(left, 0), top: Math.max(top, 0) };
  square.width = Math.min(left + edge, width) - square.left;
  square.height = Math.min(top + edge, height) - square.top;
  const work = [square.width, square.height].map((length) => Math.max(1, rint((length * side) / edge)));
  return { square, work, edge };
}

/** Distances to the nearest 0 of a mask, by steps to 5 x 5 neighbours (Borgefors 1986, OpenCV's weights). Float32Array. */
export function distances({ data, width, height }) {
  const [straight, diagonal, knight] = [1, 1.4, 2.1969].map((step) => rint(step * 65536)), far = 2 ** 30;
  const wide = width + 4, grid = new Uint32Array(wide * (height + 4)).fill(far);
  const steps = [[1, 0, straight], [0, 1, straight], [1, 1, diagonal], [-1, 1, diagonal], [1, 2, knight], [-1, 2, knight], [2, 1, knight], [-2, 1, knight]];
  const reach = steps.map(([x, y, cost]) => [y * wide + x, cost]);
  const pass = (y, x, way) => {
    const at = (y + 2) * wide + x + 2;
    if (!data[y * width + x]) { grid[at] = 0; return; }
    let least = grid[at];
    for (const [offset, cost] of reach) least = Math.min(least, grid[at + way * offset] + cost);
    grid[at] = Math.min(least, far);
  };
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pass(y, x, -1);
  for (let y = height - 1; y >= 0; y--) for (let x = width - 1; x >= 0; x--) pass(y, x, 1);
  const result = new Float32Array(width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result[y * width + x] = grid[(y + 2) * wide + x + 2] / 65536;
  return result;
}

/** A value of [-1,1] for a level, as the model is handed it. */
export const unit = (level) => Math.fround(Math.fround(level / 127.5) - 1);
/** The levels of a picture that a model gave, in [-1,1]. */
export function levelsOf(image) {
  return Uint8Array.from(image, (value) => Math.min(255, Math.max(0, rint(Math.fround(Math.fround(finite(value) + 1) * 127.5)))));
}
/** A value that a model gave. */
export function finite(value) {
  if (!Number.isFinite(value)) throw new Error("The model gave values that are not finite.");
  return value;
}

/* What the model is handed, by the vocabulary's names, as Float32Arrays. */
function tensorsOf(image, mask, sketch, { color, painted }, seed, side) {
  const [view, gap, lines, paint, where] = [image, mask, sketch, color, painted].map((layer) => pad(layer, side));
  const noise = standardNormal(seed, side * side);
  const hole = gap.layer.data, on = where.layer.data, levels = paint.layer.data;
  return {
    place: view,
    tensors: {
      image: Float32Array.from(view.layer.data, unit),
      mask: Float32Array.from(hole),
      sketch: Float32Array.from(lines.layer.data),
      color: Float32Array.from(levels, (level, n) => (on[Math.floor(n / 3)] ? unit(level) : 0)),
      noise: Float32Array.from(noise, (value, n) => (hole[n] ? value : 0)),
    },
  };
}

/* What is pasted, fading to the picture towards the mask's edge; `soft` is as of `paste`. */
function fade(patch, content, mask, box, feather, soft) {
  if (feather === 0 && !soft) return content.data;
  // One kept pixel around the box, where the picture has one: the picture's border is no edge.
  const [left, top] = [Math.min(box.left, 1), Math.min(box.top, 1)], outer = { left: box.left - left, top: box.top - top };
  const around = cut(mask, outer.left, outer.top, Math.min(mask.width, box.left + box.width + 1) - outer.left, Math.min(mask.height, box.top + box.height + 1) - outer.top);
  const distance = distances(around), result = new Uint8Array(content.data.length);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const place = y * box.width + x, at = 3 * place;
      let weight = Math.fround(Math.min(distance[(y + top) * around.width + x + left] / (feather + 1), 1));
      if (soft) weight = Math.fround(Math.max(weight * soft.middle[place], soft.weight[place]));
      for (let n = at; n < at + 3; n++) result[n] = rint(Math.fround(Math.fround(patch.data[n] * Math.fround(1 - weight)) + Math.fround(content.data[n] * weight)));
    }
  }
  return result;
}

/** RGB within a mask's box: the picture, and in the mask what was painted, a layer of the box's size.
 *
 * scale: pixels of the picture to one of the working side; feather: as of `edit`; soft: {weight, middle}, shares for each
 * pixel of the box, as `restyle.soft_weights` of the program gives them, or null. */
export function paste(picture, painted, mask, box, scale, feather, soft = null) {
  const patch = cut(picture, box.left, box.top, box.width, box.height), hole = cut(mask, box.left, box.top, box.width, box.height);
  const data = fade(patch, painted, mask, box, feather === null ? (scale > 1 ? scale / 2 : 0) : feather, soft);
  for (let n = 0; n < hole.data.length; n++) if (hole.data[n]) patch.data.set(data.subarray(3 * n, 3 * n + 3), 3 * n);
  return patch.data;
}

/** Repaints a mask.
 *
 * picture: a layer, RGB; layers: of its size, as `raster.render` gives them; feather: pixels, or null for half of a
 * working pixel's size where the result was enlarged; seam: whether a membrane takes out the border's step; network: {side, run}, `run` takes and gives Float32Arrays by the
 * vocabulary's names. Gives {box, data}: the mask's box, and RGB within it, the picture's own outside of the mask. */
export async function edit(picture, layers, { seed = 0, feather = null, seam = true }, { side, run }) {
  const { width, height } = picture, mask = layerOf(layers.mask, width, height, 1), box = boxOf(mask);
  if (!box) throw new Error("mask: expected at least one pixel to repaint, found an empty mask.");
  const { square, work, edge } = viewOf(picture, box, side);
  const of = (layer) => cut(layer, square.left, square.top, square.width, square.height);
  const colors = layerOf(layers.color, width, height, 4);
  const lines = meanOf(of(layerOf(layers.sketch, width, height, 1)), ...work);
  const view = resize(of(picture), ...work), gap = resizeMask(of(mask), ...work);
  const { place, tensors } = tensorsOf(
    view, gap,
    layerOf(thin(Uint8Array.from(lines, (value) => (value > 0 ? 1 : 0)), ...work), ...work, 1), resizeColor(of(colors), ...work), seed, side,
  );
  const { image } = await run(tensors);
  const repaint = cut(layerOf(levelsOf(image), side, side, 3), place.left, place.top, ...work);
  if (seam) membrane(view.data, repaint.data, gap.data, boxOf(gap), ...work);
  const whole = resize(repaint, square.width, square.height);
  const content = cut(whole, box.left - square.left, box.top - square.top, box.width, box.height);
  recolor(content.data, toneOf(picture, mask, colors));
  return { box, data: paste(picture, content, mask, box, edge / side, feather) };
}
