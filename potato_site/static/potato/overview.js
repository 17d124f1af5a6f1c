// The parts of the overview that fetch themselves again stand still while nobody looks, and while somebody is using
// them with the keyboard: a swap would take the focus away.

document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.target;
  if (!(part instanceof HTMLElement) || !part.hasAttribute("data-poll")) return;
  const isUsed = part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
  if (document.hidden || isUsed) event.preventDefault();
});
