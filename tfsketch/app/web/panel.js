/* The controls around the picture: what they show. */

import * as backend from "./backend.js";
import { $, showIn } from "./feedback.js";
import { S, TOOL_LAYER, brushWidth, entryNow, mode, onRender, missing, notes, share, viewNow } from "./state.js";
import { countOf } from "./strokes.js";

/* The slider is even in sizes that the eye tells apart: 0.1 % to 40 % of the shorter side. */
export const shareOf = (value) => 0.001 * 400 ** (value / 100);
const sliderOf = (value) => (100 * Math.log(value / 0.001)) / Math.log(400);

function showTools(current) {
  for (const button of document.querySelectorAll(".tool")) {
    button.setAttribute("aria-pressed", button.dataset.tool === S.tool);
    const needs = TOOL_LAYER[button.dataset.tool];
    button.hidden = (needs && !current.layers.includes(needs)) || (button.dataset.tool === "dropper" && !current.layers.includes("color"));
  }
  $("undo").disabled = !S.undo.length;
  $("redo").disabled = !S.redo.length;
  $("clear").disabled = !S.strokes.length;
}

function showViews(entry, view) {
  $("views").hidden = !entry;
  for (const button of $("views").children) {
    button.setAttribute("aria-pressed", button.dataset.view === view);
    if (button.dataset.view === "lines") button.hidden = !entry || !entry.lines;
    if (button.dataset.view === "grid") button.hidden = !entry || entry.group.length < 2;
  }
}

function showLooks(current) {
  $("style-panel").hidden = !current.styled;
  $("style-image").hidden = !S.style;
  if (S.style) showIn($("style-image"), backend.address(S.style.picture));
  $("style-name").textContent = S.style ? S.style.name : "Choose, or drop here";
  $("region").value = S.region;
  $("style-from").value = S.styleFrom;
  $("style-from-field").hidden = ["everywhere", "drawn"].includes(S.region);
  $("amount").value = Math.round(100 * S.amount);
  $("amount-shown").textContent = `${Math.round(100 * S.amount)} %`;
}

function showLayers(current) {
  for (const row of $("layers").children) {
    const name = row.dataset.layer;
    row.hidden = !current.layers.includes(name);
    row.querySelector("input").checked = !S.hidden.has(name);
    const count = countOf(S.strokes.filter((s) => s.layer === name));
    row.querySelector("output").textContent = count ? `${count} stroke${count > 1 ? "s" : ""}` : "empty";
  }
}

/* One line, of which the rest opens. */
function showNotes(view) {
  const lines = S.size ? notes() : [];
  $("said").hidden = !lines.length || view === "grid";
  if (!lines.length || $("said").dataset.lines === lines.join("\n")) return;
  $("said").dataset.lines = lines.join("\n");
  $("said").open = false;
  $("said").firstElementChild.textContent = lines.length > 1 ? `${lines.length} notes. ${lines[0]}` : lines[0];
  $("said").lastElementChild.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
}

function showPanel() {
  const open = !!S.size, entry = entryNow(), view = viewNow(), current = mode();
  $("start").hidden = open;
  $("start-title").textContent = current.sheet ? "Draw, and get a photograph"
    : current.styled ? "Give a photograph the style of another" : "Edit a photograph by drawing on it";
  $("start-how").textContent = !current.sheet ? "Drop a photograph or saved strokes here, paste one, or"
    : "drawings" in S.server.lacks ? "Drop saved strokes here, or" : "Drop a drawing or saved strokes here, paste one, or";
  $("start-open").textContent = current.sheet ? "Start with a blank sheet" : "Choose a photograph";
  $("zoom").hidden = !open || view === "grid";
  showViews(entry, view);
  showTools(current);
  showLooks(current);
  showLayers(current);
  showNotes(view);
  $("save-strokes").disabled = !S.strokes.length;
  const why = missing();
  $("run").disabled = !!why;
  $("run").title = why || "Run (Enter)";
  $("why").textContent = why;
  $("why").hidden = !why;
  $("run").textContent = S.running ? "Running" : "Run";
  $("download").disabled = $("continue").disabled = !entry || !entry.request;
  $("color-field").hidden = !current.layers.includes("color");
  $("continue").hidden = current.sheet;
  $("side-field").hidden = current.sheet || current.styled || !S.server.sides.length;
  $("seam-field").hidden = current.sheet || current.styled;
  $("texture-field").hidden = current.sheet || current.styled || "texture" in S.server.lacks;
  $("fill-field").hidden = $("new-sheet").hidden = !current.sheet;
  for (const field of document.querySelectorAll(".seeded")) field.hidden = !current.seeded;
  $("vary-field").hidden = !current.seeded || current.sheet || $("count").value === "1";
  for (const button of $("shapes").querySelectorAll("[data-shape]")) button.setAttribute("aria-pressed", button.dataset.shape === S.shape);
  $("mirror").setAttribute("aria-pressed", S.mirror);
  $("hint").textContent = current.hint;
  $("credit").textContent = S.credit ? `Picture: ${S.credit}` : "";
  $("open-drawing").hidden = !open || !current.layers.includes("sketch") || "drawings" in S.server.lacks;
  if (open) $("width-shown").textContent = `${brushWidth()} px`;
  $("width").value = sliderOf(S.shares[share()]);
  $("color").value = S.color;
  $("stage").style.cursor = !open ? "default" : S.tool === "hand" || S.panning ? "grab" : view === "compare" ? "ew-resize"
    : S.tool === "dropper" || S.tool === "lasso" ? "crosshair" : view === "draw" ? "none" : "default";
}
onRender(showPanel);
