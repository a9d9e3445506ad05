/* The photograph and its results pixel by pixel, where one looks closer than what is shown at first can tell: tiles,
 * asked for when they come into sight, one after the other, the last ones kept. */

import * as backend from "./backend.js";

const SIDE = 512; // pixels of the photograph
const KEPT = 80;
const DELAY = 120; // milliseconds, while which one may still be zooming
const tiles = new Map(); // key -> picture, or null while it is waited for; the one used last is the last
let queue = [], working = false, timer = 0, follow = () => {};

/** Registers what happens when a tile has come. */
export const onTile = (show) => { follow = show; };

let numbers = new WeakMap(), count = 0;
function keyOf(source, box) {
  if (typeof source === "object" && !numbers.has(source)) numbers.set(source, ++count);
  return `${typeof source === "object" ? numbers.get(source) : source}:${box}`;
}

async function work() {
  if (working) return;
  working = true;
  while (queue.length) {
    const { source, box, key } = queue.shift();
    if (tiles.get(key)) continue;
    try {
      tiles.set(key, await createImageBitmap(await backend.tile(source, box)));
    } catch {
      tiles.delete(key); // it stays as coarse as it was; asked for again at the next look
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    while (tiles.size > KEPT) tiles.delete(tiles.keys().next().value);
    follow();
  }
  working = false;
}

/** The tiles of what is in sight that have come, {box, image}; the others are asked for.
 *
 * source: a photograph's handle, or a request for a result; within and seen: [left, top, right, bottom], what there is
 * and what is in sight of it. */
export function tilesOf(source, within, seen) {
  const [left, top] = [0, 1].map((axis) => Math.max(within[axis], seen[axis]));
  const [right, bottom] = [2, 3].map((axis) => Math.min(within[axis], seen[axis]));
  const there = [], missing = [];
  if (right <= left || bottom <= top) return there;
  for (let y = Math.floor(top / SIDE) * SIDE; y < bottom; y += SIDE) {
    for (let x = Math.floor(left / SIDE) * SIDE; x < right; x += SIDE) {
      const [l, t] = [Math.max(x, within[0]), Math.max(y, within[1])];
      const box = [l, t, Math.min(x + SIDE, within[2]) - l, Math.min(y + SIDE, within[3]) - t];
      const key = keyOf(source, box), image = tiles.get(key);
      if (!image) { missing.push({ source, box, key }); continue; }
      tiles.delete(key);
      tiles.set(key, image);
      there.push({ box, image });
    }
  }
  if (missing.length) {
    queue = [...queue.filter((one) => one.source !== source), ...missing];
    clearTimeout(timer);
    timer = setTimeout(work, DELAY);
  } else queue = queue.filter((one) => one.source !== source);
  return there;
}
