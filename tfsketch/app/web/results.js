/* Running a model, and the strip of results. */

import * as backend from "./backend.js";
import { useModel } from "./controls.js";
import { $, guard, loadImage } from "./feedback.js";
import { checkpoint, onChange, settle } from "./history.js";
import { opening, showPicture, withImage } from "./opening.js";
import { fit } from "./stage.js";
import { S, entryNow, isOfNow, mode, modeOf, onRender, render, runnable, viewNow } from "./state.js";
import { paintedIn, varyStrokes } from "./variation.js";

const KEPT = 24;
const THUMBNAIL = 136;

/* The panel's fields that make a difference in a mode. */
function fieldsOf({ sheet, styled, seeded }) {
  const edits = !sheet && !styled;
  return [...(seeded ? ["seed", "count"] : []), ...(seeded && !sheet ? ["vary"] : []), ...(sheet ? ["fill"] : ["feather"]), ...(edits ? ["side", "seam", "texture"] : [])];
}
const part = (id) => ($(id).type === "checkbox" ? "checked" : "value");
const settingsNow = () => Object.fromEntries(fieldsOf(mode()).map((id) => [id, $(id)[part(id)]]));

function requestNow() {
  const number = (id) => ($(id).value === "" ? null : Number($(id).value));
  const { sheet, styled, seeded } = mode();
  const styling = styled ? { style: S.style.picture, region: S.region, style_from: S.styleFrom, amount: S.amount } : {};
  return {
    ...styling,
    model: S.model, picture: sheet ? null : S.picture, strokes: { size: S.size, strokes: S.strokes },
    seed: Math.max(0, Math.floor(Number($("seed").value) || 0)), count: seeded ? Number($("count").value) : 1,
    side: sheet || styled ? null : number("side"), fill: sheet ? number("fill") : null,
    feather: sheet ? null : number("feather"), ...(sheet || styled ? {} : { seam: $("seam").checked, texture: $("texture").checked ? 1 : 0 }),
  };
}

/* The requests of one run, each made when it is wanted. A search orders its results itself; of an edit, each is asked
 * for alone, and those after the first may vary what was drawn. */
function requestsOf(request, group) {
  const { sheet } = modeOf(request.model), { size, strokes } = request.strokes;
  if (sheet || request.count === 1) return [() => request];
  const vary = $("vary").value === "drawing";
  const of = (n) => (vary && n ? varyStrokes(strokes, n, request.seed, paintedIn(group[0].canvas, size, strokes)) : strokes);
  return Array.from({ length: request.count }, (_, n) => () => ({
    ...request, seed: request.seed + n, count: 1, strokes: { size, strokes: of(n) },
  }));
}

/* A result, put into the picture. */
async function entryOf(result, request, pick, given) {
  const { image, shown } = given;
  const patch = await loadImage(result.png), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = shown;
  const context = canvas.getContext("2d");
  if (image) context.drawImage(image, 0, 0, ...shown);
  context.drawImage(patch, ...result.box);
  const lines = result.lines ? await loadImage(result.lines) : null;
  return { ...given, canvas, box: result.box, lines, notes: result.notes || [], strokes: request.strokes.strokes,
    // Seeds of an edit stand alone; a search's results are ordered among themselves.
    request: image ? { ...request, seed: result.seed, count: 1 } : { ...request, pick } };
}
/* What a result of several is called. */
function labelOf(entry, number, own) {
  const { seeded, sheet } = modeOf(entry.request.model);
  if (sheet) return `no. ${number + 1}`;
  if (number && entry.strokes !== own) return `variation ${number}`;
  return seeded ? `seed ${entry.request.seed}` : "";
}

export async function run() {
  if (!runnable()) return;
  if (S.running) { S.again = true; return; }
  S.running = true;
  const request = requestNow(), settings = settingsNow();
  const { image, size, shown, name, credit, style, said } = S;
  const group = [], requests = requestsOf(request, group), own = request.strokes.strokes;
  const start = performance.now();
  render();
  await guard("Painting", async ({ signal, progress }) => {
    signal.addEventListener("abort", () => { S.again = false; }); // who ends it does not want it once more
    for (const [number, request] of requests.entries()) {
      const one = request();
      const share = (part) => progress((number + part) / requests.length);
      if (number) share(0);
      const answer = await backend.run(one, { signal, progress: share });
      for (const [pick, result] of answer.results.entries()) {
        const entry = await entryOf(result, one, pick, { image, size, shown, name, credit, style, said, settings });
        group.push(Object.assign(entry, { group, label: labelOf(entry, group.length, own) }));
      }
    }
  }, true);
  // What was cancelled in the middle has made the first ones.
  for (const entry of group) remember(entry);
  if (group.length) {
    const [entry] = group; // the best of a search, and of an edit what was drawn
    // A result of another model or picture, which may be open by now, waits in the strip, and takes no other's place.
    if (isOfNow(entry) || !entryNow()) S.current = entry;
    if (isOfNow(entry) && (!S.live || mode().sheet)) S.view = group.length > 1 ? "grid" : "compare";
    $("run").dataset.seconds = ((performance.now() - start) / 1000).toFixed(3);
    $("run").dataset.runs = Number($("run").dataset.runs || 0) + 1;
  }
  S.running = false;
  render();
  if (S.again) { S.again = false; run(); }
}
onChange(() => { if (S.live) run(); });

let resultCount = 0;
function remember(entry) {
  S.results.push(entry);
  resultCount++; // those that are kept become no more
  const thumb = document.createElement("canvas");
  thumb.width = thumb.height = THUMBNAIL;
  const [width, height] = entry.shown, edge = Math.min(width, height);
  thumb.getContext("2d").drawImage(entry.canvas, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, THUMBNAIL, THUMBNAIL);
  const button = document.createElement("button");
  button.entry = entry;
  button.title = `Result ${resultCount}${entry.label && `, ${entry.label}`}: show it with its strokes`;
  const image = document.createElement("img");
  image.src = thumb.toDataURL("image/jpeg", 0.85);
  image.alt = button.title;
  const label = document.createElement("small");
  label.textContent = entry.label.replace("variation", "var.") || `${resultCount}`;
  button.append(image, label);
  button.onclick = () => recall(entry);
  $("history").append(button);
  while ($("history").children.length > KEPT) { $("history").firstChild.remove(); S.results.shift(); }
  $("history").scrollLeft = $("history").scrollWidth;
}

/* Shows a result again, with the strokes and settings that made it: run again, it comes first. */
export function recall(entry) {
  settle();
  const other = S.image !== entry.image || S.size !== entry.size;
  if (S.strokes !== entry.strokes && (!other || S.strokes.length)) checkpoint();
  useModel(entry.request.model);
  Object.assign(S, { image: entry.image, size: entry.size, shown: entry.shown, picture: entry.request.picture, name: entry.name, credit: entry.credit, said: entry.said, current: entry, strokes: entry.strokes });
  if (other) fit();
  for (const [id, value] of Object.entries({ ...entry.settings, seed: entry.request.seed })) $(id)[part(id)] = value;
  const { region, style_from: styleFrom = "region", amount } = entry.request;
  if (region) Object.assign(S, { style: entry.style, region, styleFrom, amount });
  if (S.view === "draw") S.view = "compare";
  render();
}

/** Takes the result for the photograph. */
export async function goOn() {
  const entry = S.current;
  await guard("Opening the result", () => opening(async () => withImage(await backend.further(entry.request)), (picture) => showPicture(picture, entry.name, entry.credit)));
}

onRender(() => {
  const entry = entryNow(), view = viewNow();
  for (const button of $("history").children) button.setAttribute("aria-pressed", button.entry === entry && view !== "draw");
});
