/** The task at the head of the page: a long one shows its beginning, and the step that only repeats it is folded. */

const byId = (id) => document.getElementById(id);

export function showIssue(root) {
  offerWhole();
  foldRepeats(root);
}

/** The steps stay in sight. */
function offerWhole() {
  const text = byId("issue-text");
  const toggle = byId("issue-toggle");
  toggle.hidden = text.scrollHeight <= text.clientHeight;
  toggle.addEventListener("click", () => {
    const isShort = text.classList.toggle("is-short");
    toggle.setAttribute("aria-expanded", String(!isShort));
    toggle.textContent = isShort ? "Show the whole issue" : "Show less";
  });
}

/** Most runs begin with the issue as the first message, and those of a pair both do: nobody need read it three times. */
function foldRepeats(root) {
  const issue = words(byId("issue-text"));
  if (!issue) return;
  for (const article of root.querySelectorAll('article[data-type="user_message"]')) {
    const fold = article.querySelector(".step-fold");
    if (words(fold.querySelector(".step-body")) !== issue) continue;
    fold.open = false;
    fold.querySelector(".step-summary").textContent = "The issue, as above";
  }
}

function words(element) {
  return element.textContent.trim().replace(/\s+/g, " ");
}
