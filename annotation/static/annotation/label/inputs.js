/** The inputs that HTML has: what each says, and how it shows a value. */

import { wellFormed } from "./ids.js";
import { isNumberField, numberIn } from "./numbers.js";

const FIELDS = "button, input, select, textarea";

/** The value an input of `key` stands for now; null for no answer. What it does not take changes nothing. */
export function valueOf(element, api, key) {
  const choice = (text) => api.scheme.choices?.find(({ value }) => String(value) === text)?.value ?? text;
  if (element.type === "checkbox" && api.scheme.many) return ticked(element, api);
  if (element.type === "checkbox") return element.checked || null;
  if (element.type === "radio") return choice(element.value);
  if (element.matches("select")) return element.value === "" ? null : choice(element.value);
  if (isNumberField(element) || element.type === "range") return numberOf(element, api, key);
  return wellFormed(element.value) || null;
}

/**
 * Where the answer to a question in the panel begins: at what is wrong, else at the first that can be used now (an offer to
 * accept suggestions, say, is hidden where there are none).
 */
export function firstField(panel) {
  const fields = [...panel.querySelectorAll(FIELDS)].filter((field) => field.checkVisibility() && !field.disabled);
  return fields.find((field) => field.hasAttribute("aria-invalid")) ?? fields[0];
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

function numberOf(element, api, key) {
  const answer = api.value(key);
  const { value, problem } = numberIn(element);
  element.setCustomValidity(problem);
  showTwin(element, value);
  element.removeAttribute("data-unset");
  judge(element, answer);
  if (element.validity.valid) {
    api.settle(key);
    return value;
  }
  api.hold(key, { text: element.value, problem: element.validationMessage });
  return answer;
}

/** Say below a field what it does not take, and what the answer still is; nothing where it takes what it holds. */
function judge(input, value) {
  const isWrong = !input.validity.valid;
  if (isWrong) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const place = input.closest(".slider") ?? input;
  let line = place.nextElementSibling;
  if (!line?.matches(".invalid")) {
    if (!isWrong) return;
    line = document.createElement("p");
    line.className = "invalid";
    line.role = "alert";
    place.after(line);
  }
  const still = value === null ? "There is no answer yet." : `The answer is still ${value}.`;
  const words = isWrong ? `${input.validationMessage} ${still}` : "";
  if (line.textContent !== words) line.textContent = words;
}

/** A slider and its number field show each other's value while they are used. */
function showTwin(element, value) {
  for (const twin of element.parentElement.querySelectorAll("[data-key]")) {
    if (twin === element || !element.validity.valid) continue;
    twin.value = value ?? twin.dataset.start ?? "";
    twin.toggleAttribute("data-unset", value === null);
    twin.setCustomValidity("");
    if (twin.hasAttribute("aria-invalid")) judge(twin, null);
  }
}

/** Show the answer to `key` in an input. */
export function shown(input, api, key) {
  const value = api.value(key);
  if (input.type === "radio") input.checked = input.value === String(value);
  else if (input.type === "checkbox") input.checked = Array.isArray(value) ? value.includes(input.value) : value === true;
  else if (input.type === "range") position(input, value, api);
  else if (isNumberField(input)) number(input, value, api, key);
  else if (!api.isTyping(input) && input.value !== String(value ?? "")) input.value = value ?? "";
}

/**
 * What a field does not take stays in it, to be mended, until the answer is another one; a number stays as it was typed:
 * more digits may follow "0.0".
 */
function number(input, value, api, key) {
  if (api.isTyping(input)) return;
  const held = api.held(key);
  if (held && refuses(input, held.text)) {
    judge(input, value);
    return;
  }
  // Limits may have changed since an earlier page load.
  if (held) api.settle(key);
  const isWrong = input.hasAttribute("aria-invalid");
  if (isWrong || numberIn(input).value !== value) input.value = value ?? "";
  input.setCustomValidity("");
  if (isWrong) judge(input, value);
}

/** Show a text in a number field. Returns whether the field does not take it. */
function refuses(input, text) {
  if (input.value !== text) input.value = text;
  input.setCustomValidity(numberIn(input).problem);
  return !input.validity.valid;
}

function position(input, value, api) {
  if (api.isTyping(input)) return;
  input.toggleAttribute("data-unset", value === null);
  input.value = value ?? input.dataset.start;
  input.setAttribute("aria-valuetext", value === null ? "no answer yet" : String(value));
}
