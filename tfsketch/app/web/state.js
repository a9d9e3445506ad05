/* What the page knows, in one place: `S`, the names of layers, and what follows from them.
 *
 * Everything that changes `S` ends in `render`; modules that show a part of `S` register with `onRender`. Strokes are
 * never changed in place, so that undo keeps lists and not copies. Nothing here touches the document. */

export const LAYERS = {
  mask: { title: "Mask", color: "#e5484d", share: 0.07 },
  color: { title: "Colour", color: "#f2b84b", share: 0.03 },
  sketch: { title: "Sketch", color: "#111111", share: 0.006 },
};
/** The layer that a tool draws on; tools without one draw nothing. */
export const TOOL_LAYER = { mask: "mask", lasso: "mask", sketch: "sketch", color: "color" };

/** `said` holds lines on what of a file was kept, left out or guessed, by what was opened or saved: see `notes`.
 * `size` is the photograph's [width, height], in whose pixels everything is drawn; `shown` that of `image`, its preview. */
export const S = {
  server: null, model: "", picture: null, size: null, shown: null, image: null, name: "picture", credit: "",
  strokes: [], undo: [], redo: [], results: [], current: null, said: {},
  view: "draw", tool: "mask", layer: "mask", color: "#b8604f", shares: { eraser: 0.05 }, hidden: new Set(), divide: 0.5, shape: "free", mirror: false,
  style: null, region: "everywhere", styleFrom: "region", amount: 1, live: false, running: false, again: false, panning: false,
};
for (const [name, layer] of Object.entries(LAYERS)) S.shares[name] = layer.share;

/** The mode of a model by its name; null where the backend has none of this name. */
export function modeOf(name) {
  const model = S.server.models.find((one) => one.name === name);
  return model ? S.server.modes[model.mode] : null;
}
export const mode = () => modeOf(S.model);

/** Whether a result belongs to the picture that is open and to the model that is chosen. */
export const isOfNow = (entry) => entry.size === S.size && entry.image === S.image && entry.request.model === S.model;
/** The result that is shown, if it belongs to them, or null. */
export const entryNow = () => (S.current && isOfNow(S.current) ? S.current : null);
/** The view that is shown: without a result there is none but `draw`. */
export function viewNow() {
  const entry = entryNow();
  if (!entry) return "draw";
  return (S.view === "lines" && !entry.lines) || (S.view === "grid" && entry.group.length < 2) ? "result" : S.view;
}

/** What is good to know of what is open: lines, each with what it is about. */
export function notes() {
  const { photograph = [], sketch = [], file = [] } = S.said, entry = entryNow(), current = mode();
  const about = (what, lines) => lines.map((line) => `${what}: ${line}`);
  return [
    ...about("Photograph", current.sheet ? [] : photograph),
    ...about("Style", (current.styled && S.style && S.style.notes) || []),
    ...about("Sketch", S.strokes.some((stroke) => stroke.layer === "sketch") ? sketch : []),
    ...about("Result", entry ? entry.notes : []),
    ...about("Saved file", entry ? file : []),
  ];
}

/* Brush sizes are kept as shares of the picture's shorter side, one for each layer and one for the eraser; of a strip's
 * side of an eighth of its length, or no brush would cover a share of it that one sees. */
const unit = () => Math.max(Math.min(...S.size), Math.max(...S.size) / 8);
export const share = () => (S.tool === "eraser" ? "eraser" : S.layer);
export const brushWidth = () => Math.max(1, Math.round(S.shares[share()] * unit() * 10) / 10);

/** Whether what is drawn counts: a photograph is restyled where it is covered only if that is asked for. */
export const countsStrokes = (current = mode()) => !current.styled || S.region === "drawn";
/** What is missing before there is enough to run, in words; nothing where there is. */
export function missing() {
  const current = mode();
  if (!S.size) return current.sheet ? "Start a sheet first." : "Open a photograph first.";
  if (current.styled && !S.style) return "Choose the photograph whose style to take.";
  if (!countsStrokes(current) || S.strokes.some((stroke) => stroke.layer === current.layers[0])) return "";
  return current.layers[0] === "mask" ? "Cover what is to change with the mask first." : "Draw some lines first.";
}
export const runnable = () => !missing();

const renderers = [];
export const onRender = (show) => renderers.push(show);
export function render() {
  for (const show of renderers) show();
}
