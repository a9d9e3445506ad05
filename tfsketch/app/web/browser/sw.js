/* The service worker of the page without a server: the page's files are kept at the first visit, and answered from there
 * from then on, with or without a connection. The large ones are kept by the worker that loads them (worker.js). */

const VERSION = "@VERSION@";
const FILES = {/*@FILES@*/}; // path -> integrity
const prefix = `tfsketch ${self.registration.scope} `, name = prefix + VERSION;

async function fill() {
  const cache = await caches.open(name);
  await Promise.all(Object.entries(FILES).map(async ([path, integrity]) => {
    const address = new URL(path, self.registration.scope).href;
    const response = await fetch(address, { integrity, cache: "no-cache" });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    // The content alone: a server may have led elsewhere for it, as many do from index.html to its folder, and what was
    // led elsewhere is no answer to someone who visits a page.
    await cache.put(address, new Response(await response.blob()));
  }));
  await cache.put(self.registration.scope, await cache.match(new URL("index.html", self.registration.scope).href));
}
async function forget() {
  for (const other of await caches.keys()) if (other.startsWith(prefix) && other !== name) await caches.delete(other);
  await self.clients.claim();
}
async function answer(request) {
  const cache = await caches.open(name);
  return (await cache.match(request, { ignoreSearch: true })) || fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(forget()));
self.addEventListener("fetch", (event) => {
  const { url, method } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});
