/* What is saved to the user's disk. */

import * as backend from "./backend.js";
import { $, guarded } from "./feedback.js";
import { S } from "./state.js";

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
  await guarded("Saving at full size", async () => {
    saveBlob(await backend.save(entry.request, $("mark").checked), `${entry.name}_edited.png`);
  });
}
