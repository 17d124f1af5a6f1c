/** Notices that stay until the person has dealt with them: refused changes, conflicts, a device that keeps nothing. */

const place = () => document.getElementById("notices");

// The panel beside the trace keeps its Submit in sight below them. A page that is only read has none.
const sizes = new ResizeObserver(([{ target }]) => {
  document.documentElement.style.setProperty("--notices-height", `${target.offsetHeight}px`);
});
if (place()) sizes.observe(place());

// While nothing may be changed, the offers to change something wait.
let isResting = false;

export function rest(yes) {
  isResting = yes;
  for (const notice of place().children) notice.inert = yes;
}

/** Show a notice once per `id`. `actions` are `[{text, run}]`; running one closes it. `rests` false: they work at any time. */
export function notify(id, text, actions = [], { rests = true } = {}) {
  dismiss(id);
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.dataset.notice = id;
  notice.inert = isResting && rests;
  const words = document.createElement("p");
  words.textContent = text;
  notice.append(words);
  for (const action of [...actions, ...(actions.length ? [] : [{ text: "Dismiss", run() {} }])]) {
    notice.append(button(action, id));
  }
  place().append(notice);
}

export function dismiss(id) {
  [...place().children].find((notice) => notice.dataset.notice === id)?.remove();
}

function button({ text, run }, id) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "button";
  element.textContent = text;
  element.addEventListener("click", () => {
    dismiss(id);
    run();
  });
  return element;
}

/** Say something to a screen reader, in the live region that no swap touches. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
