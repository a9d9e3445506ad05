/* What is said to the user while something goes on, or where it fails. */

export const $ = (id) => document.getElementById(id);

export function say(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => say(""), 9000);
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

export const loadImage = (source) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => reject(new Error("The picture could not be shown."));
  image.src = source;
});
