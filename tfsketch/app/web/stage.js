/* The picture, its result and the strokes, drawn with Konva in the picture's own coordinates. */

import { onTile, tilesOf } from "./detail.js";
import { $ } from "./feedback.js";
import { LAYERS, S, countsStrokes, entryNow, mode, onRender, render, viewNow } from "./state.js";
import { round } from "./strokes.js";

const stage = new Konva.Stage({ container: "stage", width: 10, height: 10 });
const planes = {};
for (const name of ["base", "mask", "color", "sketch", "over"]) {
  planes[name] = new Konva.Layer({ listening: false, imageSmoothingEnabled: true });
  stage.add(planes[name]);
}
const groups = {};
for (const name of Object.keys(LAYERS)) { groups[name] = new Konva.Group(); planes[name].add(groups[name]); }
const paper = new Konva.Rect({ fill: "#ffffff", shadowColor: "#000", shadowOpacity: 0.18, shadowBlur: 14 });
const before = new Konva.Image({});
const afterGroup = new Konva.Group();
const after = new Konva.Image({});
const beforeTiles = new Konva.Group(), afterTiles = new Konva.Group();
afterGroup.add(after, afterTiles);
// The second one is over the first, but for the view of both side by side, where it is the photograph once more.
const first = new Konva.Group(), second = new Konva.Group();
const again = new Konva.Image({}), againTiles = new Konva.Group();
first.add(paper, before, beforeTiles);
second.add(again, againTiles, afterGroup);
planes.base.add(first, second);
const divider = new Konva.Line({ stroke: "#ffffff", shadowColor: "#000", shadowBlur: 4, shadowOpacity: 0.5 });
const handle = new Konva.Circle({ fill: "#ffffff", shadowColor: "#000", shadowBlur: 6, shadowOpacity: 0.4 });
const arrows = new Konva.Line({ stroke: "#2f6fed", lineCap: "round", lineJoin: "round" });
const brush = new Konva.Circle({ stroke: "#ffffff", shadowColor: "#000", shadowBlur: 2, shadowOpacity: 1, visible: false });
const outline = new Konva.Line({ stroke: "#ffffff", shadowColor: "#000", shadowBlur: 3, shadowOpacity: 1, visible: false });
const axis = new Konva.Line({ stroke: "#2f6fed", opacity: 0.8, visible: false });
planes.over.add(axis, divider, handle, arrows, outline, brush);
// Strokes of the mask are opaque, and their whole canvas is not: overlaps do not add up.
const opacity = (plane, value) => { planes[plane].getCanvas()._canvas.style.opacity = value; };

/* ---- where the picture lies ---- */

/** Where an event is, in pixels of the stage. */
export function local(event) {
  const box = $("stage").getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
/** A place of the stage as [x, y] of the picture. */
export const toPicture = (p) => [round((p.x - stage.x()) / stage.scaleX()), round((p.y - stage.y()) / stage.scaleY())];
/** Pixels of the picture that a pixel of the stage covers. */
export const pixel = () => 1 / stage.scaleX();

const MOST = 40; // pixels of the screen for one of the photograph
const density = () => window.devicePixelRatio || 1;

/* Where the second picture of two side by side begins, in pixels of the stage: beside the first, or below it, whichever
 * leaves more room for both. */
function beside() {
  if (viewNow() !== "beside") return null;
  const [width, height] = S.size, scale = (x, y) => Math.min(x / width, y / height);
  return scale(stage.width() / 2, stage.height()) > scale(stage.width(), stage.height() / 2) ? { x: Math.round(stage.width() / 2), y: 0 } : { x: 0, y: Math.round(stage.height() / 2) };
}
const BAR = 64, EDGE = 6, LOW = 320; // pixels: a row of buttons, the least beside a picture, a stage without room for two rows
const below = () => { const by = beside(); return !!by && !!by.y; };
/* The room for a picture. */
function room() {
  const { width, height } = $("canvas").getBoundingClientRect(), by = beside();
  return { width: by && by.x ? width / 2 : width, height: by && by.y ? height / 2 : height };
}
/* Pixels above and below a picture, where the buttons of the views and of the zoom lie, not over it. */
const bars = () => ({ top: BAR, bottom: below() || room().height < LOW ? EDGE : BAR });
/** The scale at which all of the picture is in sight. */
function fitting() {
  const { width, height } = room(), pad = width < 600 ? 2 * EDGE : 40, { top, bottom } = bars();
  // In a window with no room for it, a picture of a pixel is better than one upside down.
  return Math.min(Math.max(1, width - pad) / S.size[0], Math.max(1, height - top - bottom) / S.size[1]);
}
let fits = true; // until one zooms or moves
export function fit() {
  const box = $("canvas").getBoundingClientRect();
  stage.size({ width: Math.max(10, box.width), height: Math.max(10, box.height) });
  fits = true;
  if (!S.size) return;
  const scale = fitting(), { width, height } = room(), { top, bottom } = bars();
  stage.scale({ x: scale, y: scale });
  stage.position({ x: (width - S.size[0] * scale) / 2, y: top + (height - top - bottom - S.size[1] * scale) / 2 });
  render();
}
/** The page has another size, for one because there are results now: what one looks at closely stays in the middle. */
export function followWindow() {
  if (fits || !S.size) { fit(); return; }
  const box = $("canvas").getBoundingClientRect(), width = Math.max(10, box.width), height = Math.max(10, box.height);
  stage.position({ x: stage.x() + Math.round((width - stage.width()) / 2), y: stage.y() + Math.round((height - stage.height()) / 2) });
  stage.size({ width, height });
  render();
}
export function zoom(factor, center) {
  if (!S.size) return;
  fits = false;
  const old = stage.scaleX();
  const scale = Math.min(MOST, Math.max(Math.min(0.05, fitting() / 2), old * factor));
  const at = center || { x: stage.width() / 2, y: stage.height() / 2 };
  stage.position({ x: at.x - ((at.x - stage.x()) / old) * scale, y: at.y - ((at.y - stage.y()) / old) * scale });
  stage.scale({ x: scale, y: scale });
  render();
}
/** One pixel of the photograph to one of the screen. */
export function zoomReal() {
  if (!S.size) return;
  zoom(1 / density() / stage.scaleX());
  const whole = (at) => Math.round(at * density()) / density();
  stage.position({ x: whole(stage.x()), y: whole(stage.y()) });
  render();
}
/** Moves the picture by pixels of the stage. */
export function pan(x, y) {
  fits = false;
  stage.position({ x: stage.x() + x, y: stage.y() + y });
  render();
}

/** What a place of the stage shows: {image, pixel}, an image or a canvas and a pixel [x, y] of it; null beside the picture. */
export function seenAt(p) {
  const by = beside(), entry = entryNow(), view = viewNow(), second = by && (by.x ? p.x >= by.x : p.y >= by.y);
  const at = toPicture(second ? { x: p.x - by.x, y: p.y - by.y } : p), live = view === "draw" && S.live && !mode().sheet;
  const isResult = entry && (by ? second : view === "compare" ? at[0] >= S.divide * S.size[0] : view !== "draw" || live);
  const image = isResult ? entry.canvas : S.image;
  if (!image || at.some((value, axis) => value < 0 || value > S.size[axis])) return null;
  const sides = [image.naturalWidth || image.width, image.naturalHeight || image.height];
  return { image, pixel: at.map((value, axis) => Math.min(sides[axis] - 1, Math.floor((value * sides[axis]) / S.size[axis]))) };
}

/* ---- strokes, as they are drawn ---- */

function lineOf(stroke) {
  const points = stroke.points.flat();
  if (stroke.points.length === 1) points.push(points[0] + 0.01, points[1]);
  const color = stroke.layer === "color" ? `rgb(${stroke.color.join(",")})` : LAYERS[stroke.layer].color;
  return new Konva.Line({
    points, stroke: color, strokeWidth: stroke.width || 0, strokeEnabled: !!stroke.width, fill: color,
    fillEnabled: !!stroke.fill, closed: !!stroke.fill, lineCap: "round", lineJoin: "round", perfectDrawEnabled: false,
  });
}
/** Shows a stroke that is not yet one of `S.strokes`; gives a function that takes its points. */
export function sketchIn(stroke) {
  const node = lineOf(stroke);
  groups[stroke.layer].add(node);
  stage.batchDraw();
  return (points) => {
    if (points.length > 1) node.points(points.flat());
    stage.batchDraw();
  };
}
/** Shows the outline of what will be filled; nothing where there are no points. */
export function showOutline(points) {
  if (points) outline.setAttrs({ visible: true, points: points.flat(), closed: true, strokeWidth: 1.5 * pixel(), dash: [6 * pixel(), 4 * pixel()] });
  else outline.visible(false);
  stage.batchDraw();
}
/** Shows the brush as a circle at [x, y]; nothing where there is no place. */
export function showBrush(place, width) {
  if (place) brush.setAttrs({ visible: true, x: place[0], y: place[1], radius: width / 2, strokeWidth: 1.5 * pixel() });
  else brush.visible(false);
  planes.over.batchDraw();
}

let shownStrokes = null;
/** Draws all strokes anew at the next render: what was sketched in is gone. */
export function forgetStrokes() {
  shownStrokes = null;
}

/* ---- everything ---- */

function showCompare(on) {
  const [width, height] = S.size, x = S.divide * width, r = 15 * pixel(), y = Math.min(height, Math.max(0, height / 2));
  divider.setAttrs({ visible: on, points: [x, 0, x, height], strokeWidth: 2.5 * pixel() });
  handle.setAttrs({ visible: on, x, y, radius: r });
  arrows.setAttrs({ visible: on, strokeWidth: 2 * pixel(),
    points: [x - r * 0.25, y - r * 0.35, x - r * 0.6, y, x - r * 0.25, y + r * 0.35, x - r * 0.6, y,
      x + r * 0.6, y, x + r * 0.25, y - r * 0.35, x + r * 0.6, y, x + r * 0.25, y + r * 0.35] });
}

/* The tiles of a source that are in sight, where they tell more than the preview does. */
function showTiles(group, source, within) {
  group.destroyChildren();
  if (!source || S.shown[0] >= S.size[0] || stage.scaleX() * density() <= 1.02 * S.shown[0] / S.size[0]) return;
  const [left, top] = toPicture({ x: 0, y: 0 }), [right, bottom] = toPicture({ x: stage.width(), y: stage.height() });
  for (const { box: [x, y, width, height], image } of tilesOf(source, within, [left, top, right, bottom])) {
    group.add(new Konva.Image({ image, x, y, width, height }));
  }
}

function showAfter(entry, view, width, height) {
  const [x, y] = [width / entry.shown[0], height / entry.shown[1]], [l, t, w, h] = entry.box;
  const box = { x: l * x, y: t * y, width: w * x, height: h * y };
  const lines = view === "lines";
  // Only what was made, so that the photograph around it stays as sharp as it is.
  after.setAttrs(lines ? { image: entry.lines, x: 0, y: 0, width, height, crop: null } : { image: entry.canvas, ...box, crop: { x: l, y: t, width: w, height: h } });
  const within = [Math.floor(box.x), Math.floor(box.y), Math.min(width, Math.ceil(box.x + box.width)), Math.min(height, Math.ceil(box.y + box.height))];
  showTiles(afterTiles, lines ? null : entry.request, within);
  const from = view === "compare" ? S.divide * width : 0;
  afterGroup.clip({ x: from, y: 0, width: width - from, height });
}

/* Before and after, each in its half of the stage, of the same part of the picture. */
function showBeside(width, height) {
  const by = beside();
  again.visible(!!by && !!S.image);
  againTiles.visible(!!by);
  $("sides").hidden = !by;
  if (by) {
    $("sides").classList.toggle("below", !!by.y);
    const [left, top] = toPicture({ x: 0, y: 0 }), [right, bottom] = toPicture({ x: by.x || stage.width(), y: by.y || stage.height() });
    for (const group of [first, second]) group.clip({ x: left, y: top, width: right - left, height: bottom - top });
    if (S.image) again.setAttrs({ image: S.image, width, height });
    showTiles(againTiles, S.picture, [0, 0, width, height]);
    second.position({ x: by.x * pixel(), y: by.y * pixel() });
  } else {
    for (const group of [first, second]) group.setAttrs({ clipX: undefined, clipY: undefined, clipWidth: undefined, clipHeight: undefined });
    second.position({ x: 0, y: 0 });
  }
}

let wasBeside = false;
function showStage() {
  const entry = entryNow(), view = viewNow(), current = mode();
  if ((view === "beside") !== wasBeside) {
    wasBeside = view === "beside";
    fit();
    return;
  }
  if (!S.size) {
    $("sides").hidden = true;
    for (const node of [paper, before, beforeTiles, again, againTiles, afterGroup, axis, divider, handle, arrows]) node.visible(false);
    for (const name of Object.keys(LAYERS)) planes[name].visible(false);
    stage.batchDraw();
    return;
  }
  const [width, height] = S.size;
  const live = S.live && entry && !current.sheet;
  $("zoom-real").textContent = `${Math.round(100 * stage.scaleX() * density())} %`;
  planes.base.imageSmoothingEnabled(stage.scaleX() * density() < 3); // pixels are to be seen where they are large
  paper.setAttrs({ width, height, visible: true });
  before.visible(!!S.image);
  beforeTiles.visible(!!S.image);
  if (S.image) before.setAttrs({ image: S.image, width, height });
  showTiles(beforeTiles, S.picture, [0, 0, width, height]);
  const shows = !!entry && (view !== "draw" || live);
  afterGroup.visible(shows);
  if (shows) showAfter(entry, view, width, height);
  showBeside(width, height);
  axis.setAttrs({ visible: S.mirror && view === "draw", points: [width / 2, 0, width / 2, height], strokeWidth: 1.5 * pixel(), dash: [8 * pixel(), 6 * pixel()] });
  for (const name of Object.keys(LAYERS)) {
    groups[name].clip({ x: 0, y: 0, width, height });
    // Beside a drawing its lines are the picture of before.
    const hidesSketch = view === "compare" && current.sheet && name === "sketch";
    const counts = current.layers.includes(name) && countsStrokes(current);
    planes[name].visible((view === "draw" || hidesSketch) && !S.hidden.has(name) && counts);
    if (hidesSketch) groups[name].clip({ x: 0, y: 0, width: S.divide * width, height });
    if (shownStrokes !== S.strokes) {
      groups[name].destroyChildren();
      for (const stroke of S.strokes) if (stroke.layer === name) groups[name].add(lineOf(stroke));
    }
  }
  opacity("mask", live ? 0.12 : 0.42);
  opacity("color", live ? 0.35 : 0.95);
  opacity("sketch", live ? 0.6 : 1);
  shownStrokes = S.strokes;
  showCompare(view === "compare");
  stage.batchDraw();
}
onRender(showStage);
onTile(showStage);
