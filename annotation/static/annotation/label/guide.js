/** The guide beside the trace. It takes no focus, so the keys go on working at the step. */

import { announce } from "./notices.js";

const byId = (id) => document.getElementById(id);

export function isGuideOpen() {
  return !byId("guide").hidden;
}

export function setGuide(open) {
  byId("guide").hidden = !open;
  document.body.classList.toggle("guide-open", open);
  byId("guide-button").setAttribute("aria-expanded", String(open));
  announce(open ? "The guide is open, at the start of the page" : "The guide is closed");
}

export function listenToGuide() {
  byId("guide-button").addEventListener("click", () => setGuide(!isGuideOpen()));
  byId("guide-close").addEventListener("click", () => {
    setGuide(false);
    byId("guide-button").focus();
  });
}
