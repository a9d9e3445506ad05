/* What tools, keys and buttons do to the page's state. */

import { $ } from "./feedback.js";
import { showBrush } from "./stage.js";
import { S, TOOL_LAYER, mode, render, share } from "./state.js";

/** Takes a model for the one that runs, and one of its layers to draw on. */
export function useModel(name) {
  S.model = name;
  $("model").value = name;
  const { layers, title } = mode();
  $("model-shown").querySelector("b").textContent = title;
  $("model-shown").querySelector("small").textContent = name.replace(/\/+$/, "").split("/").pop(); // of a folder's path or an address
  $("model").title = name;
  if (!layers.includes(S.layer)) { S.layer = layers[0]; S.tool = S.layer; }
}

export function choose(tool) {
  S.tool = tool;
  if (TOOL_LAYER[tool]) { S.layer = TOOL_LAYER[tool]; S.hidden.delete(S.layer); S.view = "draw"; }
  if (tool === "eraser") S.view = "draw";
  showBrush(null);
  render();
}
export function resize(factor) {
  S.shares[share()] = Math.min(0.4, Math.max(0.001, S.shares[share()] * factor));
  render();
}
export function nextView() {
  if ($("views").hidden) return;
  const order = [...$("views").children].filter((button) => !button.hidden).map((button) => button.dataset.view);
  S.view = order[(order.indexOf(S.view) + 1) % order.length];
  render();
}
/** Shows or hides a layer. */
export function toggle(name) {
  if (S.hidden.has(name)) S.hidden.delete(name);
  else S.hidden.add(name);
  render();
}
