/* Changes of the strokes, and back. */

import { S, render } from "./state.js";

const STEPS = 200;
const followers = [];
/** Registers what follows a change of what would be run. */
export const onChange = (follow) => followers.push(follow);

export function changed() {
  render();
  for (const follow of followers) follow();
}
export function commit(strokes) {
  if (strokes === S.strokes) return;
  S.undo.push(S.strokes);
  if (S.undo.length > STEPS) S.undo.shift();
  S.redo = [];
  S.strokes = strokes;
  changed();
}
function step(from, to) {
  if (!from.length) return;
  to.push(S.strokes);
  S.strokes = from.pop();
  S.view = "draw";
  changed();
}
export const undo = () => step(S.undo, S.redo);
export const redo = () => step(S.redo, S.undo);
