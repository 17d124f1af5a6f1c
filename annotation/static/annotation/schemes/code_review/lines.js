/**
 * Lines of the diffs on the page: which row is which line, and back.
 *
 * A row is a `.l` of a diff in one column, a `.pair` of one in two. An anchor is {step, file, side, start_line, end_line};
 * its step is null where the line belongs to what the whole run changed. Of a whole file side and lines are null.
 */

const ROWS = ".code.unified > .l, .code.split > .pair";

/** The row an element lies in; null outside of diffs, and where the line has no number. */
export function rowOf(element) {
  const row = element.closest(ROWS);
  return row?.closest(".file[data-path] .hunk") && hasNumber(row) ? row : null;
}

/** The rows of a hunk, or of a whole step. */
export function rowsIn(place) {
  return [...place.querySelectorAll(".file[data-path] .hunk :is(.l, .pair)")].filter((row) => rowOf(row) === row);
}

/** Whether there are lines to comment on. */
export function hasRows(article) {
  return article.querySelector(".file[data-path] .hunk .l:is([data-old], [data-new])") !== null;
}

/** The line an article's comment goes to when nobody has chosen one: the first that was added, else removed. */
export function firstRow(article) {
  const rows = rowsIn(article);
  return rows.find((row) => has(row, "add")) ?? rows.find((row) => has(row, "del")) ?? rows[0] ?? null;
}

/** {old, new}: the numbers of a row, undefined where it is not on that side. */
function numbersOf(row) {
  const [old, now] = row.matches(".pair") ? row.children : [row, row];
  return { old: number(old.dataset.old), new: number(now.dataset.new) };
}

/** The side a pressed element is on: in two columns that of its column. Null where it says nothing about it. */
export function sideOf(element) {
  const line = element.closest(".l");
  if (!line || line.matches(".none")) return null;
  if (line.parentElement.matches(".pair")) return line === line.parentElement.firstElementChild ? "old" : "new";
  return line.matches(".del") ? "old" : line.matches(".add") ? "new" : null;
}

/** The part of a row that is on a side: in two columns one of its two cells. */
export function cellOf(row, side) {
  if (!row.matches(".pair")) return row;
  return side === "old" ? row.firstElementChild : row.lastElementChild;
}

/** The rows from one to another, of one hunk; null if they are of two. */
export function rowsBetween(first, last) {
  const rows = rowsIn(first.closest(".hunk"));
  const [a, b] = [rows.indexOf(first), rows.indexOf(last)];
  return a < 0 || b < 0 ? null : rows.slice(Math.min(a, b), Math.max(a, b) + 1);
}

/** The anchor of some rows of one hunk, on `side` or else on the side they changed. */
export function anchorOf(rows, side = null) {
  const wanted = side ?? (rows.some((row) => has(row, "add")) || !rows.some((row) => has(row, "del")) ? "new" : "old");
  const sides = [wanted, wanted === "new" ? "old" : "new"];
  const on = sides.find((one) => rows.some((row) => numbersOf(row)[one] !== undefined));
  const numbers = rows.map((row) => numbersOf(row)[on]).filter((one) => one !== undefined);
  const article = rows[0].closest("article");
  return {
    step: article.dataset.step === undefined ? null : Number(article.dataset.step),
    file: rows[0].closest(".file").dataset.path,
    side: on,
    start_line: Math.min(...numbers),
    end_line: Math.max(...numbers),
  };
}

/** The anchor of a whole file: what is said of one whose change has no lines. Null where there is no file. */
export function anchorOfFile(place) {
  const article = place.closest("article");
  const file = place.closest("[data-path]") ?? article.querySelector(".file[data-path]");
  if (!file) return null;
  const step = article.dataset.step === undefined ? null : Number(article.dataset.step);
  return { step, file: file.dataset.path, side: null, start_line: null, end_line: null };
}

export function isOfFile(anchor) {
  return anchor.side === null;
}

/** The article an anchor's lines are in; null while it is not on the page. */
export function articleOf({ step, file }) {
  if (step !== null) return document.querySelector(`#trace article[data-step="${step}"]`);
  return changed().find((article) => article.dataset.path === file) ?? null;
}

/** The articles of what the whole run changed. */
export function changed() {
  return [...document.querySelectorAll("#changes article[data-path]")];
}

/** The row of an anchor's first (`end` false) or last line; null where the page does not show it. */
export function rowAt(article, { file, side, start_line: start, end_line: last }, end = true) {
  if (side === null) return null;
  const line = fileAt(article, file)?.querySelector(`.l[data-${side}="${end ? last : start}"]`);
  return line ? (line.closest(".pair") ?? line) : null;
}

/** Where an article shows a file; null where it does not. */
export function fileAt(article, file) {
  return [...article.querySelectorAll(".file")].find((one) => one.dataset.path === file) ?? null;
}

/** Fetch what the whole run changed into its place. Resolves to whether it is there: false when it did not come. */
export function wholeChange(place = document.getElementById("changes")) {
  const waiting = place?.querySelector(".chunk-waiting[hx-get]");
  if (!waiting) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (isThere) => {
      watch.disconnect();
      waiting.removeEventListener("htmx:afterRequest", answered);
      resolve(isThere);
    };
    const watch = new MutationObserver(() => waiting.isConnected || done(true));
    const answered = ({ detail }) => detail.successful || done(false);
    watch.observe(place, { childList: true });
    waiting.addEventListener("htmx:afterRequest", answered);
    window.htmx.trigger(waiting, "load-changes");
  });
}

/** Open every fold around an element. */
export function unfold(element) {
  for (let fold = element?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
}

/** Where an anchor is, in words. */
export function placeOf({ side, start_line: start, end_line: end }) {
  if (side === null) return "The file";
  const lines = start === end ? `Line ${start}` : `Lines ${start}–${end}`;
  return side === "old" ? `${lines} (before)` : lines;
}

/** Where an anchor is, in a sentence: "line 3 of src/app.py", "the file src/app.py". */
export function placeIn(anchor) {
  const place = placeOf(anchor);
  return `${place[0].toLowerCase()}${place.slice(1)}${isOfFile(anchor) ? "" : " of"} ${anchor.file}`;
}

/** A row as a screen reader says it. */
export function spoken(row) {
  const { old, new: now } = numbersOf(row);
  const kind = has(row, "add") ? "added" : has(row, "del") ? "removed" : "unchanged";
  const code = (row.matches(".pair") ? row.lastElementChild : row).cloneNode(true);
  code.querySelector(".g")?.remove();
  return `Line ${now ?? old}, ${kind}: ${code.textContent.trim().slice(0, 200) || "empty"}`;
}

function has(row, kind) {
  return row.matches(`.${kind}`) || row.querySelector(`:scope > .${kind}`) !== null;
}

function hasNumber(row) {
  const { old, new: now } = numbersOf(row);
  return old !== undefined || now !== undefined;
}

function number(text) {
  return text === undefined ? undefined : Number(text);
}
