/**
 * Single-key shortcuts. They work only outside text fields, without Ctrl, Alt or Meta, and can be turned off
 * (WCAG 2.1.4); every action has a button as well.
 */

const SWITCH = "potato-shortcuts";
// Two keys within this time are one shortcut, as in "g s".
const CHORD_MS = 1200;
const ARROWS = { ArrowLeft: "←", ArrowRight: "→" };

export class Keys {
  /** `bindings` are `[{key, text, run(), repeats}]`: what `repeats` goes on while its key is held; `places` what the list names besides: `[{place, keys: [{key, text}]}]`. */
  constructor(bindings, places = []) {
    this.bindings = bindings;
    this.prefix = "";
    this.on = read() !== "off";
    addEventListener("keydown", (event) => {
      onlyOnce(event);
      this.#pressed(event);
    });
    this.#cheatSheet(places);
    this.#apply();
  }

  #pressed(event) {
    if (!this.on || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]") || isField(event.target)) return;
    // Enter and Space belong to the button, link or summary that has the focus.
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, a, summary, input")) return;
    const chord = this.prefix + event.key;
    this.#startChord(event.key);
    const binding = this.bindings.find(({ key }) => key === chord) ?? this.bindings.find(({ key }) => key === event.key);
    if (!binding) return;
    event.preventDefault();
    // A key that is held, maybe since the page before, says nothing about what nobody has seen yet.
    if (!event.repeat || binding.repeats) binding.run();
  }

  #startChord(key) {
    clearTimeout(this.timer);
    this.prefix = this.bindings.some((binding) => binding.key.startsWith(`${key} `)) ? `${key} ` : "";
    this.timer = setTimeout(() => (this.prefix = ""), CHORD_MS);
  }

  #cheatSheet(places) {
    const rows = this.bindings.filter(({ text }) => text).map(({ key, text }) => row(key, text));
    const list = document.getElementById("help-keys");
    list.replaceChildren(...rows);
    list.after(...places.map(group));
    const box = document.getElementById("shortcuts-on");
    box.checked = this.on;
    box.addEventListener("change", () => {
      this.on = box.checked;
      write(this.on ? "on" : "off");
      this.#apply();
    });
  }

  #apply() {
    document.body.classList.toggle("no-shortcuts", !this.on);
  }
}

export function showHelp() {
  document.getElementById("help").showModal();
}

/** Enter that is held does not press the button that has come under it. */
function onlyOnce(event) {
  if (event.repeat && event.key === "Enter" && event.target.closest("button, a, summary")) event.preventDefault();
}

function isField(element) {
  return element.isContentEditable || element.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=button])");
}

function row(key, text) {
  const line = document.createElement("tr");
  const name = document.createElement("td");
  for (const part of key.split(" ")) name.append(part === "–" ? part : cap(part), " ");
  const meaning = document.createElement("td");
  meaning.textContent = text;
  line.append(name, meaning);
  return line;
}

function cap(key) {
  const element = document.createElement("kbd");
  element.className = "key";
  element.textContent = ARROWS[key] ?? key;
  return element;
}

/** The keys of one place, under its name. */
function group({ place, keys }) {
  const body = document.createElement("tbody");
  const head = document.createElement("tr");
  const name = document.createElement("th");
  Object.assign(name, { colSpan: 2, scope: "rowgroup", textContent: place });
  head.append(name);
  body.append(head, ...keys.map(({ key, text }) => row(key, text)));
  return body;
}

function read() {
  try {
    return localStorage.getItem(SWITCH);
  } catch {
    return null;
  }
}

function write(value) {
  try {
    localStorage.setItem(SWITCH, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
