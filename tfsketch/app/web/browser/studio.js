/* What the program's `Studio` does, in the browser: photographs in this worker's memory, edits, and results as files.
 *
 * Pixels are read from a canvas as the file has them, without a conversion of colours, and what is saved as PNG never
 * goes through one again: outside of the mask it is the photograph, bit for bit. */

import * as files from "./files.js";
import { edit } from "./framing.js";
import { changed, strokesOf } from "./outlines.js";
import { checkStrokes, render } from "./raster.js";
import { cut, layerOf } from "./resizing.js";

const PREVIEW = 1600; // pixels of the longer side of what the page draws on
const MAX_PIXELS = 50e6, KEPT_PIXELS = 60e6; // of one photograph; of all that are decoded at a time
const QUALITY = 0.95;
const pictures = new Map(); // handle -> {blob, size, preview, icc, notes, layer}; the one used last is the last
let count = 0, last = null;

function canvasOf(width, height) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error(`The browser has no room for a picture of ${width} x ${height}.`);
  return { canvas, context };
}
function toCanvas({ data, width, height, channels }) {
  const { canvas, context } = canvasOf(width, height), image = new ImageData(width, height);
  for (let n = 0, at = 0; n < image.data.length; n += 4, at += channels) {
    for (let channel = 0; channel < 3; channel++) image.data[n + channel] = data[at + channel];
    image.data[n + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
const jpegOf = async (canvas, icc, quality = QUALITY, mark = false) => {
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  return files.withSegments(new Uint8Array(await blob.arrayBuffer()), icc, mark);
};

/* Some browsers change the pixels that a page reads, against fingerprints: then nothing here could be exact. */
let honest = null;
function checkHonest() {
  if (honest === null) {
    const data = Uint8Array.from({ length: 3 * 256 }, (_, n) => (n * 37) % 256), canvas = toCanvas(layerOf(data, 16, 16, 3));
    const seen = canvas.getContext("2d").getImageData(0, 0, 16, 16).data;
    honest = data.every((value, n) => seen[4 * Math.floor(n / 3) + (n % 3)] === value);
  }
  if (!honest) throw new Error("This browser changes the pixels that a page reads (a protection against fingerprints): allow this page to read canvases, or nothing could be kept as it is.");
}

async function decoded(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error("Expected a picture that this browser can read, such as JPEG, PNG or WebP.");
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new Error(`Expected a photograph of at most ${MAX_PIXELS / 1e6} million pixels, found ${width} x ${height}.`);
  checkHonest();
  const { canvas, context } = canvasOf(width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height), levels = new Uint8Array(3 * width * height);
  for (let n = 0, at = 0; n < data.length; n += 4, at += 3) {
    if (data[n + 3] < 255) throw new Error("The photograph is transparent in places, which this page cannot keep: save it without transparency, or use the program.");
    levels[at] = data[n];
    levels[at + 1] = data[n + 1];
    levels[at + 2] = data[n + 2];
  }
  return { layer: layerOf(levels, width, height, 3), canvas };
}

const previewSize = ([width, height]) => {
  const scale = Math.min(1, PREVIEW / Math.max(width, height));
  return [width, height].map((length) => Math.max(1, Math.round(length * scale)));
};

/* A part of a canvas at another size. */
function scaled(canvas, [left, top, width, height], [w, h]) {
  const small = canvasOf(w, h);
  Object.assign(small.context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
  small.context.drawImage(canvas, left, top, width, height, 0, 0, w, h);
  return small.canvas;
}

/* Remembers a photograph; of those that are decoded, the longest unused are so no more. */
async function keep(blob, { layer, canvas }, said) {
  const size = [layer.width, layer.height], preview = previewSize(size), handle = `picture ${++count}`;
  const shown = preview[0] < size[0] ? scaled(canvas, [0, 0, ...size], preview) : canvas;
  pictures.set(handle, { blob, size, preview, ...said, layer });
  let pixels = 0;
  for (const one of [...pictures.values()].reverse()) {
    pixels += one.layer ? one.size[0] * one.size[1] : 0;
    if (pixels > KEPT_PIXELS && one.layer !== layer) one.layer = null;
  }
  return { picture: handle, size, preview, notes: said.notes, shown: await jpegOf(shown, said.icc) };
}

async function pictureOf(handle) {
  const picture = pictures.get(handle);
  if (!picture) throw new Error("The photograph is no longer in memory: open it again.");
  pictures.delete(handle);
  pictures.set(handle, picture);
  if (!picture.layer) picture.layer = (await decoded(picture.blob)).layer;
  return picture;
}

/** Takes a photograph (a Blob): as `open` of the backend, and `shown`, the preview's JPEG. */
export async function open(blob) {
  const picture = await decoded(blob);
  return keep(blob, picture, await files.read(new Uint8Array(await blob.arrayBuffer())));
}

/* The edit that a request picks: {picture, seed, box, data}. The last one is remembered. */
async function made(request, network, number = request.pick || 0) {
  const seed = (request.seed || 0) + number, { feather = null, seam = true, strokes } = request;
  const key = JSON.stringify([request.picture, strokes, seed, feather, seam]);
  if (last && last.key === key) return last.result;
  last = null;
  const picture = await pictureOf(request.picture);
  checkStrokes(strokes);
  const result = await edit(picture.layer, render(strokes, picture.size), { seed, feather, seam }, await network());
  last = { key, result: { picture, seed, ...result } };
  return last.result;
}
/* All of an edit's picture. */
function whole({ picture: { layer }, box, data }) {
  const result = layerOf(layer.data.slice(), layer.width, layer.height, 3);
  for (let y = 0; y < box.height; y++) result.data.set(data.subarray(3 * y * box.width, 3 * (y + 1) * box.width), 3 * ((box.top + y) * layer.width + box.left));
  return result;
}

/** Makes pictures: as `run` of the backend, `png` bytes. */
export async function run(request, network) {
  const results = [];
  for (let n = 0; n < (request.count || 1); n++) {
    const result = await made(request, network, n), { picture, box, data, seed } = result, { size, preview, icc } = picture;
    const scale = [0, 1].map((axis) => preview[axis] / size[axis]);
    const [left, top] = [Math.floor(box.left * scale[0]), Math.floor(box.top * scale[1])];
    const [right, bottom] = [Math.ceil((box.left + box.width) * scale[0]), Math.ceil((box.top + box.height) * scale[1])], shown = [right - left, bottom - top];
    let layer = layerOf(data, box.width, box.height, 3);
    if (scale[0] < 1) {
      const [w, h] = shown, canvas = scaled(toCanvas(whole(result)), [left / scale[0], top / scale[1], w / scale[0], h / scale[1]], shown);
      layer = layerOf(canvas.getContext("2d").getImageData(0, 0, w, h).data, w, h, 4);
    }
    results.push({ seed, box: [left, top, ...shown], png: await files.png(layer, icc, false) });
  }
  return { results };
}

/** A part of a photograph, or of the result that a request picks: a JPEG's bytes. */
export async function tile(source, box, network) {
  const { layer, icc } = typeof source === "string" ? await pictureOf(source) : await made(source, network).then((result) => ({ layer: whole(result), icc: result.picture.icc }));
  return jpegOf(toCanvas(cut(layer, ...box)), icc);
}

/** The result that a request picks as a file: {data, type, notes}. */
export async function save(request, { format, quality, mark }, network) {
  const result = await made(request, network), { icc, notes } = result.picture, layer = whole(result);
  if (format === "png") return { data: await files.png(layer, icc, mark), type: "image/png", notes };
  const data = await jpegOf(toCanvas(layer), icc, quality / 100, mark);
  return { data, type: "image/jpeg", notes: [...notes, "JPEG is written anew, outside of the mask too: PNG keeps every pixel there"] };
}

/** Changes a mask: as `mask` of the backend, but for regions of a face. */
export async function mask({ picture, strokes, grow = 0, invert = false }) {
  const { size, preview } = await pictureOf(picture);
  checkStrokes(strokes);
  const [width, height] = preview, layer = layerOf(render(strokes, preview).mask, width, height, 1);
  return strokesOf(changed(layer, (grow * width) / size[0], invert), size);
}

/** Takes that result for a photograph: as `open`. */
export async function further(request, network) {
  const result = await made(request, network), layer = whole(result), { icc, notes } = result.picture;
  const blob = new Blob([await files.png(layer, icc, false)], { type: "image/png" });
  return keep(blob, { layer, canvas: toCanvas(layer) }, { icc, notes });
}
