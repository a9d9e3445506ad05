/* The one module that talks to the server. A page whose models run elsewhere is this page with another module in this
 * one's place that exports the same, such as browser/backend.js, whose model runs in the browser:
 *
 *   state()                  what there is: {modes, models, examples, sides, places, regions, formats, limits, lacks}, as `Studio.state` gives
 *                            it; `lacks` says in words what is not there, by name; with `drawings` in it, sketch() is not offered
 *   open(file)               takes a photograph (a Blob): {picture, size, preview, notes, strokes}, `picture` a handle that
 *                            stays good, `size` and `preview` [width, height] of the photograph and of what is shown of
 *                            it, `notes` lines on what a result keeps of the file, and what not, `strokes` {size, strokes}
 *                            of a file of layers
 *   address(picture)         where an <img> finds what is shown of a photograph
 *   tile(source, box)        a part [left, top, width, height] of a photograph (its handle) or of the result that a
 *                            request picks, pixel by pixel, as a Blob
 *   sketch(file, level)      reads a drawing as strokes: {size, strokes, notes}
 *   example(name)            opens an example: what `open` gives, unless it is a sheet, and {strokes, mode, side, region,
 *                            style}, `style` what `open` gives of a second photograph
 *   thumbnail(name)          where an <img> finds an example's small picture
 *   has(picture)             whether a photograph is still there, after a reload of the page
 *   mask(request)            changes a mask: {picture, strokes, region, grow, invert} -> {size, strokes}, as `Studio.mask`
 *   run(request, {signal, progress})  makes pictures: {results: [{seed, box, png, lines, notes}]}, `box` [left, top, width, height]
 *                            of what is shown, `png` and `lines` addresses of pictures, `lines` only of drawings,
 *                            `notes` lines on what was guessed
 *                            `signal`, an AbortSignal, ends it with an error of the name AbortError; `progress` is told
 *                            the share that is done, 0 to 1, as soon and as often as it is known
 *   save(request, how)       {blob, notes}: the one result that a request picks, at full size, and what its format does not
 *                            keep; `how` is {format, quality, mark}, a format one of `formats` of the state
 *   further(request)         takes that result for a photograph: as `open`
 *
 * A request is {model, picture, strokes: {size, strokes}, seed, count, pick, side, fill, feather, seam, texture, style,
 * region, style_from, amount},
 * as `tfsketch/app/requests.py` checks it. Whatever fails throws an Error whose message is for people. */

/* Addresses are relative to the page's, which may lie in a folder of another server that passes requests on.
 *
 * The server keeps a few photographs. Handles are the names that it gave first; one that it has forgotten is sent again,
 * and has another name from then on. */
const ASK = 400; // milliseconds between two questions how far a job is
const sources = new Map();
const nameOf = (handle) => (sources.has(handle) ? sources.get(handle).name : handle);

async function ask(path, body, { raw, signal, job } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST", body: raw ? body : JSON.stringify(body),
      headers: { "Content-Type": raw ? "application/octet-stream" : "application/json", ...(job ? { Job: job } : {}) }, signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The editor's program does not answer: is it still running?");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Error(said.error || `The server said ${response.status}.`);
  }
  return response;
}

/* Asks once more where the server has forgotten a photograph, of the two that there may be. */
async function askOf(path, request, more) {
  for (let tries = 0; ; tries++) {
    try {
      const { picture, style, ...rest } = request;
      const fields = { ...rest, picture: nameOf(picture), ...(style === undefined ? {} : { style: nameOf(style) }) };
      return await ask(path, fields, more);
    } catch (error) {
      const [, lost] = /^(picture|style): .*still in memory/.exec(error.message) || [];
      const source = sources.get(request[lost]);
      if (!lost || !source || !source.send || tries > 1) throw error;
      source.name = (await source.send()).picture;
    }
  }
}

/* Remembers how a photograph is sent again. */
async function keep(send) {
  const entry = await send();
  sources.set(entry.picture, { name: entry.picture, send });
  return entry;
}

export async function state() {
  const response = await fetch("api/state").catch(() => null);
  if (!response || !response.ok) throw new Error("The editor's program does not answer: is it still running?");
  return response.json();
}
export const open = (file) => keep(async () => (await ask("api/pictures", file, { raw: true })).json());
export const address = (picture) => `api/pictures/${nameOf(picture)}`;
export async function tile(source, box) {
  if (typeof source === "object") return (await askOf("api/tile", { ...source, box })).blob();
  const response = await fetch(`${address(source)}?box=${box}`);
  if (!response.ok) throw new Error("A part of the photograph could not be shown.");
  return response.blob();
}
export const sketch = async (file, level) => (await ask(`api/sketch?level=${level}`, file, { raw: true })).json();
export const thumbnail = (name) => `api/examples/${name}`;

export async function example(name) {
  const get = async () => (await ask(`api/examples/${name}`, {})).json();
  const entry = await get();
  if (entry.picture) sources.set(entry.picture, { name: entry.picture, send: get });
  if (entry.style) sources.set(entry.style.picture, { name: entry.style.picture, send: async () => (await get()).style });
  return entry;
}

/* Asks how far a job is until it is over. */
async function follow(job, progress, over) {
  while (!over.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, ASK));
    const answer = await fetch(`api/jobs/${job}`, { signal: over.signal }).catch(() => null);
    const { share } = answer && answer.ok ? await answer.json().catch(() => ({})) : {};
    if (share && !over.signal.aborted) progress(share);
  }
}

export async function run(request, { signal, progress } = {}) {
  const job = Math.random().toString(36).slice(2) + Date.now().toString(36), over = new AbortController();
  const end = () => ask(`api/jobs/${job}`, {}).catch(() => {});
  if (signal) signal.addEventListener("abort", end);
  if (progress) follow(job, progress, over);
  let answer;
  try {
    answer = await (await askOf("api/run", request, { signal, job })).json();
  } finally {
    over.abort();
    if (signal) signal.removeEventListener("abort", end);
  }
  const picture = (base64) => `data:image/png;base64,${base64}`;
  const results = answer.results.map((result) => ({
    ...result, png: picture(result.png), ...(result.lines ? { lines: picture(result.lines) } : {}),
  }));
  return { ...answer, results };
}
export const mask = async (request) => (await askOf("api/mask", request)).json();
export const has = async (picture) => (await fetch("api/pictures/" + picture, { method: "HEAD" }).catch(() => ({ ok: false }))).ok;
export async function save(request, how) {
  const answer = await askOf("api/file", { ...request, ...how });
  return { blob: await answer.blob(), notes: JSON.parse(answer.headers.get("x-notes") || "[]") };
}
export const further = (request) => keep(async () => (await askOf("api/continue", request)).json());
