// The set-up page beyond what forms do by themselves: errors at their fields while typing, a colour picker, lines of the
// YAML, and a word before unsaved changes are left. Everything works without it, by the page's buttons.

const OPEN = new Set();
// What is unsaved when the page is left stays with the tab: after a lost session it is offered again.
const KEPT = `potato-setup:${location.pathname}`;
let unsaved = false;
// What is typed is not saved yet as far as this page knows, though it may be on its way.
let toKeep = false;
let discarded = false;
let typedAtRequest = null;

const form = () => document.getElementById("setup");
const yaml = () => document.getElementById("yaml");

function say() {
  const state = form()?.querySelector(".setup-state");
  if (state) state.textContent = unsaved ? state.dataset.unsavedText : "";
}

function changed() {
  unsaved = toKeep = true;
  say();
}

// Each error of the YAML stands at its field as well.
function placeErrors() {
  for (const shown of document.querySelectorAll("#setup-fields .setup-error")) shown.textContent = "";
  for (const input of document.querySelectorAll("#setup-fields [aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const note of document.querySelectorAll("#setup-yaml [data-field]")) {
    const place = document.getElementById(`${note.dataset.field}-error`);
    if (!place) continue;
    place.textContent = [place.textContent.trim(), note.dataset.text].filter(Boolean).join("; ");
    document.getElementById(note.dataset.field)?.setAttribute("aria-invalid", "true");
  }
}

function goToLine(number) {
  const area = yaml();
  const lines = area.value.split("\n");
  const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
  area.scrollTop = (number - 3) * parseFloat(getComputedStyle(area).lineHeight);
}

// A picker beside the text of a colour; the text is what counts.
function addPickers() {
  for (const input of document.querySelectorAll("#setup-fields input[data-color]:not([data-picker])")) {
    const picker = document.createElement("input");
    picker.type = "color";
    picker.disabled = input.matches(":disabled");
    picker.setAttribute("aria-label", "Choose the colour");
    const take = () => {
      const isColor = /^#[0-9a-f]{6}$/i.test(input.value);
      if (isColor) picker.value = input.value;
      picker.toggleAttribute("data-empty", !isColor);
    };
    take();
    input.addEventListener("input", take);
    picker.addEventListener("input", () => {
      input.value = picker.value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    input.dataset.picker = "true";
    input.after(picker);
  }
}

function keep() {
  if (!toKeep || discarded || !form()) return;
  const fields = [...new FormData(form())].filter(
    ([name, value]) => typeof value === "string" && name !== "csrfmiddlewaretoken",
  );
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ person: form().dataset.person, fields }));
  } catch {
    // No room, or the browser keeps nothing: then there is nothing to offer.
  }
}

function offer() {
  if (location.hash === "#saved") {
    sessionStorage.removeItem(KEPT);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  const panel = document.getElementById("setup-offer");
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept || !panel) return;
  if (kept.person !== form().dataset.person) {
    sessionStorage.removeItem(KEPT);
    return;
  }
  panel.hidden = unsaved;
  panel.querySelector("[data-do=bring-back]").addEventListener("click", () => bringBack(kept.fields));
  panel.querySelector("[data-do=forget]").addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    panel.hidden = true;
  });
}

// The page answers with the form as it was, as after any of its buttons.
function bringBack(fields) {
  const sent = document.createElement("form");
  sent.method = "post";
  sent.action = form().action;
  sent.hidden = true;
  const token = form().querySelector("[name=csrfmiddlewaretoken]").value;
  for (const [name, value] of [["csrfmiddlewaretoken", token], ["do", "check"], ...fields]) {
    const input = document.createElement("textarea");
    input.name = name;
    input.value = value;
    sent.append(input);
  }
  document.body.append(sent);
  sent.submit();
}

function begin() {
  if (form()?.hasAttribute("data-unsaved")) unsaved = toKeep = true;
  addPickers();
  say();
}

document.addEventListener("input", (event) => {
  if (!event.target.closest("#setup")) return;
  discarded = false;
  changed();
});

document.addEventListener("submit", (event) => {
  // "Make current again" and "Read a file" leave unsaved changes as a link does.
  if (event.target === form()) unsaved = false;
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-discard]")) return;
  discarded = true;
  sessionStorage.removeItem(KEPT);
});

window.addEventListener("pagehide", keep);

document.addEventListener("click", (event) => {
  const link = event.target.closest("#setup-yaml a[data-line]");
  if (!link) return;
  event.preventDefault();
  goToLine(Number(link.dataset.line));
});

window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

document.addEventListener("htmx:beforeRequest", () => {
  typedAtRequest = yaml()?.value ?? null;
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!["setup", "setup-yaml"].includes(event.detail.target.id)) return;
  // Somebody typed in the YAML meanwhile: that stays, and comes along with the next change.
  if (yaml() && yaml().value !== typedAtRequest) event.detail.shouldSwap = false;
  OPEN.clear();
  for (const part of document.querySelectorAll("#setup-fields details")) OPEN.add(`${part.id} ${part.open}`);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "setup-yaml" || event.target.id === "setup-yaml") placeErrors();
  for (const part of document.querySelectorAll("#setup-fields details")) {
    if (OPEN.has(`${part.id} true`)) part.open = true;
    if (OPEN.has(`${part.id} false`) && !part.querySelector("[aria-invalid]")) part.open = false;
  }
  begin();
  changed();
});

begin();
offer();
document.body.dataset.ready = "true";
