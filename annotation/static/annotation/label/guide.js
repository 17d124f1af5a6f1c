/**
 * The guide beside the trace. It takes no focus, so the keys go on working at the step.
 *
 * Guidelines that a person has not opened in this browser yet, or that were changed since, are marked as new.
 */

import { byId } from "./dom.js";
import { announce } from "./notices.js";

const SEEN = "potato-guide";

// Where it is kept that the guidelines as they are were seen; empty: nowhere.
let place = "";

export function isGuideOpen() {
  return !byId("guide").hidden;
}

export function setGuide(open) {
  byId("guide").hidden = !open;
  document.body.classList.toggle("guide-open", open);
  byId("guide-button").setAttribute("aria-expanded", String(open));
  if (open) remember();
  announce(open ? "The guide is open, at the start of the page" : "The guide is closed");
}

export function listenToGuide({ user, preview }) {
  const { guidelines } = byId("guide").dataset;
  // A preview keeps nothing on the device.
  place = guidelines && !preview ? `${SEEN}/${user}/${guidelines}` : "";
  byId("guide-new").hidden = !place || isSeen();
  byId("guide-button").addEventListener("click", () => setGuide(!isGuideOpen()));
  byId("guide-close").addEventListener("click", () => {
    setGuide(false);
    byId("guide-button").focus();
  });
}

function isSeen() {
  try {
    return localStorage.getItem(place) !== null;
  } catch {
    return false;
  }
}

function remember() {
  byId("guide-new").hidden = true;
  if (!place) return;
  try {
    localStorage.setItem(place, "seen");
  } catch {
    // Without storage the mark is back with the next item.
  }
}
