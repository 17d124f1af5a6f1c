/** The task at the head of the page: a long one shows its beginning, and the step that only repeats it is folded. */

import { byId } from "./dom.js";

/** A trace without an issue, or a record whose layout shows it, has none of it. */
export function showIssue(root) {
  if (!byId("issue-text")) return;
  offerWhole();
  foldRepeats(root);
}

/** The issue's text, none of it folded. */
export function showWholeIssue() {
  const toggle = byId("issue-toggle");
  if (!toggle.hidden && toggle.getAttribute("aria-expanded") === "false") toggle.click();
  return byId("issue-text");
}

/** The steps stay in sight. */
function offerWhole() {
  const text = byId("issue-text");
  const toggle = byId("issue-toggle");
  const offer = () => {
    if (text.classList.contains("is-short")) toggle.hidden = text.scrollHeight <= text.clientHeight;
  };
  offer();
  // The raw text of an issue in Markdown may be taller.
  text.addEventListener("change", offer);
  toggle.addEventListener("click", () => {
    const isShort = text.classList.toggle("is-short");
    toggle.setAttribute("aria-expanded", String(!isShort));
    toggle.textContent = isShort ? "Show the whole issue" : "Show less";
  });
}

/** Most runs begin with the issue as the first message, and those of a pair both do: nobody need read it three times. */
function foldRepeats(root) {
  const issue = words(raw(byId("issue-text")));
  if (!issue) return;
  for (const article of root.querySelectorAll('article[data-type="user_message"]')) {
    const fold = article.querySelector(".step-fold");
    if (words(raw(fold.querySelector(".step-body"))) !== issue) continue;
    fold.open = false;
    fold.querySelector(".step-summary").textContent = "The issue, as above";
  }
}

/** Where the text stands as it was written: beside a message in Markdown, else as it is shown. */
function raw(element) {
  return element.querySelector(".said > .raw") ?? element;
}

function words(element) {
  return element.textContent.trim().replace(/\s+/g, " ");
}
