/* The worker in which photographs are edited: it loads LiteRT and the model, and answers the page (backend.js).
 *
 * A classic worker, since LiteRT loads its WebAssembly's script by importScripts; the rest comes as modules. The large
 * files are loaded here and not by the service worker, so that they come once and their progress is known. */

const base = self.tfsketchBase; // the page's address, set by what starts this worker
const at = (path) => new URL(path, base).href;
const studio = import(at("browser/studio.js"));
let network = null, share = 0;

/* LiteRT writes whatever it has to say to the error stream: what is no error is shown where it is looked for only. */
const complain = console.error.bind(console);
console.error = (text, ...more) => (/^(INFO|WARNING|VERBOSE): /.test(text) ? console.debug : complain)(text, ...more);

/* The bytes of one of the large files: kept ones, or from where the page came, checked against the page's list. */
async function large({ path, integrity, bytes }, cache, progress) {
  const copy = cache && (await cache.match(at(path)));
  if (copy) { progress(bytes); return new Uint8Array(await copy.arrayBuffer()); }
  const response = await fetch(at(path), { integrity, cache: "no-cache" }).catch(() => null);
  if (!response || !response.ok) throw new Error(`${path} could not be loaded: is there a connection? Once all is loaded, none is needed.`);
  const data = new Uint8Array(bytes), reader = response.body.getReader();
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    data.set(part.value, length);
    length += part.value.length;
    progress(length);
  }
  // A browser whose storage is full or switched off loads it again the next time.
  if (cache) await cache.put(at(path), new Response(data, { headers: { "Content-Type": "application/octet-stream" } })).catch(() => {});
  return data;
}

async function hasRelaxedSimd() { // relaxed SIMD: what the fast variants are built for
  return WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11]));
}

async function load({ version, model, runtimes, way, side, takes }) {
  const cache = self.caches ? await caches.open(`tfsketch ${base} ${version}`).catch(() => null) : null;
  // Threads need a page that its server isolates (docs/export.md).
  const threads = !!self.crossOriginIsolated && (await hasRelaxedSimd());
  const runtime = runtimes[threads ? "threaded" : (await hasRelaxedSimd()) ? "plain" : "compat"], all = model.bytes + runtime.bytes, done = [0, 0];
  const tell = (n) => (bytes) => { done[n] = bytes; share = (done[0] + done[1]) / all; };
  const [weights, binary] = await Promise.all([large(model, cache, tell(0)), large(runtime, cache, tell(1))]);
  const script = at(runtime.script);
  self.Module = {
    instantiateWasm: (imports, receive) => { WebAssembly.instantiate(binary, imports).then(({ instance, module }) => receive(instance, module)); },
    mainScriptUrlOrBlob: new Blob([`importScripts(${JSON.stringify(script)})`], { type: "text/javascript" }),
  };
  const litert = await import(at("litert/core.js"));
  const litertRuntime = await litert.loadLiteRt(at("litert/wasm/"), { threads });
  const executable = await litertRuntime.loadAndCompile(weights, { accelerator: "wasm" });
  const inputs = executable.getInputDetails();
  return {
    way,
    side,
    takes,
    async run(tensors) {
      const feeds = {}, results = {};
      for (const [key, shape] of Object.entries(takes)) feeds[key] = litert.Tensor.fromTypedArray(tensors[key], shape);
      // The file's names are the vocabulary's; LiteRT's order is its own.
      const outputs = await executable.run(Object.fromEntries(inputs.map(({ name }) => [name, feeds[name]])));
      for (const [key, tensor] of Object.entries(outputs)) results[key] = tensor.toTypedArray().slice();
      for (const tensor of [...Object.values(feeds), ...Object.values(outputs)]) tensor.delete();
      return results;
    },
  };
}

const ready = () => network;
const work = {
  load: async (known) => { network = load(known); await network; },
  open: async (blob) => (await studio).open(blob),
  run: async (request) => (await studio).run(request, ready),
  tile: async (source, box) => (await studio).tile(source, box, ready),
  save: async (request, how) => (await studio).save(request, how, ready),
  mask: async (request) => (await studio).mask(request),
  further: async (request) => (await studio).further(request, ready),
};
let queue = Promise.resolve(); // edits come one after the other, as the model has one set of tensors

self.onmessage = ({ data: { id, task, given } }) => {
  if (task === "share") { self.postMessage({ id, value: share }); return; }
  const answer = task === "load" ? work.load(...given) : (queue = queue.then(() => work[task](...given)));
  queue = queue.catch(() => {});
  answer.then((value) => self.postMessage({ id, value }), (error) => self.postMessage({ id, error: error.message || String(error) }));
};
