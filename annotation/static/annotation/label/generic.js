/**
 * Schemes of plain inputs, which need no script of their own: `data-key` on inputs and selects (in the control of a step
 * its value is the step's), `data-action="choose" data-value` on buttons, `toggle` where several may be chosen.
 */

import { shown, valueOf } from "./inputs.js";
import { registerGeneric } from "./registry.js";

registerGeneric({
  step(el, index, api) {
    const key = String(index);
    const chosen = plainValues(api.value(key) ?? []).map(String);
    for (const button of el.querySelectorAll('[data-action="choose"], [data-action="toggle"]')) {
      button.setAttribute("aria-pressed", String(chosen.includes(button.dataset.value)));
    }
    for (const input of el.querySelectorAll("[data-key]")) shown(input, api, key);
    describe(el, api, key);
    el.dataset.save = api.stateOf(key);
  },

  panel(el, api) {
    for (const input of el.querySelectorAll("[data-key]")) shown(input, api, input.dataset.key);
    describe(el, api, "");
    el.dataset.save = worst(Object.keys(api.answers()).map((key) => api.stateOf(key)));
    const place = el.querySelector('[data-part="progress"]');
    if (place) paintProgress(place, api, "answered");
  },

  action(name, value, api, at) {
    const key = api.scheme.scope === "step" ? String(at.step) : "";
    if (key && !api.asks(at.step)) return;
    const choice = choiceOf(value, api);
    if (name === "choose") api.set({ [key]: api.value(key) === choice ? null : choice });
    else if (name === "toggle") api.set({ [key]: toggled(api.value(key) ?? [], choice, api) });
  },

  input(element, api, { step }) {
    const key = step === null ? element.dataset.key : String(step);
    const read = () => ({ [key]: valueOf(element, api, key) });
    // What is typed, or moved, is one change once it rests.
    if (element.matches("textarea, input:not([type=radio], [type=checkbox])")) api.typed(element, read);
    else api.set(read());
  },

  labeled(index, api) {
    return isGiven(api.value(String(index)), api);
  },

  missing(api) {
    if (api.scheme.scope === "step") {
      const open = api.steps().filter((step) => !isGiven(api.value(String(step)), api));
      return open.map((step) => half(api, step) ?? { message: `“${api.scheme.title}” has no answer at step ${step}`, step });
    }
    const given = Object.values(api.answers()).some((value) => isGiven(value, api));
    return given ? [] : [half(api) ?? { message: `“${api.scheme.title}” has no answer yet` }];
  },

  unfinished(api) {
    const gaps = api.scheme.scope === "step" ? api.steps().map((step) => half(api, step)) : [half(api)];
    return gaps.filter(Boolean);
  },

  narrows: () => false,

  narrow: (steps) => steps,

  final(answers, scheme, steps) {
    if (scheme.scope !== "step") return answers;
    const asked = new Set(steps.map(String));
    return Object.fromEntries(Object.entries(answers).filter(([key]) => asked.has(key) || !/^\d+$/.test(key)));
  },

  said: (answers) => Object.fromEntries(Object.entries(answers).map(([key, value]) => [key, plainValues(value)])),

  hasError: () => false,

  errors: () => [],

  summary(api) {
    if (api.scheme.scope === "step") return `${answered(api)} of ${stepsIn(api)} answered`;
    const value = api.value("");
    return value === null ? "No answer" : plainValues(value).map((one) => textOf(one, api)).join(", ");
  },
});

/** Whether a value is an answer, by the rules of the scheme's `is_given`. */
function isGiven(value, { scheme }) {
  if (value === null) return false;
  if (Array.isArray(value)) return value.length >= (scheme.min_selections ?? 1);
  return typeof value !== "string" || value.trim() !== "";
}

/** What an answer of too few choices lacks; null where it is whole, or there is none. */
function half(api, step) {
  const value = api.value(step === undefined ? "" : String(step));
  if (!Array.isArray(value) || isGiven(value, api)) return null;
  const place = step === undefined ? "" : ` at step ${step}`;
  return { message: `“${api.scheme.title}”${place}: ${api.scheme.hint}`, step };
}

/** The chosen values with one more or less, in the order of the choices; null when none is left. */
function toggled(values, choice, { scheme, announce }) {
  const isThere = values.includes(choice);
  if (!isThere && scheme.max_selections && values.length >= scheme.max_selections) {
    announce(`At most ${scheme.max_selections} can be chosen`);
    return values;
  }
  const wanted = isThere ? values.filter((value) => value !== choice) : [...values, choice];
  return wanted.length ? scheme.choices.map(({ value }) => value).filter((value) => wanted.includes(value)) : null;
}

/** The value that a button or a key stands for: attributes are text. */
function choiceOf(text, { scheme }) {
  return scheme.choices?.find(({ value }) => String(value) === text)?.value ?? text;
}

function textOf(value, { scheme }) {
  return scheme.choices?.find((choice) => choice.value === value)?.text ?? String(value);
}

/** What the chosen entry of a list means. */
function describe(el, api, key) {
  const place = el.querySelector("[data-part=description]");
  if (!place) return;
  const words = api.scheme.choices.find(({ value }) => value === api.value(key))?.description ?? "";
  if (place.textContent !== words) place.textContent = words;
}

/** The plain values of a stored answer: annotation.schemes.base.plain_values. */
export function plainValues(value) {
  if (Array.isArray(value)) return value;
  if (typeof value === "object") return "label" in value ? [value.label] : [];
  return [value];
}

function answered(api) {
  return api.steps().filter((step) => api.value(String(step)) !== null).length;
}

/** How many steps it asks, in words. */
export function stepsIn(api) {
  const n = api.steps().length;
  return `${n} step${n === 1 ? "" : "s"}`;
}

export function paintProgress(place, api, word) {
  const total = api.steps().length;
  place.querySelector(".progress-text").textContent = `${answered(api)} of ${stepsIn(api)} ${word}`;
  const bar = place.querySelector("progress");
  bar.max = total || 1;
  bar.value = answered(api);
}

/** The state that needs most attention. */
export function worst(states) {
  return ["refused", "pending"].find((state) => states.includes(state)) ?? "saved";
}
