/* Mouse, pen and fingers on the picture. */

import { choose } from "./controls.js";
import { $ } from "./feedback.js";
import { commit } from "./history.js";
import { forgetStrokes, local, pan, showBrush, showOutline, sketchIn, toPicture, zoom } from "./stage.js";
import { S, brushWidth, mode, render, viewNow } from "./state.js";
import { erase, rgbOf } from "./strokes.js";

const LEAST = 1.5; // pixels of the stage between points of a stroke
const pointers = new Map();
let gesture = null, ongoing = null;

function pick(point) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  const source = S.view !== "draw" && S.current ? S.current.canvas : S.image;
  if (!source) return;
  const scale = (source.naturalWidth || source.width) / S.size[0];
  context.drawImage(source, point[0] * scale, point[1] * scale, 1, 1, 0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  S.color = "#" + [r, g, b].map((v) => v.toString(16).padStart(2, "0")).join("");
  choose("color");
}

function rub(point) {
  S.strokes = erase(S.strokes, S.layer, point, brushWidth() / 2);
  render();
}

function begin(event) {
  if (!S.size || event.button > 1) return;
  $("stage").setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, local(event));
  if (pointers.size === 2) { cancel(); gesture = null; return; }
  const p = local(event), point = toPicture(p), view = viewNow();
  if (event.button === 1 || S.panning || S.tool === "hand") { ongoing = { kind: "pan", last: p }; return; }
  if (S.tool === "dropper") { pick(point); return; }
  if (view === "compare") { ongoing = { kind: "divide" }; move(event); return; }
  if (view !== "draw") { ongoing = { kind: "pan", last: p }; return; }
  if (S.tool === "eraser") {
    ongoing = { kind: "erase", from: S.strokes };
    rub(point);
    return;
  }
  const stroke = { layer: S.layer, points: [point], width: brushWidth() };
  if (S.layer === "color") stroke.color = rgbOf(S.color);
  const lasso = S.tool === "lasso";
  ongoing = { kind: "draw", stroke, last: p, show: lasso ? showOutline : sketchIn(stroke), lasso };
}

function pinch() {
  const [a, b] = [...pointers.values()];
  const now = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, d: Math.hypot(a.x - b.x, a.y - b.y) };
  if (gesture) {
    pan(now.x - gesture.x, now.y - gesture.y);
    zoom(now.d / gesture.d, now);
  }
  gesture = now;
}

function move(event) {
  const p = local(event);
  if (!S.size) return;
  const point = toPicture(p);
  const paints = viewNow() === "draw" && !S.panning && !["hand", "dropper", "lasso"].includes(S.tool);
  showBrush(paints && event.pointerType !== "touch" ? point : null, brushWidth());
  if (!pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, p);
  if (pointers.size === 2) pinch();
  else if (!ongoing) return;
  else if (ongoing.kind === "pan") {
    const { last } = ongoing;
    ongoing.last = p;
    pan(p.x - last.x, p.y - last.y);
  } else if (ongoing.kind === "divide") {
    S.divide = Math.min(1, Math.max(0, point[0] / S.size[0]));
    render();
  } else if (ongoing.kind === "erase") rub(point);
  else {
    for (const one of event.getCoalescedEvents && event.getCoalescedEvents().length ? event.getCoalescedEvents() : [event]) {
      const q = local(one);
      if (Math.hypot(q.x - ongoing.last.x, q.y - ongoing.last.y) < LEAST) continue;
      ongoing.stroke.points.push(toPicture(q));
      ongoing.last = q;
    }
    ongoing.show(ongoing.stroke.points);
  }
}

/* Gives up what goes on: the strokes are as before. */
function cancel() {
  if (ongoing && ongoing.kind === "erase") S.strokes = ongoing.from;
  ongoing = null;
  showOutline(null);
  forgetStrokes();
  render();
}

function end(event) {
  pointers.delete(event.pointerId);
  if (pointers.size < 2) gesture = null;
  if (!ongoing || event.type === "pointercancel") { cancel(); return; }
  const done = ongoing;
  ongoing = null;
  if (done.kind === "erase") {
    const strokes = S.strokes;
    S.strokes = done.from;
    commit(strokes);
  } else if (done.kind === "draw") {
    showOutline(null);
    let { stroke } = done;
    if (done.lasso) {
      if (stroke.points.length < 3) { render(); return; }
      stroke = { layer: "mask", points: stroke.points, fill: true };
    }
    if (mode().styled) S.region = "drawn";
    commit([...S.strokes, stroke]);
  }
}

export function startPointer() {
  const area = $("stage");
  area.addEventListener("pointerdown", begin);
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerup", end);
  area.addEventListener("pointercancel", end);
  area.addEventListener("pointerleave", () => showBrush(null));
  area.addEventListener("contextmenu", (event) => event.preventDefault());
  area.addEventListener("wheel", (event) => { event.preventDefault(); zoom(1.0015 ** -event.deltaY, local(event)); }, { passive: false });
}
