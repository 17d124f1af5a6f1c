/** The dialog that asks why an item is skipped: a digit chooses a reason, Enter sends it. */

export function listenToSkip() {
  const dialog = document.getElementById("skip");
  const reasons = [...dialog.querySelectorAll("[name=why]")];
  document.getElementById("skip-button").addEventListener("click", openSkip);
  document.getElementById("skip-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    const reason = reasons[Number(event.key) - 1];
    if (!reason || event.target.matches("textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    reason.checked = true;
    reason.focus();
  });
}

export function openSkip() {
  document.getElementById("skip").showModal();
}
