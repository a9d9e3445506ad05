/* The settings of the page, to be kept with the drawing and put back: what a user chose, and apart from it what an example
 * lends until something else is opened. */

import * as backend from "./backend.js";
import { useModel } from "./controls.js";
import { $ } from "./feedback.js";
import { borrow, lent, ownSettings } from "./opening.js";
import { LAYERS, S, TOOL_LAYER, mode } from "./state.js";

const FIELDS = ["seed", "count", "vary", "side", "fill", "feather", "seam", "texture", "live", "format", "quality", "mark", "mask-region", "mask-pixels"];
const KNOWN = {
  tool: (value) => value in TOOL_LAYER || ["dropper", "eraser", "hand"].includes(value),
  layer: (value) => value in LAYERS,
  color: (value) => /^#[0-9a-f]{6}$/.test(value),
  shape: (value) => ["free", "line", "rectangle", "ellipse"].includes(value),
  mirror: (value) => typeof value === "boolean",
  region: (value) => S.server.places.includes(value),
  styleFrom: (value) => ["region", "whole"].includes(value),
  amount: (value) => value >= 0 && value <= 1,
};
const part = (id) => ($(id).type === "checkbox" ? "checked" : "value");
const styleOf = (style) => style && { picture: style.picture, name: style.name, notes: style.notes };

/** All settings, as a tree for `applySettings`. */
export function settingsNow() {
  const { side, region, style } = ownSettings(), example = lent();
  return {
    model: S.model, fields: { ...Object.fromEntries(FIELDS.map((id) => [id, $(id)[part(id)]])), side },
    state: { ...Object.fromEntries(Object.keys(KNOWN).map((name) => [name, S[name]])), region },
    shares: S.shares, hidden: [...S.hidden], style: styleOf(style), lent: example && { ...example, style: styleOf(example.style) },
  };
}

function setField(id, value) {
  const before = $(id)[part(id)];
  if (typeof value !== typeof before) return;
  $(id)[part(id)] = value;
  if ($(id)[part(id)] !== value) $(id)[part(id)] = before; // a choice that is no more
}
/* A photograph whose style is taken, if the backend still has it. */
const styleThere = async (style) => (style && (await backend.has(style.picture).catch(() => false)) ? style : null);

/** Puts back what `settingsNow` gave; of another version of the page, what is known. The model is that of now. */
export async function applySettings({ fields = {}, state = {}, shares = {}, hidden = [], style = null, lent: example = null }) {
  const [own, others] = [await styleThere(style), await styleThere(example && example.style)];
  for (const id of FIELDS) setField(id, fields[id]);
  for (const [name, fits] of Object.entries(KNOWN)) if (fits(state[name])) S[name] = state[name];
  for (const name of Object.keys(S.shares)) if (shares[name] >= 0.001 && shares[name] <= 0.4) S.shares[name] = shares[name];
  S.hidden = new Set(hidden.filter((name) => name in LAYERS));
  S.live = $("live").checked;
  if (own) S.style = own;
  if (example) {
    borrow(example.side, KNOWN.region(example.region) ? example.region : "");
    if (others) S.style = others;
  }
  const needs = TOOL_LAYER[S.tool];
  if (needs && !mode().layers.includes(needs)) S.tool = mode().layers[0];
  useModel(S.model); // with one of its layers
}
