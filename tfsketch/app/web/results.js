/* Running a model, and the strip of results. */

import * as backend from "./backend.js";
import { $, guarded, loadImage } from "./feedback.js";
import { onChange } from "./history.js";
import { setModel, showPicture } from "./opening.js";
import { fit } from "./stage.js";
import { S, mode, modeOf, onRender, render, runnable, viewNow, entryNow } from "./state.js";

const KEPT = 24;
const THUMBNAIL = 136;

function requestNow() {
  const number = (id) => ($(id).value === "" ? null : Number($(id).value));
  const { sheet, styled, seeded } = mode();
  const looks = styled ? { style: S.style.picture, region: S.region, amount: S.amount } : {};
  return {
    ...looks,
    model: S.model, picture: sheet ? null : S.picture, strokes: { size: S.size, strokes: S.strokes },
    seed: Math.max(0, Math.floor(Number($("seed").value) || 0)), count: seeded ? Number($("count").value) : 1,
    side: sheet || styled ? null : number("side"), fill: sheet ? number("fill") : null,
  };
}

export async function run() {
  if (!runnable()) return;
  if (S.running) { S.again = true; return; }
  S.running = true;
  const request = requestNow();
  const { image, size, shown, name, credit, style } = S;
  const started = performance.now();
  render();
  await guarded("Painting", async () => {
    const answer = await backend.run(request);
    for (const [pick, result] of answer.results.entries()) {
      const patch = await loadImage(result.png);
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = shown;
      const context = canvas.getContext("2d");
      if (image) context.drawImage(image, 0, 0, ...shown);
      context.drawImage(patch, ...result.box);
      const lines = result.lines ? await loadImage(result.lines) : null;
      remember({ canvas, box: result.box, lines, image, size, shown, name, credit, style, strokes: request.strokes.strokes,
        // Seeds of an edit stand alone; a search's results are ordered among themselves.
        request: image ? { ...request, seed: result.seed, count: 1 } : { ...request, pick } });
    }
    if (!image) S.current = S.results[Math.max(0, S.results.length - answer.results.length)]; // the best of a search
    if (!S.live || mode().sheet) S.view = "compare";
    $("run").dataset.seconds = ((performance.now() - started) / 1000).toFixed(3);
    $("run").dataset.runs = Number($("run").dataset.runs || 0) + 1;
  });
  S.running = false;
  render();
  if (S.again) { S.again = false; run(); }
}
onChange(() => { if (S.live) run(); });

function remember(entry) {
  S.results.push(entry);
  S.current = entry;
  const thumb = document.createElement("canvas");
  thumb.width = thumb.height = THUMBNAIL;
  const [width, height] = entry.shown, edge = Math.min(width, height);
  thumb.getContext("2d").drawImage(entry.canvas, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, THUMBNAIL, THUMBNAIL);
  const button = document.createElement("button");
  button.entry = entry;
  const { seeded, sheet } = modeOf(entry.request.model);
  const seed = seeded && !sheet ? `seed ${entry.request.seed}` : "";
  button.title = `Result ${S.results.length}${seed && `, ${seed}`}: show it with its strokes`;
  const image = document.createElement("img");
  image.src = thumb.toDataURL("image/jpeg", 0.85);
  image.alt = button.title;
  const label = document.createElement("small");
  label.textContent = seed || `${S.results.length}`;
  button.append(image, label);
  button.onclick = () => recall(entry);
  $("history").append(button);
  while ($("history").children.length > KEPT) { $("history").firstChild.remove(); S.results.shift(); }
  $("history").scrollLeft = $("history").scrollWidth;
}

/* Shows a result again, with the strokes and settings that made it. */
function recall(entry) {
  if (S.model !== entry.request.model) setModel(entry.request.model);
  const other = S.image !== entry.image || S.size !== entry.size;
  Object.assign(S, { image: entry.image, size: entry.size, shown: entry.shown, picture: entry.request.picture, name: entry.name, credit: entry.credit, current: entry });
  if (other) { S.undo = []; S.redo = []; S.strokes = entry.strokes; fit(); }
  else if (S.strokes !== entry.strokes) { S.undo.push(S.strokes); S.redo = []; S.strokes = entry.strokes; }
  $("seed").value = entry.request.seed;
  const { region, amount } = entry.request;
  if (region) Object.assign(S, { style: entry.style, region, amount });
  if (S.view === "draw") S.view = "compare";
  render();
}

/** Takes the result for the photograph. */
export async function goOn() {
  const entry = S.current;
  await guarded("Opening the result", async () => {
    await showPicture(await backend.further(entry.request), entry.name, entry.credit);
  });
}

onRender(() => {
  const entry = entryNow(), view = viewNow();
  for (const button of $("history").children) button.setAttribute("aria-pressed", button.entry === entry && view !== "draw");
});
