/* The page of the editor. It keeps strokes in the form that tfsketch reads from files, draws them with Konva over a
 * preview of the photograph, and asks the server for pictures. What it shows is all in `S`; everything that changes `S`
 * ends in `render`. Strokes are never changed in place, so that undo keeps lists and not copies. */
"use strict";

const $ = (id) => document.getElementById(id);
const LAYERS = {
  mask: { title: "Mask", color: "#e5484d", share: 0.07 },
  color: { title: "Colour", color: "#f2b84b", share: 0.03 },
  sketch: { title: "Sketch", color: "#111111", share: 0.006 },
};
const TOOL_LAYER = { mask: "mask", lasso: "mask", sketch: "sketch", color: "color" };
const KEYS = [
  ["M", "mask"], ["L", "mask by an outline"], ["S", "sketch"], ["C", "colour"], ["I", "take a colour"], ["E", "eraser"],
  ["H / space", "move the picture"], ["[ ]", "brush size"], ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"],
  ["Enter", "run"], ["V", "next view"], ["1 2 3", "show or hide layers"], ["+ - 0", "zoom"], ["O", "open"], ["D", "download"],
];
const ICONS = {
  mask: "M4 15c3-8 13-13 16-10s-3 10-11 12l-3 3H4zM4 20h16",
  lasso: "M7 16c-3-1-4-4-4-6 0-4 4-6 9-6s9 2 9 6-4 6-9 6c-2 0-3-.4-5 0zm0 0a2 2 0 1 0 1 3c0 2-1 3-3 3",
  sketch: "M4 20l1-5L16 4l4 4L9 19zM13 7l4 4",
  color: "M12 3c5 0 9 3 9 8 0 3-2 4-4 4h-2c-2 0-2 2-1 3 1 2 0 3-2 3a9 9 0 0 1 0-18zM8 11h.01M11 7h.01M16 8h.01",
  dropper: "M4 20l1-4 9-9 3 3-9 9zM13 5l6 6M15 7l3-3c1-1 3 1 2 2l-3 3",
  eraser: "M9 20h11M5 13l8-8c1-1 2-1 3 0l3 3c1 1 1 2 0 3l-9 9H8l-3-4c-1-1-1-2 0-3zM9 9l7 7",
  hand: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  undo: "M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M16 5l4 4-4 4M20 9H10a6 6 0 0 0 0 12h3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
};
const SWATCHES = ["#2b1d16", "#6b4630", "#b8604f", "#d98a86", "#e9c0a6", "#f6e3d4", "#ffffff", "#101418",
  "#3b5a8c", "#6fa3c8", "#4d7a55", "#8a9a3a", "#d9a93b", "#c2412d", "#7c3b6a", "#9aa2ad"];
const HISTORY = 24;

const S = {
  server: null, model: "", picture: null, size: null, image: null, name: "picture", reopen: null, credit: "",
  strokes: [], undo: [], redo: [], results: [], current: null,
  view: "draw", tool: "mask", layer: "mask", color: "#b8604f", shares: {}, hidden: new Set(), divide: 0.5,
  style: null, region: "everywhere", amount: 1, running: false, again: false,
};
for (const [name, layer] of Object.entries(LAYERS)) S.shares[name] = layer.share;
S.shares.eraser = 0.05;

/* ---- the stage ---- */

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

function mode() {
  const model = S.server.models.find((m) => m.name === S.model);
  return model ? S.server.modes[model.mode] : null;
}
const shorter = () => Math.min(...S.size);
const named = (place) => (place === "drawn" ? "as drawn" : place);
const share = () => (S.tool === "eraser" ? "eraser" : S.layer);
const brushWidth = () => Math.max(1, Math.round(S.shares[share()] * shorter() * 10) / 10);

function fit() {
  const box = $("canvas").getBoundingClientRect();
  stage.size({ width: Math.max(10, box.width), height: Math.max(10, box.height) });
  if (!S.size) return;
  const pad = box.width < 600 ? 12 : 40;
  const scale = Math.min((box.width - pad) / S.size[0], (box.height - pad - (box.width < 600 ? 40 : 60)) / S.size[1]);
  stage.scale({ x: scale, y: scale });
  stage.position({ x: (box.width - S.size[0] * scale) / 2, y: (box.height - S.size[1] * scale) / 2 + 8 });
  render();
}

function zoom(factor, center) {
  if (!S.size) return;
  const old = stage.scaleX();
  const scale = Math.min(40, Math.max(0.05, old * factor));
  const at = center || { x: stage.width() / 2, y: stage.height() / 2 };
  stage.position({ x: at.x - ((at.x - stage.x()) / old) * scale, y: at.y - ((at.y - stage.y()) / old) * scale });
  stage.scale({ x: scale, y: scale });
  render();
}

function lineOf(stroke) {
  const points = stroke.points.flat();
  if (stroke.points.length === 1) points.push(points[0] + 0.01, points[1]);
  const color = stroke.layer === "color" ? `rgb(${stroke.color.join(",")})` : LAYERS[stroke.layer].color;
  return new Konva.Line({
    points, stroke: color, strokeWidth: stroke.width || 0, strokeEnabled: !!stroke.width, fill: color,
    fillEnabled: !!stroke.fill, closed: !!stroke.fill, lineCap: "round", lineJoin: "round", perfectDrawEnabled: false,
  });
}

let shownStrokes = null;
function render() {
  const open = !!S.size;
  $("start").hidden = open;
  $("zoom").hidden = !open;
  const entry = S.current && S.current.size === S.size && S.current.image === S.image ? S.current : null;
  $("views").hidden = !entry;
  const view = !entry ? "draw" : S.view === "lines" && !entry.lines ? "result" : S.view;
  for (const button of $("views").children) {
    button.setAttribute("aria-pressed", button.dataset.view === view);
    if (button.dataset.view === "lines") button.hidden = !entry || !entry.lines;
  }
  const current = mode();
  const live = $("live").checked && entry && !current.sheet;
  if (open) {
    const [width, height] = S.size;
    const scale = stage.scaleX();
    $("zoom-fit").textContent = `${Math.round(scale * 100)} %`;
    paper.size({ width, height });
    paper.visible(true);
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
      const used = current.layers.includes(name) && !(current.styled && S.region !== "drawn");
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
    const comparing = view === "compare";
    const x = S.divide * width;
    const r = 15 / scale;
    const y = Math.min(height, Math.max(0, height / 2));
    divider.setAttrs({ visible: comparing, points: [x, 0, x, height], strokeWidth: 2.5 / scale });
    handle.setAttrs({ visible: comparing, x, y, radius: r });
    arrows.setAttrs({ visible: comparing, strokeWidth: 2 / scale,
      points: [x - r * 0.25, y - r * 0.35, x - r * 0.6, y, x - r * 0.25, y + r * 0.35, x - r * 0.6, y,
        x + r * 0.6, y, x + r * 0.25, y - r * 0.35, x + r * 0.6, y, x + r * 0.25, y + r * 0.35] });
  } else {
    paper.visible(false);
    before.visible(false);
    afterGroup.visible(false);
    divider.visible(false);
    handle.visible(false);
    arrows.visible(false);
    for (const name of Object.keys(LAYERS)) planes[name].visible(false);
  }
  stage.batchDraw();

  for (const button of document.querySelectorAll(".tool")) {
    button.setAttribute("aria-pressed", button.dataset.tool === S.tool);
    const needs = TOOL_LAYER[button.dataset.tool];
    button.hidden = (needs && !current.layers.includes(needs)) || (button.dataset.tool === "dropper" && !current.layers.includes("color"));
  }
  $("undo").disabled = !S.undo.length;
  $("redo").disabled = !S.redo.length;
  $("clear").disabled = !S.strokes.length;
  $("save-strokes").disabled = !S.strokes.length;
  const first = current.layers[0];
  const needsStrokes = !current.styled || S.region === "drawn";
  $("run").disabled = !open || (needsStrokes && !S.strokes.some((s) => s.layer === first)) || (current.styled && !S.style);
  $("run").textContent = S.running ? "Running" : "Run";
  $("download").disabled = $("continue").disabled = !entry || !entry.request;
  $("color-field").hidden = !current.layers.includes("color");
  $("continue").hidden = current.sheet;
  $("side-field").hidden = current.sheet || current.styled;
  $("looks").hidden = !current.styled;
  $("style-image").hidden = !S.style;
  const preview = S.style ? `/api/pictures/${S.style.picture}` : "";
  if (S.style && $("style-image").getAttribute("src") !== preview) $("style-image").src = preview;
  $("style-name").textContent = S.style ? S.style.name : "Choose, or drop here";
  $("region").value = S.region;
  $("amount").value = Math.round(100 * S.amount);
  $("amount-shown").textContent = `${Math.round(100 * S.amount)} %`;
  $("fill-field").hidden = $("new-sheet").hidden = !current.sheet;
  for (const field of document.querySelectorAll(".seeded")) field.hidden = !current.seeded;
  $("open").hidden = false;
  $("hint").textContent = current.hint;
  $("credit").textContent = S.credit ? `Picture: ${S.credit}` : "";
  $("open-drawing").hidden = !open || !current.layers.includes("sketch");
  if (open) $("width-shown").textContent = `${brushWidth()} px`;
  $("width").value = sliderOf(S.shares[share()]);
  $("color").value = S.color;
  for (const row of $("layers").children) {
    const name = row.dataset.layer;
    row.hidden = !current.layers.includes(name);
    row.querySelector("input").checked = !S.hidden.has(name);
    const count = S.strokes.filter((s) => s.layer === name).length;
    row.querySelector("output").textContent = count ? `${count} stroke${count > 1 ? "s" : ""}` : "empty";
  }
  for (const button of $("history").children) button.setAttribute("aria-pressed", button.entry === entry && view !== "draw");
  $("stage").style.cursor = !open ? "default" : S.tool === "hand" || panning ? "grab" : view === "compare" ? "ew-resize"
    : S.tool === "dropper" || S.tool === "lasso" ? "crosshair" : view === "draw" ? "none" : "default";
}

/* The slider is even in sizes that the eye tells apart: 0.1 % to 40 % of the shorter side. */
const shareOf = (value) => 0.001 * 400 ** (value / 100);
const sliderOf = (value) => (100 * Math.log(value / 0.001)) / Math.log(400);

/* ---- strokes ---- */

function commit(strokes) {
  if (strokes === S.strokes) return;
  S.undo.push(S.strokes);
  if (S.undo.length > 200) S.undo.shift();
  S.redo = [];
  S.strokes = strokes;
  changed();
}
function changed() {
  render();
  if ($("live").checked && !$("run").disabled) run();
}
function step(from, to) {
  if (!from.length) return;
  to.push(S.strokes);
  S.strokes = from.pop();
  S.view = "draw";
  changed();
}
const undo = () => step(S.undo, S.redo);
const redo = () => step(S.redo, S.undo);

const round = (value) => Math.round(value * 10) / 10;
const rgbOf = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function inside(points, [x, y]) {
  let odd = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [[xi, yi], [xj, yj]] = [points[i], points[j]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}

/* Takes what lies under the eraser out of the layer's strokes; lines are cut in two, outlines go as a whole. */
function erase(strokes, layer, at, radius) {
  let touched = false;
  const left = [];
  for (const stroke of strokes) {
    const reach = radius + (stroke.width || 0) / 4;
    if (stroke.layer !== layer) { left.push(stroke); continue; }
    if (stroke.fill) {
      if (inside(stroke.points, at) || stroke.points.some((p) => distance(p, at) < reach)) touched = true;
      else left.push(stroke);
      continue;
    }
    const dense = [stroke.points[0]];
    for (let i = 1; i < stroke.points.length; i++) {
      const [a, b] = [stroke.points[i - 1], stroke.points[i]];
      const parts = Math.max(1, Math.ceil(distance(a, b) / Math.max(reach / 3, 0.5)));
      for (let k = 1; k <= parts; k++) dense.push([round(a[0] + ((b[0] - a[0]) * k) / parts), round(a[1] + ((b[1] - a[1]) * k) / parts)]);
    }
    if (!dense.some((p) => distance(p, at) < reach)) { left.push(stroke); continue; }
    touched = true;
    let piece = [];
    for (const point of [...dense, null]) {
      if (point && distance(point, at) >= reach) piece.push(point);
      else if (piece.length) { left.push({ ...stroke, points: piece }); piece = []; }
    }
  }
  return touched ? left : strokes;
}

/* ---- the pointer ---- */

const pointers = new Map();
let panning = false, gesture = null, ongoing = null;

const local = (event) => {
  const box = $("stage").getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};
const toPicture = (p) => [round((p.x - stage.x()) / stage.scaleX()), round((p.y - stage.y()) / stage.scaleY())];

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

function begin(event) {
  if (!S.size || event.button > 1) return;
  $("stage").setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, local(event));
  if (pointers.size === 2) { cancel(); gesture = null; return; }
  const p = local(event), point = toPicture(p);
  if (event.button === 1 || panning || S.tool === "hand") { ongoing = { kind: "pan", last: p }; return; }
  if (S.tool === "dropper") { pick(point); return; }
  if (S.view === "compare" && !$("views").hidden) { ongoing = { kind: "divide" }; move(event); return; }
  if (S.view !== "draw" && !$("views").hidden) { ongoing = { kind: "pan", last: p }; return; }
  if (S.tool === "eraser") {
    ongoing = { kind: "erase", from: S.strokes };
    S.strokes = erase(S.strokes, S.layer, point, brushWidth() / 2);
    render();
    return;
  }
  const stroke = { layer: S.layer, points: [point], width: brushWidth() };
  if (S.layer === "color") stroke.color = rgbOf(S.color);
  ongoing = { kind: "draw", stroke, last: p, node: lineOf(stroke), lasso: S.tool === "lasso" };
  if (!ongoing.lasso) groups[S.layer].add(ongoing.node);
  stage.batchDraw();
}

function move(event) {
  const p = local(event);
  if (!S.size) return;
  const point = toPicture(p);
  const drawing = (S.view === "draw" || $("views").hidden) && !panning && !["hand", "dropper", "lasso"].includes(S.tool);
  brush.setAttrs({ visible: drawing && event.pointerType !== "touch", x: point[0], y: point[1], radius: brushWidth() / 2, strokeWidth: 1.5 / stage.scaleX() });
  planes.over.batchDraw();
  if (!pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, p);
  if (pointers.size === 2) {
    const [a, b] = [...pointers.values()];
    const now = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, d: Math.hypot(a.x - b.x, a.y - b.y) };
    if (gesture) {
      stage.position({ x: stage.x() + now.x - gesture.x, y: stage.y() + now.y - gesture.y });
      zoom(now.d / gesture.d, now);
    }
    gesture = now;
    return;
  }
  if (!ongoing) return;
  if (ongoing.kind === "pan") {
    stage.position({ x: stage.x() + p.x - ongoing.last.x, y: stage.y() + p.y - ongoing.last.y });
    ongoing.last = p;
    render();
  } else if (ongoing.kind === "divide") {
    S.divide = Math.min(1, Math.max(0, point[0] / S.size[0]));
    render();
  } else if (ongoing.kind === "erase") {
    S.strokes = erase(S.strokes, S.layer, point, brushWidth() / 2);
    render();
  } else {
    for (const one of event.getCoalescedEvents && event.getCoalescedEvents().length ? event.getCoalescedEvents() : [event]) {
      const q = local(one);
      if (Math.hypot(q.x - ongoing.last.x, q.y - ongoing.last.y) < 1.5) continue;
      ongoing.stroke.points.push(toPicture(q));
      ongoing.last = q;
    }
    const points = ongoing.stroke.points.flat();
    if (ongoing.lasso) outline.setAttrs({ visible: true, points, closed: true, strokeWidth: 1.5 / stage.scaleX(), dash: [6 / stage.scaleX(), 4 / stage.scaleX()] });
    else if (ongoing.stroke.points.length > 1) ongoing.node.points(points);
    stage.batchDraw();
  }
}

function end(event) {
  pointers.delete(event.pointerId);
  if (pointers.size < 2) gesture = null;
  const done = ongoing;
  ongoing = null;
  if (!done || event.type === "pointercancel") { outline.visible(false); shownStrokes = null; if (done && done.kind === "erase") S.strokes = done.from; render(); return; }
  if (done.kind === "erase") {
    const strokes = S.strokes;
    S.strokes = done.from;
    commit(strokes);
  } else if (done.kind === "draw") {
    outline.visible(false);
    let stroke = done.stroke;
    if (done.lasso) {
      if (stroke.points.length < 3) { render(); return; }
      stroke = { layer: "mask", points: stroke.points, fill: true };
    }
    if (mode().styled) S.region = "drawn";
    commit([...S.strokes, stroke]);
  }
}
function cancel() {
  if (ongoing && ongoing.kind === "erase") S.strokes = ongoing.from;
  ongoing = null;
  outline.visible(false);
  shownStrokes = null;
  render();
}

/* ---- talking to the server ---- */

function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => say(""), 9000);
}
let busySince = 0;
function busy(text) {
  clearInterval(busy.timer);
  $("busy").hidden = !text;
  if (!text) return;
  busySince = performance.now();
  const show = () => {
    const seconds = (performance.now() - busySince) / 1000;
    $("busy").lastElementChild.textContent = seconds < 1 ? text : `${text} ${seconds.toFixed(0)} s`;
  };
  show();
  busy.timer = setInterval(show, 500);
}
async function ask(path, body, raw) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST", body: raw ? body : JSON.stringify(body),
      headers: { "Content-Type": raw ? "application/octet-stream" : "application/json" },
    });
  } catch {
    throw new Error("The editor's program does not answer: is it still running?");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Error(said.error || `The server said ${response.status}.`);
  }
  return response;
}
const loadImage = (source) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => reject(new Error("The picture could not be shown."));
  image.src = source;
});

async function guarded(text, work) {
  say("");
  busy(text);
  try { return await work(); } catch (error) { say(error.message); return null; } finally { busy(""); }
}

async function showPicture(opened, name, credit, reopen) {
  const image = await loadImage(`/api/pictures/${opened.picture}`);
  Object.assign(S, { picture: opened.picture, size: opened.preview, image, name, credit, reopen, strokes: [], undo: [], redo: [], current: null, view: "draw" });
  fit();
}
function blankSheet(size) {
  Object.assign(S, { picture: null, size: size || [512, 512], image: null, name: "drawing", credit: "", reopen: null, strokes: [], undo: [], redo: [], current: null, view: "draw" });
  choose("sketch");
  fit();
}
function checkSize(file) {
  if (file.size > S.server.limits.bytes) throw new Error(`${file.name}: expected at most ${Math.floor(S.server.limits.bytes / 2 ** 20)} MB.`);
}
async function openPicture(file) {
  checkSize(file);
  const send = async () => (await ask("/api/pictures", file, true)).json();
  const opened = await send();
  if (mode().sheet) setModel((S.server.models.find((m) => !S.server.modes[m.mode].sheet) || { name: S.model }).name);
  await showPicture(opened, file.name.replace(/\.[^.]*$/, "") || "picture", "", send);
}
async function openStyle(file) {
  await guarded("Opening", async () => {
    checkSize(file);
    const send = async () => (await ask("/api/pictures", file, true)).json();
    S.style = { picture: (await send()).picture, name: file.name, reopen: send };
    changed();
  });
}
function takeStrokes(tree, name) {
  if (!tree || !Array.isArray(tree.size) || !Array.isArray(tree.strokes) || !tree.strokes.every((s) => s && s.layer in LAYERS && Array.isArray(s.points))) {
    throw new Error(`${name}: expected strokes saved by tfsketch.`);
  }
  if (!S.size && mode().sheet) blankSheet(tree.size);
  if (!S.size) throw new Error(`${name}: open the photograph first, then its strokes.`);
  const [x, y] = [S.size[0] / tree.size[0], S.size[1] / tree.size[1]];
  if (Math.abs(Math.log(x / y)) > 0.05) throw new Error(`${name}: expected strokes for a picture of this shape, found ${tree.size.join(" x ")}.`);
  const same = x === 1 && y === 1;
  const taken = tree.strokes.map((s) => (same ? s : {
    ...s, points: s.points.map((p) => [p[0] * x, p[1] * y]), ...(s.width ? { width: s.width * Math.sqrt(x * y) } : {}),
  }));
  S.view = "draw";
  commit(taken);
}
async function openFiles(files) {
  const list = [...files].sort((a, b) => a.name.endsWith(".json") - b.name.endsWith(".json"));
  await guarded("Opening", async () => {
    for (const file of list) {
      if (file.name.toLowerCase().endsWith(".json")) {
        let tree;
        try { tree = JSON.parse(await file.text()); } catch { throw new Error(`${file.name}: expected strokes saved by tfsketch.`); }
        takeStrokes(tree, file.name);
      } else if (mode().sheet) await openDrawing(file);
      else await openPicture(file);
    }
  });
}
async function openExample(example) {
  await guarded("Opening", async () => {
    const get = async () => (await ask(`/api/examples/${example.name}`, {})).json();
    const opened = await get();
    if (S.server.models.find((m) => m.name === S.model).mode !== opened.mode) setModel(S.server.models.find((m) => m.mode === opened.mode).name);
    if (opened.picture) await showPicture(opened, example.name, example.credit, get);
    else blankSheet(opened.strokes.size);
    if (opened.style) {
      S.style = { picture: opened.style.picture, name: "of the example", reopen: async () => (await get()).style };
      S.region = opened.region;
    }
    if (opened.strokes.strokes.length) takeStrokes(opened.strokes, example.name);
    else changed();
    $("side").value = opened.side || "";
  });
}

function requestNow() {
  const number = (id) => ($(id).value === "" ? null : Number($(id).value));
  const { sheet, styled } = mode();
  const looks = styled ? { style: S.style.picture, region: S.region, amount: S.amount } : {};
  return {
    ...looks,
    model: S.model, picture: sheet ? null : S.picture, strokes: { size: S.size, strokes: S.strokes },
    seed: Math.max(0, Math.floor(Number($("seed").value) || 0)), count: mode().seeded ? Number($("count").value) : 1,
    side: sheet || styled ? null : number("side"), fill: sheet ? number("fill") : null,
  };
}
/* Asks once more where the server has forgotten a photograph, of the two that there may be. */
async function askOf(path, request, reopen, style) {
  for (let tries = 0; ; tries++) {
    try {
      return await ask(path, request);
    } catch (error) {
      const [, lost] = /^(picture|style): .*still in memory/.exec(error.message) || [];
      const again = lost === "style" ? style && style.reopen : reopen;
      if (!lost || !again || tries > 1) throw error;
      const old = request[lost];
      request[lost] = (await again()).picture;
      if (lost === "style") style.picture = request[lost];
      else if (S.picture === old) S.picture = request[lost];
    }
  }
}

async function run() {
  if ($("run").disabled) return;
  if (S.running) { S.again = true; return; }
  S.running = true;
  const request = requestNow();
  const { image, size, name, reopen, credit, style } = S;
  const started = performance.now();
  render();
  await guarded("Painting", async () => {
    const answer = await (await askOf("/api/run", request, reopen, style)).json();
    for (const [pick, result] of answer.results.entries()) {
      const patch = await loadImage(`data:image/png;base64,${result.png}`);
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = size;
      const context = canvas.getContext("2d");
      if (image) context.drawImage(image, 0, 0, ...size);
      context.drawImage(patch, ...result.box);
      const lines = result.lines ? await loadImage(`data:image/png;base64,${result.lines}`) : null;
      remember({ canvas, lines, image, size, name, reopen, credit, style,
        // Seeds of an edit stand alone; a search's results are ordered among themselves.
        request: image ? { ...request, seed: result.seed, count: 1 } : { ...request, pick }, strokes: request.strokes.strokes });
    }
    if (!image) S.current = S.results[Math.max(0, S.results.length - answer.results.length)]; // the best of a search
    if (!$("live").checked || mode().sheet) S.view = "compare";
    $("run").dataset.seconds = ((performance.now() - started) / 1000).toFixed(3);
    $("run").dataset.runs = Number($("run").dataset.runs || 0) + 1;
  });
  S.running = false;
  render();
  if (S.again) { S.again = false; run(); }
}

function remember(entry) {
  S.results.push(entry);
  S.current = entry;
  const thumb = document.createElement("canvas");
  thumb.width = thumb.height = 136;
  const edge = Math.min(...entry.size);
  thumb.getContext("2d").drawImage(entry.canvas, (entry.size[0] - edge) / 2, (entry.size[1] - edge) / 2, edge, edge, 0, 0, 136, 136);
  const button = document.createElement("button");
  button.entry = entry;
  const { seeded, sheet } = S.server.modes[S.server.models.find((m) => m.name === entry.request.model).mode];
  const seed = seeded && !sheet ? `seed ${entry.request.seed}` : "";
  button.title = `Result ${S.results.length}${seed && `, ${seed}`}: show it with its strokes`;
  const image = document.createElement("img");
  image.src = thumb.toDataURL("image/jpeg", 0.85);
  image.alt = button.title;
  const label = document.createElement("small");
  label.textContent = seed || `${S.results.length}`;
  button.append(image, label);
  button.onclick = () => recall(entry);
  $("history").append(button);
  while ($("history").children.length > HISTORY) { $("history").firstChild.remove(); S.results.shift(); }
  $("history").scrollLeft = $("history").scrollWidth;
}
function recall(entry) {
  if (S.model !== entry.request.model) setModel(entry.request.model);
  const other = S.image !== entry.image || S.size !== entry.size;
  Object.assign(S, { image: entry.image, size: entry.size, picture: entry.request.picture, name: entry.name, reopen: entry.reopen, credit: entry.credit, current: entry });
  if (other) { S.undo = []; S.redo = []; S.strokes = entry.strokes; fit(); }
  else if (S.strokes !== entry.strokes) { S.undo.push(S.strokes); S.redo = []; S.strokes = entry.strokes; }
  $("seed").value = entry.request.seed;
  const { region, amount } = entry.request;
  if (region) Object.assign(S, { style: entry.style, region, amount });
  if (S.view === "draw") S.view = "compare";
  render();
}

function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
const saveStrokes = () => saveBlob(new Blob([JSON.stringify({ size: S.size, strokes: S.strokes })], { type: "application/json" }), `${S.name}.json`);
async function download() {
  const entry = S.current;
  await guarded("Saving at full size", async () => {
    const response = await askOf("/api/file", { ...entry.request, mark: $("mark").checked }, entry.reopen, entry.style);
    saveBlob(await response.blob(), `${entry.name}_edited.png`);
  });
}
async function goOn() {
  const entry = S.current;
  await guarded("Opening the result", async () => {
    const opened = await (await askOf("/api/continue", entry.request, entry.reopen, entry.style)).json();
    await showPicture(opened, entry.name, entry.credit, null);
  });
}

/* ---- controls ---- */

function choose(tool) {
  S.tool = tool;
  if (TOOL_LAYER[tool]) { S.layer = TOOL_LAYER[tool]; S.hidden.delete(S.layer); if (S.view !== "draw") S.view = "draw"; }
  if (tool === "eraser") S.view = "draw";
  brush.visible(false);
  render();
}
function setModel(name) {
  const sheet = S.model ? mode().sheet : null;
  S.model = name;
  $("model").value = name;
  const now = mode();
  if (!now.layers.includes(S.layer)) { S.layer = now.layers[0]; S.tool = S.layer; }
  $("start-title").textContent = now.sheet ? "Draw, and get a photograph"
    : now.styled ? "Give a photograph the looks of another" : "Edit a photograph by drawing on it";
  if (sheet !== null && sheet !== now.sheet) {
    if (now.sheet) blankSheet();
    else { Object.assign(S, { size: null, image: null, picture: null, strokes: [], undo: [], redo: [], current: null }); choose("mask"); }
  }
  render();
}
function resize(factor) {
  S.shares[share()] = Math.min(0.4, Math.max(0.001, S.shares[share()] * factor));
  render();
}
function nextView() {
  if ($("views").hidden) return;
  const order = [...$("views").children].filter((button) => !button.hidden).map((button) => button.dataset.view);
  S.view = order[(order.indexOf(S.view) + 1) % order.length];
  render();
}
function toggle(name) {
  if (S.hidden.has(name)) S.hidden.delete(name);
  else S.hidden.add(name);
  render();
}

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !/^(range|checkbox|color)$/.test(event.target.type || "");
  if (document.querySelector("dialog[open]") || (typing && !event.ctrlKey && !event.metaKey)) return;
  const key = event.key.toLowerCase();
  let done = true;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") (event.shiftKey ? redo : undo)();
    else if (key === "y") redo();
    else if (key === "enter") run();
    else done = false;
  } else if (event.altKey) done = false;
  else if (key === "enter" && event.target.tagName !== "BUTTON") run();
  else if (key === " " && event.target.tagName !== "BUTTON") { panning = true; render(); }
  else if (key === "[") resize(1 / 1.2);
  else if (key === "]") resize(1.2);
  else if (key === "v") nextView();
  else if (key === "+" || key === "=") zoom(1.25);
  else if (key === "-") zoom(0.8);
  else if (key === "0") fit();
  else if (key === "o") $("file").click();
  else if (key === "d" && !$("download").disabled) download();
  else if (key === "?") $("notes").showModal();
  else if ("123".includes(key)) toggle(["mask", "sketch", "color"][Number(key) - 1]);
  else {
    const tool = { m: "mask", l: "lasso", s: "sketch", c: "color", i: "dropper", e: "eraser", h: "hand" }[key];
    if (tool && !document.querySelector(`[data-tool=${tool}]`).hidden) choose(tool);
    else done = false;
  }
  if (done) event.preventDefault();
}

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

async function start() {
  S.server = await (await fetch("/api/state")).json();
  for (const [name, path] of Object.entries(ICONS)) {
    const button = document.querySelector(`[data-tool=${name}]`) || $(name);
    button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
    button.setAttribute("aria-label", button.title);
  }
  for (const [key, mode] of Object.entries(S.server.modes)) {
    const group = document.createElement("optgroup");
    group.label = mode.title;
    for (const model of S.server.models) if (model.mode === key) group.append(new Option(`${mode.title} (${model.name})`, model.name));
    $("model").append(group);
  }
  for (const name of ["mask", "sketch", "color"]) {
    const row = element(`<label class="layer" data-layer="${name}"><i style="background:${LAYERS[name].color}"></i><span>${LAYERS[name].title}</span><output></output><input type="checkbox" aria-label="Show ${LAYERS[name].title}"></label>`);
    row.querySelector("input").onchange = () => toggle(name);
    $("layers").append(row);
  }
  for (const color of SWATCHES) {
    const button = element(`<button style="background:${color}" aria-label="${color}" title="${color}"></button>`);
    button.onclick = () => { S.color = color; choose("color"); };
    $("swatches").append(button);
  }
  for (const example of S.server.examples) {
    const button = element(`<button><img alt="" src="/api/examples/${example.name}"><span></span><small></small></button>`);
    button.querySelector("span").textContent = example.title;
    button.lastChild.textContent = example.credit;
    button.dataset.example = example.name;
    button.onclick = () => openExample(example);
    $("examples").append(button);
  }
  for (const place of S.server.places) $("region").append(new Option(named(place), place));
  for (let n = 1; n <= S.server.limits.results; n++) $("count").append(new Option(n === 1 ? "one" : `${n} seeds`, n));
  $("side").append(new Option("normal", ""));
  for (const side of S.server.sides) $("side").append(new Option(`${side} px`, side));
  for (const [key, what] of KEYS) {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = key;
    dd.textContent = what;
    $("keys").append(dt, dd);
  }

  const area = $("stage");
  area.addEventListener("pointerdown", begin);
  area.addEventListener("pointermove", move);
  area.addEventListener("pointerup", end);
  area.addEventListener("pointercancel", end);
  area.addEventListener("pointerleave", () => { brush.visible(false); planes.over.batchDraw(); });
  area.addEventListener("contextmenu", (event) => event.preventDefault());
  area.addEventListener("wheel", (event) => { event.preventDefault(); zoom(1.0015 ** -event.deltaY, local(event)); }, { passive: false });
  new ResizeObserver(fit).observe($("canvas"));

  for (const button of document.querySelectorAll(".tool")) button.onclick = () => choose(button.dataset.tool);
  for (const button of $("views").children) button.onclick = () => { S.view = button.dataset.view; render(); };
  $("undo").onclick = undo;
  $("redo").onclick = redo;
  $("clear").onclick = () => commit([]);
  $("run").onclick = run;
  $("open").onclick = $("start-open").onclick = () => $("file").click();
  $("file").onchange = () => { openFiles($("file").files); $("file").value = ""; };
  startDrawing();
  $("style").onclick = () => $("style-file").click();
  $("style-file").onchange = () => { if ($("style-file").files.length) openStyle($("style-file").files[0]); $("style-file").value = ""; };
  $("region").onchange = () => { S.region = $("region").value; changed(); };
  $("amount").oninput = () => { S.amount = Number($("amount").value) / 100; render(); };
  $("amount").onchange = changed;
  $("new-sheet").onclick = () => blankSheet();
  $("save-strokes").onclick = saveStrokes;
  $("download").onclick = download;
  $("continue").onclick = goOn;
  $("help").onclick = () => $("notes").showModal();
  $("message").onclick = () => say("");
  $("zoom-in").onclick = () => zoom(1.25);
  $("zoom-out").onclick = () => zoom(0.8);
  $("zoom-fit").onclick = fit;
  $("model").onchange = () => setModel($("model").value);
  $("width").oninput = () => { S.shares[share()] = shareOf(Number($("width").value)); render(); };
  $("color").oninput = () => { S.color = $("color").value; choose("color"); };
  $("dice").onclick = () => { $("seed").value = Math.floor(Math.random() * 100000); if ($("live").checked) run(); };
  $("live").onchange = () => { render(); if ($("live").checked) run(); };
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => { if (event.key === " ") { panning = false; render(); } });
  document.addEventListener("paste", (event) => { const files = [...(event.clipboardData || {}).files || []]; if (files.length) openFiles(files); });
  const dropping = (event) => { // where a file would go: nowhere, on the canvas, or to the looks
    const style = !!event && !!event.target.closest && !!event.target.closest("#looks");
    $("canvas").classList.toggle("dropping", !!event && !style);
    $("style").classList.toggle("dropping", style);
    return style;
  };
  document.addEventListener("dragover", (event) => { event.preventDefault(); dropping(event); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping(null); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const style = dropping(event), { files } = event.dataTransfer;
    dropping(null);
    if (files.length) (style ? openStyle(files[0]) : openFiles(files));
  });
  addEventListener("beforeunload", (event) => { if (S.strokes.length) event.preventDefault(); });

  setModel(S.server.models[0].name);
  fit();
  if (!localStorage.getItem("tfsketch-notes")) $("notes").showModal();
  $("notes").onclose = () => localStorage.setItem("tfsketch-notes", "read");
}

start().catch((error) => say(error.message));
