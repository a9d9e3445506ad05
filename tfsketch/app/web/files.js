/* Files that are chosen, dropped or pasted. */

import { openDrawing } from "./drawing.js";
import { $, guard } from "./feedback.js";
import { claim } from "./keep.js";
import { blankSheet, openPicture, openStyle, takeStrokes } from "./opening.js";
import { S, mode } from "./state.js";

async function openFiles(files) {
  const list = [...files].sort((a, b) => a.name.endsWith(".json") - b.name.endsWith(".json"));
  await guard("Opening", async () => {
    for (const file of list) {
      if (file.name.toLowerCase().endsWith(".json")) {
        let tree;
        try { tree = JSON.parse(await file.text()); } catch { throw new Error(`${file.name}: expected strokes saved by tfsketch.`); }
        takeStrokes(tree, file.name);
      } else if (mode().sheet) {
        if ("drawings" in S.server.lacks) throw new Error(`${file.name}: expected strokes saved by tfsketch. Not on this page, but in tfsketch's program: ${S.server.lacks.drawings}.`);
        await openDrawing(file);
      }
      else {
        if (!(await openPicture(file))) return; // something else was opened meanwhile, to which what follows does not belong
        claim();
      }
    }
  });
}

/* Shows where a file would go: nowhere, on the canvas, or to the style. */
function mark(event) {
  const style = !!event && !!event.target.closest && !!event.target.closest("#style-panel");
  $("canvas").classList.toggle("dropping", !!event && !style);
  $("style").classList.toggle("dropping", style);
  return style;
}

export function startFiles() {
  $("open").onclick = () => $("file").click();
  $("start-open").onclick = () => (mode().sheet ? blankSheet() : $("file").click());
  $("file").onchange = () => { openFiles($("file").files); $("file").value = ""; };
  $("style").onclick = () => $("style-file").click();
  $("style-file").onchange = () => { if ($("style-file").files.length) openStyle($("style-file").files[0]); $("style-file").value = ""; };
  document.addEventListener("paste", (event) => { const files = [...(event.clipboardData || {}).files || []]; if (files.length) openFiles(files); });
  document.addEventListener("dragover", (event) => { event.preventDefault(); mark(event); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(null); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const style = mark(event), { files } = event.dataTransfer;
    mark(null);
    if (files.length) (style ? openStyle(files[0]) : openFiles(files));
  });
}
