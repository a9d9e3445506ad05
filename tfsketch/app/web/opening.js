/* Photographs, sheets, strokes and examples, from where they come into the page's state. */

import * as backend from "./backend.js";
import { choose, useModel } from "./controls.js";
import { $, guard, loadPatiently } from "./feedback.js";
import { commit, lay, refresh } from "./history.js";
import { fit } from "./stage.js";
import { S, mode, modeOf, render } from "./state.js";
import { checkStrokes, transform } from "./strokes.js";

export const stem = (file) => file.name.replace(/\.[^.]*$/, "");

/** Chooses a model; one that starts from something else starts anew. */
export function setModel(name) {
  const other = !!S.model && mode().sheet !== modeOf(name).sheet;
  if (other) lay({ picture: null, size: null, shown: null, image: null });
  useModel(name);
  if (other) {
    if (mode().sheet) blankSheet();
    else choose("mask");
  }
  render();
}

/* What takes time to open is shown only where nothing else was asked for after it: of two photographs the second stays,
 * however long the first one takes. */
let newest = null;
/** Shows what `load` gives; gives whether it was still wanted. */
export async function opening(load, show) {
  const mine = newest = {}, loaded = await load();
  if (mine !== newest) return false;
  show(loaded);
  return true;
}
/** A photograph that the backend has opened, with the image that is shown of it. */
export const withImage = async (entry) => ({ ...entry, image: await loadPatiently(backend.address(entry.picture)) });

const settingsShown = () => ({ side: $("side").value, region: S.region, style: S.style });
/* What an example sets is not kept for what is opened after it. */
let own = null;
/** Lays an example's settings over the user's own, which `giveBack` brings back. */
export function borrow(side, region) {
  own = settingsShown();
  $("side").value = side || "";
  if (region) S.region = region;
}
/** What the user set; and what an example does instead as long as it is open, or null. */
export const ownSettings = () => own || settingsShown();
export const lent = () => own && settingsShown();
function giveBack() {
  if (!own) return;
  $("side").value = own.side;
  Object.assign(S, { region: own.region, style: own.style });
  own = null;
}

export function showPicture({ picture, size, preview, image, notes = [] }, name, credit) {
  lay({ said: { photograph: notes }, picture, size, shown: preview, image, name, credit });
  fit();
}
/** Starts a sheet of [width, height], or of that shape where a model takes none that large. */
export function blankSheet(wanted = [512, 512]) {
  const scale = Math.min(1, S.server.limits.sheet / Math.max(...wanted)), size = wanted.map((length) => Math.max(1, Math.round(scale * length)));
  newest = null;
  lay({ said: {}, picture: null, size, shown: size, image: null, name: "drawing", credit: "" });
  choose("sketch");
  fit();
}

const inMB = (bytes, rounded) => `${rounded(bytes / 2 ** 20)} MB`;
/** Whether a file can be read and is not too large is found out here: of what cannot, a request would only fail. */
export async function checkFile(file) {
  const most = S.server.limits.bytes;
  if (file.size > most) throw new Error(`${file.name}: expected at most ${inMB(most, Math.floor)}, found ${inMB(file.size, Math.ceil)}.`);
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Error(`${file.name}: expected a file that can be read, found a folder, or one that was moved or changed since it was chosen.`);
  });
}
/* Opens a photograph's file; what is refused is named. */
async function send(file) {
  await checkFile(file);
  return backend.open(file).catch((error) => { throw new Error(error.message.replace(/^the photograph\b/, file.name)); });
}
/** The first model that starts from a photograph, if there is one. */
export const photographic = () => S.server.models.find((model) => !modeOf(model.name).sheet);

/** Opens a photograph; gives whether it is shown: something else may have been asked for meanwhile. */
export function openPicture(file) {
  return opening(async () => withImage(await send(file)), (picture) => {
    if (mode().sheet) setModel(photographic().name);
    giveBack();
    showPicture(picture, stem(file) || "picture", "");
    if (picture.strokes) takeStrokes(picture.strokes, file.name); // of a file of layers
  });
}
let newestStyle = null;
export async function openStyle(file) {
  newestStyle = file;
  await guard("Opening", async () => {
    const { picture, notes } = await send(file);
    if (file !== newestStyle) return; // another was chosen meanwhile
    S.style = { picture, notes, name: file.name };
    if (own) own.style = S.style; // chosen, and not the example's
    refresh();
  });
}

export function takeStrokes(tree, name) {
  checkStrokes(tree, name);
  if (!S.size && mode().sheet) blankSheet(tree.size);
  if (!S.size) throw new Error(`${name}: open the photograph first, then its strokes.`);
  const scale = [S.size[0] / tree.size[0], S.size[1] / tree.size[1]];
  if (Math.abs(Math.log(scale[0] / scale[1])) > 0.05) throw new Error(`${name}: expected strokes for a picture of this shape, found ${tree.size.join(" x ")}.`);
  S.view = "draw";
  commit([...transform(tree.strokes, scale)]);
}

export async function openExample(example) {
  await guard("Opening", () => opening(async () => {
    const entry = await backend.example(example.name);
    return entry.picture ? withImage(entry) : entry;
  }, (entry) => {
    giveBack();
    if (modeOf(S.model) !== S.server.modes[entry.mode]) setModel(S.server.models.find((m) => m.mode === entry.mode).name);
    if (entry.picture) showPicture(entry, example.name, example.credit);
    else blankSheet(entry.strokes.size);
    borrow(entry.side, entry.style ? entry.region : "");
    if (entry.style) S.style = { picture: entry.style.picture, name: "of the example" };
    if (entry.strokes.strokes.length) takeStrokes(entry.strokes, example.name);
    else refresh();
  }));
}
