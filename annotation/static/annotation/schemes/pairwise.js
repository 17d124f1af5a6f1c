/** Two attempts compared. Stored are `a` and `b`, wherever they stand on this page: `swapped` says which is left. */

import { wellFormed } from "../label/ids.js";
import { registerScheme } from "../label/registry.js";

const DIMENSION = "dimension:";

registerScheme("pairwise", {
  panel(el, api) {
    const choice = api.value("choice");
    const side = choice && placeOf(choice.side, api.scheme);
    press(el, "choose", side);
    const strength = el.querySelector('[data-part="strength"]');
    if (strength) strength.hidden = !choice || choice.side === "tie";
    press(el, "strength", choice?.strength && String(choice.strength));
    for (const group of el.querySelectorAll("[data-dimension]")) {
      const value = api.value(DIMENSION + group.dataset.dimension);
      press(group, "dimension", value && placeOf(value, api.scheme));
    }
    const reason = el.querySelector('[data-part="reason"]');
    const text = api.value("reason") ?? "";
    if (reason && !api.isTyping(reason) && reason.value !== text) reason.value = text;
    el.dataset.save = worst(Object.keys(api.answers()).map((key) => api.stateOf(key)));
  },

  action(name, value, api, at) {
    const choice = api.value("choice");
    if (name === "choose") {
      const side = sideOf(value, api.scheme);
      if (choice?.side === side) api.set({ choice: null });
      else api.set({ choice: choice?.strength && side !== "tie" ? { side, strength: choice.strength } : { side } });
      if (choice?.side !== side) api.announce(textOf(value, api.scheme));
    } else if (name === "strength") {
      if (!choice || choice.side === "tie") return api.announce("Choose a side first.");
      const strength = Number(value);
      api.set({ choice: choice.strength === strength ? { side: choice.side } : { side: choice.side, strength } });
    } else if (name === "dimension" && at.element) {
      const key = DIMENSION + at.element.closest("[data-dimension]").dataset.dimension;
      const side = sideOf(value, api.scheme);
      api.set({ [key]: api.value(key) === side ? null : side });
    }
    return undefined;
  },

  input(element, api) {
    if (element.dataset.part === "reason") {
      api.typed(element, () => ({ reason: wellFormed(element.value) || null }));
    }
  },

  missing(api) {
    const { scheme } = api;
    const choice = api.value("choice");
    const gaps = [];
    if (!choice) gaps.push(`“${scheme.title}”: say which is better`);
    else if (scheme.grades.length && choice.side !== "tie" && !choice.strength) gaps.push(`“${scheme.title}”: say how much better`);
    for (const { name, title } of scheme.dimensions) {
      if (api.value(DIMENSION + name) === null) gaps.push(`“${title}” has no answer yet`);
    }
    if (scheme.reason === "required" && !(api.value("reason") ?? "").trim()) gaps.push(`“${scheme.title}”: give a reason`);
    return gaps.map((message) => ({ message }));
  },

  said(answers) {
    const sides = Object.entries(answers).filter(([key]) => key !== "reason");
    return Object.fromEntries(sides.map(([key, value]) => [key, [key === "choice" ? value.side : value]]));
  },

  summary(api) {
    const choice = api.value("choice");
    if (!choice) return "No answer";
    const grade = api.scheme.grades.find(({ number }) => number === choice.strength);
    return [textOf(placeOf(choice.side, api.scheme), api.scheme), grade?.text].filter(Boolean).join(", ");
  },
});

/** Where a side stands: left, right or tie. */
function placeOf(side, { swapped }) {
  if (side === "tie") return "tie";
  return (side === "a") === !swapped ? "left" : "right";
}

function sideOf(place, { swapped }) {
  if (place === "tie") return "tie";
  return (place === "left") === !swapped ? "a" : "b";
}

function textOf(place, scheme) {
  return scheme.choices.find(({ value }) => value === place)?.text ?? place;
}

function press(el, action, value) {
  for (const button of el.querySelectorAll(`[data-action="${action}"]`)) {
    button.setAttribute("aria-pressed", String(button.dataset.value === value));
  }
}

function worst(states) {
  return ["refused", "pending"].find((state) => states.includes(state)) ?? "saved";
}
