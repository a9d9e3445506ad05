/* What is said to the user while something goes on, or where it fails. */

export const $ = (id) => document.getElementById(id);

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

let busySince = 0;
function busy(text, cancel) {
  clearInterval(busy.timer);
  $("busy").hidden = !text;
  $("busy-share").hidden = true;
  $("busy-cancel").hidden = !cancel;
  $("busy-cancel").onclick = cancel || null;
  if (!text) return;
  busySince = performance.now();
  const show = () => {
    const seconds = (performance.now() - busySince) / 1000;
    $("busy-text").textContent = seconds < 1 ? text : `${text} ${seconds.toFixed(0)} s`;
  };
  show();
  busy.timer = setInterval(show, 500);
}

/* Shows how much is done, 0 to 1. */
function progress(share) {
  $("busy-share").hidden = false;
  $("busy-share").value = share;
}

/** Runs work under a sign that says so; what it throws is said, and null is given.
 *
 * Work that `ends` can be cancelled: it gets {signal, progress} as of `run` in backend.js. */
export async function guarded(text, work, ends = false) {
  const controller = new AbortController();
  say("");
  busy(text, ends ? () => controller.abort() : null);
  try {
    return await work({ signal: controller.signal, progress });
  } catch (error) {
    if (error.name === "AbortError") tell("Cancelled.");
    else say(error.message);
    return null;
  } finally { busy(""); }
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
