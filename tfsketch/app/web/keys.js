/* The keyboard. */

import { choose, nextView, resize, toggle } from "./controls.js";
import { $ } from "./feedback.js";
import { redo, undo } from "./history.js";
import { run } from "./results.js";
import { download } from "./saving.js";
import { fit, zoom, zoomReal } from "./stage.js";
import { S, render } from "./state.js";

/** What the help lists. */
export const KEYS = [
  ["M", "mask"], ["L", "mask by an outline"], ["S", "sketch"], ["C", "colour"], ["I", "take a colour"], ["E", "eraser"], ["Shift", "straight line, square"], ["X", "mirror"],
  ["H / space", "move the picture"], ["[ ]", "brush size"], ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"],
  ["Enter", "run"], ["V", "next view"], ["1 2 3", "show or hide layers"], ["+ - 0 9", "zoom, all, 100 %"], ["O", "open"], ["D", "download"],
];
const TOOLS = { m: "mask", l: "lasso", s: "sketch", c: "color", i: "dropper", e: "eraser", h: "hand" };

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
  else if (key === " " && event.target.tagName !== "BUTTON") { S.panning = true; render(); }
  else if (key === "[") resize(1 / 1.2);
  else if (key === "]") resize(1.2);
  else if (key === "v") nextView();
  else if (key === "x") { S.mirror = !S.mirror; render(); }
  else if (key === "+" || key === "=") zoom(1.25);
  else if (key === "-") zoom(0.8);
  else if (key === "0") fit();
  else if (key === "9") zoomReal();
  else if (key === "o") $("file").click();
  else if (key === "d" && !$("download").disabled) download();
  else if (key === "?") $("notes").showModal();
  else if ("123".includes(key)) toggle(["mask", "sketch", "color"][Number(key) - 1]);
  else {
    const tool = TOOLS[key];
    if (tool && !document.querySelector(`[data-tool=${tool}]`).hidden) choose(tool);
    else done = false;
  }
  if (done) event.preventDefault();
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => { if (event.key === " ") { S.panning = false; render(); } });
}
