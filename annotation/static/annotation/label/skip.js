/** The dialog that asks why an item is skipped: a digit chooses a reason, Enter sends it. */

import { byId } from "./dom.js";
import { notify } from "./notices.js";

const PATIENCE_MS = 5000;

export function listenToSkip() {
  const dialog = byId("skip");
  const reasons = [...dialog.querySelectorAll("[name=why]")];
  byId("skip-button").addEventListener("click", openSkip);
  byId("skip-cancel").addEventListener("click", () => dialog.close());
  dialog.querySelector("form[data-alive]")?.addEventListener("submit", submitted);
  dialog.addEventListener("keydown", (event) => {
    const reason = reasons[Number(event.key) - 1];
    if (!reason || event.target.matches("textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    reason.checked = true;
    reason.focus();
  });
}

export function openSkip() {
  byId("skip").showModal();
}

/** The form leaves the page: only when there is a server to take it, else the browser's error page would come instead. */
async function submitted(event) {
  const form = event.target;
  event.preventDefault();
  if (await isAlive(form.dataset.alive)) {
    form.submit();
    return;
  }
  byId("skip").close();
  notify("skip", "The server could not be reached: nothing was skipped. Your answers are kept; try again in a moment.");
}

async function isAlive(url) {
  try {
    return (await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
  } catch {
    return false;
  }
}
