/* The drawing survives a reload of the page: its strokes are kept in the browser's storage of this tab, and, for when
 * the tab was closed, in that of the page. The photograph is the backend's; one that it has forgotten is asked for. */

import * as backend from "./backend.js";
import { $, loadImage, say, tell } from "./feedback.js";
import { blankSheet, setModel, showPicture, takeStrokes } from "./opening.js";
import { S, mode, onRender, render } from "./state.js";

const KEY = "tfsketch-work";
const DELAY = 400; // milliseconds between two times of keeping
let timer = 0, kept = null, pending = null, stopped = false;

function keep() {
  clearTimeout(timer);
  timer = 0;
  if (stopped || !S.size || (kept && kept.strokes === S.strokes && kept.size === S.size && kept.model === S.model)) return;
  kept = { model: S.model, picture: S.picture, size: S.size, shown: S.shown, name: S.name, credit: S.credit, strokes: S.strokes, said: S.said };
  const text = JSON.stringify(kept);
  try {
    sessionStorage.setItem(KEY, text);
    if (S.strokes.length) localStorage.setItem(KEY, text);
  } catch { /* the storage is full or switched off: there is nothing to be done about it, and drawing goes on */ }
}

function read(storage) {
  try {
    const work = JSON.parse(storage.getItem(KEY));
    return work && Array.isArray(work.size) && Array.isArray(work.strokes) ? work : null;
  } catch { return null; }
}

async function restore(work) {
  if (S.server.models.some((model) => model.name === work.model)) setModel(work.model);
  const { size, strokes } = work;
  if (mode().sheet) blankSheet(size);
  else {
    const there = work.picture && (await backend.has(work.picture)) && (await loadImage(backend.address(work.picture)).catch(() => null));
    if (!there) {
      pending = strokes.length ? { size, strokes } : null;
      if (pending) tell("Your strokes are kept: open the photograph again, and they lie on it.");
      return;
    }
    await showPicture({ picture: work.picture, size, preview: work.shown }, work.name, work.credit);
  }
  Object.assign(S, { name: work.name, said: work.said || {} });
  if (strokes.length) takeStrokes({ size, strokes }, "what was kept");
  S.undo = [];
  render();
}

/** Strokes that wait for their photograph, if one of this size is opened. */
export function claim() {
  const waiting = pending;
  pending = null;
  if (waiting && S.size && waiting.size.every((length, axis) => length === S.size[axis])) takeStrokes(waiting, "what was kept");
}

export async function startKeeping() {
  const here = read(sessionStorage), before = read(localStorage);
  if (here) await restore(here).catch(() => sessionStorage.removeItem(KEY)); // not of this version of the page
  else if (before && before.strokes.length) {
    $("start-restore").hidden = false;
    $("start-restore").onclick = () => restore(before).catch((error) => { localStorage.removeItem(KEY); say(error.message); });
  }
  onRender(() => { if (!timer) timer = setTimeout(keep, DELAY); });
  addEventListener("pagehide", keep);
  // Who starts anew does not want the drawing back at once; the start offers it.
  document.querySelector(".brand").addEventListener("click", () => { keep(); stopped = true; sessionStorage.removeItem(KEY); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) keep(); });
}
