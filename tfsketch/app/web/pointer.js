/* Mouse, pen and fingers on the picture.
 *
 * A mouse, a pen, and as long as no pen was seen a finger, draw. From the first pen on, fingers only move and zoom the
 * picture; what touches while the pen draws is the hand that holds it, and does nothing until it is lifted. */

import { choose } from "./controls.js";
import { $, tell } from "./feedback.js";
import { commit, onSettle } from "./history.js";
import { forgetStrokes, local, pan, seenAt, showBrush, showOutline, sketchIn, toPicture, zoom } from "./stage.js";
import { S, brushWidth, mode, render, viewNow } from "./state.js";
import { mirror, shapeOf } from "./shapes.js";
import { erase, isBeside, rgbOf, widthAt } from "./strokes.js";

const LEAST = 1.5; // pixels of the stage between points of a stroke
const ERASER = 5; // the button that a pen's other end is
const fingers = new Map(); // that move and zoom, by their id: where they are
let penSeen = false, gesture = null, ongoing = null;

function pick(p) {
  const color = seenAt(p);
  if (!color) { tell("There is no picture at this place."); return; }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.drawImage(color.image, ...color.pixel, 1, 1, 0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  S.color = "#" + [r, g, b].map((v) => v.toString(16).padStart(2, "0")).join("");
  choose("color");
}

function rub(point) {
  S.strokes = erase(S.strokes, S.layer, point, brushWidth() / 2);
  render();
}

/* Whether a finger may do something; remembers that there is a pen, and ends what the palm has begun. */
function admits(event) {
  if (event.pointerType === "touch") return !(ongoing && ongoing.pen);
  if (event.pointerType === "pen") {
    if (!penSeen) tell("A pen: from now on fingers move and zoom the picture, and do not draw.");
    penSeen = true;
    if (event.type === "pointerdown") {
      if (ongoing) cancel();
      fingers.clear();
      gesture = null;
    }
  }
  return !ongoing || event.pointerId === ongoing.id;
}

function begin(event) {
  if (!S.size || (event.button > 1 && event.button !== ERASER) || !admits(event)) return;
  $("stage").setPointerCapture(event.pointerId);
  const p = local(event), point = toPicture(p), view = viewNow(), touch = event.pointerType === "touch";
  const id = event.pointerId, pen = event.pointerType === "pen";
  if (touch) {
    fingers.set(id, p);
    if (fingers.size > 1) { cancel(); gesture = null; return; }
  }
  if (event.button === 1 || S.panning || S.tool === "hand" || (touch && penSeen && view !== "compare")) { ongoing = { kind: "pan", id, pen, last: p }; return; }
  if (S.tool === "dropper") { pick(p); return; }
  if (view === "compare") { ongoing = { kind: "divide", id, pen }; move(event); return; }
  if (view !== "draw") { ongoing = { kind: "pan", id, pen, last: p }; return; }
  if (S.tool === "eraser" || event.button === ERASER) {
    ongoing = { kind: "erase", id, pen, from: S.strokes };
    rub(point);
    return;
  }
  const width = brushWidth(), lasso = S.tool === "lasso", shape = S.shape === "free" && event.shiftKey ? "line" : S.shape;
  const stroke = { layer: S.layer, points: [point], width: pen ? widthAt(width, event.pressure) : width };
  if (S.layer === "color") stroke.color = rgbOf(S.color);
  if (!lasso && shape !== "free") {
    // Areas are filled where a layer is of areas, and lines where it is of lines.
    if (shape !== "line" && S.layer !== "sketch") { stroke.fill = true; delete stroke.width; }
    else stroke.width = width;
    stroke.points = shapeOf(shape, point, point);
    ongoing = { kind: "shape", id, pen, shape, from: point, to: point, stroke, show: sketchIn(stroke) };
    return;
  }
  ongoing = { kind: "draw", id, pen, pieces: [stroke], width, last: p, show: lasso ? showOutline : sketchIn(stroke), lasso };
}

function pinch() {
  const [a, b] = [...fingers.values()];
  const now = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, d: Math.hypot(a.x - b.x, a.y - b.y) };
  if (gesture) {
    pan(now.x - gesture.x, now.y - gesture.y);
    zoom(now.d / gesture.d, now);
  }
  gesture = now;
}

/* Adds a point to what is drawn. A pen's stroke goes on as another piece where its width has changed to be seen. */
function extend(event) {
  const q = local(event);
  if (Math.hypot(q.x - ongoing.last.x, q.y - ongoing.last.y) < LEAST) return;
  let piece = ongoing.pieces.at(-1);
  const width = ongoing.pen && !ongoing.lasso ? widthAt(ongoing.width, event.pressure) : piece.width;
  if (width !== piece.width) {
    ongoing.show(piece.points);
    piece = { ...piece, points: [piece.points.at(-1)], width };
    ongoing.pieces.push(piece);
    ongoing.show = sketchIn(piece);
  }
  piece.points.push(toPicture(q));
  ongoing.last = q;
}

function move(event) {
  if (!S.size || !admits(event)) return;
  const p = local(event), point = toPicture(p), touch = event.pointerType === "touch";
  const paints = viewNow() === "draw" && !S.panning && !["hand", "dropper", "lasso"].includes(S.tool);
  showBrush(paints && !touch ? point : null, brushWidth());
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, p);
  if (fingers.size > 1) { if (touch) pinch(); return; }
  if (!ongoing || ongoing.id !== event.pointerId) return;
  if (ongoing.kind === "pan") {
    const { last } = ongoing;
    ongoing.last = p;
    pan(p.x - last.x, p.y - last.y);
  } else if (ongoing.kind === "divide") {
    S.divide = Math.min(1, Math.max(0, point[0] / S.size[0]));
    render();
  } else if (ongoing.kind === "erase") rub(point);
  else if (ongoing.kind === "shape") {
    ongoing.to = point;
    ongoing.stroke.points = shapeOf(ongoing.shape, ongoing.from, point, event.shiftKey && S.shape !== "free");
    ongoing.show(ongoing.stroke.points);
  } else {
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) extend(one);
    ongoing.show(ongoing.pieces.at(-1).points);
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

function add(strokes) {
  if (strokes.every((stroke) => isBeside(stroke, S.size))) {
    forgetStrokes();
    render();
    tell("That stroke lies beside the picture.");
    return;
  }
  if (mode().styled) S.region = "drawn";
  commit([...S.strokes, ...(S.mirror ? mirror(strokes, S.size[0]) : strokes)]);
}

function end(event) {
  fingers.delete(event.pointerId);
  gesture = null; // of three fingers, others are the two that go on
  if (!ongoing || ongoing.id !== event.pointerId) return;
  if (event.type === "pointercancel") cancel();
  else finish();
}

/* Ends what goes on: it is one of the strokes from now on. */
function finish() {
  const done = ongoing;
  ongoing = null;
  if (!done) return;
  if (done.kind === "erase") {
    const strokes = S.strokes;
    S.strokes = done.from;
    commit(strokes);
  } else if (done.kind === "shape") {
    if (done.to.every((value, axis) => value === done.from[axis])) { cancel(); return; } // a click is no shape
    add([done.stroke]);
  } else if (done.kind === "draw") {
    showOutline(null);
    let { pieces } = done;
    if (done.lasso) {
      const { points } = pieces[0];
      if (points.length < 3) { render(); return; }
      pieces = [{ layer: "mask", points, fill: true }];
    }
    add(pieces);
  }
}

export function startPointer() {
  const area = $("stage");
  onSettle(finish);
  area.addEventListener("pointerdown", begin);
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerup", end);
  area.addEventListener("pointercancel", end);
  area.addEventListener("pointerleave", () => showBrush(null));
  area.addEventListener("contextmenu", (event) => event.preventDefault());
  area.addEventListener("wheel", (event) => { event.preventDefault(); zoom(1.0015 ** -event.deltaY, local(event)); }, { passive: false });
}
