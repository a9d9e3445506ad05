/* What the program's `Studio` does, in the browser: photographs in this worker's memory, edits, and results as files.
 *
 * Pixels are read from a canvas as the file has them, without a conversion of colours, and what is saved as PNG never
 * goes through one again: outside of the mask it is the photograph, bit for bit. */

import * as files from "./files.js";
import { edit } from "./framing.js";
import { changeMask, strokesOf } from "./outlines.js";
import { render } from "./raster.js";
import { cut, layerOf } from "./resizing.js";
import { restyle } from "./restyling.js";
import { draw } from "./sheets.js";
import { checkStrokes } from "../strokes.js";

const PREVIEW = 1600; // pixels of the longer side of what the page draws on
const MAX_PIXELS = 50e6, KEPT_PIXELS = 60e6; // of one photograph; of all that are decoded at a time
const MAX_SHEET = 2048; // pixels of a blank sheet's longer side
const QUALITY = 0.95, NONE = new Uint8Array();
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
const jpegOf = async (canvas, icc, quality = QUALITY, mark = "") => {
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  return files.withSegments(new Uint8Array(await blob.arrayBuffer()), icc, mark);
};

/* Some browsers change the pixels that a page reads, against fingerprints: then nothing here could be exact. */
let honest = null;
function checkHonest() {
  if (honest === null) {
    const data = Uint8Array.from({ length: 3 * 256 }, (_, n) => (n * 37) % 256), canvas = toCanvas(layerOf(data, 16, 16, 3));
    const samples = canvas.getContext("2d").getImageData(0, 0, 16, 16).data;
    honest = data.every((value, n) => samples[4 * Math.floor(n / 3) + (n % 3)] === value);
  }
  if (!honest) throw new Error("This browser changes the pixels that a page reads (a protection against fingerprints): allow this page to read canvases, or nothing could be kept as it is.");
}

async function decode(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    const kind = files.unread(new Uint8Array(await blob.slice(0, 64).arrayBuffer()));
    throw new Error(`the photograph: expected a picture that this browser can read, such as JPEG, PNG or WebP, found ${kind}.`);
  }
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new Error(`the photograph: expected at most ${MAX_PIXELS / 1e6} million pixels, found ${width} x ${height}.`);
  checkHonest();
  const { canvas, context } = canvasOf(width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height), levels = new Uint8Array(3 * width * height);
  for (let n = 0, at = 0; n < data.length; n += 4, at += 3) {
    if (data[n + 3] < 255) throw new Error("the photograph: expected no transparency, which this page cannot keep: save it without, or use the program.");
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
function scaleCanvas(canvas, [left, top, width, height], [w, h]) {
  const small = canvasOf(w, h);
  Object.assign(small.context, { imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
  small.context.drawImage(canvas, left, top, width, height, 0, 0, w, h);
  return small.canvas;
}

/* Remembers a photograph; of those that are decoded, the longest unused are so no more. */
async function keep(blob, { layer, canvas }, said) {
  const size = [layer.width, layer.height], preview = previewSize(size), handle = `picture ${++count}`;
  const shown = preview[0] < size[0] ? scaleCanvas(canvas, [0, 0, ...size], preview) : canvas;
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
  return withLayer(picture);
}
/* A photograph, decoded again where it was given up for others. */
async function withLayer(picture) {
  if (!picture.layer) picture.layer = (await decode(picture.blob)).layer;
  return picture;
}

/** Takes a photograph (a Blob): as `open` of the backend, and `shown`, the preview's JPEG. */
export async function open(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (files.countOf(bytes) > 1) throw new Error("the photograph: expected one picture, found several (an animation).");
  return keep(blob, await decode(blob), await files.read(bytes));
}

/* The ways of working: each makes of a checked request and a seed {picture, box, data}, a photograph, the box in which the
 * result differs from it, and RGB within that box; of a drawing there is no photograph, and `lines` are the redrawn ones. */
const WAYS = {
  async edit({ picture: handle, strokes, feather = null, seam = true }, seed, network) {
    const picture = await pictureOf(handle);
    return { picture, ...(await edit(picture.layer, render(strokes, picture.size), { seed, feather, seam }, network)) };
  },
  async draw({ strokes, fill = null, count = 1 }, seed, network) {
    const [width, height] = strokes.size;
    if (Math.max(width, height) > MAX_SHEET) throw new Error(`strokes: size: expected a sheet of at most ${MAX_SHEET} pixels a side, found ${width} x ${height}.`);
    const drawing = await draw(layerOf(render(strokes, strokes.size).sketch, width, height, 1), { seed, fill }, network), notes = [];
    if (fill === null) notes.push(`framed by the size of what is drawn: the paper has ${Math.round(100 * drawing.fill)} % of the picture; choose another framing where the face comes out too large or too small`);
    if (!varies(network) && (seed || count > 1)) notes.push("this model makes one photograph of a drawing, whatever the seed");
    return { picture: null, box: { left: 0, top: 0, width, height }, data: drawing.image.data, lines: drawing.lines, notes };
  },
  async restyle({ picture: handle, style, strokes, region = "everywhere", amount = 1, feather = null }, seed, network) {
    if (!style) throw new Error("style: expected a second photograph, whose style is taken, found none.");
    if (!["everywhere", "drawn"].includes(region)) throw new Error(`region: expected everywhere or drawn, found ${region}.`);
    const picture = await pictureOf(handle), [width, height] = picture.size, other = await pictureOf(style);
    const mask = region === "drawn" ? layerOf(render(strokes, picture.size).mask, width, height, 1) : null;
    return { picture, ...(await restyle(picture.layer, other.layer, mask, { amount, feather }, network)) };
  },
};
const varies = ({ way, takes }) => way !== "draw" || "seed" in takes;
const MADE_BY = ["picture", "style", "region", "style_from", "amount", "fill", "feather", "seam", "strokes"];

/* The result that a request picks: {seed, notes, picture, box, data, lines}. The last one is remembered. */
async function resultOf(request, ready, number = request.pick || 0) {
  const network = await ready(), seed = (request.seed || 0) + (varies(network) ? number : 0);
  const key = JSON.stringify([seed, ...MADE_BY.map((name) => request[name])]);
  if (last && last.key === key) {
    if (last.result.picture) await withLayer(last.result.picture);
    return last.result;
  }
  last = null;
  checkStrokes(request.strokes);
  last = { key, result: { seed, notes: [], ...(await WAYS[network.way](request, seed, network)) } };
  return last.result;
}
/* All of a result's picture. */
function whole({ picture, box, data }) {
  if (!picture) return layerOf(data, box.width, box.height, 3);
  const { layer } = picture, result = layerOf(layer.data.slice(), layer.width, layer.height, 3);
  for (let y = 0; y < box.height; y++) result.data.set(data.subarray(3 * y * box.width, 3 * (y + 1) * box.width), 3 * ((box.top + y) * layer.width + box.left));
  return result;
}
const iccOf = ({ picture }) => (picture ? picture.icc : NONE);
const markOf = ({ picture }, asked) => (asked ? (picture ? files.EDITED : files.MADE) : "");

/* A result as the page shows it. */
async function shownOf(result) {
  const { box, data, seed, notes, lines, picture } = result;
  const scale = picture ? [0, 1].map((axis) => picture.preview[axis] / picture.size[axis]) : [1, 1];
  const [left, top] = [Math.floor(box.left * scale[0]), Math.floor(box.top * scale[1])];
  const [right, bottom] = [Math.ceil((box.left + box.width) * scale[0]), Math.ceil((box.top + box.height) * scale[1])], shown = [right - left, bottom - top];
  let layer = layerOf(data, box.width, box.height, 3);
  if (scale[0] < 1) {
    const [w, h] = shown, canvas = scaleCanvas(toCanvas(whole(result)), [left / scale[0], top / scale[1], w / scale[0], h / scale[1]], shown);
    layer = layerOf(canvas.getContext("2d").getImageData(0, 0, w, h).data, w, h, 4);
  }
  const answer = { seed, notes, box: [left, top, ...shown], png: await files.png(layer, iccOf(result), "") };
  if (!lines) return answer;
  const ink = layerOf(new Uint8Array(3 * lines.data.length), lines.width, lines.height, 3);
  for (let n = 0; n < ink.data.length; n++) ink.data[n] = lines.data[Math.floor(n / 3)] ? 0 : 255;
  return { ...answer, lines: await files.png(ink, NONE, "") };
}

/** Makes pictures: as `run` of the backend, `png` and `lines` bytes. */
export async function run(request, ready) {
  const count = varies(await ready()) ? request.count || 1 : 1, results = [];
  for (let n = 0; n < count; n++) results.push(await shownOf(await resultOf(request, ready, n)));
  return { results };
}

/** A part of a photograph, or of the result that a request picks: a JPEG's bytes. */
export async function tile(source, box, ready) {
  if (typeof source === "string") return pictureOf(source).then(({ layer, icc }) => jpegOf(toCanvas(cut(layer, ...box)), icc));
  const result = await resultOf(source, ready);
  return jpegOf(toCanvas(cut(whole(result), ...box)), iccOf(result));
}

/** The result that a request picks as a file: {data, type, notes}. */
export async function save(request, { format, quality, mark: asked }, ready) {
  const result = await resultOf(request, ready), icc = iccOf(result), notes = result.picture ? result.picture.notes : [], mark = markOf(result, asked), layer = whole(result);
  if (format === "png") return { data: await files.png(layer, icc, mark), type: "image/png", notes };
  const data = await jpegOf(toCanvas(layer), icc, quality / 100, mark), anew = "JPEG is written anew, outside of the mask too: PNG keeps every pixel there";
  return { data, type: "image/jpeg", notes: result.picture ? [...notes, anew] : notes };
}

/** Changes a mask: as `mask` of the backend, but for regions of a face. */
export async function mask({ picture, strokes, grow = 0, invert = false }) {
  const { size, preview } = await pictureOf(picture);
  checkStrokes(strokes);
  const [width, height] = preview, layer = layerOf(render(strokes, preview).mask, width, height, 1);
  return strokesOf(changeMask(layer, (grow * width) / size[0], invert), size);
}

/** Takes that result for a photograph: as `open`. */
export async function further(request, ready) {
  const result = await resultOf(request, ready), layer = whole(result), { icc, notes } = result.picture;
  const blob = new Blob([await files.png(layer, icc, "")], { type: "image/png" });
  return keep(blob, { layer, canvas: toCanvas(layer) }, { icc, notes });
}
