/* The mask as a whole: regions of a face, growing, inverting. */

import * as backend from "./backend.js";
import { choose } from "./controls.js";
import { $, guard } from "./feedback.js";
import { commit, settle } from "./history.js";
import { S, mode, onRender } from "./state.js";

/* Puts what the backend makes of the mask in its place; undo brings back what was there. */
async function change(how) {
  await guard("Masking", async () => {
    const picture = S.picture, mask = new Set(S.strokes.filter((stroke) => stroke.layer === "mask"));
    const answer = await backend.mask({ picture, strokes: { size: S.size, strokes: [...mask] }, ...how });
    if (picture !== S.picture) return; // another photograph was opened meanwhile
    settle();
    if (mode().styled) S.region = "drawn";
    choose(S.tool === "lasso" ? "lasso" : "mask");
    commit([...answer.strokes, ...S.strokes.filter((stroke) => !mask.has(stroke))]); // with what was painted meanwhile
  });
}
const pixels = () => Math.max(1, Number($("mask-pixels").value) || 1);

export function startMasks() {
  for (const name of S.server.regions) $("mask-region").append(new Option(name, name));
  $("mask-region").value = S.server.regions.includes("hair") ? "hair" : S.server.regions[0];
  $("mask-cover").onclick = () => change({ region: $("mask-region").value });
  $("mask-grow").onclick = () => change({ grow: pixels() });
  $("mask-shrink").onclick = () => change({ grow: -pixels() });
  $("mask-invert").onclick = () => change({ invert: true });
}

onRender(() => {
  const current = mode(), covered = S.strokes.some((stroke) => stroke.layer === "mask");
  $("mask-field").hidden = !S.picture || !current.layers.includes("mask");
  $("mask-regions").hidden = !S.server.regions.length;
  for (const id of ["mask-grow", "mask-shrink", "mask-invert"]) $(id).disabled = !covered;
});
