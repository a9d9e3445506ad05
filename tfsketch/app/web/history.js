/* Changes of the drawing, and back: of its strokes, and of what they lie on. */

import { useModel } from "./controls.js";
import { fit } from "./stage.js";
import { S, mode, render } from "./state.js";

const STEPS = 200;
const GROUND = ["picture", "size", "shown", "image", "name", "credit", "said"]; // what strokes lie on
const followers = [];
let finish = () => {};
/** Registers what follows a change of what would be run. */
export const onChange = (follow) => followers.push(follow);
/** Registers what ends a stroke that is still drawn, as if the hand had been lifted. */
export const onSettle = (end) => { finish = end; };
/** Ends a stroke that is still drawn: it belongs to what is there now, and not to what comes in its place. */
export const settle = () => finish();

export function refresh() {
  render();
  for (const follow of followers) follow();
}
const workNow = () => ({ model: S.model, sheet: mode().sheet, strokes: S.strokes, ...Object.fromEntries(GROUND.map((name) => [name, S[name]])) });

/** Makes what is there a step to which undo comes back. */
export function checkpoint() {
  S.undo.push(workNow());
  if (S.undo.length > STEPS) S.undo.shift();
  S.redo = [];
}
export function commit(strokes) {
  if (strokes === S.strokes) return;
  checkpoint();
  S.strokes = strokes;
  refresh();
}
/** Lays another photograph or sheet in place of what is there: whose strokes, if there are any, are one step back. */
export function lay(ground) {
  settle();
  if (S.strokes.length) checkpoint();
  Object.assign(S, { strokes: [], redo: [], current: null, view: "draw" }, ground);
}
function step(from, to) {
  settle();
  if (!from.length) return;
  to.push(workNow());
  const { model, sheet, ...work } = from.pop(), other = work.size !== S.size;
  if (sheet !== mode().sheet) useModel(model);
  Object.assign(S, other ? work : { strokes: work.strokes }, { view: "draw" });
  if (other) fit();
  refresh();
}
export const undo = () => step(S.undo, S.redo);
export const redo = () => step(S.redo, S.undo);
