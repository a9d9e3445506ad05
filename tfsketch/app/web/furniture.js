/* What the page is furnished with once: icons, swatches, and the entries of its lists. */

import * as backend from "./backend.js";
import { choose, toggle } from "./controls.js";
import { $, showIn } from "./feedback.js";
import { KEYS } from "./keys.js";
import { openExample } from "./opening.js";
import { LAYERS, S } from "./state.js";

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
  free: "M4 17c3-9 6-9 7-4s4 5 9-6",
  line: "M5 19L19 5",
  rectangle: "M4 6h16v12H4z",
  ellipse: "M12 5c5 0 8 3 8 7s-3 7-8 7-8-3-8-7 3-7 8-7z",
  mirror: "M12 3v18M9 7l-6 10h6zM15 7l6 10h-6z",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
};
/* Of buttons that show them where there is no room for their words. */
const SHORT = {
  open: "M3 19V5h6l2 3h10v11zM3 19l3-8h18l-3 8",
  "new-sheet": "M6 3h8l5 5v13H6zM14 3v5h5M12 11v7M9 14.5h7",
  "save-strokes": "M3 8c2-5 4-5 5-2s3 3 6-3M16 12v8M12 16l4 4 4-4M3 14h5M3 18h5",
  download: "M12 4v11M7 10l5 5 5-5M4 20h16",
};
const SWATCHES = ["#2b1d16", "#6b4630", "#b8604f", "#d98a86", "#e9c0a6", "#f6e3d4", "#ffffff", "#101418",
  "#3b5a8c", "#6fa3c8", "#4d7a55", "#8a9a3a", "#d9a93b", "#c2412d", "#7c3b6a", "#9aa2ad"];

const label = (place) => (place === "drawn" ? "as drawn" : place);

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function showModels() {
  for (const [key, mode] of Object.entries(S.server.modes)) {
    const group = document.createElement("optgroup");
    group.label = mode.title;
    for (const model of S.server.models) if (model.mode === key) group.append(new Option(`${mode.title} (${model.name})`, model.name));
    $("model").append(group);
  }
}
function showExamples() {
  for (const example of S.server.examples) {
    const button = element(`<button><img alt=""><span></span><small></small></button>`);
    showIn(button.querySelector("img"), backend.thumbnail(example.name));
    button.querySelector("span").textContent = example.title;
    button.lastChild.textContent = example.credit;
    button.dataset.example = example.name;
    button.onclick = () => openExample(example);
    $("examples").append(button);
  }
}
function showKeys() {
  for (const [key, what] of KEYS) {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = key;
    dd.textContent = what;
    $("keys").append(dt, dd);
  }
}

/** Fills the page with what `S.server` has. */
export function furnish() {
  for (const [name, path] of Object.entries(ICONS)) {
    const button = document.querySelector(`[data-tool=${name}], [data-shape=${name}]`) || $(name);
    button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
    button.setAttribute("aria-label", button.title);
  }
  for (const [name, path] of Object.entries(SHORT)) $(name).prepend(element(`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`));
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
  for (const place of S.server.places) $("region").append(new Option(label(place), place));
  for (let n = 1; n <= S.server.limits.results; n++) $("count").append(new Option(n === 1 ? "one" : n, n));
  $("side").append(new Option("normal", ""));
  for (const side of S.server.sides) $("side").append(new Option(`${side} px`, side));
  const lacks = Object.values(S.server.lacks);
  $("lacks").hidden = !lacks.length;
  $("lacks").textContent = lacks.length ? `Not on this page, but in tfsketch's program: ${lacks.join("; ")}.` : "";
  showModels();
  showExamples();
  showKeys();
}
