/** Comments on a step: the list under the step's controls, a field, and a button that adds to the list. */

import { newId } from "../annotation/label/ids.js";
import { registerScheme } from "../annotation/label/registry.js";

registerScheme("step_comments", {
  step(el, index, api) {
    const comments = Object.entries(api.answers()).filter(([, comment]) => comment.step === index);
    el.querySelector("[data-part=comments]").replaceChildren(...comments.map(([key, comment]) => line(key, comment)));
    el.dataset.save = comments.some(([key]) => api.stateOf(key) !== "saved") ? "pending" : "saved";
  },

  action(name, value, api, at) {
    if (name === "remove_comment") api.set({ [value]: null });
    else if (name === "add_comment") {
      const draft = at.element.closest("[data-scheme]").querySelector("[data-part=draft]");
      const text = draft.value.trim();
      if (text) api.set({ [`comment:${uuid()}`]: { step: at.step, text } });
      draft.value = "";
    }
  },

  input() {
    // A draft is no answer until it is added.
  },

  labeled: () => true,

  summary: (api) => `${Object.keys(api.answers()).length} comments`,
});

function line(key, comment) {
  const item = document.createElement("li");
  const remove = document.createElement("button");
  Object.assign(remove, { type: "button", textContent: "Remove", className: "link-button" });
  Object.assign(remove.dataset, { action: "remove_comment", value: key });
  item.append(comment.text, " ", remove);
  return item;
}

function uuid() {
  const id = newId();
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join("-");
}
