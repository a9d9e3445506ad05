/* The picture, its result and the strokes, drawn with Konva in the picture's own coordinates. */

import { $ } from "./feedback.js";
import { LAYERS, S, drawn, entryNow, mode, onRender, render, viewNow } from "./state.js";
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
afterGroup.add(after);
planes.base.add(paper, before, afterGroup);
const divider = new Konva.Line({ stroke: "#ffffff", shadowColor: "#000", shadowBlur: 4, shadowOpacity: 0.5 });
const handle = new Konva.Circle({ fill: "#ffffff", shadowColor: "#000", shadowBlur: 6, shadowOpacity: 0.4 });
const arrows = new Konva.Line({ stroke: "#2f6fed", lineCap: "round", lineJoin: "round" });
const brush = new Konva.Circle({ stroke: "#ffffff", shadowColor: "#000", shadowBlur: 2, shadowOpacity: 1, visible: false });
const outline = new Konva.Line({ stroke: "#ffffff", shadowColor: "#000", shadowBlur: 3, shadowOpacity: 1, visible: false });
planes.over.add(divider, handle, arrows, outline, brush);
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

export function fit() {
  const box = $("canvas").getBoundingClientRect();
  stage.size({ width: Math.max(10, box.width), height: Math.max(10, box.height) });
  if (!S.size) return;
  const pad = box.width < 600 ? 12 : 40;
  const scale = Math.min((box.width - pad) / S.size[0], (box.height - pad - (box.width < 600 ? 40 : 60)) / S.size[1]);
  stage.scale({ x: scale, y: scale });
  stage.position({ x: (box.width - S.size[0] * scale) / 2, y: (box.height - S.size[1] * scale) / 2 + 8 });
  render();
}
export function zoom(factor, center) {
  if (!S.size) return;
  const old = stage.scaleX();
  const scale = Math.min(40, Math.max(0.05, old * factor));
  const at = center || { x: stage.width() / 2, y: stage.height() / 2 };
  stage.position({ x: at.x - ((at.x - stage.x()) / old) * scale, y: at.y - ((at.y - stage.y()) / old) * scale });
  stage.scale({ x: scale, y: scale });
  render();
}
/** Moves the picture by pixels of the stage. */
export function pan(x, y) {
  stage.position({ x: stage.x() + x, y: stage.y() + y });
  render();
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

function showStage() {
  const entry = entryNow(), view = viewNow(), current = mode();
  if (!S.size) {
    for (const node of [paper, before, afterGroup, divider, handle, arrows]) node.visible(false);
    for (const name of Object.keys(LAYERS)) planes[name].visible(false);
    stage.batchDraw();
    return;
  }
  const [width, height] = S.size;
  const live = S.live && entry && !current.sheet;
  $("zoom-fit").textContent = `${Math.round(100 * stage.scaleX())} %`;
  paper.setAttrs({ width, height, visible: true });
  before.visible(!!S.image);
  if (S.image) before.setAttrs({ image: S.image, width, height });
  const shows = !!entry && (view !== "draw" || live);
  afterGroup.visible(shows);
  if (shows) {
    after.setAttrs({ image: view === "lines" ? entry.lines : entry.canvas, width, height });
    const from = view === "compare" ? S.divide * width : 0;
    afterGroup.clip({ x: from, y: 0, width: width - from, height });
  }
  for (const name of Object.keys(LAYERS)) {
    groups[name].clip({ x: 0, y: 0, width, height });
    // Beside a drawing its lines are the picture of before.
    const compared = view === "compare" && current.sheet && name === "sketch";
    const used = current.layers.includes(name) && drawn(current);
    planes[name].visible((view === "draw" || compared) && !S.hidden.has(name) && used);
    if (compared) groups[name].clip({ x: 0, y: 0, width: S.divide * width, height });
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
