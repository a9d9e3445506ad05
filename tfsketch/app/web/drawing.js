/* A drawing, a scan or a photograph of one as the sketch: the server reads its lines as strokes, a level says how faint
 * they may be, and what is used lies in the sketch's layer as if it had been drawn. */

import * as backend from "./backend.js";
import { choose } from "./controls.js";
import { $, guard, loadImage, say } from "./feedback.js";
import { commit } from "./history.js";
import { blankSheet, checkFile, openPicture, photographic, stem } from "./opening.js";
import { S, mode } from "./state.js";
import { transform } from "./strokes.js";

const drawing = { file: null, image: null, tree: null, asking: false, timer: 0 };

export async function openDrawing(file) {
  await checkFile(file);
  Object.assign(drawing, { file, image: null, tree: null });
  $("drawing-level").value = 0;
  $("drawing-photograph").hidden = !mode().sheet || !photographic();
  const address = URL.createObjectURL(file);
  drawing.image = await loadImage(address).catch(() => null); // a browser does not show every format that is read
  URL.revokeObjectURL(address);
  if (!$("drawing").open) $("drawing").showModal(); // of several files the last one counts
  await readDrawing();
}

const levelNow = () => Number($("drawing-level").value) / 100;

/* What is shown is of another level until the answer comes. */
function waiting() {
  $("drawing-level-shown").textContent = levelNow();
  $("drawing-use").disabled = true;
  $("drawing").setAttribute("aria-busy", "true");
}

/* Asks for the strokes at the level that is chosen: one question at a time, because the server's queue is short. */
async function readDrawing() {
  clearTimeout(drawing.timer);
  waiting();
  if (drawing.asking) { drawing.timer = setTimeout(readDrawing, 100); return; }
  const { file } = drawing, level = levelNow();
  let tree = null, refusal = "";
  drawing.asking = true;
  try { tree = await backend.sketch(file, level); } catch (error) { refusal = error.message; }
  drawing.asking = false;
  if (file !== drawing.file || level !== levelNow()) return; // closed, or to be asked anew
  drawing.tree = tree;
  $("drawing-notes").classList.toggle("refusal", !!refusal);
  $("drawing-notes").textContent = refusal || tree.notes.join("; ");
  $("drawing-use").disabled = !tree || !tree.strokes.length;
  $("drawing").setAttribute("aria-busy", "false");
  showDrawing();
}

function showDrawing() {
  const canvas = $("drawing-preview"), { image, tree } = drawing;
  const most = image ? Math.min(1, 1024 / Math.max(image.naturalWidth, image.naturalHeight)) : 0;
  const size = tree ? tree.size : image ? [image.naturalWidth * most, image.naturalHeight * most] : [320, 40];
  [canvas.width, canvas.height] = size.map((length) => Math.max(1, Math.round(length)));
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = tree ? 0.4 : 1;
  if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
  Object.assign(context, { strokeStyle: "#2f6fed", fillStyle: "#2f6fed", lineCap: "round", lineJoin: "round" });
  for (const stroke of tree ? tree.strokes : []) {
    const path = new Path2D();
    for (const [x, y] of stroke.points.length > 1 ? stroke.points : [...stroke.points, ...stroke.points]) path.lineTo(x, y);
    context.lineWidth = Math.max(stroke.width || 0, Math.max(...size) / 400);
    if (stroke.fill) context.fill(path);
    else context.stroke(path);
  }
}

/* The sketch's layer is the drawing from now on: undo brings back what was there. On an empty sheet the drawing is the
 * sheet; on anything else it lies in the middle, as large as fits. */
function useDrawing() {
  const { size, strokes, notes } = drawing.tree;
  $("drawing").close();
  if (mode().sheet && !S.strokes.length) {
    blankSheet(size);
    S.name = stem(drawing.file) || "drawing";
  }
  const scale = Math.min(S.size[0] / size[0], S.size[1] / size[1]);
  const [left, top] = [0, 1].map((axis) => (S.size[axis] - scale * size[axis]) / 2);
  const layer = transform(strokes, [scale, scale], [left, top]);
  choose("sketch");
  S.said = { ...S.said, sketch: notes };
  commit([...S.strokes.filter((stroke) => stroke.layer !== "sketch"), ...layer]);
  if (Math.max(left / S.size[0], top / S.size[1]) > 0.025) say("The drawing has another shape than the picture: it lies in the middle.");
}

export function startDrawing() {
  $("open-drawing").onclick = () => $("drawing-file").click();
  $("drawing-file").onchange = () => {
    const [file] = $("drawing-file").files;
    if (file) guard("Opening", () => openDrawing(file));
    $("drawing-file").value = "";
  };
  $("drawing-level").oninput = () => {
    clearTimeout(drawing.timer);
    drawing.timer = setTimeout(readDrawing, 150);
    waiting();
  };
  $("drawing").addEventListener("close", () => { drawing.file = null; clearTimeout(drawing.timer); });
  $("drawing-use").onclick = useDrawing;
  $("drawing-cancel").onclick = () => $("drawing").close();
  $("drawing-photograph").onclick = () => { $("drawing").close(); guard("Opening", () => openPicture(drawing.file)); };
}
