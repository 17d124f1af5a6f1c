/**
 * Parts of a page that follow the server (hx-trigger "every …") are replaced under a person's hands: what was opened or
 * closed in them stays so (a `details` with an id), and nothing is replaced between the press and the release of a
 * button, which would never be clicked. The next answer comes soon.
 */

const states = new Map();
let pressed = null;

document.addEventListener("pointerdown", (event) => (pressed = event.button === 0 ? event.target : null));
for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, () => (pressed = null));

document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part.matches('[hx-trigger*="every"]')) return;
  if (pressed && part.contains(pressed)) {
    event.detail.shouldSwap = false;
    return;
  }
  for (const one of part.querySelectorAll("details[id]")) states.set(one.id, one.open);
});

document.addEventListener("htmx:afterSettle", () => {
  for (const [id, open] of states) {
    const one = document.getElementById(id);
    if (one) one.open = open;
  }
  states.clear();
});
