/* What is saved to the user's disk. */

import * as backend from "./backend.js";
import { $, guard, tell } from "./feedback.js";
import { S, entryNow, onRender, render } from "./state.js";

const FORMATS = { png: ["PNG", "png"], jpeg: ["JPEG", "jpg"], webp: ["WebP", "webp"], ora: ["Layers (.ora)", "ora"] };
const LOSSY = ["jpeg", "webp"];

function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
export function saveStrokes() {
  saveBlob(new Blob([JSON.stringify({ size: S.size, strokes: S.strokes })], { type: "application/json" }), `${S.name}.json`);
}
export async function download() {
  const entry = S.current;
  if (!entryNow()) return;
  const format = $("format").value, quality = Number($("quality").value), mark = $("mark").checked;
  await guard("Saving at full size", async () => {
    const how = { format, mark, ...(LOSSY.includes(format) ? { quality } : {}) };
    const { blob, notes } = await backend.save(entry.request, how);
    saveBlob(blob, `${entry.name}_edited.${FORMATS[format][1]}`);
    return notes;
  }).then((notes) => {
    if (!notes) return;
    S.said = { ...S.said, file: notes };
    if (notes.length) tell(notes.join("; ") + ".");
    render();
  });
}

export function startSaving() {
  for (const format of S.server.formats) $("format").append(new Option(FORMATS[format][0], format));
  const show = () => {
    $("quality-field").hidden = !LOSSY.includes($("format").value);
    $("quality-shown").textContent = $("quality").value;
  };
  $("format").onchange = $("quality").oninput = show;
  onRender(show);
}
