/* The drawing survives a reload of the page: its strokes and the page's settings are kept in the browser's storage of this
 * tab, and, for when the tab was closed, in that of the page, where who starts anew finds the settings as they were at
 * first. The photograph is the backend's; one that it has forgotten is asked for. */

import * as backend from "./backend.js";
import { $, loadImage, say, tell, withStorage } from "./feedback.js";
import { blankSheet, opening, setModel, showPicture, takeStrokes } from "./opening.js";
import { applySettings, settingsNow } from "./settings.js";
import { S, mode, onRender, render } from "./state.js";

const KEY = "tfsketch-work", SETTINGS = "tfsketch-settings";
const DELAY = 400; // milliseconds between two times of keeping
let timer = 0, kept = null, pending = null, stopped = false;

function keep() {
  clearTimeout(timer);
  timer = 0;
  if (stopped) return;
  const settings = JSON.stringify(settingsNow());
  withStorage(() => sessionStorage.setItem(SETTINGS, settings));
  if (!S.size || (kept && kept.strokes === S.strokes && kept.size === S.size && kept.settings === settings)) return;
  kept = { model: S.model, settings, picture: S.picture, size: S.size, shown: S.shown, name: S.name, credit: S.credit, strokes: S.strokes, said: S.said };
  const text = JSON.stringify(kept);
  withStorage(() => {
    sessionStorage.setItem(KEY, text);
    if (S.strokes.length) localStorage.setItem(KEY, text);
  });
}

function read(storage) {
  const work = withStorage(() => JSON.parse(storage().getItem(KEY)));
  return work && Array.isArray(work.size) && Array.isArray(work.strokes) ? work : null;
}

const knowsModel = (name) => S.server.models.some((model) => model.name === name);
/* Puts back settings, the text that `keep` made of them. */
async function restoreSettings(text) {
  const tree = withStorage(() => JSON.parse(text));
  if (tree) await applySettings(tree).catch(() => {}); // not of this version of the page
  render();
}

async function restore(work) {
  if (knowsModel(work.model)) setModel(work.model);
  const { size, strokes, picture } = work;
  const finish = () => {
    Object.assign(S, { name: work.name, said: work.said || {} });
    if (strokes.length) {
      takeStrokes({ size, strokes }, "what was kept");
      S.undo.pop(); // before them there was nothing
    }
    render();
  };
  if (mode().sheet) {
    blankSheet(size);
    finish();
    await restoreSettings(work.settings);
    return;
  }
  await opening(async () => picture && (await backend.has(picture)) && loadImage(backend.address(picture)).catch(() => null), (image) => {
    if (image) {
      showPicture({ picture, size, preview: work.shown, image }, work.name, work.credit);
      finish();
      return;
    }
    pending = strokes.length ? { size, strokes } : null;
    if (pending) tell("Your strokes are kept: open the photograph again, and they lie on it.");
  });
  await restoreSettings(work.settings);
}

/** Strokes that wait for their photograph, if one of this size is opened. */
export function claim() {
  const waiting = pending;
  pending = null;
  if (waiting && S.size && waiting.size.every((length, axis) => length === S.size[axis])) takeStrokes(waiting, "what was kept");
}

export async function startKeeping() {
  const forget = () => withStorage(() => { for (const key of [KEY, SETTINGS]) sessionStorage.removeItem(key); });
  const here = read(() => sessionStorage), before = read(() => localStorage);
  if (here) await restore(here).catch(forget); // not of this version of the page
  else {
    const text = withStorage(() => sessionStorage.getItem(SETTINGS)), { model } = withStorage(() => JSON.parse(text)) || {};
    if (knowsModel(model)) setModel(model);
    if (text) await restoreSettings(text);
  }
  if (!here && before && before.strokes.length) {
    $("start-restore").hidden = false;
    $("start-restore").onclick = () => restore(before).catch((error) => { withStorage(() => localStorage.removeItem(KEY)); say(error.message); });
  }
  onRender(() => { if (!timer) timer = setTimeout(keep, DELAY); });
  document.addEventListener("change", () => { if (!timer) timer = setTimeout(keep, DELAY); }); // fields that show nothing else
  addEventListener("pagehide", keep);
  // Who starts anew does not want the drawing back at once; the start offers it. In another tab, this one goes on.
  document.querySelector(".brand").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    keep();
    stopped = true;
    forget();
  });
  addEventListener("pageshow", ({ persisted }) => { if (persisted) { stopped = false; kept = null; } }); // gone back to
  document.addEventListener("visibilitychange", () => { if (document.hidden) keep(); });
}
