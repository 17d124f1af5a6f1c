/**
 * Which files of the whole change the person has looked at: a box in the header of each, which folds the file. It is kept
 * like an answer, and is none: nothing waits for it and nothing of it is submitted.
 */

import { changed } from "./lines.js";

const VIEWED = "viewed:";

/** The answers of a review without its marks. */
export function withoutMarks(answers) {
  return Object.fromEntries(Object.entries(answers).filter(([key]) => !isMark(key)));
}

export function isMark(key) {
  return key.startsWith(VIEWED);
}

/** Whether ratings and marks of a file are kept: the key of one with a name that is too long would be refused. */
export function keeps(path, api) {
  return path.length <= api.scheme.longest_path;
}

/** The box for the header of a file. */
export function box(path, panel) {
  const place = panel.querySelector("template[data-part=viewed-template]").content.firstElementChild.cloneNode(true);
  place.querySelector("[data-part=file]").textContent = path;
  return place;
}

/** Mark a file, or take its mark away. Marks are taken back where they were made: undo is for answers. */
export function toggle(article, api) {
  const key = VIEWED + article.dataset.path;
  const isViewed = api.value(key) === null;
  api.set({ [key]: isViewed || null }, { undoable: false });
  // What had the focus may be folded now, and the file above the window.
  if (!article.contains(document.activeElement) || document.activeElement.closest(".step-body")) {
    article.focus({ preventScroll: true });
  }
  article.scrollIntoView({ block: "nearest" });
  api.announce(`${article.dataset.path}: ${isViewed ? "viewed" : "not viewed"}. ${countOf(api)}`);
}

/** The box says what is kept. A file folds when it is marked and opens with its mark; in between it is the person's. */
export function paint(article, api) {
  const place = article.querySelector(".review-viewed");
  if (!place) return;
  const key = VIEWED + article.dataset.path;
  const isViewed = api.value(key) !== null;
  place.dataset.save = api.stateOf(key);
  place.querySelector("input").checked = isViewed;
  if (article.classList.contains("is-viewed") === isViewed) return;
  article.classList.toggle("is-viewed", isViewed);
  article.querySelector(".step-fold").open = !isViewed;
}

/** "3 of 7 files viewed"; empty where there are no files, or not yet. */
export function countOf(api) {
  const files = changed().filter((file) => keeps(file.dataset.path, api));
  const viewed = files.filter((file) => api.value(VIEWED + file.dataset.path) !== null).length;
  return files.length ? `${viewed} of ${files.length.toLocaleString("en")} file${files.length === 1 ? "" : "s"} viewed` : "";
}
