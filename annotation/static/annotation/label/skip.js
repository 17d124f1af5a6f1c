/**
 * The dialog that asks why an item is skipped: a digit chooses a reason, Enter sends it. Of a reopened item it is the one
 * that leaves it as it was.
 */

import { byId } from "./dom.js";
import { announce, notify } from "./notices.js";

const PATIENCE_MS = 5000;

let submission = null;

export function listenToSkip(ofThePage) {
  submission = ofThePage;
  const dialog = byId("skip");
  const reasons = [...dialog.querySelectorAll("[name=why]")];
  byId("skip-button").addEventListener("click", openSkip);
  byId("skip-cancel").addEventListener("click", () => dialog.close());
  dialog.querySelector("form[data-alive]")?.addEventListener("submit", submitted);
  // Who comes back to the page by the browser's history finds it as it was left.
  addEventListener("pageshow", ({ persisted }) => persisted && waiting(dialog.querySelector("form"), false));
  dialog.addEventListener("keydown", (event) => {
    const reason = reasons[Number(event.key) - 1];
    if (!reason || event.target.matches("textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    reason.checked = true;
    reason.focus();
  });
}

export function openSkip() {
  if (submission.busy) {
    announce(`The item is being submitted: ${byId("skip").dataset.failed}.`);
    return;
  }
  if (submission.store.isClosed) {
    announce(submission.store.closed);
    return;
  }
  submission.callOff();
  byId("skip").showModal();
}

/**
 * The form leaves the page: only when there is a server to take it, else the browser's error page would come instead.
 * Who closes the dialog before it has answered skips nothing.
 */
async function submitted(event) {
  const form = event.target;
  const dialog = byId("skip");
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  let isClosed = false;
  const asking = new AbortController();
  const patience = setTimeout(() => asking.abort(), PATIENCE_MS);
  const close = () => {
    isClosed = true;
    asking.abort();
  };
  dialog.addEventListener("close", close, { once: true });
  waiting(form, true);
  const isThere = await isAlive(form.dataset.alive, asking.signal);
  clearTimeout(patience);
  if (isClosed) {
    waiting(form, false);
  } else if (isThere) {
    // From here on it cannot be called back.
    byId("skip-cancel").disabled = true;
    form.submit();
  } else {
    waiting(form, false);
    dialog.close();
    notify("skip", `The server could not be reached: ${dialog.dataset.failed}. Your answers are kept; try again in a moment.`);
  }
}

function waiting(form, yes) {
  form.setAttribute("aria-busy", String(yes));
  form.querySelector("[type=submit]").setAttribute("aria-disabled", String(yes));
  byId("skip-cancel").disabled = false;
  byId("skip-state").textContent = yes ? byId("skip").dataset.busy : "";
}

async function isAlive(url, signal) {
  try {
    return (await fetch(url, { cache: "no-store", signal })).ok;
  } catch {
    return false;
  }
}
