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
function busy(text) {
  clearInterval(busy.timer);
  $("busy").hidden = !text;
  if (!text) return;
  busySince = performance.now();
  const show = () => {
    const seconds = (performance.now() - busySince) / 1000;
    $("busy").lastElementChild.textContent = seconds < 1 ? text : `${text} ${seconds.toFixed(0)} s`;
  };
  show();
  busy.timer = setInterval(show, 500);
}

/** Runs work under a sign that says so; what it throws is said, and null is given. */
export async function guarded(text, work) {
  say("");
  busy(text);
  try { return await work(); } catch (error) { say(error.message); return null; } finally { busy(""); }
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
