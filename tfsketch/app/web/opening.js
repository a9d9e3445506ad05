/* Photographs, sheets, strokes and examples, from where they come into the page's state. */

import * as backend from "./backend.js";
import { choose } from "./controls.js";
import { $, guarded, loadPatiently } from "./feedback.js";
import { changed, commit } from "./history.js";
import { fit } from "./stage.js";
import { LAYERS, S, mode, modeOf, render } from "./state.js";
import { placed } from "./strokes.js";

export const stem = (file) => file.name.replace(/\.[^.]*$/, "");
const EMPTY = { strokes: [], undo: [], redo: [], current: null };

/** Chooses a model; another way of working starts anew. */
export function setModel(name) {
  const sheet = S.model ? mode().sheet : null;
  S.model = name;
  $("model").value = name;
  const now = mode();
  if (!now.layers.includes(S.layer)) { S.layer = now.layers[0]; S.tool = S.layer; }
  if (sheet !== null && sheet !== now.sheet) {
    if (now.sheet) blankSheet();
    else { Object.assign(S, { ...EMPTY, size: null, image: null, picture: null }); choose("mask"); }
  }
  render();
}

/* What an example sets is not kept for what is opened after it. */
let own = null;
function borrow(side, region) {
  own = { side: $("side").value, region: S.region, style: S.style };
  $("side").value = side || "";
  if (region) S.region = region;
}
function giveBack() {
  if (!own) return;
  $("side").value = own.side;
  Object.assign(S, { region: own.region, style: own.style });
  own = null;
}

export async function showPicture(opened, name, credit) {
  const image = await loadPatiently(backend.address(opened.picture));
  Object.assign(S, { ...EMPTY, said: { photograph: opened.notes || [] }, picture: opened.picture, size: opened.size, shown: opened.preview, image, name, credit, view: "draw" });
  fit();
}
export function blankSheet(size = [512, 512]) {
  Object.assign(S, { ...EMPTY, said: {}, picture: null, size, shown: size, image: null, name: "drawing", credit: "", view: "draw" });
  choose("sketch");
  fit();
}

export function checkSize(file) {
  if (file.size > S.server.limits.bytes) throw new Error(`${file.name}: expected at most ${Math.floor(S.server.limits.bytes / 2 ** 20)} MB.`);
}
export async function openPicture(file) {
  checkSize(file);
  const opened = await backend.open(file);
  if (mode().sheet) setModel((S.server.models.find((m) => !modeOf(m.name).sheet) || { name: S.model }).name);
  giveBack();
  await showPicture(opened, stem(file) || "picture", "");
}
export async function openStyle(file) {
  await guarded("Opening", async () => {
    checkSize(file);
    const { picture, notes } = await backend.open(file);
    S.style = { picture, notes, name: file.name };
    if (own) own.style = S.style; // chosen, and not the example's
    changed();
  });
}

export function takeStrokes(tree, name) {
  if (!tree || !Array.isArray(tree.size) || !Array.isArray(tree.strokes) || !tree.strokes.every((s) => s && s.layer in LAYERS && Array.isArray(s.points))) {
    throw new Error(`${name}: expected strokes saved by tfsketch.`);
  }
  if (!S.size && mode().sheet) blankSheet(tree.size);
  if (!S.size) throw new Error(`${name}: open the photograph first, then its strokes.`);
  const scale = [S.size[0] / tree.size[0], S.size[1] / tree.size[1]];
  if (Math.abs(Math.log(scale[0] / scale[1])) > 0.05) throw new Error(`${name}: expected strokes for a picture of this shape, found ${tree.size.join(" x ")}.`);
  S.view = "draw";
  commit([...placed(tree.strokes, scale)]);
}

export async function openExample(example) {
  await guarded("Opening", async () => {
    const opened = await backend.example(example.name);
    giveBack();
    if (modeOf(S.model) !== S.server.modes[opened.mode]) setModel(S.server.models.find((m) => m.mode === opened.mode).name);
    if (opened.picture) await showPicture(opened, example.name, example.credit);
    else blankSheet(opened.strokes.size);
    borrow(opened.side, opened.style ? opened.region : "");
    if (opened.style) S.style = { picture: opened.style.picture, name: "of the example" };
    if (opened.strokes.strokes.length) takeStrokes(opened.strokes, example.name);
    else changed();
  });
}
