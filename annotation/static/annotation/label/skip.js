/** The dialog that asks why an item is skipped: a digit chooses a reason, Enter sends it. */

import { byId } from "./dom.js";

export function listenToSkip() {
  const dialog = byId("skip");
  const reasons = [...dialog.querySelectorAll("[name=why]")];
  byId("skip-button").addEventListener("click", openSkip);
  byId("skip-cancel").addEventListener("click", () => dialog.close());
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
