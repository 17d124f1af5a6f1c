// The set-up page beyond what forms do by themselves: errors at their fields while typing, a colour picker, lines of the
// YAML, and a word before unsaved changes are left. Everything works without it, by the page's buttons.

const OPEN = new Set();
let unsaved = false;
let typedAtRequest = null;

const form = () => document.getElementById("setup");
const yaml = () => document.getElementById("yaml");

function say() {
  const state = form()?.querySelector(".setup-state");
  if (state) state.textContent = unsaved ? state.dataset.unsavedText : "";
}

function changed() {
  unsaved = true;
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
      if (/^#[0-9a-f]{6}$/i.test(input.value)) picker.value = input.value;
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

function begin() {
  if (form()?.hasAttribute("data-unsaved")) unsaved = true;
  addPickers();
  say();
}

document.addEventListener("input", (event) => {
  if (event.target.closest("#setup")) changed();
});

document.addEventListener("submit", (event) => {
  // "Make current again" and "Read a file" leave unsaved changes as a link does.
  if (event.target === form()) unsaved = false;
});

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
document.body.dataset.ready = "true";
