/* The keyboard. */

import { choose, nextView, resize, toggle } from "./controls.js";
import { $ } from "./feedback.js";
import { redo, undo } from "./history.js";
import { run } from "./results.js";
import { download } from "./saving.js";
import { fit, pan, zoom, zoomReal } from "./stage.js";
import { S, render, viewNow } from "./state.js";

/** What the help lists. */
export const KEYS = [
  ["M", "mask"], ["L", "mask by an outline"], ["S", "sketch"], ["C", "colour"], ["I", "take a colour"], ["E", "eraser"], ["Shift", "straight line, square"], ["X", "mirror"],
  ["H / space", "move the picture"], ["[ ]", "brush size"], ["Ctrl+Z", "undo"], ["Ctrl+Shift+Z", "redo"],
  ["Enter", "run"], ["V", "next view"], ["1 2 3", "show or hide layers"], ["+ - 0 9", "zoom, all, 100 %"], ["Arrows", "move the picture, or what divides it"], ["O", "open"], ["D", "download"],
];
const TOOLS = { m: "mask", l: "lasso", s: "sketch", c: "color", i: "dropper", e: "eraser", h: "hand" };

let focus = null; // by a mouse or a finger: it has the focus, but whoever does not use the keyboard for it means the page

/* Whether a key is the field's or the button's that has the focus, and not the page's. */
function belongs(key, target, control) {
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && !/^(range|checkbox|color)$/.test(target.type || "")) {
    return !control || ("zy".includes(key) && target.tagName !== "SELECT"); // what is typed has an undo of its own
  }
  if (target === focus) return false;
  if (key === " ") return target.matches("button, summary, input[type=checkbox], input[type=color]");
  return key === "enter" && target.matches("button, summary, a, input[type=color]");
}

/* By an arrow, with Shift by five times as much: what divides before and after, or the picture. */
function move(key, { shiftKey, target }) {
  if (!S.size || target.type === "range" || target.closest("#panel, #history, details[open]")) return false; // scrolls there
  const by = shiftKey ? 5 : 1, x = { arrowleft: -by, arrowright: by }[key] || 0, y = { arrowup: -by, arrowdown: by }[key] || 0;
  if (viewNow() === "compare" && x) {
    S.divide = Math.min(1, Math.max(0, Math.round(100 * S.divide + 5 * x) / 100));
    render();
  } else pan(40 * x, 40 * y);
  return true;
}

function onKey(event) {
  const key = event.key.toLowerCase();
  if (document.querySelector("dialog[open]") || belongs(key, event.target, event.ctrlKey || event.metaKey)) return;
  let done = true;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") (event.shiftKey ? redo : undo)();
    else if (key === "y") redo();
    else if (key === "enter") run();
    else done = false;
  } else if (event.altKey) done = false;
  else if (key === "enter") run();
  else if (key === " ") { S.panning = true; render(); }
  else if (key === "[") resize(1 / 1.2);
  else if (key === "]") resize(1.2);
  else if (/^arrow/.test(key)) done = move(key, event);
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
  document.addEventListener("focusin", () => { focus = null; });
  document.addEventListener("click", ({ detail, target }) => {
    const label = target.closest("label");
    if (detail) focus = (label && label.control) || target.closest("button, summary"); // 0 is the keyboard's
  });
  document.addEventListener("keydown", onKey);
  const lift = () => { S.panning = false; render(); };
  document.addEventListener("keyup", (event) => { if (event.key === " ") lift(); });
  addEventListener("blur", lift); // a key that is lifted elsewhere is not heard of
}
