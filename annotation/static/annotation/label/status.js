/** The save state in one sentence, in the page's one element with role "status". It changes only when the words do. */

export function showStatus(element, { store, sender, outbox, loginUrl }) {
  const waiting = store.ops.size - store.refused.size;
  const { state, text, link } = describe(waiting, store.refused.size, sender);
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  element.dataset.state = state;
  element.textContent = text;
  element.dataset.durable = String(outbox.durable);
  if (link) element.append(" ", signIn(loginUrl));
}

function describe(waiting, refused, sender) {
  if (sender.rehearses) return { state: "saved", text: "Preview – nothing is saved" };
  if (refused && !waiting) return { state: "refused", text: `${changes(refused)} refused – see the notice` };
  if (!waiting) return { state: "saved", text: "All changes saved" };
  if (sender.problem === "signed-out") return { state: "problem", text: "Signed out –", link: true };
  if (sender.problem === "closed") return { state: "problem", text: `${changes(waiting)} not saved. ${sender.message}` };
  if (sender.problem === "not-yours") {
    return { state: "problem", text: `${changes(waiting)} kept on this device: this item belongs to another account` };
  }
  if (!navigator.onLine) return { state: "offline", text: `Offline – kept on this device (${changes(waiting)})` };
  if (sender.failures) return { state: "problem", text: `${changes(waiting)} not saved yet – retrying` };
  return { state: "saving", text: "Saving…" };
}

function changes(n) {
  return n === 1 ? "1 change" : `${n} changes`;
}

function signIn(url) {
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = "sign in again to save";
  return link;
}
