/* The results of one run, side by side: their holes, large. */

import { $ } from "./feedback.js";
import { recall } from "./results.js";
import { S, entryNow, onRender, viewNow } from "./state.js";

const MARGIN = 0.35; // of the hole's size, shown around it
let current = null;

function figureOf(entry) {
  const [left, top, width, height] = entry.box, [w, h] = entry.shown, margin = MARGIN * Math.max(width, height);
  // Square where the picture is large enough, so that all are of one size.
  const side = Math.min(Math.max(width, height) + 2 * margin, Math.max(w, h)), sides = [Math.min(side, w), Math.min(side, h)];
  const x = Math.min(Math.max(0, left + width / 2 - sides[0] / 2), w - sides[0]), y = Math.min(Math.max(0, top + height / 2 - sides[1] / 2), h - sides[1]);
  const button = document.createElement("button"), canvas = document.createElement("canvas"), label = document.createElement("span");
  const scale = Math.min(1, 640 / Math.max(...sides));
  [canvas.width, canvas.height] = sides.map((length) => Math.max(1, Math.round(length * scale)));
  canvas.getContext("2d").drawImage(entry.canvas, x, y, ...sides, 0, 0, canvas.width, canvas.height);
  label.textContent = entry.label;
  button.title = `${entry.label}: show it with its strokes`;
  button.append(canvas, label);
  button.onclick = () => { S.view = "result"; recall(entry); };
  button.entry = entry;
  return button;
}

onRender(() => {
  const on = viewNow() === "grid";
  $("gallery").hidden = !on;
  if (!on) return;
  const { group } = entryNow();
  if (current !== group) {
    $("gallery").replaceChildren(...group.map(figureOf));
    current = group;
  }
  for (const button of $("gallery").children) button.setAttribute("aria-pressed", button.entry === S.current);
});
