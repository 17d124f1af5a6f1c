/** The inputs that HTML has: what each says, and how it shows a value. */

import { wellFormed } from "./ids.js";

/** The value an input stands for now; null for no answer. */
export function valueOf(element, api) {
  const choice = (text) => api.scheme.choices?.find(({ value }) => String(value) === text)?.value ?? text;
  if (element.type === "checkbox" && api.scheme.many) return ticked(element, api);
  if (element.type === "checkbox") return element.checked || null;
  if (element.type === "radio") return choice(element.value);
  if (element.matches("select")) return element.value === "" ? null : choice(element.value);
  if (element.type === "number" || element.type === "range") return numberOf(element);
  return wellFormed(element.value) || null;
}

/** Every ticked box of the group. A tick too many is taken back. */
function ticked(element, { scheme, announce }) {
  const boxes = [...element.closest("[data-scheme]").querySelectorAll("input[type=checkbox]")];
  const values = () => boxes.filter((box) => box.checked).map((box) => box.value);
  if (scheme.max_selections && values().length > scheme.max_selections) {
    element.checked = false;
    announce(`At most ${scheme.max_selections} can be chosen`);
  }
  return values().length ? values() : null;
}

/** A number that the input takes; one out of its limits is no answer, and the field says so itself. */
function numberOf(element) {
  showTwin(element);
  element.removeAttribute("data-unset");
  return element.value === "" || !element.validity.valid ? null : Number(element.value);
}

/** A slider and its number field show each other's value while they are used. */
function showTwin(element) {
  for (const twin of element.parentElement.querySelectorAll("[data-key]")) {
    if (twin === element || !element.validity.valid) continue;
    twin.value = element.value === "" ? (twin.dataset.start ?? "") : element.value;
    twin.toggleAttribute("data-unset", element.value === "");
  }
}

/** Show a value (null: none) in an input. */
export function shown(input, value, api) {
  if (input.type === "radio") input.checked = input.value === String(value);
  else if (input.type === "checkbox") input.checked = Array.isArray(value) ? value.includes(input.value) : value === true;
  else if (input.type === "range") position(input, value, api);
  else if (input.type === "number" && value === null && !input.validity.valid) return;
  else if (!api.isTyping(input) && input.value !== String(value ?? "")) input.value = value ?? "";
}

function position(input, value, api) {
  if (api.isTyping(input)) return;
  input.toggleAttribute("data-unset", value === null);
  input.value = value ?? input.dataset.start;
  input.setAttribute("aria-valuetext", value === null ? "no answer yet" : String(value));
}
