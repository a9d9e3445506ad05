/* The page of the editor. It keeps strokes in the form that tfsketch reads from files, draws them with Konva over a
 * preview of the photograph (stage.js), and asks for pictures (backend.js). What it shows is all in `S` (state.js).
 * Here the controls are connected to what they do. */

import * as backend from "./backend.js";
import { choose } from "./controls.js";
import { startDrawing } from "./drawing.js";
import { $, say, withStorage } from "./feedback.js";
import { startFiles } from "./files.js";
import { furnish } from "./furniture.js";
import { commit, redo, refresh, undo } from "./history.js";
import "./gallery.js";
import { startKeeping } from "./keep.js";
import { startKeys } from "./keys.js";
import { startMasks } from "./masks.js";
import { blankSheet, setModel } from "./opening.js";
import { shareOf } from "./panel.js";
import { startPointer } from "./pointer.js";
import { goOn, run } from "./results.js";
import { download, saveStrokes, startSaving } from "./saving.js";
import { fit, followWindow, zoom, zoomReal } from "./stage.js";
import { S, render, share } from "./state.js";

function connect() {
  for (const button of document.querySelectorAll(".tool")) button.onclick = () => choose(button.dataset.tool);
  for (const button of $("views").children) button.onclick = () => { S.view = button.dataset.view; render(); };
  $("undo").onclick = undo;
  $("redo").onclick = redo;
  $("clear").onclick = () => commit([]);
  $("run").onclick = run;
  $("region").onchange = () => { S.region = $("region").value; refresh(); };
  $("style-from").onchange = () => { S.styleFrom = $("style-from").value; refresh(); };
  $("amount").oninput = () => { S.amount = Number($("amount").value) / 100; render(); };
  $("amount").onchange = refresh;
  $("new-sheet").onclick = () => blankSheet();
  $("save-strokes").onclick = saveStrokes;
  $("download").onclick = download;
  $("continue").onclick = goOn;
  $("help").onclick = () => $("notes").showModal();
  $("zoom-in").onclick = () => zoom(1.25);
  $("zoom-out").onclick = () => zoom(0.8);
  $("zoom-real").onclick = zoomReal;
  $("zoom-fit").onclick = fit;
  $("model").onchange = () => { setModel($("model").value); refresh(); };
  for (const button of document.querySelectorAll("[data-shape]")) button.onclick = () => { S.shape = button.dataset.shape; render(); };
  $("mirror").onclick = () => { S.mirror = !S.mirror; render(); };
  $("count").onchange = render;
  for (const id of ["feather", "seam", "texture"]) $(id).onchange = refresh;
  $("width").oninput = () => { S.shares[share()] = shareOf(Number($("width").value)); render(); };
  $("color").oninput = () => { S.color = $("color").value; choose("color"); };
  $("dice").onclick = () => { $("seed").value = Math.floor(Math.random() * 100000); if (S.live) run(); };
  $("live").onchange = () => { S.live = $("live").checked; render(); if (S.live) run(); };
}

async function start() {
  $("message").onclick = () => say(""); // what goes wrong from here on can be closed
  S.server = await backend.state();
  S.live = $("live").checked; // browsers keep checkboxes over a reload
  furnish();
  connect();
  startPointer();
  startFiles();
  startDrawing();
  startKeys();
  startMasks();
  startSaving();
  new ResizeObserver(followWindow).observe($("canvas"));
  setModel(S.server.models[0].name);
  fit();
  document.body.inert = false; // nothing is pressed in vain before it does what it says
  await startKeeping();
  if (!withStorage(() => localStorage.getItem("tfsketch-notes"))) $("notes").showModal();
  $("notes").onclose = () => withStorage(() => localStorage.setItem("tfsketch-notes", "read"));
}

start().catch((error) => { document.body.inert = false; say(error.message); });
