/* What is said to the user while something goes on, or where it fails. */

export const $ = (id) => document.getElementById(id);

/** Does something with the browser's storage; null where that is full or switched off (naming it throws then): there is
 * nothing to be done about it, and drawing goes on. */
export function withStorage(use) {
  try { return use(); } catch { return null; }
}

/** Says what went wrong. */
export function say(text) {
  $("message").textContent = text;
  $("message").classList.remove("note");
  $("message").hidden = !text;
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => say(""), 9000);
}

/** Says what is good to know. */
export function tell(text) {
  say(text);
  $("message").classList.add("note");
}

const works = []; // what goes on, each {text, since, share, cancel}: the one begun last has the sign
let timer = 0;
function showBusy() {
  clearInterval(timer);
  const work = works.at(-1);
  $("busy").hidden = !work;
  if (!work) return;
  $("busy-cancel").hidden = !work.cancel;
  $("busy-cancel").onclick = work.cancel;
  if ($("busy-text").textContent !== work.text) $("busy-text").textContent = work.text;
  const show = () => { // beside what is read aloud, which says it once and does not count
    const seconds = (performance.now() - work.since) / 1000;
    $("busy-seconds").textContent = seconds < 1 ? "" : `${seconds.toFixed(0)} s`;
  };
  show();
  showShare(work);
  timer = setInterval(show, 500);
}
function showShare({ share }) {
  $("busy-share").hidden = share === null;
  if (share !== null) $("busy-share").value = share;
}

/** Runs work under a sign that says so; what it throws is said, and null is given.
 *
 * Work that `ends` can be cancelled: it gets {signal, progress} as of `run` in backend.js. */
export async function guard(text, run, ends = false) {
  const controller = new AbortController();
  const work = { text, since: performance.now(), share: null, cancel: ends ? () => controller.abort() : null };
  /* How much is done, 0 to 1. */
  const progress = (share) => {
    work.share = share;
    if (works.at(-1) === work) showShare(work);
  };
  say("");
  works.push(work);
  showBusy();
  try {
    return await run({ signal: controller.signal, progress });
  } catch (error) {
    if (error.name === "AbortError") tell("Cancelled.");
    else say(error.message);
    return null;
  } finally {
    works.splice(works.indexOf(work), 1);
    showBusy();
  }
}

const WAITS = [300, 700, 1500, 3000, 5000, 8000, 8000]; // milliseconds; a server that warms up refuses some requests

/** Loads a picture; one that the backend does not give at once is asked for again. */
export function loadImage(source, waits = []) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => {
      if (!waits.length) { reject(new Error("The picture could not be shown.")); return; }
      setTimeout(() => loadImage(source, waits.slice(1)).then(resolve, reject), waits[0]);
    };
    image.src = source;
  });
}
export const loadPatiently = (source) => loadImage(source, WAITS);
/** Shows a picture of the backend in an <img>, as soon as there is one; a later call counts. */
export function showIn(image, source) {
  if (image.dataset.source === source) return;
  image.dataset.source = source;
  const show = () => { if (image.dataset.source === source) image.src = source; };
  loadPatiently(source).then(show, show);
}
