/* `backend.js` for a page without a server: the same interface, answered by a worker of this page (worker.js), which runs
 * the model in the browser. An import map in the page puts it in the other one's place. Nothing leaves the device.
 *
 * What it cannot do, `state().lacks` says, and the page does not offer. */

const base = new URL("../", import.meta.url).href;
const addresses = new Map(); // handle -> what an <img> finds its preview at
const jobs = new Map();
const ASK = 200; // milliseconds between two questions how much of the model is loaded
const SHOWN = 60000; // milliseconds after which a result's picture has long been drawn
let worker = null, count = 0, loaded = false, loading = null, known = null;

function start() {
  // By a blob, so that the page's policy holds in the worker too: of a file of its own only its server could give one.
  const text = `self.tfsketchBase = ${JSON.stringify(base)}; importScripts(${JSON.stringify(`${base}browser/worker.js`)});`;
  const source = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  worker = new Worker(source);
  let answered = false;
  worker.onmessage = ({ data: { id, value, error } }) => {
    answered = true;
    if (!jobs.has(id)) return; // given up
    const { resolve, reject } = jobs.get(id);
    jobs.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  };
  worker.onerror = (event) => {
    for (const { reject } of jobs.values()) reject(new Error(`The editor's worker stopped: ${event.message || "its script could not be loaded"}`));
    jobs.clear();
    // One that did not even start answers nothing, ever: the next question starts another.
    if (!answered) worker = null;
  };
}
function ask(task, ...given) {
  if (!worker) start();
  return new Promise((resolve, reject) => {
    jobs.set(++count, { resolve, reject });
    worker.postMessage({ id: count, task, given });
  });
}

/* Starts to load the model; once more where that has failed. */
function load() {
  if (!loading) {
    loading = ask("load", known.engine);
    loading.then(() => { loaded = true; }, () => { loading = null; });
  }
  return loading;
}

/* One of the page's own files. */
async function own(path) {
  const response = await fetch(base + path).catch(() => null);
  if (!response || !response.ok) throw new Error(`${path} could not be loaded: is there a connection?`);
  return response;
}
const json = async (path) => (await own(path)).json();

export async function state() {
  if (navigator.serviceWorker) navigator.serviceWorker.register(`${base}sw.js`).catch(() => {}); // without it, a connection is needed
  known = await json("state.json");
  load().catch(() => {}); // who runs the model is told
  return known;
}

function register({ shown, ...about }) {
  addresses.set(about.picture, URL.createObjectURL(new Blob([shown], { type: "image/jpeg" })));
  return about;
}
export const open = async (file) => register(await ask("open", file));
export const address = (picture) => addresses.get(picture) || "data:,";
export const has = async (picture) => addresses.has(picture);
export const thumbnail = (name) => `${base}examples/${name}.thumbnail.jpg`;
export async function example(name) {
  const { photograph, style, ...about } = await json(`examples/${name}.json`);
  const file = async (path) => open(await (await own(`examples/${path}`)).blob());
  return { ...about, ...(photograph ? await file(photograph) : {}), ...(style ? { style: await file(style) } : {}) };
}

/* Work that may be given up: the worker ends it, and nobody listens. */
function abortable(work, signal) {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const end = () => reject(new DOMException("Cancelled.", "AbortError"));
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

/* Tells how much of the model is loaded until it is. */
async function follow(progress, signal) {
  while (!loaded && loading && !(signal && signal.aborted)) {
    const share = await ask("share").catch(() => 0);
    if (share && share < 1) progress(share);
    await new Promise((resolve) => setTimeout(resolve, ASK));
  }
}
async function answerTo(request, progress, signal) {
  const ready = load();
  if (!loaded && progress) follow(progress, signal);
  await ready;
  return ask("run", request);
}
export async function run(request, { signal, progress } = {}) {
  const { results } = await abortable(answerTo(request, progress, signal), signal);
  const addressOf = (data) => {
    const png = URL.createObjectURL(new Blob([data], { type: "image/png" }));
    setTimeout(() => URL.revokeObjectURL(png), SHOWN);
    return png;
  };
  return { results: results.map((result) => ({ ...result, png: addressOf(result.png), ...(result.lines ? { lines: addressOf(result.lines) } : {}) })) };
}
export const tile = async (source, box) => new Blob([await ask("tile", source, box)], { type: "image/jpeg" });
export async function save(request, how) {
  const { data, type, notes } = await ask("save", request, how);
  return { blob: new Blob([data], { type }), notes };
}
export const further = async (request) => register(await ask("further", request));

export const sketch = async () => { throw new Error(`${known.lacks.drawings}: not on this page, but in tfsketch's program.`); };
export const mask = (request) => ask("mask", request);
