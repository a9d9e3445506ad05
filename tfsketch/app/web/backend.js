/* The one module that talks to the server. A page whose models run elsewhere, in the browser for one, is this page with
 * another module in this one's place that exports the same:
 *
 *   state()                  what there is: {modes, models, examples, sides, places, limits}, as `Studio.state` gives it
 *   open(file)               takes a photograph (a Blob): {picture, size, preview}, `picture` a handle that stays good,
 *                            the others [width, height] of the photograph and of what is shown of it
 *   address(picture)         where an <img> finds what is shown of a photograph
 *   tile(source, box)        a part [left, top, width, height] of a photograph (its handle) or of the result that a
 *                            request picks, pixel by pixel, as a Blob
 *   sketch(file, level)      reads a drawing as strokes: {size, strokes, notes}
 *   example(name)            opens an example: what `open` gives, unless it is a sheet, and {strokes, mode, side, region,
 *                            style}, `style` what `open` gives of a second photograph
 *   thumbnail(name)          where an <img> finds an example's small picture
 *   run(request)             makes pictures: {results: [{seed, box, png, lines}]}, `box` [left, top, width, height] of
 *                            what is shown, `png` and `lines` addresses of pictures, `lines` only of drawings
 *   save(request, mark)      the one result that a request picks, at full size, as a Blob
 *   further(request)         takes that result for a photograph: as `open`
 *
 * A request is {model, picture, strokes: {size, strokes}, seed, count, pick, side, fill, style, region, amount}, as
 * `Studio.request` checks it. Whatever fails throws an Error whose message is for people. */

/* The server keeps a few photographs. Handles are the names that it gave first; one that it has forgotten is sent again,
 * and has another name from then on. */
const sources = new Map();
const nameOf = (handle) => (sources.has(handle) ? sources.get(handle).name : handle);

async function ask(path, body, raw) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST", body: raw ? body : JSON.stringify(body),
      headers: { "Content-Type": raw ? "application/octet-stream" : "application/json" },
    });
  } catch {
    throw new Error("The editor's program does not answer: is it still running?");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw new Error(said.error || `The server said ${response.status}.`);
  }
  return response;
}

/* Asks once more where the server has forgotten a photograph, of the two that there may be. */
async function askOf(path, request) {
  for (let tries = 0; ; tries++) {
    try {
      const { picture, style, ...rest } = request;
      const named = { ...rest, picture: nameOf(picture), ...(style === undefined ? {} : { style: nameOf(style) }) };
      return await ask(path, named);
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
  const opened = await send();
  sources.set(opened.picture, { name: opened.picture, send });
  return opened;
}

export const state = async () => (await fetch("/api/state")).json();
export const open = (file) => keep(async () => (await ask("/api/pictures", file, true)).json());
export const address = (picture) => `/api/pictures/${nameOf(picture)}`;
export async function tile(source, box) {
  if (typeof source === "object") return (await askOf("/api/tile", { ...source, box })).blob();
  const response = await fetch(`${address(source)}?box=${box}`);
  if (!response.ok) throw new Error("A part of the photograph could not be shown.");
  return response.blob();
}
export const sketch = async (file, level) => (await ask(`/api/sketch?level=${level}`, file, true)).json();
export const thumbnail = (name) => `/api/examples/${name}`;

export async function example(name) {
  const get = async () => (await ask(`/api/examples/${name}`, {})).json();
  const opened = await get();
  if (opened.picture) sources.set(opened.picture, { name: opened.picture, send: get });
  if (opened.style) sources.set(opened.style.picture, { name: opened.style.picture, send: async () => (await get()).style });
  return opened;
}

export async function run(request) {
  const answer = await (await askOf("/api/run", request)).json();
  const picture = (base64) => `data:image/png;base64,${base64}`;
  const results = answer.results.map((result) => ({
    ...result, png: picture(result.png), ...(result.lines ? { lines: picture(result.lines) } : {}),
  }));
  return { ...answer, results };
}
export const save = async (request, mark) => (await askOf("/api/file", { ...request, mark })).blob();
export const further = async (request) => (await askOf("/api/continue", request)).json();
